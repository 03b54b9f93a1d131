//! The whole program as an operator runs it: CPU time for a hundred posts, memory at rest, size.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use oncecast::clock::Mark;
use url::Url;

use crate::blog::{ENTRIES, Shows, feed};
use crate::house::{self, House};
use crate::publish::{self, Bare};
use crate::receiver::{self, Heard};
use crate::rounds::{median, memory, mib, spread, verdict};

const ROUNDS: u32 = 7;
/// Polls after which a daemon has taken its first document and rests.
const POLLS_TO_REST: u64 = 2;
/// How long a daemon is left alone before its memory is read.
const IDLE: Duration = Duration::from_secs(4);
const LOOK: Duration = Duration::from_millis(5);
/// Longer than this and it hangs.
const PATIENCE: Duration = Duration::from_secs(60);
const MILLION: f64 = 1e6;

pub(crate) fn bench() {
    println!("\n== The whole process: {} ==", binary().display());
    let (mut start, mut posts, mut kernel) = (Vec::new(), Vec::new(), Vec::new());
    let (mut idle, mut peak_idle, mut peak) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        let daemon = Daemon::start();
        daemon.until(|heard| heard.gets() >= POLLS_TO_REST);
        rest(if round == 0 { IDLE } else { Duration::from_millis(300) });
        let (at_rest, kernel_at_rest) = (daemon.cpu(), daemon.kernel_share());
        idle.push(daemon.memory("VmRSS"));
        peak_idle.push(daemon.memory("VmHWM"));
        daemon.heard.serve(feed(1 + ENTRIES, Shows::Summaries, 0));
        daemon.until(|heard| heard.posts() >= u64::from(ENTRIES));
        // The last settlement follows the last answer.
        rest(Duration::from_millis(300));
        let after = daemon.cpu();
        assert_eq!(daemon.heard.posts(), u64::from(ENTRIES), "each was said once");
        peak.push(daemon.memory("VmHWM"));
        start.push(at_rest * 1e3);
        posts.push((after - at_rest) * 1e3);
        kernel.push(daemon.kernel_share() - kernel_at_rest);
    }
    println!("{ROUNDS} rounds, a feed of {ENTRIES} entries, polled every second");
    let line = |name: &str, unit: &str, values: &[f64]| {
        println!("{name:<46} {:>8.2} {unit:<4} {}", median(values), spread(values));
    };
    line("cpu: start and first sight of the feed", "ms", &start);
    line("cpu beyond that: 100 new entries, 100 posts", "ms", &posts);
    line("  of which the kernel, to ten", "ms", &kernel);
    line("memory at rest (VmRSS)", "MiB", &idle);
    line("its peak until then (VmHWM)", "MiB", &peak_idle);
    line("its peak after 100 posts (VmHWM)", "MiB", &peak);
    let size = std::fs::metadata(binary()).map_or(0, |file| file.len());
    let size = f64::from(u32::try_from(size).unwrap_or(u32::MAX)) / MILLION;
    println!("{:<46} {size:>8.2} MB", "the binary");
    floors();
    let (posts, idle) = (median(&posts), median(&idle));
    verdict("ms of cpu for 100 posts", posts, "at most 20", posts <= 20.0);
    verdict("MiB at rest", idle, "under 15", idle < 15.0);
    verdict("MB of binary", size, "under 15", size < 15.0);
}

/// What a hundred posts cost that are sent and remembered by nothing else: by bare system calls, and by
/// the client and the engine of this house without the house.
fn floors() {
    let (url, heard) = receiver::open();
    let house = House::open(&[]);
    let record = File::create(house.folder.path().join("record")).expect("a file");
    let mut raw = Vec::new();
    for _ in 0..ROUNDS {
        raw.push(cpu_here(|| {
            for number in 0..ENTRIES {
                raw_post(&url);
                (&record).write_all(&[7; 4096]).expect("written");
                record.sync_data().unwrap_or_else(|e| panic!("synced, {number}: {e}"));
            }
        }));
    }
    let bare = Bare::open(&house, 1);
    let request = publish::any_request();
    let mut parts = Vec::new();
    for _ in 0..ROUNDS {
        parts.push(cpu_here(|| {
            for number in 0..ENTRIES {
                bare.post(&house, &url, &request);
                bare.upsert(u64::from(number));
            }
        }));
    }
    assert_eq!(heard.posts(), u64::from(2 * ROUNDS * ENTRIES), "each was said once");
    let line = |name: &str, values: &[f64]| {
        println!("{name:<46} {:>8.2} ms   {}", median(values), spread(values));
    };
    line("floor: 100 raw connections, 100 fdatasync", &raw);
    line("floor: 100 posts by reqwest, 100 redb commits", &parts);
}

/// CPU time of this thread and of those that work for it, in milliseconds; the receiver's is not counted.
fn cpu_here(work: impl FnOnce()) -> f64 {
    let spent = || {
        let tasks = std::fs::read_dir("/proc/self/task").expect("it runs");
        let of = |task: std::fs::DirEntry| -> Option<u64> {
            let name = std::fs::read_to_string(task.path().join("comm")).ok()?;
            let spent = std::fs::read_to_string(task.path().join("schedstat")).ok()?;
            if name.trim() == receiver::THREAD {
                None
            } else {
                spent.split(' ').next()?.parse().ok()
            }
        };
        Duration::from_nanos(tasks.flatten().filter_map(of).sum::<u64>()).as_secs_f64() * 1e3
    };
    let before = spent();
    work();
    spent() - before
}

