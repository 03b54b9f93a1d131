//! Posting by hand, in the same transactions as everything else: a person's claim is a claim, so that no
//! two people, tabs or programs post to one group.

use crate::ledger::hand::{Act, Checklist, Item, Lane, Moved};
use crate::ledger::{Claim, LedgerError, Trust, Verdict, caps};
use crate::model::{
    DeliveryId, Event, How, Receipt, Reference, Request, Status, Time, WithdrawReason,
};

use super::batch::Batch;
use super::claim::{By, Count};
use super::records::{Agenda, DeliveryRow, EntryRow};
use super::settle::without_request;

/// How a claim of a person is called in the journal.
const BY_HAND: &str = "by hand";
/// How such a line is known again: the daemon's name a method and a path there.
const BY_HAND_MARK: &str = ": by hand sha256:";

/// What stands in place of an answer that a person has not given.
pub(super) fn unsaid(who: &str) -> String {
    format!("{who} began to post it by hand and has not said whether it is there")
}

impl Batch<'_, '_> {
    pub(super) fn checklist(
        &mut self,
        only: Option<DeliveryId>,
        limit: usize,
    ) -> Result<Checklist, LedgerError> {
        let groups = self.hand_groups();
        self.route_by_hand(&groups)?;
        let mut found: Vec<(u8, u64, usize, DeliveryId)> = Vec::new();
        for (place, group) in groups.iter().enumerate() {
            for (rank, list) in [Agenda::Doubt, Agenda::Claimed, Agenda::Due].iter().enumerate() {
                let rank = u8::try_from(rank).unwrap_or(u8::MAX);
                for (_, id) in self.tables.agenda(*list, *group, usize::MAX)? {
                    if only.is_none_or(|only| only == id) {
                        found.push((rank, id.entry, place, id));
                    }
                }
            }
        }
        found.sort_unstable();
        let more = found.len().saturating_sub(limit);
        let mut list = Checklist { more, stopped: self.stopped()?, ..Checklist::default() };
        for (.., id) in found.into_iter().take(limit) {
            let row = self.delivery(id)?;
            let later = match row.status {
                Status::Due { not_before, .. } if not_before > self.now => {
                    Some(not_before.since(self.now))
                }
                _ => None,
            };
            list.items.push(Item {
                status: row.status.clone(),
                since: row.since,
                by: self.hand_of(&row)?,
                later,
                due: self.due_work(id, row)?,
            });
        }
        for lane in &self.core.setup.lanes {
            let its = |g: &&crate::ledger::Audience| g.by_hand && g.lane == lane.name;
            if !self.core.setup.groups.iter().any(|g| its(&g)) {
                continue;
            }
            let row = self.tables.lane(&lane.name)?;
            let claims = self.counted(row.number, u32::MAX)?;
            list.lanes.push(Lane {
                name: lane.name.clone(),
                last: claims.last().map(|last| self.now.since(*last)),
                full: caps::next_allowed(lane.caps, &claims, self.now)
                    .map(|(until, why)| (until.since(self.now), why)),
                shut: row.paused.or(row.stopped),
            });
        }
        Ok(list)
    }

    pub(super) fn by_hand(
        &mut self,
        id: DeliveryId,
        act: Act,
        who: &str,
    ) -> Result<Moved, LedgerError> {
        let row = self.delivery(id)?;
        let entry = self.tables.entry(id.entry)?;
        // What was begun by hand is a person's to settle, whatever the config says of its group since.
        let begun = !matches!(act, Act::Open(_)) && self.hand_of(&row)?.is_some();
        if !self.core.is_by_hand(id.group) && !begun {
            let words = "its group is not one that a person serves: oncecast replay sends it";
            return Err(LedgerError::Refused(words.to_owned()));
        }
        match act {
            Act::Open(request) => self.open_by_hand(id, row, &entry, request, who),
            Act::Posted { reference, request } => {
                self.posted_by_hand(id, row, &entry, reference, &request, who)
            }
            Act::NotPosted { attempt } => {
                let row = self.given_back(id, row, &entry, attempt, who)?;
                Ok(Moved::To(row.status))
            }
            Act::Skip { why, attempt } => {
                let row = match row.status {
                    Status::Claimed { .. } => self.given_back(id, row, &entry, attempt, who)?,
                    Status::InDoubt { .. } => {
                        let words =
                            "it may be there: say first whether it is, --done or --not-posted";
                        return Err(LedgerError::Refused(words.to_owned()));
                    }
                    _ => row,
                };
                let event = Event::Withdraw(WithdrawReason::Person { why: why.clone() });
                let row = self.apply(id, &without_request(row), &entry, event, who, &why)?;
                Ok(Moved::To(row.status))
            }
        }
    }

