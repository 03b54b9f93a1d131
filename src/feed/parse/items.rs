//! The items of a document while it is repaired: the first and the last of them, since which are the
//! newest is known only at the end, and a feed without end must not fill the memory.

use std::ops::Range;

use super::names::How;
use super::order::{self, MAX_ITEMS};
use super::problems::Problems;
use crate::model::Time;

/// So many are kept before those in the middle are let go.
const MAX_KEPT: usize = 4 * MAX_ITEMS;
/// More links, files and tags of one item than this are dropped: of a million, each costs a typed
/// parser ten times its size.
const MAX_MANY: usize = 256;

/// Links of one item: what became of each, if anything, and how it was written.
pub(super) type Written = Vec<(Option<String>, String)>;

/// An item that is being written.
#[derive(Debug, Default)]
pub(super) struct Item {
    pub(super) start: usize,
    /// Links, files and tags so far.
    pub(super) many: usize,
    pub(super) about: Option<String>,
    pub(super) href: Option<String>,
    pub(super) has_id: bool,
    pub(super) has_title: bool,
    pub(super) language: Option<String>,
    pub(super) date: Option<Time>,
    pub(super) written: Written,
}

impl Item {
    /// Counts what an item may have many of; whether it has more than enough.
    pub(super) fn is_full(&mut self, how: How, name: &str) -> bool {
        let tag = name == "category" || name == "dc:subject" || name.starts_with("media:");
        let many = tag || matches!(how, How::Attributes(_) | How::Open(_) | How::Said);
        self.many += usize::from(many);
        many && self.many > MAX_MANY
    }
}

/// Items as they will be read, one behind the other.
#[derive(Debug, Default)]
pub(super) struct Items {
    /// The item that is being written stands at its end.
    pub(super) text: String,
    ranges: Vec<(Range<usize>, Option<Time>)>,
    written: Vec<Written>,
    /// Those let go from the middle.
    dropped: usize,
}

/// What is kept of them in the end.
pub(super) struct Kept {
    pub(super) text: String,
    /// For each item, its links that are written otherwise than they were.
    pub(super) written: Vec<Written>,
    /// The number of the first, from 1.
    pub(super) first: usize,
}

impl Items {
    /// Takes the item that was written from `start` on.
    pub(super) fn push(&mut self, start: usize, date: Option<Time>, written: Written) {
        self.ranges.push((start..self.text.len(), date));
        self.written.push(written);
        if self.ranges.len() == MAX_KEPT {
            self.let_go();
        }
    }

    fn let_go(&mut self) {
        let last = self.ranges.len() - MAX_ITEMS;
        let gone = self.ranges[MAX_ITEMS].0.start..self.ranges[last].0.start;
        for (range, _) in &mut self.ranges[last..] {
            *range = range.start - gone.len()..range.end - gone.len();
        }
        self.text.drain(gone);
        self.ranges.drain(MAX_ITEMS..last);
        self.written.drain(MAX_ITEMS..last);
        self.dropped += last - MAX_ITEMS;
    }

    /// The newest of them, in document order.
    pub(super) fn newest(mut self, problems: &mut Problems) -> Kept {
        let dates: Vec<Option<Time>> = self.ranges.iter().map(|(_, date)| *date).collect();
        let kept = order::newest(&dates, self.dropped, problems);
        let first = kept.start + 1 + if kept.start > 0 { self.dropped } else { 0 };
        let range = match self.ranges.get(kept.clone()) {
            Some([(first, _), .., (last, _)]) => first.start..last.end,
            Some([(only, _)]) => only.clone(),
            _ => 0..0,
        };
        self.text.truncate(range.end);
        self.text.drain(..range.start);
        Kept { text: self.text, written: self.written.drain(kept).collect(), first }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An endless feed that fills the memory ends the daemon, and with it every other blog.
    #[test]
    fn of_an_endless_feed_only_its_ends_are_kept() {
        for oldest_first in [false, true] {
            let (mut items, total) = (Items::default(), 10 * MAX_KEPT + 7);
            for number in 1..=total {
                let start = items.text.len();
                items.text.push_str(&format!("<{number}>"));
                let date = if oldest_first { number } else { total - number };
                items.push(start, Some(Time::from_millis(1 + date as u64)), Written::new());
                assert!(items.ranges.len() < MAX_KEPT && items.text.len() < MAX_KEPT * 10);
            }
            let kept = items.newest(&mut Problems::default());
            let first = if oldest_first { total - MAX_ITEMS + 1 } else { 1 };
            assert_eq!((kept.first, kept.written.len()), (first, MAX_ITEMS));
            let wanted: String = (first..first + MAX_ITEMS).map(|n| format!("<{n}>")).collect();
            assert_eq!(kept.text, wanted);
        }
    }
}
