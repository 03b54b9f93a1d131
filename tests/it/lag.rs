//! A poll that brings nothing costs no commit, and still nothing is forgotten that readers could notice.

use std::path::Path;
use std::sync::Arc;

use oncecast::clock::SystemClock;
use oncecast::ledger::embedded::Embedded;
use oncecast::ledger::{Intake, Ledger, Setup, Sight};
use oncecast::model::{Entry, FeedState, Time};

const fn at(seconds: u64) -> Time {
    Time::from_millis(1_767_323_045_000 + seconds * 1_000)
}

fn polled(seconds: u64, etag: &str) -> FeedState {
    let (next_poll, last_success) = (at(seconds + 900), Some(at(seconds)));
    FeedState { next_poll, last_success, etag: Some(etag.to_owned()), ..FeedState::default() }
}

async fn open(path: &Path) -> Arc<Embedded> {
    let ledger = Embedded::open(path, Arc::new(SystemClock)).await.expect("opens");
    ledger.configure(Setup::default()).await.expect("configured");
    ledger
}

async fn took(ledger: &Embedded, sight: Sight, state: FeedState) {
    let intake = Intake { feed: "blog".to_owned(), sight, state };
    ledger.admit(intake).await.expect("taken");
}

async fn known(ledger: &Embedded) -> FeedState {
    ledger.feed("blog").await.expect("readable").0.expect("known")
}

/// What a kill at this moment would leave.
async fn after_a_kill(folder: &Path) -> FeedState {
    let copy = tempfile::tempdir().expect("a folder");
    for name in ["ledger.redb", "ledger.witness"] {
        std::fs::copy(folder.join(name), copy.path().join(name)).expect("copied");
    }
    let ledger = open(&copy.path().join("ledger.redb")).await;
    let state = known(&ledger).await;
    ledger.close().await.expect("closed");
    state
}

/// Ten thousand feeds that say nothing new would wear a disk down for nothing, and every post would wait
/// behind their commits. A server that must be left alone is, whatever happens to us.
#[tokio::test]
async fn a_poll_that_brings_nothing_is_written_with_others_and_at_the_end() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("ledger.redb");
    let ledger = open(&path).await;
    let entry = Entry { guid: Some("a".into()), title: "A".into(), ..Entry::default() };
    let document = || Sight::Document { entries: vec![entry.clone()], complete: true };
    took(&ledger, document(), polled(0, "a")).await;
    assert_eq!(after_a_kill(folder.path()).await, polled(0, "a"));

    took(&ledger, Sight::Unchanged, polled(900, "a")).await;
    assert_eq!(known(&ledger).await, polled(900, "a"), "it is known at once");
    let overview = ledger.overview().await.expect("readable");
    assert_eq!(overview.feeds[0].1, polled(900, "a"), "and told");
    assert_eq!(after_a_kill(folder.path()).await, polled(0, "a"), "it has cost a commit");

    // A rehearsal is none.
    let intake = Intake { feed: "blog".into(), sight: Sight::Unchanged, state: polled(1_800, "a") };
    ledger.foresee(intake).await.expect("foreseen");
    assert_eq!(known(&ledger).await, polled(900, "a"), "a rehearsal has left something");

    // Whatever else is said is written at once, and the newest stands.
    took(&ledger, Sight::Unchanged, polled(1_800, "b")).await;
    assert_eq!(after_a_kill(folder.path()).await, polled(1_800, "b"));
    took(&ledger, Sight::Unchanged, polled(2_700, "b")).await;
    let alone = Some(("blog.example".to_owned(), at(9_000)));
    let told = FeedState { not_before: alone, failures: 1, ..polled(3_600, "b") };
    took(&ledger, Sight::Nothing, told.clone()).await;
    assert_eq!(after_a_kill(folder.path()).await, told);

    took(&ledger, document(), polled(4_500, "c")).await;
    took(&ledger, Sight::Unchanged, polled(5_400, "c")).await;
    ledger.close().await.expect("closed");
    let again = open(&path).await;
    assert_eq!(
        known(&again).await,
        polled(5_400, "c"),
        "an end that is none of a kill forgets nothing"
    );
    again.close().await.expect("closed");
}
