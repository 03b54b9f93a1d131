//! What a hostile feed may cost: two seconds of the processor, a bounded memory, and no more than
//! itself.

use std::process::Command;
use std::time::Duration;

use oncecast::feed::parse::{NotAFeed, parse_off_thread};

use super::storms::STORMS;

/// No parse may work longer.
const LONGEST: Duration = Duration::from_secs(2);
/// The storms of the ordinary tests, in bytes. What is worse than linear takes minutes even so.
const SIZE: usize = 1 << 20;
/// What reading takes at its peak beside the body itself, in bodies.
const TIMES: usize = 16;
/// And what any reading takes, in bytes.
const ROOM: usize = 4 << 20;

/// A feed that overflows a stack, fills the memory or takes minutes ends or stops the process, and with
/// it every other blog's posts. Each is read by the thread that the daemon reads with, in a process of
/// its own.
#[test]
fn no_storm_ends_the_process_fills_its_memory_or_holds_it_up() {
    const STORM: &str = "ONCECAST_TEST_STORM";
    if let Some(file) = std::env::var_os(STORM) {
        return read_alone(std::path::Path::new(&file));
    }
    let folder = tempfile::tempdir().expect("a folder");
    let me = std::env::current_exe().expect("this program");
    let name = "hostile::no_storm_ends_the_process_fills_its_memory_or_holds_it_up";
    println!("\n{:<40} {:>6} {:>11} {:>7} entries", "storm", "KiB", "memory, KiB", "ms");
    for storm in &STORMS {
        let file = folder.path().join("feed");
        let bytes = (storm.make)(SIZE);
        std::fs::write(&file, &bytes).expect("writable");
        let mut child = Command::new(&me);
        child.args(["--exact", name, "--nocapture", "--test-threads=1"]).env(STORM, &file);
        let output = child.output().expect("it starts");
        assert!(output.status.success(), "{}: {output:?}", storm.name);
        let said = String::from_utf8_lossy(&output.stdout);
        let figures = said.lines().find_map(|line| line.strip_prefix("figures ")).expect("it says");
        let figures: Vec<usize> =
            figures.split(' ').map(|n| n.parse().expect("a number")).collect();
        let [grew, took, entries] = figures[..] else { panic!("{figures:?}") };
        let (name, size) = (storm.name, bytes.len());
        println!("{name:<40} {:>6} {:>11} {took:>7} {entries}", size >> 10, grew >> 10);
        assert!(grew <= TIMES * size + ROOM, "{name} took {grew} bytes of memory for {size}");
        assert!(took < LONGEST.as_millis() as usize, "{name} took {took} ms");
    }
}

/// Reads a feed as the daemon does and says what it cost: bytes of memory, milliseconds of the processor.
fn read_alone(file: &std::path::Path) {
    let bytes = std::fs::read(file).expect("a feed");
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let (before, began) = (peak(), worked());
    let read = runtime.block_on(parse_off_thread(bytes, None, None));
    let (took, grew) = (worked() - began, peak() - before);
    let entries = read.as_ref().map_or(0, |document| document.entries.len());
    let words = read.err().map(|error| error.to_string()).unwrap_or_default();
    assert!(!words.contains("takes the processor"), "{words}");
    println!("\nfigures {grew} {} {entries}", took.as_millis());
}

/// What the processor has worked for this process.
fn worked() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec.unsigned_abs() as u32)
}

/// The most memory that this process ever held, in bytes.
fn peak() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").expect("readable");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("it is told");
    let kib: usize = line.trim().trim_end_matches(" kB").parse().expect("a number");
    kib << 10
}

/// A small feed that unpacks to one of the largest is read all the same, and others wait for it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn large_feeds_are_read_one_at_a_time_and_small_ones_beside_them() {
    let large = (STORMS[13].make)(3 << 20);
    let read = || tokio::spawn(parse_off_thread(large.clone(), None, None));
    let (one, other) = (read(), read());
    let small = parse_off_thread(b"<rss><channel/></rss>".to_vec(), None, None).await;
    assert!(small.is_ok() && !(one.is_finished() && other.is_finished()), "it waited for none");
    for large in [one, other] {
        let document = large.await.expect("it ends").expect("a feed");
        assert_eq!(document.entries.len(), 2_000);
    }
    let error = parse_off_thread(Vec::new(), None, None).await;
    assert_eq!(error, Err(NotAFeed::Empty));
}

/// A bound that is written down and that no test holds is a wish.
#[test]
fn each_bound_in_the_docs_has_its_test() {
    fn sources(folder: &std::path::Path, all: &mut String) {
        for item in std::fs::read_dir(folder).expect("a folder") {
            let path = item.expect("readable").path();
            if path.is_dir() {
                sources(&path, all);
            } else if path.extension().is_some_and(|e| e == "rs") {
                all.push_str(&std::fs::read_to_string(&path).expect("readable"));
            }
        }
    }
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut all = String::new();
    ["src", "tests"].iter().for_each(|folder| sources(&root.join(folder), &mut all));
    let docs = std::fs::read_to_string(root.join("src/feed/hostile.md")).expect("readable");
    let rows: Vec<&str> = docs.lines().filter(|line| line.ends_with("` |")).collect();
    assert!(rows.len() >= 20, "{} rows", rows.len());
    for row in rows {
        let name = row.rsplit('`').nth(1).unwrap_or_default();
        assert!(all.contains(&format!("fn {name}()")), "no test is called {name}");
    }
}
