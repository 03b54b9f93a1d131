//! What an account has posted before this ledger knew of it, taken for what its group has heard: whoever
//! moves here from another tool repeats nothing.

use serde::{Deserialize, Serialize};

use crate::model::{EntryId, Reference, StatusKind, Time};

/// What a link is called where the name of a feed stands, while no feed has shown it: no feed of a config
/// can have that name.
pub const FEED: &str = "(adopted)";

/// What stands on a group's account, to be taken for what the group has heard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Adopt {
    /// The group.
    pub group: String,
    /// The posts, in any order.
    pub posts: Vec<Stands>,
    /// Say what would happen and write nothing.
    pub dry_run: bool,
}

/// One post that stands on an account, by whatever hand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stands {
    /// What the platform calls it.
    pub reference: Reference,
    /// When it was posted, where the platform tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Time>,
    /// Where it leads.
    pub links: Vec<String>,
}

/// What is made of one link of one such post.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AdoptStep {
    /// The link.
    pub link: String,
    /// The post.
    pub post: Reference,
    /// When it was posted, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Time>,
    /// The entry that it leads to, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entry: Option<EntryId>,
    /// The entry's title.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub title: String,
    /// What becomes of it.
    pub does: Adopted,
    /// Where the delivery stood before, if there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub was: Option<StatusKind>,
    /// In words, where there is more to say.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub why: String,
}

/// What becomes of a link that stands on an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Adopted {
    /// The group has heard the entry: its delivery is published, and final.
    Published,
    /// No feed has shown it yet: when one does, the group has heard it.
    Remembered,
    /// The ledger knows already that the group has it.
    Known,
    /// It is left as it is.
    Left,
}

impl Adopted {
    /// As people read it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Published => "published",
            Self::Remembered => "remembered",
            Self::Known => "known",
            Self::Left => "left",
        }
    }

    /// Whether it changes the ledger.
    #[must_use]
    pub const fn changes(self) -> bool {
        matches!(self, Self::Published | Self::Remembered)
    }
}
