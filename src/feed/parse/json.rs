//! JSON Feed 1 and 1.1 to entries. Whatever has the wrong type is missing, not fatal; of a document
//! that breaks off, the items before the break are taken.

use std::collections::VecDeque;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use url::Url;

use super::extras::{self, categorise, enclose};
use super::problems::Problems;
use super::repair::MAX_ITEMS;
use super::{Head, capture, clean, dates};
use crate::model::{Entry, Time};

/// Elements taken of any list but that of the items.
const MAX_LIST: usize = 64;

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
) -> Result<(Head, Vec<Entry>, bool), NoJsonFeed> {
    let mut feed = Feed::default();
    let mut json = serde_json::Deserializer::from_str(text);
    let end = json.deserialize_any(Fill(&mut feed));
    if let Err(error) = &end {
        if feed.items.total == 0 {
            return Err(NoJsonFeed::Broken(error.to_string()));
        }
        problems.add(None, format!("the feed breaks off: {error}"));
    }
    let version = feed.version.0.unwrap_or_default().to_ascii_lowercase();
    let named = version.contains("jsonfeed");
    if !named && (!feed.has_items || feed.title.0.is_none()) {
        return Err(NoJsonFeed::Other);
    }
    let title = clean::title_of_text(feed.title.text());
    let head = Head {
        title: (!title.is_empty()).then_some(title),
        language: extras::language(feed.language.text()),
        ttl_minutes: None,
    };
    let home = clean::join(feed.home_page_url.text(), None);
    let base = base.or(home.as_ref());
    let mut entries = Vec::new();
    for (number, item) in feed.items.newest(problems) {
        match item.0 {
            Some(item) => entries.push(item.entry(base)),
            None => problems.add(Some(number), "it is no object"),
        }
    }
    Ok((head, entries, end.is_ok()))
}

/// Text, or a number as text; anything else is nothing.
#[derive(Debug, Default)]
struct Loose(Option<String>);

impl Loose {
    fn text(&self) -> &str {
        self.0.as_deref().unwrap_or_default()
    }
}

/// An object; anything else is nothing.
#[derive(Debug)]
struct Object<T>(Option<T>);

/// A list's first elements; anything else is none.
#[derive(Debug)]
struct List<T>(Vec<T>);

impl<T> Default for List<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

/// What has members.
trait Members: Default {
    /// Takes a member's value, or [`IgnoredAny`].
    fn member<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error>;
}

/// What becomes of a value of each type; the default is nothing.
trait Take<'de>: Default {
    fn text(_: &str) -> Self {
        Self::default()
    }
    fn list<A: SeqAccess<'de>>(mut list: A) -> Result<Self, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Self::default())
    }
    fn object<A: MapAccess<'de>>(mut map: A) -> Result<Self, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Self::default())
    }
}

struct Taking<T>(PhantomData<T>);

impl<'de, T: Take<'de>> Visitor<'de> for Taking<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }
    fn visit_str<E>(self, text: &str) -> Result<T, E> {
        Ok(T::text(text))
    }
    fn visit_u64<E>(self, number: u64) -> Result<T, E> {
        Ok(T::text(&number.to_string()))
    }
    fn visit_i64<E>(self, number: i64) -> Result<T, E> {
        Ok(T::text(&number.to_string()))
    }
    fn visit_f64<E>(self, number: f64) -> Result<T, E> {
        Ok(T::text(&number.to_string()))
    }
    fn visit_bool<E>(self, _: bool) -> Result<T, E> {
        Ok(T::default())
    }
    fn visit_unit<E>(self) -> Result<T, E> {
        Ok(T::default())
    }
    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<T, A::Error> {
        T::list(list)
    }
    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
        T::object(map)
    }
}

macro_rules! deserialize_by_taking {
    ($($kind:ty $(: $bound:ident)?),*) => {$(
        impl<'de $(, T: $bound)?> Deserialize<'de> for $kind {
            fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
                json.deserialize_any(Taking(PhantomData))
            }
        }
    )*};
}
deserialize_by_taking!(Loose, Person, Object<T>: Members, List<Loose>, List<Person>, List<Object<File>>);

impl Take<'_> for Loose {
    fn text(text: &str) -> Self {
        Self(Some(clean::decode_none(text).into_owned()))
    }
}

impl<T> Default for Object<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<'de, T: Members> Take<'de> for Object<T> {
    fn object<A: MapAccess<'de>>(mut map: A) -> Result<Self, A::Error> {
        let mut value = T::default();
        while let Some(key) = map.next_key::<String>()? {
            value.member(&key, &mut map)?;
        }
        Ok(Self(Some(value)))
    }
}

impl<'de, T: Deserialize<'de>> Take<'de> for List<T> {
    fn list<A: SeqAccess<'de>>(mut list: A) -> Result<Self, A::Error> {
        let mut kept = Vec::new();
        while kept.len() < MAX_LIST {
            match list.next_element()? {
                Some(element) => kept.push(element),
                None => return Ok(Self(kept)),
            }
        }
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Self(kept))
    }
}

/// An author: an object with a name or, out of spec, the name itself.
#[derive(Debug, Default)]
struct Person(Option<String>);

impl<'de> Take<'de> for Person {
    fn text(text: &str) -> Self {
        Self(Some(text.to_owned()))
    }
    fn object<A: MapAccess<'de>>(mut map: A) -> Result<Self, A::Error> {
        let mut name = Loose::default();
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "name" => name = map.next_value()?,
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(Self(name.0))
    }
}

#[derive(Debug, Default)]
struct File {
    url: Loose,
    mime_type: Loose,
}

impl Members for File {
    fn member<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        match key {
            "url" => self.url = map.next_value()?,
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
            _ => return map.next_value::<IgnoredAny>().map(drop),
        };
        *loose = map.next_value()?;
        Ok(())
    }
}

impl Item {
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
    language: Loose,
    items: Items,
    has_items: bool,
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
