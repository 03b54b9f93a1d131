//! Asking for a feed: politely, with what it gave us last time, and never fooled into believing
//! that nothing is new when something is.

mod file;
mod fresh;
mod validators;

use std::collections::HashSet;
use std::time::Duration;

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};
use url::Url;

pub use validators::Validators;

use super::parse::dates;
use crate::config::FeedSource;
use crate::model::{Fault, FeedState, Response, Time};
use crate::wire::{Get, GetError, Getter, Reach};

/// The largest feed taken, in bytes after decompression.
pub const MAX_BODY: usize = 16 * 1024 * 1024;
/// The most that is read from the network for one answer, in bytes.
pub const MAX_WIRE: usize = 8 * 1024 * 1024;
/// How long one request may take in all.
const TIMEOUT: Duration = Duration::from_secs(60);
/// As many redirects are followed as browsers' readers need.
const MAX_HOPS: usize = 5;
/// A feed is asked for without validators after so many days of "not modified", since servers say that
/// by mistake. Each time it was true, the next such look comes later.
const UNCONDITIONAL_DAYS: [u64; 5] = [1, 2, 4, 8, 14];
/// After so many of these looks in a row that found news, the feed's dates are not sent back any more.
const LIES_MAX: u32 = 2;
/// What is read, best first; the rest is tried all the same.
const ACCEPT: &str = "application/atom+xml, application/rss+xml, application/feed+json, \
    application/rdf+xml;q=0.9, application/xml;q=0.8, text/xml;q=0.8, */*;q=0.1";

/// What asking brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fetched {
    /// The server says that nothing has changed.
    NotModified(Validators),
    /// A body came, and it is the one taken last time.
    Unchanged(Validators),
    /// A body to read.
    Body(Box<Body>),
}

/// A feed's body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Body {
    /// The bytes.
    pub bytes: Vec<u8>,
    /// The `Content-Type`, whole.
    pub content_type: Option<String>,
    /// Where it came from in the end; `None` for a file.
    pub url: Option<Url>,
    /// What to send next time.
    pub validators: Validators,
    /// SHA-256 of the bytes, in hexadecimal.
    pub sha256: String,
    /// Whether the body came whole.
    pub whole: bool,
}

/// What an answer said beside its body.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Said {
    /// The status; 0 for a file.
    pub status: u16,
    /// Where the feed has moved for good, if every redirect on the way says so and none leads from
    /// https to http.
    pub moved: Option<Url>,
    /// For how long the answer is fresh.
    pub fresh: Option<Duration>,
    /// Whether validators were known and not sent, to see whether "not modified" is true.
    pub checked: bool,
    /// WebSub hubs in `Link` headers.
    pub hubs: Vec<String>,
    /// The feed's own address in `Link` headers.
    pub own: Option<String>,
}

/// Why a feed could not be fetched, in words for `status`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FetchError {
    /// No answer.
    #[error(transparent)]
    Get(#[from] GetError),
    /// An answer without a feed.
    #[error("{host} {}", status_words(*status))]
    Status {
        /// Who answered.
        host: String,
        /// With what.
        status: u16,
        /// How long the server asks to be left alone.
        wait: Option<Duration>,
    },
    /// Redirects that lead nowhere.
    #[error("{host} redirects {why}")]
    Redirect {
        /// Who redirected last.
        host: String,
        /// In words.
        why: &'static str,
    },
    /// A file that cannot be read.
    #[error("{path}: {why}")]
    File {
        /// Its path.
        path: String,
        /// In words.
        why: String,
    },
}

impl FetchError {
    /// How long the server asks to be left alone.
    #[must_use]
    pub const fn wait(&self) -> Option<Duration> {
        match self {
            Self::Status { wait, .. } => *wait,
            _ => None,
        }
    }

    /// Who answered, where somebody did.
    #[must_use]
    pub fn host(&self) -> Option<&str> {
        match self {
            Self::Status { host, .. } | Self::Redirect { host, .. } => Some(host),
            _ => None,
        }
    }

