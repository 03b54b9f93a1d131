//! One poll of a feed of 100 entries against bare parsing of the same bytes.

use std::hint::black_box;

use oncecast::feed::parse::{self, Hints};
use oncecast::ledger::{Admitted, Sight};
use oncecast::model::Entry;
use oncecast::model::identity::aliases;
use sha2::{Digest, Sha256};

use crate::blog::{ENTRIES, Shows, feed};
use crate::house::House;
use crate::rounds::{Turns, median, ratios, table, time, verdict};

const ROUNDS: u32 = 30;
/// What a poll may cost, in bare parsings.
const WANTED: f64 = 1.5;

pub(crate) fn bench() {
    println!("\n== One poll of a 100-entry feed, its commit on disk included ==");
    against_parsing("summaries only", Shows::Summaries);
    against_parsing("whole posts", Shows::Posts);
}

fn against_parsing(title: &str, shows: Shows) {
    let house = House::open(&["lane"]);
    house.admit_entries(entries(&feed(1, shows, 0)));
    let mut bare = Turns::of("the rss crate alone");
    let mut own = Turns::of("our parse alone");
    let mut named = Turns::of("our parse and aliases");
    let mut same = Turns::of("poll, same bytes (digest, commit)");
    let mut known = Turns::of("poll, other bytes, same entries");
    let mut fresh = Turns::of("poll, 100 new entries");
    let mut size = 0;
    for round in 1..=ROUNDS {
        let bytes = feed(1 + round * ENTRIES, shows, 0);
        let rebuilt = feed(1 + round * ENTRIES, shows, 1);
        size = bytes.len();
        bare.turn(|| time(|| rss::Channel::read_from(black_box(&bytes[..]))).0);
        own.turn(|| time(|| entries(&bytes)).0);
        named.turn(|| time(|| named_entries(&bytes)).0);
        fresh.turn(|| {
            let (took, admitted) = time(|| poll(&house, &bytes));
            assert_eq!((admitted.new, admitted.held), (ENTRIES, 0), "all of them are news");
            took
        });
        known.turn(|| {
            let (took, admitted) = time(|| poll(&house, &rebuilt));
            assert_eq!((admitted.new, admitted.changed), (0, 0), "none of them is news");
            took
        });
        same.turn(|| {
            let unchanged = || {
                black_box(Sha256::digest(&bytes));
                house.admit(Sight::Unchanged)
            };
            time(unchanged).0
        });
    }
    let title = format!("{title}: {} KB, {ROUNDS} rounds, against the rss crate", size / 1_000);
    table(&title, &bare, &[&own, &named, &same, &known, &fresh]);
    for (name, turns) in [("same bytes", &same), ("same entries", &known), ("new", &fresh)] {
        for (base_name, base) in [("the rss crate", &bare), ("our parse", &own)] {
            let ratio = median(&ratios(&turns.walls(), &base.walls()));
            let what = format!("{name} / {base_name}");
            verdict(&what, ratio, "at most 1.5", ratio <= WANTED);
        }
    }
}

fn entries(bytes: &[u8]) -> Vec<Entry> {
    parse::parse(black_box(bytes), &Hints::default()).expect("a feed").entries
}

fn named_entries(bytes: &[u8]) -> usize {
    entries(bytes).iter().map(|entry| aliases(crate::house::FEED, entry).len()).sum()
}

/// What a poll does once it has the bytes: the digest, the parser, the ledger.
fn poll(house: &House, bytes: &[u8]) -> Admitted {
    black_box(Sha256::digest(bytes));
    house.admit_entries(entries(bytes))
}
