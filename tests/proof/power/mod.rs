//! The power is cut at any moment: what was acknowledged is there, what was granted is in doubt, and nothing
//! is sent on the strength of what the disk has lost.
//!
//! The real ledger lives short lives, drawn from seeds, on a disk in memory. Before each sync the disk as it
//! is then is kept; an image is that disk after a power cut: everything that was synced, and any subset of
//! what was written since, torn at a sector or at any byte, ledger and witness each for itself. Every image
//! goes through the real open path, and some lose power once more while they are opened.
//!
//! `ONCECAST_IMAGES` says how many images, `ONCECAST_SEED` which life is the first.

mod check;
mod hands;
mod life;

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use oncecast::ledger::{Claim, Ledger as _, LedgerError, Trust};
use oncecast::model::{Request, StatusKind};

use crate::disk::{Fault, Lie, Machine};

use check::Count;
use life::Life;

const IMAGES: u64 = 100_000;
const STEPS: usize = 24;
/// Within so many lives a disk that lies must have been found out.
const LIES_MAX: u64 = 40;
const FAULTY_LIVES: u64 = 6;
const FAULTY_STEPS: usize = 7;

fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).map_or(otherwise, |n| n.parse().unwrap_or_else(|_| panic!("{name}: {n}")))
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime")
}

/// Lives one life, and checks every image of it.
fn live(seed: u64, lie: Option<Lie>, enough: &AtomicBool) -> Result<Count, String> {
    runtime().block_on(async {
        let machine = Machine::new(seed);
        if let Some(lie) = lie {
            machine.lie(lie);
        }
        let mut life = Life::new(seed, machine);
        let mut count = Count::default();
        for number in 0..STEPS {
            let step = if number == 0 { life.begin().await } else { life.next().await };
            let step = step.map_err(|e| format!("step {number}: {e}"))?;
            check::step(&mut life, &step, &mut count)
                .await
                .map_err(|why| format!("step {number}: {why}"))?;
            if enough.load(Ordering::Relaxed) {
                break;
            }
        }
        Ok(count)
    })
}

#[expect(
    clippy::disallowed_methods,
    reason = "how long it takes is told, and nothing else is done with it"
)]
fn now() -> Instant {
    Instant::now()
}

/// A reader would see again what a daemon sent before the lights went out, or never see it.
#[test]
#[expect(clippy::print_stdout, reason = "the counts are what a reader of the proof looks for")]
fn a_power_cut_at_any_moment_loses_no_commit_and_repeats_no_post() {
    let images = number("ONCECAST_IMAGES", IMAGES);
    let first = number("ONCECAST_SEED", 1);
    let (next, total) = (AtomicU64::new(first), Mutex::new(Count::default()));
    let enough = AtomicBool::new(false);
    let began = now();
    let cores = std::thread::available_parallelism().map_or(2, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(|| {
                while !enough.load(Ordering::Relaxed) {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    let count = live(seed, None, &AtomicBool::new(false)).unwrap_or_else(|why| {
                        panic!(
                            "seed {seed}: {why}\nagain: ONCECAST_SEED={seed} ONCECAST_IMAGES=1 cargo \
                             test --locked --profile proof --features proofs --test proof power::a_"
                        )
                    });
                    let mut total = total.lock().expect("unpoisoned");
                    total.images += count.images;
                    total.whole += count.whole;
                    total.again += count.again;
                    total.exchanged += count.exchanged;
                    enough.fetch_or(total.images >= images, Ordering::Relaxed);
                }
            });
        }
    });
    let total = total.into_inner().expect("unpoisoned");
    let seconds = began.elapsed().as_secs_f64();
    println!(
        "{} images of {} lives from seed {first}: {} of whole sets of subsets, {} cut again, {} beside \
         an older ledger, 0 broken, {seconds:.0} s, {:.0} a second",
        total.images,
        next.into_inner() - first,
        total.whole,
        total.again,
        total.exchanged,
        total.images as f64 / seconds
    );
    assert!(total.images >= images, "too few");
    assert!(images < IMAGES || (total.again > 0 && total.exchanged > 0), "nothing was cut again");
}

/// A check that no defect can trip is no check: each of these disks breaks one promise.
#[test]
#[expect(clippy::print_stdout, reason = "the counts are what a reader of the proof looks for")]
fn a_disk_that_lies_is_found_out() {
    let lies = [
        (Lie::Unsynced("ledger.redb"), &["forgotten a commit", "cannot be read"][..]),
        (Lie::Unsynced("ledger.witness"), &["an older ledger sends", "of its witness"]),
        (Lie::FolderUnsynced, &["ledger.redb is missing"]),
        (Lie::InPlace, &["cannot be read"]),
    ];
    for (lie, wanted) in lies {
        let mut said = Vec::new();
        let found = (1..=LIES_MAX).any(|seed| {
            let why = live(seed, Some(lie), &AtomicBool::new(false)).err();
            let found =
                why.as_ref().is_some_and(|why| wanted.iter().any(|wanted| why.contains(wanted)));
            said.extend(why.map(|why| format!("seed {seed}: {why}")));
            found
        });
        assert!(found, "{lie:?} was not found out in {LIES_MAX} lives, which said {said:#?}");
        println!("{lie:?}: {}", said.last().expect("it was found"));
    }
}

