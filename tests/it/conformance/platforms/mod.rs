//! The platforms as their documentation and their real software have them: what they store, what they
//! show, how they say no.

mod bluesky;
mod described;
pub mod discord;
pub mod discord_webhook;
pub mod ghost;
mod mastodon;
mod matrix;
mod ping;
pub mod threads;
mod webhook;
pub mod wordpress;

use std::time::Duration;

use oncecast::model::Time;

use super::server::{Answer, Call};

/// What the config names as `{ env = ".." }`. None of the values may be found in anything written.
pub const SECRETS: [(&str, &str); 9] = [
    ("KIT_INDEXNOW", "5ec2e7-0f-the-kit-indexnow"),
    ("KIT_HOOK", "https://discord.com/api/webhooks/9/s3cret-half-of-the-address"),
    ("KIT_HOOK_TOKEN", "s3cret-half-of-the-address"),
    ("KIT_GHOST", "6489c1b7d5f0a2:5ec2e7f00ba4cafe5ec2e7f00ba4cafe"),
    ("KIT_TOKEN", "s3cret-token-of-the-kit"),
    ("KIT_PASSWORD", "s3cret-password-of-the-kit"),
    ("KIT_SIGNING", "whsec_c2lnbmluZy1zZWNyZXQtb2YtdGhlLWtpdC0x"),
    ("KIT_SLACK", "/services/T0/B0/s3cret-hook-of-the-kit"),
    ("KIT_SPACE", "/v1/spaces/A/messages?key=k&token=s3cret-space-of-the-kit"),
];

/// The value of a secret.
pub fn secret(name: &str) -> &'static str {
    SECRETS.iter().find(|(n, _)| *n == name).unwrap().1
}

/// One platform.
pub trait Platform: Send {
    /// One integration and one group of it.
    fn config(&self, url: &str) -> String;
    /// Whether readers see something after this call.
    fn publishes(&self, call: &Call) -> bool;
    /// Answers any other call.
    fn answer(&mut self, call: &Call) -> Answer;
    /// Takes a publish call as it does on a good day.
    fn take(&mut self, call: &Call) -> Answer;
    /// Whether this call changes or takes away what readers see.
    fn changes(&self, _: &Call) -> bool {
        false
    }
    /// Takes such a call as it does on a good day.
    fn change(&mut self, call: &Call) -> Answer {
        unreachable!("{call:?}")
    }
    /// The credentials are another account's from now on.
    fn swap(&mut self) {
        unreachable!("it has one account");
    }
    /// Whoever looks at one of its posts is answered with this status from now on.
    fn shuts(&mut self, _: u16) {
        unreachable!("nobody looks");
    }
    /// Its author deletes every post there, by hand.
    fn vanish(&mut self) {}
    /// How many posts say this to its readers.
    fn says(&self, _: &str) -> usize {
        0
    }
    /// What it says of a call that it has taken already.
    fn repeated(&mut self, call: &Call) -> Answer {
        self.take(call)
    }
    /// Changes what it shows.
    fn alter(&mut self);
    /// Forgets every key that it was given.
    fn forget_keys(&mut self) {}
    /// Too many requests, in its own words and units.
    fn rate_limit(&self, wait: Duration, now: Time) -> Answer;
    /// Ends the session, and says so.
    fn expire(&mut self) -> Answer;
    /// It does not like the post.
    fn refuse(&self) -> Answer;
    /// How many posts its readers see.
    fn seen(&self) -> usize;
}

/// A row's name, adapter first, and its platform.
pub type Row = (&'static str, fn() -> Box<dyn Platform>);

/// Every row of the table: what is written by hand, and what is data.
pub fn rows() -> Vec<Row> {
    [ROWS, described::ROWS].concat()
}

/// The adapters that are written by hand.
pub const ROWS: &[Row] = &[
    ("bluesky", || Box::new(bluesky::Pds::default())),
    ("discord", || Box::new(discord::Discord::default())),
    ("discord_webhook", || Box::new(discord_webhook::Webhook::default())),
    ("ghost", || Box::new(ghost::Site::default())),
    ("mastodon", || Box::new(mastodon::Server::new(true))),
    ("mastodon/compatible", || Box::new(mastodon::Server::new(false))),
    ("matrix", || Box::new(matrix::Homeserver::default())),
    ("ping/indexnow", || Box::new(ping::Told::by("indexnow"))),
    ("ping/webmention", || Box::new(ping::Told::by("webmention"))),
    ("ping/websub", || Box::new(ping::Told::by("websub"))),
    ("threads", || Box::new(threads::Threads::default())),
    ("webhook", || Box::new(webhook::Receiver::new(false))),
    ("webhook/dedupes", || Box::new(webhook::Receiver::new(true))),
    ("wordpress", || Box::new(wordpress::Site::default())),
];
