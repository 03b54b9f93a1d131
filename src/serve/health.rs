//! Whether all is well, and if not, why, in words with the way out. One pure function.

use std::collections::HashMap;
use std::time::Duration;

use crate::config::Feed;
use crate::feed::schedule;
use crate::ledger::{LedgerError, Overview, Trust};
use crate::model::{FeedState, StatusKind, Time};

/// What waits for a person longer than this makes the house unhealthy.
const WAIT_MAX: Duration = Duration::from_secs(86_400);

/// Whether all is well.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Health {
    /// Why not; empty where all is well.
    pub reasons: Vec<String>,
    /// What is worth a word and no reason to worry.
    pub notes: Vec<String>,
}

impl Health {
    /// Whether all is well.
    #[must_use]
    pub fn is_healthy(&self) -> bool {
        self.reasons.is_empty()
    }
}

/// Judges how things stand.
#[must_use]
pub fn judge(
    overview: &Result<Overview, LedgerError>,
    feeds: &[Feed],
    stalled: &[(String, Duration)],
    remarks: Vec<String>,
    now: Time,
) -> Health {
    let mut health = Health { notes: remarks, ..Health::default() };
    for (name, over) in stalled {
        let seconds = over.as_secs();
        health.reasons.push(format!("{name} has not moved for {seconds} s beyond its word"));
    }
    let overview = match overview {
        Ok(overview) => overview,
        Err(error) => {
            health.reasons.push(error.to_string());
            return health;
        }
    };
    if let Trust::Observes { why, mend } = &overview.trust {
        health.reasons.push(format!("the ledger is not trusted: {why}; to mend it: {mend}"));
    } else if let Some(why) = &overview.stopped {
        health.reasons.push(format!("{why}; to go on: oncecast resume --all"));
    }
    if let Some(why) = &overview.unwritable {
        health.reasons.push(format!("the ledger cannot be written, so nothing is sent: {why}"));
    }
    health.notes.extend(overview.clock.clone());
    let never = FeedState::default();
    let states: HashMap<&str, &FeedState> =
        overview.feeds.iter().map(|(name, state)| (name.as_str(), state)).collect();
    for feed in feeds {
        let state = states.get(feed.name.as_str()).copied().unwrap_or(&never);
        if let Some(remark) = schedule::remark(state, now) {
            health.notes.push(format!("feed {}: {remark}", feed.name));
        }
        if let Some(ill) = schedule::unhealthy(state, feed.every, now) {
            health.reasons.push(format!("feed {} is {ill}", feed.name));
        }
        match (&state.last_error, state.failing_since) {
            (Some(error), Some(_)) => health.notes.push(format!("feed {}: {error}", feed.name)),
            _ if state.last_success.is_none() => {
                health.notes.push(format!("feed {} has not been read yet", feed.name));
            }
            _ => {}
        }
    }
    for lane in &overview.lanes {
        let name = &lane.name;
        if let Some(why) = &lane.stopped {
            health
                .reasons
                .push(format!("lane {name} has stopped: {why}; then: oncecast resume {name}"));
        } else if let Some(why) = &lane.paused {
            health.notes.push(format!("lane {name} is paused: {why}"));
        } else if let Some(until) = lane.rests_until {
            health.notes.push(format!("lane {name} rests until {until} after failures"));
        }
    }
    for (since, what, way) in [
        (overview.oldest_held, "held", "oncecast release or withdraw"),
        (overview.oldest_doubt, "in doubt", "oncecast resolve"),
        (overview.oldest_by_hand, "to be posted by hand", "oncecast hand"),
        (overview.oldest_stuck, "to be taken away and cannot be", "oncecast retract"),
    ] {
        let Some(since) = since else { continue };
        let words = format!("something is {what} since {since}: oncecast status, then {way}");
        if now.since(since) > WAIT_MAX {
            health.reasons.push(words);
        } else {
            health.notes.push(words);
        }
    }
    // Its feed may be gone from the config, or may not be read any more.
    if let Some(look) = overview.oldest_settling.filter(|look| now.since(*look) > WAIT_MAX) {
        let words = "an entry waits for a second look at its feed since";
        health.reasons.push(format!("{words} {look}: oncecast status, then replay or withdraw it"));
    }
    let refused: u64 = overview.groups.iter().map(|g| g.count(StatusKind::Refused)).sum();
    if refused > 0 {
        health.notes.push(format!("{refused} deliveries were refused: oncecast status --json"));
    }
    health
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::FeedSource;
    use crate::ledger::LaneView;

    const NOW: Time = Time::from_millis(1_767_323_045_000);
    const HOUR: Duration = Duration::from_secs(3_600);

    fn overview() -> Overview {
        Overview {
            ledger: "00".into(),
            trust: Trust::Sends,
            stopped: None,
            unclean_starts: 0,
            clock: None,
            unwritable: None,
            entries: 0,
            notes: Vec::new(),
            feeds: vec![(
                "blog".into(),
                FeedState { last_success: Some(NOW), ..FeedState::default() },
            )],
            lanes: vec![LaneView {
                name: "fedi".into(),
                paused: None,
                stopped: None,
                rests_until: None,
                failures: 0,
                claimed: [0; 3],
                allowed: [3, 6, 20],
            }],
            groups: Vec::new(),
            oldest_held: None,
            oldest_by_hand: None,
            oldest_stuck: None,
            oldest_doubt: None,
            oldest_settling: None,
            claims: 0,
            journal: 0,
            bytes: 0,
        }
    }

    fn judged(change: impl FnOnce(&mut Overview)) -> Health {
        let feeds = [Feed {
            name: "blog".into(),
            source: FeedSource::File("feed.xml".into()),
            every: HOUR,
            every_max: HOUR,
        }];
        let mut overview = overview();
        change(&mut overview);
        judge(&Ok(overview), &feeds, &[], Vec::new(), NOW)
    }

    #[test]
    fn a_quiet_house_is_well() {
        assert_eq!(judged(|_| {}), Health::default());
    }

    /// Whoever wonders why a post waits longer than its date says is told of the clock; all is sent,
    /// so nobody is called for it.
    #[test]
    fn a_clock_that_was_set_is_a_note_and_no_alarm() {
        let health = judged(|o| o.clock = Some("the machine's clock was set".into()));
        assert_eq!(health.notes, ["the machine's clock was set"]);
        assert!(health.reasons.is_empty(), "{health:?}");
    }

    #[test]
    fn silence_is_never_unseen() {
        let reason = |change: fn(&mut Overview), word: &str| {
            let health = judged(change);
            assert_eq!(health.reasons.len(), 1, "{health:?}");
            assert!(health.reasons[0].contains(word), "{health:?}");
        };
        reason(|o| o.lanes[0].stopped = Some("bad token".into()), "oncecast resume fedi");
        reason(|o| o.stopped = Some("everything is stopped".into()), "resume --all");
        reason(|o| o.unwritable = Some("the disk is full".into()), "the disk is full");
        reason(|o| o.oldest_held = Some(NOW.minus(HOUR * 25)), "release");
        reason(|o| o.oldest_settling = Some(NOW.minus(HOUR * 25)), "second look");
        reason(|o| o.oldest_doubt = Some(NOW.minus(HOUR * 25)), "resolve");
        reason(
            |o| {
                let fault = Some(crate::model::Fault::Gone);
                let state = FeedState { fault, streak: 2, gone: Some(NOW), ..FeedState::default() };
                o.feeds[0].1 = FeedState { last_success: Some(NOW), ..state };
            },
            "feed blog is not polled any more",
        );
        reason(|o| o.feeds[0].1.failing_since = Some(NOW.minus(HOUR * 4)), "feed blog is failing");
        reason(
            |o| o.trust = Trust::Observes { why: "it is older".into(), mend: "mend it".into() },
            "mend it",
        );
    }

    #[test]
    fn what_is_young_is_a_note() {
        for health in [
            judged(|o| o.oldest_held = Some(NOW.minus(HOUR * 23))),
            judged(|o| o.oldest_doubt = Some(NOW.minus(HOUR))),
            judged(|o| o.lanes[0].paused = Some("a holiday".into())),
            judged(|o| {
                o.feeds[0].1.failing_since = Some(NOW.minus(HOUR));
                o.feeds[0].1.last_error = Some("404".into());
            }),
        ] {
            assert!(health.is_healthy() && health.notes.len() == 1, "{health:?}");
        }
    }

    #[test]
    fn a_ledger_that_fails_a_loop_that_hangs_and_what_loops_have_seen_are_told() {
        let error = LedgerError::Unusable("the disk is full".into());
        let stalled = [("lane fedi".to_owned(), HOUR)];
        let remarks = vec!["group readers: another oncecast posts there".to_owned()];
        let health = judge(&Err(error), &[], &stalled, remarks.clone(), NOW);
        assert_eq!(health.reasons.len(), 2, "{health:?}");
        assert_eq!(health.notes, remarks);
    }
}
