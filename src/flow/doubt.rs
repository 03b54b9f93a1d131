//! Settling what may have been published: by asking the platform, by repeating the same bytes where
//! a repeat cannot be seen, or by leaving it to a person.
//!
//! Asking comes before repeating wherever one can ask: servers exist that ignore a key.

use crate::adapter::{Ask, Doubt, Known, PREFLIGHTS_MAX};
use crate::ledger::{Claim, DoubtWork, LedgerError, Verdict};
use crate::model::{Found, Status};

use super::deliver::{Lane, Next};

/// Who moves it, in the journal.
const WHO: &str = "daemon";

impl Lane {
    /// Looks into a delivery in doubt.
    ///
    /// # Errors
    /// Where the ledger cannot be used.
    pub async fn look(&mut self, doubt: &DoubtWork) -> Result<Next, LedgerError> {
        let due = &doubt.due;
        let Some(group) = self.groups.get(&due.group).cloned() else { return Ok(Next::Bell) };
        let Some(request) = due.request.clone() else {
            return self.unsure(doubt, "what was sent was not kept".to_owned()).await;
        };
        if let Err(next) = self.prepare(&group).await? {
            return Ok(next);
        }
        let piece = self.piece(due, &group);
        let question =
            Doubt { piece, request: &request, first_sent: doubt.first_sent, alone: doubt.alone };
        let can_ask = match self.ask(&question).await {
            Some(Found::There(mut reference)) => {
                reference.account = self.account();
                let verdict = Verdict::Asked(Found::There(reference));
                let status = self.parts.ledger.resolve(due.id, verdict, WHO.to_owned()).await?;
                if let Status::Published { receipt } = status {
                    tracing::info!(entry.id = %due.entry_id.short(), group.name = %due.group,
                        url = receipt.reference.url.as_deref(),
                        "no longer in doubt: it is there");
                }
                return Ok(Next::Again);
            }
            Some(Found::Unsure(why)) => return self.unsure(doubt, why).await,
            Some(Found::Absent) => true,
            None => false,
        };
        let secrets = match self.authorise(&request, &due.key).await? {
            Ok(secrets) => secrets,
            Err(next) => return Ok(next),
        };
        let guarantee = self.adapter.guarantee(self.known());
        match self.parts.ledger.reclaim(due.id, guarantee).await? {
            Claim::Granted(permit) => {
                tracing::info!(entry.id = %due.entry_id.short(), group.name = %due.group,
                    "in doubt: repeated under the same key");
                self.publish(permit, &secrets, due).await?;
                Ok(Next::Again)
            }
            Claim::NotNow { wait: Some(wait), .. } => Ok(Next::Wait(wait)),
            Claim::NotNow { wait: None, why } if can_ask => {
                let verdict = Verdict::Absent(why);
                let status = self.parts.ledger.resolve(due.id, verdict, WHO.to_owned()).await?;
                if let Status::Due { .. } = status {
                    tracing::warn!(entry.id = %due.entry_id.short(), group.name = %due.group,
                        "no longer in doubt: it is not there, and is sent again (when_absent)");
                } else if doubt.looks == 0 {
                    tracing::warn!(entry.id = %due.entry_id.short(), group.name = %due.group,
                        "still in doubt: it was not found when asked");
                }
                Ok(Next::Again)
            }
            Claim::NotNow { wait: None, why } => {
                let why = format!("it cannot be asked about, and {why}: a person must look");
                self.unsure(doubt, why).await
            }
            Claim::Gone(_) => Ok(Next::Again),
        }
    }

    /// Puts the question; `None` where the platform cannot be asked at all.
    async fn ask(&self, question: &Doubt<'_>) -> Option<Found> {
        let known: &Known = self.known();
        let mut answers = Vec::new();
        for _ in 0..=PREFLIGHTS_MAX {
            match self.adapter.ask(question, known, &answers) {
                Ask::Cannot => return None,
                Ask::Answer(found) => return Some(found),
                Ask::Call(call) => match self.parts.wire.call(&call, self.endpoint()).await {
                    Ok(answer) => answers.push(answer),
                    Err(trouble) => {
                        return Some(Found::Unsure(format!("it could not be asked: {trouble}")));
                    }
                },
            }
        }
        Some(Found::Unsure("its answer had no end".to_owned()))
    }

    async fn unsure(&self, doubt: &DoubtWork, why: String) -> Result<Next, LedgerError> {
        if doubt.looks == 0 || doubt.evidence != why {
            tracing::warn!(entry.id = %doubt.due.entry_id.short(), group.name = %doubt.due.group,
                reason = %why, "still in doubt");
        }
        let verdict = Verdict::Asked(Found::Unsure(why));
        self.parts.ledger.resolve(doubt.due.id, verdict, WHO.to_owned()).await?;
        Ok(Next::Again)
    }
}
