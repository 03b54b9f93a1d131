//! The daemon: opened once, reloaded in place, and ended after what is under way.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::{Mutex, mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::config::{Config, WebSub};
use crate::desk::verb::{Answer, Verb, WAITING_MAX, perform};
use crate::desk::{Failure, exit};
use crate::flow::{Bell, Hubs, Manners, Parts, Pulse};
use crate::ledger::{Ledger, Overview};
use crate::serve::control::{Answers, Control};
use crate::serve::{self, Shared};
use crate::wire::Wire;

use super::{Workers, setup_of, systemd};

/// What a publish call may take beyond its own timeout: to settle, and to end.
const DRAIN_GRACE: Duration = Duration::from_secs(10);

/// How a config is read again, and by which rules.
pub type Reload = Box<dyn Fn() -> Result<Config, Failure> + Send + Sync>;

/// An open house.
pub struct House {
    config: Config,
    parts: Parts,
    shared: Arc<Shared>,
    listener: TcpListener,
    control: Control,
    /// Where hubs call, if they can.
    hubs: Option<TcpListener>,
    reload: Reload,
}

/// Where an open house answers.
#[derive(Debug, Clone)]
pub struct Started {
    /// Health, status and metrics.
    pub listen: std::net::SocketAddr,
    /// The control socket.
    pub control: PathBuf,
}

/// What the outside tells a running house.
#[derive(Debug)]
pub enum Running {
    /// Read the config again, and say what came of it where somebody asked.
    Reload(Option<oneshot::Sender<Result<String, Failure>>>),
    /// Finish what is under way and end.
    End,
}

impl std::fmt::Debug for House {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("House").field("config", &self.config.file).finish_non_exhaustive()
    }
}

/// Where a house can be asked.
pub(super) struct Doors {
    pub(super) listener: TcpListener,
    pub(super) control: Control,
}

impl Doors {
    pub(super) async fn open(config: &Config) -> Result<Self, Failure> {
        let listen = config.serve.listen;
        let listener = TcpListener::bind(listen).await.map_err(|e| {
            let what = format!("failed to listen on {listen} (serve.listen): {e}");
            Failure::new(exit::UNAVAILABLE, what)
        })?;
        let control = Control::bind(&config.serve.control).await.map_err(|e| {
            let path = config.serve.control.display();
            let code =
                if e.kind() == io::ErrorKind::AddrInUse { exit::LATER } else { exit::UNAVAILABLE };
            Failure::new(code, format!("failed to open the control socket {path}: {e}"))
        })?;
        Ok(Self { listener, control })
    }
}

impl House {
    /// Opens everything else that can fail, before anything is sent: network and sockets.
    ///
    /// # Errors
    /// What could not be opened, with its exit code.
    pub async fn open(
        config: Config,
        clock: Arc<dyn Clock>,
        ledger: Arc<dyn Ledger>,
        reload: Reload,
    ) -> Result<Self, Failure> {
        ledger.configure(setup_of(&config)).await?;
        begin(ledger.as_ref()).await;
        match Self::furnish(config, clock, Arc::clone(&ledger), reload).await {
            Ok(house) => Ok(house),
            Err(failure) => {
                // It has not fallen over: it says why it cannot begin.
                ledger.close().await.ok();
                Err(failure)
            }
        }
    }

    async fn furnish(
        config: Config,
        clock: Arc<dyn Clock>,
        ledger: Arc<dyn Ledger>,
        reload: Reload,
    ) -> Result<Self, Failure> {
        let wire = Wire::open_as(config.poll.contact.as_deref())
            .map_err(|e| Failure::new(exit::UNAVAILABLE, e.to_string()))?;
        let Doors { listener, control } = Doors::open(&config).await?;
        let hubs = match &config.websub {
            Some(WebSub { listen, .. }) => Some(TcpListener::bind(listen).await.map_err(|e| {
                let what = format!("failed to listen on {listen} (websub.listen): {e}");
                Failure::new(exit::UNAVAILABLE, what)
            })?),
            None => None,
        };
        let parts =
            Parts { ledger, wire, clock, bell: Bell::default(), pulse: Arc::new(Pulse::default()) };
        let shared = Arc::new(Shared::new(&config, &parts));
        if let Ok(address) = listener.local_addr() {
            shared.set_address(address);
        }
        Ok(Self { config, parts, shared, listener, control, hubs, reload })
    }

    /// Where it answers.
    ///
    /// # Errors
    /// What the socket says.
    pub fn started(&self) -> io::Result<Started> {
        let control = self.config.serve.control.clone();
        Ok(Started { listen: self.listener.local_addr()?, control })
    }

    /// The way to tell it something, and what it must be given to hear it.
    #[must_use]
    pub fn channel() -> (mpsc::Sender<Running>, mpsc::Receiver<Running>) {
        mpsc::channel(8)
    }

