//! One loop a feed: wait, fetch, parse, and let the ledger decide what is new.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::clock::Mark;
use crate::config::{Feed, FeedSource};
use crate::feed::fetch::{self, Body};
use crate::feed::parse::{self, Document, NotAFeed};
use crate::feed::schedule::{self, Rules};
use crate::ledger::{Admitted, Intake, LedgerError};
use crate::model::{FeedState, Hub, Time};
use crate::wire::Reach;

use super::bring::{Brought, bring};
use super::deliver::LEDGER_REST;
use super::{Manners, Parts};

/// Feeds start this far apart.
const START_SPREAD: Duration = Duration::from_millis(250);
/// Feeds whose time came while nobody ran are spread over no more than this.
const OVERDUE_SPREAD: Duration = Duration::from_secs(10 * 60);
/// The longest that one poll may take: five redirects and an answer.
const POLL_MAX: Duration = Duration::from_secs(6 * 60);
/// A stored time further ahead than this comes from a clock that was wrong.
const AHEAD_MAX: Duration = Duration::from_secs(8 * 86_400);
/// The longest that a loop sleeps without a look at the clock: machines sleep too.
const NAP: Duration = Duration::from_secs(60);
/// Between two looks at a feed that is not asked any more.
const GONE_LOOK: Duration = Duration::from_secs(86_400);

/// The loop of one feed.
#[derive(Debug)]
pub struct Poller {
    pub(super) feed: Feed,
    pub(super) rules: Rules,
    pub(super) parts: Parts,
    pub(super) manners: Arc<Manners>,
    /// Whether an entry of it may have been deleted; the ledger knows.
    missing: AtomicBool,
    /// Its place in its host's row, once it has one, and when that comes.
    place: std::sync::Mutex<Option<(Mark, Duration)>>,
}

/// When the loop of one feed among many has its first turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Start {
    /// A feed that was never asked.
    pub new: Duration,
    /// A feed whose time has come.
    pub overdue: Duration,
}

impl Start {
    /// Of feed `number` of `count`, which is asked `every` so often, where polls begin `gap` apart: in good
    /// time where feeds are few, and evenly over the interval where they are thousands.
    #[must_use]
    pub fn of(number: usize, count: usize, every: Duration, gap: Duration) -> Self {
        let count = u32::try_from(count.max(1)).unwrap_or(u32::MAX);
        let number = u32::try_from(number).unwrap_or(u32::MAX).min(count);
        let within = |most: Duration| {
            let whole = START_SPREAD.saturating_mul(count).min(most);
            whole.mul_f64(f64::from(number) / f64::from(count))
        };
        let overdue = OVERDUE_SPREAD.min(every / 4).max(gap.saturating_mul(count)).min(every);
        Self { new: within(every), overdue: within(overdue) }
    }
}

impl Poller {
    /// A poller by itself; `fetches` bounds how many fetch at once.
    #[must_use]
    pub fn new(feed: Feed, parts: Parts, fetches: Arc<Semaphore>) -> Self {
        Self::among(feed, parts, Arc::new(Manners::among(fetches)))
    }

    /// A poller among others.
    #[must_use]
    pub fn among(feed: Feed, parts: Parts, manners: Arc<Manners>) -> Self {
        let rules = Rules::of(&feed);
        let (missing, place) = (AtomicBool::new(true), std::sync::Mutex::default());
        Self { feed, rules, parts, manners, missing, place }
    }

