//! Making a new ledger out of an export. All that was known there is known here, and nothing of it is
//! sent by itself: what was owed or under way there may have been sent since, and is in doubt.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use data_encoding::HEXLOWER;

use crate::ledger::evidence::{
    DeliveryRecord, EntryRecord, FORMAT, Header, JournalRecord, Reader, Record, SCHEMA,
};
use crate::ledger::journal::{Head, Line};
use crate::ledger::whole::Whole;
use crate::ledger::witness::Witness;
use crate::ledger::{LedgerError, Who};
use crate::model::{DeliveryId, EntryId, Fingerprint, IdempotencyKey, Status, StatusKind, Time};

use super::admit::FeedRow;
use super::copy;
use super::disk::Files;
use super::frozen::Frozen;
use super::lock::Lock;
use super::open::{self, LAYOUT, Place, unusable};
use super::records::{self, DeliveryRow, EntryRow, GroupRow, Identity, Numbers};
use super::tables::Tables;

/// Lines between two words of progress.
const PROGRESS_EVERY: u64 = 1_000;

/// What was imported.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Imported {
    /// The ledger it came from.
    pub source: EntryId,
    /// The head of its chain.
    pub head: String,
    /// Posts.
    pub entries: u64,
    /// Deliveries.
    pub deliveries: u64,
    /// Of those, how many are in doubt now and were owed or under way there.
    pub doubted: u64,
}

/// Makes a new ledger at its place out of the export in `file`. `progress` hears how many of how many
/// lines are done.
///
/// # Errors
/// [`LedgerError::Refused`] with the line's number where the export is not as it was written, and
/// where there is a ledger that knows anything already; what the disk says.
pub fn import(
    place: &Place,
    file: &Path,
    now: Time,
    who: Who,
    progress: &dyn Fn(u64, u64),
) -> Result<Imported, LedgerError> {
    let path = place.path.as_path();
    let failed = |e: &dyn std::fmt::Display| unusable(&path.display().to_string(), e);
    let source = File::open(file).map_err(|e| unusable(&file.display().to_string(), &e))?;
    let _lock = Lock::take(&Files, path)?;
    make_way(path, &place.witness())?;
    let whole = Whole::over(path).map_err(|e| failed(&e))?;
    let mut reader = Reader::new(BufReader::new(source));
    let imported = {
        let database = copy::make(&Files, whole.fresh())?;
        #[expect(clippy::disallowed_methods, reason = "a file that is no ledger yet")]
        let mut txn = database.begin_write().map_err(|e| failed(&e))?;
        txn.set_quick_repair(true);
        let tables = Tables::make(&txn)?;
        let imported = read(&mut reader, tables, now, &who, progress).map_err(|e| match e {
            Stop::Wrong(why) => LedgerError::Refused(format!(
                "{} line {}: {why}; nothing was imported: export it again",
                file.display(),
                reader.line
            )),
            Stop::Ledger(error) => error,
        })?;
        #[expect(clippy::disallowed_methods, reason = "a file that is no ledger yet")]
        txn.commit().map_err(|e| failed(&e))?;
        imported
    };
    whole.replace().map_err(|e| failed(&e))?;
    Ok(imported)
}

/// Makes sure that nothing is lost where the new ledger will stand.
fn make_way(path: &Path, witness_path: &Path) -> Result<(), LedgerError> {
    let failed = |e: &dyn std::fmt::Display| unusable(&path.display().to_string(), e);
    if path.try_exists().map_err(|e| failed(&e))? {
        let database = open::open_file(&Files, path)?;
        drop(database);
        let header = Frozen::of_copy(path)?.header(Time::EPOCH, true)?;
        if header.entries > 0 || header.deliveries > 0 {
            return Err(LedgerError::Refused(format!(
                "{} knows {} posts already, and an import makes a new ledger: move it away, with its \
                 witness, or name another in the config",
                path.display(),
                header.entries
            )));
        }
    }
    // A witness that has seen nothing sent belonged to the empty ledger; another one stays, and what
    // it knows has to be taken up by a person.
    if let Ok(Some((witness, said))) = Witness::open(&Files, witness_path)
        && said.claims.is_empty()
        && said.damaged == 0
    {
        drop(witness);
        std::fs::remove_file(witness_path).map_err(|e| failed(&e))?;
    }
    Ok(())
}

/// Why an import ends early.
enum Stop {
    Wrong(String),
    Ledger(LedgerError),
}

impl From<LedgerError> for Stop {
    fn from(error: LedgerError) -> Self {
        Self::Ledger(error)
    }
}

fn wrong(why: impl Into<String>) -> Stop {
    Stop::Wrong(why.into())
}

