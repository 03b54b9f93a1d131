//! The ledger on this machine: redb, a witness file beside it, and one thread that owns both.
//!
//! What is used of redb, and why:
//!
//! - *quick-repair on every commit*: an open after a kill takes milliseconds at any size;
//! - *created under another name and renamed when whole*: a kill during creation leaves a file that
//!   never opens;
//! - *a checksum in every row*: redb does not verify the pages that it reads;
//! - *keys in the order of time*, hashes only in one table;
//! - *a small cache*: its default is 1 GiB;
//! - *a failed commit closes and reopens it* before anything is claimed: its outcome is unknown.

mod admit;
mod adopt;
mod agree;
#[cfg(test)]
mod agree_tests;
mod alerts;
mod amend;
mod batch;
mod claim;
mod clock_set;
mod compact;
mod copy;
pub mod disk;
mod foresee;
mod frozen;
mod habits;
mod hand;
mod import;
mod lag;
mod lock;
mod naming;
mod open;
mod person;
mod posts;
mod read;
mod realias;
mod records;
mod restored;
mod revise;
mod route;
mod settle;
mod settling;
mod starts;
mod tables;
#[cfg(test)]
mod tests;
mod time;
mod trust;
mod upkeep;
mod verify;
mod writer;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::Duration;

use tokio::sync::oneshot;

use crate::clock::Clock;
use crate::model::{
    Amend, Change, DeliveryId, FeedState, Guarantee, How, Reference, Request, Staged, Status,
};

use super::adopt::{Adopt, AdoptStep};
use super::alert::Concern;
use super::amend::{AmendClaim, AmendSettled, AmendSpent, Moot, Retract, RetractStep};
use super::upkeep::{Missing, Page};
use super::{
    Admitted, Claim, DeliveryView, DueWork, EntryView, Foresight, Intake, Ledger, LedgerError,
    Overview, Realiased, Replay, ReplayStep, Reply, Selection, Settled, Setup, Spent, Verdict,
    Waiting, Who, hand as by_hand, journal,
};
use batch::Batch;
use disk::Disk;
use writer::{Job, Message, Writer};

pub use compact::{Compacted, compact};
pub use copy::place_of;
pub use frozen::Frozen;
pub use import::{Imported, import};
pub use open::{Mend, Place};

/// How many jobs may wait for the writer before a caller is told that it does not keep up.
const QUEUE_MAX: usize = 4_096;

/// A handle to the writer.
#[derive(Debug)]
pub struct Embedded {
    desk: Desk,
    disk: Arc<dyn Disk>,
    path: PathBuf,
}

/// Where jobs are handed in, and who does them: the writer's thread, or whoever asks.
#[derive(Clone)]
struct Desk {
    jobs: mpsc::SyncSender<Message>,
    own: Option<Arc<Mutex<Option<Writer>>>>,
}

impl std::fmt::Debug for Desk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Desk").field("threaded", &self.own.is_none()).finish_non_exhaustive()
    }
}

impl Desk {
    /// Does what waits, where no thread does; whoever else asks meanwhile shares the commit.
    async fn work(&self) {
        if let Some(own) = &self.own {
            tokio::task::yield_now().await;
            Writer::serve_all(&mut own.lock().unwrap_or_else(PoisonError::into_inner));
        }
    }
}

impl Embedded {
    /// Opens the ledger at its place, or makes it where there is none and none is expected.
    ///
    /// # Errors
    /// [`LedgerError::InUse`] where another process has it, [`LedgerError::Untrusted`] where it is
    /// missing and its witness is not, and what the disk says. A ledger that is older than its
    /// witness opens, and only observes.
    pub async fn open(
        place: impl Into<Place>,
        clock: Arc<dyn Clock>,
    ) -> Result<Arc<Self>, LedgerError> {
        Self::open_and(place, clock, None).await
    }

    /// Whether there is no ledger and the next start will make one.
    ///
    /// # Errors
    /// As [`Embedded::open`], where one is missing that should be there.
    pub fn is_missing(place: &Place) -> Result<bool, LedgerError> {
        open::is_missing(place)
    }

