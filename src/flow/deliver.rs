//! One delivery, straight down: log in, compose, wait for pace, claim, publish, settle.
//!
//! All that can fail harmlessly comes before the claim, so that the dangerous stretch is three lines.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::adapter::{Adapter, CallSecrets, Known, PREFLIGHTS_MAX, Piece, Prepare, Unfit};
use crate::clock::Mark;
use crate::config::{Group, Integration};
use crate::ledger::{Claim, DueWork, LedgerError, Permit, Settled, Spent};
use crate::model::{DeferCause, DeliveryId, IdempotencyKey, Outcome, Request, Status, Time};
use crate::wire::Endpoint;

use super::ahead::Follows;
use super::{Pacer, Parts, Sessions, compose};

/// A pause before a ledger that could not be used is asked again.
pub(super) const LEDGER_REST: Duration = Duration::from_secs(5);
/// How often an outcome is offered to a ledger that cannot take it while the daemon ends.
const SETTLE_TRIES_AT_END: u32 = 3;

/// What to do after one step of a lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Look at once what is next.
    Again,
    /// Wait for this long, or for the bell.
    Wait(Duration),
    /// Wait for the bell.
    Bell,
}

/// One integration at work. Everything through it waits its turn here.
#[derive(Debug)]
pub struct Lane {
    pub(super) name: String,
    pub(super) adapter: Arc<dyn Adapter>,
    pub(super) groups: BTreeMap<String, Group>,
    pub(super) parts: Parts,
    endpoint: Endpoint,
    pub(super) pacer: Pacer,
    known: Known,
    sessions: Sessions,
    login: String,
    /// When the account of each group was last looked at for posts of others.
    pub(super) looked: BTreeMap<String, Mark>,
    /// The delivery that was last asked about before it was sent, and when.
    pub(super) asked: Option<(DeliveryId, Mark)>,
    /// Sessions renewed since the last call that was accepted: one is normal, a second in a row says
    /// that the credentials are the trouble.
    renewals: u32,
    pub(super) follows: Follows,
}

impl Lane {
    /// The lane of one integration.
    #[must_use]
    pub fn new(
        integration: &Integration,
        groups: &[Group],
        adapter: Arc<dyn Adapter>,
        sessions: Sessions,
        parts: Parts,
    ) -> Self {
        let login = login_of(integration);
        let known = sessions.load(&integration.name, &login);
        Self {
            name: integration.name.clone(),
            adapter,
            groups: groups
                .iter()
                .filter(|g| g.integration == integration.name)
                .map(|g| (g.name.clone(), g.clone()))
                .collect(),
            parts,
            endpoint: Endpoint { base: integration.url.clone(), timeout: integration.timeout },
            pacer: Pacer::new(integration.pace.every, integration.pace.burst),
            known,
            sessions,
            login,
            looked: BTreeMap::new(),
            asked: None,
            renewals: 0,
            follows: Follows::default(),
        }
    }

    /// The integration's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The longest a step of this lane may take: what the watchdog is told.
    pub(super) fn step_max(&self) -> Duration {
        // Preparation, drafts and questions are bounded; each call of theirs has its own timeout.
        self.endpoint.timeout + Duration::from_secs(30) * 24
    }

    /// Takes a delivery that is due as far as it will go.
    ///
    /// # Errors
    /// Where the ledger cannot be used.
    pub async fn deliver(&mut self, due: &DueWork) -> Result<Next, LedgerError> {
        let Some(group) = self.groups.get(&due.group).cloned() else { return Ok(Next::Bell) };
        if let Err(next) = self.prepare(&group).await? {
            return Ok(next);
        }
        let post = match due.request {
            Some(_) => None,
            None => {
                let piece = self.piece(due, &group);
                match compose::compose(self.adapter.as_ref(), &piece, &self.known) {
                    Ok((post, _)) => Some(post),
                    Err(why) => return self.unfit(due, why).await,
                }
            }
        };
        if let Err(wait) = self.pacer.step() {
            return Ok(Next::Wait(wait));
        }
        // What an earlier claim froze is what every later one says.
        let request = match (due.request.clone(), post) {
            (Some(frozen), _) => frozen,
            (None, Some(post)) => match self.preflight(due, &group).await? {
                Err(next) => return Ok(next),
                Ok(()) => match self.stage(due, &group, &post).await? {
                    Ok(request) => request,
                    Err(next) => return Ok(next),
                },
            },
            (None, None) => return Ok(Next::Again),
        };
        let secrets = match self.authorise(&request, &due.key).await? {
            Ok(secrets) => secrets,
            Err(next) => return Ok(next),
        };
        match self.parts.ledger.claim(due.id, request).await? {
            Claim::Granted(permit) => {
                if self.publish(permit, &secrets, due).await? {
                    self.look_around(&group).await;
                }
                Ok(Next::Again)
            }
            Claim::NotNow { wait, why } => {
                tracing::debug!(entry.id = %due.entry_id.short(), group.name = %due.group,
                    reason = %why, "not now");
                Ok(wait.map_or(Next::Bell, Next::Wait))
            }
            Claim::Gone(_) => Ok(Next::Again),
        }
    }

