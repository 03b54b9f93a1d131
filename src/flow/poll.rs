//! One loop a feed: wait, fetch, parse, and let the ledger decide what is new.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::config::Feed;
use crate::feed::fetch::{self, Body, Fetched};
use crate::feed::parse::{self, Document, Hints, NotAFeed};
use crate::feed::schedule;
use crate::ledger::{Admitted, Intake, LedgerError, Sight};
use crate::model::{FeedState, Time};

use super::Parts;
use super::deliver::LEDGER_REST;

/// Feeds start this far apart.
pub const START_SPREAD: Duration = Duration::from_millis(250);
/// The longest that one poll may take: five redirects and an answer.
const POLL_MAX: Duration = Duration::from_secs(6 * 60);
/// A stored time further ahead than this comes from a clock that was wrong.
const AHEAD_MAX: Duration = Duration::from_secs(8 * 86_400);

/// The loop of one feed.
#[derive(Debug)]
pub struct Poller {
    feed: Feed,
    parts: Parts,
    fetches: Arc<Semaphore>,
}

impl Poller {
    /// A poller; `fetches` bounds how many fetch at once.
    #[must_use]
    pub const fn new(feed: Feed, parts: Parts, fetches: Arc<Semaphore>) -> Self {
        Self { feed, parts, fetches }
    }

    /// Polls until it is told to stop; a poll under way is given up, since it says nothing to anybody.
    pub async fn work(self, delay: Duration, stop: CancellationToken) {
        let beat = self.parts.pulse.voice(format!("feed {}", self.feed.name));
        let mut wait = delay;
        loop {
            beat.within(wait);
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = stop.cancelled() => return,
            }
            beat.within(POLL_MAX);
            let turn = tokio::select! {
                turn = self.turn() => turn,
                () = stop.cancelled() => return,
            };
            wait = turn.unwrap_or_else(|error| {
                tracing::error!(feed.name = %self.feed.name, %error,
                    "the ledger cannot take a poll; trying again");
                LEDGER_REST
            });
        }
    }

    /// One poll where it is time for one; comes back with how long to wait.
    ///
    /// # Errors
    /// Where the ledger cannot be used.
    pub async fn turn(&self) -> Result<Duration, LedgerError> {
        let (state, settles) = self.parts.ledger.feed(&self.feed.name).await?;
        let now = self.parts.clock.now();
        let state = state.unwrap_or_default();
        let due = state.next_poll.since(now);
        let due = if due > AHEAD_MAX { Duration::ZERO } else { due };
        // A feed that fails is given its rest, whatever waits in it.
        let settles = settles.filter(|_| state.failures == 0);
        let due = settles.map_or(due, |settles| settles.min(due));
        if !due.is_zero() {
            return Ok(due.min(self.feed.every.max(Duration::from_secs(60))));
        }
        self.poll(state, now).await
    }

    async fn poll(&self, mut state: FeedState, now: Time) -> Result<Duration, LedgerError> {
        let fetched = {
            // Closed only when the house is being left.
            let _place = self.fetches.acquire().await;
            fetch::fetch(self.parts.wire.as_ref(), &self.feed.source, &state, now).await
        };
        let mut wait = None;
        let sight = match fetched {
            Ok(fetched @ (Fetched::NotModified(_) | Fetched::Unchanged(_))) => {
                fetched.remember(&mut state, now, true);
                Sight::Unchanged
            }
            Ok(Fetched::Body(body)) => match document_of(body.as_ref().clone()).await {
                Ok(document) => {
                    self.report(&document);
                    let complete = document.complete && body.whole;
                    Fetched::Body(body).remember(&mut state, now, complete);
                    if complete {
                        state.entries = u32::try_from(document.entries.len()).unwrap_or(u32::MAX);
                    } else {
                        fetch::remember_failure(&mut state, now, "the document breaks off");
                    }
                    Sight::Document { entries: document.entries, complete }
                }
                Err(error) => {
                    fetch::remember_failure(&mut state, now, &error.to_string());
                    Sight::Nothing
                }
            },
            Err(error) => {
                wait = error.wait();
                fetch::remember_failure(&mut state, now, &error.to_string());
                Sight::Nothing
            }
        };
        let (every, seed) = (self.feed.every, fastrand::u64(..));
        state.next_poll = match state.failures {
            0 => schedule::after_success(every, now, seed, None),
            failures => schedule::after_failure(every, failures, now, seed, wait),
        };
        if let Some(error) = &state.last_error {
            let (name, retry) = (&self.feed.name, state.next_poll);
            tracing::warn!(feed.name = %name, failures = state.failures, %error, next = %retry,
                "the poll brought nothing whole");
        }
        let (next, failing) = (state.next_poll, state.failures > 0);
        let feed = self.feed.name.clone();
        let admitted = self.parts.ledger.admit(Intake { feed, sight, state }).await?;
        self.tell(&admitted);
        self.parts.bell.ring();
        let next = next.since(self.parts.clock.now());
        let settle = admitted.next_settle.filter(|_| !failing);
        Ok(settle.map_or(next, |settle| settle.min(next)))
    }

    fn report(&self, document: &Document) {
        if let Some(problem) = document.problems.first() {
            tracing::debug!(feed.name = %self.feed.name, problems = document.problems.len(),
                first = %problem, "the feed was repaired");
        }
    }

    fn tell(&self, admitted: &Admitted) {
        let name = &self.feed.name;
        if admitted.baseline {
            tracing::info!(feed.name = %name, entries = admitted.new,
                "first sight of this feed: its entries are remembered, not sent");
        } else if admitted.held > 0 {
            tracing::error!(feed.name = %name, new = admitted.new, held = admitted.held,
                "new entries are held for a person: oncecast status");
        } else if admitted.new > 0 {
            tracing::info!(feed.name = %name, new = admitted.new, "new entries");
        }
        if admitted.vanished > 0 {
            tracing::warn!(feed.name = %name, entries = admitted.vanished,
                "entries left the feed before they were sent, and are withdrawn");
        }
        if admitted.nameless > 0 {
            tracing::warn!(feed.name = %name, entries = admitted.nameless,
                "entries without guid, link, title and text are passed over");
        }
    }
}

