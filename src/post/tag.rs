//! Hashtags: made from a feed's categories, and found in a text so that none is cut.

use std::ops::Range;

use unicode_segmentation::UnicodeSegmentation;

/// A longer category makes no hashtag, in graphemes; nobody follows a sentence.
const TAG_MAX: usize = 50;

/// A hashtag from a category: letters and digits only, words joined with capitals so that screen
/// readers can tell them apart. `None` where no letter is left.
#[must_use]
pub fn hashtag(category: &str) -> Option<String> {
    let mut tag = String::from("#");
    let words: Vec<String> = words(category);
    if !words.iter().any(|word| word.chars().any(char::is_alphabetic)) {
        return None;
    }
    for word in &words {
        let mut letters = word.chars();
        match letters.next() {
            Some(first) if words.len() > 1 => {
                tag.extend(first.to_uppercase());
                tag.push_str(letters.as_str());
            }
            _ => tag.push_str(word),
        }
    }
    (tag.graphemes(true).count() <= TAG_MAX + 1).then_some(tag)
}

/// The hashtags of a text as byte ranges that end between graphemes.
#[must_use]
pub fn find(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut open: Option<usize> = None;
    let mut in_word = false;
    for (at, grapheme) in text.grapheme_indices(true) {
        let of_word = grapheme.chars().any(is_word_char);
        match open {
            Some(_) if of_word => {}
            Some(start) => {
                found.push(start..at);
                open = None;
            }
            None => {}
        }
        if open.is_none() && !in_word && grapheme.contains(['#', '\u{ff03}']) {
            open = Some(at);
        }
        in_word = of_word;
    }
    found.extend(open.map(|start| start..text.len()));
    found.retain(|range| text[range.clone()].chars().any(char::is_alphanumeric));
    found
}

fn is_word_char(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The words of a category; marks stay with the letters they belong to.
fn words(category: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    for grapheme in category.graphemes(true) {
        if grapheme.starts_with(char::is_alphanumeric) {
            if let Some(word) = words.last_mut() {
                word.push_str(grapheme);
            }
        } else if !matches!(grapheme, "'" | "\u{2019}") {
            words.push(String::new());
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_screen_reader_can_read_a_hashtag() {
        for (category, tag) in [
            ("rust", Some("#rust")),
            ("open source software", Some("#OpenSourceSoftware")),
            ("what's new", Some("#WhatsNew")),
            ("C++", Some("#C")),
            ("#tag @you <b>", Some("#TagYouB")),
            ("2026", None),
            ("\u{202e}", None),
            ("", None),
        ] {
            assert_eq!(hashtag(category).as_deref(), tag, "{category}");
        }
        assert_eq!(hashtag(&"word ".repeat(40)), None);
    }

    #[test]
    fn a_hashtag_is_found_whole() {
        let text = "#a b#c (#OpenSource) # #\u{e9}t\u{e9}";
        let tags: Vec<_> = find(text).into_iter().map(|range| &text[range]).collect();
        assert_eq!(tags, ["#a", "#OpenSource", "#\u{e9}t\u{e9}"]);
    }
}
