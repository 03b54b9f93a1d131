//! What the ledger tells: what is due, what is known, how things stand.

use std::time::Duration;

use crate::ledger::{
    DeliveryView, DoubtWork, DueWork, EntryView, GroupView, LaneView, LedgerError, Overview,
    Selection, Waiting, Work, adopt, caps, journal,
};
use crate::model::identity::{aliases, link_aliases};
use crate::model::{DeliveryId, Entry, EntryId, Stand, Status, Time, Why};

use super::batch::Batch;
use super::claim::{Count, no_room};
use super::records::{Agenda, DeliveryRow, EntryRow, Routing};
use super::revise;

/// How many entries a person's words may mean before they must say more.
const FOUND_MAX: usize = 10;
/// How far back news is looked for: a new feed brings a whole archive of baseline.
const RECENT_WALK: usize = 500;
/// Of so many deliveries it is remembered what was handed out; of more, nothing.
const OFFERED_MAX: usize = 4_096;
/// Among so many changes of a group that are due, one that takes a post away is found.
const AMENDS_SEEN: usize = 64;
/// How often a house at rest is looked at for whether its STOP file is gone.
const STOP_LOOK: Duration = Duration::from_secs(5);

impl Batch<'_, '_> {
    pub(super) fn due(&mut self, lane_name: &str) -> Result<Waiting, LedgerError> {
        let nothing = |wake| Ok(Waiting { work: None, wake });
        let asks = self.doubt_abandoned(lane_name)?;
        if let Some(wake) = self.rest_of(lane_name)? {
            return nothing(wake);
        }
        let doubt_after = self.core.lane(lane_name)?.doubt_after;
        let groups: Vec<u32> = self
            .core
            .setup
            .groups
            .iter()
            // What a person posts is no work of the daemon's.
            .filter(|g| g.lane == lane_name && !g.by_hand)
            .filter_map(|g| self.core.groups.get(&g.name).copied())
            .collect();
        let mut wake: Option<Time> = asks;
        let mut sooner = |time: Time| wake = Some(wake.map_or(time, |w| w.min(time)));
        let mut next: Option<(Time, DeliveryId)> = None;
        let mut amend: Option<(bool, DeliveryId)> = None;
        for group in groups {
            for (look, id) in self.tables.agenda(Agenda::Doubt, group, 1)? {
                let row = self.delivery(id)?;
                let look = look.max(row.since.plus(doubt_after));
                if look > self.now {
                    sooner(look);
                } else if matches!(row.status, Status::InDoubt { .. }) {
                    return self.doubt(id, row);
                }
            }
            if let Some((time, id)) = self.first_due(group)? {
                if time > self.now {
                    sooner(time);
                } else if next.is_none_or(|(t, n)| (time, id) < (t, n)) {
                    next = Some((time, id));
                }
            }
            for (time, id) in self.tables.agenda(Agenda::Amend, group, AMENDS_SEEN)? {
                if time > self.now {
                    sooner(time);
                    break;
                }
                let goes = self.delivery(id)?.amend.is_some_and(|a| a.amend.change.takes_away());
                if goes || amend.is_none() {
                    amend = Some((goes, id));
                }
                if goes {
                    break;
                }
            }
        }
        if let Some((goes, id)) = amend
            && self.amend_goes_first(goes, id, next.map(|(_, id)| id))?
        {
            let row = self.delivery(id)?;
            let work = self.amend_work(id, row)?.map(|work| Work::Amend(Box::new(work)));
            return Ok(Waiting { work, wake: None });
        }
        match next {
            Some((_, id)) => {
                let row = self.delivery(id)?;
                self.offer(id, row)
            }
            None => nothing(wake.map(|w| w.since(self.now))),
        }
    }

    /// Hands out a delivery that is due, and remembers what its entry says: it takes a while to make a post
    /// of that, with a picture minutes.
    fn offer(&mut self, id: DeliveryId, row: DeliveryRow) -> Result<Waiting, LedgerError> {
        let due = self.due_work(id, row)?;
        if self.core.offered.len() >= OFFERED_MAX {
            self.core.offered.clear();
        }
        self.core.offered.insert(id, revise::said(&due.entry));
        Ok(Waiting { work: Some(Work::Due(Box::new(due))), wake: None })
    }

