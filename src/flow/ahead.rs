//! The next delivery of a lane, made ready while the one before it is under way: one commit then settles
//! the one and claims the other, where two would be as safe and no quicker.
//!
//! What is claimed ahead is sent, whatever else happens: a permit that is let go is a doubt.

use tokio_util::sync::CancellationToken;

use crate::adapter::{CallSecrets, Prepare};
use crate::ledger::{Claim, DueWork, LedgerError, Permit, Spent, Work};
use crate::model::{Outcome, Request, Status};

use super::compose;
use super::deliver::Lane;

/// Whether one delivery of a lane may follow on another, and which one does.
#[derive(Debug, Default)]
pub(super) struct Follows {
    /// Until when; `None` where each delivery is asked for by name.
    pub(super) until: Option<CancellationToken>,
    claimed: Option<Ahead>,
}

impl Follows {
    fn is_over(&self) -> bool {
        self.until.as_ref().is_none_or(CancellationToken::is_cancelled)
    }

    /// Whether a permit waits to be spent.
    pub(super) const fn has_claimed(&self) -> bool {
        self.claimed.is_some()
    }
}

/// A delivery of which all is done that comes before its claim.
pub(super) struct Ready {
    due: Box<DueWork>,
    request: Request,
    secrets: CallSecrets,
}

/// A delivery with its permit.
#[derive(Debug)]
struct Ahead {
    due: Box<DueWork>,
    secrets: CallSecrets,
    permit: Permit,
}

impl Lane {
    /// Makes the next delivery ready, as far as that needs no call. Whatever is not at once as it should
    /// be is left to the ordinary way, which can say so.
    pub(super) async fn make_ready(&self) -> Option<Ready> {
        if self.follows.is_over() {
            return None;
        }
        let Some(Work::Due(due)) = self.parts.ledger.due(&self.name).await.ok()?.work else {
            return None;
        };
        self.pacer.step().ok()?;
        let group = self.groups.get(&due.group)?;
        if group.preflight {
            // Its account is asked first.
            return None;
        }
        let now = self.parts.clock.now();
        let Prepare::Ready(known) = self.adapter.prepare(self.known(), &[], group, now) else {
            return None;
        };
        let piece = compose::piece(&due, group, now);
        let request = match &due.request {
            Some(frozen) => frozen.clone(),
            None => {
                let (post, _) = compose::compose(self.adapter.as_ref(), &piece, &known).ok()?;
                self.staged_at_once(&due, &piece, &post, &known)?
            }
        };
        let secrets = self.secrets(&request, &due.key, &known, now).ok()?;
        Some(Ready { due, request, secrets })
    }

    /// Settles what was sent and, where it went well, claims what is ready in the same commit.
    pub(super) async fn settle_and_claim(
        &mut self,
        spent: &Spent,
        next: Ready,
    ) -> Result<Status, LedgerError> {
        if !matches!(spent.outcome(), Outcome::Published { .. }) || self.follows.is_over() {
            // It may have taught the lane what the next one should know: a session that is over.
            return self.settle(spent).await;
        }
        let Ready { due, request, secrets } = next;
        match self.parts.ledger.settle_and_claim(spent, due.id, request).await {
            Ok((settled, claim)) => {
                if let Claim::Granted(permit) = claim {
                    self.follows.claimed = Some(Ahead { due, secrets, permit });
                }
                Ok(self.settled(settled))
            }
            // Neither is written down, or it is not known: what was sent is what counts.
            Err(_) => self.settle(spent).await,
        }
    }

    /// Sends what was claimed ahead, if anything was.
    pub(super) async fn follow(&mut self) -> Option<Result<(), LedgerError>> {
        let Ahead { due, secrets, permit } = self.follows.claimed.take()?;
        let published = self.publish(permit, &secrets, &due).await;
        if let (Ok(true), Some(group)) = (&published, self.groups.get(&due.group).cloned()) {
            self.look_around(&group).await;
        }
        Some(published.map(drop))
    }
}
