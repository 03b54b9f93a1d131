//! Ghost: a draft first, which nobody sees and which is found again by its address, then the call that
//! publishes it, which can be repeated. Mail to members is never asked for.

use data_encoding::{BASE64URL_NOPAD, HEXLOWER_PERMISSIVE};
use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use sha2::Sha256;
use url::Url;

use super::{
    Adapter, Amending, Ask, Call, CallSecrets, Deed, Doubt, Known, Pictures, Piece, Post, Prepare,
    Said, SecretHeader, Shows, Stage, Unfit, answer, compose, draft,
};
use crate::config::{Group, Secret};
use crate::model::{
    Change, DeferCause, Effect, Found, Guarantee, IdempotencyKey, Method, Outcome, Reference,
    Request, Response, Time,
};
use crate::post::fit::{Limit, Unit};
use crate::post::markup;
use crate::post::template::{Fields, Mentions};
use crate::post::text::truncate;

/// Where a text stops being one.
const TEXT: Limit = Limit { unit: Unit::Bytes, max: 100_000, url_length: None, max_bytes: None };
/// "Title [...] maximum 255 characters" (its own validation).
const TITLE_MAX: usize = 255;
/// "Feature image alt text [...] 191 characters", and what its address may hold (its own schema).
const ALT_MAX: usize = 191;
const PICTURE_URL_MAX: usize = 2_000;
/// <https://docs.ghost.org/admin-api/>
const POSTS: &str = "/ghost/api/admin/posts/";
const VERSION: &str = "v5.0";
const FIELDS: &str = "fields=id,slug,status,url,updated_at,published_at";
/// "The token expiry must be less than 5 minutes."
const TOKEN_SECONDS: u64 = 4 * 60;

/// One integration of one site.
#[derive(Debug)]
pub(super) struct Ghost {
    pub(super) url: Url,
    /// The Admin API key: an id, a colon, and a secret in hex.
    pub(super) token: Secret,
}

impl Ghost {
    fn credential(&self) -> String {
        format!("the Admin API key from {}", self.token.source)
    }

    /// A token of its own for each call.
    /// <https://docs.ghost.org/admin-api/#token-authentication>
    fn token(&self, now: Time) -> Result<SecretHeader, Unfit> {
        let bad =
            || Unfit(format!("{} is not an id, a colon and a secret in hex", self.credential()));
        let (id, secret) = self.token.value.expose_secret().split_once(':').ok_or_else(bad)?;
        let secret = HEXLOWER_PERMISSIVE.decode(secret.trim().as_bytes()).map_err(|_| bad())?;
        if id.trim().is_empty() || secret.is_empty() {
            return Err(bad());
        }
        let seconds = now.as_millis() / 1000;
        let part = |value: Value| BASE64URL_NOPAD.encode(value.to_string().as_bytes());
        let head = part(json!({ "alg": "HS256", "typ": "JWT", "kid": id.trim() }));
        let claims = part(json!({
            "iat": seconds,
            "exp": seconds + TOKEN_SECONDS,
            "aud": "/admin/",
        }));
        let mut mac = Hmac::<Sha256>::new_from_slice(&secret).map_err(|_| bad())?;
        mac.update(format!("{head}.{claims}").as_bytes());
        let signature = BASE64URL_NOPAD.encode(&mac.finalize().into_bytes());
        let value = format!("Ghost {head}.{claims}.{signature}");
        Ok(("authorization".to_owned(), SecretString::from(value)))
    }

    fn call(&self, request: Request, now: Time) -> Result<Call, Unfit> {
        let request = request.with("accept-version", VERSION);
        Ok(Call { secrets: vec![self.token(now)?].into(), ..Call::open(request) })
    }

    fn staged(&self, request: Request, now: Time) -> Stage {
        self.call(request, now).map_or_else(Stage::Unfit, Stage::Call)
    }
}

impl Adapter for Ghost {
    fn guarantee(&self, _: &Known) -> Guarantee {
        Guarantee::TwoPhase
    }

