//! Real histories once more, as admission alone sees them: without a daemon a year takes a moment, so that
//! whole ones can be lived through.

use std::collections::{BTreeMap, HashMap, HashSet};

use oncecast::model::{Entry, Time};

use super::mind::{Fate, Mind};
use super::{entries, is_snapshot, real_feeds};

/// A title of fewer characters says nothing by itself.
const TITLE_MIN: usize = 12;

/// A link without what servers and mails add to it: not as oncecast does it, on purpose.
fn bare(entry: &Entry) -> String {
    let link = entry.link.as_deref().unwrap_or_default().trim();
    let link = link.split_once("://").map_or(link, |(_, rest)| rest);
    link.trim_start_matches("www.").trim_end_matches('/').to_lowercase()
}

/// Who follows a blog for a year would hear again of what was moved, renamed or dated anew.
#[test]
fn what_a_real_feed_has_shown_once_is_never_news_again() {
    let Some(folder) = real_feeds() else { return };
    let sequences = std::fs::read_dir(folder.join("sequences")).into_iter().flatten().flatten();
    let mut histories: Vec<_> = sequences.map(|item| item.path()).filter(|p| p.is_dir()).collect();
    histories.sort();
    let (mut wrong, mut all, mut shown, mut sent) = (Vec::new(), 0, 0, 0);
    let mut held: BTreeMap<String, usize> = BTreeMap::new();
    for history in &histories {
        let files = std::fs::read_dir(history).expect("a folder").flatten().map(|item| item.path());
        let mut files: Vec<_> = files.filter(|path| is_snapshot(path)).collect();
        files.sort();
        let name = history.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let mind = Mind::without_walls();
        // Under which link each title was first seen.
        let (mut links, mut titles) = (HashSet::new(), HashMap::<String, String>::new());
        for (at, file) in files.iter().enumerate() {
            let document = entries(file);
            all += 1;
            shown += document.len();
            let here: HashSet<String> = document.iter().map(bare).collect();
            let now = document.iter().filter_map(|e| e.published).max().unwrap_or(Time::EPOCH);
            for (entry, fate) in document.iter().zip(mind.sees(&document, now)) {
                let told = format!("{name}/{}: {:?}", file_name(file), entry.title);
                match fate {
                    Fate::Held(_, why) => {
                        println!("held: {told}: {why}");
                        *held.entry(name.clone()).or_default() += 1;
                    }
                    Fate::Sent(_) if at > 0 => {
                        sent += 1;
                        // Where several stand under one link, one of them may be new.
                        let alone = document.iter().filter(|e| bare(e) == bare(entry)).count() == 1;
                        if links.contains(&bare(entry)) && alone {
                            wrong.push(format!("{told} is an old post by its link"));
                        }
                        // Whoever stands beside it under the same title is another post.
                        let is_old = titles.get(&entry.title).is_some_and(|by| !here.contains(by));
                        if is_old && entry.title.chars().count() >= TITLE_MIN {
                            wrong.push(format!("{told} is an old post by its title"));
                        }
                    }
                    _ => {}
                }
            }
            for entry in &document {
                links.insert(bare(entry));
                titles.entry(entry.title.clone()).or_insert_with(|| bare(entry));
            }
        }
    }
    let holds: usize = held.values().sum();
    println!(
        "{} histories, {all} snapshots, {shown} items: {sent} sent, {holds} held {held:?}, {} wrong",
        histories.len(),
        wrong.len()
    );
    assert!(wrong.is_empty(), "{wrong:#?}");
}

fn file_name(path: &std::path::Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}
