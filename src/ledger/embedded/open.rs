//! Opening the ledger, and every doubt about it that stops all sending.

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use data_encoding::HEXLOWER;
use redb::{Builder, Database};

use crate::clock::Clock;
use crate::ledger::witness::{self, Claimed, Stand, Witness};
use crate::ledger::{LedgerError, Setup};
use crate::model::{EntryId, Event, Status};

use super::batch::{Batch, Core, Taken};
use super::disk::{Disk, Files, How, Lent};
use super::lag::Lag;
use super::lock::{self, Lock, in_use};
use super::records::{Agenda, Identity, Numbers};
use super::restored;
use super::time::{Kept, Timekeeper};
use super::trust::{self, Found};

/// redb's default is 1 GiB, four times what the service may use.
pub(super) const CACHE_BYTES: usize = 8 << 20;
/// The same for a ledger of millions of entries.
const CACHE_BYTES_MAX: usize = 64 << 20;
/// The part of a ledger that leads to all the rest: the inner pages of its trees.
const INNER: u64 = 64;

/// Why this ledger is not trusted, whatever its witness says, until a person takes it up.
pub(super) const DISTRUST: &str = "distrust";

/// The way out where the file itself is damaged.
pub(super) const MEND_DAMAGED: &str = "put a backup in its place, then: oncecast ledger \
    adopt-restored; or, without one, move it away and leave its witness, then: oncecast ledger init";

/// The layout of the tables that this release writes.
pub(super) const LAYOUT: u32 = 1;

/// What a person has decided about a ledger that cannot be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mend {
    /// Make a new one, where one was expected and is missing.
    Init,
    /// Go on with an older copy: what it has forgotten is never sent again without being asked
    /// about.
    AdoptRestored,
}

/// Where a ledger stands, and what is expected of it.
#[derive(Debug, Clone)]
pub struct Place {
    /// The disk: this machine's own, but in proofs, which have one that fails.
    pub disk: Arc<dyn Disk>,
    /// The redb file.
    pub path: PathBuf,
    /// Its witness; beside it unless another device is named.
    pub witness: Option<PathBuf>,
    /// Whether there must be one: then none is made by itself.
    pub expected: bool,
    /// This machine's name, where the one that it has shall not count.
    pub host: Option<String>,
}

impl Default for Place {
    fn default() -> Self {
        let (path, witness, host) = (PathBuf::new(), None, None);
        Self { disk: Arc::new(Files), path, witness, expected: false, host }
    }
}

impl From<&Path> for Place {
    fn from(path: &Path) -> Self {
        Self { path: path.to_owned(), ..Self::default() }
    }
}

impl From<PathBuf> for Place {
    fn from(path: PathBuf) -> Self {
        Self { path, ..Self::default() }
    }
}

impl From<&PathBuf> for Place {
    fn from(path: &PathBuf) -> Self {
        Self::from(path.as_path())
    }
}

impl Place {
    pub(super) fn witness(&self) -> PathBuf {
        self.witness.clone().unwrap_or_else(|| witness::path_of(&self.path))
    }

    /// Whether a new ledger may be made by itself where there is none.
    fn may_begin(&self, has_witness: bool, lock_tells: bool) -> Result<(), LedgerError> {
        let tells = if has_witness {
            format!("{} tells of one", self.witness().display())
        } else if lock_tells {
            "its lock file tells of one".to_owned()
        } else if self.expected {
            "the config expects one (ledger.expect)".to_owned()
        } else {
            return Ok(());
        };
        Err(LedgerError::Untrusted {
            why: format!("{} is missing, and {tells}", self.path.display()),
            mend: "put it back, or start anew with: oncecast ledger init".to_owned(),
        })
    }
}

/// Whether there is no ledger and the next start will make one.
pub(super) fn is_missing(place: &Place) -> Result<bool, LedgerError> {
    let disk = place.disk.as_ref();
    if is_there(disk, &place.path)? {
        return Ok(false);
    }
    place.may_begin(is_there(disk, &place.witness())?, lock::tells_of_one(disk, &place.path))?;
    Ok(true)
}

fn is_there(disk: &dyn Disk, path: &Path) -> Result<bool, LedgerError> {
    match disk.size(path) {
        Ok(size) => Ok(size.is_some()),
        Err(error) => Err(unusable(&path.display().to_string(), &error)),
    }
}

/// An open ledger.
pub(super) struct Opened {
    /// `None` after a failed commit, until it is opened afresh.
    pub(super) database: Option<Database>,
    pub(super) core: Core,
    _lock: Lock,
}

