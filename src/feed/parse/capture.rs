//! One field while it is read: text, references, CDATA and whatever markup stands inside it, up to
//! a cap.

use std::borrow::Cow;

use data_encoding::BASE64;

use super::clean::{self, Strange};
use super::names::{How, Space};
use super::tokens::{Entities, Tag};
use crate::model::markup;

/// A long field is cut here: twice the longest novel's chapter.
const MAX_LONG: usize = 512 * 1024;
/// A short one here; what is shown of it is cut again, by characters.
const MAX_SHORT: usize = 16 * 1024;
/// Markup deeper than this inside a field is dropped and its text kept.
const MAX_INNER_DEPTH: usize = 48;

/// What the text of a field is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// HTML, escaped or as markup.
    Html,
    /// HTML as markup only: text in it says what it says.
    Xhtml,
    /// Plain text; markup in it is dropped.
    Text,
    /// HTML or text in base64, as Atom 0.3 allows.
    Base64 { html: bool },
    /// Nothing that can be read.
    Ignored,
}

#[derive(Debug)]
pub(super) struct Capture<'a> {
    /// The name under which it is written.
    pub(super) name: &'static str,
    pub(super) how: How,
    /// The language that it declares.
    pub(super) language: Option<String>,
    kind: Kind,
    permalink: bool,
    href: Option<String>,
    /// What an Atom link without `href`, whose address is its text, is to its entry.
    rel: Option<String>,
    /// All of its attributes, where they count, as they are written.
    attributes: String,
    text: String,
    inner: Vec<&'a str>,
    overflow: usize,
    cut: bool,
    strange: Strange,
}

impl<'a> Capture<'a> {
    pub(super) fn new(name: &'static str, how: How, tag: &Tag<'a>) -> Self {
        let kind = match how {
            How::Short | How::Long => Kind::Html,
            How::AtomShort | How::AtomLong => atom_kind(tag, how == How::AtomLong),
            _ => Kind::Text,
        };
        let alternate = tag.attribute("rel").is_none_or(|rel| rel.trim() == "alternate");
        let href = tag.attribute("href").filter(|_| alternate && how == How::Link);
        let permalink = tag.attribute("isPermaLink").unwrap_or_default().trim();
        Self {
            name,
            how,
            language: tag.attribute("xml:lang").map(clean::attribute),
            kind,
            permalink: !permalink.eq_ignore_ascii_case("false"),
            href: href.map(clean::attribute),
            rel: None,
            attributes: if how == How::Said { written(tag) } else { String::new() },
            text: String::new(),
            inner: Vec::new(),
            overflow: 0,
            cut: false,
            strange: Strange::default(),
        }
    }

    /// An Atom link whose address is its text.
    pub(super) fn link(tag: &Tag<'a>) -> Self {
        let rel = tag.attribute("rel").map_or_else(|| "alternate".to_owned(), clean::attribute);
        Self { rel: Some(rel), ..Self::new("link", How::Link, tag) }
    }

    /// Whether it links to the entry's own page.
    pub(super) fn is_alternate(&self) -> bool {
        self.rel.as_deref().is_none_or(|rel| rel.trim() == "alternate")
    }

    /// Whether a field of that meaning, written as `raw`, ends this one, which nobody closed.
    pub(super) fn ends_before(&self, name: &str, raw: &str) -> bool {
        // Somebody else's title and link.
        let theirs = |name: &&str| ["image", "source"].contains(&local(name));
        if self.inner.iter().any(theirs) {
            return false;
        }
        // Drawings have authors and titles of their own.
        let drawn = |name: &&str| name.contains(':') || name.eq_ignore_ascii_case("svg");
        match self.how {
            How::Long | How::AtomLong if self.inner.iter().any(drawn) => false,
            // Long texts hold HTML, which has a `title`, a `link` and a `source` of its own.
            How::Long | How::AtomLong => {
                let lost = matches!(name, "guid" | "pubDate" | "published" | "updated" | "id");
                lost || raw.contains(':')
            }
            _ => true,
        }
    }

    fn push(&mut self, text: &str) {
        let cap = match self.how {
            How::Long | How::AtomLong => MAX_LONG,
            // Whole, however long: it is hashed.
            How::Guid => usize::MAX,
            _ => MAX_SHORT,
        };
        if self.text.len().saturating_add(text.len()) <= cap {
            self.text.push_str(text);
            return;
        }
        let mut end = cap.saturating_sub(self.text.len()).min(text.len());
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        self.text.push_str(&text[..end]);
        self.cut = true;
    }

