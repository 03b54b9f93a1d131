//! A ledger whose notes fail when a test says so, above a real one; and real damage to a real one.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use oncecast::ledger::alert::Concern;
use oncecast::ledger::{
    Admitted, AmendClaim, AmendSettled, AmendSpent, Claim, DeliveryView, DueWork, EntryView,
    Foresight, Intake, Ledger, LedgerError, Moot, Overview, Realiased, Replay, ReplayStep, Reply,
    Retract, RetractStep, Selection, Settled, Setup, Spent, Status, Verdict, Waiting, hand,
    journal,
};
use oncecast::ledger::{adopt, upkeep};
use oncecast::model::{
    Amend, Change, DeliveryId, FeedState, Guarantee, How, Reference, Request, Staged,
};

/// How often each verb fails.
#[derive(Debug, Default)]
pub struct Fault {
    pub settles: u32,
    pub claims: u32,
}

#[derive(Debug)]
pub struct Faulty {
    real: Arc<dyn Ledger>,
    fault: Fault,
    settles: AtomicU32,
    claims: AtomicU32,
    joined: AtomicU32,
    pub failed: tokio::sync::Notify,
}

impl Faulty {
    pub fn over(real: Arc<dyn Ledger>, fault: Fault) -> Self {
        let (settles, claims, joined, failed) = Default::default();
        Self { real, fault, settles, claims, joined, failed }
    }

    /// How often it has failed.
    pub fn faults(&self) -> u32 {
        self.settles.load(Ordering::SeqCst) + self.claims.load(Ordering::SeqCst)
    }

    /// How often one commit was asked to settle and to claim.
    pub fn joined(&self) -> u32 {
        self.joined.load(Ordering::SeqCst)
    }

    fn fails<T: Send + 'static>(&self, count: &AtomicU32, times: u32) -> Option<Reply<T>> {
        if count.load(Ordering::SeqCst) >= times {
            return None;
        }
        count.fetch_add(1, Ordering::SeqCst);
        self.failed.notify_one();
        Some(Box::pin(async { Err(LedgerError::Uncertain("the disk is full".to_owned())) }))
    }
}

