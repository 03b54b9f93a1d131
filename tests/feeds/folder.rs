//! The folder of real feeds: one subfolder a source, and beside them what feedparser finds in each
//! file, one JSON object a line in `ORACLE_feedparser.*.jsonl`.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::IgnoredAny;

/// The folder, or `None` with a word about it: a test that passes over it says so.
pub(crate) fn real_feeds() -> Option<PathBuf> {
    let folder = std::env::var_os("ONCECAST_FEEDS").map(PathBuf::from).filter(|f| f.is_dir());
    if folder.is_none() {
        println!("passed over: ONCECAST_FEEDS names no folder of real feeds");
    }
    folder
}

/// What feedparser finds in one file.
#[derive(Debug, Deserialize)]
pub(crate) struct Oracle {
    /// The file, from the folder on.
    pub(crate) f: String,
    #[serde(default)]
    pub(crate) entries: Vec<Seen>,
}

/// An entry: id, link, title.
#[derive(Debug, Deserialize)]
#[serde(from = "(Option<String>, Option<String>, Option<String>, IgnoredAny)")]
pub(crate) struct Seen(
    pub(crate) Option<String>,
    pub(crate) Option<String>,
    pub(crate) Option<String>,
);

impl From<(Option<String>, Option<String>, Option<String>, IgnoredAny)> for Seen {
    fn from(
        (id, link, title, _): (Option<String>, Option<String>, Option<String>, IgnoredAny),
    ) -> Self {
        Self(id, link, title)
    }
}

/// Every feed in the folder, from the folder on: what lies in a source's own folder, whatever it is.
pub(crate) fn files(folder: &Path) -> Vec<String> {
    let mut files = Vec::new();
    walk(folder, &mut files);
    let inside = |path: PathBuf| path.strip_prefix(folder).expect("inside").display().to_string();
    let mut files: Vec<String> = files.into_iter().map(inside).collect();
    files.retain(|file| {
        let told = file.ends_with("/index.tsv") || file.ends_with("/expected.json");
        file.contains('/') && !(told && file.starts_with("sequences/"))
    });
    files.sort();
    files
}

fn walk(folder: &Path, files: &mut Vec<PathBuf>) {
    for item in std::fs::read_dir(folder).expect("a folder") {
        let path = item.expect("readable").path();
        if path.is_dir() {
            walk(&path, files);
        } else {
            files.push(path);
        }
    }
}

/// The oracle's lines, in order.
pub(crate) fn oracle(folder: &Path) -> Vec<Oracle> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .expect("a folder")
        .map(|item| item.expect("readable").path())
        .filter(|path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            name.starts_with("ORACLE_feedparser") && name.ends_with(".jsonl")
        })
        .collect();
    files.sort();
    let mut all = Vec::new();
    for file in files {
        let text = std::fs::read_to_string(file).expect("readable");
        let lines = text.lines().filter(|line| !line.trim().is_empty());
        all.extend(lines.map(|line| serde_json::from_str::<Oracle>(line).expect("an oracle line")));
    }
    all
}

/// A header that a file of feedparser's own tests asks to be served with.
pub(crate) fn header(bytes: &[u8], name: &str) -> Option<String> {
    let head = String::from_utf8_lossy(&bytes[..bytes.len().min(2_000)]);
    head.lines().find_map(|line| {
        let (key, value) = line.trim().strip_prefix("Header:")?.trim().split_once(':')?;
        key.trim().eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
    })
}
