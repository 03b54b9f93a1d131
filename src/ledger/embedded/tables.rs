//! The tables, and typed access to them inside one write transaction.
//!
//! redb sees only bytes: the encoding is ours, so a new redb cannot change it. Keys are in the order
//! of time wherever rows are many (25 times the speed of hashed keys); hashes stand only in `alias`.

mod claims;

use std::cell::OnceCell;
use std::ops::RangeInclusive;

use redb::{
    ReadableTable as _, ReadableTableMetadata as _, Table, TableDefinition, WriteTransaction,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::ledger::LedgerError;
use crate::ledger::journal::{Head, Line};
use crate::model::{DeliveryId, Fingerprint, StatusKind, Time};

use super::records::{
    self, Agenda, DeliveryRow, EntryRow, GroupRow, LaneRow, agenda_key, delivery_at, delivery_key,
};

pub(super) type Definition = TableDefinition<'static, &'static [u8], &'static [u8]>;
type Bytes<'txn> = Table<'txn, &'static [u8], &'static [u8]>;

/// Identity, running numbers, lanes, groups, counts, stop.
pub(super) const META: Definition = TableDefinition::new("meta");
/// Feed name to its memory.
pub(super) const FEED: Definition = TableDefinition::new("feed");
/// Entry number to entry.
pub(super) const ENTRY: Definition = TableDefinition::new("entry");
/// Fingerprint to entry number; ids too, under their own prefix.
pub(super) const ALIAS: Definition = TableDefinition::new("alias");
/// Feed number and entry number: this feed has shown that entry.
pub(super) const SEEN: Definition = TableDefinition::new("seen");
/// Delivery to its row.
pub(super) const DELIVERY: Definition = TableDefinition::new("delivery");
/// What wants doing: list, group, time, delivery.
pub(super) const AGENDA: Definition = TableDefinition::new("agenda");
/// Lane number, time and claim number: what the caps count.
pub(super) const CLAIM: Definition = TableDefinition::new("claim");
/// Line number to hash and line.
pub(super) const JOURNAL: Definition = TableDefinition::new("journal");
/// Key hashes that a lost ledger has claimed, as its witness tells.
pub(super) const GHOST: Definition = TableDefinition::new("ghost");

/// Every table, for walks over all rows.
pub(super) const ALL: [Definition; 10] =
    [META, FEED, ENTRY, ALIAS, SEEN, DELIVERY, AGENDA, CLAIM, JOURNAL, GHOST];

/// Keys of `ALIAS` that hold entry ids start with this.
pub(super) const ID: u8 = 0;
/// Keys of `ALIAS` that hold fingerprints start with this.
pub(super) const FINGERPRINT: u8 = 1;

pub(super) fn broken(error: impl Into<redb::Error>) -> LedgerError {
    let error: redb::Error = error.into();
    LedgerError::Unusable(error.to_string())
}

/// A table that is opened when it is first used: most transactions use a few.
struct Lazy<'txn> {
    txn: &'txn WriteTransaction,
    definition: Definition,
    open: OnceCell<Bytes<'txn>>,
}

impl<'txn> Lazy<'txn> {
    fn new(txn: &'txn WriteTransaction, definition: Definition) -> Self {
        Self { txn, definition, open: OnceCell::new() }
    }

    fn read(&self) -> Result<&Bytes<'txn>, LedgerError> {
        if let Some(table) = self.open.get() {
            return Ok(table);
        }
        let table = self.txn.open_table(self.definition).map_err(broken)?;
        Ok(self.open.get_or_init(|| table))
    }

    fn write(&mut self) -> Result<&mut Bytes<'txn>, LedgerError> {
        self.read()?;
        self.open.get_mut().ok_or_else(|| LedgerError::Unusable("a table is not open".to_owned()))
    }
}

/// The tables of one write transaction.
pub(super) struct Tables<'txn> {
    meta: Lazy<'txn>,
    feed: Lazy<'txn>,
    entry: Lazy<'txn>,
    alias: Lazy<'txn>,
    seen: Lazy<'txn>,
    delivery: Lazy<'txn>,
    agenda: Lazy<'txn>,
    claim: Lazy<'txn>,
    journal: Lazy<'txn>,
    ghost: Lazy<'txn>,
    /// How many writes there were.
    pub(super) writes: u64,
}

impl<'txn> Tables<'txn> {
    pub(super) fn of(txn: &'txn WriteTransaction) -> Self {
        let lazy = |definition| Lazy::new(txn, definition);
        Self {
            meta: lazy(META),
            feed: lazy(FEED),
            entry: lazy(ENTRY),
            alias: lazy(ALIAS),
            seen: lazy(SEEN),
            delivery: lazy(DELIVERY),
            agenda: lazy(AGENDA),
            claim: lazy(CLAIM),
            journal: lazy(JOURNAL),
            ghost: lazy(GHOST),
            writes: 0,
        }
    }

