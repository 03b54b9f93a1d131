//! A whole house on a clock of the test's own: real config, ledger, polls and lanes over a network in
//! memory. When it is pulled down, nobody may have seen anything twice.

use std::path::{Path, PathBuf};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use oncecast::clock::{Clock as _, TokioClock};
use oncecast::config::{Config, Secrets};
use oncecast::daemon::alerts::Watch;
use oncecast::daemon::{lane_of, place_of, setup_of};
use oncecast::flow::deliver::{Lane, Next};
use oncecast::flow::poll::Poller;
use oncecast::flow::{Bell, Parts, Pulse};
use oncecast::ledger::embedded::disk::{Disk, Files};
use oncecast::ledger::embedded::{Embedded, Place};
use oncecast::ledger::{
    DeliveryView, EntryView, Ledger, LedgerError, Replay, ReplayStep, Selection, Work,
};
use oncecast::model::{StatusKind, Time};
use oncecast::wire::{Fuse, Wire};
use tokio::sync::Semaphore;

use super::blog::{Post, rss};
use super::net::{Net, Served};

pub const MINUTE: Duration = Duration::from_secs(60);
pub const HOUR: Duration = Duration::from_secs(3_600);
pub const DAY: Duration = Duration::from_secs(86_400);
const START: Time = Time::from_millis(1_767_323_045_000);
const FEED: &str = "http://blog.example/feed";
/// As long as the real loops wait for a ledger that cannot be used.
const LEDGER_REST: Duration = Duration::from_secs(5);

/// One group behind a webhook; `more` goes into its integration.
fn group(name: &str, more: &str) -> String {
    format!(
        "[[integration]]\nname = \"{name}-hook\"\nkind = \"webhook\"\nurl = \"http://{name}.example/hook\"\n\
         {more}\n[[group]]\nname = \"{name}\"\nintegration = \"{name}-hook\"\n"
    )
}

/// The house.
pub struct World {
    folder: tempfile::TempDir,
    config: Config,
    clock: Arc<TokioClock>,
    pub net: Arc<Net>,
    pub parts: Parts,
    disk: Arc<dyn Disk>,
    pollers: Vec<Poller>,
    lanes: Vec<Lane>,
    watch: Option<Watch>,
    /// While somebody could speak through this, the clock moves only when the test moves it.
    _still: mpsc::Sender<()>,
}

impl World {
    /// A blog and one group, `readers`, with the default walls.
    pub async fn new() -> Self {
        Self::with("", &[("readers", "")]).await
    }

    /// A blog under this guard, and groups with what stands in their integrations.
    pub async fn with(guard: &str, groups: &[(&str, &str)]) -> Self {
        Self::with_more(guard, groups, "").await
    }

    /// The same, and further feeds, which every group hears too.
    pub async fn hearing(feeds: &[&str], guard: &str, groups: &[(&str, &str)]) -> Self {
        let feeds = feeds.iter().enumerate();
        let feeds: String = feeds
            .map(|(n, url)| format!("[[feed]]\nname = \"feed-{n}\"\nurl = {url:?}\n"))
            .collect();
        Self::with_more(guard, groups, &feeds).await
    }

    /// The same, with more tables after them.
    pub async fn with_more(guard: &str, groups: &[(&str, &str)], more: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let groups: String = groups.iter().map(|(name, more)| group(name, more)).collect();
        let text = format!(
            "[ledger]\npath = {:?}\nwitness = {:?}\n[guard]\n{guard}\n\
             [[feed]]\nname = \"blog\"\nurl = {FEED:?}\n{groups}\n{more}",
            folder.path().join("state/ledger.redb"),
            folder.path().join("elsewhere/witness"),
        );
        std::fs::create_dir(folder.path().join("elsewhere")).expect("made");
        let file = folder.path().join("oncecast.toml");
        let config = Config::parse(&text, &file, Secrets::Resolve, &|_| None).expect("a config");
        let clock = TokioClock::starting_at(START);
        let net = Net::new(Arc::clone(&clock));
        let disk: Arc<dyn Disk> = Arc::new(Files);
        let parts = parts(&config, &clock, &net, &disk).await.expect("opens");
        let (still, until) = mpsc::channel::<()>();
        tokio::task::spawn_blocking(move || until.recv());
        let (pollers, lanes, watch) = (Vec::new(), Vec::new(), None);
        let mut world =
            Self { folder, config, clock, net, parts, disk, pollers, lanes, watch, _still: still };
        world.begin();
        world
    }

