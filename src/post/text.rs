//! Text as a platform may be given it: no markup, no control characters, cut only where a reader
//! expects an end.

use unicode_segmentation::UnicodeSegmentation;

pub use super::html::from_html;

/// Ends what was cut.
pub const ELLIPSIS: char = '\u{2026}';

/// Whether a character may stand in a post. Controls, direction overrides and invisible marks can
/// hide or reorder what a reader sees and are dropped; joiners stay, since emoji and several scripts
/// need them.
#[must_use]
pub fn is_allowed(c: char) -> bool {
    match c {
        '\n' => true,
        // Soft hyphen, Arabic letter mark, zero width space, direction marks, overrides, isolates,
        // invisible operators, byte order mark, annotation marks and the object placeholder.
        '\u{ad}'
        | '\u{61c}'
        | '\u{180e}'
        | '\u{200b}'
        | '\u{200e}'
        | '\u{200f}'
        | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{feff}'
        | '\u{fff9}'..='\u{fffc}' => false,
        // Noncharacters: they are in no alphabet, and two of them stand around secrets (adapter/secrets).
        _ if is_noncharacter(c) => false,
        _ => !c.is_control(),
    }
}

/// What Unicode keeps for the inside of programs.
#[must_use]
pub const fn is_noncharacter(c: char) -> bool {
    matches!(c, '\u{fdd0}'..='\u{fdef}') || (c as u32) & 0xfffe == 0xfffe
}

/// One line of clean text: whitespace of any kind becomes one space.
#[must_use]
pub fn line(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for word in text.split_whitespace() {
        let end = out.len();
        if end > 0 {
            out.push(' ');
        }
        let start = out.len();
        out.extend(word.chars().filter(|c| is_allowed(*c)));
        if out.len() == start {
            out.truncate(end);
        }
    }
    out
}

/// Clean text of several lines: no trailing spaces and never more than one empty line.
#[must_use]
pub fn paragraphs(text: &str) -> String {
    let spaces = |c: char| if c.is_whitespace() && c != '\n' { ' ' } else { c };
    let clean: String =
        text.replace("\r\n", "\n").chars().map(spaces).filter(|c| is_allowed(*c)).collect();
    close_gaps(&clean)
}

/// The text without trailing spaces, without empty lines around it, and with at most one empty line
/// between two others.
#[must_use]
pub fn close_gaps(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut gap = "";
    for part in text.lines().map(str::trim_end) {
        if part.is_empty() {
            gap = "\n\n";
            continue;
        }
        if !out.is_empty() {
            out.push_str(gap);
        }
        out.push_str(part);
        gap = "\n";
    }
    out
}

/// How many characters a reader would count.
#[must_use]
pub fn graphemes(text: &str) -> usize {
    text.graphemes(true).count()
}

/// The start of a text on one line, at most `max` graphemes long: whole sentences if at least a
/// third of the room can be filled with them, or else whole words and an ellipsis.
#[must_use]
pub fn excerpt(text: &str, max: usize) -> String {
    let text = line(text);
    let Some(end) = nth_grapheme(&text, max) else { return text };
    let head = &text[..end];
    let sentences = text
        .split_sentence_bound_indices()
        .map(|(at, sentence)| at + sentence.trim_end().len())
        .take_while(|at| *at <= end)
        .last()
        .unwrap_or(0);
    if sentences > 0 && graphemes(&head[..sentences]) >= max.div_ceil(3) {
        return head[..sentences].to_owned();
    }
    truncate(&text, max)
}

