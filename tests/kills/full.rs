//! A disk that fills up: a tmpfs of its own, filled at a random moment while posts are on their way.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use rustix::fs::FallocateFlags;

use super::support::blog::Blog;
use super::support::daemon::Daemon;
use super::support::receiver::{Manner, Receiver};
use super::support::until;
use super::world::{self, Group};

/// Little more than the room that a claim wants to find.
const SIZE: &str = "24m";
/// What is left where the disk is nearly full: enough for every outcome, too little for a claim.
const NEARLY: u64 = 8 << 20;
/// How often it fills up; every second time to the brim.
const TIMES: u32 = 6;
/// New posts at each look at the feed.
const PACE: u32 = 10;

/// A small disk; it goes with its handle.
struct Disk(PathBuf);

impl Disk {
    fn mount(at: &Path) -> Self {
        std::fs::create_dir_all(at).expect("made");
        let done = as_root(
            "mount",
            &["-t", "tmpfs", "-o", &format!("size={SIZE},mode=0777"), "tmpfs"],
            at,
        );
        assert!(
            done.is_ok(),
            "a disk that fills up needs a tmpfs, and this user may mount none ({done:?}): run this \
             test as root, or with sudo that asks for no password"
        );
        Self(at.to_owned())
    }

    /// Takes all the room but so many bytes.
    fn fill(&self, left: u64) {
        let file = File::create(self.0.join("filler")).expect("made");
        let mut at = 0;
        for chunk in [1 << 20, 64 << 10, 4 << 10] {
            while self.room() >= left + chunk
                && rustix::fs::fallocate(&file, FallocateFlags::empty(), at, chunk).is_ok()
            {
                at += chunk;
            }
        }
    }

    fn empty(&self) {
        std::fs::remove_file(self.0.join("filler")).expect("removed");
    }

    fn room(&self) -> u64 {
        let disk = rustix::fs::statvfs(&self.0).expect("it can be asked");
        disk.f_bavail * disk.f_frsize
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        as_root("umount", &["-l"], &self.0).ok();
    }
}

fn as_root(program: &str, arguments: &[&str], at: &Path) -> Result<(), String> {
    let mut command = match rustix::process::geteuid().is_root() {
        true => Command::new(program),
        false => {
            let mut sudo = Command::new("sudo");
            sudo.args(["-n", program]);
            sudo
        }
    };
    let output = command.args(arguments).arg(at).output().map_err(|e| e.to_string())?;
    let words = String::from_utf8_lossy(&output.stderr).into_owned();
    output.status.success().then_some(()).ok_or(words)
}

/// A full disk took the memory of others with it, and everything was new again; here sending stops
/// while there is room to remember, says so, and goes on when there is.
#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_stops_the_sending_and_forgets_nothing() {
    let receiver = Receiver::open(Manner::After(Duration::from_millis(3))).await;
    let blog = Blog::open(PACE).await;
    let group = Group { name: "readers", receiver: &receiver, more: "" };
    let config = world::config(&blog.url, "1s", &[group]);
    let mut daemon = Daemon::keeping("state/ledger.redb", &config);
    let disk = Disk::mount(&daemon.path("state"));
    daemon.start().await;
    daemon.baseline("blog").await;
    let mut random = fastrand::Rng::with_seed(11);
    for time in 0..TIMES {
        let mut moments = receiver.moments();
        let wanted = moments.borrow_and_update().heard + random.u64(1..PACE.into());
        moments.wait_for(|m| m.heard >= wanted).await.expect("the group is there");
        let brim = time % 2 == 1;
        disk.fill(if brim { 0 } else { NEARLY });
        until("the daemon to say what it sees", async || {
            let words = daemon.complaints().await.join("; ");
            words.contains("the ledger cannot be") || words.contains("free")
        })
        .await;
        // What was claimed before the disk was full has been sent; nothing is claimed after.
        until("what was under way to arrive", async || {
            let moments = *receiver.moments().borrow();
            moments.heard == moments.answered
        })
        .await;
        let before = receiver.requests();
        let polls = blog.posts();
        if brim {
            for _ in 0..10 {
                assert!(!daemon.complaints().await.is_empty());
            }
        } else {
            // New posts come and are remembered all the same.
            until("two more looks", async || blog.posts() >= polls + 2 * PACE).await;
        }
        // One may have been between its claim and its connection.
        assert!(receiver.requests() <= before + 1, "{before} and then {}", receiver.requests());
        let before = receiver.requests();
        disk.empty();
        until("the sending to go on", async || receiver.requests() > before).await;
    }
    blog.pace(0);
    until("the rest to be sent", async || {
        daemon.status().await["ledger"]["entries"] == blog.posts()
            && world::open(&daemon, &["readers"]).await == 0
            && daemon.complaints().await.is_empty()
    })
    .await;
    assert_eq!(daemon.end().await, Some(0), "{}", daemon.log());
    let books = world::audit(daemon.ledger(), "readers", &receiver, blog.posts()).await;
    // Every outcome was recorded in the end: nobody has to look for a post.
    assert_eq!((books.published, books.untouched), (u64::from(blog.posts()) - 1, 1), "{books:?}");
    drop(disk);
}
