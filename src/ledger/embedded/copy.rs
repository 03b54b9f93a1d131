//! Copying a ledger row by row out of one read transaction: what comes of it is one moment of the
//! ledger, never a torn file, whatever is written meanwhile.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use redb::{
    Builder, Database, ReadTransaction, ReadableDatabase as _, ReadableTable as _,
    ReadableTableMetadata as _,
};
use tokio::sync::oneshot;

use crate::clock::Mark;
use crate::ledger::LedgerError;
use crate::model::Time;

use super::disk::{Disk, How, Lent, folder_of};
use super::open::{CACHE_BYTES, DISTRUST, unusable};
use super::records;
use super::tables::{self, META, broken};

/// Rows between two looks at whether to go on.
const LOOK_EVERY: u64 = 1_000;
/// Room that a copy leaves for the ledger itself, in bytes.
const ROOM_LEFT: u64 = 64 << 20;

/// What a backup says against itself: it does not know what was sent after it.
pub(super) fn note(now: Time) -> String {
    format!("it is a backup of {now}, and what was sent since is not in it")
}

/// Makes an empty database that nobody else may read, under a name that is free.
pub(super) fn make(disk: &dyn Disk, to: &Path) -> Result<Database, LedgerError> {
    let failed = |e: &dyn std::fmt::Display| unusable(&to.display().to_string(), e);
    let file = disk.open(to, How::New).map_err(|e| failed(&e))?;
    Builder::new()
        .set_cache_size(CACHE_BYTES)
        .create_with_backend(Lent(file))
        .map_err(|e| failed(&e))
}

/// Makes what was written to the file at `to` durable.
pub(super) fn sync(disk: &dyn Disk, to: &Path) -> Result<(), LedgerError> {
    disk.open(to, How::Write)
        .and_then(|f| f.sync_data())
        .map_err(|e| unusable(&to.display().to_string(), &e))
}

/// Copies every row into a new file at `to`. With a note, whoever opens it does not trust it before a
/// person does.
pub(super) fn copy(
    disk: &dyn Disk,
    from: &ReadTransaction,
    to: &Path,
    note: Option<&str>,
    goes_on: &dyn Fn() -> bool,
    progress: &dyn Fn(u64, u64),
) -> Result<(), LedgerError> {
    let failed = |e: &dyn std::fmt::Display| unusable(&to.display().to_string(), e);
    let mut total = 0;
    for definition in tables::ALL {
        total += from.open_table(definition).map_err(broken)?.len().map_err(broken)?;
    }
    let database = make(disk, to)?;
    let given_up = || LedgerError::Unusable("the copy was given up: the ledger closed".to_owned());
    #[expect(clippy::disallowed_methods, reason = "a file that is no ledger yet")]
    let mut txn = database.begin_write().map_err(|e| failed(&e))?;
    txn.set_quick_repair(true);
    let mut done = 0;
    for definition in tables::ALL {
        let rows = from.open_table(definition).map_err(broken)?;
        let mut copied = txn.open_table(definition).map_err(|e| failed(&e))?;
        for item in rows.iter().map_err(broken)? {
            let (key, row) = item.map_err(broken)?;
            copied.insert(key.value(), row.value()).map_err(|e| failed(&e))?;
            if done % LOOK_EVERY == 0 {
                progress(done, total);
                if !goes_on() {
                    return Err(given_up());
                }
            }
            done += 1;
        }
    }
    if let Some(note) = note {
        let key = DISTRUST.as_bytes();
        let row = records::encode(key, &note)?;
        let mut meta = txn.open_table(META).map_err(|e| failed(&e))?;
        meta.insert(key, row.as_slice()).map_err(|e| failed(&e))?;
    }
    #[expect(clippy::disallowed_methods, reason = "a file that is no ledger yet")]
    txn.commit().map_err(|e| failed(&e))?;
    drop(database);
    sync(disk, to)?;
    // What was read after the ledger had closed may be of another moment.
    if !goes_on() {
        return Err(given_up());
    }
    progress(total, total);
    Ok(())
}

/// Whether a file beside a ledger is a copy of it on its way, by its name.
fn is_ours(ledger: &Path, name: &str) -> bool {
    let ledger = ledger.file_name().unwrap_or_default().to_string_lossy();
    name.strip_prefix('.')
        .and_then(|name| name.strip_prefix(ledger.as_ref()))
        .and_then(|name| name.strip_prefix('.'))
        .and_then(|name| name.strip_suffix(".copy").or_else(|| name.strip_suffix(".partial")))
        .is_some_and(|mark| mark.len() == 8 && mark.bytes().all(|b| b.is_ascii_hexdigit()))
}

/// Where a copy stands that a ledger calls by this name; `None` where it is no copy of that ledger.
#[must_use]
pub fn place_of(ledger: &Path, copy: &Path) -> Option<PathBuf> {
    let name = copy.file_name()?.to_str()?;
    is_ours(ledger, name).then(|| folder_of(ledger).join(name))
}

