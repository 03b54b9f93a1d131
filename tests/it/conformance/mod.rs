//! The conformance kit: what every adapter does on every bad day of its platform, over real sockets and
//! through the real ledger, flow and wire; the platform counts what its readers see.
//!
//! One table, adapter by case. `ONCECAST_BLESS=1 cargo test --test it conformance` writes what is seen now
//! into `tests/golden/conformance.txt`; the laws in [`assert_laws`] hold whatever is written there.

mod adopt;
mod after;
mod audit;
mod cases;
mod check;
mod house;
mod kills;
mod platforms;
mod preflight;
mod server;
mod twins;
mod vanished;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Mutex;

use cases::{CASES, Case};
use house::Cell;
use platforms::rows;

use super::adapters::platforms as adapters;

fn golden() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden/conformance.txt")
}

/// An adapter that nobody has put beside a platform could do anything to that platform's readers.
#[test]
fn every_adapter_has_its_row() {
    let described = oncecast::config::describe::Description::kinds().map(str::to_owned);
    for adapter in adapters().into_iter().chain(described).chain(["custom".to_owned()]) {
        let is_its = |row: &str| row.split('/').next() == Some(adapter.as_str());
        assert!(
            rows().iter().any(|(row, _)| is_its(row)),
            "{adapter} has no row in platforms/mod.rs"
        );
    }
}

/// Readers saw posts twice wherever a tool took one of these answers for something else than it was.
#[test]
fn no_reader_sees_a_post_twice_whatever_the_platform_answers() {
    let table = play();
    for (row, cells) in &table {
        for (case, cell) in CASES.iter().zip(cells) {
            assert_laws(row, case, cell);
        }
    }
    let text = print(&table);
    // Past the capture of the test runner: this table is what the kit is for.
    std::io::stderr().write_all(text.as_bytes()).unwrap();
    if std::env::var_os("ONCECAST_BLESS").is_some() {
        std::fs::write(golden(), &text).unwrap();
    }
    let expected = std::fs::read_to_string(golden()).unwrap_or_default();
    let differs = || {
        let lines = text.lines().zip(expected.lines().chain(std::iter::repeat("")));
        let lines = lines.filter(|(line, known)| line != known);
        lines.map(|(line, known)| format!("{line}  (was: {known})\n")).collect::<String>()
    };
    assert!(text == expected, "this is not what {} says:\n{}", golden().display(), differs());
}

/// What no table may say.
fn assert_laws(row: &str, case: &Case, cell: &Cell) {
    let told = format!("{row}, {}: {cell:?}", case.name);
    assert!(cell.seen <= 1, "seen twice: {told}");
    assert_eq!(cell.strayed, 0, "a redirect was followed: {told}");
    assert_eq!(cell.leaks, [""; 0], "a secret was written down: {told}");
    match cell.status.as_str() {
        "published" => assert_eq!(cell.seen, 1, "called published and not there: {told}"),
        "refused" => assert_eq!(cell.seen, 0, "called refused and there: {told}"),
        "in doubt" => assert!(case.may_doubt, "in doubt without need: {told}"),
        _ => panic!("it does not come to rest: {told}"),
    }
    if let Some(seen) = case.seen {
        assert_eq!(cell.seen, seen, "{told}");
    }
    if let (Some(wait), Some(waited)) = (case.wait, cell.waited) {
        let most = wait + cases::WAIT_SLACK;
        assert!(waited >= wait, "it came back too early: {told}");
        assert!(waited <= most, "it read the wait in another unit: {told}");
    }
}

/// Every cell, by row.
fn play() -> BTreeMap<&'static str, Vec<Cell>> {
    let rows = rows();
    let jobs: Vec<(usize, usize)> =
        (0..rows.len()).flat_map(|row| (0..CASES.len()).map(move |case| (row, case))).collect();
    let jobs = Mutex::new(jobs);
    let done = Mutex::new(BTreeMap::new());
    let workers = std::thread::available_parallelism().map_or(2, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                loop {
                    let Some((row, case)) = jobs.lock().unwrap().pop() else { break };
                    let cell = house::play(rows[row].1(), &CASES[case]);
                    done.lock().unwrap().insert((row, case), cell);
                }
            });
        }
    });
    let mut table: BTreeMap<&str, Vec<Cell>> = BTreeMap::new();
    for ((row, _), cell) in done.into_inner().unwrap() {
        table.entry(rows[row].0).or_default().push(cell);
    }
    table
}

/// One line a cell: what readers saw, and where the delivery came to rest.
fn print(table: &BTreeMap<&'static str, Vec<Cell>>) -> String {
    let mut text =
        String::from("adapter x case: what readers saw, and where the delivery stands\n");
    for (row, cells) in table {
        writeln!(text, "\n{row}").unwrap();
        for (case, cell) in CASES.iter().zip(cells) {
            writeln!(text, "  {} {:<11} {}", cell.seen, cell.status, case.name).unwrap();
        }
    }
    text
}