    /// Polls until it is told to stop; a poll under way is given up, since it says nothing to anybody.
    pub async fn work(self, start: Start, stop: CancellationToken) {
        let beat = self.parts.pulse.voice(format!("feed {}", self.feed.name));
        let bell = self.manners.bell(&self.feed.name);
        beat.within(POLL_MAX);
        let first = tokio::select! {
            first = self.first(start) => first,
            () = stop.cancelled() => return,
        };
        let mut wait = self.rested(first);
        loop {
            beat.within(wait);
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = bell.notified() => {}
                () = stop.cancelled() => return,
            }
            beat.within(POLL_MAX);
            // Thousands of loops sleep: what a turn needs is kept only while there is one.
            let turn = tokio::select! {
                turn = Box::pin(self.turn()) => turn,
                () = stop.cancelled() => return,
            };
            wait = self.rested(turn);
        }
    }

    fn rested(&self, turn: Result<Duration, LedgerError>) -> Duration {
        turn.unwrap_or_else(|error| {
            tracing::error!(feed.name = %self.feed.name, %error,
                "the ledger cannot take a poll; trying again");
            LEDGER_REST
        })
    }

    /// How long until the first turn: what was planned before the last end stands.
    async fn first(&self, start: Start) -> Result<Duration, LedgerError> {
        let remembered = self.manners.remembered(self.parts.ledger.as_ref()).await?;
        let Some(state) = remembered.get(&self.feed.name) else { return Ok(start.new) };
        // A hub may call before the first turn.
        let _ = self.hub_of(state.hub.clone());
        let due = state.next_poll.since(self.parts.clock.now());
        Ok(if due.is_zero() { start.overdue } else { self.nap(due) })
    }

    fn nap(&self, wait: Duration) -> Duration {
        wait.min(self.feed.every.max(NAP))
    }

    /// One poll where it is time for one, and a look at pages that want one; comes back with how long to
    /// wait.
    ///
    /// # Errors
    /// Where the ledger cannot be used.
    pub async fn turn(&self) -> Result<Duration, LedgerError> {
        let wait = self.turn_to_feed().await?;
        let look = self.look_at_missing().await?;
        Ok(look.map_or(wait, |look| wait.min(self.nap(look))))
    }

    pub(super) fn may_miss(&self) -> bool {
        self.missing.load(Ordering::Relaxed)
    }

    pub(super) fn misses(&self, missing: bool) {
        self.missing.store(missing, Ordering::Relaxed);
    }

    async fn turn_to_feed(&self) -> Result<Duration, LedgerError> {
        let (state, settles) = self.parts.ledger.feed(&self.feed.name).await?;
        let now = self.parts.clock.now();
        let state = schedule::taken_up(state.unwrap_or_default(), &self.rules);
        if state.is_gone() {
            return Ok(GONE_LOOK);
        }
        let state = FeedState { hub: self.hub_of(state.hub.clone()), ..state };
        let due = state.next_poll.since(now);
        let ahead = AHEAD_MAX.max(self.rules.every_max.saturating_mul(2));
        let due = if due > ahead { Duration::ZERO } else { due };
        // A feed that fails is given its rest, whatever waits in it.
        let look = settles.filter(|_| state.failures == 0);
        let due = look.map_or(due, |look| look.min(due));
        let is_called = state.failures == 0 && self.manners.hubs().has_called(&self.feed.name);
        let due = if is_called { Duration::ZERO } else { due };
        let host = host_of(&self.feed, &state);
        let alone = host.as_deref().and_then(|host| self.manners.left_alone(host, now));
        let due = alone.map_or(due, |until| due.max(until.since(now)));
        if !due.is_zero() {
            return Ok(self.nap(due));
        }
        if let Some(wait) = self.waits(host.as_deref()) {
            return Ok(wait);
        }
        self.poll(state, settles.is_some(), now).await
    }

    /// What is known of its hub by now.
    fn hub_of(&self, remembered: Option<Hub>) -> Option<Hub> {
        self.manners.hubs().known(&self.feed.name, remembered, self.rules.is_here)
    }

    /// Asks a hub to call. What it says comes to another door, now or later.
    async fn subscribe(&self, hub: &Hub, form: String) {
        let reach = if self.rules.is_here { Reach::Anywhere } else { Reach::PublicOnly };
        let why = match self.parts.wire.ask_hub(&hub.url, form, reach).await {
            Ok(200..=299) => return,
            Ok(status) => format!("it answered HTTP {status}"),
            Err(trouble) => trouble.to_string(),
        };
        tracing::info!(feed.name = %self.feed.name, %why, "its hub does not call; it is polled");
        self.manners.hubs().refused(&self.feed.name, &why);
    }

    /// How long until its place in its host's row comes, where it is not there yet.
    fn waits(&self, host: Option<&str>) -> Option<Duration> {
        let host = host.filter(|_| !self.rules.is_here)?;
        let mut place = self.place.lock().unwrap_or_else(PoisonError::into_inner);
        let (mark, wait) = *place.get_or_insert_with(|| (Mark::here(), self.manners.place(host)));
        let left = wait.checked_sub(mark.elapsed()).filter(|left| !left.is_zero());
        if left.is_none() {
            *place = None;
        }
        left
    }

    async fn poll(
        &self,
        state: FeedState,
        settles: bool,
        now: Time,
    ) -> Result<Duration, LedgerError> {
        self.manners.hubs().answered(&self.feed.name);
        let polite = self.manners.polite(self.parts.wire.as_ref());
        let brought =
            bring(&polite, &self.feed.source, &self.rules, state, settles, now, fastrand::u64(..))
                .await;
        let Brought { sight, mut state, document } = brought;
        if let Some(problem) = document.as_ref().and_then(|about| about.problems.first()) {
            tracing::debug!(feed.name = %self.feed.name, first = %problem, "the feed was repaired");
        }
        if let Some((host, until)) = &state.not_before {
            self.manners.leave_alone(host, *until);
        }
        if let Some(error) = &state.last_error {
            let (name, retry) = (&self.feed.name, state.next_poll);
            tracing::warn!(feed.name = %name, failures = state.failures, %error, next = %retry,
                "the poll brought nothing whole");
        }
        let hub = state.hub.as_ref().filter(|_| state.failures == 0);
        let ask = hub.and_then(|hub| {
            self.manners.hubs().asks(&self.feed.name, hub, now, self.rules.is_here)
        });
        if let Some((hub, _)) = &ask {
            state.hub = Some(hub.clone());
        }
        let (next, failing, gone) = (state.next_poll, state.failures > 0, state.is_gone());
        let feed = self.feed.name.clone();
        let admitted = self.parts.ledger.admit(Intake { feed, sight, state }).await?;
        self.tell(&admitted);
        if admitted.missing > 0 {
            self.misses(true);
        }
        if let Some(about) = document.as_ref().filter(|about| is_gap(&admitted, about.entries)) {
            // What is further back is not asked for: posts of unknown age are a person's to release.
            tracing::warn!(feed.name = %self.feed.name, entries = about.entries,
                older = about.older.as_deref().unwrap_or("nowhere, says the feed"),
                "a possible gap: the feed shows nothing that is known, so what stood between may be missed");
        }
        self.parts.bell.ring();
        // What it will call is remembered before it is asked.
        if let Some((hub, form)) = ask {
            self.subscribe(&hub, form).await;
        }
        if gone {
            return Ok(GONE_LOOK);
        }
        let next = next.since(self.parts.clock.now());
        let settle = admitted.next_settle.filter(|_| !failing);
        Ok(self.nap(settle.map_or(next, |settle| settle.min(next))))
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
        for (count, what) in [
            (
                admitted.missing_held,
                "have left the feed at once: none of their posts is taken away",
            ),
            (admitted.edits_held, "have changed at once: none of their posts is changed"),
        ] {
            if count > 0 {
                let words = format!("{count} entries {what}");
                tracing::error!(feed.name = %name, "{words}; see for yourself: oncecast retract");
                self.parts.pulse.remark(&format!("feed {name}"), words);
            }
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
    parse::parse_off_thread(body.bytes, body.content_type, body.url).await
}

/// Whether what a feed shows may leave a gap behind what was seen last: a window of entries of which
/// not one is known.
const fn is_gap(admitted: &Admitted, shown: usize) -> bool {
    !admitted.baseline && shown > 1 && admitted.new as usize >= shown
}

/// Which host a feed is asked at.
pub(super) fn host_of(feed: &Feed, state: &FeedState) -> Option<String> {
    match &feed.source {
        FeedSource::Http(url) => fetch::address(url, state).host_str().map(str::to_owned),
        FeedSource::File(_) => None,
    }
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

    /// Thousands of feeds that are all asked in the first second are an attack; one that waits for its turn
    /// keeps its author waiting.
    #[test]
    fn many_feeds_start_evenly_and_few_at_once() {
        let gap = Duration::from_millis(45);
        for (count, most) in [(10_000, 12), (2_000, 5), (100, 4)] {
            for pick in [|start: Start| start.new, |start: Start| start.overdue] {
                let mut seconds = std::collections::HashMap::<u64, u32>::new();
                for number in 0..count {
                    let at = pick(Start::of(number, count, EVERY, gap));
                    assert!(at < EVERY);
                    *seconds.entry(at.as_secs()).or_default() += 1;
                }
                let busiest = seconds.values().copied().max().unwrap_or_default();
                assert!(busiest <= most * 2, "{busiest} of {count} feeds in one second");
            }
        }
        let first = Start::of(0, 3, EVERY, gap);
        assert_eq!((first.new, first.overdue), (Duration::ZERO, Duration::ZERO));
        assert!(Start::of(2, 3, EVERY, gap).new < Duration::from_secs(1));
    }

    /// What a feed has shown and lost before it was asked again is missed, and somebody should know.
    #[test]
    fn a_window_of_nothing_known_may_have_a_gap_behind_it() {
        let admitted = |new, baseline| Admitted { new, baseline, ..Admitted::default() };
        for (new, baseline, shown, gap) in [
            (10, false, 10, true),
            (9, false, 10, false),
            (10, true, 10, false),
            (1, false, 1, false),
            (0, false, 0, false),
        ] {
            assert_eq!(is_gap(&admitted(new, baseline), shown), gap, "{new} of {shown}");
        }
    }

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
        let feed = Feed {
            name: "blog".into(),
            source: FeedSource::File(file.clone()),
            every: EVERY,
            every_max: EVERY,
        };
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
        let turn = async || poller.turn().await.expect("polled");
        let after = async |wait| {
            tokio::time::advance(wait).await;
            let left = turn().await;
            if left > EVERY / 10 {
                return left;
            }
            // Its jitter has made the rest longer than one nap.
            tokio::time::advance(left).await;
            turn().await
        };
        write(&["old"]);
        let wait = turn().await;
        write(&["new", "old"]);
        let wait = after(wait).await;
        assert_eq!(wait, SETTLE, "the second look");
        write(&[]);
        let wait = after(wait).await;
        assert!(wait >= EVERY / 2, "an empty feed is asked again after {wait:?}");
        std::fs::write(&file, "down for maintenance").expect("written");
        let wait = after(wait).await;
        assert!(wait >= EVERY / 2, "a feed that is down is asked again after {wait:?}");
        assert!(!poller.turn().await.expect("waits").is_zero(), "and it is waited for");
    }
}
