//! Addresses inside an entry's HTML made absolute: `/pictures/cat.jpg` means something on the blog's own
//! page and nothing anywhere else.

use std::borrow::Cow;

use url::Url;

use super::capture::escape_into;
use super::clean;
use super::tokens::{Token, Tokens};
use crate::model::markup::{Piece, pieces};

/// A text may grow to twice its size by this and so many bytes more; the rest stays as it is.
const ROOM: usize = 4 * 1024;
/// Where addresses stand.
const PLACES: [&str; 4] = ["href", "src", "poster", "cite"];

/// HTML in which what leads or shows something does so from anywhere.
pub(super) fn resolved(html: String, base: Option<&Url>) -> String {
    match base.map(|base| within(&html, base)) {
        Some(Cow::Owned(other)) => other,
        _ => html,
    }
}

fn within<'h>(html: &'h str, base: &Url) -> Cow<'h, str> {
    let mut out = String::new();
    let mut copied = 0;
    for piece in pieces(html) {
        let Piece::Tag { raw, .. } = piece else { continue };
        if !raw.contains('=') {
            continue;
        }
        let Some(Token::Start(tag)) = Tokens::new(raw).next() else { continue };
        for (name, value) in tag.attributes {
            let address = PLACES.iter().any(|place| name.eq_ignore_ascii_case(place));
            if !address || is_absolute(value) {
                continue;
            }
            let Some(link) = clean::link(&clean::attribute(value), Some(base)) else { continue };
            if out.len() + link.len() > html.len() + ROOM {
                break;
            }
            let at = value.as_ptr() as usize - html.as_ptr() as usize;
            out.push_str(&html[copied..at]);
            escape_into(&link, &mut out);
            copied = at + value.len();
        }
    }
    if copied == 0 {
        return Cow::Borrowed(html);
    }
    out.push_str(&html[copied..]);
    Cow::Owned(out)
}

/// Whether an address has a scheme, be it one of the web's or not.
fn is_absolute(address: &str) -> bool {
    let address = address.trim_start();
    let end = address.find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.')));
    address.starts_with(|c: char| c.is_ascii_alphabetic())
        && end.is_some_and(|end| address[end..].starts_with(':'))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A picture that is nowhere, and a link that leads nobody anywhere.
    #[test]
    fn what_led_somewhere_on_the_page_leads_there_from_anywhere() {
        let base = Url::parse("https://a.example/2026/post/").unwrap();
        for (html, absolute) in [
            ("<a href=\"/x\">x</a>", "<a href=\"https://a.example/x\">x</a>"),
            (
                "<img alt=\"a\" src='b.png?c&amp;d'/>",
                "<img alt=\"a\" src='https://a.example/2026/post/b.png?c&amp;d'/>",
            ),
            ("<a href=../up>x</a>", "<a href=https://a.example/2026/up>x</a>"),
            ("<A HREF=\"//cdn.example/x\">", "<A HREF=\"https://cdn.example/x\">"),
            ("<a href=\"#note\">1</a>", "<a href=\"https://a.example/2026/post/#note\">1</a>"),
            ("<a href=\"https://b.example/\">", "<a href=\"https://b.example/\">"),
            ("<a href=\"mailto:a@b.c\">", "<a href=\"mailto:a@b.c\">"),
            ("<a href=\"javascript:x\">", "<a href=\"javascript:x\">"),
            (
                "<a href=\"\">x</a> <a>y</a> 1 < 2 href=\"/z\"",
                "<a href=\"\">x</a> <a>y</a> 1 < 2 href=\"/z\"",
            ),
            ("<!-- <a href=\"/x\"> -->", "<!-- <a href=\"/x\"> -->"),
            (
                "<i>\u{fc}</i><video poster=\"/p\" src=\"/v\">",
                "<i>\u{fc}</i><video poster=\"https://a.example/p\" src=\"https://a.example/v\">",
            ),
        ] {
            assert_eq!(resolved(html.to_owned(), Some(&base)), absolute, "{html}");
            assert_eq!(resolved(html.to_owned(), None), html);
        }
    }

    /// Nine bytes must not become two thousand, a million times.
    #[test]
    fn a_storm_of_short_addresses_does_not_become_a_flood() {
        let base = Url::parse(&format!("https://a.example/{}", "a/".repeat(900))).unwrap();
        let storm = "<a href=b>".repeat(100_000);
        assert!(resolved(storm.clone(), Some(&base)).len() <= 2 * storm.len() + ROOM);
    }
}
