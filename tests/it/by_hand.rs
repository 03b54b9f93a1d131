//! Groups that a person serves: whoever acts, in whatever order, and whatever falls over meanwhile, nobody
//! there sees a post twice.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use oncecast::clock::TokioClock;
use oncecast::desk::exit;
use oncecast::ledger::embedded::{Embedded, Mend};
use oncecast::ledger::hand::{Act, Moved};
use oncecast::ledger::{
    Audience, Claim, Intake, Lane, Ledger as _, LedgerError, Policy, Setup, Sight, Verdict, Work,
};
use oncecast::model::{
    Caps, DeliveryId, Entry, FeedState, Guarantee, How, Method, Reference, Request, Status, Time,
    WhenAbsent,
};

use super::binary::{house, publish, said, started};
use super::support::daemon::Daemon;
use super::support::receiver::{Manner, Receiver};
use super::support::until;

const PATIENCE: Duration = Duration::from_secs(1_800);
const CAP: u32 = 3;

fn setup() -> Setup {
    let group = |name: &str| Audience {
        name: name.into(),
        lane: "me".into(),
        feeds: vec!["blog".into()],
        by_hand: true,
        ..Audience::default()
    };
    Setup {
        policy: Policy {
            settle: Duration::ZERO,
            burst: 100,
            share: 1.0,
            max_age: Duration::from_secs(86_400),
            stagger: Duration::ZERO,
            crash_loop: 0,
        },
        lanes: vec![Lane {
            name: "me".into(),
            caps: Caps { per_10m: CAP, per_hour: 100, per_day: 100 },
            doubt_after: PATIENCE,
        }],
        groups: ["a", "b", "c", "d", "e"].map(group).into(),
    }
}

async fn open(folder: &Path, mend: Option<Mend>) -> Arc<Embedded> {
    let clock = TokioClock::starting_at(Time::from_millis(1_767_323_045_000));
    let opened = Embedded::open_and(&folder.join("ledger.redb"), clock, mend).await;
    let ledger = opened.expect("opens");
    ledger.configure(setup()).await.expect("configured");
    ledger
}

async fn see(ledger: &Embedded, titles: &[&str]) {
    let entry =
        |t: &&str| Entry { guid: Some((*t).into()), title: (*t).to_owned(), ..Entry::default() };
    let sight = Sight::Document { entries: titles.iter().map(entry).collect(), complete: true };
    let intake = Intake { feed: "blog".into(), sight, state: FeedState::default() };
    ledger.admit(intake).await.expect("admitted");
}

/// A ledger with one new post for five groups.
async fn with_a_post(folder: &Path) -> (Arc<Embedded>, Vec<DeliveryId>) {
    let ledger = open(folder, None).await;
    see(&ledger, &["old"]).await;
    see(&ledger, &["new", "old"]).await;
    let list = ledger.checklist(None, 100).await.expect("readable");
    let ids = list.items.iter().map(|item| item.due.id).collect();
    (ledger, ids)
}

fn text(body: &str) -> Request {
    let (path, headers) = (String::new(), Vec::new());
    Request { method: Method::Post, path, headers, body: body.to_owned() }
}

fn posted() -> Act {
    Act::Posted { reference: Reference::default(), request: text("new") }
}

async fn act(ledger: &Embedded, id: DeliveryId, act: Act, who: &str) -> Result<Moved, LedgerError> {
    ledger.by_hand(id, act, who.to_owned()).await
}

async fn status(ledger: &Embedded, id: DeliveryId) -> Status {
    let found = ledger.find("new").await.expect("readable").remove(0);
    found.deliveries.into_iter().find(|view| view.id == id).expect("it is there").status
}

fn refused(answer: Result<Moved, LedgerError>, words: &str) {
    match answer {
        Err(LedgerError::Refused(why)) => assert!(why.contains(words), "{why}"),
        other => panic!("it was not refused: {other:?}"),
    }
}

