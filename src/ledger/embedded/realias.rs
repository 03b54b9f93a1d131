//! A person says that entries which were held are known ones under other names: all of them in one
//! commit, and nothing of them is sent, then or ever.

use std::collections::HashSet;

use data_encoding::HEXLOWER;

use crate::ledger::admission::forms;
use crate::ledger::journal::Line;
use crate::ledger::{LedgerError, Pair, Post, Realiased};
use crate::model::identity::{Gone, Sketch, likeness};
use crate::model::{EntryId, Event, Fingerprint, HoldReason, Status, WithdrawReason};

use super::admit::FeedRow;
use super::batch::Batch;
use super::records::EntryRow;

/// So many of a feed's newest entries are looked through: the held ones, and those that they may be.
const LOOKED_THROUGH: usize = 4_096;
/// So many look-alikes of one held entry are looked at closely.
const CLOSE_LOOKS: usize = 8;
/// A person decides, so that one sign is enough to ask: a title or a day of its own, for instance.
const ASKED: u32 = 2;

/// A held entry, and what it may be.
struct Match {
    points: u32,
    new: u64,
    old: u64,
    because: String,
}

impl Batch<'_, '_> {
    /// Which held entries of a feed may be known ones; with the token of such an answer they are.
    pub(super) fn realias(
        &mut self,
        feed: &str,
        confirmed: Option<&str>,
        who: &str,
    ) -> Result<Realiased, LedgerError> {
        let row: FeedRow = self
            .tables
            .feed(feed)?
            .ok_or_else(|| LedgerError::Refused(format!("feed {feed:?} has not been read yet")))?;
        let (matches, left) = self.matches(&row)?;
        let mut answer = Realiased { left: self.posts(&left)?, ..Realiased::default() };
        for found in &matches {
            let (new, old) = (self.post(found.new)?, self.post(found.old)?);
            answer.pairs.push(Pair { new, old, because: found.because.clone() });
        }
        answer.token = token(&answer.pairs);
        let Some(confirmed) = confirmed else { return Ok(answer) };
        if matches.is_empty() {
            let words = format!("nothing of feed {feed:?} is held that looks like a known entry");
            return Err(LedgerError::Refused(words));
        }
        if confirmed != answer.token {
            let words = format!(
                "what is held of feed {feed:?} is not what was shown any more: nothing was changed, \
                 look again"
            );
            return Err(LedgerError::Refused(words));
        }
        self.merge(feed, row, &matches, who)?;
        answer.is_done = true;
        Ok(answer)
    }

    fn posts(&self, numbers: &[u64]) -> Result<Vec<Post>, LedgerError> {
        numbers.iter().map(|number| self.post(*number)).collect()
    }

    fn post(&self, number: u64) -> Result<Post, LedgerError> {
        let EntryRow { id, entry, .. } = self.tables.entry(number)?;
        Ok(Post { id, title: entry.title, link: entry.link.or(entry.guid) })
    }

    /// Each held entry with the known one that it is likeliest to be, oldest first, and those that look
    /// like none.
    fn matches(&self, row: &FeedRow) -> Result<(Vec<Match>, Vec<u64>), LedgerError> {
        let (mut held, mut known, mut found) = (Vec::new(), Vec::new(), Vec::new());
        let mut sketches = Vec::new();
        for number in self.tables.seen_by(row.number, LOOKED_THROUGH)? {
            let entry = self.tables.entry(number)?;
            if entry.same_as.is_some() {
                continue;
            }
            match self.held_as(number)? {
                Some(reason) => held.push((number, entry, reason)),
                None => {
                    known.push(number);
                    sketches.push(Sketch::of(number, &entry.entry));
                }
            }
        }
        let beside = |a: u64, b: u64| [a, b].iter().all(|n| row.habits.present.contains(n));
        for (number, entry, reason) in &held {
            if let HoldReason::NearDuplicate { of, because } = reason
                && let Some(old) = self.named(of)?
                && known.contains(&old)
                && !beside(*number, old)
            {
                // What admission has seen comes first.
                let because = because.clone();
                found.push(Match { points: u32::MAX, new: *number, old, because });
                continue;
            }
            let sketch = Sketch::of(*number, &entry.entry);
            let near = sketches
                .iter()
                .rev()
                .filter(|other| other.resembles(&sketch) && !beside(*number, other.entry));
            for other in near.take(CLOSE_LOOKS) {
                let old = self.tables.entry(other.entry)?.entry;
                let alike = likeness(&entry.entry, &old, true, true, Gone::Away);
                if alike.points >= ASKED {
                    let because = alike.because.join(", ");
                    let points = alike.points;
                    found.push(Match { points, new: *number, old: other.entry, because });
                }
            }
        }
        // The likeliest first, and each entry once.
        found.sort_by_key(|found| (std::cmp::Reverse(found.points), found.new));
        let mut taken = HashSet::new();
        found.retain(|found| {
            let is_free = !taken.contains(&found.new) && !taken.contains(&found.old);
            if is_free {
                taken.extend([found.new, found.old]);
            }
            is_free
        });
        found.sort_by_key(|found| found.new);
        let left = held.iter().map(|(number, ..)| *number).filter(|n| !taken.contains(n));
        Ok((found, left.collect()))
    }

