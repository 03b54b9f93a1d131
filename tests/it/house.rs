//! The house as it is built: which room may use which, and what may stand in no file.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Who may use whom; `lib.rs` tells the same. `main.rs` may use everything.
const ARROWS: [(&str, &[&str]); 14] = [
    ("model", &[]),
    ("clock", &["model"]),
    ("cli", &[]),
    ("telemetry", &["cli"]),
    ("config", &["model"]),
    ("post", &["model"]),
    ("ledger", &["model", "clock"]),
    ("adapter", &["model", "config", "post"]),
    ("wire", &["model", "clock", "adapter", "ledger"]),
    ("feed", &["model", "clock", "config", "wire", "post"]),
    ("flow", &["model", "clock", "config", "post", "ledger", "adapter", "wire", "feed"]),
    ("desk", &["model", "config", "ledger", "cli"]),
    ("serve", &["model", "clock", "config", "post", "ledger", "adapter", "feed", "flow", "desk"]),
    (
        "daemon",
        &["model", "clock", "config", "ledger", "adapter", "wire", "feed", "flow", "desk", "serve"],
    ),
];

/// Names that stand in one place alone, and where.
const ALONE: [(&str, &[&str]); 6] = [
    ("redb", &["ledger/embedded"]),
    ("reqwest", &["wire/transport.rs"]),
    ("clap", &["cli.rs", "cli/", "main.rs"]),
    ("sd_notify", &["daemon/systemd.rs"]),
    ("prometheus_client", &["serve/metrics.rs"]),
    ("governor", &["flow/pace.rs"]),
];

const LINES_MAX: usize = 520;
const COLUMNS_MAX: usize = 110;

fn sources() -> BTreeMap<String, String> {
    fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
        for item in std::fs::read_dir(folder).expect("readable") {
            let path = item.expect("readable").path();
            if path.is_dir() {
                walk(&path, found);
            } else if path.extension().is_some_and(|e| e == "rs") {
                found.push(path);
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    walk(&root, &mut found);
    found
        .into_iter()
        .map(|path| {
            let name = path.strip_prefix(&root).expect("inside").display().to_string();
            (name, std::fs::read_to_string(&path).expect("readable"))
        })
        .collect()
}

/// The code of a file: without comments, and without its tests.
fn code(text: &str) -> String {
    let code = text.split("#[cfg(test)]").next().unwrap_or_default();
    let lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
    lines.collect::<Vec<_>>().join("\n")
}

fn is_test(name: &str) -> bool {
    name.contains("tests")
}

#[test]
fn arrows_point_down() {
    for (name, text) in sources().iter().filter(|(name, _)| !is_test(name)) {
        let room = name.split(['/', '.']).next().unwrap_or_default();
        let Some((_, may)) = ARROWS.iter().find(|(r, _)| *r == room) else { continue };
        let code = code(text);
        let used = code.match_indices("crate::").map(|(at, mark)| {
            let rest = &code[at + mark.len()..];
            rest.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default()
        });
        for used in used.filter(|used| ARROWS.iter().any(|(r, _)| r == used) || *used == "command")
        {
            assert!(
                used == room || may.contains(&used),
                "{name} uses {used}, and {room} may use {may:?} alone"
            );
        }
    }
}

#[test]
fn every_room_is_on_the_map() {
    let files = sources();
    for name in files.keys() {
        let room = name.split(['/', '.']).next().unwrap_or_default();
        let known = ARROWS.iter().any(|(r, _)| *r == room);
        assert!(known || ["lib", "main", "command"].contains(&room), "{name} is in no known room");
    }
    for (room, _) in ARROWS {
        assert!(files["lib.rs"].contains(&format!("[`{room}`]")), "lib.rs does not tell of {room}");
    }
}

#[test]
fn there_is_no_second_door() {
    for (name, text) in sources().iter().filter(|(name, _)| !is_test(name)) {
        let code = code(text);
        for (word, places) in ALONE {
            let used = code.contains(&format!("{word}::"));
            let allowed = places.iter().any(|place| name.starts_with(place));
            assert!(!used || allowed, "{name} names {word}, which stands in {places:?} alone");
        }
        // A permit is spent by the wire alone.
        assert!(!code.contains(".spend(") || name.starts_with("wire/"), "{name} spends a permit");
    }
}

#[test]
fn every_file_says_what_it_is_for_and_can_be_read_in_one_sitting() {
    for (name, text) in sources() {
        assert!(text.starts_with("//! "), "{name} does not say what it is for");
        let lines = text.lines().count();
        assert!(lines <= LINES_MAX, "{name} has {lines} lines");
        // Tests hold other people's long lines.
        let text = text.split("#[cfg(test)]").next().unwrap_or_default();
        for (number, line) in
            text.lines().enumerate().filter(|_| !is_test(&name) && name != "lib.rs")
        {
            let columns = line.chars().count();
            assert!(columns <= COLUMNS_MAX, "{name}:{} has {columns} columns", number + 1);
        }
        for word in text.split(|c: char| !c.is_alphanumeric()) {
            let unfinished = ["TODO", "FIXME", "XXX", "todo", "unimplemented"].contains(&word);
            assert!(!unfinished, "{name} has a {word}");
        }
    }
}
