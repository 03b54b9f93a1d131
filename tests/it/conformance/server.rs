//! A platform on loopback: real sockets, its own idea of a post, and a script for its bad day.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use oncecast::clock::{Clock as _, TokioClock};
use oncecast::model::Time;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

use super::cases::{Case, Manner};
use super::platforms::Platform;

/// Where a redirect leads; nobody may follow it.
const ELSEWHERE: &str = "/elsewhere";
/// More than is ever read of an answer.
const FLOOD: usize = 3 << 20;

/// A request as a platform reads it.
#[derive(Debug)]
pub struct Call {
    pub method: String,
    /// With its query.
    pub path: String,
    headers: Vec<(String, String)>,
    pub body: String,
    pub now: Time,
}

impl Call {
    /// A call without headers, to be spoken of.
    pub fn of(method: &str, path: &str, body: &str, now: Time) -> Self {
        let [method, path, body] = [method, path, body].map(str::to_owned);
        Self { method, path, headers: Vec::new(), body, now }
    }

    pub fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name));
        found.map_or("", |(_, value)| value)
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or(Value::Null)
    }

    pub fn is(&self, method: &str, path: &str) -> bool {
        self.method == method && self.path.split('?').next() == Some(path)
    }
}

/// What a platform answers.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub body: String,
}

impl Answer {
    pub fn json(status: u16, body: &Value) -> Self {
        let headers = vec![("content-type", "application/json".to_owned())];
        Self { status, headers, body: body.to_string() }
    }

    pub fn text(status: u16, body: &str) -> Self {
        Self { status, headers: Vec::new(), body: body.to_owned() }
    }

    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

/// The platform, and what happened to it.
pub struct Server {
    pub url: String,
    desk: Arc<Desk>,
}

struct Desk {
    platform: Mutex<Box<dyn Platform>>,
    case: Case,
    /// What becomes of the next call that changes a post; every later one is taken.
    change: Mutex<Manner>,
    /// What every question whose path holds these words is answered, instead of the truth.
    hidden: Mutex<Option<(&'static str, Answer)>>,
    clock: Arc<TokioClock>,
    calls: Mutex<Calls>,
    /// Somebody waits for an answer that will not come.
    hanging: Notify,
    /// Where the caller dies.
    cut: Option<Cut>,
    dying: Notify,
}

/// The request at which the daemon is killed.
#[derive(Debug, Clone, Copy)]
pub struct Cut {
    /// Its number, from 1.
    pub at: usize,
    /// Whether it was performed before.
    pub performed: bool,
}

#[derive(Default)]
struct Calls {
    /// When each publish call came.
    publishes: Vec<Time>,
    strayed: usize,
    /// Calls that change a post.
    changes: usize,
    /// Requests that are not done with.
    open: usize,
    /// All that came.
    all: usize,
}

impl Server {
    pub async fn open(platform: Box<dyn Platform>, case: &Case, clock: Arc<TokioClock>) -> Self {
        Self::cutting(platform, case, clock, None).await
    }

