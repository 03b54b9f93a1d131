//! What these tests share: lanes without pace, and the comparison of what the ledger says with what
//! readers saw.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use oncecast::clock::SystemClock;
use oncecast::desk::verb::Verb;
use oncecast::ledger::embedded::Embedded;
use oncecast::ledger::{DeliveryView, Ledger};
use oncecast::model::Status;
use serde_json::Value;

use super::support::blog;
use super::support::daemon::Daemon;
use super::support::receiver::Receiver;
use super::support::until;

/// Tells whoever watches a long run how far it is.
#[expect(clippy::print_stderr, reason = "tests that take minutes say where they are")]
pub(crate) fn tell(words: &str) {
    eprintln!("{words}");
}

/// Does jobs on so many threads at once, each job with a runtime of its own, and hands over what each
/// came to. A job that fails fails the whole when those under way have ended.
pub(crate) fn side_by_side<J: Send, T: Send>(
    threads: usize,
    jobs: impl Iterator<Item = J> + Send,
    work: impl AsyncFn(J) -> T + Sync,
    mut done: impl FnMut(T) + Send,
) {
    let (jobs, done) = (Mutex::new(jobs), Mutex::new(&mut done));
    let failed = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let failing = Failing(&failed);
                while !failed.load(Ordering::SeqCst) {
                    let Some(job) = jobs.lock().expect("free").next() else { break };
                    let mut runtime = tokio::runtime::Builder::new_multi_thread();
                    let runtime =
                        runtime.worker_threads(1).enable_all().build().expect("a runtime");
                    let came_to = runtime.block_on(work(job));
                    (done.lock().expect("free"))(came_to);
                }
                drop(failing);
            });
        }
    });
}

/// Tells the others when a thread panics.
struct Failing<'a>(&'a AtomicBool);

impl Drop for Failing<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.store(true, Ordering::SeqCst);
        }
    }
}

/// A group behind a webhook of its own.
pub(crate) struct Group<'a> {
    pub(crate) name: &'a str,
    pub(crate) receiver: &'a Receiver,
    /// What its integration says beyond name, kind and url.
    pub(crate) more: &'a str,
}

