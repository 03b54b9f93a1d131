//! Moving here from another tool: what an account has posted already is taken for what its group has heard,
//! on a real ledger and a clock of our own.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use oncecast::clock::TokioClock;
use oncecast::desk::exit;
use oncecast::ledger::adopt::{Adopt, AdoptStep, Adopted, Stands};
use oncecast::ledger::embedded::Embedded;
use oncecast::ledger::{
    Audience, Claim, Intake, Lane, Ledger as _, Policy, Replay, Selection, Setup, Sight, Work,
};
use oncecast::model::{
    Caps, DeliveryId, Entry, FeedState, How, Reference, Request, Status, StatusKind, Time,
};

use super::binary::{address, house, publish, said, started};
use super::support::receiver::{Manner, Receiver};
use super::support::until;

use StatusKind::{Baseline, Claimed, Due, Held, InDoubt, Published, Withdrawn};

const START: Time = Time::from_millis(1_767_323_045_000);
const POSTED: Time = Time::from_millis(1_767_000_000_000);
const SETTLE: Duration = Duration::from_secs(600);

struct World {
    folder: tempfile::TempDir,
    clock: Arc<TokioClock>,
    ledger: Arc<Embedded>,
    settle: Duration,
}

impl World {
    /// A ledger that has taken the baseline of a feed, and what the feed shows since.
    async fn with(settle: Duration, shown: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let clock = TokioClock::starting_at(START);
        let ledger = open(folder.path(), &clock, settle).await;
        let world = Self { folder, clock, ledger, settle };
        world.shows(&["old"]).await;
        if !shown.is_empty() {
            world.shows(&[&["old"], shown].concat()).await;
        }
        world
    }

    async fn shows(&self, names: &[&str]) {
        self.sees(&names.iter().map(|name| entry(name)).collect::<Vec<_>>()).await;
    }

    async fn sees(&self, entries: &[Entry]) {
        let sight = Sight::Document { entries: entries.to_vec(), complete: true };
        let intake = Intake { feed: "blog".into(), sight, state: FeedState::default() };
        self.ledger.admit(intake).await.expect("admitted");
    }

    async fn adopt(&self, names: &[&str], dry_run: bool) -> Vec<AdoptStep> {
        let posts = names.iter().map(|name| post(name)).collect();
        let what = Adopt { group: "readers".into(), posts, dry_run };
        self.ledger.adopt(what, "uid 7".into()).await.expect("adopted")
    }

    async fn does(&self, names: &[&str]) -> Vec<Adopted> {
        self.adopt(names, false).await.iter().map(|step| step.does).collect()
    }

    /// Where an entry stands with the readers, and with the others.
    async fn stands(&self, name: &str) -> Vec<StatusKind> {
        let found = self.ledger.find(name).await.expect("readable").remove(0);
        found.deliveries.iter().map(|view| view.status.kind()).collect()
    }

    async fn id(&self, name: &str) -> DeliveryId {
        let found = self.ledger.find(name).await.expect("readable").remove(0);
        found.deliveries.iter().find(|view| view.group == "readers").expect("owed").id
    }

    /// What its lane sends from now on, without an answer.
    async fn sends(&self) -> Vec<(String, String)> {
        let mut sent = Vec::new();
        while let Some(Work::Due(due)) = self.ledger.due("lane").await.expect("readable").work {
            let claim = self.ledger.claim(due.id, Request::get("/")).await.expect("answered");
            assert!(matches!(claim, Claim::Granted(_)), "{claim:?}");
            sent.push((due.entry.title, due.group));
        }
        sent
    }

    async fn reopen(&mut self) {
        self.ledger.close().await.expect("closed");
        self.ledger = open(self.folder.path(), &self.clock, self.settle).await;
    }

    async fn is_whole(&self) {
        let proof = self.ledger.verify(Box::new(|_, _| {})).await.expect("readable");
        assert_eq!(proof.faults, [""; 0]);
    }
}

