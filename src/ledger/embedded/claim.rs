//! Granting permits. Every wall that stands at the last moment stands here, inside the transaction
//! that makes the claim, so that none can be skipped.

use std::path::Path;
use std::time::Duration;

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

use crate::clock::Mark;
use crate::ledger::witness::{self, Claimed};
use crate::ledger::{Claim, LedgerError, Permit, Trust, caps};
use crate::model::{DeliveryId, Event, Guarantee, Request, Status, Time};

use super::batch::Batch;
use super::disk::Disk;
use super::records::{DeliveryRow, EntryRow};
use super::settle::ATTEMPTS_MAX;

/// No claim without this much room to record its outcome, in bytes.
const ROOM_MIN: u64 = 16 << 20;

/// A file of this name beside the ledger stops all sending, even when nothing else answers.
pub(super) const STOP_FILE: &str = "STOP";

impl Batch<'_, '_> {
    pub(super) fn claim(&mut self, id: DeliveryId, request: Request) -> Result<Claim, LedgerError> {
        let row = self.delivery(id)?;
        let Status::Due { not_before, .. } = row.status else {
            return Ok(Claim::Gone(row.status.kind()));
        };
        if self.core.is_by_hand(id.group) {
            return Ok(for_a_person());
        }
        let entry = self.tables.entry(id.entry)?;
        if let Some(look) = entry.settles {
            return Ok(self.wait_until(look, "its entry wants a second look".to_owned()));
        }
        if not_before > self.now {
            return Ok(self.wait_until(not_before, "it is not yet due".to_owned()));
        }
        if self.is_heard_already(id, &row, &entry)? {
            return Ok(Claim::Gone(self.delivery(id)?.status.kind()));
        }
        if self.may_be_forgotten(&row)? {
            return self.haunted(id, row, &entry, request);
        }
        let Some(row) = self.route(id, row)? else {
            return Ok(Claim::Gone(self.delivery(id)?.status.kind()));
        };
        if let Some((wait, why)) = self.left_in_peace(id)? {
            return Ok(Claim::NotNow { wait: Some(wait), why });
        }
        // What an earlier claim froze is what every later one says.
        let request = row.request.clone().unwrap_or(request);
        self.grant(id, row, &entry, request, |permit| Event::Claim { permit })
    }

    pub(super) fn reclaim(
        &mut self,
        id: DeliveryId,
        guarantee: Guarantee,
    ) -> Result<Claim, LedgerError> {
        let row = self.delivery(id)?;
        if !matches!(row.status, Status::InDoubt { .. }) {
            return Ok(Claim::Gone(row.status.kind()));
        }
        if self.core.is_by_hand(id.group) || self.hand_of(&row)?.is_some() {
            return Ok(for_a_person());
        }
        let (Some(request), Some(first)) = (row.request.clone(), row.first_sent) else {
            return Ok(Claim::NotNow { wait: None, why: "its request was not kept".to_owned() });
        };
        if row.haunted {
            let why = "what a lost ledger sent, and when, is not known".to_owned();
            return Ok(Claim::NotNow { wait: None, why });
        }
        let repeated =
            matches!(row.status, Status::InDoubt { attempt, .. } if attempt >= ATTEMPTS_MAX);
        if repeated {
            let why = format!("it was repeated {ATTEMPTS_MAX} times");
            return Ok(Claim::NotNow { wait: None, why });
        }
        if self.is_replaced(id)? {
            // Another generation has another key: on the platform the two are two posts.
            let why = "it was sent again by hand instead".to_owned();
            return Ok(Claim::NotNow { wait: None, why });
        }
        if let Some(there) = self.left_behind(id, &row) {
            let why = format!("it was sent to {there}, and its group now posts elsewhere");
            return Ok(Claim::NotNow { wait: None, why });
        }
        // Since it fell into this doubt, which may be another than the one that was asked about, and what
        // was under way then may still arrive: nothing is sent beside it.
        let settled = row.since.plus(self.core.doubt_after(id.group));
        if settled > self.now {
            self.look_later(id, &row, settled)?;
            return Ok(Claim::Gone(row.status.kind()));
        }
        if matches!(guarantee, Guarantee::Keyed { .. }) && self.core.time.is_unsure_of(first) {
            // Only the wall clock could tell, and told too short the receiver has forgotten the key.
            let why = "this machine was off since, and nobody counted for how long".to_owned();
            return Ok(Claim::NotNow { wait: None, why });
        }
        // An unknown clock closes the window: the longer of the two tellings counts.
        let elapsed = self.now.since(first).max(self.core.clock.now().since(first));
        let why = match guarantee.repeatable_for() {
            None => Some("readers could see a repeat"),
            Some(window) if elapsed >= window => {
                Some("the time in which a repeat cannot be seen is over")
            }
            Some(_) => None,
        };
        if let Some(why) = why {
            return Ok(Claim::NotNow { wait: None, why: why.to_owned() });
        }
        let entry = self.tables.entry(id.entry)?;
        self.grant(id, row, &entry, request, |permit| Event::Repeat { permit })
    }

