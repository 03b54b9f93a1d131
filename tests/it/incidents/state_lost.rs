//! A: the memory of what was sent was lost, was too short, or was put back to an older day.

use oncecast::ledger::{LedgerError, Trust};
use oncecast::model::StatusKind;

use super::blog::{archive, before, post};
use super::world::{HOUR, World};

/// Readers got everything that a blog had ever said, when the bot came up on an empty disk.
#[tokio::test(start_paused = true)]
async fn a1_a3_a4_a_restart_on_an_empty_disk_does_not_repost_the_archive() {
    let mut world = World::new().await;
    let old = archive(12);
    let all = before(&[post("new")], &old);
    world.says(&old, HOUR).await;
    world.says(&all, HOUR).await;
    assert_eq!(world.seen("new"), 1);
    world.stop().await;
    std::fs::remove_dir_all(world.state()).expect("lost");
    // The witness is elsewhere and knows better: nothing is begun anew in silence.
    let refused = world.start().await;
    assert!(matches!(refused, Err(LedgerError::Untrusted { .. })), "{refused:?}");
    std::fs::remove_file(world.witness()).expect("lost as well");
    world.start().await.expect("nothing tells of a ledger");
    world.says(&all, 6 * HOUR).await;
    assert_eq!(world.net.shown(), 1, "all of it is baseline");
    world.says(&before(&[post("later")], &all), HOUR).await;
    assert_eq!(world.seen("later"), 1, "and it goes on");
}

/// Readers got all old items at each restart, since what was seen stood in memory alone.
#[tokio::test(start_paused = true)]
async fn a2_a10_a_restart_remembers_what_was_sent_and_what_was_there() {
    let mut world = World::new().await;
    let old = archive(12);
    world.says(&old, HOUR).await;
    for name in ["first", "second", "third"] {
        world.says(&before(&[post(name)], &old), HOUR).await;
        world.restart().await.expect("opens");
        world.run(HOUR).await;
        assert_eq!(world.seen(name), 1);
    }
    assert_eq!(world.net.shown(), 3);
}

/// Readers got posts again from a machine whose state came out of a cache of last week.
#[tokio::test(start_paused = true)]
async fn a5_an_older_copy_of_the_memory_sends_nothing() {
    let mut world = World::new().await;
    let old = archive(12);
    world.says(&old, HOUR).await;
    world.stop().await;
    let ledger = world.state().join("ledger.redb");
    let cached = std::fs::read(&ledger).expect("copied");
    world.start().await.expect("opens");
    let all = before(&[post("new")], &old);
    world.says(&all, HOUR).await;
    assert_eq!(world.seen("new"), 1);
    world.stop().await;
    std::fs::write(&ledger, cached).expect("put back");
    world.start().await.expect("opens to look");
    world.says(&all, 6 * HOUR).await;
    let overview = world.parts.ledger.overview().await.expect("readable");
    assert!(matches!(overview.trust, Trust::Observes { .. }), "{:?}", overview.trust);
    assert_eq!(world.net.shown(), 1);
}

/// Readers were told of old items again after the blog had been down: what a failed fetch did not show
/// had been forgotten.
#[tokio::test(start_paused = true)]
async fn a6_a_blog_that_was_down_is_not_news_when_it_is_back() {
    let mut world = World::new().await;
    let old = archive(12);
    let all = before(&[post("new")], &old);
    world.says(&old, HOUR).await;
    world.says(&all, HOUR).await;
    let half = super::blog::rss(&all);
    let half = half[..half.len() / 2].to_vec();
    let page = b"<html><body>down for maintenance</body></html>".to_vec();
    for (status, body, whole) in [
        (500, Vec::new(), true),
        (200, page, true),
        (200, Vec::new(), true),
        (200, super::blog::rss(&[]), true),
        (200, half.clone(), true),
        (200, half, false),
        (404, Vec::new(), true),
    ] {
        world.answers(status, body, whole);
        world.run(2 * HOUR).await;
        world.says(&all, 2 * HOUR).await;
    }
    assert_eq!((world.seen("new"), world.net.shown()), (1, 1));
}

/// Readers got old posts again when they came back into the feed after more than the seen list held.
#[tokio::test(start_paused = true)]
async fn a7_a8_a9_a_post_that_resurfaces_after_a_thousand_others_is_still_known() {
    let mut world = World::with("burst = 1000\nshare = 1.0", &[("readers", "")]).await;
    let old = archive(10);
    world.says(&old, HOUR).await;
    world.says(&before(&[post("first")], &old), HOUR).await;
    assert_eq!(world.seen("first"), 1);
    world.parts.ledger.pause(None, "not the point".into(), "test".into()).await.expect("paused");
    for page in 0..12 {
        let page: Vec<_> = (0..100).map(|n| post(&format!("later-{page}-{n}"))).collect();
        world.says(&page, HOUR / 3).await;
    }
    assert!(world.parts.ledger.overview().await.expect("readable").entries > 1_200);
    let known = world.parts.ledger.overview().await.expect("readable").entries;
    world.says(&before(&[post("first")], &old), HOUR).await;
    assert_eq!(world.parts.ledger.overview().await.expect("readable").entries, known);
    let first = world.entry("http://blog.example/first/").await;
    assert!(matches!(&first.deliveries[..], [one] if one.status.kind() == StatusKind::Published));
}
