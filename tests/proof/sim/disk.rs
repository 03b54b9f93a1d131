//! The disk: it keeps what was synced, may lose or tear the rest when the power goes, fails and fills up.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use oncecast::ledger::embedded::disk::{Disk, DiskFile, Held, How};
use tokio::sync::Notify;

use super::world::Dice;

/// What a disk tears at.
const SECTOR: usize = 512;

/// How the disk is today.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Health {
    Well,
    /// No room for anything more.
    Full,
    /// Nothing can be written.
    Failing,
    /// What was written cannot be made durable.
    NotSyncing,
}

/// One disk, in memory.
#[derive(Debug, Default)]
pub(super) struct SimDisk {
    inner: Mutex<Inner>,
    /// Rings when the power goes.
    pub(super) gone: Notify,
}

#[derive(Debug)]
struct Inner {
    names: BTreeMap<PathBuf, u64>,
    /// The names as they were last synced.
    durable: BTreeMap<PathBuf, u64>,
    files: BTreeMap<u64, Content>,
    next: u64,
    locks: BTreeMap<PathBuf, (u64, String)>,
    /// Counts processes: what an older one holds is closed.
    process: u64,
    health: Health,
    /// After so many more writes and syncs the power goes.
    until_cut: Option<u64>,
    is_off: bool,
}

impl Default for Inner {
    fn default() -> Self {
        Self {
            names: BTreeMap::new(),
            durable: BTreeMap::new(),
            files: BTreeMap::new(),
            next: 0,
            locks: BTreeMap::new(),
            process: 0,
            health: Health::Well,
            until_cut: None,
            is_off: false,
        }
    }
}

/// One file: what a reader sees, what is durable, and what lies between.
#[derive(Debug, Default)]
struct Content {
    now: Vec<u8>,
    synced: Vec<u8>,
    pending: Vec<Change>,
}

#[derive(Debug)]
enum Change {
    Length(usize),
    Bytes(usize, Vec<u8>),
}

impl Change {
    fn apply(&self, to: &mut Vec<u8>) {
        match self {
            Self::Length(length) => to.resize(*length, 0),
            Self::Bytes(at, bytes) => {
                let end = at + bytes.len();
                if to.len() < end {
                    to.resize(end, 0);
                }
                to[*at..end].copy_from_slice(bytes);
            }
        }
    }
}

impl SimDisk {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn set(&self, health: Health) {
        self.inner().health = health;
    }

    /// The process that holds files and locks is gone; what it has written stays.
    pub(super) fn kill(&self) {
        let mut inner = self.inner();
        inner.process += 1;
        inner.locks.clear();
    }

    /// The power goes after so many more writes and syncs.
    pub(super) fn cut_after(&self, operations: u64) {
        self.inner().until_cut = Some(operations);
    }

    /// The power is gone, and comes back: of what was not synced, chance keeps, loses and tears.
    pub(super) fn power_cycle(&self, dice: &mut Dice) {
        let mut inner = self.inner();
        let inner = &mut *inner;
        inner.process += 1;
        inner.locks.clear();
        (inner.until_cut, inner.is_off) = (None, false);
        if dice.percent(50) {
            inner.names.clone_from(&inner.durable);
        }
        inner.durable.clone_from(&inner.names);
        for content in inner.files.values_mut() {
            for change in std::mem::take(&mut content.pending) {
                match (dice.below(3), change) {
                    (0, _) => {}
                    (1, Change::Bytes(at, mut bytes)) => {
                        let sectors = bytes.len().div_ceil(SECTOR);
                        bytes.truncate(dice.below(sectors) * SECTOR);
                        Change::Bytes(at, bytes).apply(&mut content.synced);
                    }
                    (_, change) => change.apply(&mut content.synced),
                }
            }
            content.now.clone_from(&content.synced);
        }
    }

