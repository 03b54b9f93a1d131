//! What is believed of a platform that does not have a post in doubt: too early an "absent" repeats what
//! is about to appear, and too late a repeat brings back what its author took away.

use std::sync::Arc;
use std::time::Duration;

use oncecast::clock::TokioClock;
use oncecast::ledger::embedded::Embedded;
use oncecast::ledger::{
    Audience, Claim, Intake, Lane, Ledger as _, Policy, Setup, Sight, Verdict, Work,
};
use oncecast::model::{
    Caps, DeliveryId, Entry, FeedState, Found, Guarantee, Request, Status, Time, WhenAbsent,
};

const MINUTE: Duration = Duration::from_secs(60);

/// A ledger with one delivery in doubt, as a crash in its call leaves it.
struct Doubt {
    ledger: Arc<Embedded>,
    id: DeliveryId,
    _folder: tempfile::TempDir,
}

async fn doubt(when_absent: WhenAbsent) -> Doubt {
    let folder = tempfile::tempdir().expect("a folder");
    let clock = TokioClock::starting_at(Time::from_millis(1_767_323_045_000));
    let setup = Setup {
        policy: Policy { settle: Duration::ZERO, ..Policy::default() },
        lanes: vec![Lane {
            name: "lane".into(),
            caps: Caps { per_10m: 100, per_hour: 100, per_day: 100 },
            doubt_after: MINUTE,
        }],
        groups: vec![Audience {
            name: "readers".into(),
            lane: "lane".into(),
            feeds: vec!["blog".into()],
            when_absent,
            upkeep: oncecast::model::Upkeep::default(),
            ..Audience::default()
        }],
    };
    let path = folder.path().join("ledger.redb");
    let ledger = Embedded::open(&path, clock.clone()).await.expect("opens");
    ledger.configure(setup.clone()).await.expect("configured");
    let entry = |t: &str| Entry { guid: Some(t.into()), title: t.to_owned(), ..Entry::default() };
    for entries in [vec![entry("old")], vec![entry("new"), entry("old")]] {
        let sight = Sight::Document { entries, complete: true };
        let intake = Intake { feed: "blog".into(), sight, state: FeedState::default() };
        ledger.admit(intake).await.expect("admitted");
    }
    let Some(Work::Due(due)) = ledger.due("lane").await.expect("readable").work else {
        panic!("a post is due");
    };
    let claim = ledger.claim(due.id, Request::get("/")).await.expect("answered");
    assert!(matches!(claim, Claim::Granted(_)), "{claim:?}");
    drop(claim);
    ledger.close().await.expect("closed");
    let ledger = Embedded::open(&path, clock).await.expect("opens");
    ledger.configure(setup).await.expect("configured");
    Doubt { ledger, id: due.id, _folder: folder }
}

impl Doubt {
    async fn absent(&self) -> Status {
        let verdict = Verdict::Absent("readers could see a repeat".into());
        self.ledger.resolve(self.id, verdict, "test".into()).await.expect("resolved")
    }

    /// Claims again whatever was found to be due again.
    async fn fails_again(&self) {
        let claim = self.ledger.claim(self.id, Request::get("/")).await.expect("answered");
        let Claim::Granted(permit) = claim else { panic!("{claim:?}") };
        drop(permit);
    }
}

/// A platform whose index lags says "absent" of what its readers have seen already.
#[tokio::test(start_paused = true)]
async fn what_is_not_found_is_sent_again_only_where_the_group_says_so_and_after_two_late_looks() {
    let doubt = doubt(WhenAbsent::Send).await;
    // However often it is asked in the first minutes.
    for _ in 0..4 {
        assert!(matches!(doubt.absent().await, Status::InDoubt { .. }));
        tokio::time::advance(MINUTE).await;
    }
    tokio::time::advance(2 * MINUTE).await;
    assert!(matches!(doubt.absent().await, Status::InDoubt { .. }), "the first that counts");
    tokio::time::advance(Duration::from_secs(59)).await;
    assert!(matches!(doubt.absent().await, Status::InDoubt { .. }), "too close to the first");
    tokio::time::advance(Duration::from_secs(1)).await;
    let unsure = Verdict::Asked(Found::Unsure("it is down".into()));
    let status = doubt.ledger.resolve(doubt.id, unsure, "test".into()).await.expect("resolved");
    assert!(matches!(status, Status::InDoubt { .. }), "no answer is no proof");
    assert!(matches!(doubt.absent().await, Status::Due { .. }));
    let found = doubt.ledger.find("new").await.expect("readable").remove(0);
    let lines = doubt.ledger.history(found.number).await.expect("readable");
    assert!(lines.iter().any(|l| l.detail.contains("when_absent")), "{lines:?}");
    doubt.fails_again().await;
}

#[tokio::test(start_paused = true)]
async fn what_is_not_found_waits_for_a_person_unless_the_group_says_otherwise() {
    let doubt = doubt(WhenAbsent::Wait).await;
    for _ in 0..50 {
        tokio::time::advance(60 * MINUTE).await;
        assert!(matches!(doubt.absent().await, Status::InDoubt { .. }));
    }
    let status = doubt.ledger.resolve(doubt.id, Verdict::PersonAbsent, "me".into()).await;
    assert!(matches!(status.expect("resolved"), Status::Due { .. }));
}

/// An author who has seen the post and deleted it would find it there again.
#[tokio::test(start_paused = true)]
async fn a_post_that_its_author_may_have_deleted_is_not_put_back() {
    let doubt = doubt(WhenAbsent::Wait).await;
    tokio::time::advance(Guarantee::REGRET).await;
    let claim = doubt.ledger.reclaim(doubt.id, Guarantee::DerivedId).await.expect("answered");
    assert!(matches!(claim, Claim::NotNow { wait: None, .. }), "{claim:?}");
    assert!(matches!(doubt.absent().await, Status::InDoubt { .. }));
}