    fn open_by_hand(
        &mut self,
        id: DeliveryId,
        row: DeliveryRow,
        entry: &EntryRow,
        request: Request,
        who: &str,
    ) -> Result<Moved, LedgerError> {
        let Status::Due { not_before, .. } = row.status else {
            return Err(LedgerError::Refused(self.told_of(&row)?));
        };
        let later = entry.settles.into_iter().chain([not_before]).max().unwrap_or(not_before);
        if later > self.now {
            let why = format!("it is not due before {later}");
            return Ok(Moved::NotNow { wait: Some(later.since(self.now)), why });
        }
        if self.is_heard_already(id, &row, entry)? {
            return Ok(Moved::To(self.delivery(id)?.status));
        }
        if self.may_be_forgotten(&row)? {
            self.haunted(id, row, entry, request)?;
            return Ok(Moved::To(self.delivery(id)?.status));
        }
        let Some(row) = self.route(id, row)? else {
            let row = self.delivery(id)?;
            return Ok(Moved::To(row.status));
        };
        match self.walls(id, Count::Claims)? {
            Some(Claim::NotNow { wait, why }) => return Ok(Moved::NotNow { wait, why }),
            Some(_) => return Err(LedgerError::Refused("it cannot be begun".to_owned())),
            None => {}
        }
        let by = By { who, how: BY_HAND };
        let event = |permit| Event::Claim { permit };
        let (row, ..) = self.make_claim(id, row, entry, &request, event, by)?;
        Ok(Moved::To(row.status))
    }

    /// A person says that it is there. What is so is recorded, also where no cap would have allowed to
    /// begin: left on the list, it would be posted again.
    fn posted_by_hand(
        &mut self,
        id: DeliveryId,
        row: DeliveryRow,
        entry: &EntryRow,
        reference: Reference,
        request: &Request,
        who: &str,
    ) -> Result<Moved, LedgerError> {
        let row = match row.status {
            Status::InDoubt { .. } => {
                let verdict = Verdict::PersonPublished(reference);
                return Ok(Moved::To(self.resolve(id, verdict, who)?));
            }
            Status::Claimed { .. } => row,
            Status::Due { .. } => {
                if let Trust::Observes { why, mend } = &self.core.trust {
                    let (why, mend) = (why.clone(), mend.clone());
                    return Err(LedgerError::Untrusted { why, mend });
                }
                let by = By { who, how: BY_HAND };
                self.make_claim(id, row, entry, request, |permit| Event::Claim { permit }, by)?.0
            }
            _ => return Err(LedgerError::Refused(self.told_of(&row)?)),
        };
        let detail = reference.url.clone().unwrap_or_else(|| "posted by hand".to_owned());
        let receipt = Receipt { reference, at: self.now, how: How::Person };
        let event = Event::Published(receipt);
        let next = self.apply(id, &without_request(row.clone()), entry, event, who, &detail)?;
        self.let_go(&row);
        Ok(Moved::To(next.status))
    }

