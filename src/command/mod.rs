//! One file a command, and the exit codes that scripts rely on.

mod check;
mod client;
mod demo;
mod ledger;
pub mod print;
mod replay;
mod run;
mod talk;
mod try_feed;
pub mod verb;

use std::path::{Path, PathBuf};

use crate::cli::{Cli, Command, LedgerCommand};
use crate::config::{Config, ConfigError, Secrets, locate, process_env};
use crate::ledger::LedgerError;

/// How a command ends. The numbers from 64 on are those of `sysexits.h`.
pub mod exit {
    /// It did what was asked.
    pub const OK: u8 = 0;
    /// It failed in a way that has no number of its own; for `status`: something needs a person.
    pub const FAILED: u8 = 1;
    /// The command line was wrong.
    pub const USAGE: u8 = 2;
    /// Nothing was done, since the promise or the ledger's rules forbid it.
    pub const REFUSED: u8 = 4;
    /// It was sent, and nobody knows whether it arrived.
    pub const IN_DOUBT: u8 = 5;
    /// What was to be read, such as a feed, is not what it should be.
    pub const DATA: u8 = 65;
    /// What was named, such as an entry or a feed, is not there.
    pub const NO_INPUT: u8 = 66;
    /// The daemon cannot be reached.
    pub const UNAVAILABLE: u8 = 69;
    /// The ledger cannot be opened, read or written.
    pub const LEDGER: u8 = 74;
    /// Try later: another process holds the ledger, or a pace or cap says wait.
    pub const LATER: u8 = 75;
    /// The ledger is there and cannot be trusted; the message names the command that mends it.
    pub const UNTRUSTED: u8 = 77;
    /// The config is wrong.
    pub const CONFIG: u8 = 78;
}

/// Why a command ends without having done what was asked, in words, with its exit code.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, serde::Serialize, serde::Deserialize)]
#[error("{message}")]
pub struct Failure {
    /// One of [`exit`].
    pub code: u8,
    /// In words, with the way out.
    pub message: String,
}

impl Failure {
    /// A failure with its code.
    pub fn new(code: u8, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }
}

impl From<LedgerError> for Failure {
    fn from(error: LedgerError) -> Self {
        let code = match &error {
            LedgerError::Uncertain(_) | LedgerError::Unusable(_) => exit::LEDGER,
            LedgerError::Untrusted { .. } => exit::UNTRUSTED,
            LedgerError::InUse { .. } => exit::LATER,
            LedgerError::Refused(_) => exit::REFUSED,
        };
        Self::new(code, error.to_string())
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Self::new(exit::CONFIG, error.to_string())
    }
}

/// How a command ends.
pub type Outcome = Result<u8, Failure>;

/// Does what was asked.
///
/// # Errors
/// What it could not do, with the exit code for it.
pub async fn perform(cli: Cli) -> Outcome {
    let common = cli.common.clone();
    let place = || locate(common.config.as_deref(), &process_env).map_err(Failure::from);
    match cli.command {
        Command::Run => run::run(&place()?).await,
        Command::Demo(demo) => demo::demo(demo).await,
        Command::Try { source, json } => try_feed::try_feed(&source, json).await,
        Command::Check { sample: true, .. } => {
            print::out(Config::SAMPLE);
            Ok(exit::OK)
        }
        Command::Check { json, .. } => check::check(place(), json).await,
        Command::Ledger(what) => {
            let config = bare(&place()?)?;
            match what {
                LedgerCommand::Init => ledger::init(&config).await,
                LedgerCommand::AdoptRestored => ledger::adopt(&config).await,
                LedgerCommand::Verify => ledger::verify(&config).await,
            }
        }
        Command::Replay(what) => replay::replay(&place()?, what).await,
        command => talk::talk(&bare(&place()?)?, command).await,
    }
}

/// The config without its secrets: for commands that send nothing.
fn bare(path: &Path) -> Result<Config, Failure> {
    Ok(Config::load_with(path, Secrets::Skip, &process_env)?)
}

/// The config with its secrets.
fn whole(path: &PathBuf) -> Result<Config, Failure> {
    Ok(Config::load(path, &process_env)?)
}