    /// Why an entry is held everywhere; `None` where anybody may have heard it, or will.
    fn held_as(&self, number: u64) -> Result<Option<HoldReason>, LedgerError> {
        let mut why = None;
        for (_, delivery) in self.tables.deliveries(number)? {
            let Status::Held { reason } = delivery.status else { return Ok(None) };
            // One group may have reasons of its own.
            if !matches!(why, Some(HoldReason::NearDuplicate { .. })) {
                why = Some(reason);
            }
        }
        Ok(why)
    }

    /// The entry of an id as a hold names it.
    fn named(&self, short: &str) -> Result<Option<u64>, LedgerError> {
        let Some((from, to)) = super::read::id_range(short) else { return Ok(None) };
        match self.tables.ids(from..=to, 2)?[..] {
            [number] => Ok(Some(self.tables.entry(number)?.same_as.unwrap_or(number))),
            _ => Ok(None),
        }
    }

    fn merge(
        &mut self,
        feed: &str,
        mut row: FeedRow,
        matches: &[Match],
        who: &str,
    ) -> Result<(), LedgerError> {
        let mut sketches = self.sketches_of(row.number)?;
        for found in matches {
            let new = self.tables.entry(found.new)?;
            for alias in forms(feed, &new.entry, &row.habits.hosts) {
                if self.tables.known_by(&alias.fingerprint)? == Some(found.new) {
                    self.tables.set_alias(&alias.fingerprint, found.old)?;
                }
            }
            let mut old = self.tables.entry(found.old)?;
            let why = format!("it is entry {} under another name", old.id.short());
            for (id, delivery) in self.tables.deliveries(found.new)? {
                let event = Event::Withdraw(WithdrawReason::Person { why: why.clone() });
                self.apply(id, &delivery, &new, event, who, &why)?;
            }
            self.tables
                .set_entry(found.new, &EntryRow { same_as: Some(found.old), ..new.clone() })?;
            self.revise(feed, found.old, &mut old, &new.entry)?;
            let detail = format!("entry {} is this one, as a person says", new.id.short());
            let line = self.journal(&Line {
                entry: Some(old.id),
                ..Line::of_house(self.now, who, "realias", detail)
            })?;
            old.edits.push(line);
            old.entry = new.entry;
            self.tables.set_entry(found.old, &old)?;
            for number in &mut row.habits.present {
                *number = if *number == found.new { found.old } else { *number };
            }
            for sketch in sketches.iter_mut().filter(|sketch| sketch.entry == found.new) {
                sketch.entry = found.old;
            }
        }
        self.keep_sketches(row.number, sketches)?;
        self.set_feed_row(feed, &row)?;
        let words =
            format!("feed {feed}: {} entries are known ones under other names", matches.len());
        self.house("realias", who, &words)
    }
}

/// Stands for what was shown to a person: another answer has another one.
fn token(pairs: &[Pair]) -> String {
    let of = |id: &EntryId| HEXLOWER.encode(id.as_bytes());
    let ids: Vec<String> = pairs.iter().flat_map(|p| [of(&p.new.id), of(&p.old.id)]).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    HEXLOWER.encode(&Fingerprint::of("oncecast/realias/1", &ids).as_bytes()[..8])
}