    fn begin(&mut self) {
        let fetches = Arc::new(Semaphore::new(1));
        let poller = |feed: &oncecast::config::Feed| {
            Poller::new(feed.clone(), self.parts.clone(), Arc::clone(&fetches))
        };
        self.pollers = self.config.feeds.iter().map(poller).collect();
        let lane = |integration| lane_of(&self.config, integration, &self.parts);
        self.lanes = self.config.integrations.iter().map(lane).collect();
        self.watch = Watch::of(&self.config, &self.parts);
    }

    pub fn now(&self) -> Time {
        self.clock.now()
    }

    pub fn config(&self) -> &Config {
        &self.config
    }

    pub fn state(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    pub fn witness(&self) -> &Path {
        &self.config.ledger.witness
    }

    /// What the blog says from now on.
    pub fn blog(&self, posts: &[Post]) {
        self.answers(200, rss(posts), true);
    }

    /// What the blog's server answers from now on.
    pub fn answers(&self, status: u16, body: Vec<u8>, whole: bool) {
        self.net.serve(FEED, Served { status, body, whole });
    }

    /// What another feed says from now on.
    pub fn at(&self, url: &str, posts: &[Post]) {
        self.net.serve(url, Served { status: 200, body: rss(posts), whole: true });
    }

    /// What the blog says for so long.
    pub async fn says(&mut self, posts: &[Post], span: Duration) {
        self.blog(posts);
        self.run(span).await;
    }

    /// What the blog says until the first of it waits for its second look.
    pub async fn says_until_noticed(&mut self, posts: &[Post]) {
        self.blog(posts);
        for _ in 0..20 {
            self.run(MINUTE).await;
            if !self.waiting(StatusKind::Due).await.is_empty() {
                return;
            }
        }
        panic!("nothing was noticed");
    }

    /// Lets so much time go by: every loop moves when it would.
    pub async fn run(&mut self, span: Duration) {
        let mut left = span;
        loop {
            let mut wait = left;
            for poller in &self.pollers {
                wait = wait.min(poller.turn().await.unwrap_or(LEDGER_REST));
            }
            if let Some(watch) = &self.watch {
                watch.turn().await.ok();
                // The real loop looks every minute.
                wait = wait.min(5 * MINUTE);
            }
            for lane in &mut self.lanes {
                wait = wait.min(work(lane, self.parts.ledger.as_ref()).await);
            }
            if left.is_zero() {
                return;
            }
            let wait = wait.max(Duration::from_secs(1)).min(left);
            tokio::time::advance(wait).await;
            left -= wait;
        }
    }

    /// Lets time go by until a receiver has a post and does not answer, and pulls the plug then.
    pub async fn run_until_it_hangs(&mut self, span: Duration) {
        let net = Arc::clone(&self.net);
        tokio::select! {
            () = net.hanging.notified() => {}
            () = self.run(span) => panic!("nothing was sent"),
        }
    }

    /// Ends the process, however it stands, and starts it again.
    pub async fn restart(&mut self) -> Result<(), LedgerError> {
        self.stop().await;
        self.start().await
    }

    pub async fn stop(&mut self) {
        (self.pollers, self.lanes, self.watch) = (Vec::new(), Vec::new(), None);
        self.parts.ledger.close().await.expect("closed");
    }

    pub async fn start(&mut self) -> Result<(), LedgerError> {
        self.parts = parts(&self.config, &self.clock, &self.net, &self.disk).await?;
        self.begin();
        Ok(())
    }

    /// Another process with the same config and disk.
    pub async fn another(&self) -> Result<Parts, LedgerError> {
        parts(&self.config, &self.clock, &self.net, &self.disk).await
    }

    /// Puts another disk under the ledger.
    pub async fn on(&mut self, disk: Arc<dyn Disk>) {
        self.disk = disk;
        self.restart().await.expect("opens");
    }

    /// Puts another network under the lanes.
    pub fn over(&mut self, wire: Arc<Wire>) {
        self.parts.wire = wire;
        self.begin();
    }

    /// Puts another ledger under the loops.
    pub fn under(&mut self, ledger: Arc<dyn Ledger>) {
        self.parts.ledger = ledger;
        self.begin();
    }

    /// How often the readers of the first group saw a post.
    pub fn seen(&self, mark: &str) -> u32 {
        self.net.seen("readers.example", mark)
    }

    /// What waits, for a person or for its time.
    pub async fn waiting(&self, kind: StatusKind) -> Vec<DeliveryView> {
        let waiting = self.parts.ledger.waiting(1_000).await.expect("readable");
        waiting.into_iter().filter(|view| view.status.kind() == kind).collect()
    }

    /// Fails unless so many deliveries are held where a person sees them.
    pub async fn held(&self, count: usize) {
        let held = self.waiting(StatusKind::Held).await;
        assert_eq!(held.len(), count, "{held:?}");
    }

    /// The one entry of that link or guid.
    pub async fn entry(&self, what: &str) -> EntryView {
        let mut found = self.parts.ledger.find(what).await.expect("readable");
        assert_eq!(found.len(), 1, "{what}");
        found.remove(0)
    }

    /// A person asks for a post to be sent by hand.
    pub async fn replay(&self, what: &str, again: Option<&str>) -> Vec<ReplayStep> {
        let selection = Selection { entry: self.entry(what).await.number, group: None };
        let replay = Replay { selection, again: again.map(str::to_owned), dry_run: false };
        self.parts.ledger.reopen(replay, "person".to_owned()).await.expect("answered")
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.net.assert_once();
        }
    }
}

