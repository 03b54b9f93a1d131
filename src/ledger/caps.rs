//! The law of I6: how many claims a lane may make in any trailing window.

use std::time::Duration;

use crate::model::{Caps, Time};

/// The longest window, and so how far back claims matter.
pub(super) const LONGEST: Duration = Duration::from_secs(86_400);

/// When the next claim is allowed, given the lane's claims of the longest window (oldest first, in
/// the ledger's own time); `None` when it is allowed now.
///
/// Claims dated in the future count: they were made before the clock went back.
pub(super) fn next_allowed(caps: Caps, claims: &[Time], now: Time) -> Option<(Time, String)> {
    let mut latest: Option<(Time, String)> = None;
    for (window, allowed) in caps.windows() {
        let since = now.minus(window);
        let inside = claims.len() - claims.partition_point(|t| *t <= since);
        if inside < allowed as usize {
            continue;
        }
        // The claim whose leaving the window makes room; with a cap of zero there is none.
        let free = match allowed as usize {
            0 => Time::from_millis(u64::MAX),
            n => claims[claims.len() - n].plus(window),
        };
        if latest.as_ref().is_none_or(|(t, _)| free > *t) {
            let hours = window.as_secs() / 3_600;
            let window = if hours == 0 { "10 minutes".to_owned() } else { format!("{hours} h") };
            latest = Some((free, format!("its cap of {allowed} in {window} is reached")));
        }
    }
    latest
}

/// How many of `claims` fall into each window.
pub(super) fn counts(claims: &[Time], now: Time) -> [u32; 3] {
    let any = Caps { per_10m: 0, per_hour: 0, per_day: 0 };
    any.windows().map(|(window, _)| {
        let since = now.minus(window);
        let inside = claims.len() - claims.partition_point(|t| *t <= since);
        u32::try_from(inside).unwrap_or(u32::MAX)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const CAPS: Caps = Caps { per_10m: 3, per_hour: 6, per_day: 20 };

    #[test]
    fn a_fourth_post_in_ten_minutes_waits_until_the_first_is_ten_minutes_old() {
        let at = |minute: u64| Time::from_millis(minute * 60_000);
        let claims = [at(100), at(101), at(102)];
        let (until, why) = next_allowed(CAPS, &claims, at(103)).expect("the cap is reached");
        assert_eq!(until, at(110));
        assert!(why.contains("cap of 3 in 10 minutes"), "{why}");
        assert_eq!(next_allowed(CAPS, &claims, at(110)), None);
    }

    #[test]
    fn a_clock_that_goes_back_does_not_forget_claims() {
        let claims: Vec<Time> = (0..20).map(|n| Time::from_millis(90_000_000 + n)).collect();
        assert!(next_allowed(CAPS, &claims, Time::from_millis(1_000)).is_some());
    }

    proptest! {
        /// Whatever the times at which claims are tried, no trailing window holds more than its cap.
        #[test]
        fn no_window_is_ever_overfull(steps in prop::collection::vec(0u64..2_000_000, 1..300)) {
            let mut now = 200_000_000u64;
            let mut claims: Vec<Time> = Vec::new();
            for step in steps {
                now += step;
                let t = Time::from_millis(now);
                match next_allowed(CAPS, &claims, t) {
                    None => claims.push(t),
                    Some((until, _)) => prop_assert!(until > t),
                }
                for (count, (_, allowed)) in counts(&claims, t).into_iter().zip(CAPS.windows()) {
                    prop_assert!(count <= allowed);
                }
            }
        }
    }
}
