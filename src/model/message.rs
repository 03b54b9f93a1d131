//! A request and a response as values: what an adapter builds and reads, and the ledger keeps.

use serde::{Deserialize, Serialize};

/// The HTTP methods that adapters use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Method {
    /// Read.
    Get,
    /// Create.
    Post,
    /// Create or replace under an id that we choose.
    Put,
    /// Change a part of what is there.
    Patch,
    /// Take away what is there.
    Delete,
}

impl Method {
    /// The method as it is written on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }
}

/// One header: name and value.
pub type Header = (String, String);

/// A request to an integration, without its secrets: those are added when it is sent.
///
/// The ledger keeps a publish request whole until its delivery is settled, so that a repeat is the
/// same to the byte.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// The method.
    pub method: Method,
    /// Path and query, appended to the integration's base URL; starts with `/` or is empty.
    pub path: String,
    /// Headers that are no secret, such as `Content-Type` and an idempotency key.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<Header>,
    /// The body; every platform served here takes text.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub body: String,
}

impl Request {
    /// A GET without a body.
    #[must_use]
    pub fn get(path: impl Into<String>) -> Self {
        Self { method: Method::Get, path: path.into(), headers: Vec::new(), body: String::new() }
    }

    /// A request with a JSON body.
    #[must_use]
    pub fn json(method: Method, path: impl Into<String>, body: &serde_json::Value) -> Self {
        Self {
            method,
            path: path.into(),
            headers: vec![("content-type".to_owned(), "application/json".to_owned())],
            body: body.to_string(),
        }
    }

    /// The same request with one more header.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }
}

/// An answer, read up to a cap.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// Headers with lower-case names.
    pub headers: Vec<Header>,
    /// The body, cut at the cap; empty where it could not be read.
    pub body: Vec<u8>,
    /// Whether the body is whole. A 2xx whose body was lost is still a 2xx.
    pub whole: bool,
}

impl Response {
    /// The first header of that (lower-case) name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }

    /// The body as JSON, or `Null` where it is none.
    #[must_use]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or(serde_json::Value::Null)
    }

    /// The first part of the body as one printable line, for a reason shown to people.
    #[must_use]
    pub fn excerpt(&self) -> String {
        const EXCERPT_CHARS: usize = 200;
        let text = String::from_utf8_lossy(&self.body);
        let mut line: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
        if let Some((at, _)) = line.char_indices().nth(EXCERPT_CHARS) {
            line.truncate(at);
            line.push_str("...");
        }
        line.retain(|c| !c.is_control());
        line
    }
}
