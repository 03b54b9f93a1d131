//! What an HTTP API is like, as data: how to post there, what its answers mean, and what it promises. The
//! platforms that are shipped and those that an operator describes are read by the same few lines.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;

use super::units::parse_duration;
use crate::model::{Fingerprint, Guarantee};

/// A longer description describes something else.
pub(super) const DESCRIPTION_MAX: u64 = 256 * 1024;

/// The shipped descriptions, by kind.
pub(super) const SHIPPED: &[(&str, &str)] = &[
    ("dev-to", include_str!("platforms/dev-to.toml")),
    ("discourse", include_str!("platforms/discourse.toml")),
    ("lemmy", include_str!("platforms/lemmy.toml")),
    ("linkedin-member", include_str!("platforms/linkedin-member.toml")),
    ("linkedin-organisation", include_str!("platforms/linkedin-organisation.toml")),
    ("mattermost", include_str!("platforms/mattermost.toml")),
    ("resend", include_str!("platforms/resend.toml")),
    ("slack", include_str!("platforms/slack.toml")),
    ("slack-webhook", include_str!("platforms/slack-webhook.toml")),
    ("telegram", include_str!("platforms/telegram.toml")),
    ("zulip", include_str!("platforms/zulip.toml")),
];

/// Those that show how to write one, by the name that `describe` takes.
const EXAMPLES: &[(&str, &str)] = &[
    ("google-chat", include_str!("../../config/google-chat.toml")),
    ("micropub", include_str!("../../config/micropub.toml")),
    ("ntfy", include_str!("../../config/ntfy.toml")),
];

/// One HTTP API.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Description {
    /// Tells it from every other.
    #[serde(skip)]
    digest: String,
    /// What it promises about a call whose answer was lost.
    pub guarantee: Class,
    /// How long a key is remembered there, for `keyed`.
    pub window: Option<Span>,
    /// Where it answers, where that is one place for all.
    pub url: Option<String>,
    /// The secrets that it needs, by their key in the config, and what each is in words.
    #[serde(default)]
    pub secrets: BTreeMap<String, String>,
    /// The secret that is a whole address below `url`: its path stands for it.
    pub address: Option<String>,
    /// What a group says in `room`, in words; without it there is no room.
    pub room: Option<String>,
    /// What the integration says in `user`, in words; without it there is no user.
    pub user: Option<String>,
    /// What stands in `set`, of the group or of the integration.
    #[serde(default)]
    pub settings: BTreeMap<String, Setting>,
    /// What a post may be.
    #[serde(default)]
    pub text: Text,
    /// Headers of every call.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// Where it says how long to wait, beside the usual headers.
    #[serde(default)]
    pub wait: Vec<Wait>,
    /// Harmless calls that show whether the credentials are good, in order.
    #[serde(default)]
    pub check: Vec<Check>,
    /// The publish call.
    pub publish: Publish,
    /// How to find out whether a post is there.
    pub find: Option<Find>,
    /// How all that stands there is listed, newest first; each post is read as `find` says.
    pub posts: Option<Posts>,
    /// How a post is given another text; `id` and `url` are what it told of it.
    pub update: Option<Amendment>,
    /// How a post is taken away.
    pub retract: Option<Amendment>,
}

/// A duration in words, such as `24h`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Span(pub Duration);

impl TryFrom<String> for Span {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        parse_duration(&text).map(Self).map_err(|e| format!("{text:?} {e}"))
    }
}

/// The classes of [`Guarantee`] that a description may claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Class {
    /// We choose the id, in path or body.
    DerivedId,
    /// It remembers our key for a window.
    Keyed,
    /// It can be asked.
    Verifiable,
    /// It refuses equal content.
    ContentDedup,
    /// None of these.
    Blind,
}

impl Description {
    /// What it promises.
    #[must_use]
    pub fn promise(&self) -> Guarantee {
        match (self.guarantee, self.window) {
            (Class::DerivedId, _) => Guarantee::DerivedId,
            (Class::Keyed, Some(Span(window))) => Guarantee::Keyed { window },
            // Nothing that is not said is relied on.
            (Class::Keyed, None) | (Class::Blind, _) => Guarantee::Blind,
            (Class::Verifiable, _) => Guarantee::Verifiable,
            (Class::ContentDedup, _) => Guarantee::ContentDedup,
        }
    }
}

/// One key of `set`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Setting {
    /// In words.
    pub says: String,
    /// What it is where nobody says; without one it has to be said.
    pub default: Option<String>,
    /// All that it may be; empty is anything.
    #[serde(default)]
    pub one_of: Vec<String>,
}

