//! Which groups hear an entry, and when. A group about one subject that hears another leaves; one that is
//! woken at night leaves too; and a config that is changed must not send what is old.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use oncecast::clock::TokioClock;
use oncecast::desk::exit;
use oncecast::ledger::embedded::Embedded;
use oncecast::ledger::{
    Audience, Claim, Intake, Lane, Ledger as _, Policy, Replay, Selection, Setup, Sight, Work,
};
use oncecast::model::route::{Choice, Quiet, Rules};
use oncecast::model::{
    Caps, DeliveryId, Entry, FeedState, HoldReason, Request, Status, Time, WithdrawReason,
};

use super::binary::{OPEN, house, publish, said, started};
use super::support::daemon::Daemon;
use super::support::receiver::{Manner, Receiver};
use super::support::until;

/// 2026-01-02T03:04:05Z, a Friday.
const START: Time = Time::from_millis(1_767_323_045_000);
const MINUTE: Duration = Duration::from_secs(60);
const SETTLE: Duration = Duration::from_secs(600);

fn rust() -> Rules {
    let categories = vec!["rust".to_owned()];
    Rules { only: Choice { categories, ..Choice::default() }, ..Rules::default() }
}

fn setup(rules: &[Rules], settle: Duration, stagger: Duration) -> Setup {
    let lane = |n: usize| Lane {
        name: format!("lane-{n}"),
        caps: Caps { per_10m: 100, per_hour: 100, per_day: 100 },
        doubt_after: MINUTE,
    };
    let group = |(n, rules): (usize, &Rules)| Audience {
        name: format!("group-{n}"),
        lane: format!("lane-{n}"),
        feeds: vec!["blog".into()],
        rules: rules.clone(),
        ..Audience::default()
    };
    Setup {
        policy: Policy { settle, stagger, share: 1.0, burst: 50, ..Policy::default() },
        lanes: (0..rules.len()).map(lane).collect(),
        groups: rules.iter().enumerate().map(group).collect(),
    }
}

async fn open(folder: &Path, setup: Setup) -> Arc<Embedded> {
    let clock = TokioClock::starting_at(START);
    let ledger = Embedded::open(&folder.join("ledger.redb"), clock).await.expect("opens");
    ledger.configure(setup).await.expect("configured");
    ledger
}

fn post(name: &str, categories: &[&str]) -> Entry {
    Entry {
        guid: Some(name.into()),
        title: name.into(),
        categories: categories.iter().map(|c| (*c).to_owned()).collect(),
        ..Entry::default()
    }
}

async fn see(ledger: &Embedded, entries: &[Entry]) {
    let old = post("old", &["rust"]);
    let entries = entries.iter().cloned().chain([old]).collect();
    let sight = Sight::Document { entries, complete: true };
    let intake = Intake { feed: "blog".into(), sight, state: FeedState::default() };
    ledger.admit(intake).await.expect("admitted");
}

/// What a lane has to do now.
async fn work(ledger: &Embedded, lane: usize) -> Option<DeliveryId> {
    match ledger.due(&format!("lane-{lane}")).await.expect("readable").work {
        Some(Work::Due(due)) => Some(due.id),
        _ => None,
    }
}

async fn claims(ledger: &Embedded, id: DeliveryId) -> Claim {
    ledger.claim(id, Request::get("/")).await.expect("answered")
}

async fn stands(ledger: &Embedded, name: &str) -> Vec<Status> {
    let found = ledger.find(name).await.expect("readable").remove(0);
    found.deliveries.into_iter().map(|view| view.status).collect()
}

fn is_left_out(status: &Status) -> bool {
    matches!(status, Status::Withdrawn { reason: WithdrawReason::Route { .. } })
}

