//! What readers saw, and what they were to see: not what any ledger says of it.

use std::collections::BTreeMap;
use std::time::Duration;

use oncecast::model::Time;

/// One post of the blog, whatever its feed calls it.
pub(super) type Post = u32;

/// What readers saw.
#[derive(Debug, Default)]
pub(super) struct Truth {
    /// How often each post was shown in each lane's group.
    shown: BTreeMap<(usize, Post), u32>,
    /// The same, by the key of its delivery.
    by_key: BTreeMap<(usize, String), u32>,
    /// Repeats that somebody wanted and was told of.
    wanted: BTreeMap<(usize, Post), u32>,
    /// What another tool has posted there, when, and by which rule the blog made links then.
    foreign: BTreeMap<(usize, Post), (Time, u32)>,
    /// Requests that have left and may still be heard.
    pub(super) under_way: BTreeMap<usize, u32>,
}

impl Truth {
    /// Readers see a post. Says how often they have seen it, where that is more often than anybody wanted.
    pub(super) fn show(&mut self, lane: usize, post: Post, key: &str) -> Option<u32> {
        let times = self.shown.entry((lane, post)).or_default();
        *times += 1;
        *self.by_key.entry((lane, key.to_owned())).or_default() += 1;
        let wanted = 1 + self.wanted.get(&(lane, post)).copied().unwrap_or(0);
        (*times > wanted).then_some(*times)
    }

    /// Readers see a post that another tool has made.
    pub(super) fn show_foreign(&mut self, lane: usize, post: Post, now: Time, links: u32) {
        *self.shown.entry((lane, post)).or_default() += 1;
        self.foreign.insert((lane, post), (now, links));
    }

    /// Whether another tool has posted it there.
    pub(super) fn is_foreign(&self, lane: usize, post: Post) -> bool {
        self.foreign.contains_key(&(lane, post))
    }

    /// Whether another tool was quicker, and nobody can know: it was so lately that whoever had asked just
    /// before did not see it, or under a link that the blog makes no more. It is so once.
    pub(super) fn is_beaten(
        &mut self,
        (lane, post): (usize, Post),
        now: Time,
        links: u32,
        within: Duration,
    ) -> bool {
        let found = self.foreign.get(&(lane, post));
        let unseen = found.is_some_and(|(at, by)| now.since(*at) < within || *by != links);
        unseen && self.foreign.remove(&(lane, post)).is_some()
    }

    pub(super) fn want_again(&mut self, lane: usize, post: Post) {
        *self.wanted.entry((lane, post)).or_default() += 1;
    }

    pub(super) fn shown(&self, lane: usize, post: Post) -> u32 {
        self.shown.get(&(lane, post)).copied().unwrap_or(0)
    }

    pub(super) fn shown_by(&self, lane: usize, key: &str) -> u32 {
        self.by_key.get(&(lane, key.to_owned())).copied().unwrap_or(0)
    }

    pub(super) fn is_quiet(&self, lane: usize) -> bool {
        self.under_way.get(&lane).copied().unwrap_or(0) == 0
    }
}

/// The post that a text is about: every link of the blog holds its number.
pub(super) fn post_in(text: &str) -> Option<Post> {
    let rest = &text[text.find("/p/")? + 3..];
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    rest[..digits].parse().ok()
}

/// The post that a title is of.
pub(super) fn post_of_title(title: &str) -> Option<Post> {
    let rest = title.strip_prefix("Post ")?;
    rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}
