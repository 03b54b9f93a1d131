//! The commands that ask the house for something and show its answer.

use std::collections::BTreeMap;
use std::path::Path;

use crate::cli::{Command, Lanes, Release, Resolve};
use crate::config::Config;
use crate::model::Status;

use crate::desk::preview::Preview;
use crate::desk::print;
use crate::desk::verb::{Answer, Verb};

use super::{Failure, Outcome, client, exit};

/// Asks, and shows what comes back.
pub(super) async fn talk(config: &Config, command: Command) -> Outcome {
    let stop_file = config.ledger.path.with_file_name("STOP");
    let (verb, json) = match command {
        Command::Status { json } => return super::check::status(config, json).await,
        Command::Reload => (Verb::Reload, false),
        Command::Poll { feed } => (Verb::Poll { feed: named(config, feed)? }, false),
        Command::Page => (Verb::Page, false),
        Command::Preview { entry, group, json } => (Verb::Preview { entry, group }, json),
        Command::Why { entry, json } => (Verb::Why { entry }, json),
        Command::Release(Release { entry, group, .. }) => (Verb::Release { entry, group }, false),
        Command::Withdraw { entry, group, reason } => {
            (Verb::Withdraw { entry, group, reason }, false)
        }
        Command::Pause { lanes: Lanes { lane, .. }, reason } => {
            (Verb::Pause { lane, reason }, false)
        }
        Command::Resume { lanes: Lanes { lane, all } } => {
            if all
                && let Err(error) = std::fs::remove_file(&stop_file)
                && error.kind() != std::io::ErrorKind::NotFound
            {
                let file = stop_file.display();
                return Err(Failure::new(
                    exit::FAILED,
                    format!("failed to remove {file}: {error}"),
                ));
            }
            (Verb::Resume { lane }, false)
        }
        Command::StopAll { reason } => {
            // The file works even when the daemon hangs, so it comes first.
            return stop_all(config, &stop_file, reason).await;
        }
        Command::Resolve(Resolve { delivery, published, reason, .. }) => {
            let url = published.clone().flatten();
            (Verb::Resolve { delivery, published: published.is_some(), url, reason }, false)
        }
        other => return Err(Failure::new(exit::FAILED, format!("{other:?} is no question"))),
    };
    let of_daemon = matches!(verb, Verb::Reload | Verb::Page);
    let mut answer = if of_daemon {
        client::ask_daemon(config, &verb).await?.ok_or_else(|| {
            let path = config.serve.control.display();
            Failure::new(exit::UNAVAILABLE, format!("no daemon answers at {path}"))
        })?
    } else {
        client::ask(config, verb).await?
    };
    if let Answer::Why { guarantees, .. } = &mut answer {
        *guarantees = crate::serve::guarantees(config);
    }
    if json {
        print::json(&answer);
    } else {
        show(&answer);
    }
    Ok(exit::OK)
}

/// A feed of the config.
pub(super) fn named(config: &Config, feed: String) -> Result<String, Failure> {
    if config.feeds.iter().any(|known| known.name == feed) {
        return Ok(feed);
    }
    let names: Vec<&str> = config.feeds.iter().map(|feed| feed.name.as_str()).take(20).collect();
    let words = format!("there is no feed {feed:?}; the config has {}", names.join(", "));
    Err(Failure::new(exit::NO_INPUT, words))
}

/// Stops everything by the file, which works even when the daemon hangs, and then by the word, which
/// stands in the journal. Where the word finds nobody, the file has stopped it all the same.
async fn stop_all(config: &Config, file: &Path, reason: Option<String>) -> Outcome {
    let made = std::fs::write(file, "oncecast stop-all\n");
    if let Err(error) = &made {
        print::note(&format!("note: {} cannot be made: {error}\n", file.display()));
    }
    match client::ask(config, Verb::StopAll { reason }).await {
        Ok(answer) => {
            show(&answer);
            Ok(exit::OK)
        }
        Err(error) if made.is_ok() => Err(Failure::new(
            error.code,
            format!(
                "{error}. The file {} is there, so nothing is sent by any daemon that starts \
                 there; to go on: oncecast resume --all",
                file.display()
            ),
        )),
        Err(error) => Err(error),
    }
}

