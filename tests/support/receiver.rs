//! Groups on loopback that count what their readers see, whatever they answer.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// What a group does with the n-th request, counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    /// Shows it and answers with this status.
    Answers(u16),
    /// Shows nothing and answers with this status.
    Denies(u16),
    /// Shows it and closes the connection without an answer.
    Drops,
    /// Shows it, and answers after this long.
    After(Duration),
    /// Shows it and redirects the request to itself.
    Redirects(u16),
}

/// A group, and what its readers have seen.
#[derive(Clone)]
pub struct Receiver {
    pub url: String,
    truth: Arc<Mutex<Truth>>,
}

#[derive(Default)]
struct Truth {
    /// Head and body of each request.
    requests: Vec<(String, Value)>,
    seen: BTreeMap<String, u32>,
}

impl Receiver {
    /// A group that always behaves alike.
    pub async fn open(manner: Manner) -> Self {
        Self::scripted(move |_| manner).await
    }

    /// A group that behaves as the script says for each request.
    pub async fn scripted(script: impl Fn(usize) -> Manner + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}/hook", listener.local_addr().expect("an address"));
        let truth = Arc::<Mutex<Truth>>::default();
        let (notes, script) = (Arc::clone(&truth), Arc::new(script));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (notes, script) = (Arc::clone(&notes), Arc::clone(&script));
                tokio::spawn(async move { receive(stream, &notes, script.as_ref()).await });
            }
        });
        Self { url, truth }
    }

    /// Requests that arrived whole.
    pub fn requests(&self) -> usize {
        self.truth.lock().expect("free").requests.len()
    }

    /// One header and the body of each request, in order.
    pub fn received(&self, header: &str) -> Vec<(String, Value)> {
        let truth = self.truth.lock().expect("free");
        let value = |head: &str| {
            let mut lines = head.lines().filter_map(|line| line.split_once(": "));
            let found = lines.find(|(name, _)| name.eq_ignore_ascii_case(header));
            found.map(|(_, value)| value.to_owned()).unwrap_or_default()
        };
        truth.requests.iter().map(|(head, body)| (value(head), body.clone())).collect()
    }

    /// What the readers saw: title, and how often.
    pub fn seen(&self) -> BTreeMap<String, u32> {
        self.truth.lock().expect("free").seen.clone()
    }

    /// Fails where a reader has seen anything twice.
    pub fn assert_once(&self) {
        let twice: Vec<_> = self.seen().into_iter().filter(|(_, n)| *n > 1).collect();
        assert!(twice.is_empty(), "readers saw twice: {twice:?}");
    }
}

async fn receive(
    mut stream: TcpStream,
    truth: &Mutex<Truth>,
    script: &(impl Fn(usize) -> Manner + ?Sized),
) -> io::Result<()> {
    let (head, body) = read_request(&mut stream).await?;
    let post: Value = serde_json::from_slice(&body).unwrap_or(Value::Null);
    let manner = {
        let mut truth = truth.lock().expect("free");
        truth.requests.push((head.clone(), post.clone()));
        let manner = script(truth.requests.len());
        if !matches!(manner, Manner::Denies(_)) {
            let title = post["data"]["title"].as_str().unwrap_or("(untitled)").to_owned();
            *truth.seen.entry(title).or_default() += 1;
        }
        manner
    };
    let status = match manner {
        Manner::Drops => return Ok(()),
        Manner::After(pause) => {
            tokio::time::sleep(pause).await;
            204
        }
        Manner::Answers(status) | Manner::Denies(status) => status,
        Manner::Redirects(status) => status,
    };
    let path = head.split(' ').nth(1).unwrap_or("/").to_owned();
    let place = match manner {
        Manner::Redirects(_) => format!("location: {path}\r\n"),
        _ => String::new(),
    };
    let answer =
        format!("HTTP/1.1 {status} x\r\n{place}content-length: 0\r\nconnection: close\r\n\r\n");
    stream.write_all(answer.as_bytes()).await
}

/// One request: its head and its body.
async fn read_request(stream: &mut TcpStream) -> io::Result<(String, Vec<u8>)> {
    let mut bytes = Vec::new();
    let mut chunk = [0; 8 << 10];
    loop {
        let read = stream.read(&mut chunk).await?;
        bytes.extend_from_slice(&chunk[..read]);
        if let Some(head) = bytes.windows(4).position(|w| w == b"\r\n\r\n") {
            let words = String::from_utf8_lossy(&bytes[..head]).into_owned();
            let length = words
                .lines()
                .filter_map(|line| line.split_once(':'))
                .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
                .and_then(|(_, n)| n.trim().parse::<usize>().ok())
                .unwrap_or(0);
            if bytes.len() >= head + 4 + length {
                return Ok((words, bytes[head + 4..head + 4 + length].to_vec()));
            }
        }
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
}
