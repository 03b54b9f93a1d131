//! The session of an account: kept and renewed, since only 30 logins in 5 minutes and 300 a day are
//! allowed. <https://docs.bsky.app/docs/advanced-guides/rate-limits>

use std::time::Duration;

use data_encoding::BASE64URL_NOPAD;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use super::{Bluesky, bearer};
use crate::adapter::{Call, Known, Prepare, answer};
use crate::model::{Method, Request, Response, Time};

/// The secret that authorises calls.
pub(super) const ACCESS: &str = "access_jwt";
/// The secret that brings the next pair.
const REFRESH: &str = "refresh_jwt";
/// When the access token runs out, in milliseconds of the epoch on our clock.
const EXPIRES: &str = "access_expires";
/// A session must outlast the publish call that it is prepared for.
const MARGIN: Duration = Duration::from_secs(5 * 60);
/// How long a token lasts that does not say: half of what the reference server gives (seen).
const LIFETIME: Duration = Duration::from_secs(60 * 60);

impl Bluesky {
    /// The kept session while it lasts, or else a renewed one, or else a new one.
    pub(super) fn log_in(&self, known: &Known, answers: &[Response], now: Time) -> Prepare {
        let mut known = known.of_login(&[self.url.as_str(), &self.identifier]);
        let expires = known.fact(EXPIRES).and_then(|ms| ms.parse().ok()).map(Time::from_millis);
        if known.secret(ACCESS).is_some() && expires.is_some_and(|at| now.plus(MARGIN) < at) {
            return Prepare::Ready(known);
        }
        let mut answers = answers.iter();
        if let Some(refresh) = known.secret(REFRESH) {
            let Some(renewed) = answers.next() else {
                let request = Request { method: Method::Post, ..Request::get(REFRESH_PATH) };
                let secrets = vec![bearer(refresh)].into();
                return Prepare::Call(Call { secrets, ..Call::open(request) });
            };
            match renewed.status {
                200 => return learn(known, renewed, now),
                // Run out, revoked or used up: the password decides.
                400 | 401 => {}
                _ => return answer::later(renewed, "cannot renew the session"),
            }
        }
        let Some(created) = answers.next() else {
            let body = json!({
                "identifier": self.identifier,
                "password": self.password.value.expose_secret(),
            });
            let mut request = Request::json(Method::Post, CREATE_PATH, &Value::Null);
            request.body.clear();
            let secret_body = Some(SecretString::from(body.to_string()));
            return Prepare::Call(Call { secret_body, ..Call::open(request) });
        };
        known.facts.clear();
        match created.status {
            200 => learn(known, created, now),
            400 | 401 | 403 => {
                answer::denied(created, &format!("the app password from {}", self.password.source))
            }
            _ => answer::later(created, "cannot log in"),
        }
    }
}

const REFRESH_PATH: &str = "/xrpc/com.atproto.server.refreshSession";
const CREATE_PATH: &str = "/xrpc/com.atproto.server.createSession";

fn learn(mut known: Known, response: &Response, now: Time) -> Prepare {
    let session = response.json();
    let field = |name| answer::string(&session, name);
    let (Some(did), Some(access), Some(refresh)) =
        (field("did"), field("accessJwt"), field("refreshJwt"))
    else {
        let reason = "the server's answer to the login holds no session".to_owned();
        return Prepare::Later { wait: None, reason };
    };
    if session["active"].as_bool() == Some(false) {
        let status = field("status").unwrap_or_else(|| "not active".to_owned());
        return Prepare::Denied(format!("the account is {status}; see it in the app"));
    }
    let expires = now.plus(lifetime(&access).unwrap_or(LIFETIME)).as_millis().to_string();
    known.facts.insert("did".to_owned(), did);
    known.facts.insert(EXPIRES.to_owned(), expires);
    known.facts.extend(field("handle").map(|handle| ("handle".to_owned(), handle)));
    known.secrets.insert(ACCESS.to_owned(), access.into());
    known.secrets.insert(REFRESH.to_owned(), refresh.into());
    known.learnt = Some(now);
    Prepare::Ready(known)
}

/// How long a token lasts by its own words. Both of them are the server's, so its clock does not
/// matter; nothing is verified, since only the server's own answers count.
fn lifetime(jwt: &str) -> Option<Duration> {
    let payload = BASE64URL_NOPAD.decode(jwt.split('.').nth(1)?.as_bytes()).ok()?;
    let claims: Value = serde_json::from_slice(&payload).ok()?;
    Some(Duration::from_secs(claims["exp"].as_u64()?.checked_sub(claims["iat"].as_u64()?)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_says_how_long_it_lasts() {
        let jwt = |claims: &str| format!("e30.{}.x", BASE64URL_NOPAD.encode(claims.as_bytes()));
        let seconds = |claims| lifetime(&jwt(claims)).map(|l| l.as_secs());
        assert_eq!(seconds("{\"iat\":1000,\"exp\":8200}"), Some(7200));
        assert_eq!(seconds("{\"iat\":9000,\"exp\":8200}"), None);
        assert_eq!(seconds("{\"exp\":8200}"), None);
        assert_eq!(lifetime("opaque"), None);
    }
}
