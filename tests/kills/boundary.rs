//! SIGKILL right before each system call that one delivery makes: from the wish of a person through
//! claim, witness, connection, request and answer to the settlement.

use super::strace::Tracer;
use super::support::daemon::Daemon;
use super::support::receiver::{Manner, Receiver};
use super::support::{blog, until};
use super::world::{self, Books, Group};

/// Calls that change nothing outside the process: a kill before one of them is a kill before the next
/// one that does.
const INNER: [&str; 7] =
    ["futex", "mprotect", "madvise", "sched_yield", "brk", "restart_syscall", "clock_nanosleep"];
/// More of one call than a delivery makes.
const CALLS_MAX: u32 = 150;
/// Worlds at a time: more than cores, since they wait for their disks.
const AT_ONCE: usize = 4;
/// How often the whole is done: calls are counted in each thread, and a delivery goes through several.
const ROUNDS: usize = 3;
/// Kills that the whole must come to: a delivery commits three times, of a dozen calls and more each.
const KILLS_MIN: u64 = 180;

/// A daemon at rest, and the group that it is to tell.
struct Stage {
    daemon: Daemon,
    receiver: Receiver,
    next: u32,
}

impl Stage {
    async fn open() -> Self {
        let receiver = Receiver::open(Manner::Answers(204)).await;
        let group = Group { name: "readers", receiver: &receiver, more: "" };
        let daemon = world::at_rest(CALLS_MAX, "1h", &[group]).await;
        Self { daemon, receiver, next: 0 }
    }

    /// Has the next post sent, and waits until it is settled or the daemon is dead.
    async fn send(&mut self) {
        let told = |daemon: &Daemon| daemon.log().matches(" published ").count();
        let before = told(&self.daemon);
        // Where the daemon dies on the way there is no answer.
        self.daemon.ask(world::by_hand(self.next)).await;
        self.next += 1;
        let daemon = &mut self.daemon;
        until("the post to be settled, or a death", async || {
            daemon.is_gone() || told(daemon) > before
        })
        .await;
    }

    /// What one delivery calls.
    async fn calls(&mut self) -> Vec<String> {
        let tracer = Tracer::attach(&self.daemon, &[]).await;
        self.send().await;
        let calls = tracer.detach().await.calls();
        world::tell(&format!("one delivery calls: {calls:?}"));
        calls.into_keys().filter(|name| !INNER.contains(&name.as_str())).collect()
    }

    /// Kills it right before the n-th call of that name; whether it came to that.
    async fn kill_before(&mut self, call: &str, number: u32) -> bool {
        let tracer = Tracer::at(&self.daemon, call, &number.to_string(), "signal=SIGKILL").await;
        self.send().await;
        let killed = tracer.has_killed(&mut self.daemon).await;
        if killed {
            self.daemon.start().await;
            world::at_peace(&self.daemon, &["readers"]).await;
        }
        killed
    }
}

/// A crash between sending and remembering is where others post twice: there is no such place here.
#[test]
fn killed_before_any_system_call_of_a_delivery_it_shows_the_post_once_or_not_at_all() {
    let mut names = Vec::new();
    let learn = async |()| Stage::open().await.calls().await;
    world::side_by_side(1, [()].into_iter(), learn, |calls| names = calls);

    let (mut kills, mut sum) = (0, Books::default());
    let run = async |name: String| {
        let mut stage = Stage::open().await;
        let mut kills = 0;
        while stage.kill_before(&name, stage.next + 1).await {
            kills += 1;
            assert!(stage.next < CALLS_MAX, "{name} has no end");
        }
        stage.daemon.end().await;
        let ledger = stage.daemon.ledger();
        (name, kills, world::audit(ledger, "readers", &stage.receiver, CALLS_MAX).await, stage.next)
    };
    let rounds = (0..ROUNDS).flat_map(|_| names.clone());
    world::side_by_side(AT_ONCE, rounds, run, |(name, n, books, tried)| {
        world::tell(&format!("{n} kills before {name}: {books:?}"));
        // Nobody may wait in doubt for a post that was never claimed, and none is forgotten.
        let known = books.published + books.doubts();
        let asked_in_vain = u64::from(tried) - known;
        assert!(asked_in_vain <= n, "{name}: {books:?}");
        kills += n;
        sum.add(books);
    });
    world::tell(&format!("{kills} kills: {sum:?}"));
    assert!(kills >= KILLS_MIN, "{kills} kills are too few to have met every step");
    // Before the claim and after it, before the send and after it, and after the settlement.
    assert!(sum.doubted_unshown > 0 && sum.doubted_shown > 0 && sum.published > 0, "{sum:?}");
}

/// A post by hand can be seen in the list that the audit reads.
#[test]
fn the_posts_of_these_tests_have_names_of_their_own() {
    let titles: std::collections::BTreeSet<_> = (0..20_000).map(blog::title).collect();
    assert_eq!(titles.len(), 20_000, "two posts of one name would hide a repeat");
}