    /// A platform in the middle of whose request the daemon is killed.
    pub async fn cutting(
        platform: Box<dyn Platform>,
        case: &Case,
        clock: Arc<TokioClock>,
        cut: Option<Cut>,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (calls, hanging) = (Mutex::default(), Notify::new());
        let platform = Mutex::new(platform);
        let dying = Notify::new();
        let (case, change) = (*case, Mutex::new(Manner::Takes));
        let hidden = Mutex::default();
        let desk =
            Arc::new(Desk { platform, case, change, hidden, clock, calls, hanging, cut, dying });
        let ours = Arc::clone(&desk);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let desk = Arc::clone(&desk);
                tokio::spawn(async move {
                    desk.calls.lock().unwrap().open += 1;
                    drop(desk.serve(stream).await);
                    desk.calls.lock().unwrap().open -= 1;
                });
            }
        });
        Self { url, desk: ours }
    }

    pub fn with<T>(&self, read: impl FnOnce(&dyn Platform) -> T) -> T {
        read(self.desk.platform.lock().unwrap().as_ref())
    }

    /// What becomes of the next call that changes a post.
    pub fn meets_changes(&self, manner: Manner) {
        *self.desk.change.lock().unwrap() = manner;
    }

    /// Questions whose path holds these words are answered so, or with a closed connection (0), until the next
    /// word about it.
    pub fn hides(&self, what: Option<(&'static str, Answer)>) {
        *self.desk.hidden.lock().unwrap() = what;
    }

    /// The platform, for those who own the account.
    pub fn owner<T>(&self, act: impl FnOnce(&mut dyn Platform) -> T) -> T {
        act(self.desk.platform.lock().unwrap().as_mut())
    }

    /// How many calls to change a post came.
    pub fn changed(&self) -> usize {
        self.desk.calls.lock().unwrap().changes
    }

    pub async fn hangs(&self) {
        self.desk.hanging.notified().await;
    }

    /// The moment at which the daemon is to be killed.
    pub async fn kills(&self) {
        self.desk.dying.notified().await;
    }

    pub fn strayed(&self) -> usize {
        self.desk.calls.lock().unwrap().strayed
    }

    /// How many publish calls came.
    pub fn published(&self) -> usize {
        self.desk.calls.lock().unwrap().publishes.len()
    }

    /// How long after the first publish call the second came.
    pub fn waited(&self) -> Option<Duration> {
        let calls = self.desk.calls.lock().unwrap();
        Some(calls.publishes.get(1)?.since(*calls.publishes.first()?))
    }

    /// Whether every request is done with.
    pub fn rests(&self) -> bool {
        self.desk.calls.lock().unwrap().open == 0
    }
}

impl Desk {
    async fn serve(&self, mut stream: TcpStream) -> std::io::Result<()> {
        let Some(call) = read(&mut stream, self.clock.now()).await? else { return Ok(()) };
        if call.path.starts_with(ELSEWHERE) {
            self.calls.lock().unwrap().strayed += 1;
        }
        let number = {
            let mut calls = self.calls.lock().unwrap();
            calls.all += 1;
            calls.all
        };
        if let Some(cut) = self.cut.filter(|cut| cut.at == number) {
            if cut.performed {
                let mut platform = self.platform.lock().unwrap();
                if platform.publishes(&call) {
                    platform.take(&call)
                } else {
                    platform.answer(&call)
                };
            }
            self.dying.notify_one();
            while stream.read(&mut [0; 64]).await.is_ok_and(|n| n > 0) {}
            return Ok(());
        }
        if self.is_down(call.now) {
            return self.answer(&mut stream, Answer::text(503, "")).await;
        }
        if self.platform.lock().unwrap().changes(&call) {
            self.calls.lock().unwrap().changes += 1;
            let manner = std::mem::replace(&mut *self.change.lock().unwrap(), Manner::Takes);
            return self.perform(&mut stream, manner, &call).await;
        }
        let publishes = self.platform.lock().unwrap().publishes(&call);
        if !publishes {
            let hidden = self.hidden.lock().unwrap().clone();
            if let Some((_, answer)) = hidden.filter(|(words, _)| call.path.contains(words)) {
                let hangs_up = answer.status == 0;
                return if hangs_up { Ok(()) } else { self.answer(&mut stream, answer).await };
            }
            let answer = self.platform.lock().unwrap().answer(&call);
            return self.answer(&mut stream, answer).await;
        }
        let number = {
            let mut calls = self.calls.lock().unwrap();
            calls.publishes.push(call.now);
            calls.publishes.len()
        };
        let manner = if number == 1 { self.case.first } else { Manner::Takes };
        self.perform(&mut stream, manner, &call).await
    }

    /// Whether nothing works now; when it works again, its memory of keys is gone.
    fn is_down(&self, now: Time) -> bool {
        let Some(first) = self.calls.lock().unwrap().publishes.first().copied() else {
            return false;
        };
        if self.case.down.is_zero() {
            return false;
        }
        let down = now.since(first) < self.case.down;
        if !down {
            self.platform.lock().unwrap().forget_keys();
        }
        down
    }

