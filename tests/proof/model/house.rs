//! The real ledger and the real wire, opened, killed and put back as the model says, over a network that
//! answers as the model says.

use std::collections::HashMap;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use oncecast::adapter::{Adapter, Ask, CallSecrets, Doubt, Known, Piece, Post, Prepare, Unfit};
use oncecast::clock::TokioClock;
use oncecast::ledger::embedded::{Embedded, Mend};
use oncecast::ledger::{
    Audience, Intake, Lane, Ledger as _, LedgerError, Permit, Policy, Setup as Config, Sight, Spent,
};
use oncecast::model::{
    Caps, Entry, FeedState, Guarantee, IdempotencyKey, Outcome, Reference, Request, Response, Time,
    WhenAbsent,
};
use oncecast::wire::{Answering, Endpoint, Fuse, Get, Outgoing, Transport, Trouble, Wire};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::setup::{Class, DOUBT_AFTER, TICK};

const START: Time = Time::from_millis(1_767_323_045_000);

pub(super) type Answer = Result<Response, Trouble>;

/// A network that gives the answer which the model has decided on, when it has.
#[derive(Debug, Default)]
struct Line {
    next: Mutex<Option<oneshot::Receiver<Answer>>>,
}

impl Transport for Line {
    fn send<'a>(&'a self, _: Outgoing<'a>) -> Pin<Box<dyn Future<Output = Answer> + Send + 'a>> {
        let answer = self.next.lock().expect("unpoisoned").take().expect("a call was announced");
        Box::pin(
            async move { answer.await.unwrap_or_else(|_| Err(Trouble::Unknown("gone".into()))) },
        )
    }

    fn get<'a>(&'a self, _: Get<'a>) -> Answering<'a> {
        Box::pin(std::future::pending())
    }
}

/// Reads answers by the house's default table; nothing else is asked of it.
#[derive(Debug)]
pub(crate) struct Reader;

impl Adapter for Reader {
    fn guarantee(&self, _: &Known) -> Guarantee {
        Guarantee::Blind
    }
    fn prepare(
        &self,
        known: &Known,
        _: &[Response],
        _: &oncecast::config::Group,
        _: Time,
    ) -> Prepare {
        Prepare::Ready(known.clone())
    }
    fn compose(&self, _: &Piece<'_>, _: &Known) -> Result<Post, Unfit> {
        Err(Unfit("it is not asked".into()))
    }
    fn request(&self, _: &Post, _: &Piece<'_>, _: &Known) -> Result<Request, Unfit> {
        Err(Unfit("it is not asked".into()))
    }
    fn authorise(
        &self,
        _: &Request,
        _: &IdempotencyKey,
        _: &Known,
        _: Time,
    ) -> Result<CallSecrets, Unfit> {
        Ok(CallSecrets::default())
    }
    fn judge(&self, response: &Response) -> Outcome {
        Outcome::from_status(response, Reference::default())
    }
    fn ask(&self, _: &Doubt<'_>, _: &Known, _: &[Response]) -> Ask {
        Ask::Cannot
    }
}

/// The real ledger and wire, and what a daemon holds in its hands.
pub(super) struct House {
    pub(super) folder: tempfile::TempDir,
    clock: Arc<TokioClock>,
    /// What the short rests between attempts have taken so far.
    pub(super) rested: Duration,
    pub(super) ledger: Option<Arc<Embedded>>,
    line: Arc<Line>,
    wire: Arc<Wire>,
    pub(super) permits: HashMap<u8, Permit>,
    pub(super) calls: HashMap<u8, (oneshot::Sender<Answer>, JoinHandle<Spent>)>,
    pub(super) spent: HashMap<u8, Spent>,
    pub(super) backup: Option<Vec<u8>>,
}

