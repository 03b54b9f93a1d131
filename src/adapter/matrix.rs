//! Matrix rooms: the transaction id in the path is the delivery's key, always from the same device, and
//! a private mark in the message finds it again.

mod amend;
mod ask;
mod login;
mod room;

use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use url::Url;

use super::{
    Adapter, Amending, Ask, Call, CallSecrets, Deed, Doubt, Known, Pictures, Piece, Post, Prepare,
    Said, SecretHeader, Shows, Stage, Unfit, answer, compose, picture,
};
use crate::config::{Group, MatrixLogin};
use crate::model::{
    DeferCause, Guarantee, IdempotencyKey, Method, Outcome, Reference, Request, Response, Time,
};
use crate::post::fit::{Limit, Unit};
use crate::post::markup;
use crate::post::template::Mentions;

/// "The complete event MUST NOT be larger than 65536 bytes."
/// <https://spec.matrix.org/latest/client-server-api/#size-limits>
const EVENT_MAX: usize = 65_536;
/// Room for what the server adds to an event: ids, hashes, signatures, the chain of events before.
const ENVELOPE: usize = 4_096;
/// The text, which stands in the event twice and may grow when it is escaped.
const TEXT: Limit = Limit { unit: Unit::Bytes, max: 10_000, url_length: None, max_bytes: None };
/// How long Synapse remembers a transaction id (its source; other servers may forget earlier, which
/// is why they are asked first).
const KEY_WINDOW: Duration = Duration::from_secs(24 * 60 * 60);
/// What is uploaded to a server that does not say what it takes, in bytes.
const PICTURE_MAX: usize = 8 << 20;
/// The content key that carries the delivery's key; no client shows it.
const MARK: &str = "org.oncecast.key";

/// One account on one homeserver.
#[derive(Debug)]
pub(super) struct Matrix {
    pub(super) url: Url,
    /// The integration's name, from which the device is derived.
    pub(super) name: String,
    pub(super) login: MatrixLogin,
}

impl Matrix {
    fn token(&self, known: &Known) -> Option<SecretString> {
        match &self.login {
            MatrixLogin::Token(token) => Some(token.value.clone()),
            MatrixLogin::Password { .. } => known.secret(login::ACCESS).cloned(),
        }
    }

    /// The credential of this login, for people.
    fn credential(&self) -> String {
        match &self.login {
            MatrixLogin::Token(token) => format!("the token from {}", token.source),
            MatrixLogin::Password { password, .. } => {
                format!("the password from {}", password.source)
            }
        }
    }

    fn get(&self, path: impl Into<String>, known: &Known) -> Call {
        let secrets = self.token(known).as_ref().map(bearer).into_iter().collect::<Vec<_>>().into();
        Call { secrets, ..Call::open(Request::get(path)) }
    }
}

impl Adapter for Matrix {
    fn guarantee(&self, _: &Known) -> Guarantee {
        Guarantee::Keyed { window: KEY_WINDOW }
    }

    fn prepare(&self, known: &Known, answers: &[Response], group: &Group, now: Time) -> Prepare {
        let mut answers = answers.iter();
        let before = answers.len();
        let inside = match self.log_in(known, &mut answers, now) {
            Prepare::Ready(known) => known,
            step => return step,
        };
        let kept_session = answers.len() == before;
        let refused = match self.enter(inside, &mut answers, group, now) {
            Ok(step) => return step,
            Err(refused) => refused,
        };
        if !kept_session || matches!(self.login, MatrixLogin::Token(_)) {
            return answer::denied(refused, &self.credential());
        }
        // The kept session ended before its time: log in afresh and look again.
        let mut without = known.clone();
        without.forget_session();
        match self.log_in(&without, &mut answers, now) {
            Prepare::Ready(known) => self
                .enter(known, &mut answers, group, now)
                .unwrap_or_else(|refused| answer::denied(refused, &self.credential())),
            step => step,
        }
    }

    fn compose(&self, piece: &Piece<'_>, _: &Known) -> Result<Post, Unfit> {
        compose::post(piece, Mentions::Break, &TEXT)
    }

    fn request(&self, post: &Post, piece: &Piece<'_>, known: &Known) -> Result<Request, Unfit> {
        let room = room::id(known, piece.group)?;
        let body = json!({
            "msgtype": "m.text",
            "body": post.text,
            "format": "org.matrix.custom.html",
            "formatted_body": markup::inline(&post.text),
            // Without this, older clients ping everybody whose name is in the text.
            // <https://spec.matrix.org/latest/client-server-api/#user-and-room-mentions>
            "m.mentions": {},
            MARK: piece.key.as_str(),
        });
        let path = format!(
            "/_matrix/client/v3/rooms/{}/send/m.room.message/{}",
            answer::segment(room),
            piece.key
        );
        let request = Request::json(Method::Put, path, &body);
        if request.body.len() + ENVELOPE > EVENT_MAX {
            return Err(Unfit(format!("its event would be larger than {EVENT_MAX} bytes")));
        }
        Ok(request)
    }

