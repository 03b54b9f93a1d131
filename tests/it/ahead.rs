//! Posts that follow on one another in a lane: one commit settles the one and claims the next, and no
//! reader may notice.

use std::sync::Arc;

use oncecast::adapter::{CallSecrets, Known};
use oncecast::clock::SystemClock;
use oncecast::config::{Config, Secrets};
use oncecast::daemon::{lane_of, setup_of};
use oncecast::flow::{Bell, Parts, Pulse, dispatch};
use oncecast::ledger::embedded::Embedded;
use oncecast::ledger::{Claim, Intake, Ledger, Sight, Work};
use oncecast::model::{Entry, FeedState, Request, StatusKind};
use oncecast::wire::{Fuse, Http, Wire};
use tokio_util::sync::CancellationToken;

use super::incidents::faulty::{Fault, Faulty};
use super::support::receiver::{Manner, Receiver};

const POSTS: usize = 5;

/// A lane with posts that are due, over a ledger that counts and fails as it is told.
struct Scene {
    config: Config,
    ledger: Arc<Faulty>,
    parts: Parts,
    _folder: tempfile::TempDir,
}

impl Scene {
    async fn new(url: &str, more: &str, fault: Fault) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let ledger = folder.path().join("ledger.redb");
        let text = format!(
            "[ledger]\npath = {ledger:?}\n[guard]\nsettle = \"0s\"\nburst = 100\nshare = 1.0\n[[feed]]\nname = \"blog\"\n\
             url = \"feed.xml\"\n[[integration]]\nname = \"hook\"\nkind = \"webhook\"\nurl = {url:?}\n\
             pace = {{ every = \"0s\", burst = 1 }}\n{more}\n\
             [[group]]\nname = \"readers\"\nintegration = \"hook\"\n"
        );
        let file = folder.path().join("oncecast.toml");
        let config = Config::parse(&text, &file, Secrets::Resolve, &|_| None).expect("a config");
        let clock = Arc::new(SystemClock);
        let real = Embedded::open(&config.ledger.path, clock.clone()).await.expect("a ledger");
        let ledger = Arc::new(Faulty::over(real, fault));
        ledger.configure(setup_of(&config)).await.expect("configured");
        let entry = |n: usize| Entry {
            guid: Some(format!("g{n}")),
            link: Some(format!("http://blog.example/{n}")),
            title: format!("Post {n}"),
            summary: format!("What there is to say of number {n} is said nowhere else: {}.", n * n),
            ..Entry::default()
        };
        for last in [0, POSTS] {
            let sight =
                Sight::Document { entries: (0..=last).map(entry).collect(), complete: true };
            let intake = Intake { feed: "blog".into(), sight, state: FeedState::default() };
            ledger.admit(intake).await.expect("admitted");
        }
        let http = Arc::new(Http::new().expect("a client"));
        let parts = Parts {
            ledger: ledger.clone(),
            wire: Wire::over(http, Fuse::default()),
            clock,
            bell: Bell::default(),
            pulse: Arc::new(Pulse::default()),
        };
        Self { config, ledger, parts, _folder: folder }
    }

    /// The lane's real loop, until it is stopped and has ended.
    fn work(&self, stop: &CancellationToken) -> tokio::task::JoinHandle<()> {
        let lane = lane_of(&self.config, &self.config.integrations[0], &self.parts);
        tokio::spawn(dispatch::work(lane, stop.clone()))
    }

    async fn stands(&self, kind: StatusKind) -> usize {
        let overview = self.ledger.overview().await.expect("readable");
        let group = overview.groups.iter().find(|g| g.name == "readers").expect("the group");
        usize::try_from(group.count(kind)).expect("few")
    }
}

/// Works until so many requests were answered and settled, then stops.
async fn until(scene: &Scene, receiver: &Receiver, answered: u64) {
    let stop = CancellationToken::new();
    let work = scene.work(&stop);
    let mut moments = receiver.moments();
    moments.wait_for(|m| m.answered >= answered).await.expect("the group is there");
    stop.cancel();
    work.await.expect("the lane ends as it should");
}

