//! The course of a feed, row by row: what it was, what a poll brought, what it is then.

use proptest::prelude::*;
use url::Url;

use super::*;
use crate::feed::fetch::{Body, Validators};
use crate::model::Why;

const NOW: Time = Time::from_millis(1_767_323_045_000);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(86_400);
const QUARTER: Duration = Duration::from_secs(900);

fn rules() -> Rules {
    Rules { every: QUARTER, every_max: 3 * HOUR, is_here: false, written: "w".to_owned() }
}

fn failed(fault: Fault, wait: Option<Duration>) -> Failed {
    let host = Some("blog.example".to_owned());
    Failed { fault, words: "no".to_owned(), host, wait }
}

/// After a failure of this kind.
fn fails(state: FeedState, fault: Fault, wait: Option<Duration>, now: Time) -> FeedState {
    after(state, Poll::Failed(&failed(fault, wait)), &rules(), now, 1)
}

fn validators(etag: &str) -> Validators {
    let url = Some("https://blog.example/feed".to_owned());
    Validators { etag: Some(etag.to_owned()), last_modified: None, url }
}

fn body(sha256: &str) -> Fetched {
    Fetched::Body(Box::new(Body {
        bytes: Vec::new(),
        content_type: None,
        url: None,
        validators: validators("new"),
        sha256: sha256.to_owned(),
        whole: true,
    }))
}

fn read(sample: &[u32], whole: bool) -> Read {
    let entries = u32::try_from(sample.len()).unwrap();
    Read { entries, whole, sample: sample.to_vec(), ..Read::default() }
}

/// After a document with these entries.
fn shows(state: FeedState, sample: &[u32], said: &Said, now: Time) -> FeedState {
    let (fetched, read) = (body("b"), read(sample, true));
    let poll = Poll::Answer { fetched: &fetched, said, read: Some(&read) };
    after(state, poll, &rules(), now, 1)
}

/// After "not modified".
fn same(state: FeedState, said: &Said, now: Time) -> FeedState {
    let fetched = Fetched::NotModified(validators("renewed"));
    after(state, Poll::Answer { fetched: &fetched, said, read: None }, &rules(), now, 1)
}

fn known() -> FeedState {
    let written = Some("w".to_owned());
    shows(FeedState { written, ..FeedState::default() }, &[1, 2], &Said::default(), NOW)
}

fn wait(state: &FeedState, now: Time) -> Duration {
    state.next_poll.since(now)
}

/// Whether a rest is about that long.
fn is_about(rest: Duration, wanted: Duration) -> bool {
    rest >= wanted * 9 / 10 && rest <= wanted * 11 / 10 + MINUTE
}

/// A server in trouble that is asked at each interval by everybody does not come back; one that says no
/// is not to be asked as if it had said nothing.
#[test]
fn each_failure_has_its_own_rest_which_grows_to_its_own_end() {
    use Fault::{Access, Content, Missing, Refused, Throttled, Trouble};
    for (fault, rests) in [
        (Trouble, [QUARTER, QUARTER * 2, QUARTER * 4, QUARTER * 8, 12 * HOUR]),
        (Content, [QUARTER, QUARTER * 2, QUARTER * 4, QUARTER * 8, 12 * HOUR]),
        (Missing, [QUARTER, QUARTER * 2, QUARTER * 4, QUARTER * 8, 12 * HOUR]),
        (Access, [4 * HOUR, 8 * HOUR, 16 * HOUR, DAY, DAY]),
        (Throttled, [4 * HOUR, 8 * HOUR, 16 * HOUR, DAY, DAY]),
        (Refused, [DAY; 5]),
    ] {
        let mut state = known();
        for (at, rest) in rests.into_iter().enumerate() {
            for _ in 0..if at == 4 { 9 } else { 1 } {
                state = fails(state, fault, None, NOW);
            }
            assert!(is_about(wait(&state, NOW), rest), "{fault:?} {at}: {:?}", wait(&state, NOW));
        }
        assert_eq!(state.failing_since, Some(NOW));
        assert_eq!(
            (state.etag.as_deref(), state.entries),
            (Some("new"), 2),
            "nothing is forgotten"
        );
        let well = same(state, &Said::default(), NOW.plus(DAY));
        assert_eq!((well.failures, well.fault, well.last_error), (0, None, None));
        assert_eq!(well.etag.as_deref(), Some("renewed"));
    }
    // Another kind of failure begins its own row.
    let mut state = known();
    for _ in 0..5 {
        state = fails(state, Trouble, None, NOW);
    }
    assert!(is_about(wait(&fails(state, Access, None, NOW), NOW), 4 * HOUR));
}

