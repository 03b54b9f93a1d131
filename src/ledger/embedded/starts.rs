//! The wall against a daemon that falls over again and again: what fells it may be what it sends, so it
//! only observes for a while. Its starts are counted here, across whatever ends it.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::ledger::LedgerError;
use crate::model::Time;

use super::batch::Batch;

const KEY: &str = "starts";
/// So many unclean starts within this are a loop.
const WITHIN: Duration = Duration::from_secs(600);
/// How long the daemon then only observes.
pub(super) const OBSERVES: Duration = Duration::from_secs(1_800);
/// More than any config counts.
const KEPT_MAX: usize = 1_000;

/// What is known of the daemon's starts.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
struct Starts {
    /// The daemon that has begun and has not said that it ended: a number of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    running: Option<u64>,
    /// Starts after one that did not end as it should.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    unclean: Vec<Time>,
    /// Since when the daemon only observes.
    #[serde(skip_serializing_if = "Option::is_none")]
    observes: Option<Time>,
}

impl Batch<'_, '_> {
    /// A daemon begins, and says so before it does anything else. The same one may say it again.
    pub(super) fn begin_daemon(&mut self) -> Result<(), LedgerError> {
        let own = *self.core.daemon.get_or_insert_with(|| fastrand::u64(..));
        let mut starts = self.starts()?;
        if starts.running == Some(own) {
            return Ok(());
        }
        if starts.running.is_some() {
            starts.unclean.retain(|at| self.is_recent(*at));
            starts.unclean.push(self.now);
            let more = starts.unclean.len().saturating_sub(KEPT_MAX);
            starts.unclean.drain(..more);
            let count = starts.unclean.len();
            if self.crash_loop().is_some_and(|limit| count >= limit) {
                starts.observes = Some(self.now);
                let detail = format!("{count} unclean starts within ten minutes");
                self.house("crash-loop", "ledger", &detail)?;
            }
        }
        starts.running = Some(own);
        self.tables.set_meta(KEY, &starts)
    }

    /// The daemon ends as it should.
    pub(super) fn end_daemon(&mut self) -> Result<(), LedgerError> {
        let starts = self.starts()?;
        if starts.running.is_none() || starts.running != self.core.daemon {
            return Ok(());
        }
        self.tables.set_meta(KEY, &Starts { running: None, ..starts })
    }

    /// Why nothing is sent after too many unclean starts, if so, and for how long.
    pub(super) fn falls_over(&self) -> Result<Option<(String, Duration)>, LedgerError> {
        let starts = self.starts()?;
        let (Some(since), Some(_)) = (starts.observes, self.crash_loop()) else { return Ok(None) };
        let passed = self.now.since(self.core.time.counted(since));
        let Some(left) = OBSERVES.checked_sub(passed).filter(|left| !left.is_zero()) else {
            return Ok(None);
        };
        let why = format!(
            "the daemon fell over and was started again {} times within ten minutes, and only observes \
             until {}: see its log for why",
            starts.unclean.len(),
            self.now.plus(left)
        );
        Ok(Some((why, left)))
    }

    /// How often the daemon was started in the last ten minutes after one that did not end as it should.
    pub(super) fn unclean_starts(&self) -> Result<u32, LedgerError> {
        let recent = self.starts()?.unclean.into_iter().filter(|at| self.is_recent(*at)).count();
        Ok(u32::try_from(recent).unwrap_or(u32::MAX))
    }

    /// A person has looked: what fell over before counts no more.
    pub(super) fn forgive_starts(&mut self) -> Result<(), LedgerError> {
        let starts = self.starts()?;
        if starts.unclean.is_empty() && starts.observes.is_none() {
            return Ok(());
        }
        self.tables.set_meta(KEY, &Starts { running: starts.running, ..Starts::default() })
    }

    /// The clock was set: everything keeps its age.
    pub(super) fn move_starts(&mut self, moved: &impl Fn(Time) -> Time) -> Result<(), LedgerError> {
        let mut starts = self.starts()?;
        if starts.unclean.is_empty() && starts.observes.is_none() {
            return Ok(());
        }
        for at in starts.unclean.iter_mut().chain(&mut starts.observes) {
            *at = moved(*at);
        }
        self.tables.set_meta(KEY, &starts)
    }

    fn starts(&self) -> Result<Starts, LedgerError> {
        Ok(self.tables.meta(KEY)?.unwrap_or_default())
    }

    /// A time that nobody counted is not believed to have passed.
    fn is_recent(&self, at: Time) -> bool {
        self.now.since(self.core.time.counted(at)) < WITHIN
    }

    fn crash_loop(&self) -> Option<usize> {
        let limit = usize::try_from(self.core.setup.policy.crash_loop).unwrap_or(usize::MAX);
        (limit > 0).then_some(limit)
    }
}
