//! SIGKILL right before each system call of a start that writes: the first one, which makes the ledger,
//! and the one after a death, which must not forget what was under way.

use oncecast::desk::verb::{Answer, Verb};
use rustix::process::Signal;

use super::strace::Tracer;
use super::support::daemon::Daemon;
use super::support::receiver::{Manner, Receiver};
use super::support::{blog, until};
use super::world::{self, Books, Group};

/// What changes files, and what keeps a second daemon out.
const CALLS: [&str; 10] = [
    "pwrite64",
    "write",
    "fdatasync",
    "fsync",
    "ftruncate",
    "rename",
    "unlink",
    "flock",
    "chmod",
    "mkdir",
];
/// More of one call than a start makes.
const CALLS_MAX: u32 = 150;
/// Posts of the blog.
const POSTS: u32 = 3;
/// Worlds at a time: more than cores, since they wait for their disks.
const AT_ONCE: usize = 4;
/// A first start commits its tables, its identity, its config and its baseline.
const KILLS_MIN: u64 = 40;

/// Starts it with a kill right before the n-th call of that name; whether it came to that.
async fn kill_before(daemon: &mut Daemon, call: &str, number: u32) -> bool {
    daemon.spawn_stopped().await;
    let tracer = Tracer::at(daemon, call, &number.to_string(), "signal=SIGKILL").await;
    daemon.signal(Signal::CONT);
    until("a start, or a death", async || daemon.is_gone() || has_read(daemon).await).await;
    tracer.has_killed(daemon).await
}

/// Whether it has read its feed, which is the last that a first start writes; a later one has long.
async fn has_read(daemon: &Daemon) -> bool {
    let Some(Answer::Status { status, .. }) = daemon.ask(Verb::Status).await else { return false };
    status["feeds"][0]["last_success"].is_string()
}

/// A kill while the ledger is made leaves others with a file that never opens, or with none, which is
/// worse: everything is new again.
#[test]
fn killed_at_any_moment_of_its_first_start_it_starts_again_and_sends_nothing_old() {
    let run = async |call: &'static str| {
        let mut number = 0;
        loop {
            number += 1;
            assert!(number < CALLS_MAX, "{call} has no end");
            let receiver = Receiver::open(Manner::Answers(204)).await;
            let group = Group { name: "readers", receiver: &receiver, more: "" };
            let mut daemon = Daemon::with(&world::config("feed.xml", "1h", &[group]));
            std::fs::write(daemon.path("feed.xml"), blog::feed(0..POSTS)).expect("written");
            let killed = kill_before(&mut daemon, call, number).await;
            if killed {
                daemon.start().await;
            }
            daemon.baseline("blog").await;
            daemon.ask(world::by_hand(0)).await.expect("it takes a wish");
            until("the wish to be fulfilled", async || {
                daemon.count("readers", "published").await == 1
            })
            .await;
            daemon.end().await;
            let books = world::audit(daemon.ledger(), "readers", &receiver, POSTS).await;
            assert_eq!((books.published, books.untouched), (1, 2), "{call} {number}: {books:?}");
            if !killed {
                return (call, u64::from(number - 1));
            }
        }
    };
    let mut kills = 0;
    world::side_by_side(AT_ONCE, CALLS.into_iter(), run, |(call, n)| {
        world::tell(&format!("first start: {n} kills before {call}"));
        kills += n;
    });
    assert!(kills >= KILLS_MIN, "{kills} kills are too few to have met every step");
}

/// A second death while the first is being understood: the post that was under way is still not sent
/// again, and still in doubt.
#[test]
fn killed_at_any_moment_of_its_recovery_it_still_knows_what_was_under_way() {
    let run = async |call: &'static str| {
        let receiver = Receiver::open(Manner::Answers(204)).await;
        let group = Group { name: "readers", receiver: &receiver, more: "" };
        let mut daemon = world::at_rest(CALLS_MAX, "1h", &[group]).await;
        let (mut number, mut books) = (0, Books::default());
        loop {
            // It dies with a claim in its hand: no byte of this post has left.
            let tracer = Tracer::at(&daemon, "connect", "1", "signal=SIGKILL").await;
            daemon.ask(world::by_hand(number)).await;
            until("its death", async || daemon.is_gone()).await;
            assert!(tracer.has_killed(&mut daemon).await);
            number += 1;
            assert!(number < CALLS_MAX, "{call} has no end");
            std::fs::remove_file(daemon.path("daemon.log")).expect("removed");
            let killed = kill_before(&mut daemon, call, number).await;
            if killed {
                daemon.start().await;
            }
            let doubts = daemon.count("readers", "in_doubt").await;
            assert_eq!(doubts, u64::from(number), "{call} {number}: {}", daemon.log());
            if !killed {
                daemon.end().await;
                let found = world::audit(daemon.ledger(), "readers", &receiver, CALLS_MAX).await;
                books.add(found);
                return (call, u64::from(number - 1), books);
            }
        }
    };
    let (mut kills, mut sum) = (0, Books::default());
    world::side_by_side(AT_ONCE, CALLS.into_iter(), run, |(call, n, books)| {
        world::tell(&format!("recovery: {n} kills before {call}"));
        kills += n;
        sum.add(books);
    });
    assert!(kills >= KILLS_MIN / 2, "{kills} kills are too few to have met every step");
    assert_eq!(sum.doubts(), sum.doubted_unshown, "nobody saw a post: {sum:?}");
}
