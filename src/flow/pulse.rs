//! Progress, as the watchdog and the health page see it: every loop says by when it will be heard of
//! again, and a loop that is overdue has stalled.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::clock::Mark;

/// How far a loop may be behind its word before it counts as stalled: commits on a slow disk, a
/// machine under load, a suspended laptop.
const GRACE: Duration = Duration::from_secs(60);

/// What every loop has promised.
#[derive(Debug, Default)]
pub struct Pulse {
    loops: Mutex<BTreeMap<String, (Mark, Duration)>>,
    remarks: Mutex<BTreeMap<String, String>>,
    ending: AtomicBool,
}

impl Pulse {
    /// The voice of one loop; when the loop ends, nothing more is expected of it.
    #[must_use]
    pub fn voice(self: &Arc<Self>, name: impl Into<String>) -> Beat {
        let beat = Beat { pulse: Arc::clone(self), name: name.into() };
        beat.within(Duration::ZERO);
        beat
    }

    /// A loop has seen something that a person should know of; what it said of it before is replaced.
    pub fn remark(&self, name: &str, words: String) {
        let mut remarks = self.remarks.lock().unwrap_or_else(PoisonError::into_inner);
        remarks.insert(name.to_owned(), words);
    }

    /// What the loops have seen since the start.
    #[must_use]
    pub fn remarks(&self) -> Vec<String> {
        let remarks = self.remarks.lock().unwrap_or_else(PoisonError::into_inner);
        remarks.iter().map(|(name, words)| format!("{name}: {words}")).collect()
    }

    /// The house is being left: what cannot be done now is not waited for.
    pub fn end(&self) {
        self.ending.store(true, Ordering::SeqCst);
    }

    /// Whether the house is being left.
    #[must_use]
    pub fn is_ending(&self) -> bool {
        self.ending.load(Ordering::SeqCst)
    }

    /// The loops that are overdue, and for how long.
    #[must_use]
    pub fn stalled(&self) -> Vec<(String, Duration)> {
        let loops = self.loops.lock().unwrap_or_else(PoisonError::into_inner);
        loops
            .iter()
            .filter_map(|(name, (mark, within))| {
                let over = mark.elapsed().checked_sub(within.saturating_add(GRACE))?;
                Some((name.clone(), over))
            })
            .collect()
    }
}

/// The voice of one loop.
#[derive(Debug)]
pub struct Beat {
    pulse: Arc<Pulse>,
    name: String,
}

impl Beat {
    /// The loop lives, and will be heard of again within this.
    pub fn within(&self, span: Duration) {
        let mut loops = self.pulse.loops.lock().unwrap_or_else(PoisonError::into_inner);
        loops.insert(self.name.clone(), (Mark::here(), span));
    }
}

impl Drop for Beat {
    fn drop(&mut self) {
        // A loop that falls over will not be heard of again, as was promised: it stalls. The next
        // start then reads what it was sending as in doubt.
        if std::thread::panicking() {
            return;
        }
        self.pulse.loops.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_loop_that_hangs_is_told_and_one_that_sleeps_as_it_said_is_not() {
        let pulse = Arc::new(Pulse::default());
        let sleeper = pulse.voice("feed blog");
        let sender = pulse.voice("lane fedi");
        sleeper.within(Duration::from_secs(900));
        sender.within(Duration::from_secs(60));
        tokio::time::advance(Duration::from_secs(300)).await;
        let stalled = pulse.stalled();
        assert_eq!(stalled.len(), 1);
        assert_eq!(stalled[0].0, "lane fedi");
        drop(sender);
        assert!(pulse.stalled().is_empty(), "a loop that ended is not awaited");
    }

    /// A lane that falls over in the middle of a call sends nothing any more: it must not look well.
    #[tokio::test(start_paused = true)]
    async fn a_loop_that_falls_over_is_told_as_one_that_hangs() {
        let pulse = Arc::new(Pulse::default());
        let beat = pulse.voice("lane fedi");
        let fallen = tokio::spawn(async move {
            beat.within(Duration::from_secs(1));
            tokio::task::yield_now().await;
            panic!("an adapter fell over");
        });
        assert!(fallen.await.is_err());
        tokio::time::advance(Duration::from_secs(300)).await;
        assert_eq!(pulse.stalled().len(), 1);
    }
}
