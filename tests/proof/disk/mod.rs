//! A disk in memory that fails, fills up, lies, or loses power at any moment, under the real ledger.
//!
//! What it promises is what POSIX does, and no more: what was written into a file is durable after
//! `sync_data`, and a name after a sync of its folder. What is lost before that is anybody's guess: any
//! of the writes, any sector of one, any byte where it was cut. Names of one folder change in their order,
//! as on every file system with a journal.

mod bytes;
mod cut;
mod plugged;

use std::collections::{BTreeMap, HashSet};
use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use oncecast::ledger::embedded::disk::Disk;

use bytes::Bytes;
pub(crate) use cut::{Fates, Random, Subset};
use plugged::Plugged;

const SECTOR: u64 = 512;
/// Free bytes of a disk that is not full.
const ROOM: u64 = 1 << 40;

/// What was done to a file since its last sync.
#[derive(Debug, Clone)]
enum Change {
    Write { offset: u64, data: Arc<[u8]> },
    SetLen(u64),
}

/// A file, as a process sees it and as the next boot would if all un-synced was lost.
#[derive(Debug, Clone, Default)]
struct Node {
    now: Bytes,
    durable: Bytes,
    pending: Vec<Change>,
}

/// What was done to a name since the last sync of its folder.
#[derive(Debug, Clone)]
enum Naming {
    Is(OsString, usize),
    Gone(OsString),
    Moved(OsString, OsString),
}

type Names = BTreeMap<OsString, usize>;

#[derive(Debug, Clone, Default)]
struct Folder {
    now: Names,
    durable: Names,
    pending: Vec<Naming>,
}

impl Naming {
    fn done(&self, names: &mut Names) {
        match self {
            Self::Is(name, node) => drop(names.insert(name.clone(), *node)),
            Self::Gone(name) => drop(names.remove(name)),
            Self::Moved(from, to) => {
                if let Some(node) = names.remove(from) {
                    names.insert(to.clone(), node);
                }
            }
        }
    }
}

/// Everything on a disk at one moment.
#[derive(Debug, Clone, Default)]
pub(crate) struct Platter {
    nodes: Vec<Node>,
    folders: BTreeMap<PathBuf, Folder>,
}

/// What an operation fails with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    Eio,
    Enospc,
}

impl Fault {
    fn error(self) -> io::Error {
        io::Error::from_raw_os_error(match self {
            Self::Eio => 5,
            Self::Enospc => 28,
        })
    }
}

/// The promise that a disk breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lie {
    /// A sync of a file whose name ends so does nothing.
    Unsynced(&'static str),
    /// A sync of a folder does nothing.
    FolderUnsynced,
    /// A file is made under its last name, and the rename to it is nothing.
    InPlace,
}

/// When operations fail.
#[derive(Debug, Clone, Copy)]
struct Failing {
    /// The number of the first that does.
    from: u64,
    fault: Fault,
    /// Whether all after it do too.
    lasting: bool,
}

/// Where an operation waits.
#[derive(Debug, Default)]
struct Barrier {
    /// Whether one has come, and whether it may go on.
    state: Mutex<(bool, bool)>,
    changed: std::sync::Condvar,
}

impl Barrier {
    fn wait_for(&self, done: impl Fn(&(bool, bool)) -> bool) {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        drop(self.changed.wait_while(state, |state| !done(state)));
    }

    fn set(&self, change: impl Fn(&mut (bool, bool))) {
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner));
        self.changed.notify_all();
    }
}

/// An operation that is held.
#[derive(Debug)]
pub(crate) struct Gate {
    machine: Machine,
    gate: Arc<Barrier>,
}

impl Gate {
    /// Comes back when one has come.
    pub(crate) fn wait(&self) {
        self.gate.wait_for(|state| state.0);
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.machine.inner().gate = None;
        self.gate.set(|state| state.1 = true);
    }
}

#[derive(Debug, Default)]
struct Inner {
    gate: Option<Arc<Barrier>>,
    platter: Platter,
    /// Handles of another boot are dead.
    boot: u64,
    locks: HashSet<PathBuf>,
    /// Operations that may fail, so far.
    operations: u64,
    failing: Option<Failing>,
    /// Whether one has failed.
    struck: bool,
    is_full: bool,
    lie: Option<Lie>,
    rng: Option<fastrand::Rng>,
    /// The disk as it was before each sync.
    moments: Option<Vec<Platter>>,
}

/// A machine with one disk, which outlives its processes and its power.
#[derive(Debug, Clone, Default)]
pub(crate) struct Machine(Arc<Mutex<Inner>>);

impl Machine {
    /// A machine with an empty disk, whose choices come from `seed`.
    pub(crate) fn new(seed: u64) -> Self {
        Self::with(Platter::default(), seed)
    }

