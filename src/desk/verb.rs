//! What a person may ask of the house, as one value that goes the same way whether the daemon runs or
//! not: through its control socket, or straight to the ledger.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::ledger::adopt::{Adopt, AdoptStep, Stands};
use crate::ledger::{
    DeliveryView, EntryView, Foresight, Intake, Ledger, Realiased, Replay, ReplayStep, Retract,
    RetractStep, Selection, Sight, Verdict, journal,
};
use crate::model::{Reference, Standing, Status, Time};

use super::hand::{HandItem, HandList, Say};
use super::preview::Preview;
use super::{Failure, exit};

/// How many deliveries that wait are shown.
pub const WAITING_MAX: usize = 200;

/// What a person asks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "verb")]
#[expect(missing_docs, reason = "each field is the command line's own")]
pub enum Verb {
    /// How things stand.
    Status,
    /// Everything about one entry.
    Why { entry: String },
    /// Send one entry by hand.
    Replay { entry: String, group: Option<String>, again: Option<String>, dry_run: bool },
    /// Let held deliveries go; `None` is all of them.
    Release { entry: Option<String>, group: Option<String> },
    /// Take back what has not been sent.
    Withdraw { entry: String, group: Option<String>, reason: String },
    /// Take away what readers have; `done`: a person has done so.
    Retract { entry: String, group: Option<String>, done: bool, dry_run: bool },
    /// What stands on a group's account, for what the group has heard.
    Adopt { group: String, posts: Vec<Stands>, dry_run: bool },
    /// Which held entries of a feed may be known ones; confirmed by the token of that answer, they are.
    Realias { feed: String, confirmed: Option<String> },
    /// Stop lanes; `None` is all of them.
    Pause { lane: Option<String>, reason: Option<String> },
    /// Let lanes go; `None` is all of them.
    Resume { lane: Option<String> },
    /// Stop everything.
    StopAll { reason: Option<String> },
    /// Say of a delivery in doubt what a person saw.
    Resolve { delivery: String, published: bool, url: Option<String>, reason: Option<String> },
    /// What the next poll would do; `None` is that of every feed.
    Plan { feed: Option<String> },
    /// Ask for a feed now.
    Poll { feed: String },
    /// Posts that are posted by hand.
    Hand { say: Say },
    /// What each group would get.
    Preview { entry: String, group: Option<String> },
    /// A link with which a browser may act.
    Page,
    /// Read the config again.
    Reload,
    /// Copy the ledger as it is now into a file beside it.
    Snapshot,
}

/// What comes back.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "answer")]
#[expect(missing_docs, reason = "each field is what its name says")]
pub enum Answer {
    /// How things stand, and as it is shown to people.
    Status { status: serde_json::Value, text: String, healthy: bool },
    /// One entry, the guarantee of each group, and its journal.
    Why {
        entry: Box<EntryView>,
        history: Vec<journal::Line>,
        #[serde(default)]
        guarantees: BTreeMap<String, String>,
    },
    /// What a replay does, group by group.
    Replay { entry: Box<EntryView>, steps: Vec<ReplayStep> },
    /// What a retraction does, delivery by delivery.
    Retract { entry: Box<EntryView>, steps: Vec<RetractStep> },
    /// Deliveries that were moved.
    Moved { deliveries: Vec<DeliveryView> },
    /// What is made of the links of such posts.
    Adopt { steps: Vec<AdoptStep> },
    /// Held entries, and the known ones that they may be, or are now.
    Realias { realiased: Realiased },
    /// Lanes that were moved.
    Lanes { lanes: Vec<String> },
    /// What each group would get of one entry, and what its author asks for that means none of them.
    Preview {
        entry: Box<EntryView>,
        previews: Vec<Preview>,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        unmet: Vec<String>,
    },
    /// A link to the page, and what to know of it.
    Page { link: String, note: String },
    /// What waits to be posted by hand.
    Hand { list: HandList },
    /// It is theirs now: the text to post, and where.
    HandOpen { item: Box<HandItem> },
    /// Where the copy stands; whoever asked takes it away.
    Snapshot { file: PathBuf },
    /// What the next poll of each feed would do.
    Plan { feeds: Vec<Planned> },
    /// Done, in words.
    Done { words: String },
}

