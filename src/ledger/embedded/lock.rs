//! The lock beside the ledger: one process at a time, and a word on what it held.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Seek as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use crate::ledger::LedgerError;

use super::open::unusable;

/// Two short lines.
const WORDS_MAX: u64 = 256;
/// How the second line begins.
const TELLS: &str = "ledger ";

/// The lock, held until it is dropped.
#[derive(Debug)]
pub(super) struct Lock {
    file: File,
    path: PathBuf,
    /// Whether an earlier holder had a ledger here.
    pub(super) tells_of_one: bool,
}

impl Lock {
    /// Takes the lock and writes who we are into it.
    pub(super) fn take(ledger: &Path) -> Result<Self, LedgerError> {
        let folder =
            ledger.parent().filter(|f| !f.as_os_str().is_empty()).unwrap_or(Path::new("."));
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)
            .map_err(|e| unusable(&format!("its folder {}", folder.display()), &e))?;
        let path = lock_path(ledger);
        let failed =
            |e: &dyn std::fmt::Display| unusable(&format!("its lock {}", path.display()), e);
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(|e| failed(&e))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(std::fs::TryLockError::WouldBlock) => return Err(in_use(ledger)),
            // A file system that cannot lock cannot keep a second daemon out.
            Err(std::fs::TryLockError::Error(e)) => return Err(failed(&e)),
        }
        let mut words = String::new();
        // What cannot be read tells of nothing; the ledger and its witness tell for themselves.
        (&mut file).take(WORDS_MAX).read_to_string(&mut words).ok();
        let told = words.lines().find(|line| line.starts_with(TELLS)).map(str::to_owned);
        let mut lock = Self { file, path: path.clone(), tells_of_one: told.is_some() };
        lock.write(told.as_deref()).map_err(|e| failed(&e))?;
        if let Ok(found) = std::fs::metadata(ledger)
            && found.permissions().mode() & 0o077 != 0
        {
            std::fs::set_permissions(ledger, std::fs::Permissions::from_mode(0o600))
                .map_err(|e| unusable(&ledger.display().to_string(), &e))?;
        }
        Ok(lock)
    }

    /// Remembers that there is a ledger here, for a start that finds none.
    pub(super) fn tell_of(&mut self, ledger: &str) -> Result<(), LedgerError> {
        self.write(Some(&format!("{TELLS}{ledger}")))
            .map_err(|e| unusable(&format!("its lock {}", self.path.display()), &e))
    }

    fn write(&mut self, tells: Option<&str>) -> std::io::Result<()> {
        let words = format!("process {}\n{}\n", std::process::id(), tells.unwrap_or_default());
        self.file.rewind()?;
        self.file.write_all(words.as_bytes())?;
        self.file.set_len(words.len() as u64)
    }
}

/// Whether an earlier holder had a ledger here, without taking the lock.
pub(super) fn tells_of_one(ledger: &Path) -> bool {
    let mut words = String::new();
    let read =
        File::open(lock_path(ledger)).and_then(|f| f.take(WORDS_MAX).read_to_string(&mut words));
    read.is_ok() && words.lines().any(|line| line.starts_with(TELLS))
}

fn lock_path(ledger: &Path) -> PathBuf {
    ledger.with_extension("lock")
}

/// The ledger is in use, by whom its lock names.
pub(super) fn in_use(ledger: &Path) -> LedgerError {
    let ours = format!("process {}", std::process::id());
    let named = holder(ledger);
    // By another name of the file its holder has taken another lock, and this one is ours.
    let real = || ledger.canonicalize().ok().and_then(|real| holder(&real));
    let holder = if named.as_ref() == Some(&ours) { real().or(named) } else { named };
    let holder = holder.unwrap_or_else(|| "another process".to_owned());
    LedgerError::InUse { path: ledger.display().to_string(), holder }
}

fn holder(ledger: &Path) -> Option<String> {
    let mut words = String::new();
    File::open(lock_path(ledger)).ok()?.take(WORDS_MAX).read_to_string(&mut words).ok()?;
    words.lines().next().map(|line| line.trim().to_owned()).filter(|line| !line.is_empty())
}

impl Drop for Lock {
    fn drop(&mut self) {
        // A child that is being started has our files for a moment: closing ours would not free it.
        self.file.unlock().ok();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A daemon that is ended and started at once would be turned away by a lock that nobody holds.
    #[test]
    fn a_lock_that_was_given_back_is_free_whoever_has_its_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let ledger = folder.path().join("ledger.redb");
        let lock = Lock::take(&ledger).expect("free");
        let child = lock.file.try_clone().expect("inherited");
        assert!(Lock::take(&ledger).is_err(), "held");
        drop(lock);
        Lock::take(&ledger).expect("free again");
        drop(child);
    }
}
