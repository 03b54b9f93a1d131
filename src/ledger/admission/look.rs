//! Which entries of a document are known: step by step, from the strongest evidence to the weakest.

use std::collections::HashSet;

use crate::model::identity::{
    Gone, Likeness, Sketch, dated_alike, differs_only_in_digits, is_strong_title, leads_away,
    likeness, loses_parameters, nearly_same_text, same_moment, same_post_evidence, same_title,
    shared_mark,
};
use crate::model::{Alias, AliasKind, Entry};

use super::names::{self, Names};
use super::window::Window;
use super::{Habits, Memory, learn};

/// A moment that more items of a document bear is no evidence: their feed makes it up.
const MOMENT_SHARED: usize = 2;
/// So many look-alikes of one entry are looked at closely.
const CLOSE_LOOKS: usize = 16;
/// So many posts of a document must have other guids than before to say something of all.
const RESTLESS_MIN: usize = 3;

/// A look at one document.
pub(super) struct Look<'a, M: Memory> {
    feed: &'a str,
    entries: &'a [Entry],
    memory: &'a M,
    pub(super) habits: Habits,
    pub(super) named: Vec<Names>,
    /// Aliases that several items share.
    pub(super) collisions: Vec<Alias>,
    /// Which entry each item is, where that is proved.
    pub(super) known: Vec<Option<u64>>,
    /// Which entry it looks like, and by what.
    pub(super) alike: Vec<Option<(u64, String)>>,
    /// Entries that stand in this document: what is beside them is another post.
    present: HashSet<u64>,
    /// Whether this document gives other guids to posts that are known otherwise.
    is_restless: bool,
}

impl<'a, M: Memory> Look<'a, M> {
    pub(super) fn begin(
        feed: &'a str,
        entries: &'a [Entry],
        memory: &'a M,
    ) -> Result<Self, M::Error> {
        let habits = memory.habits();
        let (named, collisions) = names::names_within(feed, entries, &habits.hosts);
        let (known, alike) = (vec![None; entries.len()], vec![None; entries.len()]);
        let (present, is_restless) = (HashSet::new(), false);
        let look = Self {
            feed,
            entries,
            memory,
            habits,
            named,
            collisions,
            known,
            alike,
            present,
            is_restless,
        };
        Ok(look)
    }

    pub(super) fn recognise(&mut self) -> Result<(), M::Error> {
        self.by_guid()?;
        let was_alone = self.by_shared_key()?;
        self.present.extend(self.known.iter().flatten());
        self.by_link()?;
        self.is_restless = self.gives_other_guids()?;
        if self.is_restless {
            self.by_link()?;
        }
        self.present.extend(self.known.iter().flatten());
        self.by_other_host()?;
        for (at, number) in was_alone.into_iter().enumerate() {
            // Another post that now stands beside it, or the same one under another title.
            let Some(number) = number.filter(|number| !self.present.contains(number)) else {
                continue;
            };
            if self.known[at].is_none() && self.alike[at].is_none() && !self.stands_alone(at)? {
                self.alike[at] = Some((number, "a key that several posts share".to_owned()));
            }
        }
        self.by_weak_aliases()?;
        self.by_likeness()?;
        self.merge_unsent()
    }

    fn is_shared(&self, alias: &Alias) -> Result<bool, M::Error> {
        Ok(self.memory.known_by(&shared_mark(&alias.fingerprint))?.is_some())
    }

    /// Whether an item is told apart from all others by a link of its own.
    fn stands_alone(&self, at: usize) -> Result<bool, M::Error> {
        let names = &self.named[at];
        let by_guid = names.other.is_some_and(|other| other.kind == AliasKind::Guid);
        let Some(link) = names.of(AliasKind::Link).filter(|_| by_guid) else { return Ok(false) };
        Ok(self.memory.known_by(&link.fingerprint)?.is_none() && !self.is_shared(link)?)
    }

    fn by_guid(&mut self) -> Result<(), M::Error> {
        for at in 0..self.entries.len() {
            let Some(guid) = self.named[at].of(AliasKind::Guid).copied() else { continue };
            let Some(number) = self.memory.known_by(&guid.fingerprint)? else { continue };
            let entry = &self.entries[at];
            let doubtful = self.habits.distrusts(AliasKind::Guid)
                || entry.guid.as_deref().is_some_and(loses_parameters);
            if !doubtful {
                self.known[at] = Some(number);
                continue;
            }
            let old = self.memory.entry(number)?.0;
            let said = entry.guid == old.guid && !self.habits.distrusts(AliasKind::Guid);
            if said || same_post_evidence(entry, &old) || self.has_link_of(at, number)? {
                self.known[at] = Some(number);
            } else {
                self.alike[at] = Some((number, "guid".to_owned()));
            }
        }
        Ok(())
    }

