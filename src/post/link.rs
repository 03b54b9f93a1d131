//! Links in plain text: where they are, how they must look to be recognised whole, and how text of a
//! feed is kept from calling people.

use std::ops::Range;

use unicode_segmentation::UnicodeSegmentation;
use url::Url;

/// Not shown, and enough for every platform served here to see no name behind an `@`.
const ZERO_WIDTH_SPACE: char = '\u{200b}';

/// The http and https links of a text, in order, as byte ranges that end between graphemes.
/// Punctuation at the end of a link belongs to the sentence around it.
#[must_use]
pub fn find(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(start) = next_scheme(text, from) {
        let body = start + scheme_len(&text[start..]);
        let mut end = body;
        for (at, grapheme) in text[body..].grapheme_indices(true) {
            if !grapheme.starts_with(is_link_char) {
                break;
            }
            end = body + at + grapheme.len();
        }
        let link = trim_sentence(&text[start..end]);
        from = end;
        if link.len() > body - start {
            found.push(start..start + link.len());
        }
    }
    found
}

/// A link as every platform recognises it whole: characters that end a link in text are
/// percent-encoded, which leads to the same place. `None` for anything that is not http or https.
#[must_use]
pub fn tidy(link: &str) -> Option<String> {
    let link = link.trim();
    if scheme_len(link) == 0 {
        return None;
    }
    let url = Url::parse(link).ok()?;
    let kept = link.chars().all(|c| c.is_ascii() && is_link_char(c));
    let source = if kept { link } else { url.as_str() };
    let mut out = String::with_capacity(source.len());
    for c in source.chars() {
        if is_link_char(c) {
            out.push(c);
        } else {
            percent(&mut out, c);
        }
    }
    let whole = find(&out).first().map_or(0, |range| range.end);
    let tail = out.split_off(whole);
    for c in tail.chars() {
        // A question mark is no data and cannot be encoded without becoming some.
        if c == '?' { out.push(c) } else { percent(&mut out, c) }
    }
    out.truncate(out.trim_end_matches('?').len());
    find(&out).first().is_some_and(|range| *range == (0..out.len())).then_some(out)
}

/// Whether two links lead to the same place, however they are written.
#[must_use]
pub fn same(one: &str, other: &str) -> bool {
    one == other
        || match (Url::parse(one), Url::parse(other)) {
            (Ok(one), Ok(other)) => one == other,
            _ => false,
        }
}

/// The text with nobody called: an invisible character stands behind each `@`, and in links the
/// places where Mastodon would still see a name are percent-encoded.
///
/// Mastodon: `Account::MENTION_RE` looks for an `@` that follows neither a word nor `=` nor `/`.
#[must_use]
pub fn break_mentions(text: &str) -> String {
    let links = find(text);
    let mut links = links.iter().peekable();
    let mut out = String::with_capacity(text.len() + 8);
    let mut before = None;
    for (at, c) in text.char_indices() {
        while links.next_if(|link| link.end <= at).is_some() {}
        let in_link = links.peek().is_some_and(|link| link.contains(&at));
        match c {
            '@' if in_link => {
                let harmless = before
                    .is_some_and(|b: char| b.is_alphanumeric() || matches!(b, '=' | '/' | '_'));
                out.push_str(if harmless { "@" } else { "%40" });
            }
            '@' | '\u{ff20}' => out.extend([c, ZERO_WIDTH_SPACE]),
            _ => out.push(c),
        }
        before = Some(c);
    }
    out
}

/// Where the next `http://` or `https://` starts that is no part of a longer word. Scripts without
/// spaces put a link right behind a letter, so only ASCII counts as the same word.
fn next_scheme(text: &str, from: usize) -> Option<usize> {
    text[from..].match_indices("://").map(|(at, _)| from + at).find_map(|colon| {
        let before = &text.as_bytes()[from..colon];
        let letters = before.iter().rev().take_while(|b| b.is_ascii_alphanumeric()).count();
        let start = colon - letters;
        (scheme_len(&text[start..]) > 0).then_some(start)
    })
}

fn scheme_len(text: &str) -> usize {
    ["https://", "http://"]
        .into_iter()
        .find(|scheme| text.get(..scheme.len()).is_some_and(|t| t.eq_ignore_ascii_case(scheme)))
        .map_or(0, str::len)
}

