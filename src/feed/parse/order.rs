//! The last step: exact repeats are left out, and the rest is put oldest first, since that is the
//! order in which readers should see it.

use std::collections::HashSet;
use std::ops::Range;

use super::problems::Problems;
use super::{Origin, Placed};
use crate::model::{Entry, Time};

/// More items than this are not taken; the newest are.
pub(super) const MAX_ITEMS: usize = 2_000;

/// Settles the entries of a document, given in its own order.
pub(super) fn settle(entries: Placed, language: Option<&str>, problems: &mut Problems) -> Placed {
    let mut seen = HashSet::new();
    let mut kept = Vec::with_capacity(entries.len());
    for (mut entry, origin) in entries {
        // Without id and link the text is all that tells two entries apart.
        let text = (entry.guid.is_none() && entry.link.is_none())
            .then(|| (entry.summary.clone(), entry.content.clone()));
        let key =
            (entry.guid.clone(), entry.link.clone(), entry.title.clone(), entry.published, text);
        if !seen.insert(key) && !is_nameless(&entry) {
            problems.add(Some(origin.item), "it repeats another item and is left out");
            continue;
        }
        if entry.language.is_none() {
            entry.language = language.map(str::to_owned);
        }
        kept.push((entry, origin));
    }
    if !runs_forward(&kept) {
        kept.reverse();
    }
    if kept.iter().all(|(entry, _)| date(entry).is_some()) {
        // Stable: entries of one moment keep the order they have by now.
        kept.sort_by_key(|(entry, _)| date(entry));
    }
    kept
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
        let entries = entries.iter().map(|(guid, ms)| {
            let (guid, published) = (Some((*guid).to_owned()), ms.map(Time::from_millis));
            (Entry { guid, published, ..Entry::default() }, Origin::default())
        });
        let settled = settle(entries.collect(), None, &mut Problems::default());
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
