//! The token of an account: it lives for 60 days, and each renewal gives it 60 more. The renewed one is kept,
//! and the first stays where the operator put it.
//! <https://developers.facebook.com/docs/threads/get-started/long-lived-tokens>

use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};

use super::{Meaning, TOKEN, Threads, get, meaning};
use crate::adapter::{CallSecrets, Known, Prepare, answer};
use crate::model::{Response, Time};

/// When the token was last renewed, in milliseconds of the epoch.
const RENEWED: &str = "token_renewed";
/// Long before it dies, and long after the day that a new token must be old.
const RENEW_AFTER: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// Between two tries.
const TRY_AFTER: Duration = Duration::from_secs(24 * 60 * 60);

impl Threads {
    /// The token that is good now.
    pub(super) fn secrets(&self, known: &Known) -> CallSecrets {
        let token = known.secret(Known::RENEWABLE).unwrap_or(&self.token.value);
        let token = SecretString::from(answer::segment(token.expose_secret().trim()));
        CallSecrets { headers: Vec::new(), marks: vec![(TOKEN.to_owned(), token)] }
    }

    /// Whose the token is, once a day; and a longer life for it, once a week.
    pub(super) fn log_in(&self, known: &Known, answers: &[Response], now: Time) -> Prepare {
        let mut known = known.of_login(&[self.url.as_str(), self.token.value.expose_secret()]);
        let mut answers = answers.iter();
        if !known.is_fresh(now) || known.fact("account").is_none() {
            let Some(me) = answers.next() else {
                let request = get("/v1.0/me".to_owned(), "fields=id,username");
                return Prepare::Call(self.call(request, &known));
            };
            let account = answer::object(me).and_then(|me| answer::string(&me, "id"));
            match (account, meaning(me)) {
                (Some(account), _) => {
                    known.facts.insert("account".to_owned(), account);
                    known.learnt = Some(now);
                }
                (None, Meaning::Token) => {
                    return answer::denied(me, &format!("the token from {}", self.token.source));
                }
                (None, _) => return answer::later(me, "cannot verify the token"),
            }
        }
        let since =
            |fact: &str| known.fact(fact)?.parse().ok().map(|ms| now.since(Time::from_millis(ms)));
        let rests = |fact: &str, rest| since(fact).is_some_and(|since| since < rest);
        if rests(RENEWED, RENEW_AFTER) || rests(Known::TRIED, TRY_AFTER) {
            return Prepare::Ready(known);
        }
        let Some(renewed) = answers.next() else {
            let request = get("/refresh_access_token".to_owned(), "grant_type=th_refresh_token");
            return Prepare::Call(self.call(request, &known));
        };
        let told = answer::object(renewed).unwrap_or_default();
        known.facts.insert(Known::TRIED.to_owned(), now.as_millis().to_string());
        // One that is younger than a day is not renewed yet, and the old one is good all the same.
        if let Some(token) = answer::string(&told, "access_token") {
            known.secrets.insert(Known::RENEWABLE.to_owned(), SecretString::from(token));
            known.facts.insert(RENEWED.to_owned(), now.as_millis().to_string());
            if let Some(seconds) = told["expires_in"].as_u64() {
                let dies = now.plus(Duration::from_secs(seconds.min(366 * 24 * 60 * 60)));
                known.facts.insert(Known::DIES.to_owned(), dies.as_millis().to_string());
            }
        }
        Prepare::Ready(known)
    }
}
