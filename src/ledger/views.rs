//! What the ledger shows: values without rights.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::{
    Amend, DeliveryId, Entry, EntryId, FeedState, IdempotencyKey, Request, Staged, Status,
    StatusKind, Time,
};

use super::{AmendWork, Permit};

/// The answer to a claim.
#[derive(Debug)]
pub enum Claim {
    /// Go, once.
    Granted(Permit),
    /// Not now.
    NotNow {
        /// How long to wait before asking again; `None` when only a person can change it.
        wait: Option<Duration>,
        /// In words.
        why: String,
    },
    /// It is no longer there to be claimed.
    Gone(StatusKind),
}

/// What recording an outcome led to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settled {
    /// Where the delivery stands now.
    pub status: Status,
    /// What stopped the lane, if this did.
    pub lane_stopped: Option<String>,
}

/// The next thing to do in a lane.
#[derive(Debug, Clone)]
pub struct Waiting {
    /// What to do now, if anything.
    pub work: Option<Work>,
    /// How long until there will be something, as far as is known.
    pub wake: Option<Duration>,
}

/// One thing to do in a lane.
#[derive(Debug, Clone)]
pub enum Work {
    /// A delivery that is due.
    Due(Box<DueWork>),
    /// A delivery in doubt that wants a look.
    Doubt(Box<DoubtWork>),
    /// A change that is wanted of a post that readers have.
    Amend(Box<AmendWork>),
}

/// A delivery that is due.
#[derive(Debug, Clone)]
pub struct DueWork {
    /// Which.
    pub id: DeliveryId,
    /// The entry.
    pub entry: Entry,
    /// The entry's id.
    pub entry_id: EntryId,
    /// The group's name.
    pub group: String,
    /// The delivery's key.
    pub key: IdempotencyKey,
    /// When this generation was opened.
    pub opened: Time,
    /// Claims made so far.
    pub attempt: u32,
    /// What stands ready for it at its platform, and for how long it has.
    pub staged: Option<(Staged, Duration)>,
    /// Whether a person wants it in this group, whatever else is said.
    pub by_hand: bool,
    /// The request of an earlier claim: frozen, so that every attempt says the same.
    pub request: Option<Request>,
}

/// A delivery in doubt.
#[derive(Debug, Clone)]
pub struct DoubtWork {
    /// What it was.
    pub due: DueWork,
    /// When it was first sent.
    pub first_sent: Time,
    /// What was seen.
    pub evidence: String,
    /// How often the platform has been asked.
    pub looks: u32,
    /// Whether the entry was never sent to this group in another generation: what says the same is it.
    pub alone: bool,
}

/// One entry as people see it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct EntryView {
    /// Its number in the ledger.
    pub number: u64,
    /// Its id.
    pub id: EntryId,
    /// The feed it was first seen in.
    pub feed: String,
    /// When.
    pub first_seen: Time,
    /// When it may be sent at the earliest, while its settle window is open.
    pub settles: Option<Time>,
    /// What it says.
    pub entry: Entry,
    /// Its deliveries, by group and generation.
    pub deliveries: Vec<DeliveryView>,
}

/// One delivery as people see it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct DeliveryView {
    /// Its number in the ledger; a published status has an `id` of its own, the platform's.
    #[serde(rename = "delivery")]
    pub id: DeliveryId,
    /// The entry's id.
    pub entry_id: EntryId,
    /// The entry's title, or its link.
    pub title: String,
    /// The group's name.
    pub group: String,
    /// Where it stands.
    #[serde(flatten)]
    pub status: Status,
    /// Since when.
    pub since: Time,
    /// Whether the entry's settle window is still open.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub settling: bool,
    /// Whether a person posts it by hand.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub by_hand: bool,
    /// Until when its group is left in peace, where that is now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quiet_until: Option<Time>,
    /// What has become of its post since, or is to become of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amend: Option<Amend>,
}

impl DeliveryView {
    /// The name by which a person can say which one: `ENTRY/GROUP`, and the generation after the
    /// first.
    #[must_use]
    pub fn name(&self) -> String {
        let short = self.entry_id.short();
        if self.id.generation > 1 {
            format!("{short}/{}/{}", self.group, self.id.generation)
        } else {
            format!("{short}/{}", self.group)
        }
    }
}

/// What the next poll would do.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Foresight {
    /// Whether this is the first sight of the feed: all is remembered, nothing is sent.
    pub baseline: bool,
    /// Each entry of the document, oldest first; none where it is the same as last time.
    pub entries: Vec<Foreseen>,
    /// Entries that would have been seen a second time, and go out.
    pub settled: u32,
    /// Entries that have left the feed before they were sent, and would be withdrawn.
    pub vanished: u32,
    /// How long until the next entry wants its second look.
    pub next_settle: Option<Duration>,
}

/// One entry as the next poll would take it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Foreseen {
    /// What it would be.
    pub seen: Seen,
    /// Its id, where it would have one.
    pub id: Option<EntryId>,
    /// Its title.
    pub title: String,
    /// Its link.
    pub link: Option<String>,
    /// The aliases by which it is known, or would be remembered.
    pub by: Vec<String>,
    /// Its deliveries, as they would stand then.
    pub deliveries: Vec<DeliveryView>,
}

/// What an entry would be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Seen {
    /// It was never seen.
    New,
    /// It is known, and new in this feed.
    Arrives,
    /// It is known.
    Known,
    /// It repeats another of its document.
    Repeat,
    /// There is nothing to know it by.
    Nameless,
}

