//! What a daemon has in its hands: the ledger on a machine's disk, a wire to a platform that answers what
//! it is told to, and the permits that it was granted.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use oncecast::adapter::{CallSecrets, Known};
use oncecast::clock::TokioClock;
use oncecast::ledger::embedded::{Embedded, Mend, Place};
use oncecast::ledger::{Audience, Lane, Ledger as _, LedgerError, Permit, Policy, Setup, Spent};
use oncecast::model::{Caps, DeliveryId, Response, Status, Time, WhenAbsent};
use oncecast::wire::{Answering, Endpoint, Fuse, Get, Outgoing, Transport, Trouble, Wire};

use crate::disk::{Machine, Platter};
use crate::model::house::Reader;

const START: Time = Time::from_millis(1_767_323_045_000);

pub(super) const LEDGER: &str = "/state/ledger.redb";
pub(super) const DOUBT_AFTER: Duration = Duration::from_secs(120);

pub(super) type Stands = BTreeMap<DeliveryId, Status>;

/// A clock that stands still but for what is asked of it.
pub(super) fn clock() -> Arc<TokioClock> {
    TokioClock::starting_at(START)
}

/// Where the ledger of a machine stands; its witness on a disk of its own, or beside it.
pub(super) fn place(machine: &Machine, is_apart: bool) -> Place {
    Place {
        disk: machine.disk(),
        path: PathBuf::from(LEDGER),
        witness: is_apart.then(|| PathBuf::from("/other/ledger.witness")),
        host: Some("here".to_owned()),
        ..Place::default()
    }
}

fn setup() -> Setup {
    let caps = Caps { per_10m: 900, per_hour: 9_000, per_day: 9_000 };
    let group = |name: &str| Audience {
        name: name.to_owned(),
        lane: "lane".to_owned(),
        feeds: vec!["blog".to_owned()],
        when_absent: WhenAbsent::Wait,
        upkeep: oncecast::model::Upkeep::default(),
        ..Audience::default()
    };
    Setup {
        policy: Policy { settle: Duration::ZERO, burst: 99, share: 2.0, ..Policy::default() },
        lanes: vec![Lane { name: "lane".to_owned(), caps, doubt_after: DOUBT_AFTER }],
        groups: vec![group("readers"), group("others")],
    }
}

/// Opens the ledger and has it take up the config.
pub(super) async fn open(
    place: Place,
    clock: &Arc<TokioClock>,
    mend: Option<Mend>,
) -> Result<Arc<Embedded>, LedgerError> {
    let ledger = Embedded::open_and(place, Arc::clone(clock) as _, mend).await?;
    ledger.configure(setup()).await?;
    Ok(ledger)
}

/// The same without a thread, for one look at what is there.
pub(super) async fn open_here(
    place: Place,
    clock: &Arc<TokioClock>,
) -> Result<Arc<Embedded>, LedgerError> {
    let ledger = Embedded::open_here(place, Arc::clone(clock) as _, None)?;
    ledger.configure(setup()).await?;
    Ok(ledger)
}

/// Lets go of what nobody reads any more: a database that is dropped while its thread falls over writes
/// nothing, and one that is closed writes as much as a commit.
fn let_go<T: Send + 'static, U: Send + 'static>(of: T, told: U) -> U {
    let fallen = catch_unwind(AssertUnwindSafe(|| {
        let _dropped_on_the_way = of;
        resume_unwind(Box::new(told))
    }));
    let Err(told) = fallen;
    *told.downcast().expect("what was thrown")
}

/// Leaves a ledger of [`open_here`] as a power cut would.
pub(super) fn leave(ledger: Arc<Embedded>) {
    let_go(ledger, ());
}

pub(super) fn guid(post: u32) -> String {
    format!("https://blog.example/{post}")
}

/// Where every delivery stands.
pub(super) async fn stands(ledger: &Embedded, posts: u32) -> Result<Stands, LedgerError> {
    let mut stands = Stands::new();
    // All are asked for before the first is awaited: they share a transaction.
    let asked: Vec<_> = (0..posts).map(|post| ledger.find(&guid(post))).collect();
    for found in asked {
        for entry in found.await? {
            stands.extend(entry.deliveries.into_iter().map(|d| (d.id, d.status)));
        }
    }
    Ok(stands)
}

/// What became of a call.
#[derive(Debug, Clone, Copy)]
pub(super) enum Answer {
    Status(u16),
    NotSent,
    Lost,
}