/// RFC 3986 characters, and letters and digits of any script.
fn is_link_char(c: char) -> bool {
    c.is_alphanumeric() || "-._~:/?#[]@!$&'()*+,;=%".contains(c)
}

/// The link without the punctuation of the sentence around it. A closing bracket stays where the
/// link has its opening one.
fn trim_sentence(mut link: &str) -> &str {
    let count = |c: char| link.chars().filter(|x| *x == c).count();
    let (mut round, mut square) = ((count('('), count(')')), (count('['), count(']')));
    while let Some(last) = link.chars().next_back() {
        match last {
            '.' | ',' | ';' | ':' | '!' | '?' | '\'' | '*' => {}
            '(' => round.0 -= 1,
            ')' if round.0 < round.1 => round.1 -= 1,
            '[' => square.0 -= 1,
            ']' if square.0 < square.1 => square.1 -= 1,
            _ => break,
        }
        link = &link[..link.len() - last.len_utf8()];
    }
    link
}

fn percent(out: &mut String, c: char) {
    for byte in c.encode_utf8(&mut [0; 4]).bytes() {
        out.push_str(&format!("%{byte:02X}"));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn links(text: &str) -> Vec<&str> {
        find(text).into_iter().map(|range| &text[range]).collect()
    }

    #[test]
    fn a_reader_can_follow_a_link_at_the_end_of_a_sentence() {
        assert_eq!(
            links("See https://a.example/x. And (http://b.example/y_(z))!"),
            ["https://a.example/x", "http://b.example/y_(z)"]
        );
        assert_eq!(
            links("HTTPS://A.example?q=1&r=2, \"https://b.example\"<https://c.example>"),
            ["HTTPS://A.example?q=1&r=2", "https://b.example", "https://c.example"]
        );
        assert_eq!(links("https:// xhttp://no ftp://no http://"), Vec::<&str>::new());
        assert_eq!(
            links("https://x.example/\u{e9}t\u{e9}\u{3002}next"),
            ["https://x.example/\u{e9}t\u{e9}"]
        );
    }

    #[test]
    fn a_tidy_link_is_recognised_whole() {
        for (link, tidied) in [
            ("https://a.example/x?a=1&b=%20", "https://a.example/x?a=1&b=%20"),
            (" https://a.example/a b ", "https://a.example/a%20b"),
            ("https://a.example/what.", "https://a.example/what%2E"),
            ("https://a.example/why?", "https://a.example/why"),
            ("https://a.example/x)", "https://a.example/x%29"),
            ("https://a.example/Foo_(bar)", "https://a.example/Foo_(bar)"),
            ("https://\u{e9}.example/\u{e9}", "https://xn--9ca.example/%C3%A9"),
            ("https://a.example/a|b", "https://a.example/a%7Cb"),
        ] {
            assert_eq!(tidy(link).as_deref(), Some(tidied));
        }
        for none in ["javascript:alert(1)", "https://", "", "/x", "mailto:a@b.example"] {
            assert_eq!(tidy(none), None, "{none}");
        }
    }

    #[test]
    fn nobody_is_called_by_the_text_of_a_feed() {
        assert_eq!(break_mentions("@a and b@c.example"), "@\u{200b}a and b@\u{200b}c.example");
        assert_eq!(break_mentions("\u{ff20}room"), "\u{ff20}\u{200b}room");
        assert_eq!(
            break_mentions("https://m.example/@me/1 https://x.example/?,@you"),
            "https://m.example/@me/1 https://x.example/?,%40you"
        );
    }

    proptest! {
        #[test]
        fn every_tidy_link_is_found_again_in_a_text(path in "[ -~\u{e9}\u{4e00}]{0,30}") {
            if let Some(link) = tidy(&format!("https://a.example/{path}")) {
                let text = format!("before\n\n{link}\n\nafter");
                prop_assert_eq!(links(&text), [link.as_str()]);
                prop_assert_eq!(tidy(&link), Some(link.clone()));
            }
        }

        #[test]
        fn no_text_can_break_the_search(text in ".{0,20}(https?://)?.{0,20}(https?://.{0,9})?") {
            for range in find(&text) {
                prop_assert!(text[range].contains("://"));
            }
            let _ = break_mentions(&text);
        }
    }
}
