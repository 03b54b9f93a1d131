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
use secrecy::ExposeSecret as _;

use crate::adapter::SecretHeader;
use crate::model::{Header, Method, Response};

use super::get::{Answering, Get, GetError, Reach};

/// How long a connection may take, names and TLS included. Short of this, a publish call that never
/// left would look like one that may have.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long nothing at all may come.
const READ_TIMEOUT: Duration = Duration::from_secs(30);

/// One request, ready to be sent.
#[derive(Debug)]
pub struct Outgoing<'a> {
    /// The method.
    pub method: Method,
    /// The whole URL.
    pub url: String,
    /// Headers that are no secret.
    pub headers: &'a [Header],
    /// Headers that are.
    pub secret_headers: &'a [SecretHeader],
    /// The body.
    pub body: &'a [u8],
    /// How long it may take in all.
    pub timeout: Duration,
    /// The largest answer read, in bytes.
    pub max_body: usize,
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
        // Tests never pass through `main`, so it is installed here; the first one stays.
        drop(rustls::crypto::ring::default_provider().install_default());
        Ok(Self { anywhere: client(None)?, public: client(Some(Arc::new(PublicOnly)))? })
    }
}

fn client(resolver: Option<Arc<PublicOnly>>) -> Result<Client, Trouble> {
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
        .user_agent(concat!("oncecast/", env!("CARGO_PKG_VERSION")));
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
            };
            let mut request =
                self.anywhere.request(method, &outgoing.url).timeout(outgoing.timeout);
            for (name, value) in outgoing.headers {
                request = request.header(name, value);
            }
            for (name, secret) in outgoing.secret_headers {
                request = request.header(name, hidden(name, secret.expose_secret())?);
            }
            if outgoing.method != Method::Get {
                request = request.body(outgoing.body.to_vec());
            }
            #[expect(clippy::disallowed_methods, reason = "this is the one place that sends")]
            let answer = request.send().await.map_err(|e| trouble(&e))?;
            Ok(read(answer, outgoing.max_body).await.0)
        })
    }

    fn get<'a>(&'a self, get: Get<'a>) -> Answering<'a> {
        Box::pin(async move {
            let host = get.url.host_str().unwrap_or_default().to_owned();
            let client = match get.reach {
                Reach::Anywhere => &self.anywhere,
                Reach::PublicOnly => {
                    // A literal address never passes through the resolver.
                    let literal = match get.url.host() {
                        Some(url::Host::Ipv4(ip)) => Some(IpAddr::V4(ip)),
                        Some(url::Host::Ipv6(ip)) => Some(IpAddr::V6(ip)),
                        _ => None,
                    };
                    if let Some(ip) = literal.filter(|ip| !is_public(*ip)) {
                        return Err(GetError::Blocked { host, address: ip.to_string() });
                    }
                    &self.public
                }
            };
            let mut request = client.get(get.url.clone()).timeout(get.timeout);
            for (name, value) in &get.headers {
                request = request.header(name, value);
            }
            #[expect(clippy::disallowed_methods, reason = "this is the one place that sends")]
            let answer = request.send().await.map_err(|e| get_error(&e, &host, get.timeout))?;
            match read(answer, get.max_body).await {
                (response, None) => Ok(response),
                (_, Some(Cut::TooLarge)) => Err(GetError::TooLarge { host, max: get.max_body }),
                (_, Some(Cut::Broken(e))) => Err(get_error(&e, &host, get.timeout)),
            }
        })
    }
}

/// Why a body is not whole.
enum Cut {
    TooLarge,
    Broken(reqwest::Error),
}

/// Reads an answer. The status is known before the body: a 2xx whose body is lost is still a 2xx.
async fn read(mut answer: reqwest::Response, max: usize) -> (Response, Option<Cut>) {
    let mut response = Response { status: answer.status().as_u16(), ..Response::default() };
    for (name, value) in answer.headers() {
        let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
        response.headers.push((name.as_str().to_owned(), value));
    }
    let cut = loop {
        match answer.chunk().await {
            Ok(Some(chunk)) => {
                let room = max.saturating_sub(response.body.len());
                response.body.extend_from_slice(&chunk[..chunk.len().min(room)]);
                if chunk.len() > room {
                    break Some(Cut::TooLarge);
                }
            }
            Ok(None) => break None,
            Err(error) => break Some(Cut::Broken(error)),
        }
    };
    response.whole = cut.is_none();
    (response, cut)
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

/// Whether an address is one that the public internet routes.
fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => {
            let [a, b, c, _] = ip.octets();
            !(ip.is_private()
                || ip.is_loopback()
                || ip.is_link_local()
                || ip.is_broadcast()
                || ip.is_documentation()
                || ip.is_multicast()
                || a == 0
                || a >= 240
                || (a == 100 && (64..128).contains(&b))
                || (a == 198 && (b == 18 || b == 19))
                || (a == 192 && b == 0 && c == 0))
        }
        IpAddr::V6(ip) => {
            let s = ip.segments();
            if let Some(v4) = ip.to_ipv4_mapped() {
                return is_public(IpAddr::V4(v4));
            }
            // NAT64 and 6to4 carry an IPv4 address inside.
            let inner = |hi: u16, lo: u16| {
                let ([a, b], [c, d]) = (hi.to_be_bytes(), lo.to_be_bytes());
                is_public(IpAddr::from([a, b, c, d]))
            };
            match s[0] {
                0x2002 => inner(s[1], s[2]),
                0x64 if s[1] == 0xff9b => inner(s[6], s[7]),
                // Only 2000::/3 is routed; of it, documentation and Teredo are not for us.
                first => {
                    (0x2000..0x4000).contains(&first)
                        && !(first == 0x2001 && (s[1] == 0xdb8 || s[1] == 0))
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_redirect_cannot_lead_into_the_operators_network() {
        for private in [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "255.255.255.255",
            "224.0.0.1",
            "198.18.0.1",
            "::1",
            "fe80::1",
            "fc00::1",
            "::ffff:127.0.0.1",
            "64:ff9b::7f00:1",
            "2002:7f00:1::",
            "ff02::1",
            "::",
        ] {
            assert!(!is_public(private.parse().expect("an address")), "{private}");
        }
        for public in ["93.184.216.34", "1.1.1.1", "2606:2800:220:1::1", "64:ff9b::101:101"] {
            assert!(is_public(public.parse().expect("an address")), "{public}");
        }
    }
}