    async fn perform(
        &self,
        stream: &mut TcpStream,
        manner: Manner,
        call: &Call,
    ) -> std::io::Result<()> {
        let take = || {
            let mut platform = self.platform.lock().unwrap();
            if platform.changes(call) { platform.change(call) } else { platform.take(call) }
        };
        let answer = match manner {
            Manner::Takes => take(),
            Manner::Drops => {
                take();
                return Ok(());
            }
            Manner::Says(status) => {
                take();
                Answer::text(status, "<html>the server did not answer in time</html>")
            }
            Manner::Empty => Answer { body: String::new(), ..take() },
            Manner::Garbles => {
                let mut answer = take();
                answer.body.truncate(answer.body.len() / 2);
                answer
            }
            Manner::Floods => Answer { body: format!("{{\"a\":\"{}", "x".repeat(FLOOD)), ..take() },
            Manner::Late(pause) => {
                self.hang(stream).await;
                tokio::time::sleep(pause).await;
                take();
                return Ok(());
            }
            Manner::Stalls => {
                take();
                stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-ty").await?;
                self.hang(stream).await;
                return Ok(());
            }
            Manner::Sheds => self.platform.lock().unwrap().rate_limit(self.case.wait(), call.now),
            Manner::Repeats => {
                take();
                self.platform.lock().unwrap().repeated(call)
            }
            Manner::Alters => {
                take();
                self.platform.lock().unwrap().alter();
                return Ok(());
            }
            Manner::Points => Answer::text(307, "").with("location", ELSEWHERE),
            Manner::Expires => self.platform.lock().unwrap().expire(),
            Manner::Kills(taken) => {
                if taken {
                    take();
                }
                self.dying.notify_one();
                while stream.read(&mut [0; 64]).await.is_ok_and(|n| n > 0) {}
                return Ok(());
            }
            Manner::Refuses => self.platform.lock().unwrap().refuse(),
        };
        self.answer(stream, answer).await
    }

    /// Waits until the caller has gone.
    async fn hang(&self, stream: &mut TcpStream) {
        self.hanging.notify_one();
        while stream.read(&mut [0; 64]).await.is_ok_and(|n| n > 0) {}
    }

    async fn answer(&self, stream: &mut TcpStream, answer: Answer) -> std::io::Result<()> {
        use std::fmt::Write as _;
        let date = self.clock.now().to_timestamp().strftime("%a, %d %b %Y %T GMT").to_string();
        let mut head = format!("HTTP/1.1 {} x\r\ndate: {date}\r\n", answer.status);
        for (name, value) in &answer.headers {
            write!(head, "{name}: {value}\r\n").unwrap();
        }
        if answer.status != 204 {
            write!(head, "content-length: {}\r\n", answer.body.len()).unwrap();
        }
        head.push_str("connection: close\r\n\r\n");
        stream.write_all(head.as_bytes()).await?;
        stream.write_all(answer.body.as_bytes()).await?;
        stream.shutdown().await
    }
}

async fn read(stream: &mut TcpStream, now: Time) -> std::io::Result<Option<Call>> {
    let mut bytes = Vec::new();
    let mut chunk = [0; 8 << 10];
    loop {
        let read = stream.read(&mut chunk).await?;
        bytes.extend_from_slice(&chunk[..read]);
        if let Some(end) = bytes.windows(4).position(|w| w == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
            let mut lines = head.lines();
            let mut words = lines.next().unwrap_or_default().split(' ');
            let (method, path) =
                (words.next().unwrap_or_default(), words.next().unwrap_or_default());
            let headers: Vec<(String, String)> = lines
                .filter_map(|line| line.split_once(": "))
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect();
            let length = headers.iter().find(|(name, _)| name == "content-length");
            let length = length.and_then(|(_, n)| n.parse::<usize>().ok()).unwrap_or(0);
            if bytes.len() >= end + 4 + length {
                let body = String::from_utf8_lossy(&bytes[end + 4..]).into_owned();
                let (method, path) = (method.to_owned(), path.to_owned());
                return Ok(Some(Call { method, path, headers, body, now }));
            }
        }
        if read == 0 {
            return Ok(None);
        }
    }
}
