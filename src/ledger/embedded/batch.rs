//! One transaction's worth of work, and what the writer knows between transactions.

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use redb::WriteTransaction;

use crate::clock::Clock;
use crate::ledger::admission::Habits;
use crate::ledger::journal::{Head, Line};
use crate::ledger::witness::{Claimed, Stand, Witness};
use crate::ledger::{Audience, Lane, LedgerError, Setup, Trust};
use crate::model::identity::own_marks;
use crate::model::{DeliveryId, Event, Status, Time};

use super::disk::{Disk, folder_of};
use super::lag::Lag;
use super::records::{DeliveryRow, EntryRow, GroupRow, Numbers};
use super::tables::Tables;
use super::time::Timekeeper;

/// A config as the writer knows it: the setup, numbers by name and names by number.
type Config = (Setup, BTreeMap<String, u32>, BTreeMap<u32, String>);

/// Of a group that is no longer in the config.
const DOUBT_AFTER: Duration = Duration::from_secs(120);

/// What the writer knows between transactions.
#[derive(Debug)]
pub(super) struct Core {
    pub(super) disk: Arc<dyn Disk>,
    pub(super) path: PathBuf,
    pub(super) ledger: [u8; 16],
    pub(super) clock: Arc<dyn Clock>,
    /// `None` where there is none and none may be made.
    pub(super) witness: Option<Witness>,
    pub(super) trust: Trust,
    pub(super) setup: Setup,
    /// Group name to its number, for the groups of the setup.
    pub(super) groups: BTreeMap<String, u32>,
    /// Every group there ever was, by number.
    pub(super) names: BTreeMap<u32, String>,
    /// Why the last commit failed, until one succeeds.
    pub(super) sick: Option<String>,
    /// Claims granted by this process and not settled.
    pub(super) live: HashSet<u64>,
    /// Of those, what the transaction under way settles: forgotten only when it is committed.
    pub(super) settled: Vec<u64>,
    /// The config before the transaction under way took up another.
    pub(super) replaced: Option<Config>,
    /// This daemon's own number; `None` in a process that is none.
    pub(super) daemon: Option<u64>,
    /// This process's epoch, from its first change on.
    pub(super) epoch: Option<u64>,
    /// How far the ledger has come.
    pub(super) stand: Stand,
    /// Whether the witness has heard of this process.
    pub(super) witnessed: bool,
    /// Why the witness could not be told of the last commit.
    pub(super) unnoted: Option<String>,
    /// What polls that brought nothing have left to remember.
    pub(super) lag: Lag,
    /// The ledger's time.
    pub(super) time: Timekeeper,
    /// The time before the transaction under way followed the clock.
    pub(super) untimed: Option<Timekeeper>,
}

impl Core {
    /// The state folder.
    pub(super) fn folder(&self) -> &Path {
        folder_of(&self.path)
    }

    /// The ledger's time.
    pub(super) fn now(&mut self) -> Time {
        self.time.now(self.clock.as_ref())
    }

    /// A commit is on disk: the witness takes its claims, and how far the ledger has come where this is
    /// the first change of this process. A permit is granted only after this. Of any other commit it
    /// takes a note, on which nothing waits.
    pub(super) fn committed(&mut self, taken: &Taken) -> Result<(), LedgerError> {
        self.epoch = Some(taken.stand.epoch);
        self.stand = taken.stand;
        let first = !self.witnessed;
        if first || !taken.claims.is_empty() {
            self.witness(first.then_some(taken.stand), &taken.claims)?;
        } else {
            self.note(taken.stand);
        }
        self.live.extend(taken.claims.iter().map(|c| c.number));
        Ok(())
    }

    /// Whether what was written last, or noted of it, did not come to the disk.
    pub(super) const fn is_ill(&self) -> bool {
        self.sick.is_some() || self.unnoted.is_some()
    }