#[test]
fn a_short_interval_does_not_make_a_short_rest_but_on_this_machine() {
    let rest = |every: Duration, is_here: bool| {
        let rules = Rules { every, is_here, ..rules() };
        let failed = failed(Fault::Trouble, None);
        wait(&after(known(), Poll::Failed(&failed), &rules, NOW, 1), NOW)
    };
    assert!(is_about(rest(MINUTE, false), 10 * MINUTE));
    assert!(is_about(rest(DAY, false), QUARTER));
    assert!(rest(Duration::from_secs(1), true) < Duration::from_secs(2));
}

#[test]
fn a_server_that_asks_for_rest_gets_it_on_its_whole_host_and_no_more_than_a_week() {
    for (asked, given) in [(2 * HOUR, 2 * HOUR), (100 * DAY, 7 * DAY), (MINUTE, QUARTER * 9 / 10)] {
        let state = fails(known(), Fault::Throttled, Some(asked), NOW);
        let rest = wait(&state, NOW);
        assert!(rest >= given && rest <= given + QUARTER, "{asked:?}: {rest:?}");
        assert_eq!(state.not_before, Some(("blog.example".to_owned(), state.next_poll)));
        assert_eq!((state.standing(NOW), state.why_next), (Standing::Throttled, Why::Told));
        assert_eq!(same(state, &Said::default(), NOW).not_before, None);
    }
    let trouble = fails(known(), Fault::Trouble, Some(2 * HOUR), NOW);
    assert!(wait(&trouble, NOW) >= 2 * HOUR);
    assert_eq!(trouble.not_before, None, "a fault of one feed is none of its neighbours'");
}

#[test]
fn gone_is_believed_when_it_is_said_twice_and_a_person_can_ask_again() {
    let first = fails(known(), Fault::Gone, None, NOW);
    assert!(!first.is_gone() && wait(&first, NOW) >= GONE_AGAIN);
    let soon = fails(first.clone(), Fault::Gone, None, NOW.plus(HOUR));
    assert!(!soon.is_gone(), "said twice in one hour it may be one mistake");
    let later = NOW.plus(GONE_AGAIN);
    let gone = fails(first.clone(), Fault::Gone, None, later);
    assert!(gone.is_gone() && gone.standing(later) == Standing::Gone);
    let why = unhealthy(&gone, QUARTER, later).unwrap();
    assert!(why.contains("not polled any more") && why.contains("oncecast poll"), "{why}");
    let woken = gone.clone().woken();
    assert!(!woken.is_gone() && woken.next_poll == Time::EPOCH);
    let between = same(first, &Said::default(), NOW.plus(HOUR));
    assert!(!fails(between, Fault::Gone, None, later).is_gone(), "it was there in between");
    let elsewhere = taken_up(gone, &Rules { written: "new".to_owned(), ..rules() });
    assert!(!elsewhere.is_gone() && elsewhere.next_poll == Time::EPOCH && elsewhere.entries == 2);
}

#[test]
fn a_feed_that_is_not_there_for_two_weeks_is_looked_for_once_a_week() {
    let mut state = known();
    for (age, dead) in [(Duration::ZERO, false), (13 * DAY, false), (14 * DAY, true)] {
        let now = NOW.plus(age);
        state = fails(state, Fault::Missing, None, now);
        assert_eq!(state.standing(now) == Standing::Dead, dead, "{age:?}");
        assert_eq!(wait(&state, now) > 6 * DAY, dead, "{age:?}");
    }
    assert!(unhealthy(&state, QUARTER, NOW.plus(14 * DAY)).unwrap().contains("once a week"));
}

