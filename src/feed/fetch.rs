//! One poll: a conditional GET, with redirects followed by hand and every body capped, or a file.
//!
//! Validators are sent back byte for byte, only to the URL that issued them, and only when they can be
//! trusted to tell one state of the feed from the next.

use std::io::Read as _;
use std::path::Path;
use std::time::Duration;

use data_encoding::HEXLOWER;
use sha2::{Digest as _, Sha256};
use url::Url;

use crate::config::FeedSource;
use crate::model::{FeedState, Header, Response, Time};
use crate::wire::{Get, GetError, Getter, Reach};

/// The largest feed that is read, in bytes after decompression.
pub const BODY_MAX: usize = 16 << 20;
/// How long one answer may take in all.
const TIMEOUT: Duration = Duration::from_secs(60);
/// How many redirects are followed.
const HOPS_MAX: usize = 5;
/// A validator minted this shortly before it was sent may stand for two states of the feed.
const WEAK: Duration = Duration::from_secs(60);
/// A server can answer 304 for ever over a feed that changes: so often it is asked without validators.
const UNCONDITIONAL_EVERY: Duration = Duration::from_secs(86_400);
/// What we can read, best first.
const ACCEPT: &str = "application/atom+xml, application/rss+xml, application/feed+json, \
                      application/rdf+xml;q=0.9, application/xml;q=0.8, text/xml;q=0.8, */*;q=0.1";

/// What a poll brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fetched {
    /// The same as last time, as the server or the body's hash says.
    Unchanged(Validators),
    /// A body that is not the last one.
    Body(Box<Body>),
}

/// A feed's body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Body {
    /// What came.
    pub bytes: Vec<u8>,
    /// `Content-Type`, whole.
    pub content_type: Option<String>,
    /// Where it came from in the end; `None` for a file.
    pub url: Option<Url>,
    /// What to send next time.
    pub validators: Validators,
}

/// What a server gave to ask with next time.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Validators {
    /// `ETag`, byte for byte.
    pub etag: Option<String>,
    /// `Last-Modified`, byte for byte.
    pub last_modified: Option<String>,
    /// Who gave them.
    pub url: Option<String>,
    /// SHA-256 of the body, in hexadecimal.
    pub body_sha256: Option<String>,
    /// Whether this was asked without validators.
    pub unconditional: bool,
}

impl Validators {
    /// Writes them into the poller's memory.
    pub fn keep(self, state: &mut FeedState, now: Time) {
        state.etag = self.etag;
        state.last_modified = self.last_modified;
        state.validators_url = self.url;
        state.body_sha256 = self.body_sha256;
        if self.unconditional {
            state.last_unconditional = Some(now);
        }
    }
}

/// Why a poll brought nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{why}")]
pub struct FetchError {
    /// In words.
    pub why: String,
    /// How long the server asks to be left alone.
    pub wait: Option<Duration>,
}

impl FetchError {
    fn new(why: impl Into<String>) -> Self {
        Self { why: why.into(), wait: None }
    }
}

impl From<GetError> for FetchError {
    fn from(error: GetError) -> Self {
        Self::new(error.to_string())
    }
}

/// Polls a feed once.
///
/// # Errors
/// Where no body came that could be a feed's, in words.
pub async fn fetch(
    getter: &dyn Getter,
    source: &FeedSource,
    state: &FeedState,
    now: Time,
) -> Result<Fetched, FetchError> {
    match source {
        FeedSource::Http(url) => get(getter, url, state, now).await,
        FeedSource::File(path) => {
            let path = path.clone();
            let bytes = tokio::task::spawn_blocking(move || read(&path)).await.map_err(|e| {
                FetchError::new(format!("the reading of the file fell over: {e}"))
            })??;
            Ok(weigh(bytes, None, None, Validators::default(), state))
        }
    }
}

