//! A server of the AT Protocol: records under ids of the client's choice, and sessions that run out.

use std::collections::BTreeMap;
use std::time::Duration;

use data_encoding::BASE64URL_NOPAD;
use oncecast::model::Time;
use serde_json::{Value, json};

use super::super::truth::{Post, post_in};
use super::{Call, Heard, answer, no};

/// How long a token lasts.
const LIFETIME: Duration = Duration::from_secs(7_200);

#[derive(Debug, Default)]
pub(in crate::sim) struct Server {
    records: BTreeMap<String, Record>,
    /// The tokens that are good, and until when.
    tokens: BTreeMap<String, Time>,
    issued: u64,
}

#[derive(Debug)]
struct Record {
    value: Value,
    at: Time,
    /// Which of its versions it is.
    version: u32,
    /// Another tool's.
    foreign: bool,
}

impl Record {
    fn cid(&self) -> String {
        format!("c{}", self.version)
    }

    fn post(&self) -> Option<Post> {
        post_in(&self.value.to_string())
    }
}

impl Server {
    pub(super) fn hear(&mut self, call: &Call, now: Time) -> Heard {
        let method = call.path.split('?').next().unwrap_or_default();
        match method.rsplit('.').next().unwrap_or_default() {
            "createSession" => self.session(now),
            "refreshSession" if self.is_good(call, now) => self.session(now),
            "putRecord" if self.is_good(call, now) => self.put(&call.json(), call, now),
            "deleteRecord" if self.is_good(call, now) => self.take_away(&call.json(), now),
            "getRecord" => self.get(&call.path, now),
            "listRecords" => (self.list(now), None),
            _ => no(400, "ExpiredToken", now),
        }
    }

    fn is_good(&self, call: &Call, now: Time) -> bool {
        let token = call.bearer.as_deref().unwrap_or_default();
        self.tokens.get(token).is_some_and(|until| now < *until)
    }

    fn session(&mut self, now: Time) -> Heard {
        let mut token = |lasts: Duration| {
            self.issued += 1;
            let (from, until) = (now.as_millis() / 1000, now.plus(lasts).as_millis() / 1000);
            let claims = json!({ "iat": from, "exp": until, "n": self.issued }).to_string();
            let token = format!("e30.{}.x", BASE64URL_NOPAD.encode(claims.as_bytes()));
            self.tokens.insert(token.clone(), now.plus(lasts));
            token
        };
        let (access, refresh) = (token(LIFETIME), token(LIFETIME * 24 * 60));
        let session = json!({
            "did": "did:plc:me", "handle": "me.example", "accessJwt": access, "refreshJwt": refresh,
        });
        (answer(200, &session, now), None)
    }

    fn put(&mut self, body: &Value, call: &Call, now: Time) -> Heard {
        let Some(rkey) = body["rkey"].as_str() else { return no(400, "InvalidRequest", now) };
        let (value, swaps) = (body["record"].clone(), body["swapRecord"].as_str());
        match (self.records.get_mut(rkey), swaps) {
            (Some(record), Some(cid)) if record.cid() == cid => {
                let touched = record.post();
                (record.value, record.version) = (value, record.version + 1);
                (answer(200, &json!({ "uri": uri(rkey), "cid": record.cid() }), now), touched)
            }
            (Some(record), None) if record.value == value => {
                (answer(200, &json!({ "uri": uri(rkey), "cid": record.cid() }), now), None)
            }
            (None, None) => {
                let record = Record { value, at: now, version: 1, foreign: false };
                let reference = json!({ "uri": uri(rkey), "cid": record.cid() });
                self.records.insert(rkey.to_owned(), record);
                (answer(200, &reference, now), call.post())
            }
            _ => no(400, "InvalidSwap", now),
        }
    }

    /// It says that it is done, whether or not anything was there.
    fn take_away(&mut self, body: &Value, now: Time) -> Heard {
        let Some(rkey) = body["rkey"].as_str() else { return no(400, "InvalidRequest", now) };
        let was = self.records.remove(rkey);
        (answer(200, &json!({}), now), was.and_then(|record| record.post()))
    }

    fn list(&self, now: Time) -> oncecast::model::Response {
        let mut newest: Vec<(&String, &Record)> = self.records.iter().collect();
        newest.sort_by_key(|(_, record)| std::cmp::Reverse(record.at));
        let records: Vec<Value> = newest
            .into_iter()
            .take(100)
            .map(|(rkey, record)| {
                json!({ "uri": uri(rkey), "cid": record.cid(), "value": record.value })
            })
            .collect();
        answer(200, &json!({ "records": records }), now)
    }

    pub(super) fn count(&self) -> usize {
        self.records.len()
    }

    pub(super) fn text(&self, id: &str) -> Option<String> {
        let record = self.records.get(id.rsplit('/').next()?)?;
        Some(record.value["text"].as_str().unwrap_or_default().to_owned())
    }

    pub(super) fn foreign(&mut self, link: &str, now: Time) {
        let embed = json!({ "$type": "app.bsky.embed.external", "external": { "uri": link } });
        let value = json!({ "text": "Read this", "createdAt": now.to_string(), "embed": embed });
        let rkey = format!("other{}", self.records.len());
        self.records.insert(rkey, Record { value, at: now, version: 1, foreign: true });
    }

    fn get(&self, path: &str, now: Time) -> Heard {
        let rkey = path.rsplit("rkey=").next().unwrap_or_default();
        match self.records.get(rkey) {
            Some(record) => {
                let (uri, cid) = (uri(rkey), record.cid());
                (answer(200, &json!({ "uri": uri, "cid": cid, "value": record.value }), now), None)
            }
            None => no(400, "RecordNotFound", now),
        }
    }

    pub(super) fn shows(&self, post: Post) -> bool {
        self.records.values().any(|record| !record.foreign && record.post() == Some(post))
    }

    pub(super) fn delete(&mut self, before: Time, choice: usize) -> bool {
        let old: Vec<&String> = self
            .records
            .iter()
            .filter(|(_, record)| record.at < before && !record.foreign)
            .map(|(rkey, _)| rkey)
            .collect();
        if old.is_empty() {
            return false;
        }
        let rkey = old[choice % old.len()].clone();
        self.records.remove(&rkey).is_some()
    }

    pub(super) fn revoke(&mut self) -> bool {
        let had = !self.tokens.is_empty();
        self.tokens.clear();
        had
    }
}

fn uri(rkey: &str) -> String {
    format!("at://did:plc:me/app.bsky.feed.post/{rkey}")
}
