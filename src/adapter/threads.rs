//! Threads: a container is made first, which nobody sees, and published by its id. What a second publish call
//! of one container does is documented nowhere, so none is made: its state is asked for, a person decides.

mod session;

use serde_json::Value;
use url::Url;

use super::{
    Adapter, Ask, Call, CallSecrets, Doubt, Known, Pictures, Piece, Post, Prepare, Said, Shows,
    Stage, Unfit, answer, compose, draft, mark,
};
use crate::config::{Group, Secret};
use crate::model::{
    DeferCause, Found, Guarantee, IdempotencyKey, Method, Outcome, Reference, Request, Response,
    Time,
};
use crate::post::fit::{Limit, Unit};
use crate::post::link;
use crate::post::template::{Fields, Mentions};
use crate::post::text::truncate;

/// "Text posts are limited to 500 characters. [...] Emojis are counted as the number of UTF-8 bytes."
/// <https://developers.facebook.com/docs/threads/posts>
const TEXT: Limit = Limit { unit: Unit::EmojiBytes, max: 500, url_length: None, max_bytes: None };
/// "The maximum length of alt_text is 1,000 characters."
/// <https://developers.facebook.com/docs/threads/create-posts/accessibility>
const ALT_MAX: usize = 1_000;
/// A container is looked at so often, two seconds apart, before its post goes without its picture, or later.
const LOOKS: usize = 3;
/// Stands for the token in an address or a form.
const TOKEN: &str = "token";
/// Posts of one look at the account.
const LOOK: usize = 40;

/// One account.
#[derive(Debug)]
pub(super) struct Threads {
    pub(super) url: Url,
    pub(super) token: Secret,
}

impl Threads {
    fn call(&self, request: Request, known: &Known) -> Call {
        Call { secrets: self.secrets(known), ..Call::open(request) }
    }

    /// The container of a post, with its picture or without.
    fn container(
        &self,
        post: &Post,
        piece: &Piece<'_>,
        known: &Known,
        pictured: bool,
    ) -> Result<Request, Unfit> {
        let account = account(known)?;
        let link = Fields::of(piece.entry, Mentions::Keep).link;
        let mut fields = vec![("text", post.text.clone())];
        match post.picture.as_ref().filter(|_| pictured) {
            // The platform reads it from where it is.
            Some(picture) => {
                fields.push(("media_type", "IMAGE".to_owned()));
                fields.push(("image_url", picture.url.clone()));
                let alt = picture.alt.as_deref().map(|alt| truncate(alt, ALT_MAX));
                fields.extend(alt.map(|alt| ("alt_text", alt)));
            }
            None => {
                fields.push(("media_type", "TEXT".to_owned()));
                fields.extend(Some(link).filter(|l| !l.is_empty()).map(|l| ("link_attachment", l)));
            }
        }
        Ok(form(format!("/v1.0/{account}/threads"), &fields))
    }

    /// The next step on the way to a container that can be published: `answers` begins with the one that
    /// made it.
    fn ready(
        &self,
        answers: &[Response],
        known: &Known,
        notes: &[String],
    ) -> Result<Stage, String> {
        let Some(made) = answers.first() else { return Err(String::new()) };
        let Some(id) = answer::object(made).and_then(|made| answer::string(&made, "id")) else {
            return match meaning(made) {
                Meaning::Token => Ok(Stage::Later {
                    wait: None,
                    cause: DeferCause::Credentials,
                    reason: answer::words(made),
                }),
                Meaning::TooMany => Ok(Stage::Later {
                    wait: answer::wait(made),
                    cause: DeferCause::RateLimited,
                    reason: answer::words(made),
                }),
                Meaning::Other => Err(answer::words(made)),
            };
        };
        let look = get(format!("/v1.0/{}", answer::segment(&id)), "fields=status,error_message");
        let Some(state) = answers[1..].last() else {
            return Ok(Stage::Call(self.call(look, known)));
        };
        match state.json()["status"].as_str() {
            Some("FINISHED" | "PUBLISHED") => {
                let path =
                    format!("/v1.0/{}/threads_publish", account(known).map_err(|why| why.0)?);
                let request = form(path, &[("creation_id", id)]);
                Ok(Stage::Ready { request, notes: notes.to_vec() })
            }
            Some("IN_PROGRESS") if answers.len() <= LOOKS => {
                Ok(Stage::Call(self.call(look, known)))
            }
            _ => Err(format!("its container is not ready: {}", answer::words(state))),
        }
    }
}