/// A captive portal, or whoever has bought the old domain, would take the feed with one answer.
#[test]
fn a_move_is_believed_when_it_has_held_and_known_entries_are_there() {
    let to = |url: &str| Said { moved: Some(Url::parse(url).unwrap()), ..Said::default() };
    let new = to("https://new.example/feed");
    let course = |polls: &[(Duration, &Said, &[u32])]| {
        let mut state = known();
        for (age, said, sample) in polls {
            state = shows(state, sample, said, NOW.plus(*age));
        }
        state
    };
    let adopted = Some("https://new.example/feed".to_owned());
    let (none, other) = (Said::default(), to("https://other.example/feed"));
    for (polls, is) in [
        (&[(HOUR, &new, &[2, 3][..]), (DAY, &new, &[2, 3]), (3 * DAY, &new, &[3])][..], true),
        (&[(HOUR, &new, &[2, 3]), (2 * HOUR, &new, &[2, 3]), (DAY, &new, &[3])], false),
        (&[(HOUR, &new, &[2, 3]), (3 * DAY, &new, &[2, 3])], false),
        (&[(HOUR, &new, &[8, 9]), (DAY, &new, &[8, 9]), (3 * DAY, &new, &[8, 9])], false),
        (&[(HOUR, &new, &[2]), (DAY, &none, &[2]), (3 * DAY, &new, &[2])], false),
        (&[(HOUR, &new, &[2]), (DAY, &other, &[2]), (3 * DAY, &new, &[2])], false),
    ] {
        let state = course(polls);
        assert_eq!(state.moved_to == adopted, is, "{polls:?}");
        assert_eq!(state.moving.is_none(), is, "{polls:?}");
    }
    let strange = course(&[(HOUR, &new, &[8]), (DAY, &new, &[8]), (3 * DAY, &new, &[8])]);
    assert!(remark(&strange, NOW.plus(3 * DAY)).unwrap().contains("write the new address"));
    let mut unmodified = known();
    for days in 0..4 {
        unmodified = same(unmodified, &new, NOW.plus(DAY * days));
    }
    assert_eq!(unmodified.moved_to, adopted, "not modified is an answer as well");
    for _ in 0..MOVED_FAILURES {
        unmodified = fails(unmodified, Fault::Trouble, None, NOW.plus(5 * DAY));
    }
    assert_eq!(unmodified.moved_to, None, "where it cannot be had, it is asked for where it was");
}

#[test]
fn what_breaks_off_is_taken_for_whole_by_its_validators_only_when_it_stays_so() {
    let cut = |state: FeedState, sha256: &str| {
        let (fetched, read) = (body(sha256), read(&[1], false));
        let said = Said::default();
        let poll = Poll::Answer { fetched: &fetched, said: &said, read: Some(&read) };
        after(state, poll, &rules(), NOW, 1)
    };
    let mut state = known();
    for (sha256, kept) in [("a", false), ("b", false), ("b", false), ("b", true)] {
        state = cut(state, sha256);
        assert_eq!(state.etag.is_some(), kept, "{sha256}");
        assert_eq!((state.body_sha256.clone(), state.sample.clone()), (None, vec![1, 2]));
        assert!(is_about(wait(&state, NOW), QUARTER), "the rest of it may be there any time");
    }
    let state = same(state, &Said::default(), NOW);
    assert_eq!((state.failures, state.failing_since), (5, Some(NOW)), "and it is told of");
    let mut unseen = FeedState::default();
    for _ in 0..9 {
        unseen = cut(unseen, "a");
    }
    assert_eq!(unseen.etag, None, "what was never whole is asked for in full");
    assert_eq!(shows(state, &[1], &Said::default(), NOW).failures, 0);
}

#[test]
fn not_modified_is_believed_as_far_as_it_was_found_true() {
    let checked = Said { checked: true, ..Said::default() };
    let mut state = known();
    for n in 1..=3 {
        let fetched = Fetched::Unchanged(validators("e"));
        let poll = Poll::Answer { fetched: &fetched, said: &checked, read: None };
        state = after(state, poll, &rules(), NOW, 1);
        assert_eq!((state.honest, state.lies), (n, 0));
    }
    state = shows(state, &[1, 2], &checked, NOW);
    assert_eq!((state.honest, state.lies), (3, 0), "other bytes, and nothing new in them");
    state = shows(state, &[2, 3], &checked, NOW);
    assert_eq!((state.honest, state.lies), (0, 1));
    state = shows(state, &[3, 4], &Said::default(), NOW);
    assert_eq!(state.lies, 1, "whoever was asked properly has not lied");
}

