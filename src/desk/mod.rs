//! Where people and the house meet: what may be asked, what comes back, how it is shown, and the exit
//! codes that scripts rely on.

pub mod hand;
pub mod preview;
pub mod print;
pub mod verb;

use crate::config::ConfigError;
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
    /// Stopped by Ctrl-C before its end.
    pub const STOPPED: u8 = 130;
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
