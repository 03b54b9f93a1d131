//! Discord, as a bot. Its nonce keeps a repeat within the past few minutes from being shown; since that is
//! sooner than a late call may arrive, nothing is repeated on its strength: the channel is read instead.

mod ask;
mod channel;

use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use url::Url;

use super::{
    Adapter, Amending, Ask, Call, CallSecrets, Deed, Doubt, Known, Piece, Post, Prepare, Said,
    SecretHeader, Shows, Unfit, answer, compose,
};
use crate::config::{Group, Secret};
use crate::model::{
    Change, DeferCause, Effect, Guarantee, IdempotencyKey, Method, Outcome, Reference, Request,
    Response, Time,
};
use crate::post::fit::{Limit, Unit};
use crate::post::markdown;
use crate::post::template::Mentions;

/// "Message contents (up to 2000 characters)", counted as its own client counts.
/// <https://discord.com/developers/docs/resources/message#create-message>
const TEXT: Limit = Limit { unit: Unit::Utf16, max: 2_000, url_length: None, max_bytes: None };
/// "Can be used to verify a message was sent (up to 25 characters)."
const NONCE: usize = 25;
/// The form that its API asks for; other clients may be shut out.
/// <https://discord.com/developers/docs/reference#user-agent>
pub(super) const AGENT: &str = concat!("DiscordBot (oncecast, ", env!("CARGO_PKG_VERSION"), ")");

/// One bot.
#[derive(Debug)]
pub(super) struct Discord {
    pub(super) url: Url,
    pub(super) token: Secret,
}

impl Discord {
    fn get(&self, path: impl Into<String>) -> Call {
        let request = Request::get(path).with("user-agent", AGENT);
        Call { secrets: vec![self.authorization()].into(), ..Call::open(request) }
    }

    fn authorization(&self) -> SecretHeader {
        let value = format!("Bot {}", self.token.value.expose_secret());
        ("authorization".to_owned(), SecretString::from(value))
    }
}

impl Adapter for Discord {
    /// `enforce_nonce` checks "messages sent in the past few minutes", which is too short a memory to
    /// repeat anything: a call that is performed half an hour late would be shown beside its repeat.
    /// <https://discord.com/developers/docs/resources/message#create-message>
    fn guarantee(&self, _: &Known) -> Guarantee {
        Guarantee::Verifiable
    }

    fn prepare(&self, known: &Known, answers: &[Response], group: &Group, now: Time) -> Prepare {
        let mut known = known.of_login(&[self.url.as_str(), self.token.value.expose_secret()]);
        let mut answers = answers.iter();
        if !known.is_fresh(now) || known.fact("account").is_none() {
            let Some(me) = answers.next() else {
                return Prepare::Call(self.get("/users/@me"));
            };
            match (answer::object(me), me.status) {
                (Some(me), _) => {
                    let Some(id) = answer::string(&me, "id") else {
                        let reason = "the server does not say which account is ours".to_owned();
                        return Prepare::Later { wait: None, reason };
                    };
                    known.facts.insert("account".to_owned(), id);
                    if let Some(name) = answer::string(&me, "username") {
                        known.facts.insert("name".to_owned(), name);
                    }
                    known.learnt = Some(now);
                }
                (None, 401 | 403) => {
                    return answer::denied(me, &format!("the token from {}", self.token.source));
                }
                (None, _) => return answer::later(me, "cannot verify the token"),
            }
        }
        self.enter(known, answers.next(), group, now)
    }

    fn compose(&self, piece: &Piece<'_>, _: &Known) -> Result<Post, Unfit> {
        post(piece)
    }

    fn request(&self, post: &Post, piece: &Piece<'_>, known: &Known) -> Result<Request, Unfit> {
        let channel = channel::open(known, piece.group)?;
        let mut body = message(post);
        body["nonce"] = json!(piece.key.as_str().get(..NONCE).unwrap_or_default());
        body["enforce_nonce"] = json!(true);
        let path = format!("/channels/{}/messages", answer::segment(channel));
        Ok(Request::json(Method::Post, path, &body).with("user-agent", AGENT))
    }

    fn authorise(
        &self,
        _: &Request,
        _: &IdempotencyKey,
        _: &Known,
        _: Time,
    ) -> Result<CallSecrets, Unfit> {
        Ok(vec![self.authorization()].into())
    }

    fn judge(&self, response: &Response) -> Outcome {
        judged(response)
    }

    fn locate(&self, id: &str, request: &Request, known: &Known) -> Option<String> {
        let channel = ask::channel(request)?;
        channel::link(known, channel, id)
    }

    fn account(&self, known: &Known) -> Option<String> {
        known.fact("account").map(str::to_owned)
    }

