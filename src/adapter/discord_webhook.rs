//! Discord, through a webhook of one channel. Its address is all that it takes, and a message that was lost
//! on the way back cannot be looked for with it.

use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use url::Url;

use super::discord::{self, AGENT};
use super::{
    Adapter, Amending, Ask, Call, CallSecrets, Deed, Doubt, Known, Piece, Post, Prepare, Unfit,
    answer, mark,
};
use crate::config::{Group, Secret};
use crate::model::{
    Change, DeferCause, Effect, Guarantee, IdempotencyKey, Method, Outcome, Request, Response, Time,
};

/// Stands for the second half of the address, which is its password.
const TOKEN: &str = "token";
/// "Unknown Webhook". <https://discord.com/developers/docs/topics/opcodes-and-status-codes>
const UNKNOWN_WEBHOOK: u64 = 10_015;

/// One webhook, which posts to one channel.
#[derive(Debug)]
pub(super) struct DiscordWebhook {
    pub(super) url: Url,
    /// The whole address that Discord shows.
    pub(super) address: Secret,
    /// The name that it posts under, where that is not its own.
    pub(super) user: Option<String>,
}

impl DiscordWebhook {
    /// Id and token, or in words why there are none.
    fn parts(&self) -> Result<(&str, &str), Unfit> {
        let whole = self.address.value.expose_secret().trim();
        let parts = whole.rsplit_once("/webhooks/").and_then(|(_, rest)| rest.split_once('/'));
        let token_ok = |token: &str| {
            token.len() > 20
                && token.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
        };
        parts
            .filter(|(id, token)| {
                !id.is_empty() && id.bytes().all(|b| b.is_ascii_digit()) && token_ok(token)
            })
            .ok_or_else(|| {
                Unfit(format!(
                    "{} is not the address of a webhook; copy it whole from the channel's settings, \
                     under Integrations",
                    self.address.source
                ))
            })
    }

    fn secrets(&self) -> Result<CallSecrets, Unfit> {
        let (_, token) = self.parts()?;
        let marks = vec![(TOKEN.to_owned(), SecretString::from(token))];
        Ok(CallSecrets { headers: Vec::new(), marks })
    }

    fn path(&self) -> Result<String, Unfit> {
        self.parts().map(|(id, _)| format!("/webhooks/{id}/{}", mark(TOKEN)))
    }
}

impl Adapter for DiscordWebhook {
    /// "nonce" is none of its parameters, and it can read only the messages whose id it knows.
    /// <https://discord.com/developers/docs/resources/webhook#execute-webhook>
    fn guarantee(&self, _: &Known) -> Guarantee {
        Guarantee::Blind
    }

    fn prepare(&self, known: &Known, answers: &[Response], _: &Group, now: Time) -> Prepare {
        let address = self.address.value.expose_secret();
        let mut known = known.of_login(&[self.url.as_str(), address]);
        if known.is_fresh(now) && known.fact("channel").is_some() {
            return Prepare::Ready(known);
        }
        let Some(webhook) = answers.first() else {
            return match self.path().and_then(|path| Ok((path, self.secrets()?))) {
                Ok((path, secrets)) => {
                    let request = Request::get(path).with("user-agent", AGENT);
                    Prepare::Call(Call { secrets, ..Call::open(request) })
                }
                Err(why) => Prepare::Denied(why.0),
            };
        };
        match (answer::object(webhook), webhook.status) {
            (Some(body), _) => {
                let Some(channel) = answer::string(&body, "channel_id") else {
                    let reason = "the webhook does not say where it posts".to_owned();
                    return Prepare::Later { wait: None, reason };
                };
                let guild = answer::string(&body, "guild_id").unwrap_or_else(|| "@me".to_owned());
                known.facts.insert("channel".to_owned(), channel);
                known.facts.insert("guild".to_owned(), guild);
                known.learnt = Some(now);
                Prepare::Ready(known)
            }
            (None, 401 | 403 | 404) => {
                answer::denied(webhook, &format!("the webhook from {}", self.address.source))
            }
            (None, _) => answer::later(webhook, "cannot look at the webhook"),
        }
    }

