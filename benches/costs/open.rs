//! How soon a daemon on a large ledger answers for its health after a SIGKILL, and how long until it
//! sends: every page is proved first.
//!
//! `ONCECAST_DELIVERIES` says how many deliveries; ten million take about an hour to make, and 15 GB.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use oncecast::clock::Mark;
use oncecast::ledger::Ledger as _;
use oncecast::model::Entry;

use crate::house::House;
use crate::process::{Kept, rest};
use crate::rounds::verdict;

/// Unless the environment says otherwise.
const DELIVERIES: u64 = 24_000;
const GROUPS: [&str; 12] = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"];
/// Entries taken in one commit.
const PAGE: u64 = 500;
const LOOK: Duration = Duration::from_millis(10);
const PATIENCE: Duration = Duration::from_secs(1_800);

pub(crate) fn bench() {
    let wanted = std::env::var("ONCECAST_DELIVERIES").ok().and_then(|n| n.parse().ok());
    let wanted: u64 = wanted.unwrap_or(DELIVERIES);
    let house = House::open(&GROUPS);
    let entries = wanted / GROUPS.len() as u64;
    let entry = |n: u64| Entry {
        guid: Some(format!("tag:{n}")),
        link: Some(format!("http://blog.example/{n}")),
        title: format!("Post {n:x} of the blog"),
        ..Entry::default()
    };
    let began = Mark::here();
    for page in 0..=entries / PAGE {
        let first = page * PAGE;
        house.admit_entries((first..(first + PAGE).min(entries)).map(entry).collect());
        if page % 100 == 0 && began.elapsed() > Duration::from_secs(5) {
            println!("{} of {wanted} deliveries", first * GROUPS.len() as u64);
        }
    }
    let overview = house.runtime.block_on(house.ledger.overview()).expect("readable");
    let mib = overview.bytes >> 20;
    println!("\n== Opening a ledger of {wanted} deliveries ({mib} MiB) after a SIGKILL ==");
    // As a kill leaves it: copied while it is open.
    let kept = Kept::of(house.folder.path());
    drop(house);
    let mark = Mark::here();
    let daemon = kept.start();
    let look = |path: &str| loop {
        assert!(mark.elapsed() < PATIENCE, "the daemon hangs");
        if let Some(answer) = ask(&daemon.listen(), path) {
            return answer;
        }
        rest(LOOK);
    };
    look("/healthz");
    let healthy = mark.elapsed().as_secs_f64();
    while !look("/readyz").starts_with("HTTP/1.1 200") {
        assert!(mark.elapsed() < PATIENCE, "it is never ready");
        rest(LOOK);
    }
    println!("answers for its health after {healthy:.2} s, sends after {:.2} s", {
        mark.elapsed().as_secs_f64()
    });
    verdict("s until it answers for its health", healthy, "at most 2", healthy <= 2.0);
}

pub(crate) fn ask(listen: &str, path: &str) -> Option<String> {
    let mut stream = TcpStream::connect(listen).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(30))).ok()?;
    let request = format!("GET {path} HTTP/1.1\r\nhost: {listen}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    (!answer.is_empty()).then_some(answer)
}
