//! How long a feed is left alone after a failure: each kind has its own rest, which grows.

use std::time::Duration;

use super::Rules;
use crate::model::{Fault, FeedState, Time, Why};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The first rest after trouble; a shorter interval shortens it, though not to nothing.
const TROUBLE_FIRST: Duration = Duration::from_secs(15 * 60);
const TROUBLE_LEAST: Duration = Duration::from_secs(10 * 60);
/// A failing feed is asked at least this often, or as often as it is polled if that is less.
const TROUBLE_LAST: Duration = Duration::from_secs(12 * 60 * 60);
/// The first rest of those who say that they do not want us.
const UNWANTED_FIRST: Duration = Duration::from_secs(4 * 60 * 60);
/// A server that asks for more than a week is asked again all the same.
const TOLD_MAX: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// Polls are spread by a tenth, so that not all the world asks on the full hour.
const JITTER_PERCENT: u64 = 10;

/// The rest after a failure of this kind, already counted in `state`, and why it is one.
pub(super) fn rest(
    state: &FeedState,
    fault: Fault,
    wait: Option<Duration>,
    rules: &Rules,
    now: Time,
    seed: u64,
) -> (Duration, Why) {
    let wait = wait.map(|wait| wait.min(TOLD_MAX));
    let (rest, why) = match fault {
        Fault::Missing if state.is_dead(now) => (7 * DAY, Why::Probe),
        Fault::Trouble | Fault::Content | Fault::Missing => {
            let first = match rules.is_here {
                true => rules.every,
                false => rules.every.clamp(TROUBLE_LEAST, TROUBLE_FIRST),
            };
            (grown(first, state.streak, TROUBLE_LAST.max(rules.every)), Why::Rest)
        }
        Fault::Cut => (rules.every, Why::Interval),
        Fault::Access => (grown(UNWANTED_FIRST, state.streak, DAY), Why::Rest),
        Fault::Gone => (6 * HOUR + MINUTE, Why::Rest),
        Fault::Throttled if wait.is_some() => (rules.every, Why::Told),
        Fault::Throttled => {
            let last = DAY.max(rules.every);
            let first = UNWANTED_FIRST.max(rules.every.saturating_mul(2)).min(last);
            (grown(first, state.streak, last), Why::Told)
        }
        Fault::Refused => (DAY, Why::Rest),
    };
    let least = match fault {
        // Asked sooner, it could not be believed.
        Fault::Gone => rest,
        _ => Duration::ZERO,
    };
    let rest = jittered(rest, seed).max(least);
    match wait {
        // Whoever was told the same comes back at that moment too; and never before it.
        Some(wait) if wait >= rest => (wait + chance((wait / 10).min(MINUTE), seed), Why::Told),
        _ => (rest, why),
    }
}

/// Doubled for each failure after the first.
fn grown(first: Duration, times: u32, last: Duration) -> Duration {
    first.saturating_mul(1 << times.saturating_sub(1).min(30)).min(last)
}

/// Between nine and eleven tenths of a duration.
pub(super) fn jittered(duration: Duration, seed: u64) -> Duration {
    let mut rng = fastrand::Rng::with_seed(seed);
    let millis = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let spread = millis / 100 * JITTER_PERCENT + millis % 100 * JITTER_PERCENT / 100;
    let offset = rng.u64(0..=spread.saturating_mul(2));
    Duration::from_millis(millis.saturating_sub(spread).saturating_add(offset))
}

/// Some part of a duration.
pub(super) fn chance(within: Duration, seed: u64) -> Duration {
    let mut rng = fastrand::Rng::with_seed(seed);
    Duration::from_millis(rng.u64(0..=u64::try_from(within.as_millis()).unwrap_or(u64::MAX)))
}
