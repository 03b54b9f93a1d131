//! The truth, and the only source of permits.
//!
//! [`Ledger`] is shaped by the protocol's verbs and not by an engine. [`embedded`] keeps it in redb
//! on this machine.

pub mod admission;
pub mod adopt;
pub mod alert;
pub mod amend;
mod caps;
pub mod closed;
pub mod embedded;
pub mod evidence;
pub mod hand;
pub mod journal;
mod permit;
mod setup;
pub mod upkeep;
mod views;
pub mod whole;
mod witness;

use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::time::Duration;

pub use amend::{
    AmendClaim, AmendPermit, AmendSettled, AmendSpent, AmendWork, Moot, Retract, RetractStep,
};
pub use permit::{Permit, Spent};
pub use setup::{Audience, Lane, Policy, Setup};
pub use views::{
    Claim, DeliveryView, DoubtWork, DueWork, EntryView, Foreseen, Foresight, GroupView, LaneView,
    Overview, Pair, Post, Realiased, Seen, Settled, Trust, Waiting, Work,
};

use crate::model::{
    Amend, Change, DeliveryId, Entry, FeedState, Found, Guarantee, How, Reference, Request, Staged,
};

/// What a ledger verb answers with, later.
pub type Reply<T> = Pin<Box<dyn Future<Output = Result<T, LedgerError>> + Send>>;

/// Why the ledger could not do it.
#[derive(Debug, Clone, thiserror::Error)]
pub enum LedgerError {
    /// The change may or may not be on disk: nothing may be sent on the strength of it.
    #[error("the ledger may or may not have taken this: {0}")]
    Uncertain(String),
    /// The ledger cannot be read or written now.
    #[error("the ledger cannot be used: {0}")]
    Unusable(String),
    /// The ledger cannot be trusted, so nothing is sent.
    #[error("the ledger is not trusted: {why}; to mend it: {mend}")]
    Untrusted {
        /// What was seen.
        why: String,
        /// The command that mends it.
        mend: String,
    },
    /// Another process has it.
    #[error("the ledger {path} is in use by {holder}")]
    InUse {
        /// The file.
        path: String,
        /// Who holds it, as far as is known.
        holder: String,
    },
    /// What was asked for does not exist or may not be done, in words.
    #[error("{0}")]
    Refused(String),
}

/// What one poll brought, taken in one durable commit.
#[derive(Debug, Clone)]
pub struct Intake {
    /// The feed's name.
    pub feed: String,
    /// What was seen.
    pub sight: Sight,
    /// The poller's memory, written in the same commit.
    pub state: FeedState,
}

/// What a poll saw.
#[derive(Debug, Clone)]
pub enum Sight {
    /// Nothing that could be used: the poll failed.
    Nothing,
    /// The same document as last time.
    Unchanged,
    /// A document.
    Document {
        /// Its entries, oldest first.
        entries: Vec<Entry>,
        /// Whether it is whole, so that absence means something.
        complete: bool,
    },
}

/// What became of a document's entries.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Admitted {
    /// Whether this was the first sight of the feed.
    pub baseline: bool,
    /// Entries never seen before.
    pub new: u32,
    /// Of those, how many wait for a person.
    pub held: u32,
    /// Known entries with another text than before.
    pub changed: u32,
    /// Entries that left the feed before they were sent.
    pub vanished: u32,
    /// Entries that may have been deleted: their pages are looked at.
    pub missing: u32,
    /// Entries that have left the feed so many at once that none of them counts as deleted.
    pub missing_held: u32,
    /// Entries that have changed so many at once that no post is changed.
    pub edits_held: u32,
    /// Entries by which nothing can be recognised.
    pub nameless: u32,
    /// How long until the next entry wants its second look.
    pub next_settle: Option<Duration>,
}

/// What a person, or a question to the platform, says of a delivery in doubt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// A person saw it there.
    PersonPublished(Reference),
    /// A person saw that it is not there.
    PersonAbsent,
    /// The platform was asked.
    Asked(Found),
    /// The platform was asked and does not have it, and it cannot be repeated unseen, for this reason.
    Absent(String),
}

/// Who moves something, for the journal.
pub type Who = String;

/// Which deliveries a person means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selection {
    /// The entry's number.
    pub entry: u64,
    /// Only this group.
    pub group: Option<String>,
}

