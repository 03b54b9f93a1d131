//! L and the traps: stale copies, posts that were taken back, success that was none, and what other tools'
//! code does that must never be done here.

use oncecast::adapter::registry;
use oncecast::config::{Config, Secrets};
use oncecast::ledger::Selection;
use oncecast::model::{Outcome, Response, StatusKind};

use super::super::support::receiver::Manner as Real;
use super::blog::{archive, before, each, post};
use super::doubt::at_a_real_socket;
use super::net::Manner;
use super::world::{HOUR, World};

/// Readers got posts again as caches served yesterday's feed and today's by turns.
#[tokio::test(start_paused = true)]
async fn l4_a_feed_that_goes_backwards_is_no_news() {
    let mut world = World::new().await;
    let old = archive(12);
    let fresh = before(&[post("second")], &before(&[post("first")], &old));
    world.says(&old, HOUR).await;
    for _ in 0..6 {
        world.says(&fresh, HOUR / 2).await;
        world.says(&old, HOUR / 2).await;
        world.says(&fresh[1..], HOUR / 2).await;
    }
    world.says(&fresh, HOUR).await;
    assert_eq!((world.seen("first"), world.seen("second"), world.net.shown()), (1, 1, 2));
}

/// Readers got a post that its author had deleted before it was due.
#[tokio::test(start_paused = true)]
async fn l5_a_post_that_is_taken_back_before_it_is_sent_is_not_sent() {
    let mut world = World::new().await;
    let old = archive(12);
    world.says(&old, HOUR).await;
    world.says_until_noticed(&before(&[post("regretted")], &old)).await;
    world.says(&old, 2 * HOUR).await;
    assert_eq!(world.net.shown(), 0);
    // Later than that, a person's word holds at the last moment.
    world.net.always("readers.example", Manner::Unreachable);
    world.says(&before(&[post("withdrawn")], &old), 2 * HOUR).await;
    let entry = world.entry("http://blog.example/withdrawn/").await.number;
    let selection = Selection { entry, group: None };
    let why = "regretted".to_owned();
    world.parts.ledger.withdraw(selection, why, "person".into()).await.expect("withdrawn");
    world.net.always("readers.example", Manner::Shows(204));
    world.run(12 * HOUR).await;
    assert_eq!(world.net.shown(), 0);
}

/// Readers of one group never got a post, since the fan-out was only in memory when the process ended.
#[tokio::test(start_paused = true)]
async fn l6_what_is_owed_to_a_group_survives_an_end_in_the_middle() {
    let groups = [("readers", ""), ("friends", ""), ("others", "")];
    let mut world = World::with("", &groups).await;
    let old = archive(12);
    world.says(&old, HOUR).await;
    world.blog(&before(&[post("new")], &old));
    world.net.next("friends.example", &[Manner::Hangs]);
    world.run_until_it_hangs(HOUR).await;
    world.restart().await.expect("opens");
    world.run(HOUR).await;
    for host in ["readers.example", "friends.example", "others.example"] {
        assert_eq!(world.net.seen(host, "new"), 1, "{host}");
    }
}

