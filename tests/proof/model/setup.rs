//! What one exploration is of: the class of the platform, how much there is of everything, what may go
//! wrong and how often, and which protecting step is cut out.

use std::time::Duration;

use oncecast::model::{Guarantee, Outcome, Reference, Response};

use super::names::Names;

/// One tick of the model's clock. A call's timeout (60 s) and a permit's age (10 s) are shorter, and the
/// ten minutes of `Guarantee::REGRET` are three.
pub(super) const TICK: Duration = Duration::from_secs(200);
/// `doubt_after` in ticks.
pub(super) const DOUBT_AFTER: u8 = 2;
/// The timing assumption: what has left us is heard, or lost for good, before it is older than this.
/// It must be less than [`DOUBT_AFTER`].
pub(super) const LATE_MAX: u8 = 1;
/// A key's window in ticks: four of them are relied on.
pub(super) const WINDOW: u8 = 5;
/// A lane's cap counts claims in this many ticks.
pub(super) const CAP_TICKS: u8 = 2;
/// Ticks of doubt until an answer "absent" counts; two must, a tick apart at least.
pub(super) const ABSENT_AFTER: u8 = 2;
/// A post that was sent this often and is not there each time needs a person.
pub(super) const ABSENT_SENDS_MAX: u8 = 4;

/// How a platform treats a publish call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Manner {
    /// It puts an object under the id we chose, over what is there.
    Object,
    /// It publishes a draft, once.
    Draft,
    /// It looks for our key when it hears us and saves it when it shows the post: between the two it
    /// hears a second one (mastodon issue 21840).
    Key,
    /// It shows whatever it hears, whatever key it carries.
    Shows,
    /// It refuses an equal text, when it feels like it.
    Dedups,
}

/// How a platform can be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asks {
    Cannot,
    /// By the delivery's own id or mark.
    ById,
    /// By what the post says, among what was shown since the first send.
    ByContent,
}

/// A guarantee, and the platform behind it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Class {
    pub(super) name: &'static str,
    pub(super) guarantee: Guarantee,
    pub(super) manner: Manner,
    pub(super) asks: Asks,
    /// The group's rule for what was asked about and not found.
    pub(super) when_absent_send: bool,
}

const fn class(name: &'static str, guarantee: Guarantee, manner: Manner, asks: Asks) -> Class {
    Class { name, guarantee, manner, asks, when_absent_send: false }
}

const KEYED: Guarantee = Guarantee::Keyed { window: Duration::from_secs(200 * WINDOW as u64) };

impl Class {
    pub(super) const DERIVED: Self =
        class("derived-id", Guarantee::DerivedId, Manner::Object, Asks::ById);
    pub(super) const TWO_PHASE: Self =
        class("two-phase", Guarantee::TwoPhase, Manner::Draft, Asks::Cannot);
    pub(super) const KEYED: Self = class("keyed", KEYED, Manner::Key, Asks::ByContent);
    pub(super) const KEYED_UNASKED: Self =
        class("keyed, not to be asked", KEYED, Manner::Key, Asks::Cannot);
    /// A server that says it heeds a key and does not.
    pub(super) const KEY_IGNORED: Self =
        class("keyed, and it ignores the key", KEYED, Manner::Shows, Asks::ByContent);
    pub(super) const VERIFIABLE: Self =
        class("verifiable", Guarantee::Verifiable, Manner::Shows, Asks::ByContent);
    pub(super) const VERIFIABLE_SEND: Self =
        Self { name: "verifiable, when_absent = send", when_absent_send: true, ..Self::VERIFIABLE };
    pub(super) const DEDUP: Self =
        class("content-dedup", Guarantee::ContentDedup, Manner::Dedups, Asks::Cannot);
    pub(super) const BLIND: Self = class("blind", Guarantee::Blind, Manner::Shows, Asks::Cannot);
    pub(super) const ALL: [Self; 9] = [
        Self::DERIVED,
        Self::TWO_PHASE,
        Self::KEYED,
        Self::KEYED_UNASKED,
        Self::KEY_IGNORED,
        Self::VERIFIABLE,
        Self::VERIFIABLE_SEND,
        Self::DEDUP,
        Self::BLIND,
    ];

    /// Whether it settles every doubt of its own making without a person, once faults stop.
    pub(super) fn settles_alone(&self) -> bool {
        self.guarantee == Guarantee::TwoPhase
    }
}

/// What an attempt proved, without its words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Proved {
    Published,
    Deferred,
    Refused,
    Unsent,
    Unknown,
}

impl Proved {
    pub(super) fn of(outcome: &Outcome) -> Self {
        match outcome {
            Outcome::Published { .. } => Self::Published,
            Outcome::Deferred { .. } => Self::Deferred,
            Outcome::Refused { .. } => Self::Refused,
            Outcome::Unsent { .. } => Self::Unsent,
            Outcome::Unknown { .. } => Self::Unknown,
        }
    }

    /// What the house's own table says that a status proves.
    pub(super) fn by_status(status: u16) -> Self {
        let response = Response { status, ..Response::default() };
        Self::of(&Outcome::from_status(&response, Reference::default()))
    }
}