/// A person's wish to send an entry by hand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replay {
    /// The entry and the group.
    pub selection: Selection,
    /// Repeat to groups that have it or may have it, for this reason.
    pub again: Option<String>,
    /// Say what would happen and write nothing.
    pub dry_run: bool,
}

/// What a replay does for one group.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub struct ReplayStep {
    /// The group's name.
    pub group: String,
    /// The delivery that stands after it.
    pub delivery: DeliveryView,
    /// Whether it will be sent now.
    pub sends: bool,
    /// In words.
    pub why: String,
}

/// The protocol's verbs.
///
/// Every verb that changes something is one durable commit, or part of one, when it answers.
pub trait Ledger: Send + Sync + std::fmt::Debug {
    /// Takes up the lanes, groups and walls of a config. Groups seen for the first time start at
    /// baseline: what is known already is not sent to them.
    fn configure(&self, setup: Setup) -> Reply<()>;

    /// A daemon begins: written down before it does anything else. One that follows too many others
    /// that did not `close` only observes for a while.
    fn begin(&self) -> Reply<()>;

    /// What is remembered about a feed, and how long until its next entry wants a second look.
    fn feed(&self, name: &str) -> Reply<(Option<FeedState>, Option<Duration>)>;

    /// Takes what a poll brought: entries, aliases, deliveries and the feed's memory in one commit. A poll
    /// that brought nothing leaves times alone, which are written within a minute or at the end: a kill may
    /// forget them, and then the feed is asked once more.
    fn admit(&self, intake: Intake) -> Reply<Admitted>;

    /// What [`Ledger::admit`] would do with a poll; nothing is written.
    fn foresee(&self, intake: Intake) -> Reply<Foresight>;

    /// The next thing to do in a lane, or when to look again.
    fn due(&self, lane: &str) -> Reply<Waiting>;

    /// What there is to do for one delivery alone, or when.
    fn due_one(&self, delivery: DeliveryId) -> Reply<Waiting>;

    /// Claims a due delivery for one publish call. The permit comes after the commit and after the
    /// witness, or not at all.
    fn claim(&self, delivery: DeliveryId, request: Request) -> Reply<Claim>;

    /// Claims a delivery in doubt for a repeat of its stored request, where the guarantee allows
    /// one now.
    fn reclaim(&self, delivery: DeliveryId, guarantee: Guarantee) -> Reply<Claim>;

    /// Records what a spent permit proved. Taking the same one twice changes nothing.
    fn settle(&self, spent: &Spent) -> Reply<Settled>;

    /// [`Ledger::settle`] and [`Ledger::claim`] of the next delivery in one commit: both, or neither.
    fn settle_and_claim(
        &self,
        spent: &Spent,
        next: DeliveryId,
        request: Request,
    ) -> Reply<(Settled, Claim)>;

    /// Keeps what stands ready for a delivery at its platform, before it is claimed; false where the
    /// delivery is no longer due.
    fn stage(&self, delivery: DeliveryId, staged: Staged) -> Reply<bool>;

    /// Takes a person's wish that what readers have of an entry be taken away.
    fn retract(&self, what: Retract, who: Who) -> Reply<Vec<RetractStep>>;

    /// Records that a delivery which was not sent stands there already, by another hand. What may have been
    /// sent is left as it is.
    fn elsewhere(
        &self,
        delivery: DeliveryId,
        reference: Reference,
        how: How,
        who: Who,
    ) -> Reply<Status>;

    /// Takes what stands on a group's account for what the group has heard: in one commit, and nothing of it
    /// is ever sent there by itself. What may be ours and is under way is left as it is.
    fn adopt(&self, what: adopt::Adopt, who: Who) -> Reply<Vec<adopt::AdoptStep>>;

    /// Entries that have left a feed and may have been deleted, as far as groups want to know.
    fn missing(&self, feed: &str) -> Reply<Vec<upkeep::Missing>>;

    /// Takes what a look at the page of such an entry has shown; true where its posts are to be taken away.
    fn looked(&self, feed: &str, entry: u64, page: upkeep::Page) -> Reply<bool>;

    /// Claims one call for a change that is wanted of a post. The permit comes after the commit, or not
    /// at all; `saying` is the fingerprint of what the post then says.
    fn claim_amend(
        &self,
        delivery: DeliveryId,
        change: Change,
        request: Request,
        saying: Option<String>,
    ) -> Reply<AmendClaim>;

