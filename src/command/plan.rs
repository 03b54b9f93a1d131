//! `plan`: what the next poll of each feed would do, in words.

use std::sync::Arc;

use crate::clock::SystemClock;
use crate::config::Config;
use crate::daemon::{self, place_of};
use crate::desk::print;
use crate::desk::verb::{Answer, Planned, Verb};
use crate::flow::{Bell, Manners, Parts, Pulse};
use crate::ledger::Seen;
use crate::ledger::embedded::Embedded;
use crate::model::Status;
use crate::wire::Wire;

use super::{Failure, Outcome, client, exit};

/// As many entries of one kind are shown to a person.
const SHOWN: usize = 20;

pub(super) async fn plan(config: &Config, feed: Option<String>, json: bool) -> Outcome {
    let answer = match client::ask_daemon(config, &Verb::Plan { feed: feed.clone() }).await? {
        Some(answer) => answer,
        None => alone(config, feed.as_deref()).await?,
    };
    if json {
        print::json(&answer);
    } else if let Answer::Plan { feeds } = &answer {
        show(feeds);
    }
    Ok(exit::OK)
}

/// The same while no daemon runs.
async fn alone(config: &Config, feed: Option<&str>) -> Result<Answer, Failure> {
    if Embedded::is_missing(&place_of(config))? {
        let words = format!(
            "there is no ledger at {}, and this makes none: at the first start all that the feeds \
             show is remembered, and not sent; oncecast try URL shows what that is",
            config.ledger.path.display()
        );
        return Err(Failure::new(exit::NO_INPUT, words));
    }
    let wire = Wire::open_as(config.poll.contact.as_deref())
        .map_err(|e| Failure::new(exit::UNAVAILABLE, e.to_string()))?;
    let ledger = client::open(config).await?;
    let (bell, pulse) = (Bell::default(), Arc::new(Pulse::default()));
    let parts = Parts { ledger, wire, clock: Arc::new(SystemClock), bell, pulse };
    let manners = Arc::new(Manners::default());
    let answer = daemon::plan::plan(config.feeds.clone(), feed, &parts, &manners).await;
    parts.ledger.close().await?;
    answer
}

/// What the next polls would do, in words.
pub(super) fn show(feeds: &[Planned]) {
    for planned in feeds {
        let Planned { feed, outcome, foresight, .. } = planned;
        print::out(&format!("{feed}  {outcome}\n"));
        if let (Some(format), Some(encoding), Some(by)) =
            (&planned.format, &planned.encoding, &planned.encoding_by)
        {
            print::out(&format!("  {format} in {encoding} ({by})\n"));
        }
        if foresight.baseline && !foresight.entries.is_empty() {
            let n = foresight.entries.len();
            print::out(&format!(
                "  first sight of this feed: its {n} entries would be remembered, not sent\n"
            ));
        }
        for (seen, title) in [
            (Seen::New, "would be new"),
            (Seen::Arrives, "known from another feed, and new here"),
            (Seen::Nameless, "passed over: nothing to know it by"),
        ] {
            let entries: Vec<_> = foresight.entries.iter().filter(|e| e.seen == seen).collect();
            for entry in entries.iter().take(SHOWN) {
                let name = if entry.title.is_empty() { "(without a title)" } else { &entry.title };
                print::out(&format!("  {title}: {name}\n"));
                if !entry.by.is_empty() {
                    print::out(&format!("    by its {}\n", entry.by.join(", ")));
                }
                for view in &entry.deliveries {
                    print::out(&format!(
                        "    {}: {}\n",
                        view.group,
                        fate(&view.status, view.settling)
                    ));
                }
            }
            if let Some(more) = entries.len().checked_sub(SHOWN).filter(|n| *n > 0) {
                print::out(&format!("  {title}: {more} more; --json shows all\n"));
            }
        }
        let known = foresight.entries.iter().filter(|entry| entry.seen == Seen::Known);
        let known: Vec<_> = known.collect();
        if !known.is_empty() {
            let by = known.iter().flat_map(|entry| entry.by.first()).fold(
                std::collections::BTreeMap::<&str, usize>::new(),
                |mut counts, by| {
                    *counts.entry(by).or_default() += 1;
                    counts
                },
            );
            let by: Vec<String> = by.iter().map(|(by, n)| format!("{n} by {by}")).collect();
            print::out(&format!("  known: {} ({})\n", known.len(), by.join(", ")));
        }
        if foresight.settled > 0 {
            let n = foresight.settled;
            print::out(&format!("  would be seen a second time, and go out: {n}\n"));
        }
        if foresight.vanished > 0 {
            let n = foresight.vanished;
            print::out(&format!("  would be withdrawn, since they left the feed unsent: {n}\n"));
        }
        for problem in planned.problems.iter().take(SHOWN) {
            print::out(&format!("  - {problem}\n"));
        }
        match (planned.next_poll, &planned.why_next) {
            (Some(at), Some(why)) => print::out(&format!("  next poll then: {at}, {why}\n")),
            _ => print::out("  no next poll\n"),
        }
    }
    print::out("nothing was sent, and nothing was written\n");
}

/// What would become of a delivery.
fn fate(status: &Status, settling: bool) -> String {
    match status {
        Status::Held { reason } => format!("would be held: {reason}"),
        Status::Due { not_before, .. } if settling => {
            format!("would go out after its second look, at {not_before} or later")
        }
        Status::Due { .. } => "would go out at its lane's pace".to_owned(),
        Status::Baseline => "would be remembered, not sent".to_owned(),
        other => other.kind().word().to_owned(),
    }
}
