//! Bluesky: any AT Protocol PDS.
//!
//! <https://docs.bsky.app/docs/api/com-atproto-repo-put-record>. We choose the record's key, and
//! `swapRecord: null` makes a repeat of the same bytes a no-op: the one platform of the four on which
//! once is exact, without a window.

use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};

use crate::config::{Group, Secret, SecretSource};
use crate::model::{
    DeferCause, Found, Guarantee, IdempotencyKey, Method, Outcome, Reference, Request, Response,
    Time, retry_after_seconds,
};
use crate::post::{Limit, links, words_of};

use super::{
    Adapter, Ask, Call, Doubt, Known, Piece, Post, Prepare, SecretHeader, Unfit, template_of,
};

/// `app.bsky.feed.post`: 300 graphemes and 3,000 bytes, each refused separately.
const LIMIT: Limit = Limit { graphemes: 300, bytes: 3_000, link: None };
const COLLECTION: &str = "app.bsky.feed.post";
const PUT: &str = "/xrpc/com.atproto.repo.putRecord";
/// What a card's title and description may have, in graphemes, before clients cut them.
const CARD_GRAPHEMES: usize = 300;
/// A session is renewed this long before its own end.
const EARLY: u64 = 120;

/// One account at one PDS.
#[derive(Debug)]
pub(super) struct Bluesky {
    identifier: String,
    password: SecretString,
    source: SecretSource,
}

impl Bluesky {
    pub(super) fn new(identifier: &str, password: &Secret) -> Self {
        Self {
            identifier: identifier.to_owned(),
            password: password.value.clone(),
            source: password.source.clone(),
        }
    }

    fn log_in(&self) -> Call {
        let body = json!({
            "identifier": self.identifier,
            "password": self.password.expose_secret(),
        });
        Call {
            request: Request::json(
                Method::Post,
                "/xrpc/com.atproto.server.createSession",
                &Value::Null,
            ),
            secret_headers: Vec::new(),
            secret_body: Some(body.to_string().into()),
        }
    }

    /// What a new session tells. 401 is the account's word on its password.
    fn session(&self, answer: &Response, now: Time) -> Prepare {
        let body = answer.json();
        let text = |name: &str| body[name].as_str().map(str::to_owned);
        match (answer.status, text("accessJwt"), text("did")) {
            (200, Some(access), Some(did)) => {
                let mut known = Known { learnt: Some(now), ..Known::default() };
                known.facts.insert("did".to_owned(), did);
                known.facts.extend(text("handle").map(|h| ("handle".to_owned(), h)));
                known.secrets.insert("access".to_owned(), access.into());
                if let Some(refresh) = text("refreshJwt") {
                    known.secrets.insert("refresh".to_owned(), refresh.into());
                }
                Prepare::Ready(known)
            }
            (400 | 401 | 403, ..) => Prepare::Denied(format!(
                "the server does not accept {} with the password from {}: {}",
                self.identifier,
                self.source,
                answer.excerpt()
            )),
            (status, ..) => Prepare::Later {
                wait: retry_after_seconds(answer).or_else(|| reset(answer)),
                reason: format!("no session: status {status}: {}", answer.excerpt()),
            },
        }
    }
}

impl Adapter for Bluesky {
    fn guarantee(&self, _known: &Known) -> Guarantee {
        Guarantee::DerivedId
    }

    fn prepare(&self, known: &Known, _group: &Group, answers: &[Response], now: Time) -> Prepare {
        let good = |name: &str| {
            known.secrets.get(name).filter(|jwt| expires(jwt.expose_secret()) > now_s(now) + EARLY)
        };
        let refresh = good("refresh");
        match answers {
            [] if good("access").is_some() && known.facts.contains_key("did") => {
                Prepare::Ready(known.clone())
            }
            [] => match refresh {
                Some(refresh) => {
                    let path = "/xrpc/com.atproto.server.refreshSession";
                    let request = Request { method: Method::Post, ..Request::get(path) };
                    let secret_headers = vec![bearer(refresh)];
                    Prepare::Call(Call { request, secret_headers, secret_body: None })
                }
                None => Prepare::Call(self.log_in()),
            },
            [answer] if refresh.is_none() => self.session(answer, now),
            // A refresh token that is not taken is no reason to stop: the password may be.
            [answer] if matches!(answer.status, 400 | 401 | 403) => Prepare::Call(self.log_in()),
            [.., answer] => self.session(answer, now),
        }
    }