async fn parts(
    config: &Config,
    clock: &Arc<TokioClock>,
    net: &Arc<Net>,
    disk: &Arc<dyn Disk>,
) -> Result<Parts, LedgerError> {
    let clock = Arc::clone(clock);
    let place = Place { disk: Arc::clone(disk), ..place_of(config) };
    let ledger: Arc<dyn Ledger> = Embedded::open(place, clock.clone()).await?;
    ledger.configure(setup_of(config)).await?;
    let wire = Wire::over(net.clone(), Fuse::default());
    Ok(Parts { ledger, wire, clock, bell: Bell::default(), pulse: Arc::new(Pulse::default()) })
}

/// Takes a lane as far as it will go, and comes back with how long it rests: what `dispatch::work` does.
async fn work(lane: &mut Lane, ledger: &dyn Ledger) -> Duration {
    for _ in 0..1_000 {
        let next = match ledger.due(lane.name()).await {
            Err(error) => Err(error),
            Ok(waiting) => match waiting.work {
                Some(Work::Due(due)) => lane.deliver(&due).await,
                Some(Work::Doubt(doubt)) => lane.look(&doubt).await,
                Some(Work::Amend(amend)) => lane.amend(&amend).await,
                None => Ok(waiting.wake.map_or(Next::Bell, Next::Wait)),
            },
        };
        match next {
            Ok(Next::Again) => {}
            Ok(Next::Wait(wait)) => return wait,
            Ok(Next::Bell) => return HOUR,
            Err(_) => return LEDGER_REST,
        }
    }
    panic!("a lane does not come to rest");
}
