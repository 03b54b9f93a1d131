//! One send for one permit, whatever the other side does: counted at a real socket.

use std::sync::Arc;
use std::time::Duration;

use oncecast::adapter::{Adapter, CallSecrets, Known, registry};
use oncecast::clock::SystemClock;
use oncecast::config::{Config, Secrets};
use oncecast::daemon::setup_of;
use oncecast::ledger::embedded::Embedded;
use oncecast::ledger::{Claim, Intake, Ledger, Setup, Sight, Work};
use oncecast::model::{Entry, FeedState, Outcome, Request, Status};
use oncecast::wire::{Endpoint, Wire};

use super::support::receiver::{Manner, Receiver};

/// A ledger with one new post that is due, and the door to its group.
struct Scene {
    ledger: Arc<Embedded>,
    wire: Arc<Wire>,
    adapter: Arc<dyn Adapter>,
    endpoint: Endpoint,
    setup: Setup,
    _folder: tempfile::TempDir,
}

async fn scene(url: &str, more: &str) -> Scene {
    let folder = tempfile::tempdir().expect("a folder");
    let text = format!(
        "[guard]\nsettle = \"0s\"\n[[feed]]\nname = \"blog\"\nurl = \"feed.xml\"\n\
         [[integration]]\nname = \"hook\"\nkind = \"webhook\"\nurl = {url:?}\n{more}\n\
         [[group]]\nname = \"readers\"\nintegration = \"hook\"\n"
    );
    let file = folder.path().join("oncecast.toml");
    let config = Config::parse(&text, &file, Secrets::Resolve, &|_| None).expect("a config");
    let path = folder.path().join("ledger.redb");
    let ledger = Embedded::open(&path, Arc::new(SystemClock)).await.expect("a ledger");
    ledger.configure(setup_of(&config)).await.expect("configured");
    let entry = |n: u32| Entry {
        guid: Some(format!("g{n}")),
        link: Some(format!("http://blog.example/{n}")),
        title: format!("Post {n}"),
        ..Entry::default()
    };
    for entries in [vec![entry(1)], vec![entry(1), entry(2)]] {
        let sight = Sight::Document { entries, complete: true };
        let state = FeedState::default();
        let intake = Intake { feed: "blog".into(), sight, state };
        ledger.admit(intake).await.expect("admitted");
    }
    let integration = &config.integrations[0];
    Scene {
        ledger,
        wire: Wire::open().expect("a network"),
        adapter: registry::build(integration),
        endpoint: Endpoint { base: integration.url.clone(), timeout: Duration::from_secs(2) },
        setup: setup_of(&config),
        _folder: folder,
    }
}

impl Scene {
    /// Claims what is due, sends it, settles it, and tells what was proved and where it stands.
    async fn send(&self) -> Option<(Outcome, Status)> {
        let waiting = self.ledger.due("hook").await.expect("readable");
        let Some(Work::Due(due)) = waiting.work else { return None };
        let body = serde_json::json!({ "data": { "title": due.entry.title } });
        let request = Request::json(oncecast::model::Method::Post, "", &body);
        let Claim::Granted(permit) = self.ledger.claim(due.id, request).await.expect("claimed")
        else {
            return None;
        };
        let adapter = self.adapter.as_ref();
        let spent = self
            .wire
            .publish(permit, &self.endpoint, &CallSecrets::default(), adapter, &Known::default())
            .await;
        let outcome = spent.outcome().clone();
        let settled = self.ledger.settle(&spent).await.expect("settled");
        Some((outcome, settled.status))
    }
}

/// Every behaviour of a server, what it proves, and that it was sent one request.
#[tokio::test]
async fn whatever_a_server_does_it_is_sent_one_request() {
    let slow = Duration::from_secs(30);
    for (manner, outcome, status) in [
        (Manner::Answers(200), "published", "published"),
        (Manner::Answers(204), "published", "published"),
        (Manner::Drops, "unknown", "in doubt"),
        (Manner::After(slow), "unknown", "in doubt"),
        (Manner::Answers(500), "unknown", "in doubt"),
        (Manner::Answers(502), "unknown", "in doubt"),
        (Manner::Answers(408), "unknown", "in doubt"),
        (Manner::Redirects(307), "refused", "refused"),
        (Manner::Redirects(308), "refused", "refused"),
        (Manner::Redirects(302), "refused", "refused"),
        (Manner::Denies(422), "refused", "refused"),
        (Manner::Denies(429), "deferred", "due"),
        (Manner::Denies(401), "deferred", "due"),
    ] {
        let receiver = Receiver::open(manner).await;
        let scene = scene(&receiver.url, "").await;
        let (proved, stands) = scene.send().await.expect("a post is due");
        assert_eq!((proved.word(), stands.kind().word()), (outcome, status), "{manner:?}");
        assert!(scene.send().await.is_none(), "{manner:?}: nothing more may be sent now");
        assert_eq!(receiver.requests(), 1, "{manner:?}");
    }
}

