//! When a feed that is well is asked again: what its server, its document and its own silence say,
//! between the two intervals of the config.

use std::time::Duration;

use super::Rules;
use super::rests::{chance, jittered};
use crate::feed::parse::Facts;
use crate::model::{FeedState, Time, Why, Wishes};

const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// No hint is believed beyond this: servers have said sixteen years.
const HINT_MAX: Duration = DAY;
/// While a hub calls, polls are only there in case it does not.
const HUB_EVERY: Duration = Duration::from_secs(6 * 60 * 60);
/// After a silence of so many days the interval is so many times as long.
const SILENCES: [(u32, u32); 3] = [(365, 12), (180, 6), (30, 3)];
/// After an hour that was skipped, not everybody comes in its first moment.
const AFTER_SKIP: Duration = Duration::from_secs(50 * 60);
const HOURS: u32 = (1 << 24) - 1;
const DAYS: u8 = (1 << 7) - 1;

/// What a document asks for, as it is kept.
pub(super) fn wishes(facts: &Facts) -> Wishes {
    Wishes {
        ttl: facts.ttl,
        update_every: facts.update_every,
        skip_hours: facts.skip_hours.iter().fold(0, |bits, hour| bits | 1 << (hour % 24)),
        skip_days: facts
            .skip_days
            .iter()
            .fold(0, |bits, day| bits | 1 << day.to_monday_zero_offset().rem_euclid(7)),
    }
}

/// The next poll after one that succeeded, and why then.
pub(super) fn next(state: &FeedState, rules: &Rules, now: Time, seed: u64) -> (Time, Why) {
    let silent = state.last_change.map_or(Duration::ZERO, |change| now.since(change));
    let times = SILENCES.iter().find(|(days, _)| silent >= DAY * *days);
    let (own, why) = match times {
        Some((_, times)) => (rules.every.saturating_mul(*times).min(rules.every_max), Why::Silent),
        None => (rules.every, Why::Interval),
    };
    let why = if own == rules.every { Why::Interval } else { why };
    // Before its promise ends it is asked again, and that is done after a poll.
    let hub = state.hub.as_ref().and_then(|hub| hub.lease).filter(|(from, _)| *from <= now);
    let hub = hub.map(|(from, lease)| from.plus(lease / 5 * 4).since(now).min(HUB_EVERY));
    let hub = hub.filter(|left| !left.is_zero());
    let hints = [
        (state.fresh, Why::Fresh),
        (state.wishes.ttl, Why::Ttl),
        (state.wishes.update_every, Why::Period),
        (hub, Why::Hub),
    ];
    let hint = hints
        .into_iter()
        .filter_map(|(hint, why)| Some((hint?.min(HINT_MAX).min(rules.every_max), why)))
        .max_by_key(|(hint, _)| *hint)
        .filter(|(hint, _)| *hint > own);
    let (wait, why) = match hint {
        Some((hint, why)) => (hint + chance(hint / 10, seed), why),
        None => (jittered(own, seed), why),
    };
    let at = now.plus(wait);
    let free = free(&state.wishes, at, seed);
    if free == at { (at, why) } else { (free, Why::Skipped) }
}

/// That moment, or one in the next hour that is not skipped.
fn free(wishes: &Wishes, at: Time, seed: u64) -> Time {
    let (hours, days) = (wishes.skip_hours & HOURS, wishes.skip_days & DAYS);
    // A feed that skips everything has made a mistake.
    if hours == HOURS || days == DAYS || (hours == 0 && days == 0) {
        return at;
    }
    let hour = u64::try_from(HOUR.as_millis()).unwrap_or(u64::MAX);
    let first = at.as_millis() / hour;
    let is_free = |at: u64| {
        // 1970-01-01 was a Thursday.
        let day = (at / 24 + 3) % 7;
        hours & 1 << (at % 24) == 0 && days & 1 << day == 0
    };
    let next = (first..first + 8 * 24).find(|at| is_free(*at)).unwrap_or(first);
    if next == first {
        return at;
    }
    Time::from_millis(next * hour).plus(chance(AFTER_SKIP, seed))
}
