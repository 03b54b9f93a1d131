//! A homeserver with one room: it knows a transaction again until it has been restarted too often.

use std::collections::BTreeMap;
use std::time::Duration;

use oncecast::model::{Method, Time};
use serde_json::{Value, json};

use super::super::truth::{Post, post_in};
use super::{Call, Heard, answer, no};

/// How long a transaction is remembered: less than the reference server does, as some do.
const WINDOW: Duration = Duration::from_secs(2 * 3_600);
const PAGE: usize = 10;
const USER: &str = "@me:matrix.example";

#[derive(Debug, Default)]
pub(in crate::sim) struct Server {
    events: Vec<Event>,
    keys: BTreeMap<String, (Time, usize)>,
}

#[derive(Debug)]
struct Event {
    content: Value,
    transaction: String,
    at: Time,
}

impl Server {
    pub(super) fn hear(&mut self, call: &Call, now: Time) -> Heard {
        let path = call.path.split('?').next().unwrap_or_default();
        let last = path.rsplit('/').next().unwrap_or_default();
        match (call.method, last) {
            (Method::Put, transaction) => self.send(transaction, call, now),
            (_, "whoami") => {
                (answer(200, &json!({ "user_id": USER, "device_id": "D" }), now), None)
            }
            (_, "m.room.encryption") => no(404, "M_NOT_FOUND", now),
            (_, "messages") => (self.messages(&call.path, now), None),
            _ => no(404, "M_UNRECOGNIZED", now),
        }
    }

    fn send(&mut self, transaction: &str, call: &Call, now: Time) -> Heard {
        if let Some((at, number)) = self.keys.get(transaction)
            && now.since(*at) < WINDOW
        {
            return (answer(200, &json!({ "event_id": format!("$e{number}") }), now), None);
        }
        let number = self.events.len();
        self.keys.insert(transaction.to_owned(), (now, number));
        let transaction = transaction.to_owned();
        self.events.push(Event { content: call.json(), transaction, at: now });
        (answer(200, &json!({ "event_id": format!("$e{number}") }), now), call.post())
    }

    fn messages(&self, path: &str, now: Time) -> oncecast::model::Response {
        let from = path.rsplit("from=").next().and_then(|from| from.parse().ok());
        let end: usize = from.unwrap_or(self.events.len()).min(self.events.len());
        let start = end.saturating_sub(PAGE);
        let chunk: Vec<Value> = (start..end)
            .rev()
            .map(|number| {
                let event = &self.events[number];
                json!({
                    "event_id": format!("$e{number}"),
                    "sender": USER,
                    "origin_server_ts": event.at.as_millis(),
                    "content": event.content,
                    "unsigned": { "transaction_id": event.transaction },
                })
            })
            .collect();
        let mut page = json!({ "chunk": chunk });
        if start > 0 {
            page["end"] = json!(start.to_string());
        }
        answer(200, &page, now)
    }

    pub(super) fn shows(&self, post: Post) -> bool {
        self.events.iter().any(|event| post_in(&event.content.to_string()) == Some(post))
    }

    /// A redaction leaves the event, without what it said.
    pub(super) fn delete(&mut self, before: Time, choice: usize) -> bool {
        let mut old: Vec<&mut Event> = self
            .events
            .iter_mut()
            .filter(|event| event.at < before && event.content != json!({}))
            .collect();
        let count = old.len();
        match old.get_mut(choice % count.max(1)) {
            Some(event) => {
                event.content = json!({});
                true
            }
            None => false,
        }
    }
}
