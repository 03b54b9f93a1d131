//! Thousands of feeds, polled by one process on loopback: its CPU time and memory, how punctual it is, and
//! whether it falls upon its servers at the start.
//!
//! `ONCECAST_POLLED` says how many feeds and `ONCECAST_EVERY` how often each, in seconds: 10000 and 900 take half
//! an hour.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use oncecast::clock::Mark;

use crate::house;
use crate::process::{binary, cpu_of, rest};
use crate::rounds::{memory, mib, verdict};

/// Unless the environment says otherwise.
const FEEDS: usize = 2_000;
const EVERY: u64 = 30;
/// How many intervals are watched.
const INTERVALS: u64 = 2;
/// Of so many feeds one has a new post at each third of its polls.
const LIVELY: usize = 100;
const ENTRIES: usize = 20;
/// The jitter that a poll may have, and what a loaded machine adds to it.
const JITTER: f64 = 0.1;
const SLACK: f64 = 0.05;

/// When each feed was asked, since the beginning.
type Asked = Arc<Mutex<Vec<Vec<Duration>>>>;

pub(crate) fn bench() {
    let number = |name: &str, unless: u64| {
        std::env::var(name).ok().and_then(|n| n.parse().ok()).unwrap_or(unless)
    };
    let feeds = usize::try_from(number("ONCECAST_POLLED", FEEDS as u64)).unwrap_or(FEEDS);
    let every = number("ONCECAST_EVERY", EVERY);
    println!("\n== {feeds} feeds, each every {every} s, for {INTERVALS} intervals ==");
    let mark = Mark::here();
    let (address, asked) = serve(feeds, mark);
    let daemon = Daemon::start(&address, feeds, every);
    let mut at_first = 0.0;
    for interval in 1..=INTERVALS {
        rest(Duration::from_secs(every * interval).saturating_sub(mark.elapsed()));
        if interval == 1 {
            at_first = daemon.cpu();
        }
    }
    let (cpu, took) = (daemon.cpu() - at_first, (every * (INTERVALS - 1)) as f64);
    let (now, peak) = (daemon.memory("VmRSS"), daemon.memory("VmHWM"));
    let ready = time_of(|| daemon.ask("/readyz"));
    let metrics = time_of(|| daemon.ask("/metrics"));
    let health = time_of(|| daemon.ask("/healthz"));
    let asked = asked.lock().unwrap_or_else(PoisonError::into_inner);
    let all: usize = asked.iter().map(Vec::len).sum();
    let never = asked.iter().filter(|times| times.is_empty()).count();
    // The busiest second, against the evenest course.
    let even = feeds as f64 / every as f64;
    let busiest = |from: u64, to: u64| {
        let mut seconds = vec![0_u32; usize::try_from(every * INTERVALS + 1).unwrap_or(0)];
        for time in asked.iter().flatten() {
            if let Some(second) = seconds.get_mut(time.as_secs() as usize) {
                *second += 1;
            }
        }
        seconds[from as usize..to as usize].iter().copied().max().unwrap_or(0)
    };
    let (first, later) = (busiest(0, every), busiest(every, every * INTERVALS));
    // How long each waited from one poll to the next, in intervals.
    let mut waits: Vec<f64> = Vec::new();
    for times in asked.iter() {
        let pairs = times.windows(2).map(|pair| (pair[1] - pair[0]).as_secs_f64() / every as f64);
        // A feed whose new post settles is looked at in between.
        waits.extend(pairs);
    }
    waits.sort_by(f64::total_cmp);
    let at = |share: f64| waits.get((waits.len() as f64 * share) as usize).copied().unwrap_or(0.0);
    println!("{all} polls; {never} feeds were never asked");
    println!(
        "cpu: {at_first:.2} s for the first interval (every feed is new), then {cpu:.2} s in {took} s"
    );
    println!("memory: {now:.1} MiB, its peak {peak:.1} MiB");
    println!(
        "from one poll to the next, in intervals: least {:.3}, half {:.3}, 99 % {:.3}, most {:.3}",
        at(0.0),
        at(0.5),
        at(0.99),
        waits.last().copied().unwrap_or(0.0)
    );
    println!(
        "polls a second: {even:.1} were even; the busiest at the start {first}, later {later}"
    );
    println!(
        "/readyz answers in {ready:.1} ms, /metrics in {metrics:.1} ms, /healthz in {health:.1} ms"
    );
    verdict("feeds that were never asked", never as f64, "none", never == 0);
    verdict("CPU of one core, in hundredths", cpu / took * 100.0, "at most 10", cpu / took <= 0.1);
    let late = waits.last().copied().unwrap_or(9.0);
    let bound = 1.0 + JITTER + SLACK;
    verdict("the longest wait, in intervals", late, "at most 1.15", late <= bound);
    let most = f64::from(first) / even;
    verdict("the busiest second of the start, over even", most, "at most 3", most <= 3.0);
    verdict(
        "KiB of memory a feed",
        peak * 1024.0 / feeds as f64,
        "at most 16",
        peak * 64.0 <= feeds as f64,
    );
}

