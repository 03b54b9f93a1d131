//! What all polls share, so that together they are as polite as one: a host is asked one thing at a
//! time and not again at once, what a host has asked of one feed holds for all on it, and whoever
//! starts with thousands of feeds spreads them.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, OnceCell, OwnedSemaphorePermit, Semaphore};

use crate::clock::Mark;
use crate::config::Feed;
use crate::ledger::{Ledger, LedgerError};
use crate::model::{FeedState, Time};
use crate::wire::{Answering, Get, Getter};

use super::Hubs;

/// How many requests for feeds are under way at once.
const FETCHES_MAX: usize = 32;
/// Two polls of one host begin at least this far apart; on this machine nobody is bothered.
const APART: Duration = Duration::from_secs(2);

/// Together all polls begin no faster than so many times as fast as they come on average: what a stall, a
/// sleep of the machine or a start has heaped up is worked off, and falls upon nobody.
const HASTE: f64 = 2.0;
/// And never more than this apart: few feeds wait for none.
const GAP_MAX: Duration = Duration::from_millis(125);

/// How far apart polls begin at the least, so that these feeds all have theirs.
#[must_use]
pub fn gap(feeds: &[Feed]) -> Duration {
    let a_second: f64 = feeds.iter().map(|feed| 1.0 / feed.every.as_secs_f64().max(1.0)).sum();
    GAP_MAX.min(Duration::from_secs_f64(1.0 / (a_second * HASTE).max(1.0)))
}

/// What all polls share.
#[derive(Debug)]
pub struct Manners {
    fetches: Arc<Semaphore>,
    /// How far apart polls begin, in microseconds, and when the last one did.
    gap: AtomicU64,
    last: tokio::sync::Mutex<Option<Mark>>,
    hosts: Mutex<HashMap<String, Host>>,
    bells: Mutex<HashMap<String, Arc<Notify>>>,
    remembered: OnceCell<HashMap<String, FeedState>>,
    hubs: Hubs,
}

#[derive(Debug, Default)]
struct Host {
    lane: Option<Arc<Semaphore>>,
    /// When the last place was given, and how long after it the next one is free.
    place: Option<(Mark, Duration)>,
    not_before: Option<Time>,
}

impl Default for Manners {
    fn default() -> Self {
        Self::among(Arc::new(Semaphore::new(FETCHES_MAX)))
    }
}

impl Manners {
    /// Manners under this bound of requests at once.
    #[must_use]
    pub fn among(fetches: Arc<Semaphore>) -> Self {
        Self {
            fetches,
            gap: AtomicU64::new(0),
            last: tokio::sync::Mutex::default(),
            hosts: Mutex::default(),
            bells: Mutex::default(),
            remembered: OnceCell::new(),
            hubs: Hubs::default(),
        }
    }

    /// The same, where hubs can call.
    #[must_use]
    pub fn with_hubs(self, hubs: Hubs) -> Self {
        Self { hubs, ..self }
    }

    /// From now on polls begin at least this far apart.
    pub fn keep_apart(&self, gap: Duration) {
        let micros = u64::try_from(gap.as_micros()).unwrap_or(u64::MAX);
        self.gap.store(micros, Ordering::Relaxed);
    }

    /// Waits until a poll may begin; those who wait come in the order in which they asked.
    async fn begin(&self) {
        let mut last = self.last.lock().await;
        let gap = Duration::from_micros(self.gap.load(Ordering::Relaxed));
        if let Some(left) = last.and_then(|last| gap.checked_sub(last.elapsed())) {
            tokio::time::sleep(left).await;
        }
        *last = Some(Mark::here());
    }

    /// Who calls when a feed changes.
    #[must_use]
    pub fn hubs(&self) -> &Hubs {
        &self.hubs
    }

    fn hosts(&self) -> MutexGuard<'_, HashMap<String, Host>> {
        self.hosts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the ledger remembers of every feed, read once for all: thousands that ask at the start, each
    /// for itself, would be told that the ledger does not keep up.
    ///
    /// # Errors
    /// Where the ledger cannot be read.
    pub async fn remembered(
        &self,
        ledger: &dyn Ledger,
    ) -> Result<&HashMap<String, FeedState>, LedgerError> {
        let read = || async {
            let feeds: HashMap<_, _> = ledger.overview().await?.feeds.into_iter().collect();
            for (host, until) in feeds.values().filter_map(|state| state.not_before.as_ref()) {
                self.leave_alone(host, *until);
            }
            Ok(feeds)
        };
        self.remembered.get_or_try_init(read).await
    }

    /// A host wants to be left alone until then.
    pub fn leave_alone(&self, host: &str, until: Time) {
        let mut hosts = self.hosts();
        let host = hosts.entry(host.to_owned()).or_default();
        host.not_before = host.not_before.max(Some(until));
    }

    /// A person says to ask again all the same.
    pub fn forgive(&self, host: &str) {
        if let Some(host) = self.hosts().get_mut(host) {
            host.not_before = None;
        }
    }

    /// Until when a host wants to be left alone, if it does now.
    #[must_use]
    pub fn left_alone(&self, host: &str, now: Time) -> Option<Time> {
        self.hosts().get(host).and_then(|host| host.not_before).filter(|until| *until > now)
    }

    /// Takes the next place in a host's row, and says how long until it comes.
    #[must_use]
    pub fn place(&self, host: &str) -> Duration {
        let mut hosts = self.hosts();
        let host = hosts.entry(host.to_owned()).or_default();
        let wait =
            host.place.map_or(Duration::ZERO, |(mark, free)| free.saturating_sub(mark.elapsed()));
        host.place = Some((Mark::here(), wait + APART));
        wait
    }

