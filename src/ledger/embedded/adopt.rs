//! Posts that stood on an account before this ledger knew of them: their entries are published there, and a
//! link that no feed has shown yet is remembered, so that it is not sent when one does.

use crate::ledger::LedgerError;
use crate::ledger::Selection;
use crate::ledger::adopt::{Adopt, AdoptStep, Adopted, FEED, Stands};
use crate::ledger::journal::Line;
use crate::model::identity::{adopted_mark, link_aliases, post_marks, shared_mark};
use crate::model::{
    Alias, DeliveryId, Entry, EntryId, Event, How, IdempotencyKey, Receipt, Status, StatusKind,
};

use super::batch::Batch;
use super::records::{DeliveryRow, EntryRow};
use super::settle::without_request;

/// So many links of one post are looked at.
const LINKS_MAX: usize = 8;
/// Who moves what an earlier `adopt` has remembered.
const WHO: &str = "adopt";

/// What is made of one link, and of which delivery.
struct Made {
    does: Adopted,
    was: Option<StatusKind>,
    why: &'static str,
}

impl Made {
    const fn of(does: Adopted, was: Option<StatusKind>, why: &'static str) -> Self {
        Self { does, was, why }
    }
}

impl Batch<'_, '_> {
    pub(super) fn adopt(&mut self, what: &Adopt, who: &str) -> Result<Vec<AdoptStep>, LedgerError> {
        let name = what.group.as_str();
        let Some(group) = self.core.groups.get(name).copied() else {
            let names: Vec<&str> = self.core.groups.keys().map(String::as_str).collect();
            let words = format!("there is no group {name:?}; the config has {}", names.join(", "));
            return Err(LedgerError::Refused(words));
        };
        let mut steps = Vec::new();
        for post in &what.posts {
            let mut seen: Vec<Alias> = Vec::new();
            for link in post.links.iter().take(LINKS_MAX) {
                let aliases = link_aliases(link);
                // A front page is the link of no post; and a text may bear its link twice.
                if aliases.first().is_none_or(|alias| seen.contains(alias)) {
                    continue;
                }
                steps.push(self.adopt_link(group, name, post, link, &aliases, who)?);
                seen.extend(aliases);
            }
        }
        Ok(steps)
    }

    fn adopt_link(
        &mut self,
        group: u32,
        name: &str,
        post: &Stands,
        link: &str,
        aliases: &[Alias],
        who: &str,
    ) -> Result<AdoptStep, LedgerError> {
        let (found, made) = match self.known_by_link(aliases)? {
            Leads::Nowhere => {
                let made = self.remember(group, name, post, link, aliases, who)?;
                (None, made)
            }
            Leads::ToSeveral => {
                let why = "several entries share this link, so it tells of none of them";
                (None, Made::of(Adopted::Left, None, why))
            }
            Leads::To(number) => {
                let made = self.adopt_entry(group, name, post, number, who)?;
                (Some(self.tables.entry(number)?), made)
            }
        };
        let (entry, title) =
            found.map_or((None, String::new()), |row| (Some(row.id), row.entry.title));
        Ok(AdoptStep {
            link: link.to_owned(),
            post: post.reference.clone(),
            at: post.at,
            entry,
            title,
            does: made.does,
            was: made.was,
            why: made.why.to_owned(),
        })
    }

    fn known_by_link(&self, aliases: &[Alias]) -> Result<Leads, LedgerError> {
        for alias in aliases {
            if self.tables.known_by(&shared_mark(&alias.fingerprint))?.is_some() {
                return Ok(Leads::ToSeveral);
            }
            if let Some(number) = self.tables.known_by(&alias.fingerprint)? {
                let same = self.tables.entry(number)?.same_as;
                return Ok(Leads::To(same.unwrap_or(number)));
            }
        }
        Ok(Leads::Nowhere)
    }

    /// Whether a post is one of ours, and whose.
    fn is_ours(&self, group: u32, post: &Stands) -> Result<Option<u64>, LedgerError> {
        for mark in post_marks(&post.reference) {
            let Some(number) = self.tables.known_by(&mark)? else { continue };
            for (id, row) in self.tables.deliveries(number)? {
                if id.group == group
                    && matches!(&row.status, Status::Published { receipt } if receipt.how.is_ours())
                {
                    return Ok(Some(number));
                }
            }
        }
        Ok(None)
    }

    fn adopt_entry(
        &mut self,
        group: u32,
        name: &str,
        post: &Stands,
        number: u64,
        who: &str,
    ) -> Result<Made, LedgerError> {
        let entry = self.tables.entry(number)?;
        let found = self.newest(&Selection { entry: number, group: Some(name.to_owned()) })?.pop();
        let was = found.as_ref().map(|(_, row)| row.status.kind());
        let left = |why| Ok(Made::of(Adopted::Left, was, why));
        if let Some((_, DeliveryRow { status: Status::Published { .. }, .. })) = &found {
            return Ok(Made::of(Adopted::Known, was, ""));
        }
        if self.is_ours(group, post)?.is_some_and(|of| of != number) {
            return left("it is our own post of another entry, which mentions this one");
        }
        let Some((id, row)) = found else {
            self.heard(group, name, number, &entry, post, who)?;
            return Ok(Made::of(Adopted::Published, None, ""));
        };
        for (old, row) in self.tables.deliveries(number)? {
            if old.group == group && old != id && row.status.may_have_been_seen() {
                return left("it was sent there before, and a person wants it there again");
            }
        }
        let event = match row.status {
            Status::Claimed { .. } => {
                return left("it is being sent now: run this again when that has ended");
            }
            Status::InDoubt { .. } => Event::Found(receipt_of(post, self.now)),
            _ => Event::Elsewhere(receipt_of(post, self.now)),
        };
        let row = DeliveryRow { staged: None, home: self.home(id), ..without_request(row) };
        self.apply(id, &row, &entry, event, who, &words_of(post))?;
        Ok(Made::of(Adopted::Published, was, ""))
    }

