//! What becomes of posts whose entries change in the feed, or leave it. A feed is a window that slides, comes
//! empty and comes back: that an entry is not shown proves nothing, and is only a reason to look at its page.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::ledger::journal::Line;
use crate::ledger::upkeep::{Missing, Page};
use crate::ledger::{LedgerError, Trust};
use crate::model::{
    Amend, Change, DeliveryId, Entry, Event, Stand, Status, Time, Upkeep, WithdrawReason,
};

use super::admit::FeedRow;
use super::batch::{Batch, Told};
use super::naming::named;
use super::records::{AmendRow, DeliveryRow};
use super::settle::without_request;

/// The first look at the page of an entry that has left its feed.
const LOOK_FIRST: Duration = Duration::from_secs(10 * 60);
/// Between two looks at it, each of which must find that it is gone.
const LOOK_EVERY: Duration = Duration::from_secs(8 * 3_600);
/// So many looks must say so, one after another.
const LOOKS: usize = 3;
/// After a look that told nothing.
const LOOK_AGAIN: Duration = Duration::from_secs(3_600);
/// After looks that told nothing for so long none is made any more.
const UNSURE_MAX: Duration = Duration::from_secs(7 * 86_400);
/// A post whose entry goes on changing is changed no more often than this.
const EDIT_EVERY: Duration = Duration::from_secs(3_600);
/// After so many changes a text is one that changes by itself, and is carried once a day.
const EDITS: u32 = 24;
const EDIT_RARELY: Duration = Duration::from_secs(86_400);

/// How long after so many changes the next one waits.
pub(super) const fn rest_after(edits: u32) -> Duration {
    if edits < EDITS { EDIT_EVERY } else { EDIT_RARELY }
}

/// An entry that has left its feed, and may have been deleted there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Gone {
    pub(super) entry: u64,
    /// When its page was looked at and was gone.
    #[serde(default)]
    pub(super) looks: Vec<Time>,
    /// Since when no look has told anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) unsure: Option<Time>,
    /// When it is looked at next.
    pub(super) next: Time,
}

impl Gone {
    /// The same, with every moment moved.
    pub(super) fn moved(self, moved: &impl Fn(Time) -> Time) -> Self {
        let looks = self.looks.into_iter().map(moved).collect();
        let unsure = self.unsure.map(moved);
        Self { entry: self.entry, looks, unsure, next: moved(self.next) }
    }
}

impl Batch<'_, '_> {
    /// Has the posts of changed entries changed; comes back with how many are left as they are, since so
    /// many that change at once are the work of a machine.
    pub(super) fn carry_edits(
        &mut self,
        feed: &str,
        edited: Vec<(u64, Entry)>,
    ) -> Result<u32, LedgerError> {
        if !self.has_upkeep(feed, |upkeep| upkeep.update) {
            return Ok(0);
        }
        let mut wanted = Vec::new();
        for (number, was) in edited {
            let entry = self.tables.entry(number)?;
            // Another feed may show the same entry otherwise, and it would change to and fro.
            if entry.feed != feed {
                continue;
            }
            for (id, row) in self.tables.deliveries(number)? {
                if self.wants_update(id, &row) {
                    wanted.push((id, row, was.clone()));
                }
            }
        }
        let mut entries: Vec<u64> = wanted.iter().map(|(id, ..)| id.entry).collect();
        entries.dedup();
        let count = u32::try_from(entries.len()).unwrap_or(u32::MAX);
        if count > self.core.setup.policy.burst {
            let words = format!("feed {feed}: {count} entries that are out have changed at once");
            self.house("edits-held", "daemon", &words)?;
            return Ok(count);
        }
        for (id, row, was) in wanted {
            self.want_update(id, row, was)?;
        }
        Ok(0)
    }

    fn has_upkeep(&self, feed: &str, of: impl Fn(Upkeep) -> bool) -> bool {
        let groups = &self.core.setup.groups;
        groups.iter().any(|group| of(group.upkeep) && group.feeds.iter().any(|f| f == feed))
    }

    pub(super) fn upkeep(&self, id: DeliveryId) -> Upkeep {
        self.core.audience(id.group).map(|(audience, _)| audience.upkeep).unwrap_or_default()
    }

    /// Whether a post says, or will say, what its entry said before.
    fn wants_update(&self, id: DeliveryId, row: &DeliveryRow) -> bool {
        let is_said = match &row.status {
            Status::Published { receipt } => {
                receipt.how.is_ours() && named(&receipt.reference).is_some()
            }
            Status::Due { .. } | Status::Claimed { .. } | Status::InDoubt { .. } => {
                row.request.is_some()
            }
            _ => false,
        };
        let amend = row.amend.as_ref().map(|amend| &amend.amend);
        let is_over = amend.is_some_and(|amend| amend.is_away() || amend.change == Change::Retract);
        self.upkeep(id).update && is_said && !is_over && !self.core.is_by_hand(id.group)
    }

