//! Groups on loopback that count what their readers see, whatever they answer.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot, watch};

/// Where every group listens.
const PATH: &str = "/hook";
/// Where a group that has moved would be found.
const ELSEWHERE: &str = "/moved";
/// How long a test waits for a request before it says so.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a group does with the n-th request, counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    /// Shows it and answers with this status.
    Answers(u16),
    /// Shows nothing and answers with this status.
    Denies(u16),
    /// Shows nothing, answers 429 and takes it at once the next time.
    Sheds,
    /// Shows it and closes the connection without an answer.
    Drops,
    /// Shows it and ends the connection with a reset.
    Resets,
    /// Shows it and answers something that is no HTTP.
    Garbles,
    /// Shows nothing and closes the connection without an answer.
    Ignores,
    /// Shows it, and answers after this long.
    After(Duration),
    /// Shows it and redirects the request to itself.
    Redirects(u16),
    /// Shows nothing here and redirects the request to where everything is shown.
    Points(u16),
    /// Shows it when the sender has gone, and this long after.
    Late(Duration),
    /// Leaves it to the test: see [`Receiver::asked`].
    Asks,
}

/// One request as the script sees it.
#[derive(Debug, Clone, Copy)]
pub struct Heard {
    /// The how manieth of this group, from 1.
    pub number: usize,
    /// The how manieth for this post, from 1.
    pub times: u32,
}

/// A request that waits for the test to say what becomes of it.
#[derive(Debug)]
pub struct Asked {
    pub title: String,
    decide: oneshot::Sender<Manner>,
}

impl Asked {
    pub fn decide(self, manner: Manner) {
        self.decide.send(manner).expect("the group waits");
    }
}

/// How often each thing has happened, for a test that waits for the next.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Moments {
    pub heard: u64,
    pub shown: u64,
    pub answered: u64,
}

/// A group, and what its readers have seen.
#[derive(Clone)]
pub struct Receiver {
    pub url: String,
    truth: Arc<Mutex<Truth>>,
    moments: watch::Receiver<Moments>,
    asked: Arc<tokio::sync::Mutex<mpsc::UnboundedReceiver<Asked>>>,
}

#[derive(Default)]
struct Truth {
    /// Head and body of each request.
    requests: Vec<(String, Value)>,
    heard: BTreeMap<String, u32>,
    seen: BTreeMap<String, u32>,
    /// Where repeats are dropped: the ids that were shown.
    ids: Option<BTreeSet<String>>,
}

/// What every connection of a group shares.
struct Desk<S> {
    truth: Arc<Mutex<Truth>>,
    moments: watch::Sender<Moments>,
    asks: mpsc::UnboundedSender<Asked>,
    script: S,
}

impl Receiver {
    /// A group that always behaves alike.
    pub async fn open(manner: Manner) -> Self {
        Self::scripted(move |_| manner).await
    }

    /// A group that behaves as the script says for each request.
    pub async fn scripted(script: impl Fn(usize) -> Manner + Send + Sync + 'static) -> Self {
        Self::judging(false, move |heard| script(heard.number)).await
    }

    /// A group that behaves as the script says; one that `dedupes` shows each `webhook-id` once.
    pub async fn judging(
        dedupes: bool,
        script: impl Fn(Heard) -> Manner + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}{PATH}", listener.local_addr().expect("an address"));
        let ids = dedupes.then(BTreeSet::new);
        let truth = Arc::new(Mutex::new(Truth { ids, ..Truth::default() }));
        let (told, moments) = watch::channel(Moments::default());
        let (asks, asked) = mpsc::unbounded_channel();
        let desk = Desk { truth: Arc::clone(&truth), moments: told, asks, script };
        let desk = Arc::new(desk);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let desk = Arc::clone(&desk);
                tokio::spawn(async move { desk.receive(stream).await });
            }
        });
        Self { url, truth, moments, asked: Arc::new(tokio::sync::Mutex::new(asked)) }
    }

    /// Requests that arrived whole.
    pub fn requests(&self) -> usize {
        self.truth.lock().expect("free").requests.len()
    }

    /// One header and the body of each request, in order.
    pub fn received(&self, header: &str) -> Vec<(String, Value)> {
        let truth = self.truth.lock().expect("free");
        truth.requests.iter().map(|(head, body)| (value(head, header), body.clone())).collect()
    }

    /// What the readers saw: title, and how often.
    pub fn seen(&self) -> BTreeMap<String, u32> {
        self.truth.lock().expect("free").seen.clone()
    }

    /// What the group was told, seen or not: title, and how often.
    pub fn heard(&self) -> BTreeMap<String, u32> {
        self.truth.lock().expect("free").heard.clone()
    }

    /// What happens here, as it happens.
    pub fn moments(&self) -> watch::Receiver<Moments> {
        self.moments.clone()
    }

    /// Waits for the next request that [`Manner::Asks`].
    pub async fn asked(&self) -> Asked {
        let mut asked = self.asked.lock().await;
        let next = tokio::time::timeout(PATIENCE, asked.recv()).await;
        next.expect("waited in vain for a request").expect("the group is there")
    }

    /// Fails where a reader has seen anything twice, or a redirect was followed.
    pub fn assert_once(&self) {
        let twice: Vec<_> = self.seen().into_iter().filter(|(_, n)| *n > 1).collect();
        assert!(twice.is_empty(), "readers saw twice: {twice:?}");
        let truth = self.truth.lock().expect("free");
        let strayed = truth.requests.iter().find(|(head, _)| path(head) != PATH);
        assert!(strayed.is_none(), "a redirect was followed: {strayed:?}");
    }
}

