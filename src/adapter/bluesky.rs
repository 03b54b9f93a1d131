//! Bluesky and every other AT Protocol server: we choose the record's key, and a write that only
//! succeeds into an empty place can be repeated for ever without a second post.

mod amend;
mod session;

use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use url::Url;

use super::{
    Adapter, Amending, Ask, Call, CallSecrets, Deed, Doubt, Known, Pictures, Piece, Post, Prepare,
    Said, SecretHeader, Shows, Stage, Unfit, answer, compose, picture, tid,
};
use crate::config::{Group, Secret};
use crate::model::{
    Change, DeferCause, Effect, Found, Guarantee, IdempotencyKey, Method, Outcome, Reference,
    Request, Response, Time,
};
use crate::post::fit::{Limit, Unit};
use crate::post::link;
use crate::post::template::{Fields, Mentions};

/// Both limits are the lexicon's own, and each is refused by itself (seen).
/// <https://github.com/bluesky-social/atproto/blob/main/lexicons/app/bsky/feed/post.json>
const TEXT: Limit =
    Limit { unit: Unit::Graphemes, max: 300, url_length: None, max_bytes: Some(3000) };
/// Of a card's thumbnail; of a picture it is twice that since 2025, which not every server knows.
/// <https://github.com/bluesky-social/atproto/blob/main/lexicons/app/bsky/embed/external.json>
const PICTURE_MAX: usize = 1_000_000;
/// Records of one look around.
const LOOK: usize = 40;
/// Where posts are kept.
const COLLECTION: &str = "app.bsky.feed.post";

/// One account.
#[derive(Debug)]
pub(super) struct Bluesky {
    pub(super) url: Url,
    pub(super) identifier: String,
    pub(super) password: Secret,
}

impl Adapter for Bluesky {
    fn guarantee(&self, _: &Known) -> Guarantee {
        Guarantee::DerivedId
    }

    fn prepare(&self, known: &Known, answers: &[Response], _: &Group, now: Time) -> Prepare {
        self.log_in(known, answers, now)
    }

    fn compose(&self, piece: &Piece<'_>, _: &Known) -> Result<Post, Unfit> {
        compose::post(piece, Mentions::Keep, &TEXT)
    }

    fn request(&self, post: &Post, piece: &Piece<'_>, known: &Known) -> Result<Request, Unfit> {
        let Some(did) = known.fact("did") else {
            return Err(Unfit("the account's id is not known: it is not logged in".to_owned()));
        };
        let mut record = json!({
            "$type": COLLECTION,
            "text": post.text,
            // Part of what a repeat is compared by, and so stored with the request.
            "createdAt": piece.now.to_string(),
        });
        if let Some(language) = &post.language {
            record["langs"] = json!([language]);
        }
        let facets = facets(&post.text);
        if !facets.is_empty() {
            record["facets"] = json!(facets);
        }
        let fields = Fields::of(piece.entry, Mentions::Keep);
        if !fields.link.is_empty() {
            record["embed"] = json!({
                "$type": "app.bsky.embed.external",
                "external": {
                    "uri": fields.link,
                    "title": fields.title,
                    "description": fields.summary,
                },
            });
        }
        let body = json!({
            "repo": did,
            "collection": COLLECTION,
            "rkey": tid::of_delivery(piece.opened, piece.number, piece.key),
            // Into an empty place only: an equal record there is a success, another one InvalidSwap.
            "swapRecord": null,
            "record": record,
        });
        Ok(Request::json(Method::Post, "/xrpc/com.atproto.repo.putRecord", &body))
    }