/// What a post may be.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Text {
    /// How it is counted.
    pub unit: Count,
    /// The most, in that unit.
    pub max: usize,
    /// The most UTF-8 bytes, where that is a limit of its own.
    pub max_bytes: Option<usize>,
    /// What any link counts as, where that does not depend on its length.
    pub link: Option<usize>,
    /// What is written there.
    pub markup: Markup,
    /// Whether what marks and escapes add counts too.
    pub count_markup: bool,
    /// Whether an `@` would call somebody.
    pub mentions: bool,
    /// What a post says where the group has no template.
    pub template: Option<String>,
}

impl Default for Text {
    fn default() -> Self {
        Self {
            unit: Count::Characters,
            max: 10_000,
            max_bytes: None,
            link: None,
            markup: Markup::Plain,
            count_markup: true,
            mentions: true,
            template: None,
        }
    }
}

/// How a text is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Count {
    /// What a reader would count as one character.
    Graphemes,
    /// Unicode code points.
    Characters,
    /// UTF-16 code units.
    Utf16,
    /// UTF-8 bytes.
    Bytes,
    /// As X counts: most of the world's scripts as two.
    Weighted,
    /// Code points, and emoji by their bytes.
    EmojiBytes,
}

/// What is written there, and so what has to be escaped in a text that is none of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Markup {
    /// Nothing means anything.
    Plain,
    /// HTML.
    Html,
    /// CommonMark and its children.
    Markdown,
    /// Slack's control sequences.
    Slack,
    /// Zulip's Markdown, which has no backslash.
    Zulip,
    /// LinkedIn's little text.
    LittleText,
}

/// The methods that calls may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Verb {
    /// Read.
    #[default]
    Get,
    /// Create.
    Post,
    /// Create or replace.
    Put,
    /// Change a part.
    Patch,
    /// Take away.
    Delete,
}

/// A call: everything in it is a template.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Outline {
    /// The method; without one, GET to ask and POST to publish.
    pub method: Option<Verb>,
    /// Below `url`; what a template writes into it is encoded.
    #[serde(default)]
    pub path: String,
    /// The query, by name.
    #[serde(default)]
    pub query: BTreeMap<String, String>,
    /// Headers of this call, which are kept and so hold no secret.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// A body of JSON: text in it is a template, and one that is a single expression keeps its type.
    pub json: Option<serde_json::Value>,
    /// A body as forms send it.
    pub form: Option<BTreeMap<String, String>>,
    /// A body of plain text.
    pub body: Option<String>,
}

/// One condition of an answer; all that is said in it must hold.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct When {
    /// One of these statuses; empty is any.
    #[serde(default)]
    pub status: Vec<u16>,
    /// The value there is looked at: a JSON pointer, or `header:NAME`; without one, the whole body. Where
    /// nothing else is said of it, it must be there.
    pub at: Option<String>,
    /// It is this.
    pub is: Option<serde_json::Value>,
    /// One of these stands in it, whatever the case of its letters.
    #[serde(default)]
    pub contains: Vec<String>,
    /// None of these stands in it.
    #[serde(default)]
    pub lacks: Vec<String>,
    /// In the table of answers: what such an answer means.
    pub means: Option<Means>,
}

/// What an answer means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Means {
    /// It is there.
    Published,
    /// It was there before this call.
    Duplicate,
    /// It said no, and shows nothing.
    Refused,
    /// It was not performed: too many requests.
    Later,
    /// It was not performed: its documentation calls this answer load-shedding.
    Overloaded,
    /// It was not performed: the credentials are not accepted.
    Credentials,
    /// It may be there.
    Unknown,
    /// To a change: there is no such post any more.
    Gone,
}

/// Where it says how long to wait.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wait {
    /// A JSON pointer, or `header:NAME`.
    pub at: String,
    /// In what.
    pub unit: Unit,
}

/// What a moment or a wait is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Unit {
    /// Seconds, also with a fraction.
    S,
    /// Milliseconds.
    Ms,
    /// A moment in Unix seconds.
    Unix,
    /// A moment in ISO 8601.
    Iso,
}

/// A harmless call that shows whether the credentials are good.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Check {
    /// The call.
    pub call: Outline,
    /// What a good answer is; without it, any 2xx.
    #[serde(default)]
    pub good: Vec<When>,
    /// What says that the credentials are bad; without it, 401 and 403.
    #[serde(default)]
    pub denied: Vec<When>,
    /// What is kept of a good answer, as `known.NAME`: where each stands.
    #[serde(default)]
    pub learn: BTreeMap<String, String>,
}

