//! What each platform wants to hear. An adapter builds requests and reads answers; it cannot send,
//! loop, wait or read a clock, since it holds nothing to do so with.
//!
//! One file a platform, in one order: limits, prepare, compose, request, authorise, judge, ask.

mod answer;
mod bluesky;
mod by_hand;
mod compose;
mod described;
mod discord;
mod discord_webhook;
mod draft;
mod ghost;
mod mastodon;
mod matrix;
mod picture;
mod ping;
pub mod registry;
mod secrets;
mod threads;
mod tid;
mod webhook;
mod wordpress;

use std::collections::BTreeMap;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

pub use secrets::{CallSecrets, SecretHeader, Unfilled, mark};

use crate::config::Group;
use crate::model::identity::Fingerprint;
use crate::model::{
    Change, DeferCause, Effect, Entry, EntryId, Found, Guarantee, IdempotencyKey, Outcome,
    Reference, Request, Response, Time,
};
use crate::post::picture::Picture;

/// The most harmless calls one preparation or one question may take.
pub const PREFLIGHTS_MAX: usize = 8;

/// One platform login.
pub trait Adapter: Send + Sync + std::fmt::Debug {
    /// What the platform lets us promise. Servers that speak the same API keep different promises,
    /// so it depends on what is known of this one; while nothing is known, it is the weakest.
    fn guarantee(&self, known: &Known) -> Guarantee;

    /// What is still missing before a post for `group` can be composed and sent: a session, limits,
    /// ids. It also comes before [`Adapter::ask`], which needs the same session.
    ///
    /// `known` is what earlier calls learnt and stays the same during one preparation; `answers`
    /// is what has been answered since it began, in order. [`Prepare::Ready`] brings what to keep
    /// in its place.
    fn prepare(&self, known: &Known, answers: &[Response], group: &Group, now: Time) -> Prepare;

    /// What the group will read.
    ///
    /// # Errors
    /// [`Unfit`] where the entry cannot be made to fit.
    fn compose(&self, piece: &Piece<'_>, known: &Known) -> Result<Post, Unfit>;

    /// The call that carries a composed post: the publish call, or, where a draft comes first, the one
    /// that makes it. It is stored before it is sent, and a repeat is made of the stored bytes, so nothing
    /// in it may be secret.
    ///
    /// # Errors
    /// [`Unfit`] where the platform cannot be given this post.
    fn request(&self, post: &Post, piece: &Piece<'_>, known: &Known) -> Result<Request, Unfit>;

    /// What has to stand at the platform before the publish call and is seen by no reader: a draft, an
    /// upload. It may be made twice, since a crash may lose it; what is made of one key must be found again
    /// or stay unseen for ever. [`Stage::Ready`] brings the publish call.
    ///
    /// `answers` is what has been answered to this, in order; a call without an answer has status 0.
    fn stage(&self, post: &Post, piece: &Piece<'_>, known: &Known, _answers: &[Response]) -> Stage {
        match self.request(post, piece, known) {
            Ok(request) => Stage::Ready { request, notes: Vec::new() },
            Err(unfit) => Stage::Unfit(unfit),
        }
    }

    /// What becomes of an entry's picture there.
    fn pictures(&self) -> Pictures {
        Pictures::Linked
    }

    /// The secrets of this call: credentials, a signature, and what stands in the place of each
    /// [`mark`] that the request holds. They are added on the wire and never kept.
    ///
    /// # Errors
    /// [`Unfit`] where a secret cannot be used, in words that do not show it.
    fn authorise(
        &self,
        request: &Request,
        key: &IdempotencyKey,
        known: &Known,
        now: Time,
    ) -> Result<CallSecrets, Unfit>;

    /// What an answer to the publish call proves. The default is the table of
    /// [`Outcome::from_status`]; an adapter narrows it only with the vendor's documentation beside.
    fn judge(&self, response: &Response) -> Outcome;

    /// Where a person sees a post of that id, where the platform's answer does not say it.
    fn locate(&self, _id: &str, _request: &Request, _known: &Known) -> Option<String> {
        None
    }

    /// The account that is logged in, as the platform names it for ever, where a post can be seen or changed
    /// by its own account alone; it may be shown.
    fn account(&self, _known: &Known) -> Option<String> {
        None
    }

    /// How to find out whether a delivery in doubt is there. Called with what a preparation has
    /// just made ready, and with every answer to this question so far, in order.
    fn ask(&self, doubt: &Doubt<'_>, known: &Known, answers: &[Response]) -> Ask;

    /// How a post that readers have becomes another, or none. Called with what a preparation has just made
    /// ready, and with every answer to this so far, in order; a call without an answer has status 0.
    ///
    /// The call that it leads to names the post, and whatever comes of it, there is no post after it that
    /// was not there before: not even where its author has taken it away meanwhile.
    fn amend(&self, _deed: &Deed<'_>, _known: &Known, _answers: &[Response]) -> Amending {
        Amending::Cannot("this platform offers no way to do that".to_owned())
    }

    /// What an answer to the call of [`Adapter::amend`] proves. The default is the judge of publish calls;
    /// beside it, 404 and 410 say that there is no such post.
    fn amended(&self, _change: Change, response: &Response) -> Effect {
        match response.status {
            404 | 410 => Effect::Gone { reason: answer::words(response) },
            _ => Effect::of(self.judge(response)),
        }
    }

    /// Whose posts the platform shows. Where it shows any, [`Adapter::look_around`] and [`Adapter::said`]
    /// read them: for `audit`, for `adopt`, and before a first send.
    fn shows(&self) -> Shows {
        Shows::Nothing
    }

    /// The call that shows what our account has lately said to the group, by whatever hand; `None` where
    /// the platform does not show it.
    fn look_around(&self, _group: &Group, _known: &Known, _now: Time) -> Option<Call> {
        None
    }

    /// The call that shows what stands where a post is about to go, by whatever hand; the account's own
    /// words, or all that a channel shows. `None` where the platform does not show it.
    fn look_before(&self, piece: &Piece<'_>, known: &Known) -> Option<Call> {
        self.look_around(piece.group, known, piece.now)
    }

    /// The call for the next page of what our account has said, after these answers; `None` at its end.
    fn look_on(
        &self,
        group: &Group,
        known: &Known,
        answers: &[Response],
        now: Time,
    ) -> Option<Call> {
        if answers.is_empty() { self.look_around(group, known, now) } else { None }
    }

    /// What the answer to either shows; `None` where it cannot be read.
    fn said(&self, _group: &Group, _known: &Known, _answer: &Response) -> Option<Vec<Said>> {
        None
    }
}

/// Whose posts a platform shows, by their links.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shows {
    /// Nobody's.
    Nothing,
    /// Our account's own, by whatever hand.
    Own,
    /// All that stands where the group reads, whoever wrote it.
    All,
}

/// What becomes of an entry's picture on a platform.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pictures {
    /// It goes with the post, with what it shows.
    Carried,
    /// The platform makes a preview of the link, with the picture that the page names.
    Linked,
    /// Nothing is seen of it.
    Unseen,
}

/// Something that our account has said, by whatever hand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// As a receipt would name it.
    pub reference: Reference,
    /// When, by the platform's clock, where it tells.
    pub at: Option<Time>,
    /// Where it leads.
    pub links: Vec<String>,
}

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

