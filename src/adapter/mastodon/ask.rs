//! Whether a status is there: reads the account's own statuses, newest first, and calls it absent
//! only when the list provably reaches back before the first send.

use std::time::Duration;

use serde_json::Value;

use super::reference;
use crate::adapter::{Doubt, PREFLIGHTS_MAX, Said, answer};
use crate::model::{Found, Response, Time};
use crate::post::text::is_allowed;
use crate::post::{html, link, template};

/// The most statuses of one page. <https://docs.joinmastodon.org/methods/accounts/#statuses>
const PAGE: usize = 40;
/// A status of the same content this much before our send may still be ours if clocks lie, so it
/// keeps "absent" from being said.
const NEAR: Duration = Duration::from_secs(24 * 60 * 60);

/// What was sent, as it would be recognised.
#[derive(Debug)]
pub(super) struct Sent {
    /// The entry's link as it stands in the text.
    link: Option<String>,
    /// The text without links, spaces and invisible characters.
    words: String,
    visibility: Option<String>,
    first_sent: Time,
    now: Time,
    alone: bool,
}

impl Sent {
    pub(super) fn of(doubt: &Doubt<'_>) -> Self {
        let body: Value = serde_json::from_str(&doubt.request.body).unwrap_or_default();
        let text = answer::string(&body, "status").unwrap_or_default();
        let fields = template::Fields::of(doubt.piece.entry, template::Mentions::Break);
        let mut links = link::find(&text).into_iter().map(|range| &text[range]);
        Self {
            link: links.find(|one| link::same(one, &fields.link)).map(str::to_owned),
            words: words(&text),
            visibility: answer::string(&body, "visibility"),
            first_sent: doubt.first_sent,
            now: doubt.piece.now,
            alone: doubt.alone,
        }
    }

    fn says_the_same(&self, status: &Value) -> bool {
        let content = status["content"].as_str().unwrap_or_default();
        match &self.link {
            Some(ours) => {
                let text = html::from_html(content);
                let written = link::find(&text).into_iter().map(|range| text[range].to_owned());
                html::hrefs(content).into_iter().chain(written).any(|one| link::same(&one, ours))
            }
            None => !self.words.is_empty() && words(&html::from_html(content)) == self.words,
        }
    }
}

/// The page to ask for next.
#[derive(Debug)]
pub(super) struct NextPage {
    before: Option<String>,
}

impl NextPage {
    pub(super) fn path(&self, account: &str) -> String {
        let account = answer::segment(account);
        let before = self.before.as_deref().map(|id| format!("&max_id={}", answer::segment(id)));
        format!(
            "/api/v1/accounts/{account}/statuses?limit={PAGE}&exclude_reblogs=true{}",
            before.unwrap_or_default()
        )
    }
}

/// What the pages so far show, or which page is still needed.
pub(super) fn read(sent: &Sent, answers: &[Response]) -> Result<Found, NextPage> {
    let mut before = None;
    let mut similar = None;
    for page in answers {
        let Some(statuses) = page.json().as_array().filter(|_| page.status == 200).cloned() else {
            return Ok(unsure(&format!("cannot read our statuses: {}", answer::words(page))));
        };
        let cutoff = answer::cutoff(sent.first_sent, sent.now, page);
        for status in statuses.iter().filter(|status| sent.says_the_same(status)) {
            let visibility = answer::string(status, "visibility");
            let same_audience = visibility.is_none() || visibility == sent.visibility;
            match created(status) {
                Some(at) if at < cutoff.minus(NEAR) => {}
                Some(at) if at < cutoff => similar = reference(status).url,
                _ if !same_audience => similar = reference(status).url,
                // A person had it sent twice, and both say the same.
                _ if !sent.alone => return Ok(alike(reference(status).url)),
                _ => return Ok(Found::There(reference(status))),
            }
        }
        // Servers cap a page at what they like, so only an empty one is the end of the list.
        let reached = statuses.last().map_or(Some(true), |last| Some(created(last)? < cutoff));
        if reached == Some(true) {
            return Ok(match similar {
                Some(url) => alike(Some(url)),
                None => Found::Absent,
            });
        }
        before = statuses.last().and_then(|last| answer::string(last, "id"));
        if before.is_none() {
            return Ok(unsure("its list of our statuses has no ids"));
        }
    }
    if answers.len() >= PREFLIGHTS_MAX {
        return Ok(unsure("our statuses since then are too many to read"));
    }
    Err(NextPage { before })
}

/// The account's newest statuses; what it says in conversations is no news of the blog.
pub(super) fn newest(account: &str) -> String {
    format!("{}&exclude_replies=true", NextPage { before: None }.path(account))
}

/// What a page of statuses shows.
pub(super) fn said(page: &Response) -> Option<Vec<Said>> {
    let statuses = page.json().as_array().filter(|_| page.status == 200)?.clone();
    let said = |status: &Value| Said {
        reference: reference(status),
        at: created(status),
        links: html::hrefs(status["content"].as_str().unwrap_or_default()),
    };
    Some(statuses.iter().map(said).collect())
}

fn alike(url: Option<String>) -> Found {
    let url = url.unwrap_or_else(|| "a status".to_owned());
    unsure(&format!("{url} says the same; see whether it is ours"))
}

pub(super) fn unsure(why: &str) -> Found {
    Found::Unsure(why.to_owned())
}

fn created(status: &Value) -> Option<Time> {
    status["created_at"].as_str()?.parse().ok().map(Time::from_timestamp)
}

/// Servers wrap links, move spaces and drop invisible characters; the rest stays.
fn words(text: &str) -> String {
    let mut rest = text.to_owned();
    for range in link::find(text).into_iter().rev() {
        rest.replace_range(range, "");
    }
    rest.retain(|c| !c.is_whitespace() && is_allowed(c));
    rest
}