    /// Opens the ledger and first mends what a person has decided about.
    ///
    /// # Errors
    /// As [`Embedded::open`].
    pub async fn open_and(
        place: impl Into<Place>,
        clock: Arc<dyn Clock>,
        mend: Option<Mend>,
    ) -> Result<Arc<Self>, LedgerError> {
        let place = place.into();
        let (jobs, queue) = mpsc::sync_channel(QUEUE_MAX);
        let (opened, is_open) = oneshot::channel();
        let (disk, path) = (Arc::clone(&place.disk), place.path.clone());
        let timer = tokio::runtime::Handle::current();
        std::thread::Builder::new()
            .name("ledger".to_owned())
            .spawn(move || {
                // The thread reads tokio's timer, which a test may own.
                let _timer = timer.enter();
                writer::run(&place, clock, mend, opened, queue);
            })
            .map_err(|e| LedgerError::Unusable(format!("no thread for it: {e}")))?;
        is_open
            .await
            .map_err(|_| LedgerError::Unusable("it fell over while opening".to_owned()))??;
        Ok(Arc::new(Self { desk: Desk { jobs, own: None }, disk, path }))
    }

    /// Opens the ledger as [`Embedded::open_and`] does, without a thread: whoever asks does the work. For
    /// tests that own the order of things, and not only their time.
    ///
    /// # Errors
    /// As [`Embedded::open`].
    pub fn open_here(
        place: impl Into<Place>,
        clock: Arc<dyn Clock>,
        mend: Option<Mend>,
    ) -> Result<Arc<Self>, LedgerError> {
        let place = place.into();
        let (jobs, queue) = mpsc::sync_channel(QUEUE_MAX);
        let writer = Writer::open(&place, clock, mend, queue)?;
        let own = Some(Arc::new(Mutex::new(Some(writer))));
        Ok(Arc::new(Self { desk: Desk { jobs, own }, disk: place.disk, path: place.path }))
    }

    fn call<T: Send + 'static>(
        &self,
        verb: impl FnOnce(&mut Batch<'_, '_>) -> Result<T, LedgerError> + Send + 'static,
    ) -> Reply<T> {
        self.hand(Message::Job, verb)
    }

    fn hand<T: Send + 'static>(
        &self,
        kind: fn(Job) -> Message,
        verb: impl FnOnce(&mut Batch<'_, '_>) -> Result<T, LedgerError> + Send + 'static,
    ) -> Reply<T> {
        let (answer, answered) = oneshot::channel();
        let job: Job = Box::new(move |batch| {
            let result = batch.map_err(Clone::clone).and_then(|batch| batch.guarded(verb));
            Box::new(move |commit| {
                let told = match (result, commit) {
                    (Ok(value), Ok(())) => Ok(value),
                    (Ok(_), Err(error)) => Err(error.clone()),
                    (Err(error), _) => Err(error),
                };
                // A caller that is gone needs no answer; a permit dropped here stays claimed.
                drop(answer.send(told));
            })
        });
        let sent = self.desk.jobs.try_send(kind(job)).map_err(|_| {
            LedgerError::Unusable("its writer has ended or does not keep up".to_owned())
        });
        let desk = self.desk.clone();
        Box::pin(async move {
            sent?;
            desk.work().await;
            answered
                .await
                .map_err(|_| LedgerError::Uncertain("its writer fell over on the way".to_owned()))?
        })
    }
}

impl Ledger for Embedded {
    fn configure(&self, setup: Setup) -> Reply<()> {
        self.call(move |batch| batch.configure(setup))
    }

    fn begin(&self) -> Reply<()> {
        self.call(|batch| batch.begin_daemon())
    }

    fn feed(&self, name: &str) -> Reply<(Option<FeedState>, Option<Duration>)> {
        let name = name.to_owned();
        self.call(move |batch| batch.feed(&name))
    }

    fn admit(&self, intake: Intake) -> Reply<Admitted> {
        self.call(move |batch| batch.admit(intake))
    }

    fn foresee(&self, intake: Intake) -> Reply<Foresight> {
        self.hand(Message::Rehearse, move |batch| batch.foresee(intake))
    }