/// Posts that wait in a row would be told twice if a claim could come before the settlement beside it.
#[tokio::test]
async fn posts_in_a_row_are_told_once_each_and_share_their_commits() {
    let receiver = Receiver::open(Manner::Answers(204)).await;
    let scene = Scene::new(&receiver.url, "", Fault::default()).await;
    until(&scene, &receiver, POSTS as u64).await;
    receiver.assert_once();
    assert_eq!(receiver.seen().len(), POSTS, "{:?}", receiver.seen());
    assert_eq!(scene.stands(StatusKind::Published).await, POSTS);
    assert_eq!(scene.ledger.joined() as usize, POSTS - 1, "each but the last was followed by one");
}

/// A flood would begin where a claim made on the way did not count.
#[tokio::test]
async fn what_is_claimed_with_a_settlement_is_counted_by_the_caps() {
    let receiver = Receiver::open(Manner::Answers(204)).await;
    let scene = Scene::new(&receiver.url, "caps = { per_10m = 2 }", Fault::default()).await;
    let next = async || match scene.ledger.due("hook").await.expect("readable").work {
        Some(Work::Due(due)) => *due,
        other => panic!("a delivery is due, not {other:?}"),
    };
    let body = serde_json::json!({ "data": { "title": "a post" } });
    let request = || Request::json(oncecast::model::Method::Post, "", &body);
    let adapter = oncecast::adapter::registry::build(&scene.config.integrations[0]);
    let integration = &scene.config.integrations[0];
    let endpoint = oncecast::wire::Endpoint {
        base: integration.url.clone(),
        timeout: std::time::Duration::from_secs(20),
    };
    let secrets = CallSecrets::default();
    let mut claim = scene.ledger.claim(next().await.id, request()).await.expect("answered");
    for number in 1..=2 {
        let Claim::Granted(permit) = claim else { panic!("{number} is granted: {claim:?}") };
        let spent = scene
            .parts
            .wire
            .publish(permit, &endpoint, &secrets, adapter.as_ref(), &Known::default())
            .await;
        let due = next().await;
        let both = scene.ledger.settle_and_claim(&spent, due.id, request()).await;
        let (settled, following) = both.expect("committed");
        assert_eq!(settled.status.kind(), StatusKind::Published);
        claim = following;
    }
    assert!(matches!(claim, Claim::NotNow { wait: Some(_), .. }), "the third waits: {claim:?}");
    assert_eq!(receiver.requests(), 2);
    assert_eq!(
        scene.stands(StatusKind::Published).await,
        2,
        "what was sent is settled all the same"
    );
}

/// A commit that fails must not take with it that a reader has seen the post.
#[tokio::test]
async fn where_the_shared_commit_fails_what_was_sent_is_settled_alone() {
    let receiver = Receiver::open(Manner::Answers(204)).await;
    let fault = Fault { settles: 1, claims: 0 };
    let scene = Scene::new(&receiver.url, "", fault).await;
    until(&scene, &receiver, POSTS as u64).await;
    receiver.assert_once();
    assert_eq!(scene.ledger.faults(), 1, "it has failed");
    assert_eq!(scene.stands(StatusKind::Published).await, POSTS);
}

/// What is in doubt says nothing good of the place: the next post goes the ordinary way.
#[tokio::test]
async fn after_a_lost_answer_nothing_is_claimed_on_the_way() {
    let script = |n| if n == 1 { Manner::Drops } else { Manner::Answers(204) };
    let receiver = Receiver::scripted(script).await;
    let scene = Scene::new(&receiver.url, "", Fault::default()).await;
    until(&scene, &receiver, POSTS as u64).await;
    receiver.assert_once();
    assert_eq!(scene.stands(StatusKind::InDoubt).await, 1);
    assert_eq!(scene.stands(StatusKind::Published).await, POSTS - 1);
    assert_eq!(scene.ledger.joined() as usize, POSTS - 2, "the first was followed by none");
}

/// A daemon that is told to end while a post is under way would send on for ever, one after another.
#[tokio::test]
async fn a_lane_that_is_told_to_end_claims_nothing_more() {
    let receiver = Receiver::open(Manner::Asks).await;
    let scene = Scene::new(&receiver.url, "timeout = \"5s\"", Fault::default()).await;
    let stop = CancellationToken::new();
    let work = scene.work(&stop);
    let asked = receiver.asked().await;
    stop.cancel();
    asked.decide(Manner::Answers(204));
    work.await.expect("the lane ends as it should");
    assert_eq!(receiver.requests(), 1);
    assert_eq!(scene.stands(StatusKind::Published).await, 1);
    assert_eq!(scene.stands(StatusKind::Due).await, POSTS - 1, "the others wait");
}
