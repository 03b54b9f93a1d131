//! What an attempt proved. An outcome is an answer from outside and a value, never an error.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Response, Time};

/// What one publish call proved about what readers saw.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "outcome")]
pub enum Outcome {
    /// It is there.
    Published {
        /// What the platform calls it.
        reference: Reference,
    },
    /// The platform did not perform it and says to come back.
    Deferred {
        /// How long it asks us to wait; `None` leaves that to us.
        wait: Option<Duration>,
        /// Why.
        cause: DeferCause,
        /// In words.
        reason: String,
    },
    /// The platform said no; nothing was shown and nothing will be.
    Refused {
        /// In words, with the platform's own.
        reason: String,
    },
    /// The request provably never left.
    Unsent {
        /// In words.
        reason: String,
    },
    /// It may have been shown.
    Unknown {
        /// In words.
        reason: String,
    },
}

/// Why a platform asked us to come back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeferCause {
    /// Too many requests: its limits, not its health.
    RateLimited,
    /// Load-shedding that the vendor documents as not performed.
    Overloaded,
    /// The session has run out and can be renewed without a person.
    SessionExpired,
    /// The credentials are not accepted: a person must act.
    Credentials,
    /// It was changed there since it was read: nothing was done, and the same call never does anything.
    Collision,
}

/// What a platform calls a post of ours.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Reference {
    /// The platform's id, where it told one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Where a person can see it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// The account that it was posted as, where the platform tells: to another it may say that there is no
    /// such post.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// Whether it was there before the call that was answered: by an earlier call of ours, or of
    /// somebody else with our key.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub already: bool,
}

/// How we know that a post is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum How {
    /// The platform's answer to the publish call.
    Answered,
    /// We asked afterwards and found it.
    Asked,
    /// A person said so.
    Person,
    /// It was there before anything was sent: another tool or a person has posted it.
    Elsewhere,
    /// It stood on the account when a person had it read (`adopt`).
    Adopted,
}

impl How {
    /// Whether what stands there is ours to change when its entry changes: another hand's is not.
    #[must_use]
    pub const fn is_ours(self) -> bool {
        matches!(self, Self::Answered | Self::Asked)
    }
}

/// The recorded proof that a delivery was published.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// What the platform calls it.
    #[serde(flatten)]
    pub reference: Reference,
    /// When it was recorded; of what was adopted, when it was posted, where that is known.
    pub at: Time,
    /// How we know.
    pub how: How,
}

/// What asking a platform about a delivery in doubt found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// It is there.
    There(Reference),
    /// The platform answered in full, and it is not there.
    Absent,
    /// The answer proves nothing.
    Unsure(String),
}

impl Outcome {
    /// The default table: what a status proves where the vendor documents nothing narrower.
    ///
    /// Sources: RFC 9110 section 15; a proxy may answer 5xx after the origin has committed
    /// (mastodon issue 21840), so every 5xx and every status not listed is `Unknown`.
    #[must_use]
    pub fn from_status(response: &Response, reference: Reference) -> Self {
        let reason = || {
            let excerpt = response.excerpt();
            if excerpt.is_empty() {
                format!("status {}", response.status)
            } else {
                format!("status {}: {excerpt}", response.status)
            }
        };
        match response.status {
            200..=299 => Self::Published { reference },
            300..=399 => Self::Refused {
                reason: format!(
                    "status {}: it answered with a redirect, which is never followed; correct the url",
                    response.status
                ),
            },
            401 => Self::Deferred { wait: None, cause: DeferCause::Credentials, reason: reason() },
            429 => Self::Deferred {
                wait: retry_after_seconds(response),
                cause: DeferCause::RateLimited,
                reason: reason(),
            },
            400 | 402..=407 | 410..=424 | 426 | 428 | 431 | 451 | 501 | 505 => {
                Self::Refused { reason: reason() }
            }
            _ => Self::Unknown { reason: reason() },
        }
    }

    /// One word for a log field or a metric label.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Published { .. } => "published",
            Self::Deferred { .. } => "deferred",
            Self::Refused { .. } => "refused",
            Self::Unsent { .. } => "unsent",
            Self::Unknown { .. } => "unknown",
        }
    }
}

/// `Retry-After` in its seconds form (RFC 9110, 10.2.3). The date form needs a clock and is left to
/// the caller's own backoff.
#[must_use]
pub fn retry_after_seconds(response: &Response) -> Option<Duration> {
    response.header("retry-after")?.trim().parse().ok().map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(status: u16) -> &'static str {
        let response = Response { status, ..Response::default() };
        Outcome::from_status(&response, Reference::default()).word()
    }

    #[test]
    fn a_platform_that_may_have_posted_is_never_called_refused() {
        for status in [408, 425, 500, 502, 503, 504, 520, 524, 599, 600, 100, 0, 409] {
            assert_eq!(of(status), "unknown", "{status}");
        }
        for status in [200, 201, 202, 204] {
            assert_eq!(of(status), "published", "{status}");
        }
        for status in [301, 302, 307, 308, 400, 403, 404, 405, 410, 413, 415, 422, 451, 501] {
            assert_eq!(of(status), "refused", "{status}");
        }
        assert_eq!(of(401), "deferred");
        assert_eq!(of(429), "deferred");
    }

    #[test]
    fn a_wait_is_read_in_seconds() {
        let response = Response {
            status: 429,
            headers: vec![("retry-after".to_owned(), "7".to_owned())],
            ..Response::default()
        };
        let Outcome::Deferred { wait, .. } = Outcome::from_status(&response, Reference::default())
        else {
            panic!("a 429 defers");
        };
        assert_eq!(wait, Some(Duration::from_secs(7)));
    }
}
