//! The only place that reads the time, so that a test can own it.
//!
//! Everything else asks a [`Clock`]. Waiting is done on tokio's timer, which a test pauses; the
//! wall clock here follows that timer in tests, so both tell the same story.

use std::fmt::Debug;
use std::sync::Arc;

use crate::model::Time;

/// A source of wall time.
pub trait Clock: Debug + Send + Sync {
    /// Now, in milliseconds of the Unix epoch. It may jump in either direction, as real clocks do.
    fn now(&self) -> Time;
}

/// The machine's own clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Time {
        #[expect(
            clippy::disallowed_methods,
            reason = "this is the one place that reads the wall clock"
        )]
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        Time::from_millis(since.map_or(0, |d| u64::try_from(d.as_millis()).unwrap_or(u64::MAX)))
    }
}

/// A clock that starts at a chosen moment and follows tokio's timer, paused or not.
///
/// For tests: `tokio::time::advance` moves it, and [`TokioClock::jump`] makes it lie.
#[derive(Debug)]
pub struct TokioClock {
    started: tokio::time::Instant,
    base: std::sync::atomic::AtomicU64,
}

impl TokioClock {
    /// A clock that says `start` now.
    #[must_use]
    pub fn starting_at(start: Time) -> Arc<Self> {
        #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the timer")]
        let started = tokio::time::Instant::now();
        Arc::new(Self { started, base: std::sync::atomic::AtomicU64::new(start.as_millis()) })
    }

    /// Sets the wall clock to another moment while the timer goes on.
    pub fn jump(&self, to: Time) {
        let elapsed = self.elapsed_ms();
        self.base
            .store(to.as_millis().saturating_sub(elapsed), std::sync::atomic::Ordering::SeqCst);
    }

    fn elapsed_ms(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

impl Clock for TokioClock {
    fn now(&self) -> Time {
        let base = self.base.load(std::sync::atomic::Ordering::SeqCst);
        Time::from_millis(base.saturating_add(self.elapsed_ms()))
    }
}

/// A moment of the timer, which never goes back and has no date.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mark(tokio::time::Instant);

impl Mark {
    /// This moment.
    #[must_use]
    pub fn here() -> Self {
        #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the timer")]
        Self(tokio::time::Instant::now())
    }

    /// How long ago it was.
    #[must_use]
    pub fn elapsed(self) -> std::time::Duration {
        self.0.elapsed()
    }
}
