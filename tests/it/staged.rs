//! What stands ready at a platform before its publish call, as the ledger keeps it: found again after a
//! crash, never for another post, and never anything but the call of a claim.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use oncecast::clock::TokioClock;
use oncecast::ledger::embedded::Embedded;
use oncecast::ledger::{
    Audience, Claim, DueWork, Intake, Lane, Ledger as _, Policy, Setup, Sight, Work,
};
use oncecast::model::{Caps, Entry, FeedState, Method, Request, Staged, Time};

const START: Time = Time::from_millis(1_767_323_045_000);
const MINUTE: Duration = Duration::from_secs(60);

async fn open(folder: &Path, clock: &Arc<TokioClock>) -> Arc<Embedded> {
    let ledger = Embedded::open_and(&folder.join("ledger.redb"), clock.clone(), None).await;
    let ledger = ledger.expect("opens");
    let lane = Lane {
        name: "lane".into(),
        caps: Caps { per_10m: 100, per_hour: 100, per_day: 100 },
        doubt_after: MINUTE,
    };
    let readers = Audience {
        name: "readers".into(),
        lane: "lane".into(),
        feeds: vec!["blog".into()],
        ..Audience::default()
    };
    let policy = Policy { settle: Duration::ZERO, ..Policy::default() };
    let setup = Setup { policy, lanes: vec![lane], groups: vec![readers] };
    ledger.configure(setup).await.expect("configured");
    ledger
}

/// A ledger that owes one post.
async fn owing(folder: &Path, clock: &Arc<TokioClock>) -> Arc<Embedded> {
    let ledger = open(folder, clock).await;
    let entry = |name: &str| Entry {
        guid: Some(name.into()),
        title: format!("All about {name}"),
        link: Some(format!("https://blog.example/{name}")),
        ..Entry::default()
    };
    for entries in [vec![entry("old")], vec![entry("old"), entry("new")]] {
        let sight = Sight::Document { entries, complete: true };
        let intake = Intake { feed: "blog".into(), sight, state: FeedState::default() };
        ledger.admit(intake).await.expect("admitted");
    }
    ledger
}

async fn due(ledger: &Embedded) -> DueWork {
    match ledger.due("lane").await.expect("readable").work {
        Some(Work::Due(due)) => *due,
        other => panic!("it is due: {other:?}"),
    }
}

fn staged() -> Staged {
    let path = "/wp-json/wp/v2/posts/12".to_owned();
    let request = Request { path, ..Request::json(Method::Post, "", &serde_json::json!({})) };
    let notes = vec!["without its picture: too large".to_owned()];
    Staged { of: Staged::fingerprint("what it says"), request, notes }
}

/// A draft that is forgotten in a crash is made again, and somebody finds two of them on their site.
#[tokio::test(start_paused = true)]
async fn a_draft_is_found_again_after_a_crash_and_told_of_in_the_journal() {
    let folder = tempfile::tempdir().expect("a folder");
    let clock = TokioClock::starting_at(START);
    let ledger = owing(folder.path(), &clock).await;
    let work = due(&ledger).await;
    assert!(work.staged.is_none());
    assert!(ledger.stage(work.id, staged()).await.expect("kept"));
    ledger.close().await.expect("closed");
    tokio::time::advance(MINUTE).await;

    let ledger = open(folder.path(), &clock).await;
    let work = due(&ledger).await;
    assert_eq!(work.staged, Some((staged(), MINUTE)));
    let history = ledger.history(work.id.entry).await.expect("readable");
    let line = history.iter().find(|line| line.event == "staged").expect("a line");
    assert!(line.detail.contains("/wp-json/wp/v2/posts/12"), "{line:?}");
    assert!(line.detail.contains("without its picture: too large"), "{line:?}");

    // The claim makes it the delivery's own call, and nothing stands ready any more.
    let claim = ledger.claim(work.id, staged().request).await.expect("answered");
    assert!(matches!(claim, Claim::Granted(_)), "{claim:?}");
    assert!(!ledger.stage(work.id, staged()).await.expect("answered"), "it is under way");
    drop(claim);
    ledger.close().await.expect("closed");
    let ledger = open(folder.path(), &clock).await;
    assert!(!ledger.stage(work.id, staged()).await.expect("answered"), "it is in doubt");
    let proof = ledger.verify(Box::new(|_, _| {})).await.expect("walked");
    assert!(proof.faults.is_empty(), "{:?}", proof.faults);
    ledger.close().await.expect("closed");
}
