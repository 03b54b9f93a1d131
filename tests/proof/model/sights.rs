//! What was seen to happen somewhere in an exploration, so that no law holds because nothing happened.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// Something that a step can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sight {
    /// A post was shown after we had given up on the call.
    Late,
    /// A doubt was settled by asking.
    Found,
    /// A call was repeated, and readers saw nothing of it.
    Repeated,
    /// A claim of a lost ledger was recognised.
    Haunted,
    /// A ledger that is not trusted was asked for a permit.
    Observed,
    /// A repeat was refused, deferred or unsent.
    RefusedRepeat,
    /// The group's rule sent what was not found.
    Rule,
    /// What was chosen as due was no longer due when it was to be claimed.
    StaleChoice,
    /// A cap kept a claim back.
    Capped,
    /// A claim whose commit failed was found and released.
    Ungranted,
    /// An entry was known under a new guise.
    Recognised,
    /// A permit was too old to be used.
    Aged,
    Published,
    Refused,
    InDoubt,
    Withdrawn,
    /// A second generation was shown.
    Again,
    /// A post vanished where it was shown.
    Deleted,
    /// A killed daemon's call was shown when nobody waited for it.
    Orphan,
    /// A copy of the ledger was put back that was older than its witness.
    Older,
}

/// A set of [`Sight`]s that every thread of a checker adds to.
#[derive(Debug, Clone, Default)]
pub(super) struct Sights(Arc<AtomicU32>);

impl Sights {
    pub(super) fn note(&self, sight: Sight) {
        let bit = 1 << sight as u32;
        if self.0.load(Ordering::Relaxed) & bit == 0 {
            self.0.fetch_or(bit, Ordering::Relaxed);
        }
    }

    pub(super) fn has(&self, sight: Sight) -> bool {
        self.0.load(Ordering::Relaxed) & (1 << sight as u32) != 0
    }
}
