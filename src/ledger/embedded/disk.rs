//! The disk as the ledger uses it: the few things that it asks of one, so that a proof can put one under
//! it that fails, fills up, or loses power at any moment.

use std::ffi::OsString;
use std::fmt::Debug;
use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::ops::Bound;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;
use std::sync::Mutex;

use redb::backends::FileBackend;
use redb::{BackendError, DatabaseError};

/// An open file: its bytes, its length, and `sync_data`, after which both are durable. A read beyond
/// the end is an error.
pub use redb::StorageBackend as DiskFile;

/// No lock's words are longer.
const WORDS_MAX: u64 = 256;

/// How a file is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// To read; it must be there.
    Read,
    /// To read and write; it must be there.
    Write,
    /// Made, to read and write, for its owner alone; [`io::ErrorKind::AlreadyExists`] where
    /// something is there.
    New,
}

/// A lock that is held until it is dropped, and the words in its file.
pub trait Held: Send + Sync + Debug {
    /// What the file says, as far as it can be read.
    fn words(&self) -> String;

    /// Has it say this instead. Nobody relies on it: it need not be durable.
    ///
    /// # Errors
    /// What the disk says.
    fn write(&self, words: &str) -> io::Result<()>;
}

/// What the ledger asks of a disk. Its program has [`Files`].
///
/// A name that was made, changed or taken away is durable after [`Disk::sync_folder_of`], and what was
/// written into a file after the file's `sync_data`; before that a power cut may undo or keep either.
pub trait Disk: Send + Sync + Debug {
    /// Opens a file.
    ///
    /// # Errors
    /// What the disk says; [`io::ErrorKind::NotFound`] where there is none.
    fn open(&self, path: &Path, how: How) -> io::Result<Box<dyn DiskFile>>;

    /// A file's length in bytes; `None` where there is none.
    ///
    /// # Errors
    /// What the disk says.
    fn size(&self, path: &Path) -> io::Result<Option<u64>>;

    /// Gives a file another name, in one step, in place of what had that name.
    ///
    /// # Errors
    /// What the disk says; both names are then as they were.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Takes a file away.
    ///
    /// # Errors
    /// What the disk says; [`io::ErrorKind::NotFound`] where there is none.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// The names in a folder.
    ///
    /// # Errors
    /// What the disk says.
    fn names(&self, folder: &Path) -> io::Result<Vec<OsString>>;

    /// Makes the names in the folder of `path` durable.
    ///
    /// # Errors
    /// What the disk says.
    fn sync_folder_of(&self, path: &Path) -> io::Result<()>;

    /// How many bytes more a folder has room for.
    ///
    /// # Errors
    /// What the disk says.
    fn free(&self, folder: &Path) -> io::Result<u64>;

    /// Makes a folder, and those above it, for its owner alone; one that is there will do.
    ///
    /// # Errors
    /// What the disk says.
    fn make_folder(&self, folder: &Path) -> io::Result<()>;

    /// Sees to it that nobody else may read a file, where there is one.
    ///
    /// # Errors
    /// What the disk says.
    fn close_to_others(&self, path: &Path) -> io::Result<()>;

    /// Takes the lock in the file at `path`, which is made where it is missing; `None` where another
    /// has it.
    ///
    /// # Errors
    /// What the disk says.
    fn lock(&self, path: &Path) -> io::Result<Option<Box<dyn Held>>>;
}

/// The folder that a file stands in.
pub(super) fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|f| !f.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// This machine's own disks.
#[derive(Debug, Clone, Copy, Default)]
pub struct Files;

impl Disk for Files {
    fn open(&self, path: &Path, how: How) -> io::Result<Box<dyn DiskFile>> {
        let mut options = OpenOptions::new();
        options.read(true).write(how != How::Read).create_new(how == How::New).mode(0o600);
        match FileBackend::new(options.open(path)?) {
            Ok(file) => Ok(Box::new(file)),
            Err(DatabaseError::Storage(redb::StorageError::Io(error))) => Err(error),
            Err(error) => Err(io::Error::other(error)),
        }
    }