/// Opens or makes the ledger, hears the witness, and puts what was under way into doubt.
pub(super) fn first(
    place: &Place,
    clock: Arc<dyn Clock>,
    mend: Option<Mend>,
) -> Result<Opened, LedgerError> {
    let (path, disk) = (&place.path, place.disk.as_ref());
    let lock = Lock::take(disk, path)?;
    let witness_path = place.witness();
    let heard = Witness::open(disk, &witness_path)
        .map_err(|e| unusable(&format!("its witness {}", witness_path.display()), &e))?;
    let host = place.host.clone().or_else(trust::this_host);
    let mut lost = false;
    match (is_there(disk, path)?, mend) {
        (false, mend) => {
            lost = heard.is_some() || lock.tells_of_one;
            if mend != Some(Mend::Init) {
                place.may_begin(heard.is_some(), lock.tells_of_one)?;
            }
            let claims = heard.as_ref().map_or(&[][..], |(_, said)| &said.claims);
            create(disk, path, clock.as_ref(), host.clone(), claims)?;
        }
        (true, Some(Mend::Init)) => {
            return Err(LedgerError::Refused(format!(
                "{} is there: nothing to make; a restored copy is taken up by: oncecast ledger \
                 adopt-restored",
                path.display()
            )));
        }
        (true, _) => {}
    }
    let mut database = open_file(disk, path)?;
    prove(&mut database, path)?;
    let identity = identity(&database)?;
    let ledger = *identity.ledger.as_bytes();
    let numbers = numbers(&database)?;
    let found = Found {
        identity: &identity,
        numbers: &numbers,
        distrust: meta(&database, DISTRUST)?,
        host: host.as_deref(),
    };
    let furthest = heard.as_ref().map_or(0, |(_, said)| said.stand.epoch);
    let told = restored::tells_all(heard.as_ref().map(|(_, said)| said), &ledger, &numbers);
    let heard = trust::weigh(disk, &witness_path, heard, &found, mend)?;
    let taken_up = heard.renewed.is_some();
    let begins_again = taken_up && (!told || heard.unseen);
    lost |= begins_again || (taken_up && !heard.ghosts.is_empty());
    let mut core = Core {
        disk: Arc::clone(&place.disk),
        path: path.clone(),
        ledger,
        witness: heard.witness,
        trust: heard.trust,
        setup: Setup::default(),
        groups: BTreeMap::new(),
        names: BTreeMap::new(),
        sick: None,
        live: HashSet::new(),
        settled: Vec::new(),
        replaced: None,
        daemon: None,
        epoch: None,
        stand: Stand::default(),
        witnessed: false,
        unnoted: None,
        lag: Lag::default(),
        time: Timekeeper::from(numbers.latest, numbers.time, clock.as_ref()),
        untimed: None,
        clock,
    };
    let taken = transact(&database, &mut core, |batch| {
        if heard.renewed.is_some() {
            // Its epochs go on after all that the witness knows of: the next start would call it older again.
            batch.numbers.epoch = batch.numbers.epoch.max(furthest);
            for ghost in &heard.ghosts {
                batch.tables.add_ghost(&ghost.key, ghost.number)?;
                batch.numbers.claim = batch.numbers.claim.max(ghost.number);
            }
            let detail = format!("{} claims that this ledger did not know", heard.ghosts.len());
            batch.house("adopt-restored", "person", &detail)?;
            batch.tables.remove_meta(DISTRUST)?;
        }
        if let Some(older) = &heard.older {
            // What it takes up from now on would make it look as far as its witness.
            batch.tables.set_meta(DISTRUST, older)?;
        }
        if heard.renewed.is_some() || (identity.host.is_none() && host.is_some()) {
            batch.tables.set_meta("identity", &Identity { host: host.clone(), ..identity })?;
        }
        batch.configure(Setup::default())?;
        recover(batch, true)?;
        if begins_again {
            batch.begin_again()?;
        }
        if taken_up {
            batch.haunt_doubts()?;
            batch.hold_news()?;
        }
        if lost {
            batch.follow_a_lost_one()?;
        }
        Ok(())
    })?;
    if let Some(told) = heard.renewed {
        // Only now that the ghosts are committed: until then the old witness says the same again.
        core.witness = Some(trust::begin(disk, &witness_path, &ledger, &told)?);
    }
    if let Some(taken) = taken {
        core.committed(&taken)?;
    }
    lock.tell_of(&HEXLOWER.encode(&ledger))?;
    Ok(Opened { database: Some(database), core, _lock: lock })
}