    /// What is durable of a file.
    pub(super) fn with_durable<T>(&self, path: &Path, look: impl FnOnce(&[u8]) -> T) -> Option<T> {
        let inner = self.inner();
        let number = inner.names.get(path)?;
        Some(look(&inner.files[number].synced))
    }

    /// A copy of a file.
    pub(super) fn copy(&self, path: &Path) -> Option<Vec<u8>> {
        let inner = self.inner();
        let number = inner.names.get(path)?;
        Some(inner.files[number].now.clone())
    }

    /// Puts a file there, durably.
    pub(super) fn put(&self, path: &Path, bytes: Vec<u8>) {
        let mut inner = self.inner();
        inner.next += 1;
        let number = inner.next;
        let content = Content { synced: bytes.clone(), now: bytes, pending: Vec::new() };
        inner.files.insert(number, content);
        inner.names.insert(path.to_owned(), number);
        inner.durable.insert(path.to_owned(), number);
    }

    pub(super) fn is_there(&self, path: &Path) -> bool {
        self.inner().names.contains_key(path)
    }

    /// Takes a file away, durably.
    pub(super) fn lose(&self, path: &Path) {
        let mut inner = self.inner();
        inner.names.remove(path);
        inner.durable.remove(path);
    }
}

impl Inner {
    /// One operation that changes something: it may be the last one.
    fn changes(&mut self, gone: &Notify, grows: bool, syncs: bool) -> io::Result<()> {
        if let Some(left) = &mut self.until_cut {
            *left = left.saturating_sub(1);
            if *left == 0 {
                (self.until_cut, self.is_off) = (None, true);
                gone.notify_one();
            }
        }
        let why = match self.health {
            _ if self.is_off => "the power is off",
            Health::Full if grows => return Err(io::ErrorKind::StorageFull.into()),
            Health::Failing if !syncs => "input/output error",
            Health::NotSyncing if syncs => "input/output error",
            _ => return Ok(()),
        };
        Err(io::Error::other(why))
    }
}

/// The disk as a process has it.
#[derive(Debug)]
pub(super) struct Mounted(pub(super) Arc<SimDisk>);

impl Disk for Mounted {
    fn open(&self, path: &Path, how: How) -> io::Result<Box<dyn DiskFile>> {
        let mut inner = self.0.inner();
        let number = match (inner.names.get(path).copied(), how) {
            (Some(_), How::New) => return Err(io::ErrorKind::AlreadyExists.into()),
            (Some(number), _) => number,
            (None, How::New) => {
                inner.changes(&self.0.gone, true, false)?;
                inner.next += 1;
                let number = inner.next;
                inner.files.insert(number, Content::default());
                inner.names.insert(path.to_owned(), number);
                number
            }
            (None, _) => return Err(io::ErrorKind::NotFound.into()),
        };
        let process = inner.process;
        Ok(Box::new(Open { disk: Arc::clone(&self.0), number, process }))
    }

    fn size(&self, path: &Path) -> io::Result<Option<u64>> {
        let inner = self.0.inner();
        let number = inner.names.get(path);
        Ok(number.map(|number| inner.files[number].now.len() as u64))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut inner = self.0.inner();
        inner.changes(&self.0.gone, false, false)?;
        let number = inner.names.remove(from).ok_or(io::ErrorKind::NotFound)?;
        inner.names.insert(to.to_owned(), number);
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut inner = self.0.inner();
        inner.changes(&self.0.gone, false, false)?;
        inner.names.remove(path).map(drop).ok_or(io::ErrorKind::NotFound.into())
    }

    fn names(&self, folder: &Path) -> io::Result<Vec<OsString>> {
        let inner = self.0.inner();
        let inside = inner.names.keys().filter(|path| path.parent() == Some(folder));
        Ok(inside.filter_map(|path| path.file_name().map(ToOwned::to_owned)).collect())
    }

    fn sync_folder_of(&self, _: &Path) -> io::Result<()> {
        let mut inner = self.0.inner();
        inner.changes(&self.0.gone, false, true)?;
        let names = inner.names.clone();
        inner.durable = names;
        Ok(())
    }

