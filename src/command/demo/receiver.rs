//! The demo's groups: they note what their readers see, whatever they answer.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// How a group behaves once its readers have seen a post.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Manner {
    /// It answers.
    Steady,
    /// It shows the post and drops the answer.
    Forgetful,
    /// It shows the post and answers after a while.
    Slow(Duration),
}

/// What the readers of one group have seen: post by title, how often.
#[derive(Debug, Clone, Default)]
pub(super) struct Seen {
    posts: Arc<Mutex<BTreeMap<String, u32>>>,
}

impl Seen {
    pub(super) fn count(&self) -> usize {
        self.with(|posts| posts.len())
    }

    /// How many were seen once, and how many more often.
    pub(super) fn once_and_more(&self) -> (usize, usize) {
        self.with(|posts| {
            let more = posts.values().filter(|n| **n > 1).count();
            (posts.len() - more, more)
        })
    }

    fn with<T>(&self, act: impl FnOnce(&mut BTreeMap<String, u32>) -> T) -> T {
        act(&mut self.posts.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Opens a group, and says where it listens.
pub(super) async fn open(manner: Manner) -> io::Result<(String, Seen)> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}/hook", listener.local_addr()?);
    let seen = Seen::default();
    let notes = seen.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let notes = notes.clone();
            tokio::spawn(async move { receive(stream, manner, &notes).await });
        }
    });
    Ok((url, seen))
}

async fn receive(mut stream: TcpStream, manner: Manner, seen: &Seen) -> io::Result<()> {
    let body = read_request(&mut stream).await?;
    let post: serde_json::Value = serde_json::from_slice(&body)?;
    let title = post["data"]["title"].as_str().unwrap_or("(untitled)").to_owned();
    seen.with(|posts| *posts.entry(title).or_default() += 1);
    match manner {
        Manner::Forgetful => return Ok(()),
        Manner::Slow(pause) => tokio::time::sleep(pause).await,
        Manner::Steady => {}
    }
    stream.write_all(b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n").await
}

/// Reads one request with a `Content-Length`, and gives its body.
async fn read_request(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    const REQUEST_MAX: usize = 1 << 20;
    let mut bytes = Vec::new();
    let mut chunk = [0; 8 << 10];
    loop {
        let read = stream.read(&mut chunk).await?;
        bytes.extend_from_slice(&chunk[..read]);
        if let Some(head) = bytes.windows(4).position(|w| w == b"\r\n\r\n") {
            let words = String::from_utf8_lossy(&bytes[..head]).to_ascii_lowercase();
            let length = words
                .lines()
                .find_map(|line| line.strip_prefix("content-length:"))
                .and_then(|n| n.trim().parse::<usize>().ok())
                .unwrap_or(0);
            if bytes.len() >= head + 4 + length {
                return Ok(bytes[head + 4..head + 4 + length].to_vec());
            }
        }
        if read == 0 || bytes.len() > REQUEST_MAX {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
}
