//! The real daemon, as a child with a folder of its own. It is gone when its handle is.

use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};

use oncecast::desk::Failure;
use oncecast::desk::verb::{Answer, Verb};
use oncecast::serve::control;
use rustix::process::{Pid, Signal};
use serde_json::Value;
use tempfile::TempDir;
use tokio::process::{Child, Command};

/// The daemon and its folder.
pub struct Daemon {
    folder: TempDir,
    child: Option<Child>,
    environment: Vec<(String, String)>,
    ledger: PathBuf,
}

impl Daemon {
    /// A folder with a config: `rest` is everything but `[ledger]` and `[serve]`.
    pub fn with(rest: &str) -> Self {
        Self::keeping("ledger.redb", rest)
    }

    /// The same, with the ledger at a path of its own inside the folder.
    pub fn keeping(ledger: &str, rest: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let ledger = folder.path().join(ledger);
        let daemon = Self { folder, child: None, environment: Vec::new(), ledger };
        daemon.configure(rest);
        daemon
    }

    /// Where its ledger is.
    pub fn ledger(&self) -> &Path {
        &self.ledger
    }

    pub fn configure(&self, rest: &str) {
        let text = format!(
            "[ledger]\npath = {:?}\n[serve]\nlisten = \"127.0.0.1:0\"\ncontrol = {:?}\n{rest}",
            self.ledger,
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
        self.spawn();
        self.answers().await;
    }

    /// Starts the daemon and does not wait for it.
    pub fn spawn(&mut self) {
        let command = self.command(&["run"]);
        self.launch(command);
    }

    /// Starts the daemon's process, which stops itself before anything of the daemon has run: see
    /// [`Daemon::signal`] to let it go on.
    pub async fn spawn_stopped(&mut self) {
        let run = self.command(&["run"]);
        let run = run.as_std();
        let mut command = Command::new("sh");
        command.args(["-c", "kill -STOP $$; exec \"$0\" \"$@\""]).arg(run.get_program());
        command.args(run.get_args()).env_remove("NOTIFY_SOCKET").stdin(Stdio::null());
        command.kill_on_drop(true);
        self.launch(command);
        super::until("the process to stop", async || self.is_stopped()).await;
    }

    fn launch(&mut self, mut command: Command) {
        let log = self.path("daemon.log");
        let log = std::fs::File::options().create(true).append(true).open(log).expect("a log");
        self.child = Some(command.stdout(Stdio::null()).stderr(log).spawn().expect("it starts"));
    }

    /// Comes back when it answers.
    pub async fn answers(&mut self) {
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
        self.child.as_ref()?;
        self.signal(Signal::TERM);
        self.gone().await.code()
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        let pid = self.pid().and_then(|pid| Pid::from_raw(i32::try_from(pid).ok()?));
        rustix::process::kill_process(pid.expect("it runs"), signal).expect("it can be told");
    }

    /// Waits for it to end by itself.
    pub async fn gone(&mut self) -> ExitStatus {
        self.child.take().expect("it was started").wait().await.expect("it ends")
    }

    /// Whether it has ended by itself.
    pub fn is_gone(&mut self) -> bool {
        self.child.as_mut().is_none_or(|c| c.try_wait().is_ok_and(|status| status.is_some()))
    }

    /// Whether every thread of it is stopped: by a signal, or by a tracer on its behalf.
    pub fn is_stopped(&self) -> bool {
        let Some(pid) = self.pid() else { return false };
        let Ok(tasks) = std::fs::read_dir(format!("/proc/{pid}/task")) else { return false };
        let stopped = |stat: String| {
            // The name in the middle may hold anything; the state follows its last bracket.
            let state = stat.rsplit(')').next().unwrap_or_default().trim_start();
            state.starts_with(['T', 't'])
        };
        tasks.flatten().all(|t| std::fs::read_to_string(t.path().join("stat")).is_ok_and(stopped))
    }

    pub async fn ask(&self, verb: Verb) -> Option<Answer> {
        let path: &Path = &self.path("control.sock");
        let answer: Option<Result<Answer, Failure>> = control::ask(path, &verb).await.ok()?;
        answer?.ok()
    }

    /// `status` as JSON.
    pub async fn status(&self) -> Value {
        let mut answer = None;
        // Between the doors of a ledger that opens and those of the house nobody answers for a moment.
        super::until("its status", async || {
            answer = self.ask(Verb::Status).await;
            answer.is_some()
        })
        .await;
        match answer {
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

    /// What is wrong, in the words of its health; empty where all is well.
    pub async fn complaints(&self) -> Vec<String> {
        let status = self.ask(Verb::Status).await;
        let Some(Answer::Status { status, .. }) = status else { return vec!["no answer".into()] };
        let reasons = status["reasons"].as_array().cloned().unwrap_or_default();
        reasons.iter().filter_map(Value::as_str).map(str::to_owned).collect()
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(self.path("daemon.log")).unwrap_or_default()
    }
}