fn read(path: &Path) -> Result<Vec<u8>, FetchError> {
    let failed = |e| FetchError::new(format!("failed to read {}: {e}", path.display()));
    let file = std::fs::File::open(path).map_err(failed)?;
    if !file.metadata().map_err(failed)?.is_file() {
        return Err(FetchError::new(format!("{} is not a file", path.display())));
    }
    let mut bytes = Vec::new();
    file.take(BODY_MAX as u64 + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() > BODY_MAX {
        let path = path.display();
        return Err(FetchError::new(format!("{path} has more than {BODY_MAX} bytes")));
    }
    Ok(bytes)
}

async fn get(
    getter: &dyn Getter,
    first: &Url,
    state: &FeedState,
    now: Time,
) -> Result<Fetched, FetchError> {
    let stale = state.last_unconditional.is_none_or(|t| now.since(t) >= UNCONDITIONAL_EVERY);
    let mut url = first.clone();
    let mut seen = vec![url.clone()];
    loop {
        let mut headers = vec![("accept".to_owned(), ACCEPT.to_owned())];
        let conditions = if stale { Vec::new() } else { conditions(state, &url) };
        let unconditional = conditions.is_empty();
        headers.extend(conditions);
        // The operator's own address may be private; where somebody else's answer leads may not,
        // unless it stays on that host.
        let home = url.host() == first.host()
            && url.port_or_known_default() == first.port_or_known_default();
        let reach = if home { Reach::Anywhere } else { Reach::PublicOnly };
        let get = Get { url: &url, headers, reach, max_body: BODY_MAX, timeout: TIMEOUT };
        let answer = getter.get(get).await?;
        match answer.status {
            200..=203 | 226 => {
                let content_type = answer.header("content-type").map(str::to_owned);
                let validators = Validators { unconditional, ..validators(&answer, &url) };
                return Ok(weigh(answer.body, content_type, Some(url), validators, state));
            }
            304 => return Ok(Fetched::Unchanged(renewed(&answer, &url, state))),
            301 | 302 | 303 | 307 | 308 => {
                url = next_hop(&answer, &url)?;
                if seen.contains(&url) || seen.len() > HOPS_MAX {
                    let why =
                        format!("its redirects lead nowhere (more than {HOPS_MAX}, or in a ring)");
                    return Err(FetchError::new(why));
                }
                seen.push(url.clone());
            }
            status => {
                return Err(FetchError {
                    why: format!("the server answered {status}{}", meaning(status)),
                    wait: retry_after(&answer, now),
                });
            }
        }
    }
}

fn next_hop(answer: &Response, url: &Url) -> Result<Url, FetchError> {
    let place = answer.header("location").ok_or_else(|| {
        FetchError::new(format!("the server answered {} and not where", answer.status))
    })?;
    let next = url
        .join(place)
        .map_err(|_| FetchError::new("the server redirects to what is no address"))?;
    if !matches!(next.scheme(), "http" | "https") {
        return Err(FetchError::new(format!(
            "the server redirects to a {}: address",
            next.scheme()
        )));
    }
    Ok(next)
}

/// The conditions under which a body is wanted at all.
fn conditions(state: &FeedState, url: &Url) -> Vec<Header> {
    let mut headers = Vec::new();
    if state.validators_url.as_deref() != Some(url.as_str()) {
        return headers;
    }
    if let Some(etag) = &state.etag {
        headers.push(("if-none-match".to_owned(), etag.clone()));
    }
    if let Some(date) = &state.last_modified {
        headers.push(("if-modified-since".to_owned(), date.clone()));
    }
    headers
}

/// What an answer gives to ask with next time. A change in the second of the last one leaves its date
/// as it was, and the tags that some servers make of that date (RFC 9110, 8.8.2.2; WordPress answers
/// 304 over a second post of the same second).
fn validators(answer: &Response, url: &Url) -> Validators {
    let header = |name: &str| answer.header(name).map(str::to_owned);
    let made = answer.header("last-modified").and_then(http_date);
    let sent = answer.header("date").and_then(http_date);
    let weak = match (made, sent) {
        (Some(made), Some(sent)) => sent.since(made) < WEAK,
        (Some(_), None) => true,
        (None, _) => false,
    };
    if weak {
        return Validators { url: Some(url.to_string()), ..Validators::default() };
    }
    Validators {
        etag: header("etag"),
        last_modified: header("last-modified"),
        url: Some(url.to_string()),
        ..Validators::default()
    }
}

/// A 304 may bring new validators; what it does not mention stays.
fn renewed(answer: &Response, url: &Url, state: &FeedState) -> Validators {
    let new = validators(answer, url);
    Validators {
        etag: new.etag.or_else(|| state.etag.clone()),
        last_modified: new.last_modified.or_else(|| state.last_modified.clone()),
        url: new.url,
        body_sha256: state.body_sha256.clone(),
        unconditional: false,
    }
}

fn weigh(
    bytes: Vec<u8>,
    content_type: Option<String>,
    url: Option<Url>,
    validators: Validators,
    state: &FeedState,
) -> Fetched {
    let hash = HEXLOWER.encode(&Sha256::digest(&bytes));
    let same = state.body_sha256.as_ref() == Some(&hash);
    let validators = Validators { body_sha256: Some(hash), ..validators };
    if same {
        return Fetched::Unchanged(validators);
    }
    Fetched::Body(Box::new(Body { bytes, content_type, url, validators }))
}

fn http_date(text: &str) -> Option<Time> {
    let parser = jiff::fmt::rfc2822::DateTimeParser::new().relaxed_weekday(true);
    parser.parse_timestamp(text).ok().map(Time::from_timestamp)
}

/// `Retry-After`, in seconds or as a date.
fn retry_after(answer: &Response, now: Time) -> Option<Duration> {
    let text = answer.header("retry-after")?.trim();
    match text.parse::<u64>() {
        Ok(seconds) => Some(Duration::from_secs(seconds)),
        Err(_) => http_date(text).map(|date| date.since(now)),
    }
}

/// What a person can do about a status.
const fn meaning(status: u16) -> &'static str {
    match status {
        401 | 403 => ": it does not let us read the feed",
        404 => ": there is no feed at that address",
        410 => ": the feed is gone for good; take it out of the config or correct its url",
        429 => ": it is asked too often",
        451 => ": it may not show it",
        500..=599 => ": the server has a fault of its own",
        _ => "",
    }
}

#[cfg(test)]
#[path = "fetch_tests.rs"]
mod tests;
