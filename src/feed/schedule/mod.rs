//! The course of a feed: what is remembered after a poll, and when the next one is. One pure function
//! of what was remembered, what the poll brought and the time; the chance in it comes from a seed.
//!
//! | a poll brings | and then |
//! |---|---|
//! | 200 with another body, whole | its validators are kept; the next poll after the interval |
//! | 200 with the same body, 304 | its validators are kept; the next poll after the interval |
//! | a body that breaks off | its whole entries are taken; validators are kept when it was the same thrice |
//! | no feed (a page, a login) | nothing is forgotten; a rest as after 5xx |
//! | 5xx, no connection, too slow | a rest of 15 minutes, doubling up to 12 hours |
//! | 401, 403, 451 | a rest of 4 hours, doubling up to a day |
//! | 404 | as 5xx; after 14 days it is looked for once a week |
//! | 410 | a rest of 6 hours; said again after that, it is not asked any more |
//! | 429, or 503 with `Retry-After` | nothing on that host is asked until then, up to a week |
//! | 429 without | nothing on that host for 4 hours, or twice the interval; doubling up to a day |
//! | too large, a circle of redirects, a private address | a rest of a day |
//! | redirects, all for good | followed; adopted after 3 polls over 2 days that found known entries |
//!
//! The interval lies between the two of the config, `every` and `every_max`: longer than `every` for a
//! feed that has been silent for a month (three times), half a year (six times) or a year (twelve
//! times), while an answer is fresh by its headers, and where the feed asks for it (`ttl`,
//! `sy:updatePeriod`). `skipHours` and `skipDays` move a poll to the next hour that is free.

mod hints;
mod rests;
#[cfg(test)]
mod tests;

use std::time::Duration;

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

use crate::config::{Feed, FeedSource};
use crate::model::{Fault, FeedState, Hub, Move, Standing, Time, Wishes};

use super::fetch::{FetchError, Fetched, Said};
use super::parse::{Document, NotAFeed};

/// A feed is unhealthy after this many of its intervals without an answer.
const UNHEALTHY_INTERVALS: u32 = 3;
/// A feed that had entries and has none for this long is told of.
const EMPTY_MAX: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// A move that says it is for good is believed when it has held for so many polls and so long.
const MOVE_POLLS: u32 = 3;
const MOVE_AGE: Duration = Duration::from_secs(48 * 60 * 60);
/// A feed that says it is gone is asked once more, not before this.
const GONE_AGAIN: Duration = Duration::from_secs(6 * 60 * 60);
/// A body that breaks off at the same place so many times is all there is.
const CUT_TIMES: u32 = 3;
/// An address to which a feed has moved is given up after this many failures in a row.
const MOVED_FAILURES: u32 = 3;
/// How many entries are remembered by what they are called.
const SAMPLE: usize = 32;
/// Nothing is asked twice within a second because it settles.
const SHORTEST_LOOK: Duration = Duration::from_secs(1);

/// What the operator says about one feed's polls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    /// How often it is polled.
    pub every: Duration,
    /// And how seldom, at the most.
    pub every_max: Duration,
    /// Whether it is on this machine, where nobody else is bothered.
    pub is_here: bool,
    /// A digest of its address in the config.
    pub written: String,
}

impl Rules {
    /// The rules of a feed.
    #[must_use]
    pub fn of(feed: &Feed) -> Self {
        let address = match &feed.source {
            FeedSource::Http(url) => url.to_string(),
            FeedSource::File(path) => path.display().to_string(),
        };
        let digest = Sha256::digest(address.as_bytes());
        Self {
            every: feed.every,
            every_max: feed.every_max.max(feed.every),
            is_here: feed.source.is_here(),
            written: HEXLOWER.encode(&digest[..8]),
        }
    }
}