/// An author who forgets the category and adds it in the first minutes is taken at their second word; and
/// whatever the config says later, what was not for a group then is not sent to it now.
#[tokio::test(start_paused = true)]
async fn an_entry_is_chosen_by_what_it_says_after_its_second_look_and_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let rules = [rust(), Rules::default()];
    let ledger = open(folder.path(), setup(&rules, SETTLE, Duration::ZERO)).await;
    see(&ledger, &[]).await;
    let (late, never) = (post("late", &["go"]), post("never", &["go"]));
    see(&ledger, &[late, never.clone()]).await;
    assert!(matches!(stands(&ledger, "late").await[0], Status::Due { .. }), "not decided yet");
    tokio::time::advance(SETTLE).await;
    see(&ledger, &[post("late", &["go", "Rust"]), never.clone()]).await;
    let chosen = work(&ledger, 0).await.expect("the corrected one");
    assert_eq!(chosen.entry, ledger.find("late").await.expect("readable")[0].number);
    assert!(matches!(claims(&ledger, chosen).await, Claim::Granted(_)));
    assert_eq!(work(&ledger, 0).await, None, "the other is not for it");
    let left = &stands(&ledger, "never").await;
    assert!(is_left_out(&left[0]), "{left:?}");
    assert!(matches!(left[1], Status::Due { .. }), "the other group hears all");
    // The group hears everything from now on, also after a restart: nothing old comes.
    ledger.close().await.expect("closed");
    let open_rules = [Rules::default(), Rules::default()];
    let ledger = open(folder.path(), setup(&open_rules, Duration::ZERO, Duration::ZERO)).await;
    see(&ledger, &[never]).await;
    assert_eq!(work(&ledger, 0).await, None);
    assert!(is_left_out(&stands(&ledger, "never").await[0]));
    assert!(ledger.verify(Box::new(|_, _| {})).await.expect("walked").faults.is_empty());
}

/// What a claim would take is decided again inside it: a config that was changed between is obeyed.
#[tokio::test(start_paused = true)]
async fn no_claim_passes_by_the_rules() {
    let folder = tempfile::tempdir().expect("a folder");
    let open_rules = [Rules::default()];
    let ledger = open(folder.path(), setup(&open_rules, Duration::ZERO, Duration::ZERO)).await;
    see(&ledger, &[]).await;
    see(&ledger, &[post("new", &["go"])]).await;
    let id = work(&ledger, 0).await.expect("due");
    ledger.configure(setup(&[rust()], Duration::ZERO, Duration::ZERO)).await.expect("configured");
    assert!(matches!(claims(&ledger, id).await, Claim::Gone(_)));
    assert!(is_left_out(&stands(&ledger, "new").await[0]));
    // A person may want it there all the same; all groups at once means those that would hear it.
    let entry = ledger.find("new").await.expect("readable")[0].number;
    let replay = |group: Option<&str>| Replay {
        selection: Selection { entry, group: group.map(str::to_owned) },
        again: None,
        dry_run: false,
    };
    let steps = ledger.reopen(replay(None), "ann".into()).await.expect("answered");
    assert!(steps.is_empty(), "{steps:?}");
    let steps = ledger.reopen(replay(Some("group-0")), "ann".into()).await.expect("answered");
    assert!(steps[0].sends);
    let id = work(&ledger, 0).await.expect("a person said so");
    assert!(matches!(claims(&ledger, id).await, Claim::Granted(_)));
}

/// A group whose posts are read by somebody before they go out hears nothing that nobody has read.
#[tokio::test(start_paused = true)]
async fn each_entry_of_an_approved_group_waits_for_a_person_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let rules = [Rules { approve: true, ..rust() }, Rules { approve: true, ..rust() }];
    let ledger = open(folder.path(), setup(&rules, Duration::ZERO, Duration::ZERO)).await;
    see(&ledger, &[]).await;
    see(&ledger, &[post("new", &["rust"]), post("other", &["go"])]).await;
    for lane in [0, 1] {
        assert_eq!(work(&ledger, lane).await, None);
    }
    let held = stands(&ledger, "new").await;
    assert!(held.iter().all(|s| *s == Status::Held { reason: HoldReason::Approval }), "{held:?}");
    assert!(stands(&ledger, "other").await.iter().all(is_left_out), "not even asked about");
    let entry = ledger.find("new").await.expect("readable")[0].number;
    let one = Selection { entry, group: Some("group-0".into()) };
    ledger.release(one, "ann".into()).await.expect("released");
    let all = Selection { entry, group: None };
    ledger.release(all, "ann".into()).await.expect("released");
    for lane in [0, 1] {
        let id = work(&ledger, lane).await.expect("let go, and not asked about twice");
        assert!(matches!(claims(&ledger, id).await, Claim::Granted(_)));
    }
}

