//! Webhooks by Standard Webhooks 1.0: a signed JSON event whose id is the same for every attempt, so
//! that a receiver can drop a repeat.

use std::time::Duration;

use data_encoding::BASE64;
use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use sha2::Sha256;

use super::{
    Adapter, Ask, CallSecrets, Doubt, Known, Pictures, Piece, Post, Prepare, SecretHeader, Unfit,
    answer, compose,
};
use crate::config::{Group, Secret};
use crate::model::{
    DeferCause, Guarantee, IdempotencyKey, Method, Outcome, Reference, Request, Response, Time,
};
use crate::post::fit::{Limit, Unit};
use crate::post::template::{Fields, Mentions};

/// The specification advises "a payload size of under 20kb".
/// <https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>
const PAYLOAD_MAX: usize = 20_000;
/// How much of that the text may take, in bytes before JSON escapes it.
const TEXT: Limit = Limit { unit: Unit::Bytes, max: 8_000, url_length: None, max_bytes: None };
/// How long a receiver that dedupes is trusted to remember an id. The specification leaves it open;
/// its advised attempts spread over days, so a day is the least such a receiver must keep.
const REMEMBERED: Duration = Duration::from_secs(24 * 60 * 60);
/// Stands before the base64 of a signing secret.
const SECRET_PREFIX: &str = "whsec_";

/// One webhook endpoint.
#[derive(Debug)]
pub(super) struct Webhook {
    /// Several, apart by spaces, while the receiver rotates its own.
    pub(super) secret: Option<Secret>,
    pub(super) receiver_dedupes: bool,
}

impl Webhook {
    /// The signing keys, or in words why there are none.
    fn keys(&self) -> Result<Vec<Vec<u8>>, String> {
        let Some(secret) = &self.secret else { return Ok(Vec::new()) };
        let keys: Option<Vec<_>> = secret
            .value
            .expose_secret()
            .split_whitespace()
            .map(|one| {
                let key = BASE64.decode(one.strip_prefix(SECRET_PREFIX)?.as_bytes()).ok()?;
                (!key.is_empty()).then_some(key)
            })
            .collect();
        keys.filter(|keys| !keys.is_empty()).ok_or_else(|| {
            format!("{} holds no signing secret: {SECRET_PREFIX} and base64", secret.source)
        })
    }
}

impl Adapter for Webhook {
    fn guarantee(&self, _: &Known) -> Guarantee {
        if self.receiver_dedupes {
            Guarantee::Keyed { window: REMEMBERED }
        } else {
            Guarantee::Blind
        }
    }

    fn prepare(&self, known: &Known, _: &[Response], _: &Group, _: Time) -> Prepare {
        match self.keys() {
            Ok(_) => Prepare::Ready(known.clone()),
            Err(why) => Prepare::Denied(why),
        }
    }

    fn compose(&self, piece: &Piece<'_>, _: &Known) -> Result<Post, Unfit> {
        compose::post(piece, Mentions::Keep, &TEXT)
    }

    fn request(&self, post: &Post, piece: &Piece<'_>, _: &Known) -> Result<Request, Unfit> {
        let fields = Fields::of(piece.entry, Mentions::Keep);
        let mut body = json!({
            "type": "entry.published",
            // Of the event, and so the same for every attempt.
            "timestamp": piece.opened.to_string(),
            "data": {
                "id": piece.entry_id,
                "group": piece.group.name,
                "title": fields.title,
                "link": some(fields.link),
                "summary": fields.summary,
                "text": post.text,
                "author": some(fields.author),
                "categories": fields.categories,
                "language": post.language,
                "published": piece.entry.published.map(|at| at.to_string()),
            },
        });
        if let Some(picture) = &post.picture {
            body["data"]["picture"] = json!(picture);
        }
        let request = Request::json(Method::Post, "", &body).with("webhook-id", piece.key.as_str());
        if request.body.len() > PAYLOAD_MAX {
            return Err(Unfit(format!(
                "its payload has {} bytes; receivers take about {PAYLOAD_MAX}",
                request.body.len()
            )));
        }
        Ok(request)
    }

    fn pictures(&self) -> Pictures {
        Pictures::Carried
    }

    fn authorise(
        &self,
        request: &Request,
        key: &IdempotencyKey,
        _: &Known,
        now: Time,
    ) -> Result<CallSecrets, Unfit> {
        let timestamp = now.as_millis() / 1000;
        let keys = self.keys().map_err(Unfit)?;
        let mut headers = vec![header("webhook-timestamp", timestamp.to_string())];
        if !keys.is_empty() {
            let signed: Vec<String> =
                keys.iter().map(|k| signature(k, key.as_str(), timestamp, &request.body)).collect();
            headers.push(header("webhook-signature", signed.join(" ")));
        }
        Ok(headers.into())
    }

    /// Any 2xx is success, whatever its body; 410 asks to stop for good (the specification's
    /// "Delivery responses").
    fn judge(&self, response: &Response) -> Outcome {
        match response.status {
            410 => Outcome::Refused {
                reason: "status 410: the endpoint is gone for good; remove this integration".into(),
            },
            429 => answer::rate_limited(response),
            401 => answer::deferred(DeferCause::Credentials, response),
            _ => Outcome::from_status(response, Reference::default()),
        }
    }

    fn ask(&self, _: &Doubt<'_>, _: &Known, _: &[Response]) -> Ask {
        Ask::Cannot
    }
}

fn some(text: String) -> Option<String> {
    (!text.is_empty()).then_some(text)
}

fn header(name: &str, value: String) -> SecretHeader {
    (name.to_owned(), SecretString::from(value))
}

/// `v1,` and the base64 of HMAC-SHA256 over id, timestamp and body, joined by dots.
fn signature(key: &[u8], id: &str, timestamp: u64, body: &str) -> String {
    let mut mac =
        Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes a key of any length (RFC 2104)");
    mac.update(format!("{id}.{timestamp}.{body}").as_bytes());
    format!("v1,{}", BASE64.encode(&mac.finalize().into_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_receiver_with_the_published_library_accepts_the_signature() {
        // The check vector of the specification's own libraries.
        let key = BASE64.decode(b"MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        assert_eq!(
            signature(
                &key,
                "msg_p5jXN8AQM9LWM0D4loKWxJek",
                1_614_265_330,
                "{\"test\": 2432232314}"
            ),
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
        );
    }

    #[test]
    fn a_secret_that_cannot_sign_stops_the_lane_without_being_shown() {
        for (value, good) in [
            ("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", 1),
            ("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw whsec_AAAA\n", 2),
            ("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", 0),
            ("whsec_secret!", 0),
            ("", 0),
        ] {
            let secret = Secret {
                source: crate::config::SecretSource::Env("HOOK".to_owned()),
                value: value.to_owned().into(),
            };
            let webhook = Webhook { secret: Some(secret), receiver_dedupes: false };
            let keys = webhook.keys();
            assert_eq!(keys.as_ref().map_or(0, Vec::len), good, "{value}");
            if let Err(why) = keys {
                assert!(why.contains("HOOK") && !why.contains("secret!"), "{why}");
            }
        }
    }
}
