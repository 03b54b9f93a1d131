//! The only place that reads the time, so that a test can own it.
//!
//! Everything else asks a [`Clock`]. Waiting is done on tokio's timer, which a test pauses; the
//! wall clock here follows that timer in tests, so both tell the same story.

use std::fmt::Debug;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::Time;

/// 2024-01-01, long before this program was made.
const EARLIEST: Time = Time::from_millis(1_704_067_200_000);

/// Whether a clock that says this tells anything at all: machines without a battery start in 1970.
#[must_use]
pub fn is_set(now: Time) -> bool {
    now >= EARLIEST
}

/// A source of wall time.
pub trait Clock: Debug + Send + Sync {
    /// Now, in milliseconds of the Unix epoch. It may jump in either direction, as real clocks do.
    fn now(&self) -> Time;

    /// How long this machine has run, which nobody can set; `None` where it cannot tell.
    fn uptime(&self) -> Option<Uptime> {
        None
    }
}

/// How long a machine has run, time asleep included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Uptime {
    /// Which boot this is; numbers of different boots cannot be compared.
    pub boot: u64,
    /// Since then.
    pub since: Duration,
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

    fn uptime(&self) -> Option<Uptime> {
        let boot = this_boot()?;
        // The only counter that goes on while the machine sleeps (clock_getres(2)).
        let time = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
        let seconds = u64::try_from(time.tv_sec).ok()?;
        Some(Uptime { boot, since: Duration::new(seconds, u32::try_from(time.tv_nsec).ok()?) })
    }
}

/// For how long the processor has worked for this thread: what a loaded machine does not lengthen.
#[must_use]
pub fn worked() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    let (seconds, nanos) = (u64::try_from(time.tv_sec), u32::try_from(time.tv_nsec));
    Duration::new(seconds.unwrap_or_default(), nanos.unwrap_or_default())
}

/// The kernel's own name for this boot, shortened (proc_sys_kernel(5)); `None` where there is no
/// `/proc`.
fn this_boot() -> Option<u64> {
    static BOOT: OnceLock<Option<u64>> = OnceLock::new();
    *BOOT.get_or_init(|| {
        let name = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
        let digits: String = name.chars().filter(char::is_ascii_hexdigit).take(16).collect();
        u64::from_str_radix(&digits, 16).ok()
    })
}

/// A clock that starts at a chosen moment and follows tokio's timer, paused or not.
///
/// For tests: `tokio::time::advance` moves it, and [`TokioClock::jump`] makes it lie.
#[derive(Debug)]
pub struct TokioClock {
    started: tokio::time::Instant,
    base: std::sync::atomic::AtomicU64,
    boot: std::sync::atomic::AtomicU64,
}

impl TokioClock {
    /// A clock that says `start` now.
    #[must_use]
    pub fn starting_at(start: Time) -> Arc<Self> {
        #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the timer")]
        let started = tokio::time::Instant::now();
        Arc::new(Self {
            started,
            base: std::sync::atomic::AtomicU64::new(start.as_millis()),
            boot: std::sync::atomic::AtomicU64::new(fastrand::u64(..)),
        })
    }

    /// Sets the wall clock to another moment while the timer goes on.
    pub fn jump(&self, to: Time) {
        let elapsed = self.elapsed_ms();
        self.base
            .store(to.as_millis().saturating_sub(elapsed), std::sync::atomic::Ordering::SeqCst);
    }

    /// Has the machine boot anew: nobody has counted how long that took.
    pub fn reboot(&self) {
        self.boot.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
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

    fn uptime(&self) -> Option<Uptime> {
        let boot = self.boot.load(std::sync::atomic::Ordering::SeqCst);
        Some(Uptime { boot, since: self.started.elapsed() })
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