/// What was held as a burst and is let go is for the groups that hear it, without a second question.
#[tokio::test(start_paused = true)]
async fn what_was_held_for_another_reason_needs_no_second_approval() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut setup = setup(&[Rules { approve: true, ..rust() }], Duration::ZERO, Duration::ZERO);
    setup.policy.burst = 1;
    let ledger = open(folder.path(), setup).await;
    see(&ledger, &[]).await;
    see(&ledger, &[post("new", &["rust"]), post("other", &["go"])]).await;
    for name in ["new", "other"] {
        let entry = ledger.find(name).await.expect("readable")[0].number;
        let all = Selection { entry, group: None };
        ledger.release(all, "ann".into()).await.expect("it was held");
    }
    let id = work(&ledger, 0).await.expect("let go");
    assert!(matches!(claims(&ledger, id).await, Claim::Granted(_)));
    assert_eq!(work(&ledger, 0).await, None);
    assert!(is_left_out(&stands(&ledger, "other").await[0]));
}

/// Night, where the readers are. And twelve groups at once, which is how a spammer looks.
#[tokio::test(start_paused = true)]
async fn quiet_hours_and_staggering_hold_inside_the_claim() {
    let folder = tempfile::tempdir().expect("a folder");
    let clock = |text: &str| text.parse().expect("a time");
    // It is 04:04 there; the night ends at 05:00.
    let quiet = Quiet {
        zone: jiff::tz::TimeZone::get("Europe/Berlin").expect("a zone"),
        hours: Some((clock("22:00"), clock("05:00"))),
        days: Vec::new(),
    };
    let rules =
        [Rules { quiet: Some(quiet), ..Rules::default() }, Rules::default(), Rules::default()];
    let stagger = 5 * MINUTE;
    let ledger = open(folder.path(), setup(&rules, Duration::ZERO, stagger)).await;
    see(&ledger, &[]).await;
    see(&ledger, &[post("new", &[])]).await;
    let ids: Vec<DeliveryId> =
        ledger.find("new").await.expect("readable")[0].deliveries.iter().map(|v| v.id).collect();
    let night = Duration::from_secs(55 * 60 + 55);
    let waiting = ledger.due("lane-0").await.expect("readable");
    assert!(waiting.work.is_none());
    assert_eq!(waiting.wake, Some(night));
    let Claim::NotNow { wait: Some(wait), why } = claims(&ledger, ids[0]).await else {
        panic!("at night")
    };
    assert!(wait == night && why.contains("quiet until 2026-01-02T04:00:00"), "{wait:?} {why}");
    assert!(matches!(claims(&ledger, ids[1]).await, Claim::Granted(_)));
    assert_eq!(work(&ledger, 2).await, None);
    let Claim::NotNow { wait: Some(wait), why } = claims(&ledger, ids[2]).await else {
        panic!("at once")
    };
    assert!(wait == stagger && why.contains("stagger"), "{wait:?} {why}");
    tokio::time::advance(stagger).await;
    assert!(matches!(claims(&ledger, ids[2]).await, Claim::Granted(_)));
    tokio::time::advance(night - stagger).await;
    assert_eq!(work(&ledger, 0).await, Some(ids[0]));
    assert!(matches!(claims(&ledger, ids[0]).await, Claim::Granted(_)));
}