    /// Records what a call for a change proved. Taking the same one twice changes nothing.
    fn settle_amend(&self, spent: &AmendSpent) -> Reply<AmendSettled>;

    /// Records that no call is made for a change, and why.
    fn moot_amend(&self, delivery: DeliveryId, change: Change, moot: Moot) -> Reply<Option<Amend>>;

    /// Records that a delivery cannot be made into a post: it waits for a person.
    fn unfit(&self, delivery: DeliveryId, why: String) -> Reply<()>;

    /// Records what was found out about a delivery in doubt.
    fn resolve(&self, delivery: DeliveryId, verdict: Verdict, who: Who) -> Reply<Status>;

    /// Opens an entry for sending by hand: the groups that have not had it, or, with a reason, a new
    /// generation for those that have.
    fn reopen(&self, replay: Replay, who: Who) -> Reply<Vec<ReplayStep>>;

    /// Lets held deliveries go.
    fn release(&self, selection: Selection, who: Who) -> Reply<Vec<DeliveryView>>;

    /// Takes back deliveries that have not been sent.
    fn withdraw(&self, selection: Selection, why: String, who: Who) -> Reply<Vec<DeliveryView>>;

    /// Which held entries of a feed may be known ones under other names. With the token of such an
    /// answer, and while it still holds, they are: in one commit, and nothing of them is ever sent.
    fn realias(&self, feed: &str, confirmed: Option<String>, who: Who) -> Reply<Realiased>;

    /// What waits for a person to post it by hand, questions first; `only` is one delivery, whatever its
    /// number of fellows.
    fn checklist(&self, only: Option<DeliveryId>, limit: usize) -> Reply<hand::Checklist>;

    /// Takes what a person does with a delivery that is posted by hand.
    fn by_hand(&self, delivery: DeliveryId, act: hand::Act, who: Who) -> Reply<hand::Moved>;

    /// Stops a lane until it is resumed; `None` means every lane that the config names.
    fn pause(&self, lane: Option<String>, why: String, who: Who) -> Reply<Vec<String>>;

    /// Lets a lane go again, whatever stopped it, and takes back `stop_all` where `lane` is `None`.
    fn resume(&self, lane: Option<String>, who: Who) -> Reply<Vec<String>>;

    /// Stops all sending, across restarts.
    fn stop_all(&self, why: String, who: Who) -> Reply<()>;

    /// Tells a group, in one delivery, of all that it has not been told of, once `every` has gone by since
    /// the last time; comes back with how many things that were. Nothing is opened, and nothing counts as
    /// told, while nothing may be sent.
    fn alert(&self, group: &str, every: Duration, concerns: Vec<alert::Concern>) -> Reply<usize>;

    /// Rests a lane after a failure that came before any claim, or stops it where `credentials` says
    /// that a person must act.
    fn trouble(
        &self,
        lane: &str,
        why: String,
        wait: Option<Duration>,
        credentials: bool,
    ) -> Reply<()>;

    /// The entries that a person may mean by an id prefix, a link or a guid, newest first; at most
    /// a handful.
    fn find(&self, what: &str) -> Reply<Vec<EntryView>>;

    /// The journal of one entry's deliveries, oldest first.
    fn history(&self, entry: u64) -> Reply<Vec<journal::Line>>;

    /// Deliveries that wait: for a person, for a platform or for their time.
    fn waiting(&self, limit: usize) -> Reply<Vec<DeliveryView>>;

    /// What each group is owed of an entry, or was: the newest generation.
    fn owed(&self, entry: u64) -> Reply<Vec<DueWork>>;

    /// The newest entries that more than baseline became of.
    fn recent(&self, limit: usize) -> Reply<Vec<EntryView>>;

    /// How things stand.
    fn overview(&self) -> Reply<Overview>;

    /// Walks the journal and every row, and proves that nothing was changed from outside. `progress`
    /// hears how many of how many lines are done.
    fn verify(&self, progress: Box<dyn Fn(u64, u64) + Send>) -> Reply<journal::Proof>;

    /// Copies the ledger as it is at this moment into a file beside it, while it goes on, and says
    /// where; whoever asked takes the file away.
    fn snapshot(&self) -> Reply<PathBuf>;

    /// Ends the writer when everything before this has been done, and a daemon that has begun has ended
    /// as it should.
    fn close(&self) -> Reply<()>;
}

pub use crate::model::Status;
