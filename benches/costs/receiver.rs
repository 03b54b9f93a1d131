//! A receiver of webhooks on loopback that counts and answers at once; and one that serves a feed.

use std::io::{self, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use url::Url;

/// The name of its thread.
pub(crate) const THREAD: &str = "receiver";

/// What it has heard, and what it serves to a GET.
#[derive(Debug, Default)]
pub(crate) struct Heard {
    posts: AtomicU64,
    gets: AtomicU64,
    feed: Mutex<Vec<u8>>,
}

impl Heard {
    pub(crate) fn posts(&self) -> u64 {
        self.posts.load(Ordering::SeqCst)
    }

    pub(crate) fn gets(&self) -> u64 {
        self.gets.load(Ordering::SeqCst)
    }

    pub(crate) fn serve(&self, feed: Vec<u8>) {
        *self.feed.lock().unwrap_or_else(PoisonError::into_inner) = feed;
    }
}

/// Opens a receiver; its thread ends with the process.
pub(crate) fn open() -> (Url, Arc<Heard>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port on loopback");
    let address = listener.local_addr().expect("its address");
    let heard = Arc::new(Heard::default());
    let notes = Arc::clone(&heard);
    let thread = std::thread::Builder::new().name(THREAD.to_owned());
    let spawned = thread.spawn(move || {
        for stream in listener.incoming().flatten() {
            // A connection that breaks shows in the counts.
            answer(stream, &notes).ok();
        }
    });
    spawned.expect("a thread");
    (Url::parse(&format!("http://{address}/hook")).expect("a URL"), heard)
}

fn answer(mut stream: TcpStream, heard: &Heard) -> io::Result<()> {
    let mut bytes = Vec::with_capacity(16 << 10);
    let mut chunk = [0; 16 << 10];
    while !is_whole(&bytes) {
        match stream.read(&mut chunk)? {
            0 => return Ok(()),
            read => bytes.extend_from_slice(&chunk[..read]),
        }
    }
    if bytes.starts_with(b"GET ") {
        heard.gets.fetch_add(1, Ordering::SeqCst);
        let feed = heard.feed.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/rss+xml\r\nconnection: close\r\n\
             content-length: {}\r\n\r\n",
            feed.len()
        );
        return stream.write_all(&[head.as_bytes(), &feed].concat());
    }
    heard.posts.fetch_add(1, Ordering::SeqCst);
    stream.write_all(b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n")
}

fn is_whole(bytes: &[u8]) -> bool {
    let Some(head) = bytes.windows(4).position(|w| w == b"\r\n\r\n") else { return false };
    let words = String::from_utf8_lossy(&bytes[..head]).to_ascii_lowercase();
    let length = words.lines().find_map(|line| line.strip_prefix("content-length:"));
    let length: usize = length.and_then(|n| n.trim().parse().ok()).unwrap_or(0);
    bytes.len() >= head + 4 + length
}
