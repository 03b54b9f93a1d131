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
    records: BTreeMap<String, (Value, Time)>,
    /// The tokens that are good, and until when.
    tokens: BTreeMap<String, Time>,
    issued: u64,
}

impl Server {
    pub(super) fn hear(&mut self, call: &Call, now: Time) -> Heard {
        let method = call.path.split('?').next().unwrap_or_default();
        match method.rsplit('.').next().unwrap_or_default() {
            "createSession" => self.session(now),
            "refreshSession" if self.is_good(call, now) => self.session(now),
            "putRecord" if self.is_good(call, now) => self.put(&call.json(), call, now),
            "getRecord" => self.get(&call.path, now),
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
        let reference = json!({ "uri": uri(rkey), "cid": "c" });
        match self.records.get(rkey) {
            Some((record, _)) if *record == body["record"] => (answer(200, &reference, now), None),
            Some(_) => no(400, "InvalidSwap", now),
            None => {
                self.records.insert(rkey.to_owned(), (body["record"].clone(), now));
                (answer(200, &reference, now), call.post())
            }
        }
    }

    fn get(&self, path: &str, now: Time) -> Heard {
        let rkey = path.rsplit("rkey=").next().unwrap_or_default();
        match self.records.get(rkey) {
            Some((record, _)) => {
                (answer(200, &json!({ "uri": uri(rkey), "cid": "c", "value": record }), now), None)
            }
            None => no(400, "RecordNotFound", now),
        }
    }

    pub(super) fn shows(&self, post: Post) -> bool {
        self.records.values().any(|(record, _)| post_in(&record.to_string()) == Some(post))
    }

    pub(super) fn delete(&mut self, before: Time, choice: usize) -> bool {
        let old: Vec<&String> =
            self.records.iter().filter(|(_, (_, at))| *at < before).map(|(rkey, _)| rkey).collect();
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