fn config(class: Class) -> Config {
    let when_absent = if class.when_absent_send { WhenAbsent::Send } else { WhenAbsent::Wait };
    Config {
        policy: Policy { settle: Duration::ZERO, ..Policy::default() },
        lanes: vec![Lane {
            name: "lane".into(),
            caps: Caps { per_10m: 900, per_hour: 900, per_day: 900 },
            doubt_after: TICK * u32::from(DOUBT_AFTER),
        }],
        groups: vec![Audience {
            name: "readers".into(),
            lane: "lane".into(),
            feeds: vec!["blog".into()],
            when_absent,
            upkeep: oncecast::model::Upkeep::default(),
            ..Audience::default()
        }],
    }
}

impl House {
    pub(super) async fn new(class: Class) -> Self {
        let line = Arc::new(Line::default());
        let mut house = Self {
            folder: tempfile::tempdir().expect("a folder"),
            clock: TokioClock::starting_at(START),
            rested: Duration::ZERO,
            ledger: None,
            wire: Wire::over(Arc::clone(&line) as Arc<dyn Transport>, Fuse::default()),
            line,
            permits: HashMap::new(),
            calls: HashMap::new(),
            spent: HashMap::new(),
            backup: None,
        };
        // The first sight of the feed is behind us.
        house.open(class, None).await;
        let old = Entry { guid: Some("old".into()), title: "Old".into(), ..Entry::default() };
        house.admit(vec![old]).await;
        house.close().await;
        house
    }

    pub(super) fn path(&self) -> PathBuf {
        self.folder.path().join("ledger.redb")
    }

    pub(super) fn ledger(&self) -> &Arc<Embedded> {
        self.ledger.as_ref().expect("open")
    }

    pub(super) async fn open(&mut self, class: Class, mend: Option<Mend>) {
        let clock: Arc<TokioClock> = Arc::clone(&self.clock);
        let ledger = loop {
            match Embedded::open_and(&self.path(), Arc::clone(&clock) as _, mend).await {
                Ok(ledger) => break ledger,
                // The thread of the one that was dropped is on its way out.
                Err(LedgerError::InUse { .. }) => std::thread::yield_now(),
                Err(error) => panic!("{error}"),
            }
        };
        ledger.configure(config(class)).await.expect("configured");
        self.ledger = Some(ledger);
        self.wire = Wire::over(Arc::clone(&self.line) as Arc<dyn Transport>, Fuse::default());
    }

    /// Ends the daemon as a kill does: nobody is told.
    pub(super) async fn close(&mut self) {
        self.permits.clear();
        self.spent.clear();
        for (_, (_, call)) in self.calls.drain() {
            call.abort();
            drop(call.await);
        }
        self.ledger = None;
    }

    pub(super) async fn admit(&self, entries: Vec<Entry>) {
        let sight = Sight::Document { entries, complete: true };
        let intake = Intake { feed: "blog".into(), sight, state: FeedState::default() };
        self.ledger().admit(intake).await.expect("admitted");
    }

    /// Sends, and leaves the answer to [`House::answer`].
    pub(super) fn send(&mut self, permit: u8) -> Result<(), String> {
        let held = self.permits.remove(&permit).ok_or("nothing was granted")?;
        let (answer, answered) = oneshot::channel();
        *self.line.next.lock().expect("unpoisoned") = Some(answered);
        let wire = Arc::clone(&self.wire);
        let call = tokio::spawn(async move {
            let base = "https://platform.example/".parse().expect("a URL");
            let to = Endpoint { base, timeout: Duration::from_secs(60) };
            wire.publish(held, &to, &CallSecrets::default(), &Reader, &Known::default()).await
        });
        self.calls.insert(permit, (answer, call));
        Ok(())
    }

    pub(super) async fn answer(&mut self, permit: u8, answer: Answer) {
        let (tell, call) = self.calls.remove(&permit).expect("under way");
        drop(tell.send(answer));
        self.spent.insert(permit, call.await.expect("it ends"));
    }

    /// What the ledger says of every delivery, by entry and generation.
    pub(super) async fn stands(&self) -> HashMap<(u64, u32), oncecast::model::Status> {
        let found = self.ledger().find("https://blog.example/0").await.expect("readable");
        let rows = found.into_iter().flat_map(|entry| entry.deliveries);
        rows.map(|row| ((row.id.entry, row.id.generation), row.status)).collect()
    }
}