fn read(
    reader: &mut Reader<BufReader<File>>,
    tables: Tables<'_>,
    now: Time,
    who: &str,
    progress: &dyn Fn(u64, u64),
) -> Result<Imported, Stop> {
    let Some(Record::Header(header)) = reader.read().map_err(Stop::Wrong)? else {
        return Err(wrong("it is no export"));
    };
    let mut work = Work::begin(tables, header, now, who)?;
    let header = &work.header;
    let total = header.entries * 2 + header.deliveries + header.lines;
    let mut ended = false;
    while let Some(record) = reader.read().map_err(Stop::Wrong)? {
        ended = matches!(record, Record::End { .. });
        work.take(record)?;
        if reader.line.is_multiple_of(PROGRESS_EVERY) {
            progress(reader.line, total.max(reader.line));
        }
    }
    if !ended {
        return Err(wrong("it ends before its end"));
    }
    work.end()
}

/// An import under way.
struct Work<'txn> {
    tables: Tables<'txn>,
    header: Header,
    now: Time,
    /// The new ledger's own chain, and its running numbers.
    head: Head,
    numbers: Numbers,
    groups: BTreeMap<String, u32>,
    feeds: BTreeSet<u32>,
    entries: u64,
    deliveries: u64,
    doubted: u64,
    last_delivery: Option<DeliveryId>,
    /// The source's chain, as far as it was read.
    source: Head,
}

impl<'txn> Work<'txn> {
    fn begin(mut tables: Tables<'txn>, header: Header, now: Time, who: &str) -> Result<Self, Stop> {
        if header.format != FORMAT || header.schema != SCHEMA {
            let (format, schema) = (&header.format, header.schema);
            return Err(wrong(format!(
                "it is {format:?}, schema {schema}; this release reads {SCHEMA}"
            )));
        }
        if !header.whole {
            return Err(wrong("it holds one entry alone; export without --entry"));
        }
        let mut id = [0; 16];
        getrandom::fill(&mut id).map_err(|e| unusable("no random numbers", &e))?;
        let identity =
            Identity { ledger: EntryId::from_bytes(id), made: now, layout: LAYOUT, host: None };
        tables.set_meta("identity", &identity)?;
        let source = Head::start(header.ledger.as_bytes());
        let detail = format!(
            "{} posts and {} deliveries of ledger {}, exported {}; its journal had {} lines and ended \
             in sha256:{}",
            header.entries,
            header.deliveries,
            header.ledger,
            header.exported,
            header.lines,
            header.head
        );
        let line = Line::of_house(now, who, "import", detail);
        let head = tables.add_line(Head::start(&id), &line)?;
        Ok(Self {
            tables,
            header,
            now,
            head,
            numbers: Numbers::default(),
            groups: BTreeMap::new(),
            feeds: BTreeSet::new(),
            entries: 0,
            deliveries: 0,
            doubted: 0,
            last_delivery: None,
            source,
        })
    }

    fn take(&mut self, record: Record) -> Result<(), Stop> {
        match record {
            Record::Header(_) => return Err(wrong("there is a second header")),
            Record::Group(group) => {
                let row = GroupRow { number: group.number, first_seen: self.now };
                self.numbers.group = self.numbers.group.max(group.number);
                let twice = self.groups.values().any(|number| *number == group.number);
                if twice || self.groups.insert(group.name.clone(), group.number).is_some() {
                    return Err(wrong(format!("group {:?} stands there twice", group.name)));
                }
                self.tables.set_group(&group.name, &row)?;
            }
            Record::Feed(feed) => {
                if !self.feeds.insert(feed.number) {
                    return Err(wrong(format!("feed {:?} stands there twice", feed.name)));
                }
                self.numbers.feed = self.numbers.feed.max(feed.number);
                // It begins anew: what it shows first, and this ledger does not know, may have been
                // sent from the other one since.
                let row = FeedRow { number: feed.number, ..FeedRow::default() };
                self.tables.set_feed(&feed.name, &row)?;
            }
            Record::Entry(entry) => self.entry(*entry)?,
            Record::Alias { fingerprint, entry } => {
                let bytes = HEXLOWER.decode(fingerprint.as_bytes()).ok();
                let bytes = bytes.and_then(|b| <[u8; 32]>::try_from(b).ok());
                let bytes = bytes.ok_or_else(|| wrong("it is no fingerprint"))?;
                self.is_known(entry)?;
                self.tables.set_alias(&Fingerprint::from_bytes(bytes), entry)?;
            }
            Record::Seen { feed, entry, at } => {
                self.is_known(entry)?;
                if !self.feeds.contains(&feed) {
                    return Err(wrong(format!("feed {feed} is not in it")));
                }
                self.tables.set_seen(feed, entry, at)?;
            }
            Record::Delivery(delivery) => self.delivery(*delivery)?,
            Record::Journal(line) => self.journal(&line)?,
            Record::End { .. } => {}
        }
        Ok(())
    }

