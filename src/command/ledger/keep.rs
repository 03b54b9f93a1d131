//! `ledger backup`, `ledger import`, `ledger compact`: copies that are whole and proved before they get
//! their name, and that send nothing again when they come back.

use std::path::Path;

use crate::clock::{Clock as _, SystemClock};
use crate::config::Config;
use crate::daemon::place_of;
use crate::desk::print;
use crate::ledger::embedded::{self, Frozen};
use crate::ledger::whole::Whole;

use super::super::{Failure, Outcome, client, exit};
use super::export::unwritten;
use super::{damaged, frozen, progress, there};

pub(in super::super) async fn backup(config: &Config, file: &Path, json: bool) -> Outcome {
    let whole = Whole::beside(file).map_err(|e| unwritten(file, &e))?;
    let frozen = frozen(config).await?;
    // The ledger is sound: what cannot be done is about this file.
    let failed = |why: &dyn std::fmt::Display| {
        let words = format!("{} was not made: {why}", file.display());
        Failure::new(exit::FAILED, words)
    };
    frozen
        .back_up(whole.fresh(), SystemClock.now(), &progress("copied"))
        .map_err(|e| failed(&e))?;
    drop(frozen);
    let copy = Frozen::of_copy(whole.fresh())?;
    let header = copy.header(SystemClock.now(), true)?;
    let proof = copy.verify(&progress("verified"))?;
    if !proof.faults.is_empty() {
        return Err(damaged(&proof));
    }
    drop(copy);
    whole.finish().map_err(|e| unwritten(file, &e))?;
    if json {
        print::json(&serde_json::json!({ "file": file, "header": header, "rows": proof.rows }));
        return Ok(exit::OK);
    }
    print::out(&format!(
        "{}: {} posts, {} journal lines, verified, head {}\n\
         Restored, it sends nothing before: oncecast ledger adopt-restored\n",
        file.display(),
        header.entries,
        header.lines,
        header.head
    ));
    Ok(exit::OK)
}

pub(in super::super) async fn import(config: &Config, file: &Path, json: bool) -> Outcome {
    if !file.exists() {
        return Err(Failure::new(exit::NO_INPUT, format!("{} is not there", file.display())));
    }
    let (place, now) = (place_of(config), SystemClock.now());
    let imported = embedded::import(&place, file, now, client::who(), &progress("imported"))?;
    if json {
        print::json(&imported);
        return Ok(exit::OK);
    }
    print::out(&format!(
        "{} posts and {} deliveries are known now, and none of them is sent by itself; {} that were \
         owed or under way there are in doubt.\n\
         What the feeds show at their next poll is remembered, not sent.\n",
        imported.entries, imported.deliveries, imported.doubted
    ));
    Ok(exit::OK)
}

pub(in super::super) async fn compact(config: &Config, json: bool) -> Outcome {
    there(config)?;
    let compacted = embedded::compact(&config.ledger.path, &progress("compacted"))?;
    if json {
        print::json(&compacted);
        return Ok(exit::OK);
    }
    let embedded::Compacted { before, after } = compacted;
    let words = if after < before { "" } else { ": there was nothing to gain" };
    print::out(&format!("{before} bytes before, {after} bytes now{words}\n"));
    Ok(exit::OK)
}
