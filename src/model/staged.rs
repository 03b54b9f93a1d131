//! What stands ready at a platform before the publish call: a draft, a container, an uploaded picture.
//! No reader sees any of it, so making it takes no permit; losing it costs nothing but the making.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Fingerprint, Request};

/// A delivery's draft or uploads, as its publish call names them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Staged {
    /// The fingerprint of the post that it was made for: another post wants another draft.
    pub of: String,
    /// The publish call that refers to it.
    pub request: Request,
    /// What a person should know of it, such as a picture that was left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

impl Staged {
    /// How long it is relied on before it is looked at again: platforms sweep away what nothing refers to,
    /// the quickest of them within hours.
    pub const FRESH_FOR: Duration = Duration::from_secs(30 * 60);

    /// The fingerprint of what a group will read.
    #[must_use]
    pub fn fingerprint(said: &str) -> String {
        format!("{:?}", Fingerprint::of("oncecast/staged/1", &[said]))
    }

    /// In one line, for the journal.
    #[must_use]
    pub fn in_words(&self) -> String {
        let call = format!("{} {}", self.request.method.as_str(), self.request.path);
        [&[call], &self.notes[..]].concat().join("; ")
    }
}