/// An answer in words.
pub(super) fn show(answer: &Answer) {
    match answer {
        Answer::Status { text, .. } => print::out(text),
        Answer::Snapshot { file } => print::out(&format!("{}\n", file.display())),
        Answer::Preview { entry, previews, unmet } => {
            print::out(&format!("{}  {}\n", entry.id.short(), entry.entry.title));
            previews.iter().for_each(preview);
            if previews.is_empty() {
                print::out("  no group hears its feed\n");
            }
            for name in unmet {
                print::out(&format!(
                    "\nits author asks for something of {name:?}, which is no group and no kind here\n"
                ));
            }
        }
        Answer::Page { link, note } => {
            print::out(&format!("{link}\n"));
            print::note(&format!("{note}\n"));
        }
        Answer::Hand { list } => print::out(&super::hand::list(list)),
        Answer::HandOpen { item } => super::hand::opened(item),
        Answer::Done { words } => print::out(&format!("{words}\n")),
        Answer::Lanes { lanes } => print::out(&format!("{}\n", lanes.join("\n"))),
        Answer::Moved { deliveries } => {
            for view in deliveries {
                print::out(&print::delivery(view));
            }
        }
        Answer::Replay { entry, steps } => {
            print::out(&format!("{}  {}\n", entry.id.short(), entry.entry.title));
            for step in steps {
                let does = match step.sends {
                    true if step.delivery.by_hand => "is put on the list of what a person posts",
                    true => "will be sent",
                    false => "is not sent",
                };
                print::out(&format!("  {}: {does}, since {}\n", step.group, step.why));
                if let Status::Published { receipt } = &step.delivery.status {
                    let url = receipt.reference.url.as_deref().unwrap_or("without a link");
                    print::out(&format!("    published {} {url}\n", receipt.at));
                }
            }
        }
        Answer::Retract { entry, steps } => super::retract::show(entry, steps),
        Answer::Adopt { steps } => steps.iter().for_each(super::adopt::step),
        Answer::Realias { realiased } => super::realias::told(realiased),
        Answer::Plan { feeds } => super::plan::show(feeds),
        Answer::Why { entry, history, guarantees } => why(entry, history, guarantees),
    }
}

fn preview(of: &Preview) {
    let stands = match (&of.stands, of.frozen) {
        (Some(_), true) => "  (an earlier claim froze what is sent: see --json)".to_owned(),
        (Some(status), false) => format!("  ({})", print::painted(status.kind())),
        (None, _) => String::new(),
    };
    let by = format!("{}, {}", of.integration, of.kind);
    match (&of.text, &of.unfit) {
        (Some(text), _) => {
            let language = of.language.as_ref().map(|tag| format!(", in {tag}"));
            let (length, limit) = (of.length, of.limit);
            let count = format!("{length} of {limit}{}", language.unwrap_or_default());
            print::out(&format!("\n{} ({by}): {count}{stands}\n", of.group));
            for asked in &of.asked {
                print::out(&format!("  its author asks: {asked}\n"));
            }
            if let Some((address, alt)) = &of.picture {
                let alt = alt
                    .as_ref()
                    .map_or_else(|| "nothing said of it".to_owned(), |alt| format!("{alt:?}"));
                print::out(&format!("  with the picture {address} ({alt})\n"));
            }
            if let Some(warning) = &of.warning {
                print::out(&format!("    [{warning}]\n"));
            }
            for line in text.lines() {
                print::out(format!("    {line}").trim_end());
                print::out("\n");
            }
        }
        (None, why) => {
            let why = why.as_deref().unwrap_or_default();
            print::out(&format!("\n{} ({by}): cannot be made into a post: {why}\n", of.group));
        }
    }
}

fn why(
    entry: &crate::ledger::EntryView,
    history: &[crate::ledger::journal::Line],
    guarantees: &BTreeMap<String, String>,
) {
    let e = &entry.entry;
    let title = if e.title.is_empty() { "(without a title)" } else { &e.title };
    print::out(&format!("{title}\n  id     {}\n", entry.id));
    for (name, value) in [("link", &e.link), ("guid", &e.guid)] {
        if let Some(value) = value {
            print::out(&format!("  {name}   {value}\n"));
        }
    }
    print::out(&format!("  feed   {}, first seen {}\n", entry.feed, entry.first_seen));
    if let Some(settles) = entry.settles {
        print::out(&format!("  its second look is wanted after {settles}\n"));
    }
    if entry.deliveries.is_empty() {
        print::out("  no group is owed it\n");
    }
    for view in &entry.deliveries {
        print::out(&format!("  {}", print::delivery(view)));
        if let Some(promise) = guarantees.get(&view.group) {
            print::out(&format!("    {}: {promise}\n", view.group));
        }
    }
    print::out("journal\n");
    for line in history {
        let status = line.status.map(print::painted).unwrap_or_default();
        let group = line.group.as_deref().unwrap_or("all groups");
        let words = format!(
            "  {}  {group}: {} -> {status}  by {}  {}",
            line.at, line.event, line.who, line.detail
        );
        print::out(&format!("{}\n", words.trim_end()));
    }
}
