//! What a person may do: release, withdraw, resolve, replay, pause, stop. Each writes a row and rings
//! the same bell as the feed; none sends.

use std::time::Duration;

use crate::ledger::{DeliveryView, LedgerError, Replay, ReplayStep, Selection, Verdict};
use crate::model::{
    DeliveryId, Event, Found, How, IdempotencyKey, Receipt, Status, WhenAbsent, WithdrawReason,
};

use super::batch::{Batch, Told};
use super::records::{Agenda, DeliveryRow, EntryRow, Routing};
use super::settle::without_request;

/// The longest rest between two questions about one delivery in doubt.
const LOOK_MAX: Duration = Duration::from_secs(6 * 3_600);

/// From the moment of doubt on, until an answer "absent" counts: what was under way has arrived then, and
/// the slowest index has taken it up.
const ABSENT_AFTER: Duration = Duration::from_secs(5 * 60);
/// Between the first and the last answer "absent" that counts.
const ABSENT_APART: Duration = Duration::from_secs(60);
/// A post that was sent this often and is not there each time needs a person.
const ABSENT_SENDS_MAX: u32 = 4;

impl Batch<'_, '_> {
    pub(super) fn release(
        &mut self,
        selection: &Selection,
        who: &str,
    ) -> Result<Vec<DeliveryView>, LedgerError> {
        let entry = self.tables.entry(selection.entry)?;
        let mut released = Vec::new();
        for (id, row) in self.newest(selection)? {
            if !matches!(row.status, Status::Held { .. }) {
                continue;
            }
            let event = Event::Release { not_before: self.now };
            // Whoever names the group wants it there.
            let routing =
                if selection.group.is_some() { Routing::ByHand } else { Routing::Approved };
            let row = DeliveryRow { routing, ..row };
            let row = self.apply(id, &row, &entry, event, who, "")?;
            released.push(self.view(id, &row, &entry));
        }
        if released.is_empty() {
            return Err(LedgerError::Refused(format!(
                "nothing of entry {} is held{}",
                entry.id.short(),
                of_group(selection)
            )));
        }
        Ok(released)
    }

    pub(super) fn withdraw(
        &mut self,
        selection: &Selection,
        why: &str,
        who: &str,
    ) -> Result<Vec<DeliveryView>, LedgerError> {
        let entry = self.tables.entry(selection.entry)?;
        let mut withdrawn = Vec::new();
        for (id, row) in self.newest(selection)? {
            if !matches!(row.status, Status::Held { .. } | Status::Due { .. }) {
                continue;
            }
            let event = Event::Withdraw(WithdrawReason::Person { why: why.to_owned() });
            let row = self.apply(id, &without_request(row), &entry, event, who, why)?;
            withdrawn.push(self.view(id, &row, &entry));
        }
        if withdrawn.is_empty() {
            return Err(LedgerError::Refused(format!(
                "nothing of entry {} waits to be sent{}; what is out cannot be taken back here",
                entry.id.short(),
                of_group(selection)
            )));
        }
        Ok(withdrawn)
    }

