//! What the ledger must know of the config to keep its walls: they stand inside its transactions.

use std::time::Duration;

use crate::model::route::Rules;
use crate::model::{Caps, Upkeep, WhenAbsent};

/// The part of a config that the ledger enforces.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Setup {
    /// The walls of admission.
    pub policy: Policy,
    /// One for each integration.
    pub lanes: Vec<Lane>,
    /// One for each group.
    pub groups: Vec<Audience>,
}

/// The walls of admission.
#[derive(Debug, Clone, PartialEq)]
pub struct Policy {
    /// A new entry is seen twice, this far apart, before it is sent.
    pub settle: Duration,
    /// More new entries than this in one poll are held whole.
    pub burst: u32,
    /// A larger share of a feed of four items or more, new at once, is held whole.
    pub share: f64,
    /// An entry older than this is held.
    pub max_age: Duration,
    /// After so many unclean starts within ten minutes nothing is sent for a while; 0: that is off.
    pub crash_loop: u32,
    /// How far apart the groups of one entry hear it.
    pub stagger: Duration,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            settle: Duration::from_secs(600),
            burst: 3,
            share: 0.5,
            max_age: Duration::from_secs(7 * 86_400),
            crash_loop: 3,
            stagger: Duration::ZERO,
        }
    }
}

/// One lane.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lane {
    /// The integration's name.
    pub name: String,
    /// The law of I6.
    pub caps: Caps,
    /// How long after a publish call of unknown outcome the platform is asked.
    pub doubt_after: Duration,
}

/// One audience.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Audience {
    /// The group's name.
    pub name: String,
    /// Its lane.
    pub lane: String,
    /// Where its posts stand, in words: another one where what names a post names nothing, or another
    /// post.
    pub home: String,
    /// The feeds it hears.
    pub feeds: Vec<String>,
    /// What becomes of a post in doubt that its platform does not have.
    pub when_absent: WhenAbsent,
    /// What becomes of its posts when their entries change or are deleted.
    pub upkeep: Upkeep,
    /// Whether an edit is a message of its own there, which stays where the post is taken away.
    pub edits_stay: bool,
    /// Whether a person posts there by hand: then nothing of it is ever claimed for a call.
    pub by_hand: bool,
    /// Which entries it hears, and when.
    pub rules: Rules,
}