    /// The last thing that a process does: says how far it has come.
    pub(super) fn leave(&mut self) -> Result<(), LedgerError> {
        if self.epoch.is_some() { self.witness(Some(self.stand), &[]) } else { Ok(()) }
    }

    /// What cannot be noted grants nothing; it is told of until the witness can be written again.
    fn note(&mut self, stand: Stand) {
        if matches!(self.trust, Trust::Observes { .. }) {
            return;
        }
        let Some(witness) = &mut self.witness else { return };
        let noted = witness.note(stand).map_err(|e| unwritten(witness, &e));
        if let Err(why) = &noted {
            tracing::error!(error = %why, "nothing is sent before it can");
        }
        self.unnoted = noted.err();
    }

    fn witness(&mut self, stand: Option<Stand>, claims: &[Claimed]) -> Result<(), LedgerError> {
        // A ledger that is not trusted grants no claims, and must not be taken for the one it was.
        if matches!(self.trust, Trust::Observes { .. }) && claims.is_empty() {
            return Ok(());
        }
        let Some(witness) = &mut self.witness else {
            return Err(LedgerError::Uncertain("there is no witness".to_owned()));
        };
        witness.take(stand, claims).map_err(|e| LedgerError::Uncertain(unwritten(witness, &e)))?;
        self.witnessed = true;
        self.unnoted = None;
        Ok(())
    }

    /// What a transaction changed here holds with its commit, and only then: a claim that was settled
    /// in vain is still in the world, and a group that was numbered in vain has no number.
    pub(super) fn after(&mut self, committed: bool) {
        self.lag.after(committed);
        let settled = std::mem::take(&mut self.settled);
        let replaced = self.replaced.take();
        let untimed = self.untimed.take();
        if let Some(time) = untimed.filter(|_| !committed) {
            self.time = time;
        }
        if committed {
            for number in settled {
                self.live.remove(&number);
            }
        } else if let Some((setup, groups, names)) = replaced {
            self.setup = setup;
            self.groups = groups;
            self.names = names;
        }
    }

    pub(super) fn audience(&self, group: u32) -> Option<(&Audience, &Lane)> {
        let name = self.names.get(&group)?;
        let audience = self.setup.groups.iter().find(|g| g.name == *name)?;
        let lane = self.setup.lanes.iter().find(|l| l.name == audience.lane)?;
        Some((audience, lane))
    }

    /// Whether a person posts to this group.
    pub(super) fn is_by_hand(&self, group: u32) -> bool {
        self.audience(group).is_some_and(|(audience, _)| audience.by_hand)
    }

    /// How long after a call of unknown outcome the platform is asked, or is called again.
    pub(super) fn doubt_after(&self, group: u32) -> Duration {
        self.audience(group).map_or(DOUBT_AFTER, |(_, lane)| lane.doubt_after)
    }

    pub(super) fn lane(&self, name: &str) -> Result<&Lane, LedgerError> {
        self.setup.lanes.iter().find(|l| l.name == name).ok_or_else(|| {
            let names: Vec<&str> = self.setup.lanes.iter().map(|l| l.name.as_str()).collect();
            LedgerError::Refused(format!(
                "there is no integration {name:?}; the config has {}",
                names.join(", ")
            ))
        })
    }
}

fn unwritten(witness: &Witness, error: &std::io::Error) -> String {
    format!("the witness {} cannot be written: {error}", witness.path().display())
}

/// What the witness hears of a commit.
#[derive(Debug)]
pub(super) struct Taken {
    pub(super) claims: Vec<Claimed>,
    /// How far the ledger has come with it.
    pub(super) stand: Stand,
}

/// Who moved a delivery, and what there is to tell of it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Told<'a> {
    pub(super) who: &'a str,
    pub(super) detail: &'a str,
    /// The HTTP status of the platform's answer, where one came.
    pub(super) http: Option<u16>,
}

impl<'a> Told<'a> {
    /// What the daemon does by itself.
    pub(super) const fn by_daemon(detail: &'a str) -> Self {
        Self { who: "daemon", detail, http: None }
    }
}

