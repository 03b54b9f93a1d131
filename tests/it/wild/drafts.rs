//! Drafts that a generator publishes by mistake, with a date that stands for none: they lie at the old end
//! of the feed until they are published in earnest.

use std::time::Duration;

use oncecast::model::{Entry, HoldReason, Time};

use super::mind::{Fate, Mind};

const START: Time = Time::from_millis(1_767_323_045_000);
const DAY: Duration = Duration::from_secs(86_400);
const TITLE: &str = "Chartered: who draws the maps of harbours";

fn post(n: u32) -> Entry {
    entry(&format!("post-{n}"), &format!("Number {n} of many"), Some(START.plus(DAY * n)))
}

fn entry(slug: &str, title: &str, published: Option<Time>) -> Entry {
    let link = format!("https://blog.example/blog/{slug}");
    Entry {
        guid: Some(link.clone()),
        link: Some(link),
        title: title.to_owned(),
        content: format!("What there is to say about {slug}, in a few words of its own."),
        published,
        ..Entry::default()
    }
}

/// A draft, or what comes of it, with one word of its teaser mended.
fn draft(slug: &str, published: Option<Time>, word: &str) -> Entry {
    let content = format!(
        "Of harbours and {word}: pilots, soundings, lights and buoys, told by those who draw them for a living."
    );
    Entry { content, ..entry(slug, TITLE, published) }
}

fn window(first: u32, last: u32) -> Vec<Entry> {
    (first..=last).map(post).collect()
}

/// What becomes of the last sight of a post that was sent as a draft.
fn last_fates(before: Vec<Entry>, after: Vec<Entry>) -> Vec<Fate> {
    let mind = Mind::without_walls();
    mind.sees(&window(0, 9), START);
    mind.sees(&before, START.plus(DAY * 10));
    mind.sees(&after, START.plus(DAY * 11))
}

fn is_held(fate: &Fate) -> bool {
    matches!(fate, Fate::Held(_, HoldReason::NearDuplicate { .. }))
}

/// Readers were told of a draft, and would be told again when its slug is mended: it stands behind all
/// posts, where others slide out of the feed.
#[test]
fn a_draft_behind_the_oldest_post_is_one_post_under_its_next_slug() {
    let with = |draft: Entry, posts: Vec<Entry>| [vec![draft], posts].concat();
    let fates = last_fates(
        with(draft("harbours-tmp-slug", None, "understanding"), window(0, 9)),
        with(draft("harbours", None, "reasoning"), window(0, 9)),
    );
    assert!(is_held(&fates[0]), "{fates:?}");
    // The same where nothing of its teaser stayed.
    let other = Entry {
        content: "Nobody has measured this before: a survey in nine parts.".to_owned(),
        ..draft("harbours", None, "")
    };
    let fates = last_fates(
        with(draft("who-draws-the-maps", None, "understanding"), window(0, 9)),
        with(other, window(0, 9)),
    );
    assert!(is_held(&fates[0]), "{fates:?}");
    // The same where it has a day of its own, and that is the oldest.
    let ancient = Some(Time::from_millis(1_000_000_000_000));
    let later = ancient.map(|day| day.plus(DAY * 30));
    let fates = last_fates(
        with(draft("harbours-tmp-slug", ancient, "understanding"), window(0, 9)),
        with(draft("harbours", later, "reasoning"), window(0, 9)),
    );
    assert!(is_held(&fates[0]), "{fates:?}");
}

/// The same when it is published in earnest: with its day it stands before all others at once.
#[test]
fn a_draft_without_a_date_is_one_post_when_it_is_dated() {
    let day = Some(START.plus(DAY * 10));
    let mut after = window(0, 9);
    after.push(draft("harbours", day, "reasoning"));
    let before = [vec![draft("harbours-tmp-slug", None, "understanding")], window(0, 9)].concat();
    let fates = last_fates(before, after);
    assert!(is_held(&fates[10]), "{fates:?}");
}

/// The same where its teaser is another too, and only its slug tells: the draft's begins with it.
#[test]
fn a_drafts_slug_with_a_mark_behind_it_is_the_posts() {
    let day = Some(START.plus(DAY * 10));
    let other = Entry {
        content: "Nobody has measured this before.".to_owned(),
        ..draft("harbours", day, "")
    };
    let before = [vec![draft("harbours-draft", None, "understanding")], window(0, 9)].concat();
    let fates = last_fates(before, [window(0, 9), vec![other]].concat());
    assert!(is_held(&fates[10]), "{fates:?}");
}

/// What has only slid out of the window may come once more under its title: a yearly post, which readers
/// would miss.
#[test]
fn what_slid_out_says_nothing_of_what_comes_in() {
    let with = |first: Entry, posts: Vec<Entry>| [vec![first], posts].concat();
    let old = draft("harbours-of-the-year", Some(START.minus(DAY * 300)), "understanding");
    let mut after = window(0, 9);
    after.push(draft("harbours-once-more", Some(START.plus(DAY * 10)), "reasoning"));
    let fates = last_fates(with(old, window(0, 9)), after);
    assert!(matches!(fates[10], Fate::Sent(_)), "{fates:?}");
}
