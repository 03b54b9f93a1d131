//! Twelve lanes together against one: what they share is the ledger's group commit.

use std::sync::Arc;
use std::time::Duration;

use oncecast::adapter::registry;
use oncecast::feed::parse::{self, Hints};
use oncecast::flow::deliver::Lane;
use oncecast::flow::{Sessions, dispatch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::blog::{ENTRIES, Shows, feed};
use crate::house::{House, group, integration};
use crate::receiver;
use crate::rounds::{Took, Turns, median, ratios, spread, time_async};

const NAMES: [&str; 12] = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"];
const ROUNDS: u32 = 7;
/// How often a bench looks whether all has been said.
const LOOK: Duration = Duration::from_millis(1);
/// Longer than this and it hangs.
const PATIENCE: Duration = Duration::from_secs(120);

pub(crate) fn bench() {
    println!("\n== Twelve lanes together against one: {ENTRIES} posts each, {ROUNDS} rounds ==");
    let mut alone = Turns::of("one lane");
    let mut together = Turns::of("twelve lanes");
    for _ in 0..ROUNDS {
        alone.turn(|| deliveries(&NAMES[..1]));
        together.turn(|| deliveries(&NAMES));
    }
    let rates = |turns: &Turns, lanes: u32| -> Vec<f64> {
        turns.walls().iter().map(|wall| f64::from(lanes * ENTRIES) / wall).collect()
    };
    let (one, twelve) = (rates(&alone, 1), rates(&together, 12));
    println!("one lane      {:>8.0} deliveries/s", median(&one));
    println!("twelve lanes  {:>8.0} deliveries/s", median(&twelve));
    let gains = ratios(&twelve, &one);
    println!("  -> twelve / one: {:.2} {}", median(&gains), spread(&gains));
}

/// How long the real loops of these lanes take for a hundred posts each.
fn deliveries(names: &[&str]) -> Took {
    let (url, heard) = receiver::open();
    let house = House::open(names);
    for first in [1, 1 + ENTRIES] {
        let bytes = feed(first, Shows::Summaries, 0);
        house.admit_entries(parse::parse(&bytes, &Hints::default()).expect("a feed").entries);
    }
    let parts = house.parts();
    let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
    let wanted = names.len() as u64 * u64::from(ENTRIES);
    house.runtime.block_on(async {
        let all = async {
            for name in names {
                let integration = integration(name, &url);
                let lane = Lane::new(
                    &integration,
                    &[group(name)],
                    registry::build(&integration),
                    Sessions::beside(&house.folder.path().join("ledger.redb")),
                    parts.clone(),
                );
                tasks.spawn(dispatch::work(lane, stop.clone()));
            }
            tasks.close();
            while heard.posts() < wanted {
                tokio::time::sleep(LOOK).await;
            }
            stop.cancel();
            tasks.wait().await;
        };
        let within = tokio::time::timeout(PATIENCE, time_async(all)).await;
        let (took, ()) = within.expect("all of them say all they have");
        assert_eq!(Arc::as_ref(&heard).posts(), wanted, "nothing was said twice");
        took
    })
}
