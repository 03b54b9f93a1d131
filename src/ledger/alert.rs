//! What waits for a person, as an alert tells it.

use serde::{Deserialize, Serialize};

/// What alerts are called where the name of a feed stands: no feed of a config can have it.
pub const FEED: &str = "(alerts)";

/// One thing that waits for a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Concern {
    /// The same as long as it is the same thing: it is told once.
    pub id: String,
    /// In words, with the way out.
    pub words: String,
}