/// One transaction's worth of work.
pub(super) struct Batch<'txn, 'core> {
    pub(super) tables: Tables<'txn>,
    pub(super) core: &'core mut Core,
    pub(super) numbers: Numbers,
    pub(super) now: Time,
    /// The feed whose document is being taken.
    pub(super) feed_number: u32,
    /// What that feed has taught so far.
    pub(super) habits: Habits,
    /// Claims to be witnessed once they are committed.
    pub(super) claims: Vec<Claimed>,
    /// Why the transaction must be given up.
    poisoned: Option<LedgerError>,
}

impl<'txn, 'core> Batch<'txn, 'core> {
    pub(super) fn begin(
        txn: &'txn WriteTransaction,
        core: &'core mut Core,
    ) -> Result<Self, LedgerError> {
        let tables = Tables::of(txn);
        let numbers: Numbers = tables.meta("numbers")?.unwrap_or_default();
        let now = core.now();
        let set = core.time.wants();
        let before = core.time;
        let woken = core.time.wakes();
        if woken.is_some() {
            core.untimed.get_or_insert(before);
        }
        let mut batch = Self {
            tables,
            core,
            numbers,
            now,
            feed_number: 0,
            habits: Habits::default(),
            claims: Vec::new(),
            poisoned: None,
        };
        if let Some((since, slept)) = woken {
            batch.guarded(|batch| batch.sleep_through(since, slept)).ok();
        }
        if let Some(set) = set {
            // What cannot be moved gives up the transaction: nothing is counted by a wrong date.
            batch.guarded(|batch| batch.set_clock(&set)).ok();
        }
        Ok(batch)
    }

    /// Runs one verb. One that fails after it has written gives up the whole transaction, since half
    /// of it must not be committed.
    pub(super) fn guarded<T>(
        &mut self,
        verb: impl FnOnce(&mut Self) -> Result<T, LedgerError>,
    ) -> Result<T, LedgerError> {
        if let Some(error) = &self.poisoned {
            return Err(LedgerError::Unusable(format!("given up with another: {error}")));
        }
        let before = self.tables.writes;
        let result = verb(self);
        if let Err(error) = &result
            && self.tables.writes != before
        {
            self.poisoned = Some(error.clone());
        }
        result
    }

    /// Closes the books: `None` where nothing was written.
    pub(super) fn end(mut self) -> Result<Option<Taken>, LedgerError> {
        if let Some(error) = self.poisoned {
            return Err(LedgerError::Unusable(error.to_string()));
        }
        if self.tables.writes == 0 {
            return Ok(None);
        }
        self.numbers.latest = self.now;
        self.numbers.time = self.core.time.kept();
        if matches!(self.core.trust, Trust::Sends) {
            // One that only observes must not come to look as new as its witness.
            self.numbers.epoch = self.core.epoch.unwrap_or(self.numbers.epoch + 1);
        }
        let numbers = self.numbers;
        self.tables.set_meta("numbers", &numbers)?;
        let stand = Stand { epoch: numbers.epoch, lines: numbers.lines };
        Ok(Some(Taken { claims: self.claims, stand }))
    }

    /// Takes up a config: new groups start here, and what is known already is not sent to them.
    pub(super) fn configure(&mut self, setup: Setup) -> Result<(), LedgerError> {
        let mut groups = BTreeMap::new();
        for audience in &setup.groups {
            let number = match self.tables.group(&audience.name)? {
                Some(row) => row.number,
                None => {
                    self.numbers.group += 1;
                    let row = GroupRow { number: self.numbers.group, first_seen: self.now };
                    self.tables.set_group(&audience.name, &row)?;
                    row.number
                }
            };
            groups.insert(audience.name.clone(), number);
        }
        for lane in &setup.lanes {
            let mut row = self.tables.lane(&lane.name)?;
            if row.number == 0 {
                self.numbers.lane += 1;
                row.number = self.numbers.lane;
                self.tables.set_lane(&lane.name, &row)?;
            }
        }
        let names =
            self.tables.groups()?.into_iter().map(|(name, row)| (row.number, name)).collect();
        let setup = std::mem::replace(&mut self.core.setup, setup);
        let groups = std::mem::replace(&mut self.core.groups, groups);
        let names = std::mem::replace(&mut self.core.names, names);
        self.core.replaced.get_or_insert((setup, groups, names));
        self.end_unheard()
    }