    /// The bell that calls a feed's loop before its time.
    #[must_use]
    pub fn bell(&self, feed: &str) -> Arc<Notify> {
        let mut bells = self.bells.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(bells.entry(feed.to_owned()).or_default())
    }

    /// Calls a feed's loop before its time.
    pub fn call(&self, feed: &str) {
        self.bell(feed).notify_one();
    }

    /// A getter that asks each host one thing at a time.
    pub fn polite<'a>(&'a self, getter: &'a dyn Getter) -> Polite<'a> {
        Polite { manners: self, getter }
    }

    /// The right to ask a host now. The host's comes first, so that those who wait for a slow one keep
    /// nobody else waiting.
    async fn turn(&self, host: &str) -> Turn<'_> {
        let mut turn = Turn { manners: self, host: host.to_owned(), lane: None, fetch: None };
        let lane = {
            let mut hosts = self.hosts();
            let lane = &mut hosts.entry(host.to_owned()).or_default().lane;
            Arc::clone(lane.get_or_insert_with(|| Arc::new(Semaphore::new(1))))
        };
        // Closed only when the house is being left.
        turn.lane = lane.acquire_owned().await.ok();
        turn.fetch = Arc::clone(&self.fetches).acquire_owned().await.ok();
        self.begin().await;
        turn
    }
}

struct Turn<'a> {
    manners: &'a Manners,
    host: String,
    lane: Option<OwnedSemaphorePermit>,
    fetch: Option<OwnedSemaphorePermit>,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        (self.lane, self.fetch) = (None, None);
        let mut hosts = self.manners.hosts();
        let Some(host) = hosts.get_mut(&self.host) else { return };
        // Redirects may lead to ever new hosts: of one that nobody asks, nothing is kept.
        host.lane.take_if(|lane| Arc::strong_count(lane) == 1);
        if host.lane.is_none() && host.place.is_none() && host.not_before.is_none() {
            hosts.remove(&self.host);
        }
    }
}

/// Asks each host one thing at a time.
pub struct Polite<'a> {
    manners: &'a Manners,
    getter: &'a dyn Getter,
}

impl Getter for Polite<'_> {
    fn get<'a>(&'a self, get: Get<'a>) -> Answering<'a> {
        Box::pin(async move {
            let host = get.url.host_str().unwrap_or_default();
            let _turn = self.manners.turn(host).await;
            self.getter.get(get).await
        })
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::config::FeedSource;

    #[tokio::test(start_paused = true)]
    async fn the_feeds_of_a_host_come_one_after_another() {
        let manners = Manners::default();
        assert_eq!(manners.place("a.example"), Duration::ZERO);
        assert_eq!(manners.place("a.example"), APART);
        assert_eq!(manners.place("a.example"), 2 * APART);
        assert_eq!(manners.place("b.example"), Duration::ZERO, "others do not wait for them");
        tokio::time::advance(APART * 3).await;
        assert_eq!(manners.place("a.example"), Duration::ZERO);
    }

    /// A machine that wakes, or starts again, with thousands of polls overdue asks all the world at once.
    #[tokio::test(start_paused = true)]
    async fn what_has_heaped_up_falls_upon_nobody() {
        let feed = |n| Feed {
            name: format!("blog-{n}"),
            source: FeedSource::File(PathBuf::from("/feed")),
            every: Duration::from_secs(900),
            every_max: Duration::from_secs(900),
        };
        let feeds: Vec<Feed> = (0..10_000).map(feed).collect();
        let manners = Arc::new(Manners::default());
        manners.keep_apart(gap(&feeds));
        let (even, began) = (feeds.len() as f64 / 900.0, Mark::here());
        let mut polls = tokio::task::JoinSet::new();
        for n in 0..2_000 {
            let manners = Arc::clone(&manners);
            polls.spawn(async move {
                drop(manners.turn(&format!("{n}.example")).await);
                began.elapsed().as_secs()
            });
        }
        let mut seconds: HashMap<u64, u32> = HashMap::new();
        while let Some(second) = polls.join_next().await {
            *seconds.entry(second.expect("polled")).or_default() += 1;
        }
        let busiest = seconds.values().copied().max().map_or(0.0, f64::from);
        assert!(busiest <= even * 3.0, "{busiest} polls in one second, {even} were even");
        assert!(seconds.len() as f64 <= 2_000.0 / even, "and all have theirs in time");
        // Whoever has one feed waits for nothing, and whoever has ten hardly.
        assert_eq!(gap(&feeds[..1]), GAP_MAX);
        let (alone, one) = (Manners::default(), Mark::here());
        alone.keep_apart(gap(&feeds[..1]));
        drop(alone.turn("a.example").await);
        assert_eq!(one.elapsed(), Duration::ZERO);
    }

    #[tokio::test]
    async fn a_host_is_asked_one_thing_at_a_time_and_forgotten() {
        let manners = Manners::among(Arc::new(Semaphore::new(2)));
        let first = manners.turn("a.example").await;
        let quick = Duration::from_millis(1);
        assert!(tokio::time::timeout(quick, manners.turn("a.example")).await.is_err());
        let other = manners.turn("b.example").await;
        assert!(tokio::time::timeout(quick, manners.turn("c.example")).await.is_err(), "the bound");
        drop(first);
        drop(manners.turn("a.example").await);
        drop(other);
        let left = manners.hosts().len();
        assert_eq!(left, 0);
    }
}
