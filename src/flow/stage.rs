//! What stands at a platform before the publish call: drafts and uploads, which no reader sees. They are
//! written down before the claim, so that a crash between the two finds them again.

use tokio::sync::Semaphore;

use crate::adapter::{Known, PREFLIGHTS_MAX, Piece, Post, Stage};
use crate::config::Group;
use crate::ledger::{DueWork, LedgerError};
use crate::model::{DeferCause, Outcome, Request, Response, Staged};

use super::deliver::{Lane, Next};

/// So many pictures are in memory at a time, from their first byte to the end of their upload: every lane
/// that carries one wants it at the same bell.
static PICTURES: Semaphore = Semaphore::const_new(2);

/// Between two looks at what a platform has not yet made ready.
const LOOK_AGAIN: std::time::Duration = std::time::Duration::from_secs(2);

impl Lane {
    /// The publish call of a post, with all that it refers to in its place.
    pub(super) async fn stage(
        &mut self,
        due: &DueWork,
        group: &Group,
        post: &Post,
    ) -> Result<Result<Request, Next>, LedgerError> {
        let of = of(post);
        if let Some(request) = staged_before(due, &of) {
            return Ok(Ok(request));
        }
        let mut answers = Vec::new();
        let mut before: Option<Request> = None;
        let mut room = None;
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
                Stage::Fetch { url, max } => {
                    if room.is_none() {
                        room = PICTURES.acquire().await.ok();
                    }
                    let picture = self.parts.wire.picture(&url, max).await;
                    answers.push(picture.unwrap_or_else(|why| unanswered(&why)));
                }
                Stage::Call(call) => {
                    if before.as_ref() == Some(&call.request) {
                        tokio::time::sleep(LOOK_AGAIN).await;
                    }
                    before = Some(call.request.clone());
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

    /// The publish call of a post for which nothing need be done first, or nothing more.
    pub(super) fn staged_at_once(
        &self,
        due: &DueWork,
        piece: &Piece<'_>,
        post: &Post,
        known: &Known,
    ) -> Option<Request> {
        staged_before(due, &of(post)).or_else(|| {
            match self.adapter.stage(post, piece, known, &[]) {
                Stage::Ready { request, notes } if notes.is_empty() => Some(request),
                _ => None,
            }
        })
    }

    /// The platform does not make it ready now.
    pub(super) async fn staged_later(
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
            DeferCause::RateLimited | DeferCause::Overloaded | DeferCause::Collision => {
                let rested: Result<(), Next> = self.troubled(reason, wait).await?;
                return Ok(rested.err().unwrap_or(Next::Again));
            }
        }
        Ok(Next::Again)
    }
}

/// What a draft was made of.
pub(super) fn of(post: &Post) -> String {
    Staged::fingerprint(&serde_json::to_string(post).unwrap_or_default())
}

/// The publish call of a draft that still stands.
fn staged_before(due: &DueWork, of: &str) -> Option<Request> {
    let (staged, age) = due.staged.as_ref()?;
    (staged.of == of && *age < Staged::FRESH_FOR).then(|| staged.request.clone())
}

/// Stands for the answer that did not come.
pub(super) fn unanswered(why: &str) -> Response {
    Response { body: why.as_bytes().to_vec(), ..Response::default() }
}