    /// What kind of failure it is.
    #[must_use]
    pub const fn fault(&self) -> Fault {
        match self {
            Self::Status { status: 401 | 403 | 407 | 451, .. } => Fault::Access,
            Self::Status { status: 404, .. } => Fault::Missing,
            Self::Status { status: 410, .. } => Fault::Gone,
            Self::Status { status: 429, .. } | Self::Status { status: 503, wait: Some(_), .. } => {
                Fault::Throttled
            }
            Self::Get(GetError::Blocked { .. } | GetError::TooLarge { .. })
            | Self::Redirect { .. } => Fault::Refused,
            Self::Get(_) | Self::Status { .. } | Self::File { .. } => Fault::Trouble,
        }
    }
}

fn status_words(status: u16) -> String {
    let (what, then) = match status {
        304 => ("answers \"not modified\" to a question that was not asked", ""),
        401 | 403 | 407 | 451 => ("refuses access", ": check the url, or ask the site"),
        404 => ("has no feed there", ": check the url"),
        410 => ("says that the feed is gone for good", ": take it out of the config"),
        429 => ("asks to be polled less often", ""),
        500..=599 => ("has a fault of its own", ""),
        _ => ("gives no feed", ""),
    };
    format!("{what} (HTTP {status}){then}")
}

impl Fetched {
    /// Writes the validators of this poll into the feed's memory, once its body has been read: one that
    /// is no feed leaves them as they were. `whole` says whether all of a body was taken; if not, its
    /// validators and hash are forgotten, since else its rest would never be asked for.
    pub fn remember(&self, state: &mut FeedState, now: Time, whole: bool) {
        let validators = match self {
            Self::NotModified(validators) => validators.clone(),
            Self::Unchanged(validators) => {
                state.last_unconditional = Some(now);
                validators.clone()
            }
            Self::Body(body) if whole => {
                state.last_unconditional = Some(now);
                state.last_change = Some(now);
                state.body_sha256 = Some(body.sha256.clone());
                body.validators.clone()
            }
            Self::Body(_) => {
                state.body_sha256 = None;
                Validators::default()
            }
        };
        state.etag = validators.etag;
        state.last_modified = validators.last_modified;
        state.validators_url = validators.url;
        state.last_success = Some(now);
    }
}

/// Asks for a feed.
///
/// Validators are sent byte for byte, only to the URL that gave them. Redirects are followed hop by
/// hop and never remembered; where one leads to another server than the operator wrote, only to a
/// public address.
///
/// # Errors
/// Where there is no body and nobody says that nothing has changed.
pub async fn fetch(
    getter: &dyn Getter,
    source: &FeedSource,
    state: &FeedState,
    now: Time,
) -> Result<Fetched, FetchError> {
    ask(getter, source, state, now).await.map(|(fetched, _)| fetched)
}

/// The same, with what the answer said beside its body.
///
/// # Errors
/// As [`fetch`].
pub async fn ask(
    getter: &dyn Getter,
    source: &FeedSource,
    state: &FeedState,
    now: Time,
) -> Result<(Fetched, Said), FetchError> {
    match source {
        FeedSource::Http(url) => ask_http(getter, url, state, now).await,
        FeedSource::File(path) => {
            let bytes = file::read(path).await?;
            let fetched = took(bytes, None, None, Validators::default(), true, state);
            Ok((fetched, Said::default()))
        }
    }
}

/// Whether the whole feed is asked for, to see whether "not modified" is true.
fn is_check_due(state: &FeedState, now: Time) -> bool {
    let days = UNCONDITIONAL_DAYS;
    let honest = usize::try_from(state.honest).unwrap_or(usize::MAX).min(days.len() - 1);
    let every = Duration::from_secs(days[honest] * 24 * 60 * 60);
    // A clock that was set back must not put this off.
    state.last_unconditional.is_none_or(|last| now < last || now.since(last) >= every)
}

/// Where a feed is asked for: where it has moved for good, or where the operator wrote.
#[must_use]
pub fn address(written: &Url, state: &FeedState) -> Url {
    let moved = state.moved_to.as_deref().and_then(|url| Url::parse(url).ok());
    moved.unwrap_or_else(|| written.clone())
}