    pub(super) fn resolve(
        &mut self,
        id: DeliveryId,
        verdict: Verdict,
        who: &str,
    ) -> Result<Status, LedgerError> {
        let mut row = self.delivery(id)?;
        let entry = self.tables.entry(id.entry)?;
        if !matches!(row.status, Status::InDoubt { .. }) {
            return Err(LedgerError::Refused(format!(
                "it is not in doubt, it is {}",
                row.status.kind().word()
            )));
        }
        let doubt_after = self.core.doubt_after(id.group);
        // A platform that could not tell is asked less and less often.
        let looks = match row.status {
            Status::InDoubt { looks, .. } => looks,
            _ => 0,
        };
        let rest = doubt_after.saturating_mul(1 << looks.min(16)).min(LOOK_MAX.max(doubt_after));
        let next_look = self.now.plus(rest);
        let receipt = |reference, how| Receipt { reference, at: self.now, how };
        let (event, detail) = match verdict {
            Verdict::PersonPublished(reference) => {
                let detail = reference.url.clone().unwrap_or_else(|| "seen there".to_owned());
                (Event::Found(receipt(reference, How::Person)), detail)
            }
            Verdict::PersonAbsent => {
                (Event::Absent { not_before: self.now }, "seen not to be there".to_owned())
            }
            Verdict::Asked(Found::There(reference)) => {
                let detail = reference.url.clone().or(reference.id.clone()).unwrap_or_default();
                row.home = self.home(id);
                (Event::Found(receipt(reference, How::Asked)), detail)
            }
            Verdict::Asked(Found::Absent) => {
                let evidence = "the platform was asked and does not have it".to_owned();
                (Event::Looked { evidence: evidence.clone(), next_look }, evidence)
            }
            Verdict::Absent(why) => {
                let evidence =
                    format!("it was not found when asked, and {why}: a person must look");
                if self.now >= row.since.plus(ABSENT_AFTER) {
                    // The first and the last are what counts.
                    row.absent.truncate(1);
                    row.absent.push(self.now);
                }
                if self.is_believed(id, &row)? {
                    (Event::Absent { not_before: self.now }, "not found (when_absent)".to_owned())
                } else {
                    (Event::Looked { evidence: evidence.clone(), next_look }, evidence)
                }
            }
            Verdict::Asked(Found::Unsure(evidence)) => {
                (Event::Looked { evidence: evidence.clone(), next_look }, evidence)
            }
        };
        // What a person was to paste is no request: no later claim may take it for one.
        let done = matches!(event, Event::Found(_));
        let pasted = matches!(event, Event::Absent { .. }) && self.hand_of(&row)?.is_some();
        let row = if done || pasted { without_request(row) } else { row };
        // Looking again and again is no news: only what settles it is a line of evidence.
        if let Event::Looked { .. } = event {
            let status =
                row.status.after(event).map_err(|e| LedgerError::Refused(e.to_string()))?;
            let next = DeliveryRow { status, ..row.clone() };
            self.tables.set_delivery(id, Some((&row, entry.settles)), &next, entry.settles)?;
            return Ok(next.status);
        }
        let absent = matches!(event, Event::Absent { .. });
        let mut row = self.apply(id, &row, &entry, event, who, &detail)?;
        if absent && self.is_replaced(id)? {
            let why = "it was sent again by hand instead".to_owned();
            let event = Event::Withdraw(WithdrawReason::Person { why: why.clone() });
            row = self.apply(id, &without_request(row), &entry, event, who, &why)?;
        }
        Ok(row.status)
    }

    /// Whether the group believes its platform that a post in doubt is not there: it was asked twice, well
    /// apart, and after what was on its way has arrived and can be seen.
    fn is_believed(&self, id: DeliveryId, row: &DeliveryRow) -> Result<bool, LedgerError> {
        let (Status::InDoubt { attempt, .. }, Some((audience, _))) =
            (&row.status, self.core.audience(id.group))
        else {
            return Ok(false);
        };
        let sends = audience.when_absent == WhenAbsent::Send;
        if !sends || *attempt >= ABSENT_SENDS_MAX || row.haunted || self.is_replaced(id)? {
            return Ok(false);
        }
        if self.hand_of(row)?.is_some() || self.left_behind(id, row).is_some() {
            // Only the person who began it knows; and where it was sent, nobody was asked.
            return Ok(false);
        }
        Ok(matches!(row.absent[..], [first, last] if last.since(first) >= ABSENT_APART))
    }

    /// Whether a person has opened another generation in this one's place.
    pub(super) fn is_replaced(&self, id: DeliveryId) -> Result<bool, LedgerError> {
        let next = DeliveryId { generation: id.generation + 1, ..id };
        Ok(self.tables.delivery(next)?.is_some())
    }

    pub(super) fn reopen(
        &mut self,
        replay: &Replay,
        who: &str,
    ) -> Result<Vec<ReplayStep>, LedgerError> {
        let number = replay.selection.entry;
        let mut entry = self.tables.entry(number)?;
        if let Some(same) = entry.same_as {
            let same = self.tables.entry(same)?.id.short();
            return Err(LedgerError::Refused(format!(
                "it is entry {same} under another name (realias): oncecast replay {same}"
            )));
        }
        let groups: Vec<(String, u32)> = match &replay.selection.group {
            Some(name) => match self.core.groups.get(name) {
                Some(group) => vec![(name.clone(), *group)],
                None => {
                    let names: Vec<&str> = self.core.groups.keys().map(String::as_str).collect();
                    return Err(LedgerError::Refused(format!(
                        "there is no group {name:?}; the config has {}",
                        names.join(", ")
                    )));
                }
            },
            None => self
                .core
                .setup
                .groups
                .iter()
                .filter(|g| g.feeds.contains(&entry.feed))
                .filter(|g| g.rules.refuses(&entry.entry, entry.first_seen, self.now).is_none())
                .filter_map(|g| Some((g.name.clone(), *self.core.groups.get(&g.name)?)))
                .collect(),
        };
        if entry.settles.is_some() && !replay.dry_run {
            // A person who sends it by hand has had the second look.
            self.set_settles(number, None)?;
            entry.settles = None;
        }
        let mut steps = Vec::new();
        for (name, group) in groups {
            steps.push(self.reopen_one(number, &entry, &name, group, replay, who)?);
        }
        Ok(steps)
    }