/// Reads every page and compares its checksum: redb itself reads without looking. A bit that has
/// turned in an alias would make an old entry look new.
fn prove(database: &mut Database, path: &Path) -> Result<(), LedgerError> {
    match database.check_integrity() {
        Ok(true) => Ok(()),
        Ok(false) => {
            tracing::warn!(ledger = %path.display(), "its list of free pages was made anew");
            Ok(())
        }
        Err(redb::DatabaseError::Storage(redb::StorageError::Io(error))) => {
            Err(unusable(&path.display().to_string(), &error))
        }
        Err(error) => Err(damaged(path, &error)),
    }
}

fn damaged(path: &Path, error: &dyn std::fmt::Display) -> LedgerError {
    LedgerError::Untrusted {
        why: format!("{} is damaged: {error}", path.display()),
        mend: MEND_DAMAGED.to_owned(),
    }
}

/// Opens the ledger afresh after a commit whose outcome is unknown.
pub(super) fn again(open: &mut Opened) -> Result<(), LedgerError> {
    let database = open_file(open.core.disk.as_ref(), &open.core.path)?;
    if *identity(&database)?.ledger.as_bytes() != open.core.ledger {
        return Err(LedgerError::Untrusted {
            why: format!("{} was exchanged while in use", open.core.path.display()),
            mend: "systemctl restart oncecast".to_owned(),
        });
    }
    let setup = open.core.setup.clone();
    let taken = transact(&database, &mut open.core, |batch| {
        batch.configure(setup)?;
        recover(batch, false)
    })?;
    if let Some(taken) = taken {
        open.core.committed(&taken)?;
    }
    open.database = Some(database);
    Ok(())
}

/// Claims that nobody holds any more. After a start, the process that held them may have sent; after
/// a failed commit, a claim that was never granted has not.
fn recover(batch: &mut Batch<'_, '_>, after_start: bool) -> Result<(), LedgerError> {
    let groups: Vec<u32> = batch.core.names.keys().copied().collect();
    for group in groups {
        for (_, id) in batch.tables.agenda(Agenda::Claimed, group, usize::MAX)? {
            let row = batch.delivery(id)?;
            let entry = batch.tables.entry(id.entry)?;
            let Status::Claimed { permit, maybe, .. } = row.status else { continue };
            if batch.core.live.contains(&permit) {
                continue;
            }
            let now = batch.now;
            let (event, why) = if after_start {
                let evidence = match batch.hand_of(&row)? {
                    None => "the daemon ended while it was being sent".to_owned(),
                    Some(who) => super::hand::unsaid(&who),
                };
                (Event::Doubt { evidence, next_look: now }, "found claimed at start")
            } else if maybe {
                let evidence = "an earlier attempt may have been seen".to_owned();
                (Event::Doubt { evidence, next_look: now }, "its repeat was never granted")
            } else {
                (Event::Later { not_before: now, exhausted: None }, "its permit was never granted")
            };
            batch.apply(id, &row, &entry, event, "ledger", why)?;
        }
    }
    Ok(())
}

fn transact(
    database: &Database,
    core: &mut Core,
    work: impl FnOnce(&mut Batch<'_, '_>) -> Result<(), LedgerError>,
) -> Result<Option<Taken>, LedgerError> {
    let result = transacted(database, core, work);
    core.after(result.is_ok());
    result
}

fn transacted(
    database: &Database,
    core: &mut Core,
    work: impl FnOnce(&mut Batch<'_, '_>) -> Result<(), LedgerError>,
) -> Result<Option<Taken>, LedgerError> {
    #[expect(clippy::disallowed_methods, reason = "the ledger's own door to its database")]
    let mut txn = database.begin_write().map_err(|e| uncertain(&e))?;
    txn.set_quick_repair(true);
    let taken = {
        let mut batch = Batch::begin(&txn, core)?;
        batch.guarded(work)?;
        batch.end()?
    };
    if taken.is_none() {
        txn.abort().map_err(|e| uncertain(&e))?;
        return Ok(None);
    }
    #[expect(clippy::disallowed_methods, reason = "the ledger's own commit, with quick-repair on")]
    txn.commit().map_err(|e| uncertain(&e))?;
    Ok(taken)
}

/// How much of a ledger of so many bytes is kept at hand: while what leads to a row is, an entry is found
/// among millions as among thousands.
fn cache_for(len: u64) -> usize {
    let inner = usize::try_from(len / INNER).unwrap_or(CACHE_BYTES_MAX);
    inner.clamp(CACHE_BYTES, CACHE_BYTES_MAX)
}