    /// Moves a delivery: status, agenda, counts and journal in one.
    pub(super) fn apply(
        &mut self,
        id: DeliveryId,
        row: &DeliveryRow,
        entry: &EntryRow,
        event: Event,
        who: &str,
        detail: &str,
    ) -> Result<DeliveryRow, LedgerError> {
        self.applied(id, row, entry, event, Told { who, detail, http: None })
    }

    /// Moves a delivery, and has the journal say what was answered.
    pub(super) fn applied(
        &mut self,
        id: DeliveryId,
        row: &DeliveryRow,
        entry: &EntryRow,
        event: Event,
        told: Told<'_>,
    ) -> Result<DeliveryRow, LedgerError> {
        let word = event.word();
        let status = row.status.after(event).map_err(|e| LedgerError::Refused(e.to_string()))?;
        let since = if status.kind() == row.status.kind() { row.since } else { self.now };
        let mut next = DeliveryRow { status, since, ..row.clone() };
        self.note(id, &mut next, entry, word, told)?;
        self.tables.set_delivery(id, Some((row, entry.settles)), &next, entry.settles)?;
        if let Status::Published { receipt } = &next.status {
            for mark in own_marks(&receipt.reference) {
                if self.tables.known_by(&mark)?.is_none() {
                    self.tables.set_alias(&mark, id.entry)?;
                }
            }
        }
        Ok(next)
    }

    /// Writes the journal line of a change to a delivery.
    pub(super) fn note(
        &mut self,
        id: DeliveryId,
        row: &mut DeliveryRow,
        entry: &EntryRow,
        event: &str,
        told: Told<'_>,
    ) -> Result<(), LedgerError> {
        let group = self.core.names.get(&id.group).cloned();
        let line = self.journal(&Line {
            at: self.now,
            entry: Some(entry.id),
            group,
            delivery: Some(id),
            event: event.to_owned(),
            status: Some(row.status.kind()),
            who: told.who.to_owned(),
            detail: told.detail.to_owned(),
            http: told.http,
            id: match &row.status {
                Status::Published { receipt } => receipt.reference.id.clone(),
                _ => None,
            },
        })?;
        row.lines.push(line);
        Ok(())
    }

    pub(super) fn journal(&mut self, line: &Line) -> Result<u64, LedgerError> {
        let number = self.numbers.lines;
        let head = if number == 0 {
            Head::start(&self.core.ledger)
        } else {
            Head { lines: number, hash: self.numbers.hash }
        };
        let head = self.tables.add_line(head, line)?;
        self.numbers.lines = head.lines;
        self.numbers.hash = head.hash;
        Ok(number)
    }

    /// A delivery that is known to exist.
    pub(super) fn delivery(&self, id: DeliveryId) -> Result<DeliveryRow, LedgerError> {
        self.tables
            .delivery(id)?
            .ok_or_else(|| LedgerError::Refused(format!("there is no delivery {id}")))
    }

    /// A line about the whole house, such as a lane that a person paused.
    pub(super) fn house(
        &mut self,
        event: &str,
        who: &str,
        detail: &str,
    ) -> Result<(), LedgerError> {
        self.journal(&Line::of_house(self.now, who, event, detail))?;
        Ok(())
    }

    /// Whether the entry's second look is still wanted for this delivery.
    pub(super) fn is_settling(row: &DeliveryRow, entry: &EntryRow) -> bool {
        entry.settles.is_some() && matches!(row.status, Status::Due { .. })
    }
}
