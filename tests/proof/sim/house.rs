//! The house: the real ledger, loops, wire and adapters, as `daemon` builds them, started and ended in every
//! way there is.

use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use oncecast::config::Config;
use oncecast::daemon::{lane_of, place_of, setup_of};
use oncecast::flow::dispatch::{self, Rests};
use oncecast::flow::poll::{Poller, Start};
use oncecast::flow::{Bell, Listener, Parts, Pulse};
use oncecast::ledger::embedded::{Embedded, Mend, Place};
use oncecast::ledger::{Ledger as _, LedgerError, Permit, Trust};
use oncecast::wire::{Fuse, Wire};
use sha2::{Digest as _, Sha256};
use tokio::sync::Semaphore;
use tokio::task::{AbortHandle, JoinSet};
use tokio_util::sync::CancellationToken;

use super::disk::Mounted;
use super::net::Net;
use super::plan::Defect;
use super::watch::{Watched, short};
use super::world::{HOUR, MINUTE, World};

/// A lane with nothing to do is heard of this often; the real one every minute, and hears no more.
const IDLE: Duration = HOUR.saturating_mul(12);
/// While everything is stopped, or the ledger only observes; the real one looks every few seconds, since a
/// STOP file rings no bell when it is taken away.
const STOPPED: Duration = MINUTE.saturating_mul(30);
/// Lanes that go on for so many steps in one life do not come to rest.
const STEPS_MAX: u64 = 60_000;

/// The house, whether or not anybody is in.
#[derive(Debug)]
pub(super) struct House {
    pub(super) world: Arc<World>,
    /// This machine's name.
    pub(super) host: String,
    /// So many of the last groups are not in the config yet.
    pub(super) without: usize,
    pub(super) running: Option<Running>,
    /// Whether the ledger that is open, or could not be opened, wants a person.
    pub(super) wants: Option<Mend>,
    /// The config as it was last read, of how many groups and which host: it is the same text.
    read: Option<((usize, String), Config)>,
}

/// A process.
#[derive(Debug)]
pub(super) struct Running {
    pub(super) ledger: Arc<Watched>,
    config: Config,
    parts: Parts,
    stop: CancellationToken,
    tasks: JoinSet<()>,
    lanes: Vec<AbortHandle>,
    /// Workers so far: each wakes at a moment of its own.
    woken: u64,
}

impl House {
    pub(super) fn new(world: Arc<World>) -> Self {
        let host = "here".to_owned();
        Self { world, host, without: 0, running: None, wants: None, read: None }
    }

    /// The config as it is read.
    fn config(&mut self) -> Config {
        let of = (self.without, self.host.clone());
        if self.read.as_ref().is_none_or(|(was, _)| *was != of) {
            let config = self.world.plan.config(&self.world.folder, &self.host, self.without);
            self.read = Some((of, config));
        }
        self.read.as_ref().map(|(_, config)| config.clone()).expect("it was read")
    }

    pub(super) fn path(&self) -> PathBuf {
        self.world.folder.join("ledger.redb")
    }

    pub(super) fn witness(&self) -> PathBuf {
        self.path().with_extension("witness")
    }

    pub(super) fn stop_file(&self) -> PathBuf {
        self.world.folder.join("STOP")
    }

    fn open(&self, place: Place, mend: Option<Mend>) -> Result<Arc<Embedded>, LedgerError> {
        let disk = Arc::new(Mounted(Arc::clone(&self.world.disk)));
        let place = Place { disk, ..place };
        Embedded::open_here(place, Arc::clone(&self.world.clock) as _, mend)
    }