/// The daemon posts beside the person, or two people in two tabs do: the group sees it twice.
#[tokio::test(start_paused = true)]
async fn neither_two_people_nor_the_daemon_serve_a_group_twice() {
    let folder = tempfile::tempdir().expect("a folder");
    let (ledger, ids) = with_a_post(folder.path()).await;
    assert_eq!(ids.len(), 5, "one for each group");
    let id = ids[0];
    // The daemon has no work there, and no permit to be had.
    let waiting = ledger.due("me").await.expect("readable");
    assert!(waiting.work.is_none() && ledger.due_one(id).await.expect("readable").work.is_none());
    let claim = ledger.claim(id, text("by the daemon")).await.expect("answered");
    assert!(matches!(&claim, Claim::NotNow { wait: None, .. }), "{claim:?}");

    let begun = act(&ledger, id, Act::Open(text("new")), "ann").await.expect("hers");
    assert!(matches!(begun, Moved::To(Status::Claimed { attempt: 1, .. })), "{begun:?}");
    refused(act(&ledger, id, Act::Open(text("new")), "bob").await, "ann has begun");
    let list = ledger.checklist(Some(id), 1).await.expect("readable");
    let item = &list.items[0];
    assert_eq!(item.by.as_deref(), Some("ann"));
    assert_eq!(item.due.request.as_ref().expect("frozen").body, "new");

    let done = act(&ledger, id, posted(), "ann").await.expect("recorded");
    let Moved::To(Status::Published { receipt }) = done else { panic!("{done:?}") };
    assert_eq!(receipt.how, How::Person);
    refused(act(&ledger, id, posted(), "bob").await, "it is there already");
    refused(act(&ledger, id, Act::Open(text("new")), "bob").await, "it is there already");
    refused(act(&ledger, id, Act::NotPosted { attempt: None }, "bob").await, "there already");
    let history = ledger.history(id.entry).await.expect("readable");
    let steps: Vec<(&str, &str)> = history
        .iter()
        .filter(|line| line.group.as_deref() == Some("a"))
        .map(|line| (line.event.as_str(), line.who.as_str()))
        .collect();
    assert_eq!(steps, [("claim", "ann"), ("published", "ann")], "{history:?}");
    assert!(ledger.verify(Box::new(|_, _| {})).await.expect("walked").faults.is_empty());
}

/// A browser is closed, or the machine goes down, with the post half pasted. Offered again as new it
/// would be posted again.
#[tokio::test(start_paused = true)]
async fn what_was_begun_and_not_said_is_asked_about_and_never_offered_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let (ledger, ids) = with_a_post(folder.path()).await;
    let (left, killed) = (ids[0], ids[1]);
    act(&ledger, left, Act::Open(text("new")), "ann").await.expect("hers");
    let wake = ledger.due("me").await.expect("readable").wake.expect("it will be asked about");
    assert_eq!(wake, PATIENCE);
    tokio::time::advance(PATIENCE).await;
    ledger.due("me").await.expect("readable");
    let Status::InDoubt { evidence, .. } = status(&ledger, left).await else {
        panic!("it is not in doubt")
    };
    assert!(evidence.contains("ann began to post it by hand"), "{evidence}");
    refused(act(&ledger, left, Act::Open(text("new")), "bob").await, "look first");
    let skip = Act::Skip { why: "no".into(), attempt: None };
    refused(act(&ledger, left, skip, "bob").await, "say first");
    let claim = ledger.reclaim(left, Guarantee::DerivedId).await.expect("answered");
    assert!(matches!(claim, Claim::NotNow { wait: None, .. }), "{claim:?}");

    act(&ledger, killed, Act::Open(text("new")), "bob").await.expect("his");
    ledger.close().await.expect("closed");
    let ledger = open(folder.path(), None).await;
    assert!(matches!(status(&ledger, killed).await, Status::InDoubt { attempt: 1, .. }));
    let yes = act(&ledger, left, posted(), "ann").await.expect("recorded");
    assert!(matches!(yes, Moved::To(Status::Published { .. })), "{yes:?}");
    let no = act(&ledger, killed, Act::NotPosted { attempt: Some(1) }, "bob").await;
    assert!(matches!(no, Ok(Moved::To(Status::Due { .. }))), "{no:?}");
    let again = act(&ledger, killed, Act::Open(text("newer")), "bob").await;
    assert!(matches!(again, Ok(Moved::To(Status::Claimed { attempt: 2, .. }))), "{again:?}");
    let list = ledger.checklist(Some(killed), 1).await.expect("readable");
    assert_eq!(list.items[0].due.request.as_ref().expect("frozen").body, "newer");
    // An old tab still shows the first attempt: its "not posted" must not take back the second.
    let stale = Act::NotPosted { attempt: Some(1) };
    refused(act(&ledger, killed, stale, "ann").await, "bob has begun it since");
    let stale = Act::Skip { why: "old tab".into(), attempt: Some(1) };
    refused(act(&ledger, killed, stale, "ann").await, "bob has begun it since");
    assert!(ledger.verify(Box::new(|_, _| {})).await.expect("walked").faults.is_empty());
}