    /// Nothing is news of a delivery in doubt: it is only looked at later.
    fn look_later(
        &mut self,
        id: DeliveryId,
        row: &DeliveryRow,
        next_look: Time,
    ) -> Result<(), LedgerError> {
        let Status::InDoubt { attempt, evidence, looks, .. } = row.status.clone() else {
            return Ok(());
        };
        let settles = self.tables.entry(id.entry)?.settles;
        let status = Status::InDoubt { attempt, evidence, next_look, looks };
        let next = DeliveryRow { status, ..row.clone() };
        self.tables.set_delivery(id, Some((row, settles)), &next, settles)
    }

    fn grant(
        &mut self,
        id: DeliveryId,
        row: DeliveryRow,
        entry: &EntryRow,
        request: Request,
        event: impl FnOnce(u64) -> Event,
    ) -> Result<Claim, LedgerError> {
        if self.core.daemon.is_some() {
            // Where that could not be written when it began.
            self.begin_daemon()?;
        }
        if let Some((why, wait)) = self.falls_over()? {
            return Ok(Claim::NotNow { wait: Some(wait), why });
        }
        if let Some(no) = self.walls(id, Count::Claims)? {
            return Ok(no);
        }
        let how = format!("{} {}", request.method.as_str(), request.path);
        let told = By { who: "daemon", how: &how };
        let (row, number, attempt) = self.make_claim(id, row, entry, &request, event, told)?;
        Ok(Claim::Granted(Permit {
            delivery: id,
            number,
            attempt,
            request,
            key: row.key,
            granted: Mark::here(),
        }))
    }

    /// Every wall that stands before a call, whoever claims it; `None` where all are open.
    pub(super) fn walls(&self, id: DeliveryId, count: Count) -> Result<Option<Claim>, LedgerError> {
        if let Some(why) = self.stopped()? {
            return Ok(Some(Claim::NotNow { wait: None, why }));
        }
        let Some((audience, lane)) = self.core.audience(id.group) else {
            let why = "its group is no longer in the config".to_owned();
            return Ok(Some(Claim::NotNow { wait: None, why }));
        };
        let (lane_name, lane_caps) = (&audience.lane, lane.caps);
        let lane = self.tables.lane(lane_name)?;
        if let Some(why) = lane.paused.or(lane.stopped) {
            let why = format!("{lane_name} is stopped: {why}");
            return Ok(Some(Claim::NotNow { wait: None, why }));
        }
        if let Some(until) = lane.rests_until.filter(|until| *until > self.now) {
            return Ok(Some(self.wait_until(until, format!("{lane_name} rests after failures"))));
        }
        let claims = self.counted(count.of(lane.number), lane_caps.most())?;
        if let Some((until, why)) = caps::next_allowed(lane_caps, &claims, self.now) {
            return Ok(Some(self.wait_until(until, format!("{lane_name}: {why}"))));
        }
        if let Some(why) = no_room(self.core.disk.as_ref(), self.core.folder()) {
            return Ok(Some(Claim::NotNow { wait: Some(Duration::from_secs(60)), why }));
        }
        Ok(None)
    }

    /// Makes a claim, which its lane's caps count and the witness hears of: the row as it stands then,
    /// the claim's number, and its number within the delivery.
    pub(super) fn make_claim(
        &mut self,
        id: DeliveryId,
        row: DeliveryRow,
        entry: &EntryRow,
        request: &Request,
        event: impl FnOnce(u64) -> Event,
        by: By<'_>,
    ) -> Result<(DeliveryRow, u64, u32), LedgerError> {
        let lane = match self.core.audience(id.group) {
            Some((audience, _)) => self.tables.lane(&audience.lane)?.number,
            None => return Err(LedgerError::Refused("its group is not in the config".to_owned())),
        };
        self.numbers.claim += 1;
        let number = self.numbers.claim;
        let attempt = match &row.status {
            Status::Due { attempt, .. } | Status::InDoubt { attempt, .. } => attempt + 1,
            _ => 1,
        };
        let digest = HEXLOWER.encode(&Sha256::digest(request.body.as_bytes()));
        let detail = format!("claim {number}: {} sha256:{digest}", by.how);
        let row = DeliveryRow {
            first_sent: row.first_sent.or(Some(self.now)),
            request: Some(request.clone()),
            absent: Vec::new(),
            staged: None,
            home: self.home(id),
            ..row
        };
        let row = self.apply(id, &row, entry, event(number), by.who, &detail)?;
        self.tables.add_claim(lane, self.now, number)?;
        self.claims.push(Claimed { number, at: self.now, key: witness::key_hash(&row.key) });
        Ok((row, number, attempt))
    }

