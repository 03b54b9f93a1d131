//! What readers would have been told twice, or never, if admission decided otherwise.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::convert::Infallible;

use super::*;

/// A memory that is filled by what plans decide.
#[derive(Default)]
struct Remembered {
    aliases: RefCell<HashMap<Fingerprint, u64>>,
    entries: RefCell<Vec<Entry>>,
    /// Entries from this one on were heard by nobody yet.
    unsent: Cell<Option<u64>>,
}

impl Memory for Remembered {
    type Error = Infallible;

    fn known_by(&self, alias: &Fingerprint) -> Result<Option<u64>, Infallible> {
        Ok(self.aliases.borrow().get(alias).copied())
    }

    fn entry(&self, number: u64) -> Result<(Entry, String), Infallible> {
        Ok((self.entries.borrow()[number as usize].clone(), format!("e{number}")))
    }

    fn seen_in_feed(&self, _number: u64) -> Result<bool, Infallible> {
        Ok(true)
    }

    fn is_unsent(&self, number: u64) -> Result<bool, Infallible> {
        Ok(self.unsent.get().is_some_and(|first| number >= first))
    }
}

const NOW: Time = Time::from_millis(1_767_323_045_000);
const DAY: Duration = Duration::from_secs(86_400);

impl Remembered {
    /// One poll: decides, and remembers what was decided.
    fn poll(&self, entries: &[Entry], first: bool) -> Vec<Decision> {
        let policy = Policy::default();
        let Ok(plan) =
            plan("blog", entries, self, &policy, first, Today { clock: NOW, counted: NOW });
        for (entry, decision) in entries.iter().zip(&plan.decisions) {
            let (number, learn) = match decision {
                Decision::New { aliases, .. } => {
                    self.entries.borrow_mut().push(entry.clone());
                    (self.entries.borrow().len() as u64 - 1, aliases)
                }
                Decision::Known { number, learn, .. } => (*number, learn),
                _ => continue,
            };
            for alias in learn {
                self.aliases.borrow_mut().entry(alias.fingerprint).or_insert(number);
            }
        }
        plan.decisions
    }

    /// How many of a poll's entries would reach readers.
    fn sent(&self, entries: &[Entry]) -> usize {
        let free = |d: &&Decision| matches!(d, Decision::New { hold: None, .. });
        self.poll(entries, false).iter().filter(free).count()
    }
}

fn post(n: u64) -> Entry {
    Entry {
        guid: Some(format!("http://blog.example/?p={n}")),
        link: Some(format!("http://blog.example/2026/01/post-{n}/")),
        title: format!("A post about {}", char::from(b'A' + n as u8)),
        content: format!("<p>{}</p>", format!("Words of post {n} that go on. ").repeat(20)),
        published: Some(NOW.minus(DAY * u32::try_from(20 - n.min(20)).expect("small"))),
        ..Entry::default()
    }
}

fn posts(range: std::ops::RangeInclusive<u64>) -> Vec<Entry> {
    range.map(post).collect()
}

#[test]
fn a1_j1_what_was_there_before_us_is_never_announced() {
    let memory = Remembered::default();
    let first = memory.poll(&posts(1..=10), true);
    assert!(first.iter().all(|d| matches!(d, Decision::New { hold: None, .. })));
    assert_eq!(memory.sent(&posts(1..=10)), 0);
    assert_eq!(memory.sent(&posts(2..=20)[..10]), 0, "old posts that come back are no news");
}

#[test]
fn one_new_post_flows_and_flows_once() {
    let memory = Remembered::default();
    memory.poll(&posts(8..=17), true);
    assert_eq!(memory.sent(&posts(9..=18)), 1);
    for _ in 0..3 {
        assert_eq!(memory.sent(&posts(9..=18)), 0);
    }
}

#[test]
fn b4_a_move_to_https_of_every_guid_and_link_sends_nothing() {
    let memory = Remembered::default();
    memory.poll(&posts(9..=18), true);
    let mut moved = posts(9..=18);
    for entry in &mut moved {
        for text in [&mut entry.guid, &mut entry.link].into_iter().flatten() {
            *text = text.replace("http://", "https://www.");
        }
    }
    assert_eq!(memory.sent(&moved), 0);
}

#[test]
fn b1_new_guids_for_every_post_send_nothing() {
    let memory = Remembered::default();
    memory.poll(&posts(9..=18), true);
    for round in 0..3 {
        let mut changed = posts(9..=18);
        for (n, entry) in changed.iter_mut().enumerate() {
            entry.guid = Some(format!("build-{round}-{n}"));
        }
        assert_eq!(memory.sent(&changed), 0);
    }
}

