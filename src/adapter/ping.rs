//! Pings: a word to a hub, a site or a search engine that a post is there. They carry a link and no text,
//! and saying it again changes nothing that anybody sees; all the same it is said once.

use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;
use url::Url;

use super::{
    Adapter, Ask, CallSecrets, Doubt, Known, Pictures, Piece, Post, Prepare, Unfit, answer, mark,
};
use crate::config::{Group, PingKind};
use crate::model::{
    DeferCause, Guarantee, IdempotencyKey, Method, Outcome, Reference, Request, Response, Time,
};
use crate::post::template::{Fields, Mentions};

/// The longest address that servers agree to take.
const LINK_MAX: usize = 2_048;
/// Stands for the key of IndexNow.
const KEY: &str = "key";

/// One place that is told.
#[derive(Debug)]
pub(super) struct Ping {
    pub(super) kind: PingKind,
}

impl Adapter for Ping {
    fn guarantee(&self, _: &Known) -> Guarantee {
        Guarantee::Idempotent
    }

    fn prepare(&self, known: &Known, _: &[Response], _: &Group, _: Time) -> Prepare {
        Prepare::Ready(known.clone())
    }

    /// The link that it tells of.
    fn compose(&self, piece: &Piece<'_>, _: &Known) -> Result<Post, Unfit> {
        let text = match self.kind {
            PingKind::WebSub => page(piece.group)?.to_string(),
            PingKind::Webmention | PingKind::IndexNow { .. } => {
                Fields::of(piece.entry, Mentions::Keep).link
            }
        };
        if text.is_empty() {
            return Err(Unfit("it has no link to tell of".to_owned()));
        }
        if text.len() > LINK_MAX {
            return Err(Unfit(format!("its link is longer than {LINK_MAX} bytes")));
        }
        let (length, limit) = (text.len(), LINK_MAX);
        Ok(Post { length, limit, text, ..Post::default() })
    }

    fn request(&self, post: &Post, piece: &Piece<'_>, _: &Known) -> Result<Request, Unfit> {
        match &self.kind {
            // "hub.mode=publish" is what hubs take; the specification leaves it to them.
            // <https://www.w3.org/TR/websub/#publishing>
            PingKind::WebSub => Ok(form(&[("hub.mode", "publish"), ("hub.url", &post.text)])),
            // <https://www.w3.org/TR/webmention/#sender-notifies-receiver>
            PingKind::Webmention => {
                let target = page(piece.group)?;
                Ok(form(&[("source", &post.text), ("target", target.as_str())]))
            }
            // <https://www.indexnow.org/documentation>
            PingKind::IndexNow { .. } => {
                let host =
                    Url::parse(&post.text).ok().and_then(|u| u.host_str().map(str::to_owned));
                let Some(host) = host else {
                    return Err(Unfit("its link names no host".to_owned()));
                };
                let body = json!({ "host": host, "key": mark(KEY), "urlList": [post.text] });
                Ok(Request::json(Method::Post, "", &body))
            }
        }
    }

    fn pictures(&self) -> Pictures {
        Pictures::Unseen
    }

    fn authorise(
        &self,
        _: &Request,
        _: &IdempotencyKey,
        _: &Known,
        _: Time,
    ) -> Result<CallSecrets, Unfit> {
        let PingKind::IndexNow { key } = &self.kind else { return Ok(CallSecrets::default()) };
        let value = key.value.expose_secret().trim();
        // "Your key should have a minimum of 8 and a maximum of 128 hexadecimal characters", and dashes.
        let good = value.len() >= 8
            && value.len() <= 128
            && value.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        if !good {
            return Err(Unfit(format!("{} holds no key: 8 to 128 letters and digits", key.source)));
        }
        let marks = vec![(KEY.to_owned(), SecretString::from(value))];
        Ok(CallSecrets { headers: Vec::new(), marks })
    }

    fn judge(&self, response: &Response) -> Outcome {
        match response.status {
            // "202 Accepted" and "204 No Content" are answers of nothing in between.
            200 => answer::success(response, Reference::default()),
            // "201 Created and the Location header": where its status is told.
            201 => {
                let url = response.header("location").map(str::to_owned);
                Outcome::Published { reference: Reference { url, ..Reference::default() } }
            }
            401 => answer::deferred(DeferCause::Credentials, response),
            // "403 Forbidden: in case of key not valid (e.g. key not found, file found but key not in
            // the file)".
            403 if matches!(self.kind, PingKind::IndexNow { .. }) => {
                answer::deferred(DeferCause::Credentials, response)
            }
            429 => answer::rate_limited(response),
            _ => Outcome::from_status(response, Reference::default()),
        }
    }

    fn ask(&self, _: &Doubt<'_>, _: &Known, _: &[Response]) -> Ask {
        Ask::Cannot
    }
}

/// What stands in the group's `link`: the feed, or the page that is answered to.
fn page(group: &Group) -> Result<&Url, Unfit> {
    group.link.as_ref().ok_or_else(|| Unfit(format!("group {:?} has no link", group.name)))
}

fn form(fields: &[(&str, &str)]) -> Request {
    let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    let kind = "application/x-www-form-urlencoded".to_owned();
    let headers = vec![("content-type".to_owned(), kind)];
    Request { method: Method::Post, path: String::new(), headers, body }
}
