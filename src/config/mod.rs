//! What the operator wrote, checked once: after loading, every value here is good.
//!
//! Secrets are resolved while loading and live only in [`Secret`], whose text is never shown.

mod address;
mod alerts;
mod audience;
pub mod describe;
mod described;
mod feeds;
mod groups;
mod house;
pub(crate) use house::MACHINE_ID;
mod integrations;
mod keys;
mod load;
mod problem;
mod routes;
mod rows;
mod rules;
mod search;
mod secret;
mod source;
mod table;
#[cfg(test)]
mod tests;
pub mod units;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;
use url::Url;

pub use crate::model::Caps;
use crate::model::Time;

pub use problem::{ConfigError, Problem, Report};
pub use search::{Env, locate, process_env};
pub use secret::{SecretError, Secrets};

/// The whole configuration.
#[derive(Debug, Clone)]
pub struct Config {
    /// The file it came from.
    pub file: PathBuf,
    /// Where the truth is kept.
    pub ledger: Ledger,
    /// Health, status, metrics and the control socket.
    pub serve: Serve,
    /// The walls against a flood.
    pub guard: Guard,
    /// How feeds are asked.
    pub poll: Poll,
    /// Where hubs can call, if they can.
    pub websub: Option<WebSub>,
    /// What is polled.
    pub feeds: Vec<Feed>,
    /// Logins at platforms; each is one lane.
    pub integrations: Vec<Integration>,
    /// Audiences.
    pub groups: Vec<Group>,
    /// Who hears that something waits for a person.
    pub alerts: Vec<Alert>,
    /// What is legal but deserves a word, such as a poll interval that bothers a server.
    pub warnings: Vec<String>,
}

/// `[ledger]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ledger {
    /// The redb file. Its folder is the state folder: witness, lock, sessions and the STOP file
    /// stand beside it.
    pub path: PathBuf,
    /// Its witness: beside it, unless another place is given.
    pub witness: PathBuf,
    /// Whether there must be a ledger: then none is made by itself.
    pub expect: bool,
    /// This machine's name for the ledger; `machine-id` is the one that it has.
    pub host: String,
}

/// `[serve]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Serve {
    /// Where health, status and metrics answer.
    pub listen: SocketAddr,
    /// Whether `listen` may be another address than loopback.
    pub allow_remote: bool,
    /// The UNIX socket of the control API.
    pub control: PathBuf,
}

/// `[guard]`
#[derive(Debug, Clone, PartialEq)]
pub struct Guard {
    /// A new entry is seen twice, this far apart, before it is sent. Zero turns it off.
    pub settle: Duration,
    /// More new entries than this in one poll are held whole.
    pub burst: u32,
    /// A larger share than this of a feed of four items or more, new at once, is held whole; from
    /// 0 (exclusive) to 1, which turns it off.
    pub share: f64,
    /// An entry older than this is held.
    pub max_age: Duration,
    /// After so many unclean starts within ten minutes nothing is sent for half an hour. Zero turns it
    /// off.
    pub crash_loop: u32,
    /// How far apart the groups of one entry hear it. Zero turns it off.
    pub stagger: Duration,
}

/// `[poll]`
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Poll {
    /// Whom the owner of a feed can write to, or where it stands: a mail address or a page.
    pub contact: Option<String>,
}

/// `[websub]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebSub {
    /// The address under which hubs reach us.
    pub callback: Url,
    /// Where what comes there is taken.
    pub listen: SocketAddr,
}

/// `[[feed]]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Feed {
    /// Its name, which is also its identity in the ledger.
    pub name: String,
    /// Where it is.
    pub source: FeedSource,
    /// How often it is polled.
    pub every: Duration,
    /// How seldom at the most, where it is silent or asks for rest; at least `every`.
    pub every_max: Duration,
}

/// Where a feed is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FeedSource {
    /// `http` or `https`.
    Http(Url),
    /// A local file.
    File(PathBuf),
}

