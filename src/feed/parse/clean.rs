//! Single values made fit for people and platforms: titles, links, ids, and the text of XML.

use std::borrow::Cow;

use data_encoding::HEXLOWER;
use encoding_rs::WINDOWS_1252;
use sha2::{Digest, Sha256};
use unicode_normalization::UnicodeNormalization;
use unicode_segmentation::UnicodeSegmentation;
use url::Url;

use super::tokens::Entities;
use crate::model::markup::{self, Piece, is_forbidden, pieces, reference, reference_name};

/// A title is cut here, in characters: longer ones are a mistake or an attack.
const MAX_TITLE: usize = 1_000;
/// Nothing behind this is looked at to make a title, in bytes: a million marks on one letter take
/// seconds to sort.
const MAX_TITLE_RAW: usize = 64 * 1024;
/// A longer link is no link: browsers and platforms stop here.
const MAX_LINK: usize = 2_048;
/// A longer id is kept as its hash, in bytes.
const MAX_GUID: usize = 2_048;

/// Elements that a title's HTML really has. Whatever else stands in angle brackets is meant as it
/// reads: `Vec<T>`, `<title>`.
const TITLE_MARKUP: [&str; 47] = [
    "a",
    "abbr",
    "acronym",
    "b",
    "bdi",
    "bdo",
    "big",
    "blockquote",
    "br",
    "center",
    "cite",
    "code",
    "del",
    "dfn",
    "div",
    "em",
    "embed",
    "font",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "hr",
    "i",
    "iframe",
    "img",
    "ins",
    "kbd",
    "li",
    "mark",
    "nobr",
    "object",
    "p",
    "q",
    "s",
    "small",
    "span",
    "strike",
    "strong",
    "sub",
    "sup",
    "tt",
    "u",
    "var",
    "wbr",
];

/// Among them, those that part words.
const PARTING: [&str; 13] =
    ["br", "p", "div", "li", "hr", "h1", "h2", "h3", "h4", "h5", "h6", "blockquote", "center"];

/// HTML as one line of plain text.
pub(super) fn title_of_html(html: &str) -> String {
    let html = start(html, MAX_TITLE_RAW);
    let mut text = String::with_capacity(html.len());
    for piece in pieces(html) {
        match piece {
            Piece::Text(piece) => text.push_str(&markup::unescape(piece)),
            Piece::Tag { name, raw } => {
                let name = name.trim_start_matches('/').to_ascii_lowercase();
                let name = name.as_str();
                if PARTING.contains(&name) {
                    text.push(' ');
                } else if !TITLE_MARKUP.contains(&name) && !matches!(name, "" | "script" | "style")
                {
                    text.push_str(&markup::unescape(raw));
                }
            }
        }
    }
    title_of_text(&text)
}

/// Plain text as one line: spaces collapsed, what steers or hides text dropped, NFC, cut.
pub(super) fn title_of_text(text: &str) -> String {
    let text = undo_double_encoding(start(text, MAX_TITLE_RAW));
    let mut line = String::with_capacity(text.len().min(MAX_TITLE * 4));
    for word in text.split_whitespace() {
        let before = line.len();
        line.extend(word.chars().filter(|c| !is_invisible(*c)));
        if line.len() > before {
            line.push(' ');
        }
        // NFC never needs more than three characters for one, and a cap on bytes is enough here.
        if line.len() > MAX_TITLE * 16 {
            break;
        }
    }
    let line: String = line.trim_end().nfc().collect();
    let mut chars = 0;
    let mut kept = 0;
    for grapheme in line.graphemes(true) {
        chars += grapheme.chars().count();
        if chars > MAX_TITLE {
            break;
        }
        kept += grapheme.len();
    }
    line[..kept].trim_end().to_owned()
}

/// UTF-8 that somebody read as windows-1252 and wrote as UTF-8 again, as what it was. A text that
/// is valid UTF-8 in that reading and not plain ASCII is hardly ever anything else.
pub(super) fn undo_double_encoding(text: &str) -> Cow<'_, str> {
    let suspicious = |c| ('\u{C2}'..='\u{F4}').contains(&c);
    if text.is_ascii() || !text.contains(suspicious) {
        return Cow::Borrowed(text);
    }
    let mut bytes = Vec::with_capacity(text.len());
    for c in text.chars() {
        match u8::try_from(c) {
            Ok(byte) => bytes.push(byte),
            Err(_) => match WINDOWS_1252.encode(c.encode_utf8(&mut [0; 4])) {
                (encoded, _, false) => bytes.extend_from_slice(&encoded),
                _ => return Cow::Borrowed(text),
            },
        }
    }
    match String::from_utf8(bytes) {
        Ok(was) if is_likely(&was) || text.contains(|c| ('\u{80}'..'\u{A0}').contains(&c)) => {
            Cow::Owned(was)
        }
        _ => Cow::Borrowed(text),
    }
}

