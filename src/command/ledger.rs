//! `ledger ..`: what mends a ledger that cannot be trusted, what proves one, and what makes a record of
//! it.

mod dossier;
mod export;
mod keep;

use std::io::IsTerminal as _;
use std::sync::Arc;

use crate::clock::SystemClock;
use crate::config::Config;
use crate::daemon::place_of;
use crate::ledger::embedded::{self, Embedded, Frozen, Mend};
use crate::ledger::journal::Proof;
use crate::ledger::{Ledger as _, Overview, Trust};

use crate::desk::print;
use crate::desk::verb::{Answer, Verb};

use super::{Failure, Outcome, client, exit};

pub(super) use export::export;
pub(super) use keep::{backup, compact, import};

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

pub(super) async fn verify(config: &Config, json: bool) -> Outcome {
    there(config)?;
    let ledger = Embedded::open(place_of(config), Arc::new(SystemClock)).await?;
    let proof = ledger.verify(Box::new(progress("verified"))).await;
    let overview = ledger.overview().await;
    ledger.close().await?;
    let proof = proof?;
    if let Ok(Overview { trust: Trust::Observes { why, mend }, .. }) = overview {
        print::note(&format!("note: it sends nothing: {why}; to mend it: {mend}\n"));
    }
    if json {
        print::json(&proof);
    } else {
        print::out(&format!("{} rows and {} journal lines read\n", proof.rows, proof.lines));
        for fault in &proof.faults {
            print::out(&format!("- {fault}\n"));
        }
    }
    if !proof.faults.is_empty() {
        return Err(damaged(&proof));
    }
    if !json {
        print::out("Every row is whole and the chain of evidence is unbroken.\n");
    }
    Ok(exit::OK)
}

fn damaged(proof: &Proof) -> Failure {
    let first = proof.faults.first().map(String::as_str).unwrap_or_default();
    let words = format!(
        "the ledger is damaged ({first}): put a backup in its place, then: oncecast ledger \
         adopt-restored"
    );
    Failure::new(exit::UNTRUSTED, words)
}

fn there(config: &Config) -> Result<(), Failure> {
    let path = &config.ledger.path;
    if path.exists() {
        return Ok(());
    }
    Err(Failure::new(exit::NO_INPUT, format!("{} is not there", path.display())))
}

/// The ledger as it stands now: a copy that the daemon makes, or the ledger itself while none runs.
async fn frozen(config: &Config) -> Result<Frozen, Failure> {
    let live = std::io::stderr().is_terminal();
    if live {
        print::progress("waiting for a copy of the ledger");
    }
    let answer = client::ask_daemon(config, &Verb::Snapshot).await;
    if live {
        print::progress("");
    }
    if let Some(Answer::Snapshot { file }) = answer? {
        // The daemon has fewer rights than whoever asks: what it names is looked for in one place alone.
        let file = embedded::place_of(&config.ledger.path, &file).ok_or_else(|| {
            let words =
                format!("the daemon has another ledger than {}", config.ledger.path.display());
            Failure::new(exit::UNAVAILABLE, words)
        })?;
        let frozen = Frozen::of_copy(&file);
        // It stays readable until it is closed.
        std::fs::remove_file(&file).ok();
        return Ok(frozen?);
    }
    there(config)?;
    Ok(Frozen::of_ledger(&config.ledger.path)?)
}

/// Tells a person at a terminal how far it is.
fn progress(done_word: &'static str) -> impl Fn(u64, u64) + Send {
    let live = std::io::stderr().is_terminal();
    move |done, total| {
        if live && done < total {
            print::progress(&format!("{done_word} {done} of {total}"));
        } else if live {
            print::progress("");
        }
    }
}