    /// Writes down that a group has heard an entry that was never owed to it.
    fn heard(
        &mut self,
        group: u32,
        name: &str,
        number: u64,
        entry: &EntryRow,
        post: &Stands,
        who: &str,
    ) -> Result<(), LedgerError> {
        let id = DeliveryId { entry: number, group, generation: 1 };
        let row = DeliveryRow::new(
            Status::Baseline,
            self.now,
            IdempotencyKey::of(&entry.id, name, id.generation),
        );
        let row = DeliveryRow { home: self.home(id), ..row };
        self.tables.set_delivery(id, None, &row, entry.settles)?;
        let event = Event::Elsewhere(receipt_of(post, self.now));
        self.apply(id, &row, entry, event, who, &words_of(post))?;
        Ok(())
    }

    /// Remembers a link that no feed has shown, as an entry that only this can find.
    fn remember(
        &mut self,
        group: u32,
        name: &str,
        post: &Stands,
        link: &str,
        aliases: &[Alias],
        who: &str,
    ) -> Result<Made, LedgerError> {
        if let Some(number) = self.remembered(aliases)? {
            let id = DeliveryId { entry: number, group, generation: 1 };
            if let Some(row) = self.tables.delivery(id)? {
                return Ok(Made::of(Adopted::Known, Some(row.status.kind()), ""));
            }
            let entry = self.tables.entry(number)?;
            self.heard(group, name, number, &entry, post, who)?;
            return Ok(Made::of(Adopted::Remembered, None, ""));
        }
        let marks: Vec<_> = aliases.iter().map(|alias| adopted_mark(&alias.fingerprint)).collect();
        let Some(first) = marks.first() else {
            return Ok(Made::of(Adopted::Left, None, "it is no link of a post"));
        };
        self.numbers.entry += 1;
        let number = self.numbers.entry;
        let id = EntryId::from_fingerprint(first);
        for mark in &marks {
            if self.tables.known_by(mark)?.is_none() {
                self.tables.set_alias(mark, number)?;
            }
        }
        self.tables.set_id(id.as_bytes(), number)?;
        let detail = format!("{link} stands on an account, and no feed has shown it yet");
        let line = self
            .journal(&Line { entry: Some(id), ..Line::of_house(self.now, who, "adopt", detail) })?;
        let entry = Entry { link: Some(link.to_owned()), published: post.at, ..Entry::default() };
        let entry = EntryRow::new(id, FEED.to_owned(), self.now, line, entry);
        self.tables.set_entry(number, &entry)?;
        self.heard(group, name, number, &entry, post, who)?;
        Ok(Made::of(Adopted::Remembered, None, ""))
    }

    /// The entry that stands for a link which was adopted and which no feed had shown then.
    pub(super) fn remembered(&self, aliases: &[Alias]) -> Result<Option<u64>, LedgerError> {
        for alias in aliases {
            if let Some(number) = self.tables.known_by(&adopted_mark(&alias.fingerprint))? {
                return Ok(Some(number));
            }
        }
        Ok(None)
    }

    /// How we know that a group has heard an entry before any feed of ours showed it; nothing where it has
    /// not.
    pub(super) fn adopted(
        &self,
        entry: &Entry,
        group: u32,
    ) -> Result<Option<Receipt>, LedgerError> {
        let Some(link) = entry.link.as_deref() else { return Ok(None) };
        let aliases = link_aliases(link);
        let Some(number) = self.remembered(&aliases)? else { return Ok(None) };
        for alias in &aliases {
            if self.tables.known_by(&shared_mark(&alias.fingerprint))?.is_some() {
                return Ok(None);
            }
        }
        let id = DeliveryId { entry: number, group, generation: 1 };
        Ok(match self.tables.delivery(id)?.map(|row| row.status) {
            Some(Status::Published { receipt }) => Some(receipt),
            _ => None,
        })
    }

    /// Takes a delivery out of what is owed where its group was found to have heard its entry.
    pub(super) fn is_heard_already(
        &mut self,
        id: DeliveryId,
        row: &DeliveryRow,
        entry: &EntryRow,
    ) -> Result<bool, LedgerError> {
        let is_first = id.generation == 1 && !row.status.may_have_been_seen();
        let Some(receipt) =
            is_first.then(|| self.adopted(&entry.entry, id.group)).transpose()?.flatten()
        else {
            return Ok(false);
        };
        let detail = receipt.reference.url.clone().or(receipt.reference.id.clone());
        let row = DeliveryRow { staged: None, ..without_request(row.clone()) };
        let event = Event::Elsewhere(receipt);
        self.apply(id, &row, entry, event, WHO, &detail.unwrap_or_default())?;
        Ok(true)
    }
}

/// Where a link leads.
enum Leads {
    Nowhere,
    To(u64),
    ToSeveral,
}

fn receipt_of(post: &Stands, now: crate::model::Time) -> Receipt {
    let reference = post.reference.clone();
    Receipt { reference, at: post.at.unwrap_or(now), how: How::Adopted }
}

fn words_of(post: &Stands) -> String {
    let there = post.reference.url.clone().or(post.reference.id.clone());
    let at = post.at.map(|at| format!(", of {at}")).unwrap_or_default();
    format!("adopted: {}{at}", there.unwrap_or_else(|| "it stands there".to_owned()))
}
