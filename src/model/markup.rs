//! Reading HTML-like text without trusting it: tags told from text, and references resolved.
//!
//! Linear in its input whatever that is, and frozen: recipes in [`super::identity`] are built on
//! it, so a change here is a change of the ledger's format and shows in their test vectors.

use std::borrow::Cow;

/// The longest name of a reference that is looked up; HTML's longest has 32 letters.
const LONGEST_REFERENCE: usize = 40;

/// A stretch of HTML-like text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Piece<'a> {
    /// Text, with its references not yet resolved.
    Text(&'a str),
    /// A tag, with its name as written and a leading `/` where it closes; the name is empty for a
    /// comment or declaration. What stands inside `script` and `style` is passed over.
    Tag {
        /// The name.
        name: &'a str,
        /// The whole tag as it stands.
        raw: &'a str,
    },
}

/// Tells tags from text. A `<` that no letter, `/`, `!` or `?` follows is text, and so is one that
/// no `>` ever answers.
pub(crate) fn pieces(html: &str) -> Pieces<'_> {
    Pieces { rest: html, no_tag_end: false, no_comment_end: false, no_raw_end: false }
}

/// The iterator of [`pieces`]. Each flag says that a mark does not occur in the rest, so that no
/// search for it runs to the end more than once.
#[derive(Debug, Clone)]
pub(crate) struct Pieces<'a> {
    rest: &'a str,
    no_tag_end: bool,
    no_comment_end: bool,
    no_raw_end: bool,
}

impl<'a> Iterator for Pieces<'a> {
    type Item = Piece<'a>;

    fn next(&mut self) -> Option<Piece<'a>> {
        if self.rest.is_empty() {
            return None;
        }
        let mut from = 0;
        while !self.no_tag_end {
            let Some(at) = self.rest[from..].find('<').map(|at| from + at) else { break };
            let opens = matches!(
                self.rest.as_bytes().get(at + 1),
                Some(b'a'..=b'z' | b'A'..=b'Z' | b'/' | b'!' | b'?')
            );
            if !opens {
                from = at + 1;
                continue;
            }
            if at > 0 {
                return Some(Piece::Text(self.cut(at)));
            }
            if let Some(tag) = self.tag() {
                return Some(tag);
            }
        }
        Some(Piece::Text(self.cut(self.rest.len())))
    }
}

impl<'a> Pieces<'a> {
    fn cut(&mut self, at: usize) -> &'a str {
        let (head, tail) = self.rest.split_at(at);
        self.rest = tail;
        head
    }

    fn tag(&mut self) -> Option<Piece<'a>> {
        if self.rest.starts_with("<!--") && !self.no_comment_end {
            match self.rest[4..].find("-->") {
                Some(end) => {
                    return Some(Piece::Tag { name: "", raw: self.cut(4 + end + 3) });
                }
                None => self.no_comment_end = true,
            }
        }
        let Some(end) = self.rest.find('>') else {
            self.no_tag_end = true;
            return None;
        };
        let tag = self.cut(end + 1);
        let slash = usize::from(tag.as_bytes()[1] == b'/');
        let name = &tag[1 + slash..end];
        let length = name.find(|c: char| !c.is_ascii_alphanumeric() && c != ':' && c != '-');
        let name = &tag[1..1 + slash + length.unwrap_or(name.len())];
        if name.eq_ignore_ascii_case("script") || name.eq_ignore_ascii_case("style") {
            self.skip_raw(name);
        }
        Some(Piece::Tag { name, raw: tag })
    }

    fn skip_raw(&mut self, name: &str) {
        if self.no_raw_end {
            return;
        }
        let mut from = 0;
        while let Some(at) = self.rest[from..].find("</").map(|at| from + at + 2) {
            let candidate = self.rest.as_bytes().get(at..at + name.len());
            if candidate.is_some_and(|c| c.eq_ignore_ascii_case(name.as_bytes())) {
                self.cut(at - 2);
                return;
            }
            from = at;
        }
        self.no_raw_end = true;
    }
}

