//! Rows as they are written: a version, a checksum over key and value, and JSON that a person can
//! read in ten years.
//!
//! redb does not verify its pages when it reads, so every row proves itself.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::ledger::LedgerError;
use crate::model::{
    Amend, DeliveryId, Entry, EntryId, IdempotencyKey, Request, Staged, Stand, Status, Time,
};

use super::time::Kept;

/// The version of every row written by this release.
const VERSION: u8 = 1;
const HEAD: usize = 5;

/// Writes a value for the row at `key`.
pub(super) fn encode<T: Serialize>(key: &[u8], value: &T) -> Result<Vec<u8>, LedgerError> {
    let mut row = vec![0; HEAD];
    serde_json::to_writer(&mut row, value)
        .map_err(|e| LedgerError::Unusable(format!("a row cannot be written: {e}")))?;
    row[0] = VERSION;
    let sum = checksum(key, &row[HEAD..]);
    row[1..HEAD].copy_from_slice(&sum.to_be_bytes());
    Ok(row)
}

/// The row at `key` that holds this JSON.
pub(super) fn row_of(key: &[u8], body: &[u8]) -> Vec<u8> {
    [&[VERSION][..], &checksum(key, body).to_be_bytes(), body].concat()
}

/// Reads the row at `key`. A damaged row is an error and never an absent one.
pub(super) fn decode<T: DeserializeOwned>(key: &[u8], row: &[u8]) -> Result<T, LedgerError> {
    let body = body(key, row)?;
    serde_json::from_slice(body).map_err(|e| damaged(&format!("cannot be read: {e}")))
}

/// The JSON of the row at `key`, checked.
pub(super) fn body<'a>(key: &[u8], row: &'a [u8]) -> Result<&'a [u8], LedgerError> {
    let Some((head, body)) = row.split_at_checked(HEAD) else {
        return Err(damaged("is too short"));
    };
    if head[0] != VERSION {
        return Err(LedgerError::Untrusted {
            why: format!("a row has version {}, this release knows {VERSION}", head[0]),
            mend: "run the release that wrote it, or a newer one".to_owned(),
        });
    }
    if checksum(key, body).to_be_bytes() != head[1..] {
        return Err(damaged("does not match its checksum"));
    }
    Ok(body)
}

fn checksum(key: &[u8], body: &[u8]) -> u32 {
    let mut sum = crc32fast::Hasher::new();
    sum.update(&[VERSION]);
    sum.update(key);
    sum.update(body);
    sum.finalize()
}

fn damaged(what: &str) -> LedgerError {
    LedgerError::Untrusted {
        why: format!("a row {what}"),
        mend: "oncecast ledger verify".to_owned(),
    }
}

/// One entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct EntryRow {
    /// As people see it.
    pub(super) id: EntryId,
    /// The feed it was first seen in.
    pub(super) feed: String,
    /// When.
    pub(super) first_seen: Time,
    /// Until its second look: when that is wanted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) settles: Option<Time>,
    /// The journal line that tells of its admission.
    pub(super) line: u64,
    /// Aliases learnt after it was first seen.
    #[serde(default)]
    pub(super) learnt: u32,
    /// It left its feed in its settle window, and is sent only if it comes back.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) vanished: bool,
    /// The journal lines that tell of changes after readers had it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) edits: Vec<u64>,
    /// When the last of them was written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) edited: Option<Time>,
    /// The entry that it is under another name, as a person has said: nothing of it is sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) same_as: Option<u64>,
    /// What it says now.
    pub(super) entry: Entry,
}

impl EntryRow {
    /// An entry that was just seen.
    pub(super) fn new(
        id: EntryId,
        feed: String,
        first_seen: Time,
        line: u64,
        entry: Entry,
    ) -> Self {
        Self {
            id,
            feed,
            first_seen,
            settles: None,
            line,
            learnt: 0,
            vanished: false,
            edits: Vec::new(),
            same_as: None,
            edited: None,
            entry,
        }
    }
}

