//! The settle window: a new entry is seen twice before it is sent, and one that vanishes in between is not.

use std::time::Duration;

use crate::ledger::{LedgerError, Selection};
use crate::model::{Event, Status, Time, WithdrawReason};

use super::admit::FeedRow;
use super::batch::Batch;
use super::records::EntryRow;

impl Batch<'_, '_> {
    /// Ends the settle window of the entries that were seen again after it.
    pub(super) fn confirm(
        &mut self,
        row: &mut FeedRow,
        seen: impl Fn(u64) -> bool,
    ) -> Result<(), LedgerError> {
        let mut still = Vec::new();
        for number in std::mem::take(&mut row.settling) {
            let entry = self.tables.entry(number)?;
            let Some(look) = entry.settles else { continue };
            if look > self.now || !seen(number) {
                still.push(number);
                continue;
            }
            self.set_settles(number, None)?;
        }
        row.settling = still;
        Ok(())
    }

    /// Moves an entry's settle window, and its deliveries on the agenda with it.
    pub(super) fn set_settles(
        &mut self,
        number: u64,
        settles: Option<Time>,
    ) -> Result<(), LedgerError> {
        let entry = self.tables.entry(number)?;
        let before = entry.settles;
        for (id, delivery) in self.tables.deliveries(number)? {
            if matches!(delivery.status, Status::Due { .. }) {
                self.tables.set_delivery(id, Some((&delivery, before)), &delivery, settles)?;
            }
        }
        self.tables.set_entry(number, &EntryRow { settles, ..entry })
    }

    /// An entry left the feed in its settle window, or its feed the config: it will not be sent, unless it
    /// comes back.
    pub(super) fn forget(&mut self, number: u64, why: &str) -> Result<(), LedgerError> {
        let entry = self.tables.entry(number)?;
        let mut vanished = false;
        for (id, row) in self.tables.deliveries(number)? {
            if matches!(row.status, Status::Due { .. }) {
                let event = Event::Withdraw(WithdrawReason::Vanished);
                self.apply(id, &row, &entry, event, "feed", why)?;
                vanished = true;
            }
        }
        self.tables.set_entry(number, &EntryRow { settles: None, vanished, ..entry })
    }

    /// An entry that had vanished unsent is there again, for instance because a stale copy of the feed
    /// was served in between: it settles like a new one, and may vanish again.
    ///
    /// Only the feed that it vanished from brings it back, or one that had not shown it before: what its
    /// author has deleted may stand in a copy elsewhere for a while.
    pub(super) fn take_back(
        &mut self,
        row: &mut FeedRow,
        feed: &str,
        number: u64,
        is_new_here: bool,
    ) -> Result<(), LedgerError> {
        let entry = self.tables.entry(number)?;
        let noted = row.vanished.contains(&number);
        if !noted && !is_new_here && entry.feed != feed && self.is_heard(&entry.feed) {
            return Ok(());
        }
        row.vanished.retain(|n| *n != number);
        // What a person has sent by hand meanwhile is a newer generation, and stands for the older one.
        let newest = self.newest(&Selection { entry: number, group: None })?;
        let by_hand = newest.iter().any(|(_, row)| matches!(row.status, Status::Due { .. }));
        let settle = self.core.setup.policy.settle;
        let look = self.now.plus(settle);
        // What is sent by hand waits for no second look of the feed.
        let settles = (!settle.is_zero() && !by_hand).then_some(look);
        let entry = EntryRow { settles, vanished: false, ..entry };
        let mut returned = false;
        for (id, row) in newest {
            if matches!(row.status, Status::Withdrawn { reason: WithdrawReason::Vanished }) {
                let event = Event::Return { not_before: look };
                self.apply(id, &row, &entry, event, "feed", "it is in the feed again")?;
                returned = true;
            }
        }
        let settles = entry.settles.filter(|_| returned);
        if settles.is_some() && !row.settling.contains(&number) {
            row.settling.push(number);
        }
        self.tables.set_entry(number, &EntryRow { settles, ..entry })
    }

    /// Whether any group of the config hears this feed.
    fn is_heard(&self, feed: &str) -> bool {
        self.core.setup.groups.iter().any(|group| group.feeds.iter().any(|f| f == feed))
    }

    /// What settles in a feed that the config no longer has would settle for ever: it is withdrawn, and
    /// comes back where the same feed, or the same post in another, is seen again.
    pub(super) fn end_unheard(&mut self) -> Result<(), LedgerError> {
        if self.core.setup.groups.is_empty() {
            return Ok(());
        }
        for (name, mut row) in self.feed_rows()? {
            if row.settling.is_empty() || self.is_heard(&name) {
                continue;
            }
            let settling = std::mem::take(&mut row.settling);
            tracing::warn!(feed.name = %name, entries = settling.len(),
                "the feed is no longer in the config: what it showed and was not sent is withdrawn, \
                 until a feed shows it again");
            for number in settling {
                if self.tables.entry(number)?.settles.is_some() {
                    self.forget(number, "its feed is no longer in the config")?;
                }
            }
            self.set_feed_row(&name, &row)?;
        }
        Ok(())
    }

    pub(super) fn next_settle(
        &self,
        settling: &[u64],
        counts: impl Fn(Time) -> bool,
    ) -> Result<Option<Duration>, LedgerError> {
        let mut next: Option<Time> = None;
        for number in settling {
            if let Some(look) = self.tables.entry(*number)?.settles.filter(|look| counts(*look)) {
                next = Some(next.map_or(look, |n| n.min(look)));
            }
        }
        Ok(next.map(|look| look.since(self.now)))
    }
}