    /// Whether a key is shared may change from poll to poll, as neighbours come and go; the post is the
    /// same. What is not known by one form of its key is looked for by the other.
    fn by_shared_key(&mut self) -> Result<Vec<Option<u64>>, M::Error> {
        let mut was_alone = vec![None; self.entries.len()];
        for (at, names) in self.named.iter_mut().enumerate() {
            let Some(other) = names.other else { continue };
            let strong = names.aliases.iter().position(|a| a.kind == other.kind);
            let Some(strong) = strong else { continue };
            let form = names.aliases[strong].fingerprint;
            // A narrowed key tells more than the key alone.
            if names.is_shared && self.memory.known_by(&form)?.is_some() {
                continue;
            }
            let Some(number) = self.memory.known_by(&other.fingerprint)? else { continue };
            if !names.is_shared {
                // The key alone still belongs to nobody: it would take the next post that shares it.
                names.aliases[strong] = other;
                (self.known[at], self.alike[at]) = (Some(number), None);
            } else if names::narrow(other, self.feed, &self.memory.entry(number)?.0).fingerprint
                == form
            {
                (self.known[at], self.alike[at]) = (Some(number), None);
            } else {
                was_alone[at] = Some(number);
            }
        }
        Ok(was_alone)
    }

    fn by_link(&mut self) -> Result<(), M::Error> {
        for at in 0..self.entries.len() {
            if self.known[at].is_some() {
                continue;
            }
            let names = &self.named[at];
            let link = names.of(AliasKind::Link).copied();
            let side = names.side.clone();
            for (alias, is_side) in
                link.into_iter().map(|a| (a, false)).chain(side.into_iter().map(|a| (a, true)))
            {
                let Some(number) = self.memory.known_by(&alias.fingerprint)? else { continue };
                let has_guid =
                    self.entries[at].guid.as_deref().is_some_and(|g| !g.trim().is_empty());
                let shared = self.is_shared(&alias)?;
                if !has_guid && !is_side && !shared && !self.loses(at) {
                    self.known[at] = Some(number);
                    break;
                }
                // Two items that stand side by side are two posts.
                if self.present.contains(&number) {
                    continue;
                }
                let old = self.memory.entry(number)?.0;
                if self.is_same(at, &old, shared) {
                    self.known[at] = Some(number);
                    break;
                }
                if self.is_suspect(at, number, &old, shared)? && self.alike[at].is_none() {
                    self.alike[at] = Some((number, alias.kind.word().to_owned()));
                }
            }
            if self.known[at].is_some() {
                self.alike[at] = None;
            }
        }
        Ok(())
    }

    /// Whether most of what is known in this document has a guid that nobody knows: a new build of the
    /// site, or a new site.
    fn gives_other_guids(&self) -> Result<bool, M::Error> {
        let (mut met, mut other) = (0_usize, 0_usize);
        for (names, _) in self.named.iter().zip(&self.known).filter(|(_, known)| known.is_some()) {
            let Some(guid) = names.of(AliasKind::Guid) else { continue };
            met += 1;
            other += usize::from(self.memory.known_by(&guid.fingerprint)?.is_none());
        }
        Ok(other >= RESTLESS_MIN && other * 2 > met)
    }

    /// Whether another guid says nothing against two posts being one.
    fn distrusts_guids(&self) -> bool {
        self.is_restless || self.habits.distrusts(AliasKind::Guid)
    }

    fn loses(&self, at: usize) -> bool {
        let entry = &self.entries[at];
        entry.guid.is_none() && entry.link.as_deref().is_some_and(loses_parameters)
    }

    /// Whether an item is known to be that entry by a link that no other shares.
    fn has_link_of(&self, at: usize, number: u64) -> Result<bool, M::Error> {
        let Some(link) = self.named[at].of(AliasKind::Link) else { return Ok(false) };
        Ok(self.memory.known_by(&link.fingerprint)? == Some(number) && !self.is_shared(link)?)
    }

    /// Whether a link leads away from the feed's own site, as those of link blogs do: then two posts may
    /// well share it.
    fn leads_away(&self, entry: &Entry) -> bool {
        leads_away(entry)
            .unwrap_or_else(|| entry.link.as_deref().is_some_and(|l| self.habits.leads_away(l)))
    }

    /// Whether an item with the link of a known entry and another guid is that entry.
    fn is_same(&self, at: usize, old: &Entry, shared: bool) -> bool {
        let entry = &self.entries[at];
        let (title, near) = (same_title(entry, old), dated_alike(entry, old));
        if entry.guid.is_some() && entry.guid == old.guid {
            return true;
        }
        let numbered = differs_only_in_digits(&entry.title, &old.title);
        if nearly_same_text(entry, old) && (!numbered || (self.distrusts_guids() && !shared)) {
            return true;
        }
        if same_moment(entry, old) && self.tells_moment(entry) && !shared {
            return true;
        }
        if shared || self.habits.distrusts(AliasKind::Link) || self.leads_away(entry) {
            return title && near;
        }
        title || ((near || self.distrusts_guids()) && !numbered)
    }

