//! A second memory beside the ledger: a small file that takes every claim before its permit is granted,
//! and notes how far the ledger has come with every commit.
//!
//! It notices a ledger that was emptied, restored from an older copy or damaged, and knows what
//! that ledger has forgotten, so that it is not sent again.

use std::io;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::model::{IdempotencyKey, Time};

use super::embedded::disk::{self, Disk, DiskFile, How};

/// One record.
const RECORD: usize = 64;
const MAGIC: &[u8; 16] = b"oncecast witness";
const VERSION: u32 = 1;
/// Where a record says what it is: a claim has nothing there.
const KIND: usize = 48;
/// Not a claim, but how far the ledger had come.
const STOOD: u8 = 1;
/// Where a record says how many bytes before it were durable when it was written.
const SURE: usize = 49;

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
    /// Where the next record goes; all before it is durable.
    end: u64,
    /// What stands there and is not known to be durable, to be written once more before the next: a disk
    /// that failed a sync does not try again by itself.
    behind: Vec<u8>,
    /// Whether more may stand there than what is written next.
    is_ragged: bool,
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
    /// Records that cannot be read and were durable once.
    pub(super) damaged: u64,
    /// Records that cannot be read and are not known to have been durable: a power cut tears those on
    /// which nothing hung yet.
    pub(super) torn: u64,
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
        // It gets its name when all of it is durable.
        let records = told.claims.len() + began.iter().len();
        let end = ((1 + records) * RECORD) as u64;
        bytes.extend(began.iter().flat_map(|stand| stood(stand, end)));
        bytes.extend(told.claims.iter().flat_map(|claim| record_of(claim, end)));
        file.write(0, &bytes)?;
        file.sync_data()?;
        disk.rename(&fresh, path)?;
        disk.sync_folder_of(path)?;
        Ok(Self { file, path: path.to_owned(), end, behind: Vec::new(), is_ragged: false })
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
        let sure = records.clone().filter(|record| is_sealed(record));
        let sure = sure.map(|record| number_at(record, SURE)).max().unwrap_or(0);
        let end = sure.max(RECORD as u64);
        let mut behind = Vec::new();
        for (at, record) in (RECORD as u64..).step_by(RECORD).zip(records) {
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
                if at >= end {
                    behind.extend_from_slice(record);
                }
            } else if at < end {
                testimony.damaged += 1;
            } else {
                // It was never relied on: its permit was not granted.
                testimony.torn += 1;
            }
        }
        let is_ragged = testimony.torn > 0;
        Ok(Some((Self { file, path: path.to_owned(), end, behind, is_ragged }, testimony)))
    }

    /// Takes claims, and how far the ledger has come where that is news; it does not come back before
    /// they are on the disk.
    pub(super) fn take(&mut self, stand: Option<Stand>, claims: &[Claimed]) -> io::Result<()> {
        let mut bytes = self.behind.clone();
        bytes.extend(stand.iter().flat_map(|stand| stood(stand, self.end)));
        bytes.extend(claims.iter().flat_map(|claim| record_of(claim, self.end)));
        let is_ragged = std::mem::replace(&mut self.is_ragged, true);
        self.file.write(self.end, &bytes)?;
        if is_ragged {
            // What a failed write has left beyond, nobody relies on, and no disk makes it durable.
            self.file.set_len(self.end + bytes.len() as u64)?;
        }
        self.file.sync_data()?;
        self.is_ragged = false;
        self.end += bytes.len() as u64;
        self.behind.clear();
        Ok(())
    }

    /// Notes how far the ledger has come, without waiting for the disk: no permit hangs on it. The next
    /// record takes its place, since a claim tells more and a later note the same.
    pub(super) fn note(&mut self, stand: Stand) -> io::Result<()> {
        // Behind what an earlier process has left, which may be a claim.
        let at = self.end + self.behind.len() as u64;
        self.file.write(at, &stood(&stand, self.end))
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

/// A record that tells how far the ledger had come, after so many durable bytes.
fn stood(stand: &Stand, sure: u64) -> [u8; RECORD] {
    let mut record = [0; RECORD];
    record[..8].copy_from_slice(&stand.epoch.to_be_bytes());
    record[8..16].copy_from_slice(&stand.lines.to_be_bytes());
    record[KIND] = STOOD;
    record[SURE..SURE + 8].copy_from_slice(&sure.to_be_bytes());
    seal(&mut record);
    record
}

fn number_at(record: &[u8], at: usize) -> u64 {
    let mut number = [0; 8];
    number.copy_from_slice(&record[at..at + 8]);
    u64::from_be_bytes(number)
}

fn record_of(claim: &Claimed, sure: u64) -> [u8; RECORD] {
    let mut record = [0; RECORD];
    record[..8].copy_from_slice(&claim.number.to_be_bytes());
    record[8..16].copy_from_slice(&claim.at.as_millis().to_be_bytes());
    record[16..48].copy_from_slice(&claim.key);
    record[SURE..SURE + 8].copy_from_slice(&sure.to_be_bytes());
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

    /// A copy of the ledger from before a settlement would bring back what its author has deleted since.
    #[test]
    fn the_last_note_is_remembered_and_takes_no_room() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("ledger.witness");
        let mut witness =
            Witness::create(&Files, &path, &[9; 16], &Told::default()).expect("created");
        witness.take(Some(Stand { epoch: 1, lines: 3 }), &[claim(1)]).expect("taken");
        for lines in [4, 5, 6] {
            witness.note(Stand { epoch: 1, lines }).expect("noted");
        }
        let size = std::fs::metadata(&path).expect("there").len();
        assert_eq!(size, 4 * RECORD as u64, "head, stand, claim, note");
        let (_, heard) = Witness::open(&Files, &path).expect("opens").expect("is there");
        assert_eq!((heard.stand.lines, heard.damaged), (6, 0));
        witness.take(None, &[claim(2)]).expect("taken");
        assert_eq!(std::fs::metadata(&path).expect("there").len(), size);
        let (mut next, heard) = Witness::open(&Files, &path).expect("opens").expect("is there");
        assert_eq!((heard.claims.len(), heard.damaged), (2, 0));
        // The next process notes, and writes over no claim of this one.
        next.note(Stand { epoch: 2, lines: 7 }).expect("noted");
        let (_, heard) = Witness::open(&Files, &path).expect("opens").expect("is there");
        assert_eq!((heard.claims.len(), heard.stand.lines, heard.damaged), (2, 7, 0));
    }

    /// After a power cut in the middle of several claims all sending would stop for no reason.
    #[test]
    fn what_a_power_cut_tears_before_it_was_durable_is_no_damage() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("ledger.witness");
        let mut witness =
            Witness::create(&Files, &path, &[9; 16], &Told::default()).expect("created");
        witness.take(None, &[claim(1)]).expect("taken");
        witness.take(None, &[claim(2), claim(3), claim(4), claim(5)]).expect("taken");
        let mut bytes = std::fs::read(&path).expect("read");
        bytes[2 * RECORD + 20] ^= 1;
        bytes[4 * RECORD..5 * RECORD].fill(0);
        std::fs::write(&path, &bytes).expect("torn");
        let (mut witness, heard) = Witness::open(&Files, &path).expect("opens").expect("is there");
        assert_eq!((heard.damaged, heard.torn), (0, 2));
        assert_eq!(heard.claims, [claim(1), claim(3), claim(5)]);

        witness.take(None, &[claim(6)]).expect("taken");
        let (mut witness, heard) = Witness::open(&Files, &path).expect("opens").expect("is there");
        assert_eq!((heard.damaged, heard.torn), (0, 0));
        assert_eq!(heard.claims, [claim(1), claim(3), claim(5), claim(6)]);
        for number in [7, 8] {
            witness.take(None, &[claim(number)]).expect("taken");
        }
        let mut bytes = std::fs::read(&path).expect("read");
        bytes[4 * RECORD + 20] ^= 1;
        std::fs::write(&path, &bytes).expect("damaged");
        let (_, heard) = Witness::open(&Files, &path).expect("opens").expect("is there");
        assert_eq!((heard.damaged, heard.torn), (1, 0), "it was durable before the last");
    }

    #[test]
    fn damage_in_the_middle_is_seen() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("ledger.witness");
        let mut witness =
            Witness::create(&Files, &path, &[9; 16], &Told::default()).expect("created");
        witness.take(None, &[claim(1)]).expect("taken");
        witness.take(None, &[claim(2)]).expect("taken");
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