    fn compose(&self, piece: &Piece<'_>, _known: &Known) -> Result<Post, Unfit> {
        let template = template_of(piece.group)?;
        let text = template.say(&words_of(piece.entry)).map_err(|e| Unfit(e.to_string()))?;
        super::fitted(&text, &LIMIT, piece)
    }

    fn request(&self, post: &Post, piece: &Piece<'_>, known: &Known) -> Result<Request, Unfit> {
        let did = known.facts.get("did").ok_or_else(|| Unfit("its account is unknown".into()))?;
        // Names and tags do nothing without a facet, and only links get one: no feed can ping.
        let facets: Vec<Value> = links(&post.text)
            .into_iter()
            .map(|range| {
                json!({
                    "index": { "byteStart": range.start, "byteEnd": range.end },
                    "features": [{
                        "$type": "app.bsky.richtext.facet#link",
                        "uri": &post.text[range],
                    }],
                })
            })
            .collect();
        let mut record = json!({
            "$type": COLLECTION,
            "text": post.text,
            "createdAt": piece.now.to_string(),
        });
        if !facets.is_empty() {
            record["facets"] = json!(facets);
        }
        if let Some(language) = &post.language {
            record["langs"] = json!([language]);
        }
        if let Some(link) = &piece.entry.link {
            let words = words_of(piece.entry);
            record["embed"] = json!({
                "$type": "app.bsky.embed.external",
                "external": {
                    "uri": link,
                    "title": crate::post::excerpt(&words.title, CARD_GRAPHEMES),
                    "description": crate::post::excerpt(&words.summary, CARD_GRAPHEMES),
                },
            });
        }
        let body = json!({
            "repo": did,
            "collection": COLLECTION,
            "rkey": record_key(piece),
            "swapRecord": null,
            "record": record,
        });
        Ok(Request::json(Method::Post, PUT, &body))
    }

    fn authorise(
        &self,
        _request: &Request,
        _key: &IdempotencyKey,
        known: &Known,
        _now: Time,
    ) -> Result<Vec<SecretHeader>, Unfit> {
        let access = known.secrets.get("access");
        access.map(|jwt| vec![bearer(jwt)]).ok_or_else(|| Unfit("there is no session".to_owned()))
    }

    fn judge(&self, response: &Response) -> Outcome {
        let body = response.json();
        let deferred = |cause, reason: String| Outcome::Deferred { wait: None, cause, reason };
        match (response.status, body["error"].as_str()) {
            (400, Some("ExpiredToken" | "InvalidToken"))
            | (401, Some("AuthMissing" | "AuthenticationRequired")) => {
                deferred(DeferCause::SessionExpired, response.excerpt())
            }
            (400, Some("InvalidSwap")) => Outcome::Refused {
                reason: format!(
                    "another record stands under the key that was chosen: {}",
                    response.excerpt()
                ),
            },
            (429, _) => Outcome::Deferred {
                wait: retry_after_seconds(response).or_else(|| reset(response)),
                cause: DeferCause::RateLimited,
                reason: "status 429: the server's limits are reached".to_owned(),
            },
            _ => Outcome::from_status(response, reference(&body)),
        }
    }

    fn ask(&self, doubt: &Doubt<'_>, _known: &Known, answers: &[Response]) -> Ask {
        let Some(answer) = answers.first() else {
            let sent: Value = serde_json::from_str(&doubt.request.body).unwrap_or_default();
            let (Some(repo), Some(rkey)) = (sent["repo"].as_str(), sent["rkey"].as_str()) else {
                return Ask::Cannot;
            };
            return Ask::Call(Call::open(Request::get(format!(
                "/xrpc/com.atproto.repo.getRecord?repo={repo}&collection={COLLECTION}&rkey={rkey}"
            ))));
        };
        let body = answer.json();
        Ask::Answer(match (answer.status, body["error"].as_str()) {
            (200, _) if body["uri"].is_string() => Found::There(reference(&body)),
            (400, Some("RecordNotFound")) => Found::Absent,
            (status, _) => Found::Unsure(format!("it was asked and answered {status}")),
        })
    }
}

