//! From a checked integration to its adapter: the one list of what can be spoken.

use std::sync::Arc;

use super::Adapter;
use super::bluesky::Bluesky;
use super::by_hand::ByHand;
use super::discord::Discord;
use super::discord_webhook::DiscordWebhook;
use super::ghost::Ghost;
use super::mastodon::Mastodon;
use super::matrix::Matrix;
use super::ping::Ping;
use super::webhook::Webhook;
use super::wordpress::WordPress;
use crate::config::{Integration, Platform};

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
        Platform::Ping { kind } => Arc::new(Ping { kind }),
        Platform::ByHand => Arc::new(ByHand),
        Platform::Matrix { login } => {
            Arc::new(Matrix { url, name: integration.name.clone(), login })
        }
    }
}
