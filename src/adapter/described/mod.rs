//! Any HTTP API, as a description has it: the engine behind `custom` and behind every platform that is
//! shipped as data. It promises what the description declares, and `check` holds the declaration to account.

mod amend;
mod build;
mod check;
mod find;
mod posts;
mod read;
mod values;

use std::collections::BTreeMap;
use std::sync::Arc;

use secrecy::ExposeSecret as _;
use url::Url;

use self::values::{Place, Scope};
use super::{
    Adapter, Amending, Ask, Call, CallSecrets, Deed, Doubt, Known, Pictures, Piece, Post, Prepare,
    Said, SecretHeader, Shows, Unfit, answer, compose,
};
use crate::config::describe::{Count, Description, Markup, Means, Verb};
use crate::config::{Group, Secret};
use crate::model::{
    Change, DeferCause, Effect, Guarantee, IdempotencyKey, Outcome, Reference, Request, Response,
    Time,
};
use crate::post::fit::{Limit, Unit};
use crate::post::template::{DEFAULT_TEMPLATE, Mentions};
use crate::post::{escape, markup};

pub(super) use check::check;

/// The most steps in which an escaped text is made to fit.
const FIT_STEPS: usize = 64;

/// One login at an API that is described.
#[derive(Debug)]
pub(super) struct Described {
    pub(super) url: Url,
    pub(super) description: Arc<Description>,
    pub(super) secrets: BTreeMap<String, Secret>,
    pub(super) user: Option<String>,
    pub(super) set: BTreeMap<String, String>,
}

impl Described {
    fn mentions(&self) -> Mentions {
        if self.description.text.mentions { Mentions::Break } else { Mentions::Keep }
    }

    fn limit(&self) -> Limit {
        let text = &self.description.text;
        let unit = match text.unit {
            Count::Graphemes => Unit::Graphemes,
            Count::Characters => Unit::Characters,
            Count::Utf16 => Unit::Utf16,
            Count::Bytes => Unit::Bytes,
            Count::Weighted => Unit::Weighted,
            Count::EmojiBytes => Unit::EmojiBytes,
        };
        Limit { unit, max: text.max, url_length: text.link, max_bytes: text.max_bytes }
    }

    /// A text in the platform's markup.
    fn marked_up(&self, text: &str) -> String {
        match self.description.text.markup {
            Markup::Plain => text.to_owned(),
            Markup::Html => markup::inline(text),
            Markup::Markdown => escape::markdown(text),
            Markup::Slack => escape::slack(text),
            Markup::Zulip => escape::zulip(text),
            Markup::LittleText => escape::little_text(text),
        }
    }

    /// The credential that a person would replace, in words.
    fn credential(&self) -> String {
        let sources: Vec<String> = self
            .secrets
            .iter()
            .map(|(name, secret)| format!("the {name} from {}", secret.source))
            .collect();
        if sources.is_empty() { "this login".to_owned() } else { sources.join(" or ") }
    }

    /// A call without an entry: a check, or what only the login says.
    fn call(&self, request: Request, known: &Known) -> Result<Call, Unfit> {
        let secrets = self.call_secrets(known)?;
        let request = self.with_open_headers(request, known)?;
        Ok(Call { secrets, ..Call::open(request) })
    }

    /// The headers of every call that hold no secret, kept with it.
    fn with_open_headers(&self, mut request: Request, known: &Known) -> Result<Request, Unfit> {
        let scope = Scope::of_login(self, known);
        for (name, template) in &self.description.headers {
            if !self.is_secret(template)? {
                let value = scope.header(template, Place::Text)?;
                if !value.is_empty() {
                    request.headers.push((name.to_ascii_lowercase(), value));
                }
            }
        }
        Ok(request)
    }

    /// Whether a template needs a secret.
    fn is_secret(&self, template: &str) -> Result<bool, Unfit> {
        let used = values::variables(template)?;
        Ok(self.description.secrets.keys().any(|name| used.contains(name)))
    }

    fn call_secrets(&self, known: &Known) -> Result<CallSecrets, Unfit> {
        Ok(CallSecrets { headers: self.secret_headers(known)?, marks: values::fills(self)? })
    }

    fn secret_headers(&self, known: &Known) -> Result<Vec<SecretHeader>, Unfit> {
        let scope = Scope::of_login(self, known);
        let mut headers = Vec::new();
        for (name, template) in &self.description.headers {
            if self.is_secret(template)? {
                headers.push((
                    name.to_ascii_lowercase(),
                    scope.header(template, Place::Secret)?.into(),
                ));
            }
        }
        Ok(headers)
    }
}

impl Adapter for Described {
    fn guarantee(&self, _: &Known) -> Guarantee {
        self.description.promise()
    }

    fn prepare(&self, known: &Known, answers: &[Response], _: &Group, now: Time) -> Prepare {
        let mut parts = vec![self.url.as_str()];
        parts.extend(self.secrets.values().map(|secret| secret.value.expose_secret()));
        let mut known = known.of_login(&parts);
        let fresh = known.is_fresh(now);
        let mut answers = answers.iter();
        for check in &self.description.check {
            let scope = Scope::of_login(self, &known);
            let request = match build::request(self, &check.call, Verb::Get, &scope) {
                Ok(request) => request,
                Err(why) => return Prepare::Denied(why.0),
            };
            let mark = values::checked(&request);
            if fresh && known.fact(&mark).is_some() {
                continue;
            }
            let Some(response) = answers.next() else {
                return match self.call(request, &known) {
                    Ok(call) => Prepare::Call(call),
                    Err(why) => Prepare::Denied(why.0),
                };
            };
            if read::any(&check.denied, response) == Some(true)
                || (check.denied.is_empty() && [401, 403].contains(&response.status))
            {
                return answer::denied(response, &self.credential());
            }
            let good = match check.good.as_slice() {
                [] => (200..300).contains(&response.status),
                good => read::any(good, response) == Some(true),
            };
            if !good {
                return answer::later(response, "cannot check the credentials");
            }
            for (name, at) in &check.learn {
                let Some(value) = read::text(response, at) else {
                    let reason = format!("its answer to {} holds no {name}", request.path);
                    return Prepare::Later { wait: None, reason };
                };
                known.facts.insert(format!("{mark} {name}"), value);
            }
            known.facts.insert(mark, "yes".to_owned());
            known.learnt = Some(now);
        }
        Prepare::Ready(known)
    }

