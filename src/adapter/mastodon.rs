//! Mastodon and servers that speak its API. Some of them ignore the idempotency key, so a repeat is
//! promised only where the server says that it is Mastodon, and each one can be asked first.

mod amend;
mod ask;

use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value, json};
use url::Url;

use self::ask::Sent;
use super::{
    Adapter, Amending, Ask, Call, CallSecrets, Deed, Doubt, Known, PREFLIGHTS_MAX, Pictures, Piece,
    Post, Prepare, Said, SecretHeader, Shows, Stage, Unfit, answer, compose, picture,
};
use crate::config::{Group, Secret};
use crate::model::{
    DeferCause, Guarantee, IdempotencyKey, Method, Outcome, Reference, Request, Response, Time,
};
use crate::post::fit::{Limit, Unit};
use crate::post::template::Mentions;

/// What a server takes that does not say. <https://docs.joinmastodon.org/user/posting/#text>
const CHARACTERS: usize = 500;
/// The most that is believed; forks go to tens of thousands.
const CHARACTERS_MAX: usize = 100_000;
/// What any link counts as. <https://docs.joinmastodon.org/user/posting/#links>
const URL_CHARACTERS: usize = 23;
/// "Idempotency keys are stored for up to 1 hour."
/// <https://docs.joinmastodon.org/methods/statuses/#create>
const KEY_WINDOW: Duration = Duration::from_secs(60 * 60);
/// What a server takes of a picture that does not say, in bytes: Mastodon's own.
const PICTURE_MAX: usize = 16 << 20;
/// What it takes of what a picture shows, in characters. <https://docs.joinmastodon.org/methods/media/#v2>
const ALT_MAX: usize = 1_500;
/// Since then the instance names its source code, and keys are locked against parallel repeats.
const MAJOR_MIN: u32 = 4;

/// One account on one server.
#[derive(Debug)]
pub(super) struct Mastodon {
    pub(super) url: Url,
    pub(super) token: Secret,
}

impl Mastodon {
    fn get(&self, path: impl Into<String>) -> Call {
        Call { secrets: vec![self.bearer()].into(), ..Call::open(Request::get(path)) }
    }

    fn bearer(&self) -> SecretHeader {
        let value = format!("Bearer {}", self.token.value.expose_secret());
        ("authorization".to_owned(), SecretString::from(value))
    }
}

impl Adapter for Mastodon {
    fn guarantee(&self, known: &Known) -> Guarantee {
        if known.fact("software") == Some("mastodon") {
            Guarantee::Keyed { window: KEY_WINDOW }
        } else {
            Guarantee::Verifiable
        }
    }

    fn prepare(&self, known: &Known, answers: &[Response], _: &Group, now: Time) -> Prepare {
        let mut known = known.of_login(&[self.url.as_str(), self.token.value.expose_secret()]);
        if known.is_fresh(now) && known.fact("account").is_some() {
            return Prepare::Ready(known);
        }
        let mut answers = answers.iter();
        let Some(instance) = answers.next() else {
            return Prepare::Call(self.get("/api/v2/instance"));
        };
        match (answer::object(instance), instance.status) {
            (Some(instance), _) => learn_instance(&mut known, &instance),
            (None, 400..=407 | 410) => {
                // Servers older than Mastodon 4, and several that are none.
                let Some(older) = answers.next() else {
                    return Prepare::Call(self.get("/api/v1/instance"));
                };
                match (answer::object(older), older.status) {
                    (Some(older), _) => learn_instance(&mut known, &older),
                    // A server that keeps this to itself still has the usual limits.
                    (None, 400..=407 | 410) => learn_instance(&mut known, &Value::Null),
                    (None, _) => return answer::later(older, "cannot read its limits"),
                }
            }
            (None, _) => return answer::later(instance, "cannot read its limits"),
        }
        let Some(account) = answers.next() else {
            return Prepare::Call(self.get("/api/v1/accounts/verify_credentials"));
        };
        match (answer::object(account), account.status) {
            (Some(account), _) => {
                let Some(id) = answer::string(&account, "id") else {
                    let reason = "the server does not say which account is ours".to_owned();
                    return Prepare::Later { wait: None, reason };
                };
                known.facts.insert("account".to_owned(), id);
                if let Some(name) = answer::string(&account, "acct") {
                    known.facts.insert("name".to_owned(), name);
                }
                known.learnt = Some(now);
                Prepare::Ready(known)
            }
            // One compatible server answers 400 to a bad token (seen).
            (None, 400 | 401 | 403) => {
                answer::denied(account, &format!("the token from {}", self.token.source))
            }
            (None, _) => answer::later(account, "cannot verify the token"),
        }
    }

