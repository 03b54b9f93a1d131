//! A second daemon on the same ledger, started by mistake.

use std::time::Duration;

use tokio::process::Child;

use super::support::blog::Blog;
use super::support::daemon::Daemon;
use super::support::receiver::{Manner, Receiver};
use super::support::until;
use super::world::{self, Group};

/// How often a second one is started beside the first, and how often two start at once.
const TIMES: usize = 20;
/// New posts at each look at the feed.
const PACE: u32 = 20;
/// The exit code that says that another process holds the ledger: EX_TEMPFAIL.
const LATER: i32 = 75;

fn child(daemon: &Daemon) -> Child {
    let mut command = daemon.command(&["run"]);
    command.stderr(std::process::Stdio::piped()).spawn().expect("it starts")
}

async fn end_of(child: Child) -> (Option<i32>, String) {
    let output = child.wait_with_output().await.expect("it ends");
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

/// Two daemons post everything twice; the second says who has the ledger, and ends.
#[tokio::test(flavor = "multi_thread")]
async fn a_second_daemon_ends_and_nobody_hears_anything_twice() {
    let receiver = Receiver::open(Manner::After(Duration::from_millis(5))).await;
    let blog = Blog::open(PACE).await;
    let group = Group { name: "readers", receiver: &receiver, more: "" };
    let mut daemon = Daemon::with(&world::config(&blog.url, "1s", &[group]));
    daemon.start().await;
    daemon.baseline("blog").await;
    let holder = format!("process {}", daemon.pid().expect("it runs"));
    for _ in 0..TIMES {
        // In the middle of a post.
        let mut moments = receiver.moments();
        let before = moments.borrow_and_update().heard;
        let moved = moments.wait_for(|m| m.heard > before).await.map(|m| m.heard);
        moved.expect("the group is there");
        let (code, words) = end_of(child(&daemon)).await;
        assert_eq!(code, Some(LATER), "{words}");
        assert!(words.contains(&holder), "{holder}: {words}");
    }
    // The same ledger by another name is the same ledger.
    let other = tempfile::tempdir().expect("a folder");
    let link = other.path().join("ledger.redb");
    std::os::unix::fs::symlink(daemon.ledger(), &link).expect("linked");
    let config = std::fs::read_to_string(daemon.path("oncecast.toml")).expect("readable");
    let config = config
        .replace(daemon.ledger().to_str().expect("text"), link.to_str().expect("text"))
        .replace("control.sock", "second.sock");
    std::fs::write(daemon.path("second.toml"), config).expect("written");
    let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_oncecast"));
    command.arg("--config").arg(daemon.path("second.toml")).arg("run").kill_on_drop(true);
    let second = command.stderr(std::process::Stdio::piped()).spawn().expect("it starts");
    let (code, words) = end_of(second).await;
    assert_eq!(code, Some(LATER), "{words}");
    assert!(words.contains(&holder), "{holder}: {words}");

    // Neither is first: one of the two ends, and the other goes on.
    daemon.kill().await;
    for _ in 0..TIMES {
        let (mut one, mut two) = (child(&daemon), child(&daemon));
        let (loser, mut winner) = tokio::select! {
            _ = one.wait() => (one, two),
            _ = two.wait() => (two, one),
        };
        let (code, words) = end_of(loser).await;
        assert_eq!(code, Some(LATER), "{words}");
        assert!(winner.try_wait().expect("it can be asked").is_none(), "one goes on: {words}");
        winner.kill().await.expect("it was there");
    }
    daemon.start().await;
    blog.pace(0);
    until("the rest to be sent", async || {
        daemon.status().await["ledger"]["entries"] == blog.posts()
            && world::open(&daemon, &["readers"]).await == 0
    })
    .await;
    assert_eq!(daemon.end().await, Some(0), "{}", daemon.log());
    let books = world::audit(daemon.ledger(), "readers", &receiver, blog.posts()).await;
    assert_eq!((books.untouched, books.refused), (1, 0), "{books:?}");
    assert!(books.doubts() <= TIMES as u64 + 1, "one death, one doubt: {books:?}");
}
