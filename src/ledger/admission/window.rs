//! How the window moved that a feed's document is: what of the last document has only slid out of it, and
//! what was taken out.

use std::collections::{HashMap, HashSet};

use crate::model::Entry;
use crate::model::identity::Gone;

/// The last document of a feed and this one, both oldest first.
pub(super) struct Window<'a> {
    last: &'a [u64],
    known: &'a [Option<u64>],
    /// Where in the last document each entry stood that is in both.
    stayed: HashMap<u64, usize>,
    /// Where the oldest of these stood, and where it stands.
    oldest: Option<(usize, usize)>,
    /// Whether most of this document bears dates.
    is_dated: bool,
}

impl<'a> Window<'a> {
    pub(super) fn of(last: &'a [u64], entries: &[Entry], known: &'a [Option<u64>]) -> Self {
        let here: HashSet<u64> = known.iter().flatten().copied().collect();
        let both = last.iter().enumerate().filter(|(_, number)| here.contains(number));
        let stayed: HashMap<u64, usize> = both.map(|(at, number)| (*number, at)).collect();
        let stands = known.iter().position(|n| n.is_some_and(|n| stayed.contains_key(&n)));
        let dated = entries.iter().filter(|entry| is_dated(entry)).count();
        Self {
            last,
            known,
            oldest: stayed.values().min().copied().zip(stands),
            stayed,
            is_dated: dated * 2 > entries.len(),
        }
    }

    /// What became of an entry that is not here any more, for what is new at `at`. As a rule what is gone
    /// from the old end has only slid out. But no window slides where something new comes in at that very
    /// end; and a draft without a date, among posts that have one, was not put there by its age.
    pub(super) fn left_by(&self, number: u64, old: &Entry, at: usize) -> Gone {
        let Some((oldest, stands)) = self.oldest else { return Gone::Away };
        let Some(was) = self.last.iter().position(|other| *other == number) else {
            return Gone::Away;
        };
        let slid = was < oldest && at > stands && (is_dated(old) || !self.is_dated);
        match self.follower(at) {
            _ if slid => Gone::Away,
            // At the new end something always comes in.
            Some(next) if next == self.follower_of(was) => Gone::Replaced,
            _ => Gone::Out,
        }
    }

    /// Where the next entry stood that is newer than `at` here and was in the last document.
    fn follower(&self, at: usize) -> Option<usize> {
        self.known[at + 1..].iter().flatten().find_map(|number| self.stayed.get(number).copied())
    }

    /// Where the next newer one stood that is still here.
    fn follower_of(&self, was: usize) -> usize {
        let newer = self.last.iter().enumerate().skip(was + 1);
        newer.filter(|(_, n)| self.stayed.contains_key(n)).map(|(at, _)| at).next().unwrap_or(was)
    }
}

fn is_dated(entry: &Entry) -> bool {
    entry.published.or(entry.updated).is_some()
}
