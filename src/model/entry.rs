//! One normalised item of a feed, whatever format it came in.

use serde::{Deserialize, Serialize};

use super::{Override, Time};

/// One item of a feed.
///
/// Identity lives in [`crate::model::identity`]; nothing here is trusted to be unique or stable.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Entry {
    /// The feed's own id (RSS `guid`, Atom and JSON Feed `id`, RDF `about`), verbatim but trimmed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guid: Option<String>,
    /// The link as the feed has it, made absolute; only `http` and `https`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
    /// The title as plain text; empty where the feed has none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub title: String,
    /// A short description as HTML, where the feed has one.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub summary: String,
    /// The full text as HTML, where the feed has one.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub content: String,
    /// When the feed says it was published.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub published: Option<Time>,
    /// When the feed says it was last changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub updated: Option<Time>,
    /// The author's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
    /// Categories or tags, in the feed's order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub categories: Vec<String>,
    /// BCP 47 language tag of the item or else of the feed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// Media attached to the item.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub enclosures: Vec<Enclosure>,
    /// What its author asks for, of some audiences or of all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub overrides: Vec<Override>,
}

/// A file attached to an entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Enclosure {
    /// Where it is; only `http` and `https`.
    pub url: String,
    /// Its media type, such as `image/png`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_type: Option<String>,
    /// What it shows, for those who cannot see it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alt: Option<String>,
}
