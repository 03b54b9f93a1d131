//! Opening the ledger, and every doubt about it that stops all sending.

use std::collections::{BTreeMap, HashSet};
use std::fs::{File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use redb::backends::FileBackend;
use redb::{Builder, Database};

use crate::clock::{Clock, Mark};
use crate::ledger::witness::{self, Claimed, Testimony, Witness};
use crate::ledger::{LedgerError, Setup, Trust};
use crate::model::{EntryId, Event, Status};

use super::batch::{Batch, Core};
use super::records::{Agenda, Identity, Numbers};
use super::restored;

/// redb's default is 1 GiB, four times what the service may use.
pub(super) const CACHE_BYTES: usize = 8 << 20;

/// Why this ledger is not trusted, whatever its witness says, until a person takes it up.
pub(super) const DISTRUST: &str = "distrust";

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

/// An open ledger.
pub(super) struct Opened {
    /// `None` after a failed commit, until it is opened afresh.
    pub(super) database: Option<Database>,
    pub(super) core: Core,
    _lock: File,
}

/// Opens or makes the ledger, hears the witness, and puts what was under way into doubt.
pub(super) fn first(
    path: &Path,
    clock: Arc<dyn Clock>,
    mend: Option<Mend>,
) -> Result<Opened, LedgerError> {
    let lock = lock(path)?;
    let witness_path = witness::path_of(path);
    let heard = Witness::open(&witness_path)
        .map_err(|e| unusable(&format!("its witness {}", witness_path.display()), &e))?;
    if !path.try_exists().map_err(|e| unusable(&path.display().to_string(), &e))? {
        match (&heard, mend) {
            (None, _) => create(path, clock.as_ref(), &[])?,
            (Some((_, said)), Some(Mend::Init)) => create(path, clock.as_ref(), &said.claims)?,
            (Some(_), _) => {
                return Err(LedgerError::Untrusted {
                    why: format!(
                        "{} is missing, and {} tells of one",
                        path.display(),
                        witness_path.display()
                    ),
                    mend: "put it back, or start anew with: oncecast ledger init".to_owned(),
                });
            }
        }
    } else if mend == Some(Mend::Init) && heard.is_some() {
        return Err(LedgerError::Refused(format!(
            "{} is there: nothing to make; a restored copy is taken up by: oncecast ledger \
             adopt-restored",
            path.display()
        )));
    }
    let database = open_file(path)?;
    let identity = identity(&database)?;
    let ledger = *identity.ledger.as_bytes();
    let numbers = numbers(&database)?;
    let distrust: Option<String> = meta(&database, DISTRUST)?;
    let distrusted = distrust.is_some();
    let told = restored::tells_all(heard.as_ref().map(|(_, said)| said), &ledger, &numbers);
    let Heard { witness, trust, ghosts, renewed } =
        hear(&witness_path, heard, &ledger, &numbers, distrust, mend)?;
    let begins_again = !told && (renewed.is_some() || distrusted && mend.is_some());
    let mut core = Core {
        path: path.to_owned(),
        ledger,
        witness,
        trust,
        setup: Setup::default(),
        groups: BTreeMap::new(),
        names: BTreeMap::new(),
        sick: None,
        live: HashSet::new(),
        settled: Vec::new(),
        replaced: None,
        anchor: (numbers.latest.max(clock.now()), Mark::here()),
        clock,
    };
    transact(&database, &mut core, |batch| {
        if !ghosts.is_empty() {
            for ghost in &ghosts {
                batch.tables.add_ghost(&ghost.key, ghost.number)?;
                batch.numbers.claim = batch.numbers.claim.max(ghost.number);
            }
            let detail = format!("{} claims that this ledger did not know", ghosts.len());
            batch.house("adopt-restored", "person", &detail)?;
        }
        if distrusted && mend.is_some() {
            batch.tables.remove_meta(DISTRUST)?;
            if ghosts.is_empty() {
                batch.house("adopt-restored", "person", "a backup")?;
            }
        }
        batch.configure(Setup::default())?;
        recover(batch, true)?;
        if begins_again { batch.begin_again() } else { Ok(()) }
    })?;
    if let Some(told) = renewed {
        // Only now that the ghosts are committed: until then the old witness says the same again.
        core.witness = begin(&witness_path, &ledger, &told)?;
    }
    Ok(Opened { database: Some(database), core, _lock: lock })
}

/// Opens the ledger afresh after a commit whose outcome is unknown.
pub(super) fn again(open: &mut Opened) -> Result<(), LedgerError> {
    let database = open_file(&open.core.path)?;
    if *identity(&database)?.ledger.as_bytes() != open.core.ledger {
        return Err(LedgerError::Untrusted {
            why: format!("{} was exchanged while in use", open.core.path.display()),
            mend: "systemctl restart oncecast".to_owned(),
        });
    }
    let setup = open.core.setup.clone();
    transact(&database, &mut open.core, |batch| {
        batch.configure(setup)?;
        recover(batch, false)
    })?;
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
                let evidence = "the daemon ended while it was being sent".to_owned();
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
) -> Result<(), LedgerError> {
    let result = transacted(database, core, work);
    core.after(result.is_ok());
    result
}

fn transacted(
    database: &Database,
    core: &mut Core,
    work: impl FnOnce(&mut Batch<'_, '_>) -> Result<(), LedgerError>,
) -> Result<(), LedgerError> {
    #[expect(clippy::disallowed_methods, reason = "the ledger's own door to its database")]
    let mut txn = database.begin_write().map_err(|e| uncertain(&e))?;
    txn.set_quick_repair(true);
    {
        let mut batch = Batch::begin(&txn, core)?;
        batch.guarded(work)?;
        if batch.end()?.is_none() {
            return txn.abort().map_err(|e| uncertain(&e));
        }
    }
    #[expect(clippy::disallowed_methods, reason = "the ledger's own commit, with quick-repair on")]
    txn.commit().map_err(|e| uncertain(&e))
}

/// What the witness comes to.
struct Heard {
    witness: Witness,
    trust: Trust,
    /// Claims that the ledger has forgotten.
    ghosts: Vec<Claimed>,
    /// What a new witness must tell, where this one cannot go on.
    renewed: Option<Vec<Claimed>>,
}

fn begin(path: &Path, ledger: &[u8; 16], told: &[Claimed]) -> Result<Witness, LedgerError> {
    Witness::create(path, ledger, told)
        .map_err(|e| unusable(&format!("its witness {}", path.display()), &e))
}

/// Weighs the witness against the ledger, and says what the ledger has forgotten.
fn hear(
    path: &Path,
    heard: Option<(Witness, Testimony)>,
    ledger: &[u8; 16],
    numbers: &Numbers,
    distrust: Option<String>,
    mend: Option<Mend>,
) -> Result<Heard, LedgerError> {
    let silent = |witness, trust| Heard { witness, trust, ghosts: Vec::new(), renewed: None };
    let adopt = || "oncecast ledger adopt-restored".to_owned();
    let Some((witness, said)) = heard else {
        if let (Some(why), None) = (distrust, mend) {
            return Ok(silent(begin(path, ledger, &[])?, Trust::Observes { why, mend: adopt() }));
        }
        if numbers.claim > 0 {
            tracing::warn!(witness = %path.display(), "the witness was missing; a new one is begun");
        }
        return Ok(silent(begin(path, ledger, &[])?, Trust::Sends));
    };
    let forgotten: Vec<Claimed> = if said.ledger == *ledger {
        said.claims.iter().filter(|c| c.number > numbers.claim).copied().collect()
    } else {
        said.claims.clone()
    };
    let why = if said.ledger != *ledger {
        format!("its witness {} belongs to another ledger", path.display())
    } else if !forgotten.is_empty() {
        format!(
            "it is older than its witness: {} claims were made that it does not know",
            forgotten.len()
        )
    } else if said.damaged > 0 {
        format!("{} records of its witness {} are damaged", said.damaged, path.display())
    } else if let Some(why) = distrust {
        why
    } else {
        return Ok(silent(witness, Trust::Sends));
    };
    if mend.is_some() {
        // All of it is told on: the same old copy may be put back once more.
        let unfit = said.ledger != *ledger || said.damaged > 0;
        let renewed = unfit.then_some(said.claims);
        return Ok(Heard { witness, trust: Trust::Sends, ghosts: forgotten, renewed });
    }
    Ok(silent(witness, Trust::Observes { why, mend: adopt() }))
}

pub(super) fn open_file(path: &Path) -> Result<Database, LedgerError> {
    let mut builder = Builder::new();
    builder.set_cache_size(CACHE_BYTES);
    match builder.open(path) {
        Ok(database) => Ok(database),
        Err(redb::DatabaseError::DatabaseAlreadyOpen) => Err(in_use(path)),
        Err(error) => Err(LedgerError::Untrusted {
            why: format!("{} does not open: {error}", path.display()),
            mend: "put a backup in its place, then: oncecast ledger adopt-restored".to_owned(),
        }),
    }
}

/// Makes a ledger under another name and gives it its own when it is whole.
fn create(path: &Path, clock: &dyn Clock, ghosts: &[Claimed]) -> Result<(), LedgerError> {
    let fresh = path.with_extension("redb.new");
    let failed = |e: &dyn std::fmt::Display| unusable(&format!("{}", fresh.display()), e);
    if let Err(error) = std::fs::remove_file(&fresh)
        && error.kind() != std::io::ErrorKind::NotFound
    {
        return Err(failed(&error));
    }
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&fresh)
        .map_err(|e| failed(&e))?;
    let database = FileBackend::new(file)
        .and_then(|file| Builder::new().set_cache_size(CACHE_BYTES).create_with_backend(file))
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
            tables.set_meta("identity", &Identity { ledger, made, layout: LAYOUT })?;
            let claim = ghosts.iter().map(|g| g.number).max().unwrap_or(0);
            tables.set_meta("numbers", &Numbers { claim, latest: made, ..Numbers::default() })?;
            for ghost in ghosts {
                tables.add_ghost(&ghost.key, ghost.number)?;
            }
        }
        #[expect(clippy::disallowed_methods, reason = "the ledger's own commit")]
        txn.commit().map_err(|e| failed(&e))?;
    }
    drop(database);
    File::open(&fresh).and_then(|f| f.sync_all()).map_err(|e| failed(&e))?;
    std::fs::rename(&fresh, path).map_err(|e| failed(&e))?;
    witness::sync_folder_of(path).map_err(|e| failed(&e))
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
            mend: "put a backup in its place, then: oncecast ledger adopt-restored".to_owned(),
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

