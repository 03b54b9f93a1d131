//! Changing what readers have, straight down as a delivery: log in, compose, ask what stands there, wait for
//! pace, **claim, amend, settle**. None of it can publish: its permit is of another type.

use crate::adapter::{Amending, Deed, PREFLIGHTS_MAX, Post};
use crate::config::Group;
use crate::ledger::{AmendClaim, AmendSettled, AmendSpent, AmendWork, LedgerError, Moot};
use crate::model::{
    Amend, Change, DeferCause, Effect, Fingerprint, Outcome, Request, Response, Stand,
};

use super::compose;
use super::deliver::{LEDGER_REST, Lane, Next};
use super::stage;

impl Lane {
    /// Takes a change that is wanted as far as it will go.
    ///
    /// # Errors
    /// Where the ledger cannot be used.
    pub async fn amend(&mut self, work: &AmendWork) -> Result<Next, LedgerError> {
        let Some(group) = self.groups.get(&work.due.group).cloned() else { return Ok(Next::Bell) };
        if let Some(why) = &work.hindered {
            return self.moot(work, Moot::Cannot(why.clone())).await;
        }
        if let Err(next) = self.prepare(&group).await? {
            return Ok(next);
        }
        if let Some(why) = self.is_another_account(work) {
            return self.moot(work, Moot::Cannot(why)).await;
        }
        if let Err(wait) = self.pacer.step() {
            return Ok(Next::Wait(wait));
        }
        let post = match work.change {
            Change::Retract => None,
            Change::Update => match self.compose_change(work, &group) {
                Ok(post) => Some(post),
                Err(moot) => return self.moot(work, moot).await,
            },
        };
        let planned = match (&work.request, work.change) {
            // It is away after it whatever it was before.
            (Some(frozen), Change::Retract) => frozen.clone(),
            _ => match self.plan_change(work, &group, post.as_ref()).await? {
                Ok(request) => request,
                Err(next) => return Ok(next),
            },
        };
        // A call that may have been heard is made again as it was, once it is known that the post is there.
        let (request, saying) = match &work.request {
            Some(frozen) => (frozen.clone(), None),
            None => (planned, post.as_ref().map(says)),
        };
        let secrets = match self.authorise(&request, &work.due.key).await? {
            Ok(secrets) => secrets,
            Err(next) => return Ok(next),
        };
        match self.parts.ledger.claim_amend(work.due.id, work.change, request, saying).await? {
            AmendClaim::Granted(permit) => {
                let adapter = self.adapter.as_ref();
                let spent = self.parts.wire.amend(permit, self.endpoint(), &secrets, adapter).await;
                let amend = self.settle_amend(&spent).await?;
                self.tell_change(work, spent.effect(), amend.as_ref());
                if let Effect::Not(outcome) = spent.effect() {
                    self.renew(outcome).await?;
                }
                Ok(Next::Again)
            }
            AmendClaim::NotNow { wait, why } => {
                tracing::debug!(entry.id = %work.due.entry_id.short(),
                    group.name = %work.due.group, reason = %why, "not now");
                Ok(wait.map_or(Next::Bell, Next::Wait))
            }
            AmendClaim::Gone => Ok(Next::Again),
        }
    }

    /// Why the account that is logged in cannot be asked about the post, where it is not its own.
    fn is_another_account(&self, work: &AmendWork) -> Option<String> {
        let (was, is) = (work.receipt.reference.account.as_ref()?, self.account()?);
        let by_hand = match work.change {
            Change::Update => "change it by hand",
            Change::Retract => "take it away by hand, then say so: oncecast retract ENTRY --done",
        };
        let why = || format!("it was posted as {was}, and {} is {is} now: {by_hand}", self.name);
        (*was != is).then(why)
    }

    /// What the post is to say, where that is another thing than it says.
    fn compose_change(&self, work: &AmendWork, group: &Group) -> Result<Post, Moot> {
        let piece = self.piece(&work.due, group);
        let composed = |entry| {
            let piece = crate::adapter::Piece { entry, ..piece };
            compose::compose(self.adapter.as_ref(), &piece, self.known()).map(|(post, _)| post)
        };
        let post = composed(&work.due.entry).map_err(Moot::Cannot)?;
        if work.request.is_some() {
            return Ok(post);
        }
        // Made by the rules of today, so that another template alone changes no post.
        let before = match (&work.said, &work.was) {
            (Some(said), _) => Some(said.clone()),
            (None, Some(was)) => composed(was).ok().as_ref().map(says),
            (None, None) => None,
        };
        match before {
            Some(before) if before == says(&post) => Err(Moot::Same),
            _ => Ok(post),
        }
    }