    fn compose(&self, piece: &Piece<'_>, _: &Known) -> Result<Post, Unfit> {
        discord::post(piece)
    }

    fn request(&self, post: &Post, piece: &Piece<'_>, _: &Known) -> Result<Request, Unfit> {
        let mut body = discord::message(post);
        if let Some(user) = &self.user {
            body["username"] = json!(user);
        }
        // Without waiting, "a message that is not saved does not return an error".
        let mut path = format!("{}?wait=true", self.path()?);
        if let Some(thread) = piece.group.room.as_deref() {
            path.push_str("&thread_id=");
            path.push_str(&answer::segment(thread));
        }
        Ok(Request::json(Method::Post, path, &body).with("user-agent", AGENT))
    }

    fn authorise(
        &self,
        _: &Request,
        _: &IdempotencyKey,
        _: &Known,
        _: Time,
    ) -> Result<CallSecrets, Unfit> {
        self.secrets()
    }

    fn judge(&self, response: &Response) -> Outcome {
        match response.status {
            // It was deleted; to go on calling it gets our address banned.
            404 if response.json()["code"] == UNKNOWN_WEBHOOK => {
                answer::deferred(DeferCause::Credentials, response)
            }
            _ => discord::judged(response),
        }
    }

    fn locate(&self, id: &str, request: &Request, known: &Known) -> Option<String> {
        let thread = request.path.rsplit_once("thread_id=").map(|(_, thread)| thread);
        let channel = thread.or_else(|| known.fact("channel"))?;
        Some(format!("https://discord.com/channels/{}/{channel}/{id}", known.fact("guild")?))
    }

    /// A webhook sees no message of another.
    fn account(&self, _: &Known) -> Option<String> {
        self.parts().ok().map(|(id, _)| format!("webhook {id}"))
    }

    fn ask(&self, _: &Doubt<'_>, _: &Known, _: &[Response]) -> Ask {
        Ask::Cannot
    }

    /// <https://discord.com/developers/docs/resources/webhook#edit-webhook-message>
    fn amend(&self, deed: &Deed<'_>, known: &Known, _: &[Response]) -> Amending {
        let path = match self.path() {
            Ok(path) => path,
            Err(why) => return answer::cannot(why),
        };
        let Some(there) = discord::channel_of(deed.reference) else {
            return Amending::Cannot(discord::UNKNOWN_CHANNEL.to_owned());
        };
        let query = match known.fact("channel") {
            Some(channel) if channel == there => String::new(),
            _ => format!("?thread_id={there}"),
        };
        discord::changed(deed, &format!("{path}/messages"), &query)
    }

    fn amended(&self, _: Change, response: &Response) -> Effect {
        match response.status {
            // The message may well be there, for a webhook that is not.
            404 if response.json()["code"] == UNKNOWN_WEBHOOK => {
                Effect::Not(answer::deferred(DeferCause::Credentials, response))
            }
            _ => discord::amended(response),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::SecretSource;

    #[test]
    fn an_address_that_cannot_be_one_stops_the_lane_without_being_shown() {
        let token = "aBcDeFgHiJkLmNoPqRsTuVwXyZ-_0123456789";
        for (address, good) in [
            (format!("https://discord.com/api/webhooks/77/{token}"), true),
            (format!(" https://canary.discord.com/api/v10/webhooks/77/{token}\n"), true),
            (format!("https://discord.com/api/webhooks/77/{token}/slack"), false),
            (format!("https://discord.com/api/webhooks/77/{token}?wait=true"), false),
            (format!("https://discord.com/api/webhooks/x/{token}"), false),
            ("https://discord.com/api/webhooks/77/".to_owned(), false),
            (token.to_owned(), false),
        ] {
            let source = SecretSource::Env("HOOK".to_owned());
            let secret = Secret { source, value: address.clone().into() };
            let url = "https://discord.com/api/v10".parse().unwrap();
            let hook = DiscordWebhook { url, address: secret, user: None };
            match hook.path() {
                Ok(path) => assert!(good && !path.contains(token), "{address}"),
                Err(why) => {
                    assert!(!good && why.0.contains("HOOK") && !why.0.contains(token), "{address}");
                }
            }
        }
    }
}