impl Ledger for Faulty {
    fn claim(&self, delivery: DeliveryId, request: Request) -> Reply<Claim> {
        let fails = self.fails(&self.claims, self.fault.claims);
        fails.unwrap_or_else(|| self.real.claim(delivery, request))
    }
    fn settle(&self, spent: &Spent) -> Reply<Settled> {
        self.fails(&self.settles, self.fault.settles).unwrap_or_else(|| self.real.settle(spent))
    }
    fn settle_and_claim(
        &self,
        spent: &Spent,
        next: DeliveryId,
        request: Request,
    ) -> Reply<(Settled, Claim)> {
        self.joined.fetch_add(1, Ordering::SeqCst);
        let fails = self.fails(&self.settles, self.fault.settles);
        fails
            .or_else(|| self.fails(&self.claims, self.fault.claims))
            .unwrap_or_else(|| self.real.settle_and_claim(spent, next, request))
    }
    fn configure(&self, setup: Setup) -> Reply<()> {
        self.real.configure(setup)
    }
    fn begin(&self) -> Reply<()> {
        self.real.begin()
    }
    fn feed(&self, name: &str) -> Reply<(Option<FeedState>, Option<Duration>)> {
        self.real.feed(name)
    }
    fn admit(&self, intake: Intake) -> Reply<Admitted> {
        self.real.admit(intake)
    }
    fn foresee(&self, intake: Intake) -> Reply<Foresight> {
        self.real.foresee(intake)
    }
    fn due(&self, lane: &str) -> Reply<Waiting> {
        self.real.due(lane)
    }
    fn due_one(&self, delivery: DeliveryId) -> Reply<Waiting> {
        self.real.due_one(delivery)
    }
    fn reclaim(&self, delivery: DeliveryId, guarantee: Guarantee) -> Reply<Claim> {
        self.real.reclaim(delivery, guarantee)
    }
    fn stage(&self, delivery: DeliveryId, staged: Staged) -> Reply<bool> {
        self.real.stage(delivery, staged)
    }
    fn retract(&self, what: Retract, who: String) -> Reply<Vec<RetractStep>> {
        self.real.retract(what, who)
    }
    fn elsewhere(
        &self,
        delivery: DeliveryId,
        reference: Reference,
        how: How,
        who: String,
    ) -> Reply<Status> {
        self.real.elsewhere(delivery, reference, how, who)
    }
    fn adopt(&self, what: adopt::Adopt, who: String) -> Reply<Vec<adopt::AdoptStep>> {
        self.real.adopt(what, who)
    }
    fn missing(&self, feed: &str) -> Reply<Vec<upkeep::Missing>> {
        self.real.missing(feed)
    }
    fn looked(&self, feed: &str, entry: u64, page: upkeep::Page) -> Reply<bool> {
        self.real.looked(feed, entry, page)
    }
    fn claim_amend(
        &self,
        delivery: DeliveryId,
        change: Change,
        request: Request,
        saying: Option<String>,
    ) -> Reply<AmendClaim> {
        self.real.claim_amend(delivery, change, request, saying)
    }
    fn settle_amend(&self, spent: &AmendSpent) -> Reply<AmendSettled> {
        self.real.settle_amend(spent)
    }
    fn moot_amend(&self, delivery: DeliveryId, change: Change, moot: Moot) -> Reply<Option<Amend>> {
        self.real.moot_amend(delivery, change, moot)
    }
    fn unfit(&self, delivery: DeliveryId, why: String) -> Reply<()> {
        self.real.unfit(delivery, why)
    }
    fn resolve(&self, delivery: DeliveryId, verdict: Verdict, who: String) -> Reply<Status> {
        self.real.resolve(delivery, verdict, who)
    }
    fn reopen(&self, replay: Replay, who: String) -> Reply<Vec<ReplayStep>> {
        self.real.reopen(replay, who)
    }
    fn release(&self, selection: Selection, who: String) -> Reply<Vec<DeliveryView>> {
        self.real.release(selection, who)
    }
    fn withdraw(&self, selection: Selection, why: String, who: String) -> Reply<Vec<DeliveryView>> {
        self.real.withdraw(selection, why, who)
    }
    fn realias(&self, feed: &str, confirmed: Option<String>, who: String) -> Reply<Realiased> {
        self.real.realias(feed, confirmed, who)
    }
    fn checklist(&self, only: Option<DeliveryId>, limit: usize) -> Reply<hand::Checklist> {
        self.real.checklist(only, limit)
    }
    fn by_hand(&self, id: DeliveryId, act: hand::Act, who: String) -> Reply<hand::Moved> {
        self.real.by_hand(id, act, who)
    }
    fn pause(&self, lane: Option<String>, why: String, who: String) -> Reply<Vec<String>> {
        self.real.pause(lane, why, who)
    }
    fn resume(&self, lane: Option<String>, who: String) -> Reply<Vec<String>> {
        self.real.resume(lane, who)
    }
    fn stop_all(&self, why: String, who: String) -> Reply<()> {
        self.real.stop_all(why, who)
    }
    fn alert(&self, group: &str, every: Duration, concerns: Vec<Concern>) -> Reply<usize> {
        self.real.alert(group, every, concerns)
    }
    fn trouble(&self, lane: &str, why: String, wait: Option<Duration>, bad: bool) -> Reply<()> {
        self.real.trouble(lane, why, wait, bad)
    }
    fn find(&self, what: &str) -> Reply<Vec<EntryView>> {
        self.real.find(what)
    }
    fn history(&self, entry: u64) -> Reply<Vec<journal::Line>> {
        self.real.history(entry)
    }
    fn owed(&self, entry: u64) -> Reply<Vec<DueWork>> {
        self.real.owed(entry)
    }
    fn recent(&self, limit: usize) -> Reply<Vec<EntryView>> {
        self.real.recent(limit)
    }
    fn waiting(&self, limit: usize) -> Reply<Vec<DeliveryView>> {
        self.real.waiting(limit)
    }
    fn overview(&self) -> Reply<Overview> {
        self.real.overview()
    }
    fn verify(&self, progress: Box<dyn Fn(u64, u64) + Send>) -> Reply<journal::Proof> {
        self.real.verify(progress)
    }
    fn snapshot(&self) -> Reply<PathBuf> {
        self.real.snapshot()
    }
    fn close(&self) -> Reply<()> {
        self.real.close()
    }
}

/// Makes every entry unreadable in a file whose pages are sound.
#[expect(clippy::disallowed_methods, reason = "this is the damage")]
pub fn spoil_entries(path: &Path) {
    use redb::ReadableTable as _;
    const ENTRY: redb::TableDefinition<'static, &[u8], &[u8]> = redb::TableDefinition::new("entry");
    let database = redb::Database::open(path).expect("opens");
    let txn = database.begin_write().expect("begins");
    {
        let mut table = txn.open_table(ENTRY).expect("is there");
        let keys: Vec<Vec<u8>> =
            table.iter().expect("read").map(|row| row.expect("read").0.value().to_vec()).collect();
        assert!(!keys.is_empty());
        for key in keys {
            table.insert(key.as_slice(), b"spoilt".as_slice()).expect("written");
        }
    }
    txn.commit().expect("done");
}
