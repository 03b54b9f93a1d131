//! How posts are known: the real aliases and the real admission over the model's small memory.

use std::convert::Infallible;
use std::sync::Arc;

use oncecast::ledger::Policy;
use oncecast::ledger::admission::{self, Decision, Memory};
use oncecast::model::identity::aliases;
use oncecast::model::{Alias, Entry, EntryId, Fingerprint, IdempotencyKey, Time};

use super::world::Entered;

const FEED: &str = "blog";
/// Posts that there may be.
pub(super) const POSTS_MAX: u8 = 2;
/// Groups that there may be.
pub(super) const GROUPS_MAX: u8 = 2;
/// Generations of one delivery that there may be.
pub(super) const GENERATIONS_MAX: u8 = 2;
/// Names under which the feed may show one post.
pub(super) const GUISES: u8 = 2;

/// Every post in each of its guises, and how each is recognised.
#[derive(Debug, Clone)]
pub(super) struct Names {
    entries: Arc<Vec<(Entry, Vec<Alias>)>>,
}

/// Which post in which guise: the place in [`Names`].
pub(super) const fn name(post: u8, guise: u8) -> u8 {
    post * GUISES + guise
}

impl Names {
    pub(super) fn new() -> Self {
        let mut entries = Vec::new();
        for post in 0..POSTS_MAX {
            for guise in 0..GUISES {
                let title = ["On bread", "A journey to the north"][usize::from(post)];
                let entry = Entry {
                    guid: Some(format!("tag:blog.example,2026:{post}:{guise}")),
                    link: Some(format!("https://blog.example/{post}")),
                    title: title.to_owned(),
                    ..Entry::default()
                };
                let aliases = aliases(FEED, &entry);
                entries.push((entry, aliases));
            }
        }
        Self { entries: Arc::new(entries) }
    }

    /// What the real admission makes of a feed that shows every post in this guise: for each post the
    /// entry that it is, or that it is new; `true` where it is to wait for a person.
    pub(super) fn plan(&self, known: &[Entered], posts: u8, guise: u8) -> Vec<(Option<u8>, bool)> {
        let shown: Vec<Entry> =
            (0..posts).map(|post| self.entries[usize::from(name(post, guise))].0.clone()).collect();
        let memory = Remembered { names: self, known };
        let policy = Policy::default();
        let today = admission::Today { clock: Time::EPOCH, counted: Time::EPOCH };
        let Ok(plan) = admission::plan(FEED, &shown, &memory, &policy, false, today);
        plan.decisions
            .into_iter()
            .map(|decision| match decision {
                Decision::Known { number, .. } => (u8::try_from(number).ok(), false),
                Decision::New { hold, .. } => (None, hold.is_some()),
                Decision::Repeat | Decision::Nameless => unreachable!("each has a name of its own"),
            })
            .collect()
    }

    pub(super) fn entry(&self, name: u8) -> Entry {
        self.entries[usize::from(name)].0.clone()
    }

    /// The real key of a delivery of the entry first known by this name.
    pub(super) fn key(&self, name: u8, group: u8, generation: u8) -> IdempotencyKey {
        let first = &self.entries[usize::from(name)].1[0].fingerprint;
        let group = format!("group {group}");
        IdempotencyKey::of(&EntryId::from_fingerprint(first), &group, u32::from(generation))
    }

    fn has(&self, name: u8, alias: &Fingerprint) -> bool {
        self.entries[usize::from(name)].1.iter().any(|own| own.fingerprint == *alias)
    }
}

struct Remembered<'a> {
    names: &'a Names,
    known: &'a [Entered],
}

impl Memory for Remembered<'_> {
    type Error = Infallible;

    fn known_by(&self, alias: &Fingerprint) -> Result<Option<u64>, Infallible> {
        let is_it = |entered: &Entered| {
            (0..GUISES).any(|guise| {
                entered.guises & (1 << guise) != 0
                    && self.names.has(name(entered.post, guise), alias)
            })
        };
        Ok(self.known.iter().position(is_it).map(|at| at as u64))
    }

    fn entry(&self, number: u64) -> Result<(Entry, String), Infallible> {
        let at = usize::try_from(number).expect("it came from known_by");
        let entry = &self.names.entries[usize::from(self.known[at].first)].0;
        Ok((entry.clone(), number.to_string()))
    }

    fn seen_in_feed(&self, _: u64) -> Result<bool, Infallible> {
        Ok(true)
    }
}

/// The model tells deliveries apart by small numbers: the real keys must differ exactly where they do.
#[test]
fn keys_differ_exactly_where_the_model_believes() {
    let names = Names::new();
    let mut keys = std::collections::HashSet::new();
    for post in 0..POSTS_MAX * GUISES {
        for group in 0..GROUPS_MAX {
            for generation in 1..=GENERATIONS_MAX {
                let key = names.key(post, group, generation);
                assert_eq!(key, Names::new().key(post, group, generation), "the same each time");
                assert!(keys.insert(key.as_str().to_owned()), "{post} {group} {generation}");
            }
        }
    }
    assert_eq!(keys.len(), usize::from(POSTS_MAX * GUISES * GROUPS_MAX * GENERATIONS_MAX));
}