/// One POST over a connection of its own, by nothing but system calls.
fn raw_post(url: &Url) {
    let address = (url.host_str().expect("a host"), url.port().expect("a port"));
    let mut stream = TcpStream::connect(address).expect("a connection");
    let head =
        "POST /hook HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\nconnection: close\r\n\r\nhello";
    stream.write_all(head.as_bytes()).expect("sent");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("an answer");
    assert!(answer.starts_with(b"HTTP/1.1 204"), "{}", String::from_utf8_lossy(&answer));
}

pub(crate) fn binary() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_oncecast"))
}

#[expect(clippy::disallowed_methods, reason = "a process at rest is measured on the real clock")]
pub(crate) fn rest(time: Duration) {
    std::thread::sleep(time);
}

/// CPU time of a process in seconds, in hundredths, with that of threads that have ended.
pub(crate) fn cpu_of(process: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    // The name in the second field may hold anything but ends with the last bracket.
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    let fields = after_name.split_whitespace().skip(11).take(2);
    fields.filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() / 100.0
}

/// A ledger as a kill leaves it, and a port for a daemon on it.
pub(crate) struct Kept {
    folder: tempfile::TempDir,
    listen: String,
}

/// A daemon on such a ledger.
pub(crate) struct Woken {
    child: Child,
    kept: Kept,
}

impl Kept {
    /// Copies what stands in the folder of an open ledger.
    pub(crate) fn of(open: &Path) -> Self {
        let folder = house::folder();
        for name in ["ledger.redb", "ledger.witness"] {
            std::fs::copy(open.join(name), folder.path().join(name)).expect("copied");
        }
        let port = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let listen = port.local_addr().expect("an address").to_string();
        Self { folder, listen }
    }

    pub(crate) fn start(self) -> Woken {
        let dir = self.folder.path();
        let config = format!(
            "[ledger]\npath = {:?}\n[serve]\nlisten = {:?}\ncontrol = {:?}\n\
             [[feed]]\nname = \"blog\"\nurl = \"feed.xml\"\n\
             [[integration]]\nname = \"a\"\nkind = \"webhook\"\nurl = \"http://127.0.0.1:9/\"\n\
             [[group]]\nname = \"a\"\nintegration = \"a\"\n",
            dir.join("ledger.redb"),
            self.listen,
            dir.join("control.sock"),
        );
        std::fs::write(dir.join("oncecast.toml"), config).expect("a config");
        let mut command = Command::new(binary());
        command.arg("--config").arg(dir.join("oncecast.toml")).arg("run");
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.env_remove("NOTIFY_SOCKET").spawn().expect("the daemon starts");
        Woken { child, kept: self }
    }
}

impl Woken {
    pub(crate) fn listen(&self) -> String {
        self.kept.listen.clone()
    }
}

impl Drop for Woken {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// A daemon, its blog and its receiver.
struct Daemon {
    child: Child,
    heard: std::sync::Arc<Heard>,
    folder: tempfile::TempDir,
}

impl Daemon {
    fn start() -> Self {
        let folder = house::folder();
        let (url, heard) = receiver::open();
        heard.serve(feed(1, Shows::Summaries, 0));
        let dir = folder.path();
        let config = format!(
            "[ledger]\npath = {:?}\n[serve]\nlisten = \"127.0.0.1:0\"\ncontrol = {:?}\n\
             [guard]\nsettle = \"0s\"\nburst = 1000\nshare = 1.0\n\
             [[feed]]\nname = \"blog\"\nurl = \"{url}\"\nevery = \"1s\"\n\
             [[integration]]\nname = \"hook\"\nkind = \"webhook\"\nurl = \"{url}\"\n\
             pace = {{ every = \"0s\", burst = 1 }}\n\
             caps = {{ per_10m = 1000, per_hour = 1000, per_day = 1000 }}\n\
             [[group]]\nname = \"readers\"\nintegration = \"hook\"\n",
            dir.join("ledger.redb"),
            dir.join("control.sock"),
        );
        std::fs::write(dir.join("oncecast.toml"), config).expect("a config");
        let child = Command::new(binary())
            .arg("--config")
            .arg(dir.join("oncecast.toml"))
            .arg("run")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(dir.join("log")).expect("a log"))
            .env_remove("NOTIFY_SOCKET")
            .spawn()
            .expect("the daemon starts");
        Self { child, heard, folder }
    }

    fn until(&self, so: impl Fn(&Heard) -> bool) {
        let began = Mark::here();
        while !so(&self.heard) {
            let log = || std::fs::read_to_string(self.folder.path().join("log"));
            assert!(began.elapsed() < PATIENCE, "the daemon hangs:\n{:?}", log());
            rest(LOOK);
        }
    }

    fn memory(&self, line: &str) -> f64 {
        mib(memory(&self.child.id().to_string(), line))
    }

    /// CPU time of its threads in seconds, to the nanosecond; `/proc/PID/stat` counts in hundredths.
    /// A thread that has ended would be missed: tokio keeps its own for ten seconds, the ledger's stays.
    fn cpu(&self) -> f64 {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", self.child.id())).expect("it runs");
        let of = |task: std::fs::DirEntry| -> Option<u64> {
            let spent = std::fs::read_to_string(task.path().join("schedstat")).ok()?;
            spent.split(' ').next()?.parse().ok()
        };
        let spent: u64 = tasks.flatten().filter_map(of).sum();
        Duration::from_nanos(spent).as_secs_f64()
    }

    /// CPU time that the kernel spent for it, in milliseconds: the fifteenth field of its `stat`, in
    /// hundredths of a second.
    fn kernel_share(&self) -> f64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id()));
        let stat = stat.unwrap_or_default();
        // The name in the second field may hold anything but ends with the last bracket.
        let after_name = stat.rsplit(')').next().unwrap_or_default();
        let ticks = after_name.split_whitespace().nth(12).and_then(|ticks| ticks.parse().ok());
        ticks.unwrap_or(f64::NAN) * 10.0
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // One that has ended already is what is wanted.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