    fn prepare(&self, known: &Known, answers: &[Response], _: &Group, now: Time) -> Prepare {
        let mut known = known.of_login(&[self.url.as_str(), self.token.value.expose_secret()]);
        if known.is_fresh(now) {
            return Prepare::Ready(known);
        }
        let Some(posts) = answers.first() else {
            let request = Request::get(format!("{POSTS}?limit=1&fields=id"));
            return match self.call(request, now) {
                Ok(call) => Prepare::Call(call),
                Err(why) => Prepare::Denied(why.0),
            };
        };
        match (answer::object(posts), posts.status) {
            (Some(body), _) if body["posts"].is_array() => {
                known.learnt = Some(now);
                Prepare::Ready(known)
            }
            // 400 INVALID_JWT, 401 a key that was taken back, 403 without a right.
            (None, 400 | 401 | 403) => answer::denied(posts, &self.credential()),
            _ => answer::later(posts, "cannot log in"),
        }
    }

    fn compose(&self, piece: &Piece<'_>, _: &Known) -> Result<Post, Unfit> {
        let post = compose::by(compose::BELOW_TITLE, piece, Mentions::Keep, &TEXT)?;
        let title = Fields::of(piece.entry, Mentions::Keep).title;
        let title = truncate(&title, TITLE_MAX);
        Ok(Post { title: Some(title), ..post })
    }

    fn request(&self, post: &Post, piece: &Piece<'_>, _: &Known) -> Result<Request, Unfit> {
        let mut draft = content(post);
        draft["slug"] = json!(draft::slug(post, piece));
        draft["status"] = json!("draft");
        let link = Fields::of(piece.entry, Mentions::Keep).link;
        if !link.is_empty() {
            // Search engines are told which of the two is the original.
            draft["canonical_url"] = json!(link);
        }
        let path = format!("{POSTS}?source=html");
        Ok(Request::json(Method::Post, path, &json!({ "posts": [draft] })))
    }

    fn stage(&self, post: &Post, piece: &Piece<'_>, known: &Known, answers: &[Response]) -> Stage {
        let Some(found) = answers.first() else {
            let path = format!("{POSTS}slug/{}/?{FIELDS}", draft::slug(post, piece));
            return self.staged(Request::get(path), piece.now);
        };
        let there = match (found.status, first(found)) {
            (200, Some(there)) => Some(there),
            (404, _) => None,
            _ => return draft::failed(found, "cannot look for its draft"),
        };
        match (there, answers.get(1)) {
            // Its draft, from before a crash, or from before its entry was edited.
            (Some(there), None) if there["status"] == "draft" => {
                let Some(id) = answer::string(&there, "id") else {
                    return Stage::Unfit(Unfit("its draft has no id".to_owned()));
                };
                let mut draft = content(post);
                draft["updated_at"] = there["updated_at"].clone();
                let path = format!("{POSTS}{}/?source=html", answer::segment(&id));
                let body = json!({ "posts": [draft] });
                self.staged(Request::json(Method::Put, path, &body), piece.now)
            }
            // It is out already: to publish it again changes nothing, and tells where it is.
            (Some(there), None) => match &there["status"] {
                status if status == "published" || status == "sent" => publish(&there),
                status => draft::taken_in_hand(status),
            },
            (None, None) => match self.request(post, piece, known) {
                Ok(request) => self.staged(request, piece.now),
                Err(unfit) => Stage::Unfit(unfit),
            },
            (_, Some(made)) => match (made.status, first(made)) {
                (200..=299, Some(made)) => publish(&made),
                // It may be there, and is looked for next time.
                (200..=299, None) => draft::failed(&Response { status: 0, ..made.clone() }, LOST),
                _ => draft::failed(made, "cannot write its draft"),
            },
        }
    }

    fn pictures(&self) -> Pictures {
        Pictures::Carried
    }

    fn authorise(
        &self,
        _: &Request,
        _: &IdempotencyKey,
        _: &Known,
        now: Time,
    ) -> Result<CallSecrets, Unfit> {
        Ok(vec![self.token(now)?].into())
    }

    fn judge(&self, response: &Response) -> Outcome {
        let error = response.json()["errors"][0]["type"].as_str().unwrap_or_default().to_owned();
        match (response.status, error.as_str()) {
            (200..=299, _) => match first(response) {
                Some(post) if post["status"] == "draft" => {
                    Outcome::Unknown { reason: "it says published and shows a draft".to_owned() }
                }
                Some(post) => answer::success(response, reference(&post)),
                None => answer::success(response, Reference::default()),
            },
            (401 | 403, _) => answer::deferred(DeferCause::Credentials, response),
            (400, _) if response.excerpt().contains("INVALID_JWT") => {
                answer::deferred(DeferCause::Credentials, response)
            }
            (404, _) => Outcome::Refused {
                reason: format!("its draft is gone ({})", answer::words(response)),
            },
            // "Saving failed! Someone else is editing this post": nothing was changed by this call.
            (409, "UpdateCollisionError") => Outcome::Refused {
                reason: "somebody has edited its draft meanwhile; publish it there".to_owned(),
            },
            (429, _) => answer::rate_limited(response),
            _ => Outcome::from_status(response, Reference::default()),
        }
    }

