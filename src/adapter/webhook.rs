//! Any receiver of webhooks, after Standard Webhooks 1.0: a stable id, a time, a signature.
//!
//! <https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>

use std::time::Duration;

use data_encoding::BASE64;
use hmac::{Hmac, KeyInit as _, Mac as _};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;
use sha2::Sha256;

use crate::config::{Group, Secret};
use crate::model::{
    Guarantee, IdempotencyKey, Method, Outcome, Reference, Request, Response, Time,
};
use crate::post::{Limit, excerpt, words_of};

use super::{Adapter, Ask, Doubt, Known, Piece, Post, Prepare, SecretHeader, Unfit, template_of};

/// The specification advises to stay under 20 kB; what is long in a payload is its text.
const TEXT_GRAPHEMES_MAX: usize = 4_000;
/// How long a receiver that dedupes is taken to remember an id. The specification names none; a day
/// is the least of those that publish theirs.
const WINDOW: Duration = Duration::from_secs(86_400);
/// Titles, links and the rest around the text.
const PAYLOAD_BYTES_MAX: usize = 64 << 10;
const PREFIX: &str = "whsec_";

/// A receiver of webhooks.
#[derive(Debug)]
pub(super) struct Webhook {
    secret: Option<SecretString>,
    receiver_dedupes: bool,
}

impl Webhook {
    pub(super) fn new(secret: Option<&Secret>, receiver_dedupes: bool) -> Self {
        Self { secret: secret.map(|s| s.value.clone()), receiver_dedupes }
    }

    /// One signature for each secret: two during a rotation.
    fn signature(&self, id: &str, time: &str, body: &str) -> Result<Option<String>, Unfit> {
        let Some(secrets) = &self.secret else { return Ok(None) };
        let mut signatures = Vec::new();
        for secret in secrets.expose_secret().split_whitespace() {
            let raw = secret.strip_prefix(PREFIX).unwrap_or(secret);
            let key = BASE64.decode(raw.as_bytes()).map_err(|_| {
                Unfit(format!(
                    "its secret is not {PREFIX} and base64; make one with: \
                               echo {PREFIX}$(openssl rand -base64 32)"
                ))
            })?;
            let mut mac = Hmac::<Sha256>::new_from_slice(&key)
                .map_err(|_| Unfit("its secret cannot be used as a key".to_owned()))?;
            mac.update(format!("{id}.{time}.{body}").as_bytes());
            signatures.push(format!("v1,{}", BASE64.encode(&mac.finalize().into_bytes())));
        }
        Ok(Some(signatures.join(" ")))
    }
}

impl Adapter for Webhook {
    fn guarantee(&self, _known: &Known) -> Guarantee {
        if self.receiver_dedupes { Guarantee::Keyed { window: WINDOW } } else { Guarantee::Blind }
    }

    fn prepare(&self, known: &Known, _group: &Group, _answers: &[Response], _now: Time) -> Prepare {
        Prepare::Ready(known.clone())
    }

    fn compose(&self, piece: &Piece<'_>, _known: &Known) -> Result<Post, Unfit> {
        let words = words_of(piece.entry);
        let template = template_of(piece.group)?;
        let text = template.say(&words).map_err(|e| Unfit(e.to_string()))?;
        let limit = Limit { graphemes: TEXT_GRAPHEMES_MAX, bytes: usize::MAX, link: None };
        super::fitted(&text, &limit, piece)
    }

    fn request(&self, post: &Post, piece: &Piece<'_>, _known: &Known) -> Result<Request, Unfit> {
        let words = words_of(piece.entry);
        let body = json!({
            "type": "entry.published",
            // Part of the stored bytes: the same in every attempt.
            "timestamp": piece.opened.to_string(),
            "data": {
                "id": piece.entry_id.to_string(),
                "group": piece.group.name,
                "post": post.text,
                "title": words.title,
                "link": piece.entry.link,
                "summary": excerpt(&words.summary, TEXT_GRAPHEMES_MAX),
                "author": piece.entry.author,
                "categories": piece.entry.categories,
                "language": post.language,
                "published": piece.entry.published.map(|t| t.to_string()),
            },
        });
        let request = Request::json(Method::Post, "", &body).with("webhook-id", piece.key.as_str());
        if request.body.len() > PAYLOAD_BYTES_MAX {
            let bytes = request.body.len();
            return Err(Unfit(format!(
                "its payload has {bytes} bytes, and {PAYLOAD_BYTES_MAX} is the most"
            )));
        }
        Ok(request)
    }

    fn authorise(
        &self,
        request: &Request,
        key: &IdempotencyKey,
        _known: &Known,
        now: Time,
    ) -> Result<Vec<SecretHeader>, Unfit> {
        let time = (now.as_millis() / 1_000).to_string();
        let mut headers = Vec::new();
        if let Some(signature) = self.signature(key.as_str(), &time, &request.body)? {
            headers.push(("webhook-signature".to_owned(), signature.into()));
        }
        headers.push(("webhook-timestamp".to_owned(), time.into()));
        Ok(headers)
    }

    fn judge(&self, response: &Response) -> Outcome {
        let reference = Reference { id: None, url: response.header("location").map(str::to_owned) };
        Outcome::from_status(response, reference)
    }

    fn ask(&self, _doubt: &Doubt<'_>, _known: &Known, _answers: &[Response]) -> Ask {
        Ask::Cannot
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::SecretSource;

    /// The specification's own vector.
    #[test]
    fn a_receiver_can_verify_what_was_signed() {
        let source = SecretSource::Env("X".into());
        let value = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".into();
        let hook = Webhook::new(Some(&Secret { source, value }), false);
        let signed =
            hook.signature("msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", "{\"test\": 2432232314}");
        let expected = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
        assert_eq!(signed, Ok(Some(expected.to_owned())));
    }

    #[test]
    fn a_secret_that_is_none_is_told_without_being_shown() {
        let source = SecretSource::Env("X".into());
        let hook = Webhook::new(Some(&Secret { source, value: "not base64!".into() }), false);
        let error = hook.signature("id", "1", "{}").expect_err("is refused").to_string();
        assert!(!error.contains("not base64!") && error.contains("openssl"), "{error}");
    }
}