    fn compose(&self, piece: &Piece<'_>, known: &Known) -> Result<Post, Unfit> {
        let number = |name| known.fact(name).and_then(|fact| fact.parse().ok());
        let limit = Limit {
            unit: Unit::Graphemes,
            max: number("max_characters").unwrap_or(CHARACTERS),
            url_length: Some(number("url_characters").unwrap_or(URL_CHARACTERS)),
            max_bytes: None,
        };
        compose::apart(piece, Mentions::Break, &limit)
    }

    fn request(&self, post: &Post, piece: &Piece<'_>, _: &Known) -> Result<Request, Unfit> {
        let mut body = Map::new();
        body.insert("status".to_owned(), json!(post.text));
        let visibility = post.visibility.as_deref().unwrap_or("public");
        body.insert("visibility".to_owned(), json!(visibility));
        // Shown before the text, which is behind it. <https://docs.joinmastodon.org/methods/statuses/#create>
        if let Some(warning) = &post.warning {
            body.insert("spoiler_text".to_owned(), json!(warning));
        }
        // ISO 639-1: the server knows languages, not regions.
        if let Some(language) = post.language.as_deref().and_then(|tag| tag.split('-').next()) {
            body.insert("language".to_owned(), json!(language.to_ascii_lowercase()));
        }
        let request = Request::json(Method::Post, "/api/v1/statuses", &Value::Object(body));
        Ok(request.with("idempotency-key", piece.key.as_str()))
    }

    /// The picture, uploaded: a status names it. <https://docs.joinmastodon.org/methods/media/>
    fn stage(&self, post: &Post, piece: &Piece<'_>, known: &Known, answers: &[Response]) -> Stage {
        let request = || self.request(post, piece, known);
        let Some(wanted) = &post.picture else {
            return picture::with(request(), |_| {}, Vec::new());
        };
        let max =
            known.fact("picture_bytes").and_then(|max| max.parse().ok()).unwrap_or(PICTURE_MAX);
        let Some(found) = answers.first() else {
            return Stage::Fetch { url: wanted.url.clone(), max: max.min(picture::FETCHED_MAX) };
        };
        let kinds = known.fact("picture_kinds").unwrap_or_default();
        let takes = |mime: &str| kinds.is_empty() || kinds.split(' ').any(|kind| kind == mime);
        let found = match picture::fetched(found, takes) {
            Ok(found) => found,
            Err(why) => return picture::without(request(), wanted, &why),
        };
        let Some(made) = answers.get(1) else {
            let alt = wanted.alt.as_deref().map(|alt| crate::post::text::truncate(alt, ALT_MAX));
            let about = alt.as_deref().map(|alt| ("description", alt));
            let (kind, body) = picture::form(found, about, piece);
            let request = Request { method: Method::Post, ..Request::get("/api/v2/media") };
            let request = Request { headers: vec![kind], ..request };
            let secrets = vec![self.bearer()].into();
            return Stage::Call(Call { secrets, bytes: Some(body.into()), ..Call::open(request) });
        };
        let taken = matches!(made.status, 200 | 202).then(|| made.json());
        let id = taken.and_then(|made| answer::string(&made, "id"));
        let Some(id) = id else {
            let why = format!("it was not taken: {}", answer::words(made));
            return picture::without(request(), wanted, &why);
        };
        // 202, and then 206 until it is ready.
        let ready = answers.last().is_some_and(|last| last.status == 200);
        let waits = answers.last().is_some_and(|last| matches!(last.status, 202 | 206));
        if waits && answers.len() < PREFLIGHTS_MAX {
            return Stage::Call(self.get(format!("/api/v1/media/{}", answer::segment(&id))));
        }
        if !ready {
            return picture::without(request(), wanted, "the server was not done with it in time");
        }
        picture::with(request(), |body| body["media_ids"] = json!([id]), Vec::new())
    }

    fn pictures(&self) -> Pictures {
        Pictures::Carried
    }

    fn authorise(
        &self,
        _: &Request,
        _: &IdempotencyKey,
        _: &Known,
        _: Time,
    ) -> Result<CallSecrets, Unfit> {
        Ok(vec![self.bearer()].into())
    }

