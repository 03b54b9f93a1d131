//! The parts of a real house on a real disk: ledger, wire, lanes.

use std::sync::Arc;
use std::time::Duration;

use oncecast::clock::SystemClock;
use oncecast::config::{Group, Integration, Pace, Platform};
use oncecast::flow::{Bell, Parts, Pulse};
use oncecast::ledger::embedded::Embedded;
use oncecast::ledger::{Admitted, Audience, Intake, Lane, Ledger, Policy, Setup, Sight};
use oncecast::model::{Caps, Entry, FeedState};
use oncecast::wire::{Fuse, Http, Wire};
use tempfile::TempDir;
use tokio::runtime::Runtime;
use url::Url;

/// The feed of every house here.
pub(crate) const FEED: &str = "blog";
/// No cap stops a bench.
const CAPS: Caps = Caps { per_10m: 1_000_000, per_hour: 1_000_000, per_day: 1_000_000 };

/// A house in a folder that goes away with it.
pub(crate) struct House {
    pub(crate) runtime: Runtime,
    pub(crate) ledger: Arc<Embedded>,
    pub(crate) folder: TempDir,
}

/// A folder on the disk that holds the build, since a temporary folder may lie in memory.
pub(crate) fn folder() -> TempDir {
    TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder beside the build")
}

/// The daemon's own runtime.
pub(crate) fn runtime() -> Runtime {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.worker_threads(2).enable_all().build().expect("a runtime")
}

impl House {
    /// A house with these lanes, each with a group of the same name.
    pub(crate) fn open(lanes: &[&str]) -> Self {
        Self::open_in(folder(), lanes)
    }

    /// The same house after its daemon was started anew.
    pub(crate) fn reopen(mut self, lanes: &[&str]) -> Self {
        let folder = std::mem::replace(&mut self.folder, folder());
        drop(self);
        Self::open_in(folder, lanes)
    }

    fn open_in(folder: TempDir, lanes: &[&str]) -> Self {
        let runtime = runtime();
        let path = folder.path().join("ledger.redb");
        let opened = runtime.block_on(Embedded::open(&path, Arc::new(SystemClock)));
        let ledger = opened.expect("a ledger opens");
        let policy = Policy {
            settle: Duration::ZERO,
            burst: 1_000_000,
            share: 1.0,
            max_age: Duration::from_secs(86_400),
            crash_loop: 0,
            ..Policy::default()
        };
        let lane = |name: &&str| Lane {
            name: (*name).to_owned(),
            caps: CAPS,
            doubt_after: Duration::from_secs(120),
        };
        let group = |name: &&str| Audience {
            name: (*name).to_owned(),
            lane: (*name).to_owned(),
            feeds: vec![FEED.to_owned()],
            when_absent: oncecast::model::WhenAbsent::Wait,
            ..Audience::default()
        };
        let setup = Setup {
            policy,
            lanes: lanes.iter().map(lane).collect(),
            groups: lanes.iter().map(group).collect(),
        };
        runtime.block_on(ledger.configure(setup)).expect("configured");
        Self { runtime, ledger, folder }
    }

    /// Takes a document as a poll does.
    pub(crate) fn admit(&self, sight: Sight) -> Admitted {
        let intake = Intake { feed: FEED.to_owned(), sight, state: FeedState::default() };
        self.runtime.block_on(self.ledger.admit(intake)).expect("admitted")
    }

    /// Takes entries of a whole document.
    pub(crate) fn admit_entries(&self, entries: Vec<Entry>) -> Admitted {
        self.admit(Sight::Document { entries, complete: true })
    }

    /// What its loops are given.
    pub(crate) fn parts(&self) -> Parts {
        Parts {
            ledger: Arc::clone(&self.ledger) as Arc<dyn Ledger>,
            wire: Wire::over(Arc::new(Http::new().expect("a client")), Fuse::of(1_000_000)),
            clock: Arc::new(SystemClock),
            bell: Bell::default(),
            pulse: Arc::new(Pulse::default()),
        }
    }
}

impl Drop for House {
    fn drop(&mut self) {
        self.runtime.block_on(self.ledger.close()).ok();
    }
}

/// A webhook integration without pace.
pub(crate) fn integration(name: &str, url: &Url) -> Integration {
    Integration {
        name: name.to_owned(),
        url: url.clone(),
        platform: Platform::Webhook { secret: None, receiver_dedupes: false },
        pace: Pace { every: Duration::ZERO, burst: 1 },
        caps: CAPS,
        timeout: Duration::from_secs(10),
        doubt_after: Duration::from_secs(120),
        expires: None,
    }
}

/// The group of a lane.
pub(crate) fn group(name: &str) -> Group {
    Group {
        name: name.to_owned(),
        integration: name.to_owned(),
        feeds: vec![FEED.to_owned()],
        template: None,
        room: None,
        visibility: None,
        language: None,
        when_absent: oncecast::model::WhenAbsent::Wait,
        ..Group::default()
    }
}