/// How one poll ended.
#[derive(Debug, Clone, Copy)]
pub enum Poll<'a> {
    /// An answer that can be used.
    Answer {
        /// What was fetched.
        fetched: &'a Fetched,
        /// What the answer said beside it.
        said: &'a Said,
        /// What was read in its body, where there was a new one.
        read: Option<&'a Read>,
    },
    /// Nothing that can be used.
    Failed(&'a Failed),
}

/// What the machine needs to know of a document.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Read {
    /// How many entries it has.
    pub entries: u32,
    /// Whether it is whole.
    pub whole: bool,
    /// Hashes of what its newest entries are called.
    pub sample: Vec<u32>,
    /// What it asks for.
    pub wishes: Wishes,
    /// The first of its hubs.
    pub hub: Option<String>,
    /// Its own address, as it says.
    pub own: Option<String>,
}

/// Why a poll brought nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failed {
    /// What kind of failure it is.
    pub fault: Fault,
    /// In words.
    pub words: String,
    /// Who answered, where somebody did.
    pub host: Option<String>,
    /// How long the server asks to be left alone.
    pub wait: Option<Duration>,
}

impl Read {
    /// Of a document; `whole` says whether its body came whole.
    #[must_use]
    pub fn of(document: &Document, whole: bool) -> Self {
        let facts = &document.facts;
        let named = document.entries.iter().rev().take(SAMPLE).filter_map(|entry| {
            let name = entry.guid.as_deref().or(entry.link.as_deref());
            name.map(|name| crc32fast::hash(name.as_bytes()))
        });
        Self {
            entries: u32::try_from(document.entries.len()).unwrap_or(u32::MAX),
            whole: whole && document.complete,
            sample: named.collect(),
            wishes: hints::wishes(facts),
            hub: facts.hubs.first().cloned(),
            own: facts.self_link.clone(),
        }
    }
}

impl From<&FetchError> for Failed {
    fn from(error: &FetchError) -> Self {
        let host = error.host().map(str::to_owned);
        Self { fault: error.fault(), words: error.to_string(), host, wait: error.wait() }
    }
}

impl From<&NotAFeed> for Failed {
    fn from(error: &NotAFeed) -> Self {
        Self { fault: Fault::Content, words: error.to_string(), host: None, wait: None }
    }
}

/// What is remembered of a feed, under these rules: one with another address in the config is asked
/// there at once, and nothing is held against it.
#[must_use]
pub fn taken_up(state: FeedState, rules: &Rules) -> FeedState {
    match &state.written {
        Some(written) if *written != rules.written => state.readdressed(&rules.written),
        Some(_) => state,
        None => FeedState { written: Some(rules.written.clone()), ..state },
    }
}

/// What is remembered after a poll, and when the next one is.
#[must_use]
pub fn after(
    mut state: FeedState,
    poll: Poll<'_>,
    rules: &Rules,
    now: Time,
    seed: u64,
) -> FeedState {
    match poll {
        Poll::Failed(failed) => fail(&mut state, failed, rules, now, seed),
        Poll::Answer { fetched, said, read } => {
            let before = state.sample.clone();
            trust(&mut state, fetched, said, read);
            take(&mut state, fetched, read, now);
            moving(&mut state, said, read, before, now);
            hub(&mut state, said, read);
            state.last_outcome = Some(outcome(fetched, said, read));
            state.fresh = said.fresh;
            state.not_before = None;
            state.gone = None;
            (state.next_poll, state.why_next) = hints::next(&state, rules, now, seed);
        }
    }
    state
}

fn fail(state: &mut FeedState, failed: &Failed, rules: &Rules, now: Time, seed: u64) {
    let Failed { fault, words, host, wait } = failed;
    note(state, *fault, words, now);
    state.last_outcome = Some(words.clone());
    state.gone = match fault {
        Fault::Gone => {
            let first = state.gone.unwrap_or(now);
            state.streak = if now.since(first) >= GONE_AGAIN { 2 } else { 1 };
            Some(first)
        }
        _ => None,
    };
    if state.failures >= MOVED_FAILURES {
        state.moved_to = None;
    }
    let (rest, why) = rests::rest(state, *fault, *wait, rules, now, seed);
    state.next_poll = now.plus(rest);
    state.why_next = why;
    state.not_before = match (fault, host) {
        (Fault::Throttled, Some(host)) => Some((host.clone(), state.next_poll)),
        _ => None,
    };
}

