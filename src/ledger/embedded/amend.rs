//! Changing what readers have: a change is written down before its call is made, and a call of which
//! nobody knows whether it was heard is made again as it was, so often and no more.
//!
//! A delivery stays published through all of it: nothing that is taken away can come to be sent again.

use std::time::Duration;

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

use crate::clock::Mark;
use crate::ledger::amend::{
    AmendClaim, AmendPermit, AmendSettled, AmendWork, Moot, Retract, RetractStep,
};
use crate::ledger::{Claim, LedgerError};
use crate::model::{
    Amend, Change, DeferCause, DeliveryId, Effect, Outcome, Receipt, Reference, Request, Stand,
    Status, Time,
};

use super::batch::{Batch, Told};
use super::claim::Count;
use super::naming::{named, names};
use super::records::{AmendRow, DeliveryRow, EntryRow};
use super::settle::{REST_MAX, growing};
use super::upkeep::rest_after;

/// Calls for one change, after which it is given up, visibly: with rests that grow to hours, some days.
const TRIES_MAX: u32 = 16;
/// A platform that asks for more patience than this is asked again after it.
const WAIT_MAX: Duration = Duration::from_secs(86_400);
/// The first rest after a call that provably changed nothing.
const RETRY_FIRST: Duration = Duration::from_secs(60);

impl Batch<'_, '_> {
    /// What a person wants taken away: every post of the entry, of all generations.
    pub(super) fn retract(
        &mut self,
        what: &Retract,
        who: &str,
    ) -> Result<Vec<RetractStep>, LedgerError> {
        let selection = &what.selection;
        if let Some(name) = selection.group.as_ref().filter(|g| !self.core.groups.contains_key(*g))
        {
            let names: Vec<&str> = self.core.groups.keys().map(String::as_str).collect();
            let known = names.join(", ");
            let words = format!("there is no group {name:?}; the config has {known}");
            return Err(LedgerError::Refused(words));
        }
        let entry = self.tables.entry(selection.entry)?;
        let mut steps = Vec::new();
        for (id, row) in self.tables.deliveries(selection.entry)? {
            let name = self.core.names.get(&id.group).cloned().unwrap_or_default();
            if selection.group.as_ref().is_some_and(|group| *group != name) {
                continue;
            }
            let (row, removes, why) = self.retract_one(id, row, &entry, what, who)?;
            if let Some(why) = why {
                let delivery = self.view(id, &row, &entry);
                let recorded = what.done && delivery.amend.as_ref().is_some_and(Amend::is_away);
                steps.push(RetractStep { group: name, delivery, removes, recorded, why });
            }
        }
        Ok(steps)
    }

    fn retract_one(
        &mut self,
        id: DeliveryId,
        row: DeliveryRow,
        entry: &EntryRow,
        what: &Retract,
        who: &str,
    ) -> Result<(DeliveryRow, bool, Option<String>), LedgerError> {
        let not = |row, why: &str| Ok((row, false, Some(why.to_owned())));
        let receipt = match &row.status {
            Status::Published { receipt } => receipt.clone(),
            Status::Claimed { .. } => return not(row, "it is being sent now: ask again after it"),
            Status::InDoubt { .. } => {
                return not(row, "it may be there: look, resolve it, and ask again");
            }
            Status::Due { .. } | Status::Held { .. } => {
                return not(row, "it is not sent yet: oncecast withdraw keeps it from going out");
            }
            Status::Refused { .. } | Status::Withdrawn { .. } | Status::Baseline => {
                return Ok((row, false, None));
            }
        };
        match row.amend.as_ref().map(|amend| &amend.amend) {
            Some(amend) if amend.is_away() => return not(row, "it is not there any more"),
            Some(Amend { change: Change::Retract, stand: Stand::Wanted { .. } }) if !what.done => {
                return Ok((row, true, Some("that is wanted already".to_owned())));
            }
            _ => {}
        }
        if what.done {
            let amend = Amend { change: Change::Retract, stand: Stand::Done { at: self.now } };
            let row = self.set_amend(id, row, entry, amend, what.dry_run, (who, "by hand"))?;
            return not(row, "it is recorded as taken away by hand");
        }
        if self.core.is_by_hand(id.group) || named(&receipt.reference).is_none() {
            let why =
                "oncecast has no name for it there: take it away by hand, then say so with --done";
            return not(row, why);
        }
        if self.core.audience(id.group).is_none() {
            return not(row, "its group is no longer in the config");
        }
        if let Some(why) = self.moved(id, &row, Change::Retract) {
            return not(row, &why);
        }
        let amend = Amend::wanted(Change::Retract, self.now);
        let was_edited = row.amend.as_ref().is_some_and(|amend| amend.edits > 0);
        let row = self.set_amend(id, row, entry, amend, what.dry_run, (who, "wanted"))?;
        let edits_stay = self.core.audience(id.group).is_some_and(|(group, _)| group.edits_stay);
        let why = match was_edited && edits_stay {
            true => {
                "it is there; what it was changed to stays visible in clients that know no edits: \
                     take that away by hand"
            }
            false => "it is there",
        };
        Ok((row, true, Some(why.to_owned())))
    }