/// `[[integration]]`: one login at one platform, and so one lane.
#[derive(Debug, Clone)]
pub struct Integration {
    /// Its name.
    pub name: String,
    /// Base URL without a trailing slash in its path; a webhook's is the whole address as written, and
    /// by hand there is none: `about:blank`.
    pub url: Url,
    /// The platform and what only it needs.
    pub platform: Platform,
    /// Manners: the smooth pace inside this process.
    pub pace: Pace,
    /// Law: counted in the ledger.
    pub caps: Caps,
    /// How long a publish call may take in all.
    pub timeout: Duration,
    /// How long after a publish call of unknown outcome the platform is asked first, and how far
    /// apart it is asked again.
    pub doubt_after: Duration,
    /// When its credentials run out, where nothing can renew them.
    pub expires: Option<Time>,
}

impl Integration {
    /// What is to be done about credentials that run out within two weeks, or have; `None` where there is
    /// nothing to do.
    #[must_use]
    pub fn expiry(&self, now: Time) -> Option<String> {
        /// Time enough to be away, and to come back.
        const WARNED: Duration = Duration::from_secs(14 * 24 * 60 * 60);
        let expires = self.expires.filter(|expires| expires.since(now) <= WARNED)?;
        let (name, day) = (&self.name, &expires.to_string()[..10]);
        let when = match expires.since(now).as_secs() / 86_400 {
            _ if expires <= now => "ran out".to_owned(),
            0 => "run out within a day,".to_owned(),
            1 => "run out in 1 day,".to_owned(),
            days => format!("run out in {days} days,"),
        };
        Some(format!(
            "the credentials of {name} {when} on {day}: make new ones, write the new day to expires, reload"
        ))
    }
}

/// The platform of an integration, with its own keys.
#[derive(Debug, Clone)]
pub enum Platform {
    /// `kind = "webhook"`: Standard Webhooks 1.0.
    Webhook {
        /// The signing secret, `whsec_` and base64; without one nothing is signed.
        secret: Option<Secret>,
        /// Whether the receiver is known to ignore a `webhook-id` it has seen.
        receiver_dedupes: bool,
    },
    /// `kind = "mastodon"`, and servers that speak its API.
    Mastodon {
        /// The access token.
        token: Secret,
    },
    /// `kind = "bluesky"`: any AT Protocol PDS.
    Bluesky {
        /// Handle, DID or mail address.
        identifier: String,
        /// An app password.
        password: Secret,
    },
    /// `kind = "custom"`, and the platforms that are shipped as data: any HTTP API.
    Described {
        /// The `kind`.
        kind: &'static str,
        /// What the API is like.
        description: Arc<describe::Description>,
        /// Its secrets, by their key.
        secrets: BTreeMap<String, Secret>,
        /// Who posts, where the API wants to know.
        user: Option<String>,
        /// What it wants to know besides.
        set: BTreeMap<String, String>,
    },
    /// `kind = "discord"`: a bot.
    Discord {
        /// The bot's token.
        token: Secret,
    },
    /// `kind = "discord-webhook"`: a webhook of one channel.
    DiscordWebhook {
        /// Its whole address, which is a secret.
        address: Secret,
        /// The name that it posts under; its own without one.
        user: Option<String>,
    },
    /// `kind = "wordpress"`: its REST API.
    WordPress {
        /// Who posts.
        user: String,
        /// An application password of theirs.
        password: Secret,
    },
    /// `kind = "ghost"`: its Admin API.
    Ghost {
        /// The Admin API key of a custom integration.
        token: Secret,
    },
    /// `kind = "websub"`, `"webmention"` or `"indexnow"`: somebody is told that a post is there.
    Ping {
        /// Which of them.
        kind: PingKind,
    },
    /// `kind = "by-hand"`: a person posts, and nothing is called.
    ByHand,
    /// `kind = "matrix"`: the client-server API.
    Matrix {
        /// How it logs in.
        login: MatrixLogin,
    },
}