/// Counts a failure.
fn note(state: &mut FeedState, fault: Fault, words: &str, now: Time) {
    state.streak = if state.fault == Some(fault) { state.streak.saturating_add(1) } else { 1 };
    state.fault = Some(fault);
    state.failures = state.failures.saturating_add(1);
    state.failing_since.get_or_insert(now);
    state.last_error = Some(words.to_owned());
}

/// What a look at the whole feed says about "not modified".
fn trust(state: &mut FeedState, fetched: &Fetched, said: &Said, read: Option<&Read>) {
    if !said.checked {
        return;
    }
    match (fetched, read) {
        (Fetched::Unchanged(_), _) => {
            state.honest = state.honest.saturating_add(1);
            state.lies = 0;
        }
        (Fetched::Body(_), Some(read))
            if !state.sample.is_empty()
                && read.sample.iter().any(|name| !state.sample.contains(name)) =>
        {
            state.honest = 0;
            state.lies = state.lies.saturating_add(1);
        }
        _ => {}
    }
}

/// Takes the answer's validators and what its document says.
fn take(state: &mut FeedState, fetched: &Fetched, read: Option<&Read>, now: Time) {
    match (fetched, read) {
        (Fetched::Body(body), Some(read)) if read.whole => {
            fetched.remember(state, now, true);
            state.cut = None;
            state.entries = read.entries;
            state.wishes = read.wishes;
            if !read.sample.is_empty() {
                state.sample.clone_from(&read.sample);
            }
            let lost = read.entries == 0 && !state.sample.is_empty();
            state.empty_since = lost.then(|| state.empty_since.unwrap_or(now));
            debug_assert!(body.whole, "what came in part is not whole");
        }
        (Fetched::Body(body), _) => {
            let same = |(sha256, times): (String, u32)| (sha256 == body.sha256).then_some(times);
            let times = state.cut.take().and_then(same).unwrap_or(0).saturating_add(1);
            let last_change = state.last_change;
            // What was never seen whole has no baseline: it goes on being asked for in full.
            fetched.remember(state, now, times >= CUT_TIMES && !state.sample.is_empty());
            state.last_change = last_change;
            // Its bytes are read each time, since only what stands in them was seen.
            state.body_sha256 = None;
            state.cut = Some((body.sha256.clone(), times));
        }
        (Fetched::NotModified(_) | Fetched::Unchanged(_), _) => fetched.remember(state, now, true),
    }
    if state.cut.is_some() {
        note(state, Fault::Cut, "the document breaks off", now);
    } else {
        state.fault = None;
        state.streak = 0;
        state.failures = 0;
        state.failing_since = None;
        state.last_error = None;
    }
}

/// Whether the feed has moved for good.
fn moving(state: &mut FeedState, said: &Said, read: Option<&Read>, before: Vec<u32>, now: Time) {
    let moving = state.moving.take();
    let Some(to) = &said.moved else { return };
    let shown = read.map_or(&state.sample, |read| &read.sample);
    let mut moving = moving.filter(|moving| moving.to == to.as_str()).unwrap_or_else(|| Move {
        to: to.to_string(),
        since: now,
        times: 0,
        before: if before.is_empty() { shown.clone() } else { before },
        known: false,
    });
    moving.times = moving.times.saturating_add(1);
    moving.known |= shown.iter().any(|name| moving.before.contains(name));
    let held = moving.times >= MOVE_POLLS && now.since(moving.since) >= MOVE_AGE;
    if held && moving.known {
        state.moved_to = Some(moving.to);
    } else {
        state.moving = Some(moving);
    }
}

