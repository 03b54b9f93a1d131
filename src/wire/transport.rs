//! The only file that names reqwest, with every silent repeat of it switched off.
//!
//! Read in the sources of reqwest 0.13, hyper 1 and hyper-util 0.1:
//!
//! - redirects off: a 307 or 308 repeats a POST with its body;
//! - `retry::never`, and no HTTP/2 at all: reqwest repeats what an HTTP/2 peer calls unprocessed;
//! - no idle connections: hyper-util repeats a request on a *reused* connection, out of our sight;
//! - no proxy from the environment, no cookies, no referer.

use std::error::Error as _;
use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{HeaderName, HeaderValue};
use reqwest::{Client, redirect, retry};
use secrecy::{ExposeSecret as _, SecretString};
use url::Url;

use crate::adapter::SecretHeader;
use crate::model::{Header, Method, Response};

use super::decode::{self, Fault};
use super::get::{Answering, Get, GetError, Reach};
use super::public::{is_public, literal};

/// How long a connection may take, names and TLS included. Short of this, a publish call that never
/// left would look like one that may have.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long nothing at all may come.
const READ_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a GET may wait for the first of its answer, and then for each next part of it: one byte
/// now and then must not hold a place for long.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
const PART_TIMEOUT: Duration = Duration::from_secs(15);
/// A body up to this is decoded where it stands; a larger one where nobody waits for it.
const DECODED_HERE: usize = 64 << 10;

/// One request, ready to be sent.
#[derive(Debug)]
pub struct Outgoing<'a> {
    /// The method.
    pub method: Method,
    /// The whole URL, which may hold a secret.
    pub url: SecretString,
    /// Headers that are no secret.
    pub headers: &'a [Header],
    /// Headers that are.
    pub secret_headers: &'a [SecretHeader],
    /// The body, which may hold a secret.
    pub body: &'a SecretString,
    /// A body that is no text, in place of the other.
    pub bytes: Option<&'a bytes::Bytes>,
    /// How long it may take in all.
    pub timeout: Duration,
    /// The largest answer read, in bytes.
    pub max_body: usize,
    /// Which addresses it may lead to.
    pub reach: Reach,
}

/// Why no answer came.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Trouble {
    /// The request provably never left.
    #[error("{0}")]
    Unsent(String),
    /// It may have arrived.
    #[error("{0}")]
    Unknown(String),
}

/// A network.
pub trait Transport: Send + Sync + std::fmt::Debug {
    /// Sends once and reads the answer, up to a cap.
    fn send<'a>(
        &'a self,
        outgoing: Outgoing<'a>,
    ) -> Pin<Box<dyn Future<Output = Result<Response, Trouble>> + Send + 'a>>;

    /// Sends one GET and reads the answer, whatever its status.
    fn get<'a>(&'a self, get: Get<'a>) -> Answering<'a>;
}

/// The machine's own network.
#[derive(Debug)]
pub struct Http {
    anywhere: Client,
    public: Client,
}

impl Http {
    /// Clients with every silent repeat switched off.
    ///
    /// # Errors
    /// Where the machine has no CA certificates.
    pub fn new() -> Result<Self, Trouble> {
        Self::of(None)
    }

    /// The same, with a name that says whom to ask about it.
    ///
    /// # Errors
    /// As [`Http::new`].
    pub fn of(contact: Option<&str>) -> Result<Self, Trouble> {
        // Tests never pass through `main`, so it is installed here; the first one stays.
        drop(rustls::crypto::ring::default_provider().install_default());
        let name = agent(contact);
        let public = client(&name, Some(Arc::new(PublicOnly)))?;
        Ok(Self { anywhere: client(&name, None)?, public })
    }
}

/// What we call ourselves: who does not like what we do can say so to somebody, and need not shut
/// the door.
fn agent(contact: Option<&str>) -> String {
    let name = concat!("oncecast/", env!("CARGO_PKG_VERSION"));
    let page = Some(env!("CARGO_PKG_HOMEPAGE")).filter(|page| !page.is_empty());
    contact.or(page).map_or_else(|| name.to_owned(), |contact| format!("{name} (+{contact})"))
}

fn client(agent: &str, resolver: Option<Arc<PublicOnly>>) -> Result<Client, Trouble> {
    #[expect(clippy::disallowed_methods, reason = "this is the one place that builds clients")]
    let mut builder = Client::builder()
        .redirect(redirect::Policy::none())
        .retry(retry::never())
        .http1_only()
        .pool_max_idle_per_host(0)
        .no_proxy()
        .referer(false)
        .connect_timeout(CONNECT_TIMEOUT)
        .read_timeout(READ_TIMEOUT)
        .user_agent(agent);
    if let Some(resolver) = resolver {
        builder = builder.dns_resolver(resolver);
    }
    builder.build().map_err(|e| {
        let why = in_words(&e);
        Trouble::Unsent(format!("no client can be made (is ca-certificates installed?): {why}"))
    })
}