    /// Writes down a change that is new or over.
    pub(super) fn set_amend(
        &mut self,
        id: DeliveryId,
        row: DeliveryRow,
        entry: &EntryRow,
        amend: Amend,
        dry_run: bool,
        (who, detail): (&str, &str),
    ) -> Result<DeliveryRow, LedgerError> {
        let word = amend.change.word();
        let said = row.amend.as_ref().and_then(|amend| amend.said.clone());
        let fresh = AmendRow { said, ..AmendRow::of(amend) };
        let mut next = DeliveryRow { amend: Some(Box::new(fresh)), ..row.clone() };
        if !dry_run {
            self.note(id, &mut next, entry, word, Told { who, detail, http: None })?;
            self.tables.set_delivery(id, Some((&row, entry.settles)), &next, entry.settles)?;
        }
        Ok(next)
    }

    /// What there is to do for a change that is wanted.
    pub(super) fn amend_work(
        &self,
        id: DeliveryId,
        row: DeliveryRow,
    ) -> Result<Option<AmendWork>, LedgerError> {
        let (Status::Published { receipt }, Some(amend)) = (row.status.clone(), row.amend.clone())
        else {
            return Ok(None);
        };
        let hindered = self.hindered(id, &row, amend.amend.change);
        let due = self.due_work(id, row)?;
        let AmendRow { amend, request, was, said, .. } = *amend;
        Ok(Some(AmendWork { due, change: amend.change, receipt, hindered, request, was, said }))
    }

    /// Why no call for a change is to be made, where that is so.
    fn hindered(&self, id: DeliveryId, row: &DeliveryRow, change: Change) -> Option<String> {
        let is_ignored = change == Change::Update && !self.upkeep(id).update;
        let unwanted = || "its group no longer wants it (on_edit)".to_owned();
        self.moved(id, row, change).or_else(|| is_ignored.then(unwanted))
    }

