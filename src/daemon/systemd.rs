//! What systemd is told: ready, reloading, stopping, and that the loops move.

use std::sync::Arc;
use std::time::Duration;

use sd_notify::NotifyState;
use tokio_util::sync::CancellationToken;

use crate::flow::Pulse;

/// How often a house without a watchdog looks at its loops, for the log's sake.
const LOOK_EVERY: Duration = Duration::from_secs(30);

/// Everything is open; `status` is one line for `systemctl status`.
pub fn ready(status: &str) {
    tell(&[NotifyState::Ready, NotifyState::Status(status)]);
}

/// The config is being read again. systemd 253 and later want the moment in the same message.
pub fn reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(moment) => tell(&[NotifyState::Reloading, moment]),
        Err(_) => tell(&[NotifyState::Reloading]),
    }
}

/// What is under way is being finished.
pub fn stopping() {
    tell(&[NotifyState::Stopping, NotifyState::Status("finishing what is under way")]);
}

fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::debug!(%error, "systemd cannot be told");
    }
}

/// Feeds the watchdog as long as every loop keeps its word, and no longer.
pub async fn watchdog(pulse: Arc<Pulse>, stop: CancellationToken) {
    let wanted = sd_notify::watchdog_enabled();
    let every = wanted.map_or(LOOK_EVERY, |limit| limit / 3);
    let mut told = false;
    loop {
        tokio::select! {
            () = tokio::time::sleep(every) => {}
            () = stop.cancelled() => return,
        }
        let stalled = pulse.stalled();
        match stalled.first() {
            None => {
                told = false;
                if wanted.is_some() {
                    tell(&[NotifyState::Watchdog]);
                }
            }
            Some((name, over)) if !told => {
                told = true;
                tracing::error!(stalled = %name, seconds = over.as_secs(),
                    "a loop does not move; the watchdog is not fed");
            }
            Some(_) => {}
        }
    }
}
