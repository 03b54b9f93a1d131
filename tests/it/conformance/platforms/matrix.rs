//! A homeserver, as Synapse was seen to answer.

use std::collections::BTreeMap;
use std::time::Duration;

use oncecast::model::Time;
use serde_json::{Value, json};

use super::{Answer, Call, Platform, secret};

const ROOM: &str = "%21room%3Aserver.example";

#[derive(Default)]
pub struct Homeserver {
    /// The number of the access token that is good.
    session: u32,
    transactions: BTreeMap<String, usize>,
    events: Vec<Value>,
    /// Edits of what is not there, which some clients show.
    strays: usize,
    /// Whether it was made to show what it was not told to.
    altered: bool,
}

impl Homeserver {
    fn knows(&self, call: &Call) -> bool {
        call.header("authorization") == format!("Bearer access-{}", self.session)
    }

    fn unknown() -> Answer {
        Answer::json(401, &json!({ "errcode": "M_UNKNOWN_TOKEN", "error": "Token expired" }))
    }
}

impl Platform for Homeserver {
    fn config(&self, url: &str) -> String {
        format!(
            "[[integration]]\nname = \"chat\"\nkind = \"matrix\"\nurl = \"{url}\"\nuser = \"bot\"\n\
             password = {{ env = \"KIT_PASSWORD\" }}\n\
             [[group]]\nname = \"readers\"\nintegration = \"chat\"\nroom = \"#blog:server.example\"\n"
        )
    }

    fn publishes(&self, call: &Call) -> bool {
        call.method == "PUT"
    }

    fn changes(&self, call: &Call) -> bool {
        let is_edit = call.json().get("m.relates_to").is_some();
        call.method == "PUT" && (call.path.contains("/redact/") || is_edit)
    }

    fn change(&mut self, call: &Call) -> Answer {
        if !self.knows(call) {
            return Self::unknown();
        }
        assert!(call.path.contains(ROOM), "{call:?}");
        let transaction = call.path.rsplit('/').next().unwrap().to_owned();
        let body = call.json();
        let of = match body["m.relates_to"]["event_id"].as_str() {
            Some(of) => of.to_owned(),
            None => call.path.rsplit('/').nth(1).unwrap().replace("%24", "$"),
        };
        let Some(event) = self.events.iter_mut().find(|event| event["event_id"] == of) else {
            return Answer::json(404, &json!({ "errcode": "M_NOT_FOUND" }));
        };
        if self.transactions.insert(transaction, usize::MAX).is_none() {
            event["content"] = match body.get("m.new_content") {
                Some(new) => {
                    // One that was redacted has nothing to take the place of, and stands by itself.
                    self.strays += usize::from(event["content"]["body"].is_null());
                    new.clone()
                }
                None => json!({}),
            };
        }
        Answer::json(200, &json!({ "event_id": "$another" }))
    }

    fn vanish(&mut self) {
        self.events.iter_mut().for_each(|event| event["content"] = json!({}));
    }

    fn says(&self, words: &str) -> usize {
        self.events.iter().filter(|event| event["content"].to_string().contains(words)).count()
    }

    fn answer(&mut self, call: &Call) -> Answer {
        if call.is("POST", "/_matrix/client/v3/login") {
            let body = call.json();
            assert_eq!(body["password"], secret("KIT_PASSWORD"));
            self.session += 1;
            return Answer::json(
                200,
                &json!({
                    "user_id": "@bot:server.example",
                    "device_id": body["device_id"],
                    "access_token": format!("access-{}", self.session),
                }),
            );
        }
        if !self.knows(call) {
            return Self::unknown();
        }
        if call.path.contains("/directory/room/") {
            return Answer::json(200, &json!({ "room_id": "!room:server.example" }));
        }
        if call.path.ends_with("/state/m.room.encryption") {
            return Answer::json(404, &json!({ "errcode": "M_NOT_FOUND" }));
        }
        if let Some((_, id)) = call.path.split_once("/event/") {
            let id = id.replace("%24", "$");
            let found = self.events.iter().find(|event| event["event_id"] == id);
            return Answer::json(200, found.unwrap());
        }
        let messages = format!("/_matrix/client/v3/rooms/{ROOM}/messages");
        assert!(call.is("GET", &messages), "{call:?}");
        let newest: Vec<&Value> = self.events.iter().rev().collect();
        Answer::json(200, &json!({ "chunk": newest, "start": "t1" }))
    }

    fn take(&mut self, call: &Call) -> Answer {
        if !self.knows(call) {
            return Self::unknown();
        }
        assert!(call.path.contains(ROOM), "{call:?}");
        let transaction = call.path.rsplit('/').next().unwrap().to_owned();
        let at = *self.transactions.entry(transaction.clone()).or_insert_with(|| {
            self.events.push(json!({
                "event_id": format!("$event-{}", self.events.len()),
                "sender": "@bot:server.example",
                "type": "m.room.message",
                "origin_server_ts": call.now.as_millis(),
                "content": call.json(),
                "unsigned": { "transaction_id": transaction },
            }));
            self.events.len() - 1
        });
        Answer::json(200, &json!({ "event_id": self.events[at]["event_id"] }))
    }

    fn alter(&mut self) {
        self.altered = true;
        self.events.iter_mut().for_each(|event| event["content"] = json!({}));
    }

    fn forget_keys(&mut self) {
        self.transactions.clear();
    }

    fn rate_limit(&self, wait: Duration, _: Time) -> Answer {
        let millis = u64::try_from(wait.as_millis()).unwrap();
        Answer::json(429, &json!({ "errcode": "M_LIMIT_EXCEEDED", "retry_after_ms": millis }))
    }

    fn expire(&mut self) -> Answer {
        self.session += 1;
        Self::unknown()
    }

    fn refuse(&self) -> Answer {
        Answer::json(403, &json!({ "errcode": "M_FORBIDDEN", "error": "not in the room" }))
    }

    fn seen(&self) -> usize {
        let shown =
            self.events.iter().filter(|event| self.altered || !event["content"]["body"].is_null());
        shown.count() + self.strays
    }
}