/// What the next poll of a feed would bring, and do.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[expect(missing_docs, reason = "each field is what its name says")]
pub struct Planned {
    pub feed: String,
    /// How the poll ended, or why there was none.
    pub outcome: String,
    pub standing: Standing,
    /// What kind of document it is, and its encoding, where one came.
    pub format: Option<String>,
    pub encoding: Option<String>,
    /// How that was found, in words.
    #[serde(default)]
    pub encoding_by: Option<String>,
    pub problems: Vec<String>,
    /// When it would be polled after that, and why then.
    pub next_poll: Option<Time>,
    pub why_next: Option<String>,
    pub foresight: Foresight,
}

/// Does what was asked, whoever carries it here. `Status`, `Plan`, `Reload`, `Page`, `Preview` and
/// `Hand` are not done here, since they need more than the ledger.
///
/// # Errors
/// What could not be done, with its exit code.
pub async fn perform(ledger: &dyn Ledger, verb: Verb, who: &str) -> Result<Answer, Failure> {
    let by = || who.to_owned();
    match verb {
        Verb::Status
        | Verb::Reload
        | Verb::Plan { .. }
        | Verb::Page
        | Verb::Preview { .. }
        | Verb::Hand { .. } => {
            Err(Failure::new(exit::UNAVAILABLE, "only a running daemon can answer that"))
        }
        Verb::Snapshot => Ok(Answer::Snapshot { file: ledger.snapshot().await? }),
        Verb::Why { entry } => {
            let entry = one(ledger, &entry).await?;
            let history = ledger.history(entry.number).await?;
            // What each group is promised stands in the config, which whoever asks has.
            Ok(Answer::Why { entry: Box::new(entry), history, guarantees: BTreeMap::new() })
        }
        Verb::Replay { entry, group, again, dry_run } => {
            let entry = one(ledger, &entry).await?;
            let selection = Selection { entry: entry.number, group };
            let steps = ledger.reopen(Replay { selection, again, dry_run }, by()).await?;
            Ok(Answer::Replay { entry: Box::new(entry), steps })
        }
        Verb::Release { entry: Some(entry), group } => {
            let selection = Selection { entry: one(ledger, &entry).await?.number, group };
            Ok(Answer::Moved { deliveries: ledger.release(selection, by()).await? })
        }
        Verb::Release { entry: None, group } => release_all(ledger, group, who).await,
        Verb::Withdraw { entry, group, reason } => {
            let selection = Selection { entry: one(ledger, &entry).await?.number, group };
            Ok(Answer::Moved { deliveries: ledger.withdraw(selection, reason, by()).await? })
        }
        Verb::Retract { entry, group, done, dry_run } => {
            let entry = one(ledger, &entry).await?;
            let selection = Selection { entry: entry.number, group };
            let steps = ledger.retract(Retract { selection, done, dry_run }, by()).await?;
            Ok(Answer::Retract { entry: Box::new(entry), steps })
        }
        Verb::Adopt { group, posts, dry_run } => {
            let steps = ledger.adopt(Adopt { group, posts, dry_run }, by()).await?;
            Ok(Answer::Adopt { steps })
        }
        Verb::Realias { feed, confirmed } => {
            let realiased = ledger.realias(&feed, confirmed, by()).await?;
            Ok(Answer::Realias { realiased })
        }
        Verb::Pause { lane, reason } => {
            let why = reason.unwrap_or_else(|| format!("paused by {who}"));
            Ok(Answer::Lanes { lanes: ledger.pause(lane, why, by()).await? })
        }
        Verb::Resume { lane } => Ok(Answer::Lanes { lanes: ledger.resume(lane, by()).await? }),
        Verb::StopAll { reason } => {
            let why = reason.unwrap_or_else(|| format!("stopped by {who}"));
            ledger.stop_all(why, by()).await?;
            let words = "everything is stopped, across restarts; to go on: oncecast resume --all";
            Ok(Answer::Done { words: words.to_owned() })
        }
        Verb::Poll { feed } => {
            let (state, _) = ledger.feed(&feed).await?;
            let state = state.unwrap_or_default().woken();
            ledger.admit(Intake { feed: feed.clone(), sight: Sight::Nothing, state }).await?;
            Ok(Answer::Done { words: format!("feed {feed} is asked now, or when a daemon starts") })
        }
        Verb::Resolve { delivery, published, url, reason } => {
            let view = delivery_of(ledger, &delivery).await?;
            let verdict = if published {
                Verdict::PersonPublished(Reference { url, ..Reference::default() })
            } else {
                Verdict::PersonAbsent
            };
            let who = reason.map_or_else(by, |reason| format!("{who}: {reason}"));
            let status = ledger.resolve(view.id, verdict, who).await?;
            Ok(Answer::Moved { deliveries: vec![DeliveryView { status, ..view }] })
        }
    }
}

