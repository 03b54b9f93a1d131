//! Whether a ledger may send: it must be whole, on its own machine, and no older than its witness.
//! Every doubt stops all sending, says what was seen, and names the command that mends it.

use std::path::Path;

use sha2::{Digest, Sha256};

use data_encoding::HEXLOWER;

use crate::ledger::witness::{Claimed, Stand, Testimony, Told, Witness};
use crate::ledger::{LedgerError, Trust};

use super::disk::Disk;
use super::open::{Mend, unusable};
use super::records::{Identity, Numbers};

const ADOPT: &str = "oncecast ledger adopt-restored";

/// What opening has found.
pub(super) struct Found<'a> {
    pub(super) identity: &'a Identity,
    pub(super) numbers: &'a Numbers,
    /// Why an earlier start did not trust it, until a person takes it up again.
    pub(super) distrust: Option<String>,
    /// This machine, where it has a name.
    pub(super) host: Option<&'a str>,
}

/// What the witness comes to.
pub(super) struct Heard {
    /// `None` where there is none and none may be made.
    pub(super) witness: Option<Witness>,
    pub(super) trust: Trust,
    /// Claims that the ledger has forgotten.
    pub(super) ghosts: Vec<Claimed>,
    /// What a new witness must tell, where a person has mended what was wrong with this one.
    pub(super) renewed: Option<Told>,
    /// Whether only a person knows that the ledger was restored: its witness went back with it.
    pub(super) unseen: bool,
    /// What must be remembered against this ledger, since it would be forgotten otherwise.
    pub(super) older: Option<String>,
}

/// Weighs what was found against the witness at `path`, and says what the ledger has forgotten.
pub(super) fn weigh(
    disk: &dyn Disk,
    path: &Path,
    heard: Option<(Witness, Testimony)>,
    found: &Found<'_>,
    mend: Option<Mend>,
) -> Result<Heard, LedgerError> {
    let ledger = found.identity.ledger.as_bytes();
    let stands = Stand { epoch: found.numbers.epoch, lines: found.numbers.lines };
    let was_used = found.numbers.claim > 0 || found.numbers.epoch > 0;
    let (witness, said) = match heard {
        Some((witness, said)) => (Some(witness), Some(said)),
        None if was_used => (None, None),
        None => (Some(begin(disk, path, ledger, &Told::default())?), None),
    };
    let mut ghosts = Vec::new();
    let mut older = None;
    let mut why = match &said {
        _ if witness.is_none() => Some(format!(
            "its witness {} is missing: put it back, or take the ledger up without it",
            path.display()
        )),
        Some(said) if said.ledger != *ledger => {
            ghosts.clone_from(&said.claims);
            Some(format!("its witness {} belongs to another ledger", path.display()))
        }
        Some(said) => {
            let unknown = |c: &&Claimed| c.number > found.numbers.claim;
            ghosts = said.claims.iter().filter(unknown).copied().collect();
            let Stand { epoch, lines } = said.stand;
            if !ghosts.is_empty() {
                let count = ghosts.len();
                Some(format!(
                    "it is older than its witness: {count} claims were made that it does not know"
                ))
            } else if epoch > stands.epoch || lines > stands.lines {
                let missing = lines.saturating_sub(stands.lines);
                older = Some(format!(
                    "it is older than its witness: {missing} lines of its journal are missing"
                ));
                older.clone()
            } else if said.damaged > 0 {
                let count = said.damaged;
                Some(format!("{count} records of its witness {} are damaged", path.display()))
            } else {
                None
            }
        }
        None => None,
    };
    why = why.or_else(|| found.distrust.clone()).or_else(|| elsewhere(found));
    let Some(why) = why else {
        // A snapshot of the whole disk looks like the newest there is: its witness went back with it.
        let unseen = mend == Some(Mend::AdoptRestored);
        let renewed = unseen.then(Told::default);
        return Ok(Heard { witness, trust: Trust::Sends, ghosts, renewed, unseen, older: None });
    };
    if mend.is_some() {
        // All of it is told on: the same old copy may be put back once more.
        let told = said.map(|said| Told {
            began: said
                .began
                .filter(|_| said.ledger == *ledger && said.damaged == 0 && said.torn == 0),
            claims: said.claims,
        });
        let renewed = Some(told.unwrap_or_default());
        return Ok(Heard {
            witness,
            trust: Trust::Sends,
            ghosts,
            renewed,
            unseen: false,
            older: None,
        });
    }
    let trust = Trust::Observes { why, mend: ADOPT.to_owned() };
    Ok(Heard { witness, trust, ghosts: Vec::new(), renewed: None, unseen: false, older })
}

/// Two daemons on two machines with a copy each would both send.
fn elsewhere(found: &Found<'_>) -> Option<String> {
    match (&found.identity.host, found.host) {
        (Some(its), Some(ours)) if its != ours => Some(format!(
            "it belongs to host {its} and this is host {ours}: if oncecast runs there no more, \
             take it up here"
        )),
        _ => None,
    }
}

/// A new witness.
pub(super) fn begin(
    disk: &dyn Disk,
    path: &Path,
    ledger: &[u8; 16],
    told: &Told,
) -> Result<Witness, LedgerError> {
    Witness::create(disk, path, ledger, told)
        .map_err(|e| unusable(&format!("its witness {}", path.display()), &e))
}

/// A name for this machine that says nothing else about it; `None` where it has none, as in many
/// containers. The machine's id itself must not be shown (machine-id(5)).
pub(super) fn this_host() -> Option<String> {
    let id = std::fs::read_to_string("/etc/machine-id").ok()?;
    let id = id.trim();
    if id.len() < 32 {
        return None;
    }
    let mut hash = Sha256::new();
    hash.update(b"oncecast/host/1");
    hash.update(id);
    Some(HEXLOWER.encode(&hash.finalize()[..4]))
}
