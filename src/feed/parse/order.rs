//! The last step: exact repeats are left out, and the rest is put oldest first, since that is the
//! order in which readers should see it.

use std::collections::HashSet;
use std::ops::Range;

use super::problems::Problems;
use crate::model::{Entry, Time};

/// More items than this are not taken; the newest are.
pub(super) const MAX_ITEMS: usize = 2_000;

/// Settles the entries of a document, given in its own order.
pub(super) fn settle(
    entries: Vec<Entry>,
    language: Option<&str>,
    problems: &mut Problems,
) -> Vec<Entry> {
    let mut seen = HashSet::new();
    let mut kept = Vec::with_capacity(entries.len());
    for (at, mut entry) in entries.into_iter().enumerate() {
        // Without id and link the text is all that tells two entries apart.
        let text = (entry.guid.is_none() && entry.link.is_none())
            .then(|| (entry.summary.clone(), entry.content.clone()));
        let key =
            (entry.guid.clone(), entry.link.clone(), entry.title.clone(), entry.published, text);
        if !seen.insert(key) {
            problems.add(Some(at + 1), "it repeats another item and is left out");
            continue;
        }
        if entry.language.is_none() {
            entry.language = language.map(str::to_owned);
        }
        kept.push(entry);
    }
    if !runs_forward(&kept) {
        kept.reverse();
    }
    if kept.iter().all(|entry| date(entry).is_some()) {
        // Stable: entries of one moment keep the order they have by now.
        kept.sort_by_key(date);
    }
    kept
}

fn date(entry: &Entry) -> Option<Time> {
    entry.published.or(entry.updated)
}

/// Whether the dates that there are never fall and rise at least once.
fn runs_forward(entries: &[Entry]) -> bool {
    let dates: Vec<_> = entries.iter().filter_map(date).collect();
    dates.is_sorted() && dates.first() < dates.last()
}

/// The stretch of a document that its newest items take up: all of it, but in a feed without end.
pub(super) fn newest(
    ranges: &[(Range<usize>, Option<Time>)],
    problems: &mut Problems,
) -> Range<usize> {
    let (Some((first, first_date)), Some((last, last_date))) = (ranges.first(), ranges.last())
    else {
        return 0..0;
    };
    let total = ranges.len();
    if total <= MAX_ITEMS {
        return first.start..last.end;
    }
    problems
        .add(None, format!("the feed has {total} items; only the newest {MAX_ITEMS} are taken"));
    // Without dates the newest stand first, as they do in most feeds.
    match (first_date, last_date) {
        (Some(oldest), Some(newest)) if oldest < newest => {
            ranges[total - MAX_ITEMS].0.start..last.end
        }
        _ => first.start..ranges[MAX_ITEMS - 1].0.end,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settled(entries: &[(&str, Option<u64>)]) -> String {
        let entries = entries.iter().map(|(guid, ms)| Entry {
            guid: Some((*guid).to_owned()),
            published: ms.map(Time::from_millis),
            ..Entry::default()
        });
        let settled = settle(entries.collect(), None, &mut Problems::default());
        settled.into_iter().filter_map(|entry| entry.guid).collect()
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