#[tokio::test]
async fn a_server_that_is_not_there_was_not_told_and_is_told_later() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}/", listener.local_addr().expect("an address"));
    drop(listener);
    let scene = scene(&url, "").await;
    let (proved, stands) = scene.send().await.expect("a post is due");
    assert_eq!((proved.word(), stands.kind().word()), ("unsent", "due"));
}

#[tokio::test]
async fn two_workers_that_meet_over_one_post_get_one_permit() {
    let receiver = Receiver::open(Manner::Answers(200)).await;
    let scene = scene(&receiver.url, "").await;
    let Some(Work::Due(due)) = scene.ledger.due("hook").await.expect("readable").work else {
        panic!("a post is due");
    };
    let request = || Request::get("/");
    let claims = (0..8).map(|_| scene.ledger.claim(due.id, request())).collect::<Vec<_>>();
    let mut granted = 0;
    for claim in claims {
        granted += u32::from(matches!(claim.await.expect("answered"), Claim::Granted(_)));
    }
    assert_eq!(granted, 1);
}

#[tokio::test]
async fn a_permit_that_was_lost_on_the_way_is_never_granted_again() {
    let receiver = Receiver::open(Manner::Answers(200)).await;
    let mut scene = scene(&receiver.url, "").await;
    let Some(Work::Due(due)) = scene.ledger.due("hook").await.expect("readable").work else {
        panic!("a post is due");
    };
    let claim = scene.ledger.claim(due.id, Request::get("/")).await.expect("claimed");
    assert!(matches!(claim, Claim::Granted(_)));
    drop(claim);
    assert!(scene.send().await.is_none());
    // A restart reads it as in doubt, and a receiver that cannot be asked leaves it to a person.
    scene.ledger.close().await.expect("closed");
    let path = scene._folder.path().join("ledger.redb");
    let again = Embedded::open(&path, Arc::new(SystemClock)).await.expect("opens");
    let kept = std::mem::replace(&mut scene.ledger, again);
    drop(kept);
    let waiting = scene.ledger.waiting(10).await.expect("readable");
    assert!(matches!(waiting[0].status, Status::InDoubt { .. }), "{waiting:?}");
}

/// I6: the cap is counted in the claim's own transaction, so a restart grants no fresh burst.
#[tokio::test]
async fn a_restart_does_not_refill_the_caps() {
    let receiver = Receiver::open(Manner::Answers(200)).await;
    let caps = "caps = { per_10m = 1, per_hour = 1, per_day = 1 }";
    let scene = scene(&receiver.url, caps).await;
    scene.send().await.expect("the first is sent");
    let entry = Entry { guid: Some("g3".into()), title: "Third".into(), ..Entry::default() };
    let sight = Sight::Document { entries: vec![entry], complete: false };
    let intake = Intake { feed: "blog".into(), sight, state: FeedState::default() };
    scene.ledger.admit(intake).await.expect("admitted");
    let Some(Work::Due(due)) = scene.ledger.due("hook").await.expect("readable").work else {
        panic!("a post is due");
    };
    let claim = scene.ledger.claim(due.id, Request::get("/")).await.expect("answered");
    assert!(matches!(claim, Claim::NotNow { wait: Some(_), .. }), "{claim:?}");
    assert_eq!(receiver.requests(), 1);
}

/// A platform that keeps losing answers is given rests, and a restart does not cut them short.
#[tokio::test]
async fn a_lane_that_keeps_failing_rests_across_restarts() {
    let receiver = Receiver::open(Manner::Drops).await;
    let mut scene = scene(&receiver.url, "").await;
    scene.send().await.expect("the first is sent");
    let entry =
        |title: &str| Entry { guid: Some(title.into()), title: title.into(), ..Entry::default() };
    for title in ["harbours", "clouds", "bridges"] {
        let sight = Sight::Document { entries: vec![entry(title)], complete: false };
        let intake = Intake { feed: "blog".into(), sight, state: FeedState::default() };
        scene.ledger.admit(intake).await.expect("admitted");
    }
    for _ in 0..2 {
        scene.send().await.expect("two more are sent");
    }
    assert!(scene.send().await.is_none(), "after three failures in a row the lane rests");
    let setup = scene.setup.clone();
    scene.ledger.close().await.expect("closed");
    let path = scene._folder.path().join("ledger.redb");
    scene.ledger = Embedded::open(&path, Arc::new(SystemClock)).await.expect("opens");
    scene.ledger.configure(setup).await.expect("configured");
    assert!(scene.send().await.is_none());
    let lane = scene.ledger.overview().await.expect("readable").lanes.remove(0);
    assert!(lane.rests_until.is_some() && lane.failures == 3, "{lane:?}");
    assert_eq!(receiver.requests(), 3);
    scene.ledger.resume(Some("hook".into()), "test".into()).await.expect("a person says go on");
    scene.send().await.expect("and it goes on");
}
