//! What changes after readers have it is written down: when, and what it said before and says now.

use data_encoding::HEXLOWER;

use crate::ledger::LedgerError;
use crate::ledger::journal::Line;
use crate::model::{Entry, Fingerprint};

use super::batch::Batch;
use super::records::EntryRow;

/// So many changes of one entry are written down at once; after them one a day. A text that counts its
/// visitors changes at every look, and the journal is kept for ever.
const AT_ONCE: usize = 24;
/// Between two changes that are written down after those, in milliseconds.
const REST: u64 = 86_400_000;
/// How much of a title the journal repeats.
const TITLE_CHARS: usize = 80;

impl Batch<'_, '_> {
    /// Writes down that an entry says something else than what readers have, or may have.
    pub(super) fn revise(
        &mut self,
        feed: &str,
        number: u64,
        row: &mut EntryRow,
        now: &Entry,
    ) -> Result<(), LedgerError> {
        let was = &row.entry;
        let (title, text) = (was.title != now.title, digest(was) != digest(now));
        let link = was.link != now.link;
        if !title && !text && !link {
            return Ok(());
        }
        if row.edits.len() >= AT_ONCE
            && row.edited.is_some_and(|at| self.now.since(at).as_millis() < u128::from(REST))
        {
            return Ok(());
        }
        let seen = self.tables.deliveries(number)?;
        if !seen.iter().any(|(_, row)| row.status.may_have_been_seen()) {
            return Ok(());
        }
        let mut said = Vec::new();
        if title {
            let (was, now) = (cut(&was.title), cut(&now.title));
            said.push(format!("title {was:?} is now {now:?}"));
        }
        if link {
            let [was, now] = [was, now].map(|e| e.link.as_deref().unwrap_or("none").to_owned());
            said.push(format!("link {was} is now {now}"));
        }
        said.push(format!("sha256:{} is now sha256:{}", digest(was), digest(now)));
        let line = self.journal(&Line {
            at: self.now,
            entry: Some(row.id),
            group: None,
            delivery: None,
            event: "edit".to_owned(),
            status: None,
            who: format!("feed {feed}"),
            detail: said.join("; "),
            http: None,
            id: None,
        })?;
        row.edits.push(line);
        row.edited = Some(self.now);
        Ok(())
    }
}

/// A digest of all that an entry says to readers, what its author says to some of them among it.
fn digest(entry: &Entry) -> String {
    let mut parts = vec![entry.title.as_str(), &entry.summary, &entry.content];
    let own = serde_json::to_string(&entry.overrides).unwrap_or_default();
    if !entry.overrides.is_empty() {
        parts.push(&own);
    }
    HEXLOWER.encode(&Fingerprint::of("oncecast/said/1", &parts).as_bytes()[..16])
}

fn cut(title: &str) -> String {
    title.chars().take(TITLE_CHARS).collect()
}
