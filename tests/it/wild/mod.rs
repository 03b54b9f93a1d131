//! Feeds as they are: what is new in them flows, and what is known is never new again.
//!
//! Real feeds are read from the folder that `ONCECAST_FEEDS` names; without it those tests say that they
//! pass over them.
#![expect(clippy::print_stdout, reason = "it reports figures to whoever asks for them")]

mod drafts;
mod flow;
mod lives;
mod mind;
mod windows;

use std::path::{Path, PathBuf};

use oncecast::feed::parse::{Hints, parse};
use oncecast::model::Entry;

/// The folder of real feeds.
pub(crate) fn real_feeds() -> Option<PathBuf> {
    let folder = std::env::var_os("ONCECAST_FEEDS").map(PathBuf::from).filter(|f| f.is_dir());
    if folder.is_none() {
        println!("passed over: ONCECAST_FEEDS names no folder of real feeds");
    }
    folder
}

fn is_snapshot(path: &Path) -> bool {
    path.extension().is_some_and(|end| end == "xml" || end == "json" || end == "atom")
        && path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(char::is_numeric))
}

/// The entries of a file, oldest first; none where it is no feed.
fn entries(file: &Path) -> Vec<Entry> {
    let bytes = std::fs::read(file).expect("readable");
    let hints = Hints { content_type: None, base_url: None };
    parse(&bytes, &hints).map(|document| document.entries).unwrap_or_default()
}
