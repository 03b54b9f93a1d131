//! Matrix: the client-server API of any homeserver.
//!
//! <https://spec.matrix.org/latest/client-server-api/#put_matrixclientv3roomsroomidsendeventtypetxnid>.
//! The transaction id belongs to a device, so the device is kept: a new one would say everything
//! twice.

use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};

use crate::config::{Group, MatrixLogin, Secret};
use crate::model::{
    DeferCause, Fingerprint, Found, Guarantee, IdempotencyKey, Method, Outcome, Reference, Request,
    Response, Time, retry_after_seconds,
};
use crate::post::{Limit, links, words_of};

use super::{
    Adapter, Ask, Call, Doubt, Known, Piece, Post, Prepare, SecretHeader, Unfit, template_of,
};

/// A whole event may have 65,536 bytes; the text stands in it twice, once as HTML, and needs room for
/// escapes.
const LIMIT: Limit = Limit { graphemes: 8_000, bytes: 16 << 10, link: None };
const EVENT_BYTES_MAX: usize = 60_000;
/// Synapse remembers a transaction for 24 hours; others may for less, so asking comes first.
const WINDOW: Duration = Duration::from_secs(86_400);
/// Our own mark in an event.
const MARK: &str = "org.oncecast.key";
/// Messages on one page when a room is asked.
const PAGE: usize = 100;
/// Clocks of servers are this far apart at the most.
const CLOCKS: Duration = Duration::from_secs(300);

/// One account on one homeserver.
#[derive(Debug)]
pub(super) struct Matrix {
    login: MatrixLogin,
    device: String,
}

impl Matrix {
    pub(super) fn new(integration: &str, login: &MatrixLogin) -> Self {
        let name = Fingerprint::of("oncecast/matrix-device/1", &[integration]);
        let digits = &format!("{name:?}")[..12];
        Self { login: login.clone(), device: format!("ONCECAST{}", digits.to_uppercase()) }
    }

    fn secret(&self) -> &Secret {
        match &self.login {
            MatrixLogin::Token(token) => token,
            MatrixLogin::Password { password, .. } => password,
        }
    }

    fn token<'a>(&'a self, known: &'a Known) -> Option<&'a SecretString> {
        match &self.login {
            MatrixLogin::Token(token) => Some(&token.value),
            MatrixLogin::Password { .. } => known.secrets.get("token"),
        }
    }

    fn log_in(user: &str, password: &SecretString, device: &str) -> Call {
        // Without refresh tokens the access token stays, and with it the device.
        let body = json!({
            "type": "m.login.password",
            "identifier": { "type": "m.id.user", "user": user },
            "password": password.expose_secret(),
            "device_id": device,
            "initial_device_display_name": "oncecast",
        });
        Call {
            request: Request::json(Method::Post, "/_matrix/client/v3/login", &Value::Null),
            secret_headers: Vec::new(),
            secret_body: Some(body.to_string().into()),
        }
    }

    /// The question that comes next for a room, or that everything is known.
    fn next(&self, known: Known, room: &str) -> Prepare {
        let Some(token) = self.token(&known) else {
            return match &self.login {
                MatrixLogin::Password { user, password } => {
                    Prepare::Call(Self::log_in(user, &password.value, &self.device))
                }
                MatrixLogin::Token(_) => Prepare::Denied("it has no token".to_owned()),
            };
        };
        let get = |path: String| Call {
            request: Request::get(path),
            secret_headers: vec![bearer(token)],
            secret_body: None,
        };
        if !known.facts.contains_key("user") {
            return Prepare::Call(get("/_matrix/client/v3/account/whoami".to_owned()));
        }
        let Some(id) = known.facts.get(&fact("room", room)) else {
            let path = format!("/_matrix/client/v3/directory/room/{}", escaped(room));
            return Prepare::Call(get(path));
        };
        if !known.facts.contains_key(&fact("open", room)) {
            let id = escaped(id);
            let path = format!("/_matrix/client/v3/rooms/{id}/state/m.room.encryption/");
            return Prepare::Call(get(path));
        }
        Prepare::Ready(known)
    }

