//! A sound RSS document to entries, by the `rss` crate.

use super::extras::{self, Extras, categorise, date, enclose};
use super::work::Work;
use super::{Head, NotAFeed, Typed, clean, unreadable};
use crate::model::Entry;

/// Hosts of a service that rewrote links to count clicks and is no more; beside its link a feed
/// may still name the real one.
const CLICK_COUNTERS: [&str; 2] = ["feedproxy.google.com", "feeds.feedburner.com"];

/// The feed's head and its items in document order; a guid that says so is the address too.
pub(super) fn read(xml: &str, work: &mut Work) -> Result<(Head, Vec<Typed>), NotAFeed> {
    let channel = rss::Channel::read_from(xml.as_bytes()).map_err(unreadable)?;
    let title = clean::title_of_html(channel.title());
    let language =
        channel.language().or_else(|| Extras(channel.extensions()).text("dc", "language"));
    let head = Head {
        title: (!title.is_empty()).then_some(title),
        language: language.and_then(extras::language),
        ..Head::default()
    };
    let typed = |item: &rss::Item| {
        work.look()?;
        let mut entry = entry(item);
        let real = real(item, entry.link.as_deref());
        let counted = real.and_then(|real| entry.link.replace(real));
        let by_id = item.guid().is_some_and(rss::Guid::is_permalink);
        Ok(Typed { entry, by_id, counted })
    };
    Ok((head, channel.items().iter().map(typed).collect::<Result<_, NotAFeed>>()?))
}

/// The real address beside one that counts clicks.
fn real(item: &rss::Item, link: Option<&str>) -> Option<String> {
    let host = link?.split('/').nth(2).unwrap_or_default();
    let counted = CLICK_COUNTERS.iter().any(|counter| host.eq_ignore_ascii_case(counter));
    let real = Extras(item.extensions()).text("feedburner", "origLink").filter(|_| counted);
    real.map(str::to_owned)
}

fn entry(item: &rss::Item) -> Entry {
    let extras = Extras(item.extensions());
    let guid = item.guid();
    let title = item
        .title()
        .or_else(|| extras.text("dc", "title"))
        .or_else(|| extras.media_title())
        .unwrap_or_default();
    let summary = item
        .description()
        .or_else(|| extras.text("dc", "description"))
        .or_else(|| extras.text("itunes", "summary"))
        .or_else(|| extras.text("media", "description"));
    let mut entry = Entry {
        guid: guid
            .map(rss::Guid::value)
            .or_else(|| extras.text("atom", "id"))
            .and_then(clean::guid),
        link: link(item, &extras),
        title: clean::title_of_html(title),
        summary: summary.unwrap_or_default().to_owned(),
        content: item.content().unwrap_or_default().to_owned(),
        published: item
            .pub_date()
            .and_then(date)
            .or_else(|| extras.date("dc", "date"))
            .or_else(|| extras.date("dcterms", "created")),
        updated: extras.date("dcterms", "modified"),
        author: item
            .author()
            .or_else(|| extras.text("dc", "creator"))
            .or_else(|| extras.text("itunes", "author"))
            .and_then(extras::person),
        language: extras.text("dc", "language").and_then(extras::language),
        ..Entry::default()
    };
    for category in item.categories() {
        categorise(&mut entry.categories, category.name());
    }
    for subject in extras.all("dc", "subject") {
        categorise(&mut entry.categories, subject.value.as_deref().unwrap_or_default());
    }
    if let Some(enclosure) = item.enclosure() {
        enclose(&mut entry.enclosures, enclosure.url(), Some(enclosure.mime_type()), None);
    }
    extras.media(&mut entry.enclosures);
    extras.overrides(&mut entry);
    entry
}

/// Its own link, or an Atom one, or a guid that says it is one.
fn link(item: &rss::Item, extras: &Extras<'_, rss::extension::Extension>) -> Option<String> {
    let alternate = |e: &&rss::extension::Extension| {
        e.attrs.get("rel").is_none_or(|rel| rel == "alternate") && e.attrs.contains_key("href")
    };
    let atom = || extras.all("atom", "link").find(alternate).map(|e| e.attrs["href"].as_str());
    let permalink = || item.guid().filter(|guid| guid.is_permalink()).map(rss::Guid::value);
    item.link()
        .or_else(atom)
        .and_then(|link| clean::link(link, None))
        .or_else(|| permalink().and_then(|link| clean::link(link, None)))
}
