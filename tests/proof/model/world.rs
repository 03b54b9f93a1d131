//! The state of the modelled world: a ledger, its witness, daemons at work, calls on their way, and
//! what readers have been shown, which is the truth.

use oncecast::model::{
    Event, HoldReason, How, Illegal, Receipt, Reference, Status, Time, WithdrawReason,
};

use super::names::{GENERATIONS_MAX, GROUPS_MAX, GUISES};
use super::setup::{Left, Proved, TICK};

/// A moment of the model's clock, as the house writes it.
pub(super) fn time(tick: u8) -> Time {
    Time::EPOCH.plus(TICK * u32::from(tick))
}

fn tick(time: Time) -> u8 {
    let ticks = time.as_millis() / u64::try_from(TICK.as_millis()).expect("a tick is small");
    u8::try_from(ticks).expect("the model's clock ends early")
}

pub(super) fn receipt(how: How) -> Receipt {
    Receipt { reference: Reference::default(), at: Time::EPOCH, how }
}

/// A [`Status`] without words, so that states can be compared. It moves by the real one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Stand {
    Held,
    Due { attempt: u8, not_before: u8 },
    Claimed { attempt: u8, permit: u8, maybe: bool },
    Published { by_person: bool },
    Refused,
    InDoubt { attempt: u8, next_look: u8 },
    Withdrawn,
}

fn small(number: impl TryInto<u8>) -> u8 {
    number.try_into().ok().expect("the model's numbers stay small")
}

impl Stand {
    fn status(self) -> Status {
        match self {
            Self::Held => Status::Held { reason: HoldReason::Stale },
            Self::Due { attempt, not_before } => {
                Status::Due { attempt: attempt.into(), not_before: time(not_before) }
            }
            Self::Claimed { attempt, permit, maybe } => {
                Status::Claimed { attempt: attempt.into(), permit: permit.into(), maybe }
            }
            Self::Published { by_person } => {
                let how = if by_person { How::Person } else { How::Answered };
                Status::Published { receipt: receipt(how) }
            }
            Self::Refused => Status::Refused { reason: String::new() },
            Self::InDoubt { attempt, next_look } => Status::InDoubt {
                attempt: attempt.into(),
                evidence: String::new(),
                next_look: time(next_look),
                looks: 0,
            },
            Self::Withdrawn => {
                Status::Withdrawn { reason: WithdrawReason::Person { why: String::new() } }
            }
        }
    }

    fn of(status: &Status) -> Self {
        match status {
            Status::Held { .. } => Self::Held,
            Status::Due { attempt, not_before } => {
                Self::Due { attempt: small(*attempt), not_before: tick(*not_before) }
            }
            Status::Claimed { attempt, permit, maybe } => {
                Self::Claimed { attempt: small(*attempt), permit: small(*permit), maybe: *maybe }
            }
            Status::Published { receipt } => {
                Self::Published { by_person: receipt.how == How::Person }
            }
            Status::Refused { .. } => Self::Refused,
            // Looks make the rests between them longer; here they are all as short as the first.
            Status::InDoubt { attempt, next_look, .. } => {
                Self::InDoubt { attempt: small(*attempt), next_look: tick(*next_look) }
            }
            Status::Withdrawn { .. } => Self::Withdrawn,
            Status::Baseline => unreachable!("the model begins after the first sight of its feed"),
        }
    }

    /// Where an event leads, by the house's own function.
    pub(super) fn after(self, event: Event) -> Result<Self, Illegal> {
        self.status().after(event).map(|status| Self::of(&status))
    }

    /// What a real status says, but for its times.
    pub(super) fn told(status: &Status) -> Self {
        match status {
            Status::Due { attempt, .. } => Self::Due { attempt: small(*attempt), not_before: 0 },
            Status::InDoubt { attempt, .. } => {
                Self::InDoubt { attempt: small(*attempt), next_look: 0 }
            }
            status => Self::of(status),
        }
    }

    pub(super) fn without_times(self) -> Self {
        match self {
            Self::Due { attempt, .. } => Self::Due { attempt, not_before: 0 },
            Self::InDoubt { attempt, .. } => Self::InDoubt { attempt, next_look: 0 },
            stand => stand,
        }
    }

