//! What it costs to find out that entries are known: in a ledger of ten thousand, and in one of millions. A
//! poll asks for all of a document at once, by every alias; a person asks for one by its link.
//!
//! `ONCECAST_ENTRIES` says how many the large one has; ten million take half an hour to make and some 10 GB,
//! which go away with the bench.

use std::time::Duration;

use oncecast::clock::Mark;
use oncecast::ledger::{Intake, Ledger as _, Seen, Sight};
use oncecast::model::{Entry, FeedState};

use crate::house::{FEED, House};
use crate::rounds::{Turns, median, ratios, table, time, verdict};

/// Unless the environment says otherwise.
const LARGE: u64 = 300_000;
const SMALL: u64 = 10_000;
const LANE: &str = "lane";
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
    for (what, ask) in
        [("a document of", foresee as fn(&House, &[u64]) -> usize), ("one by one,", find)]
    {
        let (mut in_few, mut in_many) = (Turns::of("among few"), Turns::of("among many"));
        for _ in 0..ROUNDS {
            for (house, entries, turns) in
                [(&few, SMALL, &mut in_few), (&many, large, &mut in_many)]
            {
                // Anywhere in the ledger, as no cache can foresee it.
                let numbers: Vec<u64> = (0..LOOKED_UP).map(|_| random.u64(0..entries)).collect();
                turns.turn(|| {
                    let (took, found) = time(|| ask(house, &numbers));
                    assert_eq!(found as u64, LOOKED_UP, "each is known");
                    took
                });
            }
        }
        table(&format!("{ROUNDS} rounds: {what} {LOOKED_UP}"), &in_few, &[&in_many]);
        let (many, few) = (quiet(&in_many.walls()), quiet(&in_few.walls()));
        let middle = median(&ratios(&in_many.walls(), &in_few.walls()));
        println!("round by round, what else the machine does included: {middle:.2} in the middle");
        let name = format!("{what} {LOOKED_UP} among many / among few");
        verdict(&name, many / few, "at most 2", many / few <= 2.0);
        let each = many * 1e6 / LOOKED_UP as f64;
        println!(
            "{each:.1} us for one look-up among {large}, the way to the ledger's thread included"
        );
    }
}

/// What a poll asks: whether it knows a document's entries.
fn foresee(house: &House, numbers: &[u64]) -> usize {
    let entries = numbers.iter().map(|n| entry(*n)).collect();
    let sight = Sight::Document { entries, complete: false };
    let intake = Intake { feed: FEED.to_owned(), sight, state: FeedState::default() };
    let foreseen = house.runtime.block_on(house.ledger.foresee(intake)).expect("readable");
    // One that was drawn twice is one.
    foreseen.entries.iter().filter(|e| matches!(e.seen, Seen::Known | Seen::Repeat)).count()
}

/// What a person asks: which entry this is.
fn find(house: &House, numbers: &[u64]) -> usize {
    let found = |n: &&u64| {
        let found = house.runtime.block_on(house.ledger.find(&link(**n)));
        found.is_ok_and(|found| found.len() == 1)
    };
    numbers.iter().filter(found).count()
}

/// What a round takes while the machine does nothing else: one in ten is quicker.
fn quiet(walls: &[f64]) -> f64 {
    let mut sorted = walls.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 10).copied().unwrap_or(f64::NAN)
}

fn link(n: u64) -> String {
    format!("http://blog.example/{n}")
}

fn entry(n: u64) -> Entry {
    Entry {
        guid: Some(format!("tag:{n}")),
        link: Some(link(n)),
        title: format!("Post {n:x} of the blog"),
        ..Entry::default()
    }
}

fn filled(entries: u64) -> House {
    let house = House::open(&[LANE]);
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
    house.reopen(&[LANE])
}