    /// Grants one call for a change; `saying` is the fingerprint of what the post then says.
    pub(super) fn claim_amend(
        &mut self,
        id: DeliveryId,
        change: Change,
        request: Request,
        saying: Option<String>,
    ) -> Result<AmendClaim, LedgerError> {
        let row = self.delivery(id)?;
        let Some((receipt, mut amend, tries, not_before)) = wanted(&row, change) else {
            return Ok(AmendClaim::Gone);
        };
        if not_before > self.now {
            let wait = Some(not_before.since(self.now));
            return Ok(AmendClaim::NotNow { wait, why: "it is not yet due".to_owned() });
        }
        let entry = self.tables.entry(id.entry)?;
        if let Some(why) = self.hindered(id, &row, change) {
            self.give_up(id, row, &entry, why)?;
            return Ok(AmendClaim::Gone);
        }
        // Of a call that may have been heard the same is heard again.
        amend.unsure |= amend.request.is_some();
        let (request, saying) = match amend.request.take() {
            Some(frozen) => (frozen, amend.saying.take()),
            None => (request, saying),
        };
        if !names(&request, &receipt.reference) {
            // Whatever it would do, it is not done to the post that readers have.
            let why = "the call that was made for it does not name the post".to_owned();
            self.give_up(id, row, &entry, why)?;
            return Ok(AmendClaim::Gone);
        }
        if tries >= TRIES_MAX {
            let why = format!("it was asked for {TRIES_MAX} times");
            self.give_up(id, row, &entry, why)?;
            return Ok(AmendClaim::Gone);
        }
        if self.core.daemon.is_some() {
            self.begin_daemon()?;
        }
        if let Some((why, wait)) = self.falls_over()? {
            return Ok(AmendClaim::NotNow { wait: Some(wait), why });
        }
        match self.walls(id, Count::Amends)? {
            Some(Claim::NotNow { wait, why }) => return Ok(AmendClaim::NotNow { wait, why }),
            Some(_) => return Ok(AmendClaim::Gone),
            None => {}
        }
        let lane = match self.core.audience(id.group) {
            Some((audience, _)) => self.tables.lane(&audience.lane)?.number,
            None => return Ok(AmendClaim::Gone),
        };
        self.numbers.amend += 1;
        let number = self.numbers.amend;
        // Where nobody comes back with what it proved, it is made again after this.
        let rest = self.core.doubt_after(id.group);
        let again = self.now.plus(growing(rest, tries + 1, REST_MAX.max(rest)));
        amend.amend.stand = Stand::Wanted { tries: tries + 1, not_before: again, why: None };
        amend.request = Some(request.clone());
        amend.permit = Some(number);
        amend.saying = saying;
        let digest = HEXLOWER.encode(&Sha256::digest(request.body.as_bytes()));
        let (method, path) = (request.method.as_str(), &request.path);
        let detail = format!("call {number}: {method} {path} sha256:{digest}");
        let event = format!("{}-claim", change.word());
        let mut next = DeliveryRow { amend: Some(amend), ..row.clone() };
        self.note(id, &mut next, &entry, &event, Told::by_daemon(&detail))?;
        self.tables.set_delivery(id, Some((&row, entry.settles)), &next, entry.settles)?;
        self.tables.add_claim(Count::Amends.of(lane), self.now, number)?;
        let granted = Mark::here();
        Ok(AmendClaim::Granted(AmendPermit { delivery: id, number, change, request, granted }))
    }

