//! The chain of evidence: every transition is a line, and every line holds the hash of the one
//! before it, so that none can be changed, dropped or slipped in unseen.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::model::{DeliveryId, EntryId, StatusKind, Time};

/// One transition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// When, in the ledger's own time, which never goes back.
    pub at: Time,
    /// The entry's id; the line is about the whole house where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entry: Option<EntryId>,
    /// The group's name; the line is about all groups of the entry where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// The delivery.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delivery: Option<DeliveryId>,
    /// What happened, in one word.
    pub event: String,
    /// Where that led.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<StatusKind>,
    /// Who or what moved it.
    pub who: String,
    /// In words: reason, receipt, digest of the request.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub detail: String,
    /// The HTTP status that the platform answered with. Lines of older releases have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http: Option<u16>,
    /// What the platform calls the post.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
}

impl Line {
    /// A line about the whole house.
    #[must_use]
    pub fn of_house(at: Time, who: &str, event: &str, detail: impl Into<String>) -> Self {
        Self {
            at,
            entry: None,
            group: None,
            delivery: None,
            event: event.to_owned(),
            status: None,
            who: who.to_owned(),
            detail: detail.into(),
            http: None,
            id: None,
        }
    }
}

/// The hash of the newest line; the chain starts from the ledger's own id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// How many lines there are.
    pub lines: u64,
    /// The hash of the last.
    pub hash: [u8; 32],
}

impl Head {
    /// The start of a chain.
    #[must_use]
    pub fn start(ledger: &[u8; 16]) -> Self {
        let mut hash = Sha256::new();
        hash.update(b"oncecast/journal/1");
        hash.update(ledger);
        Self { lines: 0, hash: hash.finalize().into() }
    }

    /// The head after one more line, given as it is written.
    #[must_use]
    pub fn after(self, line: &[u8]) -> Self {
        let mut hash = Sha256::new();
        hash.update(self.hash);
        hash.update((line.len() as u64).to_be_bytes());
        hash.update(line);
        Self { lines: self.lines + 1, hash: hash.finalize().into() }
    }
}

/// What a walk over the whole journal proved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proof {
    /// Lines walked.
    pub lines: u64,
    /// Rows read and found whole.
    pub rows: u64,
    /// What is wrong, in words; empty where all is well.
    pub faults: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_line_changes_every_hash_after_it() {
        let start = Head::start(&[7; 16]);
        let honest = start.after(b"published once").after(b"settled");
        let forged = start.after(b"published twice").after(b"settled");
        assert_ne!(honest.hash, forged.hash);
        assert_eq!(honest.lines, 2);
        assert_ne!(Head::start(&[8; 16]).hash, start.hash);
    }
}
