//! The README's word: its config is one, its commands exist, and the demo does what it says.

use std::process::Command;

use oncecast::config::{Config, Secrets};

const README: &str = include_str!("../../README.md");

#[test]
fn the_ten_lines_that_a_newcomer_copies_are_a_config() {
    let block = README.split("```toml").nth(1).and_then(|rest| rest.split("```").next());
    let text: String =
        block.expect("a block").lines().map(|l| l.trim_start().to_owned() + "\n").collect();
    let file = std::path::Path::new("oncecast.toml");
    let config = Config::parse(&text, file, Secrets::Skip, &|_| None).expect("it loads");
    assert_eq!((config.feeds.len(), config.groups.len()), (1, 1));
    assert!(text.lines().filter(|l| !l.is_empty()).count() <= 11);
}

#[test]
fn every_command_it_names_exists() {
    let mut found = 0;
    for part in README.split('`').skip(1).step_by(2) {
        let Some(rest) = part.strip_prefix("oncecast ") else { continue };
        let name = rest.split(' ').next().unwrap_or_default();
        let help = Command::new(env!("CARGO_BIN_EXE_oncecast"))
            .args([name, "--help"])
            .output()
            .expect("it runs");
        assert!(help.status.success(), "oncecast {name}");
        found += 1;
    }
    assert!(found >= 10, "{found}");
}

/// The first thing that a stranger sees of the promise.
#[test]
fn the_demo_ends_well_and_leaves_nothing_behind() {
    let folder = tempfile::tempdir().expect("a folder");
    let output = Command::new(env!("CARGO_BIN_EXE_oncecast"))
        .arg("demo")
        .env("TMPDIR", folder.path())
        .output()
        .expect("it runs");
    let words = String::from_utf8_lossy(&output.stdout);
    let notes = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{words}\n{notes}");
    assert!(!words.contains('\x1b') && !notes.contains('\x1b'), "a pipe gets plain lines");
    for group in ["steady", "slow"] {
        let line = words.lines().find(|l| l.trim_start().starts_with(group)).expect(group);
        let numbers: Vec<u32> =
            line.split_whitespace().skip(1).map(|n| n.parse().expect("a number")).collect();
        let [once, twice, doubt, ..] = numbers[..] else { panic!("{line}") };
        // What was claimed at the kill and had not left is in doubt, and not sent on a guess.
        assert!(twice == 0 && once <= 5 && once + doubt >= 5, "{line}");
    }
    assert!(words.contains("killed with SIGKILL"), "{words}");
    assert_eq!(std::fs::read_dir(folder.path()).expect("readable").count(), 0);
}