fn bearer(jwt: &SecretString) -> SecretHeader {
    ("authorization".to_owned(), format!("Bearer {}", jwt.expose_secret()).into())
}

/// The key of a record: a TID (<https://atproto.com/specs/tid>), 53 bits of microseconds and 10 bits
/// that tell clocks apart, in 13 digits that sort.
///
/// The microseconds come from the delivery's own moment and the entry's number, so that no two
/// deliveries of a ledger share a key, and every attempt of one has the same.
fn record_key(piece: &Piece<'_>) -> String {
    let micros = piece.opened.as_millis().saturating_mul(1_000) + piece.number % 1_000;
    let clock = u64::from_str_radix(&piece.key.as_str()[..3], 16).unwrap_or(0) & 0x3ff;
    tid(micros, clock)
}

fn tid(micros: u64, clock: u64) -> String {
    const DIGITS: &[u8; 32] = b"234567abcdefghijklmnopqrstuvwxyz";
    let value = (micros & ((1 << 53) - 1)) << 10 | clock;
    (0..13).rev().map(|n| char::from(DIGITS[(value >> (5 * n) & 31) as usize])).collect()
}

/// When a JWT ends, in Unix seconds, as it says itself; nothing is believed beyond that.
fn expires(jwt: &str) -> u64 {
    let payload = jwt.split('.').nth(1).unwrap_or_default();
    let claims: Value = data_encoding::BASE64URL_NOPAD
        .decode(payload.as_bytes())
        .ok()
        .and_then(|bytes| serde_json::from_slice(&bytes).ok())
        .unwrap_or_default();
    claims["exp"].as_u64().unwrap_or(0)
}

const fn now_s(now: Time) -> u64 {
    now.as_millis() / 1_000
}

/// `at://did/collection/rkey`, and where a person sees it.
fn reference(body: &Value) -> Reference {
    let Some(uri) = body["uri"].as_str() else { return Reference::default() };
    let mut parts = uri.trim_start_matches("at://").split('/');
    let url = match (parts.next(), parts.next(), parts.next()) {
        (Some(did), Some(_), Some(rkey)) => {
            Some(format!("https://bsky.app/profile/{did}/post/{rkey}"))
        }
        _ => None,
    };
    Reference { id: Some(uri.to_owned()), url }
}

/// `RateLimit-Reset` in Unix seconds, against the answer's own `Date`.
fn reset(response: &Response) -> Option<std::time::Duration> {
    let reset = response.header("ratelimit-reset")?.parse::<i64>().ok()?;
    let reset = jiff::Timestamp::from_second(reset).ok()?;
    let date =
        jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(response.header("date")?).ok()?;
    Some(Time::from_timestamp(reset).since(Time::from_timestamp(date)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A vector that a real PDS has accepted: 2026-01-02T03:04:05Z with clock id 7.
    #[test]
    fn a_record_key_is_one_that_servers_take() {
        assert_eq!(tid(1_767_323_045_000_000, 7), "3mbfvv6twu22b");
    }

    #[test]
    fn the_end_of_a_session_is_read_from_it() {
        let jwt = format!(
            "h.{}.s",
            data_encoding::BASE64URL_NOPAD.encode(br#"{"scope":"x","exp":1767323045}"#)
        );
        assert_eq!(expires(&jwt), 1_767_323_045);
        assert_eq!(expires("garbage"), 0);
    }

    #[test]
    fn a_reader_is_led_to_the_post() {
        let found = reference(&json!({ "uri": "at://did:plc:abc/app.bsky.feed.post/3mb" }));
        assert_eq!(found.url.as_deref(), Some("https://bsky.app/profile/did:plc:abc/post/3mb"));
    }
}
