//! What it costs to find out that an entry is known: in a ledger of ten thousand entries, and in one of
//! millions.
//!
//! `ONCECAST_ENTRIES` says how many the large one has; ten million take half an hour to make and some 10 GB,
//! which go away with the bench.

use std::time::Duration;

use oncecast::clock::Mark;
use oncecast::ledger::Ledger as _;
use oncecast::model::Entry;

use crate::house::House;
use crate::rounds::{Turns, median, ratios, table, time, verdict};

/// Unless the environment says otherwise.
const LARGE: u64 = 300_000;
const SMALL: u64 = 10_000;
/// Entries taken in one commit.
const PAGE: u64 = 2_000;
/// Entries of one document: each is looked up by its aliases.
const LOOKED_UP: u64 = 100;
const ROUNDS: u64 = 400;
const TELL_AFTER: Duration = Duration::from_secs(5);

pub(crate) fn bench() {
    let wanted = std::env::var("ONCECAST_ENTRIES").ok().and_then(|n| n.parse().ok());
    let large = wanted.unwrap_or(LARGE).max(SMALL);
    println!("\n== Looking up {LOOKED_UP} entries among {SMALL} and among {large} ==");
    let (few, many) = (filled(SMALL), filled(large));
    let mut random = fastrand::Rng::with_seed(7);
    let (mut in_few, mut in_many) = (Turns::of("among few"), Turns::of("among many"));
    for _ in 0..ROUNDS {
        for (house, entries, turns) in [(&few, SMALL, &mut in_few), (&many, large, &mut in_many)] {
            // Anywhere in the ledger, as no cache can foresee it.
            let numbers: Vec<u64> = (0..LOOKED_UP).map(|_| random.u64(0..entries)).collect();
            turns.turn(|| {
                let find = |n: &u64| house.runtime.block_on(house.ledger.find(&link(*n)));
                let (took, found) = time(|| numbers.iter().filter(|n| known(&find(n))).count());
                assert_eq!(found as u64, LOOKED_UP, "each is known");
                took
            });
        }
    }
    table(&format!("{ROUNDS} rounds of {LOOKED_UP} look-ups"), &in_few, &[&in_many]);
    let (many, few) = (quiet(&in_many.walls()), quiet(&in_few.walls()));
    let middle = median(&ratios(&in_many.walls(), &in_few.walls()));
    println!("round by round, what else the machine does included: {middle:.2} in the middle");
    verdict("among many / among few", many / few, "at most 2", many / few <= 2.0);
    let each = many * 1e6 / LOOKED_UP as f64;
    println!(
        "{each:.1} us for one look-up among {large}, with the way to the ledger's thread and back"
    );
}

/// What a round takes while the machine does nothing else: one in ten is quicker.
fn quiet(walls: &[f64]) -> f64 {
    let mut sorted = walls.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 10).copied().unwrap_or(f64::NAN)
}

fn known(found: &Result<Vec<oncecast::ledger::EntryView>, oncecast::ledger::LedgerError>) -> bool {
    found.as_ref().is_ok_and(|found| found.len() == 1)
}

fn link(n: u64) -> String {
    format!("http://blog.example/{n}")
}

fn filled(entries: u64) -> House {
    let house = House::open(&["lane"]);
    let entry = |n: u64| Entry {
        guid: Some(format!("tag:{n}")),
        link: Some(link(n)),
        title: format!("Post {n:x} of the blog"),
        ..Entry::default()
    };
    let began = Mark::here();
    for page in 0..entries.div_ceil(PAGE) {
        let first = page * PAGE;
        house.admit_entries((first..(first + PAGE).min(entries)).map(entry).collect());
        if page % 100 == 0 && began.elapsed() > TELL_AFTER {
            println!("{first} of {entries} entries");
        }
    }
    let overview = house.runtime.block_on(house.ledger.overview()).expect("readable");
    println!("{} entries in {} MiB", overview.entries, overview.bytes >> 20);
    house
}
