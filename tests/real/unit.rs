//! The systemd unit, as systemd itself reads it.

use std::process::Command;

const UNIT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/systemd/oncecast.service");

/// The exposure that is left by design: the network, its own socket, and the clock device.
const EXPOSURE_MAX: f64 = 1.5;

/// A copy whose program exists, since `verify` looks for it.
fn copy(folder: &std::path::Path) -> String {
    let unit = std::fs::read_to_string(UNIT).expect("the unit");
    let path = folder.join("oncecast.service");
    let unit = unit.replace("/usr/bin/oncecast", env!("CARGO_BIN_EXE_oncecast"));
    std::fs::write(&path, unit).expect("written");
    path.display().to_string()
}

fn analyze(arguments: &[&str]) -> (bool, String) {
    let output = Command::new("systemd-analyze")
        .args(arguments)
        .env("SYSTEMD_COLORS", "0")
        .output()
        .expect("systemd-analyze is there: tests/run installs it");
    let words = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&words).into_owned())
}

/// What an operator would have suffered: a directive that systemd passes over in silence.
#[test]
fn systemd_understands_every_line() {
    let folder = tempfile::tempdir().expect("a folder");
    let (ok, words) = analyze(&["verify", &copy(folder.path())]);
    assert!(ok && words.trim().is_empty(), "{words}");
}

#[test]
fn the_sandbox_is_closed() {
    let folder = tempfile::tempdir().expect("a folder");
    let (ok, words) = analyze(&["security", "--offline=true", &copy(folder.path())]);
    let line = words.lines().find(|l| l.contains("Overall exposure level")).unwrap_or(&words);
    let score = line.split(": ").nth(1).and_then(|s| s.split(' ').next()?.parse::<f64>().ok());
    assert!(ok && score.is_some_and(|s| s <= EXPOSURE_MAX), "{line}");
}

/// Every directive has its reason: a comment above it, or above the group it stands in.
#[test]
fn every_directive_has_its_reason() {
    let unit = std::fs::read_to_string(UNIT).expect("the unit");
    let plain = ["Description=", "Documentation=", "ExecStart=", "WantedBy="];
    let mut reason = false;
    for line in unit.lines() {
        if line.is_empty() || line.starts_with('[') {
            reason = false;
        } else if line.starts_with('#') {
            reason = true;
        } else {
            let obvious = plain.iter().any(|p| line.starts_with(p));
            assert!(reason || obvious, "{line} has no reason");
        }
    }
}
