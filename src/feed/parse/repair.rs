//! The repair stage: whatever XML a feed is written in becomes a small, sound document of only the
//! elements that an entry is made of, before a typed parser sees it.
//!
//! The typed parsers recurse without a limit and refuse a whole feed for one bad tag. What comes
//! out of here is never deeper than six elements, has no namespaces to resolve and no tag left
//! open, so neither can happen. An item that the text ends in is left out whole: half a post now
//! is a duplicate later.

use std::rc::Rc;

use url::Url;

use super::capture::{Capture, escape_into};
use super::facts::{Facts, Gathering};
use super::items::{Item, Items, Kept, Written};
use super::names::{Family, How, Meaning, Place, Space, Spaces, meaning};
use super::problems::Problems;
use super::root::{Unread, find_root, local};
use super::tokens::{Tag, Token, Tokens};
use super::work::Work;
use super::{clean, dates, relative};
use crate::model::Time;

/// Elements deeper than this are dropped.
const MAX_DEPTH: usize = 48;

/// A sound document.
#[derive(Debug)]
pub(super) struct Repaired {
    pub(super) family: Family,
    /// The root element as it was written, without its prefix, in lower case.
    pub(super) root: String,
    /// Whether the root says that this is Atom 0.3.
    pub(super) atom03: bool,
    pub(super) xml: String,
    /// The language that the root declares.
    pub(super) language: Option<String>,
    /// Whether the document is all there.
    pub(super) complete: bool,
    pub(super) facts: Facts,
    /// For each item, its links that are written otherwise than they were.
    pub(super) written: Vec<Written>,
    /// The number of the first item that is kept, from 1.
    pub(super) first: usize,
}

/// Repairs a document.
pub(super) fn repair(
    text: &str,
    base: Option<&Url>,
    problems: &mut Problems,
    work: &mut Work,
) -> Result<Repaired, Unread> {
    let mut tokens = Tokens::new(text);
    let (tag, family, behind) = find_root(&mut tokens)?;
    problems.mended("what a server printed before the feed is left out", usize::from(behind));
    let mut repair = Repair {
        family,
        spaces: Spaces::default(),
        stack: Vec::new(),
        overflow: 0,
        capture: None,
        base: base.cloned().map(Rc::new),
        head: String::new(),
        items: Items::default(),
        item: None,
        seen: 0,
        language: None,
        facts: Gathering::default(),
        ended: false,
        problems,
    };
    let root = local(tag.name);
    let atom03 = tag.attribute("version").is_some_and(|v| v.trim().starts_with("0."))
        || tag.attributes.iter().any(|(name, uri)| {
            name.starts_with("xmlns")
                && uri.trim().to_ascii_lowercase().contains("purl.org/atom/ns")
        });
    let single = root == "entry";
    repair.open_root(&tag);
    if single {
        repair.open_item(&tag);
    }
    while let Some(token) = tokens.next() {
        work.step()?;
        match token {
            Token::Start(tag) => repair.start(tag),
            Token::End(name) => repair.end(name),
            Token::Text(text) => {
                if let Some(capture) = &mut repair.capture {
                    capture.text(text, Some(&tokens.entities));
                }
            }
            Token::Cdata(text) => {
                if let Some(capture) = &mut repair.capture {
                    capture.text(text, None);
                }
            }
        }
        if repair.ended {
            break;
        }
    }
    let complete = repair.ended || (single && repair.item.is_none() && !tokens.cut);
    Ok(repair.finish(root, atom03, complete))
}

fn is_alternate(tag: &Tag<'_>) -> bool {
    tag.attribute("rel").is_none_or(|rel| rel.trim().eq_ignore_ascii_case("alternate"))
}

struct Open<'a> {
    name: &'a str,
    place: Place,
    spaces_mark: usize,
    base: Option<Rc<Url>>,
    /// Whether the document itself names that base.
    says_base: bool,
    /// What is written when it closes.
    close: Option<&'static str>,
    item: bool,
    /// It only has attributes: what stands in it stands behind it, and somebody forgot its end.
    leaf: bool,
}

struct Repair<'a, 'p> {
    family: Family,
    spaces: Spaces<'a>,
    stack: Vec<Open<'a>>,
    /// Elements open beyond the deepest that is kept.
    overflow: usize,
    capture: Option<Capture<'a>>,
    base: Option<Rc<Url>>,
    head: String,
    items: Items,
    item: Option<Item>,
    /// Items begun.
    seen: usize,
    language: Option<String>,
    facts: Gathering,
    ended: bool,
    problems: &'p mut Problems,
}