/// A group gets an API of its own while somebody has its post half pasted: no daemon takes that up.
#[tokio::test(start_paused = true)]
async fn what_was_begun_by_hand_is_never_taken_up_by_a_daemon() {
    let folder = tempfile::tempdir().expect("a folder");
    let (ledger, ids) = with_a_post(folder.path()).await;
    let (said, unsaid) = (ids[0], ids[1]);
    for id in [said, unsaid] {
        act(&ledger, id, Act::Open(text("new")), "ann").await.expect("hers");
    }
    let mut setup = setup();
    for group in &mut setup.groups {
        (group.by_hand, group.when_absent) = (false, WhenAbsent::Send);
    }
    ledger.close().await.expect("closed");
    let ledger = open(folder.path(), None).await;
    ledger.configure(setup).await.expect("configured");
    for guarantee in [Guarantee::DerivedId, Guarantee::TwoPhase, Guarantee::Blind] {
        tokio::time::advance(PATIENCE).await;
        let claim = ledger.reclaim(unsaid, guarantee).await.expect("answered");
        assert!(matches!(claim, Claim::NotNow { wait: None, .. }), "{claim:?}");
        let absent = Verdict::Absent("it is not there".into());
        ledger.resolve(unsaid, absent, "daemon".into()).await.expect("told");
        assert!(matches!(status(&ledger, unsaid).await, Status::InDoubt { .. }));
    }
    let posted = act(&ledger, said, posted(), "ann").await.expect("recorded");
    assert!(matches!(posted, Moved::To(Status::Published { .. })), "{posted:?}");
    let absent = Act::NotPosted { attempt: Some(1) };
    act(&ledger, unsaid, absent, "ann").await.expect("recorded");
    let waiting = ledger.due_one(unsaid).await.expect("readable");
    let Some(Work::Due(due)) = waiting.work else { panic!("now it is the daemon's") };
    assert_eq!(due.request, None, "and what was to be pasted is no request");
}

/// Twelve groups in one minute is what had the account restricted. And a post that is there stays on no
/// list, whatever the caps would have said.
#[tokio::test(start_paused = true)]
async fn a_person_keeps_the_caps_and_what_they_have_posted_is_recorded() {
    let folder = tempfile::tempdir().expect("a folder");
    let (ledger, ids) = with_a_post(folder.path()).await;
    for id in &ids[..CAP as usize] {
        let begun = act(&ledger, *id, Act::Open(text("new")), "ann").await.expect("hers");
        assert!(matches!(begun, Moved::To(Status::Claimed { .. })), "{begun:?}");
    }
    let over = act(&ledger, ids[3], Act::Open(text("new")), "ann").await.expect("answered");
    let Moved::NotNow { wait: Some(wait), why } = over else { panic!("{over:?}") };
    assert!(wait <= Duration::from_secs(600) && why.contains("cap of 3"), "{wait:?} {why}");
    assert!(matches!(status(&ledger, ids[3]).await, Status::Due { attempt: 0, .. }));
    let done = act(&ledger, ids[3], posted(), "ann").await.expect("recorded");
    assert!(matches!(done, Moved::To(Status::Published { .. })), "{done:?}");
    tokio::time::advance(Duration::from_secs(599)).await;
    let lane = ledger.overview().await.expect("readable").lanes.remove(0);
    assert_eq!(lane.claimed[0], CAP + 1, "what was posted unasked counts too");
    let over = act(&ledger, ids[4], Act::Open(text("new")), "ann").await.expect("answered");
    assert!(matches!(over, Moved::NotNow { .. }), "{over:?}");
    tokio::time::advance(Duration::from_secs(1)).await;
    let begun = act(&ledger, ids[4], Act::Open(text("new")), "ann").await.expect("hers");
    assert!(matches!(begun, Moved::To(Status::Claimed { .. })), "{begun:?}");
}

/// Stopped is stopped for people too; and a group is left out for good in one word.
#[tokio::test(start_paused = true)]
async fn stop_all_holds_for_people_and_skip_is_final() {
    let folder = tempfile::tempdir().expect("a folder");
    let (ledger, ids) = with_a_post(folder.path()).await;
    ledger.stop_all("a fire".into(), "ann".into()).await.expect("stopped");
    let stopped = act(&ledger, ids[0], Act::Open(text("new")), "ann").await.expect("answered");
    let Moved::NotNow { wait: None, why } = stopped else { panic!("{stopped:?}") };
    assert!(why.contains("a fire"), "{why}");
    ledger.resume(None, "ann".into()).await.expect("resumed");
    act(&ledger, ids[0], Act::Open(text("new")), "ann").await.expect("hers");
    let skip = Act::Skip { why: "off topic there".into(), attempt: Some(1) };
    let skipped = act(&ledger, ids[0], skip, "ann").await.expect("taken");
    assert!(matches!(skipped, Moved::To(Status::Withdrawn { .. })), "{skipped:?}");
    refused(act(&ledger, ids[0], Act::Open(text("new")), "bob").await, "withdrawn");
    assert!(ledger.verify(Box::new(|_, _| {})).await.expect("walked").faults.is_empty());
}

