//! What is new in a document: a pure decision over what the ledger remembers.
//!
//! An entry known by a strong alias is never new. One that only looks like a known entry is held for
//! a person, and so is everything when too much is new at once. Dates never decide what is new.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use crate::clock;
use crate::model::identity::{aliases, differs_only_in_digits, same_post_evidence};
use crate::model::{Alias, AliasKind, Entry, Fingerprint, HoldReason, Time};

use super::Policy;

/// A future date beyond this is held: clocks and time zones are wrong by hours, not by days.
const FUTURE_MAX: Duration = Duration::from_secs(86_400);

/// The share wall needs this many items to speak of a share.
const SHARE_ITEMS_MIN: usize = 4;

/// What the ledger remembers, as admission asks for it.
pub trait Memory {
    /// Why memory failed; never to be read as "not known".
    type Error;

    /// The entry known by this alias.
    ///
    /// # Errors
    /// Where the memory cannot be read.
    fn known_by(&self, alias: &Fingerprint) -> Result<Option<u64>, Self::Error>;

    /// The text of a known entry, and its id as people see it.
    ///
    /// # Errors
    /// Where the memory cannot be read.
    fn entry(&self, number: u64) -> Result<(Entry, String), Self::Error>;

    /// Whether this feed has shown that entry before.
    ///
    /// # Errors
    /// Where the memory cannot be read.
    fn seen_in_feed(&self, number: u64) -> Result<bool, Self::Error>;
}

/// What becomes of one entry of the document, in its order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// It is that entry.
    Known {
        /// Its number.
        number: u64,
        /// Aliases it was not yet known by.
        learn: Vec<Alias>,
        /// Whether it arrives in this feed for the first time: groups that hear only this feed have
        /// not had it. The hold applies to them.
        arrives: Option<Option<HoldReason>>,
    },
    /// It was never seen.
    New {
        /// The aliases to remember it by, strongest first.
        aliases: Vec<Alias>,
        /// Why it waits for a person, if it does.
        hold: Option<HoldReason>,
    },
    /// It repeats another item of this document.
    Repeat,
    /// There is nothing to recognise it by.
    Nameless,
}

/// What becomes of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// One for each entry of the document, in its order.
    pub decisions: Vec<Decision>,
    /// Whether this is the first sight of the feed: all is remembered, nothing is sent.
    pub baseline: bool,
}

/// What the date is. Dates of posts come from other people's clocks, and ours may have been set.
#[derive(Debug, Clone, Copy)]
pub struct Today {
    /// What the machine's clock says.
    pub clock: Time,
    /// What the ledger has counted.
    pub counted: Time,
}

/// Decides what is new.
///
/// # Errors
/// Whatever the memory fails with: an unreadable memory is never an empty one.
pub fn plan<M: Memory>(
    feed: &str,
    entries: &[Entry],
    memory: &M,
    policy: &Policy,
    first_sight: bool,
    today: Today,
) -> Result<Plan, M::Error> {
    let mut named = names_within(feed, entries);
    let mut known: Vec<Option<u64>> = vec![None; entries.len()];
    let mut alike: Vec<Option<u64>> = vec![None; entries.len()];

    for (at, names) in named.iter().enumerate() {
        if let Some(guid) = names.of(AliasKind::Guid) {
            known[at] = memory.known_by(&guid.fingerprint)?;
        }
    }
    // Whether a key is shared may change from poll to poll, as neighbours come and go; the post is the
    // same. What is not known by one form of its key is looked for by the other.
    let mut was_alone: Vec<Option<u64>> = vec![None; entries.len()];
    for (at, names) in named.iter_mut().enumerate() {
        let Some(other) = names.other else { continue };
        let strong = names.aliases.iter().position(|a| a.kind == other.kind);
        let Some(strong) = strong else { continue };
        let form = names.aliases[strong].fingerprint;
        // A narrowed key tells more than the key alone.
        if names.is_shared && memory.known_by(&form)?.is_some() {
            continue;
        }
        let Some(number) = memory.known_by(&other.fingerprint)? else { continue };
        if !names.is_shared {
            // The key alone still belongs to nobody: it would take the next post that shares it.
            names.aliases[strong] = other;
            known[at] = Some(number);
        } else if narrow(other, feed, &memory.entry(number)?.0).fingerprint == form {
            known[at] = Some(number);
        } else {
            was_alone[at] = Some(number);
        }
    }
    let mut present: HashSet<u64> = known.iter().flatten().copied().collect();
    for (at, names) in named.iter().enumerate() {
        let (None, Some(link)) = (known[at], names.of(AliasKind::Link)) else { continue };
        let Some(number) = memory.known_by(&link.fingerprint)? else { continue };
        if names.of(AliasKind::Guid).is_none() {
            known[at] = Some(number);
            continue;
        }
        // The guid is new and the link is not: the same post under a changed guid, or another post
        // that links to the same place. Two items that stand side by side are two posts.
        if present.contains(&number) {
            continue;
        }
        if same_post_evidence(&entries[at], &memory.entry(number)?.0) {
            known[at] = Some(number);
        } else {
            alike[at] = Some(number);
        }
    }
    present.extend(known.iter().flatten());
    for (at, number) in was_alone.into_iter().enumerate() {
        // Another post that now stands beside it, or the same one under another title.
        if known[at].is_none() {
            alike[at] = alike[at].or(number.filter(|number| !present.contains(number)));
        }
    }
    for (at, names) in named.iter().enumerate() {
        if known[at].is_some() || alike[at].is_some() {
            continue;
        }
        for weak in names.aliases.iter().filter(|a| !a.kind.is_strong()) {
            let Some(number) = memory.known_by(&weak.fingerprint)? else { continue };
            let look_alike = &memory.entry(number)?.0;
            if present.contains(&number)
                || differs_only_in_digits(&entries[at].title, &look_alike.title)
            {
                continue;
            }
            // What has no strong alias can only be recognised by its weak ones.
            if names.aliases.iter().any(|a| a.kind.is_strong()) {
                alike[at] = Some(number);
            } else {
                known[at] = Some(number);
            }
            break;
        }
    }

    let mut arriving = vec![false; entries.len()];
    let mut taken = HashSet::new();
    for (at, names) in named.iter().enumerate() {
        arriving[at] = match known[at] {
            Some(number) => taken.insert(number) && !memory.seen_in_feed(number)?,
            None => names.is_first && !names.aliases.is_empty(),
        };
    }
    let new = arriving.iter().filter(|a| **a).count();
    let burst = is_burst(new, entries.len(), policy)
        .then(|| HoldReason::Burst { new: u32::try_from(new).unwrap_or(u32::MAX) });

    let is_strong = |names: &Names| names.aliases.iter().any(|a| a.kind.is_strong());
    let strong: Vec<bool> = named.iter().map(is_strong).collect();
    let mut decisions = Vec::with_capacity(entries.len());
    let mut used = HashSet::new();
    for (at, names) in named.into_iter().enumerate() {
        let hold = || -> Result<Option<HoldReason>, M::Error> {
            if first_sight {
                return Ok(None);
            }
            if let Some(number) = alike[at] {
                return Ok(Some(HoldReason::NearDuplicate { of: memory.entry(number)?.1 }));
            }
            let weak = (!strong[at]).then_some(HoldReason::Weak);
            Ok(burst.clone().or_else(|| age_hold(&entries[at], policy, today)).or(weak))
        };
        decisions.push(match known[at] {
            Some(number) if !used.insert(number) => Decision::Repeat,
            Some(number) => {
                let mut learn = Vec::new();
                for alias in names.aliases {
                    if memory.known_by(&alias.fingerprint)?.is_none() {
                        learn.push(alias);
                    }
                }
                let arrives = if arriving[at] { Some(hold()?) } else { None };
                Decision::Known { number, learn, arrives }
            }
            None if names.aliases.is_empty() => Decision::Nameless,
            None if !names.is_first => Decision::Repeat,
            None => Decision::New { hold: hold()?, aliases: names.aliases },
        });
    }
    Ok(Plan { decisions, baseline: first_sight })
}