    /// Starts a process where none runs; after what a person has decided, if anything.
    pub(super) async fn start(&mut self, mend: Option<Mend>) {
        if self.running.is_some() {
            return;
        }
        let config = self.config();
        if mend.is_some() {
            let mended = self.open(place_of(&config), mend);
            self.world.say(format_args!("mend {mend:?}: {:?}", mended.as_ref().err().map(short)));
            if let Ok(ledger) = mended {
                ledger.close().await.ok();
            }
        }
        let opened = self.open(place_of(&config), None);
        self.world.state().tally.starts += 1;
        let inner = match opened {
            Ok(inner) => inner,
            Err(error) => {
                self.world.say(format_args!("start failed: {}", short(&error)));
                let untrusted = matches!(error, LedgerError::Untrusted { .. });
                self.wants = untrusted.then_some(Mend::Init);
                return;
            }
        };
        let ledger = Arc::new(Watched { inner, world: Arc::clone(&self.world) });
        if let Err(error) = ledger.configure(setup_of(&config)).await {
            return self.world.say(format_args!("not configured: {}", short(&error)));
        }
        // As `daemon::House::open` does.
        if let Err(error) = ledger.begin().await {
            self.world.say(format_args!("this start is not written down: {}", short(&error)));
        }
        let overview = ledger.inner.overview().await;
        let trust = overview.map(|overview| overview.trust);
        if let Ok(Trust::Observes { why, .. }) = &trust {
            let folder = self.world.folder.display().to_string();
            self.world.say(format_args!("not trusted: {}", why.replace(&folder, "")));
        }
        self.wants = matches!(trust, Ok(Trust::Observes { .. })).then_some(Mend::AdoptRestored);
        self.world.state().observes = self.wants.is_some();
        self.world.say(format_args!(
            "started: {}",
            if self.wants.is_some() { "observes" } else { "sends" }
        ));
        let wire = Wire::over(Arc::new(Net(Arc::clone(&self.world))), Fuse::default());
        let parts = Parts {
            ledger: Arc::clone(&ledger) as _,
            wire,
            clock: Arc::clone(&self.world.clock) as _,
            bell: Bell::default(),
            pulse: Arc::new(Pulse::default()),
        };
        let stop = CancellationToken::new();
        let mut running = Running {
            ledger,
            config,
            parts,
            stop,
            tasks: JoinSet::new(),
            lanes: Vec::new(),
            woken: 0,
        };
        running.work(&self.world);
        self.running = Some(running);
    }

    /// Ends the process as a kill does.
    pub(super) async fn kill(&mut self) {
        self.world.disk.kill();
        self.leave().await;
    }

    /// Whatever the process was doing, it does no more.
    pub(super) async fn leave(&mut self) {
        let Some(mut running) = self.running.take() else { return };
        running.tasks.shutdown().await;
        self.world.say(format_args!("killed"));
    }

    /// Ends the process as it is meant to end; what takes too long is left to itself.
    pub(super) async fn end(&mut self) {
        let Some(mut running) = self.running.take() else { return };
        running.stop.cancel();
        running.parts.pulse.end();
        let all = async { while running.tasks.join_next().await.is_some() {} };
        drop(tokio::time::timeout(MINUTE * 2, all).await);
        running.tasks.shutdown().await;
        running.parts.ledger.close().await.ok();
        self.world.say(format_args!("ended"));
    }

    /// Reads the config again. The loops that were there end after their step, and new ones do not wait.
    pub(super) async fn reload(&mut self) {
        self.without = 0;
        let config = self.config();
        let Some(running) = &mut self.running else { return };
        running.stop.cancel();
        let taken = running.ledger.configure(setup_of(&config)).await;
        self.world.say(format_args!("reloaded: {:?}", taken.as_ref().err().map(short)));
        if taken.is_ok() {
            running.config = config;
        }
        running.stop = CancellationToken::new();
        running.lanes.clear();
        running.work(&self.world);
    }

    /// A task falls over in the middle of whatever it does.
    pub(super) fn abandon(&mut self, choice: usize) {
        let Some(running) = &mut self.running else { return };
        if let Some(lane) = running.lanes.get(choice % running.lanes.len().max(1)) {
            lane.abort();
        }
    }

