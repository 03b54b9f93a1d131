//! What the tests of the command line and of the daemon share: a blog in a file, commands, and what
//! they say.

use std::process::{Output, Stdio};

use serde_json::Value;
use tokio::process::Command;

use super::support::daemon::Daemon;

/// No manners: a test waits for nothing that it does not test.
pub const OPEN: &str = "pace = { every = \"0s\", burst = 1 }\n";

/// Tests may kill a daemon more often than one may fall over.
const GUARD: &str = "crash_loop = 0\n";

/// A blog that is polled each second, and webhook groups; each lane has the name of its group.
/// `more` ends in tables of its own.
pub fn house(groups: &[(&str, &str)], more: &str) -> String {
    let mut text = format!(
        "[guard]\nsettle = \"0s\"\nburst = 100\nshare = 1.0\n{GUARD}\
         [[feed]]\nname = \"blog\"\nurl = \"feed.xml\"\nevery = \"1s\"\n{more}\n"
    );
    for (name, url) in groups {
        text += &lane(name, url, OPEN);
    }
    text
}

/// One webhook lane with one group, and further keys of the lane.
pub fn lane(name: &str, url: &str, keys: &str) -> String {
    format!(
        "[[integration]]\nname = {name:?}\nkind = \"webhook\"\nurl = {url:?}\n{keys}\
         [[group]]\nname = {name:?}\nintegration = {name:?}\n"
    )
}

/// What the blog shows from now on. It is there at once and whole, as a poll may come at any time.
pub fn publish(daemon: &Daemon, titles: &[&str]) {
    let item = |t: &&str| format!("<item><title>{t}</title><link>{}</link></item>", address(t));
    let items: String = titles.iter().map(item).collect();
    let text = format!("<rss version=\"2.0\"><channel><title>b</title>{items}</channel></rss>");
    std::fs::write(daemon.path("feed.new"), text).expect("written");
    std::fs::rename(daemon.path("feed.new"), daemon.path("feed.xml")).expect("renamed");
}

/// Where a post of the blog is.
pub fn address(title: &str) -> String {
    format!("http://blog.example/{title}")
}

/// A daemon that has taken its baseline: one old post.
pub async fn started(config: &str) -> Daemon {
    let mut daemon = Daemon::with(config);
    publish(&daemon, &["Old"]);
    daemon.start().await;
    daemon.baseline("blog").await;
    daemon
}

/// What a command said.
pub struct Said {
    pub code: i32,
    pub out: String,
    pub error: String,
}

impl Said {
    pub fn of(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
        let code = output.status.code().expect("no signal ended it");
        Self { code, out: text(output.stdout), error: text(output.stderr) }
    }

    /// Its output, which is one JSON document and nothing else.
    pub fn json(&self) -> Value {
        let Self { out, error, .. } = self;
        serde_json::from_str(out).unwrap_or_else(|e| panic!("{e} in {out:?}; {error}"))
    }

    /// Fails unless it ended with this code.
    pub fn ends(self, code: u8) -> Self {
        let Self { out, error, .. } = &self;
        assert_eq!(self.code, i32::from(code), "it said: {out}{error}");
        self
    }

    /// Fails unless each of these words is in what it said.
    pub fn tells(self, words: &[&str]) -> Self {
        let all = format!("{}{}", self.out, self.error);
        for word in words {
            assert!(all.contains(word), "{word:?} is not in: {all}");
        }
        self
    }
}

/// A command with the daemon's config.
pub async fn said(daemon: &Daemon, arguments: &[&str]) -> Said {
    Said::of(daemon.command(arguments).output().await.expect("it runs"))
}

/// The binary as somebody without any config meets it.
pub fn bare(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_oncecast"));
    for name in ["ONCECAST_CONFIG", "CONFIGURATION_DIRECTORY", "NO_COLOR", "CLICOLOR_FORCE"] {
        command.env_remove(name);
    }
    command.args(arguments).stdin(Stdio::null()).kill_on_drop(true);
    command
}
