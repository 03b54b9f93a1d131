//! A tolerant tokenizer for XML as people write it: no input is an error, and every input takes
//! linear time, so that no feed can stall a poll.

use std::cell::Cell;
use std::collections::HashMap;

use crate::model::markup::unescape;

/// More attributes than this on one element are dropped: no honest feed has them.
const MAX_ATTRIBUTES: usize = 64;
/// Internal entities kept from a DTD, and the longest value kept. They are never nested, so a
/// "billion laughs" stays text.
const MAX_ENTITIES: usize = 64;
const MAX_ENTITY_VALUE: usize = 256;
/// A quoted value with a `<` in it is believed up to this length; beyond, a quote is missing.
const MAX_ODD_VALUE: usize = 1024;
/// How often the whole text may be read again in search of the ends of tags that have none: one such
/// tag may hide another, and that one a third.
const MAX_AGAIN: usize = 4;
/// A short text may always be read again so far, in bytes.
const AGAIN_FREE: usize = 64 * 1024;
/// What the document's own entities may add to it, in bytes.
const MAX_ENTITY_TEXT: usize = 256 * 1024;

/// One token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token<'a> {
    /// `<name ..>` or `<name ../>`.
    Start(Tag<'a>),
    /// `</name>`.
    End(&'a str),
    /// Text with its references not yet resolved.
    Text(&'a str),
    /// The inside of a CDATA section.
    Cdata(&'a str),
}

/// An opening tag. Values have their references not yet resolved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Tag<'a> {
    pub(super) name: &'a str,
    pub(super) attributes: Vec<(&'a str, &'a str)>,
    pub(super) empty: bool,
}

impl<'a> Tag<'a> {
    /// The first attribute of that name, whatever its case.
    pub(super) fn attribute(&self, name: &str) -> Option<&'a str> {
        self.attributes.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| *value)
    }
}

/// The iterator over the tokens of a text. Comments, processing instructions, the XML declaration
/// and the DTD are passed over.
#[derive(Debug)]
pub(super) struct Tokens<'a> {
    text: &'a str,
    at: usize,
    /// Where the last token began.
    pub(super) start: usize,
    /// Whether the text ended inside a token.
    pub(super) cut: bool,
    /// Entities that a DTD declares.
    pub(super) entities: Entities<'a>,
    no_pi_end: bool,
    /// Bytes read in search of the ends of tags that had none.
    again: usize,
}

impl<'a> Tokens<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        let entities = Entities::default();
        Self { text, at: 0, start: 0, cut: false, entities, no_pi_end: false, again: 0 }
    }

    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    /// Passes over a stretch that ends with `mark`; without it the text is cut short.
    fn skip_to(&mut self, from: usize, mark: &str) -> &'a str {
        let rest = self.rest();
        let from = from.min(rest.len());
        match rest[from..].find(mark) {
            Some(end) => {
                self.at += from + end + mark.len();
                &rest[from..from + end]
            }
            None => {
                self.at = self.text.len();
                self.cut = true;
                &rest[from..]
            }
        }
    }

    fn doctype(&mut self) {
        let rest = self.rest();
        let head = &rest[..rest.find('>').unwrap_or(rest.len())];
        let Some(open) = head.find('[') else {
            self.skip_to(0, ">");
            return;
        };
        // A `]` inside a value is rarer than a subset that is closed with space before its `>`.
        let inside = self.skip_to(open + 1, "]");
        self.skip_to(0, ">");
        for declaration in inside.split("<!ENTITY").skip(1).take(MAX_ENTITIES) {
            let declaration = declaration.trim_start();
            let Some((name, value)) = declaration.split_once(char::is_whitespace) else { continue };
            let value = value.trim_start();
            let Some(quote) = value.chars().next().filter(|c| matches!(c, '"' | '\'')) else {
                continue;
            };
            let Some((value, _)) = value[1..].split_once(quote) else { continue };
            if value.len() < MAX_ENTITY_VALUE && name != "%" {
                self.entities.declare(name, unescape(value).into_owned());
            }
        }
    }

    /// The tag at a `<`, or `None` where that is only text; `seen` is how far it was read.
    fn tag(&mut self, seen: &mut usize) -> Option<Token<'a>> {
        let rest = self.rest();
        if let Some(name) = rest.strip_prefix("</") {
            let end = name.find(['<', '>']).filter(|end| name.as_bytes()[*end] == b'>');
            let Some(end) = end else {
                // `</title` before another `<` still closes what it names.
                let end = name.find('<')?;
                let name = name[..end].trim();
                let plain = name.chars().all(is_name_char) && !name.is_empty();
                self.at += if plain { 2 + end } else { return None };
                return Some(Token::End(name));
            };
            self.at += 2 + end + 1;
            let name = name[..end].trim();
            return Some(Token::End(name.split_whitespace().next().unwrap_or_default()));
        }
        *seen = rest.len();
        let length = rest[1..].find(|c| !is_name_char(c))?;
        let name = &rest[1..=length];
        let mut tag = Tag { name, attributes: Vec::new(), empty: false };
        let mut at = 1 + length;
        loop {
            let here = &rest[at..];
            at += here.len() - here.trim_start().len();
            let here = &rest[at..];
            // To the end of the text, unless something ends it before.
            match here.as_bytes().first()? {
                b'>' => {
                    self.at += at + 1;
                    return Some(Token::Start(tag));
                }
                b'/' => {
                    tag.empty = here.as_bytes().get(1) == Some(&b'>');
                    at += 1;
                }
                b'<' => {
                    *seen = at;
                    return None;
                }
                b'=' | b'"' | b'\'' => at += 1,
                _ => {
                    let (attribute, length) = attribute(here)?;
                    at += length;
                    if tag.attributes.len() < MAX_ATTRIBUTES {
                        tag.attributes.extend(attribute);
                    }
                }
            }
        }
    }
}

