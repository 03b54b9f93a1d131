//! What a document teaches about its feed: keys that several posts share, guids that change while all
//! else stays, and a site that has moved to another host.

use std::collections::BTreeMap;

use crate::model::identity::{
    address_of, aliases, canonical_link, host_of, moved, nearly_same_text, same_moment, same_title,
    shared_mark,
};
use crate::model::{Alias, AliasKind, Entry};

use super::{Habits, Memory};

/// After so many documents with other guids for the same posts, guids are no longer believed alone.
const GUID_CHANGES_MAX: u32 = 3;
/// So many posts must be found under the old host before a new one is believed to stand for it.
const MOVED_MIN: usize = 3;
/// Hosts that are remembered to stand for another.
const HOSTS_MAX: usize = 16;

/// Keys that several posts of this document share: which of them are news, and the feed is known for it.
pub(super) fn collisions<M: Memory>(
    habits: &mut Habits,
    collisions: Vec<Alias>,
    memory: &M,
) -> Result<Vec<Alias>, M::Error> {
    let mut shared = Vec::new();
    for alias in collisions {
        if alias.kind.is_strong() {
            let why = format!("several posts of one document shared a {}", alias.kind.word());
            habits.distrust(alias.kind, &why);
        }
        if memory.known_by(&shared_mark(&alias.fingerprint))?.is_none() {
            shared.push(alias);
        }
    }
    Ok(shared)
}

/// Whether posts that are known otherwise have other guids than before, while title and text stayed.
pub(super) fn guids<M: Memory>(
    habits: &mut Habits,
    feed: &str,
    entries: &[Entry],
    known: &[Option<u64>],
    memory: &M,
) -> Result<(), M::Error> {
    if habits.distrusts(AliasKind::Guid) {
        return Ok(());
    }
    let (mut met, mut changed) = (0_usize, 0_usize);
    for (entry, number) in entries.iter().zip(known) {
        let (Some(number), Some(guid)) = (number, &entry.guid) else { continue };
        met += 1;
        let old = aliases(feed, &Entry { guid: Some(guid.clone()), ..Entry::default() });
        let Some(alias) = old.first() else { continue };
        if memory.known_by(&alias.fingerprint)?.is_some() {
            continue;
        }
        let old = memory.entry(*number)?.0;
        let stayed = old.guid.is_some() && old.title == entry.title && old.link == entry.link;
        changed += usize::from(stayed);
    }
    if changed > 0 && changed * 2 >= met {
        habits.guid_changes += 1;
        if habits.guid_changes >= GUID_CHANGES_MAX {
            let why = format!("{GUID_CHANGES_MAX} times they were others while all else stayed");
            habits.distrust(AliasKind::Guid, &why);
        }
    }
    Ok(())
}

/// A host that stands for an older one of the feed: posts that nobody knows there are known here under
/// the same path and the same title, text or moment.
pub(super) fn host_move<M: Memory>(
    habits: &Habits,
    feed: &str,
    unknown: &[&Entry],
    is_present: impl Fn(u64) -> bool,
    memory: &M,
) -> Result<Option<(String, String)>, M::Error> {
    let mut by_host: BTreeMap<String, Vec<&Entry>> = BTreeMap::new();
    for entry in unknown {
        if let Some(host) = address_of(entry).as_deref().and_then(host_of) {
            by_host.entry(host).or_default().push(entry);
        }
    }
    by_host.retain(|_, entries| entries.len() >= MOVED_MIN);
    if habits.hosts.len() >= HOSTS_MAX {
        return Ok(None);
    }
    for (new, entries) in by_host {
        for old in habits.sites.keys().filter(|old| **old != new) {
            let (mut same, mut other) = (0, 0);
            for entry in &entries {
                let Some(number) = under(feed, entry, &new, old, memory)? else { continue };
                let known = memory.entry(number)?.0;
                let is_same = same_title(entry, &known)
                    || nearly_same_text(entry, &known)
                    || same_moment(entry, &known);
                match is_same && !is_present(number) {
                    true => same += 1,
                    false => other += 1,
                }
            }
            if same >= MOVED_MIN && same >= other * 4 {
                return Ok(Some((new, old.clone())));
            }
        }
    }
    Ok(None)
}

/// The entry that is known by the same address on another host.
fn under<M: Memory>(
    feed: &str,
    entry: &Entry,
    new: &str,
    old: &str,
    memory: &M,
) -> Result<Option<u64>, M::Error> {
    let guid = entry.guid.as_deref().filter(|guid| canonical_link(guid).is_some());
    let elsewhere = Entry {
        guid: guid.and_then(|guid| moved(guid, new, old)),
        link: entry.link.as_deref().and_then(|link| moved(link, new, old)),
        ..Entry::default()
    };
    for alias in aliases(feed, &elsewhere) {
        if let Some(number) = memory.known_by(&alias.fingerprint)? {
            return Ok(Some(number));
        }
    }
    Ok(None)
}