    /// Runs until it is told to end, and comes back when nothing is under way.
    ///
    /// # Errors
    /// Where something did not end in time; what it was doing stays in doubt.
    pub async fn run(
        self,
        tell: mpsc::Sender<Running>,
        mut told: mpsc::Receiver<Running>,
    ) -> Result<(), Failure> {
        let Self { mut config, parts, shared, listener, control, hubs, reload } = self;
        let stop = CancellationToken::new();
        let http = tokio::spawn(serve::run(listener, Arc::clone(&shared), stop.clone()));
        let callback = config.websub.as_ref().map(|websub| websub.callback.clone());
        let manners = Arc::new(Manners::default().with_hubs(Hubs::new(callback)));
        let calls = tokio::spawn({
            let (manners, clock, stop) =
                (Arc::clone(&manners), Arc::clone(&parts.clock), stop.clone());
            async move {
                if let Some(listener) = hubs {
                    serve::hub::run(listener, manners, clock, stop).await;
                }
            }
        });
        let desk = Arc::new(Desk {
            parts: parts.clone(),
            manners: Arc::clone(&manners),
            shared: Arc::clone(&shared),
            tell,
            one_at_a_time: Mutex::new(()),
        });
        let talks = tokio::spawn(control.serve(desk, stop.clone()));
        let watchdog = tokio::spawn(systemd::watchdog(Arc::clone(&parts.pulse), stop.clone()));
        let mut workers = Workers::start(&config, &parts, &manners);
        shared.set_ready(true);
        systemd::ready(&summary(&config));
        tracing::info!(feeds = config.feeds.len(), groups = config.groups.len(), "ready");
        while let Some(Running::Reload(answer)) = told.recv().await {
            systemd::reloading();
            let patience = patience(&config);
            let result = match reload() {
                Ok(new) => swap(&mut config, new, &mut workers, &parts, &manners, patience).await,
                Err(error) => Err(error),
            };
            shared.set_config(&config);
            match &result {
                Ok(words) => tracing::info!("{words}"),
                Err(error) => tracing::error!(%error, "the config is not taken; the old one stays"),
            }
            systemd::ready(&summary(&config));
            if let Some(answer) = answer {
                // Whoever asked may have gone.
                answer.send(result).ok();
            }
        }
        systemd::stopping();
        shared.set_stopping();
        tracing::info!("ending: what is under way is finished");
        parts.pulse.end();
        let left = workers.end(patience(&config)).await;
        stop.cancel();
        for task in [http, talks, watchdog, calls] {
            task.await.ok();
        }
        parts.ledger.close().await?;
        left.map_err(|n| {
            let words =
                format!("{n} loops did not end in time; what they were sending is in doubt");
            Failure::new(exit::FAILED, words)
        })
    }
}

/// Has the ledger know that a daemon begins, and says what already stops it from sending. Where that
/// cannot be written, no permit is granted before it is.
async fn begin(ledger: &dyn Ledger) {
    if let Err(error) = ledger.begin().await {
        tracing::error!(%error, "this start cannot be written down; nothing is sent before it is");
    }
    if let Ok(Overview { stopped: Some(why), .. }) = ledger.overview().await {
        tracing::error!(reason = %why, "nothing is sent; to go on: oncecast resume --all");
    }
}

/// Exchanges the config of a running house: the old loops finish first.
async fn swap(
    config: &mut Config,
    new: Config,
    workers: &mut Workers,
    parts: &Parts,
    manners: &Arc<Manners>,
    patience: Duration,
) -> Result<String, Failure> {
    for (name, same) in [
        ("ledger.path", config.ledger == new.ledger),
        ("serve.listen", config.serve.listen == new.serve.listen),
        ("serve.control", config.serve.control == new.serve.control),
        ("poll.contact", config.poll.contact == new.poll.contact),
        ("websub", config.websub == new.websub),
    ] {
        if !same {
            let words = format!("{name} has changed, and that wants a restart");
            return Err(Failure::new(exit::CONFIG, words));
        }
    }
    if let Err(n) = workers.end(patience).await {
        // They were told to end, and the others have: a house without loops is silent and looks well.
        workers.start_again(config, parts, manners);
        return Err(Failure::new(exit::LATER, format!("{n} loops did not end in time; try again")));
    }
    let taken = parts.ledger.configure(setup_of(&new)).await;
    if taken.is_ok() {
        *config = new;
    }
    *workers = Workers::start(config, parts, manners);
    taken?;
    let (feeds, groups) = (config.feeds.len(), config.groups.len());
    Ok(format!("the config is taken: {feeds} feeds, {groups} groups"))
}

