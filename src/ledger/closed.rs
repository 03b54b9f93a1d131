//! A ledger that cannot be opened: whoever asks is told why, and nothing is sent.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::model::{
    Amend, Change, DeliveryId, FeedState, Guarantee, How, Reference, Request, Staged, Status,
};

use super::adopt::{Adopt, AdoptStep};
use super::alert::Concern;
use super::{
    Admitted, AmendClaim, AmendSettled, AmendSpent, Claim, DeliveryView, DueWork, EntryView,
    Foresight, Intake, Ledger, LedgerError, Moot, Overview, Realiased, Replay, ReplayStep, Reply,
    Retract, RetractStep, Selection, Settled, Setup, Spent, Verdict, Waiting, Who, hand, journal,
    upkeep,
};

/// Stands in for a ledger until it can be opened.
#[derive(Debug)]
pub struct Closed {
    why: Mutex<LedgerError>,
}

impl Closed {
    /// Closed, for this reason.
    #[must_use]
    pub const fn new(why: LedgerError) -> Self {
        Self { why: Mutex::new(why) }
    }

    /// Closed, for another reason.
    pub fn set(&self, why: LedgerError) {
        *self.why.lock().unwrap_or_else(PoisonError::into_inner) = why;
    }

    /// Why.
    #[must_use]
    pub fn why(&self) -> LedgerError {
        self.why.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn no<T: Send + 'static>(&self) -> Reply<T> {
        let why = self.why();
        Box::pin(async { Err(why) })
    }
}

/// Every verb is refused in the same words.
macro_rules! refuse {
    ($($verb:ident($($arg:ty),*) -> $reply:ty;)*) => {
        impl Ledger for Closed {
            $(fn $verb(&self, $(_: $arg),*) -> Reply<$reply> { self.no() })*
        }
    };
}

refuse! {
    configure(Setup) -> ();
    begin() -> ();
    feed(&str) -> (Option<FeedState>, Option<Duration>);
    admit(Intake) -> Admitted;
    foresee(Intake) -> Foresight;
    due(&str) -> Waiting;
    due_one(DeliveryId) -> Waiting;
    claim(DeliveryId, Request) -> Claim;
    reclaim(DeliveryId, Guarantee) -> Claim;
    settle(&Spent) -> Settled;
    settle_and_claim(&Spent, DeliveryId, Request) -> (Settled, Claim);
    stage(DeliveryId, Staged) -> bool;
    retract(Retract, Who) -> Vec<RetractStep>;
    elsewhere(DeliveryId, Reference, How, Who) -> Status;
    adopt(Adopt, Who) -> Vec<AdoptStep>;
    missing(&str) -> Vec<upkeep::Missing>;
    looked(&str, u64, upkeep::Page) -> bool;
    claim_amend(DeliveryId, Change, Request, Option<String>) -> AmendClaim;
    settle_amend(&AmendSpent) -> AmendSettled;
    moot_amend(DeliveryId, Change, Moot) -> Option<Amend>;
    unfit(DeliveryId, String) -> ();
    resolve(DeliveryId, Verdict, Who) -> Status;
    reopen(Replay, Who) -> Vec<ReplayStep>;
    release(Selection, Who) -> Vec<DeliveryView>;
    withdraw(Selection, String, Who) -> Vec<DeliveryView>;
    realias(&str, Option<String>, Who) -> Realiased;
    checklist(Option<DeliveryId>, usize) -> hand::Checklist;
    by_hand(DeliveryId, hand::Act, Who) -> hand::Moved;
    pause(Option<String>, String, Who) -> Vec<String>;
    resume(Option<String>, Who) -> Vec<String>;
    stop_all(String, Who) -> ();
    alert(&str, Duration, Vec<Concern>) -> usize;
    trouble(&str, String, Option<Duration>, bool) -> ();
    find(&str) -> Vec<EntryView>;
    history(u64) -> Vec<journal::Line>;
    waiting(usize) -> Vec<DeliveryView>;
    owed(u64) -> Vec<DueWork>;
    recent(usize) -> Vec<EntryView>;
    overview() -> Overview;
    verify(Box<dyn Fn(u64, u64) + Send>) -> journal::Proof;
    snapshot() -> PathBuf;
    close() -> ();
}