/// Who is told that a post is there.
#[derive(Debug, Clone)]
pub enum PingKind {
    /// A hub, which tells the feed's subscribers; the feed is the group's `link`.
    WebSub,
    /// A page that the post answers to, by the endpoint that it names; the page is the group's `link`.
    Webmention,
    /// Search engines.
    IndexNow {
        /// The key that stands in a file of the site.
        key: Secret,
    },
}

/// How a Matrix integration logs in.
#[derive(Debug, Clone)]
pub enum MatrixLogin {
    /// An access token: its device is kept by keeping the token.
    Token(Secret),
    /// User and password, always as the same device.
    Password {
        /// Local part or full user id.
        user: String,
        /// The password.
        password: Secret,
    },
}

impl Platform {
    /// The `kind` as it stands in the config.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Webhook { .. } => "webhook",
            Self::Mastodon { .. } => "mastodon",
            Self::Bluesky { .. } => "bluesky",
            Self::Matrix { .. } => "matrix",
            Self::Discord { .. } => "discord",
            Self::DiscordWebhook { .. } => "discord-webhook",
            Self::WordPress { .. } => "wordpress",
            Self::Ghost { .. } => "ghost",
            Self::Ping { kind: PingKind::WebSub } => "websub",
            Self::Ping { kind: PingKind::Webmention } => "webmention",
            Self::Ping { kind: PingKind::IndexNow { .. } } => "indexnow",
            Self::ByHand => "by-hand",
            Self::Described { kind, .. } => kind,
        }
    }
}

/// `pace = { every = "2m", burst = 1 }`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// One publish call each.
    pub every: Duration,
    /// How many may go at once after a rest.
    pub burst: u32,
}

/// `[[group]]`: an audience that hears each entry at most once.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Group {
    /// Its name, which is also its identity in the ledger.
    pub name: String,
    /// The name of its integration.
    pub integration: String,
    /// The names of its feeds.
    pub feeds: Vec<String>,
    /// What a post says, in minijinja; `None` is the platform's own default.
    pub template: Option<String>,
    /// Where within the integration: a Matrix room id or alias, a Discord channel's id, or what a
    /// description calls so.
    pub room: Option<String>,
    /// What a description wants to know of a group.
    pub set: BTreeMap<String, String>,
    /// Mastodon: `public`, `unlisted` or `private`.
    pub visibility: Option<String>,
    /// BCP 47 tag used where an entry names no language.
    pub language: Option<String>,
    /// Whether a post carries the entry's picture, where the platform takes one; it does unless `false`.
    pub pictures: Option<bool>,
    /// What readers are warned of before each post.
    pub warning: Option<String>,
    /// What becomes of a post in doubt that the platform does not have.
    pub when_absent: crate::model::WhenAbsent,
    /// Whether the account is asked before each first send whether the link stands there already.
    pub preflight: bool,
    /// What becomes of its posts when their entries change or are deleted.
    pub upkeep: crate::model::Upkeep,
    /// Which entries it hears, and when.
    pub rules: crate::model::route::Rules,
    /// By hand: the page that opens the group. WebSub: the feed. Webmention: the page answered to.
    pub link: Option<Url>,
    /// By hand: the most that a post may hold there, in characters as readers count them.
    pub limit: Option<u32>,
}

/// `[[alert]]`: a group that hears, once and bundled, what waits for a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alert {
    /// The name of the group; it hears no feed.
    pub group: String,
    /// How long a thing has to wait before it is told.
    pub after: Duration,
    /// The shortest time between two alerts.
    pub every: Duration,
}

/// Where a secret is, and what it is.
#[derive(Clone)]
pub struct Secret {
    /// Where it came from.
    pub source: SecretSource,
    /// What it is.
    pub value: SecretString,
}

/// Where a secret is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretSource {
    /// A systemd credential of that name.
    Credential(String),
    /// An environment variable of that name.
    Env(String),
    /// A file, readable by nobody else.
    File(PathBuf),
}

impl std::fmt::Display for SecretSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Credential(name) => write!(f, "the credential {name:?}"),
            Self::Env(name) => write!(f, "the environment variable {name}"),
            Self::File(path) => write!(f, "the file {}", path.display()),
        }
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Secret({})", self.source)
    }
}