    fn size(&self, path: &Path) -> io::Result<Option<u64>> {
        match std::fs::metadata(path) {
            Ok(found) => Ok(Some(found.len())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        std::fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        std::fs::remove_file(path)
    }

    fn names(&self, folder: &Path) -> io::Result<Vec<OsString>> {
        std::fs::read_dir(folder)?.map(|item| Ok(item?.file_name())).collect()
    }

    fn sync_folder_of(&self, path: &Path) -> io::Result<()> {
        File::open(folder_of(path))?.sync_all()
    }

    fn free(&self, folder: &Path) -> io::Result<u64> {
        let disk = rustix::fs::statvfs(folder)?;
        Ok(disk.f_bavail.saturating_mul(disk.f_frsize))
    }

    fn make_folder(&self, folder: &Path) -> io::Result<()> {
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
    }

    fn close_to_others(&self, path: &Path) -> io::Result<()> {
        match std::fs::metadata(path) {
            Ok(found) if found.permissions().mode() & 0o077 != 0 => {
                std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))
            }
            // What cannot be seen is told of by whoever opens it.
            _ => Ok(()),
        }
    }

    fn lock(&self, path: &Path) -> io::Result<Option<Box<dyn Held>>> {
        Ok(LockFile::take(path)?.map(|held| Box::new(held) as Box<dyn Held>))
    }
}

#[derive(Debug)]
struct LockFile(Mutex<File>);

impl LockFile {
    fn take(path: &Path) -> io::Result<Option<Self>> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(path)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Self(Mutex::new(file)))),
            Err(std::fs::TryLockError::WouldBlock) => Ok(None),
            // A file system that cannot lock cannot keep a second daemon out.
            Err(std::fs::TryLockError::Error(error)) => Err(error),
        }
    }

    fn file(&self) -> std::sync::MutexGuard<'_, File> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Held for LockFile {
    fn words(&self) -> String {
        let mut file = self.file();
        let mut words = String::new();
        if file.rewind().is_ok() {
            (&mut *file).take(WORDS_MAX).read_to_string(&mut words).ok();
        }
        words
    }

    fn write(&self, words: &str) -> io::Result<()> {
        let mut file = self.file();
        file.rewind()?;
        file.write_all(words.as_bytes())?;
        file.set_len(words.len() as u64)
    }
}

impl Drop for LockFile {
    fn drop(&mut self) {
        // A child that is being started has our files for a moment: closing ours would not free it.
        self.file().unlock().ok();
    }
}

/// All of a file, or its first `most` bytes.
pub(in crate::ledger) fn read(file: &dyn DiskFile, most: u64) -> io::Result<Vec<u8>> {
    let length = usize::try_from(file.len()?.min(most)).map_err(io::Error::other)?;
    let mut bytes = vec![0; length];
    file.read(0, &mut bytes)?;
    Ok(bytes)
}

/// A file that redb may have for itself.
#[derive(Debug)]
pub(super) struct Lent(pub(super) Box<dyn DiskFile>);

type Edge = Bound<u64>;

impl DiskFile for Lent {
    fn len(&self) -> io::Result<u64> {
        self.0.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.0.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.0.write(offset, data)
    }

    fn close(&self) -> io::Result<()> {
        self.0.close()
    }

    fn try_lock_range(&self, start: Edge, end: Edge) -> Result<bool, BackendError> {
        self.0.try_lock_range(start, end)
    }

    fn try_lock_shared_range(&self, start: Edge, end: Edge) -> Result<bool, BackendError> {
        self.0.try_lock_shared_range(start, end)
    }

    fn lock_range(&self, start: Edge, end: Edge) -> Result<(), BackendError> {
        self.0.lock_range(start, end)
    }

    fn lock_shared_range(&self, start: Edge, end: Edge) -> Result<(), BackendError> {
        self.0.lock_shared_range(start, end)
    }

    fn unlock_range(&self, start: Edge, end: Edge) -> Result<(), BackendError> {
        self.0.unlock_range(start, end)
    }

    fn query_lock_range(&self, start: Edge, end: Edge) -> Result<bool, BackendError> {
        self.0.query_lock_range(start, end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A daemon that is ended and started at once would be turned away by a lock that nobody holds.
    #[test]
    fn a_lock_that_was_given_back_is_free_whoever_has_its_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("ledger.lock");
        let held = LockFile::take(&path).expect("can be locked").expect("free");
        let child = held.file().try_clone().expect("inherited");
        assert!(Files.lock(&path).expect("can be asked").is_none(), "held");
        drop(held);
        Files.lock(&path).expect("can be locked").expect("free again");
        drop(child);
    }
}
