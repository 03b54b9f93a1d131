//! The states of a delivery and the one pure function that moves it.
//!
//! Everything that ever happens to a delivery is an [`Event`]; [`Status::after`] says what it leads
//! to or that it must not happen. The ledger applies nothing else.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Receipt, Time};

/// Names one delivery inside one ledger: one entry owed to one group, in one generation.
///
/// The numbers are the ledger's own and grow with time; people see the entry's id and the group's
/// name instead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct DeliveryId {
    /// The entry's number.
    pub entry: u64,
    /// The group's number.
    pub group: u32,
    /// Counts deliberate repeats by a person, from 1.
    pub generation: u32,
}

impl fmt::Display for DeliveryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.entry, self.group, self.generation)
    }
}

/// Where a delivery stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "status")]
pub enum Status {
    /// Remembered and never sent: it was there before we were.
    Baseline,
    /// Waits for a person.
    Held {
        /// Why.
        #[serde(flatten)]
        reason: HoldReason,
    },
    /// Will be sent.
    Due {
        /// Claims made so far.
        attempt: u32,
        /// Not before this moment.
        not_before: Time,
    },
    /// Intent is durable; the socket may be open.
    Claimed {
        /// The claim's number within this delivery, from 1.
        attempt: u32,
        /// The claim's number within the ledger.
        permit: u64,
        /// Whether an earlier attempt may have been seen: then nothing that this one proves of itself
        /// proves that readers have seen nothing.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        maybe: bool,
    },
    /// It is there, and that is final.
    Published {
        /// The proof.
        #[serde(flatten)]
        receipt: Receipt,
    },
    /// The platform said no; nothing was shown.
    Refused {
        /// In words.
        reason: String,
    },
    /// It may have been shown.
    InDoubt {
        /// The claim that left it so.
        attempt: u32,
        /// What was seen, in words.
        evidence: String,
        /// When to look again, where looking can help.
        next_look: Time,
        /// How often the platform has been asked since.
        looks: u32,
    },
    /// Will not be sent.
    Withdrawn {
        /// Why.
        #[serde(flatten)]
        reason: WithdrawReason,
    },
}

/// Why a delivery waits for a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "hold")]
pub enum HoldReason {
    /// Too many new entries in one poll, or most of the feed new at once.
    Burst {
        /// How many were new.
        new: u32,
    },
    /// It looks like an entry that is known, under another identity.
    NearDuplicate {
        /// The known entry's id, as people see it.
        of: String,
        /// What is alike, in words.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        because: String,
    },
    /// It is one of our own posts, in a feed of an account that we post to.
    Own {
        /// The entry that was posted there, as people see it.
        of: String,
        /// What shows it, in words.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        because: String,
    },
    /// Older than the feed's `max_age`.
    Stale,
    /// Dated too far in the future.
    Future,
    /// It was new while the ledger was not trusted, or at the first poll after a copy was taken up.
    Restored,
    /// It has neither guid nor link of its own: edited, it would look like another post.
    Weak,
    /// Its group wants a person to let each entry go.
    Approval,
    /// It cannot be turned into a post for this group.
    Unfit {
        /// In words.
        why: String,
    },
}

impl fmt::Display for HoldReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Burst { new } => write!(f, "{new} entries were new at once"),
            Self::NearDuplicate { of, because } => {
                write!(f, "it looks like entry {of} under another identity")?;
                if because.is_empty() { Ok(()) } else { write!(f, " ({because})") }
            }
            Self::Own { of, because } => {
                write!(f, "it is our own: entry {of} was posted there ({because})")
            }
            Self::Stale => f.write_str("it is older than max_age"),
            Self::Future => f.write_str("it is dated in the future"),
            Self::Restored => f.write_str(
                "it was new when the ledger was a restored copy or not trusted: it may have been sent \
                 already, under this name or another",
            ),
            Self::Weak => f.write_str(
                "it has neither guid nor link of its own: edited, it would look like another post",
            ),
            Self::Approval => f.write_str("its group wants each entry approved"),
            Self::Unfit { why } => f.write_str(why),
        }
    }
}

