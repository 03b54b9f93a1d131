//! The short run of the fuzz targets: each seed as it is, then damaged a fixed number of times in ways
//! that a fixed number decides, so that a failure here is the same failure everywhere. The long runs
//! are in `fuzz/README.md`.

use std::path::{Path, PathBuf};

#[path = "../../fuzz/probes.rs"]
mod probes;

use super::damage::{self, Random};

/// A target, and the folders of its seeds.
type Target = (&'static str, fn(&[u8]), &'static [&'static str]);

const TARGETS: [Target; 4] = [
    ("entries", probes::entries, &["tests/feeds/fixtures", "fuzz/seeds/entries"]),
    ("identity", probes::identity, &["fuzz/seeds/identity"]),
    ("html", probes::html, &["fuzz/seeds/html"]),
    ("config", probes::config, &["fuzz/seeds/config", "config"]),
];

/// How often each seed is damaged.
const ROUNDS: u64 = 60;
/// Nothing longer is damaged: what is found in it is found in something short.
const LONGEST: usize = 64 * 1024;

fn seeds(folders: &[&str]) -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut seeds = Vec::new();
    for folder in folders {
        let items = std::fs::read_dir(root.join(folder)).expect("a folder of seeds");
        seeds.extend(items.map(|item| item.expect("readable").path()).filter(|p| p.is_file()));
    }
    seeds.sort();
    seeds
}

fn run((name, target, folders): Target) {
    let seeds = seeds(folders);
    assert!(seeds.len() >= 2, "{name} has {} seeds", seeds.len());
    let all: Vec<Vec<u8>> = seeds.iter().map(|s| std::fs::read(s).expect("a seed")).collect();
    let mut random = Random::new(name);
    for (path, seed) in seeds.iter().zip(&all) {
        println!("{name}: {}", path.display());
        target(seed);
        for _ in 0..if seed.len() <= LONGEST { ROUNDS } else { 0 } {
            let other = &all[random.below(all.len())];
            target(&damage::at_random(seed, other, &mut random));
        }
    }
}

/// One feed that ends the process ends all of a person's blogs at once.
#[test]
fn no_bytes_of_a_feed_end_the_process() {
    run(TARGETS[0]);
}

/// A post whose aliases depend on more than itself is taken for a new one some day.
#[test]
fn no_entry_is_recognised_one_way_today_and_another_tomorrow() {
    run(TARGETS[1]);
}

/// What steers or hides text must not reach readers, whatever HTML it came in.
#[test]
fn no_html_becomes_text_that_nobody_may_see() {
    run(TARGETS[2]);
}

/// A config that ends the process says nobody what is wrong with it.
#[test]
fn no_config_ends_the_process() {
    run(TARGETS[3]);
}
