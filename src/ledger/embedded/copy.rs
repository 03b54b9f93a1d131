//! Copying a ledger row by row out of one read transaction: what comes of it is one moment of the
//! ledger, never a torn file, whatever is written meanwhile.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use redb::backends::FileBackend;
use redb::{
    Builder, Database, ReadTransaction, ReadableDatabase as _, ReadableTable as _,
    ReadableTableMetadata as _,
};
use tokio::sync::oneshot;

use crate::ledger::LedgerError;
use crate::model::Time;

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
pub(super) fn make(to: &Path) -> Result<Database, LedgerError> {
    let failed = |e: &dyn std::fmt::Display| unusable(&to.display().to_string(), e);
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(to)
        .map_err(|e| failed(&e))?;
    FileBackend::new(file)
        .and_then(|file| Builder::new().set_cache_size(CACHE_BYTES).create_with_backend(file))
        .map_err(|e| failed(&e))
}

/// Makes what was written to the file at `to` durable.
pub(super) fn sync(to: &Path) -> Result<(), LedgerError> {
    File::open(to).and_then(|f| f.sync_all()).map_err(|e| unusable(&to.display().to_string(), &e))
}

/// Copies every row into a new file at `to`. With a note, whoever opens it does not trust it before a
/// person does.
pub(super) fn copy(
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
    let database = make(to)?;
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
    sync(to)?;
    // What was read after the ledger had closed may be of another moment.
    if !goes_on() {
        return Err(given_up());
    }
    progress(total, total);
    Ok(())
}

/// Where a running ledger puts a copy for whoever asks; those of askers who never came are taken away.
pub(super) fn place_for(ledger: &Path) -> Result<PathBuf, LedgerError> {
    let folder = ledger.parent().filter(|f| !f.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let failed = |e: &dyn std::fmt::Display| unusable(&folder.display().to_string(), e);
    let name = ledger.file_stem().unwrap_or_default().to_string_lossy().into_owned() + ".copy-";
    for item in std::fs::read_dir(folder).map_err(|e| failed(&e))? {
        let item = item.map_err(|e| failed(&e))?;
        if item.file_name().to_string_lossy().starts_with(&name) {
            std::fs::remove_file(item.path()).map_err(|e| failed(&e))?;
        }
    }
    let size = std::fs::metadata(ledger).map_err(|e| failed(&e))?.len();
    let disk = rustix::fs::statvfs(folder).map_err(|e| failed(&e))?;
    let free = disk.f_bavail.saturating_mul(disk.f_frsize);
    if free < size.saturating_add(ROOM_LEFT) {
        return Err(LedgerError::Refused(format!(
            "a copy of {} MiB does not fit beside the ledger: {} has {} MiB free; make room, or end \
             the daemon first",
            size >> 20,
            folder.display(),
            free >> 20
        )));
    }
    Ok(folder.join(format!("{name}{:08x}", fastrand::u32(..))))
}

/// The copy that a running ledger makes of itself, in a thread of its own: the writer goes on.
#[derive(Default)]
pub(super) struct Copying {
    given_up: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Copying {
    /// Begins a copy of the ledger at `path`, and answers when it is whole.
    pub(super) fn begin(
        &mut self,
        database: &Database,
        path: &Path,
        answer: oneshot::Sender<Result<PathBuf, LedgerError>>,
    ) {
        match self.thread_for(database, path) {
            Ok(work) => {
                let work = move || drop(answer.send(work()));
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
        path: &Path,
    ) -> Result<impl FnOnce() -> Result<PathBuf, LedgerError> + Send + 'static, LedgerError> {
        if self.thread.as_ref().is_some_and(|thread| !thread.is_finished()) {
            let why = "a copy of it is being made already: try again when that is done";
            return Err(LedgerError::Refused(why.to_owned()));
        }
        let to = place_for(path)?;
        let txn = database.begin_read().map_err(broken)?;
        self.given_up = Arc::default();
        let given_up = Arc::clone(&self.given_up);
        Ok(move || {
            let goes_on = || !given_up.load(Ordering::SeqCst);
            let made =
                catch_unwind(AssertUnwindSafe(|| copy(&txn, &to, None, &goes_on, &|_, _| {})))
                    .unwrap_or_else(|_| {
                        Err(LedgerError::Unusable("the copy fell over".to_owned()))
                    });
            if made.is_err() {
                std::fs::remove_file(&to).ok();
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
