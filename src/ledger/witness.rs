//! A second memory beside the ledger: a small append-only file that takes every claim before its
//! permit is granted.
//!
//! It notices a ledger that was emptied, restored from an older copy or damaged, and knows what
//! that ledger has forgotten, so that it is not sent again.

use std::io;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::model::{IdempotencyKey, Time};

use super::embedded::disk::{self, Disk, DiskFile, How};

/// One record; a torn write is at most one of them.
const RECORD: usize = 64;
const MAGIC: &[u8; 16] = b"oncecast witness";
const VERSION: u32 = 1;
/// Where a record says what it is: a claim has nothing there.
const KIND: usize = 48;
/// Not a claim, but how far the ledger had come.
const STOOD: u8 = 1;

/// What a record keeps of a delivery's key: enough to recognise it.
pub(super) type KeyHash = [u8; 32];

/// The hash under which a claim is witnessed.
pub(super) fn key_hash(key: &IdempotencyKey) -> KeyHash {
    let mut hash = Sha256::new();
    hash.update(b"oncecast/witness/1");
    hash.update(key.as_str());
    hash.finalize().into()
}

/// How far a ledger had come: a copy that has not come as far is an older one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Stand {
    /// Counts the processes that have written to the ledger.
    pub(super) epoch: u64,
    /// The lines of its journal.
    pub(super) lines: u64,
}

/// One claim that was about to be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Claimed {
    /// The claim's number within the ledger.
    pub(super) number: u64,
    /// When.
    pub(super) at: Time,
    /// Which delivery.
    pub(super) key: KeyHash,
}

/// What an older witness told, for one that takes its place.
#[derive(Debug, Clone, Default)]
pub(super) struct Told {
    pub(super) began: Option<u64>,
    pub(super) claims: Vec<Claimed>,
}

/// The file, open at its end.
#[derive(Debug)]
pub(super) struct Witness {
    file: Box<dyn DiskFile>,
    path: PathBuf,
    end: u64,
}

/// What the file said when it was opened.
#[derive(Debug, Default)]
pub(super) struct Testimony {
    /// The ledger it belongs to.
    pub(super) ledger: [u8; 16],
    /// Every claim, in order.
    pub(super) claims: Vec<Claimed>,
    /// The epoch in which it was begun: it tells of every claim since.
    pub(super) began: Option<u64>,
    /// The furthest that the ledger is known to have come.
    pub(super) stand: Stand,
    /// Records in the middle of the file that cannot be read.
    pub(super) damaged: u64,
}

/// Where the witness of a ledger stands.
pub(super) fn path_of(ledger: &Path) -> PathBuf {
    ledger.with_extension("witness")
}

impl Witness {
    /// A new witness for a ledger, which tells what an older one told, and since when. The file appears
    /// whole under its name or not at all.
    pub(super) fn create(
        disk: &dyn Disk,
        path: &Path,
        ledger: &[u8; 16],
        told: &Told,
    ) -> io::Result<Self> {
        let fresh = path.with_extension("witness.new");
        if let Err(error) = disk.remove(&fresh)
            && error.kind() != io::ErrorKind::NotFound
        {
            return Err(error);
        }
        let file = disk.open(&fresh, How::New)?;
        let mut head = [0; RECORD];
        head[..16].copy_from_slice(MAGIC);
        head[16..20].copy_from_slice(&VERSION.to_be_bytes());
        head[20..36].copy_from_slice(ledger);
        seal(&mut head);
        let mut bytes = head.to_vec();
        let began = told.began.map(|epoch| Stand { epoch, lines: 0 });
        bytes.extend(began.iter().flat_map(stood));
        bytes.extend(told.claims.iter().flat_map(record_of));
        file.write(0, &bytes)?;
        file.sync_data()?;
        disk.rename(&fresh, path)?;
        disk.sync_folder_of(path)?;
        Ok(Self { file, path: path.to_owned(), end: bytes.len() as u64 })
    }

