//! What is remembered about a feed between two polls; written in the commit that takes its entries.

use serde::{Deserialize, Serialize};

use super::Time;

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
    /// The last poll that brought an answer we could use (200 or 304).
    pub last_success: Option<Time>,
    /// The last poll that brought a body with changes.
    pub last_change: Option<Time>,
    /// Failures in a row.
    pub failures: u32,
    /// When the present run of failures began.
    pub failing_since: Option<Time>,
    /// The last failure, in words; `None` after a success.
    pub last_error: Option<String>,
    /// The last unconditional fetch that brought a body.
    pub last_unconditional: Option<Time>,
    /// How many entries the last whole document had.
    pub entries: u32,
}
