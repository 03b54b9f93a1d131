//! The walk that proves the ledger: every row against its checksum, every line against the chain, and
//! every delivery against what its lines, the agenda and the counts say of it.

use redb::{ReadTransaction, ReadableTable as _, ReadableTableMetadata as _};

use crate::ledger::LedgerError;
use crate::ledger::journal::{Head, Proof};

use super::agree::Agreement;
use super::records::{self, Numbers};
use super::tables::{self, broken};

/// Faults that are told one by one; beyond them only their number matters.
const FAULTS_MAX: usize = 20;
/// Rows between two words of progress.
const PROGRESS_EVERY: u64 = 10_000;

pub(super) fn walk(
    txn: &ReadTransaction,
    ledger: &[u8; 16],
    progress: &dyn Fn(u64, u64),
) -> Result<Proof, LedgerError> {
    let mut total = 0;
    for definition in tables::ALL {
        total += txn.open_table(definition).map_err(broken)?.len().map_err(broken)?;
    }
    let mut proof = Proof { lines: 0, rows: 0, faults: Vec::new() };
    let fault = |proof: &mut Proof, what: String| {
        if proof.faults.len() < FAULTS_MAX {
            proof.faults.push(what);
        }
    };
    let mut agreement = Agreement::begin(txn)?;
    let mut head = Head::start(ledger);
    for definition in tables::ALL {
        let name = redb::TableHandle::name(&definition);
        let table = txn.open_table(definition).map_err(broken)?;
        for item in table.iter().map_err(broken)? {
            let (key, row) = item.map_err(broken)?;
            if proof.rows.is_multiple_of(PROGRESS_EVERY) {
                progress(proof.rows, total);
            }
            proof.rows += 1;
            if name == "agenda" || name == "claim" {
                continue;
            }
            if name == "journal" {
                proof.lines += 1;
                let number = head.lines;
                match tables::split_line(key.value(), row.value()) {
                    Ok((hash, line, _)) => {
                        head = head.after(line);
                        if key.value() != number.to_be_bytes() || head.hash != hash {
                            fault(&mut proof, format!("journal line {number} breaks the chain"));
                            head.hash = hash;
                        }
                    }
                    Err(error) => fault(&mut proof, format!("journal line {number}: {error}")),
                }
            } else if let Err(error) = records::body(key.value(), row.value()) {
                fault(&mut proof, format!("table {name}: {error}"));
            } else if name == "delivery" {
                for what in agreement.delivery(key.value(), row.value())? {
                    fault(&mut proof, what);
                }
            }
        }
    }
    let meta = txn.open_table(tables::META).map_err(broken)?;
    let numbers: Numbers = match meta.get(b"numbers".as_slice()).map_err(broken)? {
        // One that is damaged was told of above.
        Some(row) => records::decode(b"numbers", row.value()).unwrap_or_default(),
        None => Numbers::default(),
    };
    let end = if numbers.lines == 0 { Head::start(ledger).hash } else { numbers.hash };
    if (numbers.lines, end) != (head.lines, head.hash) {
        fault(&mut proof, format!("the chain ends at line {} and not where it should", head.lines));
    }
    for what in agreement.end()? {
        fault(&mut proof, what);
    }
    progress(total, total);
    Ok(proof)
}
