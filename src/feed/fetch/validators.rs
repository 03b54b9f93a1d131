//! `ETag` and `Last-Modified`: kept to the byte, sent only to who gave them, and not trusted where
//! they cannot tell two versions apart.

use std::time::Duration;

use url::Url;

use crate::feed::parse::dates;
use crate::model::{FeedState, Header, Response, Time};

/// A date within this time of the answer's own cannot tell whether the feed changed again in the
/// same second (RFC 9110, 8.8.2.2). WordPress makes its `ETag` of that second too, and answers 304
/// over a second post published in it.
const WEAK_WITHIN: Duration = Duration::from_secs(60);

/// 1990-01-01: servers that know no date say 1970 or 1980, and then 304 for ever.
const FIRST_BELIEVED: Time = Time::from_millis(631_152_000_000);

/// What a server gave to recognise a version of a feed by.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Validators {
    /// `ETag`, byte for byte.
    pub etag: Option<String>,
    /// `Last-Modified`, byte for byte.
    pub last_modified: Option<String>,
    /// The URL that gave them; no other is told.
    pub url: Option<String>,
}

impl Validators {
    /// What is remembered of a feed, if there is anything to send.
    pub(super) fn known(state: &FeedState) -> Option<Self> {
        // A server whose dates have hidden posts is told of none.
        let believed = state.lies < super::LIES_MAX;
        let known = Self {
            etag: state.etag.clone(),
            last_modified: state.last_modified.clone().filter(|_| believed),
            url: state.validators_url.clone(),
        };
        (known.etag.is_some() || known.last_modified.is_some()).then_some(known)
    }

    /// What an answer with a body gives; nothing where it is weak, so that the next poll asks for
    /// the whole feed.
    pub(super) fn of(response: &Response, url: &Url, now: Time) -> Self {
        let etag = response.header("etag").filter(|etag| !etag.trim().is_empty());
        let last_modified = response.header("last-modified");
        let modified = last_modified.and_then(dates::read).map(Time::from_timestamp);
        if modified.is_some_and(|modified| is_weak(modified, date_of(response, now))) {
            return Self::default();
        }
        let believed = last_modified.filter(|_| modified.is_none_or(|m| m >= FIRST_BELIEVED));
        let (etag, last_modified) = (etag.map(str::to_owned), believed.map(str::to_owned));
        let url = (etag.is_some() || last_modified.is_some()).then(|| url.to_string());
        Self { etag, last_modified, url }
    }

    /// What is to be sent after an answer that nothing has changed: it may bring new ones.
    pub(super) fn renewed(&self, response: &Response, now: Time) -> Self {
        let modified = response.header("last-modified").and_then(dates::read);
        let modified = modified.map(Time::from_timestamp);
        if modified.is_some_and(|modified| is_weak(modified, date_of(response, now))) {
            return Self::default();
        }
        let sent = |name, known: &Option<String>| {
            let sent = response.header(name).filter(|value| !value.trim().is_empty());
            sent.map(str::to_owned).or_else(|| known.clone())
        };
        Self {
            etag: sent("etag", &self.etag),
            last_modified: sent("last-modified", &self.last_modified),
            url: self.url.clone(),
        }
    }

    pub(super) fn headers(&self) -> impl Iterator<Item = Header> + use<> {
        let header = |name: &str, value: &Option<String>| {
            value.clone().map(|value| (name.to_owned(), value))
        };
        [header("if-none-match", &self.etag), header("if-modified-since", &self.last_modified)]
            .into_iter()
            .flatten()
    }
}

fn is_weak(modified: Time, date: Time) -> bool {
    date.since(modified) < WEAK_WITHIN
}

/// When an answer was made, by its own clock or else by ours.
pub(super) fn date_of(response: &Response, now: Time) -> Time {
    response.header("date").and_then(dates::read).map_or(now, Time::from_timestamp)
}