    /// Makes every table, so that whoever only reads finds them.
    pub(super) fn make(txn: &'txn WriteTransaction) -> Result<Self, LedgerError> {
        for definition in ALL {
            txn.open_table(definition).map_err(broken)?;
        }
        Ok(Self::of(txn))
    }

    pub(super) fn meta<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>, LedgerError> {
        read(self.meta.read()?, key.as_bytes())
    }

    pub(super) fn set_meta<T: Serialize>(
        &mut self,
        key: &str,
        value: &T,
    ) -> Result<(), LedgerError> {
        self.writes += 1;
        write(self.meta.write()?, key.as_bytes(), value)
    }

    pub(super) fn remove_meta(&mut self, key: &str) -> Result<(), LedgerError> {
        self.writes += 1;
        self.meta.write()?.remove(key.as_bytes()).map_err(broken)?;
        Ok(())
    }

    /// Every row whose key begins so, by what follows.
    fn metas<T: DeserializeOwned>(&self, kind: &str) -> Result<Vec<(String, T)>, LedgerError> {
        let mut rows = Vec::new();
        for item in self.meta.read()?.range::<&[u8]>(kind.as_bytes()..).map_err(broken)? {
            let (key, row) = item.map_err(broken)?;
            let Some(name) = key.value().strip_prefix(kind.as_bytes()) else { break };
            let name = String::from_utf8_lossy(name).into_owned();
            rows.push((name, records::decode(key.value(), row.value())?));
        }
        Ok(rows)
    }

    pub(super) fn group(&self, name: &str) -> Result<Option<GroupRow>, LedgerError> {
        self.meta(&format!("group/{name}"))
    }

    pub(super) fn set_group(&mut self, name: &str, row: &GroupRow) -> Result<(), LedgerError> {
        self.set_meta(&format!("group/{name}"), row)
    }

    /// Every group there ever was, by name.
    pub(super) fn groups(&self) -> Result<Vec<(String, GroupRow)>, LedgerError> {
        self.metas("group/")
    }

    pub(super) fn lane(&self, name: &str) -> Result<LaneRow, LedgerError> {
        Ok(self.meta(&format!("lane/{name}"))?.unwrap_or_default())
    }

    pub(super) fn set_lane(&mut self, name: &str, row: &LaneRow) -> Result<(), LedgerError> {
        self.set_meta(&format!("lane/{name}"), row)
    }

    /// Every lane there ever was, by name.
    pub(super) fn lanes(&self) -> Result<Vec<(String, LaneRow)>, LedgerError> {
        self.metas("lane/")
    }

    pub(super) fn feed<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, LedgerError> {
        read(self.feed.read()?, name.as_bytes())
    }

    pub(super) fn set_feed<T: Serialize>(
        &mut self,
        name: &str,
        row: &T,
    ) -> Result<(), LedgerError> {
        self.writes += 1;
        write(self.feed.write()?, name.as_bytes(), row)
    }

    pub(super) fn feed_names(&self) -> Result<Vec<String>, LedgerError> {
        let name = |key: &[u8]| String::from_utf8_lossy(key).into_owned();
        let rows = self.feed.read()?.iter().map_err(broken)?;
        rows.map(|row| Ok(name(row.map_err(broken)?.0.value()))).collect()
    }

    pub(super) fn feeds<T: DeserializeOwned>(&self) -> Result<Vec<(String, T)>, LedgerError> {
        let mut feeds = Vec::new();
        for item in self.feed.read()?.iter().map_err(broken)? {
            let (key, row) = item.map_err(broken)?;
            let name = String::from_utf8_lossy(key.value()).into_owned();
            feeds.push((name, records::decode(key.value(), row.value())?));
        }
        Ok(feeds)
    }

    pub(super) fn entry(&self, number: u64) -> Result<EntryRow, LedgerError> {
        read(self.entry.read()?, &number.to_be_bytes())?.ok_or_else(|| LedgerError::Untrusted {
            why: format!("entry {number} is named and is not there"),
            mend: "oncecast ledger verify".to_owned(),
        })
    }

    pub(super) fn set_entry(&mut self, number: u64, row: &EntryRow) -> Result<(), LedgerError> {
        self.writes += 1;
        write(self.entry.write()?, &number.to_be_bytes(), row)
    }

    pub(super) fn known_by(&self, alias: &Fingerprint) -> Result<Option<u64>, LedgerError> {
        read(self.alias.read()?, &alias_key(alias))
    }