/// Takes the lock beside the ledger and writes who we are into it.
pub(super) fn lock(path: &Path) -> Result<File, LedgerError> {
    let folder = path.parent().filter(|f| !f.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .map_err(|e| unusable(&format!("its folder {}", folder.display()), &e))?;
    let lock_path = lock_path(path);
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&lock_path)
        .map_err(|e| unusable(&format!("its lock {}", lock_path.display()), &e))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(std::fs::TryLockError::WouldBlock) => return Err(in_use(path)),
        // A file system that cannot lock cannot keep a second daemon out.
        Err(std::fs::TryLockError::Error(e)) => {
            return Err(unusable(&format!("its lock {}", lock_path.display()), &e));
        }
    }
    file.set_len(0)
        .and_then(|()| writeln!(file, "process {}", std::process::id()))
        .map_err(|e| unusable(&format!("its lock {}", lock_path.display()), &e))?;
    if let Ok(found) = std::fs::metadata(path)
        && found.permissions().mode() & 0o077 != 0
    {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))
            .map_err(|e| unusable(&path.display().to_string(), &e))?;
    }
    Ok(file)
}

fn lock_path(path: &Path) -> PathBuf {
    path.with_extension("lock")
}

fn in_use(path: &Path) -> LedgerError {
    let mut holder = String::new();
    let read = File::open(lock_path(path)).and_then(|f| f.take(64).read_to_string(&mut holder));
    let holder = holder.trim();
    let holder = if read.is_ok() && !holder.is_empty() { holder } else { "another process" };
    LedgerError::InUse { path: path.display().to_string(), holder: holder.to_owned() }
}

pub(super) fn unusable(what: &str, why: &dyn std::fmt::Display) -> LedgerError {
    LedgerError::Unusable(format!("{what}: {why}"))
}

fn uncertain(error: &dyn std::fmt::Display) -> LedgerError {
    LedgerError::Uncertain(error.to_string())
}
