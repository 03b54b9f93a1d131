//! One cell of the table: a whole house on a disk, one new post, one platform on its bad day, and days
//! that pass in a moment.

use std::path::Path;
use std::sync::{Arc, LazyLock, mpsc};
use std::time::Duration;

use oncecast::clock::TokioClock;
use oncecast::config::{Config, Secrets};
use oncecast::daemon::{lane_of, place_of, setup_of};
use oncecast::flow::deliver::{Lane, Next};
use oncecast::flow::poll::Poller;
use oncecast::flow::{Bell, Parts, Pulse};
use oncecast::ledger::embedded::Embedded;
use oncecast::ledger::{EntryView, Ledger, Work};
use oncecast::model::{Status, Time};
use oncecast::wire::{Fuse, Http, Wire};
use tokio::sync::Semaphore;

use super::super::incidents::blog::{archive, before, post, rss};
use super::cases::Case;
use super::platforms::{Platform, SECRETS};
use super::server::Server;

pub const START: Time = Time::from_millis(1_767_323_045_000);
pub const HOUR: Duration = Duration::from_secs(3_600);
pub const DAY: Duration = Duration::from_secs(86_400);
/// Longer than any timeout of ours.
const TOO_LONG: Duration = Duration::from_secs(90);
/// How often a lane with nothing to do is looked at.
const IDLE: Duration = Duration::from_secs(6 * 3_600);
/// One network for all: reading the machine's certificates takes longer than a cell.
static NETWORK: LazyLock<Arc<Http>> = LazyLock::new(|| Arc::new(Http::new().unwrap()));
/// The guid of the one new post.
const NEW: &str = "http://blog.example/?p=kit";

/// What came of it.
#[derive(Debug)]
pub struct Cell {
    /// How often readers see the post.
    pub seen: usize,
    /// Where the delivery stands.
    pub status: String,
    /// How long after the first publish call the second came.
    pub waited: Option<Duration>,
    /// How often a redirect was followed.
    pub strayed: usize,
    /// Files that hold a secret and should not.
    pub leaks: Vec<String>,
}

/// Plays one cell on a clock of its own.
pub fn play(platform: Box<dyn Platform>, case: &Case) -> Cell {
    alone(scene(platform, case))
}

/// Lets a scene be played on a clock that it alone moves.
pub fn alone<T>(scene: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(async {
        // While somebody could speak through this, the clock moves only when it is moved.
        let (still, until) = mpsc::channel::<()>();
        tokio::task::spawn_blocking(move || until.recv());
        let end = scene.await;
        drop(still);
        end
    })
}

async fn scene(platform: Box<dyn Platform>, case: &Case) -> Cell {
    let folder = tempfile::tempdir().unwrap();
    let clock = TokioClock::starting_at(START);
    let server = Server::open(platform, case, Arc::clone(&clock)).await;
    let config = config_of(&server, folder.path());
    let feed = folder.path().join("feed.xml");
    let old = archive(3);
    std::fs::write(&feed, rss(&old)).unwrap();
    let mut house = House::open(&config, &clock).await;
    house.run(&server, HOUR).await;
    std::fs::write(&feed, rss(&before(&[post("kit")], &old))).unwrap();
    house.run(&server, 5 * DAY).await;
    if !matches!(house.status().await, Status::Published { .. }) {
        // A person has mended the credentials.
        house.parts.ledger.resume(None, "person".to_owned()).await.unwrap();
        house.run(&server, 2 * DAY).await;
    }
    // A start anew must not change anything that readers see.
    house.close().await;
    let mut house = House::open(&config, &clock).await;
    house.run(&server, DAY).await;
    while !server.rests() {
        tokio::task::yield_now().await;
    }
    let status = house.status().await;
    house.close().await;
    let status = if std::env::var_os("ONCECAST_WHY").is_some() {
        format!("{status:?}")
    } else {
        status.kind().word().to_owned()
    };
    let seen = server.with(|platform| platform.seen());
    let leaks = leaks(&folder.path().join("state"));
    Cell { seen, status, waited: server.waited(), strayed: server.strayed(), leaks }
}

/// A config with one feed in the folder, and the platform's one integration and group.
pub fn config_of(server: &Server, folder: &Path) -> Config {
    config(folder, server, "readers")
}

