//! Reading a URL: one request, one answer, no redirect followed, a capped body. Nothing that a
//! reader could see comes of it, so it needs no permit.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use url::Url;

use crate::model::{Header, Response};

/// One GET.
#[derive(Debug, Clone)]
pub struct Get<'a> {
    /// What to read.
    pub url: &'a Url,
    /// Request headers; `Accept-Encoding` and `User-Agent` are the wire's own.
    pub headers: Vec<Header>,
    /// Which addresses it may lead to.
    pub reach: Reach,
    /// The largest body taken, in bytes after decompression.
    pub max_body: usize,
    /// The most that may come over the wire, in bytes.
    pub max_wire: usize,
    /// How long it may take in all.
    pub timeout: Duration,
}

/// Which addresses a GET may connect to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// Any: the operator wrote this URL.
    Anywhere,
    /// Public addresses only: somebody else's answer led here.
    PublicOnly,
}

/// Why a GET brought no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GetError {
    /// The name leads to an address that this URL may not reach.
    #[error("{host} leads to {address}, which is not a public address")]
    Blocked {
        /// The host as written.
        host: String,
        /// Where it leads.
        address: String,
    },
    /// No connection: name, network, TLS.
    #[error("cannot connect to {host}: {why}")]
    Connect {
        /// The host as written.
        host: String,
        /// In words.
        why: String,
    },
    /// It took too long.
    #[error("{host} did not answer in full within {seconds} s")]
    Timeout {
        /// The host as written.
        host: String,
        /// The limit.
        seconds: u64,
    },
    /// The body is larger than the cap.
    #[error("{host} sent more than {max} bytes")]
    TooLarge {
        /// The host as written.
        host: String,
        /// The cap, in bytes.
        max: usize,
    },
    /// The answer broke off or made no sense.
    #[error("the answer of {host} broke off: {why}")]
    Broken {
        /// The host as written.
        host: String,
        /// In words.
        why: String,
    },
}

/// An answer on its way.
pub type Answering<'a> = Pin<Box<dyn Future<Output = Result<Response, GetError>> + Send + 'a>>;

/// Whatever can GET: the wire, or a test's own network.
pub trait Getter: Send + Sync {
    /// Sends one GET and reads the answer, whatever its status.
    fn get<'a>(&'a self, get: Get<'a>) -> Answering<'a>;
}
