//! When a feed is asked again: often enough that readers hear in time, and never so that a server
//! suffers for it. Pure: the chance in it comes from a seed.

use std::time::Duration;

use crate::model::{FeedState, Time};

/// A failing feed is asked at least this often, or as often as it is polled if that is less.
const LONGEST_REST: Duration = Duration::from_secs(12 * 60 * 60);
/// A server that asks for more than a week is asked again all the same.
const LONGEST_WAIT: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// Nothing is asked twice within a second because it settles.
const SHORTEST_LOOK: Duration = Duration::from_secs(1);
/// Polls are spread by a tenth, so that not all the world asks on the full hour.
const JITTER_PERCENT: u64 = 10;
/// A feed is unhealthy after this many of its intervals without an answer.
const UNHEALTHY_INTERVALS: u32 = 3;

/// The next poll after one that succeeded. `next_settle` is when the next new entry has settled;
/// it is seen a second time as soon as that.
#[must_use]
pub fn after_success(every: Duration, now: Time, seed: u64, next_settle: Option<Time>) -> Time {
    let next = now.plus(jittered(every, seed));
    match next_settle {
        Some(settled) => next.min(settled.max(now.plus(SHORTEST_LOOK.min(every)))),
        None => next,
    }
}

/// The next poll after `failures` in a row, this one included: rests that begin at `every` and
/// double up to 12 hours, and what the server asks for if that is longer, up to a week.
#[must_use]
pub fn after_failure(
    every: Duration,
    failures: u32,
    now: Time,
    seed: u64,
    retry_after: Option<Duration>,
) -> Time {
    let doublings = failures.saturating_sub(1).min(31);
    let rest = every.saturating_mul(1 << doublings).min(LONGEST_REST.max(every));
    let asked = retry_after.unwrap_or_default().min(LONGEST_WAIT);
    now.plus(jittered(rest, seed).max(asked))
}

/// Why a feed is not well, in words; `None` while it is. A feed is unhealthy when it has failed for
/// longer than three of its intervals.
#[must_use]
pub fn unhealthy(state: &FeedState, every: Duration, now: Time) -> Option<String> {
    let failing = now.since(state.failing_since?);
    if failing <= every.saturating_mul(UNHEALTHY_INTERVALS) {
        return None;
    }
    let error = state.last_error.as_deref().unwrap_or("for an unknown reason");
    let times = state.failures;
    Some(format!("failing for {} ({times} polls in a row): {error}", in_words(failing)))
}

/// Between nine and eleven tenths of a duration.
fn jittered(duration: Duration, seed: u64) -> Duration {
    let mut rng = fastrand::Rng::with_seed(seed);
    let millis = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let spread = millis / 100 * JITTER_PERCENT + millis % 100 * JITTER_PERCENT / 100;
    let offset = rng.u64(0..=spread.saturating_mul(2));
    Duration::from_millis(millis.saturating_sub(spread).saturating_add(offset))
}

/// The largest unit that fits twice, or seconds.
fn in_words(duration: Duration) -> String {
    let seconds = duration.as_secs();
    for (unit, length) in [("days", 86_400), ("hours", 3_600), ("minutes", 60)] {
        if seconds >= 2 * length {
            return format!("{} {unit}", seconds / length);
        }
    }
    format!("{seconds} s")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOW: Time = Time::from_millis(1_767_323_045_000);
    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn rests_double_from_the_interval_to_twelve_hours() {
        let rests = |every: Duration| -> Vec<u64> {
            let rest = |failures| after_failure(every, failures, NOW, 1, None).since(NOW);
            let of_every =
                |d: Duration| (d.as_secs_f64() / every.as_secs_f64() / 0.9).floor() as u64;
            (1..=8).map(|failures| of_every(rest(failures))).collect()
        };
        let quarter_hour = rests(15 * MINUTE);
        assert_eq!(quarter_hour[0], 1);
        for (at, factor) in quarter_hour.iter().enumerate().take(6) {
            assert!((1 << at..=(1 << at) * 5 / 4).contains(factor), "{quarter_hour:?}");
        }
        assert!(after_failure(MINUTE, u32::MAX, NOW, 1, None) <= NOW.plus(LONGEST_REST * 11 / 10));
        let day = Duration::from_secs(86_400);
        assert!(after_failure(day, 9, NOW, 1, None) >= NOW.plus(day * 9 / 10), "never sooner");
    }

    #[test]
    fn a_server_that_asks_for_rest_gets_it() {
        let asked = |seconds| {
            after_failure(MINUTE, 1, NOW, 1, Some(Duration::from_secs(seconds))).since(NOW)
        };
        assert_eq!(asked(7_200), Duration::from_secs(7_200));
        assert!(asked(1) >= MINUTE * 9 / 10);
        assert_eq!(asked(u64::MAX), LONGEST_WAIT);
    }

    #[test]
    fn a_settling_entry_is_looked_at_when_it_has_settled() {
        let at = |settle: Time| after_success(60 * MINUTE, NOW, 3, Some(settle));
        assert_eq!(at(NOW.plus(10 * MINUTE)), NOW.plus(10 * MINUTE));
        assert_eq!(at(NOW), NOW.plus(SHORTEST_LOOK));
        assert!(at(NOW.plus(600 * MINUTE)) <= NOW.plus(66 * MINUTE));
    }

    #[test]
    fn a_feed_is_unhealthy_after_three_intervals_and_says_why() {
        let mut state = FeedState::default();
        assert_eq!(unhealthy(&state, MINUTE, NOW), None);
        state.failing_since = Some(NOW);
        state.failures = 4;
        state.last_error = Some("example.org has no feed there (HTTP 404)".to_owned());
        assert_eq!(unhealthy(&state, MINUTE, NOW.plus(3 * MINUTE)), None);
        assert_eq!(
            unhealthy(&state, MINUTE, NOW.plus(4 * MINUTE)).as_deref(),
            Some(
                "failing for 4 minutes (4 polls in a row): \
                 example.org has no feed there (HTTP 404)"
            )
        );
    }

    proptest! {
        #[test]
        fn polls_stay_within_a_tenth_of_the_interval(every in 1_u64..1_000_000_000, seed: u64) {
            let every = Duration::from_millis(every);
            let wait = after_success(every, NOW, seed, None).since(NOW);
            prop_assert!(wait >= every * 9 / 10 && wait <= every * 11 / 10 + MINUTE / 60_000);
        }

        #[test]
        fn no_moment_is_out_of_range(
            every: u64, failures: u32, now: u64, seed: u64, settle: Option<u64>, wait: Option<u64>,
        ) {
            let (every, now) = (Duration::from_millis(every), Time::from_millis(now));
            let settle = settle.map(Time::from_millis);
            prop_assert!(after_success(every, now, seed, settle) >= now);
            let wait = wait.map(Duration::from_secs);
            let next = after_failure(every, failures, now, seed, wait);
            prop_assert!(next >= now);
            if every <= LONGEST_REST && wait.is_none() {
                prop_assert!(next <= now.plus(LONGEST_REST * 11 / 10));
            }
        }
    }
}
