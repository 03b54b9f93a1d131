//! When a feed is asked again, and when its silence is worth a word.

use std::time::Duration;

use crate::model::{FeedState, Time};

/// The longest rest after failures, unless the server asks for more.
const REST_MAX: Duration = Duration::from_secs(12 * 3_600);
/// The longest patience a server is given.
const PATIENCE_MAX: Duration = Duration::from_secs(7 * 86_400);
/// How far a poll may be from its time, in percent, so that feeds do not come in step.
const JITTER_PERCENT: u64 = 10;
/// After this many of its intervals a failing feed is unhealthy.
const INTERVALS: u32 = 3;

/// The next poll after one that went well; `chance` is any number.
#[must_use]
pub fn after_success(every: Duration, now: Time, chance: u64) -> Time {
    let span = u64::try_from(every.as_millis()).unwrap_or(u64::MAX);
    let reach = span / 100 * JITTER_PERCENT;
    let offset = if reach == 0 { 0 } else { chance % (2 * reach + 1) };
    now.plus(Duration::from_millis(span - reach + offset))
}

/// The next poll after `failures` in a row: rests double from one interval, and a server that asks for
/// patience gets it.
#[must_use]
pub fn after_failure(
    every: Duration,
    failures: u32,
    wait: Option<Duration>,
    now: Time,
    chance: u64,
) -> Time {
    let factor = 1u32 << failures.saturating_sub(1).min(20);
    let rest = every.saturating_mul(factor).min(REST_MAX.max(every));
    let rest = rest.max(wait.unwrap_or_default().min(PATIENCE_MAX));
    let sooner = after_success(rest, now, chance);
    // Jitter never brings a poll before the moment that a server has named.
    sooner.max(now.plus(wait.unwrap_or_default().min(PATIENCE_MAX)))
}

/// What to say of a feed that has failed for longer than three of its intervals.
#[must_use]
pub fn unhealthy(name: &str, every: Duration, state: &FeedState, now: Time) -> Option<String> {
    let since = state.failing_since?;
    if now.since(since) <= every * INTERVALS {
        return None;
    }
    let error = state.last_error.as_deref().unwrap_or("it does not answer");
    Some(format!("feed {name} has failed since {since}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NOW: Time = Time::from_millis(1_767_323_045_000);
    const QUARTER: Duration = Duration::from_secs(900);

    #[test]
    fn a_broken_server_is_asked_less_and_less() {
        let rests: Vec<u64> = (1..=8)
            .map(|n| after_failure(QUARTER, n, None, NOW, 90_000).since(NOW).as_secs() / 900)
            .collect();
        assert!(rests.windows(2).all(|w| w[0] <= w[1]), "{rests:?}");
        assert!(rests[0] <= 1 && rests[7] >= 43, "{rests:?}");
        let day = Duration::from_secs(86_400);
        let asked = after_failure(QUARTER, 1, Some(day), NOW, 0);
        assert!(asked.since(NOW) >= day);
    }

    #[test]
    fn one_failure_is_no_illness_and_an_hour_of_them_is() {
        let mut state = FeedState { failing_since: Some(NOW), ..FeedState::default() };
        state.last_error = Some("the server answered 404".into());
        assert_eq!(unhealthy("blog", QUARTER, &state, NOW.plus(QUARTER * 3)), None);
        let words = unhealthy("blog", QUARTER, &state, NOW.plus(QUARTER * 4)).expect("is ill");
        assert!(words.contains("blog") && words.contains("404"), "{words}");
    }

    proptest! {
        #[test]
        fn a_poll_is_at_its_time_give_or_take_a_tenth(secs in 1u64..1_000_000, chance: u64) {
            let every = Duration::from_secs(secs);
            let next = after_success(every, NOW, chance).since(NOW);
            prop_assert!(next >= every * 9 / 10 && next <= every * 11 / 10);
        }
    }
}