    /// Records what a call for a change proved.
    pub(super) fn settle_amend(
        &mut self,
        id: DeliveryId,
        number: u64,
        effect: &Effect,
        http: Option<u16>,
    ) -> Result<AmendSettled, LedgerError> {
        let row = self.delivery(id)?;
        let Some(mut amend) = row.amend.clone().filter(|amend| amend.permit == Some(number)) else {
            // It was recorded before and the answer was lost, or another change has taken its place.
            let amend = row.amend.map(|amend| amend.amend);
            return Ok(AmendSettled { amend, lane_stopped: None });
        };
        let entry = self.tables.entry(id.entry)?;
        let word = amend.amend.change.word();
        let (stand, is_known) = self.stand_after(id, &amend, effect);
        let (event, detail) = match &stand {
            Stand::Done { .. } => (format!("{word}d"), String::new()),
            Stand::Gone { why, .. } => (format!("{word}-gone"), why.clone()),
            Stand::GivenUp { why, .. } => (format!("{word}-given-up"), why.clone()),
            Stand::Wanted { why, .. } => {
                (format!("{word}-{}", effect.word()), why.clone().unwrap_or_default())
            }
        };
        let event = event.replace("retractd", "retracted");
        let is_over = !matches!(stand, Stand::Wanted { .. });
        if is_known || is_over {
            amend.request = None;
        }
        amend.permit = None;
        amend.unsure &= !is_over;
        if matches!(stand, Stand::Done { .. }) {
            amend.said = amend.saying.take().or(amend.said);
            amend.was = None;
            amend.edits += 1;
            amend.edited = Some(self.now);
        }
        let is_made_anew = amend.request.is_none() && amend.unsure;
        if is_made_anew || matches!(stand, Stand::GivenUp { maybe: true, .. }) {
            amend.leave_unknown();
        }
        amend.amend.stand = stand;
        if std::mem::take(&mut amend.again) && !matches!(amend.amend.stand, Stand::Gone { .. }) {
            // What came meanwhile is carried next; the last one wins.
            if !matches!(amend.amend.stand, Stand::Wanted { .. }) {
                amend.amend = Amend::wanted(Change::Update, self.now.plus(rest_after(amend.edits)));
            } else if !is_known {
                amend.again = true;
            }
        }
        let settled = amend.amend.clone();
        let mut next = DeliveryRow { amend: Some(amend), ..row.clone() };
        self.note(id, &mut next, &entry, &event, Told { who: "daemon", detail: &detail, http })?;
        self.tables.set_delivery(id, Some((&row, entry.settles)), &next, entry.settles)?;
        let seen = match effect {
            Effect::Done | Effect::Gone { .. } => {
                Outcome::Published { reference: Reference::default() }
            }
            Effect::Not(outcome) => outcome.clone(),
        };
        let lane_stopped = self.weigh_lane(id, &seen)?;
        Ok(AmendSettled { amend: Some(settled), lane_stopped })
    }

    /// Where a change stands after a call, and whether it is known what readers see: that this call was not
    /// heard says nothing of one before it that may have been.
    fn stand_after(&self, id: DeliveryId, amend: &AmendRow, effect: &Effect) -> (Stand, bool) {
        let (at, maybe) = (self.now, amend.unsure);
        let (tries, planned) = match amend.amend.stand {
            Stand::Wanted { tries, not_before, .. } => (tries, not_before),
            _ => (TRIES_MAX, at),
        };
        let again = |wait: Duration, why: &String| Stand::Wanted {
            tries,
            not_before: at.plus(wait.min(WAIT_MAX)),
            why: Some(why.clone()),
        };
        let rest = growing(RETRY_FIRST, tries, REST_MAX);
        match effect {
            Effect::Done | Effect::Not(Outcome::Published { .. }) => (Stand::Done { at }, true),
            Effect::Gone { reason } => (Stand::Gone { at, why: reason.clone() }, true),
            Effect::Not(Outcome::Refused { reason }) => {
                (Stand::GivenUp { at, why: reason.clone(), maybe }, !maybe)
            }
            Effect::Not(Outcome::Unsent { reason }) => (again(rest, reason), !maybe),
            // No call that names that version ever does anything, so the next is made anew; what an
            // earlier one did is not known for that.
            Effect::Not(Outcome::Deferred { cause: DeferCause::Collision, reason, .. }) => {
                (again(rest, reason), true)
            }
            Effect::Not(Outcome::Deferred { wait, cause, reason }) => {
                let rest = match cause {
                    DeferCause::SessionExpired | DeferCause::Credentials => Duration::ZERO,
                    DeferCause::RateLimited | DeferCause::Overloaded | DeferCause::Collision => {
                        rest
                    }
                };
                (again(wait.unwrap_or(rest), reason), !maybe)
            }
            Effect::Not(Outcome::Unknown { reason }) => {
                let first = self.core.doubt_after(id.group);
                let not_before = planned.max(at.plus(first));
                (Stand::Wanted { tries, not_before, why: Some(reason.clone()) }, false)
            }
        }
    }

