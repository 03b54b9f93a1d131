//! What can be asked of the ledger itself.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::long;

/// `ledger ..`
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub enum LedgerCommand {
    /// Begin an empty ledger where there is none; what feeds show now is remembered, not sent
    #[command(long_about = long::INIT)]
    Init,
    /// Go on with a ledger that was restored or moved; what it may have forgotten is not sent
    #[command(long_about = long::ADOPT_RESTORED)]
    AdoptRestored,
    /// Prove that the journal is whole and nothing was sent twice
    #[command(long_about = long::VERIFY)]
    Verify {
        /// One JSON document
        #[arg(long)]
        json: bool,
    },
    /// Write the record of what was posted, for machines or for people
    #[command(long_about = long::EXPORT)]
    Export(Export),
    /// Copy the ledger, whether the daemon runs or not, and verify the copy
    #[command(long_about = long::BACKUP)]
    Backup {
        /// The copy; nothing is written over
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// One JSON document
        #[arg(long)]
        json: bool,
    },
    /// Begin a ledger that knows what an export tells of, and sends none of it by itself
    #[command(long_about = long::IMPORT)]
    Import {
        /// What export has written as jsonl
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// One JSON document
        #[arg(long)]
        json: bool,
    },
    /// Make the ledger's file smaller, while no daemon runs
    #[command(long_about = long::COMPACT)]
    Compact {
        /// One JSON document
        #[arg(long)]
        json: bool,
    },
}

/// `ledger export`
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct Export {
    /// For whom
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub format: Format,
    /// This entry alone: an id or the start of one, a link or a guid
    #[arg(long, value_name = "ENTRY")]
    pub entry: Option<String>,
    /// Into this file, which must not be there, instead of to standard output
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

/// For whom an export is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
#[value(rename_all = "lower")]
pub enum Format {
    /// For machines.
    #[default]
    #[value(help = "one JSON object a line, all of it, with the chain of evidence")]
    Jsonl,
    /// For people.
    #[value(help = "one page to read, to print, or to send to a platform")]
    Html,
}
