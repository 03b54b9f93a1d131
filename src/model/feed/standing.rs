//! Where a feed stands, and why its next poll is when it is: in one word for machines and in words
//! for people.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::FeedState;
use crate::model::Time;

/// A feed that is not found for longer than this is taken for dead, and still asked once a week.
const DEAD_AFTER: Duration = Duration::from_secs(14 * 24 * 60 * 60);

/// What kind of failure a poll ended in: each has its own rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// No answer, or one that a server gives when something is wrong with it.
    Trouble,
    /// An answer, and no feed in it.
    Content,
    /// A feed that breaks off.
    Cut,
    /// Access is refused.
    Access,
    /// There is no feed there.
    Missing,
    /// It is gone for good.
    Gone,
    /// It wants to be asked less often.
    Throttled,
    /// An answer that must not be taken: too large, in a circle, or from where it must not come.
    Refused,
}

/// Why the next poll is when it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// The interval of the config.
    #[default]
    Interval,
    /// A longer one, since nothing has changed for so long.
    Silent,
    /// Until then the last answer is fresh, as its headers say.
    Fresh,
    /// The feed's `ttl`.
    Ttl,
    /// The feed's `sy:updatePeriod`.
    Period,
    /// The feed's `skipHours` or `skipDays`.
    Skipped,
    /// A hub calls when it changes.
    Hub,
    /// The rest after a failure.
    Rest,
    /// Its server asked to be left alone until then.
    Told,
    /// It is taken for dead, and looked for once a week.
    Probe,
    /// A new entry waits for its second look.
    Look,
    /// A person or a hub said that there is something.
    Asked,
}

impl Why {
    /// In words, to follow "next poll at ..: ".
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Interval => "its interval",
            Self::Silent => "a longer interval, since nothing has changed for so long",
            Self::Fresh => "its server says that the last answer is good until then",
            Self::Ttl => "the feed asks for that interval (ttl)",
            Self::Period => "the feed asks for that interval (sy:updatePeriod)",
            Self::Skipped => "the feed asks to be left alone until then (skipHours, skipDays)",
            Self::Hub => "a hub calls when it changes",
            Self::Rest => "a rest after a failure",
            Self::Told => "its server asked to be left alone until then",
            Self::Probe => "it is looked for once a week",
            Self::Look => "a new entry is looked at a second time",
            Self::Asked => "somebody said that there is something",
        }
    }
}

/// Where a feed stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// It has not been read yet.
    New,
    /// It is read as it should be.
    Active,
    /// It is read, where it says to have moved for good.
    Moving,
    /// It fails, and is given a rest.
    Resting,
    /// Its server wants to be asked less often.
    Throttled,
    /// It has not been found for so long that it is only looked for now and then.
    Dead,
    /// It is gone for good, and not asked any more.
    Gone,
}

impl Standing {
    /// Every one there is.
    pub const ALL: [Self; 7] = [
        Self::New,
        Self::Active,
        Self::Moving,
        Self::Resting,
        Self::Throttled,
        Self::Dead,
        Self::Gone,
    ];

    /// One word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Active => "active",
            Self::Moving => "moving",
            Self::Resting => "resting",
            Self::Throttled => "throttled",
            Self::Dead => "dead",
            Self::Gone => "gone",
        }
    }
}

impl FeedState {
    /// Where it stands.
    #[must_use]
    pub fn standing(&self, now: Time) -> Standing {
        match self.fault {
            Some(Fault::Gone) if self.is_gone() => Standing::Gone,
            Some(Fault::Missing) if self.is_dead(now) => Standing::Dead,
            Some(Fault::Throttled) => Standing::Throttled,
            Some(_) => Standing::Resting,
            // A release that knew no kinds of failure wrote this.
            None if self.failures > 0 => Standing::Resting,
            None if self.last_success.is_none() => Standing::New,
            None if self.moving.is_some() => Standing::Moving,
            None => Standing::Active,
        }
    }

    /// Whether it is not asked any more: its server has said twice, some hours apart, that it is gone.
    #[must_use]
    pub const fn is_gone(&self) -> bool {
        matches!(self.fault, Some(Fault::Gone)) && self.gone.is_some() && self.streak > 1
    }

    /// Whether it has not been found for so long that it is only looked for.
    #[must_use]
    pub fn is_dead(&self, now: Time) -> bool {
        self.fault == Some(Fault::Missing)
            && self.failing_since.is_some_and(|since| now.since(since) >= DEAD_AFTER)
    }
}
