//! What readers saw, and what they were to see: not what any ledger says of it.

use std::collections::BTreeMap;

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
