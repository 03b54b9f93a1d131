//! `replay`: one entry sent by hand, to the groups that have not had it.
//!
//! It writes a row, and the same lanes that serve the feed send it: the daemon's where one runs, else
//! this command's own, with the same caps and the same breaker.

use std::io::IsTerminal as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::cli;
use crate::clock::{Clock, Mark, SystemClock};
use crate::config::Config;
use crate::daemon::lane_of;
use crate::flow::{Bell, Parts, Pulse, dispatch};
use crate::ledger::{EntryView, Ledger, ReplayStep};
use crate::model::{DeliveryId, Status};
use crate::wire::Wire;

use crate::desk::print;
use crate::desk::verb::{Answer, Verb, perform};

use super::{Failure, Outcome, client, exit, run, talk};

/// How long a replay waits for pace and rests before it says "later".
const PATIENCE: Duration = Duration::from_secs(15);
/// How long it watches what the daemon does with it.
pub(super) const WATCH: Duration = Duration::from_secs(90);
pub(super) const WATCH_EVERY: Duration = Duration::from_millis(200);

pub(super) async fn replay(path: &Path, what: cli::Replay) -> Outcome {
    let verb = Verb::Replay {
        entry: what.entry.clone(),
        group: what.group.clone(),
        again: what.reason.clone(),
        dry_run: what.dry_run,
    };
    let config = super::bare(path)?;
    if let Some(answer) = client::ask_daemon(&config, &verb).await? {
        let (entry, steps) = parts_of(answer)?;
        announce(&what, &entry, &steps);
        if !what.dry_run {
            return finish(&what, watch(&config, &entry, &steps).await?, &steps);
        }
        return finish(&what, entry, &steps);
    }
    let config = run::load(path)?;
    client::needs_ledger(&config)?;
    let ledger = client::open(&config).await?;
    let (entry, steps) = parts_of(perform(ledger.as_ref(), verb, &client::who()).await?)?;
    announce(&what, &entry, &steps);
    let mut seen = entry;
    if !what.dry_run {
        let wanted: Vec<(String, DeliveryId)> = steps
            .iter()
            .filter(|step| step.sends)
            .map(|step| (step.group.clone(), step.delivery.id))
            .collect();
        let offline = Offline::over(&ledger)?;
        offline.send(&config, &wanted).await?;
        seen = again(&offline.parts, &seen).await?;
    }
    ledger.close().await?;
    finish(&what, seen, &steps)
}

/// Lanes of this command's own, where no daemon runs.
pub(super) struct Offline {
    pub(super) parts: Parts,
}

impl Offline {
    pub(super) fn over(ledger: &Arc<dyn Ledger>) -> Result<Self, Failure> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let wire = Wire::open().map_err(|e| Failure::new(exit::UNAVAILABLE, e.to_string()))?;
        let (bell, pulse) = (Bell::default(), Arc::new(Pulse::default()));
        pulse.end();
        let parts = Parts { ledger: Arc::clone(ledger), wire, clock, bell, pulse };
        Ok(Self { parts })
    }

    /// Takes these deliveries as far as they will go, group by group.
    pub(super) async fn send(
        &self,
        config: &Config,
        wanted: &[(String, DeliveryId)],
    ) -> Result<(), Failure> {
        let stop = CancellationToken::new();
        let on_signal = stop.clone();
        let signals = tokio::spawn(async move {
            // A call under way is finished; only waiting ends.
            tokio::signal::ctrl_c().await.ok();
            on_signal.cancel();
        });
        for integration in &config.integrations {
            let is_its = |group: &String| {
                config.groups.iter().any(|g| g.integration == integration.name && g.name == *group)
            };
            let mut wanted = wanted.iter().filter(|(group, _)| is_its(group)).peekable();
            if wanted.peek().is_none() {
                continue;
            }
            let mut lane = lane_of(config, integration, &self.parts);
            for (_, delivery) in wanted {
                dispatch::work_off(&mut lane, *delivery, PATIENCE, &stop).await?;
            }
        }
        signals.abort();
        Ok(())
    }
}

pub(super) async fn again(parts: &Parts, entry: &EntryView) -> Result<EntryView, Failure> {
    let mut found = parts.ledger.find(&entry.id.to_string()).await?;
    found.retain(|e| e.number == entry.number);
    found.pop().ok_or_else(|| Failure::new(exit::NO_INPUT, "the entry is gone"))
}

/// Watches the daemon send.
async fn watch(
    config: &Config,
    entry: &EntryView,
    steps: &[ReplayStep],
) -> Result<EntryView, Failure> {
    let began = Mark::here();
    loop {
        let verb = Verb::Why { entry: entry.id.to_string() };
        let Some(Answer::Why { entry: now, .. }) = client::ask_daemon(config, &verb).await? else {
            return Err(Failure::new(exit::UNAVAILABLE, "the daemon has ended meanwhile"));
        };
        let moving = results(&now, steps)
            .any(|status| matches!(status, Status::Due { .. } | Status::Claimed { .. }));
        if !moving || began.elapsed() > WATCH {
            return Ok(*now);
        }
        tokio::time::sleep(WATCH_EVERY).await;
    }
}

fn results<'a>(
    entry: &'a EntryView,
    steps: &'a [ReplayStep],
) -> impl Iterator<Item = &'a Status> + 'a {
    entry
        .deliveries
        .iter()
        // What a person posts is on their list now, and nobody waits for it here.
        .filter(|view| steps.iter().any(|s| s.sends && s.delivery.id == view.id) && !view.by_hand)
        .map(|view| &view.status)
}

fn parts_of(answer: Answer) -> Result<(EntryView, Vec<ReplayStep>), Failure> {
    match answer {
        Answer::Replay { entry, steps } => Ok((*entry, steps)),
        _ => Err(Failure::new(exit::UNAVAILABLE, "the daemon answered something else")),
    }
}

fn announce(what: &cli::Replay, entry: &EntryView, steps: &[ReplayStep]) {
    if !what.json {
        let answer = Answer::Replay { entry: Box::new(entry.clone()), steps: steps.to_vec() };
        talk::show(&answer);
        if !what.dry_run && steps.iter().any(|s| s.sends) && std::io::stderr().is_terminal() {
            print::note("sending ...\n");
        }
    }
}

fn finish(what: &cli::Replay, entry: EntryView, steps: &[ReplayStep]) -> Outcome {
    let sent: Vec<Status> = results(&entry, steps).cloned().collect();
    if what.json {
        let answer = Answer::Replay { entry: Box::new(entry), steps: steps.to_vec() };
        print::json(&answer);
    } else if !what.dry_run {
        for view in &entry.deliveries {
            if steps.iter().any(|s| s.sends && s.delivery.id == view.id) {
                print::out(&format!("  {}", print::delivery(view)));
            }
        }
    }
    let refused = steps.iter().all(|s| !s.sends);
    Ok(match () {
        () if refused => exit::REFUSED,
        () if what.dry_run => exit::OK,
        () if sent.iter().any(|s| matches!(s, Status::InDoubt { .. })) => exit::IN_DOUBT,
        () if sent.iter().any(|s| matches!(s, Status::Refused { .. } | Status::Held { .. })) => {
            exit::FAILED
        }
        () if sent.iter().any(|s| !matches!(s, Status::Published { .. })) => exit::LATER,
        () => exit::OK,
    })
}