/// Why a delivery will not be sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "withdrawn")]
pub enum WithdrawReason {
    /// The entry left the feed before its settle window closed.
    Vanished,
    /// The entry is deleted, and its group wants its posts to go with it.
    Deleted,
    /// The group's rules do not choose it.
    Route {
        /// In words.
        why: String,
    },
    /// A person said so.
    Person {
        /// In the person's words.
        why: String,
    },
}

impl fmt::Display for WithdrawReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Vanished => f.write_str("it left the feed before it was sent"),
            Self::Deleted => f.write_str("its entry is deleted (on_delete)"),
            Self::Route { why } => write!(f, "not for this group: {why}"),
            Self::Person { why } => f.write_str(why),
        }
    }
}

/// A status without its details: for counts, indexes and labels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "each is the Status of the same name")]
pub enum StatusKind {
    Baseline,
    Held,
    Due,
    Claimed,
    Published,
    Refused,
    InDoubt,
    Withdrawn,
}

impl StatusKind {
    /// Every kind, in the order in which people are shown them.
    pub const ALL: [Self; 8] = [
        Self::Published,
        Self::Due,
        Self::Claimed,
        Self::InDoubt,
        Self::Held,
        Self::Refused,
        Self::Withdrawn,
        Self::Baseline,
    ];

    /// As people read it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Baseline => "baseline",
            Self::Held => "held",
            Self::Due => "due",
            Self::Claimed => "claimed",
            Self::Published => "published",
            Self::Refused => "refused",
            Self::InDoubt => "in doubt",
            Self::Withdrawn => "withdrawn",
        }
    }
}

/// Everything that can happen to a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A person lets a held delivery go.
    Release {
        /// Not before this moment.
        not_before: Time,
    },
    /// It shall not be sent.
    Withdraw(WithdrawReason),
    /// The entry that had vanished is in the feed again.
    Return {
        /// Not before this moment.
        not_before: Time,
    },
    /// It cannot be turned into a post for its group.
    Unfit(String),
    /// Its group's rules want a person first.
    Hold(HoldReason),
    /// Something that no reader sees stands ready for it at the platform.
    Staged,
    /// A permit is granted.
    Claim {
        /// The claim's number within the ledger.
        permit: u64,
    },
    /// A permit is granted to repeat the same stored request, on a platform where a repeat cannot
    /// be seen. Only the ledger's `reclaim` makes this event, after it has checked the window.
    Repeat {
        /// The claim's number within the ledger.
        permit: u64,
    },
    /// The claimed call was performed.
    Published(Receipt),
    /// The claimed call was refused.
    Refused(String),
    /// The claimed call was not performed; later again.
    Later {
        /// Not before this moment.
        not_before: Time,
        /// Set when no attempt is left: the last reason.
        exhausted: Option<String>,
    },
    /// Nobody knows whether the claimed call was performed.
    Doubt {
        /// What was seen.
        evidence: String,
        /// When to look.
        next_look: Time,
    },
    /// The platform was asked and nothing was settled by it.
    Looked {
        /// What was seen.
        evidence: String,
        /// When to look again.
        next_look: Time,
    },
    /// It was found to be there: by asking, or by a person's word.
    Found(Receipt),
    /// It stands there already, by another hand: nothing was sent, and nothing will be.
    Elsewhere(Receipt),
    /// It was proved not to be there: by a person's word, or by the group's own rule.
    Absent {
        /// Not before this moment.
        not_before: Time,
    },
}

impl Event {
    /// One word for the journal.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Release { .. } => "release",
            Self::Withdraw(_) => "withdraw",
            Self::Return { .. } => "return",
            Self::Unfit(_) => "unfit",
            Self::Hold(_) => "hold",
            Self::Staged => "staged",
            Self::Claim { .. } => "claim",
            Self::Repeat { .. } => "repeat",
            Self::Published(_) => "published",
            Self::Refused(_) => "refused",
            Self::Later { .. } => "later",
            Self::Doubt { .. } => "doubt",
            Self::Looked { .. } => "looked",
            Self::Found(_) => "found",
            Self::Elsewhere(_) => "elsewhere",
            Self::Absent { .. } => "absent",
        }
    }
}

