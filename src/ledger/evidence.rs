//! The written record: what an export holds, line by line, so that anybody can check it without us.
//!
//! An export is a text file of JSON objects, one a line, in the order of [`Record`]'s variants. Times
//! are milliseconds of the Unix epoch in UTC.
//!
//! *Each line ends with its sum*: `,"sum":"xxxxxxxx"}`, the CRC-32 (as zlib's) in eight hexadecimal
//! digits over the sum of the line before it (eight digits; nothing before the first line) and the
//! line's own object without the sum. A line that was edited, dropped or slipped in is found by its
//! number. The last line holds the SHA-256 of all bytes before it.
//!
//! *The chain of evidence* ([`super::journal`]) is made anew from the journal's lines:
//!
//! - `row(n) = 01 || crc32(01 || be64(n) || line) || line`, where `line` is the text in the record's
//!   `line`, the CRC is written as four bytes, most significant first, and `be64` is eight such bytes;
//! - `hash(-1) = sha256("oncecast/journal/1" || ledger)`, `ledger` being the 16 bytes of its id;
//! - `hash(n) = sha256(hash(n - 1) || be64(length of row(n)) || row(n))`.
//!
//! `hash` of the last line is the head. Whoever has kept a head can tell whether the record has been
//! rewritten since.

use std::io::{self, BufRead, Write};

use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::model::{Entry, EntryId, IdempotencyKey, Status, Time};

/// The version of everything that is described here.
pub const SCHEMA: u32 = 1;
/// What the first line says of itself.
pub const FORMAT: &str = "oncecast ledger";
/// The longest line that is read: an entry keeps 64 KiB each of summary and text.
const LINE_MAX: u64 = 16 << 20;
/// `,"sum":"xxxxxxxx"}`
const SUM_LEN: usize = 18;

/// One line of an export.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "type")]
pub enum Record {
    /// The first line.
    Header(Header),
    /// An audience.
    Group(Named),
    /// A feed.
    Feed(Named),
    /// A post.
    Entry(Box<EntryRecord>),
    /// A fingerprint by which a post is recognised.
    Alias {
        /// SHA-256 in hexadecimal.
        fingerprint: String,
        /// The post's number.
        entry: u64,
    },
    /// A feed has shown a post.
    Seen {
        /// The feed's number.
        feed: u32,
        /// The post's number.
        entry: u64,
        /// When first.
        at: Time,
    },
    /// A post that is owed to a group, in one generation.
    Delivery(Box<DeliveryRecord>),
    /// A line of the journal.
    Journal(JournalRecord),
    /// The last line.
    End {
        /// How many lines came before it.
        records: u64,
        /// SHA-256 over their bytes, in hexadecimal.
        sha256: String,
    },
}

impl Record {
    /// The place of its kind in an export.
    #[must_use]
    pub const fn rank(&self) -> u8 {
        match self {
            Self::Header(_) => 0,
            Self::Group(_) => 1,
            Self::Feed(_) => 2,
            Self::Entry(_) => 3,
            Self::Alias { .. } => 4,
            Self::Seen { .. } => 5,
            Self::Delivery(_) => 6,
            Self::Journal(_) => 7,
            Self::End { .. } => 8,
        }
    }
}

/// What an export is, and of what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// [`FORMAT`].
    pub format: String,
    /// [`SCHEMA`].
    pub schema: u32,
    /// The release that wrote it.
    pub oncecast: String,
    /// The ledger's id.
    pub ledger: EntryId,
    /// When the ledger was made.
    pub made: Time,
    /// When this was written.
    pub exported: Time,
    /// Whether it is everything, and not one entry alone.
    pub whole: bool,
    /// Posts in the ledger.
    pub entries: u64,
    /// Deliveries in the ledger.
    pub deliveries: u64,
    /// Lines of the journal.
    pub lines: u64,
    /// The head of the chain, in hexadecimal.
    pub head: String,
}

/// A group or a feed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Named {
    /// Its name in the config.
    pub name: String,
    /// Its number within the ledger.
    pub number: u32,
}

/// A post.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EntryRecord {
    /// Its number within the ledger.
    pub number: u64,
    /// Its id, as people see it.
    pub id: EntryId,
    /// The feed it was first seen in.
    pub feed: String,
    /// When.
    pub first_seen: Time,
    /// The journal line that tells of its admission.
    pub line: u64,
    /// The number of the post that it is under another name, as a person has said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub same_as: Option<u64>,
    /// What it says.
    pub entry: Entry,
}

/// A post that is owed to a group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeliveryRecord {
    /// The post's number.
    pub entry: u64,
    /// The post's id.
    pub entry_id: EntryId,
    /// The group's name.
    pub group: String,
    /// Counts deliberate repeats by a person, from 1.
    pub generation: u32,
    /// Where it stands.
    #[serde(flatten)]
    pub status: Status,
    /// Since when.
    pub since: Time,
    /// When this generation was opened.
    pub opened: Time,
    /// The key of every attempt.
    pub key: IdempotencyKey,
    /// When it may have been sent first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_sent: Option<Time>,
    /// Where its group posted then, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub home: Option<String>,
    /// Its lines in the journal.
    pub lines: Vec<u64>,
}

