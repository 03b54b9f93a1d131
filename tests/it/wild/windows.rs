//! Real feeds seen through a small window that slides over them: each post comes up once, and is one post.

use std::collections::HashMap;

use oncecast::model::{Entry, Time};

use super::mind::{Fate, Mind};
use super::{entries, is_snapshot, real_feeds};

/// Sources of whole real feeds; the others hold one feature a file.
const SOURCES: [&str; 6] =
    ["netnewswire", "feedjira", "miniflux", "node-feedparser", "feedbin", "feed-rs"];
const WINDOWS: [usize; 4] = [1, 3, 10, 20];
/// A feed of fewer posts shows nothing through a window.
const POSTS_MIN: usize = 5;

/// What came of it.
#[derive(Debug, Default)]
struct Tally {
    feeds: usize,
    events: usize,
    sent: usize,
    held: usize,
    /// A post that was taken for another, and lost.
    merged: Vec<String>,
    /// A post that was new a second time.
    again: Vec<String>,
    holds: Vec<String>,
}

/// A post that was taken for another is lost to every reader; one that is new twice is told twice.
#[test]
fn no_post_of_a_real_feed_is_taken_for_another() {
    let Some(folder) = real_feeds() else { return };
    let mut files = Vec::new();
    for source in SOURCES {
        let Ok(items) = std::fs::read_dir(folder.join(source)) else { continue };
        files.extend(items.flatten().map(|item| item.path()).filter(|path| path.is_file()));
    }
    let sequences = std::fs::read_dir(folder.join("sequences")).into_iter().flatten().flatten();
    for sequence in sequences {
        let snapshots = std::fs::read_dir(sequence.path()).into_iter().flatten().flatten();
        files.extend(snapshots.map(|item| item.path()).filter(|p| is_snapshot(p)).max());
    }
    files.sort();
    let mut tally = Tally::default();
    for file in &files {
        let posts = distinct(entries(file));
        if posts.len() < POSTS_MIN {
            continue;
        }
        tally.feeds += 1;
        for window in WINDOWS.into_iter().filter(|window| *window < posts.len()) {
            slide(&posts, window, &file.display().to_string(), &mut tally);
        }
    }
    println!(
        "{} feeds, {} posts came up: {} sent, {} held ({:.2} %), {} taken for another, {} twice",
        tally.feeds,
        tally.events,
        tally.sent,
        tally.held,
        tally.held as f64 * 100.0 / tally.events.max(1) as f64,
        tally.merged.len(),
        tally.again.len(),
    );
    for hold in &tally.holds {
        println!("held: {hold}");
    }
    assert!(tally.merged.is_empty(), "{:#?}", tally.merged);
    assert!(tally.again.is_empty(), "{:#?}", tally.again);
    assert!(tally.held * 100 <= tally.events, "more than one in a hundred is held");
}

/// Without posts that the feed lists twice.
fn distinct(entries: Vec<Entry>) -> Vec<Entry> {
    let mut seen = std::collections::HashSet::new();
    let key = |e: &Entry| (e.guid.clone(), e.link.clone(), e.title.clone(), e.content.clone());
    entries.into_iter().filter(|entry| seen.insert(key(entry))).collect()
}

fn slide(posts: &[Entry], window: usize, name: &str, tally: &mut Tally) {
    let mind = Mind::default();
    let now = posts.iter().filter_map(|p| p.published).max().unwrap_or(Time::EPOCH);
    // Which post each number is, and the other way round.
    let mut is: HashMap<u64, usize> = HashMap::new();
    for end in window..=posts.len() {
        let start = end - window;
        let fates = mind.sees(&posts[start..end], now);
        for (at, fate) in (start..end).zip(fates) {
            let comes_up = at + 1 == end && end > window;
            tally.events += usize::from(comes_up);
            let told = format!("{name} by {window}: {at} {:?}", posts[at].title);
            match fate {
                Fate::Sent(number) | Fate::Held(number, _)
                    if is.values().any(|post| *post == at) =>
                {
                    tally.again.push(format!("{told} is {number} too"));
                }
                Fate::Sent(number) => {
                    is.insert(number, at);
                    tally.sent += usize::from(comes_up);
                }
                Fate::Held(number, why) => {
                    is.insert(number, at);
                    tally.held += usize::from(comes_up);
                    tally.holds.push(format!("{told}: {why}"));
                }
                Fate::Known(number) if is.get(&number) != Some(&at) => {
                    let other = is.get(&number).map(|other| posts[*other].title.clone());
                    tally.merged.push(format!("{told} was taken for {other:?}"));
                }
                Fate::Known(_) => {}
                Fate::Passed => tally.merged.push(format!("{told} was passed over")),
            }
        }
    }
}