#[test]
fn b2_new_permalinks_under_the_old_guids_send_nothing() {
    let memory = Remembered::default();
    memory.poll(&posts(9..=18), true);
    let mut changed = posts(9..=18);
    for (n, entry) in changed.iter_mut().enumerate() {
        entry.link = Some(format!("http://blog.example/archives/{n}"));
    }
    assert_eq!(memory.sent(&changed), 0);
    for entry in &mut changed {
        entry.guid = entry.guid.take().map(|g| g.replace("?p=", "?post="));
    }
    // Held, they would wait for a person at each further change.
    let met = memory.poll(&changed, false);
    let is_known = |met: &Decision| matches!(met, Decision::Known { arrives: None, .. });
    assert!(met.iter().all(is_known), "the link that was learnt recognises them: {met:?}");
}

#[test]
fn b5_a_migration_that_changes_guid_and_link_is_held_whole() {
    let memory = Remembered::default();
    memory.poll(&posts(9..=18), true);
    let mut moved = posts(9..=18);
    for (n, entry) in moved.iter_mut().enumerate() {
        entry.guid = Some(format!("https://new.example/posts/{n}"));
        entry.link = entry.guid.clone();
    }
    let decisions = memory.poll(&moved, false);
    assert!(
        decisions.iter().all(|d| matches!(
            d,
            Decision::New { hold: Some(HoldReason::NearDuplicate { .. }), .. }
        ))
    );
}

#[test]
fn d1_new_dates_for_every_post_send_nothing() {
    let memory = Remembered::default();
    memory.poll(&posts(9..=18), true);
    let mut dated = posts(9..=18);
    for entry in &mut dated {
        entry.published = Some(NOW);
    }
    assert_eq!(memory.sent(&dated), 0);
}

#[test]
fn a_burst_is_held_whole_and_three_flow() {
    let memory = Remembered::default();
    memory.poll(&posts(1..=10), true);
    let fresh = |range| -> Vec<Entry> {
        posts(range).into_iter().map(|e| Entry { published: Some(NOW), ..e }).collect()
    };
    let mut window = posts(4..=10);
    window.extend(fresh(11..=13));
    assert_eq!(memory.sent(&window), 3);
    let mut flood = posts(5..=10);
    flood.extend(fresh(14..=17));
    let decisions = memory.poll(&flood, false);
    let held = decisions
        .iter()
        .filter(|d| matches!(d, Decision::New { hold: Some(HoldReason::Burst { new: 4 }), .. }));
    assert_eq!(held.count(), 4);
}

#[test]
fn f1_a_year_old_post_that_slides_into_the_window_is_held() {
    let memory = Remembered::default();
    memory.poll(&posts(9..=18), true);
    let mut window = posts(9..=17);
    window.push(Entry { published: Some(NOW.minus(DAY * 365)), ..post(30) });
    let decisions = memory.poll(&window, false);
    assert_eq!(
        decisions[9],
        match decisions[9].clone() {
            Decision::New { aliases, .. } =>
                Decision::New { aliases, hold: Some(HoldReason::Stale) },
            other => other,
        }
    );
    assert!(matches!(decisions[9], Decision::New { .. }));
}

#[test]
fn a_weekly_column_with_one_title_flows_freely() {
    let memory = Remembered::default();
    let week = |n: u32| Entry {
        guid: Some(format!("column-{n}")),
        link: Some(format!("http://blog.example/column/{n}")),
        title: "Links of the week".to_owned(),
        published: Some(NOW.minus(DAY * (7 * (10 - n)))),
        ..Entry::default()
    };
    memory.poll(&[week(8)], true);
    assert_eq!(memory.sent(&[week(8), week(9)]), 1);
    assert_eq!(memory.sent(&[week(9), week(10)]), 1);
}

#[test]
fn untitled_microposts_and_empty_photos_flow_freely() {
    let memory = Remembered::default();
    let micro = |n: u32| Entry {
        guid: Some(format!("m{n}")),
        link: Some(format!("http://blog.example/m/{n}")),
        published: Some(NOW),
        ..Entry::default()
    };
    memory.poll(&[micro(1), micro(2), micro(3)], true);
    assert_eq!(memory.sent(&[micro(2), micro(3), micro(4)]), 1);
}

#[test]
fn c5_posts_that_share_a_link_are_all_told() {
    let memory = Remembered::default();
    let sponsor = |n: u32| Entry {
        guid: Some(format!("link-{n}")),
        link: Some("https://sponsor.example/offer".to_owned()),
        title: format!("Thanks, sponsor, number {}", ["one", "two", "three"][n as usize % 3]),
        published: Some(NOW.minus(DAY * (6 - n))),
        ..Entry::default()
    };
    memory.poll(&[sponsor(1)], true);
    assert_eq!(memory.sent(&[sponsor(1), sponsor(2)]), 1, "side by side they are two posts");
}

