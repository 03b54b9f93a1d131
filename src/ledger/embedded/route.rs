//! Which groups hear an entry, decided where it is about to be sent: by what it says after its second look,
//! inside the transaction that would claim it, so that no way out passes by.

use std::time::Duration;

use crate::ledger::LedgerError;
use crate::model::{DeliveryId, Event, HoldReason, Status, Time, WithdrawReason};

use super::batch::Batch;
use super::records::{Agenda, DeliveryRow, Routing};

impl Batch<'_, '_> {
    /// A delivery that is due, its second look behind it, if its group hears the entry; else it is
    /// withdrawn or held, and gone from what is due.
    pub(super) fn route(
        &mut self,
        id: DeliveryId,
        row: DeliveryRow,
    ) -> Result<Option<DeliveryRow>, LedgerError> {
        let rules = match self.core.audience(id.group) {
            Some((audience, _)) if row.routing != Routing::ByHand => audience.rules.clone(),
            _ => return Ok(Some(row)),
        };
        if !rules.choose() || !matches!(row.status, Status::Due { .. }) {
            return Ok(Some(row));
        }
        let entry = self.tables.entry(id.entry)?;
        // Dates of posts are other people's clocks; when it was seen is the ledger's own.
        let now = self.core.clock.now();
        let first_seen = now.minus(self.now.since(entry.first_seen));
        if let Some(why) = rules.refuses(&entry.entry, first_seen, now) {
            let event = Event::Withdraw(WithdrawReason::Route { why: why.clone() });
            self.apply(id, &row, &entry, event, "rules", &why)?;
            return Ok(None);
        }
        if rules.approve && row.routing == Routing::Open {
            let event = Event::Hold(HoldReason::Approval);
            self.apply(id, &row, &entry, event, "rules", "approve = true")?;
            return Ok(None);
        }
        Ok(Some(row))
    }

    /// The first of what is due to a group now, and when it may be; what it does not hear is gone by then.
    pub(super) fn first_due(
        &mut self,
        group: u32,
    ) -> Result<Option<(Time, DeliveryId)>, LedgerError> {
        loop {
            let Some((time, id)) = self.tables.agenda(Agenda::Due, group, 1)?.pop() else {
                return Ok(None);
            };
            if time > self.now {
                return Ok(Some((time, id)));
            }
            let row = self.delivery(id)?;
            if self.route(id, row)?.is_some() {
                let wait = self.left_in_peace(id)?.map(|(wait, _)| wait).unwrap_or_default();
                let time = if wait.is_zero() { time } else { self.now.plus(wait) };
                return Ok(Some((time, id)));
            }
        }
    }

    /// Applies the rules of the groups of a lane that people serve, so that their list holds what is theirs
    /// to do.
    pub(super) fn route_by_hand(&mut self, groups: &[u32]) -> Result<(), LedgerError> {
        for group in groups {
            for (time, id) in self.tables.agenda(Agenda::Due, *group, usize::MAX)? {
                if time <= self.now {
                    let row = self.delivery(id)?;
                    self.route(id, row)?;
                }
            }
        }
        Ok(())
    }

    /// How long nothing is sent of a delivery, and why: its group's quiet hours, or another group that has
    /// just heard the entry.
    pub(super) fn left_in_peace(
        &self,
        id: DeliveryId,
    ) -> Result<Option<(Duration, String)>, LedgerError> {
        if let Some(until) = self.quiet_until(id.group) {
            let wait = until.since(self.core.clock.now());
            return Ok(Some((wait, format!("its group is quiet until {until}"))));
        }
        let stagger = self.core.setup.policy.stagger;
        if stagger.is_zero() {
            return Ok(None);
        }
        let others = self.tables.deliveries(id.entry)?;
        let others = others.iter().filter(|(other, _)| other.group != id.group);
        let free = others.filter_map(|(_, row)| row.first_sent).map(|at| at.plus(stagger)).max();
        Ok(free.filter(|free| *free > self.now).map(|free| {
            (free.since(self.now), "another group has just heard it (stagger)".to_owned())
        }))
    }

    /// Until when a group is left in peace, by the wall clock; nothing where it is not.
    pub(super) fn quiet_until(&self, group: u32) -> Option<Time> {
        let (audience, _) = self.core.audience(group)?;
        let quiet = audience.rules.quiet.as_ref()?;
        let now = self.core.clock.now();
        Some(quiet.ends(now)).filter(|until| *until > now)
    }
}
