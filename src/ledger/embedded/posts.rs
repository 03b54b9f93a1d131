//! What became of each post, for people: read from one moment of the ledger, one post at a time.

use redb::ReadableTableMetadata as _;

use crate::ledger::LedgerError;
use crate::ledger::evidence::{Fate, Post};
use crate::ledger::journal::Line;
use crate::model::DeliveryId;

use super::frozen::{Frozen, PROGRESS_EVERY, last, number_at};
use super::records::{self, DeliveryRow, EntryRow, delivery_at};
use super::tables::{self, DELIVERY, ENTRY, JOURNAL, broken};

impl Frozen {
    /// Tells of every post, or of one, and what became of it.
    ///
    /// # Errors
    /// What the disk says, and whatever `tell` fails with.
    pub fn posts<E: From<LedgerError>>(
        &self,
        only: Option<u64>,
        progress: &dyn Fn(u64, u64),
        mut tell: impl FnMut(Post) -> Result<(), E>,
    ) -> Result<(), E> {
        let table = self.txn.open_table(ENTRY).map_err(broken)?;
        let deliveries = self.txn.open_table(DELIVERY).map_err(broken)?;
        let total = if only.is_some() { 1 } else { table.len().map_err(broken)? };
        let from = only.unwrap_or(0).to_be_bytes();
        let to = only.unwrap_or(u64::MAX).to_be_bytes();
        for (done, item) in (0..).zip(table.range::<&[u8]>(&from[..]..=&to[..]).map_err(broken)?) {
            let (key, row) = item.map_err(broken)?;
            let entry: EntryRow = records::decode(key.value(), row.value())?;
            let number = number_at(key.value());
            if done % PROGRESS_EVERY == 0 {
                progress(done, total);
            }
            let mut fates = Vec::new();
            let of = (number.to_be_bytes(), last(Some(number)));
            for item in deliveries.range::<&[u8]>(&of.0[..]..=&of.1[..]).map_err(broken)? {
                let (key, row) = item.map_err(broken)?;
                let row: DeliveryRow = records::decode(key.value(), row.value())?;
                fates.push(self.fate(delivery_at(key.value()), row)?);
            }
            tell(Post {
                id: entry.id,
                feed: entry.feed,
                first_seen: entry.first_seen,
                entry: entry.entry,
                deliveries: fates,
            })?;
        }
        progress(total, total);
        Ok(())
    }

    fn fate(&self, id: DeliveryId, row: DeliveryRow) -> Result<Fate, LedgerError> {
        let journal = self.txn.open_table(JOURNAL).map_err(broken)?;
        let mut fate = Fate {
            group: self.name_of(id.group),
            generation: id.generation,
            status: row.status,
            since: row.since,
            claims: 0,
            by_hand: None,
            imported: false,
            http: None,
            digest: None,
        };
        for number in row.lines {
            let key = number.to_be_bytes();
            let Some(row) = journal.get(key.as_slice()).map_err(broken)? else { continue };
            let (_, _, line): (_, _, Line) = tables::split_line(&key, row.value())?;
            fate.http = line.http.or(fate.http);
            match line.event.as_str() {
                "claim" | "repeat" => {
                    fate.claims += 1;
                    let digest = line.detail.rsplit_once("sha256:");
                    fate.digest = digest.map(|(_, digest)| digest.to_owned());
                }
                "import" => fate.imported = true,
                "replay" => fate.by_hand = Some(format!("{}: {}", line.who, line.detail)),
                _ => {}
            }
        }
        Ok(fate)
    }
}