    /// The picture, uploaded: a record names it. One that its author has described is shown as a picture,
    /// with those words; another is that of the card, which has no place for any.
    fn stage(&self, post: &Post, piece: &Piece<'_>, known: &Known, answers: &[Response]) -> Stage {
        let request = || self.request(post, piece, known);
        let Some(wanted) = &post.picture else {
            return picture::with(request(), |_| {}, Vec::new());
        };
        let Some(found) = answers.first() else {
            return Stage::Fetch { url: wanted.url.clone(), max: PICTURE_MAX };
        };
        let found = match picture::fetched(found, |_| true) {
            Ok(found) => found,
            Err(why) => return picture::without(request(), wanted, &why),
        };
        let Some(made) = answers.get(1) else {
            let call = with_session(known, "/xrpc/com.atproto.repo.uploadBlob".to_owned());
            let headers = vec![("content-type".to_owned(), found.kind.mime.to_owned())];
            let request = Request { method: Method::Post, headers, ..call.request };
            return Stage::Call(Call { request, bytes: Some(found.to_bytes()), ..call });
        };
        if let Outcome::Deferred { wait, cause: DeferCause::SessionExpired, reason } =
            self.judge(made)
        {
            return Stage::Later { wait, cause: DeferCause::SessionExpired, reason };
        }
        let blob = made.json()["blob"].clone();
        if made.status != 200 || !blob.is_object() {
            let why = format!("it was not taken: {}", answer::words(made));
            return picture::without(request(), wanted, &why);
        }
        let add = |body: &mut Value| {
            let record = &mut body["record"];
            let card = record["embed"]["external"]["uri"].as_str().map(str::to_owned);
            // The link must be somewhere.
            let linked = card.as_ref().is_none_or(|card| post.text.contains(card));
            match &wanted.alt {
                Some(alt) if linked => show(record, &blob, alt, found.kind.size),
                _ if card.is_some() => record["embed"]["external"]["thumb"] = blob,
                alt => show(record, &blob, alt.as_deref().unwrap_or_default(), found.kind.size),
            }
        };
        picture::with(request(), add, Vec::new())
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
        let token = known.secret(session::ACCESS);
        let token = token.ok_or_else(|| Unfit("there is no session".to_owned()))?;
        Ok(vec![bearer(token)].into())
    }

    fn judge(&self, response: &Response) -> Outcome {
        let error = answer::string(&response.json(), "error").unwrap_or_default();
        match (response.status, error.as_str()) {
            (200..=299, _) => answer::success(response, reference(&response.json())),
            (429, _) => answer::rate_limited(response),
            // 401 is AuthMissing or AuthenticationRequired; the password may well be good, and a new
            // session shows whether it is.
            (401, _) | (400, "ExpiredToken" | "InvalidToken") => {
                answer::deferred(DeferCause::SessionExpired, response)
            }
            (403, _) | (400, "AccountTakedown" | "AccountDeactivated") => {
                answer::deferred(DeferCause::Credentials, response)
            }
            (400, "InvalidSwap") => Outcome::Refused {
                reason: format!(
                    "a record that this ledger did not make stands where this post belongs: look at the \
                     account, and whether another oncecast posts to it ({})",
                    answer::words(response)
                ),
            },
            _ => Outcome::from_status(response, Reference::default()),
        }
    }

    fn account(&self, known: &Known) -> Option<String> {
        known.fact("did").map(str::to_owned)
    }

    fn ask(&self, doubt: &Doubt<'_>, known: &Known, answers: &[Response]) -> Ask {
        let sent: Value = serde_json::from_str(&doubt.request.body).unwrap_or_default();
        let (Some(did), Some(rkey)) = (sent["repo"].as_str(), sent["rkey"].as_str()) else {
            return Ask::Answer(Found::Unsure("the stored request names no record".to_owned()));
        };
        let Some(response) = answers.first() else {
            let path = record_path(did, rkey);
            // Reading is open to all, but a shared entryway finds our own server by the session.
            return Ask::Call(with_session(known, path));
        };
        let body = response.json();
        Ask::Answer(match (response.status, body["error"].as_str()) {
            (200, _) if body["uri"].is_string() => Found::There(reference(&body)),
            (400, Some("RecordNotFound")) => Found::Absent,
            _ => Found::Unsure(format!("cannot read the record: {}", answer::words(response))),
        })
    }

    fn amend(&self, deed: &Deed<'_>, known: &Known, answers: &[Response]) -> Amending {
        amend::step(self, deed, known, answers)
    }

    fn amended(&self, _: Change, response: &Response) -> Effect {
        if response.status == 400 && response.json()["error"] == "InvalidSwap" {
            return Effect::Not(answer::deferred(DeferCause::Collision, response));
        }
        Effect::of(self.judge(response))
    }