/// A config with these groups, no pace, and walls so far out that only the promise itself stands.
pub(crate) fn config(feed: &str, every: &str, groups: &[Group<'_>]) -> String {
    let mut text = format!(
        "[guard]\nsettle = \"0s\"\nburst = 10000\nshare = 1.0\ncrash_loop = 0\n\
         [[feed]]\nname = \"blog\"\nurl = {feed:?}\nevery = {every:?}\n"
    );
    for Group { name, receiver, more } in groups {
        text += &format!(
            "[[integration]]\nname = {name:?}\nkind = \"webhook\"\nurl = {:?}\n\
             pace = {{ every = \"0s\", burst = 1 }}\ntimeout = \"5s\"\n\
             caps = {{ per_10m = 5000, per_hour = 5000, per_day = 5000 }}\n{more}\
             [[group]]\nname = {name:?}\nintegration = {name:?}\n",
            receiver.url
        );
    }
    text
}

/// A daemon at rest, with so many posts behind it that nobody was sent, each ready to be sent by hand.
pub(crate) async fn at_rest(posts: u32, every: &str, groups: &[Group<'_>]) -> Daemon {
    let mut daemon = Daemon::with(&config("feed.xml", every, groups));
    std::fs::write(daemon.path("feed.xml"), blog::feed(0..posts)).expect("written");
    daemon.start().await;
    daemon.baseline("blog").await;
    daemon
}

/// A person's wish to send one post.
pub(crate) fn by_hand(post: u32) -> Verb {
    Verb::Replay { entry: blog::link(post), group: None, again: None, dry_run: false }
}

/// Lets lanes go on that rest after failures, as a person would.
pub(crate) async fn resume(daemon: &Daemon) {
    daemon.ask(Verb::Resume { lane: None }).await;
}

/// Waits until nothing is on its way to these groups.
pub(crate) async fn at_peace(daemon: &Daemon, groups: &[&str]) {
    until("everything to be settled", async || open(daemon, groups).await == 0).await;
}

/// How many deliveries are on their way to these groups, all counted at one moment.
pub(crate) async fn open(daemon: &Daemon, groups: &[&str]) -> u64 {
    let status = daemon.status().await;
    let all = status["groups"].as_array().cloned().unwrap_or_default();
    let mine = all.iter().filter(|g| groups.iter().any(|name| g["name"] == *name));
    let counts = |g: &Value| ["due", "claimed"].map(|kind| g["counts"][kind].as_u64()).into_iter();
    mine.flat_map(counts).map(Option::unwrap_or_default).sum()
}

/// What an audit found.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Books {
    pub(crate) published: u64,
    pub(crate) refused: u64,
    /// In doubt, and readers have it.
    pub(crate) doubted_shown: u64,
    /// In doubt, and readers do not have it.
    pub(crate) doubted_unshown: u64,
    /// Never claimed, and not to be.
    pub(crate) untouched: u64,
}

impl Books {
    pub(crate) fn doubts(&self) -> u64 {
        self.doubted_shown + self.doubted_unshown
    }

    pub(crate) fn add(&mut self, other: Self) {
        self.published += other.published;
        self.refused += other.refused;
        self.doubted_shown += other.doubted_shown;
        self.doubted_unshown += other.doubted_unshown;
        self.untouched += other.untouched;
    }
}

/// Compares the ledger of a daemon that has ended with what the readers of one group saw, post by
/// post: nobody saw anything twice, what nobody saw is said by nobody to be published, what somebody
/// saw by nobody to be refused or still to come, and whatever was told to the group was claimed before.
pub(crate) async fn audit(ledger: &Path, group: &str, receiver: &Receiver, posts: u32) -> Books {
    receiver.assert_once();
    let ledger = Embedded::open(ledger, Arc::new(SystemClock)).await.expect("the ledger opens");
    let proof = ledger.verify(Box::new(|_, _| {})).await;
    proof.expect("the journal is whole");
    let (seen, heard) = (receiver.seen(), receiver.heard());
    let mut books = Books::default();
    for post in 0..posts {
        let title = blog::title(post);
        let shown = seen.contains_key(&title);
        let told = heard.contains_key(&title);
        let entries = ledger.find(&blog::link(post)).await.expect("readable");
        let mine = |d: &DeliveryView| d.group == group;
        let rows: Vec<_> = entries.into_iter().flat_map(|e| e.deliveries).filter(mine).collect();
        let is = |wanted: fn(&Status) -> bool| rows.iter().any(|row| wanted(&row.status));
        let claimed_ever = is(|s| match s {
            Status::Due { attempt, .. } => *attempt > 0,
            Status::Claimed { .. } | Status::Published { .. } => true,
            Status::Refused { .. } | Status::InDoubt { .. } => true,
            Status::Baseline | Status::Held { .. } | Status::Withdrawn { .. } => false,
        });
        assert!(!told || claimed_ever, "{title} was sent and never claimed: {rows:?}");
        assert!(!is(|s| matches!(s, Status::Claimed { .. })), "nobody holds {title}: {rows:?}");
        if is(|s| matches!(s, Status::Published { .. })) {
            assert!(shown, "{title} is called published and nobody saw it: {rows:?}");
            books.published += 1;
        } else if is(|s| matches!(s, Status::InDoubt { .. })) {
            books.doubted_shown += u64::from(shown);
            books.doubted_unshown += u64::from(!shown);
        } else {
            assert!(!shown, "{title} was seen, and the ledger does not know: {rows:?}");
            books.refused += u64::from(is(|s| matches!(s, Status::Refused { .. })));
            books.untouched += u64::from(!claimed_ever);
        }
    }
    ledger.close().await.expect("closed");
    books
}