    /// Records that no call is made for a change, and why.
    pub(super) fn moot_amend(
        &mut self,
        id: DeliveryId,
        change: Change,
        moot: &Moot,
    ) -> Result<Option<Amend>, LedgerError> {
        let row = self.delivery(id)?;
        let Some((_, mut amend, ..)) = wanted(&row, change) else {
            return Ok(row.amend.map(|amend| amend.amend));
        };
        let entry = self.tables.entry(id.entry)?;
        let at = self.now;
        let (stand, event, detail) = match moot {
            Moot::Same => (Stand::Done { at }, "same", ""),
            Moot::Gone(why) => (Stand::Gone { at, why: why.clone() }, "gone", why.as_str()),
            Moot::Cannot(why) => {
                return self.give_up(id, row, &entry, why.clone()).map(Some);
            }
            Moot::Later { wait, why } => {
                return self.look_again(id, row, &entry, *wait, why).map(Some);
            }
        };
        amend.amend.stand = stand;
        (amend.request, amend.permit, amend.unsure) = (None, None, false);
        let settled = amend.amend.clone();
        let mut next = DeliveryRow { amend: Some(amend), ..row.clone() };
        if *moot != Moot::Same {
            let event = format!("{}-{event}", change.word());
            self.note(id, &mut next, &entry, &event, Told::by_daemon(detail))?;
        }
        self.tables.set_delivery(id, Some((&row, entry.settles)), &next, entry.settles)?;
        Ok(Some(settled))
    }

    /// What must be known first cannot be asked now. That is no news, and counts: it must not go on without
    /// end, nor hold up what waits behind it.
    fn look_again(
        &mut self,
        id: DeliveryId,
        row: DeliveryRow,
        entry: &EntryRow,
        wait: Option<Duration>,
        why: &str,
    ) -> Result<Amend, LedgerError> {
        let Some((mut amend, Stand::Wanted { tries, .. })) =
            row.amend.clone().map(|amend| (amend.clone(), amend.amend.stand))
        else {
            return Err(LedgerError::Refused("no change of it is wanted".to_owned()));
        };
        let tries = tries + 1;
        if tries >= TRIES_MAX {
            let why = format!("it was tried {TRIES_MAX} times: {why}");
            return self.give_up(id, row, entry, why);
        }
        let rest = growing(RETRY_FIRST, tries, REST_MAX);
        let not_before = self.now.plus(wait.unwrap_or_default().min(WAIT_MAX).max(rest));
        amend.amend.stand = Stand::Wanted { tries, not_before, why: Some(why.to_owned()) };
        let settled = amend.amend.clone();
        let next = DeliveryRow { amend: Some(amend), ..row.clone() };
        self.tables.set_delivery(id, Some((&row, entry.settles)), &next, entry.settles)?;
        Ok(settled)
    }

    fn give_up(
        &mut self,
        id: DeliveryId,
        row: DeliveryRow,
        entry: &EntryRow,
        why: String,
    ) -> Result<Amend, LedgerError> {
        let Some(mut amend) = row.amend.clone() else {
            return Err(LedgerError::Refused("no change of it is wanted".to_owned()));
        };
        let event = format!("{}-given-up", amend.amend.change.word());
        let maybe = amend.unsure || amend.request.is_some();
        amend.amend.stand = Stand::GivenUp { at: self.now, why: why.clone(), maybe };
        if maybe {
            amend.leave_unknown();
        }
        (amend.request, amend.permit, amend.unsure) = (None, None, false);
        let settled = amend.amend.clone();
        let mut next = DeliveryRow { amend: Some(amend), ..row.clone() };
        self.note(id, &mut next, entry, &event, Told::by_daemon(&why))?;
        self.tables.set_delivery(id, Some((&row, entry.settles)), &next, entry.settles)?;
        Ok(settled)
    }
}

/// A change that is wanted of a published delivery: its post, the change, calls so far, and from when.
fn wanted(row: &DeliveryRow, change: Change) -> Option<(Receipt, Box<AmendRow>, u32, Time)> {
    let Status::Published { receipt } = &row.status else { return None };
    let amend = row.amend.as_ref().filter(|amend| amend.amend.change == change)?;
    let Stand::Wanted { tries, not_before, .. } = amend.amend.stand else { return None };
    Some((receipt.clone(), amend.clone(), tries, not_before))
}
