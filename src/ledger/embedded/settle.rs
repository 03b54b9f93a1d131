//! Recording what a spent permit proved, and what it means for its lane.

use std::time::Duration;

use crate::ledger::{LedgerError, Settled};
use crate::model::{
    DeferCause, DeliveryId, Event, How, Outcome, Receipt, Reference, Staged, Status, Time,
};

use super::batch::{Batch, Told};
use super::records::{DeliveryRow, LaneRow, Ready};

/// A delivery that was provably not performed this often is given up, visibly. With rests that grow
/// to an hour that is about two days.
pub(super) const ATTEMPTS_MAX: u32 = 48;

/// Failures in a row that open a lane's breaker.
const BREAKER_FAILURES: u32 = 3;
/// The breaker's first rest; each further failure doubles it.
const REST_FIRST: Duration = Duration::from_secs(60);
/// The breaker's longest rest.
pub(super) const REST_MAX: Duration = Duration::from_secs(6 * 3_600);
/// A platform that asks for more patience than this is asked again after it.
const WAIT_MAX: Duration = Duration::from_secs(86_400);
/// The longest pause between two attempts of one delivery.
const RETRY_MAX: Duration = Duration::from_secs(3_600);
/// The first pause between two attempts of one delivery.
const RETRY_FIRST: Duration = Duration::from_secs(15);

impl Batch<'_, '_> {
    pub(super) fn settle(
        &mut self,
        id: DeliveryId,
        number: u64,
        outcome: &Outcome,
        http: Option<u16>,
    ) -> Result<Settled, LedgerError> {
        let row = self.delivery(id)?;
        let (attempt, maybe) = match &row.status {
            Status::Claimed { permit, attempt, maybe } if *permit == number => (*attempt, *maybe),
            // It was settled before and the answer was lost.
            status => {
                self.core.settled.push(number);
                return Ok(Settled { status: status.clone(), lane_stopped: None });
            }
        };
        let entry = self.tables.entry(id.entry)?;
        let doubt_after = self.core.doubt_after(id.group);
        let (event, detail) = self.event(outcome, attempt, maybe, doubt_after);
        let mut before = row;
        if matches!(event, Event::Later { .. }) && attempt == 1 {
            // Nothing was performed: the window of a key starts at the next send.
            before.first_sent = None;
        }
        if matches!(event, Event::Published(_) | Event::Refused(_)) {
            before.request = None;
        }
        let told = Told { who: "daemon", detail: &detail, http };
        let row = self.applied(id, &before, &entry, event, told)?;
        self.core.settled.push(number);
        let lane_stopped = self.weigh_lane(id, outcome)?;
        Ok(Settled { status: row.status, lane_stopped })
    }

    /// What an outcome means for its lane; comes back with what stopped it, if this did.
    pub(super) fn weigh_lane(
        &mut self,
        id: DeliveryId,
        outcome: &Outcome,
    ) -> Result<Option<String>, LedgerError> {
        let Some(name) = self.core.audience(id.group).map(|(_, lane)| lane.name.clone()) else {
            return Ok(None);
        };
        let mut lane = self.tables.lane(&name)?;
        let was = lane.clone();
        weigh(&mut lane, outcome, self.now);
        if lane != was {
            self.tables.set_lane(&name, &lane)?;
        }
        let is_news = lane.stopped != was.stopped;
        Ok(lane.stopped.filter(|_| is_news))
    }

    fn event(
        &self,
        outcome: &Outcome,
        attempt: u32,
        maybe: bool,
        doubt_after: Duration,
    ) -> (Event, String) {
        let exhausted = |reason: &str| {
            (attempt >= ATTEMPTS_MAX)
                .then(|| format!("given up after {attempt} attempts: {reason}"))
        };
        // A repeat that was refused or never left says nothing of the attempt before it.
        let in_doubt = |reason: &str| {
            // Its readers may have it: there is no hurry, and a platform that refuses goes on to.
            let next_look = self.now.plus(growing(doubt_after, attempt, REST_MAX.max(doubt_after)));
            let evidence = format!("an earlier attempt may have been seen; the repeat: {reason}");
            (Event::Doubt { evidence, next_look }, reason.to_owned())
        };
        match outcome {
            Outcome::Refused { reason }
            | Outcome::Unsent { reason }
            | Outcome::Deferred { reason, .. }
                if maybe =>
            {
                in_doubt(reason)
            }
            Outcome::Published { reference } => {
                let receipt =
                    Receipt { reference: reference.clone(), at: self.now, how: How::Answered };
                let detail = receipt.reference.url.clone().or(receipt.reference.id.clone());
                (Event::Published(receipt), detail.unwrap_or_default())
            }
            Outcome::Refused { reason } => (Event::Refused(reason.clone()), reason.clone()),
            Outcome::Unknown { reason } => {
                let next_look = self.now.plus(doubt_after);
                (Event::Doubt { evidence: reason.clone(), next_look }, reason.clone())
            }
            Outcome::Unsent { reason } => {
                let not_before = self.now.plus(growing(RETRY_FIRST, attempt, RETRY_MAX));
                (Event::Later { not_before, exhausted: exhausted(reason) }, reason.clone())
            }
            Outcome::Deferred { wait, cause, reason } => {
                let rest = match cause {
                    DeferCause::SessionExpired | DeferCause::Credentials => Duration::ZERO,
                    DeferCause::RateLimited | DeferCause::Overloaded | DeferCause::Collision => {
                        growing(RETRY_FIRST, attempt, RETRY_MAX)
                    }
                };
                let wait = wait.unwrap_or(rest).min(WAIT_MAX);
                let not_before = self.now.plus(wait);
                (Event::Later { not_before, exhausted: exhausted(reason) }, reason.clone())
            }
        }
    }