    /// What went out wrongly is taken away before anything new goes out; what is only changed comes after
    /// what is new, unless that must wait. Neither keeps what is new waiting where it must wait itself.
    fn amend_goes_first(
        &self,
        takes_away: bool,
        amend: DeliveryId,
        next: Option<DeliveryId>,
    ) -> Result<bool, LedgerError> {
        let Some(next) = next else { return Ok(true) };
        let may = self.walls(amend, Count::Amends)?.is_none();
        Ok(may && (takes_away || self.walls(next, Count::Claims)?.is_some()))
    }

    pub(super) fn due_one(&mut self, id: DeliveryId) -> Result<Waiting, LedgerError> {
        let nothing = |wake| Ok(Waiting { work: None, wake });
        let Some((audience, lane)) = self.core.audience(id.group) else { return nothing(None) };
        if audience.by_hand {
            return nothing(None);
        }
        let lane = lane.name.clone();
        if let Some(wake) = self.rest_of(&lane)? {
            return nothing(wake);
        }
        let row = self.delivery(id)?;
        match row.status {
            Status::Due { not_before, .. } if not_before > self.now => {
                nothing(Some(not_before.since(self.now)))
            }
            Status::Due { .. } => self.offer(id, row),
            Status::Published { .. } => {
                let wanted = row.amend.as_ref().map(|amend| amend.amend.stand.clone());
                let Some(Stand::Wanted { not_before, .. }) = wanted else { return nothing(None) };
                if not_before > self.now {
                    return nothing(Some(not_before.since(self.now)));
                }
                let work = self.amend_work(id, row)?.map(|work| Work::Amend(Box::new(work)));
                Ok(Waiting { work, wake: None })
            }
            _ => nothing(None),
        }
    }

    /// Whether a lane does nothing now, and for how long as far as is known.
    fn rest_of(&self, lane: &str) -> Result<Option<Option<Duration>>, LedgerError> {
        if self.stopped()?.is_some() {
            // The STOP file rings no bell when it is taken away.
            return Ok(Some(Some(STOP_LOOK)));
        }
        let row = self.tables.lane(lane)?;
        if row.paused.is_some() || row.stopped.is_some() {
            return Ok(Some(None));
        }
        let rests = row.rests_until.filter(|until| *until > self.now);
        Ok(rests.map(|until| Some(until.since(self.now))))
    }

    fn doubt(&self, id: DeliveryId, row: DeliveryRow) -> Result<Waiting, LedgerError> {
        let Status::InDoubt { evidence, looks, .. } = row.status.clone() else {
            return Ok(Waiting { work: None, wake: None });
        };
        // The platform's clock is compared with it: where ours has gone back, it must not lie ahead.
        let first_sent =
            row.first_sent.unwrap_or(row.since).minus(self.core.time.ahead(self.core.clock.now()));
        let due = self.due_work(id, row)?;
        let alone = id.generation == 1 && !self.is_replaced(id)?;
        let work = DoubtWork { due, first_sent, evidence, looks, alone };
        Ok(Waiting { work: Some(Work::Doubt(Box::new(work))), wake: None })
    }

    pub(super) fn due_work(
        &self,
        id: DeliveryId,
        row: DeliveryRow,
    ) -> Result<DueWork, LedgerError> {
        let entry = self.tables.entry(id.entry)?;
        let attempt = match row.status {
            Status::Due { attempt, .. } | Status::InDoubt { attempt, .. } => attempt,
            _ => 0,
        };
        Ok(DueWork {
            id,
            entry: entry.entry,
            entry_id: entry.id,
            group: self.name_of(id.group),
            key: row.key,
            opened: row.opened,
            attempt,
            staged: row.staged.map(|ready| (ready.staged, self.now.since(ready.at))),
            by_hand: row.routing == Routing::ByHand,
            request: row.request,
        })
    }

    fn name_of(&self, group: u32) -> String {
        self.core.names.get(&group).cloned().unwrap_or_else(|| format!("group {group}"))
    }

