//! The secrets of one call. They are added on the wire: what is kept of a request holds a mark in the
//! place of each, so that neither the ledger nor a log ever holds one, wherever a platform wants it.

use secrecy::{ExposeSecret as _, SecretString};

use crate::model::Request;

/// A header whose value is secret.
pub type SecretHeader = (String, SecretString);

/// Opens and closes a mark. Both are noncharacters, which no text of a feed keeps
/// ([`crate::post::text::is_allowed`]): nobody can write a mark into a post.
const OPEN: char = '\u{fdd0}';
const CLOSE: char = '\u{fdd1}';
/// A shorter secret is part of too many words to be taken out of an answer.
const SCRUBBED_MIN: usize = 12;
/// What an answer shows in the place of a secret.
const SCRUBBED: &[u8] = b"***";

/// The secrets of one call.
#[derive(Debug, Clone, Default)]
pub struct CallSecrets {
    /// Headers that stand in no kept request.
    pub headers: Vec<SecretHeader>,
    /// What stands in the place of each mark in path and body, by name, encoded for that place.
    pub marks: Vec<(String, SecretString)>,
}

impl From<Vec<SecretHeader>> for CallSecrets {
    fn from(headers: Vec<SecretHeader>) -> Self {
        Self { headers, marks: Vec::new() }
    }
}

/// A mark was left open: what would be sent is not what was meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a secret that it needs is not known")]
pub struct Unfilled;

/// Stands for the secret of this name in a path or a body.
#[must_use]
pub fn mark(name: &str) -> String {
    format!("{OPEN}{name}{CLOSE}")
}

impl CallSecrets {
    /// The text with every mark filled.
    ///
    /// # Errors
    /// [`Unfilled`] where one is not known. A call without marks takes every text as it is.
    pub fn fill(&self, text: &str) -> Result<SecretString, Unfilled> {
        if self.marks.is_empty() {
            return Ok(SecretString::from(text));
        }
        let mut out = String::with_capacity(text.len() + 64);
        let mut rest = text;
        while let Some((before, opened)) = rest.split_once(OPEN) {
            let (name, after) = opened.split_once(CLOSE).ok_or(Unfilled)?;
            let (_, secret) = self.marks.iter().find(|(known, _)| known == name).ok_or(Unfilled)?;
            out.push_str(before);
            out.push_str(secret.expose_secret());
            rest = after;
        }
        if rest.contains(CLOSE) {
            return Err(Unfilled);
        }
        out.push_str(rest);
        Ok(SecretString::from(out))
    }

    /// Whether every mark of a request can be filled.
    ///
    /// # Errors
    /// [`Unfilled`] where one is not known.
    pub fn fits(&self, request: &Request) -> Result<(), Unfilled> {
        self.fill(&request.path)?;
        self.fill(&request.body).map(drop)
    }

    /// Takes the secrets out of an answer before anybody reads it: servers repeat the path they do not
    /// know and the token they do not take, and the reason for a refusal is kept.
    pub fn scrub(&self, bytes: &mut Vec<u8>) {
        let headers = self.headers.iter().flat_map(|(_, value)| {
            let value = value.expose_secret();
            [value, value.rsplit(' ').next().unwrap_or_default()]
        });
        let marks = self.marks.iter().map(|(_, value)| value.expose_secret());
        for secret in marks.chain(headers).filter(|secret| secret.len() >= SCRUBBED_MIN) {
            replace(bytes, secret.as_bytes());
        }
    }
}

fn replace(bytes: &mut Vec<u8>, secret: &[u8]) {
    let mut from = 0;
    while let Some(at) = find(&bytes[from..], secret).map(|at| from + at) {
        bytes.splice(at..at + secret.len(), SCRUBBED.iter().copied());
        from = at + SCRUBBED.len();
    }
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secrets() -> CallSecrets {
        CallSecrets {
            headers: vec![("authorization".to_owned(), "Bearer tok-en-0-1-2-3".into())],
            marks: vec![("path".to_owned(), "T0/B0/hunter2".into())],
        }
    }

    #[test]
    fn a_call_with_a_hole_in_it_is_never_made() {
        let filled = secrets().fill(&format!("/services/{}?a", mark("path"))).unwrap();
        assert_eq!(filled.expose_secret(), "/services/T0/B0/hunter2?a");
        for hole in [mark("other"), format!("{OPEN}path"), format!("path{CLOSE}")] {
            assert!(secrets().fill(&hole).is_err(), "{hole:?}");
        }
        let none = CallSecrets::default();
        assert_eq!(none.fill("a\u{fdd0}b").unwrap().expose_secret(), "a\u{fdd0}b");
    }

    #[test]
    fn a_server_that_repeats_our_secret_does_not_get_it_into_the_ledger() {
        let mut body =
            b"Cannot POST /services/T0/B0/hunter2 with tok-en-0-1-2-3 or tok-en-0-1-2-3".to_vec();
        secrets().scrub(&mut body);
        assert_eq!(body, b"Cannot POST /services/*** with *** or ***");
    }

    #[test]
    fn no_secret_is_told_by_debug() {
        let told = format!("{:?}", secrets());
        assert!(!told.contains("hunter2") && !told.contains("tok-en"), "{told}");
    }
}