    pub(super) fn set_alias(&mut self, alias: &Fingerprint, entry: u64) -> Result<(), LedgerError> {
        self.writes += 1;
        write(self.alias.write()?, &alias_key(alias), &entry)
    }

    pub(super) fn set_id(&mut self, id: &[u8; 16], entry: u64) -> Result<(), LedgerError> {
        self.writes += 1;
        let mut key = vec![ID];
        key.extend_from_slice(id);
        write(self.alias.write()?, &key, &entry)
    }

    /// The entry numbers of up to `limit` ids in a range of raw ids.
    pub(super) fn ids(
        &self,
        range: RangeInclusive<[u8; 16]>,
        limit: usize,
    ) -> Result<Vec<u64>, LedgerError> {
        let key = |id: &[u8; 16]| [&[ID][..], id].concat();
        let (from, to) = (key(range.start()), key(range.end()));
        let mut found = Vec::new();
        let range =
            self.alias.read()?.range::<&[u8]>(from.as_slice()..=to.as_slice()).map_err(broken)?;
        for item in range.take(limit) {
            let (key, row) = item.map_err(broken)?;
            found.push(records::decode(key.value(), row.value())?);
        }
        Ok(found)
    }

    pub(super) fn has_seen(&self, feed: u32, entry: u64) -> Result<bool, LedgerError> {
        Ok(self.seen.read()?.get(seen_key(feed, entry).as_slice()).map_err(broken)?.is_some())
    }

    /// The newest entries that a feed has shown, oldest first.
    pub(super) fn seen_by(&self, feed: u32, limit: usize) -> Result<Vec<u64>, LedgerError> {
        let (from, to) = (seen_key(feed, 0), seen_key(feed, u64::MAX));
        let mut numbers = Vec::new();
        let range =
            self.seen.read()?.range::<&[u8]>(from.as_slice()..=to.as_slice()).map_err(broken)?;
        for item in range.rev().take(limit) {
            let (key, _) = item.map_err(broken)?;
            let number = key.value()[4..].iter().fold(0, |n, b| n << 8 | u64::from(*b));
            numbers.push(number);
        }
        numbers.reverse();
        Ok(numbers)
    }

    pub(super) fn set_seen(&mut self, feed: u32, entry: u64, at: Time) -> Result<(), LedgerError> {
        self.writes += 1;
        write(self.seen.write()?, &seen_key(feed, entry), &at)
    }

    pub(super) fn delivery(&self, id: DeliveryId) -> Result<Option<DeliveryRow>, LedgerError> {
        read(self.delivery.read()?, &delivery_key(id))
    }

    /// Writes a delivery and moves it on the agenda and in the counts; every change of a delivery
    /// comes through here.
    pub(super) fn set_delivery(
        &mut self,
        id: DeliveryId,
        before: Option<(&DeliveryRow, Option<Time>)>,
        row: &DeliveryRow,
        settling: Option<Time>,
    ) -> Result<(), LedgerError> {
        self.writes += 1;
        let old = before.and_then(|(row, settling)| Agenda::of(row, settling));
        let new = Agenda::of(row, settling);
        if old != new {
            if let Some((list, time)) = old {
                let key = agenda_key(list, id.group, time, id);
                self.agenda.write()?.remove(key.as_slice()).map_err(broken)?;
            }
            if let Some((list, time)) = new {
                let key = agenda_key(list, id.group, time, id);
                self.agenda.write()?.insert(key.as_slice(), [].as_slice()).map_err(broken)?;
            }
        }
        let was = before.map(|(row, _)| row.status.kind());
        if was != Some(row.status.kind()) {
            let key = format!("count/{}", id.group);
            let mut counts: Vec<(StatusKind, u64)> = self.meta(&key)?.unwrap_or_default();
            let mut add = |kind, by: i64| match counts.iter_mut().find(|(k, _)| *k == kind) {
                Some((_, n)) => *n = n.saturating_add_signed(by),
                None => counts.push((kind, u64::from(by > 0))),
            };
            if let Some(was) = was {
                add(was, -1);
            }
            add(row.status.kind(), 1);
            self.set_meta(&key, &counts)?;
        }
        write(self.delivery.write()?, &delivery_key(id), row)
    }

    pub(super) fn counts(&self, group: u32) -> Result<Vec<(StatusKind, u64)>, LedgerError> {
        Ok(self.meta(&format!("count/{group}"))?.unwrap_or_default())
    }