    fn reopen_one(
        &mut self,
        number: u64,
        entry: &EntryRow,
        name: &str,
        group: u32,
        replay: &Replay,
        who: &str,
    ) -> Result<ReplayStep, LedgerError> {
        let selection = Selection { entry: number, group: Some(name.to_owned()) };
        let found = self.newest(&selection)?.pop();
        let again = replay.again.as_deref();
        let first = DeliveryId { entry: number, group, generation: 1 };
        let step = |batch: &Self, id, row: &DeliveryRow, sends, why: &str| ReplayStep {
            group: name.to_owned(),
            delivery: batch.view(id, row, entry),
            sends,
            why: why.to_owned(),
        };
        if again.is_none()
            && found
                .as_ref()
                .is_none_or(|(id, row)| id.generation == 1 && !row.status.may_have_been_seen())
            && let Some(receipt) = self.adopted(&entry.entry, group)?
        {
            let why = "it has it: that stood there before any feed of ours showed it (adopt)";
            let (id, row) = found.unwrap_or_else(|| {
                let key = IdempotencyKey::of(&entry.id, name, first.generation);
                (first, DeliveryRow::new(Status::Baseline, self.now, key))
            });
            let row = DeliveryRow { status: Status::Published { receipt }, ..row };
            return Ok(step(self, id, &row, false, why));
        }
        let Some((id, row)) = found else {
            let row = self.open_generation(first, entry, name, "replay", who, replay)?;
            return Ok(step(self, first, &row, true, "it has not had it"));
        };
        if again.is_none() && self.may_have_been_lost(entry, &row.status)? {
            // The lost ledger may have known it by another guid, and so by another key.
            let why = "it may have it: a lost ledger has sent posts, and this one cannot tell which; look, \
                       then use --again";
            return Ok(step(self, id, &row, false, why));
        }
        let why = match (&row.status, again) {
            (Status::Due { .. }, _) => return Ok(step(self, id, &row, true, "it is already due")),
            (Status::Claimed { .. }, _) => {
                return Ok(step(self, id, &row, false, "it is being sent now"));
            }
            (Status::Held { .. }, _) => {
                let row = if replay.dry_run {
                    row
                } else {
                    let event = Event::Release { not_before: self.now };
                    let row = DeliveryRow { routing: Routing::ByHand, ..row };
                    self.apply(id, &row, entry, event, who, "replay")?
                };
                return Ok(step(self, id, &row, true, "it was held and is let go"));
            }
            (Status::Published { .. }, None) => {
                let amend = row.amend.as_ref().map(|amend| &amend.amend);
                let why = match amend {
                    Some(amend) if amend.is_away() => "it had it, and it is not there any more",
                    _ => "it has it",
                };
                return Ok(step(self, id, &row, false, why));
            }
            (Status::InDoubt { .. }, None) => {
                return Ok(step(self, id, &row, false, "it may have it: look, then resolve it"));
            }
            (Status::Published { .. } | Status::InDoubt { .. }, Some(reason)) => {
                format!("a person wants it again: {reason}")
            }
            (Status::Baseline, _) => "it was there before oncecast was".to_owned(),
            (Status::Refused { .. }, _) => "it was refused before".to_owned(),
            (Status::Withdrawn { .. }, _) => "it was withdrawn before".to_owned(),
        };
        if again.is_none() && self.was_lost(id)? {
            let why = "it may have it, as a lost ledger claimed it: look, then use --again";
            return Ok(step(self, id, &row, false, why));
        }
        // The old row stays for ever; the new generation has a key of its own.
        let next = DeliveryId { generation: id.generation + 1, ..id };
        let row = self.open_generation(next, entry, name, &why, who, replay)?;
        Ok(step(self, next, &row, true, &why))
    }