pub(super) fn open_file(disk: &dyn Disk, path: &Path) -> Result<Database, LedgerError> {
    let failed = |e: &dyn std::fmt::Display| unusable(&path.display().to_string(), e);
    let file = disk.open(path, How::Write).map_err(|e| failed(&e))?;
    let len = file.len().map_err(|e| failed(&e))?;
    if len == 0 {
        // redb would make a new one out of it.
        return Err(damaged(path, &"it is empty"));
    }
    match Builder::new().set_cache_size(cache_for(len)).create_with_backend(Lent(file)) {
        Ok(database) => Ok(database),
        Err(redb::DatabaseError::DatabaseAlreadyOpen) => Err(in_use(disk, path)),
        Err(redb::DatabaseError::Storage(redb::StorageError::Io(error)))
            if error.kind() != std::io::ErrorKind::InvalidData =>
        {
            Err(failed(&error))
        }
        Err(error) => Err(damaged(path, &error)),
    }
}

/// Makes a ledger under another name and gives it its own when it is whole.
fn create(
    disk: &dyn Disk,
    path: &Path,
    clock: &dyn Clock,
    host: Option<String>,
    ghosts: &[Claimed],
) -> Result<(), LedgerError> {
    let fresh = path.with_extension("redb.new");
    let failed = |e: &dyn std::fmt::Display| unusable(&format!("{}", fresh.display()), e);
    if let Err(error) = disk.remove(&fresh)
        && error.kind() != std::io::ErrorKind::NotFound
    {
        return Err(failed(&error));
    }
    let file = disk.open(&fresh, How::New).map_err(|e| failed(&e))?;
    let database = Builder::new()
        .set_cache_size(CACHE_BYTES)
        .create_with_backend(Lent(file))
        .map_err(|e| failed(&e))?;
    let mut id = [0; 16];
    getrandom::fill(&mut id).map_err(|e| failed(&e))?;
    {
        #[expect(clippy::disallowed_methods, reason = "the ledger's own door to its database")]
        let mut txn = database.begin_write().map_err(|e| failed(&e))?;
        txn.set_quick_repair(true);
        {
            let mut tables = super::tables::Tables::make(&txn)?;
            let ledger = EntryId::from_bytes(id);
            let made = clock.now();
            tables.set_meta("identity", &Identity { ledger, made, layout: LAYOUT, host })?;
            let time = Kept { uptime: clock.uptime(), ..Kept::default() };
            let claim = ghosts.iter().map(|g| g.number).max().unwrap_or(0);
            tables.set_meta(
                "numbers",
                &Numbers { claim, latest: made, time, ..Numbers::default() },
            )?;
            for ghost in ghosts {
                tables.add_ghost(&ghost.key, ghost.number)?;
            }
        }
        #[expect(clippy::disallowed_methods, reason = "the ledger's own commit")]
        txn.commit().map_err(|e| failed(&e))?;
    }
    drop(database);
    disk.open(&fresh, How::Write).and_then(|f| f.sync_data()).map_err(|e| failed(&e))?;
    disk.rename(&fresh, path).map_err(|e| failed(&e))?;
    disk.sync_folder_of(path).map_err(|e| failed(&e))
}

fn identity(database: &Database) -> Result<Identity, LedgerError> {
    let identity: Option<Identity> = meta(database, "identity")?;
    match identity {
        Some(identity) if identity.layout <= LAYOUT => Ok(identity),
        Some(identity) => Err(LedgerError::Untrusted {
            why: format!("it has layout {}, this release knows {LAYOUT}", identity.layout),
            mend: "run the release that wrote it, or a newer one".to_owned(),
        }),
        None => Err(LedgerError::Untrusted {
            why: "it is a database without a ledger in it".to_owned(),
            mend: MEND_DAMAGED.to_owned(),
        }),
    }
}

fn numbers(database: &Database) -> Result<Numbers, LedgerError> {
    Ok(meta(database, "numbers")?.unwrap_or_default())
}

fn meta<T: serde::de::DeserializeOwned>(
    database: &Database,
    key: &str,
) -> Result<Option<T>, LedgerError> {
    use redb::ReadableDatabase as _;
    let txn = database.begin_read().map_err(super::tables::broken)?;
    let table = match txn.open_table(super::tables::META) {
        Ok(table) => table,
        Err(redb::TableError::TableDoesNotExist(_)) => return Ok(None),
        Err(error) => return Err(super::tables::broken(error)),
    };
    match table.get(key.as_bytes()).map_err(super::tables::broken)? {
        Some(row) => super::records::decode(key.as_bytes(), row.value()).map(Some),
        None => Ok(None),
    }
}

pub(super) fn unusable(what: &str, why: &dyn std::fmt::Display) -> LedgerError {
    LedgerError::Unusable(format!("{what}: {why}"))
}

fn uncertain(error: &dyn std::fmt::Display) -> LedgerError {
    LedgerError::Uncertain(error.to_string())
}
