//! A PDS, as the reference server was seen to answer.

use std::collections::BTreeMap;
use std::time::Duration;

use oncecast::model::Time;
use serde_json::{Value, json};

use super::{Answer, Call, Platform, secret};

#[derive(Default)]
pub struct Pds {
    /// The number of the session that is good.
    session: u32,
    records: BTreeMap<String, Value>,
}

impl Pds {
    fn bearer(&self, word: &str) -> String {
        format!("Bearer {word}-{}", self.session)
    }

    fn open_session(&mut self) -> Answer {
        self.session += 1;
        let (access, refresh) =
            (format!("access-{}", self.session), format!("refresh-{}", self.session));
        Answer::json(
            200,
            &json!({ "did": "did:plc:abc", "accessJwt": access, "refreshJwt": refresh }),
        )
    }

    /// Stands for the hash of a record.
    fn cid(record: &Value) -> String {
        format!("c{}", record.to_string().len())
    }

    fn uri(rkey: &str) -> String {
        format!("at://did:plc:abc/app.bsky.feed.post/{rkey}")
    }
}

impl Platform for Pds {
    fn config(&self, url: &str) -> String {
        format!(
            "[[integration]]\nname = \"sky\"\nkind = \"bluesky\"\nurl = \"{url}\"\n\
             identifier = \"blog.example\"\npassword = {{ env = \"KIT_PASSWORD\" }}\n\
             [[group]]\nname = \"readers\"\nintegration = \"sky\"\n"
        )
    }

    fn publishes(&self, call: &Call) -> bool {
        call.is("POST", "/xrpc/com.atproto.repo.putRecord")
    }

    fn changes(&self, call: &Call) -> bool {
        let deletes = call.is("POST", "/xrpc/com.atproto.repo.deleteRecord");
        deletes || (self.publishes(call) && !call.json()["swapRecord"].is_null())
    }

    fn change(&mut self, call: &Call) -> Answer {
        if call.header("authorization") != self.bearer("access") {
            return Answer::json(400, &json!({ "error": "ExpiredToken" }));
        }
        let body = call.json();
        let rkey = body["rkey"].as_str().unwrap();
        if call.path.ends_with("deleteRecord") {
            self.records.remove(rkey);
            return Answer::json(200, &json!({}));
        }
        match self.records.get_mut(rkey) {
            // An equal record is a success, whatever version it was to follow on (seen).
            Some(there) if *there == body["record"] => {}
            Some(there) if Self::cid(there) == body["swapRecord"] => {
                *there = body["record"].clone();
            }
            _ => return Answer::json(400, &json!({ "error": "InvalidSwap" })),
        }
        Answer::json(200, &json!({ "uri": Self::uri(rkey), "cid": "c" }))
    }

    fn vanish(&mut self) {
        self.records.clear();
    }

    fn says(&self, words: &str) -> usize {
        self.records.values().filter(|record| record["text"].to_string().contains(words)).count()
    }

    fn answer(&mut self, call: &Call) -> Answer {
        if call.is("POST", "/xrpc/com.atproto.server.createSession") {
            assert_eq!(call.json()["password"], secret("KIT_PASSWORD"));
            return self.open_session();
        }
        if call.is("POST", "/xrpc/com.atproto.server.refreshSession") {
            if call.header("authorization") != self.bearer("refresh") {
                return Answer::json(400, &json!({ "error": "ExpiredToken" }));
            }
            return self.open_session();
        }
        if call.is("GET", "/xrpc/com.atproto.repo.listRecords") {
            let newest = self.records.iter().rev();
            let records: Vec<Value> = newest
                .map(|(rkey, value)| json!({ "uri": Self::uri(rkey), "cid": "c", "value": value }))
                .collect();
            return Answer::json(200, &json!({ "records": records }));
        }
        assert!(call.is("GET", "/xrpc/com.atproto.repo.getRecord"), "{call:?}");
        let rkey = call.path.rsplit('=').next().unwrap();
        match self.records.get(rkey) {
            Some(record) => {
                let cid = Self::cid(record);
                Answer::json(200, &json!({ "uri": Self::uri(rkey), "cid": cid, "value": record }))
            }
            None => Answer::json(400, &json!({ "error": "RecordNotFound" })),
        }
    }

    fn take(&mut self, call: &Call) -> Answer {
        if call.header("authorization") != self.bearer("access") {
            return Answer::json(400, &json!({ "error": "ExpiredToken" }));
        }
        let body = call.json();
        let rkey = body["rkey"].as_str().unwrap().to_owned();
        assert!(body["swapRecord"].is_null() && body.get("swapRecord").is_some());
        match self.records.get(&rkey) {
            Some(there) if *there != body["record"] => {
                return Answer::json(400, &json!({ "error": "InvalidSwap" }));
            }
            Some(_) => {}
            None => drop(self.records.insert(rkey.clone(), body["record"].clone())),
        }
        Answer::json(200, &json!({ "uri": Self::uri(&rkey), "cid": "c" }))
    }

    fn alter(&mut self) {
        self.records.values_mut().for_each(|record| record["text"] = json!("something else"));
    }

    fn rate_limit(&self, wait: Duration, now: Time) -> Answer {
        let reset = now.plus(wait).as_millis() / 1000;
        Answer::json(429, &json!({ "error": "RateLimitExceeded" }))
            .with("ratelimit-limit", "5000")
            .with("ratelimit-reset", reset.to_string())
    }

    fn expire(&mut self) -> Answer {
        self.session += 1;
        Answer::json(400, &json!({ "error": "ExpiredToken", "message": "Token has expired" }))
    }

    fn refuse(&self) -> Answer {
        Answer::json(400, &json!({ "error": "InvalidRequest", "message": "Invalid record" }))
    }

    fn seen(&self) -> usize {
        self.records.len()
    }
}