    fn want_update(
        &mut self,
        id: DeliveryId,
        row: DeliveryRow,
        was: Entry,
    ) -> Result<(), LedgerError> {
        // What is edited again within a few minutes is carried once.
        let soon = self.now.plus(self.core.setup.policy.settle);
        let mut amend = match row.amend.clone() {
            Some(amend) => *amend,
            None => AmendRow {
                was: Some(was.clone()),
                ..AmendRow::of(Amend::wanted(Change::Update, soon))
            },
        };
        let is_new = row.amend.is_none();
        match amend.amend.stand {
            Stand::Wanted { .. } if is_new => {}
            // What is under way, or may be, is carried to its end first.
            Stand::Wanted { .. } if amend.request.is_some() => amend.again = true,
            // The last one wins.
            Stand::Wanted { .. } => return Ok(()),
            _ => {
                let rest = rest_after(amend.edits);
                // It may have been carried under a clock that was ahead: it was not later than now.
                let edited = amend.edited.map(|at| at.min(self.now));
                let not_before = edited.map_or(soon, |at| soon.max(at.plus(rest)));
                amend.amend = Amend::wanted(Change::Update, not_before);
                if amend.said.is_none() && amend.was.is_none() {
                    amend.was = Some(was);
                }
            }
        }
        let entry = self.tables.entry(id.entry)?;
        let mut next = DeliveryRow { amend: Some(Box::new(amend)), ..row.clone() };
        let told = Told::by_daemon("its entry has changed");
        self.note(id, &mut next, &entry, "update", told)?;
        self.tables.set_delivery(id, Some((&row, entry.settles)), &next, entry.settles)
    }

    /// Notes which entries have left a feed though older ones are still in it; comes back with how many
    /// are left alone, since so many at once are more likely a feed that is broken.
    pub(super) fn note_missing(
        &mut self,
        feed: &str,
        row: &mut FeedRow,
        before: &[u64],
        present: &[u64],
    ) -> Result<u32, LedgerError> {
        row.missing.retain(|gone| !present.contains(&gone.entry));
        if !matches!(self.core.trust, Trust::Sends) || !self.has_upkeep(feed, |up| up.retract) {
            row.missing.clear();
            return Ok(0);
        }
        // A window slides from its oldest end: what is behind everything that stayed says nothing.
        let Some(oldest) = before.iter().position(|number| present.contains(number)) else {
            return Ok(0);
        };
        let left: Vec<u64> =
            before[oldest..].iter().copied().filter(|n| !present.contains(n)).collect();
        let mut wanted = Vec::new();
        for number in &left {
            let is_known = row.missing.iter().any(|gone| gone.entry == *number);
            if !is_known && self.is_out(feed, *number)? {
                wanted.push(*number);
            }
        }
        if wanted.is_empty() {
            return Ok(0);
        }
        let count = u32::try_from(left.len()).unwrap_or(u32::MAX);
        if count > self.core.setup.policy.burst {
            let words = format!("feed {feed}: {count} entries have left it at once");
            self.house("vanished-held", "daemon", &words)?;
            return Ok(count);
        }
        for number in wanted {
            self.tell_of_missing(number, feed, "it has left its feed; its page will be looked at")?;
            let next = self.now.plus(LOOK_FIRST);
            row.missing.push(Gone { entry: number, looks: Vec::new(), unsure: None, next });
        }
        Ok(0)
    }

    /// Whether an entry has a page, and a post in a group that wants it to go with its entry.
    fn is_out(&self, feed: &str, number: u64) -> Result<bool, LedgerError> {
        let entry = self.tables.entry(number)?;
        let has_page = entry.entry.link.as_deref().is_some_and(|link| link.starts_with("http"));
        // What leaves before its second look is not sent anyway.
        if entry.feed != feed || !has_page || entry.settles.is_some() {
            return Ok(false);
        }
        let rows = self.tables.deliveries(number)?;
        Ok(rows.iter().any(|(id, row)| {
            self.goes_with_its_entry(*id, row)
                || self.is_not_to_be_sent(*id, row)
                || self.may_come_to_be_seen(*id, row)
        }))
    }

    /// Whether a delivery waits that is not to be sent once its entry is deleted.
    fn is_not_to_be_sent(&self, id: DeliveryId, row: &DeliveryRow) -> bool {
        self.upkeep(id).retract && matches!(row.status, Status::Due { .. } | Status::Held { .. })
    }

    /// Whether readers may have a post, or come to have it, that goes with its entry once that is known.
    fn may_come_to_be_seen(&self, id: DeliveryId, row: &DeliveryRow) -> bool {
        self.upkeep(id).retract
            && matches!(row.status, Status::Claimed { .. } | Status::InDoubt { .. })
            && !self.core.is_by_hand(id.group)
    }

    fn goes_with_its_entry(&self, id: DeliveryId, row: &DeliveryRow) -> bool {
        let is_out = matches!(&row.status, Status::Published { receipt }
            if named(&receipt.reference).is_some() && receipt.how.is_ours());
        let amend = row.amend.as_ref().map(|amend| &amend.amend);
        let is_asked =
            amend.is_some_and(|amend| amend.is_away() || amend.change == Change::Retract);
        self.upkeep(id).retract && is_out && !is_asked && !self.core.is_by_hand(id.group)
    }

