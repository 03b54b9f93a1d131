//! Evidence beyond aliases that two entries are one post, or are not: a link alone may be shared,
//! as link blogs do with a sponsor's page.

use std::time::Duration;

use super::site::{address_of, path_of, slug_of};
use super::sketch::near;
use super::text::normal_form;
use crate::model::{Entry, Time};

/// Shorter texts prove nothing: "Read more", a caption, a template.
pub(super) const TEXT_CHARS: usize = 200;

/// A text of so many is a teaser, which may have been mended.
const TEASER_CHARS: usize = 40;

/// Feeds re-date a post by a day or two, rarely by more.
const SAME_POST_DAYS: u64 = 3;

/// Whether anything but the link says that two entries are one post: the same title, dates within
/// three days, or the same text of 200 characters or more. Asked where the link is the same and
/// the guids are not. Emptiness is never evidence.
#[must_use]
pub fn same_post_evidence(a: &Entry, b: &Entry) -> bool {
    let (title_a, title_b) = (normal_form(&a.title), normal_form(&b.title));
    if !title_a.is_empty() && title_a == title_b {
        return true;
    }
    if dated_alike(a, b) {
        return true;
    }
    matches!((long_text(a), long_text(b)), (Some(a), Some(b)) if a == b)
}

/// What speaks for two entries being one post, where no strong alias says so.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Likeness {
    /// How much: see [`likeness`].
    pub points: u32,
    /// What, in words.
    pub because: Vec<&'static str>,
}

impl Likeness {
    /// From so many points on an entry is held as a look-alike.
    pub const ALIKE: u32 = 4;

    fn add(&mut self, points: u32, because: &'static str) {
        self.points += points;
        self.because.push(because);
    }
}

/// Where an entry is that was in the last document of its feed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gone {
    /// Nobody knows: it has slid out of the feed's window, or was not in that document.
    Away,
    /// It was taken out.
    Out,
    /// It was taken out, and the other stands in its very place.
    Replaced,
}

/// Weighs two entries of one feed that do not stand side by side in it.
///
/// | what | points |
/// |---|---|
/// | the same path and query, whatever the host | 3 |
/// | else the same last part of it, of eight chars or more, without a query | 1 |
/// | and the same title or text with it | 1 more |
/// | the same title, of two words and twelve chars or more | 2 |
/// | the same shorter title | 1 |
/// | the same day, where `dates` tell anything | 2 |
/// | else dates within three days | 1 |
/// | the same text of 200 chars or more, or nearly: seven in ten pieces of three words | 3 |
/// | the same shorter text | 1 |
/// | where the title of a taken-out one is the same and strong: nearly the same shorter text | 1 |
/// | and a last part of the path that begins with the whole other one: a draft's | 1 |
/// | the other was taken out of the feed just now | 1 |
/// | and this one stands in its very place | 1 more |
///
/// Nothing where the titles differ only in their numbers. Where the link is not the post's `own`, as in
/// link blogs, it says nothing, and neither does the very same link: that is judged as an alias.
#[must_use]
pub fn likeness(new: &Entry, old: &Entry, own: bool, dates: bool, gone: Gone) -> Likeness {
    let mut found = Likeness::default();
    let left = gone != Gone::Away;
    if differs_only_in_digits(&new.title, &old.title) {
        return found;
    }
    let same = |a: Option<String>, b: Option<String>| a.is_some() && a == b;
    let own = own && !same(address_of(new), address_of(old));
    if own && same(path_of(new), path_of(old)) {
        found.add(3, "path");
    }
    let (mine, others) = (slug_of(new), slug_of(old));
    let slug = found.points == 0 && own && mine.is_some() && mine == others;
    if slug {
        found.add(1, "slug");
    }
    let (title, other) = (normal_form(&new.title), normal_form(&old.title));
    let titled = !title.is_empty() && title == other;
    let strong = titled && is_strong(&title);
    if titled {
        found.add(if strong { 2 } else { 1 }, "title");
    }
    if let (true, Some(a), Some(b)) = (dates, day_source(new), day_source(old)) {
        if day(a) == day(b) {
            found.add(2, "date");
        } else if is_within_days(a, b) {
            found.add(1, "about the date");
        }
    }
    let (a, b) = (normal_form(body(new)), normal_form(body(old)));
    let long = |text: &str| text.chars().count() >= TEXT_CHARS;
    if !a.is_empty() && a == b {
        found.add(if long(&a) { 3 } else { 1 }, "text");
    } else if long(&a) && long(&b) && near(&a, &b) {
        found.add(3, "nearly the text");
    } else if left && strong && a.chars().count() >= TEASER_CHARS && near(&a, &b) {
        // A draft's address and a word of its teaser, mended together.
        found.add(1, "nearly the text");
    }
    if let (true, Some(a), Some(b)) = (own && left && strong, mine, others)
        && (extends(&a, &b) || extends(&b, &a))
    {
        found.add(1, "about the slug");
    }
    // Scripts and sections end many addresses of one site in the same way.
    if slug && found.because.iter().any(|b| b.ends_with("title") || b.ends_with("text")) {
        found.points += 1;
    }
    if left && found.points > 0 {
        found.add(1, "the other left the feed just now");
    }
    if gone == Gone::Replaced && found.points > 0 {
        found.add(1, "it stands in its place");
    }
    found
}

