//! Taking what a poll brought: entries, aliases, deliveries and the feed's memory in one commit.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::ledger::admission::{self, Decision, Habits, Memory, Today};
use crate::ledger::journal::Line;
use crate::ledger::{Admitted, Intake, LedgerError, Sight, Trust};
use crate::model::identity::Sketch;
use crate::model::{
    Alias, AliasKind, DeliveryId, Entry, EntryId, FeedState, Fingerprint, HoldReason,
    IdempotencyKey, Status, Time,
};

use super::batch::Batch;
use super::records::{DeliveryRow, EntryRow};
use super::upkeep::Gone;

/// A feed that gives an item a new guid at every poll teaches nothing after this many.
const LEARNT_MAX: u32 = 64;

/// One feed: its number, the poller's memory, and what waits for its second look.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct FeedRow {
    pub(super) number: u32,
    /// Whether a document has ever been taken: before that, everything is baseline.
    #[serde(default)]
    pub(super) known: bool,
    /// Entries whose settle window is open.
    #[serde(default)]
    pub(super) settling: Vec<u64>,
    /// Entries that vanished in their settle window, as older releases noted it: now it stands in the
    /// entry's own row, where none is ever forgotten.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) vanished: Vec<u64>,
    /// Set when a copy is taken up, until a whole document has been seen since.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) restored: bool,
    /// Entries that have left it, and may have been deleted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) missing: Vec<Gone>,
    /// What the feed has taught about itself.
    #[serde(default)]
    pub(super) habits: Habits,
    pub(super) state: FeedState,
}

/// How much HTML of an entry is kept, in bytes: far more than any group reads of one post.
const HTML_KEPT: usize = 64 << 10;

impl Memory for Batch<'_, '_> {
    type Error = LedgerError;

    fn known_by(&self, alias: &Fingerprint) -> Result<Option<u64>, LedgerError> {
        self.tables.known_by(alias)
    }

    fn entry(&self, number: u64) -> Result<(Entry, String), LedgerError> {
        let row = self.tables.entry(number)?;
        Ok((row.entry, row.id.short()))
    }

    fn seen_in_feed(&self, number: u64) -> Result<bool, LedgerError> {
        self.tables.has_seen(self.feed_number, number)
    }

    fn habits(&self) -> Habits {
        self.habits.clone()
    }

    fn sketches(&self) -> Result<Vec<Sketch>, LedgerError> {
        self.sketches_of(self.feed_number)
    }

    fn is_unsent(&self, number: u64) -> Result<bool, LedgerError> {
        self.has_no_reader(number)
    }
}

impl Batch<'_, '_> {
    pub(super) fn feed(
        &mut self,
        name: &str,
    ) -> Result<(Option<FeedState>, Option<Duration>), LedgerError> {
        let Some(row) = self.feed_row(name)? else { return Ok((None, None)) };
        let next = self.next_settle(&row.settling, |_| true)?;
        Ok((Some(row.state), next))
    }

    pub(super) fn admit(&mut self, intake: Intake) -> Result<Admitted, LedgerError> {
        let mut row = match self.feed_row(&intake.feed)? {
            Some(row) => row,
            None => {
                self.numbers.feed += 1;
                FeedRow { number: self.numbers.feed, ..FeedRow::default() }
            }
        };
        if matches!(intake.sight, Sight::Unchanged)
            && row.known
            && self.lag(&intake.feed, &row, &intake.state)
        {
            return Ok(Admitted::default());
        }
        row.state = intake.state;
        self.feed_number = row.number;
        let mut admitted = Admitted::default();
        match intake.sight {
            Sight::Nothing => {}
            Sight::Unchanged => self.confirm(&mut row, |_| true)?,
            // Half a document is no baseline: what it lacks would be news at the next poll.
            Sight::Document { complete: false, .. } if !row.known => {}
            Sight::Document { entries, complete } => {
                admitted = self.take(&intake.feed, &mut row, entries, complete)?;
            }
        }
        // What this poll did not show is looked for at the next one, and not again at once.
        admitted.next_settle = self.next_settle(&row.settling, |look| look > self.now)?;
        self.set_feed_row(&intake.feed, &row)?;
        Ok(admitted)
    }

