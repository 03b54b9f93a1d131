//! From a checked integration to its adapter: the one list of what can be spoken.

use std::sync::Arc;

use super::Adapter;
use super::bluesky::Bluesky;
use super::by_hand::ByHand;
use super::described::{self, Described};
use super::discord::Discord;
use super::discord_webhook::DiscordWebhook;
use super::ghost::Ghost;
use super::mastodon::Mastodon;
use super::matrix::Matrix;
use super::ping::Ping;
use super::threads::Threads;
use super::webhook::Webhook;
use super::wordpress::WordPress;
use crate::config::{Group, Integration, Platform};

/// The adapter of an integration.
#[must_use]
pub fn build(integration: &Integration) -> Arc<dyn Adapter> {
    let url = integration.url.clone();
    match integration.platform.clone() {
        Platform::Webhook { secret, receiver_dedupes } => {
            Arc::new(Webhook { secret, receiver_dedupes })
        }
        Platform::Mastodon { token } => Arc::new(Mastodon { url, token }),
        Platform::Bluesky { identifier, password } => {
            Arc::new(Bluesky { url, identifier, password })
        }
        Platform::Discord { token } => Arc::new(Discord { url, token }),
        Platform::DiscordWebhook { address, user } => {
            Arc::new(DiscordWebhook { url, address, user })
        }
        Platform::WordPress { user, password } => Arc::new(WordPress { url, user, password }),
        Platform::Ghost { token } => Arc::new(Ghost { url, token }),
        Platform::Threads { token } => Arc::new(Threads { url, token }),
        Platform::Ping { kind } => Arc::new(Ping { kind }),
        Platform::ByHand => Arc::new(ByHand),
        Platform::Described { description, secrets, user, set, .. } => {
            Arc::new(Described { url, description, secrets, user, set })
        }
        Platform::Matrix { login } => {
            Arc::new(Matrix { url, name: integration.name.clone(), login })
        }
    }
}

/// Whether an integration can keep what it declares, for a group of it: descriptions are written by people.
///
/// # Errors
/// In words, what is wrong with its description.
pub fn check(integration: &Integration, group: &Group) -> Result<(), String> {
    let Platform::Described { description, secrets, user, set, .. } = integration.platform.clone()
    else {
        return Ok(());
    };
    let url = integration.url.clone();
    described::check(&Described { url, description, secrets, user, set }, group)
}
