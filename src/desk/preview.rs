//! What each group would get of one entry.

use serde::{Deserialize, Serialize};

use crate::model::{Request, Status};

/// What one group would get.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Preview {
    /// The group's name.
    pub group: String,
    /// Its integration, and that one's kind.
    pub integration: String,
    /// The platform.
    pub kind: String,
    /// How the delivery stands, where the entry is owed to the group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stands: Option<Status>,
    /// What would be read; nothing where it cannot be made into a post.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// How long the text is, as the platform counts.
    pub length: usize,
    /// How long it may be.
    pub limit: usize,
    /// The language it would be said to be in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// What readers are warned of before it, where the platform has a place of its own for that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warning: Option<String>,
    /// The address of the picture that goes with it, and what it shows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub picture: Option<(String, Option<String>)>,
    /// What its author asks for of this group, in words.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub asked: Vec<String>,
    /// The call that would carry it, without its secrets; what was claimed once keeps the call that was
    /// frozen then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<Request>,
    /// Whether that call was frozen by an earlier claim.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub frozen: bool,
    /// Why it cannot be made into a post.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unfit: Option<String>,
}