/// What a reference stands for: the text between `&` and `;`, such as `eacute`, `#233` or `#xE9`.
/// `None` for an unknown name. A number that is no character stands for nothing, and one in the C1
/// range for what windows-1252 has there, as every browser reads it.
pub(crate) fn reference(name: &str) -> Option<Cow<'static, str>> {
    if let Some(number) = name.strip_prefix('#') {
        let code = match number.strip_prefix(['x', 'X']) {
            Some(hex) => u32::from_str_radix(hex, 16).ok()?,
            None => number.parse().ok()?,
        };
        let code = match code {
            0x80..=0x9F => {
                html5ever::data::C1_REPLACEMENTS[(code - 0x80) as usize].map_or(code, u32::from)
            }
            _ => code,
        };
        let known = char::from_u32(code).filter(|c| !is_forbidden(*c));
        return Some(known.map_or(Cow::Borrowed(""), |c| Cow::Owned(c.to_string())));
    }
    let mut key = String::with_capacity(name.len() + 1);
    key.push_str(name);
    key.push(';');
    let &(first, second) = html5ever::data::NAMED_ENTITIES.get(key.as_str())?;
    let mut text = String::new();
    // The table also holds prefixes of names, as zero.
    text.extend([first, second].into_iter().filter(|c| *c != 0).filter_map(char::from_u32));
    (!text.is_empty()).then_some(Cow::Owned(text))
}

/// Whether a character has no place in any text: C0 and C1 controls but tab and line ends, and
/// what Unicode calls noncharacters.
pub(crate) const fn is_forbidden(c: char) -> bool {
    matches!(c, '\0'..='\x08' | '\x0B' | '\x0C' | '\x0E'..='\x1F' | '\x7F'..='\u{9F}')
        || matches!(c, '\u{FDD0}'..='\u{FDEF}')
        || (c as u32) & 0xFFFE == 0xFFFE
}

/// The name of the reference that `text` starts with, where `text` starts with `&`.
pub(crate) fn reference_name(text: &str) -> Option<&str> {
    let mut end = LONGEST_REFERENCE.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let name = &text[1..end];
    let name = &name[..name.find(';')?];
    let inside = |c: char| c.is_ascii_alphanumeric() || matches!(c, '#' | '.' | '_' | '-');
    (!name.is_empty() && name.chars().all(inside)).then_some(name)
}

/// Resolves every reference once; an unknown one stays as it is, and so does a bare `&`.
pub(crate) fn unescape(text: &str) -> Cow<'_, str> {
    if !text.contains('&') {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let known = reference_name(rest).and_then(|name| Some((name, reference(name)?)));
        let taken = match known {
            Some((name, expansion)) => {
                out.push_str(&expansion);
                name.len() + 2
            }
            None => {
                out.push('&');
                1
            }
        };
        rest = &rest[taken..];
    }
    out.push_str(rest);
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(html: &str) -> String {
        pieces(html)
            .filter_map(|piece| match piece {
                Piece::Text(text) => Some(text),
                Piece::Tag { .. } => None,
            })
            .collect()
    }

    #[test]
    fn text_is_told_from_tags() {
        assert_eq!(text("a <b>b</b> c"), "a b c");
        assert_eq!(text("3 < 4 and a<3"), "3 < 4 and a<3");
        assert_eq!(text("a <unclosed"), "a <unclosed");
        assert_eq!(text("x<!-- <b> --!> -->y"), "xy");
        assert_eq!(text("x<script>if (a<b) {}</SCRIPT>y"), "xy");
        assert_eq!(text("x<style>never closed"), "xnever closed");
        let tag = |name, raw| Piece::Tag { name, raw };
        let found: Vec<_> = pieces("<a href='x'>t</a><br/>").collect();
        let expected =
            [tag("a", "<a href='x'>"), Piece::Text("t"), tag("/a", "</a>"), tag("br", "<br/>")];
        assert_eq!(found, expected);
    }

    #[test]
    fn references_are_resolved_once() {
        assert_eq!(
            unescape("a &amp;lt; &eacute;&#233;&#xE9; &nope; & b"),
            "a &lt; \u{e9}\u{e9}\u{e9} &nope; & b"
        );
        assert_eq!(unescape("&#146;&#0;&#xD800;&#x1F;&#xFFFF;."), "\u{2019}.");
        assert_eq!(unescape("&amp &copy=1 &"), "&amp &copy=1 &");
    }

    #[test]
    fn a_storm_of_open_brackets_takes_linear_time() {
        for storm in ["<a", "<!--", "<script>", "&a", "</", "<style></"] {
            let storm = storm.repeat(200_000);
            assert!(pieces(&storm).count() <= storm.len());
            assert!(unescape(&storm).len() <= storm.len());
        }
    }
}