    fn is_known(&self, entry: u64) -> Result<(), Stop> {
        if entry == 0 || entry > self.numbers.entry {
            return Err(wrong(format!("entry {entry} is not in it")));
        }
        Ok(())
    }

    fn entry(&mut self, record: EntryRecord) -> Result<(), Stop> {
        let number = record.number;
        // The ledger's numbers have no gaps.
        if number != self.numbers.entry + 1 {
            return Err(wrong(format!("entry {number} is out of its order")));
        }
        self.numbers.entry = number;
        self.entries += 1;
        let row = EntryRow::new(record.id, record.feed, record.first_seen, 0, record.entry);
        let row = EntryRow { same_as: record.same_as, ..row };
        self.tables.set_id(row.id.as_bytes(), number)?;
        self.tables.set_entry(number, &row)?;
        Ok(())
    }

    fn delivery(&mut self, record: DeliveryRecord) -> Result<(), Stop> {
        self.is_known(record.entry)?;
        let name = &record.group;
        let Some(group) = self.groups.get(name).copied() else {
            return Err(wrong(format!("group {name:?} is not in it")));
        };
        let (entry, generation) = (record.entry, record.generation);
        let id = DeliveryId { entry, group, generation };
        if generation == 0 || self.last_delivery.is_some_and(|last| last >= id) {
            return Err(wrong(format!("delivery {id} is out of its order")));
        }
        self.last_delivery = Some(id);
        let known = self.tables.entry(entry)?;
        let key = IdempotencyKey::of(&known.id, name, generation);
        if known.id != record.entry_id || key != record.key {
            return Err(wrong(format!("delivery {id} has the key of another")));
        }
        self.deliveries += 1;
        let was = record.status.kind();
        let (status, first_sent) = match record.status {
            Status::Due { attempt, .. } => (self.doubt(attempt, was), Some(Time::EPOCH)),
            Status::Claimed { attempt, .. } => (self.doubt(attempt, was), record.first_sent),
            status => (status, record.first_sent),
        };
        let line = Line {
            entry: Some(record.entry_id),
            group: Some(name.clone()),
            delivery: Some(id),
            status: Some(status.kind()),
            ..Line::of_house(self.now, "import", "import", was_there(was, &record.lines))
        };
        let lines = vec![self.head.lines];
        self.head = self.tables.add_line(self.head, &line)?;
        let row = DeliveryRow {
            status,
            since: record.since,
            opened: record.opened,
            key,
            first_sent,
            // Whatever is not final may have gone on there: it is never repeated by itself.
            haunted: true,
            routing: super::records::Routing::Open,
            absent: Vec::new(),
            staged: None,
            request: None,
            home: record.home,
            amend: None,
            lines,
        };
        self.tables.set_delivery(id, None, &row, None)?;
        Ok(())
    }

    fn doubt(&mut self, attempt: u32, was: StatusKind) -> Status {
        self.doubted += 1;
        let evidence =
            format!("it was {} in the ledger it came from, and may have been sent", was.word());
        Status::InDoubt { attempt, evidence, next_look: self.now, looks: 0 }
    }

    fn journal(&mut self, record: &JournalRecord) -> Result<(), Stop> {
        let number = record.number;
        if number != self.source.lines {
            return Err(wrong(format!("journal line {number} is out of its order")));
        }
        let row = records::row_of(&number.to_be_bytes(), record.line.as_bytes());
        self.source = self.source.after(&row);
        if HEXLOWER.encode(&self.source.hash) != record.hash {
            return Err(wrong(format!("journal line {number} breaks the chain of evidence")));
        }
        Ok(())
    }

    fn end(mut self) -> Result<Imported, Stop> {
        let header = &self.header;
        let found = (self.entries, self.deliveries, self.source.lines);
        if found != (header.entries, header.deliveries, header.lines)
            || HEXLOWER.encode(&self.source.hash) != header.head
        {
            return Err(wrong("it does not hold what its first line says"));
        }
        self.numbers.latest = self.now;
        self.numbers.lines = self.head.lines;
        self.numbers.hash = self.head.hash;
        let numbers = self.numbers;
        self.tables.set_meta("numbers", &numbers)?;
        Ok(Imported {
            source: header.ledger,
            head: header.head.clone(),
            entries: self.entries,
            deliveries: self.deliveries,
            doubted: self.doubted,
        })
    }
}

fn was_there(was: StatusKind, lines: &[u64]) -> String {
    let lines: Vec<String> = lines.iter().map(u64::to_string).collect();
    format!("it was {} there; its lines there: {}", was.word(), lines.join(", "))
}
