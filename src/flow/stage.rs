//! What stands at a platform before the publish call: drafts and uploads, which no reader sees. They are
//! written down before the claim, so that a crash between the two finds them again.

use crate::adapter::{PREFLIGHTS_MAX, Post, Stage};
use crate::config::Group;
use crate::ledger::{DueWork, LedgerError};
use crate::model::{DeferCause, Outcome, Request, Response, Staged};

use super::deliver::{Lane, Next};

impl Lane {
    /// The publish call of a post, with all that it refers to in its place.
    pub(super) async fn stage(
        &mut self,
        due: &DueWork,
        group: &Group,
        post: &Post,
    ) -> Result<Result<Request, Next>, LedgerError> {
        let of = Staged::fingerprint(&serde_json::to_string(post).unwrap_or_default());
        if let Some((staged, age)) = &due.staged
            && staged.of == of
            && *age < Staged::FRESH_FOR
        {
            return Ok(Ok(staged.request.clone()));
        }
        let mut answers = Vec::new();
        for _ in 0..=PREFLIGHTS_MAX {
            let piece = self.piece(due, group);
            match self.adapter.stage(post, &piece, self.known(), &answers) {
                Stage::Ready { request, notes } if answers.is_empty() && notes.is_empty() => {
                    return Ok(Ok(request));
                }
                Stage::Ready { request, notes } => {
                    for note in &notes {
                        tracing::warn!(entry.id = %due.entry_id.short(), group.name = %due.group,
                            reason = %note, "it goes out otherwise than it was written");
                    }
                    let staged = Staged { of, request: request.clone(), notes };
                    let stands = self.parts.ledger.stage(due.id, staged).await?;
                    return Ok(if stands { Ok(request) } else { Err(Next::Again) });
                }
                Stage::Call(call) => {
                    answers.push(match self.parts.wire.call(&call, self.endpoint()).await {
                        Ok(answer) => answer,
                        Err(trouble) => unanswered(&trouble.to_string()),
                    });
                }
                Stage::Later { wait, cause, reason } => {
                    return self.staged_later(wait, cause, reason).await.map(Err);
                }
                Stage::Unfit(why) => return self.unfit(due, why.to_string()).await.map(Err),
            }
        }
        self.troubled(format!("what it needs first took more than {PREFLIGHTS_MAX} calls"), None)
            .await
    }

    /// The platform does not make it ready now.
    async fn staged_later(
        &mut self,
        wait: Option<std::time::Duration>,
        cause: DeferCause,
        reason: String,
    ) -> Result<Next, LedgerError> {
        match cause {
            DeferCause::SessionExpired => {
                self.renew(&Outcome::Deferred { wait, cause, reason }).await?;
            }
            DeferCause::Credentials => {
                tracing::error!(lane.name = %self.name, %reason,
                    "the lane has stopped; when it is mended: oncecast resume {}", self.name);
                self.parts.ledger.trouble(&self.name, reason.clone(), None, true).await?;
                self.renew(&Outcome::Deferred { wait, cause, reason }).await?;
            }
            DeferCause::RateLimited | DeferCause::Overloaded => {
                let rested: Result<(), Next> = self.troubled(reason, wait).await?;
                return Ok(rested.err().unwrap_or(Next::Again));
            }
        }
        Ok(Next::Again)
    }
}

/// Stands for the answer that did not come.
fn unanswered(why: &str) -> Response {
    Response { body: why.as_bytes().to_vec(), ..Response::default() }
}