impl Known {
    /// How long facts are relied on before they are learnt again.
    pub const FRESH_FOR: Duration = Duration::from_secs(24 * 60 * 60);

    /// Whether the facts are recent. A clock that jumped back does not make them old.
    #[must_use]
    pub fn is_fresh(&self, now: Time) -> bool {
        self.learnt.is_some_and(|learnt| now.since(learnt) < Self::FRESH_FOR)
    }

    /// Drops the session: what to do after [`crate::model::DeferCause::SessionExpired`], so that the
    /// next preparation logs in afresh.
    pub fn forget_session(&mut self) {
        // What is renewed cannot be had again: the first token dies meanwhile.
        self.secrets.retain(|name, _| name == Self::LOGIN || name == Self::RENEWABLE);
    }

    /// What is known of the login that `parts` name, their secrets included: nothing if another one
    /// was known so far, since its session, ids and limits are not ours to use.
    #[must_use]
    pub fn of_login(&self, parts: &[&str]) -> Self {
        let login = format!("{:?}", Fingerprint::of("oncecast/login/1", parts));
        if self.secret(Self::LOGIN).is_some_and(|known| known.expose_secret() == login) {
            return self.clone();
        }
        let secrets = BTreeMap::from([(Self::LOGIN.to_owned(), SecretString::from(login))]);
        // Who only looks at a new login renews it no more than at a known one.
        let tried = self.facts.get_key_value(Self::TRIED);
        let facts = tried.map(|(name, at)| (name.clone(), at.clone())).into_iter().collect();
        Self { facts, secrets, learnt: None }
    }

    /// The secret that takes the place of the operator's token, whose life it goes on with.
    pub const RENEWABLE: &'static str = "renewable_token";
    /// When that token dies unless it is renewed, in milliseconds of the epoch.
    pub const DIES: &'static str = "token_dies";

    /// When that was last tried, in milliseconds of the epoch.
    pub const TRIED: &'static str = "token_tried";