impl Transport for Http {
    fn send<'a>(
        &'a self,
        outgoing: Outgoing<'a>,
    ) -> Pin<Box<dyn Future<Output = Result<Response, Trouble>> + Send + 'a>> {
        Box::pin(async move {
            let method = match outgoing.method {
                Method::Get => reqwest::Method::GET,
                Method::Post => reqwest::Method::POST,
                Method::Put => reqwest::Method::PUT,
                Method::Patch => reqwest::Method::PATCH,
                Method::Delete => reqwest::Method::DELETE,
            };
            let client = match outgoing.reach {
                Reach::Anywhere => &self.anywhere,
                Reach::PublicOnly => {
                    let url = Url::parse(outgoing.url.expose_secret()).ok();
                    let ip = url.as_ref().and_then(literal);
                    if let Some(ip) = ip.filter(|ip| !is_public(*ip)) {
                        return Err(Trouble::Unsent(NotPublic(ip).to_string()));
                    }
                    &self.public
                }
            };
            let url = outgoing.url.expose_secret();
            let mut request = client.request(method, url).timeout(outgoing.timeout);
            for (name, value) in outgoing.headers {
                request = request.header(name, value);
            }
            for (name, secret) in outgoing.secret_headers {
                request = request.header(name, hidden(name, secret.expose_secret())?);
            }
            // A DELETE without a body says nothing of one.
            let is_bare =
                outgoing.method == Method::Delete && outgoing.body.expose_secret().is_empty();
            if outgoing.method != Method::Get && !is_bare {
                request = match outgoing.bytes {
                    Some(bytes) => request.body(bytes.clone()),
                    None => request.body(outgoing.body.expose_secret().to_owned()),
                };
            }
            #[expect(clippy::disallowed_methods, reason = "this is the one place that sends")]
            let answer = request.send().await.map_err(|e| trouble(&e))?;
            let (response, cut) = read(answer, outgoing.max_body, READ_TIMEOUT).await;
            Ok(if cut.is_some() { response } else { decoded(response, outgoing.max_body).await.0 })
        })
    }

    fn get<'a>(&'a self, get: Get<'a>) -> Answering<'a> {
        Box::pin(async move {
            let host = get.url.host_str().unwrap_or_default().to_owned();
            let client = match get.reach {
                Reach::Anywhere => &self.anywhere,
                Reach::PublicOnly => {
                    // A literal address never passes through the resolver.
                    if let Some(ip) = literal(get.url).filter(|ip| !is_public(*ip)) {
                        return Err(GetError::Blocked { host, address: ip.to_string() });
                    }
                    &self.public
                }
            };
            let mut request = client.get(get.url.clone()).timeout(get.timeout);
            request = request.header("accept-encoding", decode::ACCEPTED);
            for (name, value) in &get.headers {
                request = request.header(name, value);
            }
            #[expect(clippy::disallowed_methods, reason = "this is the one place that sends")]
            let answer = tokio::time::timeout(HEAD_TIMEOUT.min(get.timeout), request.send()).await;
            let late = |limit: Duration| GetError::Timeout {
                host: host.clone(),
                seconds: limit.as_secs(),
            };
            let answer = answer.map_err(|_| late(HEAD_TIMEOUT.min(get.timeout)))?;
            let answer = answer.map_err(|e| get_error(&e, &host, HEAD_TIMEOUT.min(get.timeout)))?;
            let (response, cut) = read(answer, get.max_wire, PART_TIMEOUT).await;
            match cut {
                Some(Cut::TooLarge) => return Err(GetError::TooLarge { host, max: get.max_wire }),
                Some(Cut::Stalled) => return Err(late(PART_TIMEOUT)),
                Some(Cut::Broken(e)) if e.is_timeout() => return Err(late(get.timeout)),
                // What came before it broke off may hold whole entries.
                Some(Cut::Broken(_)) | None => {}
            }
            let whole = response.whole;
            match decoded(response, get.max_body).await {
                (_, Some(Fault::TooLarge)) => Err(GetError::TooLarge { host, max: get.max_body }),
                (response, Some(Fault::Broken(why))) if response.body.is_empty() => {
                    Err(GetError::Broken { host, why })
                }
                (response, fault) => Ok(Response { whole: whole && fault.is_none(), ..response }),
            }
        })
    }
}