/// Reads a body on a thread of its own: a large feed takes its time, and others wait for none.
///
/// # Errors
/// Where it is no feed.
pub async fn document_of(body: Body) -> Result<Document, NotAFeed> {
    let read = tokio::task::spawn_blocking(move || {
        let hints =
            Hints { content_type: body.content_type.as_deref(), base_url: body.url.as_ref() };
        parse::parse(&body.bytes, &hints)
    });
    read.await.unwrap_or_else(|_| Err(NotAFeed::Other("reading it fell over".to_owned())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::TokioClock;
    use crate::config::FeedSource;
    use crate::flow::{Bell, Pulse};
    use crate::ledger::{Ledger as _, Policy, Setup, embedded::Embedded};
    use crate::wire::Wire;

    const SETTLE: Duration = Duration::from_secs(600);
    const EVERY: Duration = Duration::from_secs(900);

    /// The blog is down, or empty, when a new entry wants its second look: it is not asked without
    /// a pause until it comes back.
    #[tokio::test(start_paused = true)]
    async fn a_second_look_that_shows_nothing_waits_for_the_next_poll() {
        let folder = tempfile::tempdir().expect("a folder");
        let clock = TokioClock::starting_at(Time::from_millis(1_767_323_045_000));
        let ledger =
            Embedded::open(&folder.path().join("ledger.redb"), clock.clone()).await.expect("opens");
        let policy = Policy { settle: SETTLE, share: 1.0, ..Policy::default() };
        ledger.configure(Setup { policy, ..Setup::default() }).await.expect("configured");
        let wire = Wire::open().expect("a client");
        let parts =
            Parts { ledger, wire, clock, bell: Bell::default(), pulse: Arc::new(Pulse::default()) };
        let file = folder.path().join("feed.xml");
        let feed =
            Feed { name: "blog".into(), source: FeedSource::File(file.clone()), every: EVERY };
        let poller = Poller::new(feed, parts, Arc::new(Semaphore::new(1)));
        let write = |items: &[&str]| {
            let items: String = items
                .iter()
                .map(|t| {
                    format!("<item><title>{t}</title><link>http://b.example/{t}</link></item>")
                })
                .collect();
            let text =
                format!("<rss version=\"2.0\"><channel><title>b</title>{items}</channel></rss>");
            std::fs::write(&file, text).expect("written");
        };
        write(&["old"]);
        tokio::time::advance(poller.turn().await.expect("polled")).await;
        write(&["new", "old"]);
        let wait = poller.turn().await.expect("polled");
        assert_eq!(wait, SETTLE, "the second look");
        tokio::time::advance(wait).await;
        write(&[]);
        let wait = poller.turn().await.expect("polled");
        assert!(wait >= EVERY / 2, "an empty feed is asked again after {wait:?}");
        tokio::time::advance(wait).await;
        std::fs::write(&file, "down for maintenance").expect("written");
        let wait = poller.turn().await.expect("polled");
        assert!(wait >= EVERY / 2, "a feed that is down is asked again after {wait:?}");
        assert!(!poller.turn().await.expect("waits").is_zero(), "and it is waited for");
    }
}