    /// The dangerous stretch: one call, one settlement. Nothing may `select!` around it. While the
    /// answer is awaited the next delivery is made ready, so that one commit settles this and claims that.
    /// Tells whether the platform has it.
    pub(super) async fn publish(
        &mut self,
        permit: Permit,
        secrets: &CallSecrets,
        due: &DueWork,
    ) -> Result<bool, LedgerError> {
        let attempt = permit.attempt();
        let (to, adapter) = (&self.endpoint, self.adapter.as_ref());
        let call = self.parts.wire.publish(permit, to, secrets, adapter, &self.known);
        let (spent, next) = tokio::join!(call, self.make_ready());
        let status = match next {
            Some(next) => self.settle_and_claim(&spent, next).await?,
            None => self.settle(&spent).await?,
        };
        self.tell(due, attempt, spent.outcome(), &status);
        self.renew(spent.outcome()).await?;
        Ok(matches!(spent.outcome(), Outcome::Published { .. }))
    }

    /// Offers an outcome to the ledger until it is taken: it is the only one who knows.
    pub(super) async fn settle(&self, spent: &Spent) -> Result<Status, LedgerError> {
        let mut tries = 0;
        loop {
            match self.parts.ledger.settle(spent).await {
                Ok(settled) => return Ok(self.settled(settled)),
                Err(error) => {
                    tries += 1;
                    tracing::error!(lane.name = %self.name, outcome = spent.outcome().word(),
                        delivery.id = %spent.delivery(), %error,
                        "an outcome cannot be recorded; trying again");
                    if tries >= SETTLE_TRIES_AT_END && self.parts.pulse.is_ending() {
                        return Err(error);
                    }
                    tokio::time::sleep(LEDGER_REST).await;
                }
            }
        }
    }

    pub(super) fn settled(&self, settled: Settled) -> Status {
        if let Some(why) = settled.lane_stopped {
            tracing::error!(lane.name = %self.name, reason = %why,
                "the lane has stopped; when it is mended: oncecast resume {}", self.name);
        }
        settled.status
    }

    /// Makes sure that nothing is missing: session, limits, ids.
    pub(super) async fn prepare(&mut self, group: &Group) -> Result<Result<(), Next>, LedgerError> {
        let mut answers = Vec::new();
        for _ in 0..=PREFLIGHTS_MAX {
            let now = self.parts.clock.now();
            match self.adapter.prepare(&self.known, &answers, group, now) {
                Prepare::Ready(known) => {
                    self.known = known;
                    if !answers.is_empty() {
                        self.keep();
                    }
                    return Ok(Ok(()));
                }
                Prepare::Call(call) => match self.parts.wire.call(&call, &self.endpoint).await {
                    Ok(answer) => answers.push(answer),
                    Err(trouble) => {
                        return self.troubled(format!("cannot prepare: {trouble}"), None).await;
                    }
                },
                Prepare::Denied(why) => {
                    tracing::error!(lane.name = %self.name, reason = %why,
                        "the lane has stopped; when it is mended: oncecast resume {}", self.name);
                    self.forget_session();
                    self.parts.ledger.trouble(&self.name, why, None, true).await?;
                    return Ok(Err(Next::Bell));
                }
                Prepare::Later { wait, reason } => return self.troubled(reason, wait).await,
            }
        }
        self.troubled(format!("its preparation took more than {PREFLIGHTS_MAX} calls"), None).await
    }

    pub(super) async fn troubled<T>(
        &self,
        why: String,
        wait: Option<Duration>,
    ) -> Result<Result<T, Next>, LedgerError> {
        tracing::warn!(lane.name = %self.name, reason = %why, "the lane rests");
        self.parts.ledger.trouble(&self.name, why, wait, false).await?;
        Ok(Err(Next::Again))
    }