/// Whether a slug is another with words behind it.
fn extends(long: &str, short: &str) -> bool {
    long.strip_prefix(short).is_some_and(|rest| rest.starts_with(['-', '_']))
}

/// Whether two texts are the same, or nearly, with enough of them to prove anything.
#[must_use]
pub fn nearly_same_text(a: &Entry, b: &Entry) -> bool {
    match (long_text(a), long_text(b)) {
        (Some(a), Some(b)) => a == b || near(&a, &b),
        _ => false,
    }
}

/// Whether two titles are the same; empty ones are not.
#[must_use]
pub fn same_title(a: &Entry, b: &Entry) -> bool {
    let (a, b) = (normal_form(&a.title), normal_form(&b.title));
    !a.is_empty() && a == b
}

/// A title but for what changes nothing of it: case, markup, spaces and signs; as it stands where it has
/// nothing else.
#[must_use]
pub fn title_form(entry: &Entry) -> String {
    let form = normal_form(&entry.title);
    if form.is_empty() { entry.title.clone() } else { form }
}

/// The text of an entry but for what changes nothing of it.
#[must_use]
pub fn text_form(entry: &Entry) -> String {
    normal_form(body(entry))
}

/// Whether two entries are dated within three days of each other.
#[must_use]
pub fn dated_alike(a: &Entry, b: &Entry) -> bool {
    matches!((day_source(a), day_source(b)), (Some(a), Some(b)) if is_within_days(a, b))
}

/// Whether two entries bear the same moment, and one that a clock may have shown: not a year's first
/// second, which stands for no date at all.
#[must_use]
pub fn same_moment(a: &Entry, b: &Entry) -> bool {
    matches!((a.published, b.published), (Some(a), Some(b)) if a == b && !is_placeholder(a))
}

/// Whether a title is long enough to be one post's own: two words and twelve chars, or six chars of a
/// script that writes no spaces.
#[must_use]
pub fn is_strong_title(title: &str) -> bool {
    is_strong(&normal_form(title))
}

fn is_strong(normal: &str) -> bool {
    let chars = normal.chars().count();
    let wide =
        normal.chars().filter(|c| matches!(u32::from(*c), 0x2e80..=0x9fff | 0xac00..=0xd7af));
    (normal.contains(' ') && chars >= 12) || wide.count() >= 6
}

/// A date that stands for none: before there were feeds, or the first second of a round year.
fn is_placeholder(time: Time) -> bool {
    const FIRST: [u64; 4] = [0, 946_684_800, 978_307_200, 1_577_836_800];
    const FEEDS: u64 = 788_918_400;
    let seconds = time.as_millis() / 1_000;
    seconds < FEEDS || FIRST.contains(&seconds)
}

