//! Where a verb goes: to the daemon where one runs, else straight to the ledger. One code path.

use std::sync::Arc;
use std::time::Duration;

use crate::clock::SystemClock;
use crate::config::Config;
use crate::daemon::{place_of, setup_of};
use crate::ledger::Ledger;
use crate::ledger::embedded::Embedded;
use crate::serve::{Shared, control};

use super::{Failure, exit};
use crate::desk::verb::{Answer, Verb, perform};

/// How long a command waits for an answer.
const ANSWER_MAX: Duration = Duration::from_secs(120);
/// How long for a copy of the ledger: one of ten million deliveries takes minutes.
const SNAPSHOT_MAX: Duration = Duration::from_secs(3_600);

/// Asks the daemon; `None` where none runs.
pub(super) async fn ask_daemon(config: &Config, verb: &Verb) -> Result<Option<Answer>, Failure> {
    let path = &config.serve.control;
    let patience = match verb {
        // A copy of a large ledger, or the answers of many servers.
        Verb::Snapshot | Verb::Plan { .. } => SNAPSHOT_MAX,
        _ => ANSWER_MAX,
    };
    let answer: Option<Result<Answer, Failure>> =
        control::ask_for(path, verb, patience).await.map_err(|error| {
            let code = match error.kind() {
                std::io::ErrorKind::PermissionDenied => exit::UNTRUSTED,
                _ => exit::UNAVAILABLE,
            };
            let way_out = match error.kind() {
                std::io::ErrorKind::PermissionDenied => "; run this as root or as its own user",
                _ => "",
            };
            Failure::new(
                code,
                format!("failed to talk to the daemon at {}: {error}{way_out}", path.display()),
            )
        })?;
    answer.transpose()
}

/// Opens the ledger for one command, while no daemon has it.
pub(super) async fn open(config: &Config) -> Result<Arc<dyn Ledger>, Failure> {
    let ledger = Embedded::open(place_of(config), Arc::new(SystemClock)).await?;
    ledger.configure(setup_of(config)).await?;
    Ok(ledger)
}

/// A ledger is there for a command that needs one.
pub(super) fn needs_ledger(config: &Config) -> Result<(), Failure> {
    if config.ledger.path.exists() {
        return Ok(());
    }
    let path = config.ledger.path.display();
    let words =
        format!("there is no ledger at {path}, so no entry is known: start with oncecast run");
    Err(Failure::new(exit::NO_INPUT, words))
}

/// Asks whoever can answer.
pub(super) async fn ask(config: &Config, verb: Verb) -> Result<Answer, Failure> {
    if let Some(answer) = ask_daemon(config, &verb).await? {
        return Ok(answer);
    }
    if !config.ledger.path.exists() {
        return Err(Failure::new(
            exit::NO_INPUT,
            format!(
                "no daemon answers at {} and there is no ledger at {}: start one with oncecast run",
                config.serve.control.display(),
                config.ledger.path.display()
            ),
        ));
    }
    let ledger = open(config).await?;
    let shared = || Shared::offline(config, Arc::new(SystemClock), Arc::clone(&ledger));
    let answer = match verb {
        Verb::Hand { say } => shared().hand(say, &who()).await,
        Verb::Preview { entry, group } => shared().preview(&entry, group).await,
        verb => perform(ledger.as_ref(), verb, &who()).await,
    };
    ledger.close().await?;
    answer
}

/// Whoever can answer several questions, one after the other.
pub(super) enum House<'a> {
    /// The daemon that runs.
    Daemon(&'a Config),
    /// The ledger, while no daemon has it.
    Ledger(Arc<dyn Ledger>),
}

impl<'a> House<'a> {
    pub(super) async fn open(config: &'a Config) -> Result<Self, Failure> {
        if ask_daemon(config, &Verb::Status).await?.is_some() {
            return Ok(Self::Daemon(config));
        }
        needs_ledger(config)?;
        Ok(Self::Ledger(open(config).await?))
    }

    pub(super) async fn ask(&self, verb: Verb) -> Result<Answer, Failure> {
        match self {
            Self::Ledger(ledger) => perform(ledger.as_ref(), verb, &who()).await,
            Self::Daemon(config) => ask_daemon(config, &verb)
                .await?
                .ok_or_else(|| Failure::new(exit::UNAVAILABLE, "the daemon has ended meanwhile")),
        }
    }

    pub(super) async fn close(self) -> Result<(), Failure> {
        match self {
            Self::Daemon(_) => Ok(()),
            Self::Ledger(ledger) => Ok(ledger.close().await?),
        }
    }
}

/// Who types this, for the journal.
pub(super) fn who() -> String {
    format!("uid {}", rustix::process::getuid().as_raw())
}
