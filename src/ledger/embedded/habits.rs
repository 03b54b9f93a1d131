//! What a feed has taught about itself, and what its newest entries look like: written in the commit that
//! takes the document which taught it.

use serde::{Deserialize, Serialize};

use crate::ledger::LedgerError;
use crate::ledger::admission::Habits;
use crate::model::identity::{SKETCH_VERSION, Sketch, shared_mark};
use crate::model::{Alias, Status};

use super::admit::FeedRow;
use super::batch::Batch;

/// So many entries of a feed are compared with what is new in it. Only look-alikes are found so: what is
/// known is known by its aliases, of which none is ever forgotten.
const SKETCHES: usize = 512;

/// What the newest entries of a feed look like, oldest first.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Sketches {
    version: u32,
    entries: Vec<Sketch>,
}

fn key(feed: u32) -> String {
    format!("sketch/{feed}")
}

impl Batch<'_, '_> {
    /// What the newest entries of a feed look like.
    pub(super) fn sketches_of(&self, feed: u32) -> Result<Vec<Sketch>, LedgerError> {
        let kept: Option<Sketches> = self.tables.meta(&key(feed))?;
        Ok(kept.filter(|kept| kept.version == SKETCH_VERSION).unwrap_or_default().entries)
    }

    /// A ledger of an older release has no sketches: they are made once, of the entries that it has.
    pub(super) fn remember_looks(&mut self, row: &FeedRow) -> Result<(), LedgerError> {
        let kept: Option<Sketches> =
            if row.known { self.tables.meta(&key(row.number))? } else { None };
        if !row.known || kept.is_some_and(|kept| kept.version == SKETCH_VERSION) {
            return Ok(());
        }
        let mut sketches = Sketches { version: SKETCH_VERSION, entries: Vec::new() };
        for number in self.tables.seen_by(row.number, SKETCHES)? {
            let entry = self.tables.entry(number)?.entry;
            self.habits.visit(&entry);
            sketches.entries.push(Sketch::of(number, &entry));
        }
        self.tables.set_meta(&key(row.number), &sketches)
    }

    /// Writes down what a document has taught.
    pub(super) fn learn(
        &mut self,
        feed: &str,
        row: &mut FeedRow,
        habits: Habits,
        shared: &[Alias],
        greeted: &[Sketch],
        first: Option<u64>,
    ) -> Result<(), LedgerError> {
        for alias in shared {
            let bearer = self.tables.known_by(&alias.fingerprint)?.or(first);
            if let Some(bearer) = bearer {
                self.tables.set_alias(&shared_mark(&alias.fingerprint), bearer)?;
            }
        }
        let before = self.habits.notes();
        for note in habits.notes().iter().filter(|note| !before.contains(note)) {
            tracing::warn!(feed.name = %feed, note, "learnt about the feed");
            self.house("learnt", &format!("feed {feed}"), note)?;
        }
        row.habits = habits;
        if !greeted.is_empty() || !row.known {
            let mut entries = self.sketches_of(row.number)?;
            entries.extend(greeted);
            let excess = entries.len().saturating_sub(SKETCHES);
            entries.drain(..excess);
            self.keep_sketches(row.number, entries)?;
        }
        Ok(())
    }

    pub(super) fn keep_sketches(
        &mut self,
        feed: u32,
        entries: Vec<Sketch>,
    ) -> Result<(), LedgerError> {
        let sketches = Sketches { version: SKETCH_VERSION, entries };
        self.tables.set_meta(&key(feed), &sketches)
    }

    /// Whether nobody has heard an entry, and it is in its settle window or vanished in it.
    pub(super) fn has_no_reader(&self, number: u64) -> Result<bool, LedgerError> {
        let entry = self.tables.entry(number)?;
        if entry.settles.is_none() && !entry.vanished {
            return Ok(false);
        }
        let settles = entry.settles.is_some();
        let unsent = |status: &Status| match status {
            Status::Due { attempt: 0, .. } => settles,
            Status::Withdrawn { .. } => true,
            _ => false,
        };
        let deliveries = self.tables.deliveries(number)?;
        Ok(!deliveries.is_empty() && deliveries.iter().all(|(_, row)| unsent(&row.status)))
    }
}