#[derive(Debug)]
struct Line(Mutex<Option<Answer>>);

impl Transport for Line {
    fn send<'a>(
        &'a self,
        _: Outgoing<'a>,
    ) -> Pin<Box<dyn Future<Output = Result<Response, Trouble>> + Send + 'a>> {
        let answer = self.0.lock().expect("unpoisoned").take().expect("one call");
        Box::pin(async move {
            match answer {
                Answer::Status(status) => Ok(Response { status, ..Response::default() }),
                Answer::NotSent => Err(Trouble::Unsent("refused".into())),
                Answer::Lost => Err(Trouble::Unknown("reset".into())),
            }
        })
    }

    fn get<'a>(&'a self, _: Get<'a>) -> Answering<'a> {
        Box::pin(std::future::pending())
    }
}

/// Spends a permit in a call that is answered so.
pub(super) async fn publish(permit: Permit, answer: Answer) -> Spent {
    let line = Arc::new(Line(Mutex::new(Some(answer))));
    let wire = Wire::over(line as Arc<dyn Transport>, Fuse::default());
    let base = "https://platform.example/".parse().expect("a URL");
    wire.publish(
        permit,
        &Endpoint { base, timeout: Duration::from_secs(60) },
        &CallSecrets::default(),
        &Reader,
        &Known::default(),
    )
    .await
}

/// What the ledger's file said at each of these moments, where that can be read; each once.
pub(super) fn contents(moments: &[Platter]) -> Vec<Option<u64>> {
    let path = Path::new(LEDGER);
    let mut said = Vec::new();
    for (at, moment) in moments.iter().enumerate() {
        if at > 0 && moment.shares(path, &moments[at - 1]) {
            continue;
        }
        said.extend(content(&Machine::with(moment.clone(), 0), path));
    }
    said
}

/// What the ledger's file says, whole, and read by nothing of ours: `None` where there is none.
pub(super) fn content(machine: &Machine, path: &Path) -> Result<Option<u64>, String> {
    // redb falls over a file that no honest disk leaves.
    catch_unwind(|| read(machine, path)).unwrap_or_else(|_| Err("it fell over".into()))
}

fn read(machine: &Machine, path: &Path) -> Result<Option<u64>, String> {
    use std::hash::{DefaultHasher, Hash as _, Hasher as _};

    use redb::{ReadableDatabase as _, ReadableTable as _, TableDefinition, TableHandle as _};

    let disk = machine.disk();
    match disk.size(path) {
        Ok(None) => return Ok(None),
        Ok(Some(0)) => return Err("it is empty".to_owned()),
        _ => {}
    }
    let said = |e: &dyn std::fmt::Display| e.to_string();
    let file =
        disk.open(path, oncecast::ledger::embedded::disk::How::Write).map_err(|e| said(&e))?;
    let database = redb::Builder::new()
        .set_cache_size(1 << 20)
        .create_with_backend(Lent(file))
        .map_err(|e| said(&e))?;
    let txn = database.begin_read().map_err(|e| said(&e))?;
    let mut names: Vec<String> =
        txn.list_tables().map_err(|e| said(&e))?.map(|t| t.name().to_owned()).collect();
    names.sort();
    let mut hash = DefaultHasher::new();
    for name in names {
        let definition: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new(&name);
        name.hash(&mut hash);
        let table = txn.open_table(definition).map_err(|e| said(&e))?;
        for row in table.iter().map_err(|e| said(&e))? {
            let (key, row) = row.map_err(|e| said(&e))?;
            (key.value(), row.value()).hash(&mut hash);
        }
    }
    drop(txn);
    Ok(Some(let_go(database, hash.finish())))
}

/// A file that redb may have for itself.
#[derive(Debug)]
struct Lent(Box<dyn redb::StorageBackend>);

impl redb::StorageBackend for Lent {
    fn len(&self) -> std::io::Result<u64> {
        self.0.len()
    }
    fn read(&self, offset: u64, out: &mut [u8]) -> std::io::Result<()> {
        self.0.read(offset, out)
    }
    fn set_len(&self, len: u64) -> std::io::Result<()> {
        self.0.set_len(len)
    }
    fn sync_data(&self) -> std::io::Result<()> {
        self.0.sync_data()
    }
    fn write(&self, offset: u64, data: &[u8]) -> std::io::Result<()> {
        self.0.write(offset, data)
    }
}