/// How one item can be recognised, after the document's own collisions are taken out.
struct Names {
    aliases: Vec<Alias>,
    /// Its strongest alias in the form that is not among them: alone where it is shared in this
    /// document, narrowed where it is not.
    other: Option<Alias>,
    /// Whether its strongest alias is shared.
    is_shared: bool,
    /// False for an item that says the same as one before it in every alias.
    is_first: bool,
}

impl Names {
    fn of(&self, kind: AliasKind) -> Option<&Alias> {
        self.aliases.iter().find(|a| a.kind == kind)
    }
}

/// Aliases of every item. A key that several items of one document share proves nothing: a shared
/// guid is narrowed by link, then by title and day; a shared link or weak alias is left out.
fn names_within(feed: &str, entries: &[Entry]) -> Vec<Names> {
    let all: Vec<Vec<Alias>> = entries.iter().map(|e| aliases(feed, e)).collect();
    let mut whole = HashSet::new();
    let is_first: Vec<bool> = all
        .iter()
        .zip(entries)
        .map(|(a, e)| whole.insert((a.clone(), e.title.clone(), e.published)))
        .collect();
    let mut count: HashMap<Fingerprint, u32> = HashMap::new();
    for (names, _) in all.iter().zip(&is_first).filter(|(_, first)| **first) {
        for alias in names {
            *count.entry(alias.fingerprint).or_default() += 1;
        }
    }
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
        named.push(Names { aliases, other, is_shared, is_first });
    }
    named
}

/// What narrows an alias beside title and day: the link, unless it is the link itself.
fn links(alias: Alias, names: &[Alias]) -> &[Alias] {
    if alias.kind == AliasKind::Guid { names } else { &[] }
}

/// A strong alias narrowed by what a known entry says.
fn narrow(alias: Alias, feed: &str, entry: &Entry) -> Alias {
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

fn is_burst(new: usize, items: usize, policy: &Policy) -> bool {
    #[expect(clippy::cast_precision_loss, reason = "a document has 2,000 items at most")]
    let share = new as f64 / items.max(1) as f64;
    new > policy.burst as usize || (items >= SHARE_ITEMS_MIN && new > 1 && share > policy.share)
}

/// Why an entry of that age waits, if it does: where one of the two times is wrong, the other says that
/// the post is neither too old nor too new.
fn age_hold(entry: &Entry, policy: &Policy, today: Today) -> Option<HoldReason> {
    let published = entry.published?;
    let waits = |now: Time| {
        if now.since(published) > policy.max_age {
            Some(HoldReason::Stale)
        } else if published.since(now) > FUTURE_MAX && clock::is_set(now) {
            Some(HoldReason::Future)
        } else {
            None
        }
    };
    waits(today.clock).and(waits(today.counted))
}

#[cfg(test)]
#[path = "admission_tests.rs"]
mod tests;
