//! Mastodon, and servers that speak its API.
//!
//! <https://docs.joinmastodon.org/methods/statuses/>. Its key is remembered for an hour after the
//! status was saved; compatible servers are known to ignore it, so asking comes before repeating.

use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};

use crate::config::{Group, Secret, SecretSource};
use crate::model::{
    DeferCause, Found, Guarantee, IdempotencyKey, Method, Outcome, Reference, Request, Response,
    Time, retry_after_seconds,
};
use crate::post::{Limit, links, plain, words_of};

use super::{
    Adapter, Ask, Call, Doubt, Known, Piece, Post, Prepare, SecretHeader, Unfit, template_of,
};

/// Used where the instance does not tell its own.
const CHARACTERS: usize = 500;
/// Used where the instance does not tell its own: every link counts this much.
const LINK: usize = 23;
/// `Idempotency-Key` is remembered this long.
const WINDOW: Duration = Duration::from_secs(3_600);
/// Limits and account are asked for again after this.
const FACTS_AGE: Duration = Duration::from_secs(86_400);
/// The most statuses that one page shows.
const PAGE: usize = 40;
/// Clocks of servers are this far apart at the most.
const CLOCKS: Duration = Duration::from_secs(300);

/// One account at one instance.
#[derive(Debug)]
pub(super) struct Mastodon {
    token: SecretString,
    source: SecretSource,
}

impl Mastodon {
    pub(super) fn new(token: &Secret) -> Self {
        Self { token: token.value.clone(), source: token.source.clone() }
    }

    fn bearer(&self) -> SecretHeader {
        let value = format!("Bearer {}", self.token.expose_secret());
        ("authorization".to_owned(), value.into())
    }

    fn get(&self, path: &str) -> Call {
        Call { request: Request::get(path), secret_headers: vec![self.bearer()], secret_body: None }
    }
}

impl Adapter for Mastodon {
    fn guarantee(&self, _known: &Known) -> Guarantee {
        Guarantee::Keyed { window: WINDOW }
    }

    fn prepare(&self, known: &Known, _group: &Group, answers: &[Response], now: Time) -> Prepare {
        let fresh = known.learnt.is_some_and(|t| now.since(t) < FACTS_AGE);
        match answers {
            [] if fresh => Prepare::Ready(known.clone()),
            [] => Prepare::Call(self.get("/api/v1/accounts/verify_credentials")),
            [account] => match account.status {
                200..=299 => Prepare::Call(self.get("/api/v2/instance")),
                // A compatible server answers 400 to a token it does not know.
                400 | 401 | 403 => Prepare::Denied(format!(
                    "the server does not accept the token from {}: {}",
                    self.source,
                    account.excerpt()
                )),
                status => later(status, account),
            },
            [account, instance, ..] => {
                let Some(id) = account.json()["id"].as_str().map(str::to_owned) else {
                    return later(account.status, account);
                };
                let instance = instance.json();
                let statuses = &instance["configuration"]["statuses"];
                let number = |value: &Value, or: usize| {
                    value.as_u64().and_then(|n| usize::try_from(n).ok()).unwrap_or(or).to_string()
                };
                let mut learnt = Known { learnt: Some(now), ..Known::default() };
                let facts = [
                    ("account", id),
                    ("max_characters", number(&statuses["max_characters"], CHARACTERS)),
                    ("link", number(&statuses["characters_reserved_per_url"], LINK)),
                    ("version", instance["version"].as_str().unwrap_or_default().to_owned()),
                ];
                learnt.facts.extend(facts.map(|(k, v)| (k.to_owned(), v)));
                Prepare::Ready(learnt)
            }
        }
    }

    fn compose(&self, piece: &Piece<'_>, known: &Known) -> Result<Post, Unfit> {
        let fact =
            |name: &str, or| known.facts.get(name).and_then(|n| n.parse().ok()).unwrap_or(or);
        let template = template_of(piece.group)?;
        let text = template.say(&words_of(piece.entry)).map_err(|e| Unfit(e.to_string()))?;
        let limit = Limit {
            graphemes: fact("max_characters", CHARACTERS),
            bytes: usize::MAX,
            link: Some(fact("link", LINK)),
        };
        super::fitted(&quiet(&text), &limit, piece)
    }

    fn request(&self, post: &Post, piece: &Piece<'_>, _known: &Known) -> Result<Request, Unfit> {
        // Visibility comes from the config alone, never from the feed: "direct" would reach whoever
        // a feed names.
        let mut body = json!({ "status": post.text });
        if let Some(visibility) = &piece.group.visibility {
            body["visibility"] = json!(visibility);
        }
        if let Some(language) = &post.language {
            body["language"] = json!(language.split(['-', '_']).next());
        }
        Ok(Request::json(Method::Post, "/api/v1/statuses", &body)
            .with("idempotency-key", piece.key.as_str()))
    }

    fn authorise(
        &self,
        _request: &Request,
        _key: &IdempotencyKey,
        _known: &Known,
        _now: Time,
    ) -> Result<Vec<SecretHeader>, Unfit> {
        Ok(vec![self.bearer()])
    }