/// A line of the journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JournalRecord {
    /// Its number, from 0.
    pub number: u64,
    /// The line, to the byte.
    pub line: String,
    /// Its hash, in hexadecimal.
    pub hash: String,
    /// The hash before it, where the line before it is not in this export.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
}

/// Writes records, each with its sum.
#[derive(Debug)]
pub struct Scribe<W> {
    to: W,
    sum: Option<u32>,
    hash: Sha256,
    records: u64,
}

impl<W: Write> Scribe<W> {
    /// Writes to `to`.
    pub fn new(to: W) -> Self {
        Self { to, sum: None, hash: Sha256::new(), records: 0 }
    }

    /// Writes one record.
    ///
    /// # Errors
    /// What the disk says.
    pub fn write(&mut self, record: &Record) -> io::Result<()> {
        let mut text = serde_json::to_string(record)?;
        let sum = sum_of(self.sum, &text);
        text.pop();
        text.push_str(&format!(",\"sum\":\"{sum:08x}\"}}\n"));
        self.sum = Some(sum);
        self.hash.update(&text);
        self.records += 1;
        self.to.write_all(text.as_bytes())
    }

    /// Writes the last line.
    ///
    /// # Errors
    /// What the disk says.
    pub fn end(mut self) -> io::Result<()> {
        let sha256 = HEXLOWER.encode(&self.hash.clone().finalize());
        self.write(&Record::End { records: self.records, sha256 })?;
        self.to.flush()
    }
}

/// Reads records and checks each against its sum.
#[derive(Debug)]
pub struct Reader<R> {
    from: R,
    sum: Option<u32>,
    hash: Sha256,
    rank: u8,
    ended: bool,
    /// The number of the last line read, from 1.
    pub line: u64,
}

impl<R: BufRead> Reader<R> {
    /// Reads from `from`.
    pub fn new(from: R) -> Self {
        Self { from, sum: None, hash: Sha256::new(), rank: 0, ended: false, line: 0 }
    }

    /// The next record; `None` after the last. It is an error for there to be no last one.
    ///
    /// # Errors
    /// What is wrong with the line, in words.
    pub fn read(&mut self) -> Result<Option<Record>, String> {
        use std::io::Read as _;
        let mut bytes = Vec::new();
        (&mut self.from)
            .take(LINE_MAX)
            .read_until(b'\n', &mut bytes)
            .map_err(|e| format!("it cannot be read: {e}"))?;
        if bytes.is_empty() {
            let ended = self.ended.then_some(None);
            return ended.ok_or_else(|| "it ends before its end: it was cut off".to_owned());
        }
        self.line += 1;
        if self.ended {
            return Err("there is something after its end".to_owned());
        }
        let text = std::str::from_utf8(&bytes).map_err(|_| "it is not UTF-8".to_owned())?;
        let object = text.strip_suffix('\n').ok_or("it is cut off")?;
        let (body, sum) = object
            .len()
            .checked_sub(SUM_LEN)
            .and_then(|at| object.split_at_checked(at))
            .ok_or("it is no line of an export")?;
        let body = format!("{body}}}");
        let expected = sum_of(self.sum, &body);
        if sum != format!(",\"sum\":\"{expected:08x}\"}}") {
            return Err("it, or the line before it, is not as it was written".to_owned());
        }
        self.sum = Some(expected);
        let record: Record = serde_json::from_str(&body).map_err(|e| e.to_string())?;
        if record.rank() < self.rank || (self.line == 1) != matches!(record, Record::Header(_)) {
            return Err("it stands in the wrong place".to_owned());
        }
        self.rank = record.rank();
        if let Record::End { records, sha256 } = &record {
            let found = HEXLOWER.encode(&self.hash.clone().finalize());
            if *sha256 != found || *records + 1 != self.line {
                return Err("the lines before it are not what it says".to_owned());
            }
            self.ended = true;
        }
        self.hash.update(&bytes);
        Ok(Some(record))
    }
}

fn sum_of(before: Option<u32>, text: &str) -> u32 {
    let mut sum = crc32fast::Hasher::new();
    if let Some(before) = before {
        sum.update(format!("{before:08x}").as_bytes());
    }
    sum.update(text.as_bytes());
    sum.finalize()
}

/// One post and what became of it, for people.
#[derive(Debug, Clone)]
pub struct Post {
    /// Its id.
    pub id: EntryId,
    /// The feed it was first seen in.
    pub feed: String,
    /// When.
    pub first_seen: Time,
    /// What it says.
    pub entry: Entry,
    /// What became of it, group by group.
    pub deliveries: Vec<Fate>,
}

