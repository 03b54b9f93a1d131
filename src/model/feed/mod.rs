//! What is remembered about a feed between two polls; written in the commit that takes its entries.
//!
//! Fields are only ever added, each with a default that means "not known", so that a ledger of any
//! release goes on: a feed that an older one has remembered is asked again as it was.

mod standing;

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Time;

pub use standing::{Fault, Standing, Why};

/// The poller's memory of one feed.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct FeedState {
    /// `ETag`, byte for byte, quotes and all.
    pub etag: Option<String>,
    /// `Last-Modified`, byte for byte.
    pub last_modified: Option<String>,
    /// The URL that sent those validators; they belong to it and to no other.
    pub validators_url: Option<String>,
    /// SHA-256 of the last body taken whole, in hexadecimal.
    pub body_sha256: Option<String>,
    /// When it is polled next.
    pub next_poll: Time,
    /// Why then.
    #[serde(skip_serializing_if = "is_default")]
    pub why_next: Why,
    /// The last poll that brought an answer we could use (200 or 304).
    pub last_success: Option<Time>,
    /// The last poll that brought a body with changes.
    pub last_change: Option<Time>,
    /// How the last poll ended, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_outcome: Option<String>,
    /// Failures in a row.
    pub failures: u32,
    /// When the present run of failures began.
    pub failing_since: Option<Time>,
    /// The last failure, in words; `None` after a success.
    pub last_error: Option<String>,
    /// What kind of failure the last one was; `None` after a success.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fault: Option<Fault>,
    /// How many of that kind in a row: its rest grows with them.
    #[serde(skip_serializing_if = "is_default")]
    pub streak: u32,
    /// The last unconditional fetch that brought a body.
    pub last_unconditional: Option<Time>,
    /// How often in a row a look at the whole feed found that its server's "not modified" was true.
    #[serde(skip_serializing_if = "is_default")]
    pub honest: u32,
    /// How often such a look found new entries that the server had not told of.
    #[serde(skip_serializing_if = "is_default")]
    pub lies: u32,
    /// How many entries the last whole document had.
    pub entries: u32,
    /// Since when a feed that had entries has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub empty_since: Option<Time>,
    /// Hashes of what the newest entries of the last whole document are called.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sample: Vec<u32>,
    /// The last body that broke off: its hash, and how often in a row it was the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cut: Option<(String, u32)>,
    /// Its server wants no poll before; this holds for everything on that host.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_before: Option<(String, Time)>,
    /// For how long the last answer is fresh, by its own headers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fresh: Option<Duration>,
    /// What the document itself asks for.
    #[serde(skip_serializing_if = "is_default")]
    pub wishes: Wishes,
    /// Its address in the config, so that another one there is noticed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub written: Option<String>,
    /// Where it has moved for good, as was seen to hold.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub moved_to: Option<String>,
    /// A move that is said to be for good and has yet to hold.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub moving: Option<Move>,
    /// When its server first said that it is gone for good.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gone: Option<Time>,
    /// Who calls when it changes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hub: Option<Hub>,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// What a feed's document asks of those who poll it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Wishes {
    /// RSS `ttl`.
    pub ttl: Option<Duration>,
    /// `sy:updatePeriod` over `sy:updateFrequency`.
    pub update_every: Option<Duration>,
    /// RSS `skipHours`: one bit an hour of the day in GMT, midnight first.
    pub skip_hours: u32,
    /// RSS `skipDays`: one bit a day of the week in GMT, Monday first.
    pub skip_days: u8,
}

/// A redirect that says it is for good.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Move {
    /// Where to.
    pub to: String,
    /// Since when.
    pub since: Time,
    /// How many polls in a row it has led there.
    pub times: u32,
    /// What the feed's entries were called before.
    pub before: Vec<u32>,
    /// Whether one of them was found there.
    pub known: bool,
}

/// A subscription at a WebSub hub.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Hub {
    /// The hub's address.
    pub url: String,
    /// What is subscribed to: the feed's own address, as it says itself.
    pub topic: String,
    /// The last part of our callback, which nobody can guess.
    pub path: String,
    /// What its calls are signed with.
    pub secret: Option<String>,
    /// When it was last asked.
    pub asked: Option<Time>,
    /// How long it has promised to call, from when on.
    pub lease: Option<(Time, Duration)>,
    /// When it last called.
    pub called: Option<Time>,
    /// Why it does not, in words.
    pub trouble: Option<String>,
}

impl Hub {
    /// Whether it has promised to call, still.
    #[must_use]
    pub fn is_live(&self, now: Time) -> bool {
        self.lease.is_some_and(|(from, span)| now < from.plus(span))
    }
}

impl FeedState {
    /// Forgets what belongs to an address, for a feed that has another one now. What the feed has
    /// shown is remembered elsewhere, and its validators belong to their URL in any case.
    #[must_use]
    pub fn readdressed(self, written: &str) -> Self {
        Self {
            etag: self.etag,
            last_modified: self.last_modified,
            validators_url: self.validators_url,
            last_success: self.last_success,
            last_change: self.last_change,
            last_unconditional: self.last_unconditional,
            entries: self.entries,
            sample: self.sample,
            written: Some(written.to_owned()),
            ..Self::default()
        }
    }

    /// Whether nothing differs but when it was asked, how that ended in words, and when it is asked next.
    #[must_use]
    pub fn is_same_but_for_times(&self, other: &Self) -> bool {
        let timeless = |state: &Self| Self {
            next_poll: Time::EPOCH,
            why_next: Why::default(),
            last_success: state.last_success.map(|_| Time::EPOCH),
            last_unconditional: state.last_unconditional.map(|_| Time::EPOCH),
            last_outcome: None,
            fresh: None,
            ..state.clone()
        };
        timeless(self) == timeless(other)
    }

    /// Asks at once, whatever was remembered against it: a person says so.
    #[must_use]
    pub fn woken(self) -> Self {
        Self {
            next_poll: Time::EPOCH,
            why_next: Why::Asked,
            gone: None,
            fault: None,
            streak: 0,
            not_before: None,
            ..self
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An update that could not read what an older release remembered of a feed would take its every
    /// entry for news, or ask for nothing at all.
    #[test]
    fn what_an_older_release_remembered_is_read_and_nothing_is_added_to_it() {
        let old = r#"{"etag":"W/\"a\"","last_modified":"yesterday","validators_url":
            "https://blog.example/feed","body_sha256":"00","next_poll":1767323045000,
            "last_success":1767323045000,"last_change":1767323045000,"failures":2,
            "failing_since":1767323045000,"last_error":"no","last_unconditional":1767323045000,
            "entries":7}"#;
        let state: FeedState = serde_json::from_str(old).expect("readable");
        assert_eq!((state.failures, state.entries), (2, 7));
        assert_eq!(
            (state.why_next, state.fault, state.moved_to.clone()),
            (Why::Interval, None, None)
        );
        let again = serde_json::to_value(&state).expect("written");
        let before: serde_json::Value = serde_json::from_str(old).expect("JSON");
        assert_eq!(again, before, "an older release can read it too");
    }
}
