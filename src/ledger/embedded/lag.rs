//! What polls that bring nothing leave to remember: times alone. They wait for a minute, so that the polls
//! of thousands of feeds share one commit; a kill forgets them, and those feeds are asked once more.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;

use crate::clock::Mark;
use crate::ledger::LedgerError;
use crate::ledger::admission::{Distrust, Habits};
use crate::model::FeedState;

use super::admit::FeedRow;
use super::batch::Batch;

/// So long a poll that brought nothing may be forgotten by a kill.
const LAG_MAX: Duration = Duration::from_secs(60);
/// And so many of them.
const POLLS_MAX: usize = 4_096;

/// What is not written yet of the memory of feeds.
#[derive(Debug, Default)]
pub(super) struct Lag {
    kept: BTreeMap<String, FeedState>,
    /// What the transaction under way keeps so, and what it has written instead (`None`).
    staged: BTreeMap<String, Option<FeedState>>,
    /// Since when the oldest waits.
    since: Option<Mark>,
}

impl Lag {
    fn of(&self, feed: &str) -> Option<&FeedState> {
        match self.staged.get(feed) {
            Some(staged) => staged.as_ref(),
            None => self.kept.get(feed),
        }
    }

    /// The transaction under way has ended.
    pub(super) fn after(&mut self, committed: bool) {
        let staged = std::mem::take(&mut self.staged);
        if !committed {
            return;
        }
        for (feed, state) in staged {
            match state {
                Some(state) => drop(self.kept.insert(feed, state)),
                None => drop(self.kept.remove(&feed)),
            }
        }
        if self.kept.is_empty() {
            self.since = None;
        } else {
            self.since.get_or_insert_with(Mark::here);
        }
    }

    /// How long until it must be written; `None` where nothing waits.
    pub(super) fn left(&self) -> Option<Duration> {
        let left = self.since.map(|since| LAG_MAX.saturating_sub(since.elapsed()));
        if self.kept.len() >= POLLS_MAX { Some(Duration::ZERO) } else { left }
    }

    /// It was tried, and is tried again in a while where that failed.
    pub(super) fn tried(&mut self) {
        self.since = self.since.map(|_| Mark::here());
    }
}

/// What is shown of a [`FeedRow`].
#[derive(Debug, Deserialize)]
pub(super) struct Glance {
    #[serde(default)]
    pub(super) settling: Vec<u64>,
    #[serde(default)]
    habits: Learnt,
    pub(super) state: FeedState,
}

/// What is shown of [`Habits`].
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Learnt {
    distrusted: Vec<Distrust>,
    hosts: Vec<(String, String)>,
}

impl Glance {
    /// What a person should know of it.
    pub(super) fn notes(&mut self) -> Vec<String> {
        let Learnt { distrusted, hosts } = std::mem::take(&mut self.habits);
        Habits { distrusted, hosts, ..Habits::default() }.notes()
    }
}

impl Batch<'_, '_> {
    /// One feed, as it is known by now.
    pub(super) fn feed_row(&self, feed: &str) -> Result<Option<FeedRow>, LedgerError> {
        let row = self.tables.feed::<FeedRow>(feed)?;
        Ok(row.map(|row| self.newest_state(feed, row)))
    }

    /// Every feed, as it is known by now.
    pub(super) fn feed_rows(&self) -> Result<Vec<(String, FeedRow)>, LedgerError> {
        let rows = self.tables.feeds::<FeedRow>()?.into_iter();
        Ok(rows.map(|(feed, row)| (feed.clone(), self.newest_state(&feed, row))).collect())
    }

    /// The same of every feed, as far as it is shown: of thousands, a long row each is not built up.
    pub(super) fn glances(&self) -> Result<Vec<(String, Glance)>, LedgerError> {
        let mut glances = self.tables.feeds::<Glance>()?;
        for (feed, glance) in &mut glances {
            if let Some(state) = self.core.lag.of(feed) {
                glance.state = state.clone();
            }
        }
        Ok(glances)
    }

    fn newest_state(&self, feed: &str, row: FeedRow) -> FeedRow {
        match self.core.lag.of(feed) {
            Some(state) => FeedRow { state: state.clone(), ..row },
            None => row,
        }
    }

    /// Writes what is known of a feed.
    pub(super) fn set_feed_row(&mut self, feed: &str, row: &FeedRow) -> Result<(), LedgerError> {
        self.core.lag.staged.insert(feed.to_owned(), None);
        self.tables.set_feed(feed, row)
    }

    /// Remembers a poll that brought nothing, where only times have changed by it and nothing waits for
    /// it. Whether it does.
    pub(super) fn lag(&mut self, feed: &str, row: &FeedRow, state: &FeedState) -> bool {
        let may = row.settling.is_empty() && state.is_same_but_for_times(&row.state);
        if may {
            self.core.lag.staged.insert(feed.to_owned(), Some(state.clone()));
        }
        may
    }

    /// Writes what polls have left, and after a commit that failed something in any case: only a commit
    /// shows that the disk is well.
    pub(super) fn catch_up(&mut self) -> Result<(), LedgerError> {
        if self.core.is_ill() {
            let numbers = self.numbers;
            self.tables.set_meta("numbers", &numbers)?;
        }
        let feeds: Vec<String> = self.core.lag.kept.keys().cloned().collect();
        for feed in feeds {
            if let Some(row) = self.feed_row(&feed)? {
                self.set_feed_row(&feed, &row)?;
            }
        }
        Ok(())
    }
}
