//! I: two of them ran at once, and each thought that it was the one.

use std::sync::Arc;

use oncecast::config::{Feed, FeedSource};
use oncecast::flow::poll::Poller;
use oncecast::ledger::embedded::{Embedded, Place};
use oncecast::ledger::{Claim, Ledger as _, LedgerError, Trust, Work};
use oncecast::model::Request;
use tokio::sync::Semaphore;

use super::blog::{archive, before, post};
use super::net::Manner;
use super::world::{HOUR, World};

/// Readers got posts with images twice: a second run began while the first was busy with the upload, and
/// the mark was set after it.
#[tokio::test(start_paused = true)]
async fn i1_i6_i8_workers_that_meet_over_one_post_get_one_permit() {
    let mut world = World::new().await;
    let old = archive(12);
    world.says(&old, HOUR).await;
    world.net.always("readers.example", Manner::Unreachable);
    world.says(&before(&[post("new")], &old), HOUR).await;
    world.run(HOUR).await;
    let ledger = Arc::clone(&world.parts.ledger);
    let due = loop {
        if let Some(Work::Due(due)) = ledger.due("readers-hook").await.expect("readable").work {
            break due;
        }
        tokio::time::advance(super::world::MINUTE).await;
    };
    let claims: Vec<_> = (0..16).map(|_| ledger.claim(due.id, Request::get("/"))).collect();
    let mut granted = 0;
    for claim in claims {
        granted += u32::from(matches!(claim.await.expect("answered"), Claim::Granted(_)));
    }
    assert_eq!(granted, 1);
}

/// Readers got posts twice from an editor that saved twice, and from page loads that polled at once.
#[tokio::test(start_paused = true)]
async fn i2_i4_polls_at_the_same_moment_tell_a_post_once() {
    let mut world = World::with("settle = \"0s\"", &[("readers", "")]).await;
    let old = archive(12);
    world.says(&old, HOUR).await;
    world.blog(&before(&[post("new")], &old));
    tokio::time::advance(HOUR).await;
    let url = "http://blog.example/feed".parse().expect("a URL");
    let feed =
        Feed { name: "blog".into(), source: FeedSource::Http(url), every: HOUR, every_max: HOUR };
    let poller = || Poller::new(feed.clone(), world.parts.clone(), Arc::new(Semaphore::new(1)));
    let (one, two, three) = (poller(), poller(), poller());
    let (one, two, three) = tokio::join!(one.turn(), two.turn(), three.turn());
    assert!(one.is_ok() && two.is_ok() && three.is_ok());
    world.run(HOUR).await;
    assert_eq!((world.seen("new"), world.net.heard().len()), (1, 1));
}

/// Readers got copies of everything: a new run was started by cron while the old one still ran.
#[tokio::test(start_paused = true)]
async fn i3_i5_i9_a_second_daemon_on_the_same_memory_does_not_start() {
    let mut world = World::new().await;
    let old = archive(12);
    world.says(&old, HOUR).await;
    for _ in 0..2 {
        let second = world.another().await.map(|_| ());
        assert!(matches!(second, Err(LedgerError::InUse { .. })), "{second:?}");
        world.says(&before(&[post("new")], &old), HOUR).await;
        assert_eq!(world.seen("new"), 1);
    }
}

/// Readers got delayed copies: the old server had been left running after the move to a new one.
#[tokio::test(start_paused = true)]
async fn i7_a_copy_of_the_memory_on_another_machine_sends_nothing() {
    let mut world = World::new().await;
    let old = archive(12);
    world.says(&old, HOUR).await;
    world.stop().await;
    let folder = tempfile::tempdir().expect("a folder");
    let (path, witness) = (folder.path().join("ledger.redb"), folder.path().join("witness"));
    std::fs::copy(world.state().join("ledger.redb"), &path).expect("moved");
    std::fs::copy(world.witness(), &witness).expect("moved");
    world.start().await.expect("the old one goes on");
    let host = Some("another-machine".to_owned());
    let place = Place { path, witness: Some(witness), expected: true, host, ..Place::default() };
    let moved = Embedded::open(place, world.parts.clock.clone()).await.expect("opens to look");
    let trust = moved.overview().await.expect("readable").trust;
    assert!(matches!(&trust, Trust::Observes { .. }), "{trust:?}");
    world.says(&before(&[post("new")], &old), HOUR).await;
    assert_eq!(world.seen("new"), 1);
}
