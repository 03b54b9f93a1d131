//! `retract`: what readers have of an entry, taken away again where the platform can.
//!
//! It writes down what is wanted, and the same lanes that send do it: the daemon's where one runs, else this
//! command's own. Nothing that was taken away is ever sent again by itself.

use std::io::IsTerminal as _;
use std::path::Path;

use crate::cli;
use crate::clock::Mark;
use crate::config::Config;
use crate::desk::print;
use crate::desk::verb::{Answer, Verb, perform};
use crate::ledger::{DeliveryView, EntryView, RetractStep};
use crate::model::{DeliveryId, Stand};

use super::replay::{Offline, WATCH, WATCH_EVERY, again};
use super::{Failure, Outcome, client, exit, hand, run};

type Seen = (EntryView, Vec<RetractStep>);

pub(super) async fn retract(path: &Path, what: cli::Retract) -> Outcome {
    if what.json && !what.dry_run && !what.yes {
        let words = "a question needs words to be shown: use --json with --dry-run or --yes";
        return Err(Failure::new(exit::USAGE, words));
    }
    let bare = super::bare(path)?;
    if let Some(answer) = client::ask_daemon(&bare, &verb(&what, true)).await? {
        let seen = parts_of(answer)?;
        if let Some(code) = agreed(&what, &seen).await? {
            return Ok(code);
        }
        let answer = client::ask_daemon(&bare, &verb(&what, false)).await?;
        let (entry, steps) = parts_of(answer.ok_or_else(gone)?)?;
        let entry = watch(&bare, entry, &steps).await?;
        return Ok(finish(&what, entry, &steps));
    }
    let config = run::load(path)?;
    client::needs_ledger(&config)?;
    let ledger = client::open(&config).await?;
    let who = client::who();
    let ask = |dry_run| perform(ledger.as_ref(), verb(&what, dry_run), &who);
    let seen = parts_of(ask(true).await?)?;
    if let Some(code) = agreed(&what, &seen).await? {
        ledger.close().await?;
        return Ok(code);
    }
    let (entry, steps) = parts_of(ask(false).await?)?;
    let wanted: Vec<(String, DeliveryId)> =
        wanted(&steps).map(|step| (step.group.clone(), step.delivery.id)).collect();
    let offline = Offline::over(&ledger)?;
    offline.send(&config, &wanted).await?;
    let entry = again(&offline.parts, &entry).await?;
    ledger.close().await?;
    Ok(finish(&what, entry, &steps))
}

fn verb(what: &cli::Retract, dry_run: bool) -> Verb {
    let (entry, group, done) = (what.entry.clone(), what.group.clone(), what.done);
    Verb::Retract { entry, group, done, dry_run }
}

fn gone() -> Failure {
    Failure::new(exit::UNAVAILABLE, "the daemon has ended meanwhile")
}

fn parts_of(answer: Answer) -> Result<Seen, Failure> {
    match answer {
        Answer::Retract { entry, steps } => Ok((*entry, steps)),
        _ => Err(Failure::new(exit::UNAVAILABLE, "the daemon answered something else")),
    }
}

fn wanted(steps: &[RetractStep]) -> impl Iterator<Item = &RetractStep> {
    steps.iter().filter(|step| step.removes)
}

/// Shows what would be done and asks; comes back with an exit code where nothing is.
async fn agreed(what: &cli::Retract, (entry, steps): &Seen) -> Result<Option<u8>, Failure> {
    if !what.json {
        show(entry, steps);
    }
    let some = steps.iter().filter(|step| step.removes || step.recorded).count();
    if what.json && (what.dry_run || some == 0) {
        let entry = Box::new(entry.clone());
        print::json(&Answer::Retract { entry, steps: steps.clone() });
    }
    if what.dry_run || some == 0 {
        return Ok(Some(if some == 0 { exit::REFUSED } else { exit::OK }));
    }
    if what.yes {
        return Ok(None);
    }
    if !std::io::stdin().is_terminal() {
        let words = "nothing was changed: this asks at a terminal, and without one wants --yes";
        return Err(Failure::new(exit::USAGE, words));
    }
    let question = match what.done {
        true => format!("did you take away all {some} by hand?  [y]es  [n]o"),
        false => format!("take away {some} posts that readers have?  [y]es  [n]o"),
    };
    if hand::ask(&question).await? == "y" {
        return Ok(None);
    }
    print::note("nothing was changed\n");
    Ok(Some(exit::OK))
}

/// What would be done, in words.
pub(super) fn show(entry: &EntryView, steps: &[RetractStep]) {
    print::out(&format!("{}  {}\n", entry.id.short(), entry.entry.title));
    for step in steps {
        let does = match step.removes {
            true => "is taken away",
            false => "is left as it is",
        };
        let name = step.delivery.name();
        let does = if step.recorded { "is recorded" } else { does };
        print::out(&format!("  {name}: {does}, since {}\n", step.why));
    }
    if steps.is_empty() {
        print::out("  no group has it\n");
    }
}

/// Watches the daemon do it.
async fn watch(
    config: &Config,
    entry: EntryView,
    steps: &[RetractStep],
) -> Result<EntryView, Failure> {
    let began = Mark::here();
    loop {
        let verb = Verb::Why { entry: entry.id.to_string() };
        let Some(Answer::Why { entry: now, .. }) = client::ask_daemon(config, &verb).await? else {
            return Err(gone());
        };
        if !results(&now, steps).any(is_wanted) || began.elapsed() > WATCH {
            return Ok(*now);
        }
        tokio::time::sleep(WATCH_EVERY).await;
    }
}

fn results<'a>(
    entry: &'a EntryView,
    steps: &'a [RetractStep],
) -> impl Iterator<Item = &'a DeliveryView> {
    let of = |view: &&DeliveryView| wanted(steps).any(|step| step.delivery.id == view.id);
    entry.deliveries.iter().filter(of)
}

fn is_wanted(view: &DeliveryView) -> bool {
    view.amend.as_ref().is_some_and(|amend| matches!(amend.stand, Stand::Wanted { .. }))
}

fn finish(what: &cli::Retract, entry: EntryView, steps: &[RetractStep]) -> u8 {
    let left = results(&entry, steps)
        .filter(|view| view.amend.as_ref().is_none_or(|amend| !amend.is_away()));
    let left: Vec<bool> = left.map(is_wanted).collect();
    let code = match left.iter().all(|wanted| *wanted) {
        true if left.is_empty() => exit::OK,
        true => exit::LATER,
        false => exit::FAILED,
    };
    if what.json {
        print::json(&Answer::Retract { entry: Box::new(entry), steps: steps.to_vec() });
        return code;
    }
    for view in &entry.deliveries {
        if steps.iter().any(|step| step.delivery.id == view.id && (step.removes || step.recorded)) {
            print::out(&format!("  {}", print::delivery(view)));
        }
    }
    code
}