/// Why a body is not whole.
enum Cut {
    TooLarge,
    Stalled,
    Broken(reqwest::Error),
}

/// Reads an answer as it comes over the wire. The status is known before the body: a 2xx whose body is
/// lost is still a 2xx.
async fn read(
    mut answer: reqwest::Response,
    max: usize,
    patience: Duration,
) -> (Response, Option<Cut>) {
    let mut response = Response { status: answer.status().as_u16(), ..Response::default() };
    for (name, value) in answer.headers() {
        let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
        response.headers.push((name.as_str().to_owned(), value));
    }
    let cut = loop {
        match tokio::time::timeout(patience, answer.chunk()).await {
            Ok(Ok(Some(chunk))) => {
                let room = max.saturating_sub(response.body.len());
                response.body.extend_from_slice(&chunk[..chunk.len().min(room)]);
                if chunk.len() > room {
                    break Some(Cut::TooLarge);
                }
            }
            Ok(Ok(None)) => break None,
            Ok(Err(error)) => break Some(Cut::Broken(error)),
            Err(_) => break Some(Cut::Stalled),
        }
    };
    response.whole = cut.is_none();
    (response, cut)
}

/// The answer with its body decoded.
async fn decoded(mut response: Response, max: usize) -> (Response, Option<Fault>) {
    let codings = response.headers.iter().filter(|(name, _)| name == "content-encoding");
    let codings: Vec<String> =
        codings.map(|(_, value)| value.trim().to_ascii_lowercase()).collect();
    let coding = codings.join(", ");
    if !decode::is_coded(&coding, &response.body) {
        return (response, None);
    }
    let body = std::mem::take(&mut response.body);
    let (body, fault) = if body.len() <= DECODED_HERE {
        decode::decode(&coding, body, max)
    } else {
        let work = tokio::task::spawn_blocking(move || decode::decode(&coding, body, max));
        work.await.unwrap_or_else(|e| (Vec::new(), Some(Fault::Broken(e.to_string()))))
    };
    response.whole &= fault.is_none();
    response.body = body;
    (response, fault)
}

/// What an error without an answer proves. Only a connection that was never made, and a request that
/// was never built, prove that nothing left; with redirects off that is certain.
fn trouble(error: &reqwest::Error) -> Trouble {
    let why = in_words(error);
    if error.is_builder() || error.is_connect() {
        Trouble::Unsent(why)
    } else {
        Trouble::Unknown(why)
    }
}

fn get_error(error: &reqwest::Error, host: &str, timeout: Duration) -> GetError {
    let host = host.to_owned();
    let mut source = error.source();
    while let Some(cause) = source {
        if let Some(NotPublic(address)) = cause.downcast_ref() {
            return GetError::Blocked { host, address: address.to_string() };
        }
        source = cause.source();
    }
    if error.is_connect() || error.is_builder() {
        GetError::Connect { host, why: in_words(error) }
    } else if error.is_timeout() {
        GetError::Timeout { host, seconds: timeout.as_secs() }
    } else {
        GetError::Broken { host, why: in_words(error) }
    }
}

/// An error's innermost cause: what a person can act on. URLs are left out, since some contain
/// secrets.
fn in_words(error: &reqwest::Error) -> String {
    if error.is_timeout() && !error.is_connect() {
        return "no answer in time".to_owned();
    }
    let mut words = match error.source() {
        None if error.is_builder() => "the request cannot be built".to_owned(),
        None => "the connection failed".to_owned(),
        Some(source) => source.to_string(),
    };
    let mut source = error.source();
    while let Some(cause) = source {
        words = cause.to_string();
        source = cause.source();
    }
    words
}

fn hidden(name: &str, secret: &str) -> Result<HeaderValue, Trouble> {
    let bad = || Trouble::Unsent(format!("the secret for the header {name} cannot be a header"));
    HeaderName::from_bytes(name.as_bytes()).map_err(|_| bad())?;
    let mut value = HeaderValue::from_str(secret).map_err(|_| bad())?;
    value.set_sensitive(true);
    Ok(value)
}

/// Resolves names and leaves out addresses that are not public.
#[derive(Debug)]
struct PublicOnly;

#[derive(Debug, thiserror::Error)]
#[error("{0} is not a public address")]
struct NotPublic(IpAddr);

impl Resolve for PublicOnly {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found: Vec<SocketAddr> =
                tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            // One private address among public ones is how a name is rebound.
            if let Some(private) = found.iter().find(|a| !is_public(a.ip())) {
                return Err(NotPublic(private.ip()).into());
            }
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}