    /// Opens the witness and hears it out; `None` where there is none.
    pub(super) fn open(disk: &dyn Disk, path: &Path) -> io::Result<Option<(Self, Testimony)>> {
        let file = match disk.open(path, How::Write) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let bytes = disk::read(file.as_ref(), u64::MAX)?;
        let whole = bytes.len() / RECORD * RECORD;
        let mut records = bytes[..whole].chunks_exact(RECORD);
        let head = records.next().unwrap_or_default();
        if head.len() < RECORD || !is_sealed(head) || &head[..16] != MAGIC {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                format!("{} is not a witness file", path.display()),
            ));
        }
        let mut testimony = Testimony::default();
        testimony.ledger.copy_from_slice(&head[20..36]);
        let last = records.len().saturating_sub(1);
        let mut end = RECORD as u64;
        for (at, record) in records.enumerate() {
            if is_sealed(record) {
                let number = number_at(record, 0);
                if record[KIND] == STOOD {
                    testimony.began.get_or_insert(number);
                    testimony.stand.epoch = testimony.stand.epoch.max(number);
                    testimony.stand.lines = testimony.stand.lines.max(number_at(record, 8));
                } else {
                    let at = Time::from_millis(number_at(record, 8));
                    let mut key = [0; 32];
                    key.copy_from_slice(&record[16..48]);
                    testimony.claims.push(Claimed { number, at, key });
                }
                end += RECORD as u64;
            } else if at < last {
                testimony.damaged += 1;
                end += RECORD as u64;
            }
            // A torn last record was never relied on: its permit was not granted.
        }
        Ok(Some((Self { file, path: path.to_owned(), end }, testimony)))
    }

    /// Takes claims, and how far the ledger has come where that is news; it does not come back before
    /// they are on the disk.
    pub(super) fn take(&mut self, stand: Option<Stand>, claims: &[Claimed]) -> io::Result<()> {
        let records = stand.iter().map(stood).chain(claims.iter().map(record_of));
        let bytes: Vec<u8> = records.flatten().collect();
        // What a failed write has left is written over by the next one.
        self.file.write(self.end, &bytes)?;
        self.file.sync_data()?;
        self.end += bytes.len() as u64;
        Ok(())
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

/// A record that tells how far the ledger had come.
fn stood(stand: &Stand) -> [u8; RECORD] {
    let mut record = [0; RECORD];
    record[..8].copy_from_slice(&stand.epoch.to_be_bytes());
    record[8..16].copy_from_slice(&stand.lines.to_be_bytes());
    record[KIND] = STOOD;
    seal(&mut record);
    record
}

fn number_at(record: &[u8], at: usize) -> u64 {
    let mut number = [0; 8];
    number.copy_from_slice(&record[at..at + 8]);
    u64::from_be_bytes(number)
}

fn record_of(claim: &Claimed) -> [u8; RECORD] {
    let mut record = [0; RECORD];
    record[..8].copy_from_slice(&claim.number.to_be_bytes());
    record[8..16].copy_from_slice(&claim.at.as_millis().to_be_bytes());
    record[16..48].copy_from_slice(&claim.key);
    seal(&mut record);
    record
}

fn seal(record: &mut [u8; RECORD]) {
    let sum = crc32fast::hash(&record[..RECORD - 4]);
    record[RECORD - 4..].copy_from_slice(&sum.to_be_bytes());
}

fn is_sealed(record: &[u8]) -> bool {
    let (body, sum) = record.split_at(RECORD - 4);
    crc32fast::hash(body).to_be_bytes() == sum
}

#[cfg(test)]
mod tests {
    use super::super::embedded::disk::Files;
    use super::*;

    fn claim(number: u64) -> Claimed {
        let key = IdempotencyKey::of(&crate::model::EntryId::from_bytes([3; 16]), "g", 1);
        Claimed { number, at: Time::from_millis(5), key: key_hash(&key) }
    }

    #[test]
    fn what_was_claimed_is_remembered_and_a_torn_end_is_not_believed() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("ledger.witness");
        assert!(Witness::open(&Files, &path).expect("no file is no error").is_none());
        let mut witness =
            Witness::create(&Files, &path, &[9; 16], &Told::default()).expect("created");
        witness.take(None, &[claim(1), claim(2)]).expect("taken");
        drop(witness);

        let mut bytes = std::fs::read(&path).expect("read");
        bytes.extend_from_slice(&[0x55; 40]);
        std::fs::write(&path, &bytes).expect("torn");
        let (mut witness, heard) = Witness::open(&Files, &path).expect("opens").expect("is there");
        assert_eq!(heard.ledger, [9; 16]);
        assert_eq!(heard.claims, [claim(1), claim(2)]);
        assert_eq!(heard.damaged, 0);

        witness.take(None, &[claim(3)]).expect("taken after a torn end");
        let (_, heard) = Witness::open(&Files, &path).expect("opens").expect("is there");
        assert_eq!(heard.claims, [claim(1), claim(2), claim(3)]);
    }

    /// A backup brings back what a person has withdrawn since, though nothing was sent in between.
    #[test]
    fn how_far_the_ledger_had_come_is_remembered() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("ledger.witness");
        let mut witness =
            Witness::create(&Files, &path, &[9; 16], &Told { began: None, claims: vec![claim(1)] })
                .expect("created");
        for (epoch, lines) in [(1, 10), (2, 12)] {
            witness.take(Some(Stand { epoch, lines }), &[]).expect("taken");
        }
        witness.take(Some(Stand { epoch: 2, lines: 14 }), &[claim(2)]).expect("taken");
        let (_, heard) = Witness::open(&Files, &path).expect("opens").expect("is there");
        assert_eq!(heard.stand, Stand { epoch: 2, lines: 14 });
        assert_eq!(heard.claims, [claim(1), claim(2)]);
    }

    #[test]
    fn damage_in_the_middle_is_seen() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("ledger.witness");
        let mut witness =
            Witness::create(&Files, &path, &[9; 16], &Told::default()).expect("created");
        witness.take(None, &[claim(1), claim(2)]).expect("taken");
        let mut bytes = std::fs::read(&path).expect("read");
        bytes[RECORD + 20] ^= 1;
        std::fs::write(&path, &bytes).expect("damaged");
        let (_, heard) = Witness::open(&Files, &path).expect("opens").expect("is there");
        assert_eq!((heard.damaged, heard.claims.len()), (1, 1));
        bytes[3] ^= 1;
        std::fs::write(&path, &bytes).expect("damaged");
        assert!(Witness::open(&Files, &path).is_err(), "a head that is no witness's is refused");
    }
}
