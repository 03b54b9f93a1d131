//! G: the post was out, and then the note of it failed.

use std::sync::Arc;
use std::time::Duration;

use oncecast::ledger::LedgerError;
use oncecast::model::StatusKind;

use super::blog::{archive, before, post};
use super::faulty::{Fault, Faulty};
use super::net::Manner;
use super::world::{HOUR, World};

const THREE: [&str; 3] = ["one", "two", "three"];

/// A house that knows an archive, with three new posts in the blog.
async fn three() -> World {
    let mut world = World::new().await;
    let old = archive(12);
    world.says(&old, HOUR).await;
    world.blog(&before(&THREE.map(post), &old));
    world
}

/// Readers got a post without end: what came after the sending failed, and the sending was repeated
/// with it.
#[tokio::test(start_paused = true)]
async fn g1_an_outcome_that_cannot_be_noted_repeats_nothing() {
    let mut world = three().await;
    let fault = Fault { settles: 5, ..Fault::default() };
    let faulty = Arc::new(Faulty::over(Arc::clone(&world.parts.ledger), fault));
    world.under(faulty.clone());
    let failures = async {
        loop {
            faulty.failed.notified().await;
            tokio::time::advance(Duration::from_secs(6)).await;
        }
    };
    tokio::select! {
        () = world.run(HOUR) => {}
        () = failures => {}
    }
    assert_eq!(faulty.faults(), 5, "it was offered until it was taken");
    assert_eq!((world.net.shown(), world.net.heard().len()), (3, 3));
    assert!(world.waiting(StatusKind::InDoubt).await.is_empty());
}

/// Readers got a post at every restart, since it still stood in the queue.
#[tokio::test(start_paused = true)]
async fn g2_a_crash_between_sending_and_noting_it_sends_nothing_again() {
    let mut world = three().await;
    world.net.next("readers.example", &[Manner::Hangs]);
    world.run_until_it_hangs(HOUR).await;
    for _ in 0..3 {
        world.restart().await.expect("opens");
        world.run(2 * HOUR).await;
    }
    assert_eq!(world.waiting(StatusKind::InDoubt).await.len(), 1, "a person sees it");
    assert_eq!((world.net.shown(), world.net.heard().len()), (3, 3));
}

/// Readers got over a thousand copies: the server had taken each and the client saw errors.
#[tokio::test(start_paused = true)]
async fn g3_a_server_that_takes_posts_and_answers_with_errors_gets_each_once() {
    for manner in [Manner::Loses, Manner::Shows(500), Manner::Shows(502), Manner::Shows(503)] {
        let mut world = three().await;
        world.net.always("readers.example", manner);
        world.run(24 * HOUR).await;
        assert_eq!(world.waiting(StatusKind::InDoubt).await.len(), 3, "{manner:?}");
        world.net.always("readers.example", Manner::Shows(204));
        world.restart().await.expect("opens");
        world.run(6 * HOUR).await;
        assert_eq!((world.net.shown(), world.net.heard().len()), (3, 3), "{manner:?}");
    }
}

/// Readers got the first posts of a list with every run, because one behind them failed and the state
/// was saved after the last.
#[tokio::test(start_paused = true)]
async fn g4_g5_a_bad_post_in_the_middle_repeats_none_before_it() {
    for bad in [Manner::Denies(422), Manner::Unreachable, Manner::Loses, Manner::Denies(429)] {
        let mut world = three().await;
        world.net.next("readers.example", &[Manner::Shows(204), bad]);
        for _ in 0..4 {
            world.run(HOUR).await;
            world.restart().await.expect("opens");
        }
        world.run(6 * HOUR).await;
        let seen = THREE.map(|name| world.seen(name));
        let refused = u32::from(bad == Manner::Denies(422));
        assert_eq!(seen.iter().sum::<u32>(), 3 - refused, "{bad:?}");
    }
}

/// A ledger that cannot say whether it has taken the intent: nothing is sent on the strength of it.
#[tokio::test(start_paused = true)]
async fn l2_what_cannot_be_noted_beforehand_is_not_sent() {
    let mut world = three().await;
    let fault = Fault { claims: u32::MAX, ..Fault::default() };
    world.under(Arc::new(Faulty::over(Arc::clone(&world.parts.ledger), fault)));
    world.run(HOUR).await;
    assert!(world.net.heard().is_empty());
    world.restart().await.expect("opens");
    world.run(HOUR).await;
    assert_eq!(world.net.shown(), 3, "and nothing is lost");
}

/// Readers were told the same story again and again by a tool whose database was broken: "cannot be read"
/// had become "not seen".
#[tokio::test(start_paused = true)]
async fn l1_a_memory_that_cannot_be_read_is_not_an_empty_one() {
    let mut world = three().await;
    world.run(HOUR).await;
    assert_eq!(world.net.shown(), 3);
    world.stop().await;
    super::faulty::spoil_entries(&world.state().join("ledger.redb"));
    // It may refuse to open at all; where it opens, it must not believe that nothing is known.
    if world.start().await.is_ok() {
        let old = archive(12);
        world.says(&before(&THREE.map(post), &old), HOUR).await;
        world.says(&before(&[post("four")], &before(&THREE.map(post), &old)), HOUR).await;
    }
    assert_eq!(world.net.shown(), 3);
}

/// Readers got the same story as new again and again, from a database that had broken.
#[tokio::test(start_paused = true)]
async fn l3_a_broken_file_stops_everything_at_the_start() {
    let mut world = three().await;
    world.run(HOUR).await;
    world.stop().await;
    let path = world.state().join("ledger.redb");
    let mut bytes = std::fs::read(&path).expect("readable");
    let half = bytes.len() / 2;
    bytes[half..].fill(0xA5);
    std::fs::write(&path, bytes).expect("broken");
    let refused = world.start().await;
    assert!(matches!(refused, Err(LedgerError::Untrusted { .. })), "{refused:?}");
    assert_eq!(world.net.shown(), 3);
}