    /// A machine with this on its disk.
    pub(crate) fn with(platter: Platter, seed: u64) -> Self {
        let rng = Some(fastrand::Rng::with_seed(seed));
        Self(Arc::new(Mutex::new(Inner { platter, rng, ..Inner::default() })))
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The disk for a process that starts now.
    pub(crate) fn disk(&self) -> Arc<dyn Disk> {
        Arc::new(Plugged { machine: self.clone(), boot: self.inner().boot })
    }

    /// The process is gone, whatever it was doing: nothing that it still does reaches the disk.
    pub(crate) fn kill(&self) {
        let mut inner = self.inner();
        inner.boot += 1;
        inner.locks.clear();
    }

    /// The power is gone: what is not durable meets its fate.
    pub(crate) fn cut(&self, fates: &mut dyn Fates) {
        self.kill();
        let mut inner = self.inner();
        inner.platter = inner.platter.after_cut(fates);
    }

    /// What is on the disk.
    pub(crate) fn platter(&self) -> Platter {
        self.inner().platter.clone()
    }

    /// From here on, keeps what was on the disk before each sync.
    pub(crate) fn record(&self) {
        self.inner().moments = Some(Vec::new());
    }

    /// What was kept since the last time.
    pub(crate) fn moments(&self) -> Vec<Platter> {
        self.inner().moments.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// How many operations there were that may fail.
    pub(crate) fn operations(&self) -> u64 {
        self.inner().operations
    }

    /// Has the operation of that number fail, and all after it where that is `lasting`.
    pub(crate) fn fail(&self, from: u64, fault: Fault, lasting: bool) {
        self.inner().failing = Some(Failing { from, fault, lasting });
    }

    /// Has the disk work again, and says whether it had failed.
    pub(crate) fn heal(&self) -> bool {
        let mut inner = self.inner();
        inner.failing = None;
        inner.is_full = false;
        std::mem::take(&mut inner.struck)
    }

    /// Has the disk be full, or not.
    #[expect(dead_code, reason = "for the simulation")]
    pub(crate) fn fill(&self, is_full: bool) {
        self.inner().is_full = is_full;
    }

    /// Puts a file there that another disk has, while no process is there.
    pub(crate) fn put(&self, path: &Path, from: &Platter) {
        self.inner().platter.put(path, from);
    }

    /// Holds the next operation until the gate is dropped.
    pub(crate) fn gate(&self) -> Gate {
        let gate = Arc::new(Barrier::default());
        self.inner().gate = Some(Arc::clone(&gate));
        Gate { machine: self.clone(), gate }
    }

    /// Has the disk break a promise from here on.
    pub(crate) fn lie(&self, lie: Lie) {
        self.inner().lie = Some(lie);
    }
}

impl Platter {
    /// Whether it is certain that a file says the same on both.
    pub(crate) fn shares(&self, path: &Path, other: &Self) -> bool {
        match (self.node(path), other.node(path)) {
            (Some(one), Some(two)) => self.nodes[one].now.is_shared_with(&other.nodes[two].now),
            (one, two) => one.is_none() && two.is_none(),
        }
    }

    fn node(&self, path: &Path) -> Option<usize> {
        self.folders.get(folder(path))?.now.get(name(path)).copied()
    }

    fn rename_now(&mut self, path: &Path, naming: Naming) {
        let folder = self.folders.entry(folder(path).to_owned()).or_default();
        naming.done(&mut folder.now);
        folder.pending.push(naming);
    }

    /// Puts a file there that another disk has, durably.
    pub(crate) fn put(&mut self, path: &Path, from: &Self) {
        let bytes = from.nodes[from.node(path).expect("it has it")].now.clone();
        self.nodes.push(Node { durable: bytes.clone(), now: bytes, pending: Vec::new() });
        let folder = self.folders.entry(folder(path).to_owned()).or_default();
        for names in [&mut folder.now, &mut folder.durable] {
            names.insert(name(path).to_owned(), self.nodes.len() - 1);
        }
    }
}

fn folder(path: &Path) -> &Path {
    path.parent().expect("in a folder")
}

fn name(path: &Path) -> &OsStr {
    path.file_name().expect("a name")
}

impl Inner {
    /// Counts an operation, and says whether it fails.
    fn operation(&mut self) -> io::Result<()> {
        let number = self.operations;
        self.operations += 1;
        match self.failing {
            Some(Failing { from, fault, lasting })
                if number == from || (lasting && number > from) =>
            {
                self.struck = true;
                Err(fault.error())
            }
            _ => Ok(()),
        }
    }

    fn rng(&mut self) -> &mut fastrand::Rng {
        self.rng.get_or_insert_with(|| fastrand::Rng::with_seed(0))
    }

    fn keep_moment(&mut self) {
        if let Some(moments) = &mut self.moments {
            moments.push(self.platter.clone());
        }
    }

    fn named(&self, path: &Path) -> PathBuf {
        if self.lie == Some(Lie::InPlace) && path.extension().is_some_and(|e| e == "new") {
            return path.with_extension("");
        }
        path.to_owned()
    }
}