/// One delivery.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct DeliveryRow {
    /// Where it stands.
    #[serde(flatten)]
    pub(super) status: Status,
    /// Since when.
    pub(super) since: Time,
    /// When this generation was opened.
    pub(super) opened: Time,
    /// The key of every attempt.
    pub(super) key: IdempotencyKey,
    /// When a claim of this generation was first granted and may have been sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) first_sent: Option<Time>,
    /// A lost ledger has claimed it too: what was sent then, and when, is not known here.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) haunted: bool,
    /// When the platform was asked in full and did not have it, since it was last sent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) absent: Vec<Time>,
    /// What of its group's rules still decides about it.
    #[serde(default, skip_serializing_if = "Routing::is_open")]
    pub(super) routing: Routing,
    /// What stands ready for it at its platform, unseen, until it is claimed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) staged: Option<Ready>,
    /// The exact request, from the first claim until it is settled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) request: Option<Request>,
    /// Where its group posted when it was last claimed, or found: what names the post there may name
    /// another elsewhere. None where an older release did that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) home: Option<String>,
    /// What has become of its post, or is to become of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) amend: Option<Box<AmendRow>>,
    /// Its lines in the journal.
    pub(super) lines: Vec<u64>,
}

impl DeliveryRow {
    /// A delivery without a past, at this moment.
    pub(super) const fn new(status: Status, now: Time, key: IdempotencyKey) -> Self {
        Self {
            status,
            since: now,
            opened: now,
            key,
            first_sent: None,
            haunted: false,
            routing: Routing::Open,
            absent: Vec::new(),
            staged: None,
            request: None,
            home: None,
            amend: None,
            lines: Vec::new(),
        }
    }
}

/// What becomes of a post after readers have it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct AmendRow {
    #[serde(flatten)]
    pub(super) amend: Amend,
    /// The exact call, while nobody knows whether it was heard.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) request: Option<Request>,
    /// The number of the permit that is out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) permit: Option<u64>,
    /// Whether a call before the one that is out may have been heard.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) unsure: bool,
    /// What the entry said when the post was made, while the post says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) was: Option<Entry>,
    /// The fingerprint of what the call that is out gives it to say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) saying: Option<String>,
    /// The fingerprint of what it was last given to say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) said: Option<String>,
    /// Whether its entry has changed since the call that is out.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) again: bool,
    /// How often it was given another text, and when last.
    #[serde(default)]
    pub(super) edits: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) edited: Option<Time>,
}

impl AmendRow {
    /// A change without a past.
    pub(super) const fn of(amend: Amend) -> Self {
        Self {
            amend,
            request: None,
            permit: None,
            unsure: false,
            was: None,
            saying: None,
            said: None,
            again: false,
            edits: 0,
            edited: None,
        }
    }

    /// What the post says is not known: no text has this fingerprint, so the next is carried whatever it is.
    pub(super) fn leave_unknown(&mut self) {
        (self.was, self.said) = (None, Some(String::new()));
    }
}

/// What stands ready, and since when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Ready {
    #[serde(flatten)]
    pub(super) staged: Staged,
    pub(super) at: Time,
}

/// What of its group's rules still decides about a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Routing {
    /// All of them.
    #[default]
    Open,
    /// A person has let it go: it needs no approval.
    Approved,
    /// A person wants it in this group, whatever the rules say.
    ByHand,
}

impl Routing {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
    fn is_open(&self) -> bool {
        *self == Self::Open
    }
}

/// One lane's own memory.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct LaneRow {
    pub(super) number: u32,
    pub(super) paused: Option<String>,
    pub(super) stopped: Option<String>,
    pub(super) failures: u32,
    pub(super) rests_until: Option<Time>,
}

/// One group's own memory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct GroupRow {
    pub(super) number: u32,
    pub(super) first_seen: Time,
}

/// What the whole ledger is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Identity {
    /// Chosen at random when it was made.
    pub(super) ledger: EntryId,
    /// When.
    pub(super) made: Time,
    /// The layout of the tables.
    pub(super) layout: u32,
    /// The machine it belongs to, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) host: Option<String>,
}

/// The running numbers, in one row since every commit moves some of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Numbers {
    /// The newest entry.
    pub(super) entry: u64,
    /// The newest claim.
    pub(super) claim: u64,
    /// The newest call that changes a post.
    pub(super) amend: u64,
    /// The ledger's time when this was written, and what is kept of it.
    pub(super) latest: Time,
    pub(super) time: Kept,
    /// Journal lines, and the hash of the last.
    pub(super) lines: u64,
    pub(super) hash: [u8; 32],
    /// The newest group and lane.
    pub(super) group: u32,
    pub(super) lane: u32,
    /// The newest feed.
    pub(super) feed: u32,
    /// Counts the processes that have written to this ledger.
    pub(super) epoch: u64,
}

