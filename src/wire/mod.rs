//! The one door to the network.
//!
//! [`Wire::publish`] consumes a [`Permit`] and sends once: no retry, no redirect, a fresh connection.
//! [`Wire::amend`] does the same with an [`AmendPermit`], for a call that changes what is there already.
//! Everything else is harmless: nothing that a reader could see comes of it.

mod decode;
mod fuse;
mod get;
mod picture;
mod public;
mod transport;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};
use url::Url;

use crate::adapter::{Adapter, Call, CallSecrets, Known, Unfilled};
use crate::clock::Mark;
use crate::ledger::{AmendPermit, AmendSpent, Permit, Spent};
use crate::model::{Effect, Method, Outcome, Request, Response};

pub use fuse::Fuse;
pub use get::{Answering, Get, GetError, Getter, Reach};
pub use transport::{Http, Outgoing, Transport, Trouble};

/// A permit older than this is not used: what was true when it was granted may no longer be.
const PERMIT_AGE_MAX: Duration = Duration::from_secs(10);
/// The largest answer read from a platform.
const ANSWER_BYTES_MAX: usize = 1 << 20;
/// Of a hub's answer only the status is of use.
const HUB_ANSWER_MAX: usize = 4 << 10;
/// How long a harmless call may take.
const CALL_TIMEOUT: Duration = Duration::from_secs(30);
/// How long the upload of a picture may take.
const UPLOAD_TIMEOUT: Duration = Duration::from_secs(90);

/// The one door to the network.
#[derive(Debug)]
pub struct Wire {
    transport: Arc<dyn Transport>,
    fuse: Mutex<Fuse>,
    /// The operator's own feeds.
    feeds: Mutex<Vec<Url>>,
}

/// Where an integration answers.
#[derive(Debug, Clone)]
pub struct Endpoint {
    /// Base URL; a request's path is appended to it.
    pub base: Url,
    /// How long a publish call may take in all.
    pub timeout: Duration,
}

impl Endpoint {
    /// The URL of a request, with its secrets.
    fn url(&self, request: &Request, secrets: &CallSecrets) -> Result<SecretString, Unfilled> {
        // An endpoint that is called as it stands keeps its slash: without it, many redirect.
        if request.path.is_empty() {
            return Ok(SecretString::from(self.base.as_str()));
        }
        let path = secrets.fill(&request.path)?;
        let base = self.base.as_str().trim_end_matches('/');
        Ok(SecretString::from(format!("{base}{}", path.expose_secret())))
    }
}

/// Why a permit that was granted then is not used any more.
fn outlived(granted: Mark) -> Option<String> {
    let age = granted.elapsed();
    (age > PERMIT_AGE_MAX)
        .then(|| format!("its permit was {} s old and was not used", age.as_secs()))
}

impl Wire {
    /// A wire over the machine's own network.
    ///
    /// # Errors
    /// Where no client can be made, for instance because the machine has no CA certificates.
    pub fn open() -> Result<Arc<Self>, Trouble> {
        Self::open_as(None)
    }

    /// The same, under a name that says whom to ask about it: a page or a mail address.
    ///
    /// # Errors
    /// As [`Wire::open`].
    pub fn open_as(contact: Option<&str>) -> Result<Arc<Self>, Trouble> {
        Ok(Self::over(Arc::new(Http::of(contact)?), Fuse::default()))
    }

    /// A wire over another network, for tests.
    #[must_use]
    pub fn over(transport: Arc<dyn Transport>, fuse: Fuse) -> Arc<Self> {
        Arc::new(Self { transport, fuse: Mutex::new(fuse), feeds: Mutex::default() })
    }

    /// Makes the one publish call of a permit.
    ///
    /// Nothing may `select!` around this: a call that is dropped half-way may have been heard.
    pub async fn publish(
        &self,
        permit: Permit,
        to: &Endpoint,
        secrets: &CallSecrets,
        adapter: &dyn Adapter,
        known: &Known,
    ) -> Spent {
        if let Some(reason) = outlived(permit.granted()) {
            return permit.spend(Outcome::Unsent { reason }, None);
        }
        fuse::guard(&self.fuse, permit.number(), permit.delivery());
        let request = permit.request();
        let (outcome, http) = match self.send(request, to, secrets).await {
            Ok(response) => {
                let mut outcome = adapter.judge(&response);
                if let Outcome::Published { reference } = &mut outcome {
                    if let (None, Some(id)) = (&reference.url, &reference.id) {
                        reference.url = adapter.locate(id, request, known);
                    }
                    reference.account = adapter.account(known);
                }
                (outcome, Some(response.status))
            }
            Err(Trouble::Unsent(reason)) => (Outcome::Unsent { reason }, None),
            Err(Trouble::Unknown(reason)) => (Outcome::Unknown { reason }, None),
        };
        permit.spend(outcome, http)
    }

