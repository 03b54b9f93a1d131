//! What one poll brings, before the ledger takes it: the poll itself and its rehearsal (`plan`) go the
//! same way up to here.

use crate::config::FeedSource;
use crate::feed::fetch::{self, Fetched};
use crate::feed::parse::{Format, Problem};
use crate::feed::schedule::{self, Failed, Poll, Read, Rules};
use crate::ledger::Sight;
use crate::model::{FeedState, Time};
use crate::wire::Getter;

use super::poll::document_of;

/// What one poll brought.
#[derive(Debug)]
pub struct Brought {
    /// What was seen.
    pub sight: Sight,
    /// What is to be remembered of it.
    pub state: FeedState,
    /// What the document was like, where there was one to read.
    pub document: Option<About>,
}

/// What a document was like.
#[derive(Debug)]
pub struct About {
    /// What kind it is.
    pub format: Format,
    /// The encoding it was read in.
    pub encoding: &'static str,
    /// How that was found, in words.
    pub encoding_by: &'static str,
    /// What was repaired or skipped.
    pub problems: Vec<Problem>,
    /// How many entries it has.
    pub entries: usize,
    /// Where older entries are, as it says.
    pub older: Option<String>,
}

/// Asks for a feed, and reads what comes. `settles` says whether an entry waits for its second look.
pub async fn bring(
    getter: &dyn Getter,
    source: &FeedSource,
    rules: &Rules,
    state: FeedState,
    settles: bool,
    now: Time,
    seed: u64,
) -> Brought {
    // That half a document is unchanged says nothing of an entry in its other half.
    let blind = settles && state.cut.is_some();
    let asking = if blind {
        &FeedState { etag: None, last_modified: None, ..state.clone() }
    } else {
        &state
    };
    let failed = |failed: Failed, state: FeedState| Brought {
        sight: Sight::Nothing,
        state: schedule::after(state, Poll::Failed(&failed), rules, now, seed),
        document: None,
    };
    let (fetched, said) = match fetch::ask(getter, source, asking, now).await {
        Ok(answer) => answer,
        Err(error) => return failed(Failed::from(&error), state),
    };
    let Fetched::Body(body) = &fetched else {
        let poll = Poll::Answer { fetched: &fetched, said: &said, read: None };
        let state = schedule::after(state, poll, rules, now, seed);
        return Brought { sight: Sight::Unchanged, state, document: None };
    };
    match document_of(body.as_ref().clone()).await {
        Ok(document) => {
            let read = Read::of(&document, body.whole);
            let poll = Poll::Answer { fetched: &fetched, said: &said, read: Some(&read) };
            let state = schedule::after(state, poll, rules, now, seed);
            let (shown, older) = (document.entries.len(), document.facts.older);
            let sight = Sight::Document { entries: document.entries, complete: read.whole };
            let document = About {
                format: document.format,
                encoding: document.encoding,
                encoding_by: document.encoding_by,
                problems: document.problems,
                entries: shown,
                older,
            };
            Brought { sight, state, document: Some(document) }
        }
        Err(error) => failed(Failed::from(&error), state),
    }
}