    fn due(&self, lane: &str) -> Reply<Waiting> {
        let lane = lane.to_owned();
        self.call(move |batch| batch.due(&lane))
    }

    fn due_one(&self, delivery: DeliveryId) -> Reply<Waiting> {
        self.call(move |batch| batch.due_one(delivery))
    }

    fn claim(&self, delivery: DeliveryId, request: Request) -> Reply<Claim> {
        self.call(move |batch| batch.claim(delivery, request))
    }

    fn reclaim(&self, delivery: DeliveryId, guarantee: Guarantee) -> Reply<Claim> {
        self.call(move |batch| batch.reclaim(delivery, guarantee))
    }

    fn settle(&self, spent: &Spent) -> Reply<Settled> {
        let (delivery, number, http) = (spent.delivery, spent.number, spent.http);
        let outcome = spent.outcome.clone();
        self.call(move |batch| batch.settle(delivery, number, &outcome, http))
    }

    fn settle_and_claim(
        &self,
        spent: &Spent,
        next: DeliveryId,
        request: Request,
    ) -> Reply<(Settled, Claim)> {
        let (delivery, number, http) = (spent.delivery, spent.number, spent.http);
        let outcome = spent.outcome.clone();
        self.call(move |batch| {
            let settled = batch.settle(delivery, number, &outcome, http)?;
            Ok((settled, batch.claim(next, request)?))
        })
    }

    fn stage(&self, delivery: DeliveryId, staged: Staged) -> Reply<bool> {
        self.call(move |batch| batch.stage(delivery, staged))
    }

    fn retract(&self, what: Retract, who: Who) -> Reply<Vec<RetractStep>> {
        self.call(move |batch| batch.retract(&what, &who))
    }

    fn elsewhere(
        &self,
        delivery: DeliveryId,
        reference: Reference,
        how: How,
        who: Who,
    ) -> Reply<Status> {
        self.call(move |batch| batch.elsewhere(delivery, reference, how, &who))
    }

    fn adopt(&self, what: Adopt, who: Who) -> Reply<Vec<AdoptStep>> {
        // What is only shown is tried out, and not kept.
        let kind = if what.dry_run { Message::Rehearse } else { Message::Job };
        self.hand(kind, move |batch| batch.adopt(&what, &who))
    }

    fn missing(&self, feed: &str) -> Reply<Vec<Missing>> {
        let feed = feed.to_owned();
        self.call(move |batch| batch.missing(&feed))
    }

    fn looked(&self, feed: &str, entry: u64, page: Page) -> Reply<bool> {
        let feed = feed.to_owned();
        self.call(move |batch| batch.looked(&feed, entry, &page))
    }

    fn claim_amend(
        &self,
        delivery: DeliveryId,
        change: Change,
        request: Request,
        saying: Option<String>,
    ) -> Reply<AmendClaim> {
        self.call(move |batch| batch.claim_amend(delivery, change, request, saying))
    }

    fn settle_amend(&self, spent: &AmendSpent) -> Reply<AmendSettled> {
        let (delivery, number, http) = (spent.delivery, spent.number, spent.http);
        let effect = spent.effect.clone();
        self.call(move |batch| batch.settle_amend(delivery, number, &effect, http))
    }

    fn moot_amend(&self, delivery: DeliveryId, change: Change, moot: Moot) -> Reply<Option<Amend>> {
        self.call(move |batch| batch.moot_amend(delivery, change, &moot))
    }

    fn unfit(&self, delivery: DeliveryId, why: String) -> Reply<()> {
        self.call(move |batch| batch.unfit(delivery, why))
    }

    fn resolve(&self, delivery: DeliveryId, verdict: Verdict, who: Who) -> Reply<Status> {
        self.call(move |batch| batch.resolve(delivery, verdict, &who))
    }

    fn reopen(&self, replay: Replay, who: Who) -> Reply<Vec<ReplayStep>> {
        self.call(move |batch| batch.reopen(&replay, &who))
    }

    fn release(&self, selection: Selection, who: Who) -> Reply<Vec<DeliveryView>> {
        self.call(move |batch| batch.release(&selection, &who))
    }

