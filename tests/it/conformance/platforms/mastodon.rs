//! A Mastodon, and one of the servers that speak its API and ignore `Idempotency-Key`.

use std::collections::BTreeMap;
use std::time::Duration;

use oncecast::model::Time;
use serde_json::{Value, json};

use super::{Answer, Call, Platform, secret};

pub struct Server {
    keeps_keys: bool,
    keys: BTreeMap<String, usize>,
    statuses: Vec<Value>,
    made: usize,
    account: &'static str,
    shut: Option<u16>,
}

impl Server {
    pub fn new(keeps_keys: bool) -> Self {
        let (keys, statuses) = Default::default();
        Self { keeps_keys, keys, statuses, made: 0, account: "42", shut: None }
    }
}

impl Platform for Server {
    fn config(&self, url: &str) -> String {
        format!(
            "[[integration]]\nname = \"fedi\"\nkind = \"mastodon\"\nurl = \"{url}\"\n\
             token = {{ env = \"KIT_TOKEN\" }}\n\
             [[group]]\nname = \"readers\"\nintegration = \"fedi\"\n"
        )
    }

    fn publishes(&self, call: &Call) -> bool {
        call.is("POST", "/api/v1/statuses")
    }

    fn changes(&self, call: &Call) -> bool {
        call.path.starts_with("/api/v1/statuses/") && call.method != "GET"
    }

    fn change(&mut self, call: &Call) -> Answer {
        let id = call.path.rsplit('/').next().unwrap();
        let is_ours = self.account == "42";
        let at = self.statuses.iter().position(|status| is_ours && status["id"] == id);
        let Some(at) = at else {
            return Answer::json(404, &json!({ "error": "Record not found" }));
        };
        if call.method == "DELETE" {
            return Answer::json(200, &self.statuses.remove(at));
        }
        let body = call.json();
        let text = body["status"].as_str().unwrap();
        assert_eq!(body["media_ids"], json!(["7"]), "an edit takes away what it does not name");
        assert_eq!(body["spoiler_text"], "long");
        self.statuses[at]["content"] = json!(text);
        Answer::json(200, &self.statuses[at])
    }

    /// Another account is logged in, for which there is no such status.
    fn swap(&mut self) {
        self.account = "43";
    }

    fn shuts(&mut self, status: u16) {
        self.shut = Some(status);
    }

    fn vanish(&mut self) {
        self.statuses.clear();
    }

    fn says(&self, words: &str) -> usize {
        self.statuses.iter().filter(|status| status.to_string().contains(words)).count()
    }

    fn answer(&mut self, call: &Call) -> Answer {
        assert_eq!(call.header("authorization"), format!("Bearer {}", secret("KIT_TOKEN")));
        if call.is("GET", "/api/v2/instance") {
            let (version, source) = match self.keeps_keys {
                true => ("4.3.2", "https://github.com/mastodon/mastodon"),
                false => ("2.7.2 (compatible; Elsewhere 1.0)", "https://elsewhere.example"),
            };
            return Answer::json(200, &json!({ "version": version, "source_url": source }));
        }
        if call.is("GET", "/api/v1/accounts/verify_credentials") {
            return Answer::json(200, &json!({ "id": self.account, "acct": "blog" }));
        }
        if let Some(id) = call.path.strip_prefix("/api/v1/statuses/") {
            if let Some(status) = self.shut {
                return Answer::json(status, &json!({ "error": "This action is not allowed" }));
            }
            let found = self.statuses.iter().find(|status| status["id"] == id);
            let missing = || Answer::json(404, &json!({ "error": "Record not found" }));
            return found.map_or_else(missing, |status| Answer::json(200, status));
        }
        assert!(call.is("GET", "/api/v1/accounts/42/statuses"), "{call:?}");
        let older = call.path.contains("max_id");
        let newest: Vec<&Value> = self.statuses.iter().rev().filter(|_| !older).collect();
        Answer::json(200, &json!(newest))
    }

    fn take(&mut self, call: &Call) -> Answer {
        let key = call.header("idempotency-key").to_owned();
        if let Some(at) = self.keys.get(&key).filter(|_| self.keeps_keys) {
            return Answer::json(200, &self.statuses[*at]);
        }
        let text = call.json()["status"].as_str().unwrap().to_owned();
        let (title, link) = text.rsplit_once("\n\n").unwrap();
        self.made += 1;
        let id = self.made.to_string();
        let status = json!({
            "id": id,
            "url": format!("https://server.example/@blog/{id}"),
            "created_at": call.now.to_string(),
            "visibility": "public",
            "media_attachments": [{ "id": "7" }],
            "spoiler_text": "long",
            "content": format!("<p>{title}</p><p><a href=\"{link}\">{link}</a></p>"),
        });
        self.keys.insert(key, self.statuses.len());
        self.statuses.push(status.clone());
        Answer::json(200, &status)
    }

    /// The real one takes the same key once; the other would show it twice, which is its own doing.
    fn repeated(&mut self, call: &Call) -> Answer {
        if self.keeps_keys { self.take(call) } else { Answer::json(409, &json!({})) }
    }

    fn alter(&mut self) {
        for status in &mut self.statuses {
            let content = status["content"].as_str().unwrap();
            let wrapped =
                content.replace(">http://", "><span>http://</span><span>").replace("All", "");
            status["content"] = json!(wrapped);
        }
    }

    fn forget_keys(&mut self) {
        self.keys.clear();
    }

    fn rate_limit(&self, wait: Duration, now: Time) -> Answer {
        let reset = now.plus(wait).to_timestamp().strftime("%Y-%m-%dT%H:%M:%S.123456Z");
        Answer::json(429, &json!({ "error": "Too many requests" }))
            .with("x-ratelimit-reset", reset.to_string())
    }

    fn expire(&mut self) -> Answer {
        Answer::json(401, &json!({ "error": "The access token is invalid" }))
    }

    fn refuse(&self) -> Answer {
        Answer::json(422, &json!({ "error": "Validation failed: Text can't be blank" }))
    }

    fn seen(&self) -> usize {
        self.statuses.len()
    }
}