/// The attribute at the start of `text` and its length; the attribute is missing where it has no
/// value. `None` where the text ends inside it.
fn attribute(text: &str) -> Option<(Option<(&str, &str)>, usize)> {
    let length = text.find(|c: char| c.is_whitespace() || matches!(c, '=' | '>' | '/' | '<'))?;
    // A stray character that is no name: take one, to get on.
    if length == 0 {
        return Some((None, text.chars().next()?.len_utf8()));
    }
    let (name, rest) = text.split_at(length);
    let after = rest.trim_start();
    let Some(value) = after.strip_prefix('=').map(str::trim_start) else {
        return Some((None, length));
    };
    let at = text.len() - value.len();
    if let Some(quote @ (b'"' | b'\'')) = value.as_bytes().first().copied() {
        let inside = &value[1..];
        if let Some(quoted) = quoted(inside, quote) {
            return Some((Some((name, quoted)), at + quoted.len() + 2));
        }
    }
    // Unquoted, or the closing quote is missing: up to the next space or the end of the tag.
    let value = value.trim_start_matches(['"', '\'']);
    let at = text.len() - value.len();
    let end = value.find(|c: char| c.is_whitespace() || matches!(c, '>' | '<'))?;
    // `b=c/>` closes itself; the slash of `href=/feed/>` is the address's own, as HTML has it.
    let closes =
        value[end..].starts_with('>') && value[..end].find('/') == Some(end.saturating_sub(1));
    let end = if closes { end - 1 } else { end };
    Some((Some((name, &value[..end])), at + end))
}

/// The value at the start of `text`, where its closing quote can be believed.
fn quoted(text: &str, quote: u8) -> Option<&str> {
    let bytes = text.as_bytes();
    let first = bytes.iter().position(|byte| *byte == quote || *byte == b'<')?;
    if bytes[first] == quote {
        return Some(&text[..first]);
    }
    let near = &bytes[..bytes.len().min(MAX_ODD_VALUE + 1)];
    let close = near.iter().position(|byte| *byte == quote || *byte == b'\n')?;
    let after = bytes.get(close + 1).copied().unwrap_or(b'>');
    let parted = after.is_ascii_whitespace() || matches!(after, b'>' | b'/');
    (parted && bytes[close] == quote).then(|| &text[..close])
}

/// The entities that a document declares for itself, and how much may still come of them: three
/// bytes can stand for 256.
#[derive(Debug)]
pub(super) struct Entities<'a> {
    values: HashMap<&'a str, String>,
    left: Cell<usize>,
}

impl Default for Entities<'_> {
    fn default() -> Self {
        Self { values: HashMap::new(), left: Cell::new(MAX_ENTITY_TEXT) }
    }
}

impl<'a> Entities<'a> {
    fn declare(&mut self, name: &'a str, value: String) {
        if self.values.len() < MAX_ENTITIES {
            self.values.insert(name, value);
        }
    }

    /// What a name stands for; nothing any more once they have added too much.
    pub(super) fn value(&self, name: &str) -> Option<&str> {
        let value = self.values.get(name)?;
        self.left.set(self.left.get().checked_sub(value.len())?);
        Some(value)
    }
}

fn is_name_char(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, ':' | '_' | '-' | '.')
}