    fn judge(&self, response: &Response) -> Outcome {
        match response.status {
            403 => Outcome::Deferred {
                wait: None,
                cause: DeferCause::Credentials,
                reason: format!(
                    "the token from {} may not post: {}",
                    self.source,
                    response.excerpt()
                ),
            },
            429 => Outcome::Deferred {
                wait: retry_after_seconds(response).or_else(|| reset(response)),
                cause: DeferCause::RateLimited,
                reason: "status 429: the instance's limits are reached".to_owned(),
            },
            _ => Outcome::from_status(response, reference(&response.json())),
        }
    }

    fn ask(&self, doubt: &Doubt<'_>, known: &Known, answers: &[Response]) -> Ask {
        let Some(page) = answers.first() else {
            let Some(account) = known.facts.get("account") else { return Ask::Cannot };
            return Ask::Call(self.get(&format!(
                "/api/v1/accounts/{account}/statuses?limit={PAGE}&exclude_reblogs=true"
            )));
        };
        let statuses = page.json();
        let (200, Some(statuses)) = (page.status, statuses.as_array()) else {
            let what = format!("it was asked and answered {}", page.status);
            return Ask::Answer(Found::Unsure(what));
        };
        let since = doubt.first_sent.minus(CLOCKS);
        let sent: Value = serde_json::from_str(&doubt.request.body).unwrap_or_default();
        let sent = sent["status"].as_str().unwrap_or_default();
        let mut oldest = None;
        for status in statuses {
            let made = status["created_at"]
                .as_str()
                .and_then(|t| t.parse().ok())
                .map(Time::from_timestamp);
            oldest = oldest.min(made).or(made);
            if made.is_some_and(|t| t >= since)
                && is_ours(status["content"].as_str().unwrap_or_default(), sent)
            {
                return Ask::Answer(Found::There(reference(status)));
            }
        }
        // Only a page that reaches back to before the send proves that it is not there.
        let whole = statuses.len() < PAGE || oldest.is_some_and(|t| t < since);
        Ask::Answer(if whole {
            Found::Absent
        } else {
            Found::Unsure("the account has posted too much since to tell".to_owned())
        })
    }
}

/// Whether a status of the account is the one that was sent: by its link, which the server wraps into
/// markup but keeps in `href`, or by its words where it has none.
fn is_ours(content: &str, sent: &str) -> bool {
    let escaped = content.replace("&amp;", "&");
    let mut addresses = links(sent).into_iter().map(|range| &sent[range]).peekable();
    if addresses.peek().is_some() {
        return addresses.all(|link| escaped.contains(link));
    }
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    words(&plain(content)) == words(sent)
}

/// `@name` would notify a stranger: a zero-width space takes it apart. Web addresses stay as they are.
fn quiet(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut from = 0;
    for range in links(text) {
        out += &text[from..range.start].replace('@', "@\u{200B}");
        out += &text[range.clone()];
        from = range.end;
    }
    out + &text[from..].replace('@', "@\u{200B}")
}

fn reference(status: &Value) -> Reference {
    let text = |name: &str| status[name].as_str().map(str::to_owned);
    Reference { id: text("id"), url: text("url").or_else(|| text("uri")) }
}

/// How long until `X-RateLimit-Reset`: ISO 8601 on Mastodon, Unix seconds on others, both against the
/// answer's own `Date`.
fn reset(response: &Response) -> Option<Duration> {
    let reset = response.header("x-ratelimit-reset")?;
    let date =
        jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(response.header("date")?).ok()?;
    let reset = match reset.parse::<i64>() {
        Ok(seconds) => jiff::Timestamp::from_second(seconds).ok()?,
        Err(_) => reset.parse().ok()?,
    };
    Some(Time::from_timestamp(reset).since(Time::from_timestamp(date)))
}

fn later(status: u16, response: &Response) -> Prepare {
    Prepare::Later {
        wait: retry_after_seconds(response),
        reason: format!("the instance answered {status}: {}", response.excerpt()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_feed_cannot_ping_a_stranger() {
        let said = quiet("Thanks @alice and @bob@x.example, see https://x.example/@alice/1");
        assert_eq!(
            said,
            "Thanks @\u{200B}alice and @\u{200B}bob@\u{200B}x.example, see https://x.example/@alice/1"
        );
    }

    #[test]
    fn a_status_is_recognised_in_the_servers_markup() {
        let sent = "On harbours\n\nhttps://blog.example/harbours?a=1&b=2";
        let content = "<p>On harbours</p><p><a href=\"https://blog.example/harbours?a=1&amp;b=2\" \
                       ><span>https://</span>blog.example/...</a></p>";
        assert!(is_ours(content, sent));
        assert!(!is_ours("<p>On harbours</p>", sent));
        assert!(is_ours("<p>Only <b>words</b>.</p>", "Only words."));
    }

    #[test]
    fn both_forms_of_a_reset_are_read() {
        let answer = |reset: &str| Response {
            status: 429,
            headers: vec![
                ("date".into(), "Fri, 02 Jan 2026 03:04:05 GMT".into()),
                ("x-ratelimit-reset".into(), reset.into()),
            ],
            ..Response::default()
        };
        let minute = Some(Duration::from_secs(60));
        assert_eq!(reset(&answer("2026-01-02T03:05:05.000000Z")), minute);
        assert_eq!(reset(&answer("1767323105")), minute);
        assert_eq!(reset(&answer("soon")), None);
    }
}
