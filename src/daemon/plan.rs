//! `plan`: the next poll of each feed for real, asked together, told one by one.

use std::sync::Arc;

use tokio::task::JoinSet;

use crate::config::Feed;
use crate::desk::verb::{Answer, Planned};
use crate::desk::{Failure, exit};
use crate::flow::plan::{Rehearsal, rehearse};
use crate::flow::{Manners, Parts};
use crate::model::Why;

/// As many known entries of one feed are told of.
const KNOWN_TOLD: usize = 200;
/// As many problems of one document are told of.
const PROBLEMS_TOLD: usize = 20;

/// Says what the next poll of one feed, or of every one, would do.
///
/// # Errors
/// Where there is no such feed, or the ledger cannot be used.
pub async fn plan(
    feeds: Vec<Feed>,
    only: Option<&str>,
    parts: &Parts,
    manners: &Arc<Manners>,
) -> Result<Answer, Failure> {
    let feeds: Vec<Feed> =
        feeds.into_iter().filter(|feed| only.is_none_or(|only| feed.name == only)).collect();
    if let (true, Some(only)) = (feeds.is_empty(), only) {
        return Err(Failure::new(exit::NO_INPUT, format!("there is no feed {only:?}")));
    }
    manners.remembered(parts.ledger.as_ref()).await?;
    let mut asked = JoinSet::new();
    for (number, feed) in feeds.into_iter().enumerate() {
        let (parts, manners) = (parts.clone(), Arc::clone(manners));
        asked.spawn(async move {
            let rehearsal = rehearse(&feed, &parts, &manners).await;
            rehearsal.map(|rehearsal| (number, planned(feed.name, rehearsal)))
        });
    }
    let mut told = Vec::new();
    while let Some(done) = asked.join_next().await {
        let done = done.map_err(|_| Failure::new(exit::FAILED, "asking a feed fell over"))?;
        told.push(done?);
    }
    told.sort_by_key(|(number, _)| *number);
    Ok(Answer::Plan { feeds: told.into_iter().map(|(_, planned)| planned).collect() })
}

fn planned(feed: String, rehearsal: Rehearsal) -> Planned {
    let Rehearsal { before, after, not_asked, about, mut foresight, now } = rehearsal;
    let asked = after.as_ref().filter(|state| !state.is_gone());
    let look = foresight.next_settle.map(|look| now.plus(look));
    let next = asked.map(|state| match look {
        Some(look) if look < state.next_poll && state.failures == 0 => (look, Why::Look),
        _ => (state.next_poll, state.why_next),
    });
    let known = |seen| matches!(seen, crate::ledger::Seen::Known | crate::ledger::Seen::Repeat);
    let mut kept = 0;
    foresight.entries.retain(|entry| {
        kept += usize::from(known(entry.seen));
        !known(entry.seen) || kept <= KNOWN_TOLD
    });
    let problems = about.iter().flat_map(|about| &about.problems).take(PROBLEMS_TOLD);
    Planned {
        feed,
        standing: after.as_ref().unwrap_or(&before).standing(now),
        outcome: not_asked.map_or_else(
            || after.as_ref().and_then(|state| state.last_outcome.clone()).unwrap_or_default(),
            |why| format!("not asked: {why}"),
        ),
        format: about.as_ref().map(|about| about.format.word().to_owned()),
        encoding: about.as_ref().map(|about| about.encoding.to_owned()),
        encoding_by: about.as_ref().map(|about| about.encoding_by.to_owned()),
        problems: problems.map(ToString::to_string).collect(),
        next_poll: next.map(|(at, _)| at),
        why_next: next.map(|(_, why)| why.words().to_owned()),
        foresight,
    }
}
