//! One file a command.

mod account;
mod adopt;
mod audit;
mod check;
mod client;
mod demo;
mod hand;
mod ledger;
mod plan;
mod platforms;
mod realias;
mod replay;
mod retract;
mod run;
mod talk;
mod try_feed;

use std::path::Path;

use crate::cli::{Cli, Command, LedgerCommand};
use crate::config::{Config, Secrets, locate, process_env};
use crate::desk::print;
pub use crate::desk::{Failure, exit};

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
        Command::Platforms { kind } => platforms::platforms(kind.as_deref()),
        Command::Check { json, .. } => check::check(place(), json).await,
        Command::Ledger(what) => {
            let config = bare(&place()?)?;
            match what {
                LedgerCommand::Init => ledger::init(&config).await,
                LedgerCommand::AdoptRestored => ledger::adopt(&config).await,
                LedgerCommand::Verify { json } => ledger::verify(&config, json).await,
                LedgerCommand::Export(what) => ledger::export(&config, what).await,
                LedgerCommand::Backup { file, json } => ledger::backup(&config, &file, json).await,
                LedgerCommand::Import { file, json } => ledger::import(&config, &file, json).await,
                LedgerCommand::Compact { json } => ledger::compact(&config, json).await,
            }
        }
        Command::Plan { feed, json } => plan::plan(&bare(&place()?)?, feed, json).await,
        Command::Hand(what) => hand::hand(&bare(&place()?)?, what).await,
        Command::Realias(what) => realias::realias(&bare(&place()?)?, what).await,
        Command::Replay(what) => replay::replay(&place()?, what).await,
        Command::Audit(what) => audit::audit(&place()?, what).await,
        Command::Adopt(what) => adopt::adopt(&place()?, what).await,
        Command::Retract(what) => retract::retract(&place()?, what).await,
        command => talk::talk(&bare(&place()?)?, command).await,
    }
}

/// The config without its secrets: for commands that send nothing.
fn bare(path: &Path) -> Result<Config, Failure> {
    Ok(Config::load_with(path, Secrets::Skip, &process_env)?)
}

/// The config with its secrets.
fn whole(path: &Path) -> Result<Config, Failure> {
    Ok(Config::load(path, &process_env)?)
}