/// `every` is a promise to the reader, `every_max` one to the servers: hints move polls between them.
#[test]
fn hints_lengthen_the_interval_as_far_as_the_operator_allows() {
    let of = |change: fn(&mut FeedState, &mut Rules)| {
        let (mut state, mut rules) = (known(), rules());
        change(&mut state, &mut rules);
        let (next, why) = hints::next(&state, &rules, NOW, 1);
        (next.since(NOW), why)
    };
    let is = |(found, why): (Duration, Why), (wanted, reason): (Duration, Why)| {
        assert_eq!(why, reason, "{found:?}");
        assert!(is_about(found, wanted), "{found:?} is not {wanted:?}");
    };
    is(of(|_, _| {}), (QUARTER, Why::Interval));
    is(of(|s, _| s.last_change = Some(NOW.minus(29 * DAY))), (QUARTER, Why::Interval));
    is(of(|s, _| s.last_change = Some(NOW.minus(30 * DAY))), (3 * QUARTER, Why::Silent));
    is(of(|s, _| s.last_change = Some(NOW.minus(180 * DAY))), (6 * QUARTER, Why::Silent));
    is(of(|s, _| s.last_change = Some(NOW.minus(400 * DAY))), (3 * HOUR, Why::Silent));
    is(of(|s, _| s.fresh = Some(MINUTE)), (QUARTER, Why::Interval));
    is(of(|s, _| s.fresh = Some(HOUR)), (HOUR, Why::Fresh));
    assert!(of(|s, _| s.fresh = Some(HOUR)).0 >= HOUR, "and not a moment before");
    is(of(|s, _| s.fresh = Some(500_000 * DAY)), (3 * HOUR, Why::Fresh));
    is(of(|s, _| s.wishes.ttl = Some(HOUR)), (HOUR, Why::Ttl));
    is(of(|s, _| s.wishes.update_every = Some(2 * HOUR)), (2 * HOUR, Why::Period));
    let strict = of(|s, r| {
        s.wishes.ttl = Some(DAY);
        s.fresh = Some(DAY);
        s.last_change = Some(NOW.minus(400 * DAY));
        r.every_max = r.every;
    });
    is(strict, (QUARTER, Why::Interval));
    let patient = of(|s, r| {
        s.fresh = Some(30 * DAY);
        r.every_max = 30 * DAY;
    });
    is(patient, (DAY, Why::Fresh));
    let called = of(|s, _| s.hub = Some(Hub { lease: Some((NOW, DAY)), ..Hub::default() }));
    is(called, (3 * HOUR, Why::Hub));
    let expired = of(|s, _| {
        s.hub = Some(Hub { lease: Some((NOW.minus(2 * DAY), DAY)), ..Hub::default() });
    });
    is(expired, (QUARTER, Why::Interval));
}

#[test]
fn skipped_hours_and_days_are_skipped() {
    // NOW is a Friday, 03:04 GMT.
    let next = |skip_hours: u32, skip_days: u8| {
        let wishes = Wishes { skip_hours, skip_days, ..Wishes::default() };
        let (next, why) = hints::next(&FeedState { wishes, ..known() }, &rules(), NOW, 1);
        assert_eq!(why == Why::Skipped, !is_about(next.since(NOW), QUARTER), "{next}");
        next.to_string()[..13].to_owned()
    };
    assert_eq!(next(0, 0), "2026-01-02T03");
    assert_eq!(next(1 << 3, 0), "2026-01-02T04");
    assert_eq!(next(0b1111 << 2, 0), "2026-01-02T06");
    assert_eq!(next(0, 1 << 4), "2026-01-03T00", "a Saturday");
    assert_eq!(next(1, 0b11 << 4), "2026-01-04T01");
    assert_eq!(next(1 << 4, 1 << 3), "2026-01-02T03", "this hour is free");
    assert_eq!(next((1 << 24) - 1, 0), "2026-01-02T03", "all of them is none of them");
    assert_eq!(next(0, 127), "2026-01-02T03");
}

