//! `ledger init`, `ledger adopt-restored`, `ledger verify`: what mends a ledger that cannot be trusted,
//! and what proves one.

use std::io::IsTerminal as _;
use std::sync::Arc;

use crate::clock::SystemClock;
use crate::config::Config;
use crate::daemon::place_of;
use crate::ledger::Ledger as _;
use crate::ledger::embedded::{Embedded, Mend};

use crate::desk::print;

use super::{Failure, Outcome, exit};

pub(super) async fn init(config: &Config) -> Outcome {
    if config.ledger.path.exists() {
        return Err(Failure::new(
            exit::REFUSED,
            format!(
                "{} is there already, and nothing was changed; a restored copy is taken up by: \
                 oncecast ledger adopt-restored",
                config.ledger.path.display()
            ),
        ));
    }
    mend(config, Mend::Init).await?;
    print::out(&format!(
        "{} is begun. What the feeds show at their next poll is remembered, not sent.\n",
        config.ledger.path.display()
    ));
    Ok(exit::OK)
}

pub(super) async fn adopt(config: &Config) -> Outcome {
    if !config.ledger.path.exists() {
        return Err(Failure::new(
            exit::NO_INPUT,
            format!(
                "{} is not there: put the restored copy in its place first",
                config.ledger.path.display()
            ),
        ));
    }
    mend(config, Mend::AdoptRestored).await?;
    print::out(
        "The ledger is taken up again. What its witness knows and it does not will be in doubt \
         rather than sent again.\n",
    );
    Ok(exit::OK)
}

async fn mend(config: &Config, mend: Mend) -> Result<(), Failure> {
    let ledger = Embedded::open_and(place_of(config), Arc::new(SystemClock), Some(mend)).await?;
    ledger.close().await?;
    Ok(())
}

pub(super) async fn verify(config: &Config) -> Outcome {
    if !config.ledger.path.exists() {
        return Err(Failure::new(
            exit::NO_INPUT,
            format!("{} is not there", config.ledger.path.display()),
        ));
    }
    let ledger = Embedded::open(place_of(config), Arc::new(SystemClock)).await?;
    let live = std::io::stderr().is_terminal();
    let proof = ledger
        .verify(Box::new(move |done, total| {
            if live {
                print::progress(&format!("verified {done} of {total} rows"));
            }
        }))
        .await;
    if live {
        print::progress("");
    }
    ledger.close().await?;
    let proof = proof?;
    print::out(&format!("{} rows and {} journal lines read\n", proof.rows, proof.lines));
    if proof.faults.is_empty() {
        print::out("Every row is whole and the chain of evidence is unbroken.\n");
        return Ok(exit::OK);
    }
    for fault in &proof.faults {
        print::out(&format!("- {fault}\n"));
    }
    Err(Failure::new(
        exit::UNTRUSTED,
        "the ledger is damaged: put a backup in its place, then: oncecast ledger adopt-restored",
    ))
}
