//! What must hold for any bytes at all: shared by the fuzz targets and by the short run of the
//! ordinary tests.

#![allow(dead_code, reason = "each target uses one of them")]

use std::path::Path;

use oncecast::config::{Config, Secrets};
use oncecast::feed::parse::{Hints, parse};
use oncecast::model::identity::{
    aliases, canonical_link, differs_only_in_digits, same_post_evidence,
};
use oncecast::model::{Entry, Time};
use oncecast::post::text;

/// The content types of the answers that feeds come in; the last byte of the data picks one.
const CONTENT_TYPES: [Option<&str>; 5] = [
    None,
    Some("application/rss+xml; charset=utf-8"),
    Some("text/xml; charset=iso-8859-1"),
    Some("text/html"),
    Some("application/feed+json; charset=shift_jis"),
];

/// Bytes to entries.
pub(crate) fn entries(bytes: &[u8]) {
    let pick = bytes.last().copied().unwrap_or_default();
    let content_type = CONTENT_TYPES[usize::from(pick) % CONTENT_TYPES.len()];
    let hints = Hints { content_type, base_url: None };
    let Ok(document) = parse(bytes, &hints) else { return };
    assert!(document.entries.len() <= 2_000);
    assert_eq!(document.entries.len(), document.origins.len());
    for entry in &document.entries {
        assert!(entry.title.chars().count() <= 1_000);
        assert!(!entry.title.contains(is_bad), "{:?}", entry.title);
        assert!(entry.guid.as_ref().is_none_or(|guid| guid.len() <= 2_048 && !guid.is_empty()));
        for link in entry.link.iter().chain(entry.enclosures.iter().map(|e| &e.url)) {
            assert!(link.starts_with("http://") || link.starts_with("https://"), "{link:?}");
            let host = link.split('/').nth(2).unwrap_or_default();
            assert!(!host.contains('@') && link.len() <= 2_048, "{link:?}");
        }
    }
    let distinct = document.clone().distinct();
    assert!(distinct.entries.len() <= document.entries.len());
    assert_eq!(distinct.entries.len(), distinct.origins.len());
    let again = parse(bytes, &hints);
    assert_eq!(Ok(&document), again.as_ref(), "the same bytes twice");
}

/// What steers or hides text.
fn is_bad(c: char) -> bool {
    c.is_control() || matches!(c, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{FEFF}')
}

/// Entries to aliases. The fields of two entries stand in the data, parted by NUL.
pub(crate) fn identity(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let mut fields = text.split('\0');
    let mut entry = || {
        let mut field = || fields.next().map(str::to_owned);
        Entry {
            guid: field(),
            link: field(),
            title: field().unwrap_or_default(),
            published: field().and_then(|ms| ms.parse().ok()).map(Time::from_millis),
            summary: field().unwrap_or_default(),
            content: field().unwrap_or_default(),
            ..Entry::default()
        }
    };
    let (one, other) = (entry(), entry());
    for entry in [&one, &other] {
        let names = aliases("feed", entry);
        assert!(names.windows(2).all(|pair| pair[0].kind < pair[1].kind), "{names:?}");
        assert_eq!(names, aliases("feed", &entry.clone()));
        for link in entry.link.iter().chain(&entry.guid) {
            let Some(canonical) = canonical_link(link) else { continue };
            assert_eq!(canonical_link(&canonical).as_ref(), Some(&canonical), "{link:?}");
        }
    }
    assert_eq!(same_post_evidence(&one, &other), same_post_evidence(&other, &one));
    let differs = |a: &Entry, b: &Entry| differs_only_in_digits(&a.title, &b.title);
    assert_eq!(differs(&one, &other), differs(&other, &one));
}

/// HTML to text.
pub(crate) fn html(data: &[u8]) {
    let html = String::from_utf8_lossy(data);
    let out = text::from_html(&html);
    assert!(out.chars().all(text::is_allowed), "{out:?}");
    assert!(!out.contains("\n\n\n") && out.trim_end() == out, "{out:?}");
    assert_eq!(out, text::from_html(&html));
    let line = text::line(&out);
    assert!(!line.contains('\n') && line == text::line(&line), "{line:?}");
}

/// A config file to a config.
pub(crate) fn config(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let file = Path::new("oncecast.toml");
    if let Err(error) = Config::parse(&text, file, Secrets::Skip, &|_| None) {
        let told = error.to_string();
        assert!(told.contains("oncecast.toml"), "{told}");
    }
}
