//! Evidence beyond aliases that two entries are one post, or are not: a link alone may be shared,
//! as link blogs do with a sponsor's page.

use std::time::Duration;

use super::text::normal_form;
use crate::model::{Entry, Time};

/// Shorter texts prove nothing: "Read more", a caption, a template.
pub(super) const TEXT_CHARS: usize = 200;

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
    if let (Some(a), Some(b)) = (day_source(a), day_source(b)) {
        let apart = a.since(b).max(b.since(a));
        if apart <= Duration::from_secs(SAME_POST_DAYS * 24 * 60 * 60) {
            return true;
        }
    }
    matches!((long_text(a), long_text(b)), (Some(a), Some(b)) if a == b)
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

/// The normal form of the text, where there is enough of it to prove anything.
pub(super) fn long_text(entry: &Entry) -> Option<String> {
    let html = if entry.content.is_empty() { &entry.summary } else { &entry.content };
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