    fn withdraw(&self, selection: Selection, why: String, who: Who) -> Reply<Vec<DeliveryView>> {
        self.call(move |batch| batch.withdraw(&selection, &why, &who))
    }

    fn realias(&self, feed: &str, confirmed: Option<String>, who: Who) -> Reply<Realiased> {
        let feed = feed.to_owned();
        self.call(move |batch| batch.realias(&feed, confirmed.as_deref(), &who))
    }

    fn checklist(&self, only: Option<DeliveryId>, limit: usize) -> Reply<by_hand::Checklist> {
        self.call(move |batch| batch.checklist(only, limit))
    }

    fn by_hand(&self, delivery: DeliveryId, act: by_hand::Act, who: Who) -> Reply<by_hand::Moved> {
        self.call(move |batch| batch.by_hand(delivery, act, &who))
    }

    fn pause(&self, lane: Option<String>, why: String, who: Who) -> Reply<Vec<String>> {
        self.call(move |batch| batch.pause(lane.as_deref(), &why, &who))
    }

    fn resume(&self, lane: Option<String>, who: Who) -> Reply<Vec<String>> {
        self.call(move |batch| batch.resume(lane.as_deref(), &who))
    }

    fn stop_all(&self, why: String, who: Who) -> Reply<()> {
        self.call(move |batch| batch.stop_all(&why, &who))
    }

    fn alert(&self, group: &str, every: Duration, concerns: Vec<Concern>) -> Reply<usize> {
        let group = group.to_owned();
        self.call(move |batch| batch.alert(&group, every, &concerns))
    }

    fn trouble(
        &self,
        lane: &str,
        why: String,
        wait: Option<Duration>,
        credentials: bool,
    ) -> Reply<()> {
        let lane = lane.to_owned();
        self.call(move |batch| batch.trouble(&lane, &why, wait, credentials))
    }

    fn find(&self, what: &str) -> Reply<Vec<EntryView>> {
        let what = what.to_owned();
        self.call(move |batch| batch.find(&what))
    }

    fn history(&self, entry: u64) -> Reply<Vec<journal::Line>> {
        self.call(move |batch| batch.history(entry))
    }

    fn waiting(&self, limit: usize) -> Reply<Vec<DeliveryView>> {
        self.call(move |batch| batch.waiting(limit))
    }

    fn owed(&self, entry: u64) -> Reply<Vec<DueWork>> {
        self.call(move |batch| batch.owed(entry))
    }

    fn recent(&self, limit: usize) -> Reply<Vec<EntryView>> {
        self.call(move |batch| batch.recent(limit))
    }

    fn overview(&self) -> Reply<Overview> {
        let bytes = self.disk.size(&self.path).ok().flatten().unwrap_or(0);
        self.call(move |batch| batch.overview(bytes))
    }

    fn verify(&self, progress: Box<dyn Fn(u64, u64) + Send>) -> Reply<journal::Proof> {
        let (answer, answered) = oneshot::channel();
        let desk = self.desk.clone();
        let sent = desk
            .jobs
            .try_send(Message::Verify(progress, answer))
            .map_err(|_| LedgerError::Unusable("its writer has ended".to_owned()));
        Box::pin(async move {
            sent?;
            desk.work().await;
            answered.await.map_err(|_| LedgerError::Unusable("the walk fell over".to_owned()))?
        })
    }

    fn snapshot(&self) -> Reply<PathBuf> {
        let (answer, answered) = oneshot::channel();
        let desk = self.desk.clone();
        let sent = desk
            .jobs
            .try_send(Message::Snapshot(answer))
            .map_err(|_| LedgerError::Unusable("its writer has ended".to_owned()));
        Box::pin(async move {
            sent?;
            desk.work().await;
            answered.await.map_err(|_| LedgerError::Unusable("the copy fell over".to_owned()))?
        })
    }

    fn close(&self) -> Reply<()> {
        let (answer, answered) = oneshot::channel();
        let desk = self.desk.clone();
        let sent = desk.jobs.try_send(Message::Close(answer));
        Box::pin(async move {
            if sent.is_ok() {
                desk.work().await;
                // An ended writer is a closed one.
                answered.await.ok();
            }
            Ok(())
        })
    }
}