/// Held entries that may be known ones under other names.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Realiased {
    /// Each with the known one, oldest first.
    pub pairs: Vec<Pair>,
    /// Held entries that look like none that is known.
    pub left: Vec<Post>,
    /// Stands for these pairs: a person who has seen them confirms them by it.
    pub token: String,
    /// Whether they are one each now.
    pub is_done: bool,
}

/// A held entry, and the known one that it may be.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Pair {
    /// The held one.
    pub new: Post,
    /// The known one.
    pub old: Post,
    /// What is alike, in words.
    pub because: String,
}

/// An entry, as far as a person needs to know which it is.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Post {
    /// Its id.
    pub id: EntryId,
    /// Its title.
    pub title: String,
    /// Its link, or else its guid.
    pub link: Option<String>,
}

/// How things stand.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Overview {
    /// The ledger's id.
    pub ledger: String,
    /// Whether it may send.
    pub trust: Trust,
    /// Why everything is stopped, if it is.
    pub stopped: Option<String>,
    /// Starts of the last ten minutes that followed a daemon which did not end as it should.
    #[serde(default)]
    pub unclean_starts: u32,
    /// What is wrong with the machine's clock, if anything is.
    #[serde(default)]
    pub clock: Option<String>,
    /// Why it cannot be written, as far as is known.
    pub unwritable: Option<String>,
    /// Entries known.
    pub entries: u64,
    /// Every feed it has seen, by name.
    pub feeds: Vec<(String, FeedState)>,
    /// What feeds have taught about themselves, by name: keys that prove nothing alone, hosts that stand
    /// for others.
    #[serde(default)]
    pub notes: Vec<(String, Vec<String>)>,
    /// Every lane of the config.
    pub lanes: Vec<LaneView>,
    /// Every group of the config.
    pub groups: Vec<GroupView>,
    /// The oldest delivery that waits for a person, and since when.
    pub oldest_held: Option<Time>,
    /// The oldest delivery in doubt, and since when.
    pub oldest_doubt: Option<Time>,
    /// Since when the oldest delivery that is due waits for a person to post it by hand.
    #[serde(default)]
    pub oldest_by_hand: Option<Time>,
    /// Since when the oldest post that is to be taken away, and cannot be, waits for a person.
    #[serde(default)]
    pub oldest_stuck: Option<Time>,
    /// When the longest awaited second look was wanted.
    pub oldest_settling: Option<Time>,
    /// Claims granted in all.
    pub claims: u64,
    /// Lines in the journal.
    pub journal: u64,
    /// Bytes in the ledger's file.
    pub bytes: u64,
}

/// Whether the ledger may grant permits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "mode")]
pub enum Trust {
    /// It may.
    Sends,
    /// It may not.
    Observes {
        /// What was seen.
        why: String,
        /// The command that mends it.
        mend: String,
    },
}

/// One lane as people see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LaneView {
    /// The integration's name.
    pub name: String,
    /// A person paused it, for this reason.
    pub paused: Option<String>,
    /// It stopped itself, for this reason: a person must act.
    pub stopped: Option<String>,
    /// It rests after failures until then.
    pub rests_until: Option<Time>,
    /// Failures in a row.
    pub failures: u32,
    /// Claims in the last ten minutes, hour and day.
    pub claimed: [u32; 3],
    /// What the caps allow in each.
    pub allowed: [u32; 3],
}

/// One group as people see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupView {
    /// Its name.
    pub name: String,
    /// Its lane.
    pub lane: String,
    /// Deliveries by status.
    pub counts: Vec<(StatusKind, u64)>,
}

impl GroupView {
    /// How many of its deliveries are in that status.
    #[must_use]
    pub fn count(&self, kind: StatusKind) -> u64 {
        self.counts.iter().find(|(k, _)| *k == kind).map_or(0, |(_, n)| *n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{HoldReason, How, Receipt, Reference, WithdrawReason};

    /// What crosses the control socket must come out as it went in, whatever its status says.
    #[test]
    fn a_view_survives_its_written_form_in_every_status() {
        let at = Time::from_millis(5);
        let reference = Reference {
            id: Some("9".into()),
            url: Some("https://x.example/9".into()),
            account: Some("7".into()),
            already: false,
        };
        for status in [
            Status::Baseline,
            Status::Held {
                reason: HoldReason::NearDuplicate { of: "e1".into(), because: "text".into() },
            },
            Status::Held { reason: HoldReason::Unfit { why: "too long".into() } },
            Status::Due { attempt: 1, not_before: at },
            Status::Claimed { attempt: 1, permit: 2, maybe: true },
            Status::Published { receipt: Receipt { reference, at, how: How::Asked } },
            Status::Refused { reason: "no".into() },
            Status::InDoubt { attempt: 1, evidence: "reset".into(), next_look: at, looks: 3 },
            Status::Withdrawn { reason: WithdrawReason::Person { why: "old".into() } },
        ] {
            let view = DeliveryView {
                id: DeliveryId { entry: 1, group: 2, generation: 3 },
                entry_id: EntryId::from_bytes([7; 16]),
                title: "T".into(),
                group: "g".into(),
                status,
                since: at,
                settling: false,
                by_hand: false,
                quiet_until: None,
                amend: None,
            };
            let text = serde_json::to_string(&view).expect("written");
            let back: DeliveryView = serde_json::from_str(&text).expect(&text);
            assert_eq!((back.id, back.status), (view.id, view.status), "{text}");
        }
    }
}
