//! Bytes to fingerprints against the bare typed parsers and feed-rs on the same files; and what the
//! worst feeds cost.

use std::hint::black_box;
use std::path::Path;
use std::time::Duration;

use oncecast::feed::parse::{self, Format, Hints};
use oncecast::model::identity::aliases;

use crate::blog::{Shows, feed};
use crate::rounds::{median, memory, ratios, time};

#[path = "../../tests/feeds/storms.rs"]
mod storms;

const ROUNDS: usize = 15;
/// As large as a feed may be.
const LARGEST: usize = 16 << 20;

/// Files and how each contender reads them.
struct Set {
    name: String,
    files: Vec<Vec<u8>>,
}

pub(crate) fn bench() {
    println!("\n== Bytes to fingerprints ==");
    let mut sets = vec![
        Set { name: "RSS, summaries".into(), files: vec![feed(1, Shows::Summaries, 0)] },
        Set { name: "RSS, whole posts".into(), files: vec![feed(1, Shows::Posts, 0)] },
    ];
    if let Some(folder) = std::env::var_os("ONCECAST_FEEDS") {
        let mut files = Vec::new();
        real(Path::new(&folder), &mut files);
        sets.push(Set { name: format!("{} real feeds", files.len()), files });
    }
    println!(
        "{:<22} {:>8} {:>8} | {:>6} {:>8} {:>9} | {:>8} {:>8} | ours / crates, ours / feed-rs",
        "", "KB", "entries", "MB/s", "us/entry", "us/alias", "crates", "feed-rs"
    );
    for set in &sets {
        measure(set);
    }
}

/// Feeds that every contender reads: the comparison is of the same work.
fn real(folder: &Path, files: &mut Vec<Vec<u8>>) {
    let mut paths: Vec<_> = std::fs::read_dir(folder).expect("a folder").flatten().collect();
    paths.sort_by_key(std::fs::DirEntry::path);
    for item in paths {
        let path = item.path();
        if path.is_dir() {
            real(&path, files);
        } else if let Ok(bytes) = std::fs::read(&path) {
            let sound = entries(&bytes).is_some_and(|(count, _)| count >= 5);
            if sound && bare(&bytes).is_some() && rival(&bytes) {
                files.push(bytes);
            }
        }
    }
}

/// How many entries, and whether it is Atom.
fn entries(bytes: &[u8]) -> Option<(usize, bool)> {
    let document = parse::parse(bytes, &Hints::default()).ok()?;
    Some((document.entries.len(), document.format == Format::Atom))
}

/// The typed parser alone.
fn bare(bytes: &[u8]) -> Option<usize> {
    match rss::Channel::read_from(bytes) {
        Ok(channel) => Some(channel.items().len()),
        Err(_) => atom_syndication::Feed::read_from(bytes).ok().map(|feed| feed.entries().len()),
    }
}

#[cfg(feature = "rivals")]
fn rival(bytes: &[u8]) -> bool {
    feed_rs::parser::parse(bytes).is_ok()
}

#[cfg(not(feature = "rivals"))]
fn rival(_: &[u8]) -> bool {
    true
}

fn fingerprints(bytes: &[u8]) -> usize {
    let document = parse::parse(black_box(bytes), &Hints::default()).expect("a feed");
    document.entries.iter().map(|entry| black_box(aliases("feed", entry)).len()).sum()
}

fn measure(set: &Set) {
    let size: usize = set.files.iter().map(Vec::len).sum();
    let atom: Vec<bool> = set.files.iter().map(|f| entries(f).is_some_and(|(_, a)| a)).collect();
    let count: usize = set.files.iter().filter_map(|file| entries(file)).map(|(n, _)| n).sum();
    let (mut ours, mut alone, mut theirs, mut parsed) = (vec![], vec![], vec![], vec![]);
    let mut names = 0;
    for _ in 0..ROUNDS {
        ours.push(turn(|| names = set.files.iter().map(|file| fingerprints(file)).sum()));
        parsed.push(turn(|| {
            for file in &set.files {
                black_box(entries(file));
            }
        }));
        // Each by its own crate, without a wrong guess first.
        alone.push(turn(|| {
            for (file, atom) in set.files.iter().zip(&atom) {
                if *atom {
                    drop(black_box(atom_syndication::Feed::read_from(&file[..])));
                } else {
                    drop(black_box(rss::Channel::read_from(&file[..])));
                }
            }
        }));
        theirs.push(turn(|| {
            for file in &set.files {
                black_box(rival(file));
            }
        }));
    }
    let ratio = |of: &[f64], to: &[f64]| median(&ratios(of, to));
    let seconds = median(&ours);
    let names = names.max(1) as f64;
    println!(
        "{:<22} {:>8} {count:>8} | {:>6.1} {:>8.2} {:>9.2} | {:>5.1} ms {:>5.1} ms | {:.2} (parse alone {:.2}), {}",
        set.name,
        size / 1_000,
        size as f64 / seconds / 1e6,
        seconds * 1e6 / count.max(1) as f64,
        seconds * 1e6 / names,
        median(&alone) * 1e3,
        median(&theirs) * 1e3,
        ratio(&ours, &alone),
        ratio(&parsed, &alone),
        if cfg!(feature = "rivals") {
            format!("{:.2}", ratio(&ours, &theirs))
        } else {
            "not measured: --features rivals".to_owned()
        },
    );
}

fn turn(work: impl FnOnce()) -> f64 {
    time(work).0.cpu.as_secs_f64()
}

/// The worst feeds at their largest, each read in a process of its own: time and memory at the peak.
pub(crate) fn storms() {
    println!("\n== Storms of {} MiB ==", LARGEST >> 20);
    println!("{:<40} {:>9} {:>12} {:>9}", "", "MiB", "memory, MiB", "ms");
    let folder = tempfile::tempdir().expect("a folder");
    let (mut worst, mut longest) = (0, Duration::ZERO);
    for storm in &storms::STORMS {
        let file = folder.path().join("feed");
        let bytes = (storm.make)(LARGEST);
        std::fs::write(&file, &bytes).expect("writable");
        let me = std::env::current_exe().expect("this program");
        let mut child = std::process::Command::new(me);
        let output = child.env(STORM, &file).output().expect("it starts");
        assert!(output.status.success(), "{}: {output:?}", storm.name);
        let said = String::from_utf8_lossy(&output.stdout);
        let figures: Vec<u64> = said.split_whitespace().filter_map(|n| n.parse().ok()).collect();
        let [kib, millis] = figures[..] else { panic!("{said}") };
        println!("{:<40} {:>9} {:>12} {millis:>9}", storm.name, bytes.len() >> 20, kib >> 10);
        (worst, longest) = (worst.max(kib >> 10), longest.max(Duration::from_millis(millis)));
    }
    println!(
        "worst: {worst} MiB of memory in all, the body included; {longest:?} of the processor"
    );
}

const STORM: &str = "ONCECAST_BENCH_STORM";

/// In a process of its own: reads one feed as the daemon does, and says what that cost.
pub(crate) fn one_storm() -> bool {
    let Some(file) = std::env::var_os(STORM) else { return false };
    let bytes = std::fs::read(file).expect("a feed");
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let read = runtime.block_on(parse::parse_off_thread(bytes, None, None));
    drop(black_box(read));
    let spent = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    let millis = spent.tv_sec * 1_000 + spent.tv_nsec / 1_000_000;
    println!("{} {millis}", memory("self", "VmHWM"));
    true
}