    fn judge(&self, response: &Response) -> Outcome {
        match response.status {
            200..=299 => {
                let status = response.json();
                // A key that was used before is answered with the status that it made.
                let made = status["created_at"].as_str().and_then(|at| at.parse().ok());
                let already = made.is_some_and(|made| answer::is_earlier(made, response));
                answer::success(response, Reference { already, ..reference(&status) })
            }
            // "The access token is invalid"; 403: scopes, or the account is suspended or moved.
            // <https://docs.joinmastodon.org/methods/statuses/#create>
            401 | 403 => answer::deferred(DeferCause::Credentials, response),
            // One compatible server answers 400 to a bad token (seen).
            400 if response.excerpt().to_ascii_lowercase().contains("token") => {
                answer::deferred(DeferCause::Credentials, response)
            }
            429 => answer::rate_limited(response),
            _ => Outcome::from_status(response, Reference::default()),
        }
    }

    fn account(&self, known: &Known) -> Option<String> {
        known.fact("account").map(str::to_owned)
    }

    fn ask(&self, doubt: &Doubt<'_>, known: &Known, answers: &[Response]) -> Ask {
        let sent = Sent::of(doubt);
        match ask::read(&sent, answers) {
            Ok(found) => Ask::Answer(found),
            Err(next) => match known.fact("account") {
                Some(account) => Ask::Call(self.get(next.path(account))),
                None => Ask::Answer(ask::unsure("it is not known which account is ours")),
            },
        }
    }

    fn amend(&self, deed: &Deed<'_>, _: &Known, answers: &[Response]) -> Amending {
        amend::step(self, deed, answers)
    }

    fn shows(&self) -> Shows {
        Shows::Own
    }

    fn look_around(&self, _: &Group, known: &Known, _: Time) -> Option<Call> {
        Some(self.get(ask::newest(known.fact("account")?)))
    }

    fn look_on(&self, _: &Group, known: &Known, answers: &[Response], _: Time) -> Option<Call> {
        let account = known.fact("account")?;
        match answers.last() {
            None => Some(self.get(ask::newest(account))),
            Some(page) => Some(self.get(ask::older(account, page)?)),
        }
    }

    fn said(&self, _: &Group, _: &Known, answer: &Response) -> Option<Vec<Said>> {
        ask::said(answer)
    }
}

/// Limits and software from either version of the instance document.
fn learn_instance(known: &mut Known, instance: &Value) {
    let statuses = &instance["configuration"]["statuses"];
    let number = |value: &Value, usual: usize| {
        let number = value.as_u64().and_then(|n| usize::try_from(n).ok());
        number.filter(|n| *n > 0).map_or(usual, |n| n.min(CHARACTERS_MAX))
    };
    let media = &instance["configuration"]["media_attachments"];
    if let Some(max) = media["image_size_limit"].as_u64() {
        known.facts.insert("picture_bytes".to_owned(), max.to_string());
    }
    let kinds: Vec<&str> = media["supported_mime_types"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .filter(|kind| kind.starts_with("image/"))
        .take(16)
        .collect();
    if !kinds.is_empty() {
        known.facts.insert("picture_kinds".to_owned(), kinds.join(" "));
    }
    // Pleroma and its children say it at the top.
    let pleroma = number(&instance["max_toot_chars"], CHARACTERS);
    let facts = [
        ("max_characters", number(&statuses["max_characters"], pleroma).to_string()),
        (
            "url_characters",
            number(&statuses["characters_reserved_per_url"], URL_CHARACTERS).to_string(),
        ),
        ("software", if is_mastodon(instance) { "mastodon" } else { "compatible" }.to_owned()),
        ("version", instance["version"].as_str().unwrap_or("unknown").to_owned()),
    ];
    known.facts.extend(facts.map(|(name, fact)| (name.to_owned(), fact)));
}

/// Whether the server says that it is Mastodon itself or a fork that keeps its name. Others write
/// `2.7.2 (compatible; Pleroma 2.5.0)` or a version of their own, and name other source code.
fn is_mastodon(instance: &Value) -> bool {
    let version = instance["version"].as_str().unwrap_or_default();
    let source = instance["source_url"].as_str().unwrap_or_default();
    let major = version.split('.').next().and_then(|major| major.parse::<u32>().ok());
    major.is_some_and(|major| major >= MAJOR_MIN)
        && !version.to_ascii_lowercase().contains("compatible")
        && source.trim_end_matches('/').ends_with("/mastodon")
}

/// What a status calls itself.
fn reference(status: &Value) -> Reference {
    Reference {
        id: answer::string(status, "id"),
        url: answer::string(status, "url").or_else(|| answer::string(status, "uri")),
        ..Reference::default()
    }
}