    fn take(
        &mut self,
        feed: &str,
        row: &mut FeedRow,
        entries: Vec<Entry>,
        complete: bool,
    ) -> Result<Admitted, LedgerError> {
        let policy = self.core.setup.policy.clone();
        // Shortened before it is recognised, so that it is recognised by what is kept.
        let entries: Vec<Entry> = entries.into_iter().map(shortened).collect();
        let today = Today { clock: self.core.clock.now(), counted: self.now };
        let first_sight = !row.known;
        self.habits = std::mem::take(&mut row.habits);
        let before = self.habits.present.clone();
        let mut edited = Vec::new();
        self.remember_looks(row)?;
        let plan = admission::plan(feed, &entries, self, &policy, first_sight, today)?;
        let audiences: Vec<(String, u32)> = self
            .core
            .setup
            .groups
            .iter()
            .filter(|g| g.feeds.iter().any(|f| f == feed))
            .filter_map(|g| Some((g.name.clone(), *self.core.groups.get(&g.name)?)))
            .collect();
        // What a lost ledger has sent is known by its key, and a post that was renamed since has another.
        let trusted = matches!(self.core.trust, Trust::Sends);
        let unsure = !plan.baseline && (row.restored || !trusted);
        let mut admitted = Admitted { baseline: plan.baseline, ..Admitted::default() };
        let mut present = Vec::with_capacity(entries.len());
        let mut greeted = Vec::new();
        for (entry, decision) in entries.into_iter().zip(plan.decisions) {
            match decision {
                Decision::Nameless => admitted.nameless += 1,
                Decision::Repeat => {}
                Decision::Known { number, learn, arrives } => {
                    present.push(number);
                    let met = self.meet(feed, number, entry, &learn)?;
                    admitted.changed += u32::from(met.was.is_some());
                    edited.extend(met.was.map(|was| (number, was)));
                    let is_new_here = arrives.is_some();
                    if let Some(hold) = arrives {
                        self.tables.set_seen(row.number, number, self.now)?;
                        self.owe(number, &audiences, plan.baseline, hold.as_ref())?;
                    }
                    if met.vanished || row.vanished.contains(&number) {
                        self.take_back(row, feed, number, is_new_here)?;
                    }
                }
                Decision::New { aliases, hold } => {
                    // Every post of a feed without dates would be held for ever.
                    let unsure =
                        unsure || (!plan.baseline && self.may_be_of_a_lost_one(&entry, false)?);
                    let hold = hold.or(unsure.then_some(HoldReason::Restored));
                    admitted.new += 1;
                    admitted.held += u32::from(hold.is_some());
                    let settles = (!plan.baseline && hold.is_none() && !policy.settle.is_zero())
                        .then(|| self.now.plus(policy.settle));
                    greeted.push(Sketch::of(self.numbers.entry + 1, &entry));
                    let number = self.greet(feed, row.number, entry, &aliases, settles)?;
                    present.push(number);
                    if settles.is_some() {
                        row.settling.push(number);
                    }
                    self.owe(number, &audiences, plan.baseline, hold.as_ref())?;
                }
            }
        }
        self.learn(feed, row, plan.habits, &plan.shared, &greeted, present.first().copied())?;
        admitted.edits_held = self.carry_edits(feed, edited)?;
        if complete && !present.is_empty() {
            admitted.missing_held = self.note_missing(feed, row, &before, &present)?;
            row.habits.present.clone_from(&present);
        }
        admitted.missing = u32::try_from(row.missing.len()).unwrap_or(u32::MAX);
        row.known = true;
        row.restored &= !(trusted && complete);
        // A feed that is empty for once has lost nothing: only a document with items can say that
        // one of them is gone.
        if complete && !present.is_empty() {
            let gone: Vec<u64> =
                row.settling.iter().filter(|n| !present.contains(n)).copied().collect();
            for number in gone {
                row.settling.retain(|n| *n != number);
                // A person who sent it by hand has closed its window.
                if self.tables.entry(number)?.settles.is_none() {
                    continue;
                }
                admitted.vanished += 1;
                self.forget(number, "it left the feed unsent")?;
            }
        }
        self.confirm(row, |number| present.contains(&number))?;
        Ok(admitted)
    }