/// Takes away what was left on its way: copies for askers who never came, and new ledgers of whoever
/// was killed while it was compacted. Only who has the lock may do this. Those stay that somebody was
/// just told of.
pub(super) fn sweep(disk: &dyn Disk, ledger: &Path, awaited: &[Awaited]) -> std::io::Result<()> {
    let folder = folder_of(ledger);
    for name in disk.names(folder)? {
        let copy = folder.join(&name);
        if is_ours(ledger, &name.to_string_lossy()) && awaited.iter().all(|a| a.path != copy) {
            disk.remove(&copy)?;
        }
    }
    Ok(())
}

/// Where a running ledger puts a copy for whoever asks.
fn place_for(disk: &dyn Disk, ledger: &Path, awaited: &[Awaited]) -> Result<PathBuf, LedgerError> {
    let folder = folder_of(ledger);
    let failed = |e: &dyn std::fmt::Display| unusable(&folder.display().to_string(), e);
    sweep(disk, ledger, awaited).map_err(|e| failed(&e))?;
    let size = disk.size(ledger).map_err(|e| failed(&e))?.unwrap_or(0);
    let free = disk.free(folder).map_err(|e| failed(&e))?;
    if free < size.saturating_add(ROOM_LEFT) {
        return Err(LedgerError::Refused(format!(
            "a copy of {} MiB does not fit beside the ledger: {} has {} MiB free; make room, or end \
             the daemon first",
            size >> 20,
            folder.display(),
            free >> 20
        )));
    }
    let name = ledger.file_name().unwrap_or_default().to_string_lossy();
    Ok(folder.join(format!(".{name}.{:08x}.copy", fastrand::u32(..))))
}

/// How long a copy is left for who asked for it: nobody waits longer for the answer.
const AWAITED: Duration = Duration::from_secs(3_600);

/// A copy that somebody was told of, and may not have opened yet.
#[derive(Debug)]
pub(super) struct Awaited {
    path: PathBuf,
    since: Mark,
}

/// The copy that a running ledger makes of itself, in a thread of its own: the writer goes on.
#[derive(Default)]
pub(super) struct Copying {
    given_up: Arc<AtomicBool>,
    /// Whether its answer is on the way, and nothing is read any more.
    done: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
    awaited: Vec<Awaited>,
}

impl Copying {
    /// Begins a copy of the ledger at `path`, and answers when it is whole.
    pub(super) fn begin(
        &mut self,
        database: &Database,
        disk: &Arc<dyn Disk>,
        path: &Path,
        answer: oneshot::Sender<Result<PathBuf, LedgerError>>,
    ) {
        match self.thread_for(database, disk, path) {
            Ok(work) => {
                let done = Arc::clone(&self.done);
                let work = move || {
                    let made = work();
                    // Whoever hears the answer may ask for another at once.
                    done.store(true, Ordering::SeqCst);
                    drop(answer.send(made));
                };
                let thread = std::thread::Builder::new().name("ledger copy".to_owned()).spawn(work);
                // Without a thread the caller hears that the copy fell over.
                self.thread = thread.ok();
            }
            Err(error) => drop(answer.send(Err(error))),
        }
    }

    fn thread_for(
        &mut self,
        database: &Database,
        disk: &Arc<dyn Disk>,
        path: &Path,
    ) -> Result<impl FnOnce() -> Result<PathBuf, LedgerError> + Send + 'static, LedgerError> {
        let under_way = self.thread.as_ref().is_some_and(|thread| !thread.is_finished());
        if under_way && !self.done.load(Ordering::SeqCst) {
            let why = "a copy of it is being made already: try again when that is done";
            return Err(LedgerError::Refused(why.to_owned()));
        }
        self.awaited.retain(|copy| copy.since.elapsed() < AWAITED);
        let to = place_for(disk.as_ref(), path, &self.awaited)?;
        self.awaited.push(Awaited { path: to.clone(), since: Mark::here() });
        let txn = database.begin_read().map_err(broken)?;
        self.given_up = Arc::default();
        self.done = Arc::default();
        let given_up = Arc::clone(&self.given_up);
        let disk = Arc::clone(disk);
        Ok(move || {
            let goes_on = || !given_up.load(Ordering::SeqCst);
            let made = catch_unwind(AssertUnwindSafe(|| {
                copy(disk.as_ref(), &txn, &to, None, &goes_on, &|_, _| {})
            }))
            .unwrap_or_else(|_| Err(LedgerError::Unusable("the copy fell over".to_owned())));
            if made.is_err() {
                disk.remove(&to).ok();
            }
            made.map(|()| to)
        })
    }

    /// The database that it reads from is closed.
    pub(super) fn give_up(&self) {
        self.given_up.store(true, Ordering::SeqCst);
    }

    /// Gives up, and comes back when nothing reads from the database any more.
    pub(super) fn end(&mut self) {
        self.give_up();
        if let Some(thread) = self.thread.take() {
            // One that fell over has ended too.
            thread.join().ok();
        }
    }
}