    fn compose(&self, piece: &Piece<'_>, _: &Known) -> Result<Post, Unfit> {
        let limit = self.limit();
        let text = &self.description.text;
        let mut room = limit.max;
        for _ in 0..FIT_STEPS {
            let within = Limit { max: room, ..limit };
            let usual = text.template.as_deref().unwrap_or(DEFAULT_TEMPLATE);
            let post = compose::by(usual, piece, self.mentions(), &within)?;
            if !text.count_markup {
                return Ok(post);
            }
            let sent = self.marked_up(&post.text);
            if limit.admits(&sent) {
                return Ok(Post { length: limit.measure(&sent), limit: limit.max, ..post });
            }
            // It grows about as much again when it is shorter; bytes that are too many say nothing of that.
            let grown = limit.measure(&sent).max(limit.max + limit.max / 16 + 1);
            room = (room.saturating_mul(limit.max) / grown).min(room.saturating_sub(1));
        }
        Err(Unfit("escaped for this platform it does not fit".to_owned()))
    }

    fn request(&self, post: &Post, piece: &Piece<'_>, known: &Known) -> Result<Request, Unfit> {
        let scope = Scope::of_post(self, post, piece, known);
        let request = build::request(self, &self.description.publish.call, Verb::Post, &scope)?;
        self.with_open_headers(request, known)
    }

    fn pictures(&self) -> Pictures {
        let call = &self.description.publish.call;
        let form = call.form.iter().flatten().map(|(_, value)| value.clone());
        let json = call.json.iter().map(ToString::to_string);
        let named = form.chain(json).chain(call.body.clone()).any(|text| text.contains("picture"));
        if named { Pictures::Carried } else { Pictures::Linked }
    }

    fn authorise(
        &self,
        _: &Request,
        _: &IdempotencyKey,
        known: &Known,
        _: Time,
    ) -> Result<CallSecrets, Unfit> {
        self.call_secrets(known)
    }

    /// The first line of the description's table that fits. Whatever fits none may have published: only a
    /// redirect that says "this same call, elsewhere" cannot, and it is never followed.
    fn judge(&self, response: &Response) -> Outcome {
        let publish = &self.description.publish;
        let reference = |already| {
            let fields = (publish.id.as_deref(), publish.link.as_deref());
            Reference { already, ..read::reference(&self.url, fields, response) }
        };
        match read::means(&publish.answers, response) {
            Some(Means::Published) => answer::success(response, reference(false)),
            Some(Means::Duplicate) => answer::success(response, reference(true)),
            Some(Means::Refused) => Outcome::Refused { reason: answer::words(response) },
            Some(Means::Later) => self.deferred(DeferCause::RateLimited, response),
            Some(Means::Overloaded) => self.deferred(DeferCause::Overloaded, response),
            Some(Means::Credentials) => answer::deferred(DeferCause::Credentials, response),
            None if matches!(response.status, 307 | 308) => {
                Outcome::from_status(response, Reference::default())
            }
            Some(Means::Unknown | Means::Gone) | None => {
                Outcome::Unknown { reason: answer::words(response) }
            }
        }
    }

    fn shows(&self) -> Shows {
        match &self.description.posts {
            None => Shows::Nothing,
            Some(posts) if posts.everybody => Shows::All,
            Some(_) => Shows::Own,
        }
    }

    fn look_around(&self, group: &Group, known: &Known, _: Time) -> Option<Call> {
        posts::look(self, group, known, &[])
    }

    fn look_on(&self, group: &Group, known: &Known, answers: &[Response], _: Time) -> Option<Call> {
        posts::look(self, group, known, answers)
    }

    fn look_before(&self, piece: &Piece<'_>, known: &Known) -> Option<Call> {
        find::look(self, piece, known)
    }

    fn said(&self, _: &Group, _: &Known, answer: &Response) -> Option<Vec<Said>> {
        find::said(self, answer)
    }

    fn amend(&self, deed: &Deed<'_>, known: &Known, _: &[Response]) -> Amending {
        amend::step(self, deed, known)
    }

    fn amended(&self, change: Change, response: &Response) -> Effect {
        amend::amended(self, change, response)
    }

    fn ask(&self, doubt: &Doubt<'_>, known: &Known, answers: &[Response]) -> Ask {
        let Some(find) = &self.description.find else { return Ask::Cannot };
        match find::read(self, find, doubt, known, answers) {
            Ok(found) => Ask::Answer(found),
            Err(before) => {
                let scope = Scope::of_doubt(self, doubt, known, &before);
                let call = build::request(self, &find.call, Verb::Get, &scope)
                    .and_then(|request| self.call(request, known));
                match call {
                    Ok(call) => Ask::Call(call),
                    Err(why) => Ask::Answer(find::unsure(&why.0)),
                }
            }
        }
    }
}

impl Described {
    fn deferred(&self, cause: DeferCause, response: &Response) -> Outcome {
        let own = self.description.wait.iter().find_map(|wait| read::wait(wait, response));
        let wait = own.or_else(|| answer::wait(response));
        Outcome::Deferred { wait, cause, reason: answer::words(response) }
    }
}
