//! Copies of a ledger that is alive, full disks and kills: a copy is whole, or it is not there.

use std::time::Duration;

use super::evidence::{config, done, feed, is_left, path, records, said, scene, sent, statuses};
use super::support::daemon::Daemon;

/// Whoever restores a torn copy has a ledger that forgets: each one that was made while posts went out
/// is whole, and nobody waited for it.
#[tokio::test(flavor = "multi_thread")]
async fn copies_made_while_posts_go_out_are_whole() {
    const POSTS: usize = 80;
    let (mut daemon, good, lossy) = scene().await;
    daemon.start().await;
    daemon.baseline("blog").await;
    let titles: Vec<String> = (0..POSTS).map(|n| format!("Post {n}")).collect();
    let all: Vec<&str> = std::iter::once("Old").chain(titles.iter().map(String::as_str)).collect();
    feed(&daemon, &all);
    let mut lines = Vec::new();
    while good.seen().len() < POSTS || lines.len() < 3 {
        let copy = daemon.path(&format!("copy-{}.redb", fastrand::u32(..)));
        let page = ["ledger", "export", "--format", "html"];
        let copied = ["ledger", "backup", path(&copy), "--json"];
        let (backup, page) = tokio::join!(said(&daemon, &copied), said(&daemon, &page));
        // Two copies at the same time are one too many: the other is told so.
        for (code, out, error) in [&backup, &page] {
            assert!(*code == 0 || error.contains("try again"), "{code}: {out}{error}");
        }
        if backup.0 == 0 {
            let told: serde_json::Value = serde_json::from_str(&backup.1).expect("JSON");
            lines.push(told["header"]["lines"].as_u64().expect("a number"));
            let other = Daemon::with(&config(&good, &lossy));
            std::fs::copy(&copy, other.path("ledger.redb")).expect("restored");
            done(&other, &["ledger", "verify"]).await;
        }
    }
    assert!(lines.is_sorted() && lines.first() < lines.last(), "{lines:?}");
    good.assert_once();
    lossy.assert_once();
    assert_eq!(std::fs::read_dir(daemon.path("")).expect("a folder").filter(is_left).count(), 0);
    assert_eq!(daemon.end().await, Some(0));
    done(&daemon, &["ledger", "verify"]).await;
}

/// The disk fills up under a backup: whoever finds the file later must not take it for one.
#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_leaves_no_half_copy() {
    let (mut daemon, _good, _lossy) = sent(&["One"]).await;
    let file = daemon.path("kept");
    // Writes beyond 2 KiB fail, as they do on a full disk.
    let script = "trap '' XFSZ; ulimit -f 4; exec \"$@\"";
    for live in [true, false] {
        for verb in ["backup", "export --output", "export --format html --output"] {
            let mut command = tokio::process::Command::new("sh");
            command.args(["-c", script, "sh", env!("CARGO_BIN_EXE_oncecast"), "--config"]);
            command.arg(daemon.path("oncecast.toml")).arg("ledger").args(verb.split(' '));
            let output = command.arg(&file).output().await.expect("it runs");
            let error = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(1), "{verb}, {live}: {error}");
            assert!(error.contains("kept was not") && error.contains("too large"), "{error}");
            let left =
                std::fs::read_dir(daemon.path("")).expect("a folder").filter(is_left).count();
            assert_eq!((file.exists(), left), (false, 0), "{verb}, {live}: {error}");
        }
        if live {
            assert_eq!(daemon.end().await, Some(0));
        }
    }
    done(&daemon, &["ledger", "verify"]).await;
}

/// A kill in the middle of a copy leaves the ledger as it was, and nothing that looks like a copy.
#[tokio::test(flavor = "multi_thread")]
async fn a_kill_leaves_no_half_copy() {
    let (mut daemon, good, lossy) = scene().await;
    daemon.start().await;
    daemon.baseline("blog").await;
    assert_eq!(daemon.end().await, Some(0));
    let before = records(&done(&daemon, &["ledger", "export"]).await);
    let file = daemon.path("copy.redb");
    let (mut whole, mut none) = (0, 0);
    for n in 0..24_u64 {
        let verb = if n % 3 == 2 {
            vec!["ledger", "compact"]
        } else {
            vec!["ledger", "backup", path(&file)]
        };
        let mut child =
            daemon.command(&verb).stdout(std::process::Stdio::null()).spawn().expect("runs");
        // The moments lie close around those in which it writes, verifies and renames.
        let mut pause = tokio::time::interval(Duration::from_millis(1 + n * 2));
        pause.tick().await;
        tokio::select! {
            _ = pause.tick() => child.kill().await.expect("killed"),
            _ = child.wait() => {}
        }
        if file.exists() {
            whole += 1;
            let other = Daemon::with(&config(&good, &lossy));
            std::fs::rename(&file, other.path("ledger.redb")).expect("renamed");
            done(&other, &["ledger", "verify"]).await;
        } else {
            none += 1;
        }
        let (code, _, error) = said(&daemon, &["ledger", "verify"]).await;
        assert_eq!(code, 0, "after kill {n}: {error}");
    }
    assert!(none > 0, "no kill came in time: {whole} whole");
    let after = records(&done(&daemon, &["ledger", "export"]).await);
    assert_eq!(statuses(&before), statuses(&after));
    assert_eq!(good.requests(), 0);
}
