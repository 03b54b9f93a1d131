//! One poll of a feed that has not changed, over loopback and with its place in the ledger: where the server
//! says so (304), and where it sends the same bytes once more (200).

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use oncecast::config::{Feed, FeedSource};
use oncecast::flow::poll::Poller;
use tokio::sync::Semaphore;

use crate::blog::{Shows, feed};
use crate::house::House;
use crate::process::rest;
use crate::rounds::{Turns, median, ratios, table, time, verdict};

const ROUNDS: u32 = 100;
/// No feed is asked so often but here.
const EVERY: Duration = Duration::from_millis(1);
/// What may be asked of a processor for each of thousands of polls.
const WANTED_MILLIS: f64 = 3.0;

pub(crate) fn bench() {
    println!("\n== One unchanged poll of a 100-entry feed, its server included ==");
    let house = House::open(&["lane"]);
    let body = feed(1, Shows::Posts, 0);
    let asked = Arc::new(AtomicU32::new(0));
    let address = serve(body.clone(), Arc::clone(&asked));
    let poller = |path: &str| {
        let url = format!("http://{address}/{path}").parse().expect("an address");
        let feed = Feed {
            name: path.to_owned(),
            source: FeedSource::Http(url),
            every: EVERY,
            every_max: EVERY,
        };
        Poller::new(feed, house.parts(), Arc::new(Semaphore::new(1)))
    };
    let (told, same) = (poller("told"), poller("same"));
    let turn = |poller: &Poller| {
        // Its time comes again.
        rest(EVERY * 4);
        let before = asked.load(Ordering::Relaxed);
        let (took, _) = time(|| house.runtime.block_on(poller.turn()).expect("polled"));
        assert_eq!(asked.load(Ordering::Relaxed), before + 1, "it was asked once");
        took
    };
    // The first sight of each, and of each the first look at what is known of it.
    for poller in [&told, &same, &told, &same] {
        turn(poller);
    }
    let mut bare = Turns::of("the rss crate alone, on the same bytes");
    let (mut unsaid, mut sent) = (Turns::of("poll: 304"), Turns::of("poll: 200, same body"));
    for _ in 0..ROUNDS {
        bare.turn(|| time(|| rss::Channel::read_from(&body[..])).0);
        unsaid.turn(|| turn(&told));
        sent.turn(|| turn(&same));
    }
    table(&format!("{} KB, {ROUNDS} rounds", body.len() / 1_000), &bare, &[&unsaid, &sent]);
    for (name, turns) in [("304", &unsaid), ("200, same body", &sent)] {
        let millis = median(&turns.walls()) * 1e3;
        verdict(&format!("ms for {name}"), millis, "at most 3", millis <= WANTED_MILLIS);
    }
    let ratio = median(&ratios(&sent.walls(), &unsaid.walls()));
    println!("  200 with the same body costs {ratio:.2} times as much as 304");
}

/// A server that tells by an `ETag` that nothing has changed, or does not.
fn serve(body: Vec<u8>, asked: Arc<AtomicU32>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            asked.fetch_add(1, Ordering::Relaxed);
            // One that breaks shows in what the poll brings.
            answer(stream, &body).ok();
        }
    });
    address
}

fn answer(mut stream: TcpStream, body: &[u8]) -> std::io::Result<()> {
    let (mut tells, mut knows) = (false, false);
    let mut reader = BufReader::new(stream.try_clone()?);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? <= 2 {
            break;
        }
        tells |= line.starts_with("GET /told ");
        knows |= line.starts_with("if-none-match: \"1\"");
    }
    let tag = if tells { "etag: \"1\"\r\n" } else { "" };
    if tells && knows {
        let head = format!("HTTP/1.1 304 Not Modified\r\n{tag}connection: close\r\n\r\n");
        return stream.write_all(head.as_bytes());
    }
    let length = body.len();
    let head =
        format!("HTTP/1.1 200 OK\r\n{tag}content-length: {length}\r\nconnection: close\r\n\r\n");
    stream.write_all(&[head.as_bytes(), body].concat())
}
