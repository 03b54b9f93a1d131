//! The one thread that writes. It takes what is waiting as one batch: a quiet house commits at once,
//! and twelve lanes that meet share one fsync.
//!
//! A commit that fails, and a panic anywhere below, close the database: its outcome is unknown, so it
//! is opened afresh before anything else is granted.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use redb::ReadableDatabase as _;
use tokio::sync::oneshot;

use crate::clock::{Clock, Mark};
use crate::ledger::{LedgerError, journal};

use super::batch::{Batch, Core};
use super::copy::{self, Copying};
use super::foresee;
use super::open::{self, Mend, Opened, Place};
use super::tables::broken;
use super::verify;

/// How many jobs share one commit at the most.
const BATCH_MAX: usize = 512;
/// After a commit that failed the writer tries one of its own, since nobody may be there to ask for one:
/// the first time after this, then after rests that grow.
const MEND_FIRST: Duration = Duration::from_secs(5);
const MEND_MAX: Duration = Duration::from_secs(60);

/// What a job hears when its batch has been committed, or has not.
pub(super) type Finish = Box<dyn FnOnce(&Result<(), LedgerError>) + Send>;
/// One verb on its way.
pub(super) type Job = Box<dyn FnOnce(Result<&mut Batch<'_, '_>, &LedgerError>) -> Finish + Send>;

pub(super) enum Message {
    Job(Job),
    Rehearse(Job),
    Verify(Box<dyn Fn(u64, u64) + Send>, oneshot::Sender<Result<journal::Proof, LedgerError>>),
    Snapshot(oneshot::Sender<Result<PathBuf, LedgerError>>),
    Close(oneshot::Sender<()>),
}

/// Opens the ledger, says so, and serves until it is closed or nobody can ask any more.
pub(super) fn run(
    place: &Place,
    clock: Arc<dyn Clock>,
    mend: Option<Mend>,
    opened: oneshot::Sender<Result<(), LedgerError>>,
    queue: mpsc::Receiver<Message>,
) {
    let mut writer = match Writer::open(place, clock, mend, queue) {
        Ok(writer) => writer,
        Err(error) => return drop(opened.send(Err(error))),
    };
    if opened.send(Ok(())).is_err() {
        return;
    }
    while let Some(message) = writer.next() {
        if let Some(last) = writer.serve(message) {
            return writer.end(last);
        }
    }
}

/// An open ledger, and what is asked of it.
pub(super) struct Writer {
    pub(super) open: Opened,
    copying: Copying,
    queue: mpsc::Receiver<Message>,
    /// Since when a commit of its own is to be tried, and after how long.
    ill: Option<(Mark, Duration)>,
}

impl Writer {
    /// Opens the ledger.
    pub(super) fn open(
        place: &Place,
        clock: Arc<dyn Clock>,
        mend: Option<Mend>,
        queue: mpsc::Receiver<Message>,
    ) -> Result<Self, LedgerError> {
        let open = catch_unwind(AssertUnwindSafe(|| open::first(place, clock, mend)))
            .unwrap_or_else(|_| Err(fell_over(&place.path)))?;
        if let Err(error) = copy::sweep(place.disk.as_ref(), &place.path, &[]) {
            tracing::warn!(%error, "old copies of the ledger cannot be taken away");
        }
        Ok(Self { open, copying: Copying::default(), queue, ill: None })
    }

    /// Serves what waits, and goes where it is told to end.
    pub(super) fn serve_all(place: &mut Option<Self>) {
        let Some(writer) = place else { return };
        while let Ok(message) = writer.queue.try_recv() {
            let Some(told) = writer.serve(message) else { continue };
            if let Some(writer) = place.take() {
                writer.end(told);
            }
            return;
        }
        if writer.left().is_some_and(|left| left.is_zero()) {
            writer.catch_up();
        }
    }

    /// How long until it must write something of its own; `None` where nothing waits.
    pub(super) fn left(&self) -> Option<Duration> {
        let ill = self.ill.map(|(since, rest)| rest.saturating_sub(since.elapsed()));
        self.open.core.lag.left().into_iter().chain(ill).min()
    }

    /// The next message; what polls have left is written in time, and a busy queue does not put it off.
    fn next(&mut self) -> Option<Message> {
        loop {
            let Some(left) = self.left() else { return self.queue.recv().ok() };
            if !left.is_zero() {
                match self.queue.recv_timeout(left) {
                    Ok(message) => return Some(message),
                    Err(mpsc::RecvTimeoutError::Disconnected) => return None,
                    Err(mpsc::RecvTimeoutError::Timeout) => {}
                }
            }
            self.catch_up();
            if self.left().is_some_and(|left| left.is_zero()) {
                // It cannot be written now, and others wait.
                return self.queue.recv().ok();
            }
        }
    }

    fn catch_up(&mut self) {
        batch(&mut self.open, vec![catches_up()]);
        self.open.core.lag.tried();
        self.ill = self.ill.map(|(_, rest)| (Mark::here(), MEND_MAX.min(rest * 2)));
        self.weigh();
    }

    /// Whether the last commit failed, and another is to be tried.
    fn weigh(&mut self) {
        if !self.open.core.is_ill() {
            self.ill = None;
        } else if self.ill.is_none() {
            self.ill = Some((Mark::here(), MEND_FIRST));
        }
    }

