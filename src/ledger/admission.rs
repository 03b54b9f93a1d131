//! What is new in a document: a pure decision over what the ledger remembers.
//!
//! An entry known by a strong alias is never new. One that only looks like a known entry is held for
//! a person, and so is everything when too much is new at once. Dates never decide what is new.

use std::collections::HashSet;
use std::time::Duration;

mod habits;
mod learn;
mod look;
mod names;
mod window;

use crate::clock;
use crate::model::identity::{Sketch, own_signs};
use crate::model::{Alias, AliasKind, Entry, Fingerprint, HoldReason, Time};

use super::Policy;
pub use habits::{Distrust, Habits};
use look::Look;
use names::Names;
pub use names::forms;

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

    /// What the feed has taught about itself.
    fn habits(&self) -> Habits {
        Habits::default()
    }

    /// What the newest entries of the feed look like. Only look-alikes are found by it: what is known is
    /// known by its aliases, however old it is.
    ///
    /// # Errors
    /// Where the memory cannot be read.
    fn sketches(&self) -> Result<Vec<Sketch>, Self::Error> {
        Ok(Vec::new())
    }

    /// Whether nobody has heard a known entry, and it is in its settle window or vanished in it.
    ///
    /// # Errors
    /// Where the memory cannot be read.
    fn is_unsent(&self, _number: u64) -> Result<bool, Self::Error> {
        Ok(false)
    }
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
    /// Aliases that several posts were seen to share, and that prove nothing from now on.
    pub shared: Vec<Alias>,
    /// What the feed has taught about itself.
    pub habits: Habits,
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
    let mut look = Look::begin(feed, entries, memory)?;
    look.recognise()?;
    let (named, known, alike) = (look.named, look.known, look.alike);
    let mut habits = look.habits;
    let shared = learn::collisions(&mut habits, look.collisions, memory)?;
    learn::guids(&mut habits, feed, entries, &known, memory)?;

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
            for sign in own_signs(&entries[at]) {
                if let Some(number) = memory.known_by(&sign.mark)? {
                    let (of, because) = (memory.entry(number)?.1, sign.because.to_owned());
                    return Ok(Some(HoldReason::Own { of, because }));
                }
            }
            if let Some((number, because)) = &alike[at] {
                let (of, because) = (memory.entry(*number)?.1, because.clone());
                return Ok(Some(HoldReason::NearDuplicate { of, because }));
            }
            let weak = (!strong[at]).then_some(HoldReason::Weak);
            Ok(burst.clone().or_else(|| age_hold(&entries[at], policy, today)).or(weak))
        };
        decisions.push(match known[at] {
            Some(number) if !used.insert(number) => Decision::Repeat,
            Some(number) => {
                let mut learn = Vec::new();
                let unstable = habits.distrusts(AliasKind::Guid);
                for alias in names.aliases.into_iter().chain(names.side) {
                    // A guid that changes at every look teaches nothing.
                    if unstable && alias.kind == AliasKind::Guid {
                        continue;
                    }
                    if memory.known_by(&alias.fingerprint)?.is_none() {
                        learn.push(alias);
                    }
                }
                let arrives = if arriving[at] { Some(hold()?) } else { None };
                Decision::Known { number, learn, arrives }
            }
            None if names.aliases.is_empty() => Decision::Nameless,
            None if !names.is_first => Decision::Repeat,
            None => {
                let hold = hold()?;
                habits.visit(&entries[at]);
                let aliases = names.aliases.into_iter().chain(names.side).collect();
                Decision::New { hold, aliases }
            }
        });
    }
    Ok(Plan { decisions, baseline: first_sight, shared, habits })
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
mod tests;
