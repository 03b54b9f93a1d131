//! How an entry is recognised: aliases, their canonical forms, and versioned fingerprints.
//!
//! An entry known by a strong alias is never new; one known only by weak ones is held for a person.
//! The recipes here are part of the ledger's format: a changed recipe takes a new version, and the
//! old one stays, since an alias once written must be found for ever.

use std::fmt;

use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

mod aliases;
mod likeness;
mod link;
mod own;
mod site;
mod sketch;
mod text;

pub use aliases::{adopted_mark, aliases, link_alias, link_aliases, shared_mark, side_aliases};
pub use likeness::{
    Gone, Likeness, dated_alike, differs_only_in_digits, is_strong_title, likeness,
    nearly_same_text, same_moment, same_post_evidence, same_title, text_form, title_form,
};
pub use link::{canonical_link, loses_parameters};
pub use own::{Sign, own_marks, own_signs, post_marks};
pub use site::{address_of, host_of, leads_away, moved};
pub use sketch::{SKETCH_VERSION, Sketch};

/// SHA-256 over a versioned, length-prefixed canonical form.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// The fingerprint of `parts` under the recipe `name`. Every part is length-prefixed, so that no
    /// two lists of parts share a form.
    #[must_use]
    pub fn of(name: &str, parts: &[&str]) -> Self {
        let mut hash = Sha256::new();
        for part in std::iter::once(&name).chain(parts) {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part.as_bytes());
        }
        Self(hash.finalize().into())
    }

    /// The raw hash.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// A fingerprint read back from where it was kept.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&HEXLOWER.encode(&self.0))
    }
}

/// What people call an entry: the fingerprint of the alias by which it was first recognised, cut
/// to 128 bits. Written as 32 hexadecimal digits; any unambiguous prefix names it too.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntryId([u8; 16]);

impl EntryId {
    /// How many digits are shown where space is short.
    pub const SHORT: usize = 10;

    /// The id that belongs to a fingerprint.
    #[must_use]
    pub fn from_fingerprint(fingerprint: &Fingerprint) -> Self {
        let mut id = [0; 16];
        id.copy_from_slice(&fingerprint.0[..16]);
        Self(id)
    }

    /// The raw id.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// An id read back from where it was kept.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The first digits, for tables.
    #[must_use]
    pub fn short(&self) -> String {
        let mut text = self.to_string();
        text.truncate(Self::SHORT);
        text
    }
}

impl fmt::Display for EntryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&HEXLOWER.encode(&self.0))
    }
}

impl fmt::Debug for EntryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl Serialize for EntryId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for EntryId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let bytes = HEXLOWER.decode(text.as_bytes()).map_err(serde::de::Error::custom)?;
        let bytes = <[u8; 16]>::try_from(bytes)
            .map_err(|_| serde::de::Error::custom("an entry id has 32 hexadecimal digits"))?;
        Ok(Self(bytes))
    }
}

/// Hex of SHA-256 over entry, group and generation: one value for every attempt of a delivery, sent
/// wherever a platform takes a key.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct IdempotencyKey(String);

impl IdempotencyKey {
    /// The key of one delivery.
    #[must_use]
    pub fn of(entry: &EntryId, group: &str, generation: u32) -> Self {
        let fingerprint = Fingerprint::of(
            "oncecast/key/1",
            &[&entry.to_string(), group, &generation.to_string()],
        );
        Self(HEXLOWER.encode(fingerprint.as_bytes()))
    }

    /// 64 lower-case hexadecimal digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for IdempotencyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One way to recognise an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AliasKind {
    /// The feed's own id, within that feed; a URL is taken without its scheme.
    Guid,
    /// The canonical link, whatever feed it came in.
    Link,
    /// Title and day, within that feed. Weak.
    TitleDate,
    /// The text, where there is enough of it. Weak.
    Text,
}

impl AliasKind {
    /// Whether this alias alone proves that an entry is known.
    #[must_use]
    pub const fn is_strong(self) -> bool {
        matches!(self, Self::Guid | Self::Link)
    }

    /// As people read it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Guid => "guid",
            Self::Link => "link",
            Self::TitleDate => "title and date",
            Self::Text => "text",
        }
    }
}

/// One way to recognise an entry, as it is looked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Alias {
    /// Which way.
    pub kind: AliasKind,
    /// Over the canonical form; the kind and the recipe's version are part of it.
    pub fingerprint: Fingerprint,
}
