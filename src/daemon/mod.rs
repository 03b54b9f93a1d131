//! Builds the parts of the house, runs them, and lets them finish.

pub mod alerts;
mod closed;
mod house;
pub mod plan;
pub mod systemd;
mod workers;

use crate::config::{Config, Group, Integration, MACHINE_ID, Platform};
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
    let is = |group: &Group, kind: fn(&Platform) -> bool| {
        config.integrations.iter().any(|i| i.name == group.integration && kind(&i.platform))
    };
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
                home: config
                    .integrations
                    .iter()
                    .find(|i| i.name == g.integration)
                    .map(|i| home_of(i, g))
                    .unwrap_or_default(),
                feeds: g.feeds.clone(),
                when_absent: g.when_absent,
                upkeep: g.upkeep,
                rules: g.rules.clone(),
                edits_stay: is(g, |p| matches!(p, Platform::Matrix { .. })),
                by_hand: is(g, |p| matches!(p, Platform::ByHand)),
            })
            .collect(),
    }
}

/// Where a group's posts stand, as far as that decides what names them: another answer where a post of
/// before can no longer be named.
fn home_of(integration: &Integration, group: &Group) -> String {
    let mut home = integration.platform.kind().to_owned();
    // These name posts for the whole world, wherever the account lives.
    if !matches!(integration.platform, Platform::Bluesky { .. } | Platform::Matrix { .. }) {
        let mut url = integration.url.clone();
        url.set_query(None);
        home += &format!(" at {url}");
    }
    // These name the room in every receipt.
    let tells_room = matches!(
        integration.platform,
        Platform::Matrix { .. } | Platform::Discord { .. } | Platform::DiscordWebhook { .. }
    );
    if let Some(room) = group.room.as_ref().filter(|_| !tells_room) {
        home += &format!(", in {room}");
    }
    if let Platform::Described { user, set, .. } = &integration.platform {
        if let Some(user) = user {
            home += &format!(", as {user}");
        }
        for (name, value) in set.iter().chain(&group.set) {
            home += &format!(", {name} {value}");
        }
    }
    home
}
