//! A server that speaks Mastodon's language, and heeds keys or does not.

use std::collections::BTreeMap;
use std::time::Duration;

use oncecast::model::{Method, Time};
use serde_json::{Value, json};

use super::super::truth::{Post, post_in};
use super::{Call, Heard, answer, no};

/// How long a key is remembered.
const WINDOW: Duration = Duration::from_secs(3_600);
/// How late the index is that a list is made of.
const LAG: Duration = Duration::from_secs(45);

#[derive(Debug)]
pub(in crate::sim) struct Server {
    says_mastodon: bool,
    heeds_keys: bool,
    statuses: Vec<Status>,
    keys: BTreeMap<String, (Time, usize)>,
}

#[derive(Debug)]
struct Status {
    text: String,
    visibility: String,
    at: Time,
    deleted: bool,
    /// Another tool's.
    foreign: bool,
}

/// A text as such servers show it.
fn html(text: &str) -> String {
    let words = text.split(' ').map(|word| {
        let (before, link) =
            word.rsplit_once('\n').map_or(("", word), |(before, link)| (before, link));
        if link.starts_with("https://") {
            format!("{before}</p><p><a href=\"{link}\">{link}</a>")
        } else {
            word.replace("\n\n", "</p><p>")
        }
    });
    format!("<p>{}</p>", words.collect::<Vec<_>>().join(" "))
}

impl Server {
    pub(super) fn new(says_mastodon: bool, heeds_keys: bool) -> Self {
        Self { says_mastodon, heeds_keys, statuses: Vec::new(), keys: BTreeMap::new() }
    }

    pub(super) fn hear(&mut self, call: &Call, now: Time) -> Heard {
        match (call.method, call.path.split('?').next().unwrap_or_default()) {
            (Method::Post, "/api/v1/statuses") => self.post(call, now),
            (_, "/api/v2/instance") => {
                let (version, source) = if self.says_mastodon {
                    ("4.3.1", "https://github.com/mastodon/mastodon")
                } else {
                    ("2.7.2 (compatible; Pleroma 2.5.0)", "https://git.example/pleroma")
                };
                (answer(200, &json!({ "version": version, "source_url": source }), now), None)
            }
            (_, "/api/v1/accounts/verify_credentials") => {
                (answer(200, &json!({ "id": "1", "acct": "me" }), now), None)
            }
            (_, "/api/v1/accounts/1/statuses") => (self.list(&call.path, now), None),
            (_, path) => match path.strip_prefix("/api/v1/statuses/") {
                Some(id) => self.one(id, call, now),
                None => no(404, "not found", now),
            },
        }
    }

    fn post(&mut self, call: &Call, now: Time) -> Heard {
        let key = call.key.clone().unwrap_or_default();
        if self.heeds_keys
            && let Some((at, number)) = self.keys.get(&key)
            && now.since(*at) < WINDOW
            && !self.statuses[*number].deleted
        {
            return (answer(200, &self.status(*number), now), None);
        }
        let body = call.json();
        let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
        let (text, visibility) = (text("status"), text("visibility"));
        self.keys.insert(key, (now, self.statuses.len()));
        self.statuses.push(Status { text, visibility, at: now, deleted: false, foreign: false });
        (answer(200, &self.status(self.statuses.len() - 1), now), call.post())
    }

    /// Shows a status, changes it or takes it away.
    fn one(&mut self, id: &str, call: &Call, now: Time) -> Heard {
        let found = id.parse().ok().and_then(|id: usize| id.checked_sub(1));
        let there = |n: &usize| self.statuses.get(*n).is_some_and(|status| !status.deleted);
        let Some(number) = found.filter(there) else { return no(404, "Record not found", now) };
        let status = &mut self.statuses[number];
        let touched = post_in(&status.text);
        match call.method {
            Method::Get => return (answer(200, &self.status(number), now), None),
            Method::Delete => status.deleted = true,
            _ => {
                let body = call.json();
                status.text = body["status"].as_str().unwrap_or_default().to_owned();
            }
        }
        (answer(200, &self.status(number), now), touched)
    }

    pub(super) fn count(&self) -> usize {
        self.statuses.iter().filter(|status| !status.deleted).count()
    }

    pub(super) fn text(&self, id: &str) -> Option<String> {
        let number: usize = id.parse().ok()?;
        let status = self.statuses.get(number.checked_sub(1)?)?;
        (!status.deleted).then(|| status.text.clone())
    }

    pub(super) fn foreign(&mut self, link: &str, now: Time) {
        let (text, visibility) = (format!("Read this\n\n{link}"), "public".to_owned());
        self.statuses.push(Status { text, visibility, at: now, deleted: false, foreign: true });
    }

    fn status(&self, number: usize) -> Value {
        let status = &self.statuses[number];
        json!({
            "id": (number + 1).to_string(),
            "created_at": status.at.to_string(),
            "url": format!("https://mastodon.example/@me/{}", number + 1),
            "content": html(&status.text),
            "visibility": status.visibility,
        })
    }

    fn list(&self, path: &str, now: Time) -> oncecast::model::Response {
        let before = path.rsplit("max_id=").next().and_then(|id| id.parse().ok());
        let end = before.map_or(self.statuses.len(), |id: usize| id.saturating_sub(1));
        let shown = (0..end).rev().filter(|n| {
            let status = &self.statuses[*n];
            !status.deleted && now.since(status.at) >= LAG
        });
        let page: Vec<Value> = shown.take(20).map(|n| self.status(n)).collect();
        answer(200, &Value::Array(page), now)
    }

    pub(super) fn shows(&self, post: Post) -> bool {
        let ours = |s: &&Status| !s.deleted && !s.foreign;
        self.statuses.iter().filter(ours).any(|s| post_in(&s.text) == Some(post))
    }

    pub(super) fn delete(&mut self, before: Time, choice: usize) -> bool {
        let mut old: Vec<&mut Status> = self
            .statuses
            .iter_mut()
            .filter(|s| !s.deleted && !s.foreign && s.at < before)
            .collect();
        let count = old.len();
        match old.get_mut(choice % count.max(1)) {
            Some(status) => {
                status.deleted = true;
                true
            }
            None => false,
        }
    }
}