fn day(time: Time) -> u64 {
    time.as_millis() / 86_400_000
}

fn is_within_days(a: Time, b: Time) -> bool {
    let apart = a.since(b).max(b.since(a));
    apart <= Duration::from_secs(SAME_POST_DAYS * 24 * 60 * 60)
}

/// Whether two titles say the same but for their numbers, as "Issue 350" and "Issue 351" do: two
/// posts of a series, whatever else is alike. Equal titles do not differ.
#[must_use]
pub fn differs_only_in_digits(a: &str, b: &str) -> bool {
    let (a, b) = (normal_form(a), normal_form(b));
    a != b && without_numbers(&a) == without_numbers(&b)
}

/// The date that tells an entry's day: when it was published, or else last changed.
pub(super) fn day_source(entry: &Entry) -> Option<Time> {
    entry.published.or(entry.updated)
}

/// The text of an entry, as HTML.
pub(super) fn body(entry: &Entry) -> &str {
    if entry.content.is_empty() { &entry.summary } else { &entry.content }
}

/// The normal form of the text, where there is enough of it to prove anything.
pub(super) fn long_text(entry: &Entry) -> Option<String> {
    let html = body(entry);
    // The normal form of a char is at most 18 chars, so what is far too short is not looked at.
    if html.len() < TEXT_CHARS / 18 {
        return None;
    }
    let text = normal_form(html);
    (text.chars().count() >= TEXT_CHARS).then_some(text)
}

/// Every run of numbers, and of spaces between numbers, as one mark.
fn without_numbers(normal: &str) -> String {
    let mut out = String::with_capacity(normal.len());
    for c in normal.chars() {
        let mark = if c.is_numeric() { '#' } else { c };
        if mark == '#' && out.ends_with('#') {
            continue;
        }
        if mark == '#' && out.ends_with("# ") {
            out.pop();
            continue;
        }
        out.push(mark);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(title: &str, day: u64, content: &str) -> Entry {
        Entry {
            title: title.to_owned(),
            published: (day > 0).then(|| Time::from_millis(day * 86_400_000)),
            content: content.to_owned(),
            ..Entry::default()
        }
    }

    #[test]
    fn a_sponsors_page_linked_from_two_posts_makes_them_no_single_post() {
        let long = "sponsor text ".repeat(20);
        let one = entry("Thanks to our sponsor", 20_000, "short");
        assert!(!same_post_evidence(&one, &entry("This week's sponsor", 20_014, "short")));
        assert!(same_post_evidence(&one, &entry("THANKS to our sponsor!", 20_014, "other")));
        assert!(same_post_evidence(&one, &entry("Renamed", 20_003, "other")));
        assert!(!same_post_evidence(&one, &entry("Renamed", 20_004, "other")));
        let (a, b) = (entry("A", 0, &long), entry("B", 0, &format!("<p>{long}</p>")));
        assert!(same_post_evidence(&a, &b));
        assert!(!same_post_evidence(&entry("", 0, ""), &entry("", 0, "")));
        assert!(!same_post_evidence(&entry("", 0, "short"), &entry("", 0, "short")));
    }

    #[test]
    fn the_next_issue_of_a_series_is_another_post() {
        for (a, b) in [
            ("Weekly #350", "Weekly #351"),
            ("v1.12.159", "v1.12.160"),
            ("v1.12", "v1.12.1"),
            ("D.C. wellness calendar, Aug. 9-16", "D.C. wellness calendar, Aug. 17-24"),
        ] {
            assert!(differs_only_in_digits(a, b), "{a} {b}");
        }
        for (a, b) in [("Weekly #350", "weekly 350"), ("Weekly 350", "Monthly 350"), ("", "7")] {
            assert!(!differs_only_in_digits(a, b), "{a} {b}");
        }
    }
}
