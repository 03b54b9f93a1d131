//! Who we are on a homeserver. Transaction ids belong to a device, so a login always takes the same
//! one: a new device would make a second message of the same id (seen).

use std::slice::Iter;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use super::Matrix;
use crate::adapter::{Call, Known, Prepare, answer};
use crate::config::{MatrixLogin, Secret};
use crate::model::{Fingerprint, Method, Request, Response, Time};

/// The secret that a password login brings.
pub(super) const ACCESS: &str = "access_token";
/// When it runs out, in milliseconds of the epoch on our clock, where the server says so.
const EXPIRES: &str = "access_expires";
/// A session must outlast the publish call that it is prepared for.
const MARGIN: Duration = Duration::from_secs(60);

impl Matrix {
    pub(super) fn log_in(
        &self,
        known: &Known,
        answers: &mut Iter<'_, Response>,
        now: Time,
    ) -> Prepare {
        match &self.login {
            MatrixLogin::Token(token) => self.with_token(known, token, answers, now),
            MatrixLogin::Password { user, password } => {
                self.with_password(known, user, password, answers, now)
            }
        }
    }

    fn with_token(
        &self,
        known: &Known,
        token: &Secret,
        answers: &mut Iter<'_, Response>,
        now: Time,
    ) -> Prepare {
        let mut known = known.of_login(&[self.url.as_str(), token.value.expose_secret()]);
        if known.is_fresh(now) && known.fact("user").is_some() {
            return Prepare::Ready(known);
        }
        let Some(whoami) = answers.next() else {
            return Prepare::Call(self.get("/_matrix/client/v3/account/whoami", &known));
        };
        match (answer::object(whoami), whoami.status) {
            (Some(who), _) => learn(&mut known, &who, now),
            (None, 401 | 403) => answer::denied(whoami, &self.credential()),
            (None, _) => answer::later(whoami, "cannot verify the token"),
        }
    }

    fn with_password(
        &self,
        known: &Known,
        user: &str,
        password: &Secret,
        answers: &mut Iter<'_, Response>,
        now: Time,
    ) -> Prepare {
        let mut known = known.of_login(&[self.url.as_str(), user]);
        let expires = known.fact(EXPIRES).and_then(|ms| ms.parse().ok()).map(Time::from_millis);
        if known.secret(ACCESS).is_some() && expires.is_none_or(|at| now.plus(MARGIN) < at) {
            return Prepare::Ready(known);
        }
        let device = device(&self.name);
        let Some(login) = answers.next() else {
            // No refresh token is asked for: with one, Synapse's access token lasts 5 minutes (seen).
            let body = json!({
                "type": "m.login.password",
                "identifier": { "type": "m.id.user", "user": user },
                "password": password.value.expose_secret(),
                "device_id": device,
                "initial_device_display_name": "oncecast",
            });
            let mut request = Request::json(Method::Post, "/_matrix/client/v3/login", &Value::Null);
            request.body.clear();
            let secret_body = Some(SecretString::from(body.to_string()));
            return Prepare::Call(Call { secret_body, ..Call::open(request) });
        };
        match (answer::object(login), login.status) {
            (Some(session), _) => {
                let Some(token) = answer::string(&session, "access_token") else {
                    let reason = "the server's answer to the login holds no token".to_owned();
                    return Prepare::Later { wait: None, reason };
                };
                if session["device_id"].as_str() != Some(&device) {
                    return Prepare::Denied(format!(
                        "the server does not let us keep the device {device}, without which it \
                         cannot tell a repeat; use an access token instead"
                    ));
                }
                known.secrets.insert(ACCESS.to_owned(), token.into());
                known.facts.remove(EXPIRES);
                if let Some(ms) = session["expires_in_ms"].as_u64() {
                    let at = now.plus(Duration::from_millis(ms)).as_millis().to_string();
                    known.facts.insert(EXPIRES.to_owned(), at);
                }
                learn(&mut known, &session, now)
            }
            (None, 400 | 401 | 403) => answer::denied(login, &self.credential()),
            (None, _) => answer::later(login, "cannot log in"),
        }
    }
}

fn learn(known: &mut Known, who: &Value, now: Time) -> Prepare {
    let Some(user) = answer::string(who, "user_id") else {
        let reason = "the server does not say which user is ours".to_owned();
        return Prepare::Later { wait: None, reason };
    };
    known.facts.insert("user".to_owned(), user);
    if let Some(device) = answer::string(who, "device_id") {
        known.facts.insert("device".to_owned(), device);
    }
    known.learnt = Some(now);
    Prepare::Ready(known.clone())
}

/// The one device of an integration, for ever.
fn device(integration: &str) -> String {
    const DIGITS: usize = 12;
    let mut digits = format!("{:?}", Fingerprint::of("oncecast/matrix-device/1", &[integration]));
    digits.truncate(DIGITS);
    format!("ONCECAST{}", digits.to_ascii_uppercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_device_of_an_integration_never_changes() {
        assert_eq!(device("room"), device("room"));
        assert_ne!(device("room"), device("other"));
        assert_eq!(device("room"), "ONCECAST5D8E87C499AD");
    }
}