/// Whether it is more than a single odd character, such as `\u{c9}\u{2026}` happens to make.
fn is_likely(text: &str) -> bool {
    let common = |c| matches!(c, '\u{A0}'..='\u{FF}' | '\u{2010}'..='\u{203A}' | '\u{20AC}');
    let mut beyond = text.chars().filter(|c| !c.is_ascii());
    beyond.next().is_some_and(common) || beyond.next().is_some()
}

/// Controls, bidirectional overrides and isolates, and what has no width; but not the joiners,
/// which emoji and Persian need.
const fn is_invisible(c: char) -> bool {
    is_forbidden(c)
        || matches!(c, '\u{AD}' | '\u{200B}' | '\u{2060}' | '\u{FEFF}')
        || matches!(c, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

/// So many bytes of a text, or fewer, so that no character is cut.
fn start(text: &str, max: usize) -> &str {
    let mut end = max.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// An address made absolute; none that is absurdly long, since others may be joined to it.
pub(super) fn join(raw: &str, base: Option<&Url>) -> Option<Url> {
    let raw = raw.trim();
    if raw.len() > MAX_LINK * 3 {
        return None;
    }
    match base {
        Some(base) => base.join(raw).ok(),
        None => Url::parse(raw).ok(),
    }
}

/// A link as it may leave the house: absolute, http or https, without a user's name or password.
/// What is all that already stays as the feed has it.
pub(super) fn link(raw: &str, base: Option<&Url>) -> Option<String> {
    let raw = raw.trim();
    if raw.is_empty() {
        return None;
    }
    let mut url = join(raw, base)?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none_or(str::is_empty) {
        return None;
    }
    let absolute = raw.starts_with("http://") || raw.starts_with("https://");
    let odd =
        |c: char| c.is_whitespace() || is_invisible(c) || matches!(c, '\\' | '<' | '>' | '"' | '`');
    // An empty login is one too, and is still written.
    let host = raw.split(['/', '?', '#']).skip(1).find(|part| !part.is_empty());
    let empty_login = host.is_some_and(|host| host.contains('@'));
    let bare = url.username().is_empty() && url.password().is_none() && !empty_login;
    let link = if absolute && bare && !raw.contains(odd) {
        raw.to_owned()
    } else {
        // Neither fails on http and https.
        let _ = url.set_username("");
        let _ = url.set_password(None);
        url.into()
    };
    (link.len() <= MAX_LINK).then_some(link)
}

/// An address or id in which an `&` was escaped once too often, as in CDATA.
pub(super) fn unescaped(address: String) -> String {
    if address.contains("&amp;") { address.replace("&amp;", "&") } else { address }
}

/// An id as it is kept: trimmed, and as a hash where it is absurdly long.
pub(super) fn guid(raw: &str) -> Option<String> {
    let raw = raw.trim();
    if raw.is_empty() {
        return None;
    }
    if raw.len() <= MAX_GUID {
        return Some(raw.to_owned());
    }
    Some(format!("sha256:{}", HEXLOWER.encode(&Sha256::digest(raw.as_bytes()))))
}

/// The names that XML knows by itself.
const PREDEFINED: [&str; 5] = ["amp", "lt", "gt", "quot", "apos"];

/// The text of XML: references resolved once, by HTML's names too and by the document's own;
/// unknown ones and a bare `&` stay.
pub(super) fn decode<'t>(text: &'t str, entities: &Entities<'_>) -> Cow<'t, str> {
    decode_counting(text, entities, &mut Strange::default())
}

/// What stands in a text and is no XML, though everybody knows what is meant.
#[derive(Debug, Default)]
pub(super) struct Strange {
    /// An `&` that begins nothing.
    pub(super) ampersands: usize,
    /// Names of characters that HTML knows, and that nobody declares.
    pub(super) names: usize,
    /// Texts in UTF-8 that were encoded a second time.
    pub(super) twice: usize,
}

/// The same, and counts what is strange.
pub(super) fn decode_counting<'t>(
    text: &'t str,
    entities: &Entities<'_>,
    strange: &mut Strange,
) -> Cow<'t, str> {
    if !text.contains('&') {
        return decode_none(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        out.push_str(&decode_none(&rest[..at]));
        rest = &rest[at..];
        let known = reference_name(rest).and_then(|name| {
            let own = entities.value(name).map(|value| Cow::Owned(value.to_owned()));
            let is_known = own.is_some() || name.starts_with('#') || PREDEFINED.contains(&name);
            let value = own.or_else(|| reference(name))?;
            strange.names += usize::from(!is_known);
            Some((name, value))
        });
        let taken = match &known {
            Some((name, value)) => {
                out.push_str(value);
                name.len() + 2
            }
            None => {
                out.push('&');
                strange.ampersands += 1;
                1
            }
        };
        rest = &rest[taken..];
    }
    out.push_str(&decode_none(rest));
    Cow::Owned(out)
}

/// Text as it stands, but for characters that no text has. A C1 control is a byte of windows-1252
/// that somebody took for Latin-1, and becomes what it was.
pub(super) fn decode_none(text: &str) -> Cow<'_, str> {
    // Of ASCII, which most text is, a byte tells.
    let plain = |b: u8| matches!(b, b' '..=b'~' | b'\t' | b'\n' | b'\r');
    if text.bytes().all(plain) || !text.contains(is_forbidden) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\u{80}'..='\u{9F}' => {
                out.push_str(&reference(&format!("#{}", c as u32)).unwrap_or_default());
            }
            c if is_forbidden(c) => {}
            c => out.push(c),
        }
    }
    Cow::Owned(out)
}