    pub(super) fn view(&self, id: DeliveryId, row: &DeliveryRow, entry: &EntryRow) -> DeliveryView {
        let title = if entry.entry.title.is_empty() {
            entry.entry.link.clone().unwrap_or_default()
        } else {
            entry.entry.title.clone()
        };
        DeliveryView {
            id,
            entry_id: entry.id,
            title,
            group: self.name_of(id.group),
            status: row.status.clone(),
            since: row.since,
            settling: Self::is_settling(row, entry),
            by_hand: self.core.is_by_hand(id.group),
            quiet_until: match row.status {
                Status::Due { .. } => self.quiet_until(id.group),
                _ => None,
            },
            amend: row.amend.as_ref().map(|amend| amend.amend.clone()),
        }
    }

    fn entry_view(&self, number: u64) -> Result<EntryView, LedgerError> {
        let entry = self.tables.entry(number)?;
        let mut deliveries = Vec::new();
        for (id, row) in self.tables.deliveries(number)? {
            deliveries.push(self.view(id, &row, &entry));
        }
        Ok(EntryView {
            number,
            id: entry.id,
            feed: entry.feed.clone(),
            first_seen: entry.first_seen,
            settles: entry.settles,
            entry: entry.entry,
            deliveries,
        })
    }

    pub(super) fn find(&mut self, what: &str) -> Result<Vec<EntryView>, LedgerError> {
        let what = what.trim();
        let mut numbers = Vec::new();
        if let Some((from, to)) = id_range(what) {
            numbers = self.tables.ids(from..=to, FOUND_MAX)?;
        }
        let as_link = Entry { link: Some(what.to_owned()), ..Entry::default() };
        for alias in aliases("", &as_link) {
            numbers.extend(self.tables.known_by(&alias.fingerprint)?);
        }
        let as_guid = Entry { guid: Some(what.to_owned()), ..Entry::default() };
        for feed in self.tables.feed_names()? {
            for alias in aliases(&feed, &as_guid) {
                numbers.extend(self.tables.known_by(&alias.fingerprint)?);
            }
        }
        if numbers.is_empty() {
            // What was adopted, and no feed has shown yet.
            numbers.extend(self.remembered(&link_aliases(what))?);
        }
        numbers.sort_unstable_by(|a, b| b.cmp(a));
        numbers.dedup();
        numbers.truncate(FOUND_MAX);
        numbers.into_iter().map(|number| self.entry_view(number)).collect()
    }

    pub(super) fn history(&mut self, number: u64) -> Result<Vec<journal::Line>, LedgerError> {
        let entry = self.tables.entry(number)?;
        let mut lines = vec![entry.line];
        lines.extend(entry.edits);
        for (_, row) in self.tables.deliveries(number)? {
            lines.extend(row.lines);
        }
        lines.sort_unstable();
        lines.dedup();
        let mut history = Vec::new();
        for line in lines {
            history.extend(self.tables.line(line)?.map(|(_, line)| line));
        }
        Ok(history)
    }

    pub(super) fn waiting(&mut self, limit: usize) -> Result<Vec<DeliveryView>, LedgerError> {
        let lists = [
            Agenda::Doubt,
            Agenda::Stuck,
            Agenda::Held,
            Agenda::Claimed,
            Agenda::Due,
            Agenda::Settling,
            Agenda::Amend,
        ];
        let mut views = Vec::new();
        for list in lists {
            for (_, id) in self.listed(list, limit.saturating_sub(views.len()))? {
                let row = self.delivery(id)?;
                let entry = self.tables.entry(id.entry)?;
                views.push(self.view(id, &row, &entry));
            }
        }
        Ok(views)
    }

    pub(super) fn owed(&mut self, entry: u64) -> Result<Vec<DueWork>, LedgerError> {
        let newest = self.newest(&Selection { entry, group: None })?;
        newest.into_iter().map(|(id, row)| self.due_work(id, row)).collect()
    }

    pub(super) fn recent(&mut self, limit: usize) -> Result<Vec<EntryView>, LedgerError> {
        let mut recent = Vec::new();
        for number in (1..=self.numbers.entry).rev().take(RECENT_WALK) {
            if recent.len() == limit {
                break;
            }
            let view = self.entry_view(number)?;
            if view.feed == adopt::FEED {
                continue;
            }
            if view.deliveries.iter().any(|d| !matches!(d.status, Status::Baseline)) {
                recent.push(view);
            }
        }
        Ok(recent)
    }