    /// Writes an entry that was never seen.
    fn greet(
        &mut self,
        feed: &str,
        feed_number: u32,
        entry: Entry,
        aliases: &[Alias],
        settles: Option<Time>,
    ) -> Result<u64, LedgerError> {
        self.numbers.entry += 1;
        let number = self.numbers.entry;
        let id = aliases.first().map_or_else(
            || EntryId::from_fingerprint(&Fingerprint::of("oncecast/nameless/1", &[])),
            |alias| EntryId::from_fingerprint(&alias.fingerprint),
        );
        for alias in aliases {
            // The first to bear an alias keeps it.
            if self.tables.known_by(&alias.fingerprint)?.is_none() {
                self.tables.set_alias(&alias.fingerprint, number)?;
            }
        }
        self.tables.set_id(id.as_bytes(), number)?;
        self.tables.set_seen(feed_number, number, self.now)?;
        let line = self.numbers.lines;
        let first_seen = self.now;
        let feed = feed.to_owned();
        let row = EntryRow::new(id, feed, first_seen, line, entry);
        let row = EntryRow { settles, ..row };
        self.tables.set_entry(number, &row)?;
        Ok(number)
    }

    /// Notes that a known entry was met again.
    fn meet(
        &mut self,
        feed: &str,
        number: u64,
        entry: Entry,
        learn: &[Alias],
    ) -> Result<Met, LedgerError> {
        let mut row = self.tables.entry(number)?;
        let mut learnt = 0;
        for alias in learn {
            if alias.kind == AliasKind::Guid && row.learnt + learnt >= LEARNT_MAX {
                continue;
            }
            self.tables.set_alias(&alias.fingerprint, number)?;
            learnt += 1;
        }
        let changed = row.entry != entry;
        let mut was = None;
        if changed || learnt > 0 {
            if changed {
                self.revise(feed, number, &mut row, &entry)?;
            }
            let before = std::mem::replace(&mut row.entry, entry);
            was = Some(before).filter(|_| changed);
            row.learnt += learnt;
            self.tables.set_entry(number, &row)?;
        }
        Ok(Met { was, vanished: row.vanished })
    }

    /// Writes one delivery for each audience that is owed the entry and has none.
    pub(super) fn owe(
        &mut self,
        number: u64,
        audiences: &[(String, u32)],
        baseline: bool,
        hold: Option<&HoldReason>,
    ) -> Result<(), LedgerError> {
        let entry = self.tables.entry(number)?;
        if entry.same_as.is_some() {
            return Ok(());
        }
        let line = self.numbers.lines;
        let mut owed = Vec::new();
        let mut told = None;
        for (name, group) in audiences {
            let id = DeliveryId { entry: number, group: *group, generation: 1 };
            if self.tables.delivery(id)?.is_some() {
                continue;
            }
            let status = match (baseline, hold) {
                (true, _) => Status::Baseline,
                (false, Some(reason)) => Status::Held { reason: reason.clone() },
                (false, None) => {
                    Status::Due { attempt: 0, not_before: entry.settles.unwrap_or(self.now) }
                }
            };
            told = Some((status.kind(), hold.map(ToString::to_string)));
            let key = IdempotencyKey::of(&entry.id, name, 1);
            let row = DeliveryRow { lines: vec![line], ..DeliveryRow::new(status, self.now, key) };
            self.tables.set_delivery(id, None, &row, entry.settles)?;
            owed.push((name.as_str(), id, row));
        }
        let Some((status, hold)) = told else { return Ok(()) };
        let groups: Vec<&str> = owed.iter().map(|(name, ..)| *name).collect();
        let groups = groups.join(", ");
        self.journal(&Line {
            at: self.now,
            entry: Some(entry.id),
            group: None,
            delivery: None,
            event: "admit".to_owned(),
            status: Some(status),
            who: format!("feed {}", entry.feed),
            detail: match hold {
                Some(hold) => format!("{hold}; for {groups}"),
                None => format!("for {groups}"),
            },
            http: None,
            id: None,
        })?;
        for (_, id, row) in owed {
            self.is_heard_already(id, &row, &entry)?;
        }
        Ok(())
    }
}

/// What a known entry was met as.
struct Met {
    /// What it said before, where that is another thing.
    was: Option<Entry>,
    /// Whether it had left its feed before it was sent.
    vanished: bool,
}

pub(super) fn shortened(mut entry: Entry) -> Entry {
    for html in [&mut entry.summary, &mut entry.content] {
        if html.len() > HTML_KEPT {
            let mut end = HTML_KEPT;
            while !html.is_char_boundary(end) {
                end -= 1;
            }
            html.truncate(end);
        }
    }
    entry
}
