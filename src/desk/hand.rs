//! What a person may say of posts that are posted by hand, and the list that they work from.

use serde::{Deserialize, Serialize};

use crate::model::{DeliveryId, EntryId, Time};

/// How many posts the list shows at once.
pub const LIST_MAX: usize = 200;

/// What a person says; `delivery` is written `ENTRY/GROUP`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "act")]
#[expect(missing_docs, reason = "each field is the command line's own")]
pub enum Say {
    /// What is there to do?
    List,
    /// I begin now.
    Open { delivery: String },
    /// It is there.
    Done { delivery: String, url: Option<String> },
    /// It is not there.
    NotPosted { delivery: String, attempt: Option<u32> },
    /// It will not be posted.
    Skip { delivery: String, reason: String, attempt: Option<u32> },
}

impl Say {
    /// Which delivery is meant.
    #[must_use]
    pub fn delivery(&self) -> Option<&str> {
        match self {
            Self::List => None,
            Self::Open { delivery }
            | Self::Done { delivery, .. }
            | Self::NotPosted { delivery, .. }
            | Self::Skip { delivery, .. } => Some(delivery),
        }
    }
}

/// The list.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct HandList {
    /// When it was made.
    pub now: Time,
    /// Questions first, then what is being posted, then what is due.
    pub items: Vec<HandItem>,
    /// How many more there are.
    pub more: usize,
    /// Why nothing may be begun now, if nothing may.
    pub stopped: Option<String>,
}

/// One post for one group.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct HandItem {
    /// `ENTRY/GROUP`, and the generation after the first.
    pub name: String,
    /// Its number in the ledger.
    pub delivery: DeliveryId,
    /// The entry's id.
    pub entry_id: EntryId,
    /// The entry's title, or its link.
    pub title: String,
    /// The group's name.
    pub group: String,
    /// The page that opens the group.
    pub link: Option<String>,
    /// The finished text; what was begun keeps the text that it was begun with.
    pub text: String,
    /// How long the text is, as the group counts.
    pub length: usize,
    /// How long it may be.
    pub limit: usize,
    /// How it stands.
    pub state: HandState,
    /// Which claim of this delivery it is.
    pub attempt: u32,
    /// Who began it.
    pub by: Option<String>,
    /// Since when it stands so.
    pub since: Time,
    /// When it is best begun: the lane's pace and caps. Nobody is kept from beginning sooner, as far as
    /// the caps allow it.
    pub suggested: Option<Time>,
    /// Why it cannot be begun now, or not be made into a post.
    pub trouble: Option<String>,
}

/// How a post that is posted by hand stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HandState {
    /// Nobody has begun.
    Waits,
    /// Somebody posts it now.
    Open,
    /// Somebody began and has not said whether it is there.
    InDoubt,
}
