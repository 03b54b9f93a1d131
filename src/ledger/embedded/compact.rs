//! Making the file smaller: all rows go into a new file, which is proved and then takes the old one's
//! place in one rename. redb's own compaction works in place and without quick-repair, so that a kill
//! in its middle costs a whole repair; here it works on the new file alone, which a kill throws away.

use std::path::Path;

use redb::ReadableDatabase as _;

use crate::ledger::LedgerError;
use crate::ledger::whole::Whole;

use super::copy;
use super::disk::Files;
use super::frozen::Frozen;
use super::lock::Lock;
use super::open::{self, unusable};
use super::tables::broken;

/// What compaction came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Compacted {
    /// The file's size before, in bytes.
    pub before: u64,
    /// Its size now.
    pub after: u64,
}

/// Compacts the ledger at `path`, which no daemon may have open.
///
/// # Errors
/// [`LedgerError::InUse`] where another process has it, and what the disk says; the ledger is then as
/// it was.
pub fn compact(path: &Path, progress: &dyn Fn(u64, u64)) -> Result<Compacted, LedgerError> {
    let failed = |e: &dyn std::fmt::Display| unusable(&path.display().to_string(), e);
    let size = |path: &Path| std::fs::metadata(path).map(|m| m.len()).map_err(|e| failed(&e));
    let _lock = Lock::take(&Files, path)?;
    let before = size(path)?;
    let whole = Whole::over(path).map_err(|e| failed(&e))?;
    let head;
    {
        let database = open::open_file(&Files, path)?;
        let txn = database.begin_read().map_err(broken)?;
        copy::copy(&Files, &txn, whole.fresh(), None, &|| true, progress)?;
        drop(txn);
    }
    {
        let mut fresh = open::open_file(&Files, whole.fresh())?;
        fresh.compact().map_err(|e| failed(&e))?;
    }
    copy::sync(&Files, whole.fresh())?;
    {
        let fresh = Frozen::of_copy(whole.fresh())?;
        head = fresh.head();
        if let Some(fault) = fresh.verify(progress)?.faults.first() {
            return Err(LedgerError::Untrusted {
                why: format!("the ledger is damaged, and was left as it is: {fault}"),
                mend: "oncecast ledger verify".to_owned(),
            });
        }
    }
    let after = size(whole.fresh())?;
    if after >= before {
        tracing::debug!(lines = head.lines, "there was nothing to gain");
        return Ok(Compacted { before, after: before });
    }
    whole.replace().map_err(|e| failed(&e))?;
    Ok(Compacted { before, after })
}
