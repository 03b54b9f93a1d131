//! Two daemons with a ledger each can both post to one account, and nothing can prevent it: now and then
//! a lane looks at what its account has said, and tells of posts of the blog that this ledger did not send.

use std::time::Duration;

use crate::adapter::{Said, Shows};
use crate::clock::Mark;
use crate::config::Group;
use crate::ledger::{DeliveryView, LedgerError};
use crate::model::Status;

use super::deliver::Lane;

/// An account is looked at after a post of ours, and not more often than this.
const EVERY: Duration = Duration::from_secs(3_600);
/// So many posts of an account are looked at.
const SAID_MAX: usize = 50;
/// So many links of one post are.
const LINKS_MAX: usize = 8;
/// Who posts the same within this does it on the same news; who does it a week later, by hand, has a
/// reason.
const NEAR: Duration = Duration::from_secs(6 * 3_600);

impl Lane {
    /// Looks whether somebody else posts the blog's news to a group's account. What cannot be seen is no
    /// reason to stop.
    pub(super) async fn look_around(&mut self, group: &Group) {
        // Where everybody may speak, somebody else will tell of our posts, and does no harm.
        if self.adapter.shows() == Shows::All {
            return;
        }
        // What is claimed is sent first.
        if self.follows.has_claimed()
            || self.looked.get(&group.name).is_some_and(|mark| mark.elapsed() < EVERY)
        {
            return;
        }
        let Some(call) = self.adapter.look_around(group, self.known(), self.parts.clock.now())
        else {
            return;
        };
        self.looked.insert(group.name.clone(), Mark::here());
        let answer = match self.parts.wire.call(&call, self.endpoint()).await {
            Ok(answer) if answer.status == 200 => answer,
            Ok(answer) => {
                tracing::debug!(group.name = %group.name, status = answer.status,
                    "what else stands there cannot be seen");
                return;
            }
            Err(trouble) => {
                tracing::debug!(group.name = %group.name, %trouble,
                    "what else stands there cannot be seen");
                return;
            }
        };
        let said = self.adapter.said(group, self.known(), &answer).unwrap_or_default();
        for said in said.iter().take(SAID_MAX) {
            match self.entry_of_stranger(said).await {
                Ok(Some(entry)) => {
                    self.tell_of_stranger(&entry, &group.name, said.reference.url.as_deref());
                    return;
                }
                Ok(None) => {}
                Err(error) => {
                    tracing::debug!(%error, "what else stands there cannot be judged");
                    return;
                }
            }
        }
    }

    /// The entry that a post of the account tells of, where this ledger did not send that post.
    async fn entry_of_stranger(&self, said: &Said) -> Result<Option<String>, LedgerError> {
        for link in said.links.iter().take(LINKS_MAX) {
            for found in self.parts.ledger.find(link).await? {
                let own = found.deliveries.iter().filter(|d| self.groups.contains_key(&d.group));
                if is_strange(said, &own.collect::<Vec<_>>()) {
                    return Ok(Some(found.id.short()));
                }
            }
        }
        Ok(None)
    }

    /// Tells of a post that this ledger did not send, in the log and wherever health is shown.
    pub(super) fn tell_of_stranger(&self, entry: &str, group: &str, url: Option<&str>) {
        let words = format!(
            "{} tells of entry {entry} and was not sent by this ledger: does another oncecast, another \
             tool or a person post to this account? Readers may see posts twice",
            url.unwrap_or("a post that is there")
        );
        tracing::error!(entry.id = %entry, group.name = %group, url, "{words}");
        self.parts.pulse.remark(&format!("group {group}"), words);
    }
}

/// Whether a post that bears an entry's link is none of ours, given what is known of the entry in its
/// lane. What may be ours is.
fn is_strange(said: &Said, deliveries: &[&DeliveryView]) -> bool {
    let mut near = None;
    let mut unsent = false;
    for delivery in deliveries {
        match &delivery.status {
            Status::Claimed { .. } | Status::InDoubt { .. } => return false,
            Status::Published { receipt } => {
                let id = &receipt.reference.id;
                if id.is_none() || *id == said.reference.id {
                    return false;
                }
                let apart = said.at.map(|at| at.since(receipt.at).max(receipt.at.since(at)));
                near = near.max(Some(apart.is_some_and(|apart| apart < NEAR)));
            }
            // What was there before us was somebody else's to tell.
            Status::Baseline => {}
            _ => unsent = true,
        }
    }
    near.unwrap_or(unsent)
}