impl<S: Fn(Heard) -> Manner + Send + Sync> Desk<S> {
    async fn receive(&self, mut stream: TcpStream) -> io::Result<()> {
        let (head, body) = read_request(&mut stream).await?;
        let post: Value = serde_json::from_slice(&body).unwrap_or(Value::Null);
        let title = post["data"]["title"].as_str().unwrap_or("(untitled)").to_owned();
        let heard = {
            let mut truth = self.truth.lock().expect("free");
            truth.requests.push((head.clone(), post));
            let times = truth.heard.entry(title.clone()).or_default();
            *times += 1;
            let times = *times;
            Heard { number: truth.requests.len(), times }
        };
        self.moments.send_modify(|m| m.heard += 1);
        let mut manner = (self.script)(heard);
        if manner == Manner::Asks {
            let (decide, decided) = oneshot::channel();
            let asked = Asked { title: title.clone(), decide };
            if self.asks.send(asked).is_ok() {
                manner = decided.await.unwrap_or(Manner::Ignores);
            }
        }
        if path(&head) == ELSEWHERE {
            manner = Manner::Answers(204);
        }
        self.perform(&mut stream, manner, &title, &head).await?;
        self.moments.send_modify(|m| m.answered += 1);
        Ok(())
    }

    async fn perform(
        &self,
        stream: &mut TcpStream,
        manner: Manner,
        title: &str,
        head: &str,
    ) -> io::Result<()> {
        let mut more = String::new();
        let status = match manner {
            Manner::Answers(status) => status,
            Manner::Denies(status) => return answer(stream, status, "").await,
            Manner::Sheds => return answer(stream, 429, "retry-after: 0\r\n").await,
            Manner::Points(status) => {
                return answer(stream, status, &format!("location: {ELSEWHERE}\r\n")).await;
            }
            Manner::Ignores | Manner::Asks => return Ok(()),
            Manner::Late(pause) => {
                // What it writes is of no use here: its end is waited for.
                while stream.read(&mut [0; 64]).await.is_ok_and(|n| n > 0) {}
                tokio::time::sleep(pause).await;
                self.show(title, head);
                return Ok(());
            }
            Manner::Drops => 0,
            Manner::Resets => {
                self.show(title, head);
                return stream.set_zero_linger();
            }
            Manner::Garbles => {
                self.show(title, head);
                return stream.write_all(b"HTTP/1.1 2").await;
            }
            Manner::After(_) => 204,
            Manner::Redirects(status) => {
                more = format!("location: {}\r\n", path(head));
                status
            }
        };
        self.show(title, head);
        if let Manner::After(pause) = manner {
            tokio::time::sleep(pause).await;
        }
        if manner == Manner::Drops {
            return Ok(());
        }
        answer(stream, status, &more).await
    }

    fn show(&self, title: &str, head: &str) {
        {
            let mut truth = self.truth.lock().expect("free");
            let id = value(head, "webhook-id");
            if truth.ids.as_mut().is_none_or(|ids| ids.insert(id)) {
                *truth.seen.entry(title.to_owned()).or_default() += 1;
            }
        }
        self.moments.send_modify(|m| m.shown += 1);
    }
}

async fn answer(stream: &mut TcpStream, status: u16, more: &str) -> io::Result<()> {
    let head =
        format!("HTTP/1.1 {status} x\r\n{more}content-length: 0\r\nconnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).await
}

fn path(head: &str) -> &str {
    head.split(' ').nth(1).unwrap_or("/")
}

fn value(head: &str, header: &str) -> String {
    let mut lines = head.lines().filter_map(|line| line.split_once(": "));
    let found = lines.find(|(name, _)| name.eq_ignore_ascii_case(header));
    found.map(|(_, value)| value.to_owned()).unwrap_or_default()
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
