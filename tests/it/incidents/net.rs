//! A network in memory: the blog's server, the groups' receivers, and what their readers have seen.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};

use oncecast::clock::Clock as _;
use oncecast::clock::TokioClock;
use oncecast::model::{Response, Time};
use oncecast::wire::{Answering, Get, Outgoing, Transport, Trouble};
use secrecy::ExposeSecret as _;
use serde_json::Value;

/// What a receiver does with one publish call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    /// Shows it and answers with this status.
    Shows(u16),
    /// Shows nothing and answers with this status.
    Denies(u16),
    /// Shows it, and the answer is lost.
    Loses,
    /// Cannot be reached: nothing leaves.
    Unreachable,
    /// Shows it and never answers.
    Hangs,
}

/// What the blog's server answers.
#[derive(Debug, Clone)]
pub struct Served {
    pub status: u16,
    pub body: Vec<u8>,
    pub whole: bool,
}

/// One publish call that arrived.
#[derive(Debug, Clone, PartialEq)]
pub struct Heard {
    pub at: Time,
    pub host: String,
    pub key: String,
    pub body: Value,
}

#[derive(Debug, Default)]
struct Truth {
    feeds: HashMap<String, Served>,
    next: HashMap<String, VecDeque<Manner>>,
    always: HashMap<String, Manner>,
    /// Receivers that ignore a key they know.
    dedupes: Vec<String>,
    heard: Vec<Heard>,
    /// How often the readers of a host saw the post that is truly one: by host and mark.
    seen: BTreeMap<(String, String), u32>,
}

/// The network. Each post carries a mark among its categories by which the readers know it, whatever guid,
/// link, title or text it has meanwhile.
#[derive(Debug)]
pub struct Net {
    clock: Arc<TokioClock>,
    truth: Mutex<Truth>,
    pub hanging: tokio::sync::Notify,
}

/// Stands before a post's mark.
pub const MARK: &str = "mark:";

impl Net {
    pub fn new(clock: Arc<TokioClock>) -> Arc<Self> {
        Arc::new(Self { clock, truth: Mutex::default(), hanging: tokio::sync::Notify::new() })
    }

    fn truth(&self) -> std::sync::MutexGuard<'_, Truth> {
        self.truth.lock().expect("free")
    }

    /// What is at a URL from now on.
    pub fn serve(&self, url: &str, served: Served) {
        self.truth().feeds.insert(url.to_owned(), served);
    }

    /// What a host does with its next calls, in order; after them, what it always does.
    pub fn next(&self, host: &str, manners: &[Manner]) {
        self.truth().next.entry(host.to_owned()).or_default().extend(manners);
    }

    pub fn always(&self, host: &str, manner: Manner) {
        self.truth().always.insert(host.to_owned(), manner);
    }

    pub fn dedupes(&self, host: &str) {
        self.truth().dedupes.push(host.to_owned());
    }

    pub fn heard(&self) -> Vec<Heard> {
        self.truth().heard.clone()
    }

    /// How often the readers of a host saw a post.
    pub fn seen(&self, host: &str, mark: &str) -> u32 {
        self.truth().seen.get(&(host.to_owned(), mark.to_owned())).copied().unwrap_or(0)
    }

    /// How many posts anybody saw.
    pub fn shown(&self) -> u32 {
        self.truth().seen.values().sum()
    }

    /// Fails where a reader has seen anything twice.
    pub fn assert_once(&self) {
        let truth = self.truth();
        let twice: Vec<_> = truth.seen.iter().filter(|(_, times)| **times > 1).collect();
        assert!(twice.is_empty(), "readers saw twice: {twice:?}");
    }

    fn receive(&self, outgoing: &Outgoing<'_>) -> Manner {
        let url = url::Url::parse(outgoing.url.expose_secret()).expect("a URL");
        let host = url.host_str().unwrap_or_default().to_owned();
        let mut truth = self.truth();
        let always = truth.always.get(&host).copied().unwrap_or(Manner::Shows(204));
        let manner = truth.next.entry(host.clone()).or_default().pop_front().unwrap_or(always);
        if manner == Manner::Unreachable {
            return manner;
        }
        let key = outgoing.headers.iter().find(|(name, _)| name == "webhook-id");
        let key = key.map(|(_, value)| value.clone()).unwrap_or_default();
        let body: Value =
            serde_json::from_str(outgoing.body.expose_secret()).unwrap_or(Value::Null);
        let known = truth.heard.iter().any(|heard| heard.host == host && heard.key == key);
        let is_repeat = known && truth.dedupes.contains(&host);
        if !matches!(manner, Manner::Denies(_)) && !is_repeat {
            let categories = body["data"]["categories"].as_array().cloned().unwrap_or_default();
            let mark =
                categories.iter().filter_map(Value::as_str).find_map(|c| c.strip_prefix(MARK));
            // Every post of these tests is marked; what has no mark is an alert.
            let mark = mark.unwrap_or(&key).to_owned();
            *truth.seen.entry((host.clone(), mark)).or_default() += 1;
        }
        truth.heard.push(Heard { at: self.clock.now(), host, key, body });
        manner
    }
}

impl Transport for Net {
    fn send<'a>(
        &'a self,
        outgoing: Outgoing<'a>,
    ) -> Pin<Box<dyn Future<Output = Result<Response, Trouble>> + Send + 'a>> {
        Box::pin(async move {
            match self.receive(&outgoing) {
                Manner::Shows(status) | Manner::Denies(status) => {
                    Ok(Response { status, whole: true, ..Response::default() })
                }
                Manner::Loses => Err(Trouble::Unknown("no answer within 30 s".to_owned())),
                Manner::Unreachable => Err(Trouble::Unsent("connection refused".to_owned())),
                Manner::Hangs => {
                    self.hanging.notify_one();
                    std::future::pending().await
                }
            }
        })
    }

    fn get<'a>(&'a self, get: Get<'a>) -> Answering<'a> {
        Box::pin(async move {
            let served = self.truth().feeds.get(get.url.as_str()).cloned();
            let served = served.unwrap_or(Served { status: 404, body: Vec::new(), whole: true });
            let Served { status, body, whole } = served;
            let headers = vec![("content-type".to_owned(), "application/rss+xml".to_owned())];
            Ok(Response { status, headers, body, whole })
        })
    }
}
