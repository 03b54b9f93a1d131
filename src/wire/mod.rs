//! The one door to the network.
//!
//! [`Wire::publish`] consumes a [`Permit`] and sends once: no retry, no redirect, a fresh connection.
//! Everything else is harmless: nothing that a reader could see comes of it.

mod decode;
mod fuse;
mod get;
mod public;
mod transport;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use url::Url;

use crate::adapter::{Adapter, Call, SecretHeader};
use crate::ledger::{Permit, Spent};
use crate::model::{Method, Outcome, Request, Response};

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

/// The one door to the network.
#[derive(Debug)]
pub struct Wire {
    transport: Arc<dyn Transport>,
    fuse: Mutex<Fuse>,
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
    /// The URL of a request.
    fn url(&self, request: &Request) -> String {
        // An endpoint that is called as it stands keeps its slash: without it, many redirect.
        if request.path.is_empty() {
            return self.base.to_string();
        }
        format!("{}{}", self.base.as_str().trim_end_matches('/'), request.path)
    }
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
        Arc::new(Self { transport, fuse: Mutex::new(fuse) })
    }

    /// Makes the one publish call of a permit.
    ///
    /// Nothing may `select!` around this: a call that is dropped half-way may have been heard.
    pub async fn publish(
        &self,
        permit: Permit,
        to: &Endpoint,
        secret_headers: &[SecretHeader],
        adapter: &dyn Adapter,
    ) -> Spent {
        let age = permit.granted().elapsed();
        if age > PERMIT_AGE_MAX {
            let reason = format!("its permit was {} s old and was not used", age.as_secs());
            return permit.spend(Outcome::Unsent { reason }, None);
        }
        fuse::guard(&self.fuse, permit.number(), permit.delivery());
        let request = permit.request();
        let outgoing = Outgoing {
            method: request.method,
            url: to.url(request),
            headers: &request.headers,
            secret_headers,
            body: request.body.as_bytes(),
            timeout: to.timeout,
            max_body: ANSWER_BYTES_MAX,
            reach: Reach::Anywhere,
        };
        let (outcome, http) = match self.transport.send(outgoing).await {
            Ok(response) => (adapter.judge(&response), Some(response.status)),
            Err(Trouble::Unsent(reason)) => (Outcome::Unsent { reason }, None),
            Err(Trouble::Unknown(reason)) => (Outcome::Unknown { reason }, None),
        };
        permit.spend(outcome, http)
    }

    /// Makes a harmless call: a login, an upload, a question.
    ///
    /// # Errors
    /// Where no answer came, in words.
    pub async fn call(&self, call: &Call, to: &Endpoint) -> Result<Response, Trouble> {
        use secrecy::ExposeSecret as _;
        let body = match &call.secret_body {
            Some(secret) => secret.expose_secret().as_bytes(),
            None => call.request.body.as_bytes(),
        };
        self.transport
            .send(Outgoing {
                method: call.request.method,
                url: to.url(&call.request),
                headers: &call.request.headers,
                secret_headers: &call.secret_headers,
                body,
                timeout: CALL_TIMEOUT,
                max_body: ANSWER_BYTES_MAX,
                reach: Reach::Anywhere,
            })
            .await
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
            url: url.to_owned(),
            headers: &[("content-type".to_owned(), kind)],
            secret_headers: &[],
            body: form.as_bytes(),
            timeout: CALL_TIMEOUT,
            max_body: HUB_ANSWER_MAX,
            reach,
        };
        self.transport.send(outgoing).await.map(|response| response.status)
    }
}

impl Getter for Wire {
    fn get<'a>(&'a self, get: Get<'a>) -> get::Answering<'a> {
        self.transport.get(get)
    }
}