/// The rules in the file, at the real daemon: who hears what, and the reason beside who does not.
#[tokio::test(flavor = "multi_thread")]
async fn the_rules_of_a_file_are_obeyed_and_told() {
    let (all, some) =
        (Receiver::open(Manner::Answers(204)).await, Receiver::open(Manner::Answers(204)).await);
    let some_url = &some.url;
    let more = format!(
        "[[integration]]\nname = \"some\"\nkind = \"webhook\"\nurl = {some_url:?}\n{OPEN}\
         [[group]]\nname = \"some\"\nintegration = \"some\"\nonly = {{ titles = [\"*tea*\"] }}\n\
         except = {{ titles = [\"cold*\"] }}\n"
    );
    let daemon = started(&house(&[("all", &all.url)], &more)).await;
    publish(&daemon, &["Green-tea", "Cold-tea", "Coffee", "Old"]);
    until("the others", async || all.requests() == 3).await;
    until("the chosen one", async || some.requests() == 1).await;
    until("the rest", async || daemon.count("some", "withdrawn").await == 2).await;
    assert_eq!(some.seen().keys().collect::<Vec<_>>(), ["Green-tea"]);
    let words = ["not for this group: title \"Coffee\", and it hears only *tea*"];
    said(&daemon, &["why", "http://blog.example/Coffee"]).await.ends(exit::OK).tells(&words);
    let words = ["it does not hear cold*"];
    said(&daemon, &["why", "http://blog.example/Cold-tea"]).await.ends(exit::OK).tells(&words);
    daemon.configure(&house(&[("all", &all.url)], &more.replace("only =", "#")));
    said(&daemon, &["reload"]).await.ends(exit::OK);
    publish(&daemon, &["Juice", "Green-tea", "Cold-tea", "Coffee", "Old"]);
    until("the next", async || some.requests() == 2).await;
    assert_eq!(some.seen().keys().collect::<Vec<_>>(), ["Green-tea", "Juice"], "nothing old");
    all.assert_once();
    some.assert_once();
}

/// A rule that was misread would send what nobody wanted, or nothing.
#[tokio::test]
async fn a_rule_that_cannot_be_is_told_with_its_line_and_key() {
    for (rule, words) in [
        ("only = { category = [\"x\"] }", &["oncecast.toml:", "categories"][..]),
        ("only = { categories = \"x\" }", &["categories", "a list of words"]),
        ("only = { categories = [] }", &["categories", "0 words"]),
        ("except = { titles = [7] }", &["titles", "whole number"]),
        ("quiet = { from = \"22:00\", to = \"07:00\" }", &["quiet", "zone", "missing"]),
        ("quiet = { from = \"22:00\", to = \"07:00\", zone = \"Berlin\" }", &["Berlin", "tz"]),
        ("quiet = { from = \"22:00\", zone = \"UTC\" }", &["from", "stands alone"]),
        ("quiet = { from = \"25:00\", to = \"07:00\", zone = \"UTC\" }", &["25:00", "time of day"]),
        ("quiet = { from = \"07:00\", to = \"07:00\", zone = \"UTC\" }", &["the same time"]),
        ("quiet = { zone = \"UTC\" }", &["neither hours nor days"]),
        ("quiet = { days = [\"caturday\"], zone = \"UTC\" }", &["caturday", "day of the week"]),
        (
            "quiet = { days = [\"mon\", \"tue\", \"wed\", \"thu\", \"fri\", \"sat\", \"sun\"], zone = \"UTC\" }",
            &["every day is quiet"],
        ),
        ("approve = \"yes\"", &["approve", "true or false"]),
        ("max_age = \"0s\"", &["max_age", "too small"]),
    ] {
        let text = house(&[("one", "http://127.0.0.1:9/")], "") + rule + "\n";
        let daemon = Daemon::with(&text);
        let told = said(&daemon, &["check"]).await.ends(exit::CONFIG);
        told.tells(&["oncecast.toml:"]).tells(words);
    }
}