impl<'a> Iterator for Tokens<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        loop {
            self.start = self.at;
            let rest = self.rest();
            if rest.is_empty() {
                return None;
            }
            if let Some(text) = rest.strip_prefix('<') {
                if text.starts_with("!--") {
                    self.skip_to(4, "-->");
                    continue;
                }
                if text.starts_with("![CDATA[") {
                    return Some(Token::Cdata(self.skip_to(9, "]]>")));
                }
                if text.starts_with('?') {
                    if self.no_pi_end || !text.contains("?>") {
                        self.no_pi_end = true;
                        self.skip_to(0, ">");
                    } else {
                        self.skip_to(0, "?>");
                    }
                    continue;
                }
                if text.starts_with('!') {
                    let keyword = text.get(1..8).unwrap_or_default();
                    if keyword.eq_ignore_ascii_case("doctype") {
                        self.doctype();
                    } else {
                        self.skip_to(0, ">");
                    }
                    continue;
                }
                let opens =
                    text.starts_with(|c: char| c.is_alphabetic() || matches!(c, '_' | ':' | '/'));
                if opens {
                    let mut seen = 0;
                    if let Some(token) = self.tag(&mut seen) {
                        return Some(token);
                    }
                    self.again += seen;
                    if self.again > AGAIN_FREE + MAX_AGAIN * self.text.len() {
                        (self.at, self.cut) = (self.text.len(), true);
                        return None;
                    }
                    self.cut |= !rest[1..].contains(['<', '>']);
                }
            }
            // Text up to the next `<`; one that opens nothing is text itself.
            let first = rest.chars().next().map_or(1, char::len_utf8);
            let end = rest[first..].find('<').map_or(rest.len(), |end| end + first);
            self.at += end;
            return Some(Token::Text(&rest[..end]));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &str) -> String {
        let mut out = Vec::new();
        for token in Tokens::new(text) {
            out.push(match token {
                Token::Start(tag) => {
                    let mut line = format!("<{}", tag.name);
                    for (name, value) in &tag.attributes {
                        line.push_str(&format!(" {name}=[{value}]"));
                    }
                    line + if tag.empty { "/>" } else { ">" }
                }
                Token::End(name) => format!("</{name}>"),
                Token::Text(text) => text.to_owned(),
                Token::Cdata(text) => format!("[{text}]"),
            });
        }
        out.join("|")
    }

    #[test]
    fn sloppy_tags_are_read_as_they_were_meant() {
        for (text, tokens) in [
            ("<a>b</a>", "<a>|b|</a>"),
            ("<a b='1' c=\"2\" d = 3 e f=g/>", "<a b=[1] c=[2] d=[3] f=[g]/>"),
            ("<a href=http://x/y/>z", "<a href=[http://x/y/]>|z"),
            ("1 <2 <3> x", "1 |<2 |<3> x"),
            ("I <heart Rust</t>", "I |<heart Rust|</t>"),
            ("<t>x</t<p>", "<t>|x|</t>|<p>"),
            ("<![CDATA[a<b>]]>c", "[a<b>]|c"),
            ("<?xml version='1.0'?><!-- x --><a/>", "<a/>"),
            ("<a alt='x < y'>", "<a alt=[x < y]>"),
            ("<a b=\"1>text<c d=\"2\">", "<a b=[1]>|text|<c d=[2]>"),
            ("</ a >", "</a>"),
        ] {
            assert_eq!(line(text), tokens, "{text}");
        }
    }

    #[test]
    fn a_text_that_ends_inside_a_token_is_known_to_be_cut() {
        for text in ["<a", "<a b=", "<![CDATA[x", "<!-- x", "<!DOCTYPE x [", "</a"] {
            let mut tokens = Tokens::new(text);
            tokens.by_ref().for_each(drop);
            assert!(tokens.cut, "{text}");
        }
        let mut tokens = Tokens::new("<a>x</a> tail 1 < 2");
        tokens.by_ref().for_each(drop);
        assert!(!tokens.cut);
    }

    #[test]
    fn entities_of_a_dtd_are_kept_and_never_nested() {
        let dtd = r#"<!DOCTYPE rss [<!ENTITY corp "Ex &amp; Co"><!ENTITY a "&corp;&corp;">
            <!ENTITY evil SYSTEM "file:///etc/passwd">] ><rss/>"#;
        let mut tokens = Tokens::new(dtd);
        assert!(matches!(tokens.next(), Some(Token::Start(_))));
        assert_eq!(tokens.entities.value("corp"), Some("Ex & Co"));
        assert_eq!(tokens.entities.value("a"), Some("&corp;&corp;"));
        assert_eq!(tokens.entities.value("evil"), None);
        while tokens.entities.value("corp").is_some() {}
        assert_eq!(tokens.entities.value("a"), None, "they add no more to a document than this");
    }

    #[test]
    fn storms_take_linear_time() {
        for storm in [
            "<a b='",
            "<a b=\"",
            "<a ",
            "<?",
            "<!",
            "<![",
            "</",
            "<!--",
            "<a b=c",
            "<a/ =",
            // Each hides the next in a value, and none of them ends.
            "b='<a ' ",
            "b=\"<a \" ",
            "b='<a x=y ' ",
            "<!DOCTYPE>",
            "<!DOCTYPE a [>",
        ] {
            let storm = format!("<a {}", storm.repeat(200_000));
            assert!(Tokens::new(&storm).count() <= storm.len());
        }
        let wide = format!("<a {}>", "b='1' ".repeat(200_000));
        assert!(
            matches!(Tokens::new(&wide).next(), Some(Token::Start(t)) if t.attributes.len() == 64)
        );
    }
}
