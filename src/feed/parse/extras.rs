//! What both typed parsers keep as extensions: Dublin Core, media, iTunes and the like, read once
//! for both.

use std::collections::BTreeMap;

use super::clean;
use super::dates;
use super::overrides::{self, Plain};
use crate::model::{Enclosure, Entry, Time};

/// More media than this are not taken.
const MAX_ENCLOSURES: usize = 16;
/// More tags than this are not taken, nor longer ones, in characters.
const MAX_CATEGORIES: usize = 32;
const MAX_CATEGORY: usize = 100;

/// An extension element, of whichever crate.
pub(super) trait Extension: Sized {
    fn value(&self) -> Option<&str>;
    fn attributes(&self) -> &BTreeMap<String, String>;
    fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes().get(name).map(String::as_str)
    }
    fn children(&self) -> &BTreeMap<String, Vec<Self>>;
}

impl Extension for rss::extension::Extension {
    fn value(&self) -> Option<&str> {
        self.value.as_deref()
    }
    fn attributes(&self) -> &BTreeMap<String, String> {
        &self.attrs
    }
    fn children(&self) -> &BTreeMap<String, Vec<Self>> {
        &self.children
    }
}

impl Extension for atom_syndication::extension::Extension {
    fn value(&self) -> Option<&str> {
        self.value.as_deref()
    }
    fn attributes(&self) -> &BTreeMap<String, String> {
        &self.attrs
    }
    fn children(&self) -> &BTreeMap<String, Vec<Self>> {
        &self.children
    }
}

/// The extension elements of an item.
pub(super) struct Extras<'a, E>(pub(super) &'a BTreeMap<String, BTreeMap<String, Vec<E>>>);

impl<'a, E: Extension> Extras<'a, E> {
    pub(super) fn all(&self, prefix: &str, name: &str) -> impl Iterator<Item = &'a E> + use<'a, E> {
        self.0.get(prefix).and_then(|names| names.get(name)).into_iter().flatten()
    }

    pub(super) fn text(&self, prefix: &str, name: &str) -> Option<&'a str> {
        self.all(prefix, name).find_map(|e| e.value().filter(|value| !value.is_empty()))
    }

    pub(super) fn date(&self, prefix: &str, name: &str) -> Option<Time> {
        self.text(prefix, name).and_then(date)
    }

    /// A title that stands beside the item's media, or in the first of them.
    pub(super) fn media_title(&self) -> Option<&'a str> {
        let inside = self.all("media", "content").flat_map(|media| media.children().get("title"));
        let inside = inside.flatten().filter_map(Extension::value).find(|value| !value.is_empty());
        self.text("media", "title").or(inside)
    }

    /// Pictures and films, with what they show.
    pub(super) fn media(&self, enclosures: &mut Vec<Enclosure>) {
        for media in self.all("media", "content") {
            let Some(url) = media.attribute("url") else { continue };
            let alt = media.children().get("description").into_iter().flatten();
            let alt = alt.filter_map(Extension::value).next();
            let medium = media.attribute("medium");
            let media_type = media.attribute("type").or(medium.map(|medium| match medium {
                "image" => "image/*",
                "video" => "video/*",
                "audio" => "audio/*",
                _ => "application/octet-stream",
            }));
            enclose(enclosures, url, media_type, alt);
        }
        if enclosures.is_empty() {
            let thumbnails = self.all("media", "thumbnail").filter_map(|e| e.attribute("url"));
            let covers = self.all("itunes", "image").filter_map(|e| e.attribute("href"));
            if let Some(url) = thumbnails.chain(covers).next() {
                enclose(enclosures, url, Some("image/*"), None);
            }
        }
    }
}

impl<E: Extension> Extras<'_, E> {
    /// What the author asks for of some audiences.
    pub(super) fn overrides(&self, entry: &mut Entry) {
        let mut asked = Vec::new();
        let plain = Plain::of(entry);
        let ours = self.all("once", "post").map(|element| (element, overrides::ELEMENT));
        let posse = self.all("posse", "post").map(|element| (element, overrides::POSSE));
        for (seen, (element, what)) in ours.chain(posse).enumerate() {
            let text = element.value().unwrap_or_default();
            if seen == overrides::MAX {
                overrides::too_many(what, &mut asked);
                break;
            } else if what == overrides::POSSE {
                overrides::of_posse(text, &plain, &mut asked);
            } else {
                let attributes = element.attributes().iter();
                let attributes = attributes.map(|(name, value)| (name.as_str(), value.as_str()));
                overrides::of_element(attributes, text, &mut asked);
            }
        }
        entry.overrides = asked;
    }
}

/// A date as the repair stage wrote it.
pub(super) fn date(text: &str) -> Option<Time> {
    dates::parse(text).map(Time::from_timestamp)
}

/// Adds a file, unless it is there.
pub(super) fn enclose(
    list: &mut Vec<Enclosure>,
    url: &str,
    media_type: Option<&str>,
    alt: Option<&str>,
) {
    if url.is_empty() || list.len() >= MAX_ENCLOSURES || list.iter().any(|e| e.url == url) {
        return;
    }
    list.push(Enclosure {
        url: url.to_owned(),
        media_type: media_type.map(str::trim).filter(|t| !t.is_empty()).map(str::to_owned),
        alt: alt.map(clean::title_of_text).filter(|alt| !alt.is_empty()),
    });
}

/// Adds a tag, unless it is there.
pub(super) fn categorise(list: &mut Vec<String>, name: &str) {
    let name: String = clean::title_of_html(name).chars().take(MAX_CATEGORY).collect();
    if !name.is_empty() && list.len() < MAX_CATEGORIES && !list.contains(&name) {
        list.push(name);
    }
}

/// A person's name, out of `bob@example.org (Bob)` and its like.
pub(super) fn person(text: &str) -> Option<String> {
    let text = clean::title_of_html(text);
    let name = match (text.split_once('('), text.split_once('<')) {
        (Some((mail, name)), _) if mail.contains('@') => name.trim_end_matches(')').trim(),
        (_, Some((name, mail))) if mail.contains('@') && !name.trim().is_empty() => name.trim(),
        _ => text.trim(),
    };
    (!name.is_empty()).then(|| name.to_owned())
}

/// A language tag such as `en` or `de-AT`; anything else is none.
pub(super) fn language(text: &str) -> Option<String> {
    let tag = text.trim().replace('_', "-");
    let sound = (2..=35).contains(&tag.len())
        && tag.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        && tag.split('-').next().is_some_and(|first| (2..=8).contains(&first.len()));
    sound.then_some(tag)
}