    fn ask(&self, doubt: &Doubt<'_>, _: &Known, answers: &[Response]) -> Ask {
        let Some(id) = id_of(doubt.request) else {
            return draft::unsure("the stored request names no post");
        };
        let Some(found) = answers.first() else {
            let request = Request::get(format!("{POSTS}{id}/?{FIELDS}"));
            return match self.call(request, doubt.piece.now) {
                Ok(call) => Ask::Call(call),
                Err(why) => draft::unsure(&why.0),
            };
        };
        let post = first(found).filter(|_| found.status == 200);
        let Some(post) = post else {
            let what = match found.status {
                404 => "its draft is gone; somebody has deleted it",
                _ => "cannot look at it",
            };
            return draft::unsure(&format!("{what} ({})", answer::words(found)));
        };
        match post["status"].as_str() {
            Some("published" | "sent") => Ask::Answer(Found::There(reference(&post))),
            Some("draft") => Ask::Answer(Found::Absent),
            other => draft::unsure(&format!("its status there is {}", other.unwrap_or("unknown"))),
        }
    }

    fn shows(&self) -> Shows {
        Shows::All
    }

    fn look_around(&self, group: &Group, known: &Known, now: Time) -> Option<Call> {
        self.look_on(group, known, &[], now)
    }

    /// <https://docs.ghost.org/admin-api/#pagination>
    fn look_on(&self, _: &Group, _: &Known, answers: &[Response], now: Time) -> Option<Call> {
        let page = match answers.last() {
            None => 1,
            Some(last) => last.json()["meta"]["pagination"]["next"].as_u64()?,
        };
        let request = Request::get(format!("{POSTS}?limit=50&page={page}&{LISTED}"));
        self.call(request, now).ok()
    }

    fn said(&self, _: &Group, _: &Known, answer: &Response) -> Option<Vec<Said>> {
        let posts = answer.json()["posts"].as_array().filter(|_| answer.status == 200)?.clone();
        let said = |post: &Value| {
            let at = post["published_at"].as_str().and_then(|at| at.parse().ok());
            let mut links: Vec<String> =
                answer::string(post, "canonical_url").into_iter().collect();
            links.extend(draft::links(post["html"].as_str().unwrap_or_default()));
            Said { reference: reference(post), at: at.map(Time::from_timestamp), links }
        };
        Some(posts.iter().map(said).collect())
    }

    /// What is taken away becomes a draft, which a person can publish again.
    fn amend(&self, deed: &Deed<'_>, _: &Known, answers: &[Response]) -> Amending {
        let path = match deed.id() {
            Ok(id) => format!("{POSTS}{}/", answer::segment(id)),
            Err(why) => return answer::cannot(why),
        };
        let Some(found) = answers.first() else {
            let request = Request::get(format!("{path}?{FIELDS}"));
            return match self.call(request, deed.piece.now) {
                Ok(call) => Amending::Call(call),
                Err(why) => answer::cannot(why),
            };
        };
        let there = match (found.status, first(found)) {
            (200, Some(there)) => there,
            (404, _) => return Amending::Gone(answer::words(found)),
            _ => return answer::not_now(found, "cannot look at it", self.judge(found)),
        };
        match there["status"].as_str() {
            Some("published") => {}
            Some("sent") => return Amending::Cannot("it went out as mail alone".to_owned()),
            Some("draft") => return Amending::Gone("it is a draft there".to_owned()),
            other => {
                let status = other.unwrap_or("of no known kind");
                return Amending::Cannot(format!("somebody has made it {status:?} there"));
            }
        }
        let (mut body, path) = match deed.post.filter(|_| deed.change == Change::Update) {
            Some(post) => (content(post), format!("{path}?source=html")),
            None => (json!({ "status": "draft" }), path),
        };
        body["updated_at"] = there["updated_at"].clone();
        let request = Request::json(Method::Put, path, &json!({ "posts": [body] }));
        Amending::Ready(request.with("accept-version", VERSION))
    }

