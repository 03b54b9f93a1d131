//! Real histories: one folder each under `sequences` in the folder that `ONCECAST_FEEDS` names, a file a
//! snapshot in the order of their names, and beside them what a prototype made of each in
//! `expected.json`. What it calls new is the most that may be sent.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;

use oncecast::feed::parse::{Hints, parse};
use oncecast::model::Entry;
use serde_json::Value;

use super::house::{Life, OPEN, Snapshot, WALLED, live};

/// A title of fewer characters says nothing by itself.
const TITLE_MIN: usize = 12;

#[derive(Default)]
struct Tally {
    entries: u64,
    sent: usize,
    held: usize,
    kills: u32,
    doubts: usize,
}

/// "Never seen this guid" made 284,000 posts of such histories: a reader would have heard of every
/// edit, move and new build of a blog.
#[tokio::test(flavor = "multi_thread")]
async fn real_histories_repeat_nothing_and_tell_what_is_new() {
    let Some(folder) = crate::wild::real_feeds() else { return };
    let mut histories: Vec<_> = std::fs::read_dir(folder.join("sequences"))
        .expect("a folder of histories")
        .map(|item| item.expect("readable").path())
        .filter(|path| path.is_dir())
        .collect();
    histories.sort();
    let mut wrong = Vec::new();
    let (mut open, mut walled) = (Tally::default(), Tally::default());
    for path in histories {
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        let history = snapshots(&path);
        for (guard, tally) in [(OPEN, &mut open), (WALLED, &mut walled)] {
            let is_open = guard == OPEN;
            let walls = if is_open { "walls far out" } else { "walls as they are" };
            let life = live(&history, guard, crc32fast::hash(name.as_bytes()).into()).await;
            println!(
                "{name}, {walls}: {} snapshots, {} kills, {} entries, {} sent, {} held, {} in doubt",
                history.len(),
                life.kills,
                life.entries,
                life.seen.len(),
                life.held.len(),
                life.doubts.len()
            );
            let mut why: BTreeMap<String, usize> = BTreeMap::new();
            for (title, reason) in &life.held {
                let kind = reason.split(|c: char| c.is_ascii_digit() || c == ':').next();
                *why.entry(kind.unwrap_or_default().to_owned()).or_default() += 1;
                if is_open {
                    println!("    held: {title:?}: {reason}");
                }
            }
            if !is_open && !why.is_empty() {
                println!("    held: {why:?}");
            }
            tally.entries += life.entries;
            tally.sent += life.seen.len();
            tally.held += life.held.len();
            tally.kills += life.kills;
            tally.doubts += life.doubts.len();
            let expected = Expected::read(&path);
            let judged = judge(&history, &life, expected.as_ref(), is_open);
            judged.iter().for_each(|line| println!("    WRONG: {line}"));
            wrong.extend(judged.into_iter().map(|line| format!("{name}, {walls}: {line}")));
        }
    }
    for (walls, tally) in [("walls far out", open), ("walls as they are", walled)] {
        let Tally { entries, sent, held, kills, doubts } = tally;
        println!(
            "{walls}: {entries} entries, {sent} sent, {held} held, {doubts} in doubt, {kills} kills"
        );
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

fn snapshots(folder: &Path) -> Vec<Snapshot> {
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .expect("a folder")
        .map(|item| item.expect("readable").path())
        .filter(|path| {
            path.extension().is_some_and(|end| end != "tsv") && !path.ends_with("expected.json")
        })
        .collect();
    files.sort();
    let snapshot = |path: std::path::PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Snapshot::new(&name, std::fs::read(path).expect("readable"))
    };
    files.into_iter().map(snapshot).collect()
}

/// What is to come of a history: by snapshot, the links that are new, held or the same as another.
struct Expected {
    new: HashSet<String>,
    held: HashSet<String>,
    same: HashSet<String>,
}

impl Expected {
    fn read(folder: &Path) -> Option<Self> {
        let text = std::fs::read(folder.join("expected.json")).ok()?;
        let value: Value = serde_json::from_slice(&text).expect("JSON");
        let links = |key: &str, at: usize| -> HashSet<String> {
            let steps = value["steps"].as_array().into_iter().flatten();
            let items = steps.flat_map(|step| step[key].as_array().cloned().unwrap_or_default());
            items.filter_map(|item| item[at].as_str().map(bare)).collect()
        };
        let new = links("publish", 1);
        let (held, same) = (links("hold_not_publish", 2), links("same_as_before", 1));
        Some(Self { new, held, same })
    }
}

/// A link without what servers and mails add to it: not as oncecast does it, on purpose.
fn bare(link: &str) -> String {
    let link = link.trim().split_once("://").map_or(link, |(_, rest)| rest);
    link.trim_start_matches("www.").trim_end_matches('/').to_lowercase()
}

/// What went wrong.
fn judge(
    history: &[Snapshot],
    life: &Life,
    expected: Option<&Expected>,
    is_open: bool,
) -> Vec<String> {
    let mut wrong = Vec::new();
    // When each name was first shown.
    let mut links: HashMap<String, usize> = HashMap::new();
    let mut titles: HashMap<String, (usize, String)> = HashMap::new();
    // What stood in each.
    let mut documents: Vec<HashSet<String>> = vec![HashSet::new(); history.len()];
    let mut items = 0;
    for (number, snapshot) in history.iter().enumerate() {
        let hints = Hints { content_type: None, base_url: None };
        let Ok(document) = parse(&snapshot.body, &hints) else { continue };
        items += document.entries.len();
        for Entry { link, title, .. } in document.entries {
            let link = link.as_deref().map(bare).unwrap_or_default();
            documents[number].insert(link.clone());
            links.entry(link.clone()).or_insert(number);
            titles.entry(title).or_insert((number, link));
        }
    }
    assert!(items > 0, "no snapshot can be read");
    let mut told: HashMap<(String, String), usize> = HashMap::new();
    for (number, post) in &life.seen {
        let title = post["title"].as_str().unwrap_or_default().to_owned();
        let link = bare(post["link"].as_str().unwrap_or_default());
        let named = format!("{title:?} ({link}) at {}", history[*number].name);
        let is_new = expected.is_some_and(|expected| expected.new.contains(&link));
        let may = expected.is_none_or(|expected| is_new || expected.held.contains(&link));
        if let Some(before) = told.insert((title.clone(), link.clone()), *number) {
            wrong.push(format!("{named} was sent at {} already", history[before].name));
        }
        if links.get(&link).is_some_and(|first| first < number) {
            wrong.push(format!("{named} is an old post by its link"));
        }
        // Whoever stands beside it under the same title is another post.
        let is_old = titles.get(&title).is_some_and(|(first, by)| {
            first < number && (*by == link || !documents[*number].contains(by))
        });
        if is_old && title.chars().count() >= TITLE_MIN && !is_new {
            wrong.push(format!("{named} is an old post by its title"));
        }
        if expected.is_some_and(|expected| expected.same.contains(&link)) {
            wrong.push(format!("{named} is an old post under a new link"));
        }
        if !may {
            wrong.push(format!("{named} is none that is new"));
        }
    }
    let Some(expected) = expected else { return wrong };
    let sent: HashSet<&str> = told.keys().map(|(_, link)| link.as_str()).collect();
    let unsent = expected.new.union(&expected.held).filter(|link| !sent.contains(link.as_str()));
    let unsent: Vec<&String> = unsent.collect();
    // What was killed in the middle of its sending may be missing, and says so; behind the walls what is
    // held may.
    let was_told = |title: &String| told.keys().any(|(told, _)| told == title);
    let doubts = life.doubts.iter().filter(|title| !was_told(title)).count();
    let waits = doubts + if is_open { 0 } else { life.held.len() };
    if unsent.len() > waits {
        wrong.push(format!("new, and neither sent nor waiting: {unsent:?}"));
    }
    wrong
}
