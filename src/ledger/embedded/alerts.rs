//! Alerts: entries of the house's own, for one group each, remembered like any other so that nothing is
//! told twice, and sent like any other, behind the same walls.

use std::collections::BTreeSet;
use std::time::Duration;

use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};

use crate::ledger::LedgerError;
use crate::ledger::alert::{Concern, FEED};
use crate::model::{DeliveryId, Entry, EntryId, Fingerprint, Time};

use super::batch::Batch;
use super::records::{DeliveryRow, EntryRow, Routing};

/// So many things are told one by one; of the others, how many there are.
const LISTED_MAX: usize = 12;
/// So many are remembered as told: far more than a person can look into.
const TOLD_MAX: usize = 2_000;

/// What a group has been told.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
struct AlertRow {
    /// When it last heard anything.
    last: Option<Time>,
    /// Of what still waits: what it has heard of.
    told: BTreeSet<String>,
}

impl Batch<'_, '_> {
    /// Opens one delivery that tells a group of what it has not heard of, and no sooner than `every` after
    /// the last; comes back with how many things are in it.
    pub(super) fn alert(
        &mut self,
        group: &str,
        every: Duration,
        concerns: &[Concern],
    ) -> Result<usize, LedgerError> {
        let Some(number) = self.core.groups.get(group).copied() else {
            return Err(LedgerError::Refused(format!("there is no group {group:?} in the config")));
        };
        let key = format!("alert/{group}");
        let before: AlertRow = self.tables.meta(&key)?.unwrap_or_default();
        let mut row = before.clone();
        // What is over may come again, and is news then.
        row.told.retain(|id| concerns.iter().any(|concern| concern.id == *id));
        let fresh: Vec<&Concern> =
            concerns.iter().filter(|concern| !row.told.contains(&concern.id)).collect();
        let too_soon = row.last.is_some_and(|last| last.plus(every) > self.now);
        // What cannot be sent now would be old when it can.
        let tells = !fresh.is_empty() && !too_soon && self.stopped()?.is_none();
        if tells {
            let known = row.told.len();
            row.told.extend(fresh.iter().map(|concern| concern.id.clone()).take(TOLD_MAX - known));
            row.last = Some(self.now);
            self.open_alert(group, number, &fresh)?;
        }
        if row != before {
            self.tables.set_meta(&key, &row)?;
        }
        Ok(if tells { fresh.len() } else { 0 })
    }

    fn open_alert(
        &mut self,
        name: &str,
        group: u32,
        fresh: &[&Concern],
    ) -> Result<(), LedgerError> {
        self.numbers.entry += 1;
        let number = self.numbers.entry;
        let parts = [HEXLOWER.encode(&self.core.ledger), number.to_string(), self.now.to_string()];
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        let fingerprint = Fingerprint::of("oncecast/alert/1", &parts);
        let id = EntryId::from_fingerprint(&fingerprint);
        self.tables.set_alias(&fingerprint, number)?;
        self.tables.set_id(id.as_bytes(), number)?;
        let (feed, line) = (FEED.to_owned(), self.numbers.lines);
        self.tables.set_entry(number, &EntryRow::new(id, feed, self.now, line, told_of(fresh)))?;
        self.owe(number, &[(name.to_owned(), group)], false, None)?;
        // It is for this group, whatever the group chooses of a feed.
        let delivery = DeliveryId { entry: number, group, generation: 1 };
        let row = self.delivery(delivery)?;
        let meant = DeliveryRow { routing: Routing::ByHand, ..row.clone() };
        self.tables.set_delivery(delivery, Some((&row, None)), &meant, None)
    }
}

/// What the group reads.
fn told_of(fresh: &[&Concern]) -> Entry {
    let title = match fresh {
        [one] => format!("oncecast: {}", one.words),
        many => format!("oncecast: {} things wait for a person", many.len()),
    };
    let mut text = String::from("<ul>");
    for concern in fresh.iter().take(LISTED_MAX).filter(|_| fresh.len() > 1) {
        text.push_str(&format!("<li>{}</li>", escaped(&concern.words)));
    }
    if let Some(more) = fresh.len().checked_sub(LISTED_MAX).filter(|more| *more > 0) {
        text.push_str(&format!("<li>and {more} more</li>"));
    }
    text.push_str("</ul><p>oncecast status tells more.</p>");
    Entry { title, content: text, ..Entry::default() }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
