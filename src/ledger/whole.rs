//! A file that appears whole under its name or not at all: a kill or a full disk in the middle leaves
//! nothing that could be taken for a record.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;

use super::embedded::disk::{Disk as _, Files};

/// A file on its way to its name.
#[derive(Debug)]
pub struct Whole {
    path: PathBuf,
    fresh: PathBuf,
}

impl Whole {
    /// Takes a place beside `path`, which must be free: nothing is written over.
    ///
    /// # Errors
    /// [`io::ErrorKind::AlreadyExists`] where something stands there, and what the disk says.
    pub fn beside(path: &Path) -> io::Result<Self> {
        if path.symlink_metadata().is_ok() {
            return Err(taken(path));
        }
        Self::over(path)
    }

    /// The same where the caller has made sure that what stands at `path` may go.
    ///
    /// # Errors
    /// Where `path` names no file.
    pub fn over(path: &Path) -> io::Result<Self> {
        let name = path.file_name().ok_or_else(|| {
            io::Error::new(io::ErrorKind::InvalidInput, "it names a folder, not a file")
        })?;
        let name = name.to_string_lossy();
        let fresh = path.with_file_name(format!(".{name}.{:08x}.partial", fastrand::u32(..)));
        Ok(Self { path: path.to_owned(), fresh })
    }

    /// Where it is written meanwhile.
    #[must_use]
    pub fn fresh(&self) -> &Path {
        &self.fresh
    }

    /// Makes it, for whoever writes it as a stream.
    ///
    /// # Errors
    /// What the disk says.
    pub fn create(&self, mode: u32) -> io::Result<File> {
        OpenOptions::new().write(true).create_new(true).mode(mode).open(&self.fresh)
    }

    /// Gives it its name, if that is still free.
    ///
    /// # Errors
    /// As [`Whole::beside`].
    pub fn finish(self) -> io::Result<()> {
        File::open(&self.fresh)?.sync_all()?;
        match renameat_with(CWD, &self.fresh, CWD, &self.path, RenameFlags::NOREPLACE) {
            Ok(()) => {}
            Err(Errno::EXIST) => return Err(taken(&self.path)),
            // Some file systems cannot promise it: what was seen at the beginning has to do.
            Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) if !self.path.exists() => {
                std::fs::rename(&self.fresh, &self.path)?;
            }
            Err(error) => return Err(error.into()),
        }
        Files.sync_folder_of(&self.path)
    }

    /// Gives it its name, in place of what stood there.
    ///
    /// # Errors
    /// What the disk says; what stood there then still does.
    pub fn replace(self) -> io::Result<()> {
        File::open(&self.fresh)?.sync_all()?;
        std::fs::rename(&self.fresh, &self.path)?;
        Files.sync_folder_of(&self.path)
    }
}

impl Drop for Whole {
    fn drop(&mut self) {
        // After it has got its name there is nothing here any more.
        std::fs::remove_file(&self.fresh).ok();
    }
}

fn taken(path: &Path) -> io::Error {
    let words = format!("{} is there already, and nothing is written over", path.display());
    io::Error::new(io::ErrorKind::AlreadyExists, words)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn half_a_record_never_stands_under_its_name() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("record");
        let whole = Whole::beside(&path).expect("free");
        whole.create(0o600).and_then(|mut f| f.write_all(b"half")).expect("written");
        drop(whole);
        assert_eq!(std::fs::read_dir(folder.path()).expect("readable").count(), 0);

        let whole = Whole::beside(&path).expect("free");
        whole.create(0o600).and_then(|mut f| f.write_all(b"all")).expect("written");
        let other = Whole::beside(&path).expect("still free");
        other.create(0o600).and_then(|mut f| f.write_all(b"other")).expect("written");
        whole.finish().expect("named");
        let error = other.finish().expect_err("the name is taken");
        assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(std::fs::read(&path).expect("there"), b"all");
        assert!(Whole::beside(&path).is_err());
        assert_eq!(std::fs::read_dir(folder.path()).expect("readable").count(), 1);
    }
}