    /// Another process on the same ledger must not get in.
    pub(super) fn second(&mut self) {
        let place = place_of(&self.config());
        match self.open(place, None) {
            Err(LedgerError::InUse { .. }) => {}
            Err(error) => self.world.broken(format!("I7: a second daemon is told: {error}")),
            Ok(_) => self.world.broken("I7: a second daemon has the same ledger".to_owned()),
        }
    }

    /// What wakes whoever waits.
    pub(super) fn ring(&self) {
        if let Some(running) = &self.running {
            running.parts.bell.ring();
        }
    }
}

impl Running {
    fn work(&mut self, world: &Arc<World>) {
        let fetches = Arc::new(Semaphore::new(1));
        for feed in &self.config.feeds {
            let poller = Poller::new(feed.clone(), self.parts.clone(), Arc::clone(&fetches));
            let start = Start { new: MINUTE, overdue: MINUTE };
            self.tasks.spawn(poller.work(start, self.stop.clone()));
        }
        for (number, integration) in self.config.integrations.iter().enumerate() {
            if number == 0 && world.plan.has(Defect::DeadLane) {
                continue;
            }
            let lane = lane_of(&self.config, integration, &self.parts);
            self.woken += 1;
            let turn = Duration::from_millis(self.woken);
            let name = lane.name().to_owned();
            let rests = Soundly { world: Arc::clone(world), name, turn };
            let stop = self.stop.clone();
            let work = async move {
                // No machine opens a ledger and claims in one and the same millisecond.
                tokio::time::sleep(turn).await;
                dispatch::work_resting(lane, stop, rests).await;
            };
            self.lanes.push(self.tasks.spawn(work));
        }
    }
}

/// The rests of a lane, which would look around every minute for thirty days.
struct Soundly {
    world: Arc<World>,
    name: String,
    /// Workers wake in the order of the seed, and the bell in any.
    turn: Duration,
}

impl Rests for Soundly {
    fn rest<'a>(
        &'a mut self,
        wait: Option<Duration>,
        bell: &'a mut Listener,
        stop: &'a CancellationToken,
    ) -> Pin<Box<dyn Future<Output = ()> + Send + 'a>> {
        Box::pin(async move {
            let (stopped, steps) = {
                let mut state = self.world.state();
                state.tally.steps += 1;
                (state.laws.stopped || state.observes, state.tally.steps)
            };
            if steps > STEPS_MAX {
                self.world.broken(format!("{} does not come to rest", self.name));
                return std::future::pending().await;
            }
            let wait = wait.map_or(IDLE, |wait| wait.min(IDLE));
            let wait = if stopped { wait.max(STOPPED) } else { wait };
            tokio::select! {
                biased;
                () = stop.cancelled() => {}
                () = bell.heard() => {}
                () = tokio::time::sleep(wait) => {}
            }
            tokio::time::sleep(self.turn).await;
        })
    }
}

/// I1: what was just granted stands in the witness.
pub(super) fn witnessed(world: &World, permit: &Permit) {
    const RECORD: usize = 64;
    let path = world.folder.join("ledger.witness");
    let mut hash = Sha256::new();
    hash.update(b"oncecast/witness/1");
    hash.update(permit.key().as_str());
    let wanted: [u8; 32] = hash.finalize().into();
    let number = permit.number().to_be_bytes();
    let named = |record: &[u8]| record[..8] == number && record[16..48] == wanted;
    let forgets = if world.plan.has(Defect::WitnessForgets) { 4 * RECORD } else { 0 };
    let tells = |told: &[u8]| {
        told[..told.len().saturating_sub(forgets)].rchunks_exact(RECORD).take(8).any(named)
    };
    if world.disk.with_durable(&path, tells) != Some(true) {
        world.broken(format!("I1: claim {} is granted and not witnessed", permit.number()));
    }
}
