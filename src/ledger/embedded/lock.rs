//! The lock beside the ledger: one process at a time, and a word on what it held.

use std::path::{Path, PathBuf};

use crate::ledger::LedgerError;

use super::disk::{self, Disk, Held, How, folder_of};
use super::open::unusable;

/// Two short lines.
const WORDS_MAX: u64 = 256;
/// How the second line begins.
const TELLS: &str = "ledger ";

/// The lock, held until it is dropped.
#[derive(Debug)]
pub(super) struct Lock {
    held: Box<dyn Held>,
    path: PathBuf,
    /// Whether an earlier holder had a ledger here.
    pub(super) tells_of_one: bool,
}

impl Lock {
    /// Takes the lock and writes who we are into it.
    pub(super) fn take(disk: &dyn Disk, ledger: &Path) -> Result<Self, LedgerError> {
        let folder = folder_of(ledger);
        disk.make_folder(folder)
            .map_err(|e| unusable(&format!("its folder {}", folder.display()), &e))?;
        let path = lock_path(ledger);
        let failed =
            |e: &dyn std::fmt::Display| unusable(&format!("its lock {}", path.display()), e);
        let Some(held) = disk.lock(&path).map_err(|e| failed(&e))? else {
            return Err(in_use(disk, ledger));
        };
        // What cannot be read tells of nothing; the ledger and its witness tell for themselves.
        let words = held.words();
        let told = words.lines().find(|line| line.starts_with(TELLS)).map(str::to_owned);
        let lock = Self { held, path: path.clone(), tells_of_one: told.is_some() };
        lock.write(told.as_deref()).map_err(|e| failed(&e))?;
        disk.close_to_others(ledger).map_err(|e| unusable(&ledger.display().to_string(), &e))?;
        Ok(lock)
    }

    /// Remembers that there is a ledger here, for a start that finds none.
    pub(super) fn tell_of(&self, ledger: &str) -> Result<(), LedgerError> {
        self.write(Some(&format!("{TELLS}{ledger}")))
            .map_err(|e| unusable(&format!("its lock {}", self.path.display()), &e))
    }

    fn write(&self, tells: Option<&str>) -> std::io::Result<()> {
        let words = format!("process {}\n{}\n", std::process::id(), tells.unwrap_or_default());
        self.held.write(&words)
    }
}

/// Whether an earlier holder had a ledger here, without taking the lock.
pub(super) fn tells_of_one(disk: &dyn Disk, ledger: &Path) -> bool {
    words(disk, ledger).is_some_and(|words| words.lines().any(|line| line.starts_with(TELLS)))
}

fn words(disk: &dyn Disk, ledger: &Path) -> Option<String> {
    let file = disk.open(&lock_path(ledger), How::Read).ok()?;
    String::from_utf8(disk::read(file.as_ref(), WORDS_MAX).ok()?).ok()
}

fn lock_path(ledger: &Path) -> PathBuf {
    ledger.with_extension("lock")
}

/// The ledger is in use, by whom its lock names.
pub(super) fn in_use(disk: &dyn Disk, ledger: &Path) -> LedgerError {
    let ours = format!("process {}", std::process::id());
    let named = holder(disk, ledger);
    // By another name of the file its holder has taken another lock, and this one is ours.
    let real = || ledger.canonicalize().ok().and_then(|real| holder(disk, &real));
    let holder = if named.as_ref() == Some(&ours) { real().or(named) } else { named };
    let holder = holder.unwrap_or_else(|| "another process".to_owned());
    LedgerError::InUse { path: ledger.display().to_string(), holder }
}

fn holder(disk: &dyn Disk, ledger: &Path) -> Option<String> {
    let words = words(disk, ledger)?;
    words.lines().next().map(|line| line.trim().to_owned()).filter(|line| !line.is_empty())
}