/// Who would call when the feed changes: headers say so before the document does.
fn hub(state: &mut FeedState, said: &Said, read: Option<&Read>) {
    let named = said.hubs.first().or_else(|| read.and_then(|read| read.hub.as_ref()));
    let own = said.own.as_ref().or_else(|| read.and_then(|read| read.own.as_ref()));
    match (named, own) {
        (Some(url), Some(topic)) => {
            let same = state.hub.as_ref().is_some_and(|h| h.url == *url && h.topic == *topic);
            if !same {
                let (url, topic) = (url.clone(), topic.clone());
                state.hub = Some(Hub { url, topic, ..Hub::default() });
            }
        }
        _ if read.is_some_and(|read| read.whole) => state.hub = None,
        _ => {}
    }
}

/// How a poll ended, in words.
fn outcome(fetched: &Fetched, said: &Said, read: Option<&Read>) -> String {
    let status = if said.status == 0 { String::new() } else { format!(" ({})", said.status) };
    match (fetched, read) {
        (Fetched::NotModified(_), _) => format!("not modified{status}"),
        (Fetched::Unchanged(_), _) => format!("the same bytes{status}"),
        (Fetched::Body(_), Some(read)) if read.whole => {
            format!("a document of {} entries{status}", read.entries)
        }
        (Fetched::Body(_), Some(read)) => {
            format!("a document that breaks off after {} entries{status}", read.entries)
        }
        (Fetched::Body(_), None) => format!("a body{status}"),
    }
}

/// When it is looked at again for a new entry that settles, if that is sooner than its next poll.
#[must_use]
pub fn look(next: Time, settled: Option<Time>, every: Duration, now: Time) -> Time {
    settled.map_or(next, |settled| next.min(settled.max(now.plus(SHORTEST_LOOK.min(every)))))
}

/// Why a feed is not well, in words; `None` while it is. A feed is unhealthy when it has failed for
/// longer than three of its intervals, and at once where only a person can mend it.
#[must_use]
pub fn unhealthy(state: &FeedState, every: Duration, now: Time) -> Option<String> {
    let error = state.last_error.as_deref().unwrap_or("for an unknown reason");
    match state.standing(now) {
        Standing::Gone => {
            return Some(format!(
                "not polled any more: {error}; if it is back, oncecast poll asks it again"
            ));
        }
        Standing::Dead => {
            let days = state.failing_since.map_or(0, |since| now.since(since).as_secs() / 86_400);
            return Some(format!("not there for {days} days, and looked for once a week: {error}"));
        }
        Standing::Resting if state.fault == Some(Fault::Refused) => {
            return Some(format!("not taken: {error}"));
        }
        _ => {}
    }
    if let Some(since) = state.empty_since.filter(|since| now.since(*since) > EMPTY_MAX) {
        return Some(format!("without any entry since {since}, where there were some"));
    }
    let failing = now.since(state.failing_since?);
    if failing <= every.saturating_mul(UNHEALTHY_INTERVALS) {
        return None;
    }
    let times = state.failures;
    Some(format!("failing for {} ({times} polls in a row): {error}", in_words(failing)))
}

/// What is worth a word about a feed that is well.
#[must_use]
pub fn remark(state: &FeedState, now: Time) -> Option<String> {
    let moving = state.moving.as_ref()?;
    let held = moving.times >= MOVE_POLLS && now.since(moving.since) >= MOVE_AGE;
    (held && !moving.known).then(|| {
        "its server says that it has moved for good, to where none of its entries is found: \
         if that is right, write the new address into the config"
            .to_owned()
    })
}

/// The largest unit that fits twice, or seconds.
fn in_words(duration: Duration) -> String {
    let seconds = duration.as_secs();
    for (unit, length) in [("days", 86_400), ("hours", 3_600), ("minutes", 60)] {
        if seconds >= 2 * length {
            return format!("{} {unit}", seconds / length);
        }
    }
    format!("{seconds} s")
}
