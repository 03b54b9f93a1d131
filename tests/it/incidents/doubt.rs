//! H: an answer was late or lost, and what may have been heard was said again.

use oncecast::clock::SystemClock;
use oncecast::ledger::Work;
use oncecast::model::StatusKind;

use super::super::support::receiver::{Manner as Real, Receiver};
use super::blog::{archive, before, post};
use super::net::Manner;
use super::world::{HOUR, World};

/// A house of these groups that knows an archive, with one new post in the blog.
async fn one(groups: &[(&str, &str)]) -> World {
    let mut world = World::with("", groups).await;
    let old = archive(12);
    world.says(&old, HOUR).await;
    world.blog(&before(&[post("new")], &old));
    world
}

/// Readers of a whole server got posts twice: it was slow, answered 504 before it had noted the key, and
/// clients tried again.
#[tokio::test(start_paused = true)]
async fn h1_h5_h6_h7_a_lost_answer_is_a_doubt_and_no_reason_to_send_again() {
    for manner in [Manner::Loses, Manner::Shows(504), Manner::Shows(408), Manner::Shows(500)] {
        let mut world = one(&[("readers", "")]).await;
        world.net.next("readers.example", &[manner]);
        world.run(12 * HOUR).await;
        assert_eq!(world.net.heard().len(), 1, "{manner:?}");
        assert_eq!(world.waiting(StatusKind::InDoubt).await.len(), 1, "{manner:?}");
        // It is not shown as failed, and a person who asks for it is told before anything is sent.
        let steps = world.replay("http://blog.example/new/", None).await;
        assert!(!steps[0].sends && steps[0].why.contains("may have it"), "{steps:?}");
        world.run(HOUR).await;
        assert_eq!(world.net.heard().len(), 1, "{manner:?}");
    }
}

/// Readers got a post twice although the platform knows keys: each try came under a new one.
#[tokio::test(start_paused = true)]
async fn h1_h2_a_repeat_goes_to_a_platform_that_cannot_show_it_twice_and_under_the_same_key() {
    let mut world = one(&[("readers", "receiver_dedupes = true")]).await;
    world.net.dedupes("readers.example");
    world.net.next("readers.example", &[Manner::Loses, Manner::Hangs]);
    world.run_until_it_hangs(2 * HOUR).await;
    world.restart().await.expect("opens");
    world.run(2 * HOUR).await;
    let heard = world.net.heard();
    assert!(heard.len() >= 3, "{heard:?}");
    let is_same = |h: &super::net::Heard| h.key == heard[0].key && h.body == heard[0].body;
    assert!(heard.iter().all(is_same), "{heard:?}");
    assert_eq!(world.seen("new"), 1);
    assert!(world.waiting(StatusKind::InDoubt).await.is_empty());
}

/// Readers got a message three times: it was delivered, and a timeout counted as an error before sending.
#[tokio::test(start_paused = true)]
async fn h3_only_what_never_left_is_sent_later() {
    let mut world = one(&[("readers", "")]).await;
    world.net.next("readers.example", &[Manner::Unreachable; 3]);
    world.run(6 * HOUR).await;
    assert_eq!((world.net.heard().len(), world.seen("new")), (1, 1));
}

/// Readers got up to nine copies: careful code stood over a helper that tried again by itself. Counted at
/// a real socket, under all the layers there are.
#[tokio::test(flavor = "multi_thread")]
async fn h4_there_is_one_layer_that_may_send_and_it_sends_once() {
    for manner in [Real::Drops, Real::Answers(500), Real::Answers(503), Real::Redirects(307)] {
        let requests = at_a_real_socket(manner).await;
        assert_eq!(requests, 1, "{manner:?}");
    }
}

