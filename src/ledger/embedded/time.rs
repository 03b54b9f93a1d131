//! The ledger's own time: how old things are is told by a counter that nobody can set, and what the
//! date is by the wall clock. No jump of the clock makes a cap younger than its claims, nor anything
//! wait longer than it should.
//!
//! The time runs with the machine's counter since boot. Where the wall clock leaps away from it and
//! stays there for a minute, the ledger's time follows, and all that waits or counts moves with it, so
//! that everything keeps its age. Across a reboot nobody has counted, and the wall clock's word for the gap
//! is no more than a word. Dates go by it at once, and the starts of a daemon when the clock has run for ten
//! minutes without being set. Caps never do: to them no time has passed. Nor is any key repeated after it.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::clock::{Clock, Mark, Uptime, is_set};
use crate::model::Time;

/// Clocks that differ by less than this agree: less than anything here waits for.
const SLACK_MS: u64 = 5_000;
/// A leap is followed once it has stood for this long: a clock that is set twice is followed once.
const STANDS: Duration = Duration::from_secs(60);
/// A gap that nobody counted is believed after this long: what sets clocks after a start has done so.
const BELIEVED: Duration = Duration::from_secs(600);

/// The least by which two moments differ.
const MOMENT: Duration = Duration::from_millis(1);

/// What is kept of the time in every commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Kept {
    /// The machine's counter when it was written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) uptime: Option<Uptime>,
    /// A gap that is not believed yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) gap: Option<Gap>,
    /// When the newest gap began, believed or not: nobody knows how old is what was done until then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) off: Option<Time>,
}

/// A time in which nobody counted, as long as the wall clock says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Gap {
    from: Time,
    to: Time,
    /// Gaps before it that were not believed either.
    more: Duration,
}

impl Gap {
    fn length(self) -> Duration {
        self.to.since(self.from) + self.more
    }
}

/// A difference between the wall clock and the ledger's time, and since when it is the same.
#[derive(Debug, Clone, Copy)]
struct Leap {
    by: Shift,
    since: Time,
}

/// By how much, and in which direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shift {
    pub(super) by: Duration,
    pub(super) back: bool,
}

impl Shift {
    fn between(from: Time, to: Time) -> Self {
        Self { by: to.since(from).max(from.since(to)), back: to < from }
    }

    pub(super) fn of(self, time: Time) -> Time {
        if self.back { time.minus(self.by) } else { time.plus(self.by) }
    }

    fn is_slack(self) -> bool {
        self.by <= Duration::from_millis(SLACK_MS)
    }

    fn millis(self) -> i128 {
        let by = i128::try_from(self.by.as_millis()).unwrap_or(i128::MAX);
        if self.back { -by } else { by }
    }

    fn agrees_with(self, other: Self) -> bool {
        (self.millis() - other.millis()).unsigned_abs() <= u128::from(SLACK_MS)
    }
}

/// What follows from a clock that was set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Set {
    pub(super) shift: Shift,
    /// Only what is dated after this moves: what is older has its right date.
    pub(super) after: Option<Time>,
    /// The clock says less than was counted before the gap that ended here: how long that was is lost.
    pub(super) lost: Option<Time>,
}

/// A reading of the counters, and what time it was.
#[derive(Debug, Clone, Copy)]
struct Anchor {
    time: Time,
    mark: Mark,
    uptime: Option<Uptime>,
}

/// Tells the ledger's time.
#[derive(Debug, Clone, Copy)]
pub(super) struct Timekeeper {
    anchor: Anchor,
    told: Time,
    uptime: Option<Uptime>,
    gap: Option<Gap>,
    off: Option<Time>,
    /// A gap that the claims have not slept through yet: since when, and how long.
    slept: Option<(Time, Duration)>,
    leap: Option<Leap>,
}

impl Timekeeper {
    /// Goes on from what the last commit told.
    pub(super) fn from(latest: Time, kept: Kept, clock: &dyn Clock) -> Self {
        let uptime = clock.uptime();
        let (told, gap, off, slept) = match passed(kept.uptime, uptime) {
            Some(passed) => (latest.plus(passed), kept.gap, kept.off, None),
            None => {
                let more = kept.gap.map_or(Duration::ZERO, Gap::length);
                let to = latest.max(clock.now());
                let gap = Gap { from: latest, to, more };
                // What is done in the moment of the start is dated after the gap, and moves with its end.
                (to.plus(MOMENT), Some(gap), Some(latest), Some((latest, to.since(latest))))
            }
        };
        let anchor = Anchor { time: told, mark: Mark::here(), uptime };
        Self { anchor, told, uptime, gap, off, slept, leap: None }
    }

