//! How each item of a document can be recognised, once the document's own collisions are taken out.

use std::collections::hash_map::Entry as Place;
use std::collections::{HashMap, HashSet};

use crate::model::identity::{aliases, side_aliases, text_form, title_form};
use crate::model::{Alias, AliasKind, Entry, Fingerprint};

/// How one item can be recognised, after the document's own collisions are taken out.
pub(super) struct Names {
    pub(super) aliases: Vec<Alias>,
    /// Its strongest alias in the form that is not among them: alone where it is shared in this
    /// document, narrowed where it is not.
    pub(super) other: Option<Alias>,
    /// Whether its strongest alias is shared.
    pub(super) is_shared: bool,
    /// False for an item that says the same as one before it in every alias.
    pub(super) is_first: bool,
    /// Aliases to be believed only with some second evidence.
    pub(super) side: Vec<Alias>,
}

impl Names {
    pub(super) fn of(&self, kind: AliasKind) -> Option<&Alias> {
        self.aliases.iter().find(|a| a.kind == kind)
    }
}

/// Aliases of every item, and those that several items share though they are two posts. A key that
/// several items of one document share proves nothing: a shared guid is narrowed by link, then by title
/// and day; a shared link or weak alias is left out.
pub(super) fn names_within(
    feed: &str,
    entries: &[Entry],
    hosts: &[(String, String)],
) -> (Vec<Names>, Vec<Alias>) {
    let all: Vec<Vec<Alias>> = entries.iter().map(|e| aliases(feed, e)).collect();
    let titles: Vec<String> = entries.iter().map(title_form).collect();
    let is_first = firsts(&all, entries, &titles);
    let mut count: HashMap<Fingerprint, u32> = HashMap::new();
    for (names, _) in all.iter().zip(&is_first).filter(|(_, first)| **first) {
        for alias in names {
            *count.entry(alias.fingerprint).or_default() += 1;
        }
    }
    let mut collisions = Vec::new();
    let mut bearers: HashMap<Fingerprint, &str> = HashMap::new();
    for ((names, title), _) in all.iter().zip(&titles).zip(&is_first).filter(|(_, f)| **f) {
        for alias in names.iter().filter(|a| count.get(&a.fingerprint).is_some_and(|n| *n > 1)) {
            // One post that is listed twice is no collision.
            match bearers.entry(alias.fingerprint) {
                Place::Vacant(place) => drop(place.insert(title)),
                Place::Occupied(place) if *place.get() != title => collisions.push(*alias),
                Place::Occupied(_) => {}
            }
        }
    }
    collisions.sort_unstable();
    collisions.dedup();
    let mut named = Vec::with_capacity(entries.len());
    for ((names, entry), is_first) in all.into_iter().zip(entries).zip(is_first) {
        let shared = |a: &Alias| count.get(&a.fingerprint).copied().unwrap_or(0) > 1;
        let has_guid = names.iter().any(|a| a.kind == AliasKind::Guid);
        let aliases = names
            .iter()
            .filter_map(|alias| match alias.kind {
                _ if !shared(alias) => Some(*alias),
                AliasKind::Guid => Some(narrowed(*alias, &names, entry)),
                AliasKind::Link if !has_guid => Some(narrowed(*alias, &[], entry)),
                _ => None,
            })
            .collect();
        let strongest = names.first().filter(|a| a.kind.is_strong());
        let is_shared = strongest.is_some_and(shared);
        let other =
            strongest.map(|a| if is_shared { *a } else { narrowed(*a, links(*a, &names), entry) });
        let mut side = side_aliases(feed, entry, hosts);
        // What is shared is no better in another form.
        side.retain(|a| !names.iter().any(|own| own.kind == a.kind && shared(own)));
        named.push(Names { aliases, other, is_shared, is_first, side });
    }
    (named, collisions)
}

/// Which items are not one that came before in the document: in every alias, title and date; or, whatever
/// their dates, in guid, link, title and a text, as of feeds that are put together from two copies.
fn firsts(all: &[Vec<Alias>], entries: &[Entry], titles: &[String]) -> Vec<bool> {
    let guid = |names: &[Alias]| names.iter().find(|a| a.kind == AliasKind::Guid).copied();
    let mut bearers: HashMap<Alias, u32> = HashMap::new();
    for guid in all.iter().filter_map(|names| guid(names)) {
        *bearers.entry(guid).or_default() += 1;
    }
    let (mut whole, mut told) = (HashSet::new(), HashSet::new());
    let mut is_first = Vec::with_capacity(entries.len());
    for ((names, entry), title) in all.iter().zip(entries).zip(titles) {
        let mut first = whole.insert((names, title, entry.published));
        if let Some(guid) = guid(names).filter(|guid| bearers.get(guid).is_some_and(|n| *n > 1)) {
            let text = text_form(entry);
            first &= text.is_empty() || told.insert((guid, &entry.link, title, text));
        }
        is_first.push(first);
    }
    is_first
}

/// What narrows an alias beside title and day: the link, unless it is the link itself.
fn links(alias: Alias, names: &[Alias]) -> &[Alias] {
    if alias.kind == AliasKind::Guid { names } else { &[] }
}

/// Every form of every alias by which an entry may have been remembered.
#[must_use]
pub fn forms(feed: &str, entry: &Entry, hosts: &[(String, String)]) -> Vec<Alias> {
    let mut forms = aliases(feed, entry);
    let strong: Vec<Alias> = forms.iter().filter(|a| a.kind.is_strong()).copied().collect();
    forms.extend(strong.iter().map(|alias| narrow(*alias, feed, entry)));
    forms.extend(side_aliases(feed, entry, hosts));
    forms
}

/// A strong alias narrowed by what a known entry says.
pub(super) fn narrow(alias: Alias, feed: &str, entry: &Entry) -> Alias {
    narrowed(alias, links(alias, &aliases(feed, entry)), entry)
}

/// A strong alias that several items share, told apart by what else they say.
fn narrowed(alias: Alias, names: &[Alias], entry: &Entry) -> Alias {
    let hex = |f: &Fingerprint| format!("{f:?}");
    let link = names.iter().find(|a| a.kind == AliasKind::Link).map(|a| hex(&a.fingerprint));
    let day = entry.published.map(|t| (t.as_millis() / 86_400_000).to_string());
    Alias {
        kind: alias.kind,
        fingerprint: Fingerprint::of(
            "oncecast/shared/1",
            &[
                &hex(&alias.fingerprint),
                link.as_deref().unwrap_or(""),
                &entry.title,
                day.as_deref().unwrap_or(""),
            ],
        ),
    }
}
