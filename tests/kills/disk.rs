//! A disk that fails: ENOSPC and EIO at each write and each fsync of the ledger and of its witness,
//! once and for good, while one post is on its way.

use std::sync::atomic::{AtomicU64, Ordering};

use oncecast::desk::verb::{Answer, Verb};

use super::strace::Tracer;
use super::support::daemon::Daemon;
use super::support::receiver::{Manner, Receiver};
use super::support::{blog, until};
use super::world::{self, Books, Group};

/// More of one call than a delivery makes.
const CALLS_MAX: u32 = 120;
/// Daemons at a time: most of the time they wait for the end of their own rests.
const AT_ONCE: usize = 24;
/// How many neighbouring calls one daemon meets, one after the other.
const SHARE: u32 = 6;
/// Faults that the whole must come to: three commits and a witness, each call in several ways.
const FAULTS_MIN: u64 = 90;

/// One way in which a disk fails.
#[derive(Debug, Clone, Copy)]
struct Fault {
    file: &'static str,
    call: &'static str,
    error: &'static str,
    /// Once, or from then on until somebody mends it.
    lasts: bool,
}

const fn fault(file: &'static str, call: &'static str, error: &'static str, lasts: bool) -> Fault {
    Fault { file, call, error, lasts }
}

const FAULTS: [Fault; 10] = [
    fault("ledger.redb", "pwrite64", "ENOSPC", false),
    fault("ledger.redb", "pwrite64", "EIO", true),
    fault("ledger.redb", "fdatasync", "EIO", false),
    fault("ledger.redb", "fdatasync", "EIO", true),
    fault("ledger.redb", "fdatasync", "ENOSPC", false),
    fault("ledger.witness", "pwrite64", "ENOSPC", false),
    fault("ledger.witness", "pwrite64", "ENOSPC", true),
    fault("ledger.witness", "pwrite64", "EIO", false),
    fault("ledger.witness", "fdatasync", "EIO", false),
    fault("ledger.witness", "fdatasync", "EIO", true),
];

/// Sends a post by hand while the disk fails at the n-th call; whether it came to that.
async fn meet(daemon: &mut Daemon, fault: Fault, number: u32, post: u32) -> bool {
    let Fault { file, call, error, lasts } = fault;
    let file = daemon.path(file);
    let trace = format!("trace={call}");
    let more = if lasts { "+" } else { "" };
    let inject = format!("inject={call}:error={error}:when={number}{more}");
    let file = file.to_str().expect("text");
    let tracer = Tracer::attach(daemon, &["-P", file, "-e", &trace, "-e", &inject]).await;
    let told = daemon.ask(world::by_hand(post)).await;
    let mut struck = false;
    until("the fault to be told of, or the post to pass it", async || {
        struck = tracer.has_struck();
        let ill = !daemon.complaints().await.is_empty();
        if struck { !lasts || ill } else { settled(daemon, post).await && told.is_some() }
    })
    .await;
    let complaints = daemon.complaints().await;
    struck |= tracer.detach().await.was_struck();
    let log = daemon.log();
    if struck {
        assert!(log.contains("a ledger commit failed") || log.contains("cannot be"), "{log}");
    }
    if struck && lasts {
        let words = complaints.join("; ");
        assert!(words.contains("ledger") || words.contains("witness"), "{fault:?}: {words}");
    }
    struck
}

/// Whether nothing more will become of a post without a person.
async fn settled(daemon: &Daemon, post: u32) -> bool {
    let why = daemon.ask(Verb::Why { entry: blog::link(post) }).await;
    let Some(Answer::Why { entry, .. }) = why else { return false };
    let word = |d: &oncecast::ledger::DeliveryView| d.status.kind().word();
    entry.deliveries.iter().all(|d| !["due", "claimed"].contains(&word(d)))
}

/// A disk that was full for one moment made others post everything again; here the post waits for its
/// disk, the daemon says what it has seen, and it goes on by itself when the disk does.
#[test]
fn a_disk_that_fails_at_any_call_costs_patience_and_no_second_post() {
    let jobs = FAULTS
        .into_iter()
        .flat_map(|fault| (0..CALLS_MAX / SHARE).map(move |part| (fault, part * SHARE + 1)));
    // The calls of a fault that a delivery does not reach any more.
    let ends: Vec<AtomicU64> = FAULTS.iter().map(|_| AtomicU64::new(u64::MAX)).collect();
    let run = async |(fault, first): (Fault, u32)| {
        let same = |f: &Fault| format!("{f:?}") == format!("{fault:?}");
        let end = &ends[FAULTS.iter().position(same).expect("one of them")];
        if u64::from(first) > end.load(Ordering::SeqCst) {
            return (0, Books::default());
        }
        let receiver = Receiver::open(Manner::Answers(204)).await;
        let group = Group { name: "readers", receiver: &receiver, more: "" };
        // Its polls are the writes by which a daemon notices that its disk is well again.
        let mut daemon = world::at_rest(SHARE, "1s", &[group]).await;
        let mut faults = 0;
        for post in 0..SHARE {
            let number = first + post;
            if !meet(&mut daemon, fault, number, post).await {
                end.fetch_min(u64::from(number), Ordering::SeqCst);
                break;
            }
            faults += 1;
            until(&format!("it to go on by itself after {fault:?} {number}"), async || {
                daemon.complaints().await.is_empty()
                    && world::open(&daemon, &["readers"]).await == 0
            })
            .await;
        }
        assert_eq!(daemon.end().await, Some(0), "{}", daemon.log());
        let books = world::audit(daemon.ledger(), "readers", &receiver, SHARE).await;
        // Once the disk is well, nothing is left for a person to do.
        assert_eq!(books.doubts(), 0, "{fault:?} from {first}: {books:?}\n{}", daemon.log());
        (faults, books)
    };
    let (mut faults, mut sum) = (0, Books::default());
    world::side_by_side(AT_ONCE, jobs, run, |(n, books)| {
        faults += n;
        sum.add(books);
    });
    world::tell(&format!("{faults} faults of the disk: {sum:?}"));
    assert!(faults >= FAULTS_MIN, "{faults} faults are too few to have met every step");
}
