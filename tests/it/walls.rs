//! The walls against a flood, each alone: what readers would suffer if this one were taken away. Walls
//! that an incident already tests are not tested again; `tests/mutants.py` names the test of every one.

use std::ffi::OsString;
use std::fmt::Debug;
use std::io::{self, Write as _};
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use oncecast::adapter::{CallSecrets, Known, registry};
use oncecast::daemon::Workers;
use oncecast::flow::Manners;
use oncecast::ledger::embedded::disk::{Disk, DiskFile, Files, Held, How};
use oncecast::ledger::{Claim, Work};
use oncecast::model::{HoldReason, Outcome, Request, Response, Status, StatusKind};
use oncecast::wire::{Answering, Endpoint, Fuse, Get, Outgoing, Transport, Trouble, Wire};

use super::incidents::blog::{Post, archive, before, each, post};
use super::incidents::net::{Manner, Net};
use super::incidents::world::{HOUR, MINUTE, World};

/// No wall but the one that is tested.
const OPEN: &str = "settle = \"0s\"\nburst = 1000\nshare = 1.0\ncrash_loop = 0";
const HASTY: &str = "pace = { every = \"0s\", burst = 1 }\n\
                     caps = { per_10m = 1000, per_hour = 1000, per_day = 1000 }";

fn posts(names: &[&str]) -> Vec<Post> {
    names.iter().map(|name| post(name)).collect()
}

async fn reasons(world: &World) -> Vec<HoldReason> {
    let held = world.waiting(StatusKind::Held).await;
    let reason = |status: &Status| match status {
        Status::Held { reason } => Some(reason.clone()),
        _ => None,
    };
    held.iter().filter_map(|view| reason(&view.status)).collect()
}

/// A blog's new system shows its drafts for a minute: readers wake up to as many posts as it likes.
#[tokio::test(start_paused = true)]
async fn more_new_posts_than_anybody_writes_wait_for_a_person() {
    let mut world = World::new().await;
    let old = archive(12);
    world.says(&old, HOUR).await;
    let four = posts(&["ant", "bee", "cat", "dog"]);
    world.says(&before(&four, &old), HOUR).await;
    assert_eq!(world.net.shown(), 0);
    assert_eq!(reasons(&world).await, vec![HoldReason::Burst { new: 4 }; 4]);
    // Those who write three in an hour are not made to wait.
    let three = posts(&["eel", "fox", "gnu"]);
    world.says(&before(&three, &before(&four, &old)), HOUR).await;
    assert_eq!(world.net.shown(), 3);
}

/// A feed that is small is replaced by another one under its address: three strange posts are no burst, and
/// readers hear all of them.
#[tokio::test(start_paused = true)]
async fn a_feed_that_is_mostly_new_at_once_waits_for_a_person() {
    let mut world = World::new().await;
    let old = archive(4);
    world.says(&old, HOUR).await;
    world.says(&before(&posts(&["ant", "bee", "cat"]), &old[..1]), HOUR).await;
    assert_eq!(world.net.shown(), 0);
    assert_eq!(reasons(&world).await, vec![HoldReason::Burst { new: 3 }; 3]);
}

/// A blog is moved, and the newest post gets another guid and another address: readers have read it.
#[tokio::test(start_paused = true)]
async fn the_same_text_under_another_name_waits_for_a_person() {
    let mut world = World::new().await;
    let old = archive(12);
    world.says(&old, HOUR).await;
    world.says(&before(&posts(&["new"]), &old), HOUR).await;
    assert_eq!(world.seen("new"), 1);
    let moved = each(&posts(&["new"]), |p| {
        p.guid = Some("tag:elsewhere.example,2026:1".into());
        p.link = Some("https://elsewhere.example/1".into());
    });
    world.says(&before(&moved, &old), HOUR).await;
    assert_eq!(world.seen("new"), 1);
    let reasons = reasons(&world).await;
    assert!(matches!(&reasons[..], [HoldReason::NearDuplicate { .. }]), "{reasons:?}");
}

