//! The demo's daemon: this very program as a child, with a config of its own, started and killed.

use std::fs::File;
use std::io;
use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::process::{Child, Command};

use crate::clock::Mark;
use crate::desk::verb::{Answer, Verb};
use crate::desk::{Failure, exit, print};
use crate::serve::control;

use super::Groups;
use super::blog::Blog;

/// How long any one step may take before the demo says that it hangs.
const STEP_MAX: Duration = Duration::from_secs(60);
const STEP_EVERY: Duration = Duration::from_millis(20);
/// Polls after which a change of the feed has been seen twice, settle window and all.
const LOOKS: u64 = 4;

/// The daemon and its folder.
pub(super) struct Stage {
    config: PathBuf,
    control: PathBuf,
    log: PathBuf,
    child: Option<Child>,
}

impl Stage {
    /// Writes the config.
    pub(super) fn set(dir: &Path, feed: &str, groups: &Groups) -> io::Result<Self> {
        let dir = dir.canonicalize()?;
        let control = dir.join("control.sock");
        let mut text = format!(
            "[ledger]\npath = {:?}\n[serve]\nlisten = \"127.0.0.1:0\"\ncontrol = {:?}\n\
             [guard]\nsettle = \"2s\"\nburst = 5\nshare = 1.0\n\
             [[feed]]\nname = \"blog\"\nurl = {feed:?}\nevery = \"1s\"\n",
            dir.join("ledger.redb"),
            control
        );
        for (name, url, _) in groups {
            text += &format!(
                "[[integration]]\nname = {name:?}\nkind = \"webhook\"\nurl = {url:?}\n\
                 pace = {{ every = \"0s\", burst = 1 }}\n\
                 caps = {{ per_10m = 100, per_hour = 100, per_day = 100 }}\ntimeout = \"5s\"\n\
                 [[group]]\nname = {name:?}\nintegration = {name:?}\n"
            );
        }
        let config = dir.join("oncecast.toml");
        std::fs::write(&config, text)?;
        Ok(Self { config, control, log: dir.join("daemon.log"), child: None })
    }

    /// Starts the daemon; its words go to a file.
    pub(super) fn start(&mut self) -> Result<(), Failure> {
        let failed = |e: io::Error| {
            Failure::new(exit::FAILED, format!("the demo cannot start its daemon: {e}"))
        };
        let log = File::options().create(true).append(true).open(&self.log).map_err(failed)?;
        let child = Command::new(std::env::current_exe().map_err(failed)?)
            .arg("--config")
            .arg(&self.config)
            .arg("run")
            .stdin(std::process::Stdio::null())
            .stdout(std::process::Stdio::null())
            .stderr(log)
            .env_remove("NOTIFY_SOCKET")
            .kill_on_drop(true)
            .spawn()
            .map_err(failed)?;
        self.child = Some(child);
        Ok(())
    }

    /// Ends the daemon with SIGKILL.
    pub(super) async fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            // `kill` sends SIGKILL and waits; a child that is gone already is what was wanted.
            child.kill().await.ok();
        }
    }

    /// Ends the daemon as systemd would.
    pub(super) async fn end(&mut self) {
        let Some(mut child) = self.child.take() else { return };
        if let Some(pid) =
            child.id().and_then(|id| rustix::process::Pid::from_raw(id.cast_signed()))
        {
            rustix::process::kill_process(pid, rustix::process::Signal::TERM).ok();
        }
        if tokio::time::timeout(STEP_MAX, child.wait()).await.is_err() {
            child.kill().await.ok();
        }
    }

    /// Waits for something to be so, and shows that it waits.
    pub(super) async fn until(&mut self, what: &str, so: impl Fn() -> bool) -> Result<(), Failure> {
        let began = Mark::here();
        let live = io::stderr().is_terminal();
        while !so() {
            if let Some(child) = &mut self.child
                && let Ok(Some(status)) = child.try_wait()
            {
                let log = std::fs::read_to_string(&self.log).unwrap_or_default();
                let words = format!("the daemon ended with {status}:\n{log}");
                return Err(Failure::new(exit::FAILED, words));
            }
            if began.elapsed() > STEP_MAX {
                let log = self.log.display();
                let words = format!("the demo hangs waiting for {what}; see {log}");
                return Err(Failure::new(exit::FAILED, words));
            }
            if live {
                let seconds = began.elapsed().as_secs();
                print::progress(&format!("  waiting for {what} ({seconds} s)"));
            }
            tokio::time::sleep(STEP_EVERY).await;
        }
        if live {
            print::progress("");
        }
        Ok(())
    }

    /// Waits until nothing of these groups is due or under way.
    pub(super) async fn quiet(&mut self, groups: &[&str], posts: u64) -> Result<(), Failure> {
        let began = Mark::here();
        loop {
            // The daemon may not have seen the newest posts yet, or may not be up.
            let known = self.counts().await.unwrap_or_default();
            let open = |group: &&&str| {
                let of = |kind| count(&known, group, kind);
                of("due") + of("claimed") > 0 || of("published") + of("in_doubt") < posts
            };
            if !groups.iter().any(|group| open(&group)) {
                return Ok(());
            }
            if began.elapsed() > STEP_MAX {
                let words =
                    format!("the demo hangs waiting for the rest; see {}", self.log.display());
                return Err(Failure::new(exit::FAILED, words));
            }
            if io::stderr().is_terminal() {
                let seconds = began.elapsed().as_secs();
                print::progress(&format!("  waiting for the rest to arrive ({seconds} s)"));
            }
            tokio::time::sleep(STEP_EVERY).await;
        }
    }

    /// Waits until the daemon has looked at the blog often enough to act on what it saw.
    pub(super) async fn looks(&mut self, blog: &Blog) -> Result<(), Failure> {
        let enough = blog.fetches() + LOOKS;
        self.until("the daemon to look at the feed", || blog.fetches() >= enough).await
    }

    /// How the deliveries of each group stand, as the daemon tells it.
    pub(super) async fn counts(&self) -> Result<serde_json::Value, Failure> {
        let answer: Option<Result<Answer, Failure>> = control::ask(&self.control, &Verb::Status)
            .await
            .map_err(|e| Failure::new(exit::UNAVAILABLE, e.to_string()))?;
        match answer {
            Some(Ok(Answer::Status { status, .. })) => Ok(status),
            _ => Err(Failure::new(exit::UNAVAILABLE, "the demo's daemon does not answer")),
        }
    }
}

/// How many deliveries of a group are in a status.
pub(super) fn count(status: &serde_json::Value, group: &str, kind: &str) -> u64 {
    status["groups"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|g| g["name"] == group)
        .filter_map(|g| g["counts"][kind].as_u64())
        .sum()
}