    /// Whether it must not go out by itself, though it is not proved to be that entry.
    fn is_suspect(
        &self,
        at: usize,
        number: u64,
        old: &Entry,
        shared: bool,
    ) -> Result<bool, M::Error> {
        let entry = &self.entries[at];
        if shared {
            return Ok(same_title(entry, old));
        }
        if !self.leads_away(entry) {
            // Numbers are counted up in the titles of a series, and of a post that counts its comments.
            let numbered = differs_only_in_digits(&entry.title, &old.title);
            return Ok(!numbered || self.distrusts_guids() || nearly_same_text(entry, old));
        }
        // Another feed has it as its own, and this one tells of it about the same time.
        let elsewhere = !self.memory.seen_in_feed(number)?;
        let is_its_own = leads_away(old) != Some(true);
        Ok(same_title(entry, old) || (elsewhere && is_its_own && dated_alike(entry, old)))
    }

    /// Whether an item's moment is its own, and not one that the feed gives to many.
    fn tells_moment(&self, entry: &Entry) -> bool {
        let same = self.entries.iter().filter(|other| other.published == entry.published);
        same.count() <= MOMENT_SHARED
    }

    /// A site that has moved to another host: what is there under the old paths is known.
    fn by_other_host(&mut self) -> Result<(), M::Error> {
        let unknown: Vec<&Entry> = self
            .entries
            .iter()
            .zip(&self.known)
            .filter(|(_, known)| known.is_none())
            .map(|(entry, _)| entry)
            .collect();
        let is_present = |number| self.present.contains(&number);
        let found = learn::host_move(&self.habits, self.feed, &unknown, is_present, self.memory)?;
        let Some(host) = found else { return Ok(()) };
        self.habits.hosts.push(host);
        let (named, _) = names::names_within(self.feed, self.entries, &self.habits.hosts);
        for (names, again) in self.named.iter_mut().zip(named) {
            names.side = again.side;
        }
        self.by_link()?;
        self.present.extend(self.known.iter().flatten());
        Ok(())
    }

    fn by_weak_aliases(&mut self) -> Result<(), M::Error> {
        for at in 0..self.entries.len() {
            if self.known[at].is_some() || self.alike[at].is_some() {
                continue;
            }
            let (names, entry) = (&self.named[at], &self.entries[at]);
            let is_strong = names.aliases.iter().any(|a| a.kind.is_strong());
            for weak in names.aliases.iter().filter(|a| !a.kind.is_strong()) {
                let Some(number) = self.memory.known_by(&weak.fingerprint)? else { continue };
                if self.present.contains(&number) || self.is_shared(weak)? {
                    continue;
                }
                let old = self.memory.entry(number)?.0;
                if differs_only_in_digits(&entry.title, &old.title) {
                    continue;
                }
                // What has no strong alias can only be recognised by its weak ones.
                if !is_strong {
                    self.known[at] = Some(number);
                    break;
                }
                let is_own = weak.kind != AliasKind::TitleDate || is_strong_title(&entry.title);
                if is_own || likeness(entry, &old, true, true, Gone::Away).points >= Likeness::ALIKE
                {
                    self.alike[at] = Some((number, weak.kind.word().to_owned()));
                    break;
                }
            }
        }
        Ok(())
    }

    /// Entries that are not in the document any more and look like what is new in it.
    fn by_likeness(&mut self) -> Result<(), M::Error> {
        let open = |look: &Self, at: usize| {
            look.known[at].is_none()
                && look.alike[at].is_none()
                && look.named[at].is_first
                && !look.named[at].aliases.is_empty()
        };
        if !(0..self.entries.len()).any(|at| open(self, at)) {
            return Ok(());
        }
        let sketches = self.memory.sketches()?;
        let window = Window::of(&self.habits.present, self.entries, &self.known);
        for at in 0..self.entries.len() {
            if !open(self, at) {
                continue;
            }
            let entry = &self.entries[at];
            let sketch = Sketch::of(0, entry);
            let own = !self.leads_away(entry);
            let near = sketches
                .iter()
                .rev()
                .filter(|other| other.resembles(&sketch) && !self.present.contains(&other.entry))
                .take(CLOSE_LOOKS);
            let mut best: Option<(Likeness, u64)> = None;
            for other in near {
                let old = self.memory.entry(other.entry)?.0;
                let dates = self.tells_moment(entry);
                let gone = window.left_by(other.entry, &old, at);
                let found = likeness(entry, &old, own, dates, gone);
                if found.points >= Likeness::ALIKE
                    && best.as_ref().is_none_or(|(best, _)| found.points > best.points)
                {
                    best = Some((found, other.entry));
                }
            }
            self.alike[at] = best.map(|(found, number)| (number, found.because.join(", ")));
        }
        Ok(())
    }

    /// What nobody has heard yet and now stands there under another name is still the same entry: it was
    /// mended in its settle window.
    fn merge_unsent(&mut self) -> Result<(), M::Error> {
        for at in 0..self.entries.len() {
            let Some((number, _)) = self.alike[at] else { continue };
            if !self.memory.is_unsent(number)? || self.present.contains(&number) {
                continue;
            }
            let old = self.memory.entry(number)?.0;
            if likeness(&self.entries[at], &old, true, true, Gone::Out).points >= Likeness::ALIKE {
                self.known[at] = Some(number);
                self.alike[at] = None;
                self.present.insert(number);
            }
        }
        Ok(())
    }
}
