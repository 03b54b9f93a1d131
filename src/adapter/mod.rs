//! What each platform wants to hear. An adapter builds requests and reads answers; it cannot send,
//! loop, wait or read a clock, since it holds nothing to do so with.
//!
//! One file a platform, in one order: limits, prepare, compose, request, authorise, judge, ask.

mod bluesky;
mod mastodon;
mod matrix;
pub mod registry;
mod webhook;

use std::collections::BTreeMap;
use std::time::Duration;

use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use crate::config::Group;
use crate::model::{
    Entry, EntryId, Found, Guarantee, IdempotencyKey, Outcome, Request, Response, Time,
};
use crate::post::{DEFAULT_TEMPLATE, Limit, Template, fit, length};

/// The most harmless calls one preparation or one question may take.
pub const PREFLIGHTS_MAX: usize = 8;

/// One platform login.
pub trait Adapter: Send + Sync + std::fmt::Debug {
    /// What the platform lets us promise, as far as is known of it.
    fn guarantee(&self, known: &Known) -> Guarantee;

    /// What is still missing before a post can be composed and sent to a group: a session, limits,
    /// ids.
    ///
    /// `known` is what earlier calls learnt, `answers` what has been answered since this
    /// preparation began, in order.
    fn prepare(&self, known: &Known, group: &Group, answers: &[Response], now: Time) -> Prepare;

    /// What the group will read.
    ///
    /// # Errors
    /// [`Unfit`] where the entry cannot be made to fit.
    fn compose(&self, piece: &Piece<'_>, known: &Known) -> Result<Post, Unfit>;

    /// The publish call for a composed post. It is stored before it is sent, and a repeat is made of
    /// the stored bytes, so nothing in it may be secret.
    ///
    /// # Errors
    /// [`Unfit`] where the platform cannot be given this post.
    fn request(&self, post: &Post, piece: &Piece<'_>, known: &Known) -> Result<Request, Unfit>;

    /// The headers that carry the secrets of this call: credentials, signature.
    ///
    /// # Errors
    /// [`Unfit`] where a secret cannot be used, in words that do not show it.
    fn authorise(
        &self,
        request: &Request,
        key: &IdempotencyKey,
        known: &Known,
        now: Time,
    ) -> Result<Vec<SecretHeader>, Unfit>;

    /// What an answer to the publish call proves. The default is the table of
    /// [`Outcome::from_status`]; an adapter narrows it only with the vendor's documentation beside.
    fn judge(&self, response: &Response) -> Outcome;

    /// How to find out whether a delivery in doubt is there.
    fn ask(&self, doubt: &Doubt<'_>, known: &Known, answers: &[Response]) -> Ask;
}

/// A header whose value is secret.
pub type SecretHeader = (String, SecretString);

/// What an adapter has learnt from the platform and needs again: a session, limits, ids.
///
/// `facts` may be shown; `secrets` are kept in a 0600 file of their own and never shown.
#[derive(Debug, Clone, Default)]
pub struct Known {
    /// Harmless facts by name, such as `account` or `max_characters`.
    pub facts: BTreeMap<String, String>,
    /// Secret facts by name, such as `access_token`.
    pub secrets: BTreeMap<String, SecretString>,
    /// When this was learnt.
    pub learnt: Option<Time>,
}

/// The next step of a preparation.
#[derive(Debug)]
pub enum Prepare {
    /// Nothing is missing.
    Ready(Known),
    /// Send this harmless request and come back with its answer.
    Call(Call),
    /// The platform does not accept our credentials: the lane stops until a person acts.
    Denied(String),
    /// It cannot be prepared now; try again after `wait`.
    Later {
        /// How long the platform asks us to wait.
        wait: Option<Duration>,
        /// In words.
        reason: String,
    },
}

/// A harmless request: nothing that a reader could see comes of it.
#[derive(Debug)]
pub struct Call {
    /// The request.
    pub request: Request,
    /// The headers that carry secrets.
    pub secret_headers: Vec<SecretHeader>,
    /// A body that carries secrets, in place of the request's own.
    pub secret_body: Option<SecretString>,
}

impl Call {
    /// A harmless request without secrets.
    #[must_use]
    pub const fn open(request: Request) -> Self {
        Self { request, secret_headers: Vec::new(), secret_body: None }
    }
}

/// One entry on its way to one group.
#[derive(Debug, Clone, Copy)]
pub struct Piece<'a> {
    /// The entry.
    pub entry: &'a Entry,
    /// Its id.
    pub entry_id: EntryId,
    /// The audience.
    pub group: &'a Group,
    /// The delivery's key, the same for every attempt.
    pub key: &'a IdempotencyKey,
    /// When this generation of the delivery was opened; unique for each entry of a ledger.
    pub opened: Time,
    /// The entry's number in the ledger.
    pub number: u64,
    /// Now.
    pub now: Time,
}

/// What a group will read, before it becomes a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Post {
    /// The finished text.
    pub text: String,
    /// Its length as the platform counts it.
    pub length: usize,
    /// The platform's limit in the same unit.
    pub limit: usize,
    /// Language tag.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
}

/// Why an entry cannot become a post, in words for a person.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unfit(pub String);

/// A delivery whose outcome is unknown.
#[derive(Debug, Clone, Copy)]
pub struct Doubt<'a> {
    /// The entry, its group and its key.
    pub piece: Piece<'a>,
    /// The request as it was stored before it was sent.
    pub request: &'a Request,
    /// When it was first sent.
    pub first_sent: Time,
}

/// The next step of a question.
#[derive(Debug)]
pub enum Ask {
    /// The platform cannot be asked.
    Cannot,
    /// Send this harmless request and come back with its answer.
    Call(Call),
    /// What the answers show.
    Answer(Found),
}

/// The template of a group, or the house's own.
fn template_of(group: &Group) -> Result<Template, Unfit> {
    Template::new(group.template.as_deref().unwrap_or(DEFAULT_TEMPLATE))
        .map_err(|e| Unfit(format!("the template of group {}: {e}", group.name)))
}

/// A text as a post, shortened to the platform's limit.
fn fitted(text: &str, limit: &Limit, piece: &Piece<'_>) -> Result<Post, Unfit> {
    let said = fit(text, limit).ok_or_else(|| {
        let (most, bytes) = (limit.graphemes, limit.bytes);
        Unfit(format!("its links alone are longer than {most} characters or {bytes} bytes"))
    })?;
    if said.is_empty() {
        return Err(Unfit("it has neither title, text nor link".to_owned()));
    }
    Ok(Post {
        length: length(&said, limit),
        limit: limit.graphemes,
        language: piece.entry.language.clone().or_else(|| piece.group.language.clone()),
        text: said,
    })
}
