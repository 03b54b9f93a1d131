//! Who is told that a post is there: a hub, a page, search engines. What they are told twice they know
//! already.

use std::collections::BTreeSet;
use std::time::Duration;

use oncecast::model::Time;

use super::{Answer, Call, Platform, secret};

pub struct Told {
    kind: &'static str,
    of: BTreeSet<String>,
}

impl Told {
    pub const fn by(kind: &'static str) -> Self {
        Self { kind, of: BTreeSet::new() }
    }
}

impl Platform for Told {
    fn config(&self, url: &str) -> String {
        let (token, link) = match self.kind {
            "indexnow" => ("token = { env = \"KIT_INDEXNOW\" }\n", ""),
            _ => ("", "link = \"https://page.example/\"\n"),
        };
        format!(
            "[[integration]]\nname = \"ping\"\nkind = \"{}\"\nurl = \"{url}/tell?me\"\n{token}\
             [[group]]\nname = \"readers\"\nintegration = \"ping\"\n{link}",
            self.kind
        )
    }

    fn publishes(&self, call: &Call) -> bool {
        call.is("POST", "/tell")
    }

    fn answer(&mut self, call: &Call) -> Answer {
        panic!("nothing else is called: {call:?}");
    }

    fn take(&mut self, call: &Call) -> Answer {
        assert_eq!(call.path, "/tell?me");
        match self.kind {
            "websub" => {
                assert_eq!(call.body, "hub.mode=publish&hub.url=https%3A%2F%2Fpage.example%2F")
            }
            "webmention" => assert!(
                call.body.starts_with("source=http")
                    && call.body.ends_with("&target=https%3A%2F%2Fpage.example%2F")
            ),
            _ => assert_eq!(call.json()["key"], secret("KIT_INDEXNOW")),
        }
        self.of.insert(call.body.clone());
        match self.kind {
            "websub" => Answer::text(204, ""),
            "webmention" => Answer::text(201, "").with("location", "https://page.example/status/1"),
            _ => Answer::text(202, ""),
        }
    }

    fn alter(&mut self) {}

    fn rate_limit(&self, wait: Duration, _: Time) -> Answer {
        Answer::text(429, "slow down").with("retry-after", wait.as_secs().to_string())
    }

    fn expire(&mut self) -> Answer {
        let status = if self.kind == "indexnow" { 403 } else { 401 };
        Answer::text(status, "the key is not valid")
    }

    fn refuse(&self) -> Answer {
        Answer::text(400, "it does not link to the target")
    }

    fn seen(&self) -> usize {
        self.of.len()
    }
}
