//! The disk as the ledger of one process has it.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::MutexGuard;

use oncecast::ledger::embedded::disk::{Disk, DiskFile, Held, How};

use super::{Change, Fault, Inner, Lie, Machine, Naming, Node, ROOM, Random, folder, name};

/// The disk as one process has it.
#[derive(Debug)]
pub(super) struct Plugged {
    pub(super) machine: Machine,
    pub(super) boot: u64,
}

impl Plugged {
    fn inner(&self) -> io::Result<MutexGuard<'_, Inner>> {
        let mut inner = self.machine.inner();
        if let Some(gate) = inner.gate.clone() {
            drop(inner);
            gate.set(|state| state.0 = true);
            gate.wait_for(|state| state.1);
            inner = self.machine.inner();
        }
        if inner.boot == self.boot { Ok(inner) } else { Err(Fault::Eio.error()) }
    }
}

impl Disk for Plugged {
    fn open(&self, path: &Path, how: How) -> io::Result<Box<dyn DiskFile>> {
        let mut inner = self.inner()?;
        inner.operation()?;
        let path = inner.named(path);
        let node = match (inner.platter.node(&path), how) {
            (Some(_), How::New) => return Err(io::ErrorKind::AlreadyExists.into()),
            (Some(node), _) => node,
            (None, How::New) => {
                inner.platter.nodes.push(Node::default());
                let node = inner.platter.nodes.len() - 1;
                let naming = Naming::Is(name(&path).to_owned(), node);
                inner.platter.rename_now(&path, naming);
                node
            }
            (None, _) => return Err(io::ErrorKind::NotFound.into()),
        };
        let disk = Self { machine: self.machine.clone(), boot: self.boot };
        Ok(Box::new(Open { disk, node, path }))
    }

    fn size(&self, path: &Path) -> io::Result<Option<u64>> {
        let inner = self.inner()?;
        Ok(inner.platter.node(path).map(|node| inner.platter.nodes[node].now.len()))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut inner = self.inner()?;
        inner.operation()?;
        if inner.lie == Some(Lie::InPlace) {
            return Ok(());
        }
        if inner.platter.node(from).is_none() {
            return Err(io::ErrorKind::NotFound.into());
        }
        let naming = Naming::Moved(name(from).to_owned(), name(to).to_owned());
        inner.platter.rename_now(to, naming);
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut inner = self.inner()?;
        inner.operation()?;
        if inner.platter.node(path).is_none() {
            return Err(io::ErrorKind::NotFound.into());
        }
        inner.platter.rename_now(path, Naming::Gone(name(path).to_owned()));
        Ok(())
    }

    fn names(&self, folder: &Path) -> io::Result<Vec<OsString>> {
        let inner = self.inner()?;
        Ok(inner
            .platter
            .folders
            .get(folder)
            .into_iter()
            .flat_map(|f| f.now.keys().cloned())
            .collect())
    }

    fn sync_folder_of(&self, path: &Path) -> io::Result<()> {
        let mut inner = self.inner()?;
        inner.keep_moment();
        inner.operation()?;
        if inner.lie != Some(Lie::FolderUnsynced)
            && let Some(folder) = inner.platter.folders.get_mut(folder(path))
        {
            folder.durable.clone_from(&folder.now);
            folder.pending.clear();
        }
        Ok(())
    }

    fn free(&self, _: &Path) -> io::Result<u64> {
        Ok(if self.inner()?.is_full { 0 } else { ROOM })
    }

    fn make_folder(&self, folder: &Path) -> io::Result<()> {
        self.inner()?.platter.folders.entry(folder.to_owned()).or_default();
        Ok(())
    }

    fn close_to_others(&self, _: &Path) -> io::Result<()> {
        Ok(())
    }

    fn lock(&self, path: &Path) -> io::Result<Option<Box<dyn Held>>> {
        if !self.inner()?.locks.insert(path.to_owned()) {
            return Ok(None);
        }
        let how = if self.size(path)?.is_some() { How::Write } else { How::New };
        let file = self.open(path, how).inspect_err(|_| {
            self.machine.inner().locks.remove(path);
        })?;
        let disk = Self { machine: self.machine.clone(), boot: self.boot };
        Ok(Some(Box::new(LockHeld { disk, file, path: path.to_owned() })))
    }
}

#[derive(Debug)]
struct LockHeld {
    disk: Plugged,
    file: Box<dyn DiskFile>,
    path: PathBuf,
}

impl Held for LockHeld {
    fn words(&self) -> String {
        let mut words = vec![0; usize::try_from(self.file.len().unwrap_or(0)).expect("small")];
        self.file.read(0, &mut words).ok();
        String::from_utf8(words).unwrap_or_default()
    }

    fn write(&self, words: &str) -> io::Result<()> {
        self.file.write(0, words.as_bytes())?;
        self.file.set_len(words.len() as u64)
    }
}

impl Drop for LockHeld {
    fn drop(&mut self) {
        if let Ok(mut inner) = self.disk.inner() {
            inner.locks.remove(&self.path);
        }
    }
}

#[derive(Debug)]
struct Open {
    disk: Plugged,
    node: usize,
    path: PathBuf,
}

impl DiskFile for Open {
    fn len(&self) -> io::Result<u64> {
        Ok(self.disk.inner()?.platter.nodes[self.node].now.len())
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.disk.inner()?.platter.nodes[self.node].now.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut inner = self.disk.inner()?;
        inner.operation()?;
        let node = &mut inner.platter.nodes[self.node];
        node.now.set_len(len);
        node.pending.push(Change::SetLen(len));
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        if data.is_empty() {
            return Ok(());
        }
        let mut inner = self.disk.inner()?;
        let mut written = inner.operation();
        if inner.is_full && inner.platter.nodes[self.node].now.needs_room(offset, data.len()) {
            inner.struck = true;
            written = Err(Fault::Enospc.error());
        }
        let kept = match &written {
            Ok(()) => data.len(),
            // A part of it may have got there.
            Err(_) => inner.rng().usize(..=data.len()),
        };
        if kept > 0 {
            let node = &mut inner.platter.nodes[self.node];
            node.now.write(offset, &data[..kept]);
            node.pending.push(Change::Write { offset, data: data[..kept].into() });
        }
        written
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut inner = self.disk.inner()?;
        inner.keep_moment();
        if let Err(error) = inner.operation() {
            // As Linux does it: what could not be written is thought clean, and no later sync writes it.
            let mut fates = Random(inner.rng().fork());
            let node = &mut inner.platter.nodes[self.node];
            node.durable = node.after_cut(&mut fates);
            node.pending.clear();
            return Err(error);
        }
        if matches!(inner.lie, Some(Lie::Unsynced(end)) if self.path.to_string_lossy().ends_with(end))
        {
            return Ok(());
        }
        let node = &mut inner.platter.nodes[self.node];
        for change in std::mem::take(&mut node.pending) {
            change.done(&mut node.durable);
        }
        Ok(())
    }
}