    /// Makes the one call of a permit to change a post.
    pub async fn amend(
        &self,
        permit: AmendPermit,
        to: &Endpoint,
        secrets: &CallSecrets,
        adapter: &dyn Adapter,
    ) -> AmendSpent {
        if let Some(reason) = outlived(permit.granted()) {
            return permit.spend(Effect::Not(Outcome::Unsent { reason }), None);
        }
        fuse::guard_amend(&self.fuse, permit.number(), permit.delivery());
        let (effect, http) = match self.send(permit.request(), to, secrets).await {
            Ok(response) => (adapter.amended(permit.change(), &response), Some(response.status)),
            Err(Trouble::Unsent(reason)) => (Effect::Not(Outcome::Unsent { reason }), None),
            Err(Trouble::Unknown(reason)) => (Effect::Not(Outcome::Unknown { reason }), None),
        };
        permit.spend(effect, http)
    }

    /// Sends a request of a permit once.
    async fn send(
        &self,
        request: &Request,
        to: &Endpoint,
        secrets: &CallSecrets,
    ) -> Result<Response, Trouble> {
        let unfilled = |open: Unfilled| Trouble::Unsent(open.to_string());
        let outgoing = Outgoing {
            method: request.method,
            url: to.url(request, secrets).map_err(unfilled)?,
            headers: &request.headers,
            secret_headers: &secrets.headers,
            body: &secrets.fill(&request.body).map_err(unfilled)?,
            bytes: None,
            timeout: to.timeout,
            max_body: ANSWER_BYTES_MAX,
            reach: Reach::Anywhere,
        };
        let mut response = self.transport.send(outgoing).await?;
        scrub(&mut response, secrets);
        Ok(response)
    }

    /// Makes a harmless call: a login, an upload, a question.
    ///
    /// # Errors
    /// Where no answer came, in words.
    pub async fn call(&self, call: &Call, to: &Endpoint) -> Result<Response, Trouble> {
        let unfilled = |open: Unfilled| Trouble::Unsent(open.to_string());
        let body = match &call.secret_body {
            Some(secret) => secret.clone(),
            None => call.secrets.fill(&call.request.body).map_err(unfilled)?,
        };
        let outgoing = Outgoing {
            method: call.request.method,
            url: to.url(&call.request, &call.secrets).map_err(unfilled)?,
            headers: &call.request.headers,
            secret_headers: &call.secrets.headers,
            body: &body,
            bytes: call.bytes.as_ref(),
            timeout: if call.bytes.is_some() { UPLOAD_TIMEOUT } else { CALL_TIMEOUT },
            max_body: ANSWER_BYTES_MAX,
            reach: Reach::Anywhere,
        };
        let mut response = self.transport.send(outgoing).await?;
        // A good answer may bring a secret again, which is meant.
        if !(200..300).contains(&response.status) {
            scrub(&mut response, &call.secrets);
        }
        Ok(response)
    }

    /// Asks a hub to call when a feed changes (WebSub, 5.1), and comes back with its status. Redirects are
    /// not followed.
    ///
    /// # Errors
    /// Where no answer came, in words.
    pub async fn ask_hub(&self, url: &str, form: String, reach: Reach) -> Result<u16, Trouble> {
        let kind = "application/x-www-form-urlencoded".to_owned();
        let outgoing = Outgoing {
            method: Method::Post,
            url: SecretString::from(url),
            headers: &[("content-type".to_owned(), kind)],
            secret_headers: &[],
            body: &SecretString::from(form),
            bytes: None,
            timeout: CALL_TIMEOUT,
            max_body: HUB_ANSWER_MAX,
            reach,
        };
        self.transport.send(outgoing).await.map(|response| response.status)
    }
}

/// What an answer repeats of our secrets is kept nowhere.
fn scrub(response: &mut Response, secrets: &CallSecrets) {
    secrets.scrub(&mut response.body);
    for (_, value) in &mut response.headers {
        let mut bytes = std::mem::take(value).into_bytes();
        secrets.scrub(&mut bytes);
        *value = String::from_utf8_lossy(&bytes).into_owned();
    }
}

impl Getter for Wire {
    fn get<'a>(&'a self, get: Get<'a>) -> get::Answering<'a> {
        self.transport.get(get)
    }
}