    /// Takes one answer to the question that [`Matrix::next`] had put.
    fn learn(&self, mut known: Known, room: &str, answer: &Response) -> Result<Known, Prepare> {
        let body = answer.json();
        let code = body["errcode"].as_str().unwrap_or_default();
        let text = |name: &str| body[name].as_str().map(str::to_owned);
        let ok = answer.status == 200;
        let is_login = self.token(&known).is_none();
        // Until the account is known, a refusal is about the credentials and not about the room.
        let is_account = is_login || !known.facts.contains_key("user");
        if is_login
            && ok
            && let Some(token) = text("access_token")
        {
            known.secrets.insert("token".to_owned(), token.into());
            known.facts.extend(text("user_id").map(|user| ("user".to_owned(), user)));
            return Ok(known);
        }
        if !is_login
            && !known.facts.contains_key("user")
            && ok
            && let Some(user) = text("user_id")
        {
            known.facts.insert("user".to_owned(), user);
            return Ok(known);
        }
        let has_room = known.facts.contains_key(&fact("room", room));
        if !has_room
            && ok
            && let Some(id) = text("room_id")
        {
            known.facts.insert(fact("room", room), id);
            return Ok(known);
        }
        if has_room && ok {
            // What it says there could not be looked for afterwards, and would not be encrypted.
            return Err(Prepare::Denied(format!(
                "the room {room} is encrypted, which is not supported"
            )));
        }
        if has_room && answer.status == 404 {
            known.facts.insert(fact("open", room), "yes".to_owned());
            return Ok(known);
        }
        let what = answer.excerpt();
        Err(match (answer.status, code) {
            (401 | 403, "M_UNKNOWN_TOKEN" | "M_MISSING_TOKEN" | "M_FORBIDDEN") if is_account => {
                let source = &self.secret().source;
                Prepare::Denied(format!("the homeserver does not accept {source}: {what}"))
            }
            (403 | 404, _) => Prepare::Denied(format!("the room {room} cannot be used: {what}")),
            (status, _) => Prepare::Later {
                wait: retry_after_seconds(answer),
                reason: format!("the homeserver answered {status}: {what}"),
            },
        })
    }
}

impl Adapter for Matrix {
    fn guarantee(&self, _known: &Known) -> Guarantee {
        Guarantee::Keyed { window: WINDOW }
    }

    fn prepare(&self, known: &Known, group: &Group, answers: &[Response], now: Time) -> Prepare {
        let Some(room) = group.room.as_deref() else {
            return Prepare::Denied(format!("the group {} has no room", group.name));
        };
        let mut known = Known { learnt: Some(now), ..known.clone() };
        if room.starts_with('!') {
            known.facts.insert(fact("room", room), room.to_owned());
        }
        for answer in answers {
            match self.learn(known, room, answer) {
                Ok(more) => known = more,
                Err(end) => return end,
            }
        }
        self.next(known, room)
    }

    fn compose(&self, piece: &Piece<'_>, _known: &Known) -> Result<Post, Unfit> {
        let template = template_of(piece.group)?;
        let text = template.say(&words_of(piece.entry)).map_err(|e| Unfit(e.to_string()))?;
        super::fitted(&text, &LIMIT, piece)
    }

    fn request(&self, post: &Post, piece: &Piece<'_>, known: &Known) -> Result<Request, Unfit> {
        let room = piece.group.room.as_deref().unwrap_or_default();
        let id = known.facts.get(&fact("room", room));
        let id = id.ok_or_else(|| Unfit(format!("the room {room} is not known")))?;
        let body = json!({
            "msgtype": "m.text",
            "body": post.text,
            "format": "org.matrix.custom.html",
            "formatted_body": html(&post.text),
            // Without this, older servers and clients ping whoever is named in the text.
            "m.mentions": {},
            MARK: piece.key.as_str(),
        });
        let path = format!(
            "/_matrix/client/v3/rooms/{}/send/m.room.message/{}",
            escaped(id),
            piece.key.as_str()
        );
        let request = Request::json(Method::Put, path, &body);
        if request.body.len() > EVENT_BYTES_MAX {
            let bytes = request.body.len();
            return Err(Unfit(format!(
                "its event has {bytes} bytes, and {EVENT_BYTES_MAX} is the most"
            )));
        }
        Ok(request)
    }

    fn authorise(
        &self,
        _request: &Request,
        _key: &IdempotencyKey,
        known: &Known,
        _now: Time,
    ) -> Result<Vec<SecretHeader>, Unfit> {
        let token = self.token(known).ok_or_else(|| Unfit("there is no session".to_owned()))?;
        Ok(vec![bearer(token)])
    }