    /// Serves one message, and the jobs that wait behind it; what it is told last comes back.
    fn serve(&mut self, message: Message) -> Option<oneshot::Sender<()>> {
        let mut jobs = Vec::new();
        let mut after = None;
        let mut next = Some(message);
        while let Some(message) = next {
            match message {
                Message::Job(job) => jobs.push(job),
                other => {
                    after = Some(other);
                    break;
                }
            }
            next = if jobs.len() < BATCH_MAX { self.queue.try_recv().ok() } else { None };
        }
        if !jobs.is_empty() {
            batch(&mut self.open, jobs);
            self.weigh();
        }
        let open = &mut self.open;
        if open.database.is_none() {
            self.copying.give_up();
        }
        match after? {
            Message::Job(_) => {}
            Message::Rehearse(job) => foresee::rehearse(open, job),
            Message::Verify(progress, answer) => {
                let proof = match &open.database {
                    Some(database) => catch_unwind(AssertUnwindSafe(|| {
                        let txn = database.begin_read().map_err(broken)?;
                        verify::walk(&txn, &open.core.ledger, progress.as_ref())
                    }))
                    .unwrap_or_else(|_| Err(fell_over(&open.core.path))),
                    None => Err(LedgerError::Unusable("it is not open".to_owned())),
                };
                drop(answer.send(proof));
            }
            Message::Snapshot(answer) => match &open.database {
                Some(database) => {
                    self.copying.begin(database, &open.core.disk, &open.core.path, answer)
                }
                None => drop(answer.send(Err(LedgerError::Unusable("it is not open".to_owned())))),
            },
            Message::Close(answer) => return Some(answer),
        }
        None
    }

    /// The last thing: what was asked before is done.
    fn end(mut self, told: oneshot::Sender<()>) {
        self.copying.end();
        if self.open.core.lag.left().is_some() {
            batch(&mut self.open, vec![catches_up()]);
        }
        if self.open.core.daemon.is_some() {
            batch(&mut self.open, vec![ends()]);
        }
        if let Err(error) = self.open.core.leave() {
            tracing::warn!(%error, "how far the ledger has come is not witnessed");
        }
        // The file is closed and its lock is free before the caller goes on.
        drop(self);
        told.send(()).ok();
    }
}

/// Writes what polls have left to remember.
fn catches_up() -> Job {
    Box::new(|batch| {
        let result = batch.map_err(Clone::clone).and_then(|batch| batch.guarded(Batch::catch_up));
        Box::new(move |commit| {
            if let Err(error) = result.and_then(|()| commit.clone()) {
                tracing::warn!(%error, "when feeds were last asked is not written down");
            }
        })
    })
}

/// The last word of a daemon that ends as it should.
fn ends() -> Job {
    Box::new(|batch| {
        let result = batch.map_err(Clone::clone).and_then(|batch| batch.guarded(Batch::end_daemon));
        Box::new(move |commit| {
            if let Err(error) = result.and_then(|()| commit.clone()) {
                tracing::warn!(%error, "that the daemon has ended as it should is not written down");
            }
        })
    })
}

fn fell_over(path: &Path) -> LedgerError {
    LedgerError::Untrusted {
        why: format!("{} is damaged so badly that reading it fails", path.display()),
        mend: open::MEND_DAMAGED.to_owned(),
    }
}

pub(super) fn batch(open: &mut Opened, jobs: Vec<Job>) {
    if open.database.is_none()
        && let Err(error) = open::again(open)
    {
        return refuse(jobs, &error);
    }
    let Some(database) = open.database.take() else { return };
    let core = &mut open.core;
    let mut finishes: Vec<Finish> = Vec::with_capacity(jobs.len());
    let result = catch_unwind(AssertUnwindSafe(|| commit(&database, core, jobs, &mut finishes)));
    let result = result.unwrap_or_else(|_| {
        Err(LedgerError::Uncertain("its writer fell over on the way".to_owned()))
    });
    open.core.after(result.is_ok());
    match &result {
        Err(LedgerError::Uncertain(why)) => {
            tracing::error!(error = %why, "a ledger commit failed; it is closed and opened afresh");
            open.core.sick = Some(why.clone());
            drop(database);
        }
        _ => open.database = Some(database),
    }
    for finish in finishes {
        finish(&result);
    }
}

/// Runs the jobs in one transaction, commits it, and has the witness take its claims.
fn commit(
    database: &redb::Database,
    core: &mut Core,
    jobs: Vec<Job>,
    finishes: &mut Vec<Finish>,
) -> Result<(), LedgerError> {
    #[expect(clippy::disallowed_methods, reason = "the ledger's own door to its database")]
    let mut txn = database.begin_write().map_err(|e| LedgerError::Uncertain(e.to_string()))?;
    txn.set_quick_repair(true);
    let taken = {
        let mut batch = Batch::begin(&txn, core)?;
        for job in jobs {
            finishes.push(job(Ok(&mut batch)));
        }
        match batch.end()? {
            None => return txn.abort().map_err(|e| LedgerError::Uncertain(e.to_string())),
            Some(taken) => taken,
        }
    };
    #[expect(clippy::disallowed_methods, reason = "the ledger's own commit, with quick-repair on")]
    txn.commit().map_err(|e| LedgerError::Uncertain(e.to_string()))?;
    core.committed(&taken)?;
    core.sick = None;
    Ok(())
}

pub(super) fn refuse(jobs: Vec<Job>, error: &LedgerError) {
    tracing::error!(%error, "the ledger cannot be opened; nothing is sent");
    for job in jobs {
        job(Err(error))(&Err(error.clone()));
    }
}