/// `DeliveryId` as a key: in the order of time.
pub(super) fn delivery_key(id: DeliveryId) -> [u8; 16] {
    let mut key = [0; 16];
    key[..8].copy_from_slice(&id.entry.to_be_bytes());
    key[8..12].copy_from_slice(&id.group.to_be_bytes());
    key[12..].copy_from_slice(&id.generation.to_be_bytes());
    key
}

/// The delivery at a key.
pub(super) fn delivery_at(key: &[u8]) -> DeliveryId {
    let number = |range: std::ops::Range<usize>| {
        key.get(range).map_or(0, |b| b.iter().fold(0u64, |n, b| n << 8 | u64::from(*b)))
    };
    let narrow = |n: u64| u32::try_from(n).unwrap_or(u32::MAX);
    DeliveryId {
        entry: number(0..8),
        group: narrow(number(8..12)),
        generation: narrow(number(12..16)),
    }
}

/// The lists of what wants doing, in the order in which it wants it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Agenda {
    /// By `not_before`.
    Due = 1,
    /// By `next_look`.
    Doubt = 2,
    /// By the moment of the claim.
    Claimed = 3,
    /// By the moment since which it is held.
    Held = 4,
    /// Due, with its settle window still open: by the moment of its second look.
    Settling = 5,
    /// Published, with a change wanted: by its `not_before`.
    Amend = 6,
    /// Published and to be taken away, which cannot be done: by the moment since which.
    Stuck = 7,
}

impl Agenda {
    /// Where a delivery stands on the agenda: list, group, time.
    pub(super) fn of(row: &DeliveryRow, settling: Option<Time>) -> Option<(Self, Time)> {
        match (&row.status, settling) {
            (Status::Due { .. }, Some(look)) => Some((Self::Settling, look)),
            (Status::Due { not_before, .. }, None) => Some((Self::Due, *not_before)),
            (Status::InDoubt { next_look, .. }, _) => Some((Self::Doubt, *next_look)),
            (Status::Claimed { .. }, _) => Some((Self::Claimed, row.since)),
            (Status::Held { .. }, _) => Some((Self::Held, row.since)),
            (Status::Published { .. }, _) => {
                let amend = &row.amend.as_ref()?.amend;
                match amend.stand {
                    Stand::Wanted { not_before, .. } => Some((Self::Amend, not_before)),
                    Stand::GivenUp { at, .. } if amend.is_stuck() => Some((Self::Stuck, at)),
                    _ => None,
                }
            }
            _ => None,
        }
    }
}

/// A place on the agenda as a key.
pub(super) fn agenda_key(list: Agenda, group: u32, time: Time, id: DeliveryId) -> [u8; 29] {
    let mut key = [0; 29];
    key[0] = list as u8;
    key[1..5].copy_from_slice(&group.to_be_bytes());
    key[5..13].copy_from_slice(&time.as_millis().to_be_bytes());
    key[13..].copy_from_slice(&delivery_key(id));
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flipped_bit_is_an_error_and_never_an_unseen_entry() {
        let value = Numbers { entry: 7, ..Numbers::default() };
        let row = encode(b"numbers", &value).expect("encodes");
        assert_eq!(decode::<Numbers>(b"numbers", &row).expect("decodes"), value);
        for at in 0..row.len() * 8 {
            let mut bad = row.clone();
            bad[at / 8] ^= 1 << (at % 8);
            assert!(decode::<Numbers>(b"numbers", &bad).is_err(), "bit {at}");
        }
        assert!(decode::<Numbers>(b"another", &row).is_err(), "a row in another's place");
        assert!(decode::<Numbers>(b"numbers", &row[..3]).is_err(), "a short row");
    }

    #[test]
    fn keys_sort_by_time_and_come_back() {
        let id = DeliveryId { entry: 258, group: 3, generation: 1 };
        assert_eq!(delivery_at(&delivery_key(id)), id);
        let early = agenda_key(Agenda::Due, 3, Time::from_millis(255), id);
        let late = agenda_key(Agenda::Due, 3, Time::from_millis(256), id);
        assert!(early < late);
        assert_eq!(delivery_at(&early[13..]), id);
    }
}
