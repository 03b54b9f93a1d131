//! Whether a delivery's row, its lines in the journal, the agenda and the counts tell one story. Rows
//! that are whole, each by itself, may still contradict each other, and a reader would hear of it.

use std::collections::BTreeMap;

use redb::{ReadOnlyTable, ReadTransaction, ReadableTable as _, ReadableTableMetadata as _};

use crate::ledger::LedgerError;
use crate::model::{DeliveryId, IdempotencyKey, StatusKind};

use super::records::{self, Agenda, DeliveryRow, EntryRow, GroupRow, agenda_key, delivery_at};
use super::tables::{self, broken};

type Bytes = ReadOnlyTable<&'static [u8], &'static [u8]>;
type Counts = BTreeMap<u32, BTreeMap<StatusKind, u64>>;

/// A walk over all deliveries, under way.
pub(super) struct Agreement {
    entries: Bytes,
    journal: Bytes,
    agenda: Bytes,
    /// Group names by number.
    names: BTreeMap<u32, String>,
    /// What META says of each group.
    told: Counts,
    /// What the rows say.
    counted: Counts,
    /// How many places the agenda should have.
    places: u64,
}

impl Agreement {
    pub(super) fn begin(txn: &ReadTransaction) -> Result<Self, LedgerError> {
        let table = |definition| txn.open_table(definition).map_err(broken);
        let meta = table(tables::META)?;
        let (mut names, mut told) = (BTreeMap::new(), Counts::new());
        for item in meta.iter().map_err(broken)? {
            let (key, row) = item.map_err(broken)?;
            let name = String::from_utf8_lossy(key.value());
            // What cannot be read is told of by the walk over all rows.
            if let Some(group) = name.strip_prefix("group/")
                && let Ok(row) = records::decode::<GroupRow>(key.value(), row.value())
            {
                names.insert(row.number, group.to_owned());
            } else if let Some(group) = name.strip_prefix("count/").and_then(|g| g.parse().ok())
                && let Ok(counts) =
                    records::decode::<Vec<(StatusKind, u64)>>(key.value(), row.value())
            {
                told.insert(group, counts.into_iter().filter(|(_, n)| *n > 0).collect());
            }
        }
        Ok(Self {
            entries: table(tables::ENTRY)?,
            journal: table(tables::JOURNAL)?,
            agenda: table(tables::AGENDA)?,
            names,
            told,
            counted: Counts::new(),
            places: 0,
        })
    }

    /// What is wrong with one delivery, in words.
    pub(super) fn delivery(&mut self, key: &[u8], row: &[u8]) -> Result<Vec<String>, LedgerError> {
        let id = delivery_at(key);
        let row: DeliveryRow = match records::decode(key, row) {
            Ok(row) => row,
            Err(error) => return Ok(vec![format!("delivery {id}: {error}")]),
        };
        let mut faults = Vec::new();
        let group = self.counted.entry(id.group).or_default();
        *group.entry(row.status.kind()).or_default() += 1;
        let number = id.entry.to_be_bytes();
        let entry = match self.entries.get(number.as_slice()).map_err(broken)? {
            Some(row) => records::decode::<EntryRow>(&number, row.value()).ok(),
            None => None,
        };
        let Some(entry) = entry else {
            return Ok(vec![format!("delivery {id} is of an entry that cannot be read")]);
        };
        match self.names.get(&id.group) {
            Some(name) if IdempotencyKey::of(&entry.id, name, id.generation) == row.key => {}
            Some(_) => faults.push(format!("delivery {id} has the key of another")),
            None => faults.push(format!("delivery {id} is for a group that is not known")),
        }
        if let Some((list, time)) = Agenda::of(&row, entry.settles) {
            self.places += 1;
            let place = agenda_key(list, id.group, time, id);
            if self.agenda.get(place.as_slice()).map_err(broken)?.is_none() {
                faults.push(format!("delivery {id} is not on the agenda"));
            }
        }
        faults.extend(self.lines(id, &row, &entry)?);
        Ok(faults)
    }

    /// Compares a delivery with the evidence.
    fn lines(
        &self,
        id: DeliveryId,
        row: &DeliveryRow,
        entry: &EntryRow,
    ) -> Result<Vec<String>, LedgerError> {
        let mut faults = Vec::new();
        let (mut last, mut published) = (None, 0);
        for number in &row.lines {
            let key = number.to_be_bytes();
            let found = self.journal.get(key.as_slice()).map_err(broken)?;
            let line = match &found {
                Some(row) => tables::split_line(&key, row.value()).ok().map(|(_, _, line)| line),
                None => None,
            };
            let Some(line) = line else {
                faults.push(format!("delivery {id} names line {number}, which cannot be read"));
                continue;
            };
            if line.entry != Some(entry.id) || line.delivery.is_some_and(|of| of != id) {
                faults.push(format!("delivery {id} names line {number}, which is of another"));
            }
            last = line.status;
            published +=
                u32::from(matches!(line.event.as_str(), "published" | "found" | "elsewhere"));
        }
        if last != Some(row.status.kind()) {
            let (is, was) = (row.status.kind().word(), last.map_or("nothing", StatusKind::word));
            faults.push(format!("delivery {id} is {is}, and its last line says {was}"));
        }
        if published > 1 {
            faults.push(format!("delivery {id} was published {published} times"));
        }
        Ok(faults)
    }

    /// What is wrong with all of them together, in words.
    pub(super) fn end(self) -> Result<Vec<String>, LedgerError> {
        let mut faults = Vec::new();
        let places = self.agenda.len().map_err(broken)?;
        if places != self.places {
            faults.push(format!("the agenda has {places} places for {}", self.places));
        }
        if self.told != self.counted {
            faults.push("the counts of its groups are not what its deliveries say".to_owned());
        }
        Ok(faults)
    }
}
