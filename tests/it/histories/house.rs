//! A life of a feed, shown snapshot by snapshot to the real daemon, which is killed in between and in
//! the middle.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use oncecast::clock::SystemClock;
use oncecast::desk::verb::{Answer, Verb};
use oncecast::ledger::Ledger as _;
use oncecast::ledger::embedded::Embedded;
use oncecast::model::Status;
use serde_json::Value;

use crate::support::daemon::Daemon;
use crate::support::receiver::{Manner, Receiver};
use crate::support::until;

/// Walls so far out that recognising alone decides.
pub(super) const OPEN: &str = "settle = \"0s\"\nburst = 100000\nshare = 1.0\nmax_age = \"3650d\"\n";
/// The walls as they are by default, but for age: histories are old. What is new goes out at once.
pub(super) const WALLED: &str = "settle = \"0s\"\nmax_age = \"3650d\"\n";

/// What the feed's server answers at a moment.
#[derive(Debug, Clone)]
pub(super) struct Snapshot {
    pub(super) name: String,
    pub(super) status: u16,
    pub(super) body: Vec<u8>,
}

impl Snapshot {
    pub(super) fn new(name: &str, body: Vec<u8>) -> Self {
        Self { name: name.to_owned(), status: 200, body }
    }
}

/// What one life came to.
pub(super) struct Life {
    /// The snapshot at which a group's readers saw something, and what: in the order of their seeing.
    pub(super) seen: Vec<(usize, Value)>,
    /// What waits for a person: title and why.
    pub(super) held: Vec<(String, String)>,
    /// What may have been seen: killed in the middle of its sending.
    pub(super) doubts: Vec<String>,
    /// Entries that the ledger knows.
    pub(super) entries: u64,
    pub(super) kills: u32,
}

struct Desk {
    number: usize,
    snapshot: Snapshot,
    /// How often it was asked for since it is shown, or the daemon was started.
    asked: u32,
}

type Shown = Arc<Mutex<Desk>>;

/// Every other snapshot has a validator, as of servers that some have and some do not.
async fn answer(State(shown): State<Shown>, headers: HeaderMap) -> Response {
    let mut desk = shown.lock().expect("free");
    desk.asked += 1;
    let status = StatusCode::from_u16(desk.snapshot.status).expect("a status");
    if desk.number % 2 == 1 {
        return (status, desk.snapshot.body.clone()).into_response();
    }
    let etag = format!("\"{}\"", desk.number);
    if headers.get("if-none-match").is_some_and(|tag| tag.as_bytes() == etag.as_bytes()) {
        return (StatusCode::NOT_MODIFIED, [("etag", etag)]).into_response();
    }
    (status, [("etag", etag)], desk.snapshot.body.clone()).into_response()
}

/// How many deliveries are on their way, where the daemon can say so already.
async fn open(daemon: &Daemon) -> Option<u64> {
    let Some(Answer::Status { status, .. }) = daemon.ask(Verb::Status).await else { return None };
    let counts = &status["groups"][0]["counts"];
    Some(counts["due"].as_u64()? + counts["claimed"].as_u64()?)
}

/// Lives through a history under these walls; `seed` says when the daemon is killed.
pub(super) async fn live(history: &[Snapshot], guard: &str, seed: u64) -> Life {
    let shown: Shown =
        Arc::new(Mutex::new(Desk { number: 0, snapshot: history[0].clone(), asked: 0 }));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}/feed", listener.local_addr().expect("an address"));
    let app = Router::new().route("/feed", get(answer)).with_state(Arc::clone(&shown));
    let server = tokio::spawn(async move { axum::serve(listener, app).await });
    let receiver = Receiver::open(Manner::After(Duration::from_millis(2))).await;
    let mut daemon = Daemon::with(&format!(
        "[guard]\n{guard}crash_loop = 0\n\
         [[feed]]\nname = \"blog\"\nurl = {url:?}\nevery = \"1h\"\n\
         [[integration]]\nname = \"hook\"\nkind = \"webhook\"\nurl = {:?}\n\
         pace = {{ every = \"0s\", burst = 1 }}\n\
         caps = {{ per_10m = 5000, per_hour = 5000, per_day = 5000 }}\n\
         [[group]]\nname = \"readers\"\nintegration = \"hook\"\n",
        receiver.url
    ));
    let mut random = fastrand::Rng::with_seed(seed);
    let (mut seen, mut kills) = (Vec::new(), 0);
    daemon.start().await;
    for (number, snapshot) in history.iter().enumerate() {
        {
            let mut desk = shown.lock().expect("free");
            (desk.number, desk.snapshot, desk.asked) = (number, snapshot.clone(), 0);
        }
        // Once in the middle of whatever it does with it, at any moment from the question on.
        daemon.ask(Verb::Poll { feed: "blog".to_owned() }).await;
        tokio::time::sleep(Duration::from_millis(random.u64(0..40))).await;
        daemon.kill().await;
        kills += 1;
        shown.lock().expect("free").asked = 0;
        daemon.start().await;
        until("the snapshot to be taken", async || {
            daemon.ask(Verb::Resume { lane: None }).await;
            daemon.ask(Verb::Poll { feed: "blog".to_owned() }).await;
            // What was asked for before is taken when it is asked for again.
            shown.lock().expect("free").asked > 1 && open(&daemon).await == Some(0)
        })
        .await;
        let all = receiver.received("webhook-id");
        seen.extend(
            all.into_iter().skip(seen.len()).map(|(_, body)| (number, body["data"].clone())),
        );
        if random.u8(0..4) == 0 {
            daemon.kill().await;
            kills += 1;
            daemon.start().await;
        }
    }
    assert_eq!(daemon.end().await, Some(0), "{}", daemon.log());
    server.abort();
    let ledger = Embedded::open(daemon.ledger(), Arc::new(SystemClock)).await.expect("it opens");
    ledger.verify(Box::new(|_, _| {})).await.expect("the journal is whole");
    let (mut held, mut doubts) = (Vec::new(), Vec::new());
    for view in ledger.waiting(100_000).await.expect("readable") {
        match view.status {
            Status::Held { reason } => held.push((view.title, reason.to_string())),
            Status::InDoubt { .. } => doubts.push(view.title),
            other => panic!("{} still waits: {other:?}", view.title),
        }
    }
    let entries = ledger.overview().await.expect("readable").entries;
    ledger.close().await.expect("closed");
    Life { seen, held, doubts, entries, kills }
}
