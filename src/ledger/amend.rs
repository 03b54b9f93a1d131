//! The linear right to make one call that changes a post which readers have, and what a person may ask.
//!
//! An [`AmendPermit`] is made only by a ledger, after a durable commit that names the post, the call and
//! its number; the wire turns it into an [`AmendSpent`] by sending once; the ledger records that. It is
//! another type than [`super::Permit`], so that neither can be spent as the other: nothing that changes
//! a post can publish one.
//!
//! It cannot be made outside the ledger:
//!
//! ```compile_fail,E0451
//! fn forge(delivery: oncecast::model::DeliveryId) -> oncecast::ledger::AmendPermit {
//!     oncecast::ledger::AmendPermit { delivery }
//! }
//! ```
//!
//! It cannot be copied, nor cloned, nor spent twice:
//!
//! ```compile_fail,E0382
//! fn twice(permit: oncecast::ledger::AmendPermit) {
//!     drop(permit);
//!     drop(permit);
//! }
//! ```
//!
//! ```compile_fail,E0599
//! fn copy(permit: &oncecast::ledger::AmendPermit) -> oncecast::ledger::AmendPermit {
//!     permit.clone()
//! }
//! ```
//!
//! It is no right to publish:
//!
//! ```compile_fail,E0308
//! fn publish(permit: oncecast::ledger::AmendPermit) -> oncecast::ledger::Permit {
//!     permit
//! }
//! ```
//!
//! What does compile beside them is handing it on:
//!
//! ```
//! fn once(permit: oncecast::ledger::AmendPermit) {
//!     drop(permit);
//! }
//! ```
//!
//! What was spent cannot be made up either:
//!
//! ```compile_fail,E0451
//! fn forge(effect: oncecast::model::Effect) -> oncecast::ledger::AmendSpent {
//!     oncecast::ledger::AmendSpent { effect }
//! }
//! ```
//!
//! ```
//! fn read(spent: &oncecast::ledger::AmendSpent) -> &oncecast::model::Effect {
//!     spent.effect()
//! }
//! ```

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{DeliveryView, DueWork, Selection};
use crate::clock::Mark;
use crate::model::{Amend, Change, DeliveryId, Effect, Entry, Receipt, Request};

/// The right to make one call that changes one post.
#[must_use = "a dropped permit is a call that nobody makes until its time has come again"]
#[derive(Debug)]
pub struct AmendPermit {
    pub(super) delivery: DeliveryId,
    pub(super) number: u64,
    pub(super) change: Change,
    pub(super) request: Request,
    pub(super) granted: Mark,
}

impl AmendPermit {
    /// The delivery whose post it is.
    #[must_use]
    pub const fn delivery(&self) -> DeliveryId {
        self.delivery
    }

    /// The call's number among all changes of the ledger; never used twice.
    #[must_use]
    pub const fn number(&self) -> u64 {
        self.number
    }

    /// What it is for.
    #[must_use]
    pub const fn change(&self) -> Change {
        self.change
    }

    /// The request as it was stored: what is sent is this and nothing else.
    #[must_use]
    pub const fn request(&self) -> &Request {
        &self.request
    }

    /// When it was granted.
    #[must_use]
    pub const fn granted(&self) -> Mark {
        self.granted
    }

    /// Only the wire calls this, after its one call or the proof that there was none.
    pub(crate) fn spend(self, effect: Effect, http: Option<u16>) -> AmendSpent {
        AmendSpent { delivery: self.delivery, number: self.number, effect, http }
    }
}

/// A permit that was used, and what that proved.
#[must_use = "what is not recorded is asked for again"]
#[derive(Debug)]
pub struct AmendSpent {
    pub(super) delivery: DeliveryId,
    pub(super) number: u64,
    pub(super) effect: Effect,
    /// The HTTP status of the answer, where one came: evidence, and never a reason for anything.
    pub(super) http: Option<u16>,
}

impl AmendSpent {
    /// The delivery.
    #[must_use]
    pub const fn delivery(&self) -> DeliveryId {
        self.delivery
    }

    /// What the call proved.
    #[must_use]
    pub const fn effect(&self) -> &Effect {
        &self.effect
    }
}

/// The answer to a claim of a change.
#[derive(Debug)]
pub enum AmendClaim {
    /// Go, once.
    Granted(AmendPermit),
    /// Not now.
    NotNow {
        /// How long to wait before asking again; `None` when only a person can change it.
        wait: Option<Duration>,
        /// In words.
        why: String,
    },
    /// It is no longer wanted.
    Gone,
}

/// A change that is wanted of a post.
#[derive(Debug, Clone)]
pub struct AmendWork {
    /// The delivery and its entry, as the entry is now.
    pub due: DueWork,
    /// What is to become of its post.
    pub change: Change,
    /// The post.
    pub receipt: Receipt,
    /// Why no call is to be made for it, where that is so.
    pub hindered: Option<String>,
    /// The call of an earlier try of which nobody knows whether it was heard: it is repeated as it is.
    pub request: Option<Request>,
    /// What the entry said when the post was made, where that is what the post still says.
    pub was: Option<Entry>,
    /// The fingerprint of what the post was last given to say, where it was changed before.
    pub said: Option<String>,
}

/// Why no call is made for a change that is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Moot {
    /// The post says already what it is to say.
    Same,
    /// There is no such post any more, in the platform's words.
    Gone(String),
    /// It cannot be done, in words.
    Cannot(String),
    /// The platform does not tell now what must be known first: that counts as a call, and the change
    /// rests before it is tried again.
    Later {
        /// How long the platform asks us to wait.
        wait: Option<Duration>,
        /// In words.
        why: String,
    },
}

/// A person's wish that a post be taken away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retract {
    /// The entry and the group.
    pub selection: Selection,
    /// The person has taken it away there: it is only recorded.
    pub done: bool,
    /// Say what would happen and write nothing.
    pub dry_run: bool,
}

/// What a retraction does with one delivery.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RetractStep {
    /// The group's name.
    pub group: String,
    /// The delivery that stands after it.
    pub delivery: DeliveryView,
    /// Whether its post will be taken away now.
    pub removes: bool,
    /// Whether it is recorded that a person has taken it away.
    #[serde(default)]
    pub recorded: bool,
    /// In words.
    pub why: String,
}

/// What recording a change led to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AmendSettled {
    /// Where the change stands now, if it is still of interest.
    pub amend: Option<Amend>,
    /// What stopped the lane, if this did.
    pub lane_stopped: Option<String>,
}