    pub(super) fn kind(self) -> oncecast::model::StatusKind {
        self.status().kind()
    }
}

/// A post as the ledger knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Entered {
    pub(super) post: u8,
    /// The name by which it was first known: its id, and so its keys, come of it.
    pub(super) first: u8,
    /// In which guises it is known by now.
    pub(super) guises: u8,
    /// Whether it was entered into a ledger that had been put back.
    pub(super) life: u8,
}

/// One delivery, as its row stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Row {
    /// The place of its entry in [`Ledger::entries`].
    pub(super) entry: u8,
    pub(super) group: u8,
    /// From 1.
    pub(super) generation: u8,
    pub(super) stand: Stand,
    pub(super) since: u8,
    pub(super) first_sent: Option<u8>,
    pub(super) haunted: bool,
    /// When the platform first said "absent" of it, since it was last sent, where that counts.
    pub(super) absent: Option<u8>,
}

/// The number of a delivery's key: as different as the real ones.
pub(super) type Key = u8;

pub(super) const fn key(name: u8, group: u8, generation: u8) -> Key {
    (name * GROUPS_MAX + group) * GENERATIONS_MAX + generation - 1
}

/// Number and key of every claim that a witness tells of, in order.
pub(super) type Witness = Vec<(u8, Key)>;

/// What is durable in the ledger.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub(super) struct Ledger {
    pub(super) entries: Vec<Entered>,
    pub(super) rows: Vec<Row>,
    /// The number of the last claim.
    pub(super) claim: u8,
    /// Keys that a lost ledger has claimed, one bit each.
    pub(super) ghosts: u32,
    /// When claims were made, where a cap counts them.
    pub(super) claims: Vec<u8>,
    /// How much was settled, where the witness is told of it.
    pub(super) settled: u8,
    /// Whether it was put back and no poll has been taken since.
    pub(super) adopted: bool,
}

impl Ledger {
    /// Whether a row has moved, and so a line was written: what was only looked at leaves none.
    pub(super) fn has_moved(&self, before: &Self) -> bool {
        let kinds =
            |ledger: &Self| -> Vec<_> { ledger.rows.iter().map(|r| r.stand.kind()).collect() };
        kinds(self) != kinds(before)
    }

    pub(super) fn key_of(&self, row: &Row) -> Key {
        key(self.entries[usize::from(row.entry)].first, row.group, row.generation)
    }

    /// What readers would see of it: the place in [`World::truth`].
    pub(super) fn truth_of(&self, row: &Row) -> usize {
        let post = self.entries[usize::from(row.entry)].post;
        usize::from((post * GROUPS_MAX + row.group) * GENERATIONS_MAX + row.generation - 1)
    }

    /// Whether a person has opened another generation in this one's place.
    pub(super) fn is_replaced(&self, row: &Row) -> bool {
        self.rows.iter().any(|other| {
            other.entry == row.entry
                && other.group == row.group
                && other.generation > row.generation
        })
    }
}

/// What a loop of the lane is at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Task {
    Idle,
    /// It has read that this delivery is due.
    Chosen {
        row: u8,
    },
    /// It has asked about a delivery in doubt.
    Asked {
        row: u8,
        found: Find,
    },
    /// The claim is committed and not yet witnessed. Old once its permit may not be used any more.
    Committed {
        row: u8,
        permit: u8,
        old: bool,
    },
    /// The permit is in hand.
    Granted {
        row: u8,
        permit: u8,
    },
    /// The call has left.
    Waiting {
        row: u8,
        permit: u8,
    },
    /// What the call proved is in hand.
    Heard {
        row: u8,
        permit: u8,
        proved: Proved,
    },
}

/// What a question found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Find {
    There,
    Absent,
    Unsure,
    CannotAsk,
}

/// One daemon.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub(super) struct Node {
    pub(super) up: bool,
    /// Whether it found its ledger as its witness tells.
    pub(super) trusts: bool,
    /// Whether its last commit failed: it opens the ledger afresh before anything else.
    pub(super) sick: bool,
    /// Claims granted by this process and not settled, one bit each.
    pub(super) live: u32,
    pub(super) tasks: Vec<Task>,
}

