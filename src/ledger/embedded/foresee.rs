//! What the next poll would do, done in a transaction that is dropped: the same admission, on the same
//! rows, and nothing of it stays.

use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::ledger::admission::{self, Decision, Today};
use crate::ledger::{Foreseen, Foresight, Intake, LedgerError, Seen, Sight};
use crate::model::identity::aliases;

use super::admit::shortened;
use super::batch::Batch;
use super::open::{self, Opened};
use super::writer::{Finish, Job, refuse};

impl Batch<'_, '_> {
    /// What [`Batch::admit`] would do; whoever calls this must drop the transaction.
    pub(super) fn foresee(&mut self, intake: Intake) -> Result<Foresight, LedgerError> {
        let feed = intake.feed.clone();
        let row = self.feed_row(&feed)?;
        let known = row.as_ref().is_some_and(|row| row.known);
        let mut foresight = Foresight { baseline: !known, ..Foresight::default() };
        let mut numbers = Vec::new();
        if let Sight::Document { entries, complete } = &intake.sight
            && (*complete || known)
        {
            let policy = self.core.setup.policy.clone();
            let entries: Vec<_> = entries.iter().cloned().map(shortened).collect();
            let today = Today { clock: self.core.clock.now(), counted: self.now };
            self.feed_number = row.map_or(self.numbers.feed + 1, |row| row.number);
            // What admission will say of each, and by what it is known today.
            let plan = admission::plan(&feed, &entries, self, &policy, !known, today)?;
            let mut next = self.numbers.entry;
            for (entry, decision) in entries.into_iter().zip(plan.decisions) {
                let (seen, number) = match decision {
                    Decision::Known { number, arrives: None, .. } => (Seen::Known, Some(number)),
                    Decision::Known { number, .. } => (Seen::Arrives, Some(number)),
                    Decision::New { .. } => {
                        next += 1;
                        (Seen::New, Some(next))
                    }
                    Decision::Repeat => (Seen::Repeat, None),
                    Decision::Nameless => (Seen::Nameless, None),
                };
                let mut by = Vec::new();
                for alias in aliases(&feed, &entry) {
                    let is_known = self.tables.known_by(&alias.fingerprint)? == number;
                    let is_old = !matches!(seen, Seen::New);
                    if number.is_some() && (is_known == is_old) {
                        by.push(alias.kind.word().to_owned());
                    }
                }
                numbers.push(number);
                foresight.entries.push(Foreseen {
                    seen,
                    id: None,
                    title: entry.title,
                    link: entry.link,
                    by,
                    deliveries: Vec::new(),
                });
            }
        }
        let waited: HashSet<_> = self.settling_of(&feed)?;
        let admitted = self.admit(intake)?;
        foresight.vanished = admitted.vanished;
        foresight.next_settle = admitted.next_settle;
        for (foreseen, number) in foresight.entries.iter_mut().zip(&numbers) {
            let Some(number) = number else { continue };
            let row = self.tables.entry(*number)?;
            foreseen.id = Some(row.id);
            for (id, delivery) in self.tables.deliveries(*number)? {
                foreseen.deliveries.push(self.view(id, &delivery, &row));
            }
        }
        let now_waiting = self.settling_of(&feed)?;
        foresight.settled =
            u32::try_from(waited.difference(&now_waiting).count()).unwrap_or(u32::MAX);
        foresight.settled = foresight.settled.saturating_sub(admitted.vanished);
        Ok(foresight)
    }

    fn settling_of(&self, feed: &str) -> Result<HashSet<u64>, LedgerError> {
        let row = self.feed_row(feed)?;
        Ok(row.map(|row| row.settling.into_iter().collect()).unwrap_or_default())
    }
}

/// Runs one job in a transaction of its own, and drops it.
pub(super) fn rehearse(open: &mut Opened, job: Job) {
    if open.database.is_none()
        && let Err(error) = open::again(open)
    {
        return refuse(vec![job], &error);
    }
    let Some(database) = &open.database else { return };
    let core = &mut open.core;
    let run = || -> Result<Finish, LedgerError> {
        #[expect(clippy::disallowed_methods, reason = "it is dropped, and never committed")]
        let txn = database.begin_write().map_err(|e| LedgerError::Uncertain(e.to_string()))?;
        let finish = {
            let mut batch = Batch::begin(&txn, core)?;
            job(Ok(&mut batch))
        };
        txn.abort().map_err(|e| LedgerError::Uncertain(e.to_string()))?;
        Ok(finish)
    };
    let done = catch_unwind(AssertUnwindSafe(run));
    open.core.after(false);
    match done {
        Ok(Ok(finish)) => finish(&Ok(())),
        Ok(Err(error)) => tracing::warn!(%error, "what the next poll would do cannot be told"),
        Err(_) => tracing::error!("a rehearsal fell over; nothing of it was written"),
    }
}
