//! The world beneath the house, and what truly happens in it: one seed decides everything.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use oncecast::clock::{Mark, TokioClock};
use oncecast::model::Time;

use super::blog::Blog;
use super::disk::SimDisk;
use super::laws::Laws;
use super::plan::Plan;
use super::platforms::Server;
use super::truth::Truth;

/// When every life begins, by the true time.
pub(super) const START: Time = Time::from_millis(1_767_323_045_000);
pub(super) const MINUTE: Duration = Duration::from_secs(60);
pub(super) const HOUR: Duration = Duration::from_secs(3_600);
pub(super) const DAY: Duration = Duration::from_secs(86_400);

/// Everything outside of the house.
#[derive(Debug)]
pub(super) struct World {
    pub(super) plan: Plan,
    /// What the house takes for the time. The true one nobody can set.
    pub(super) clock: Arc<TokioClock>,
    pub(super) disk: Arc<SimDisk>,
    /// Where the house keeps its state.
    pub(super) folder: PathBuf,
    began: Mark,
    state: Mutex<State>,
}

/// What changes.
#[derive(Debug)]
pub(super) struct State {
    pub(super) dice: Dice,
    pub(super) tally: Tally,
    pub(super) trace: Trace,
    pub(super) laws: Laws,
    pub(super) truth: Truth,
    /// One behind each lane.
    pub(super) servers: Vec<Server>,
    pub(super) weather: Vec<Weather>,
    pub(super) blog: Blog,
    /// Whether the ledger that is open sends nothing.
    pub(super) observes: bool,
    /// Whether anything may still go wrong.
    pub(super) calm: bool,
}

/// How a platform, or the way to it, is today.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Weather {
    Fair,
    Flaky,
    Down,
    Slow,
    Shedding,
    /// It takes our credentials no more, until a person has renewed them.
    Locked,
}

impl World {
    /// The world of a plan, at its beginning.
    pub(super) fn new(plan: Plan, folder: PathBuf, records: bool) -> Arc<Self> {
        let mut dice = Dice::of(plan.seed);
        let servers = plan.lanes.iter().map(|lane| Server::of(lane.kind)).collect();
        let weather = vec![Weather::Fair; plan.lanes.len()];
        let blog = Blog::new(&mut dice);
        let state = State {
            dice,
            tally: Tally::default(),
            trace: Trace { records, ..Trace::default() },
            laws: Laws::of(&plan),
            truth: Truth::default(),
            servers,
            weather,
            blog,
            observes: false,
            calm: false,
        };
        let clock = TokioClock::starting_at(START);
        Arc::new(Self {
            plan,
            clock,
            disk: Arc::default(),
            folder,
            began: Mark::here(),
            state: Mutex::new(state),
        })
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The true time.
    pub(super) fn now(&self) -> Time {
        START.plus(self.began.elapsed())
    }

    /// How long this life has lasted.
    pub(super) fn age(&self) -> Duration {
        self.began.elapsed()
    }

    /// One line of the trace.
    pub(super) fn say(&self, words: fmt::Arguments<'_>) {
        let at = self.age();
        self.state().trace.line(at, words);
    }

    /// Something went wrong that a house must survive.
    pub(super) fn strikes(&self, what: &'static str) {
        let at = self.age();
        let mut state = self.state();
        state.tally.fault(what);
        state.trace.line(at, format_args!("fault: {what}"));
    }

    /// An invariant does not hold.
    pub(super) fn broken(&self, what: String) {
        let at = self.age();
        let mut state = self.state();
        state.trace.line(at, format_args!("BROKEN: {what}"));
        state.laws.broken.push(what);
    }
}

/// Chance, from the seed alone.
#[derive(Debug)]
pub(super) struct Dice(fastrand::Rng);

impl Dice {
    pub(super) fn of(seed: u64) -> Self {
        Self(fastrand::Rng::with_seed(seed))
    }

    /// Whether it happens, this often in a hundred.
    pub(super) fn percent(&mut self, percent: u32) -> bool {
        self.0.u32(0..100) < percent
    }

    pub(super) fn below(&mut self, end: usize) -> usize {
        self.0.usize(0..end.max(1))
    }

    pub(super) fn between(&mut self, least: Duration, most: Duration) -> Duration {
        let (least, most) = (millis(least), millis(most));
        Duration::from_millis(self.0.u64(least..=most.max(least)))
    }

    pub(super) fn one_of<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.0.usize(0..of.len())]
    }
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).expect("a short while")
}

/// What has happened, for the record.
#[derive(Debug, Clone, Default)]
pub(super) struct Tally {
    pub(super) faults: BTreeMap<&'static str, u64>,
    pub(super) claims: u64,
    pub(super) publishes: u64,
    pub(super) shown: u64,
    pub(super) doubts: u64,
    pub(super) changes: u64,
    pub(super) foreign: u64,
    pub(super) polls: u64,
    pub(super) starts: u64,
    pub(super) words: u64,
    pub(super) steps: u64,
}

impl Tally {
    pub(super) fn fault(&mut self, what: &'static str) {
        *self.faults.entry(what).or_default() += 1;
    }

    pub(super) fn all_faults(&self) -> u64 {
        self.faults.values().sum()
    }

    pub(super) fn add(&mut self, other: &Self) {
        for (what, times) in &other.faults {
            *self.faults.entry(what).or_default() += times;
        }
        self.claims += other.claims;
        self.publishes += other.publishes;
        self.shown += other.shown;
        self.doubts += other.doubts;
        self.changes += other.changes;
        self.foreign += other.foreign;
        self.polls += other.polls;
        self.starts += other.starts;
        self.words += other.words;
        self.steps += other.steps;
    }
}

/// Everything that happened, as a number, and in words where they are wanted.
#[derive(Debug, Default)]
pub(super) struct Trace {
    records: bool,
    hash: Hash,
    lines: u64,
    pub(super) words: Vec<String>,
}

#[derive(Debug)]
struct Hash(u64);

impl Default for Hash {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl fmt::Write for Hash {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        Ok(())
    }
}

impl Trace {
    pub(super) fn line(&mut self, at: Duration, words: fmt::Arguments<'_>) {
        let at = at.as_millis();
        self.lines += 1;
        fmt::Write::write_fmt(&mut self.hash, format_args!("{at} {words}\n")).expect("it is a sum");
        if self.records {
            let (days, rest) = (at / 86_400_000, at % 86_400_000);
            let (hours, minutes) = (rest / 3_600_000, rest / 60_000 % 60);
            let seconds = rest % 60_000;
            self.words.push(format!("{days:2}d {hours:02}:{minutes:02} {seconds:5} {words}"));
        }
    }

    /// Of every line so far.
    pub(super) fn sum(&self) -> (u64, u64) {
        (self.lines, self.hash.0)
    }
}