impl<'a> Repair<'a, '_> {
    fn place(&self) -> Place {
        self.stack.last().map_or(Place::Outside, |open| open.place)
    }

    fn base(&self) -> Option<Rc<Url>> {
        self.stack.last().and_then(|open| open.base.clone()).or_else(|| self.base.clone())
    }

    fn says_base(&self) -> bool {
        self.stack.last().is_some_and(|open| open.says_base)
    }

    /// Remembers how a link of the item was written, where that is not what became of it.
    fn note_link(&mut self, raw: &str, link: Option<&str>) {
        let says_base = self.says_base();
        let Some(item) = &mut self.item else { return };
        let raw = raw.trim();
        // An address that the document's own base completes is the one that the feed has.
        if !raw.is_empty() && link != Some(raw) && (link.is_none() || !says_base) {
            item.written.push((link.map(str::to_owned), raw.to_owned()));
        }
    }

    fn out(&mut self) -> &mut String {
        if self.item.is_some() { &mut self.items.text } else { &mut self.head }
    }

    fn push(&mut self, tag: &Tag<'a>, place: Place, spaces_mark: usize) -> &mut Open<'a> {
        let outer = self.base();
        let own = tag.attribute("xml:base").map(clean::attribute);
        let base = own.and_then(|own| clean::join(&own, outer.as_deref())).map(Rc::new);
        let says_base = base.is_some() || self.says_base();
        let base = base.or(outer);
        let (name, close) = (tag.name, None);
        let open =
            Open { name, place, spaces_mark, base, says_base, close, item: false, leaf: false };
        self.stack.push(open);
        let top = self.stack.len() - 1;
        &mut self.stack[top]
    }

    fn open_root(&mut self, tag: &Tag<'a>) {
        let mark = self.spaces.declare(&tag.attributes);
        self.language = tag.attribute("xml:lang").map(clean::attribute);
        self.push(tag, Place::Head, mark);
    }

    fn open_item(&mut self, tag: &Tag<'a>) {
        let mark = self.spaces.declare(&tag.attributes);
        self.seen += 1;
        let about = tag.attributes.iter().find(|(name, _)| local(name) == "about");
        self.item = Some(Item {
            start: self.items.text.len(),
            about: about.map(|(_, about)| clean::attribute(about)),
            href: tag.attribute("href").map(clean::attribute),
            language: tag.attribute("xml:lang").map(clean::attribute),
            ..Item::default()
        });
        self.items.text.push_str(if self.family == Family::Rss { "<item>" } else { "<entry>" });
        self.push(tag, Place::Item, mark).item = true;
    }

    fn start(&mut self, tag: Tag<'a>) {
        let space = {
            let mark = self.spaces.declare(&tag.attributes);
            let space = self.spaces.resolve(tag.name);
            self.spaces.undo(mark);
            space
        };
        if let Some(capture) = &mut self.capture {
            // A field that was never closed ends where another begins.
            let next = meaning(self.family, Place::Item, space, tag.name);
            let ends = match next {
                Meaning::Item => true,
                Meaning::Field(name, _) if space != Space::Xhtml => {
                    capture.ends_before(name, tag.name)
                }
                _ => false,
            };
            if !ends {
                capture.open(&tag, space);
                return;
            }
            self.problems.mended("a field that nobody ended ends where the next begins", 1);
            self.close_field();
        }
        if let [.., outer, Open { leaf: true, .. }] = &self.stack[..]
            && meaning(self.family, outer.place, space, tag.name) != Meaning::Unknown
        {
            self.pop();
        }
        if self.overflow > 0 || self.stack.len() >= MAX_DEPTH {
            self.overflow += usize::from(!tag.empty);
            return;
        }
        let is_item = meaning(self.family, Place::Head, space, tag.name) == Meaning::Item;
        let lost = self.place() != Place::Unknown || self.item.is_none();
        if is_item && self.place() != Place::Head && lost {
            self.problems.mended("an item that nobody ended ends where the next begins", 1);
            while self.stack.len() > 1 && self.place() != Place::Head {
                self.pop();
            }
        }
        match meaning(self.family, self.place(), space, tag.name) {
            Meaning::Item if tag.empty => {
                let name = tag.name;
                self.open_item(&tag);
                self.end(name);
            }
            Meaning::Item => self.open_item(&tag),
            Meaning::Field(name, how) => self.field(name, how, tag),
            Meaning::Channel => {
                let language = tag.attribute("xml:lang").map(clean::attribute);
                self.language = language.or(self.language.take());
                self.structure(&tag, Place::Head);
            }
            Meaning::Wrapper => self.structure(&tag, self.place()),
            Meaning::Root(_) | Meaning::Unknown => self.structure(&tag, Place::Unknown),
        }
    }

    /// An element that only holds others.
    fn structure(&mut self, tag: &Tag<'a>, place: Place) {
        if !tag.empty {
            let mark = self.spaces.declare(&tag.attributes);
            self.push(tag, place, mark);
        }
    }

    fn field(&mut self, name: &'static str, how: How, tag: Tag<'a>) {
        let mark = self.spaces.declare(&tag.attributes);
        if self.item.as_mut().is_some_and(|item| item.is_full(how, name)) {
            self.push(&tag, Place::Unknown, mark);
            if tag.empty {
                self.pop();
            }
            return;
        }
        let texted = name == "link" && !tag.empty && tag.attribute("href").is_none();
        let capture = (texted && how != How::Link).then(|| Capture::link(&tag));
        match how {
            How::Attributes(kept) | How::Open(kept) if capture.is_none() => {
                let open = matches!(how, How::Open(_));
                self.push(&tag, if open { Place::Media } else { Place::Unknown }, mark);
                self.write_attributes(name, kept, &tag, open);
                let top = self.stack.len() - 1;
                self.stack[top].close = open.then_some(name);
                self.stack[top].leaf = !open;
                if tag.empty {
                    self.pop();
                }
            }
            _ => {
                self.push(&tag, Place::Unknown, mark);
                if how == How::Link && self.item.is_none() {
                    self.head_link(&tag, self.base().as_deref());
                }
                self.capture = Some(capture.unwrap_or_else(|| Capture::new(name, how, &tag)));
                if tag.empty {
                    self.close_field();
                }
            }
        }
    }

    fn write_attributes(&mut self, name: &str, kept: &[&str], tag: &Tag<'a>, open: bool) {
        let base = self.base();
        if self.item.is_none() {
            self.head_link(tag, base.as_deref());
        }
        let mut element = format!("<{name}");
        for key in kept {
            let Some(value) = tag.attribute(key).map(clean::attribute) else { continue };
            let value = match *key {
                "href" | "url" => {
                    let value = clean::unescaped(value);
                    let link = clean::link(&value, base.as_deref());
                    if name.ends_with("link") && is_alternate(tag) {
                        self.note_link(&value, link.as_deref());
                    }
                    let Some(link) = link else { continue };
                    link
                }
                _ => value,
            };
            element.push_str(&format!(" {key}=\""));
            escape_into(&value, &mut element);
            element.push('"');
        }
        element.push_str(if open { ">" } else { "/>" });
        if self.item.is_none() && self.base.is_none() && name.ends_with("link") {
            let href = tag.attribute("href").map(clean::attribute);
            self.base = href.and_then(|href| clean::join(&href, None)).map(Rc::new);
        }
        self.out().push_str(&element);
    }

    /// A link of the feed itself, in whichever vocabulary it is written.
    fn head_link(&mut self, tag: &Tag<'a>, base: Option<&Url>) {
        let Some(href) = tag.attribute("href").map(clean::attribute) else { return };
        if let Some(href) = clean::link(&href, base) {
            let rel = tag.attribute("rel").map(clean::attribute);
            self.facts.link(rel.as_deref().unwrap_or("alternate"), &href);
        }
    }

    /// Ends the field that is being read and writes what it says.
    fn close_field(&mut self) {
        let Some(capture) = self.capture.take() else { return };
        let base = self.base();
        if capture.was_cut() {
            self.problems.add(self.at(), format!("{} is too long and was cut", capture.name));
        }
        self.problems.strange(capture.strange());
        let mut value = capture.value();
        if capture.name == "link" && capture.is_alternate() {
            let link = clean::link(&value, base.as_deref());
            self.note_link(&value, link.as_deref());
        }
        match capture.how {
            How::Date => {
                let date = dates::parse(&value);
                if date.is_none() && !value.is_empty() {
                    let shown: String = value.chars().take(40).collect();
                    self.problems.add(self.at(), format!("{} {shown:?} is no date", capture.name));
                }
                value = date.map(|date| date.to_string()).unwrap_or_default();
                if let (Some(item), Some(date)) = (&mut self.item, date) {
                    item.date.get_or_insert(Time::from_timestamp(date));
                }
            }
            How::Link => {
                let link = clean::link(&value, base.as_deref());
                if link.is_none() && !value.is_empty() {
                    self.problems.add(self.at(), format!("{} is no web address", capture.name));
                }
                value = link.unwrap_or_default();
                if self.item.is_none() && !value.is_empty() {
                    self.facts.link("alternate", &value);
                }
                if self.item.is_none() && self.base.is_none() {
                    self.base = clean::join(&value, None).map(Rc::new);
                }
            }
            // What the document says of itself goes before what the page of the entry would mean.
            How::Long | How::AtomLong if self.says_base() && capture.is_html() => {
                value = relative::resolved(value, base.as_deref());
            }
            _ => {}
        }
        if let Some(item) = &mut self.item {
            item.has_id |= matches!(capture.name, "guid" | "id") && !value.is_empty();
            if capture.name == "title" && !value.is_empty() {
                // The first title is the item's own; a later one belongs to something inside it.
                if item.has_title {
                    value.clear();
                } else if item.language.is_none() {
                    item.language.clone_from(&capture.language);
                }
                item.has_title = true;
            }
        }
        let fact = self.item.is_none() && self.facts.field(capture.name, &value);
        if (!value.is_empty() || capture.how == How::Said) && !fact {
            capture.write(&value, self.out());
        }
        self.pop();
    }

    /// The number of the item that is being read, from 1.
    fn at(&self) -> Option<usize> {
        self.item.as_ref().map(|_| self.seen)
    }

    fn end(&mut self, name: &str) {
        let same = |open: &Open<'_>| open.name.eq_ignore_ascii_case(name);
        // The end of an item or of the feed ends whatever is still open in it.
        let structural = self.stack.iter().any(|o| same(o) && (o.item || o.place == Place::Head));
        if let Some(capture) = &mut self.capture {
            if capture.close(name) {
                return;
            }
            let own = self.stack.last().is_some_and(same);
            if own || structural {
                self.close_field();
            }
            if own || !structural {
                return;
            }
        }
        if self.overflow > 0 {
            self.overflow = if structural { 0 } else { self.overflow - 1 };
            if !structural {
                return;
            }
        }
        if let Some(at) = self.stack.iter().rposition(same) {
            while self.stack.len() > at {
                self.pop();
            }
        }
    }

    fn pop(&mut self) {
        let Some(open) = self.stack.pop() else { return };
        self.spaces.undo(open.spaces_mark);
        if let Some(name) = open.close {
            self.out().push_str(&format!("</{name}>"));
        }
        if open.item {
            self.close_item();
        }
        self.ended |= self.stack.is_empty();
    }

    fn close_item(&mut self) {
        let Some(item) = self.item.take() else { return };
        let mut add = |open: &str, value: &str, close: &str| {
            self.items.text.push_str(open);
            escape_into(value, &mut self.items.text);
            self.items.text.push_str(close);
        };
        if let Some(about) = item.about.filter(|about| !item.has_id && !about.is_empty()) {
            // RSS 1.0 has no other identity than this, and the typed parser drops it.
            add("<guid isPermaLink=\"false\">", &about, "</guid>");
        }
        if let Some(href) = item.href.filter(|_| self.family == Family::Rss)
            && let Some(link) = clean::link(&href, self.base.as_deref())
        {
            add("<link>", &link, "</link>");
        }
        if let Some(language) = &item.language {
            add("<dc:language>", language, "</dc:language>");
        }
        let end = if self.family == Family::Rss { "</item>" } else { "</entry>" };
        self.items.text.push_str(end);
        self.items.push(item.start, item.date, item.written);
    }

    fn finish(self, root: String, atom03: bool, complete: bool) -> Repaired {
        if self.item.is_some() {
            self.problems.add(None, "the feed ends inside its last item, which is left out");
        } else if !complete {
            self.problems.add(None, "the feed ends before its end tag");
        }
        let Kept { text: mut xml, written, first } = self.items.newest(self.problems);
        let (open, close) = match self.family {
            Family::Rss => ("<rss><channel>", "</channel></rss>"),
            Family::Atom => ("<feed>", "</feed>"),
        };
        // In place: another copy of the whole document would be as large as all of it.
        xml.insert_str(0, &self.head);
        xml.insert_str(0, open);
        xml.push_str(close);
        let (family, language, facts) = (self.family, self.language, self.facts.finish());
        Repaired { family, root, atom03, xml, language, complete, facts, written, first }
    }
}
