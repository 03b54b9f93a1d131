//! What happens to everything that waits or counts when the machine's clock was set: it keeps its age, in
//! one commit with the ledger's new time.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::ledger::{LedgerError, caps};
use crate::model::{Stand, Status, Time};

use super::batch::Batch;
use super::claim::Count;
use super::records::{Agenda, DeliveryRow};
use super::time::Set;

const LISTS: [Agenda; 7] = [
    Agenda::Due,
    Agenda::Doubt,
    Agenda::Claimed,
    Agenda::Held,
    Agenda::Settling,
    Agenda::Amend,
    Agenda::Stuck,
];

impl Batch<'_, '_> {
    /// Moves the ledger's time to where the clock was set.
    pub(super) fn set_clock(&mut self, set: &Set) -> Result<(), LedgerError> {
        let before = self.now;
        self.core.untimed.get_or_insert(self.core.time);
        self.now = self.core.time.follow(set);
        let after = set.after.unwrap_or(Time::EPOCH);
        let moved = |time: Time| if time > after { set.shift.of(time) } else { time };

        // Claims stand as old as was counted, on either side of a gap. Where the clock goes back, those that
        // count no more go with it: left where they are they would lie ahead, and count for ever.
        let counts = before.min(self.now).minus(caps::LONGEST);
        for lane in (1..=self.numbers.lane).flat_map(Count::both) {
            self.tables.move_claims(lane, counts, |time| set.shift.of(time))?;
        }
        for (name, mut lane) in self.tables.lanes()? {
            if let Some(until) = lane.rests_until {
                lane.rests_until = Some(moved(until));
                self.tables.set_lane(&name, &lane)?;
            }
        }
        self.move_starts(&moved)?;
        self.move_loss(&moved)?;
        let mut settling = BTreeSet::new();
        for (name, mut feed) in self.feed_rows()? {
            settling.extend(&feed.settling);
            if !feed.missing.is_empty() {
                feed.missing = feed.missing.into_iter().map(|gone| gone.moved(&moved)).collect();
                self.set_feed_row(&name, &feed)?;
            }
        }
        for list in LISTS {
            for (_, id) in self.listed(list, usize::MAX)? {
                let row = self.delivery(id)?;
                let settles = self.tables.entry(id.entry)?.settles;
                if settles.is_some() {
                    settling.insert(id.entry);
                }
                let next = moved_row(&row, set, &moved);
                self.tables.set_delivery(id, Some((&row, settles)), &next, settles)?;
            }
        }
        for number in settling {
            if let Some(look) = self.tables.entry(number)?.settles {
                self.set_settles(number, Some(moved(look)))?;
            }
        }
        let detail = format!("the machine's clock was set: {before} is now {}", self.now);
        self.house("clock", "clock", &detail)
    }
}

impl Batch<'_, '_> {
    /// Nobody counted for a while: no claim is older for it, whatever the date says.
    pub(super) fn sleep_through(
        &mut self,
        since: Time,
        slept: Duration,
    ) -> Result<(), LedgerError> {
        let counts = since.minus(caps::LONGEST);
        for lane in (1..=self.numbers.lane).flat_map(Count::both) {
            self.tables.move_claims(lane, counts, |time| time.plus(slept))?;
        }
        Ok(())
    }
}

/// A delivery that waits, with every moment that is compared with now. Those that are a record, and
/// `opened`, from which an id on a platform is made, stay.
fn moved_row(row: &DeliveryRow, set: &Set, moved: &impl Fn(Time) -> Time) -> DeliveryRow {
    let mut next = row.clone();
    next.since = moved(row.since);
    next.first_sent = row.first_sent.map(|sent| match set.lost {
        // It is older than anything that is allowed to be young, and is asked about in all the past.
        Some(end) if sent <= end => Time::EPOCH,
        _ if sent == Time::EPOCH => sent,
        _ => moved(sent),
    });
    if let Some(ready) = &mut next.staged {
        ready.at = moved(ready.at);
    }
    if let Some(amend) = &mut next.amend {
        match &mut amend.amend.stand {
            Stand::Wanted { not_before: at, .. }
            | Stand::GivenUp { at, .. }
            | Stand::Done { at }
            | Stand::Gone { at, .. } => *at = moved(*at),
        }
        amend.edited = amend.edited.map(moved);
    }
    for absent in &mut next.absent {
        *absent = moved(*absent);
    }
    match &mut next.status {
        Status::Due { not_before, .. } => *not_before = moved(*not_before),
        Status::InDoubt { next_look, .. } => *next_look = moved(*next_look),
        _ => {}
    }
    next
}