/// Sends one post through a real lane to a real receiver until nothing moves, and counts its requests.
pub async fn at_a_real_socket(manner: Real) -> usize {
    use oncecast::config::{Config, Secrets};
    use oncecast::daemon::{lane_of, setup_of};
    use oncecast::flow::{Bell, Parts, Pulse};
    use oncecast::ledger::{Intake, Ledger as _, Sight, embedded::Embedded};
    let receiver = Receiver::open(manner).await;
    let folder = tempfile::tempdir().expect("a folder");
    let text = format!(
        "[ledger]\npath = {:?}\n[guard]\nsettle = \"0s\"\n[[feed]]\nname = \"blog\"\nurl = \"feed.xml\"\n\
         [[integration]]\nname = \"hook\"\nkind = \"webhook\"\nurl = {:?}\ndoubt_after = \"1s\"\n\
         [[group]]\nname = \"readers\"\nintegration = \"hook\"\n",
        folder.path().join("ledger.redb"),
        receiver.url,
    );
    let file = folder.path().join("oncecast.toml");
    let config = Config::parse(&text, &file, Secrets::Resolve, &|_| None).expect("a config");
    let clock = std::sync::Arc::new(SystemClock);
    let ledger = Embedded::open(&config.ledger.path, clock.clone()).await.expect("opens");
    ledger.configure(setup_of(&config)).await.expect("configured");
    let entry = |t: &str| oncecast::model::Entry {
        guid: Some(t.to_owned()),
        title: t.to_owned(),
        ..Default::default()
    };
    for entries in [vec![entry("old")], vec![entry("new"), entry("old")]] {
        let sight = Sight::Document { entries, complete: true };
        let intake = Intake { feed: "blog".into(), sight, state: Default::default() };
        ledger.admit(intake).await.expect("admitted");
    }
    let parts = Parts {
        ledger: ledger.clone(),
        wire: oncecast::wire::Wire::open().expect("a network"),
        clock,
        bell: Bell::default(),
        pulse: std::sync::Arc::new(Pulse::default()),
    };
    let mut lane = lane_of(&config, &config.integrations[0], &parts);
    for _ in 0..8 {
        match ledger.due("hook").await.expect("readable").work {
            Some(Work::Due(due)) => drop(lane.deliver(&due).await.expect("went")),
            Some(Work::Doubt(doubt)) => drop(lane.look(&doubt).await.expect("went")),
            Some(Work::Amend(amend)) => drop(lane.amend(&amend).await.expect("went")),
            None => {}
        }
    }
    receiver.requests()
}

/// Readers of those groups that had a post got it again, because another group had failed.
#[tokio::test(start_paused = true)]
async fn h8_a_group_that_fails_repeats_nothing_to_the_others() {
    let mut world = one(&[("readers", ""), ("friends", ""), ("others", "")]).await;
    world.net.next("friends.example", &[Manner::Unreachable; 4]);
    world.net.next("others.example", &[Manner::Loses]);
    world.run(6 * HOUR).await;
    world.restart().await.expect("opens");
    world.run(6 * HOUR).await;
    for host in ["readers.example", "friends.example", "others.example"] {
        assert_eq!(world.net.seen(host, "new"), 1, "{host}");
    }
    assert_eq!(world.net.heard().len(), 3);
}

/// Readers got as many posts as the author had tapped on "retry".
#[tokio::test(start_paused = true)]
async fn h9_asking_many_times_to_send_sends_once() {
    let mut world = one(&[("readers", "")]).await;
    world.net.next("readers.example", &[Manner::Unreachable]);
    let again = before(&[post("new")], &archive(12));
    world.says_until_noticed(&again).await;
    for _ in 0..5 {
        world.replay("http://blog.example/new/", None).await;
        world.replay("http://blog.example/new/", Some("tapped")).await;
    }
    world.run(6 * HOUR).await;
    for _ in 0..5 {
        let steps = world.replay("http://blog.example/new/", None).await;
        assert!(!steps[0].sends, "{steps:?}");
    }
    world.run(HOUR).await;
    assert_eq!((world.seen("new"), world.net.heard().len()), (1, 1));
}

/// A key that is remembered for a day is relied on for less than that, and then a person must look.
#[tokio::test(start_paused = true)]
async fn trap_a_key_that_is_forgotten_before_the_last_retry() {
    let mut world = one(&[("readers", "receiver_dedupes = true")]).await;
    world.net.next("readers.example", &[Manner::Loses]);
    world.net.always("readers.example", Manner::Unreachable);
    world.run(20 * HOUR).await;
    // By now it may have forgotten the key: it shows whatever comes.
    let before = world.net.heard().len();
    world.net.always("readers.example", Manner::Shows(204));
    world.run(48 * HOUR).await;
    assert_eq!(world.net.heard().len(), before);
    assert_eq!(world.seen("new"), 1);
    assert_eq!(world.waiting(StatusKind::InDoubt).await.len(), 1);
}