    pub(super) fn piece<'a>(&self, due: &'a DueWork, group: &'a Group) -> Piece<'a> {
        compose::piece(due, group, self.parts.clock.now())
    }

    /// Holds what cannot be made into a post.
    pub(super) async fn unfit(&self, due: &DueWork, why: String) -> Result<Next, LedgerError> {
        tracing::warn!(entry.id = %due.entry_id.short(), group.name = %due.group,
            reason = %why, "held: it cannot be made into a post");
        self.parts.ledger.unfit(due.id, why).await?;
        Ok(Next::Again)
    }

    /// The secrets of a call: all that its request leaves open.
    pub(super) fn secrets(
        &self,
        request: &Request,
        key: &IdempotencyKey,
        known: &Known,
        now: Time,
    ) -> Result<CallSecrets, Unfit> {
        let secrets = self.adapter.authorise(request, key, known, now)?;
        // A mark left open would only be found behind the claim.
        secrets.fits(request).map_err(|open| Unfit(open.to_string()))?;
        Ok(secrets)
    }

    pub(super) async fn authorise(
        &self,
        request: &Request,
        key: &IdempotencyKey,
    ) -> Result<Result<CallSecrets, Next>, LedgerError> {
        match self.secrets(request, key, &self.known, self.parts.clock.now()) {
            Ok(secrets) => Ok(Ok(secrets)),
            Err(why) => {
                let why = why.to_string();
                tracing::error!(lane.name = %self.name, reason = %why,
                    "the lane has stopped; when it is mended: oncecast resume {}", self.name);
                self.parts.ledger.trouble(&self.name, why, None, true).await?;
                Ok(Err(Next::Bell))
            }
        }
    }

    /// A session that ran out is learnt anew; one that runs out twice in a row is no session.
    pub(super) async fn renew(&mut self, outcome: &Outcome) -> Result<(), LedgerError> {
        match outcome {
            Outcome::Deferred { cause: DeferCause::SessionExpired, reason, .. } => {
                self.forget_session();
                self.renewals += 1;
                if self.renewals > 1 {
                    let why = format!("a fresh session was not accepted either: {reason}");
                    self.parts.ledger.trouble(&self.name, why, None, true).await?;
                }
            }
            Outcome::Deferred { cause: DeferCause::Credentials, .. } => self.forget_session(),
            _ => self.renewals = 0,
        }
        Ok(())
    }

    fn forget_session(&mut self) {
        self.known.forget_session();
        self.keep();
    }

    fn keep(&self) {
        if let Err(error) = self.sessions.keep(&self.name, &self.login, &self.known) {
            tracing::warn!(lane.name = %self.name, %error, "the session cannot be kept");
        }
    }

    /// The account that is logged in, where that is of any matter to its posts.
    pub(super) fn account(&self) -> Option<String> {
        self.adapter.account(&self.known)
    }

    pub(super) const fn known(&self) -> &Known {
        &self.known
    }

    pub(super) const fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    fn tell(&self, due: &DueWork, attempt: u32, outcome: &Outcome, status: &Status) {
        let (entry, group) = (due.entry_id.short(), &due.group);
        match outcome {
            Outcome::Published { reference } => {
                let url = reference.url.as_deref();
                tracing::info!(entry.id = %entry, group.name = %group, attempt, url, "published");
                if reference.already && attempt == 1 {
                    self.tell_of_stranger(&entry, group, url);
                }
            }
            Outcome::Deferred { reason, .. } | Outcome::Unsent { reason } => {
                tracing::warn!(entry.id = %entry, group.name = %group, attempt, %reason,
                    status = status.kind().word(), "not performed; later again");
            }
            Outcome::Refused { reason } => {
                tracing::error!(entry.id = %entry, group.name = %group, attempt, %reason,
                    status = status.kind().word(), "refused");
            }
            Outcome::Unknown { reason } => {
                tracing::error!(entry.id = %entry, group.name = %group, attempt, %reason,
                    "in doubt: it may have been published");
            }
        }
    }
}

/// What a session belongs to: one account at one place.
pub(crate) fn login_of(integration: &Integration) -> String {
    format!("{} {} {:?}", integration.platform.kind(), integration.url, integration.platform)
}
