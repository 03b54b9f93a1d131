//! Builds the parts of the house, runs them, and lets them finish.

pub mod alerts;
mod closed;
mod house;
pub mod plan;
pub mod systemd;
mod workers;

use crate::config::{Config, MACHINE_ID, Platform};
use crate::ledger::embedded::Place;
use crate::ledger::{Audience, Lane, Policy, Setup};

pub use closed::ledger;
pub use house::{House, Reload, Running, Started};
pub use workers::{Workers, lane_of};

/// Where the ledger of a config stands.
#[must_use]
pub fn place_of(config: &Config) -> Place {
    let ledger = &config.ledger;
    Place {
        path: ledger.path.clone(),
        witness: Some(ledger.witness.clone()),
        expected: ledger.expect,
        host: (ledger.host != MACHINE_ID).then(|| ledger.host.clone()),
        ..Place::default()
    }
}

/// The part of a config that the ledger enforces.
#[must_use]
pub fn setup_of(config: &Config) -> Setup {
    let guard = &config.guard;
    Setup {
        policy: Policy {
            settle: guard.settle,
            burst: guard.burst,
            share: guard.share,
            max_age: guard.max_age,
            crash_loop: guard.crash_loop,
            stagger: guard.stagger,
        },
        lanes: config
            .integrations
            .iter()
            .map(|i| Lane { name: i.name.clone(), caps: i.caps, doubt_after: i.doubt_after })
            .collect(),
        groups: config
            .groups
            .iter()
            .map(|g| Audience {
                name: g.name.clone(),
                lane: g.integration.clone(),
                feeds: g.feeds.clone(),
                when_absent: g.when_absent,
                upkeep: g.upkeep,
                rules: g.rules.clone(),
                by_hand: config
                    .integrations
                    .iter()
                    .any(|i| i.name == g.integration && matches!(i.platform, Platform::ByHand)),
            })
            .collect(),
    }
}