#[test]
fn one_guid_for_several_posts_tells_each_once() {
    let memory = Remembered::default();
    let shared = |n: u32| Entry {
        guid: Some("blog".to_owned()),
        link: Some(format!("http://blog.example/{n}")),
        title: format!("Number {n}"),
        published: Some(NOW),
        ..Entry::default()
    };
    memory.poll(&[shared(1), shared(2)], true);
    assert_eq!(memory.sent(&[shared(1), shared(2), shared(3)]), 1);
    assert_eq!(memory.sent(&[shared(2), shared(3)]), 0);
}

#[test]
fn c4_a_post_without_guid_and_link_is_recognised_by_what_it_says_and_held() {
    let memory = Remembered::default();
    let bare = |n: u32| Entry { title: format!("Only a line, {n} words"), ..Entry::default() };
    memory.poll(&[bare(1)], true);
    let met = memory.poll(&[bare(1), bare(2)], false);
    assert!(matches!(&met[1], Decision::New { hold: Some(HoldReason::Weak), .. }), "{met:?}");
    let met = memory.poll(&[bare(1), bare(2)], false);
    assert!(met.iter().all(|m| matches!(m, Decision::Known { arrives: None, .. })), "{met:?}");
    assert_eq!(memory.poll(&[Entry::default()], false), [Decision::Nameless]);
}

/// Neighbours that share a link come and go: nobody is told again of the one that stays, even under
/// another title, and the next that comes alone is not taken for it.
#[test]
fn c5_a_post_is_the_same_alone_and_beside_others_that_share_its_key() {
    for by_guid in [false, true] {
        let memory = Remembered::default();
        let note = |title: &str| Entry {
            guid: by_guid.then(|| "notes".to_owned()),
            link: Some("http://blog.example/notes".to_owned()),
            title: title.to_owned(),
            ..Entry::default()
        };
        let sent = |notes: &[Entry]| memory.sent(&[&posts(1..=9), notes].concat());
        memory.poll(&posts(1..=9), true);
        assert_eq!(sent(&[note("Harbours")]), 1);
        assert_eq!(sent(&[note("Harbours"), note("Clouds")]), 1, "beside another");
        assert_eq!(sent(&[note("Clouds")]), 0, "alone again");
        assert_eq!(sent(&[note("Clouds"), note("Harbours")]), 0);
        assert_eq!(sent(&[note("Harbour"), note("Clouds")]), 0, "under another title");
        assert_eq!(sent(&[note("Harbours"), note("Clouds"), note("Bridges")]), 1);
    }
}

#[test]
fn an_item_that_a_feed_lists_twice_is_told_once() {
    let memory = Remembered::default();
    memory.poll(&posts(9..=18), true);
    let fresh = Entry { published: Some(NOW), ..post(19) };
    let mut window = posts(10..=18);
    window.extend([fresh.clone(), fresh]);
    assert_eq!(memory.sent(&window), 1);
    assert_eq!(memory.sent(&window), 0);
}

/// A feed that was put together from two copies lists each post twice, once without its date: readers
/// would hear all of it again.
#[test]
fn a_post_that_is_listed_twice_under_two_dates_is_one() {
    let memory = Remembered::default();
    memory.poll(&posts(9..=18), true);
    let undated = |entry: &Entry| Entry { published: None, ..entry.clone() };
    let twice: Vec<Entry> = posts(9..=18).iter().flat_map(|e| [undated(e), e.clone()]).collect();
    let met = memory.poll(&twice, false);
    let is_news = |met: &&Decision| matches!(met, Decision::New { .. });
    assert_eq!(met.iter().filter(is_news).count(), 0, "{met:?}");
    // Under one guid, two that say other things are two.
    let fresh = Entry { published: Some(NOW), ..post(19) };
    let other = Entry { content: "Another thing altogether.".to_owned(), ..undated(&fresh) };
    assert_eq!(memory.sent(&[posts(9..=18), vec![fresh, other]].concat()), 2);
}

/// An author who mends the address of a post a minute after it is out would find it held, and readers
/// would never hear of it: nobody has heard of the first one.
#[test]
fn a_post_whose_address_is_mended_before_anybody_heard_of_it_is_the_same_post() {
    let fresh = Entry { published: Some(NOW), ..post(19) };
    let link = Some("http://blog.example/2026/01/mended/".to_owned());
    let mended = Entry { guid: link.clone(), link, ..fresh.clone() };
    for unsent in [true, false] {
        let memory = Remembered::default();
        memory.poll(&posts(9..=18), true);
        memory.unsent.set(unsent.then_some(10));
        assert_eq!(memory.sent(&[posts(9..=18), vec![fresh.clone()]].concat()), 1);
        let met = memory.poll(&[posts(9..=18), vec![mended.clone()]].concat(), false);
        let same = matches!(met[10], Decision::Known { number: 10, .. });
        assert_eq!(same, unsent, "{:?}", met[10]);
    }
}