/// A blog has a feed for all and one for a subject, and a post of both: its readers hear both feeds.
#[tokio::test(start_paused = true)]
async fn a_post_that_stands_in_two_feeds_is_told_once() {
    let mut world = World::hearing(&[OTHER], OPEN, &[("readers", HASTY)]).await;
    let old = archive(12);
    world.at(OTHER, &old[..3]);
    world.says(&old, HOUR).await;
    world.says(&before(&posts(&["new"]), &old), HOUR).await;
    assert_eq!(world.seen("new"), 1);
    let there = each(&posts(&["new"]), |p| p.guid = Some("subject-1".into()));
    world.at(OTHER, &before(&there, &old[..3]));
    world.run(HOUR).await;
    // And the other way round.
    world.at(OTHER, &before(&posts(&["newer"]), &old[..3]));
    world.run(HOUR).await;
    world.says(&before(&posts(&["newer", "new"]), &old), HOUR).await;
    assert_eq!((world.seen("new"), world.seen("newer")), (1, 1));
    world.held(0).await;
}

/// A blog whose items all link to one page and have no guid: the next of them is taken for the first, and
/// nobody hears of it.
#[tokio::test(start_paused = true)]
async fn a_link_that_two_posts_were_seen_to_share_makes_no_third_one_known() {
    let mut world = World::with(OPEN, &[("readers", HASTY)]).await;
    let old = archive(12);
    world.says(&old, HOUR).await;
    let notes = |names: &[&str]| {
        each(&posts(names), |p| {
            (p.guid, p.link) = (None, Some("http://blog.example/notes".into()));
        })
    };
    world.says(&before(&notes(&["ant"]), &old), HOUR).await;
    world.says(&before(&notes(&["bee", "ant"]), &old), HOUR).await;
    world.says(&old, HOUR).await;
    world.says(&before(&notes(&["cat"]), &old), HOUR).await;
    let told = |name: &str| world.seen(name);
    let held = world.waiting(StatusKind::Held).await;
    let waits = |name: &str| held.iter().filter(|view| view.title.ends_with(name)).count();
    for name in ["ant", "bee", "cat"] {
        assert_eq!(told(name) as usize + waits(name), 1, "{name}: {held:?}");
    }
}

const OTHER: &str = "http://blog.example/subject/feed";

/// This machine's disk, with as much room as the test says.
#[derive(Debug)]
struct Narrow(AtomicU64);

impl Disk for Narrow {
    fn open(&self, path: &Path, how: How) -> io::Result<Box<dyn DiskFile>> {
        Files.open(path, how)
    }
    fn size(&self, path: &Path) -> io::Result<Option<u64>> {
        Files.size(path)
    }
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        Files.rename(from, to)
    }
    fn remove(&self, path: &Path) -> io::Result<()> {
        Files.remove(path)
    }
    fn names(&self, folder: &Path) -> io::Result<Vec<OsString>> {
        Files.names(folder)
    }
    fn sync_folder_of(&self, path: &Path) -> io::Result<()> {
        Files.sync_folder_of(path)
    }
    fn free(&self, _: &Path) -> io::Result<u64> {
        match self.0.load(Ordering::SeqCst) {
            u64::MAX => Err(io::Error::other("it cannot be asked")),
            free => Ok(free),
        }
    }
    fn make_folder(&self, folder: &Path) -> io::Result<()> {
        Files.make_folder(folder)
    }
    fn close_to_others(&self, path: &Path) -> io::Result<()> {
        Files.close_to_others(path)
    }
    fn lock(&self, path: &Path) -> io::Result<Option<Box<dyn Held>>> {
        Files.lock(path)
    }
}

/// A disk fills up while a post is on its way: that readers have it cannot be noted, and it comes again.
#[tokio::test(start_paused = true)]
async fn nothing_is_sent_where_there_is_no_room_to_note_what_became_of_it() {
    let mut world = World::new().await;
    let old = archive(12);
    world.says(&old, HOUR).await;
    let disk = Arc::new(Narrow(AtomicU64::new(15 << 20)));
    world.on(disk.clone()).await;
    let mut all = old;
    for (room, name) in [(15 << 20, "ant"), (0, "bee"), (u64::MAX, "cat")] {
        disk.0.store(room, Ordering::SeqCst);
        all = before(&posts(&[name]), &all);
        world.says(&all, HOUR).await;
        assert_eq!(world.net.shown(), 0, "with {room} bytes");
        let told = world.parts.ledger.overview().await.expect("readable").unwritable;
        assert!(told.is_some_and(|why| why.contains("free") || why.contains("room")));
    }
    disk.0.store(16 << 20, Ordering::SeqCst);
    world.run(HOUR).await;
    assert_eq!(world.net.shown(), 3, "and it goes on by itself");
}

