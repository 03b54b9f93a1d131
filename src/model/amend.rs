//! What may become of a post after readers have it: another text in the same place, or nothing at all.
//! Neither is ever a new post, so either may be asked for again when nobody knows whether it was heard.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Outcome, Time};

/// What is to become of a post.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// It says what its entry says now.
    Update,
    /// It is taken away.
    Retract,
}

impl Change {
    /// One word for the journal, a log field or a metric label.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Update => "update",
            Self::Retract => "retract",
        }
    }

    /// Whether readers no longer see the post after it.
    #[must_use]
    pub const fn takes_away(self) -> bool {
        matches!(self, Self::Retract)
    }
}

/// What a group wants of a post whose entry changes in its feed, or is deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Upkeep {
    /// The post says what its entry says now.
    pub update: bool,
    /// The post goes with its entry.
    pub retract: bool,
}

/// What a call that changes a post proved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "effect")]
pub enum Effect {
    /// It is as it was to become.
    Done,
    /// There is no such post any more.
    Gone {
        /// In words, with the platform's own.
        reason: String,
    },
    /// It is not done, or nobody knows; never [`Outcome::Published`].
    Not(Outcome),
}

impl Effect {
    /// What a judge of publish calls makes of the answer, read as an answer to a change.
    #[must_use]
    pub fn of(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Published { .. } => Self::Done,
            other => Self::Not(other),
        }
    }

    /// One word for a log field or a metric label.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Gone { .. } => "gone",
            Self::Not(outcome) => outcome.word(),
        }
    }
}

/// A change of one post, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Amend {
    /// What is to become of it.
    pub change: Change,
    /// How far that has come.
    #[serde(flatten)]
    pub stand: Stand,
}

/// How far a change has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "stand")]
pub enum Stand {
    /// It will be asked for, or is being asked for.
    Wanted {
        /// Calls made so far.
        tries: u32,
        /// Not before this moment.
        not_before: Time,
        /// What the last call came to, where there was one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        why: Option<String>,
    },
    /// The platform has done it, or a person has.
    Done {
        /// When that was recorded.
        at: Time,
    },
    /// There was no such post any more.
    Gone {
        /// When that was recorded.
        at: Time,
        /// In the platform's words.
        why: String,
    },
    /// The platform does not do it: what readers see is as it was, as far as is known.
    GivenUp {
        /// When.
        at: Time,
        /// In words.
        why: String,
        /// Whether an earlier call may have done it.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        maybe: bool,
    },
}

impl Amend {
    /// A change that nobody has asked for yet.
    #[must_use]
    pub const fn wanted(change: Change, not_before: Time) -> Self {
        Self { change, stand: Stand::Wanted { tries: 0, not_before, why: None } }
    }

    /// Whether readers no longer see the post, as far as is known.
    #[must_use]
    pub const fn is_away(&self) -> bool {
        match self.stand {
            Stand::Gone { .. } => true,
            Stand::Done { .. } => matches!(self.change, Change::Retract),
            Stand::Wanted { .. } | Stand::GivenUp { .. } => false,
        }
    }

    /// Whether a person must act: what was to be taken away is still there.
    #[must_use]
    pub const fn is_stuck(&self) -> bool {
        matches!((self.change, &self.stand), (Change::Retract, Stand::GivenUp { .. }))
    }
}

impl fmt::Display for Amend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (will, done) = match self.change {
            Change::Update => ("its text is to be changed", "its text was changed"),
            Change::Retract => ("it is to be taken away", "it was taken away"),
        };
        match &self.stand {
            Stand::Wanted { not_before, why: None, .. } => write!(f, "{will}, from {not_before}"),
            Stand::Wanted { not_before, why: Some(why), .. } => {
                write!(f, "{will}, again from {not_before}: {why}")
            }
            Stand::Done { at } => write!(f, "{done} {at}"),
            Stand::Gone { at, why } => write!(f, "it was not there any more {at}: {why}"),
            Stand::GivenUp { at, why, maybe: false } => {
                write!(f, "{will}, and was not ({at}): {why}")
            }
            Stand::GivenUp { at, why, maybe: true } => {
                write!(f, "{will}, and nobody knows whether it was ({at}): {why}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Reference;

    const AT: Time = Time::from_millis(1_767_323_045_000);

    /// A post that is still there must never be called away.
    #[test]
    fn only_what_was_taken_away_or_was_not_there_is_away() {
        let of = |change, stand| Amend { change, stand };
        let (done, why) = (Stand::Done { at: AT }, String::new());
        assert!(of(Change::Retract, done.clone()).is_away());
        assert!(!of(Change::Update, done).is_away());
        assert!(of(Change::Update, Stand::Gone { at: AT, why: why.clone() }).is_away());
        assert!(!Amend::wanted(Change::Retract, AT).is_away());
        let stuck = of(Change::Retract, Stand::GivenUp { at: AT, why, maybe: true });
        assert!(stuck.is_stuck() && !stuck.is_away());
    }

    #[test]
    fn what_crosses_the_socket_comes_out_as_it_went_in() {
        let why = "status 403".to_owned();
        for change in [Change::Update, Change::Retract] {
            for stand in [
                Stand::Wanted { tries: 1, not_before: AT, why: Some(why.clone()) },
                Stand::Done { at: AT },
                Stand::Gone { at: AT, why: why.clone() },
                Stand::GivenUp { at: AT, why: why.clone(), maybe: false },
                Stand::GivenUp { at: AT, why: why.clone(), maybe: true },
            ] {
                let amend = Amend { change, stand };
                let text = serde_json::to_string(&amend).expect("written");
                assert_eq!(serde_json::from_str::<Amend>(&text).expect(&text), amend, "{text}");
            }
        }
    }

    #[test]
    fn nothing_that_may_have_failed_is_called_done() {
        let reason = String::new();
        let published = Outcome::Published { reference: Reference::default() };
        assert_eq!(Effect::of(published), Effect::Done);
        let unknown = Outcome::Unknown { reason };
        assert_eq!(Effect::of(unknown.clone()), Effect::Not(unknown));
    }
}
