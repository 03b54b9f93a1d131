//! A receiver of webhooks: with a memory for ids, or without.

use std::collections::BTreeSet;
use std::time::Duration;

use oncecast::model::Time;

use super::{Answer, Call, Platform};

pub struct Receiver {
    dedupes: bool,
    ids: BTreeSet<String>,
    posts: Vec<String>,
}

impl Receiver {
    pub fn new(dedupes: bool) -> Self {
        let (ids, posts) = Default::default();
        Self { dedupes, ids, posts }
    }
}

impl Platform for Receiver {
    fn config(&self, url: &str) -> String {
        format!(
            "[[integration]]\nname = \"hook\"\nkind = \"webhook\"\nurl = \"{url}/hook\"\n\
             secret = {{ env = \"KIT_SIGNING\" }}\nreceiver_dedupes = {}\n\
             [[group]]\nname = \"readers\"\nintegration = \"hook\"\n",
            self.dedupes
        )
    }

    fn publishes(&self, call: &Call) -> bool {
        call.is("POST", "/hook")
    }

    fn answer(&mut self, _: &Call) -> Answer {
        Answer::text(404, "")
    }

    fn take(&mut self, call: &Call) -> Answer {
        let id = call.header("webhook-id").to_owned();
        assert!(!id.is_empty() && call.header("webhook-signature").starts_with("v1,"));
        if !self.dedupes || self.ids.insert(id) {
            self.posts.push(call.body.clone());
        }
        Answer::text(200, "ok")
    }

    fn repeated(&mut self, call: &Call) -> Answer {
        if self.dedupes { self.take(call) } else { Answer::text(409, "this was here before") }
    }

    fn alter(&mut self) {
        self.posts.iter_mut().for_each(|post| post.truncate(7));
    }

    fn forget_keys(&mut self) {
        self.ids.clear();
    }

    fn rate_limit(&self, wait: Duration, _: Time) -> Answer {
        Answer::text(429, "").with("retry-after", wait.as_secs().to_string())
    }

    fn expire(&mut self) -> Answer {
        Answer::text(401, "the signature is not known")
    }

    fn refuse(&self) -> Answer {
        Answer::text(400, "no such event type")
    }

    fn seen(&self) -> usize {
        self.posts.len()
    }
}
