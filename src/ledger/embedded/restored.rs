//! Taking up a ledger that is not the newest, where nothing tells what was sent after it: all of that
//! may have been sent, so nothing of it is sent again by itself.

use crate::ledger::LedgerError;
use crate::ledger::witness::Testimony;
use crate::model::{Entry, Event, HoldReason, Status, Time};

use super::admit::FeedRow;
use super::batch::Batch;
use super::records::{Agenda, DeliveryRow, Numbers};

/// Whether a witness tells of every claim that this ledger may have forgotten.
pub(super) fn tells_all(said: Option<&Testimony>, ledger: &[u8; 16], numbers: &Numbers) -> bool {
    // A torn record hung on nothing where the ledger has come as far; an older one may lack its claim.
    let is_whole = |said: &&Testimony| said.damaged == 0 && said.torn == 0;
    let Some(said) = said.filter(|said| said.ledger == *ledger).filter(is_whole) else {
        return false;
    };
    // One that was begun anew after a loss begins later.
    said.began.is_some_and(|epoch| epoch <= numbers.epoch)
        || said.claims.iter().map(|c| c.number).min().is_some_and(|n| n <= numbers.claim + 1)
}

/// When this ledger took the place of one that has sent what it does not know of.
const FOLLOWS: &str = "follows-a-lost-one";

impl Batch<'_, '_> {
    /// Another ledger has sent what this one does not know of, up to now.
    pub(super) fn follow_a_lost_one(&mut self) -> Result<(), LedgerError> {
        self.tables.set_meta(FOLLOWS, &self.now)?;
        let groups: Vec<u32> = self.core.names.keys().copied().collect();
        for group in groups {
            for list in [Agenda::Due, Agenda::Settling, Agenda::Held] {
                for (_, id) in self.tables.agenda(list, group, usize::MAX)? {
                    let row = self.delivery(id)?;
                    if !row.haunted {
                        continue;
                    }
                    // Somebody has looked into an earlier loss, and not into this one.
                    let settles = self.tables.entry(id.entry)?.settles;
                    let next = DeliveryRow { haunted: false, ..row.clone() };
                    self.tables.set_delivery(id, Some((&row, settles)), &next, settles)?;
                }
            }
        }
        Ok(())
    }

    /// The clock was set: that moment keeps its age.
    pub(super) fn move_loss(&mut self, moved: &impl Fn(Time) -> Time) -> Result<(), LedgerError> {
        match self.tables.meta::<Time>(FOLLOWS)? {
            Some(at) => self.tables.set_meta(FOLLOWS, &moved(at)),
            None => Ok(()),
        }
    }

    /// Whether a lost ledger may have sent an entry that is new here. Its key tells only where its name is
    /// still the same, and a poll that shows a shorter feed for once does not show it at all. What bears no
    /// date is `undated`.
    pub(super) fn may_be_of_a_lost_one(
        &self,
        entry: &Entry,
        undated: bool,
    ) -> Result<bool, LedgerError> {
        let Some(at) = self.tables.meta::<Time>(FOLLOWS)? else { return Ok(false) };
        Ok(entry.published.map_or(undated, |said| said <= at))
    }

    /// What is in doubt in a copy may have been repeated, found or deleted since: it is asked about as
    /// before, and never repeated by itself.
    pub(super) fn haunt_doubts(&mut self) -> Result<(), LedgerError> {
        let groups: Vec<u32> = self.core.names.keys().copied().collect();
        for group in groups {
            for (_, id) in self.tables.agenda(Agenda::Doubt, group, usize::MAX)? {
                let row = self.delivery(id)?;
                let settles = self.tables.entry(id.entry)?.settles;
                let next = DeliveryRow {
                    first_sent: Some(Time::EPOCH),
                    haunted: true,
                    since: self.now,
                    absent: Vec::new(),
                    ..row.clone()
                };
                self.tables.set_delivery(id, Some((&row, settles)), &next, settles)?;
            }
        }
        Ok(())
    }

    /// What is new at each feed's next poll may have been sent under another name.
    pub(super) fn hold_news(&mut self) -> Result<(), LedgerError> {
        for (name, row) in self.feed_rows()? {
            self.set_feed_row(&name, &FeedRow { restored: true, ..row })?;
        }
        Ok(())
    }

    /// What the feeds show at their next poll is remembered and not sent, and what was owed is in
    /// doubt.
    pub(super) fn begin_again(&mut self) -> Result<(), LedgerError> {
        for (name, row) in self.feed_rows()? {
            for number in &row.settling {
                self.set_settles(*number, None)?;
            }
            // Without its validators the next poll brings a whole document.
            let again = FeedRow { number: row.number, habits: row.habits, ..FeedRow::default() };
            self.set_feed_row(&name, &again)?;
        }
        let groups: Vec<u32> = self.core.names.keys().copied().collect();
        let mut owed = 0;
        for group in groups {
            for list in [Agenda::Due, Agenda::Settling, Agenda::Held] {
                for (_, id) in self.tables.agenda(list, group, usize::MAX)? {
                    let row = self.delivery(id)?;
                    let entry = self.tables.entry(id.entry)?;
                    let mut row =
                        DeliveryRow { first_sent: Some(Time::EPOCH), haunted: true, ..row };
                    match row.status {
                        Status::Held { reason: HoldReason::Restored } => {
                            let release = Event::Release { not_before: self.now };
                            row = self.apply(id, &row, &entry, release, "ledger", "")?;
                        }
                        Status::Held { .. } => continue,
                        _ => {}
                    }
                    let claim = Event::Claim { permit: 0 };
                    let row = self.apply(id, &row, &entry, claim, "ledger", "not granted")?;
                    let evidence = "it was owed in an older copy of the ledger, and may have been \
                                    sent since"
                        .to_owned();
                    let event = Event::Doubt { evidence, next_look: self.now };
                    self.apply(id, &row, &entry, event, "ledger", "")?;
                    owed += 1;
                }
            }
        }
        let detail = format!(
            "nothing tells what was sent after this copy: feeds begin anew, {owed} owed are in doubt"
        );
        self.house("begin-again", "ledger", &detail)
    }
}
