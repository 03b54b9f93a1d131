//! The real daemon, as a child with a folder of its own. It is gone when its handle is.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use oncecast::desk::Failure;
use oncecast::desk::verb::{Answer, Verb};
use oncecast::serve::control;
use serde_json::Value;
use tempfile::TempDir;
use tokio::process::{Child, Command};

/// The daemon and its folder.
pub struct Daemon {
    folder: TempDir,
    child: Option<Child>,
    environment: Vec<(String, String)>,
}

impl Daemon {
    /// A folder with a config: `rest` is everything but `[ledger]` and `[serve]`.
    pub fn with(rest: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let daemon = Self { folder, child: None, environment: Vec::new() };
        daemon.configure(rest);
        daemon
    }

    pub fn configure(&self, rest: &str) {
        let text = format!(
            "[ledger]\npath = {:?}\n[serve]\nlisten = \"127.0.0.1:0\"\ncontrol = {:?}\n{rest}",
            self.path("ledger.redb"),
            self.path("control.sock"),
        );
        std::fs::write(self.path("oncecast.toml"), text).expect("written");
    }

    /// Sets a variable for the daemon and every command.
    pub fn set(&mut self, name: &str, value: &str) {
        self.environment.push((name.to_owned(), value.to_owned()));
    }

    pub fn pid(&self) -> Option<u32> {
        self.child.as_ref().and_then(Child::id)
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Any command of the binary with this config.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_oncecast"));
        command.arg("--config").arg(self.path("oncecast.toml")).args(arguments);
        let environment = self.environment.iter().map(|(n, v)| (n, v));
        command.env_remove("NOTIFY_SOCKET").envs(environment);
        command.stdin(Stdio::null()).kill_on_drop(true);
        command
    }

    /// Starts the daemon and comes back when it answers.
    pub async fn start(&mut self) {
        let log = self.path("daemon.log");
        let log = std::fs::File::options().create(true).append(true).open(log).expect("a log");
        let mut command = self.command(&["run"]);
        self.child = Some(command.stdout(Stdio::null()).stderr(log).spawn().expect("it starts"));
        super::until("the daemon to answer", async || {
            if let Some(status) = self.child.as_mut().and_then(|c| c.try_wait().ok().flatten()) {
                panic!("the daemon ended with {status}:\n{}", self.log());
            }
            self.ask(Verb::Status).await.is_some()
        })
        .await;
    }

    /// Ends it with SIGKILL.
    pub async fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().await.expect("it was there");
        }
    }

    /// Ends it as systemd does, and gives its exit code.
    pub async fn end(&mut self) -> Option<i32> {
        let mut child = self.child.take()?;
        let pid = child.id().expect("it runs").to_string();
        let sent = Command::new("kill").args(["-TERM", &pid]).status().await.expect("kill");
        assert!(sent.success());
        child.wait().await.expect("it ends").code()
    }

    pub async fn ask(&self, verb: Verb) -> Option<Answer> {
        let path: &Path = &self.path("control.sock");
        let answer: Option<Result<Answer, Failure>> = control::ask(path, &verb).await.ok()?;
        answer?.ok()
    }

    /// `status` as JSON.
    pub async fn status(&self) -> Value {
        match self.ask(Verb::Status).await {
            Some(Answer::Status { status, .. }) => status,
            other => panic!("no status: {other:?}\n{}", self.log()),
        }
    }

    /// How many deliveries of a group are in a status.
    pub async fn count(&self, group: &str, kind: &str) -> u64 {
        let status = self.status().await;
        let groups = status["groups"].as_array().cloned().unwrap_or_default();
        let group = groups.iter().find(|g| g["name"] == group);
        group.and_then(|g| g["counts"][kind].as_u64()).unwrap_or_default()
    }

    /// Waits for the first document of a feed to be the baseline.
    pub async fn baseline(&self, feed: &str) {
        super::until("the feed to be read", async || {
            let status = self.status().await;
            let feeds = status["feeds"].as_array().cloned().unwrap_or_default();
            feeds.iter().any(|f| f["name"] == feed && f["last_success"].is_string())
        })
        .await;
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(self.path("daemon.log")).unwrap_or_default()
    }
}