async fn open(folder: &Path, clock: &Arc<TokioClock>, settle: Duration) -> Arc<Embedded> {
    let path = folder.join("ledger.redb");
    let ledger = Embedded::open_and(&path, Arc::clone(clock) as _, None).await.expect("opens");
    let group = |name: &str| Audience {
        name: name.into(),
        lane: "lane".into(),
        feeds: vec!["blog".into()],
        ..Audience::default()
    };
    let caps = Caps { per_10m: 100, per_hour: 100, per_day: 100 };
    let setup = Setup {
        policy: Policy { settle, ..Policy::default() },
        lanes: vec![Lane { name: "lane".into(), caps, doubt_after: Duration::from_secs(60) }],
        groups: vec![group("readers"), group("others")],
    };
    ledger.configure(setup).await.expect("configured");
    ledger
}

fn entry(name: &str) -> Entry {
    Entry {
        guid: Some(name.into()),
        link: Some(format!("http://blog.example/{name}")),
        title: format!("About {name}"),
        ..Entry::default()
    }
}

fn post(name: &str) -> Stands {
    Stands {
        reference: Reference {
            id: Some(format!("id-{name}")),
            url: Some(format!("https://fedi.example/@me/{name}")),
            ..Reference::default()
        },
        at: Some(POSTED),
        links: vec![format!("https://www.blog.example/{name}/?utm_source=other-tool")],
    }
}

/// Who moved here from another tool had its last posts told a second time: they were owed, or would have been.
#[tokio::test(start_paused = true)]
async fn what_stands_there_is_published_there_and_sent_to_the_others_alone() {
    let world = World::with(Duration::ZERO, &["a", "b"]).await;
    assert_eq!(world.stands("old").await, [Baseline, Baseline]);
    assert_eq!(world.stands("a").await, [Due, Due]);
    let shown = world.adopt(&["old", "a"], true).await;
    assert!(shown.iter().all(|step| step.does == Adopted::Published), "{shown:?}");
    assert_eq!(world.stands("a").await, [Due, Due], "only shown");
    assert_eq!(world.does(&["old", "a"]).await, [Adopted::Published; 2]);
    assert_eq!(world.does(&["old", "a"]).await, [Adopted::Known; 2], "and once is enough");
    assert_eq!(world.stands("old").await, [Published, Baseline]);
    let found = world.ledger.find("a").await.expect("readable").remove(0);
    let Status::Published { receipt } = &found.deliveries[0].status else { panic!("{found:?}") };
    assert_eq!((receipt.how, receipt.at), (How::Adopted, POSTED));
    assert_eq!(receipt.reference, post("a").reference);
    let told = world.ledger.history(found.number).await.expect("readable");
    let line = told.iter().find(|line| line.event == "elsewhere").expect("evidence");
    assert_eq!(line.who, "uid 7");
    assert!(line.detail.contains("https://fedi.example/@me/a, of 2025-12-29"), "{}", line.detail);
    let sent = world.sends().await;
    let sent: Vec<_> = sent.iter().map(|(t, g)| (t.as_str(), g.as_str())).collect();
    assert_eq!(sent.len(), 3, "{sent:?}");
    assert!(!sent.contains(&("About a", "readers")), "{sent:?}");
    world.is_whole().await;
}

/// The other tool was quicker than our feed: its last post came to readers again with our next poll.
#[tokio::test(start_paused = true)]
async fn a_link_that_no_feed_has_shown_yet_is_not_sent_when_one_does() {
    let mut world = World::with(Duration::ZERO, &["a"]).await;
    assert_eq!(world.does(&["next", "next"]).await, [Adopted::Remembered, Adopted::Known]);
    world.reopen().await;
    assert!(world.ledger.recent(9).await.expect("readable").iter().all(|e| e.feed == "blog"));
    let found = world.ledger.find("https://blog.example/next").await.expect("readable");
    assert_eq!(found.len(), 1, "a person finds it by its link");
    world.shows(&["old", "a", "next"]).await;
    assert_eq!(world.stands("next").await, [Published, Due]);
    let found = world.ledger.find("https://blog.example/next").await.expect("readable");
    assert_eq!((found.len(), found[0].feed.as_str()), (1, "blog"), "it is the feed's own now");
    let sent = world.sends().await;
    assert!(!sent.contains(&("About next".into(), "readers".into())), "{sent:?}");
    assert!(sent.contains(&("About next".into(), "others".into())), "{sent:?}");
    // And a person who sends what a group has not had does not repeat it either.
    let selection = Selection { entry: world.id("next").await.entry, group: None };
    let replay = Replay { selection, again: None, dry_run: false };
    let steps = world.ledger.reopen(replay, "uid 7".into()).await.expect("answered");
    assert!(steps.iter().all(|step| step.group != "readers" || !step.sends), "{steps:?}");
    world.is_whole().await;
}