/// The same, and what it calls its group.
pub fn config(folder: &Path, server: &Server, group: &str) -> Config {
    let text = format!(
        "[ledger]\npath = \"state/ledger.redb\"\n[guard]\nsettle = \"0s\"\nburst = 100\nshare = 1.0\n\
         [[feed]]\nname = \"blog\"\nurl = \"feed.xml\"\nevery = \"1d\"\n{}",
        server.with(|platform| platform.config(&server.url)).replace("readers", group)
    );
    let file = folder.join("oncecast.toml");
    let env = |name: &str| SECRETS.iter().find(|(n, _)| *n == name).map(|(_, value)| value.into());
    Config::parse(&text, &file, Secrets::Resolve, &env)
        .unwrap_or_else(|report| panic!("{report}\n{text}"))
}

/// Files that hold a secret; the one that is there for them is not among them.
fn leaks(folder: &Path) -> Vec<String> {
    let mut leaks = Vec::new();
    for file in std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()) {
        if file.is_dir() {
            continue;
        }
        let bytes = std::fs::read(&file).unwrap();
        for (name, secret) in SECRETS {
            if bytes.windows(secret.len()).any(|part| part == secret.as_bytes()) {
                leaks.push(format!("{name} in {}", file.display()));
            }
        }
    }
    leaks
}

pub struct House {
    pub parts: Parts,
    poller: Poller,
    lane: Lane,
}

impl House {
    pub async fn open(config: &Config, clock: &Arc<TokioClock>) -> Self {
        let ledger: Arc<dyn Ledger> =
            Embedded::open(place_of(config), clock.clone()).await.unwrap();
        ledger.configure(setup_of(config)).await.unwrap();
        let wire = Wire::over(NETWORK.clone(), Fuse::default());
        let (bell, pulse) = (Bell::default(), Arc::new(Pulse::default()));
        let parts = Parts { ledger, wire, clock: clock.clone(), bell, pulse };
        let fetches = Arc::new(Semaphore::new(1));
        let poller = Poller::new(config.feeds[0].clone(), parts.clone(), fetches);
        let lane = lane_of(config, &config.integrations[0], &parts);
        Self { parts, poller, lane }
    }

    pub async fn close(self) {
        self.parts.ledger.close().await.unwrap();
    }

    /// Where the delivery of the new post stands.
    pub async fn status(&self) -> Status {
        self.entry().await.deliveries.remove(0).status
    }

    /// The new post.
    pub async fn entry(&self) -> EntryView {
        let mut found = self.parts.ledger.find(NEW).await.unwrap();
        assert_eq!(found.len(), 1);
        found.remove(0)
    }

    /// Lets so much time go by; true where it was killed in the middle.
    pub async fn run(&mut self, server: &Server, span: Duration) -> bool {
        let mut left = span;
        loop {
            let wait = {
                let step = step(&self.poller, &mut self.lane, self.parts.ledger.as_ref());
                tokio::pin!(step);
                loop {
                    tokio::select! {
                        wait = &mut step => break wait,
                        () = server.hangs() => tokio::time::advance(TOO_LONG).await,
                        () = server.kills() => return true,
                    }
                }
            };
            if left.is_zero() {
                return false;
            }
            let wait = wait.max(Duration::from_secs(1)).min(left);
            tokio::time::advance(wait).await;
            left -= wait;
        }
    }
}

/// Everything that is to be done now, and how long until there is more: what the real loops do.
async fn step(poller: &Poller, lane: &mut Lane, ledger: &dyn Ledger) -> Duration {
    let wait = poller.turn().await.unwrap();
    for _ in 0..1_000 {
        let waiting = ledger.due(lane.name()).await.unwrap();
        let next = match waiting.work {
            Some(Work::Due(due)) => lane.deliver(&due).await.unwrap(),
            Some(Work::Doubt(doubt)) => lane.look(&doubt).await.unwrap(),
            Some(Work::Amend(amend)) => lane.amend(&amend).await.unwrap(),
            None => waiting.wake.map_or(Next::Bell, Next::Wait),
        };
        match next {
            Next::Again => {}
            Next::Wait(rest) => return wait.min(rest),
            Next::Bell => return wait.min(IDLE),
        }
    }
    panic!("the lane does not come to rest");
}
