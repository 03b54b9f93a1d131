//! strace, held by a test: it stands at the system calls of a daemon at rest, counts them, fails them,
//! or kills or stops the daemon right before one of them.
//!
//! Its counters begin when it is attached, one for each call in each thread.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Stdio;

use oncecast::desk::verb::Verb;
use rustix::process::{Pid, Signal};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use tokio::process::{Child, Command};

use super::support::daemon::Daemon;
use super::support::until;

/// An attached strace.
pub(crate) struct Tracer {
    child: Child,
    notes: PathBuf,
}

impl Tracer {
    /// Attaches to a daemon with these arguments, and comes back when it stands at every thread.
    pub(crate) async fn attach(daemon: &Daemon, arguments: &[&str]) -> Self {
        let pid = daemon.pid().expect("it runs").to_string();
        let notes = daemon.path("strace.out");
        let mut command = Command::new("strace");
        command.arg("-f").args(arguments).arg("-o").arg(&notes).args(["-p", &pid]);
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        let mut child = command.spawn().unwrap_or_else(|error| {
            panic!("strace cannot be started ({error}); install it, as tests/run does: apt-get install strace")
        });
        let mut words = BufReader::new(child.stderr.take().expect("piped"));
        let mut said = String::new();
        while !said.contains("attached") {
            let read = words.read_line(&mut said).await.expect("readable");
            assert!(read > 0, "strace may not trace here (a container without ptrace?): {said}");
        }
        tokio::spawn(async move { words.read_to_string(&mut said).await });
        Self { child, notes }
    }

    /// A tracer that does one thing to the n-th call of that name.
    pub(crate) async fn at(daemon: &Daemon, call: &str, number: &str, what: &str) -> Self {
        let trace = format!("trace={call}");
        let inject = format!("inject={call}:{what}:when={number}");
        Self::attach(daemon, &["-e", &trace, "-e", &inject]).await
    }

    /// Lets the daemon go, and says whether it was killed: at the last moment, it may be.
    pub(crate) async fn has_killed(mut self, daemon: &mut Daemon) -> bool {
        if !daemon.is_gone() {
            // Asked to go while it kills, strace waits for ever.
            self.child.kill().await.expect("it was there");
            // A process that dies does not answer any more.
            if daemon.ask(Verb::Status).await.is_some() {
                return false;
            }
            until("a death", async || daemon.is_gone()).await;
        }
        true
    }

    /// Lets the daemon go, and says what was traced.
    pub(crate) async fn detach(mut self) -> Trace {
        let pid = self.child.id().and_then(|pid| Pid::from_raw(i32::try_from(pid).ok()?));
        rustix::process::kill_process(pid.expect("it runs"), Signal::TERM).expect("it can be told");
        self.child.wait().await.expect("it ends");
        Trace(std::fs::read_to_string(&self.notes).expect("its notes"))
    }

    /// Whether it has done something to a call yet.
    pub(crate) fn has_struck(&self) -> bool {
        std::fs::read_to_string(&self.notes).is_ok_and(|notes| Trace(notes).was_struck())
    }
}

/// What was traced.
pub(crate) struct Trace(String);

impl Trace {
    /// Whether something was done to a call.
    pub(crate) fn was_struck(&self) -> bool {
        self.0.contains("(INJECTED)")
    }

    /// How often each call was made, in the thread that made it most often.
    pub(crate) fn calls(&self) -> BTreeMap<String, usize> {
        let mut threads: BTreeMap<(&str, &str), usize> = BTreeMap::new();
        for line in self.0.lines() {
            let Some((thread, call)) = line.split_once(' ') else { continue };
            let Some((name, _)) = call.trim_start().split_once('(') else { continue };
            if name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
                *threads.entry((thread, name)).or_default() += 1;
            }
        }
        let mut calls = BTreeMap::new();
        for ((_, name), times) in threads {
            let most: &mut usize = calls.entry(name.to_owned()).or_default();
            *most = times.max(*most);
        }
        calls
    }
}