    pub(super) fn overview(&mut self, bytes: u64) -> Result<Overview, LedgerError> {
        let mut lanes = Vec::new();
        for lane in &self.core.setup.lanes {
            let row = self.tables.lane(&lane.name)?;
            let claims = self.counted(row.number, u32::MAX)?;
            lanes.push(LaneView {
                name: lane.name.clone(),
                paused: row.paused,
                stopped: row.stopped,
                rests_until: row.rests_until.filter(|until| *until > self.now),
                failures: row.failures,
                claimed: caps::counts(&claims, self.now),
                allowed: lane.caps.windows().map(|(_, allowed)| allowed),
            });
        }
        let mut groups = Vec::new();
        for audience in &self.core.setup.groups {
            let number = self.core.groups.get(&audience.name).copied().unwrap_or_default();
            groups.push(GroupView {
                name: audience.name.clone(),
                lane: audience.lane.clone(),
                counts: self.tables.counts(number)?,
            });
        }
        let mut oldest_doubt: Option<Time> = None;
        for (_, id) in self.listed(Agenda::Doubt, 1_000)? {
            let since = self.delivery(id)?.since;
            oldest_doubt = Some(oldest_doubt.map_or(since, |t| t.min(since)));
        }
        let (mut looked, mut notes) = (Vec::new(), Vec::new());
        for (name, mut glance) in self.glances()? {
            let learnt = glance.notes();
            if !learnt.is_empty() {
                notes.push((name.clone(), learnt));
            }
            let look = self.next_settle(&glance.settling, |_| true)?;
            let mut state = glance.state;
            if let Some(look) = look.filter(|_| state.failures == 0) {
                let at = self.core.clock.now().plus(look);
                if at < state.next_poll {
                    (state.next_poll, state.why_next) = (at, Why::Look);
                }
            }
            looked.push((name, state));
        }
        Ok(Overview {
            ledger: EntryId::from_bytes(self.core.ledger).to_string(),
            trust: self.core.trust.clone(),
            stopped: self.stopped()?,
            unclean_starts: self.unclean_starts()?,
            clock: self.core.time.trouble(self.core.clock.now()),
            unwritable: self
                .core
                .sick
                .clone()
                .or_else(|| self.core.unnoted.clone())
                .or_else(|| no_room(self.core.disk.as_ref(), self.core.folder())),
            entries: self.tables.entries()?,
            feeds: looked,
            notes,
            lanes,
            groups,
            oldest_held: self.listed(Agenda::Held, 1)?.first().map(|(since, _)| *since),
            oldest_by_hand: self.oldest_by_hand()?,
            oldest_stuck: self.listed(Agenda::Stuck, 1)?.first().map(|(since, _)| *since),
            oldest_doubt,
            oldest_settling: self.listed(Agenda::Settling, 1)?.first().map(|(look, _)| *look),
            claims: self.numbers.claim,
            journal: self.numbers.lines,
            bytes,
        })
    }
}

/// Every id that starts with these hexadecimal digits; `None` for fewer than four.
pub(super) fn id_range(prefix: &str) -> Option<([u8; 16], [u8; 16])> {
    const DIGITS_MIN: usize = 4;
    if prefix.len() < DIGITS_MIN || prefix.len() > 32 {
        return None;
    }
    let prefix = prefix.to_ascii_lowercase();
    let raw = |fill: char| {
        let text: String = prefix.chars().chain(std::iter::repeat(fill)).take(32).collect();
        let bytes = data_encoding::HEXLOWER.decode(text.as_bytes()).ok()?;
        <[u8; 16]>::try_from(bytes).ok()
    };
    Some((raw('0')?, raw('f')?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_names_a_range_of_ids() {
        let (from, to) = id_range("Ab3f").expect("four digits will do");
        assert_eq!((from[0], from[1], from[2]), (0xab, 0x3f, 0));
        assert_eq!((to[0], to[1], to[2]), (0xab, 0x3f, 0xff));
        assert!(id_range("abc").is_none());
        assert!(id_range("wxyz").is_none());
        assert!(id_range("https://example.org/").is_none());
    }
}