async fn ask_http(
    getter: &dyn Getter,
    written: &Url,
    state: &FeedState,
    now: Time,
) -> Result<(Fetched, Said), FetchError> {
    let first = address(written, state);
    let known = Validators::known(state);
    let checked = known.is_some() && is_check_due(state, now);
    let known = known.filter(|_| !checked);
    let mut url = first.clone();
    let mut seen = HashSet::from([url.clone()]);
    let mut permanent = true;
    loop {
        let host = url.host_str().unwrap_or_default().to_owned();
        let validators = known.as_ref().filter(|known| known.url.as_deref() == Some(url.as_str()));
        let mut headers = vec![("accept".to_owned(), ACCEPT.to_owned())];
        headers.extend(validators.into_iter().flat_map(Validators::headers));
        let reach = if is_operators(written, &url) { Reach::Anywhere } else { Reach::PublicOnly };
        let get = Get {
            url: &url,
            headers,
            reach,
            max_body: MAX_BODY,
            max_wire: MAX_WIRE,
            timeout: TIMEOUT,
        };
        let response = getter.get(get).await?;
        let said = |permanent: bool, url: &Url| Said {
            status: response.status,
            moved: (permanent && *url != first).then(|| url.clone()),
            fresh: fresh::fresh(&response, now),
            checked,
            hubs: crate::model::links::named(&response, url, "hub"),
            own: crate::model::links::named(&response, url, "self").into_iter().next(),
        };
        match (response.status, validators) {
            (301 | 302 | 303 | 307 | 308, _) => {
                let next = target(&response, &url)
                    .map_err(|why| FetchError::Redirect { host: host.clone(), why })?;
                let weaker = url.scheme() == "https" && next.scheme() == "http";
                permanent &= matches!(response.status, 301 | 308) && !weaker;
                let why = if !seen.insert(next.clone()) {
                    "in a circle"
                } else if seen.len() > MAX_HOPS + 1 {
                    "too often"
                } else {
                    url = next;
                    continue;
                };
                return Err(FetchError::Redirect { host, why });
            }
            (304, Some(validators)) => {
                let said = said(permanent, &url);
                return Ok((Fetched::NotModified(validators.renewed(&response, now)), said));
            }
            (200 | 203, _) => {
                let said = said(permanent, &url);
                let validators = Validators::of(&response, &url, now);
                let content_type = response.header("content-type").map(str::to_owned);
                let whole = response.whole;
                let fetched =
                    took(response.body, content_type, Some(url), validators, whole, state);
                return Ok((fetched, said));
            }
            (status, _) => {
                let wait = retry_after(&response, now);
                return Err(FetchError::Status { host, status, wait });
            }
        }
    }
}

fn took(
    bytes: Vec<u8>,
    content_type: Option<String>,
    url: Option<Url>,
    validators: Validators,
    whole: bool,
    state: &FeedState,
) -> Fetched {
    let sha256 = HEXLOWER.encode(&Sha256::digest(&bytes));
    if whole && state.body_sha256.as_ref() == Some(&sha256) {
        return Fetched::Unchanged(validators);
    }
    let body = Body { bytes, content_type, url, validators, sha256, whole };
    Fetched::Body(Box::new(body))
}

/// Whether a URL leads to the server that the operator wrote: the same host and port, or the same
/// host from http to https on their usual ports.
fn is_operators(first: &Url, url: &Url) -> bool {
    let port = |url: &Url| url.port_or_known_default();
    let upgraded = first.scheme() == "http"
        && url.scheme() == "https"
        && (port(first), port(url)) == (Some(80), Some(443));
    first.host() == url.host() && (port(first) == port(url) || upgraded)
}

/// Where a redirect leads.
fn target(response: &Response, from: &Url) -> Result<Url, &'static str> {
    let location = response.header("location").ok_or("without saying where to")?;
    let mut url = from.join(location).map_err(|_| "to something that is no address")?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err("to something that is not on the web");
    }
    url.set_fragment(None);
    // Neither fails on http and https. Nobody else's login is ours to use.
    if url.host() != from.host() {
        let _ = url.set_username("");
        let _ = url.set_password(None);
    }
    Ok(url)
}

/// `Retry-After` in either form (RFC 9110, 10.2.3).
fn retry_after(response: &Response, now: Time) -> Option<Duration> {
    if let Some(wait) = crate::model::retry_after_seconds(response) {
        return Some(wait);
    }
    let until = Time::from_timestamp(dates::read(response.header("retry-after")?)?);
    Some(until.since(validators::date_of(response, now)))
}

#[cfg(test)]
mod tests;
