//! Why an entry is read otherwise than feedparser reads it: differences of a few kinds, each told by what
//! stands in the file and not by the file's name, so that it holds for files that nobody has seen.

use encoding_rs::{Encoding, WINDOWS_1252};
use oncecast::feed::parse::Origin;
use oncecast::model::Entry;

use super::conformance::{same_title, word};
use super::folder::Seen;

/// Why all of these differ; `None` where one of them cannot be told. `complete` says whether the document is.
pub(crate) fn all(
    lost: &[&Seen],
    left: &[(&Entry, &Origin)],
    bytes: &[u8],
    complete: bool,
) -> Option<String> {
    let text = String::from_utf8_lossy(bytes).replace("&amp;", "&");
    if let Some(why) = of_the_whole(lost, left, &text) {
        return Some(why.to_owned());
    }
    let mut whys: Vec<&str> = Vec::new();
    let mut left = left.to_vec();
    for (at, seen) in lost.iter().enumerate() {
        let found = left
            .iter()
            .enumerate()
            .find_map(|(at, (entry, origin))| Some((at, pair(seen, entry, origin, &text, bytes)?)));
        match found {
            Some((at, why)) => {
                left.remove(at);
                whys.extend(why);
            }
            None if is_empty(seen) => whys.push("an item with nothing in it is left out"),
            None if !complete && at + 1 == lost.len() => {
                whys.push("an entry in which the feed breaks off is not taken");
            }
            None => return None,
        }
    }
    whys.sort_unstable();
    whys.dedup();
    left.is_empty().then(|| whys.join("; "))
}

fn is_empty(seen: &Seen) -> bool {
    [&seen.0, &seen.1, &seen.2].iter().all(|text| word(text).is_empty())
}

/// What a file is, where that explains all.
fn of_the_whole(lost: &[&Seen], left: &[(&Entry, &Origin)], text: &str) -> Option<&'static str> {
    let lower = text.to_ascii_lowercase();
    if is_template(text) && left.iter().all(|(entry, _)| entry.guid.is_none()) {
        return Some("a template is no feed before a server has filled it in");
    }
    if lower.contains("<channel") && !lower.contains("<rss") && !lower.contains("<rdf") {
        return Some("of CDF only what RSS has too is read");
    }
    // The inner one of two ends the outer one for feedparser, which mixes them.
    if nests(&lower) && left.iter().all(|(entry, _)| text.contains(&entry.title)) {
        return Some("an entry inside another is no entry of the feed");
    }
    let ends = ["</rss>", "</feed>", "</rdf:rdf>"];
    let end = ends.iter().filter_map(|end| lower.find(end)).min().unwrap_or(lower.len());
    let is_behind = |seen: &&Seen| {
        let id = word(&seen.0);
        !id.is_empty() && !text[..end].contains(id) && text[end..].contains(id)
    };
    (left.is_empty() && lost.iter().all(is_behind))
        .then_some("what stands behind the end of a feed is no part of it")
}

/// Whether a file is one from which a server makes a feed.
pub(crate) fn is_template(text: &str) -> bool {
    ["<?php", "<?=", "<TMPL_"].iter().any(|mark| text.contains(mark))
}

/// Whether an entry stands inside another.
fn nests(lower: &str) -> bool {
    let mut depth = 0_u32;
    for tag in lower.split('<') {
        let name = tag.split(|c: char| c == '>' || c.is_whitespace()).next().unwrap_or_default();
        match name {
            "item" | "entry" if !tag.split('>').next().unwrap_or_default().ends_with('/') => {
                depth += 1;
                if depth > 1 {
                    return true;
                }
            }
            "/item" | "/entry" => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    false
}

/// Why one entry differs in each of its three; `None` where it is another one.
fn pair(
    seen: &Seen,
    entry: &Entry,
    origin: &Origin,
    text: &str,
    bytes: &[u8],
) -> Option<Vec<&'static str>> {
    let (id, link, title) = (word(&seen.0), word(&seen.1), word(&seen.2));
    let (guid, own) = (word(&entry.guid), word(&origin.link));
    let mut whys = Vec::new();
    if id != guid {
        whys.push(address(id, guid, text)?);
    }
    if link != own {
        whys.push(address(link, own, text)?);
    }
    if !same_title(&entry.title, title) {
        whys.push(spelt(title, &entry.title, bytes)?);
    }
    // Something must be the same.
    (id == guid || link == own || same_title(&entry.title, title)).then_some(whys)
}

fn address(theirs: &str, ours: &str, text: &str) -> Option<&'static str> {
    let stands = |address: &str| !address.is_empty() && text.contains(address);
    let is_of_web = |address: &str| address.starts_with("http");
    if !is_of_web(ours) && !ours.is_empty() && theirs.ends_with(ours.trim_start_matches('.')) {
        return Some("an address that is not whole is kept as it is written");
    }
    if theirs.replace(';', "") == ours.replace(';', "") {
        return Some("an & that nobody escaped begins no entity");
    }
    if stands(theirs) && stands(ours) {
        return Some("of several addresses of an entry another one is taken");
    }
    (!is_of_web(theirs)).then_some("what leads nowhere is no link")
}

/// A title whose letters feedparser took for others.
fn spelt(theirs: &str, ours: &str, bytes: &[u8]) -> Option<&'static str> {
    let as_read: Option<Vec<u8>> = theirs
        .chars()
        .map(|c| match u8::try_from(c) {
            Ok(byte) => Some(byte),
            Err(_) => match WINDOWS_1252.encode(c.encode_utf8(&mut [0; 4])) {
                (encoded, _, false) if encoded.len() == 1 => Some(encoded[0]),
                _ => None,
            },
        })
        .collect();
    let as_read = as_read?;
    // What was not encoded twice stands beside it.
    let was: String = as_read.utf8_chunks().fold(String::new(), |was, chunk| {
        was + chunk.valid() + &WINDOWS_1252.decode_without_bom_handling(chunk.invalid()).0
    });
    // Of a space that was encoded twice they take the second half for a space.
    let meant = was.trim_end_matches('\u{c2}');
    if meant != theirs && same_title(ours, meant) {
        return Some("UTF-8 that was encoded twice is read as it was meant");
    }
    let labels = ["gbk", "euc-jp", "shift_jis", "big5", "euc-kr", "koi8-r", "windows-1251"];
    let encodings = labels.iter().filter_map(|label| Encoding::for_label(label.as_bytes()));
    let mut read = encodings.map(|encoding| encoding.decode_without_bom_handling(&as_read).0);
    (!bytes.is_ascii() && read.any(|was| same_title(ours, &was)))
        .then_some("an encoding that nobody declares is found by its bytes")
}
