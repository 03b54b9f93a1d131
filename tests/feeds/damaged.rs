//! Feeds under each kind of damage: those of our own always, and where `ONCECAST_FEEDS` names a
//! folder of real ones, these too, with a table.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::time::Duration;

use oncecast::feed::parse::{Document, Format, Hints, parse};
use oncecast::wire::{Get, Getter as _, Reach, Wire};

use super::damage::{KINDS, Kind, Left};
use super::folder::{files, real_feeds};

/// Sources that made their files up, each to show one thing.
const MADE_UP: [&str; 4] = ["feedparser/", "feedvalidator/", "gofeed/", "defusedxml/"];

/// What tells entries apart: id, link, title.
type Names = (Option<String>, Option<String>, String);

fn names(document: &Document) -> Vec<Names> {
    let entries = document.entries.iter();
    entries.map(|e| (e.guid.clone(), e.link.clone(), e.title.clone())).collect()
}

/// What the wire makes of a body that a server sends without a word about it.
fn unpacked(body: &[u8]) -> Vec<u8> {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}/feed", listener.local_addr().expect("an address"));
    let url = url.parse().expect("a url");
    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len());
    let answer = [head.as_bytes(), body].concat();
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a request");
        let _ = stream.read(&mut [0; 4_096]).expect("readable");
        stream.write_all(&answer).expect("writable");
    });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let max = 16 << 20;
    let get = Get {
        url: &url,
        headers: Vec::new(),
        reach: Reach::Anywhere,
        max_body: max,
        max_wire: max,
        timeout: Duration::from_secs(20),
    };
    let wire = Wire::open_as(None).expect("a network");
    let response = runtime.expect("a runtime").block_on(wire.get(get)).expect("an answer");
    server.join().expect("the server's thread");
    response.body
}

fn read(bytes: &[u8]) -> Option<Document> {
    let unpacked = bytes.starts_with(&[0x1F, 0x8B]).then(|| unpacked(bytes));
    parse(unpacked.as_deref().unwrap_or(bytes), &Hints::default()).ok()
}

/// What is wrong with what is left of a feed, if anything.
fn wrong(kind: &Kind, sound: &Document, text: &str) -> Result<Counts, String> {
    let bytes = (kind.does)(text);
    let Some(damaged) = read(&bytes) else { return Err("nothing is read".to_owned()) };
    let all = names(sound);
    let mut left: BTreeMap<_, usize> = BTreeMap::new();
    for (guid, link, _) in &all {
        *left.entry((guid, link)).or_default() += 1;
    }
    let found = names(&damaged);
    for (guid, link, title) in &found {
        match left.get_mut(&(guid, link)) {
            Some(count) if *count > 0 => *count -= 1,
            _ => return Err(format!("made up: {guid:?} {link:?} {title:?}")),
        }
    }
    if kind.left != Left::All
        && let Some(name) = found.iter().find(|name| !all.contains(name))
    {
        return Err(format!("damaged: {name:?}"));
    }
    let wanted = match kind.left {
        Left::All => all.len(),
        // Unless it repeats another.
        Left::ButTheLast => found.len().clamp(all.len() - 1, all.len()),
        Left::Whole => {
            let text = String::from_utf8_lossy(&bytes);
            let ends = ["</item>", "</entry>"].map(|end| text.matches(end).count());
            ends.into_iter().max().unwrap_or_default().min(all.len())
        }
    };
    if found.len() != wanted {
        return Err(format!("{} of {wanted} entries", found.len()));
    }
    let titled = |names: &[Names], start: &str| {
        names.iter().filter(|name| !name.2.is_empty() && name.2.starts_with(start)).count()
    };
    let right = titled(&found, kind.title.trim_end());
    Ok(Counts { titled: titled(&found, ""), right })
}

/// Entries with a title, and those whose title came out right.
#[derive(Default)]
struct Counts {
    titled: usize,
    right: usize,
}

/// A feed that can be damaged so: XML in UTF-8, its items without a prefix, with so many entries.
fn sound(bytes: Vec<u8>, entries_min: usize) -> Option<(String, Document)> {
    let text = String::from_utf8(bytes).ok()?.trim_start_matches('\u{feff}').to_owned();
    let document = read(text.as_bytes())?;
    let plain = text.contains("<item") || text.contains("<entry");
    let sound = document.format != Format::Json && document.complete && plain;
    (sound && document.entries.len() >= entries_min).then_some((text, document))
}

/// One stray byte in a title, and a blog's readers hear of nothing any more; half a post, and they
/// hear of it twice.
#[test]
fn no_damage_costs_our_own_feeds_an_entry() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/feeds/fixtures");
    let mut feeds = 0;
    for item in std::fs::read_dir(&folder).expect("a folder") {
        let path = item.expect("readable").path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name == "broken.xml" {
            continue;
        }
        let bytes = std::fs::read(&path).expect("a file");
        // Latin-1 is damaged enough already; its characters are ASCII here.
        let Some((text, document)) = sound(bytes, 2) else { continue };
        feeds += 1;
        for kind in &KINDS {
            let counts = wrong(kind, &document, &text);
            let counts = counts.unwrap_or_else(|what| panic!("{name}: {}: {what}", kind.name));
            // What is put into base64 makes other text of it.
            let packed = text.matches("<title mode=\"base64\"").count();
            assert!(counts.right + packed >= counts.titled, "{name}: {}: titles", kind.name);
        }
    }
    assert!(feeds >= 6, "{feeds} feeds");
}

/// The same with real feeds: of 97, at least 96 keep every entry's id and link.
#[test]
fn of_97_real_feeds_96_keep_every_entry_under_each_kind_of_damage() {
    let Some(folder) = real_feeds() else { return };
    let mut feeds = Vec::new();
    let mut newest: BTreeMap<String, String> = BTreeMap::new();
    for file in files(&folder) {
        if MADE_UP.iter().any(|source| file.starts_with(source)) {
            continue;
        }
        let (place, name) = file.rsplit_once('/').expect("in a folder");
        // Of a history the newest; other files each by itself.
        let history = file.starts_with("sequences/");
        newest.insert(if history { place.to_owned() } else { format!("{place}/{name}") }, file);
    }
    for file in newest.into_values() {
        let bytes = std::fs::read(folder.join(&file)).expect("a file");
        if let Some((text, document)) = sound(bytes, 1) {
            feeds.push((file, text, document));
        }
    }
    println!("{} real feeds\n", feeds.len());
    println!("{:<40} | {:>6} | {:>9} | titles that came out right", "damage", "intact", "entries");
    let mut failed = Vec::new();
    for kind in &KINDS {
        let (mut intact, mut counts) = (0, Counts::default());
        for (file, text, document) in &feeds {
            match wrong(kind, document, text) {
                Ok(of) => {
                    intact += 1;
                    counts.titled += of.titled;
                    counts.right += of.right;
                }
                Err(what) => println!("    {file}: {what}"),
            }
        }
        let entries: usize = feeds.iter().map(|(_, _, document)| document.entries.len()).sum();
        let right = 100.0 * counts.right as f64 / counts.titled.max(1) as f64;
        let right = if kind.title.is_empty() { String::new() } else { format!("{right:.1} %") };
        println!("{:<40} | {intact:>6} | {entries:>9} | {right}", kind.name);
        if intact * 97 < feeds.len() * 96 {
            failed.push(kind.name);
        }
    }
    assert!(!feeds.is_empty(), "the folder has no real feed");
    assert!(failed.is_empty(), "under 96 of 97: {failed:?}");
}