    /// A person says that it is not there: it is due again, and its text is made afresh.
    fn given_back(
        &mut self,
        id: DeliveryId,
        row: DeliveryRow,
        entry: &EntryRow,
        meant: Option<u32>,
        who: &str,
    ) -> Result<DeliveryRow, LedgerError> {
        let (Status::Claimed { attempt, .. } | Status::InDoubt { attempt, .. }) = row.status else {
            return Err(LedgerError::Refused(self.told_of(&row)?));
        };
        if meant.is_some_and(|meant| meant != attempt) {
            let by = self.hand_of(&row)?.unwrap_or_else(|| "somebody".to_owned());
            let words = format!("{by} has begun it since: only they can say that it is not there");
            return Err(LedgerError::Refused(words));
        }
        if matches!(row.status, Status::InDoubt { .. }) {
            self.resolve(id, Verdict::PersonAbsent, who)?;
            return self.delivery(id);
        }
        let event = Event::Later { not_before: self.now, exhausted: None };
        let fresh = DeliveryRow { first_sent: None, ..without_request(row.clone()) };
        let next = self.apply(id, &fresh, entry, event, who, "not posted")?;
        self.let_go(&row);
        Ok(next)
    }

    /// A claim that was settled in this transaction is no longer in the world.
    fn let_go(&mut self, before: &DeliveryRow) {
        if let Status::Claimed { permit, .. } = before.status {
            self.core.settled.push(permit);
        }
    }

    /// What was begun by hand so long ago that whoever began it has to be asked, is in doubt from now on.
    /// When the next of the lane will be.
    pub(super) fn doubt_abandoned(&mut self, lane: &str) -> Result<Option<Time>, LedgerError> {
        let mut soonest: Option<Time> = None;
        let mut groups = self.hand_groups();
        groups.retain(|group| {
            self.core.audience(*group).is_some_and(|(audience, _)| audience.lane == lane)
        });
        self.route_by_hand(&groups)?;
        for group in groups {
            let patience = self.core.doubt_after(group);
            for (since, id) in self.tables.agenda(Agenda::Claimed, group, usize::MAX)? {
                let asks = since.plus(patience);
                if asks > self.now {
                    soonest = Some(soonest.map_or(asks, |t| t.min(asks)));
                    continue;
                }
                let row = self.delivery(id)?;
                let entry = self.tables.entry(id.entry)?;
                let who = self.hand_of(&row)?.unwrap_or_else(|| "somebody".to_owned());
                let event = Event::Doubt { evidence: unsaid(&who), next_look: self.now };
                self.apply(id, &row, &entry, event, "daemon", "not said in time")?;
                self.let_go(&row);
            }
        }
        Ok(soonest)
    }

    pub(super) fn oldest_by_hand(&self) -> Result<Option<Time>, LedgerError> {
        let mut oldest: Option<Time> = None;
        for group in self.hand_groups() {
            for (not_before, id) in self.tables.agenda(Agenda::Due, group, 1)? {
                let since = self.delivery(id)?.since.max(not_before);
                if since <= self.now {
                    oldest = Some(oldest.map_or(since, |t| t.min(since)));
                }
            }
        }
        Ok(oldest)
    }

    /// Who began a delivery by hand; `None` where the daemon claimed it, or nobody.
    pub(super) fn hand_of(&self, row: &DeliveryRow) -> Result<Option<String>, LedgerError> {
        for number in row.lines.iter().rev() {
            let Some((_, line)) = self.tables.line(*number)? else { continue };
            if line.event == "claim" {
                let by_hand = line.detail.contains(BY_HAND_MARK);
                return Ok(by_hand.then_some(line.who));
            }
        }
        Ok(None)
    }

    /// Why a person's act comes too late, in words.
    fn told_of(&self, row: &DeliveryRow) -> Result<String, LedgerError> {
        let by = self.hand_of(row)?.unwrap_or_else(|| "somebody".to_owned());
        let since = row.since;
        Ok(match &row.status {
            Status::Claimed { .. } => format!("{by} has begun to post it, at {since}"),
            Status::InDoubt { .. } => {
                format!("{by} began to post it and has not said whether it is there: look first")
            }
            Status::Published { receipt } => format!("it is there already, since {}", receipt.at),
            Status::Held { reason } => format!("it is held, since {reason}: oncecast release"),
            status => format!("it is {}", status.kind().word()),
        })
    }

    /// The groups that people serve, in the order of the config.
    fn hand_groups(&self) -> Vec<u32> {
        let by_hand = self.core.setup.groups.iter().filter(|group| group.by_hand);
        by_hand.filter_map(|group| self.core.groups.get(&group.name).copied()).collect()
    }
}
