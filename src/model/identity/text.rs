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
    // Upper and then lower folds what lower alone leaves apart, such as sharp s and final sigma.
    let folded = text.nfkc().flat_map(char::to_uppercase).flat_map(char::to_lowercase).nfkc();
    let mut out = String::with_capacity(text.len());
    let mut gap = false;
    for c in folded {
        if c.is_alphanumeric() {
            if gap && !out.is_empty() {
                out.push(' ');
            }
            out.push(c);
            gap = false;
        } else {
            gap = true;
        }
    }
    out
}

#[cfg(test)]
mod tests {
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
}