    /// The call that makes the change, after all that must be asked first.
    async fn plan_change(
        &mut self,
        work: &AmendWork,
        group: &Group,
        post: Option<&Post>,
    ) -> Result<Result<Request, Next>, LedgerError> {
        let mut answers: Vec<Response> = Vec::new();
        for _ in 0..=PREFLIGHTS_MAX {
            let piece = self.piece(&work.due, group);
            let reference = &work.receipt.reference;
            let deed = Deed { piece, change: work.change, reference, post };
            let moot = match self.adapter.amend(&deed, self.known(), &answers) {
                Amending::Ready(request) => return Ok(Ok(request)),
                Amending::Call(call) => {
                    let answer = self.parts.wire.call(&call, self.endpoint()).await;
                    answers.push(answer.unwrap_or_else(|e| stage::unanswered(&e.to_string())));
                    continue;
                }
                Amending::Later { wait, cause: DeferCause::Overloaded, reason } => {
                    Moot::Later { wait, why: reason }
                }
                Amending::Later { wait, cause, reason } => {
                    if cause == DeferCause::RateLimited {
                        let moot = Moot::Later { wait, why: reason.clone() };
                        self.moot(work, moot).await?;
                    }
                    return self.staged_later(wait, cause, reason).await.map(Err);
                }
                // What a call that is on its way says may be another thing.
                Amending::Same => match &work.request {
                    Some(frozen) => return Ok(Ok(frozen.clone())),
                    None => Moot::Same,
                },
                Amending::Gone(why) => Moot::Gone(why),
                Amending::Cannot(why) => Moot::Cannot(why),
            };
            return self.moot(work, moot).await.map(Err);
        }
        let why = format!("what must be known first took more than {PREFLIGHTS_MAX} calls");
        self.moot(work, Moot::Later { wait: None, why }).await.map(Err)
    }

    async fn moot(&self, work: &AmendWork, moot: Moot) -> Result<Next, LedgerError> {
        let (entry, group) = (work.due.entry_id.short(), &work.due.group);
        match &moot {
            Moot::Same => {}
            Moot::Gone(why) => {
                tracing::info!(entry.id = %entry, group.name = %group, reason = %why,
                    "{}: it is not there any more", work.change.word());
            }
            Moot::Later { why, .. } => {
                tracing::warn!(entry.id = %entry, group.name = %group, reason = %why,
                    "{}: not now; again later", work.change.word());
            }
            Moot::Cannot(why) => {
                tracing::error!(entry.id = %entry, group.name = %group, reason = %why,
                    "{}: it cannot be done", work.change.word());
            }
        }
        self.parts.ledger.moot_amend(work.due.id, work.change, moot).await?;
        Ok(Next::Again)
    }

    /// Offers what a change proved to the ledger until it is taken. Where it never is, the same call is
    /// made again later, which readers cannot see.
    async fn settle_amend(&self, spent: &AmendSpent) -> Result<Option<Amend>, LedgerError> {
        const TRIES: u32 = 3;
        let mut tries = 0;
        loop {
            match self.parts.ledger.settle_amend(spent).await {
                Ok(AmendSettled { amend, lane_stopped }) => {
                    if let Some(why) = lane_stopped {
                        tracing::error!(lane.name = %self.name, reason = %why,
                            "the lane has stopped; when it is mended: oncecast resume {}", self.name);
                    }
                    return Ok(amend);
                }
                Err(error) => {
                    tries += 1;
                    if tries >= TRIES {
                        return Err(error);
                    }
                    tokio::time::sleep(LEDGER_REST).await;
                }
            }
        }
    }

    fn tell_change(&self, work: &AmendWork, effect: &Effect, amend: Option<&Amend>) {
        let (entry, group) = (work.due.entry_id.short(), &work.due.group);
        let (change, url) = (work.change.word(), work.receipt.reference.url.as_deref());
        let is_over = !matches!(amend.map(|amend| &amend.stand), Some(Stand::Wanted { .. }));
        match effect {
            Effect::Done => {
                tracing::info!(entry.id = %entry, group.name = %group, url, "{change}: done");
            }
            Effect::Gone { reason } => {
                tracing::info!(entry.id = %entry, group.name = %group, url, %reason,
                    "{change}: it is not there any more");
            }
            Effect::Not(Outcome::Published { .. }) => {}
            Effect::Not(
                Outcome::Deferred { reason, .. }
                | Outcome::Unsent { reason }
                | Outcome::Unknown { reason }
                | Outcome::Refused { reason },
            ) => {
                if is_over {
                    tracing::error!(entry.id = %entry, group.name = %group, url, %reason,
                        "{change}: it is not done");
                } else {
                    tracing::warn!(entry.id = %entry, group.name = %group, url, %reason,
                        "{change}: not done, or not known to be; again later");
                }
            }
        }
    }
}

/// The fingerprint of what readers are told. A picture is no part of it: its address may change with every
/// look at the feed.
fn says(post: &Post) -> String {
    let parts = [&post.title, &Some(post.text.clone()), &post.language, &post.warning];
    let parts = parts.map(|part| part.as_deref().unwrap_or_default());
    format!("{:?}", Fingerprint::of("oncecast/says/1", &parts))
}