/// The publish call.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Publish {
    /// The call.
    pub call: Outline,
    /// What its answers mean; an answer that fits none may have published.
    pub answers: Vec<When>,
    /// Where the id stands in a good answer: a JSON pointer, or `header:NAME`.
    pub id: Option<String>,
    /// Where the URL stands, or a template over `id`, `answer` and `base`.
    pub link: Option<String>,
}

/// How a post that is there is changed.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Amendment {
    /// The call, which names the post by `id` or `url`; without a method, PUT to update and DELETE to
    /// retract.
    pub call: Outline,
    /// What its answers mean. Without a line that fits, 404 and 410 are gone, 2xx is done unless a line says
    /// what done looks like, and the rest is what such a status usually means.
    #[serde(default)]
    pub answers: Vec<When>,
}

/// How to find out whether a post is there.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Find {
    /// The call; `since` is a moment safely before the first send, in Unix seconds.
    pub call: Outline,
    /// What an answer is that can be read; without it, status 200.
    #[serde(default)]
    pub good: Vec<When>,
    /// An answer that is the post itself.
    #[serde(default)]
    pub there: Vec<When>,
    /// An answer that says that there is no such post.
    #[serde(default)]
    pub absent: Vec<When>,
    /// Where the list of posts stands: a JSON pointer, empty for the whole body; an object is the list of
    /// its values, in no order.
    pub list: Option<String>,
    /// Whether the body is one JSON value a line.
    #[serde(default)]
    pub lines: bool,
    /// The field of a post that holds our key.
    pub key: Option<Mark>,
    /// The fields of which one is the link.
    #[serde(default)]
    pub link: Vec<String>,
    /// The fields of which one is a text that holds the link.
    #[serde(default)]
    pub text: Vec<String>,
    /// When a post was made.
    pub made: Option<Wait>,
    /// Whether the list begins with its oldest post, and not with its newest.
    #[serde(default)]
    pub oldest_first: bool,
    /// What a list is that holds all there is since `since`; without it, one that reaches back so far.
    #[serde(default)]
    pub whole: Vec<When>,
    /// Where the id of a post stands in it.
    pub id: Option<String>,
    /// Where its URL stands in it, or a template over `id`, `answer` (the post) and `base`.
    pub url: Option<String>,
}

/// How all that stands there is listed, page by page: for `audit`, for `adopt`, and to notice other tools.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Posts {
    /// The call; `page` counts from 1, `cursor` is what the last page said comes next, and `before` the id of
    /// its oldest post. What has none of them has one page.
    pub call: Outline,
    /// Where a page says what comes next: a JSON pointer. Where nothing stands there, it is the last.
    pub next: Option<String>,
    /// What a page is that is the last; one without posts always is.
    #[serde(default)]
    pub last: Vec<When>,
    /// Whether others' posts are among them.
    #[serde(default)]
    pub everybody: bool,
}

/// A field, and what must stand there.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mark {
    /// A JSON pointer.
    pub at: String,
    /// A template.
    pub is: String,
}

impl Description {
    /// Reads a description.
    ///
    /// # Errors
    /// With the line, from 1, and what is wrong there.
    pub fn parse(text: &str) -> Result<Self, (usize, String)> {
        let parsed: Result<Self, _> = toml::from_str(text);
        let parsed = parsed.map_err(|error| {
            let at = error.span().map_or(0, |span| span.start.min(text.len()));
            let line = 1 + text.as_bytes()[..at].iter().filter(|b| **b == b'\n').count();
            (line, error.message().to_owned())
        })?;
        let digest = format!("{:?}", Fingerprint::of("oncecast/description/1", &[text]));
        Ok(Self { digest, ..parsed })
    }

    /// Whether the same call may be made again, so that asking soon harms nobody.
    pub(super) fn is_repeatable(&self) -> bool {
        matches!(self.guarantee, Class::DerivedId | Class::Keyed)
    }

    /// The kinds that are shipped as descriptions.
    pub fn kinds() -> impl Iterator<Item = &'static str> {
        SHIPPED.iter().map(|(kind, _)| *kind)
    }

    /// The example of this name.
    pub(super) fn example(name: &str) -> Option<&'static str> {
        EXAMPLES.iter().find(|(known, _)| *known == name).map(|(_, text)| *text)
    }

    /// The shipped description of a kind.
    #[must_use]
    pub fn shipped(kind: &str) -> Option<&'static str> {
        SHIPPED.iter().find(|(name, _)| *name == kind).map(|(_, text)| *text)
    }
}

/// A session belongs to one login at one API, so this stands in its name.
impl std::fmt::Debug for Description {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Description({})", self.digest)
    }
}
