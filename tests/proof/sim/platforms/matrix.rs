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
    /// Another tool's.
    foreign: bool,
}

impl Event {
    /// An edit is shown in the place of what it is of.
    fn edits(&self) -> Option<&str> {
        self.content["m.relates_to"]["event_id"].as_str()
    }

    fn is_there(&self) -> bool {
        self.content != json!({}) && self.edits().is_none()
    }
}

impl Server {
    pub(super) fn hear(&mut self, call: &Call, now: Time) -> Heard {
        let path = call.path.split('?').next().unwrap_or_default();
        let last = path.rsplit('/').next().unwrap_or_default();
        match (call.method, last) {
            (Method::Put, transaction) if path.contains("/redact/") => {
                self.redact(path, transaction, now)
            }
            (Method::Put, transaction) => self.send(transaction, call, now),
            (_, event) if path.contains("/event/") => match self.number(event) {
                Some(number) => (answer(200, &self.event(number), now), None),
                None => no(404, "M_NOT_FOUND", now),
            },
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
        let (content, foreign) = (call.json(), false);
        self.events.push(Event { content, transaction, at: now, foreign });
        (answer(200, &json!({ "event_id": format!("$e{number}") }), now), call.post())
    }

    fn redact(&mut self, path: &str, transaction: &str, now: Time) -> Heard {
        let event = path.rsplit('/').nth(1).unwrap_or_default();
        let Some(number) = self.number(event) else { return no(404, "M_NOT_FOUND", now) };
        let redaction = json!({ "event_id": format!("$r{number}") });
        if self.keys.get(transaction).is_some_and(|(at, _)| now.since(*at) < WINDOW) {
            return (answer(200, &redaction, now), None);
        }
        self.keys.insert(transaction.to_owned(), (now, number));
        let was = std::mem::replace(&mut self.events[number].content, json!({}));
        (answer(200, &redaction, now), post_in(&was.to_string()))
    }

    /// The number of an event, whose name may be encoded.
    fn number(&self, event: &str) -> Option<usize> {
        let number: usize = event.rsplit('e').next()?.parse().ok()?;
        (number < self.events.len()).then_some(number)
    }

    fn event(&self, number: usize) -> Value {
        let event = &self.events[number];
        json!({
            "event_id": format!("$e{number}"),
            "type": "m.room.message",
            "sender": USER,
            "origin_server_ts": event.at.as_millis(),
            "content": event.content,
            "unsigned": { "transaction_id": event.transaction },
        })
    }

    pub(super) fn count(&self) -> usize {
        self.events.iter().filter(|event| event.is_there()).count()
    }

    pub(super) fn text(&self, id: &str) -> Option<String> {
        let first = &self.events[self.number(id)?];
        let last = self.events.iter().rev().find(|event| event.edits() == Some(id));
        let content = last.map_or(&first.content, |edit| &edit.content["m.new_content"]);
        first.is_there().then(|| content["body"].as_str().unwrap_or_default().to_owned())
    }

    pub(super) fn foreign(&mut self, link: &str, now: Time) {
        let content = json!({ "msgtype": "m.text", "body": format!("Read this: {link}") });
        let transaction = format!("other{}", self.events.len());
        self.events.push(Event { content, transaction, at: now, foreign: true });
    }

    fn messages(&self, path: &str, now: Time) -> oncecast::model::Response {
        let from = path.rsplit("from=").next().and_then(|from| from.parse().ok());
        let end: usize = from.unwrap_or(self.events.len()).min(self.events.len());
        let start = end.saturating_sub(PAGE);
        let chunk: Vec<Value> = (start..end).rev().map(|number| self.event(number)).collect();
        let mut page = json!({ "chunk": chunk });
        if start > 0 {
            page["end"] = json!(start.to_string());
        }
        answer(200, &page, now)
    }

    pub(super) fn shows(&self, post: Post) -> bool {
        let mut ours = self.events.iter().filter(|event| event.is_there() && !event.foreign);
        ours.any(|event| post_in(&event.content.to_string()) == Some(post))
    }

    /// A redaction leaves the event, without what it said.
    pub(super) fn delete(&mut self, before: Time, choice: usize) -> bool {
        let mut old: Vec<&mut Event> = self
            .events
            .iter_mut()
            .filter(|event| event.at < before && event.is_there() && !event.foreign)
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
