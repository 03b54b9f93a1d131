//! JSON Feed 1 and 1.1 to entries. Whatever has the wrong type is missing, not fatal; of a document
//! that breaks off, the items before the break are taken.

use std::collections::VecDeque;
use std::fmt;

use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use url::Url;

use super::extras::{self, categorise, enclose};
use super::facts::{Facts, Gathering};
use super::loose::{List, Loose, Members, Object, Person};
use super::order::MAX_ITEMS;
use super::problems::Problems;

use super::{Head, Origin, Placed, capture, clean, dates, overrides};
use crate::model::{Entry, Time};

/// Why it is no JSON Feed.
#[derive(Debug)]
pub(super) enum NoJsonFeed {
    /// It is JSON, but of something else.
    Other,
    /// It is no JSON from the first item on.
    Broken(String),
}

/// The feed's head, its items in document order, and whether the document is whole.
pub(super) fn read(
    text: &str,
    base: Option<&Url>,
    problems: &mut Problems,
) -> Result<(Head, Placed, bool), NoJsonFeed> {
    let mut feed = Feed::default();
    let mut json = serde_json::Deserializer::from_str(text);
    let end = json.deserialize_any(Fill(&mut feed));
    if let Err(error) = &end {
        if feed.items.total == 0 {
            return Err(NoJsonFeed::Broken(error.to_string()));
        }
        problems.add(None, format!("the feed breaks off: {error}"));
    }
    let version = feed.version.text().to_ascii_lowercase();
    let named = version.contains("jsonfeed");
    if !named && (!feed.has_items || feed.title.0.is_none()) {
        return Err(NoJsonFeed::Other);
    }
    let title = clean::title_of_text(feed.title.text());
    let mut head = Head {
        title: (!title.is_empty()).then_some(title),
        language: extras::language(feed.language.text()),
        facts: Facts::default(),
    };
    let home = clean::join(feed.home_page_url.text(), None);
    let base = base.or(home.as_ref());
    head.facts = feed.facts(base);
    let mut entries = Vec::new();
    for (number, item) in feed.items.newest(problems) {
        match item.0 {
            Some(item) => {
                let link = item.link_as_written();
                let entry = item.entry(base);
                let link = link.or_else(|| entry.link.clone());
                entries.push((entry, Origin { item: number, link }));
            }
            None => problems.add(Some(number), "it is no object"),
        }
    }
    Ok((head, entries, end.is_ok()))
}

#[derive(Debug, Default)]
struct File {
    url: Loose,
    kind: Loose,
    mime_type: Loose,
}

impl Members for File {
    fn member<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        match key {
            "url" => self.url = map.next_value()?,
            "type" => self.kind = map.next_value()?,
            "mime_type" => self.mime_type = map.next_value()?,
            _ => drop(map.next_value::<IgnoredAny>()?),
        }
        Ok(())
    }
}

#[derive(Debug, Default)]
struct Item {
    id: Loose,
    url: Loose,
    external_url: Loose,
    title: Loose,
    content_html: Loose,
    content_text: Loose,
    summary: Loose,
    image: Loose,
    date_published: Loose,
    date_modified: Loose,
    language: Loose,
    author: Person,
    authors: List<Person>,
    tags: List<Loose>,
    attachments: List<Object<File>>,
    /// What its author asks for, as it is written.
    asked: String,
}

impl Members for Item {
    fn member<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        let loose = match key {
            "id" => &mut self.id,
            "url" => &mut self.url,
            "external_url" => &mut self.external_url,
            "title" => &mut self.title,
            "content_html" => &mut self.content_html,
            "content_text" => &mut self.content_text,
            "summary" => &mut self.summary,
            "image" => &mut self.image,
            "date_published" => &mut self.date_published,
            "date_modified" => &mut self.date_modified,
            "language" => &mut self.language,
            "author" => {
                self.author = map.next_value()?;
                return Ok(());
            }
            "authors" => {
                self.authors = map.next_value()?;
                return Ok(());
            }
            "tags" => {
                self.tags = map.next_value()?;
                return Ok(());
            }
            "attachments" => {
                self.attachments = map.next_value()?;
                return Ok(());
            }
            overrides::MEMBER => {
                self.asked = capture::cut_long(map.next_value::<Box<RawValue>>()?.to_string());
                return Ok(());
            }
            _ => return map.next_value::<IgnoredAny>().map(drop),
        };
        *loose = map.next_value()?;
        Ok(())
    }
}

impl Item {
    fn link_as_written(&self) -> Option<String> {
        let links = [&self.url, &self.external_url].map(|link| link.text().trim());
        links.into_iter().find(|link| !link.is_empty()).map(str::to_owned)
    }