/// What became of a post in a group, in one generation.
#[derive(Debug, Clone)]
pub struct Fate {
    /// The group's name.
    pub group: String,
    /// Counts deliberate repeats by a person, from 1.
    pub generation: u32,
    /// Where it stands.
    pub status: Status,
    /// Since when.
    pub since: Time,
    /// How often it was claimed, that is, may have been sent.
    pub claims: u32,
    /// Who opened this generation by hand, and why.
    pub by_hand: Option<String>,
    /// Whether this is known from an export of another ledger, and not from lines of this one.
    pub imported: bool,
    /// The HTTP status of the last answer.
    pub http: Option<u16>,
    /// The digest of the last request.
    pub digest: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written() -> String {
        let mut bytes = Vec::new();
        let mut scribe = Scribe::new(&mut bytes);
        let header = Header {
            format: FORMAT.into(),
            schema: SCHEMA,
            oncecast: "1".into(),
            ledger: EntryId::from_bytes([7; 16]),
            made: Time::EPOCH,
            exported: Time::EPOCH,
            whole: true,
            entries: 0,
            deliveries: 0,
            lines: 0,
            head: String::new(),
        };
        scribe.write(&Record::Header(header)).expect("written");
        for number in 1..4 {
            let group = Named { name: format!("g{number}"), number };
            scribe.write(&Record::Group(group)).expect("written");
        }
        scribe.end().expect("written");
        String::from_utf8(bytes).expect("text")
    }

    /// Reads all of it: the number of lines, or the line that is wrong.
    fn read(text: &str) -> Result<u64, u64> {
        let mut reader = Reader::new(text.as_bytes());
        loop {
            match reader.read() {
                Ok(Some(_)) => {}
                Ok(None) => return Ok(reader.line),
                Err(_) => return Err(reader.line),
            }
        }
    }

    #[test]
    fn whoever_edits_the_record_is_told_the_line() {
        let text = written();
        assert_eq!(read(&text), Ok(5), "{text}");
        let lines: Vec<&str> = text.split_inclusive('\n').collect();
        assert_eq!(read(&text.replace("g2", "g9")), Err(3));
        assert_eq!(read(&[lines[0], lines[1], lines[3], lines[4]].concat()), Err(3), "dropped");
        assert_eq!(read(&[lines[0], lines[2], lines[1], lines[3]].concat()), Err(2), "moved");
        assert_eq!(read(&lines[..4].concat()), Err(4), "cut off");
        assert_eq!(read(&text[..text.len() - 1]), Err(5), "cut off within a line");
        assert_eq!(read(&[text.as_str(), lines[1]].concat()), Err(6), "more after the end");
        assert_eq!(read(""), Err(0), "nothing at all");
        assert_eq!(read("{}\n"), Err(1));
    }

    #[test]
    fn each_bit_counts() {
        let text = written();
        for at in 0..text.len() {
            let mut bytes = text.clone().into_bytes();
            bytes[at] ^= 1;
            let Ok(bad) = String::from_utf8(bytes) else { continue };
            assert!(read(&bad).is_err(), "byte {at}");
        }
    }

    /// What an import reads must be what was exported, whatever became of the post.
    #[test]
    fn a_delivery_comes_back_as_it_was_in_every_status() {
        use crate::model::{HoldReason, How, Receipt, Reference, WithdrawReason};
        let at = Time::from_millis(5);
        let reference = Reference {
            id: Some("9".into()),
            url: Some("https://x.example/9".into()),
            account: Some("7".into()),
            already: true,
        };
        let id = EntryId::from_bytes([3; 16]);
        for status in [
            Status::Baseline,
            Status::Held {
                reason: HoldReason::NearDuplicate { of: "e1".into(), because: "text".into() },
            },
            Status::Held { reason: HoldReason::Burst { new: 9 } },
            Status::Due { attempt: 1, not_before: at },
            Status::Claimed { attempt: 1, permit: 2, maybe: true },
            Status::Published { receipt: Receipt { reference, at, how: How::Asked } },
            Status::Refused { reason: "no".into() },
            Status::InDoubt { attempt: 1, evidence: "reset".into(), next_look: at, looks: 3 },
            Status::Withdrawn { reason: WithdrawReason::Person { why: "old".into() } },
            Status::Withdrawn { reason: WithdrawReason::Vanished },
            Status::Withdrawn { reason: WithdrawReason::Deleted },
        ] {
            let record = Record::Delivery(Box::new(DeliveryRecord {
                entry: 1,
                entry_id: id,
                group: "g".into(),
                generation: 2,
                status,
                since: at,
                opened: at,
                key: IdempotencyKey::of(&id, "g", 2),
                home: Some("mastodon at https://x.example/".into()),
                first_sent: Some(at),
                lines: vec![1, 5],
            }));
            let text = serde_json::to_string(&record).expect("written");
            let back: Record = serde_json::from_str(&text).expect(&text);
            assert_eq!(back, record, "{text}");
        }
    }
}