/// Lets go whatever is held, entry by entry.
async fn release_all(
    ledger: &dyn Ledger,
    group: Option<String>,
    who: &str,
) -> Result<Answer, Failure> {
    /// Whatever else waits must not hide what is held.
    const ALL: usize = 1_000_000;
    let mut deliveries = Vec::new();
    loop {
        let waiting = ledger.waiting(ALL).await?;
        let held = waiting.iter().find(|view| {
            matches!(view.status, Status::Held { .. })
                && group.as_ref().is_none_or(|group| *group == view.group)
        });
        let Some(held) = held else { break };
        let selection = Selection { entry: held.id.entry, group: group.clone() };
        deliveries.extend(ledger.release(selection, who.to_owned()).await?);
    }
    if deliveries.is_empty() {
        return Err(Failure::new(exit::REFUSED, "nothing is held"));
    }
    Ok(Answer::Moved { deliveries })
}

/// The one entry that a person means.
///
/// # Errors
/// Where there is none, or several.
pub async fn one(ledger: &dyn Ledger, what: &str) -> Result<EntryView, Failure> {
    let mut found = ledger.find(what).await?;
    match found.len() {
        0 => Err(Failure::new(
            exit::NO_INPUT,
            format!(
                "no entry is known by {what:?}; an entry is named by its id or the first four or \
                 more of its digits, its link or its guid: oncecast status shows ids"
            ),
        )),
        1 => Ok(found.remove(0)),
        n => {
            let list: Vec<String> =
                found.iter().map(|e| format!("  {} {}", e.id, e.entry.title)).collect();
            let list = list.join("\n");
            Err(Failure::new(
                exit::REFUSED,
                format!("{what:?} names {n} entries; say more of the id:\n{list}"),
            ))
        }
    }
}

/// The delivery that a person means by `ENTRY/GROUP` or `ENTRY/GROUP/GENERATION`.
///
/// # Errors
/// Where it names none, or several.
pub async fn delivery_of(ledger: &dyn Ledger, what: &str) -> Result<DeliveryView, Failure> {
    let usage = || {
        Failure::new(
            exit::USAGE,
            format!("{what:?} names no delivery; it is written ENTRY/GROUP, as status shows it"),
        )
    };
    // An entry may be named by its link, which has slashes of its own.
    let (entry, group) = match what.rsplit_once('/').ok_or_else(usage)? {
        (rest, generation) if generation.parse::<u32>().is_ok() => {
            rest.rsplit_once('/').ok_or_else(usage)?
        }
        pair => pair,
    };
    let generation = what.rsplit('/').next().and_then(|g| g.parse::<u32>().ok());
    let entry = one(ledger, entry).await?;
    entry
        .deliveries
        .into_iter()
        .filter(|view| view.group == group)
        .rfind(|view| generation.is_none_or(|g| g == view.id.generation))
        .ok_or_else(|| {
            let of = entry.id.short();
            Failure::new(exit::NO_INPUT, format!("entry {of} has no delivery for {group:?}"))
        })
}