    fn ask(&self, doubt: &Doubt<'_>, known: &Known, answers: &[Response]) -> Ask {
        match ask::read(doubt, known, answers) {
            Ok(found) => Ask::Answer(found),
            Err(path) => Ask::Call(self.get(path)),
        }
    }

    fn shows(&self) -> Shows {
        Shows::Own
    }

    fn look_before(&self, piece: &Piece<'_>, known: &Known) -> Option<Call> {
        Some(self.get(ask::newest(channel::open(known, piece.group).ok()?)))
    }

    fn look_on(&self, group: &Group, known: &Known, answers: &[Response], _: Time) -> Option<Call> {
        let path = ask::newest(channel::open(known, group).ok()?);
        let Some(page) = answers.last() else { return Some(self.get(path)) };
        let oldest = answer::string(page.json().as_array()?.last()?, "id")?;
        Some(self.get(format!("{path}&before={}", answer::segment(&oldest))))
    }

    fn said(&self, group: &Group, known: &Known, answer: &Response) -> Option<Vec<Said>> {
        ask::said(known, channel::open(known, group).ok()?, answer)
    }

    fn amend(&self, deed: &Deed<'_>, _: &Known, _: &[Response]) -> Amending {
        let Some(channel) = channel_of(deed.reference) else {
            return Amending::Cannot(UNKNOWN_CHANNEL.to_owned());
        };
        changed(deed, &format!("/channels/{}/messages", answer::segment(channel)), "")
    }

    fn amended(&self, _: Change, response: &Response) -> Effect {
        amended(response)
    }
}

/// The call that edits or deletes a message below this path.
/// <https://discord.com/developers/docs/resources/message#edit-message>, `#delete-message`
pub(super) fn changed(deed: &Deed<'_>, messages: &str, query: &str) -> Amending {
    let path = match deed.id() {
        Ok(id) => format!("{messages}/{}{query}", answer::segment(id)),
        Err(why) => return answer::cannot(why),
    };
    let request = match deed.post.filter(|_| deed.change == Change::Update) {
        // Without `allowed_mentions` an edit would call whom the message did not.
        Some(post) => Request::json(Method::Patch, path, &message(post)),
        None => Request { method: Method::Delete, ..Request::get(path) },
    };
    Amending::Ready(request.with("user-agent", AGENT))
}

/// Only of the message itself it is said that it is gone: a channel, or our sight of it, may be another's.
/// <https://discord.com/developers/docs/topics/opcodes-and-status-codes#json>
pub(super) fn amended(response: &Response) -> Effect {
    const UNKNOWN_MESSAGE: u64 = 10_008;
    match response.status {
        404 if response.json()["code"] == UNKNOWN_MESSAGE => {
            Effect::Gone { reason: answer::words(response) }
        }
        _ => Effect::of(judged(response)),
    }
}

/// Another channel would say that there is no such message.
pub(super) const UNKNOWN_CHANNEL: &str = "it is not known in which channel it stands";

/// The channel or thread that a message stands in: its group may have moved since.
pub(super) fn channel_of(reference: &Reference) -> Option<&str> {
    let (channel, _) = reference.url.as_deref()?.rsplit_once('/')?;
    let (_, channel) = channel.rsplit_once('/')?;
    channel.bytes().all(|b| b.is_ascii_digit()).then_some(channel).filter(|c| !c.is_empty())
}

/// What is said, with the markdown of the feed taken from it.
pub(super) fn post(piece: &Piece<'_>) -> Result<Post, Unfit> {
    let post = compose::post(piece, Mentions::BreakMarkdown, &TEXT)?;
    let text = markdown::mended(&post.text);
    Ok(Post { length: TEXT.measure(&text), text, ..post })
}

/// What every message holds: nobody is notified, whatever the text says.
pub(super) fn message(post: &Post) -> Value {
    json!({ "content": post.text, "allowed_mentions": { "parse": [] } })
}

/// What an answer to a message proves.
pub(super) fn judged(response: &Response) -> Outcome {
    match response.status {
        200..=299 => {
            let message = response.json();
            let made = message["timestamp"].as_str().and_then(|at| at.parse().ok());
            let already = made.is_some_and(|made| answer::is_earlier(made, response));
            let id = answer::string(&message, "id");
            answer::success(response, Reference { id, already, ..Reference::default() })
        }
        // 403: a right is missing, 50001 or 50013. Calls that are refused so count towards a ban of
        // our address, so nothing goes on until a person has mended it.
        // <https://discord.com/developers/docs/topics/rate-limits>, "Invalid Request Limit"
        401 | 403 => answer::deferred(DeferCause::Credentials, response),
        429 => answer::rate_limited(response),
        _ => Outcome::from_status(response, Reference::default()),
    }
}

/// What a message was given to say.
fn content(message: &Value) -> &str {
    message["content"].as_str().unwrap_or_default()
}