#[test]
fn a_feed_that_stays_empty_is_told_of_and_forgets_nothing() {
    let empty = shows(known(), &[], &Said::default(), NOW);
    assert_eq!((empty.entries, empty.sample.len(), empty.empty_since), (0, 2, Some(NOW)));
    let still = shows(empty, &[], &Said::default(), NOW.plus(8 * DAY));
    assert_eq!(unhealthy(&still, QUARTER, NOW.plus(7 * DAY)), None);
    assert!(unhealthy(&still, QUARTER, NOW.plus(8 * DAY)).unwrap().contains("without any entry"));
    let back = shows(still, &[1], &Said::default(), NOW.plus(8 * DAY));
    assert_eq!(back.empty_since, None);
}

#[test]
fn a_settling_entry_is_looked_at_when_it_has_settled() {
    let at = |settle: Time| look(NOW.plus(HOUR), Some(settle), HOUR, NOW);
    assert_eq!(at(NOW.plus(10 * MINUTE)), NOW.plus(10 * MINUTE));
    assert_eq!(at(NOW), NOW.plus(SHORTEST_LOOK));
    assert_eq!(at(NOW.plus(10 * HOUR)), NOW.plus(HOUR));
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
        Some("failing for 4 minutes (4 polls in a row): example.org has no feed there (HTTP 404)")
    );
    let refused = fails(known(), Fault::Refused, None, NOW);
    assert!(unhealthy(&refused, MINUTE, NOW).is_some(), "only a person can mend that");
}

fn faults() -> impl Strategy<Value = Fault> {
    use Fault::{Access, Content, Cut, Gone, Missing, Refused, Throttled, Trouble};
    prop::sample::select(vec![Trouble, Content, Cut, Access, Missing, Gone, Throttled, Refused])
}

/// Thousands of copies that came at the same second would come at the same second for ever, and whatever
/// they overran would be overrun again when it is back.
#[test]
fn no_two_come_back_at_the_same_moment() {
    let spread = |wait: &dyn Fn(u64) -> Duration, whole: Duration| {
        let waits: Vec<Duration> = (0..100).map(wait).collect();
        let (least, most) = (waits.iter().min().copied(), waits.iter().max().copied());
        let least = least.unwrap_or_default();
        assert!(most.unwrap_or_default() - least > whole / 10, "{waits:?}");
    };
    spread(&|seed| hints::next(&known(), &rules(), NOW, seed).0.since(NOW), QUARTER);
    for fault in [Fault::Trouble, Fault::Access, Fault::Throttled, Fault::Refused] {
        let rest = |seed| {
            let state = after(known(), Poll::Failed(&failed(fault, None)), &rules(), NOW, seed);
            wait(&state, NOW)
        };
        spread(&rest, rest(1) * 9 / 10);
    }
}

proptest! {
    #[test]
    fn polls_stay_within_a_tenth_of_the_interval(every in 1_000_u64..1_000_000_000, seed: u64) {
        let every = Duration::from_millis(every);
        let rules = Rules { every, every_max: every, ..rules() };
        let wait = hints::next(&known(), &rules, NOW, seed).0.since(NOW);
        prop_assert!(wait >= every * 9 / 10 && wait <= every * 11 / 10 + MINUTE / 60_000);
    }

    /// Whatever happens, a feed is asked again (but one that is gone), later than now and within
    /// what a clock that is wrong is told by.
    #[test]
    fn every_course_goes_on(
        every in 1_u64..2_600_000,
        course in prop::collection::vec((faults(), prop::option::of(any::<u64>()), any::<bool>()), 1..40),
        seed: u64,
    ) {
        let every = Duration::from_secs(every);
        let rules = Rules { every, every_max: every, ..rules() };
        let (mut state, mut now) = (FeedState::default(), NOW);
        for (fault, wait, well) in course {
            state = if well {
                let fetched = Fetched::NotModified(validators("e"));
                let said = Said::default();
                let poll = Poll::Answer { fetched: &fetched, said: &said, read: None };
                after(state, poll, &rules, now, seed)
            } else {
                let failed = failed(fault, wait.map(Duration::from_secs));
                after(state, Poll::Failed(&failed), &rules, now, seed)
            };
            let rest = state.next_poll.since(now);
            prop_assert!(rest > Duration::ZERO, "{state:?}");
            prop_assert!(rest < (8 * DAY).max(every * 12 / 10), "{rest:?} {state:?}");
            prop_assert_eq!(well, state.failures == 0);
            now = state.next_poll;
        }
    }
}