fn time_of(work: impl FnOnce()) -> f64 {
    let mark = Mark::here();
    work();
    mark.elapsed().as_secs_f64() * 1e3
}

/// A server of so many feeds, each with a validator.
fn serve(feeds: usize, mark: Mark) -> (String, Asked) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    let asked: Asked = Arc::new(Mutex::new(vec![Vec::new(); feeds]));
    let notes = Arc::clone(&asked);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            // One that breaks shows in what was asked.
            answer(stream, &notes, mark).ok();
        }
    });
    (address, asked)
}

fn answer(stream: TcpStream, asked: &Asked, mark: Mark) -> std::io::Result<()> {
    let (mut number, mut tag) = (None, String::new());
    let mut reader = BufReader::new(&stream);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? <= 2 {
            break;
        }
        if let Some(path) = line.strip_prefix("GET /") {
            number = path.split(' ').next().and_then(|n| n.parse::<usize>().ok());
        } else if let Some(value) = line.strip_prefix("if-none-match: ") {
            value.trim().clone_into(&mut tag);
        }
    }
    let mut stream = &stream;
    let Some(number) = number else {
        return stream.write_all(b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n");
    };
    let times = {
        let mut asked = asked.lock().unwrap_or_else(PoisonError::into_inner);
        asked[number].push(mark.elapsed());
        asked[number].len()
    };
    let posts = ENTRIES + if number % LIVELY == 0 { times / 3 } else { 0 };
    let new = format!("\"{posts}\"");
    if tag == new {
        let head = format!("HTTP/1.1 304 Not Modified\r\netag: {new}\r\nconnection: close\r\n\r\n");
        return stream.write_all(head.as_bytes());
    }
    let items: String = (posts - ENTRIES..posts)
        .rev()
        .map(|n| {
            let text = format!("What there is to say about {n} in blog {number}. ").repeat(6);
            format!(
                "<item><title>Post {n:x} of {number}</title><link>http://b{number}.example/{n}</link>\
                 <guid>http://b{number}.example/?p={n}</guid><description>{text}</description></item>"
            )
        })
        .collect();
    let body =
        format!("<rss version=\"2.0\"><channel><title>{number}</title>{items}</channel></rss>");
    let head = format!(
        "HTTP/1.1 200 OK\r\netag: {new}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(head.as_bytes())
}

struct Daemon {
    child: Child,
    listen: String,
    folder: tempfile::TempDir,
}

impl Daemon {
    fn start(address: &str, feeds: usize, every: u64) -> Self {
        let folder = house::folder();
        let dir = folder.path();
        let port = TcpListener::bind("127.0.0.1:0").expect("a port");
        let listen = port.local_addr().expect("an address").to_string();
        drop(port);
        let mut config = format!(
            "[ledger]\npath = {:?}\n[serve]\nlisten = {listen:?}\ncontrol = {:?}\n\
             [guard]\nsettle = \"0s\"\n\
             [[integration]]\nname = \"hook\"\nkind = \"webhook\"\nurl = \"http://{address}/hook\"\n\
             [[group]]\nname = \"readers\"\nintegration = \"hook\"\n",
            dir.join("ledger.redb"),
            dir.join("control.sock"),
        );
        for n in 0..feeds {
            config += &format!(
                "[[feed]]\nname = \"blog-{n}\"\nurl = \"http://{address}/{n}\"\nevery = \"{every}s\"\n"
            );
        }
        std::fs::write(dir.join("oncecast.toml"), config).expect("a config");
        let mut command = Command::new(binary());
        command.arg("--config").arg(dir.join("oncecast.toml")).arg("run");
        let log = std::fs::File::create(dir.join("log")).expect("a log");
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        let mut child = command.env_remove("NOTIFY_SOCKET").spawn().expect("the daemon starts");
        rest(Duration::from_secs(2));
        let runs = child.try_wait().is_ok_and(|ended| ended.is_none());
        let daemon = Self { child, listen, folder };
        assert!(runs, "it does not take its config:\n{}", daemon.log());
        daemon
    }

    /// The end of what it has logged.
    fn log(&self) -> String {
        let log = std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(20)..].join("\n")
    }

    fn cpu(&self) -> f64 {
        cpu_of(self.child.id())
    }

    fn memory(&self, line: &str) -> f64 {
        mib(memory(&self.child.id().to_string(), line))
    }

    fn ask(&self, path: &str) {
        let answer = crate::open::ask(&self.listen, path).unwrap_or_default();
        assert!(answer.starts_with("HTTP/1.1 200"), "{path}: {answer}\n{}", self.log());
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