    /// The picture, uploaded: it stands in the message's HTML, so that post and picture stay one event, and
    /// whoever sees no HTML still reads the text.
    /// <https://spec.matrix.org/latest/client-server-api/#mroommessage-msgtypes>
    fn stage(&self, post: &Post, piece: &Piece<'_>, known: &Known, answers: &[Response]) -> Stage {
        let request = || self.request(post, piece, known);
        let Some(wanted) = &post.picture else {
            return picture::with(request(), |_| {}, Vec::new());
        };
        let expired = |response: &Response| match self.judge(response) {
            Outcome::Deferred { wait, cause, reason } if response.status == 401 => {
                Some(Stage::Later { wait, cause, reason })
            }
            _ => None,
        };
        let Some(limits) = answers.first() else {
            return Stage::Call(self.get("/_matrix/client/v1/media/config", known));
        };
        if let Some(stage) = expired(limits) {
            return stage;
        }
        let Some(found) = answers.get(1) else {
            let max = limits.json()["m.upload.size"].as_u64().and_then(|max| max.try_into().ok());
            let max = max.unwrap_or(PICTURE_MAX).min(picture::FETCHED_MAX);
            return Stage::Fetch { url: wanted.url.clone(), max };
        };
        let found = match picture::fetched(found, |_| true) {
            Ok(found) => found,
            Err(why) => return picture::without(request(), wanted, &why),
        };
        let Some(made) = answers.get(2) else {
            let path =
                format!("/_matrix/media/v3/upload?filename=picture.{}", found.kind.extension);
            let call = self.get(path, known);
            let headers = vec![("content-type".to_owned(), found.kind.mime.to_owned())];
            let request = Request { method: Method::Post, headers, ..call.request };
            return Stage::Call(Call { request, bytes: Some(found.to_bytes()), ..call });
        };
        if let Some(stage) = expired(made) {
            return stage;
        }
        let uri = answer::object(made).and_then(|made| answer::string(&made, "content_uri"));
        let Some(uri) = uri.filter(|uri| uri.starts_with("mxc://")) else {
            let why = format!("it was not taken: {}", answer::words(made));
            return picture::without(request(), wanted, &why);
        };
        let alt = wanted.alt.as_deref().unwrap_or_default();
        let image = markup::image(&uri, alt);
        let add = |body: &mut Value| {
            let text = body["formatted_body"].as_str().unwrap_or_default();
            body["formatted_body"] = json!(format!("{text}<br>{image}"));
        };
        match picture::with(request(), add, Vec::new()) {
            Stage::Ready { request: long, .. } if long.body.len() + ENVELOPE > EVENT_MAX => {
                picture::without(request(), wanted, "its description is too long for one event")
            }
            stage => stage,
        }
    }

    fn pictures(&self) -> Pictures {
        Pictures::Carried
    }

    fn authorise(
        &self,
        _: &Request,
        _: &IdempotencyKey,
        known: &Known,
        _: Time,
    ) -> Result<CallSecrets, Unfit> {
        let token = self.token(known).ok_or_else(|| Unfit("there is no session".to_owned()))?;
        Ok(vec![bearer(&token)].into())
    }

    fn judge(&self, response: &Response) -> Outcome {
        match response.status {
            200..=299 => {
                let id = answer::string(&response.json(), "event_id");
                answer::success(response, Reference { id, ..Reference::default() })
            }
            // M_UNKNOWN_TOKEN or M_MISSING_TOKEN: a login can be renewed, a given token cannot.
            401 => {
                let cause = match self.login {
                    MatrixLogin::Token(_) => DeferCause::Credentials,
                    MatrixLogin::Password { .. } => DeferCause::SessionExpired,
                };
                answer::deferred(cause, response)
            }
            // M_LIMIT_EXCEEDED; a refused attempt leaves no trace of its transaction id.
            429 => answer::rate_limited(response),
            _ => Outcome::from_status(response, Reference::default()),
        }
    }

    fn locate(&self, id: &str, request: &Request, _: &Known) -> Option<String> {
        let room = ask::room(request)?;
        Some(link_to(room, id))
    }

    fn account(&self, known: &Known) -> Option<String> {
        known.fact("user").map(str::to_owned)
    }

    fn ask(&self, doubt: &Doubt<'_>, known: &Known, answers: &[Response]) -> Ask {
        let Some(room) = ask::room(doubt.request) else {
            return Ask::Answer(ask::unsure("the stored request names no room"));
        };
        match ask::read(doubt, known, room, answers) {
            Ok(found) => Ask::Answer(found),
            Err(next) => Ask::Call(self.get(next.path(room), known)),
        }
    }

    fn amend(&self, deed: &Deed<'_>, known: &Known, answers: &[Response]) -> Amending {
        amend::step(self, deed, known, answers)
    }

    fn shows(&self) -> Shows {
        Shows::Own
    }

    fn look_around(&self, group: &Group, known: &Known, _: Time) -> Option<Call> {
        let room = answer::segment(room::id(known, group).ok()?);
        Some(self.get(ask::newest(&room), known))
    }

    fn look_on(&self, group: &Group, known: &Known, answers: &[Response], _: Time) -> Option<Call> {
        let room = answer::segment(room::id(known, group).ok()?);
        match answers.last() {
            None => Some(self.get(ask::newest(&room), known)),
            Some(page) => Some(self.get(ask::older(&room, page)?, known)),
        }
    }

    fn said(&self, group: &Group, known: &Known, answer: &Response) -> Option<Vec<Said>> {
        let (room, user) = (room::id(known, group).ok()?, known.fact("user")?);
        ask::said(&answer::segment(room), user, answer)
    }
}

fn bearer(token: &SecretString) -> SecretHeader {
    let value = format!("Bearer {}", token.expose_secret());
    ("authorization".to_owned(), SecretString::from(value))
}

/// Where a person sees an event. <https://spec.matrix.org/latest/appendices/#matrixto-navigation>
fn link_to(room: &str, event: &str) -> String {
    format!("https://matrix.to/#/{room}/{}", answer::segment(event))
}

fn reference(room: &str, event: &Value) -> Reference {
    let id = answer::string(event, "event_id");
    let url = id.as_deref().map(|id| link_to(room, id));
    Reference { id, url, ..Reference::default() }
}