    /// Whether a lost ledger may have sent what this one has not.
    fn may_have_been_lost(&self, entry: &EntryRow, status: &Status) -> Result<bool, LedgerError> {
        Ok(match status {
            Status::Baseline if self.tables.has_ghosts()? => true,
            Status::Baseline | Status::Held { .. } | Status::Withdrawn { .. } => {
                self.may_be_of_a_lost_one(&entry.entry, true)?
            }
            _ => false,
        })
    }

    /// Whether a lost ledger has claimed any generation up to this one.
    fn was_lost(&self, id: DeliveryId) -> Result<bool, LedgerError> {
        for (old, row) in self.tables.deliveries(id.entry)? {
            if old.group == id.group && self.may_be_forgotten(&row)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn open_generation(
        &mut self,
        id: DeliveryId,
        entry: &EntryRow,
        group: &str,
        why: &str,
        who: &str,
        replay: &Replay,
    ) -> Result<DeliveryRow, LedgerError> {
        let status = Status::Due { attempt: 0, not_before: self.now };
        let key = IdempotencyKey::of(&entry.id, group, id.generation);
        let row = DeliveryRow::new(status, self.now, key);
        let mut row = DeliveryRow { routing: Routing::ByHand, ..row };
        if !replay.dry_run {
            self.note(id, &mut row, entry, "replay", Told { who, detail: why, http: None })?;
            self.tables.set_delivery(id, None, &row, None)?;
        }
        Ok(row)
    }

    pub(super) fn pause(
        &mut self,
        lane: Option<&str>,
        why: &str,
        who: &str,
    ) -> Result<Vec<String>, LedgerError> {
        let names = self.lanes(lane)?;
        for name in &names {
            let mut row = self.tables.lane(name)?;
            row.paused = Some(why.to_owned());
            self.tables.set_lane(name, &row)?;
            self.house("pause", who, &format!("{name}: {why}"))?;
        }
        Ok(names)
    }

    pub(super) fn resume(
        &mut self,
        lane: Option<&str>,
        who: &str,
    ) -> Result<Vec<String>, LedgerError> {
        let names = self.lanes(lane)?;
        if lane.is_none() {
            self.tables.remove_meta("stop")?;
            self.forgive_starts()?;
        }
        for name in &names {
            let mut row = self.tables.lane(name)?;
            row.paused = None;
            row.stopped = None;
            row.failures = 0;
            row.rests_until = None;
            self.tables.set_lane(name, &row)?;
            self.house("resume", who, name)?;
        }
        Ok(names)
    }

    pub(super) fn stop_all(&mut self, why: &str, who: &str) -> Result<(), LedgerError> {
        self.tables.set_meta("stop", &why)?;
        self.house("stop-all", who, why)
    }

    fn lanes(&self, lane: Option<&str>) -> Result<Vec<String>, LedgerError> {
        match lane {
            Some(name) => Ok(vec![self.core.lane(name)?.name.clone()]),
            None => Ok(self.core.setup.lanes.iter().map(|l| l.name.clone()).collect()),
        }
    }

    /// The newest generation of each delivery that a person means.
    pub(super) fn newest(
        &self,
        selection: &Selection,
    ) -> Result<Vec<(DeliveryId, DeliveryRow)>, LedgerError> {
        let mut newest: Vec<(DeliveryId, DeliveryRow)> = Vec::new();
        for (id, row) in self.tables.deliveries(selection.entry)? {
            let name = self.core.names.get(&id.group);
            if selection.group.as_ref().is_some_and(|g| Some(g) != name) {
                continue;
            }
            match newest.last_mut().filter(|(last, _)| last.group == id.group) {
                Some(last) => *last = (id, row),
                None => newest.push((id, row)),
            }
        }
        Ok(newest)
    }

    /// The waiting deliveries of one list, whatever group they are for.
    pub(super) fn listed(
        &self,
        list: Agenda,
        limit: usize,
    ) -> Result<Vec<(crate::model::Time, DeliveryId)>, LedgerError> {
        let mut all = Vec::new();
        for group in self.core.names.keys() {
            all.extend(self.tables.agenda(list, *group, limit)?);
        }
        all.sort_unstable();
        all.truncate(limit);
        Ok(all)
    }
}

fn of_group(selection: &Selection) -> String {
    selection.group.as_ref().map_or_else(String::new, |g| format!(" for group {g}"))
}
