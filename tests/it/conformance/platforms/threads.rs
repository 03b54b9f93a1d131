//! Threads, as its documentation has it: containers that nobody sees, and their states.

use std::collections::BTreeMap;
use std::time::Duration;

use oncecast::model::Time;
use serde_json::json;

use super::{Answer, Call, Platform, secret};

const ACCOUNT: &str = "17841";

#[derive(Default)]
pub struct Threads {
    /// The token that is good; the first of them is the operator's.
    renewals: u32,
    containers: BTreeMap<String, BTreeMap<String, String>>,
    /// Published containers, with when.
    posts: Vec<(String, Time)>,
    altered: bool,
    /// Whether a token lives on when it was renewed, as it must where two ledgers have one each.
    shared: bool,
}

impl Threads {
    pub fn shared() -> Self {
        Self { shared: true, ..Self::default() }
    }

    fn fields(text: &str) -> BTreeMap<String, String> {
        url::form_urlencoded::parse(text.as_bytes()).into_owned().collect()
    }

    fn token(&self) -> String {
        match self.renewals {
            0 => secret("KIT_TOKEN").to_owned(),
            n => format!("{}-{n}", secret("KIT_TOKEN")),
        }
    }

    fn error(status: u16, code: u32) -> Answer {
        Answer::json(status, &json!({ "error": { "code": code, "message": "no" } }))
    }
}

impl Platform for Threads {
    fn config(&self, url: &str) -> String {
        format!(
            "[[integration]]\nname = \"threads\"\nkind = \"threads\"\nurl = \"{url}\"\n\
             token = {{ env = \"KIT_TOKEN\" }}\n\
             [[group]]\nname = \"readers\"\nintegration = \"threads\"\n"
        )
    }

    fn publishes(&self, call: &Call) -> bool {
        call.is("POST", &format!("/v1.0/{ACCOUNT}/threads_publish"))
    }

    fn says(&self, words: &str) -> usize {
        self.posts.iter().filter(|(id, _)| self.containers[id]["text"].contains(words)).count()
    }

    fn answer(&mut self, call: &Call) -> Answer {
        let query = call.path.split_once('?').map(|(_, query)| query);
        let fields = Self::fields(query.unwrap_or(&call.body));
        let is_old = self.shared && fields["access_token"].starts_with(secret("KIT_TOKEN"));
        if fields["access_token"] != self.token() && !is_old {
            return Self::error(400, 190);
        }
        if call.is("GET", "/v1.0/me") {
            return Answer::json(200, &json!({ "id": ACCOUNT, "username": "blog" }));
        }
        if call.is("GET", "/refresh_access_token") {
            self.renewals += 1;
            let token = json!({ "access_token": self.token(), "expires_in": 5_184_000 });
            return Answer::json(200, &token);
        }
        if call.is("POST", &format!("/v1.0/{ACCOUNT}/threads")) {
            let id = format!("55{}", self.containers.len());
            self.containers.insert(id.clone(), fields);
            return Answer::json(200, &json!({ "id": id }));
        }
        if call.is("GET", &format!("/v1.0/{ACCOUNT}/threads")) {
            let posts = self.posts.iter().rev().map(|(id, at)| {
                let text = if self.altered { "Altered." } else { &self.containers[id]["text"] };
                json!({ "id": format!("9{id}"), "text": text, "timestamp": at.to_string(),
                    "permalink": format!("https://www.threads.net/@blog/post/{id}") })
            });
            return Answer::json(200, &json!({ "data": posts.collect::<Vec<_>>() }));
        }
        let id = call.path.split('?').next().unwrap().rsplit('/').next().unwrap();
        assert!(self.containers.contains_key(id), "{call:?}");
        let out = self.posts.iter().any(|(post, _)| post == id);
        let status = if out { "PUBLISHED" } else { "FINISHED" };
        Answer::json(200, &json!({ "id": id, "status": status }))
    }

    fn take(&mut self, call: &Call) -> Answer {
        let fields = Self::fields(&call.body);
        if fields["access_token"] != self.token() {
            return Self::error(400, 190);
        }
        let id = &fields["creation_id"];
        assert!(self.containers.contains_key(id), "{call:?}");
        // Nobody knows what it does then: here it is the worst.
        self.posts.push((id.clone(), call.now));
        Answer::json(200, &json!({ "id": format!("9{id}") }))
    }

    /// One that knows what it has published.
    fn repeated(&mut self, _: &Call) -> Answer {
        Self::error(400, 100)
    }

    fn alter(&mut self) {
        self.altered = true;
    }

    fn rate_limit(&self, wait: Duration, _: Time) -> Answer {
        Self::error(400, 613).with("retry-after", wait.as_secs().to_string())
    }

    fn expire(&mut self) -> Answer {
        Self::error(400, 190)
    }

    fn refuse(&self) -> Answer {
        Self::error(422, 1)
    }

    fn seen(&self) -> usize {
        self.posts.len()
    }
}
