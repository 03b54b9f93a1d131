//! A ledger as it stood at one moment, to read from, whatever its daemon does meanwhile. Nothing in it
//! is changed, and no more of it is in memory than a post and what became of it.

use std::collections::BTreeMap;
use std::path::Path;

use data_encoding::HEXLOWER;
use redb::{
    Builder, Database, ReadOnlyDatabase, ReadTransaction, ReadableDatabase as _,
    ReadableTable as _, ReadableTableMetadata as _,
};
use serde::de::DeserializeOwned;

use crate::ledger::LedgerError;
use crate::ledger::evidence::{
    DeliveryRecord, EntryRecord, FORMAT, Header, JournalRecord, Named, Record, SCHEMA,
};
use crate::ledger::journal::{Head, Proof};
use crate::model::identity::aliases;
use crate::model::{DeliveryId, Entry, EntryId, Time};

use super::admit::FeedRow;
use super::disk::Files;
use super::lock::Lock;
use super::open::{self, CACHE_BYTES};
use super::read::id_range;
use super::records::{
    self, DeliveryRow, EntryRow, GroupRow, Identity, Numbers, delivery_at, delivery_key,
};
use super::tables::{
    self, ALIAS, DELIVERY, Definition, ENTRY, FEED, FINGERPRINT, ID, JOURNAL, META, SEEN,
    alias_key, broken,
};
use super::{copy, verify};

/// Rows between two words of progress.
pub(super) const PROGRESS_EVERY: u64 = 1_000;

/// A ledger as it stood at one moment.
pub struct Frozen {
    pub(super) txn: ReadTransaction,
    identity: Identity,
    numbers: Numbers,
    groups: BTreeMap<u32, String>,
    _database: Kept,
    _lock: Option<Lock>,
}

/// What the transaction reads from.
enum Kept {
    Ledger { _database: Database },
    Copy { _database: ReadOnlyDatabase },
}

impl std::fmt::Debug for Frozen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Frozen").field("identity", &self.identity).finish_non_exhaustive()
    }
}

impl Frozen {
    /// The ledger itself, while no daemon has it.
    ///
    /// # Errors
    /// [`LedgerError::InUse`] where another process has it, and what is wrong with it.
    pub fn of_ledger(path: &Path) -> Result<Self, LedgerError> {
        let lock = Lock::take(&Files, path)?;
        let database = open::open_file(&Files, path)?;
        let txn = database.begin_read().map_err(broken)?;
        Self::of(txn, Kept::Ledger { _database: database }, Some(lock))
    }

