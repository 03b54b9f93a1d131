//! The two loops: what comes in from feeds, and what goes out through lanes. They share nothing but
//! the ledger and a bell.

mod ahead;
mod amend;
pub mod bring;
pub mod compose;
pub mod deliver;
pub mod dispatch;
pub mod doubt;
mod hubs;
mod manners;
mod missing;
mod pace;
pub mod poll;
mod preflight;

pub mod plan;
mod pulse;
mod sessions;
mod stage;
mod strangers;

use std::sync::Arc;

use tokio::sync::watch;

use crate::clock::Clock;
use crate::ledger::Ledger;
use crate::wire::Wire;

pub use hubs::{Called, Hubs};
pub use manners::{Manners, gap};
pub use pace::Pacer;
pub use pulse::{Beat, Pulse};
pub use sessions::Sessions;

/// What every loop is given.
#[derive(Debug, Clone)]
pub struct Parts {
    /// The truth.
    pub ledger: Arc<dyn Ledger>,
    /// The door.
    pub wire: Arc<Wire>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Tells that something is worth a look; it carries no data.
    pub bell: Bell,
    /// Tells that the loops move.
    pub pulse: Arc<Pulse>,
}

/// Wakes whoever waits. What there is to do stands in the ledger.
#[derive(Debug, Clone)]
pub struct Bell {
    rings: Arc<watch::Sender<u64>>,
}

impl Default for Bell {
    fn default() -> Self {
        Self { rings: Arc::new(watch::Sender::new(0)) }
    }
}

impl Bell {
    /// Wakes every listener, now or when it next listens.
    pub fn ring(&self) {
        self.rings.send_modify(|rings| *rings = rings.wrapping_add(1));
    }

    /// Someone who hears every ring from now on.
    #[must_use]
    pub fn listen(&self) -> Listener {
        Listener { rings: self.rings.subscribe(), _bell: self.clone() }
    }
}

/// Hears the bell.
#[derive(Debug)]
pub struct Listener {
    rings: watch::Receiver<u64>,
    _bell: Bell,
}

impl Listener {
    /// Comes back when the bell has rung since the last time.
    pub async fn heard(&mut self) {
        // The bell outlives its listeners, so this cannot fail.
        self.rings.changed().await.ok();
    }

    /// Takes every ring up to now as heard.
    pub fn hush(&mut self) {
        self.rings.mark_unchanged();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_ring_before_listening_again_is_not_lost() {
        let bell = Bell::default();
        let mut listener = bell.listen();
        bell.ring();
        bell.ring();
        listener.heard().await;
        let quiet = tokio::time::timeout(std::time::Duration::from_millis(1), listener.heard());
        tokio::pin!(quiet);
        assert!(quiet.as_mut().await.is_err(), "two rings are one reason to look");
    }
}