/// An event that must not happen to a delivery in that status.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a delivery that is {} cannot take the event {event}", .status.word())]
pub struct Illegal {
    /// Where it stood.
    pub status: StatusKind,
    /// What was to happen.
    pub event: &'static str,
}

impl Status {
    /// This status without its details.
    #[must_use]
    pub const fn kind(&self) -> StatusKind {
        match self {
            Self::Baseline => StatusKind::Baseline,
            Self::Held { .. } => StatusKind::Held,
            Self::Due { .. } => StatusKind::Due,
            Self::Claimed { .. } => StatusKind::Claimed,
            Self::Published { .. } => StatusKind::Published,
            Self::Refused { .. } => StatusKind::Refused,
            Self::InDoubt { .. } => StatusKind::InDoubt,
            Self::Withdrawn { .. } => StatusKind::Withdrawn,
        }
    }

    /// Whether readers have, or may have, seen it.
    #[must_use]
    pub const fn may_have_been_seen(&self) -> bool {
        matches!(self, Self::Claimed { .. } | Self::Published { .. } | Self::InDoubt { .. })
    }

    /// Where `event` leads from here.
    ///
    /// # Errors
    /// [`Illegal`] where it must not happen; the status is then unchanged.
    pub fn after(&self, event: Event) -> Result<Self, Illegal> {
        let illegal = Illegal { status: self.kind(), event: event.word() };
        Ok(match (self, event) {
            (Self::Held { .. }, Event::Release { not_before }) => {
                Self::Due { attempt: 0, not_before }
            }
            (Self::Held { .. } | Self::Due { .. }, Event::Withdraw(reason)) => {
                Self::Withdrawn { reason }
            }
            (
                Self::Withdrawn { reason: WithdrawReason::Vanished },
                Event::Return { not_before },
            ) => Self::Due { attempt: 0, not_before },
            (Self::Due { .. }, Event::Unfit(why)) => {
                Self::Held { reason: HoldReason::Unfit { why } }
            }
            (Self::Due { .. }, Event::Hold(reason)) => Self::Held { reason },
            (Self::Due { .. }, Event::Staged) => self.clone(),
            (Self::Due { attempt, .. }, Event::Claim { permit }) => {
                Self::Claimed { attempt: attempt + 1, permit, maybe: false }
            }
            (Self::InDoubt { attempt, .. }, Event::Repeat { permit }) => {
                Self::Claimed { attempt: attempt + 1, permit, maybe: true }
            }
            (Self::Claimed { .. }, Event::Published(receipt))
            | (Self::InDoubt { .. }, Event::Found(receipt)) => Self::Published { receipt },
            (
                Self::Baseline
                | Self::Held { .. }
                | Self::Due { .. }
                | Self::Refused { .. }
                | Self::Withdrawn { .. },
                Event::Elsewhere(receipt),
            ) => Self::Published { receipt },
            (Self::Claimed { maybe: false, .. }, Event::Refused(reason)) => {
                Self::Refused { reason }
            }
            (
                Self::Claimed { attempt, maybe: false, .. },
                Event::Later { not_before, exhausted },
            ) => match exhausted {
                None => Self::Due { attempt: *attempt, not_before },
                Some(reason) => Self::Refused { reason },
            },
            (Self::Claimed { attempt, .. }, Event::Doubt { evidence, next_look }) => {
                Self::InDoubt { attempt: *attempt, evidence, next_look, looks: 0 }
            }
            (Self::InDoubt { attempt, looks, .. }, Event::Looked { evidence, next_look }) => {
                Self::InDoubt { attempt: *attempt, evidence, next_look, looks: looks + 1 }
            }
            (Self::InDoubt { attempt, .. }, Event::Absent { not_before }) => {
                Self::Due { attempt: *attempt, not_before }
            }
            _ => return Err(illegal),
        })
    }
}

#[cfg(test)]
mod tests;