    /// Takes text; without `entities` it is taken as it stands, as in CDATA.
    pub(super) fn text(&mut self, text: &str, entities: Option<&Entities<'_>>) {
        let named = self.inner.last().is_none_or(|name| local(name).eq_ignore_ascii_case("name"));
        if self.cut || self.kind == Kind::Ignored || (self.is_person() && !named) {
            return;
        }
        // Before its controls are dropped, which are bytes of characters then.
        let text = clean::undo_double_encoding(text);
        self.strange.twice += usize::from(matches!(text, Cow::Owned(_)));
        let decoded = match entities {
            Some(entities) => clean::decode_counting(&text, entities, &mut self.strange),
            None => clean::decode_none(&text),
        };
        let markup = match self.kind {
            Kind::Xhtml => true,
            Kind::Html => !self.inner.is_empty() && entities.is_some(),
            _ => false,
        };
        if markup {
            let mut escaped = String::with_capacity(decoded.len());
            escape_into(&decoded, &mut escaped);
            self.push(&escaped);
        } else {
            self.push(&decoded);
        }
    }

    /// Whether what it says is HTML.
    pub(super) fn is_html(&self) -> bool {
        self.kind != Kind::Text && self.kind != Kind::Ignored
    }

    fn is_person(&self) -> bool {
        matches!(self.how, How::Author | How::Person)
    }

    /// Takes an opening tag inside the field.
    pub(super) fn open(&mut self, tag: &Tag<'a>, space: Space) {
        let name = if space == Space::Xhtml { local(tag.name) } else { tag.name };
        let void = is_void(name);
        if self.inner.len() >= MAX_INNER_DEPTH {
            self.overflow += usize::from(!tag.empty && !void);
            return;
        }
        if matches!(self.kind, Kind::Html | Kind::Xhtml) && !self.cut {
            let mut markup = format!("<{name}");
            for (key, value) in &tag.attributes {
                if key.starts_with("xmlns") {
                    continue;
                }
                markup.push_str(&format!(" {key}=\""));
                escape_into(&clean::attribute(value), &mut markup);
                markup.push('"');
            }
            markup.push_str(match (void, tag.empty) {
                (true, _) => "/>",
                (false, true) => "></",
                (false, false) => ">",
            });
            if tag.empty && !void {
                markup.push_str(&format!("{name}>"));
            }
            self.push(&markup);
        }
        if self.kind == Kind::Text && void && matches!(self.how, How::AtomShort | How::AtomLong) {
            // A `<br>` that nobody escaped parts words all the same.
            self.push(" ");
        }
        if !tag.empty && !void {
            self.inner.push(tag.name);
        }
    }

    /// Takes a closing tag inside the field; `false` where it closes nothing in here.
    pub(super) fn close(&mut self, name: &str) -> bool {
        let Some(at) = self.inner.iter().rposition(|n| n.eq_ignore_ascii_case(name)) else {
            return false;
        };
        if self.overflow > 0 {
            self.overflow -= 1;
            return true;
        }
        while self.inner.len() > at {
            self.close_inner();
        }
        true
    }

    fn close_inner(&mut self) {
        let Some(name) = self.inner.pop() else { return };
        if matches!(self.kind, Kind::Html | Kind::Xhtml) && !self.cut {
            let name = if self.kind == Kind::Xhtml { local(name) } else { name };
            self.push(&format!("</{name}>"));
        }
    }

    /// What was strange in it.
    pub(super) const fn strange(&self) -> &Strange {
        &self.strange
    }

    /// Whether it was longer than what is kept.
    pub(super) fn was_cut(&self) -> bool {
        self.cut
    }

    /// What the field says, without space around it.
    pub(super) fn value(&self) -> String {
        let text = self.text.trim();
        match self.kind {
            Kind::Ignored => String::new(),
            Kind::Base64 { .. } => {
                let packed: String = text.split_whitespace().collect();
                // A media type that means nothing here may also stand beside plain text.
                let bytes = BASE64.decode(packed.as_bytes()).ok();
                let unpacked = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
                clean::decode_none(unpacked.as_deref().unwrap_or(text).trim()).into_owned()
            }
            _ if text.is_empty() => self.href.clone().map(clean::unescaped).unwrap_or_default(),
            _ if matches!(self.how, How::Link | How::Guid) => clean::unescaped(text.to_owned()),
            _ => {
                let mut text = text.to_owned();
                if matches!(self.kind, Kind::Html | Kind::Xhtml) && !self.cut {
                    for name in self.inner.iter().rev() {
                        text.push_str(&format!("</{}>", local(name)));
                    }
                }
                text
            }
        }
    }