    fn free(&self, _: &Path) -> io::Result<u64> {
        Ok(if self.0.inner().health == Health::Full { 0 } else { 1 << 30 })
    }

    fn make_folder(&self, _: &Path) -> io::Result<()> {
        Ok(())
    }

    fn close_to_others(&self, _: &Path) -> io::Result<()> {
        Ok(())
    }

    fn lock(&self, path: &Path) -> io::Result<Option<Box<dyn Held>>> {
        let mut inner = self.0.inner();
        let process = inner.process;
        let words = match inner.locks.get(path) {
            Some((holder, _)) if *holder == process => return Ok(None),
            Some((_, words)) => words.clone(),
            None => String::new(),
        };
        // The file of a lock and its words outlive whoever held it.
        let words = if words.is_empty() { inner.words(path) } else { words };
        inner.locks.insert(path.to_owned(), (process, words));
        drop(inner);
        Ok(Some(Box::new(Lock { disk: Arc::clone(&self.0), path: path.to_owned(), process })))
    }
}

impl Inner {
    fn words(&self, path: &Path) -> String {
        let content = self.names.get(path).map(|number| &self.files[number].now);
        content.map(|bytes| String::from_utf8_lossy(bytes).into_owned()).unwrap_or_default()
    }
}

#[derive(Debug)]
struct Lock {
    disk: Arc<SimDisk>,
    path: PathBuf,
    process: u64,
}

impl Held for Lock {
    fn words(&self) -> String {
        self.disk.inner().words(&self.path)
    }

    fn write(&self, words: &str) -> io::Result<()> {
        self.disk.inner().changes(&self.disk.gone, false, false)?;
        self.disk.put(&self.path, words.as_bytes().to_vec());
        Ok(())
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        let mut inner = self.disk.inner();
        if inner.locks.get(&self.path).is_some_and(|(holder, _)| *holder == self.process) {
            inner.locks.remove(&self.path);
        }
    }
}

/// A file that a process has open.
struct Open {
    disk: Arc<SimDisk>,
    number: u64,
    process: u64,
}

impl fmt::Debug for Open {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "file {}", self.number)
    }
}

impl Open {
    fn alive(&self) -> io::Result<MutexGuard<'_, Inner>> {
        let inner = self.disk.inner();
        if inner.process == self.process && !inner.is_off {
            Ok(inner)
        } else {
            Err(io::Error::other("the process is gone"))
        }
    }
}

impl DiskFile for Open {
    fn len(&self) -> io::Result<u64> {
        Ok(self.alive()?.files[&self.number].now.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let inner = self.alive()?;
        let at = usize::try_from(offset).map_err(io::Error::other)?;
        let found = inner.files[&self.number].now.get(at..at + out.len());
        out.copy_from_slice(found.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut inner = self.alive()?;
        let length = usize::try_from(len).map_err(io::Error::other)?;
        let grows = length > inner.files[&self.number].now.len();
        inner.changes(&self.disk.gone, grows, false)?;
        inner.change(self.number, Change::Length(length));
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut inner = self.alive()?;
        inner.changes(&self.disk.gone, false, true)?;
        let content = inner.files.get_mut(&self.number).ok_or(io::ErrorKind::NotFound)?;
        for change in content.pending.drain(..) {
            change.apply(&mut content.synced);
        }
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut inner = self.alive()?;
        let at = usize::try_from(offset).map_err(io::Error::other)?;
        let grows = at + data.len() > inner.files[&self.number].now.len();
        inner.changes(&self.disk.gone, grows, false)?;
        inner.change(self.number, Change::Bytes(at, data.to_vec()));
        Ok(())
    }
}

impl Inner {
    fn change(&mut self, number: u64, change: Change) {
        if let Some(content) = self.files.get_mut(&number) {
            change.apply(&mut content.now);
            content.pending.push(change);
        }
    }
}
