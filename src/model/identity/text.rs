//! The normal form of a title or a text, in which two copies of one post look the same.

use unicode_normalization::UnicodeNormalization;

use crate::model::markup::{Piece, pieces, unescape};

/// How often references are resolved and tags taken off: feeds escape twice by mistake.
const UNESCAPE_ROUNDS: usize = 2;

/// Markup and references gone, NFKC, case folded, and every run of what is neither letter nor
/// digit made one space. Part of the weak aliases' recipes: it must not change.
pub(super) fn normal_form(html: &str) -> String {
    let mut text = html.to_owned();
    for _ in 0..UNESCAPE_ROUNDS {
        let mut bare = String::with_capacity(text.len());
        for piece in pieces(&text) {
            match piece {
                Piece::Text(piece) => bare.push_str(piece),
                Piece::Tag { .. } => bare.push(' '),
            }
        }
        text = unescape(&bare).into_owned();
    }
    let mut out = Words { text: String::with_capacity(text.len()), gap: false };
    let mut rest = text.as_str();
    while !rest.is_empty() {
        let (plain, tail) = rest.split_at(plain_start(rest));
        // ASCII is its own NFKC, and what follows decides only about the last of it.
        plain.bytes().for_each(|byte| out.push(char::from(byte.to_ascii_lowercase())));
        let (marked, tail) = tail.split_at(marked_start(tail));
        // Upper and then lower folds what lower alone leaves apart, such as sharp s and final sigma.
        let folded = marked.nfkc().flat_map(char::to_uppercase).flat_map(char::to_lowercase);
        folded.nfkc().for_each(|c| out.push(c));
        rest = tail;
    }
    out.text
}

/// How much of the start of a text is ASCII that nothing after it can change: all of it, but for one
/// char before a char that is not ASCII and may be a mark on it.
fn plain_start(text: &str) -> usize {
    match text.bytes().position(|byte| !byte.is_ascii()) {
        Some(at) => at.saturating_sub(1),
        None => text.len(),
    }
}

/// How long the start of a text, from one char before its first that is not ASCII, must be looked at
/// as a whole: no ASCII char joins what stands before it.
fn marked_start(text: &str) -> usize {
    let first = text.bytes().position(|byte| !byte.is_ascii()).unwrap_or(text.len());
    let length = text[first..].bytes().position(|byte| byte.is_ascii());
    length.map_or(text.len(), |length| first + length)
}

/// Letters and digits; all that stands between them is one space.
struct Words {
    text: String,
    gap: bool,
}

impl Words {
    fn push(&mut self, c: char) {
        if !c.is_alphanumeric() {
            self.gap = true;
            return;
        }
        if std::mem::take(&mut self.gap) && !self.text.is_empty() {
            self.text.push(' ');
        }
        self.text.push(c);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// These pairs must never change: aliases written by an older oncecast are found by them.
    const VECTORS: [(&str, &str); 10] = [
        ("Hello, World!", "hello world"),
        ("  <b>Hello</b>\n<i>world</i> ", "hello world"),
        ("Caf\u{e9} &amp; Cafe\u{301}", "caf\u{e9} caf\u{e9}"),
        ("&amp;lt;p&amp;gt;Twice&amp;lt;/p&amp;gt;", "p twice p"),
        ("&lt;p&gt;Once&lt;/p&gt;", "once"),
        ("Stra\u{df}e \u{39f}\u{394}\u{39f}\u{3a3}", "strasse \u{3bf}\u{3b4}\u{3bf}\u{3c3}"),
        ("\u{ff28}\u{ff45}\u{ff4c}\u{ff4c}\u{ff4f} \u{2460}", "hello 1"),
        ("GPT-4 <script>alert(1)</script>v1.12.159", "gpt 4 v1 12 159"),
        ("\u{65e5}\u{672c}\u{8a9e}", "\u{65e5}\u{672c}\u{8a9e}"),
        ("... \u{1f389}", ""),
    ];

    #[test]
    fn two_copies_of_one_post_look_the_same() {
        for (html, normal) in VECTORS {
            assert_eq!(normal_form(html), normal, "{html}");
        }
    }

    #[test]
    fn the_normal_form_is_its_own() {
        for (html, _) in VECTORS {
            let once = normal_form(html);
            assert_eq!(normal_form(&once), once);
        }
    }

    /// The recipe as it is written down: the whole text at once.
    fn in_one_piece(text: &str) -> String {
        let folded = text.nfkc().flat_map(char::to_uppercase).flat_map(char::to_lowercase).nfkc();
        let words: String =
            folded.map(|c| if c.is_alphanumeric() { c } else { ' ' }).collect::<String>();
        words.split(' ').filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]
        /// A shortcut that read one text differently would send that post again.
        #[test]
        fn a_text_read_in_pieces_says_what_it_says_as_a_whole(
            // Each kind of char on its own: one class of all of them is nearly all rare scripts.
            chars in proptest::collection::vec(prop_oneof![
                "[a-zA-Z0-9]", "[ .-]", "[\u{300}-\u{345}]", "[\u{c0}-\u{17f}]",
                "[\u{1100}-\u{11ff}]", "[\u{ac00}-\u{ac20}]", "\\PC",
            ], 0..24),
        ) {
            let text = chars.concat();
            let plain: String = text.chars().filter(|c| !matches!(c, '<' | '&')).collect();
            prop_assert_eq!(normal_form(&plain), in_one_piece(&plain));
        }
    }
}