    /// Writes the field with that value.
    pub(super) fn write(&self, value: &str, out: &mut String) {
        let name = self.name;
        if let Some(rel) = &self.rel {
            out.push_str("<link rel=\"");
            escape_into(rel, out);
            out.push_str("\" href=\"");
            escape_into(value, out);
            out.push_str("\"/>");
            return;
        }
        let html = matches!(self.kind, Kind::Html | Kind::Xhtml | Kind::Base64 { html: true });
        let attribute = match self.how {
            How::AtomShort | How::AtomLong if html => " type=\"html\"",
            How::Guid if !self.permalink => " isPermaLink=\"false\"",
            _ => "",
        };
        let (inside, after) =
            if self.how == How::Person { ("<name>", "</name>") } else { ("", "") };
        out.push_str(&format!("<{name}{attribute}{}>{inside}", self.attributes));
        escape_into(value, out);
        out.push_str(&format!("{after}</{name}>"));
    }
}

/// The attributes of an element that stand in no other namespace.
fn written(tag: &Tag<'_>) -> String {
    let mut out = String::new();
    for (name, value) in &tag.attributes {
        if *name != "xmlns" && name.bytes().all(|b| b.is_ascii_alphabetic()) {
            out.push_str(&format!(" {}=\"", name.to_ascii_lowercase()));
            escape_into(&clean::attribute(value), &mut out);
            out.push('"');
        }
    }
    out
}

/// What an Atom text construct is, by its attributes. Atom 1.0 has three types; feeds of both
/// versions have any media type, and Atom 0.3 a mode beside it.
fn atom_kind(tag: &Tag<'_>, long: bool) -> Kind {
    let word = |name| tag.attribute(name).unwrap_or_default().trim().to_ascii_lowercase();
    let (kind, mode) = (word("type"), word("mode"));
    let kind = kind.split(';').next().unwrap_or_default().trim();
    if long && tag.attribute("src").is_some() {
        return Kind::Ignored;
    }
    if mode == "base64" {
        return Kind::Base64 { html: kind.contains("html") };
    }
    match kind {
        "" | "text" | "plain" | "text/plain" => Kind::Text,
        "xhtml" | "application/xhtml+xml" if mode == "escaped" => Kind::Html,
        "xhtml" | "application/xhtml+xml" => Kind::Xhtml,
        "html" | "text/html" | "application/html" => Kind::Html,
        _ if kind.starts_with("text/") && !kind.ends_with("xml") => Kind::Text,
        _ if kind.contains('/') && long => Kind::Ignored,
        _ if kind.contains('/') => Kind::Base64 { html: true },
        _ => Kind::Html,
    }
}

fn local(name: &str) -> &str {
    name.rsplit(':').next().unwrap_or(name)
}

/// HTML elements that are never closed.
fn is_void(name: &str) -> bool {
    const VOID: [&str; 13] = [
        "area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source",
        "track", "wbr",
    ];
    VOID.iter().any(|void| name.eq_ignore_ascii_case(void))
}

/// A long text, cut as a long field is.
pub(super) fn cut_long(mut text: String) -> String {
    let mut end = MAX_LONG.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.truncate(end);
    text
}

/// Writes text so that an XML parser reads the same text again.
pub(super) fn escape_into(text: &str, out: &mut String) {
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let plain = rest.bytes().position(|b| !is_plain(b)).unwrap_or(rest.len());
        if plain > 0 {
            out.push_str(&rest[..plain]);
            rest = &rest[plain..];
            continue;
        }
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            c if markup::is_forbidden(c) => {}
            c => out.push(c),
        }
        rest = &rest[c.len_utf8()..];
    }
}

/// Whether a byte is a char that XML text may hold as it stands.
const fn is_plain(byte: u8) -> bool {
    matches!(byte, b' '..=b'~' | b'\t' | b'\n' | b'\r')
        && !matches!(byte, b'&' | b'<' | b'>' | b'"')
}
