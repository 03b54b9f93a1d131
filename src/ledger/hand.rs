//! What a person posts by hand: the list of it, and what they may say. The same rows, claims and caps as
//! for the daemon, and no permit: nothing here can make a call.

use std::time::Duration;

use crate::model::{Reference, Request, Status, Time};

use super::DueWork;

/// What waits for a person to post it by hand.
#[derive(Debug, Clone, Default)]
pub struct Checklist {
    /// Questions first, then what is being posted, then what is due, post by post.
    pub items: Vec<Item>,
    /// How many more there are.
    pub more: usize,
    /// Why nothing may be begun now, if nothing may.
    pub stopped: Option<String>,
    /// How each lane stands.
    pub lanes: Vec<Lane>,
}

/// One delivery on the list.
#[derive(Debug, Clone)]
pub struct Item {
    /// What is to be posted, and where.
    pub due: DueWork,
    /// Due, claimed or in doubt.
    pub status: Status,
    /// Since when.
    pub since: Time,
    /// Who began it last.
    pub by: Option<String>,
    /// How long until it is due, where that is later.
    pub later: Option<Duration>,
}

/// The pace of one lane, for what is suggested next.
#[derive(Debug, Clone)]
pub struct Lane {
    /// The integration's name.
    pub name: String,
    /// How long ago its last claim was made.
    pub last: Option<Duration>,
    /// How long its caps forbid another, and why.
    pub full: Option<(Duration, String)>,
    /// Why it is stopped or paused, if it is.
    pub shut: Option<String>,
}

/// What a person does with a delivery.
#[derive(Debug, Clone)]
pub enum Act {
    /// Begins: the text is frozen and the claim is theirs.
    Open(Request),
    /// It is there; `request` is what it said, where it was not begun here.
    Posted {
        /// Where it can be seen, if they say.
        reference: Reference,
        /// The text that they were shown.
        request: Request,
    },
    /// It is not there: whoever began has not posted it.
    NotPosted {
        /// The claim's number within the delivery that is meant; another's is not taken back.
        attempt: Option<u32>,
    },
    /// It will not be posted.
    Skip {
        /// In words.
        why: String,
        /// As for [`Act::NotPosted`].
        attempt: Option<u32>,
    },
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Moved {
    /// Where the delivery stands now.
    To(Status),
    /// The walls forbid it now.
    NotNow {
        /// For how long, where time alone changes it.
        wait: Option<Duration>,
        /// In words.
        why: String,
    },
}