    /// The lane's newest claims, as its caps count them: oldest first.
    pub(super) fn counted(&self, lane: u32, most: u32) -> Result<Vec<Time>, LedgerError> {
        self.tables.claims(lane, self.now.minus(caps::LONGEST), most)
    }

    /// Whether a lost ledger has claimed this delivery and nobody has looked into it since.
    pub(super) fn may_be_forgotten(&self, row: &DeliveryRow) -> Result<bool, LedgerError> {
        Ok(!row.haunted && self.tables.is_ghost(&witness::key_hash(&row.key))?)
    }

    /// A lost ledger has claimed this delivery: what became of it is not known here.
    pub(super) fn haunted(
        &mut self,
        id: DeliveryId,
        row: DeliveryRow,
        entry: &EntryRow,
        request: Request,
    ) -> Result<Claim, LedgerError> {
        // The platform is asked about all of the past, since the time of that claim is not known.
        let first_sent = Some(Time::from_millis(0));
        let request = row.request.clone().or(Some(request));
        let row = DeliveryRow { first_sent, request, haunted: true, ..row };
        let row =
            self.apply(id, &row, entry, Event::Claim { permit: 0 }, "witness", "not granted")?;
        let evidence = "the witness tells of a claim that this ledger has forgotten".to_owned();
        let event = Event::Doubt { evidence, next_look: self.now };
        let row = self.apply(id, &row, entry, event, "witness", "")?;
        Ok(Claim::Gone(row.status.kind()))
    }

    /// Why nothing at all is sent, if nothing is.
    pub(super) fn stopped(&self) -> Result<Option<String>, LedgerError> {
        if let Trust::Observes { why, mend } = &self.core.trust {
            return Ok(Some(format!("the ledger is not trusted: {why}; to mend it: {mend}")));
        }
        if let Some(why) = self.tables.meta::<String>("stop")? {
            return Ok(Some(format!("everything is stopped: {why}")));
        }
        if let Some((why, _)) = self.falls_over()? {
            return Ok(Some(why));
        }
        let file = self.core.folder().join(STOP_FILE);
        // Where it cannot be looked for, it may be there.
        match self.core.disk.size(&file) {
            Ok(None) => Ok(None),
            Ok(Some(_)) => Ok(Some(format!("the file {} is there", file.display()))),
            Err(error) => Ok(Some(format!("{} cannot be looked for: {error}", file.display()))),
        }
    }

    fn wait_until(&self, until: Time, why: String) -> Claim {
        Claim::NotNow { wait: Some(until.since(self.now)), why }
    }
}

/// What a lane's caps count: publish calls, and beside them the calls that change posts. Taking away what
/// went wrong must not wait for the day on which nothing more may go out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Count {
    /// Claims of deliveries.
    Claims,
    /// Claims of changes.
    Amends,
}

impl Count {
    /// Stands before the number of a lane where its changes are counted.
    const AMENDS: u32 = 1 << 31;

    /// Under which number a lane's claims of this kind stand.
    pub(super) const fn of(self, lane: u32) -> u32 {
        match self {
            Self::Claims => lane,
            Self::Amends => lane | Self::AMENDS,
        }
    }

    /// Both numbers of a lane.
    pub(super) const fn both(lane: u32) -> [u32; 2] {
        [Self::Claims.of(lane), Self::Amends.of(lane)]
    }
}

/// Who claims, and how it will be posted.
#[derive(Debug, Clone, Copy)]
pub(super) struct By<'a> {
    pub(super) who: &'a str,
    pub(super) how: &'a str,
}

/// The daemon never posts where a person does: neither may serve a group beside the other.
fn for_a_person() -> Claim {
    let why = "a person posts it by hand: oncecast hand".to_owned();
    Claim::NotNow { wait: None, why }
}

/// Says so where the disk has no room to record an outcome.
pub(super) fn no_room(disk: &dyn Disk, folder: &Path) -> Option<String> {
    match disk.free(folder) {
        Ok(free) => (free < ROOM_MIN).then(|| {
            format!(
                "{} has {} KiB free, and {} are wanted to record an outcome",
                folder.display(),
                free >> 10,
                ROOM_MIN >> 10
            )
        }),
        Err(error) => Some(format!("the room in {} is unknown: {error}", folder.display())),
    }
}