/// An author who mended a link after the feed was read must not tell readers again of what they have had.
#[tokio::test(start_paused = true)]
async fn an_entry_that_turns_out_to_be_what_stands_there_is_not_claimed() {
    let world = World::with(Duration::ZERO, &["draft"]).await;
    assert_eq!(world.does(&["final"]).await, [Adopted::Remembered]);
    let moved = Entry { link: Some("http://blog.example/final".into()), ..entry("draft") };
    world.sees(&[entry("old"), moved]).await;
    let id = world.id("draft").await;
    let claim = world.ledger.claim(id, Request::get("/")).await.expect("answered");
    assert!(matches!(claim, Claim::Gone(Published)), "{claim:?}");
    assert_eq!(world.stands("draft").await, [Published, Due]);
    let selection = Selection { entry: id.entry, group: Some("readers".into()) };
    let replay = Replay { selection, again: None, dry_run: true };
    let steps = world.ledger.reopen(replay, "uid 7".into()).await.expect("answered");
    assert!(!steps[0].sends, "{steps:?}");
    world.is_whole().await;
}

/// Whatever a delivery waits for, it would have gone out, or a person would have let it go.
#[tokio::test(start_paused = true)]
async fn held_settling_doubted_and_withdrawn_deliveries_are_settled_by_it() {
    let world = World::with(SETTLE, &["a"]).await;
    assert_eq!(world.does(&["a"]).await, [Adopted::Published], "in its settle window");
    assert_eq!(world.stands("a").await, [Published, Due]);
    world.shows(&["old"]).await;
    world.shows(&["old", "a"]).await;
    assert_eq!(world.stands("a").await, [Published, Due], "gone and back again");
    world.is_whole().await;

    let many = ["a", "b", "c", "d", "e"];
    let world = World::with(Duration::ZERO, &many).await;
    assert_eq!(world.stands("a").await, [Held, Held]);
    assert_eq!(world.does(&many).await, [Adopted::Published; 5]);
    assert_eq!(world.stands("e").await, [Published, Held]);
    world.is_whole().await;

    let mut world = World::with(Duration::ZERO, &["a"]).await;
    let id = world.id("a").await;
    let claim = world.ledger.claim(id, Request::get("/")).await.expect("answered");
    assert!(matches!(claim, Claim::Granted(_)), "{claim:?}");
    let steps = world.adopt(&["a"], false).await;
    assert_eq!((steps[0].does, steps[0].was), (Adopted::Left, Some(Claimed)), "it may be ours");
    drop(claim);
    world.reopen().await;
    assert_eq!(world.stands("a").await, [InDoubt, Due]);
    assert_eq!(world.does(&["a"]).await, [Adopted::Published]);
    assert_eq!(world.stands("a").await, [Published, Due]);
    world.is_whole().await;

    let world = World::with(SETTLE, &["a"]).await;
    world.shows(&["old"]).await;
    assert_eq!(world.stands("a").await, [Withdrawn, Withdrawn], "it vanished");
    assert_eq!(world.does(&["a"]).await, [Adopted::Published]);
    world.shows(&["old", "a"]).await;
    assert_eq!(world.stands("a").await, [Published, Due], "it would have come back");
    world.is_whole().await;
}

