//! A sound Atom document to entries, by the `atom_syndication` crate.

use atom_syndication::{Feed, Text, TextType};

use super::extras::{self, Extras, categorise, enclose};
use super::work::Work;
use super::{Head, NotAFeed, Typed, clean, unreadable};
use crate::model::{Entry, Time};

/// The feed's head and its entries in document order; in Atom every id may be an address.
pub(super) fn read(xml: &str, work: &mut Work) -> Result<(Head, Vec<Typed>), NotAFeed> {
    let feed = Feed::read_from(xml.as_bytes()).map_err(unreadable)?;
    let title = title(&feed.title);
    let head = Head { title: (!title.is_empty()).then_some(title), ..Head::default() };
    let typed = |atom| {
        work.look()?;
        Ok(Typed { entry: entry(atom), by_id: true, counted: None })
    };
    Ok((head, feed.entries.iter().map(typed).collect::<Result<_, NotAFeed>>()?))
}

fn entry(atom: &atom_syndication::Entry) -> Entry {
    let extras = Extras(&atom.extensions);
    let own = title(&atom.title);
    let content = atom.content.as_ref();
    let content = content.and_then(|content| {
        let value = content.value.as_deref()?;
        let html = content.content_type.as_deref() == Some("html");
        Some(if html { value.to_owned() } else { escaped(value) })
    });
    let summary = atom.summary.as_ref().map(html);
    let media_text = || extras.text("media", "description").map(escaped);
    let mut entry = Entry {
        guid: clean::guid(&atom.id),
        link: link(atom),
        title: if own.is_empty() {
            let other = extras.text("dc", "title").or_else(|| extras.media_title());
            clean::title_of_html(other.unwrap_or_default())
        } else {
            own
        },
        summary: summary.or_else(media_text).unwrap_or_default(),
        content: content
            .or_else(|| extras.text("content", "encoded").map(str::to_owned))
            .unwrap_or_default(),
        published: atom
            .published
            .and_then(moment)
            .or_else(|| extras.date("dcterms", "created"))
            .or_else(|| extras.date("dc", "date")),
        updated: moment(atom.updated).or_else(|| extras.date("dcterms", "modified")),
        author: atom
            .authors
            .first()
            .map(|person| person.name.as_str())
            .or_else(|| extras.text("dc", "creator"))
            .and_then(extras::person),
        language: extras.text("dc", "language").and_then(extras::language),
        ..Entry::default()
    };
    for category in &atom.categories {
        let label = category.label.as_deref().filter(|label| !label.trim().is_empty());
        categorise(&mut entry.categories, label.unwrap_or(&category.term));
    }
    for subject in extras.all("dc", "subject") {
        categorise(&mut entry.categories, subject.value.as_deref().unwrap_or_default());
    }
    for link in atom.links.iter().filter(|link| link.rel == "enclosure") {
        enclose(&mut entry.enclosures, &link.href, link.mime_type.as_deref(), None);
    }
    extras.media(&mut entry.enclosures);
    extras.overrides(&mut entry);
    entry
}

/// The crate knows no missing `updated`: it says 1970 then, which is no date of ours.
fn moment(date: atom_syndication::FixedDateTime) -> Option<Time> {
    u64::try_from(date.timestamp_millis()).ok().filter(|ms| *ms > 0).map(Time::from_millis)
}

/// The page of the entry, HTML before anything else; or an id that is a web address.
fn link(atom: &atom_syndication::Entry) -> Option<String> {
    let alternates = || {
        let alternate = |rel: &str| {
            matches!(rel, "" | "alternate" | "http://www.iana.org/assignments/relation/alternate")
        };
        atom.links.iter().filter(move |link| alternate(link.rel.trim()) && !link.href.is_empty())
    };
    // Two that stand side by side are told apart by what they say: HTML, nothing, anything else.
    let rank = |link: &&atom_syndication::Link| {
        let kind = link.mime_type.as_deref().unwrap_or_default().trim();
        if kind.contains("html") { 0 } else { 1 + u8::from(!kind.is_empty()) }
    };
    let link = alternates().min_by_key(rank).map(|link| link.href.as_str());
    link.and_then(|link| clean::link(link, None)).or_else(|| clean::link(&atom.id, None))
}

fn title(text: &Text) -> String {
    match text.r#type {
        TextType::Text => clean::title_of_text(&text.value),
        TextType::Html | TextType::Xhtml => clean::title_of_html(&text.value),
    }
}

fn html(text: &Text) -> String {
    match text.r#type {
        TextType::Text => escaped(&text.value),
        TextType::Html | TextType::Xhtml => text.value.clone(),
    }
}

/// Plain text as HTML.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    super::capture::escape_into(text, &mut out);
    out
}