/// Readers got nothing, and the tool said that all was well.
#[test]
fn l7_success_that_is_not_the_platforms_own_is_a_doubt() {
    let text = "[[feed]]\nname = \"blog\"\nurl = \"feed.xml\"\n\
        [[integration]]\nname = \"fedi\"\nkind = \"mastodon\"\nurl = \"https://fedi.example\"\n\
        token = { env = \"T\" }\n[[group]]\nname = \"g\"\nintegration = \"fedi\"\n";
    let file = std::path::Path::new("oncecast.toml");
    let env = |_: &str| Some("token".into());
    let config = Config::parse(text, file, Secrets::Resolve, &env).expect("a config");
    let adapter = registry::build(&config.integrations[0]);
    let judge = |status, body: &str| {
        let body = body.as_bytes().to_vec();
        adapter.judge(&Response { status, body, whole: true, ..Response::default() })
    };
    for page in ["<html>Welcome to our Wi-Fi</html>", "  <!doctype html><title>Log in</title>"] {
        let outcome = judge(200, page);
        assert!(matches!(outcome, Outcome::Unknown { .. }), "{outcome:?}");
    }
    let named = judge(200, r#"{"id": "7", "url": "https://fedi.example/@me/7"}"#);
    let Outcome::Published { reference } = named else { panic!("{named:?}") };
    assert_eq!(reference.id.as_deref(), Some("7"), "the proof is the platform's own name for it");
    // Its own success without a name is believed and never repeated, and it is shown to have no proof.
    let nameless = judge(200, "{}");
    let Outcome::Published { reference } = nameless else { panic!("{nameless:?}") };
    assert!(reference.id.is_none() && reference.url.is_none());
}

/// A library that repeats a POST by default, over a layer that does so too.
#[tokio::test(flavor = "multi_thread")]
async fn trap_stacked_retries_and_a_client_that_replays_or_follows_a_post() {
    for manner in [Real::Drops, Real::Redirects(307), Real::Redirects(308), Real::Redirects(302)] {
        assert_eq!(at_a_real_socket(manner).await, 1, "{manner:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn trap_a_post_sent_again_after_http_500() {
    for status in [500, 502, 503, 504] {
        assert_eq!(at_a_real_socket(Real::Answers(status)).await, 1, "{status}");
    }
}

/// The end comes in the midst of a batch: what was sent before it is noted one by one.
#[tokio::test(start_paused = true)]
async fn trap_state_saved_once_after_all_posts() {
    let mut world = World::new().await;
    let old = archive(12);
    world.says(&old, HOUR).await;
    world.blog(&before(&["one", "two", "three"].map(post), &old));
    world.net.next("readers.example", &[Manner::Shows(204), Manner::Shows(204), Manner::Hangs]);
    world.run_until_it_hangs(HOUR).await;
    world.restart().await.expect("opens");
    world.run(2 * HOUR).await;
    assert_eq!((world.net.shown(), world.net.heard().len()), (3, 3));
}

/// The post by which the last look was remembered is gone.
#[tokio::test(start_paused = true)]
async fn trap_newness_by_a_single_cursor() {
    let mut world = World::new().await;
    let old = archive(12);
    world.says(&before(&[post("cursor")], &old), HOUR).await;
    world.says(&old, HOUR).await;
    world.says(&before(&[post("new")], &old), HOUR).await;
    assert_eq!((world.seen("new"), world.net.shown()), (1, 1));
}

/// As soon as one key was shared, every post was known by another kind of key, and all were new.
#[tokio::test(start_paused = true)]
async fn trap_the_kind_of_id_chosen_anew_at_each_fetch() {
    let mut world = World::new().await;
    let old = each(&archive(12), |p| p.text = String::new());
    world.says(&old, HOUR).await;
    let note = |name: &str| {
        let mut note = post(name);
        (note.guid, note.text) = (None, String::new());
        note.link = Some("http://blog.example/notes".into());
        note
    };
    let (one, two) = (note("harbours"), note("clouds"));
    world.says(&before(std::slice::from_ref(&one), &old), HOUR).await;
    assert_eq!(world.seen("harbours"), 1);
    let both = before(&[two.clone(), one.clone()], &old);
    for posts in [&both, &before(&[two], &old), &both, &before(&[one], &old), &both] {
        world.says(posts, HOUR).await;
    }
    assert_eq!((world.seen("harbours"), world.seen("clouds")), (1, 1));
    // One item twice, or one guid twice: the others stay what they are.
    let twice = each(&old, |p| p.guid = Some("http://blog.example/?p=1".into()));
    world.says(&twice, HOUR).await;
    world.says(&old, HOUR).await;
    assert_eq!(world.net.shown(), 2);
}

/// A hub's copy of a post has other ids than the feed's own, by turns.
#[tokio::test(start_paused = true)]
async fn trap_a_push_whose_ids_are_not_the_feeds() {
    let mut world = World::new().await;
    let old = archive(12);
    let all = before(&[post("new")], &old);
    let pushed = each(&all, |p| {
        p.guid = p.guid.take().map(|guid| guid.replace("http:", "https:"));
    });
    world.says(&old, HOUR).await;
    world.says(&pushed, HOUR).await;
    world.says(&all, HOUR).await;
    world.says(&pushed, HOUR).await;
    assert_eq!((world.seen("new"), world.net.shown()), (1, 1));
}

/// A replay that reset the row had erased the proof that the post was out.
#[tokio::test(start_paused = true)]
async fn trap_a_replay_that_erases_the_evidence() {
    let mut world = World::new().await;
    let old = archive(12);
    world.says(&old, HOUR).await;
    world.says(&before(&[post("new")], &old), HOUR).await;
    let link = "http://blog.example/new/";
    let was = world.entry(link).await;
    let lines = world.parts.ledger.history(was.number).await.expect("readable").len();
    // A person insists, and the platform is down: nothing is out twice yet.
    world.net.always("readers.example", Manner::Unreachable);
    let steps = world.replay(link, Some("it was deleted there")).await;
    assert!(steps[0].sends, "{steps:?}");
    world.run(HOUR).await;
    let is = world.entry(link).await;
    assert_eq!(is.deliveries.len(), 2, "{is:?}");
    assert_eq!(is.deliveries[0].status, was.deliveries[0].status, "the proof stands");
    assert_eq!(is.deliveries[0].status.kind(), StatusKind::Published);
    assert!(world.parts.ledger.history(was.number).await.expect("readable").len() > lines);
}
