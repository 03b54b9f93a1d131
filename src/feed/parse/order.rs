//! The last steps: entries are put oldest first, since that is the order in which readers should see
//! them; and exact repeats are left out.

use std::collections::HashSet;
use std::ops::Range;

use super::problems::Problems;
use super::{Origin, Placed};
use crate::model::{Entry, Time};

/// More items than this are not taken; the newest are.
pub(super) const MAX_ITEMS: usize = 2_000;

/// Settles the entries of a document, given in its own order.
pub(super) fn settle(mut entries: Placed, language: Option<&str>) -> Placed {
    for (entry, _) in entries.iter_mut().filter(|(entry, _)| entry.language.is_none()) {
        entry.language = language.map(str::to_owned);
    }
    if !runs_forward(&entries) {
        entries.reverse();
    }
    if entries.iter().all(|(entry, _)| date(entry).is_some()) {
        // Stable: entries of one moment keep the order they have by now.
        entries.sort_by_key(|(entry, _)| date(entry));
    }
    entries
}

/// Leaves out what repeats an item before it in the document.
pub(super) fn distinct(entries: Placed, problems: &mut Problems) -> Placed {
    let mut by_item: Vec<usize> = (0..entries.len()).collect();
    by_item.sort_by_key(|at| entries[*at].1.item);
    let (mut seen, mut repeats) = (HashSet::new(), HashSet::new());
    for at in by_item {
        let (entry, origin) = &entries[at];
        // Without id and link the text is all that tells two entries apart.
        let text = (entry.guid.is_none() && entry.link.is_none())
            .then_some((&entry.summary, &entry.content));
        let key = (&entry.guid, &entry.link, &entry.title, entry.published, text);
        if !seen.insert(key) && !is_nameless(entry) {
            problems.add(Some(origin.item), "it repeats another item and is left out");
            repeats.insert(at);
        }
    }
    drop(seen);
    let kept = entries.into_iter().enumerate().filter(|(at, _)| !repeats.contains(at));
    kept.map(|(_, placed)| placed).collect()
}

/// Whether nothing tells an entry from any other; whoever looks for news passes over it.
fn is_nameless(entry: &Entry) -> bool {
    let texts = [&entry.title, &entry.summary, &entry.content];
    entry.guid.is_none() && entry.link.is_none() && texts.iter().all(|text| text.is_empty())
}

fn date(entry: &Entry) -> Option<Time> {
    entry.published.or(entry.updated)
}

/// Whether the dates that there are never fall and rise at least once.
fn runs_forward(entries: &[(Entry, Origin)]) -> bool {
    let dates: Vec<_> = entries.iter().filter_map(|(entry, _)| date(entry)).collect();
    dates.is_sorted() && dates.first() < dates.last()
}

/// Which items of a document are its newest: all of them, but in a feed without end.
///
/// `dates` are of those that are still there; `dropped` others stood in the middle of them.
pub(super) fn newest(
    dates: &[Option<Time>],
    dropped: usize,
    problems: &mut Problems,
) -> Range<usize> {
    let (here, total) = (dates.len(), dates.len() + dropped);
    if total <= MAX_ITEMS {
        return 0..total;
    }
    problems
        .add(None, format!("the feed has {total} items; only the newest {MAX_ITEMS} are taken"));
    // Without dates the newest stand first, as they do in most feeds.
    match (dates[0], dates[here - 1]) {
        (Some(oldest), Some(newest)) if oldest < newest => here - MAX_ITEMS..here,
        _ => 0..MAX_ITEMS,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settled(entries: &[(&str, Option<u64>)]) -> String {
        let entries = entries.iter().zip(1..).map(|((guid, ms), item)| {
            let (guid, published) = (Some((*guid).to_owned()), ms.map(Time::from_millis));
            (Entry { guid, published, ..Entry::default() }, Origin { item, link: None })
        });
        let settled = distinct(settle(entries.collect(), None), &mut Problems::default());
        settled.into_iter().filter_map(|(entry, _)| entry.guid).collect()
    }

    #[test]
    fn readers_see_the_older_post_first() {
        for (document, order) in [
            (vec![("c", Some(3)), ("b", Some(2)), ("a", Some(1))], "abc"),
            (vec![("a", Some(1)), ("b", Some(2)), ("c", Some(3))], "abc"),
            (vec![("b", Some(2)), ("c", Some(3)), ("a", Some(1))], "abc"),
            (vec![("c", None), ("b", None), ("a", None)], "abc"),
            (vec![("c", Some(7)), ("b", Some(7)), ("a", Some(7))], "abc"),
            (vec![("c", Some(3)), ("b", None), ("a", Some(1))], "abc"),
            (vec![("a", Some(1)), ("b", None), ("c", Some(3))], "abc"),
            (vec![("a", Some(1)), ("b", Some(2)), ("c", Some(2))], "abc"),
            (vec![], ""),
        ] {
            assert_eq!(settled(&document), order, "{document:?}");
        }
    }

    #[test]
    fn an_item_listed_twice_is_one() {
        assert_eq!(settled(&[("a", Some(1)), ("a", Some(1)), ("a", Some(2))]), "aa");
    }
}
