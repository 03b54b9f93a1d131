//! `try`: what a feed would post, without a config and without sending anything.

use std::convert::Infallible;
use std::path::PathBuf;

use serde_json::json;
use url::Url;

use crate::clock::{Clock as _, SystemClock};
use crate::config::FeedSource;
use crate::feed::fetch::{self, Fetched};
use crate::feed::parse::{Document, NotAFeed};
use crate::flow::poll;
use crate::ledger::Policy;
use crate::ledger::admission::{self, Decision, Memory, Today};
use crate::model::identity::aliases;
use crate::model::{Entry, EntryId, FeedState, Fingerprint, Time};
use crate::post::template::{DEFAULT_TEMPLATE, Fields, Mentions, render};
use crate::wire::Wire;

use crate::desk::print;

use super::{Failure, Outcome, exit};

/// What this command calls the feed, where a config would name it.
const NAME: &str = "try";

pub(super) async fn try_feed(source: &str, json: bool) -> Outcome {
    let place = source_of(source)?;
    let wire = Wire::open().map_err(|e| Failure::new(exit::UNAVAILABLE, e.to_string()))?;
    let now = SystemClock.now();
    let fetched =
        fetch::fetch(wire.as_ref(), &place, &FeedState::default(), now).await.map_err(|e| {
            // A file that cannot be read names itself.
            let named = matches!(place, FeedSource::File(_));
            let what = if named { String::new() } else { format!("{source}: ") };
            Failure::new(exit::NO_INPUT, format!("failed to read {what}{e}"))
        })?;
    let document = read(fetched)
        .await
        .map_err(|e| Failure::new(exit::DATA, format!("failed to read {source}: {e}")))?;
    let fates = fates(&document, now);
    let mut entries = Vec::new();
    for ((entry, origin), fate) in document.entries.iter().zip(&document.origins).zip(fates) {
        let names = aliases(NAME, entry);
        let fields = Fields::of(entry, Mentions::Keep);
        let post = render(DEFAULT_TEMPLATE, &fields)
            .map_err(|e| Failure::new(exit::FAILED, e.to_string()))?;
        if json {
            entries.push(json!({
                "id": entry.guid,
                "link": origin.link,
                "url": entry.link,
                "title": entry.title,
                "date": entry.published.map(|t| t.to_string()),
                "author": entry.author,
                "categories": entry.categories,
                "would": fate,
                "aliases": names.iter().map(|a| a.kind.word()).collect::<Vec<_>>(),
                "post": post,
            }));
            continue;
        }
        let id = names.first().map_or_else(
            || "----------".to_owned(),
            |alias| EntryId::from_fingerprint(&alias.fingerprint).short(),
        );
        let date = entry.published.map_or_else(|| "no date".to_owned(), |t| t.to_string());
        let by: Vec<&str> = names.iter().map(|a| a.kind.word()).collect();
        let by = if by.is_empty() { "nothing".to_owned() } else { by.join(", ") };
        print::out(&format!("{id}  {date}  known by {by}\n    {fate}\n"));
        for line in post.lines() {
            print::out(&format!("    {line}\n"));
        }
    }
    if json {
        print::json(&json!({
            "schema_version": 1,
            "source": source,
            "format": document.format.word(),
            "encoding": document.encoding,
            "encoding_by": document.encoding_by,
            "title": document.title,
            "complete": document.complete,
            "problems": document.problems.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "entries": entries,
        }));
        return Ok(exit::OK);
    }
    print::out(&format!(
        "\n{} in {} ({}), {} entries, oldest first; nothing was sent\n",
        document.format.word(),
        document.encoding,
        document.encoding_by,
        document.entries.len()
    ));
    print::out(
        "at the first sight of a feed all of it is remembered and not sent; what becomes of each is \
         told as if it came later, by itself\n",
    );
    if !document.complete {
        print::out("the document breaks off: only whole entries are shown\n");
    }
    for problem in document.problems.iter().take(20) {
        print::out(&format!("- {problem}\n"));
    }
    Ok(exit::OK)
}

/// A ledger that knows nothing, and is told nothing.
struct Blank;

impl Memory for Blank {
    type Error = Infallible;

    fn known_by(&self, _: &Fingerprint) -> Result<Option<u64>, Infallible> {
        Ok(None)
    }

    fn entry(&self, _: u64) -> Result<(Entry, String), Infallible> {
        Ok((Entry::default(), String::new()))
    }

    fn seen_in_feed(&self, _: u64) -> Result<bool, Infallible> {
        Ok(false)
    }
}

/// What would become of each entry, with the default walls, if it was not there before.
fn fates(document: &Document, now: Time) -> Vec<String> {
    let policy = Policy { burst: u32::MAX, share: 1.0, ..Policy::default() };
    let today = Today { clock: now, counted: now };
    let Ok(plan) = admission::plan(NAME, &document.entries, &Blank, &policy, false, today);
    let words = |decision| match decision {
        Decision::New { hold: None, .. } => "would be new: none of these is known".to_owned(),
        Decision::New { hold: Some(why), .. } => format!("would be new, and held: {why}"),
        Decision::Repeat | Decision::Known { .. } => "the same as another of these".to_owned(),
        Decision::Nameless => "passed over: nothing to know it by".to_owned(),
    };
    plan.decisions.into_iter().map(words).collect()
}

/// An address or a path, as a person writes it.
pub(super) fn source_of(source: &str) -> Result<FeedSource, Failure> {
    match Url::parse(source) {
        Ok(url) if matches!(url.scheme(), "http" | "https") => Ok(FeedSource::Http(url)),
        Ok(url) if source.contains("://") => Err(Failure::new(
            exit::USAGE,
            format!("failed to use {source}: {}: is neither http, https nor a file", url.scheme()),
        )),
        _ => Ok(FeedSource::File(PathBuf::from(source))),
    }
}

/// The document of a poll that had nothing to compare with.
pub(super) async fn read(fetched: Fetched) -> Result<Document, NotAFeed> {
    match fetched {
        Fetched::Body(body) => poll::document_of(*body).await,
        Fetched::NotModified(_) | Fetched::Unchanged(_) => Err(NotAFeed::Empty),
    }
}