impl Node {
    /// Whether a claim is committed and not yet witnessed.
    pub(super) fn is_writing(&self) -> bool {
        self.tasks.iter().any(|task| matches!(task, Task::Committed { .. }))
    }
}

/// A call on its way or in the platform's hands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Call {
    pub(super) permit: u8,
    pub(super) row: u8,
    pub(super) truth: u8,
    pub(super) key: Key,
    /// The id that we derive: of the entry's first name and of the ledger's life when it was entered.
    pub(super) id: u8,
    /// Ticks since it left.
    pub(super) age: u8,
    /// Whether the platform has taken it and will show it.
    pub(super) taken: bool,
}

/// What became of one post for one group in one generation, where readers are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(super) struct Truth {
    /// How often it was shown to them; more than twice is twice.
    pub(super) shown: u8,
    /// Whether it is to be seen now.
    pub(super) there: bool,
    /// When it was last shown.
    pub(super) at: u8,
    /// Under which derived ids it stands, one bit each.
    pub(super) objects: u8,
    /// When the platform saved a key of it, and which.
    pub(super) saved: Option<(u8, Key)>,
    /// Calls made for it of which it is not proved that they were not performed; of more than two
    /// there is no need to know.
    pub(super) open_calls: u8,
    /// When the first of them was made, and under which key and id.
    pub(super) first_call: Option<(u8, Key, u8)>,
}

/// Laws that a step has broken, one bit each.
pub(super) mod broken {
    pub(crate) const CALL_WITHOUT_CLAIM: u8 = 1;
    pub(crate) const REPEAT_THAT_SHOWS: u8 = 2;
    pub(crate) const PUBLISHED_MOVED: u8 = 4;
    pub(crate) const OVER_THE_CAP: u8 = 8;
    pub(crate) const REPLACED_SENT: u8 = 16;
    pub(crate) const ILLEGAL: u8 = 32;
}

/// Everything.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct World {
    pub(super) now: u8,
    pub(super) ledger: Ledger,
    pub(super) witness: Witness,
    /// What the witness was told of settlements.
    pub(super) witnessed: u8,
    /// An older copy of the ledger, and of the witness where both are kept.
    pub(super) backup: Option<Box<(Ledger, Witness)>>,
    /// How often a ledger was put back.
    pub(super) life: u8,
    pub(super) nodes: Vec<Node>,
    pub(super) calls: Vec<Call>,
    pub(super) truth: Vec<Truth>,
    /// Which guise the feed shows.
    pub(super) guise: u8,
    pub(super) left: Left,
    pub(super) broken: u8,
}

impl World {
    /// Daemons and loops are alike: the order in which they stand says nothing.
    pub(super) fn sorted(mut self) -> Self {
        let task = |task: &Task| match *task {
            Task::Idle => (0, 0, 0, 0),
            Task::Chosen { row } => (1, row, 0, 0),
            Task::Asked { row, found } => (2, row, found as u8, 0),
            Task::Committed { row, permit, old } => (3, row, permit, u8::from(old)),
            Task::Granted { row, permit } => (4, row, permit, 0),
            Task::Waiting { row, permit } => (5, row, permit, 0),
            Task::Heard { row, permit, proved } => (6, row, permit, proved as u8),
        };
        for node in &mut self.nodes {
            node.tasks.sort_unstable_by_key(task);
        }
        self.nodes.sort_by_cached_key(|node| {
            (
                node.up,
                node.trusts,
                node.sick,
                node.live,
                node.tasks.iter().map(task).collect::<Vec<_>>(),
            )
        });
        self.calls.sort_unstable();
        self
    }

    pub(super) fn held_permits(&self) -> impl Iterator<Item = u8> + '_ {
        self.nodes.iter().flat_map(|node| &node.tasks).filter_map(|task| match *task {
            Task::Committed { permit, .. }
            | Task::Granted { permit, .. }
            | Task::Waiting { permit, .. }
            | Task::Heard { permit, .. } => Some(permit),
            Task::Idle | Task::Chosen { .. } | Task::Asked { .. } => None,
        })
    }
}

const _: () = assert!(GUISES as usize <= 8, "guises are bits of a byte");