    fn amended(&self, change: Change, response: &Response) -> Effect {
        let status = first(response).map(|post| post["status"].clone());
        match (response.status, change) {
            (404, _) => Effect::Gone { reason: answer::words(response) },
            (200..=299, Change::Retract) => match status {
                Some(status) if status == "draft" => Effect::Done,
                status => {
                    let shows = status.unwrap_or_default();
                    let reason = format!("it says unpublished and shows {shows}");
                    Effect::Not(Outcome::Unknown { reason })
                }
            },
            // The version that the call names is not the newest any more: it is read again.
            (409, _) if response.json()["errors"][0]["type"] == "UpdateCollisionError" => {
                Effect::Not(answer::deferred(DeferCause::Collision, response))
            }
            _ => Effect::of(self.judge(response)),
        }
    }
}

/// What is read of each post of a list.
const LISTED: &str =
    "filter=status:published&formats=html&fields=id,url,canonical_url,published_at,html";
const LOST: &str = "its draft was answered without an id, and is looked for";

/// The call that publishes a draft. It names the version that it saw, without which Ghost refuses it.
fn publish(there: &Value) -> Stage {
    let (Some(id), Some(updated)) =
        (answer::string(there, "id"), answer::string(there, "updated_at"))
    else {
        return Stage::Unfit(Unfit("its draft has no id or no version".to_owned()));
    };
    let body = json!({ "posts": [{ "status": "published", "updated_at": updated }] });
    let path = format!("{POSTS}{}/", answer::segment(&id));
    let request = Request::json(Method::Put, path, &body);
    Stage::Ready { request: request.with("accept-version", VERSION), notes: Vec::new() }
}

/// The post that a stored request publishes.
fn id_of(request: &Request) -> Option<&str> {
    request.path.strip_prefix(POSTS)?.strip_suffix('/').filter(|id| !id.is_empty())
}

fn content(post: &Post) -> Value {
    let mut content = json!({
        "title": post.title.as_deref().unwrap_or_default(),
        "html": markup::paragraphs(&post.text),
    });
    if let Some(picture) =
        post.picture.as_ref().filter(|picture| picture.url.len() <= PICTURE_URL_MAX)
    {
        content["feature_image"] = json!(picture.url);
        let alt = picture.alt.as_deref().map(|alt| truncate(alt, ALT_MAX));
        content["feature_image_alt"] = json!(alt);
    }
    content
}

fn first(response: &Response) -> Option<Value> {
    Some(response.json()["posts"].as_array()?.first()?.clone()).filter(Value::is_object)
}

fn reference(post: &Value) -> Reference {
    let id = answer::string(post, "id");
    Reference { id, url: answer::string(post, "url"), ..Reference::default() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::SecretSource;

    fn ghost(key: &str) -> Ghost {
        let source = SecretSource::Env("GHOST".to_owned());
        let token = Secret { source, value: key.to_owned().into() };
        Ghost { url: "https://ghost.example".parse().unwrap(), token }
    }

    #[test]
    fn a_token_is_what_its_documentation_says() {
        let at = Time::from_millis(1_767_323_045_000);
        let (name, value) = ghost("6489c1:00ff10").token(at).unwrap();
        let value = value.expose_secret().strip_prefix("Ghost ").unwrap().to_owned();
        let parts: Vec<&str> = value.split('.').collect();
        let part = |n: usize| -> Value {
            serde_json::from_slice(&BASE64URL_NOPAD.decode(parts[n].as_bytes()).unwrap()).unwrap()
        };
        assert_eq!(name, "authorization");
        assert_eq!(part(0), json!({ "alg": "HS256", "typ": "JWT", "kid": "6489c1" }));
        let claims = json!({ "iat": 1_767_323_045, "exp": 1_767_323_285, "aud": "/admin/" });
        assert_eq!(part(1), claims);
    }

    #[test]
    fn a_key_that_cannot_sign_stops_the_lane_without_being_shown() {
        for key in ["", "s3cret", "id:s3cret", ":"] {
            let why = ghost(key).token(Time::from_millis(1)).map(|(name, _)| name).unwrap_err();
            assert!(why.0.contains("GHOST") && !why.0.contains("s3cret"), "{why}");
        }
    }
}