impl Adapter for Threads {
    /// A container that can still be published may also be about to be, by a call that is late; what
    /// becomes of the second of two is documented nowhere, so there is no second.
    fn guarantee(&self, _: &Known) -> Guarantee {
        Guarantee::Verifiable
    }

    fn prepare(&self, known: &Known, answers: &[Response], _: &Group, now: Time) -> Prepare {
        self.log_in(known, answers, now)
    }

    fn compose(&self, piece: &Piece<'_>, _: &Known) -> Result<Post, Unfit> {
        compose::post(piece, Mentions::Break, &TEXT)
    }

    fn request(&self, post: &Post, piece: &Piece<'_>, known: &Known) -> Result<Request, Unfit> {
        self.container(post, piece, known, true)
    }

    /// The container, when it can be published; where its picture is what fails, one without.
    fn stage(&self, post: &Post, piece: &Piece<'_>, known: &Known, answers: &[Response]) -> Stage {
        let make = |pictured| match self.container(post, piece, known, pictured) {
            Ok(request) => Stage::Call(self.call(request, known)),
            Err(unfit) => Stage::Unfit(unfit),
        };
        if answers.is_empty() {
            return make(true);
        }
        let Some(picture) = &post.picture else {
            return self.ready(answers, known, &[]).unwrap_or_else(|why| failed(answers, why));
        };
        // Where the first container failed, its answers end: the same again says so again.
        let first = (1..=answers.len()).find_map(|end| {
            let why = self.ready(&answers[..end], known, &[]).err()?;
            Some((end, why))
        });
        let Some((end, why)) = first else {
            return self.ready(answers, known, &[]).unwrap_or_else(|why| failed(answers, why));
        };
        let second = &answers[end..];
        if second.is_empty() {
            return make(false);
        }
        let host = Url::parse(&picture.url).ok().and_then(|url| url.host_str().map(str::to_owned));
        let host = host.unwrap_or_else(|| "an unknown place".to_owned());
        let notes = [format!("without its picture from {host}: {why}")];
        self.ready(second, known, &notes).unwrap_or_else(|why| failed(second, why))
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
        Ok(self.secrets(known))
    }

    fn judge(&self, response: &Response) -> Outcome {
        match (response.status, meaning(response)) {
            (200..=299, _) => {
                let id = answer::string(&response.json(), "id");
                answer::success(response, Reference { id, ..Reference::default() })
            }
            (_, Meaning::Token) => answer::deferred(DeferCause::Credentials, response),
            (_, Meaning::TooMany) => answer::rate_limited(response),
            // It may be what a container gets that is published already: its state tells.
            (400, _) => Outcome::Unknown { reason: answer::words(response) },
            _ => Outcome::from_status(response, Reference::default()),
        }
    }

    fn account(&self, known: &Known) -> Option<String> {
        known.fact("account").map(str::to_owned)
    }

    fn ask(&self, doubt: &Doubt<'_>, known: &Known, answers: &[Response]) -> Ask {
        let fields = url::form_urlencoded::parse(doubt.request.body.as_bytes());
        let id = fields.into_iter().find(|(name, _)| name == "creation_id").map(|(_, id)| id);
        let Some(id) = id else { return draft::unsure("the stored request names no container") };
        let Some(state) = answers.first() else {
            let path = format!("/v1.0/{}", answer::segment(&id));
            return Ask::Call(self.call(get(path, "fields=status,error_message"), known));
        };
        match state.json()["status"].as_str().filter(|_| state.status == 200) {
            Some("PUBLISHED") => {}
            Some("FINISHED") => return Ask::Answer(Found::Absent),
            Some(other) => {
                return draft::unsure(&format!(
                    "its container is {other}: see whether it is there ({})",
                    answer::words(state)
                ));
            }
            None => return draft::unsure(&format!("cannot look at it ({})", answer::words(state))),
        }
        // It is there; only its own id is not known yet.
        match (answers.get(1), self.look_around(doubt.piece.group, known, doubt.piece.now)) {
            (None, Some(call)) => Ask::Call(call),
            (found, _) => {
                let cutoff = answer::cutoff(doubt.first_sent, doubt.piece.now, state);
                let link = Fields::of(doubt.piece.entry, Mentions::Keep).link;
                let said = found.and_then(|found| self.said(doubt.piece.group, known, found));
                let mut said = said.unwrap_or_default().into_iter();
                let ours = said.find(|said| {
                    said.at.is_some_and(|at| at >= cutoff)
                        && said.links.iter().any(|one| link::same(one, &link))
                });
                Ask::Answer(Found::There(ours.map(|said| said.reference).unwrap_or_default()))
            }
        }
    }