    fn shows(&self) -> Shows {
        Shows::Own
    }

    fn look_around(&self, _: &Group, known: &Known, _: Time) -> Option<Call> {
        let path = format!(
            "/xrpc/com.atproto.repo.listRecords?repo={}&collection={COLLECTION}&limit={LOOK}",
            answer::segment(known.fact("did")?)
        );
        Some(with_session(known, path))
    }

    fn look_on(
        &self,
        group: &Group,
        known: &Known,
        answers: &[Response],
        now: Time,
    ) -> Option<Call> {
        let call = self.look_around(group, known, now)?;
        let Some(page) = answers.last() else { return Some(call) };
        let cursor = answer::string(&page.json(), "cursor")?;
        let path = format!("{}&cursor={}", call.request.path, answer::segment(&cursor));
        Some(with_session(known, path))
    }

    fn said(&self, _: &Group, _: &Known, answer: &Response) -> Option<Vec<Said>> {
        let body = answer.json();
        let records = body["records"].as_array().filter(|_| answer.status == 200)?;
        // What is said in conversations is no news of the blog.
        let posts = records.iter().filter(|record| record["value"]["reply"].is_null());
        Some(posts.map(said).collect())
    }
}

/// Has a record show a picture.
fn show(record: &mut Value, blob: &Value, alt: &str, size: Option<(u32, u32)>) {
    let mut image = json!({ "alt": alt, "image": blob });
    if let Some((width, height)) = size {
        image["aspectRatio"] = json!({ "width": width, "height": height });
    }
    record["embed"] = json!({ "$type": "app.bsky.embed.images", "images": [image] });
}

/// Where a record is read.
fn record_path(did: &str, rkey: &str) -> String {
    let (did, rkey) = (answer::segment(did), answer::segment(rkey));
    format!("/xrpc/com.atproto.repo.getRecord?repo={did}&collection={COLLECTION}&rkey={rkey}")
}

fn with_session(known: &Known, path: String) -> Call {
    let bearer = known.secret(session::ACCESS).map(bearer);
    let secrets = bearer.into_iter().collect::<Vec<_>>().into();
    Call { secrets, ..Call::open(Request::get(path)) }
}

/// One record of a list.
fn said(record: &Value) -> Said {
    let value = &record["value"];
    let facets = value["facets"].as_array().map(Vec::as_slice).unwrap_or_default();
    let features = facets.iter().filter_map(|facet| facet["features"].as_array()).flatten();
    let embed = &value["embed"]["external"];
    let uris = features.chain(std::iter::once(embed)).filter_map(|at| at["uri"].as_str());
    let mut links: Vec<String> = uris.map(str::to_owned).collect();
    links.dedup();
    let at = value["createdAt"].as_str().and_then(|at| at.parse().ok()).map(Time::from_timestamp);
    Said { reference: reference(record), at, links }
}

/// One facet for each link; without, a link is mere text. Mentions and tags get none, so that
/// nothing in a feed can call anybody.
fn facets(text: &str) -> Vec<Value> {
    let facet = |range: std::ops::Range<usize>| {
        json!({
            "index": { "byteStart": range.start, "byteEnd": range.end },
            "features": [{ "$type": "app.bsky.richtext.facet#link", "uri": text[range] }],
        })
    };
    link::find(text).into_iter().map(facet).collect()
}

/// `at://did/collection/rkey`, and where people see it.
fn reference(answer: &Value) -> Reference {
    let id = answer::string(answer, "uri");
    let url = id.as_deref().and_then(|uri| {
        let (did, record) = uri.strip_prefix("at://")?.split_once('/')?;
        let rkey = record.strip_prefix(COLLECTION)?.strip_prefix('/')?;
        Some(format!("https://bsky.app/profile/{did}/post/{rkey}"))
    });
    Reference { id, url, ..Reference::default() }
}

fn bearer(token: &SecretString) -> SecretHeader {
    let value = format!("Bearer {}", token.expose_secret());
    ("authorization".to_owned(), SecretString::from(value))
}