    fn tell_of_missing(
        &mut self,
        number: u64,
        feed: &str,
        detail: &str,
    ) -> Result<(), LedgerError> {
        let mut entry = self.tables.entry(number)?;
        let line = self.journal(&Line {
            entry: Some(entry.id),
            ..Line::of_house(self.now, &format!("feed {feed}"), "vanished", detail)
        })?;
        entry.edits.push(line);
        self.tables.set_entry(number, &entry)
    }

    /// The entries of a feed whose pages want a look, each with a page that should be there beside it.
    pub(super) fn missing(&mut self, feed: &str) -> Result<Vec<Missing>, LedgerError> {
        let Some(row) = self.feed_row(feed)? else { return Ok(Vec::new()) };
        let mut missing = Vec::new();
        for gone in &row.missing {
            let Some(page) = self.tables.entry(gone.entry)?.entry.link else { continue };
            let mut beside = None;
            for number in row.habits.present.iter().rev() {
                let link = self.tables.entry(*number)?.entry.link;
                beside = link.filter(|link| host(link) == host(&page) && *link != page);
                if beside.is_some() {
                    break;
                }
            }
            let wait = gone.next.since(self.now);
            missing.push(Missing { entry: gone.entry, page, beside, wait });
        }
        Ok(missing)
    }

    /// Takes what a look at a page has shown; true where its posts are now to be taken away.
    pub(super) fn looked(
        &mut self,
        feed: &str,
        number: u64,
        page: &Page,
    ) -> Result<bool, LedgerError> {
        let Some(mut row) = self.feed_row(feed)? else { return Ok(false) };
        let Some(at) = row.missing.iter().position(|gone| gone.entry == number) else {
            return Ok(false);
        };
        let gone = &mut row.missing[at];
        let mut goes = false;
        match page {
            Page::There => {
                row.missing.remove(at);
                self.tell_of_missing(number, feed, "its page is there: it stays")?;
            }
            Page::Unsure(why) => {
                gone.next = self.now.plus(LOOK_AGAIN);
                let since = *gone.unsure.get_or_insert(self.now);
                if self.now.since(since) >= UNSURE_MAX {
                    row.missing.remove(at);
                    let told = format!("whether it is deleted could not be told: {why}; it stays");
                    tracing::warn!(%feed, entry = number, reason = %why,
                        "an entry has left the feed, and whether it is deleted could not be told for \
                         days: its posts stay; to take them away: oncecast retract");
                    self.tell_of_missing(number, feed, &told)?;
                } else {
                    tracing::debug!(%feed, %why, "whether an entry is deleted cannot be told");
                }
            }
            Page::Gone(status) => {
                gone.next = self.now.plus(LOOK_EVERY);
                gone.unsure = None;
                let is_news = gone.looks.len() < LOOKS;
                if is_news {
                    gone.looks.push(self.now);
                }
                let looks = gone.looks.len();
                let first = gone.looks.first().copied().unwrap_or(self.now);
                let apart = self.now.since(first) >= LOOK_EVERY * (LOOKS as u32 - 1);
                goes = looks >= LOOKS && apart;
                if is_news {
                    let detail = format!("its page says {status}, for the {looks}. time");
                    self.tell_of_missing(number, feed, &detail)?;
                }
            }
        }
        if goes {
            let (taken, waits) = self.take_away(feed, number)?;
            // What is under way, or in doubt, is looked for again: once it is known, it goes too.
            if !waits {
                row.missing.retain(|gone| gone.entry != number);
            }
            goes = taken;
        }
        self.set_feed_row(feed, &row)?;
        Ok(goes)
    }

    /// Its entry is deleted: so are its posts, where their groups want that, and what waits there is not
    /// sent. Whether there was anything, and whether there may come to be more.
    fn take_away(&mut self, feed: &str, number: u64) -> Result<(bool, bool), LedgerError> {
        let entry = self.tables.entry(number)?;
        let who = format!("feed {feed}");
        let (mut goes, mut waits) = (false, false);
        for (id, row) in self.tables.deliveries(number)? {
            if self.goes_with_its_entry(id, &row) {
                let amend = Amend::wanted(Change::Retract, self.now);
                let told = (who.as_str(), "its entry is deleted (on_delete)");
                self.set_amend(id, row, &entry, amend, false, told)?;
                goes = true;
            } else if self.is_not_to_be_sent(id, &row) {
                let event = Event::Withdraw(WithdrawReason::Deleted);
                let row = without_request(row);
                self.apply(id, &row, &entry, event, &who, "its entry is deleted (on_delete)")?;
                goes = true;
            } else {
                waits |= self.may_come_to_be_seen(id, &row);
            }
        }
        Ok((goes, waits))
    }
}

fn host(link: &str) -> Option<String> {
    url::Url::parse(link).ok()?.host_str().map(str::to_owned)
}