    fn shows(&self) -> Shows {
        Shows::Own
    }

    fn look_around(&self, _: &Group, known: &Known, _: Time) -> Option<Call> {
        let fields = "fields=id,permalink,timestamp,text,link_attachment_url";
        let path = format!("/v1.0/{}/threads", account(known).ok()?);
        Some(self.call(get(path, &format!("{fields}&limit={LOOK}")), known))
    }

    /// <https://developers.facebook.com/docs/graph-api/results#cursors>
    fn look_on(
        &self,
        group: &Group,
        known: &Known,
        answers: &[Response],
        now: Time,
    ) -> Option<Call> {
        let mut call = self.look_around(group, known, now)?;
        if let Some(page) = answers.last() {
            let paging = &page.json()["paging"];
            let after =
                paging["cursors"]["after"].as_str().filter(|_| !paging["next"].is_null())?;
            let mark = format!("&access_token={}", mark(TOKEN));
            let path = call.request.path.strip_suffix(&mark)?;
            call.request.path = format!("{path}&after={}{mark}", answer::segment(after));
        }
        Some(call)
    }

    fn said(&self, _: &Group, _: &Known, answer: &Response) -> Option<Vec<Said>> {
        Some(answer.json()["data"].as_array()?.iter().map(said).collect())
    }
}

/// One post of a list.
fn said(post: &Value) -> Said {
    let text = post["text"].as_str().unwrap_or_default();
    let mut links: Vec<String> = answer::string(post, "link_attachment_url").into_iter().collect();
    links.extend(link::find(text).into_iter().map(|range| text[range].to_owned()));
    // An offset without a colon, as in 2026-01-02T03:04:05+0000.
    let at = post["timestamp"].as_str().and_then(|at| {
        at.parse().ok().or_else(|| jiff::Timestamp::strptime("%Y-%m-%dT%H:%M:%S%z", at).ok())
    });
    let reference = Reference {
        id: answer::string(post, "id"),
        url: answer::string(post, "permalink"),
        ..Reference::default()
    };
    Said { reference, at: at.map(Time::from_timestamp), links }
}

/// What an error of the Graph API is about.
/// <https://developers.facebook.com/docs/graph-api/guides/error-handling>
enum Meaning {
    /// "Access token has expired", or lacks a permission.
    Token,
    /// Too many calls, of the app, of the account or of this kind.
    TooMany,
    Other,
}

fn meaning(response: &Response) -> Meaning {
    let code = response.json()["error"]["code"].as_u64();
    match (response.status, code) {
        (500.., _) => Meaning::Other,
        (401, _) | (_, Some(10 | 102 | 190 | 200..=299)) => Meaning::Token,
        (429, _) | (_, Some(4 | 17 | 32 | 341 | 613)) => Meaning::TooMany,
        _ => Meaning::Other,
    }
}

/// A container that cannot be had: the platform's words say why.
fn failed(answers: &[Response], why: String) -> Stage {
    match answers.last().map(|last| last.status) {
        Some(400 | 403 | 404 | 413 | 422) => Stage::Unfit(Unfit(why)),
        _ => Stage::Later { wait: None, cause: DeferCause::Overloaded, reason: why },
    }
}

fn account(known: &Known) -> Result<String, Unfit> {
    let account = known.fact("account").map(answer::segment);
    account.ok_or_else(|| Unfit("it is not known which account is ours".to_owned()))
}

/// A form with the token.
fn form(path: String, fields: &[(&str, String)]) -> Request {
    let fields = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    let kind = "application/x-www-form-urlencoded".to_owned();
    let headers = vec![("content-type".to_owned(), kind)];
    let body = format!("{fields}&access_token={}", mark(TOKEN));
    Request { method: Method::Post, path, headers, body }
}

fn get(path: String, query: &str) -> Request {
    Request::get(format!("{path}?{query}&access_token={}", mark(TOKEN)))
}