    pub(super) fn trouble(
        &mut self,
        name: &str,
        why: &str,
        wait: Option<Duration>,
        credentials: bool,
    ) -> Result<(), LedgerError> {
        let mut lane = self.tables.lane(name)?;
        if credentials {
            lane.stopped = Some(why.to_owned());
            self.house("lane-stopped", name, why)?;
        } else {
            lane.failures = lane.failures.saturating_add(1);
            let rest = wait.unwrap_or_else(|| growing(RETRY_FIRST, lane.failures, RETRY_MAX));
            lane.rests_until = Some(self.now.plus(rest.min(WAIT_MAX)));
        }
        self.tables.set_lane(name, &lane)
    }

    /// Records that a delivery which was not sent stands there already. A ledger that was lost may have sent
    /// it: what it left is found there all the same.
    pub(super) fn elsewhere(
        &mut self,
        id: DeliveryId,
        reference: Reference,
        how: How,
        who: &str,
    ) -> Result<Status, LedgerError> {
        let row = self.delivery(id)?;
        let is_unsent =
            matches!(row.status, Status::Baseline | Status::Held { .. } | Status::Due { .. });
        if !is_unsent || row.request.is_some() {
            return Ok(row.status);
        }
        let entry = self.tables.entry(id.entry)?;
        let detail = reference.url.clone().or(reference.id.clone()).unwrap_or_default();
        let receipt = Receipt { reference, at: self.now, how };
        let event = Event::Elsewhere(receipt);
        let row = DeliveryRow { staged: None, home: self.home(id), ..row };
        Ok(self.apply(id, &row, &entry, event, who, &detail)?.status)
    }

    /// Keeps what stands ready for a delivery, unless it is no longer due: then nothing refers to it.
    pub(super) fn stage(&mut self, id: DeliveryId, staged: Staged) -> Result<bool, LedgerError> {
        let row = self.delivery(id)?;
        if !matches!(row.status, Status::Due { .. }) || row.request.is_some() {
            return Ok(false);
        }
        let entry = self.tables.entry(id.entry)?;
        let detail = staged.in_words();
        let row = DeliveryRow { staged: Some(Ready { staged, at: self.now }), ..row };
        self.apply(id, &row, &entry, Event::Staged, "daemon", &detail)?;
        Ok(true)
    }

    pub(super) fn unfit(&mut self, id: DeliveryId, why: String) -> Result<(), LedgerError> {
        let row = self.delivery(id)?;
        let entry = self.tables.entry(id.entry)?;
        let detail = why.clone();
        self.apply(id, &row, &entry, Event::Unfit(why), "daemon", &detail)?;
        Ok(())
    }
}

/// What an outcome means for the lane: its breaker, its rests, its stop.
fn weigh(lane: &mut LaneRow, outcome: &Outcome, now: Time) {
    match outcome {
        Outcome::Published { .. } | Outcome::Refused { .. } => {
            lane.failures = 0;
            lane.rests_until = None;
        }
        Outcome::Deferred { cause: DeferCause::SessionExpired | DeferCause::Collision, .. } => {}
        Outcome::Deferred { cause: DeferCause::Credentials, reason, .. } => {
            lane.stopped = Some(reason.clone());
        }
        Outcome::Deferred { cause: DeferCause::RateLimited, wait, .. } => {
            let wait = wait.unwrap_or(REST_FIRST).min(WAIT_MAX);
            lane.rests_until = Some(now.plus(wait));
        }
        Outcome::Deferred { cause: DeferCause::Overloaded, .. }
        | Outcome::Unsent { .. }
        | Outcome::Unknown { .. } => {
            lane.failures = lane.failures.saturating_add(1);
            if let Some(over) = lane.failures.checked_sub(BREAKER_FAILURES) {
                lane.rests_until = Some(now.plus(growing(REST_FIRST, over + 1, REST_MAX)));
            }
        }
    }
}

/// `first`, doubled `times - 1` times, at most `max`.
pub(super) fn growing(first: Duration, times: u32, max: Duration) -> Duration {
    first.saturating_mul(1 << times.saturating_sub(1).min(20)).min(max)
}

/// A delivery whose outcome no longer matters has no use for its request.
pub(super) fn without_request(row: DeliveryRow) -> DeliveryRow {
    DeliveryRow { request: None, ..row }
}