/// The text, or as many of its words as leave room for an ellipsis within `max` graphemes. A word
/// that alone is longer is cut between graphemes.
#[must_use]
pub fn truncate(text: &str, max: usize) -> String {
    if nth_grapheme(text, max).is_none() {
        return text.to_owned();
    }
    let Some(end) = max.checked_sub(1).and_then(|room| nth_grapheme(text, room)) else {
        return String::new();
    };
    let head = &text[..end];
    let whole_words = text[end..]
        .starts_with(char::is_whitespace)
        .then_some(end)
        .or_else(|| head.rfind(char::is_whitespace))
        .filter(|at| !head[..*at].trim().is_empty())
        .or_else(|| {
            let bounds = text.split_word_bound_indices().map(|(at, _)| at);
            bounds.take_while(|at| *at <= end).last().filter(|at| *at > 0)
        })
        .unwrap_or(end);
    let mut out = head[..whole_words].trim_end().trim_end_matches([',', ';', ':', '-']).to_owned();
    if out.is_empty() {
        head.clone_into(&mut out);
    }
    out.push(ELLIPSIS);
    // A last character that joins with what follows would have taken the ellipsis into itself.
    if graphemes(&out) > max { String::new() } else { out }
}

/// The last place at or before byte `at` where a text may be split at all.
/// (`str::floor_char_boundary` is younger than our `rust-version`.)
#[must_use]
pub fn floor(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// Where the grapheme number `n` (from 0) starts, if there is one.
fn nth_grapheme(text: &str, n: usize) -> Option<usize> {
    text.grapheme_indices(true).nth(n).map(|(at, _)| at)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_excerpt_ends_with_a_sentence_where_it_can() {
        let text = "One sentence here. Another one follows. And a third that is long.";
        assert_eq!(excerpt(text, 45), "One sentence here. Another one follows.");
        assert_eq!(excerpt(text, 200), text);
    }

    #[test]
    fn an_excerpt_of_one_long_sentence_ends_with_a_word() {
        assert_eq!(excerpt("alpha beta gamma delta epsilon", 18), "alpha beta gamma\u{2026}");
        assert_eq!(excerpt("Hi. alpha beta gamma delta epsilon", 20), "Hi. alpha beta\u{2026}");
    }

    #[test]
    fn a_language_without_spaces_is_cut_too() {
        let text =
            "\u{4eca}\u{65e5}\u{306f}\u{826f}\u{3044}\u{5929}\u{6c17}\u{3067}\u{3059}\u{306d}";
        let cut = excerpt(text, 5);
        assert!(cut.ends_with(ELLIPSIS) && graphemes(&cut) > 2, "{cut}");
    }

    #[test]
    fn no_reader_sees_text_run_backwards() {
        assert_eq!(line("a\u{202e}b\u{0}c \u{200b} \u{2066}d\n\te"), "abc d e");
        assert_eq!(paragraphs("a \r\n\n\n\n b\u{7}\nc"), "a\n\n b\nc");
    }

    #[test]
    fn a_feed_cannot_write_what_stands_around_secrets() {
        assert_eq!(line("a\u{fdd0}token\u{fdd1}b\u{ffff}"), "atokenb");
        assert_eq!(paragraphs("\u{fdd0}token\u{fdd1}\n\u{1fffe}b"), "token\nb");
        let link = crate::post::link::tidy("https://a.example/\u{fdd0}token\u{fdd1}");
        assert!(link.is_none_or(|link| link.is_ascii()));
    }

    #[test]
    fn an_emoji_family_stays_whole() {
        let family = "\u{1f468}\u{200d}\u{1f469}\u{200d}\u{1f467}";
        assert_eq!(line(family), family);
        assert_eq!(truncate(&format!("{family}{family}{family}"), 2), format!("{family}\u{2026}"));
    }

    /// Some scripts join a letter with the space or comma behind it, which a cut takes away.
    fn ended(grapheme: &str) -> &str {
        grapheme.trim_end_matches([' ', ',', ';', ':', '-'])
    }

    proptest! {
        #[test]
        fn a_cut_never_exceeds_its_limit_nor_breaks_a_grapheme(text in "\\PC{0,80}", max in 0usize..40) {
            for cut in [truncate(&text, max), excerpt(&text, max)] {
                prop_assert!(graphemes(&cut) <= max, "{cut:?}");
            }
            let cut = truncate(&text, max);
            let kept = cut.strip_suffix(ELLIPSIS).unwrap_or(&cut);
            let whole: Vec<_> = text.graphemes(true).collect();
            for (at, grapheme) in kept.graphemes(true).enumerate() {
                prop_assert_eq!(ended(grapheme), ended(whole[at]));
            }
        }
    }
}