    fn entry(self, base: Option<&Url>) -> Entry {
        let date = |text: &Loose| dates::parse(text.text()).map(Time::from_timestamp);
        let link = |text: &Loose| clean::link(text.text(), base);
        let content = match self.content_html.0 {
            Some(html) if !html.trim().is_empty() => capture::cut_long(html),
            _ => html_of(&capture::cut_long(self.content_text.0.unwrap_or_default())),
        };
        let names = self.authors.0.iter().chain(std::iter::once(&self.author));
        let author = names.filter_map(|person| person.0.as_deref()).find_map(extras::person);
        let mut entry = Entry {
            guid: clean::guid(self.id.text()),
            // A link post's `external_url` is somebody else's page; its own comes first.
            link: link(&self.url)
                .or_else(|| link(&self.external_url))
                .or_else(|| clean::link(self.id.text(), None)),
            title: clean::title_of_text(self.title.text()),
            summary: html_of(&capture::cut_long(self.summary.0.unwrap_or_default())),
            content,
            published: date(&self.date_published),
            updated: date(&self.date_modified),
            author,
            language: extras::language(self.language.text()),
            ..Entry::default()
        };
        if !self.asked.is_empty() {
            overrides::of_member(&self.asked, &mut entry.overrides);
        }
        for tag in &self.tags.0 {
            categorise(&mut entry.categories, tag.text());
        }
        if let Some(image) = link(&self.image) {
            enclose(&mut entry.enclosures, &image, Some("image/*"), None);
        }
        for file in self.attachments.0.iter().filter_map(|file| file.0.as_ref()) {
            if let Some(url) = link(&file.url) {
                enclose(&mut entry.enclosures, &url, file.mime_type.0.as_deref(), None);
            }
        }
        entry
    }
}

/// Plain text as HTML.
fn html_of(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    capture::escape_into(text, &mut out);
    out.replace('\n', "<br>")
}

/// The first and the last items; which of them are the newest is known only at the end.
#[derive(Debug, Default)]
struct Items {
    first: Vec<Object<Item>>,
    last: VecDeque<Object<Item>>,
    total: usize,
}

impl Items {
    fn push(&mut self, item: Object<Item>) {
        self.total += 1;
        if self.first.len() < MAX_ITEMS {
            self.first.push(item);
            return;
        }
        if self.last.len() == MAX_ITEMS {
            self.last.pop_front();
        }
        self.last.push_back(item);
    }

    /// The newest items with their numbers, in document order.
    fn newest(self, problems: &mut Problems) -> Vec<(usize, Object<Item>)> {
        let Self { first, last, total } = self;
        let date =
            |item: Option<&Object<Item>>| dates::parse(item?.0.as_ref()?.date_published.text());
        if total <= MAX_ITEMS {
            return (1..).zip(first).collect();
        }
        problems.add(
            None,
            format!("the feed has {total} items; only the newest {MAX_ITEMS} are taken"),
        );
        let oldest_first = match (date(first.first()), date(last.back())) {
            (Some(first), Some(last)) => first < last,
            _ => false,
        };
        if !oldest_first {
            return (1..).zip(first).collect();
        }
        let mut all: Vec<_> = (1..).zip(first).collect();
        all.extend((total - last.len() + 1..).zip(last));
        all.split_off(all.len() - MAX_ITEMS)
    }
}

#[derive(Debug, Default)]
struct Feed {
    version: Loose,
    title: Loose,
    home_page_url: Loose,
    feed_url: Loose,
    next_url: Loose,
    hubs: List<Object<File>>,
    language: Loose,
    items: Items,
    has_items: bool,
}

impl Feed {
    fn facts(&self, base: Option<&Url>) -> Facts {
        let mut facts = Gathering::default();
        // rssCloud and whatever else is no WebSub hub asks in other words.
        let hubs = self.hubs.0.iter().filter_map(|hub| hub.0.as_ref());
        let hubs = hubs.filter(|hub| hub.kind.text().eq_ignore_ascii_case("websub"));
        let links = [("self", &self.feed_url), ("alternate", &self.home_page_url)];
        let links = links.into_iter().chain([("next", &self.next_url)]);
        for (rel, address) in links.chain(hubs.map(|hub| ("hub", &hub.url))) {
            if let Some(address) = clean::link(address.text(), base) {
                facts.link(rel, &address);
            }
        }
        facts.finish()
    }
}

/// Fills a feed member by member, so that what came before a break is kept.
struct Fill<'f>(&'f mut Feed);

impl<'de> Visitor<'de> for Fill<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON Feed object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "version" => self.0.version = map.next_value()?,
                "title" => self.0.title = map.next_value()?,
                "home_page_url" => self.0.home_page_url = map.next_value()?,
                "feed_url" => self.0.feed_url = map.next_value()?,
                "next_url" => self.0.next_url = map.next_value()?,
                "hubs" => self.0.hubs = map.next_value()?,
                "language" => self.0.language = map.next_value()?,
                "items" => map.next_value_seed(FillItems(self.0))?,
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(())
    }
}

struct FillItems<'f>(&'f mut Feed);

impl<'de> serde::de::DeserializeSeed<'de> for FillItems<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for FillItems<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of items")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        self.0.has_items = true;
        while let Some(item) = list.next_element()? {
            self.0.items.push(item);
        }
        Ok(())
    }
}
