//! Before the first send to a group that wants it, its account is asked whether the link stands there.
//! Another tool or a person may have been quicker, and readers would see the post twice.

use std::time::Duration;

use crate::adapter::Said;
use crate::clock::Mark;
use crate::config::Group;
use crate::ledger::{DueWork, LedgerError};
use crate::model::{How, Reference};

use super::deliver::{Lane, Next};

/// What was asked holds for so long: a post that waits for its turn is not asked about at every look.
const HOLDS: Duration = Duration::from_secs(5 * 60);
/// Links of one post that are looked at.
const LINKS_MAX: usize = 8;

impl Lane {
    /// Whether a delivery is to be sent, as far as its account shows; what cannot be seen waits, since
    /// whoever wants this would rather have silence than a repetition.
    pub(super) async fn preflight(
        &mut self,
        due: &DueWork,
        group: &Group,
    ) -> Result<Result<(), Next>, LedgerError> {
        // A person who wants it there has looked, and what was claimed once may be its own.
        let is_first = due.id.generation == 1 && due.attempt == 0 && !due.by_hand;
        let held = self.asked.as_ref().filter(|(id, at)| *id == due.id && at.elapsed() < HOLDS);
        if !group.preflight || !is_first || held.is_some() {
            return Ok(Ok(()));
        }
        let unseen = |why: &str| format!("preflight: what stands there cannot be seen: {why}");
        let Some(call) = self.adapter.look_before(&self.piece(due, group), self.known()) else {
            return self.troubled(unseen("the platform does not show it"), None).await;
        };
        let answer = match self.parts.wire.call(&call, self.endpoint()).await {
            Ok(answer) => answer,
            Err(trouble) => return self.troubled(unseen(&trouble.to_string()), None).await,
        };
        let Some(said) = self.adapter.said(group, self.known(), &answer) else {
            let why = format!("status {}: {}", answer.status, answer.excerpt());
            return self.troubled(unseen(&why), None).await;
        };
        let found = self.among(due, &said).await?;
        let Some(mut reference) = found else {
            self.asked = Some((due.id, Mark::here()));
            return Ok(Ok(()));
        };
        reference.account = self.account();
        tracing::warn!(entry.id = %due.entry_id.short(), group.name = %due.group,
            url = reference.url.as_deref(), "it stands there already, by another hand: not sent");
        let who = "daemon".to_owned();
        self.parts.ledger.elsewhere(due.id, reference, How::Elsewhere, who).await?;
        Ok(Err(Next::Again))
    }

    /// The post of an account that tells of this entry, and is none that this ledger sent for another.
    async fn among(&self, due: &DueWork, said: &[Said]) -> Result<Option<Reference>, LedgerError> {
        for one in said {
            let mut tells = false;
            for link in one.links.iter().take(LINKS_MAX) {
                let found = self.parts.ledger.find(link).await?;
                tells = found.iter().any(|entry| entry.number == due.id.entry);
                if tells {
                    break;
                }
            }
            if tells && !self.is_of_another(due, one).await? {
                return Ok(Some(one.reference.clone()));
            }
        }
        Ok(None)
    }

    /// Whether a post is one of ours, for another entry: it may well tell of this one too.
    async fn is_of_another(&self, due: &DueWork, said: &Said) -> Result<bool, LedgerError> {
        let Some(url) = said.reference.url.as_deref() else { return Ok(false) };
        let found = self.parts.ledger.find(url).await?;
        Ok(found.iter().any(|entry| entry.number != due.id.entry))
    }
}