/// An attribute's value.
pub(super) fn attribute(raw: &str) -> String {
    decode(raw.trim(), &Entities::default()).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_title_reads_as_the_author_meant_it() {
        for (html, title) in [
            ("Tom &amp; Jerry", "Tom & Jerry"),
            ("Sentry for <i>dogs</i>", "Sentry for dogs"),
            ("H<sub>2</sub>O<br/>is wet", "H2O is wet"),
            ("Vec<T> and the <title> tag", "Vec<T> and the <title> tag"),
            ("1 < 2 && 3 > 2", "1 < 2 && 3 > 2"),
            ("  spaced\n\tout  ", "spaced out"),
            ("ha<script>alert('<b>')</script>!", "ha!"),
            ("\u{202e}drow\u{202c}\u{200b} \u{feff}x", "drow x"),
            ("fam\u{1f468}\u{200d}\u{1f469}", "fam\u{1f468}\u{200d}\u{1f469}"),
            ("Cafe\u{301}", "Caf\u{e9}"),
            ("Aqu\u{c3}\u{ad} don\u{e2}\u{20ac}\u{2122}t", "Aqu\u{ed} don\u{2019}t"),
            ("P\u{e2}t\u{e9} \u{e0} l'\u{c2}ge", "P\u{e2}t\u{e9} \u{e0} l'\u{c2}ge"),
            ("CIN\u{c9}\u{2026}", "CIN\u{c9}\u{2026}"),
            ("gro\u{c3}\u{178}", "gro\u{df}"),
            ("\u{7}bell&#8;", "bell"),
        ] {
            assert_eq!(title_of_html(html), title, "{html}");
        }
    }

    #[test]
    fn a_title_of_twenty_megabytes_is_cut_on_a_grapheme() {
        let title = title_of_text(&"e\u{301}\u{302} ".repeat(2_000_000));
        assert!(title.chars().count() <= MAX_TITLE);
        assert!(!title.ends_with('\u{301}'), "{title:?}");
        let family = "\u{1f468}\u{200d}\u{1f469}\u{200d}\u{1f466}".repeat(1_000);
        let title = title_of_text(&family);
        assert!(title.chars().count() <= MAX_TITLE && !title.ends_with('\u{200d}'));
    }

    #[test]
    fn only_web_links_leave_and_none_with_a_password() {
        let base = Url::parse("https://example.org/blog/feed.xml").unwrap();
        for (raw, cleaned) in [
            ("https://example.org", Some("https://example.org")),
            (" http://example.org/a?b=c&d=e#f ", Some("http://example.org/a?b=c&d=e#f")),
            ("/a", Some("https://example.org/a")),
            ("b", Some("https://example.org/blog/b")),
            ("//cdn.example.org/x", Some("https://cdn.example.org/x")),
            ("https://user:secret@example.org/a", Some("https://example.org/a")),
            ("https://example.org/@bob", Some("https://example.org/@bob")),
            ("https://@example.org/a", Some("https://example.org/a")),
            ("https:////:@example.org/a", Some("https://example.org/a")),
            ("https://example.org?a@b", Some("https://example.org?a@b")),
            ("http://example.org/a b", Some("http://example.org/a%20b")),
            ("javascript:alert(1)", None),
            ("data:text/html,x", None),
            ("file:///etc/passwd", None),
            ("mailto:a@b.c", None),
            ("ftp://example.org/a", None),
            ("", None),
        ] {
            assert_eq!(link(raw, Some(&base)).as_deref(), cleaned, "{raw}");
        }
        assert_eq!(link("/a", None), None);
        assert_eq!(link(&format!("https://example.org/{}", "a".repeat(3_000)), None), None);
    }

    #[test]
    fn an_id_is_kept_to_the_byte_or_hashed() {
        assert_eq!(guid(" tag:a,2003:b "), Some("tag:a,2003:b".to_owned()));
        assert_eq!(guid(" \n"), None);
        let (one, other) = ("a".repeat(3_000), "a".repeat(3_001));
        assert_eq!(guid(&one).unwrap().len(), "sha256:".len() + 64);
        assert_ne!(guid(&one), guid(&other));
    }
}
