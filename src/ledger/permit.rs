//! The linear right to make one publish call.
//!
//! A [`Permit`] is made only by a ledger, after a durable commit; the wire turns it into a [`Spent`]
//! by sending once; the ledger settles that. None can be copied. A permit that is dropped leaves its
//! row claimed, which the next start reads as in doubt: a lost permit costs silence, never a repeat.
//!
//! A permit cannot be made outside the ledger:
//!
//! ```compile_fail,E0451
//! fn forge(delivery: oncecast::model::DeliveryId) -> oncecast::ledger::Permit {
//!     oncecast::ledger::Permit { delivery }
//! }
//! ```
//!
//! It cannot be copied, nor cloned, nor spent twice:
//!
//! ```compile_fail,E0382
//! fn twice(permit: oncecast::ledger::Permit) {
//!     drop(permit);
//!     drop(permit);
//! }
//! ```
//!
//! ```compile_fail,E0599
//! fn copy(permit: &oncecast::ledger::Permit) -> oncecast::ledger::Permit {
//!     permit.clone()
//! }
//! ```
//!
//! What does compile beside them is handing it on:
//!
//! ```
//! fn once(permit: oncecast::ledger::Permit) {
//!     drop(permit);
//! }
//! ```
//!
//! What was spent cannot be made up either:
//!
//! ```compile_fail,E0451
//! fn forge(outcome: oncecast::model::Outcome) -> oncecast::ledger::Spent {
//!     oncecast::ledger::Spent { outcome }
//! }
//! ```
//!
//! ```
//! fn read(spent: &oncecast::ledger::Spent) -> &oncecast::model::Outcome {
//!     spent.outcome()
//! }
//! ```

use crate::clock::Mark;
use crate::model::{DeliveryId, IdempotencyKey, Outcome, Request};

/// The right to make one publish call for one delivery.
#[must_use = "a dropped permit leaves its delivery in doubt"]
#[derive(Debug)]
pub struct Permit {
    pub(super) delivery: DeliveryId,
    pub(super) number: u64,
    pub(super) attempt: u32,
    pub(super) request: Request,
    pub(super) key: IdempotencyKey,
    pub(super) granted: Mark,
}

impl Permit {
    /// The delivery it is for.
    #[must_use]
    pub const fn delivery(&self) -> DeliveryId {
        self.delivery
    }

    /// The claim's number within the ledger; never used twice.
    #[must_use]
    pub const fn number(&self) -> u64 {
        self.number
    }

    /// The claim's number within its delivery, from 1.
    #[must_use]
    pub const fn attempt(&self) -> u32 {
        self.attempt
    }

    /// The request as it was stored: what is sent is this and nothing else.
    #[must_use]
    pub const fn request(&self) -> &Request {
        &self.request
    }

    /// The delivery's key.
    #[must_use]
    pub const fn key(&self) -> &IdempotencyKey {
        &self.key
    }

    /// When it was granted.
    #[must_use]
    pub const fn granted(&self) -> Mark {
        self.granted
    }

    /// Only the wire calls this, after its one call or the proof that there was none.
    pub(crate) fn spend(self, outcome: Outcome, http: Option<u16>) -> Spent {
        Spent { delivery: self.delivery, number: self.number, outcome, http }
    }
}

/// A permit that was used, and what that proved.
#[must_use = "an outcome that is not settled leaves its delivery in doubt"]
#[derive(Debug)]
pub struct Spent {
    pub(super) delivery: DeliveryId,
    pub(super) number: u64,
    pub(super) outcome: Outcome,
    /// The HTTP status of the answer, where one came: evidence, and never a reason for anything.
    pub(super) http: Option<u16>,
}

impl Spent {
    /// The delivery.
    #[must_use]
    pub const fn delivery(&self) -> DeliveryId {
        self.delivery
    }

    /// What the attempt proved.
    #[must_use]
    pub const fn outcome(&self) -> &Outcome {
        &self.outcome
    }
}