    /// Now. It never goes back by itself.
    pub(super) fn now(&mut self, clock: &dyn Clock) -> Time {
        let Anchor { time, mark, uptime } = self.anchor;
        self.uptime = clock.uptime();
        let passed = passed(uptime, self.uptime).unwrap_or_else(|| mark.elapsed());
        self.told = self.told.max(time.plus(passed));
        let wall = clock.now();
        if !is_set(wall) && is_set(self.told) {
            self.leap = None;
            return self.told;
        }
        let by = Shift::between(self.told, wall);
        if self.leap.is_none_or(|leap| !leap.by.agrees_with(by)) {
            if !by.is_slack() {
                tracing::warn!(clock = %wall, ledger = %self.told,
                    "the machine's clock was set; what waits and what caps count keeps its age");
            }
            self.leap = Some(Leap { by, since: self.told });
        }
        if by.is_slack() && self.stood() >= BELIEVED {
            self.gap = None;
        }
        self.told
    }

    /// How long the difference from the wall clock has been the same.
    fn stood(&self) -> Duration {
        self.leap.map_or(Duration::ZERO, |leap| self.told.since(leap.since))
    }

    /// What the clock wants changed: to be written in this commit.
    pub(super) fn wants(&self) -> Option<Set> {
        let leap = self.leap.filter(|leap| !leap.by.is_slack() && self.stood() >= STANDS)?;
        let shift = leap.by;
        Some(match self.gap {
            Some(gap) if shift.of(gap.to) >= gap.from => {
                Set { shift, after: Some(gap.to), lost: None }
            }
            gap => Set { shift, after: None, lost: gap.map(|gap| gap.to) },
        })
    }

    /// Follows: from here on the ledger's time is the clock's.
    pub(super) fn follow(&mut self, set: &Set) -> Time {
        self.told = set.shift.of(self.told);
        self.anchor = Anchor { time: self.told, mark: Mark::here(), uptime: self.uptime };
        self.leap = Some(Leap { by: Shift::between(self.told, self.told), since: self.told });
        let moves = |off: &Time| set.after.is_none_or(|after| *off > after);
        self.off = self.off.map(|off| if moves(&off) { set.shift.of(off) } else { off });
        // Its end is what was wrong.
        self.gap = self
            .gap
            .filter(|_| set.lost.is_none())
            .map(|gap| Gap { to: set.shift.of(gap.to), ..gap });
        self.told
    }

    /// What the next commit keeps.
    pub(super) const fn kept(&self) -> Kept {
        Kept { uptime: self.uptime, gap: self.gap, off: self.off }
    }

    /// A gap through which the claims must be moved, so that they are no older after it: since when, and
    /// by how much. It is told once.
    pub(super) const fn wakes(&mut self) -> Option<(Time, Duration)> {
        self.slept.take()
    }

    /// A moment as what has not believed the gap counts it.
    pub(super) fn counted(&self, time: Time) -> Time {
        match self.gap {
            Some(gap) if time <= gap.from => time.plus(gap.length()),
            _ => time,
        }
    }

    /// Whether nobody has counted how long it is since `time`.
    pub(super) fn is_unsure_of(&self, time: Time) -> bool {
        self.off.is_some_and(|off| time <= off)
    }

    /// How far the ledger's time is ahead of a clock that it does not follow yet, or never will since
    /// it is not set.
    pub(super) fn ahead(&self, wall: Time) -> Duration {
        match self.leap {
            Some(Leap { by: Shift { by, back: true }, .. }) => by,
            None if !is_set(wall) => self.told.since(wall),
            _ => Duration::ZERO,
        }
    }

    /// What is wrong with the clock, in words.
    pub(super) fn trouble(&self, wall: Time) -> Option<String> {
        if !is_set(wall) {
            return Some(format!("the machine's clock is not set: it says {wall}"));
        }
        let by = Shift::between(self.told, wall);
        (!by.is_slack()).then(|| {
            format!(
                "the machine's clock was set and says {wall}; what waits and what the caps count goes \
                 by a counter of its own, at {}",
                self.told
            )
        })
    }
}

/// How long it was between two readings of one boot's counter.
fn passed(from: Option<Uptime>, to: Option<Uptime>) -> Option<Duration> {
    let (from, to) = (from?, to?);
    (from.boot == to.boot).then(|| to.since.checked_sub(from.since))?
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::TokioClock;

    /// The clock was ahead when a post was sent, and then says 1970: the post that readers saw must not
    /// look too old to be ours, or it is sent again.
    #[tokio::test(start_paused = true)]
    async fn a_clock_that_is_not_set_does_not_hide_what_was_sent() {
        let wrong = Time::from_millis(1_780_000_000_000);
        let clock = TokioClock::starting_at(wrong);
        let mut time = Timekeeper::from(wrong, Kept::default(), clock.as_ref());
        let sent = time.now(clock.as_ref());
        for unset in [Time::EPOCH, EARLY] {
            clock.jump(unset);
            time.now(clock.as_ref());
            let compared = sent.minus(time.ahead(clock.now()));
            assert!(
                compared <= EARLY,
                "a platform may say {EARLY}, and we compare with {compared}"
            );
        }
        clock.jump(wrong);
        time.now(clock.as_ref());
        assert!(time.ahead(clock.now()) <= MOMENT);
    }

    const EARLY: Time = Time::from_millis(1_642_728_727_000);
}
