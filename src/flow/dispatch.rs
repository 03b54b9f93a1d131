//! One worker a lane: it reads what is due and takes it as far as it will go. Lanes know nothing of
//! each other, so a dead one delays none.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::ledger::{LedgerError, Work};
use crate::model::DeliveryId;

use super::Listener;
use super::deliver::{LEDGER_REST, Lane, Next};

/// A lane with nothing to do is heard of this often.
const IDLE: Duration = Duration::from_secs(60);

/// How a lane rests.
pub trait Rests: Send {
    /// Waits for as long as there is nothing to do, where that is known, for the bell, or for the end. Only
    /// waiting is ever cut short.
    fn rest<'a>(
        &'a mut self,
        wait: Option<Duration>,
        bell: &'a mut Listener,
        stop: &'a CancellationToken,
    ) -> Pin<Box<dyn Future<Output = ()> + Send + 'a>>;
}

/// As a daemon rests: it looks around every minute.
#[derive(Debug, Clone, Copy, Default)]
pub struct Lightly;

impl Rests for Lightly {
    fn rest<'a>(
        &'a mut self,
        wait: Option<Duration>,
        bell: &'a mut Listener,
        stop: &'a CancellationToken,
    ) -> Pin<Box<dyn Future<Output = ()> + Send + 'a>> {
        Box::pin(rest(wait.map_or(IDLE, |wait| wait.min(IDLE)), bell, stop))
    }
}

/// Works a lane until it is told to stop; a publish call under way is finished first.
pub async fn work(lane: Lane, stop: CancellationToken) {
    work_resting(lane, stop, Lightly).await;
}

/// [`work`], with rests of another kind: for tests that live through days.
pub async fn work_resting(mut lane: Lane, stop: CancellationToken, mut rests: impl Rests) {
    let beat = lane.parts.pulse.voice(format!("lane {}", lane.name()));
    let mut bell = lane.parts.bell.listen();
    lane.follows.until = Some(stop.clone());
    while !stop.is_cancelled() || lane.follows.has_claimed() {
        bell.hush();
        beat.within(lane.step_max());
        let next = step(&mut lane).await.unwrap_or_else(|error| {
            tracing::error!(lane.name = %lane.name(), %error, "the lane cannot go on; trying again");
            Next::Wait(LEDGER_REST)
        });
        let wait = match next {
            Next::Again => continue,
            Next::Wait(wait) => Some(wait),
            Next::Bell => None,
        };
        beat.within(wait.map_or(IDLE, |wait| wait.min(IDLE)));
        rests.rest(wait, &mut bell, &stop).await;
    }
}

async fn step(lane: &mut Lane) -> Result<Next, LedgerError> {
    if let Some(followed) = lane.follow().await {
        return followed.map(|()| Next::Again);
    }
    let waiting = lane.parts.ledger.due(lane.name()).await?;
    match waiting.work {
        Some(Work::Due(due)) => lane.deliver(&due).await,
        Some(Work::Doubt(doubt)) => lane.look(&doubt).await,
        Some(Work::Amend(amend)) => lane.amend(&amend).await,
        None => Ok(waiting.wake.map_or(Next::Bell, Next::Wait)),
    }
}

/// Waits: for the time, for the bell, or for the end. Only waiting is ever cut short.
async fn rest(wait: Duration, bell: &mut Listener, stop: &CancellationToken) {
    tokio::select! {
        () = tokio::time::sleep(wait) => {}
        () = bell.heard() => {}
        () = stop.cancelled() => {}
    }
}

/// Takes one delivery of a lane as far as it will go, for a replay without a daemon: the same steps in
/// the same order. `patience` bounds how long it waits for pace, caps and rests; what else is due in
/// the lane is the daemon's.
///
/// # Errors
/// Where the ledger cannot be used.
pub async fn work_off(
    lane: &mut Lane,
    wanted: DeliveryId,
    patience: Duration,
    stop: &CancellationToken,
) -> Result<(), LedgerError> {
    let mut bell = lane.parts.bell.listen();
    loop {
        let waiting = lane.parts.ledger.due_one(wanted).await?;
        let next = match waiting.work {
            Some(Work::Due(due)) => lane.deliver(&due).await?,
            Some(Work::Amend(amend)) => lane.amend(&amend).await?,
            Some(Work::Doubt(_)) | None => waiting.wake.map_or(Next::Bell, Next::Wait),
        };
        match next {
            Next::Again => {}
            Next::Wait(wait) if wait <= patience && !stop.is_cancelled() => {
                rest(wait, &mut bell, stop).await;
            }
            Next::Wait(_) | Next::Bell => return Ok(()),
        }
    }
}