/// A backup from before brings back a list on which the post is new: a person would paste it again.
#[tokio::test(start_paused = true)]
async fn a_restored_list_asks_about_what_was_posted_after_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let (ledger, ids) = with_a_post(folder.path()).await;
    ledger.close().await.expect("closed");
    let (file, copy) = (folder.path().join("ledger.redb"), folder.path().join("copy"));
    std::fs::copy(&file, &copy).expect("a backup");
    let ledger = open(folder.path(), None).await;
    act(&ledger, ids[0], Act::Open(text("new")), "ann").await.expect("hers");
    act(&ledger, ids[0], posted(), "ann").await.expect("recorded");
    act(&ledger, ids[1], posted(), "ann").await.expect("recorded");
    ledger.close().await.expect("closed");
    std::fs::copy(&copy, &file).expect("restored");
    let ledger = open(folder.path(), None).await;
    let begun = act(&ledger, ids[0], Act::Open(text("new")), "bob").await.expect("answered");
    assert!(matches!(begun, Moved::NotNow { wait: None, .. }), "{begun:?}");
    let told = act(&ledger, ids[2], posted(), "bob").await;
    assert!(matches!(told, Err(LedgerError::Untrusted { .. })), "{told:?}");
    ledger.close().await.expect("closed");
    let ledger = open(folder.path(), Some(Mend::AdoptRestored)).await;
    for id in [ids[0], ids[1]] {
        let begun = act(&ledger, id, Act::Open(text("new")), "bob").await.expect("answered");
        assert!(matches!(begun, Moved::To(Status::InDoubt { .. })), "{id}: {begun:?}");
    }
    let seen = Verdict::PersonPublished(Reference::default());
    ledger.resolve(ids[0], seen, "bob".into()).await.expect("said");
    let begun = act(&ledger, ids[2], Act::Open(text("new")), "bob").await.expect("answered");
    assert!(matches!(begun, Moved::To(Status::Claimed { .. })), "{begun:?}");
}

/// The config of the founding case: groups that one person serves, beside one that the daemon serves.
pub fn twelve(more: &str) -> String {
    let mut text = format!(
        "[[integration]]\nname = \"linkedin\"\nkind = \"by-hand\"\n\
         caps = {{ per_10m = 100, per_hour = 100, per_day = 100 }}\n{more}\n"
    );
    for n in 1..=12 {
        text += &format!(
            "[[group]]\nname = \"group-{n}\"\nintegration = \"linkedin\"\n\
             link = \"https://www.linkedin.com/groups/{n}/\"\n"
        );
    }
    text
}

