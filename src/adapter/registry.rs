//! The one list of platforms: from a config to the adapter that speaks for it.

use std::sync::Arc;

use crate::config::{Integration, Platform};

use super::Adapter;
use super::bluesky::Bluesky;
use super::mastodon::Mastodon;
use super::matrix::Matrix;
use super::webhook::Webhook;

/// The adapter of an integration.
#[must_use]
pub fn build(integration: &Integration) -> Arc<dyn Adapter> {
    match &integration.platform {
        Platform::Webhook { secret, receiver_dedupes } => {
            Arc::new(Webhook::new(secret.as_ref(), *receiver_dedupes))
        }
        Platform::Mastodon { token } => Arc::new(Mastodon::new(token)),
        Platform::Bluesky { identifier, password } => Arc::new(Bluesky::new(identifier, password)),
        Platform::Matrix { login } => Arc::new(Matrix::new(&integration.name, login)),
    }
}
