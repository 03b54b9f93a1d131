//! What a feed teaches about itself over time: which of its keys cannot be trusted, under which hosts it
//! stands, and what its last document showed.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::model::identity::{address_of, host_of};
use crate::model::{AliasKind, Entry};

/// Of so many hosts the feed's links are counted; the least of them makes room for another.
const SITES_MAX: usize = 16;
/// A feed has its own site where that many of its links in a hundred lead to one host.
const HOME_SHARE: u64 = 60;
/// Fewer links than this say nothing about where the feed is at home.
const LINKS_MIN: u64 = 4;

/// What a feed has taught about itself. It is remembered with the feed, for ever.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Habits {
    /// Keys that do not prove alone what they seem to, and why.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub distrusted: Vec<Distrust>,
    /// Documents in which guids were others while all else stayed.
    pub guid_changes: u32,
    /// Hosts under which the feed's posts stand too: the newer, and the older that it stands for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub hosts: Vec<(String, String)>,
    /// Where the links of its entries lead, by host.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub sites: BTreeMap<String, u64>,
    /// The entries of its last whole document, oldest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub present: Vec<u64>,
}

/// A key that does not prove alone what it seems to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Distrust {
    /// Which.
    pub key: AliasKind,
    /// What was seen, in words.
    pub why: String,
}

impl Habits {
    /// Whether a key needs a second evidence in this feed.
    #[must_use]
    pub fn distrusts(&self, key: AliasKind) -> bool {
        self.distrusted.iter().any(|distrust| distrust.key == key)
    }

    pub(super) fn distrust(&mut self, key: AliasKind, why: &str) {
        if !self.distrusts(key) {
            self.distrusted.push(Distrust { key, why: why.to_owned() });
        }
    }

    /// Counts where a new entry stands.
    pub fn visit(&mut self, entry: &Entry) {
        let Some(host) = address_of(entry).as_deref().and_then(host_of) else { return };
        if !self.sites.contains_key(&host) && self.sites.len() >= SITES_MAX {
            let least = self.sites.iter().min_by_key(|(_, n)| **n).map(|(host, _)| host.clone());
            least.and_then(|host| self.sites.remove(&host));
        }
        *self.sites.entry(host).or_default() += 1;
    }

    /// Whether a link leads to another place than where most of the feed's own do.
    pub(super) fn leads_away(&self, link: &str) -> bool {
        let all: u64 = self.sites.values().sum();
        let Some(host) = host_of(link).filter(|_| all >= LINKS_MIN) else { return false };
        let home = self.sites.values().max().copied().unwrap_or_default();
        let here = self.sites.get(&host).copied().unwrap_or_default();
        // Where no host is the feed's own, every link leads away.
        home * 100 < all * HOME_SHARE || (here * 100 < all * (100 - HOME_SHARE) / 4 && here < home)
    }

    /// What a person should know of it.
    #[must_use]
    pub fn notes(&self) -> Vec<String> {
        let distrusted = self.distrusted.iter().map(|distrust| {
            format!("its {}s prove nothing alone: {}", distrust.key.word(), distrust.why)
        });
        let hosts = self.hosts.iter().map(|(new, old)| format!("{new} stands for {old}"));
        distrusted.chain(hosts).collect()
    }
}