/// A laptop is closed between the permit and the call: hours later what it was granted on is no longer true.
#[tokio::test(start_paused = true)]
async fn a_permit_that_has_grown_old_sends_nothing() {
    let mut world = World::new().await;
    let old = archive(12);
    world.says(&old, HOUR).await;
    world.net.always("readers.example", Manner::Unreachable);
    world.says(&before(&posts(&["new"]), &old), HOUR).await;
    world.net.always("readers.example", Manner::Shows(204));
    world.parts.ledger.resume(None, "person".into()).await.expect("resumed");
    let integration = &world.config().integrations[0];
    let endpoint = Endpoint { base: integration.url.clone(), timeout: integration.timeout };
    let adapter = registry::build(integration);
    let ledger = &world.parts.ledger;
    let due = loop {
        match ledger.due("readers-hook").await.expect("readable").work {
            Some(Work::Due(due)) => break due,
            _ => tokio::time::advance(MINUTE).await,
        }
    };
    let request = due.request.clone().unwrap_or_else(|| Request::get("/"));
    let claim = ledger.claim(due.id, request).await.expect("answered");
    let Claim::Granted(permit) = claim else { panic!("{claim:?}") };
    let before = world.net.heard().len();
    tokio::time::advance(Duration::from_secs(11)).await;
    let spent = world
        .parts
        .wire
        .publish(permit, &endpoint, &CallSecrets::default(), adapter.as_ref(), &Known::default())
        .await;
    assert!(matches!(spent.outcome(), Outcome::Unsent { .. }), "{:?}", spent.outcome());
    assert_eq!(world.net.heard().len(), before);
}

/// A platform that does not answer is given one post after the other, until all of them are in doubt: a
/// lane has one in flight, and another lane does not wait for it.
#[tokio::test(start_paused = true)]
async fn while_one_post_has_no_answer_its_lane_sends_no_other() {
    let mut world = World::with(OPEN, &[("readers", HASTY), ("friends", HASTY)]).await;
    let old = archive(12);
    world.says(&old, HOUR).await;
    world.net.always("readers.example", Manner::Hangs);
    world.blog(&before(&posts(&["ant", "bee", "cat"]), &old));
    let workers = Workers::start(world.config(), &world.parts, &Arc::new(Manners::default()));
    for _ in 0..600 {
        tokio::time::advance(Duration::from_secs(2)).await;
        // The ledger answers in turn: what the lanes have asked of it is answered before this.
        world.parts.ledger.overview().await.expect("readable");
    }
    let heard = world.net.heard();
    let by = |host: &str| heard.iter().filter(|h| h.host == host).count();
    assert_eq!((by("friends.example"), by("readers.example")), (3, 1), "{heard:?}");
    drop(workers);
}

/// A door that says aloud what goes through it.
#[derive(Debug)]
struct Aloud(Arc<Net>);

impl Transport for Aloud {
    fn send<'a>(
        &'a self,
        _: Outgoing<'a>,
    ) -> std::pin::Pin<Box<dyn Future<Output = Result<Response, Trouble>> + Send + 'a>> {
        Box::pin(async {
            writeln!(io::stdout(), "{SENT}").expect("heard");
            Ok(Response { status: 204, whole: true, ..Response::default() })
        })
    }

    fn get<'a>(&'a self, get: Get<'a>) -> Answering<'a> {
        self.0.get(get)
    }
}

const SENT: &str = "a call went out";
const CHILD: &str = "ONCECAST_TEST_FUSE";

/// Every other wall is broken, and a flood is on its way to the readers: the process ends.
#[test]
fn the_fuse_ends_the_process_rather_than_pass_one_call_too_many() {
    if std::env::var_os(CHILD).is_none() {
        let name = "walls::the_fuse_ends_the_process_rather_than_pass_one_call_too_many";
        let mut child = Command::new(std::env::current_exe().expect("this test"));
        child.args(["--exact", name, "--nocapture"]).env(CHILD, "1");
        let output = child.output().expect("it runs");
        let said = String::from_utf8_lossy(&output.stdout);
        const SIGABRT: i32 = 6;
        assert_eq!(output.status.signal(), Some(SIGABRT), "{said}");
        assert_eq!(said.matches(SENT).count(), 3, "{said}");
        return;
    }
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_time().start_paused(true).build().expect("a runtime");
    runtime.block_on(async {
        let mut world = World::with(OPEN, &[("readers", HASTY)]).await;
        let old = archive(12);
        world.says(&old, HOUR).await;
        world.blog(&before(&posts(&["ant", "bee", "cat", "dog", "eel"]), &old));
        world.over(Wire::over(Arc::new(Aloud(world.net.clone())), Fuse::of(3)));
        world.run(HOUR).await;
    });
}