    /// The same, of which nothing is renewed: whoever only looks keeps nothing of what is new, and the old
    /// token may die with its renewal.
    #[must_use]
    pub fn as_it_is(mut self, now: Time) -> Self {
        self.facts.insert(Self::TRIED.to_owned(), now.as_millis().to_string());
        self
    }

    /// When the token dies that the platform has renewed, unless it is renewed again.
    #[must_use]
    pub fn dies(&self) -> Option<Time> {
        self.fact(Self::DIES)?.parse().ok().map(Time::from_millis)
    }

    /// The secret that says which login the rest belongs to.
    const LOGIN: &'static str = "login";

    /// A fact by name.
    #[must_use]
    pub fn fact(&self, name: &str) -> Option<&str> {
        self.facts.get(name).map(String::as_str)
    }

    /// A secret by name.
    #[must_use]
    pub fn secret(&self, name: &str) -> Option<&SecretString> {
        self.secrets.get(name)
    }
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

/// The next step before the publish call.
#[derive(Debug)]
pub enum Stage {
    /// Nothing is missing: this is the publish call.
    Ready {
        /// The call, which names what was staged.
        request: Request,
        /// What a person should know of it.
        notes: Vec<String>,
    },
    /// Send this harmless request and come back with its answer; one that is the same as that before it
    /// waits a little first.
    Call(Call),
    /// Read the picture at this address, which somebody else wrote, and come back with it.
    Fetch {
        /// Where it is.
        url: String,
        /// The most bytes that are of use.
        max: usize,
    },
    /// The platform did not do it and says to come back.
    Later {
        /// How long it asks us to wait.
        wait: Option<Duration>,
        /// Why.
        cause: DeferCause,
        /// In words.
        reason: String,
    },
    /// The platform cannot be given this post.
    Unfit(Unfit),
}

/// A harmless request: nothing that a reader could see comes of it.
#[derive(Debug)]
pub struct Call {
    /// The request.
    pub request: Request,
    /// Its secrets.
    pub secrets: CallSecrets,
    /// A body that carries secrets, in place of the request's own.
    pub secret_body: Option<SecretString>,
    /// A body that is no text, such as a picture, in place of the others.
    pub bytes: Option<bytes::Bytes>,
}

impl Call {
    /// A harmless request without secrets.
    #[must_use]
    pub fn open(request: Request) -> Self {
        Self { request, secrets: CallSecrets::default(), secret_body: None, bytes: None }
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
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Post {
    /// Its title, where the platform has a place of its own for one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// The finished text.
    pub text: String,
    /// Its length as the platform counts it.
    pub length: usize,
    /// The platform's limit in the same unit.
    pub limit: usize,
    /// How long it was before it was made to fit, in the same unit.
    #[serde(skip)]
    pub whole: usize,
    /// Language tag.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// What readers are warned of, where the platform has a place of its own for that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warning: Option<String>,
    /// Who sees it, in Mastodon's words; `None` is the account's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub visibility: Option<String>,
    /// The entry's picture, for platforms that show one beside the text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub picture: Option<Picture>,
    /// The address of its sound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audio: Option<String>,
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
    /// Whether a person never had it sent a second time: what says the same may else be the other.
    pub alone: bool,
}

/// What is to become of a post that readers have.
#[derive(Debug, Clone, Copy)]
pub struct Deed<'a> {
    /// The entry, its group and its key.
    pub piece: Piece<'a>,
    /// What is to become of it.
    pub change: Change,
    /// What the platform calls it.
    pub reference: &'a Reference,
    /// What it is to say; nothing where it is to be taken away.
    pub post: Option<&'a Post>,
}

impl Deed<'_> {
    /// The platform's id of the post.
    ///
    /// # Errors
    /// In words, where it never told one.
    pub fn id(&self) -> Result<&str, Unfit> {
        let id = self.reference.id.as_deref().filter(|id| !id.is_empty());
        id.ok_or_else(|| Unfit("the platform has not told what it calls the post".to_owned()))
    }
}

/// The next step of a change.
#[derive(Debug)]
pub enum Amending {
    /// It cannot be done, in words.
    Cannot(String),
    /// Send this harmless request and come back with its answer.
    Call(Call),
    /// This is the call that does it.
    Ready(Request),
    /// It says already what it is to say.
    Same,
    /// There is no such post any more, in the platform's words.
    Gone(String),
    /// The platform does not tell now what must be known first.
    Later {
        /// How long it asks us to wait.
        wait: Option<Duration>,
        /// Why: what is neither its limits nor our login is the trouble of this one post.
        cause: DeferCause,
        /// In words.
        reason: String,
    },
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