/// How often each thing may still go wrong, or be done by a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(super) struct Left {
    /// The process is killed.
    pub(super) kills: u8,
    /// An answer is lost, or says 5xx; a request is lost on the way; a question brings nothing.
    pub(super) lost: u8,
    /// The platform says no, whether or not it has shown it before.
    pub(super) noes: u8,
    /// The platform says later, or cannot be reached.
    pub(super) laters: u8,
    /// A commit or a witness write fails, whether or not it is durable.
    pub(super) commits: u8,
    /// A task is dropped with its permit.
    pub(super) drops: u8,
    /// An older copy of the ledger is put in its place.
    pub(super) restores: u8,
    /// A person says what they see of a delivery in doubt.
    pub(super) words: u8,
    /// A person sends it again.
    pub(super) agains: u8,
    /// A person withdraws it.
    pub(super) withdraws: u8,
    /// The feed names its items anew.
    pub(super) renames: u8,
    /// The author deletes a post where it was shown.
    pub(super) deletes: u8,
}

/// A protecting step that is cut out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Cut {
    ClaimComparesNothing,
    RecoveryReleases,
    GrantBeforeCommit,
    NoWitness,
    GhostsIgnored,
    OlderLedgerTrusted,
    GrantedForgottenOnReopen,
    TimeoutIsUnsent,
    ServerErrorIsUnsent,
    PermitNeverAges,
    WindowIgnored,
    WindowFromLastSend,
    RepeatWithoutAsking,
    RepeatUnderAnotherKey,
    RepeatOfTheBlind,
    RepeatOfTheHaunted,
    RepeatOfTheReplaced,
    MaybeDropped,
    RefusedRepeatBelieved,
    AbsentAtOnce,
    CapOutsideTheClaim,
    AliasesIgnored,
    PublishedReopens,
}

/// Mends of what this model has found; `findings.rs` says what each is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mends {
    /// `reclaim` itself sees that `doubt_after` has passed since the row fell into doubt.
    pub(super) reclaim_waits: bool,
    /// What is found by content proves nothing where there is another generation.
    pub(super) generations_apart: bool,
    /// After `adopt-restored`, whatever is in doubt counts as claimed by the lost ledger.
    pub(super) doubts_haunted: bool,
    /// The witness tells of settlements too, so that a copy from before one is seen to be older.
    pub(super) settlements_witnessed: bool,
    /// What is new at the first poll after `adopt-restored` waits for a person.
    pub(super) news_held: bool,
}

impl Mends {
    /// What the product has. A mend that is made there is switched on here, and the walks beside the real
    /// ledger say whether it is the same.
    pub(super) const NOW: Self = Self {
        reclaim_waits: true,
        generations_apart: true,
        doubts_haunted: true,
        settlements_witnessed: true,
        news_held: true,
    };
    /// What it would have with every mend.
    pub(super) const ALL: Self = Self {
        reclaim_waits: true,
        generations_apart: true,
        doubts_haunted: true,
        settlements_witnessed: true,
        news_held: true,
    };
}

/// When an author may delete.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Deletes {
    /// Once the ledger knows that it is there.
    Known,
    /// Whenever it is to be seen.
    Seen,
}

/// One exploration.
#[derive(Debug, Clone)]
pub(super) struct Setup {
    pub(super) class: Class,
    pub(super) posts: u8,
    pub(super) groups: u8,
    /// Generations that there may be of one delivery.
    pub(super) generations: u8,
    /// Daemons on the one ledger.
    pub(super) nodes: u8,
    /// Whether the lock beside the ledger keeps the second one out.
    pub(super) lock: bool,
    /// Loops of the one lane in each daemon: two, where a reload found the first still busy.
    pub(super) workers: u8,
    /// The last tick.
    pub(super) horizon: u8,
    pub(super) left: Left,
    /// Whether the timing assumption holds.
    pub(super) in_time: bool,
    /// Whether a person looks no sooner than `doubt_after`, as a platform is asked.
    pub(super) patient: bool,
    pub(super) deletes: Deletes,
    /// Whether the witness is put back with the ledger, as by a snapshot of the whole volume.
    pub(super) witness_too: bool,
    /// Claims of the lane in [`CAP_TICKS`].
    pub(super) cap: Option<u8>,
    /// Whether only that happens which can be done to a real ledger from outside: no commit that fails, no
    /// step between a commit and its witness, no command that finds no daemon.
    pub(super) outside: bool,
    /// Whether liveness is checked from every state.
    pub(super) rests: bool,
    pub(super) mends: Mends,
    pub(super) cut: Option<Cut>,
    pub(super) names: Names,
}

impl Setup {
    /// One post, one group, one daemon with the lock and one loop; nothing goes wrong.
    pub(super) fn of(class: Class) -> Self {
        Self {
            class,
            posts: 1,
            groups: 1,
            generations: 1,
            nodes: 1,
            lock: true,
            workers: 1,
            horizon: 3,
            left: Left::default(),
            in_time: true,
            patient: true,
            deletes: Deletes::Known,
            witness_too: false,
            cap: None,
            outside: false,
            rests: false,
            mends: Mends::NOW,
            cut: None,
            names: Names::new(),
        }
    }

    pub(super) fn cuts(&self, cut: Cut) -> bool {
        self.cut == Some(cut)
    }
}
