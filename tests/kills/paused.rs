//! A daemon that is stopped for longer than its timeouts and then goes on: a laptop's lid, a busy
//! host, a debugger. What it believed when it was stopped may have long been untrue.

use std::time::Duration;

use rustix::process::Signal;

use super::strace::Tracer;
use super::support::daemon::Daemon;
use super::support::receiver::{Manner, Receiver};
use super::support::until;
use super::world::{self, Books, Group};

/// Longer than a permit may wait to be used, which is longer than the publish timeout.
const PAUSE: Duration = Duration::from_secs(11);
/// Between the wish and the claim's own commit, and between that and its witness.
const BEFORE_COMMIT: Moment = Moment::Call("ledger.redb", "fdatasync", "3");
const BEFORE_WITNESS: Moment = Moment::Call("ledger.witness", "fdatasync", "1");
/// The ways to stop it, each in a world of its own.
const MOMENTS: [Moment; 7] = [
    BEFORE_COMMIT,
    BEFORE_WITNESS,
    Moment::Call("", "connect", "1"),
    Moment::Call("", "getpeername", "1"),
    Moment::Call("", "writev", "1"),
    Moment::Call("ledger.redb", "fdatasync", "5"),
    Moment::Answer,
];

/// When it is stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Moment {
    /// At the n-th call of that name, on that file where one is named.
    Call(&'static str, &'static str, &'static str),
    /// When its request has arrived: the answer comes while it is stopped.
    Answer,
}

/// Waits for nothing but time: that is what a stopped process loses.
async fn pause() {
    tokio::time::sleep(PAUSE).await;
}

async fn stopped(daemon: &Daemon) {
    until("the daemon to stop", async || daemon.is_stopped()).await;
}

async fn live_through(moment: Moment) -> Books {
    let receiver = Receiver::open(match moment {
        Moment::Answer => Manner::Asks,
        Moment::Call(..) => Manner::Answers(204),
    })
    .await;
    let group = Group { name: "readers", receiver: &receiver, more: "" };
    let mut daemon = world::at_rest(1, "1h", &[group]).await;
    let tracer = match moment {
        Moment::Answer => None,
        Moment::Call(file, call, number) => {
            let trace = format!("trace={call}");
            let inject = format!("inject={call}:signal=SIGSTOP:when={number}");
            let path = daemon.path(file);
            let mut arguments = vec!["-e", &trace, "-e", &inject];
            if !file.is_empty() {
                arguments.extend(["-P", path.to_str().expect("text")]);
            }
            Some(Tracer::attach(&daemon, &arguments).await)
        }
    };
    daemon.ask(world::by_hand(0)).await.expect("it takes a wish");
    if matches!(moment, Moment::Answer) {
        let asked = receiver.asked().await;
        daemon.signal(Signal::STOP);
        stopped(&daemon).await;
        asked.decide(Manner::Answers(204));
        let mut moments = receiver.moments();
        moments.wait_for(|m| m.answered == 1).await.expect("the group is there");
    } else {
        stopped(&daemon).await;
    }
    pause().await;
    daemon.signal(Signal::CONT);
    if let Some(tracer) = tracer {
        tracer.detach().await;
    }
    world::at_peace(&daemon, &["readers"]).await;
    assert_eq!(daemon.end().await, Some(0), "{}", daemon.log());
    let books = world::audit(daemon.ledger(), "readers", &receiver, 1).await;
    assert_eq!(books.published + books.doubts(), 1, "{moment:?}: {books:?}\n{}", daemon.log());
    // A request that left is the only one there will ever be.
    assert!(receiver.requests() <= 1, "{moment:?}: {} requests", receiver.requests());
    if [BEFORE_COMMIT, BEFORE_WITNESS].contains(&moment) {
        // What was true when the permit was asked for was not relied on so much later.
        assert!(daemon.log().contains("its permit was"), "{moment:?}: {}", daemon.log());
    }
    world::tell(&format!("stopped at {moment:?}: {books:?}"));
    books
}

/// A sender that wakes up and goes on where it was sends what has been given up, or sends it again.
#[test]
fn stopped_anywhere_on_the_way_and_continued_it_shows_the_post_once_at_the_most() {
    let mut sum = Books::default();
    world::side_by_side(MOMENTS.len(), MOMENTS.into_iter(), live_through, |books| sum.add(books));
    assert!(sum.published > 0, "a stopped daemon goes on: {sum:?}");
}