/// A digest of ours that mentions a post is not that post: taken for it, readers never hear of it.
#[tokio::test(start_paused = true)]
async fn a_post_of_ours_that_mentions_another_entry_says_nothing_of_it() {
    let world = World::with(Duration::ZERO, &["a", "b"]).await;
    assert_eq!(world.does(&["a"]).await, [Adopted::Published]);
    let id = world.id("b").await;
    world.ledger.elsewhere(id, post("b").reference, How::Asked, "x".into()).await.expect("set");
    let mut digest = post("b");
    digest.links.extend(["https://blog.example/c".into(), "https://blog.example/".into()]);
    world.shows(&["old", "a", "b", "c"]).await;
    let what = Adopt { group: "readers".into(), posts: vec![digest], dry_run: false };
    let steps = world.ledger.adopt(what, "uid 7".into()).await.expect("answered");
    let does: Vec<_> = steps.iter().map(|step| step.does).collect();
    assert_eq!(does, [Adopted::Known, Adopted::Left], "{steps:?}");
    assert_eq!(world.stands("c").await, [Due, Due]);
    world.is_whole().await;
}

/// A person who wants a post there once more has a reason, and an old copy of it is none against.
#[tokio::test(start_paused = true)]
async fn a_repeat_that_a_person_wants_is_left_as_it_is() {
    let world = World::with(Duration::ZERO, &["a"]).await;
    assert_eq!(world.does(&["a"]).await, [Adopted::Published]);
    let selection = Selection { entry: world.id("a").await.entry, group: Some("readers".into()) };
    let replay = Replay { selection, again: Some("asked for".into()), dry_run: false };
    world.ledger.reopen(replay, "uid 7".into()).await.expect("opened");
    assert_eq!(world.does(&["a"]).await, [Adopted::Left]);
    assert!(world.sends().await.contains(&("About a".into(), "readers".into())));
    let what = Adopt { group: "nobody".into(), posts: vec![post("a")], dry_run: false };
    let refused = world.ledger.adopt(what, "uid 7".into()).await.expect_err("no such group");
    assert!(refused.to_string().contains("readers"), "{refused}");
}

/// Who moves while the daemon runs, from a tool of which there is but a list of links.
#[tokio::test]
async fn a_running_daemon_takes_a_list_of_links_and_tells_nobody_of_them() {
    let [readers, others] =
        [Receiver::open(Manner::Answers(204)).await, Receiver::open(Manner::Answers(204)).await];
    let config = house(&[("readers", &readers.url), ("others", &others.url)], "");
    let daemon = started(&config).await;
    let file = daemon.path("links.txt");
    let links = file.to_str().expect("text").to_owned();
    let adopt = |more: &[&str]| {
        let arguments = [&["adopt", "readers", "--links", &links], more].concat();
        let arguments: Vec<String> = arguments.into_iter().map(str::to_owned).collect();
        let daemon = &daemon;
        async move { said(daemon, &arguments.iter().map(String::as_str).collect::<Vec<_>>()).await }
    };
    let good = format!(
        "# of the other tool\n{}  https://x.example/1\n\n{}\n",
        address("Told"),
        address("Old")
    );
    std::fs::write(&file, format!("{good}not a link\n")).expect("written");
    adopt(&["--yes"]).await.ends(exit::DATA).tells(&["links.txt line 5", "nothing was changed"]);
    std::fs::write(&file, &good).expect("written");
    adopt(&[]).await.ends(exit::USAGE).tells(&["1 entries would be", "wants --yes"]);
    let json = adopt(&["--yes", "--json"]).await.ends(exit::OK).json();
    assert_eq!((&json["is_done"], &json["looked"]), (&true.into(), &2.into()), "{json}");
    let does: Vec<_> =
        json["steps"].as_array().expect("steps").iter().map(|s| &s["does"]).collect();
    assert_eq!(does, ["remembered", "published"], "{json}");

    publish(&daemon, &["New", "Told", "Old"]);
    until("the new one is sent to both", async || {
        readers.requests() == 1 && others.requests() == 2
    })
    .await;
    let why = said(&daemon, &["why", &address("Told")]).await.ends(exit::OK);
    why.tells(&["https://x.example/1, adopted", "by adopt"]);

    let nobody = said(&daemon, &["adopt", "nobody", "--yes"]).await;
    nobody.ends(exit::NO_INPUT).tells(&["no group \"nobody\"", "readers, others"]);
    let unseen = said(&daemon, &["adopt", "readers", "--yes"]).await;
    unseen.ends(exit::UNAVAILABLE).tells(&["does not show what", "--links FILE"]);
    said(&daemon, &["adopt", "readers", "--since", "soon"]).await.ends(exit::USAGE);
}