/// Twelve groups, one post: the blogger works through the list, with the daemon and without.
#[tokio::test(flavor = "multi_thread")]
async fn twelve_groups_are_served_from_a_terminal_once_each() {
    let webhook = Receiver::open(Manner::Answers(204)).await;
    let mut daemon = started(&house(&[("one", &webhook.url)], &twelve(""))).await;
    said(&daemon, &["hand"]).await.ends(exit::OK).tells(&["nothing waits"]);
    publish(&daemon, &["New", "Old"]);
    until("the list", async || daemon.count("group-12", "due").await == 1).await;
    until("the other group to hear", async || webhook.requests() == 1).await;
    let words = ["group-1", "www.linkedin.com/groups/12/", "--open", "now is a good time"];
    said(&daemon, &["hand"]).await.ends(exit::OK).tells(&words);
    said(&daemon, &["status"]).await.tells(&["waits for a person", "oncecast hand"]);
    let item = |n: u32| format!("http://blog.example/New/group-{n}");
    // Eight hands reach for the same one.
    let one = item(1);
    let opens = ["hand", &one, "--open"];
    let race = (0..8).map(|_| said(&daemon, &opens));
    let codes: Vec<i32> = futures(race).await.iter().map(|said| said.code).collect();
    assert_eq!(codes.iter().filter(|code| **code == 0).count(), 1, "{codes:?}");
    assert_eq!(codes.iter().filter(|code| **code == 4).count(), 7, "{codes:?}");
    let two = said(&daemon, &["hand", &item(2), "--open"]).await.ends(exit::OK);
    assert_eq!(two.out, "New\n\nhttp://blog.example/New\n", "the text alone, for a clipboard");
    assert!(two.error.contains("www.linkedin.com/groups/2/"), "{}", two.error);
    let url = "https://www.linkedin.com/feed/update/urn:li:groupPost:2-7/";
    said(&daemon, &["hand", &item(2), "--done", "not an address"]).await.ends(exit::USAGE);
    said(&daemon, &["hand", &item(2), "--done", url]).await.ends(exit::OK).tells(&[url]);
    said(&daemon, &["hand", &item(3), "--done"]).await.ends(exit::OK).tells(&["published"]);
    said(&daemon, &["hand", &item(3), "--done"]).await.ends(exit::REFUSED);
    let skip = ["hand", &item(4), "--skip", "--reason", "not their subject"];
    said(&daemon, &skip).await.ends(exit::OK).tells(&["withdrawn"]);
    said(&daemon, &["hand", "http://blog.example/New/one", "--open"]).await.ends(exit::REFUSED);
    let why = said(&daemon, &["why", "http://blog.example/New"]).await.ends(exit::OK);
    why.tells(&[url, "by uid ", "posted by hand", "not their subject"]);

    // A kill: what was begun is a question now, and what was done stays done.
    daemon.kill().await;
    let list = said(&daemon, &["hand", "--json"]).await.ends(exit::OK).json();
    let items = list["list"]["items"].as_array().expect("a list").clone();
    assert_eq!(items.len(), 9, "{list}");
    assert_eq!((&items[0]["state"], &items[0]["group"]), (&"in-doubt".into(), &"group-1".into()));
    let absent = said(&daemon, &["hand", &one, "--not-posted"]).await.ends(exit::OK);
    absent.tells(&["due"]);
    for n in (5..=12).chain([1]) {
        said(&daemon, &["hand", &item(n), "--done"]).await.ends(exit::OK);
    }
    daemon.start().await;
    said(&daemon, &["hand"]).await.ends(exit::OK).tells(&["nothing waits"]);
    for n in [1, 2, 3, 5, 12] {
        assert_eq!(daemon.count(&format!("group-{n}"), "published").await, 1, "{n}");
    }
    let words = ["group-12: is not sent, since it has it", "group-4: is put on the list"];
    said(&daemon, &["replay", "http://blog.example/New"]).await.ends(exit::OK).tells(&words);
    assert_eq!(daemon.count("group-4", "due").await, 1, "a replay is an item on the list");
    daemon.end().await;
    said(&daemon, &["ledger", "verify"]).await.ends(exit::OK).tells(&["unbroken"]);
    webhook.assert_once();
}

async fn futures<T>(all: impl Iterator<Item = impl Future<Output = T>>) -> Vec<T> {
    let mut waiting: Vec<_> = all.map(Box::pin).collect();
    let mut done = Vec::new();
    std::future::poll_fn(|cx| {
        waiting.retain_mut(|one| match one.as_mut().poll(cx) {
            std::task::Poll::Ready(value) => {
                done.push(value);
                false
            }
            std::task::Poll::Pending => true,
        });
        if waiting.is_empty() { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
    done
}

/// A link that is missing, or two groups that are one, would be found out in front of the readers.
#[tokio::test]
async fn a_group_without_a_link_or_with_anothers_is_told_at_once() {
    let daemon = Daemon::with(&house(&[], &twelve("url = \"https://www.linkedin.com\"\n")));
    said(&daemon, &["check"]).await.ends(exit::CONFIG).tells(&["url", "a link of its own"]);
    let none = twelve("").replacen("link = \"https://www.linkedin.com/groups/3/\"\n", "", 1);
    let daemon = Daemon::with(&house(&[], &none));
    said(&daemon, &["check"]).await.ends(exit::CONFIG).tells(&["group-3", "link", "is missing"]);
    let same = twelve("").replacen("groups/3/", "groups/2/", 1);
    let daemon = Daemon::with(&house(&[], &same));
    said(&daemon, &["check"]).await.ends(exit::CONFIG).tells(&["group-3", "the same audience"]);
    let daemon = Daemon::with(&house(&[], &twelve("")));
    said(&daemon, &["check"]).await.ends(exit::OK);
}
