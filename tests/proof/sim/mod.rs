//! Whole lives of the real house - ledger, flow, wire and adapters - in a simulated world: thirty days each
//! in a fraction of a second, from one seed.
//!
//! **What is real.** The ledger on redb with its witness, its polls and its lanes, the wire and every
//! adapter, as `daemon` builds them from a config. The writer works where it is asked (`open_here`) and
//! not on its own thread, and a lane looks around less often when it rests: so the order of everything is
//! the seed's. Feeds are read on threads, and the world's clock stands meanwhile. The HTTP client, the
//! control socket and the loops of `daemon::House` are not in it; other tests have them.
//!
//! **What is simulated.** The disk (`disk.rs`), the network (`net.rs`), the platforms (`platforms`), the
//! blog (`blog.rs`), the clock, and a person who tells the truth (`person.rs`). What readers saw stands in
//! `truth.rs`; I1 to I8 are held against it at every claim, call and answer (`laws.rs`), and all of the
//! ledger after every start (`survey.rs`). Some groups have their posts changed and deleted with their
//! entries, and some ask first what another tool has posted.
//!
//! **What is assumed.** No request is heard later than `LATE_MAX`; an author deletes what is older than an
//! hour; the clock is right, or not set at all, in the first minutes after a boot; ledger and witness are
//! not put back together. These are the cases of "What can still go wrong" in the README.
//!
//! `ONCECAST_SIM_SEEDS` lives, from the seed `ONCECAST_SIM_FIRST` on; one life alone tells its trace.

mod blog;
mod disk;
mod house;
mod laws;
mod life;
mod net;
mod person;
mod plan;
mod platforms;
mod survey;
mod truth;
mod watch;
mod world;

use std::io::Write as _;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use life::{Report, live};
use plan::Defect;
use world::Tally;

/// So many lives are lived where nobody says how many.
const SEEDS: u64 = 1_000;
/// A defect is caught within so many lives.
const CAUGHT_WITHIN: u64 = 60;
const FAULTS_MIN: u64 = 50;

/// What the lives so far have come to.
#[derive(Debug)]
struct Done {
    lives: u64,
    tally: Tally,
    reports: Vec<Report>,
    lived: Duration,
    /// The fewest faults of one life.
    fewest: u64,
    broken: usize,
}

impl Default for Done {
    fn default() -> Self {
        let (tally, reports, lived) = Default::default();
        Self { lives: 0, tally, reports, lived, fewest: u64::MAX, broken: 0 }
    }
}

fn asked(name: &str, otherwise: u64) -> u64 {
    match std::env::var(name) {
        Ok(value) => value.parse().unwrap_or_else(|_| panic!("{name} is no number: {value}")),
        Err(_) => otherwise,
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "how long it takes is told, and nothing else is done with it"
)]
fn now() -> std::time::Instant {
    std::time::Instant::now()
}

/// Says how far it is, past the capture of the test runner: a thousand lives take minutes.
fn progress(done: u64, of: u64, broken: usize, began: std::time::Instant) {
    let took = began.elapsed().as_secs_f64();
    let left = took / done as f64 * (of - done) as f64;
    let words = format!(
        "simulation: {done} of {of} lives, {broken} with something broken, {took:.0} s, about {left:.0} s left\n"
    );
    std::io::stderr().write_all(words.as_bytes()).ok();
}

/// A reader of any of these lives who saw a post twice, or a post that was owed and never came.
#[test]
#[expect(clippy::print_stdout, reason = "the counts are what a reader of the proof looks for")]
fn nobody_sees_a_post_twice_in_any_life() {
    let began = now();
    let (first, seeds) = (asked("ONCECAST_SIM_FIRST", 0), asked("ONCECAST_SIM_SEEDS", SEEDS));
    let next = AtomicU64::new(first);
    let done: Mutex<Done> = Mutex::default();
    let work = || {
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= first + seeds {
                return;
            }
            let report = live(seed, None, seeds == 1);
            let mut done = done.lock().expect("free");
            done.lives += 1;
            done.tally.add(&report.tally);
            done.lived += report.lived;
            done.fewest = done.fewest.min(report.tally.all_faults());
            done.broken += usize::from(!report.broken.is_empty());
            if !report.broken.is_empty() || seeds == 1 {
                done.reports.push(report);
            }
            if done.lives.is_multiple_of(seeds.div_ceil(20).max(100)) || done.lives == seeds {
                progress(done.lives, seeds, done.broken, began);
            }
        }
    };
    let cores = std::thread::available_parallelism().map_or(2, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(work);
        }
    });
    let Done { tally, reports, lived, fewest, .. } = done.into_inner().expect("free");
    let bad: Vec<&Report> = reports.iter().filter(|report| !report.broken.is_empty()).collect();
    let mut told = format!(
        "simulation: {seeds} lives from seed {first}, {} days, {} faults (at least {fewest} a life), \
         {} claims, {} publishes, {} shown, {} doubts, {} changes, {} posts of another tool, {} starts, \
         {:.0} s; lives with something broken: {}\n{:?}\n",
        lived.as_secs() / 86_400,
        tally.all_faults(),
        tally.claims,
        tally.publishes,
        tally.shown,
        tally.doubts,
        tally.changes,
        tally.foreign,
        tally.starts,
        began.elapsed().as_secs_f64(),
        bad.len(),
        tally.faults,
    );
    for report in &reports {
        told.extend(report.words.iter().map(|line| format!("{line}\n")));
    }
    for report in &bad {
        let seed = report.seed;
        told.push_str(&format!(
            "seed {seed}: {:?}\n  again: ONCECAST_SIM_FIRST={seed} ONCECAST_SIM_SEEDS=1 cargo test --locked \
             --profile proof --features proofs --test proof sim::nobody -- --nocapture\n",
            report.broken
        ));
    }
    println!("{told}");
    assert!(bad.is_empty(), "{told}");
    assert!(fewest >= FAULTS_MIN, "a life had {fewest} faults only");
}

/// A failing life that cannot be lived again teaches nothing.
#[test]
fn the_same_seed_is_the_same_life() {
    for seed in 100..108 {
        let (one, two) = (live(seed, None, false), live(seed, None, true));
        assert_eq!(one.sum, two.sum, "seed {seed}");
    }
    assert_ne!(live(100, None, false).sum, live(101, None, false).sum);
}

/// A check that no defect can trip is not a check.
#[test]
#[expect(clippy::print_stdout, reason = "the counts are what a reader of the proof looks for")]
fn every_seeded_defect_is_caught() {
    for defect in Defect::ALL {
        let caught =
            (0..CAUGHT_WITHIN).find(|seed| !live(*seed, Some(defect), false).broken.is_empty());
        let caught = caught.unwrap_or_else(|| panic!("{defect:?} was caught in no life"));
        println!("simulation: {defect:?} is caught in life {caught}");
    }
}