/// A post would be sent on the strength of a claim that a full or failing disk did not take, or again once
/// there is room.
#[test]
#[expect(clippy::print_stdout, reason = "the counts are what a reader of the proof looks for")]
fn a_disk_that_fails_at_any_operation_grants_nothing_that_is_not_durable() {
    let first = number("ONCECAST_SEED", 1);
    let (mut faults, mut mended, mut closed) = (0_u32, 0_u32, 0_u32);
    for seed in first..first + FAULTY_LIVES {
        let most = runtime().block_on(faulty(seed, None)).expect("without a fault").operations;
        for at in 0..most {
            for (fault, lasting) in [
                (Fault::Eio, false),
                (Fault::Eio, true),
                (Fault::Enospc, false),
                (Fault::Enospc, true),
            ] {
                let done = runtime().block_on(faulty(seed, Some((at, fault, lasting))));
                let done = done.unwrap_or_else(|why| {
                    panic!("seed {seed}: {fault:?} at operation {at}, lasting {lasting}: {why}")
                });
                faults += u32::from(done.struck);
                mended += u32::from(done.struck && done.sends);
                if done.struck && !done.sends {
                    closed += 1;
                    println!(
                        "closed: seed {seed}, {fault:?} at {at}, lasting {lasting}: {}",
                        done.why
                    );
                }
            }
        }
    }
    println!("{faults} faults: {mended} went on by themselves, {closed} failed closed");
    assert!(faults > 1_000, "{faults} faults only");
    assert!(
        closed * 20 <= faults,
        "{closed} of {faults} did not go on when the disk was well again"
    );
}

/// What came of a life with a fault in it.
struct Done {
    operations: u64,
    struck: bool,
    sends: bool,
    why: String,
}

/// A short life in which one operation fails, or all from it on; then the disk is well, and the power goes.
async fn faulty(seed: u64, fault: Option<(u64, Fault, bool)>) -> Result<Done, String> {
    let machine = Machine::new(seed);
    if let Some((at, fault, lasting)) = fault {
        machine.fail(at, fault, lasting);
    }
    let mut life = Life::new(seed, machine.clone());
    life.mends = false;
    for number in 0..FAULTY_STEPS {
        // What fails is told to whoever asked; here nobody minds.
        if number == 0 {
            life.begin().await.ok();
        } else if life.is_open() {
            life.next().await.ok();
        }
    }
    let operations = machine.operations();
    let struck = machine.heal();
    // It goes on in the same process, where it was open; then the process ends, and the power with it.
    if life.is_open() {
        life.next().await.ok();
    }
    let (granted, heard) = (life.unsettled(), life.heard());
    life.stop().await;
    machine.cut(&mut crate::disk::Random(life.rng().fork()));
    let place = hands::place(&machine, life.is_apart);
    let ledger = match hands::open(place, &life.clock, None).await {
        Ok(ledger) => ledger,
        // Closed, by a name.
        Err(LedgerError::Untrusted { why, .. }) if fault.is_some() => {
            return Ok(Done { operations, struck, sends: false, why });
        }
        Err(error) => return Err(format!("it does not open when the disk is well again: {error}")),
    };
    let said = |e: LedgerError| e.to_string();
    let trust = ledger.overview().await.map_err(said)?.trust;
    let (sends, why) = (trust == Trust::Sends, format!("{trust:?}"));
    let stands = hands::stands(&ledger, life.posts).await.map_err(said)?;
    for id in granted {
        let kind = stands.get(&id).map(oncecast::model::Status::kind);
        if sends && kind != Some(StatusKind::InDoubt) {
            return Err(format!("{id} was granted and is {kind:?}"));
        }
    }
    for id in life.unsettled().into_iter().chain(heard) {
        let claim = ledger.claim(id, Request::get("/")).await;
        if matches!(claim, Ok(Claim::Granted(_) | Claim::NotNow { .. })) {
            return Err(format!("{id} may have been heard, and is due: {claim:?}"));
        }
    }
    let proof = ledger.verify(Box::new(|_, _| {})).await.map_err(said)?;
    if let Some(fault) = proof.faults.first() {
        return Err(format!("it is not whole: {fault}"));
    }
    ledger.close().await.ok();
    Ok(Done { operations, struck, sends, why })
}