/// The longest that a publish call under way may take.
fn patience(config: &Config) -> Duration {
    let longest = config.integrations.iter().map(|i| i.timeout).max();
    longest.unwrap_or_default() + DRAIN_GRACE
}

fn summary(config: &Config) -> String {
    format!("{} feeds, {} groups", config.feeds.len(), config.groups.len())
}

/// Answers what comes through the control socket.
struct Desk {
    parts: Parts,
    manners: Arc<Manners>,
    shared: Arc<Shared>,
    tell: mpsc::Sender<Running>,
    one_at_a_time: Mutex<()>,
}

impl Answers for Desk {
    type Verb = Verb;
    type Answer = Result<Answer, Failure>;

    async fn answer(&self, verb: Verb, who: String) -> Result<Answer, Failure> {
        if verb == Verb::Snapshot {
            // It may take minutes, and changes nothing: nobody waits for it.
            return perform(self.parts.ledger.as_ref(), verb, &who).await;
        }
        if let Verb::Plan { feed } = &verb {
            // It waits for servers, and changes nothing.
            let feeds = self.shared.feeds();
            return super::plan::plan(feeds, feed.as_deref(), &self.parts, &self.manners).await;
        }
        let _turn = self.one_at_a_time.lock().await;
        match verb {
            Verb::Status => {
                let overview = self.parts.ledger.overview().await;
                let waiting = self.parts.ledger.waiting(WAITING_MAX).await.unwrap_or_default();
                Ok(self.shared.status(&overview, &waiting))
            }
            Verb::Preview { entry, group } => self.shared.preview(&entry, group).await,
            Verb::Page => self.shared.invite(&who),
            Verb::Hand { say } => {
                let answer = self.shared.hand(say, &who).await;
                self.parts.bell.ring();
                answer
            }
            Verb::Reload => {
                let (answer, answered) = oneshot::channel();
                let gone = || Failure::new(exit::UNAVAILABLE, "the daemon is ending");
                self.tell.send(Running::Reload(Some(answer))).await.map_err(|_| gone())?;
                let words = answered.await.map_err(|_| gone())??;
                Ok(Answer::Done { words })
            }
            Verb::Poll { feed } => {
                let (state, _) = self.parts.ledger.feed(&feed).await?;
                if let Some((host, _)) = state.and_then(|state| state.not_before) {
                    self.manners.forgive(&host);
                }
                let verb = Verb::Poll { feed: feed.clone() };
                let answer = perform(self.parts.ledger.as_ref(), verb, &who).await;
                self.manners.call(&feed);
                answer
            }
            verb => {
                let answer = perform(self.parts.ledger.as_ref(), verb, &who).await;
                self.parts.bell.ring();
                answer
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SystemClock;
    use crate::ledger::embedded::Embedded;

    /// A reload that comes while a platform is slow is refused; the blog's next post is still heard.
    #[tokio::test(start_paused = true)]
    async fn a_reload_that_fails_leaves_the_house_alive() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("oncecast.toml");
        let text = format!(
            "[ledger]\npath = {:?}\n[serve]\nlisten = \"127.0.0.1:0\"\n\
             [[feed]]\nname = \"blog\"\nurl = \"feed.xml\"\n\
             [[integration]]\nname = \"hook\"\nkind = \"webhook\"\nurl = \"http://127.0.0.1:9/\"\n\
             [[group]]\nname = \"readers\"\nintegration = \"hook\"\n",
            folder.path().join("ledger.redb"),
        );
        std::fs::write(&file, text).expect("written");
        let items = "<item><title>a</title><link>http://b.example/a</link></item>";
        let text = format!("<rss version=\"2.0\"><channel><title>b</title>{items}</channel></rss>");
        std::fs::write(folder.path().join("feed.xml"), text).expect("written");
        let mut config = Config::load(&file, &|_: &str| None).expect("a config");
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let ledger = Embedded::open(&config.ledger.path, Arc::clone(&clock)).await.expect("opens");
        ledger.configure(setup_of(&config)).await.expect("configured");
        let wire = Wire::open().expect("a client");
        let parts =
            Parts { ledger, wire, clock, bell: Bell::default(), pulse: Arc::new(Pulse::default()) };
        let manners = Arc::new(Manners::default());
        let mut workers = Workers::start(&config, &parts, &manners);
        let new = config.clone();
        // Nothing ends in no time at all.
        let failed = swap(&mut config, new, &mut workers, &parts, &manners, Duration::ZERO).await;
        assert!(failed.is_err(), "{failed:?}");
        let mut known = false;
        for _ in 0..3_600 {
            tokio::time::sleep(Duration::from_secs(1)).await;
            known = parts.ledger.feed("blog").await.expect("readable").0.is_some();
            if known {
                break;
            }
        }
        assert!(known, "no feed is polled any more");
    }
}