    /// A copy that nobody else writes to.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn of_copy(path: &Path) -> Result<Self, LedgerError> {
        let mut builder = Builder::new();
        builder.set_cache_size(CACHE_BYTES);
        let database = builder.open_read_only(path).map_err(|e| {
            LedgerError::Unusable(format!("the copy {} does not open: {e}", path.display()))
        })?;
        let txn = database.begin_read().map_err(broken)?;
        Self::of(txn, Kept::Copy { _database: database }, None)
    }

    fn of(txn: ReadTransaction, database: Kept, lock: Option<Lock>) -> Result<Self, LedgerError> {
        let identity = one(&txn, META, b"identity")?.ok_or_else(|| LedgerError::Untrusted {
            why: "it is a database without a ledger in it".to_owned(),
            mend: open::MEND_DAMAGED.to_owned(),
        })?;
        let numbers = one(&txn, META, b"numbers")?.unwrap_or_default();
        let mut groups = BTreeMap::new();
        let meta = txn.open_table(META).map_err(broken)?;
        for item in meta.range::<&[u8]>(&b"group/"[..]..&b"group0"[..]).map_err(broken)? {
            let (key, row) = item.map_err(broken)?;
            let row: GroupRow = records::decode(key.value(), row.value())?;
            let name = String::from_utf8_lossy(&key.value()[b"group/".len()..]).into_owned();
            groups.insert(row.number, name);
        }
        Ok(Self { txn, identity, numbers, groups, _database: database, _lock: lock })
    }

    /// What an export of it says first.
    ///
    /// # Errors
    /// What the disk says.
    pub fn header(&self, now: Time, whole: bool) -> Result<Header, LedgerError> {
        let head = self.head();
        let count = |table: Definition| -> Result<u64, LedgerError> {
            self.txn.open_table(table).map_err(broken)?.len().map_err(broken)
        };
        Ok(Header {
            format: FORMAT.to_owned(),
            schema: SCHEMA,
            oncecast: env!("CARGO_PKG_VERSION").to_owned(),
            ledger: self.identity.ledger,
            made: self.identity.made,
            exported: now,
            whole,
            entries: count(ENTRY)?,
            deliveries: count(DELIVERY)?,
            lines: head.lines,
            head: HEXLOWER.encode(&head.hash),
        })
    }

    /// Where its chain of evidence ends.
    #[must_use]
    pub fn head(&self) -> Head {
        if self.numbers.lines == 0 {
            return Head::start(self.identity.ledger.as_bytes());
        }
        Head { lines: self.numbers.lines, hash: self.numbers.hash }
    }

    /// Walks every row and every line; see [`crate::ledger::Ledger::verify`].
    ///
    /// # Errors
    /// What the disk says.
    pub fn verify(&self, progress: &dyn Fn(u64, u64)) -> Result<Proof, LedgerError> {
        verify::walk(&self.txn, self.identity.ledger.as_bytes(), progress)
    }

    /// Copies all of it into a new file at `to`; one that is put in the ledger's place sends nothing
    /// until a person has taken it up.
    ///
    /// # Errors
    /// What the disk says.
    pub fn back_up(
        &self,
        to: &Path,
        now: Time,
        progress: &dyn Fn(u64, u64),
    ) -> Result<(), LedgerError> {
        copy::copy(&Files, &self.txn, to, Some(&copy::note(now)), &|| true, progress)
    }

    /// The posts that a person may mean, by number, with id and title.
    ///
    /// # Errors
    /// What the disk says.
    pub fn find(&self, what: &str) -> Result<Vec<(u64, EntryId, String)>, LedgerError> {
        let what = what.trim();
        let table = self.txn.open_table(ALIAS).map_err(broken)?;
        let mut numbers: Vec<u64> = Vec::new();
        if let Some((from, to)) = id_range(what) {
            let key = |id: [u8; 16]| [&[ID][..], &id].concat();
            let (from, to) = (key(from), key(to));
            for item in table.range::<&[u8]>(from.as_slice()..=to.as_slice()).map_err(broken)? {
                let (key, row) = item.map_err(broken)?;
                numbers.push(records::decode(key.value(), row.value())?);
            }
        }
        let as_link = Entry { link: Some(what.to_owned()), ..Entry::default() };
        let as_guid = Entry { guid: Some(what.to_owned()), ..Entry::default() };
        let mut names = aliases("", &as_link);
        for (feed, _) in self.named_feeds()? {
            names.extend(aliases(&feed, &as_guid));
        }
        for alias in names {
            let key = alias_key(&alias.fingerprint);
            if let Some(row) = table.get(key.as_slice()).map_err(broken)? {
                numbers.push(records::decode(&key, row.value())?);
            }
        }
        numbers.sort_unstable();
        numbers.dedup();
        let named = |number| self.entry(number).map(|row| (number, row.id, row.entry.title));
        numbers.into_iter().map(named).collect()
    }

    /// Tells all of it, or one entry, record by record. `progress` hears how many of how many rows.
    ///
    /// # Errors
    /// What the disk says, and whatever `tell` fails with.
    pub fn records<E: From<LedgerError>>(
        &self,
        header: Header,
        only: Option<u64>,
        progress: &dyn Fn(u64, u64),
        mut tell: impl FnMut(Record) -> Result<(), E>,
    ) -> Result<(), E> {
        let total = header.entries * 2 + header.deliveries + header.lines;
        let mut done = 0;
        let mut tell = |record| {
            if done % PROGRESS_EVERY == 0 {
                progress(done, total.max(done));
            }
            done += 1;
            tell(record)
        };
        tell(Record::Header(header))?;
        for (number, name) in &self.groups {
            tell(Record::Group(Named { name: name.clone(), number: *number }))?;
        }
        for (name, number) in self.named_feeds()? {
            tell(Record::Feed(Named { name, number }))?;
        }
        let wanted = |number: u64| only.is_none_or(|only| only == number);
        let from = only.unwrap_or(0).to_be_bytes();
        let to = only.unwrap_or(u64::MAX).to_be_bytes();
        let table = self.txn.open_table(ENTRY).map_err(broken)?;
        for item in table.range::<&[u8]>(&from[..]..=&to[..]).map_err(broken)? {
            let (key, row) = item.map_err(broken)?;
            let row: EntryRow = records::decode(key.value(), row.value())?;
            tell(Record::Entry(Box::new(EntryRecord {
                number: number_at(key.value()),
                id: row.id,
                feed: row.feed,
                first_seen: row.first_seen,
                line: row.line,
                same_as: row.same_as,
                entry: row.entry,
            })))?;
        }
        let table = self.txn.open_table(ALIAS).map_err(broken)?;
        for item in table.range::<&[u8]>(&[FINGERPRINT][..]..).map_err(broken)? {
            let (key, row) = item.map_err(broken)?;
            let entry = records::decode(key.value(), row.value())?;
            if wanted(entry) {
                let fingerprint = HEXLOWER.encode(&key.value()[1..]);
                tell(Record::Alias { fingerprint, entry })?;
            }
        }
        let table = self.txn.open_table(SEEN).map_err(broken)?;
        for item in table.iter().map_err(broken)? {
            let (key, row) = item.map_err(broken)?;
            let (feed, entry) = key.value().split_at(4.min(key.value().len()));
            let entry = number_at(entry);
            if wanted(entry) {
                let at = records::decode(key.value(), row.value())?;
                let feed = u32::try_from(number_at(feed)).unwrap_or(u32::MAX);
                tell(Record::Seen { feed, entry, at })?;
            }
        }
        let table = self.txn.open_table(DELIVERY).map_err(broken)?;
        let mut told_of = Vec::new();
        for item in table.range::<&[u8]>(&from[..]..=&last(only)[..]).map_err(broken)? {
            let (key, row) = item.map_err(broken)?;
            let row: DeliveryRow = records::decode(key.value(), row.value())?;
            let id = delivery_at(key.value());
            if only.is_some() {
                told_of.extend(row.lines.iter().copied());
            }
            tell(Record::Delivery(Box::new(self.delivery_record(id, row)?)))?;
        }
        let table = self.txn.open_table(JOURNAL).map_err(broken)?;
        match only {
            None => {
                for item in table.iter().map_err(broken)? {
                    let (key, row) = item.map_err(broken)?;
                    tell(Record::Journal(journal_record(key.value(), row.value())?))?;
                }
            }
            Some(number) => {
                told_of.push(self.entry(number)?.line);
                told_of.sort_unstable();
                told_of.dedup();
                for line in told_of {
                    tell(Record::Journal(self.line_alone(line)?))?;
                }
            }
        }
        progress(total, total);
        Ok(())
    }

    fn delivery_record(
        &self,
        id: DeliveryId,
        row: DeliveryRow,
    ) -> Result<DeliveryRecord, LedgerError> {
        Ok(DeliveryRecord {
            entry: id.entry,
            entry_id: self.entry(id.entry)?.id,
            group: self.name_of(id.group),
            generation: id.generation,
            status: row.status,
            since: row.since,
            opened: row.opened,
            key: row.key,
            first_sent: row.first_sent,
            home: row.home,
            lines: row.lines,
        })
    }

    /// A line with the hash before it, so that it can be checked without the others.
    fn line_alone(&self, number: u64) -> Result<JournalRecord, LedgerError> {
        let table = self.txn.open_table(JOURNAL).map_err(broken)?;
        let row_of = |number: u64| -> Result<JournalRecord, LedgerError> {
            let key = number.to_be_bytes();
            match table.get(key.as_slice()).map_err(broken)? {
                Some(row) => journal_record(&key, row.value()),
                None => Err(LedgerError::Untrusted {
                    why: format!("journal line {number} is named and is not there"),
                    mend: "oncecast ledger verify".to_owned(),
                }),
            }
        };
        let before = match number.checked_sub(1) {
            Some(before) => row_of(before)?.hash,
            None => HEXLOWER.encode(&Head::start(self.identity.ledger.as_bytes()).hash),
        };
        Ok(JournalRecord { before: Some(before), ..row_of(number)? })
    }

    fn named_feeds(&self) -> Result<Vec<(String, u32)>, LedgerError> {
        let mut feeds = Vec::new();
        for item in self.txn.open_table(FEED).map_err(broken)?.iter().map_err(broken)? {
            let (key, row) = item.map_err(broken)?;
            let row: FeedRow = records::decode(key.value(), row.value())?;
            feeds.push((String::from_utf8_lossy(key.value()).into_owned(), row.number));
        }
        Ok(feeds)
    }

    fn entry(&self, number: u64) -> Result<EntryRow, LedgerError> {
        one(&self.txn, ENTRY, &number.to_be_bytes())?.ok_or_else(|| LedgerError::Untrusted {
            why: format!("entry {number} is named and is not there"),
            mend: "oncecast ledger verify".to_owned(),
        })
    }

    pub(super) fn name_of(&self, group: u32) -> String {
        self.groups.get(&group).cloned().unwrap_or_else(|| format!("group {group}"))
    }
}

fn one<T: DeserializeOwned>(
    txn: &ReadTransaction,
    table: Definition,
    key: &[u8],
) -> Result<Option<T>, LedgerError> {
    let table = match txn.open_table(table) {
        Ok(table) => table,
        Err(redb::TableError::TableDoesNotExist(_)) => return Ok(None),
        Err(error) => return Err(broken(error)),
    };
    match table.get(key).map_err(broken)? {
        Some(row) => records::decode(key, row.value()).map(Some),
        None => Ok(None),
    }
}

fn journal_record(key: &[u8], row: &[u8]) -> Result<JournalRecord, LedgerError> {
    let (hash, row, _) = tables::split_line(key, row)?;
    let line = String::from_utf8_lossy(records::body(key, row)?).into_owned();
    Ok(JournalRecord { number: number_at(key), line, hash: HEXLOWER.encode(&hash), before: None })
}

/// The last key of one entry's deliveries, or of all.
pub(super) fn last(only: Option<u64>) -> [u8; 16] {
    let (group, generation) = (u32::MAX, u32::MAX);
    delivery_key(DeliveryId { entry: only.unwrap_or(u64::MAX), group, generation })
}

pub(super) fn number_at(key: &[u8]) -> u64 {
    key.iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
}
