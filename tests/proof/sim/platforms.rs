//! The servers behind the lanes: what each shows to its readers, by its own rules.

mod bluesky;
mod mastodon;
mod matrix;

use std::collections::BTreeMap;

use oncecast::model::{Method, Response, Time};
use serde_json::{Value, json};

use super::plan::Kind;
use super::truth::{Post, post_in};
use super::world::DAY;

/// One request, as a server hears it.
#[derive(Debug, Clone)]
pub(super) struct Call {
    pub(super) lane: usize,
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) body: Vec<u8>,
    /// The key that a header carries, if one does.
    pub(super) key: Option<String>,
    pub(super) bearer: Option<String>,
    /// The claim that it is for, if it is one.
    pub(super) claim: Option<String>,
    /// Where it changes a post, the post that it is to be.
    pub(super) changes: Option<Option<Post>>,
}

impl Call {
    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    fn post(&self) -> Option<Post> {
        post_in(std::str::from_utf8(&self.body).ok()?)
    }
}

/// What hearing a call comes to: the answer, and the post that readers see of it; of a change, the post that
/// it touched.
pub(super) type Heard = (Response, Option<Post>);

/// One server.
#[derive(Debug)]
pub(super) enum Server {
    Bluesky(bluesky::Server),
    Mastodon(mastodon::Server),
    Matrix(matrix::Server),
    Hook(Hook),
}

impl Server {
    pub(super) fn of(kind: Kind) -> Self {
        match kind {
            Kind::Bluesky => Self::Bluesky(bluesky::Server::default()),
            Kind::Mastodon => Self::Mastodon(mastodon::Server::new(true, true)),
            Kind::Liar => Self::Mastodon(mastodon::Server::new(true, false)),
            Kind::Compatible => Self::Mastodon(mastodon::Server::new(false, false)),
            Kind::Matrix => Self::Matrix(matrix::Server::default()),
            Kind::Deduping => Self::Hook(Hook { dedupes: true, keys: BTreeMap::new() }),
            Kind::Blind => Self::Hook(Hook { dedupes: false, keys: BTreeMap::new() }),
        }
    }

    /// Performs a call.
    pub(super) fn hear(&mut self, call: &Call, now: Time) -> Heard {
        match self {
            Self::Bluesky(server) => server.hear(call, now),
            Self::Mastodon(server) => server.hear(call, now),
            Self::Matrix(server) => server.hear(call, now),
            Self::Hook(hook) => hook.hear(call, now),
        }
    }

    /// An author takes back a post of ours that was shown before this moment; says whether there was one.
    /// One of another tool that goes again before ours is sent leaves nothing that could be seen.
    pub(super) fn delete(&mut self, before: Time, choice: usize) -> bool {
        match self {
            Self::Bluesky(server) => server.delete(before, choice),
            Self::Mastodon(server) => server.delete(before, choice),
            Self::Matrix(server) => server.delete(before, choice),
            Self::Hook(_) => false,
        }
    }

    /// Whether a post is there to be seen.
    pub(super) fn shows(&self, post: Post) -> bool {
        match self {
            Self::Bluesky(server) => server.shows(post),
            Self::Mastodon(server) => server.shows(post),
            Self::Matrix(server) => server.shows(post),
            Self::Hook(_) => false,
        }
    }

    /// How many posts are there to be seen.
    pub(super) fn count(&self) -> usize {
        match self {
            Self::Bluesky(server) => server.count(),
            Self::Mastodon(server) => server.count(),
            Self::Matrix(server) => server.count(),
            Self::Hook(_) => 0,
        }
    }

    /// What readers see under a reference, if they see anything.
    pub(super) fn text(&self, id: &str) -> Option<String> {
        match self {
            Self::Bluesky(server) => server.text(id),
            Self::Mastodon(server) => server.text(id),
            Self::Matrix(server) => server.text(id),
            Self::Hook(_) => None,
        }
    }

    /// Another tool posts a link; says whether it can.
    pub(super) fn foreign(&mut self, link: &str, now: Time) -> bool {
        match self {
            Self::Bluesky(server) => server.foreign(link, now),
            Self::Mastodon(server) => server.foreign(link, now),
            Self::Matrix(server) => server.foreign(link, now),
            Self::Hook(_) => return false,
        }
        true
    }

    /// Every session ends; says whether there was one.
    pub(super) fn revoke(&mut self) -> bool {
        match self {
            Self::Bluesky(server) => server.revoke(),
            _ => false,
        }
    }
}

/// Whether a request is the one that readers see something of.
pub(super) fn publishes(kind: Kind, call: &Call) -> bool {
    let path = call.path.as_str();
    match kind {
        Kind::Bluesky => path.ends_with("putRecord") && !changes(kind, call),
        Kind::Mastodon | Kind::Liar | Kind::Compatible => {
            call.method == Method::Post && path.ends_with("/statuses")
        }
        Kind::Matrix => call.method == Method::Put && !changes(kind, call),
        Kind::Deduping | Kind::Blind => true,
    }
}

/// Whether a request says that it changes a post which is there, or takes it away.
pub(super) fn changes(kind: Kind, call: &Call) -> bool {
    let path = call.path.as_str();
    match kind {
        Kind::Bluesky => {
            path.ends_with("deleteRecord")
                || (path.ends_with("putRecord") && call.json()["swapRecord"].is_string())
        }
        Kind::Mastodon | Kind::Liar | Kind::Compatible => {
            path.starts_with("/api/v1/statuses/") && call.method != Method::Get
        }
        Kind::Matrix => {
            call.method == Method::Put
                && (path.contains("/redact/") || call.json()["m.relates_to"].is_object())
        }
        Kind::Deduping | Kind::Blind => false,
    }
}

/// A webhook's receiver.
#[derive(Debug)]
pub(super) struct Hook {
    dedupes: bool,
    keys: BTreeMap<String, Time>,
}

impl Hook {
    fn hear(&mut self, call: &Call, now: Time) -> Heard {
        let key = call.key.clone().unwrap_or_default();
        let known = self.keys.get(&key).is_some_and(|at| now.since(*at) < DAY);
        if known && self.dedupes {
            return (answer(204, &Value::Null, now), None);
        }
        self.keys.insert(key, now);
        (answer(204, &Value::Null, now), call.post())
    }
}

/// An answer in JSON, with the server's own date.
pub(super) fn answer(status: u16, body: &Value, now: Time) -> Response {
    let date = now.to_timestamp().strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
    let kind = ("content-type".to_owned(), "application/json".to_owned());
    let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
    Response { status, headers: vec![kind, ("date".to_owned(), date)], body, whole: true }
}

/// No.
fn no(status: u16, error: &str, now: Time) -> Heard {
    (answer(status, &json!({ "error": error, "errcode": error }), now), None)
}