    fn judge(&self, response: &Response) -> Outcome {
        let body = response.json();
        match (response.status, body["errcode"].as_str()) {
            (401, _) => {
                let cause = match self.login {
                    MatrixLogin::Token(_) => DeferCause::Credentials,
                    MatrixLogin::Password { .. } => DeferCause::SessionExpired,
                };
                let source = &self.secret().source;
                let what = response.excerpt();
                let reason = format!("the homeserver does not accept {source}: {what}");
                Outcome::Deferred { wait: None, cause, reason }
            }
            (429, _) => Outcome::Deferred {
                wait: retry_after_seconds(response)
                    .or_else(|| body["retry_after_ms"].as_u64().map(Duration::from_millis)),
                cause: DeferCause::RateLimited,
                reason: "status 429: the homeserver's limits are reached".to_owned(),
            },
            _ => {
                let id = body["event_id"].as_str().map(str::to_owned);
                Outcome::from_status(response, Reference { id, url: None })
            }
        }
    }

    fn ask(&self, doubt: &Doubt<'_>, known: &Known, answers: &[Response]) -> Ask {
        let room = doubt.piece.group.room.as_deref().unwrap_or_default();
        let (Some(id), Some(token)) = (known.facts.get(&fact("room", room)), self.token(known))
        else {
            return Ask::Cannot;
        };
        let since = doubt.first_sent.minus(CLOCKS).as_millis();
        let mut from = String::new();
        for answer in answers {
            let page = answer.json();
            let (200, Some(events)) = (answer.status, page["chunk"].as_array()) else {
                let what = format!("it was asked and answered {}", answer.status);
                return Ask::Answer(Found::Unsure(what));
            };
            let ours =
                events.iter().find(|event| event["content"][MARK] == doubt.piece.key.as_str());
            if let Some(event) = ours {
                let event = event["event_id"].as_str().unwrap_or_default();
                let url = Some(format!("https://matrix.to/#/{}/{event}", escaped(id)));
                return Ask::Answer(Found::There(Reference { id: Some(event.to_owned()), url }));
            }
            let old =
                events.iter().any(|e| e["origin_server_ts"].as_u64().is_some_and(|t| t < since));
            match page["end"].as_str() {
                Some(end) if !old && !events.is_empty() => from = format!("&from={}", escaped(end)),
                _ => return Ask::Answer(Found::Absent),
            }
        }
        if answers.len() >= super::PREFLIGHTS_MAX {
            let what = "the room has said too much since to tell".to_owned();
            return Ask::Answer(Found::Unsure(what));
        }
        let path =
            format!("/_matrix/client/v3/rooms/{}/messages?dir=b&limit={PAGE}{from}", escaped(id));
        Ask::Call(Call {
            request: Request::get(path),
            secret_headers: vec![bearer(token)],
            secret_body: None,
        })
    }
}

fn fact(what: &str, room: &str) -> String {
    format!("{what} {room}")
}

fn bearer(token: &SecretString) -> SecretHeader {
    ("authorization".to_owned(), format!("Bearer {}", token.expose_secret()).into())
}

/// Percent-encoding for one segment of a path or one value of a query.
fn escaped(text: &str) -> String {
    let keep = |b: &u8| b.is_ascii_alphanumeric() || b"-._~".contains(b);
    text.bytes()
        .map(|b| if keep(&b) { char::from(b).to_string() } else { format!("%{b:02X}") })
        .collect()
}

/// The text as HTML: escaped, with its links as links and its lines as lines.
fn html(text: &str) -> String {
    let safe = |text: &str| {
        text.replace('&', "&amp;")
            .replace('<', "&lt;")
            .replace('>', "&gt;")
            .replace('"', "&quot;")
            .replace('\n', "<br>")
    };
    let mut out = String::with_capacity(text.len() * 2);
    let mut from = 0;
    for range in links(text) {
        let link = safe(&text[range.clone()]);
        out += &safe(&text[from..range.start]);
        out += &format!("<a href=\"{link}\">{link}</a>");
        from = range.end;
    }
    out + &safe(&text[from..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_feed_cannot_bring_markup_into_a_room() {
        assert_eq!(
            html("<b>5 > 4</b>\nhttps://x.example/?a=1&b=\"2"),
            "&lt;b&gt;5 &gt; 4&lt;/b&gt;<br><a href=\"https://x.example/?a=1&amp;b=\">\
             https://x.example/?a=1&amp;b=</a>&quot;2"
        );
    }

    #[test]
    fn the_device_stays_the_same_over_restarts() {
        let login = MatrixLogin::Token(Secret {
            source: crate::config::SecretSource::Env("X".into()),
            value: "t".into(),
        });
        assert_eq!(Matrix::new("chat", &login).device, Matrix::new("chat", &login).device);
        assert_ne!(Matrix::new("chat", &login).device, Matrix::new("other", &login).device);
        assert_eq!(escaped("!a:b.c"), "%21a%3Ab.c");
    }
}