    /// Every delivery of an entry.
    pub(super) fn deliveries(
        &self,
        entry: u64,
    ) -> Result<Vec<(DeliveryId, DeliveryRow)>, LedgerError> {
        let from = delivery_key(DeliveryId { entry, group: 0, generation: 0 });
        let to = delivery_key(DeliveryId { entry, group: u32::MAX, generation: u32::MAX });
        let mut rows = Vec::new();
        let range = self
            .delivery
            .read()?
            .range::<&[u8]>(from.as_slice()..=to.as_slice())
            .map_err(broken)?;
        for item in range {
            let (key, row) = item.map_err(broken)?;
            rows.push((delivery_at(key.value()), records::decode(key.value(), row.value())?));
        }
        Ok(rows)
    }

    /// The first places of one list of a group's agenda.
    pub(super) fn agenda(
        &self,
        list: Agenda,
        group: u32,
        limit: usize,
    ) -> Result<Vec<(Time, DeliveryId)>, LedgerError> {
        let mut from = [0; 29];
        from[0] = list as u8;
        from[1..5].copy_from_slice(&group.to_be_bytes());
        let mut to = [u8::MAX; 29];
        to[..5].copy_from_slice(&from[..5]);
        let mut places = Vec::new();
        let range =
            self.agenda.read()?.range::<&[u8]>(from.as_slice()..=to.as_slice()).map_err(broken)?;
        for item in range.take(limit) {
            let (key, _) = item.map_err(broken)?;
            let mut time = [0; 8];
            time.copy_from_slice(&key.value()[5..13]);
            let time = Time::from_millis(u64::from_be_bytes(time));
            places.push((time, delivery_at(&key.value()[13..])));
        }
        Ok(places)
    }

    /// Adds a line to the journal and says where the chain now ends.
    pub(super) fn add_line(&mut self, head: Head, line: &Line) -> Result<Head, LedgerError> {
        self.writes += 1;
        let key = head.lines.to_be_bytes();
        let row = records::encode(&key, line)?;
        let head = head.after(&row);
        let row = [head.hash.as_slice(), &row].concat();
        self.journal.write()?.insert(key.as_slice(), row.as_slice()).map_err(broken)?;
        Ok(head)
    }

    /// The hash of a line, and the line.
    pub(super) fn line(&self, number: u64) -> Result<Option<([u8; 32], Line)>, LedgerError> {
        let key = number.to_be_bytes();
        let Some(row) = self.journal.read()?.get(key.as_slice()).map_err(broken)? else {
            return Ok(None);
        };
        let (hash, _, line) = split_line(&key, row.value())?;
        Ok(Some((hash, line)))
    }

    pub(super) fn is_ghost(&self, key: &[u8; 32]) -> Result<bool, LedgerError> {
        Ok(self.ghost.read()?.get(key.as_slice()).map_err(broken)?.is_some())
    }

    /// Whether a lost ledger has claimed anything that this one did not know of.
    pub(super) fn has_ghosts(&self) -> Result<bool, LedgerError> {
        Ok(!self.ghost.read()?.is_empty().map_err(broken)?)
    }

    pub(super) fn add_ghost(&mut self, key: &[u8; 32], number: u64) -> Result<(), LedgerError> {
        self.writes += 1;
        write(self.ghost.write()?, key, &number)
    }

    pub(super) fn entries(&self) -> Result<u64, LedgerError> {
        self.entry.read()?.len().map_err(broken)
    }
}

/// A journal row apart: its hash, the bytes that were hashed, and the line.
pub(super) fn split_line<'a>(
    key: &[u8],
    row: &'a [u8],
) -> Result<([u8; 32], &'a [u8], Line), LedgerError> {
    let Some((hash, line)) = row.split_first_chunk::<32>() else {
        return Err(LedgerError::Untrusted {
            why: "a journal line is too short".to_owned(),
            mend: "oncecast ledger verify".to_owned(),
        });
    };
    Ok((*hash, line, records::decode(key, line)?))
}

fn read<T: DeserializeOwned>(table: &Bytes<'_>, key: &[u8]) -> Result<Option<T>, LedgerError> {
    match table.get(key).map_err(broken)? {
        Some(row) => records::decode(key, row.value()).map(Some),
        None => Ok(None),
    }
}

fn write<T: Serialize>(table: &mut Bytes<'_>, key: &[u8], value: &T) -> Result<(), LedgerError> {
    let row = records::encode(key, value)?;
    table.insert(key, row.as_slice()).map_err(broken)?;
    Ok(())
}

pub(super) fn alias_key(alias: &Fingerprint) -> [u8; 33] {
    let mut key = [FINGERPRINT; 33];
    key[1..].copy_from_slice(alias.as_bytes());
    key
}

fn seen_key(feed: u32, entry: u64) -> [u8; 12] {
    let mut key = [0; 12];
    key[..4].copy_from_slice(&feed.to_be_bytes());
    key[4..].copy_from_slice(&entry.to_be_bytes());
    key
}
