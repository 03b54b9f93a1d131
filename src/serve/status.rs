//! How things stand, as JSON and as text: what waits for a person comes first, with what to type.

use std::collections::HashMap;

use serde_json::{Value, json};

use crate::desk::print;
use crate::ledger::{DeliveryView, LedgerError, Overview};
use crate::model::{Amend, FeedState, Standing, Status, StatusKind, Time};

use super::{Facts, Health};

/// The version of the JSON form.
const SCHEMA: u32 = 1;
/// How many deliveries that wait are shown to a person.
const SHOWN: usize = 20;
/// How many feeds are shown to a person.
const FEEDS_SHOWN: usize = 50;

pub(super) fn value(
    overview: &Result<Overview, LedgerError>,
    waiting: &[DeliveryView],
    facts: &Facts,
    health: &Health,
    now: Time,
) -> Value {
    let mut status = json!({
        "schema_version": SCHEMA,
        "version": env!("CARGO_PKG_VERSION"),
        "now": now.to_string(),
        "healthy": health.is_healthy(),
        "reasons": health.reasons,
        "notes": health.notes,
    });
    let overview = match overview {
        Ok(overview) => overview,
        Err(error) => {
            status["error"] = json!(error.to_string());
            return status;
        }
    };
    let time = |t: Option<Time>| t.map(|t| t.to_string());
    let guarantees = facts.guarantees();
    status["ledger"] = json!({
        "id": overview.ledger,
        "trust": overview.trust,
        "stopped": overview.stopped,
        "unclean_starts": overview.unclean_starts,
        "unwritable": overview.unwritable,
        "entries": overview.entries,
        "claims": overview.claims,
        "journal": overview.journal,
        "bytes": overview.bytes,
    });
    let states: HashMap<&str, &FeedState> =
        overview.feeds.iter().map(|(name, state)| (name.as_str(), state)).collect();
    status["feeds"] = facts
        .feeds
        .iter()
        .map(|feed| {
            let never = FeedState::default();
            let state = states.get(feed.name.as_str()).copied().unwrap_or(&never);
            json!({
                "name": feed.name,
                "standing": state.standing(now),
                "entries": state.entries,
                "last_success": time(state.last_success),
                "last_change": time(state.last_change),
                "last_outcome": state.last_outcome,
                "next_poll": (!state.is_gone()).then(|| state.next_poll.to_string()),
                "why_next": (!state.is_gone()).then(|| state.why_next.words()),
                "failures": state.failures,
                "failing_since": time(state.failing_since),
                "last_error": state.last_error,
                "moved_to": state.moved_to,
                "moving_to": state.moving.as_ref().map(|moving| &moving.to),
                "hub": state.hub.as_ref().map(|hub| json!({
                    "url": hub.url,
                    "calls": hub.is_live(now),
                    "called": time(hub.called),
                    "trouble": hub.trouble,
                })),
                "notes": notes_of(overview, &feed.name),
            })
        })
        .collect();
    status["lanes"] = overview
        .lanes
        .iter()
        .map(|lane| {
            json!({
                "name": lane.name,
                "paused": lane.paused,
                "stopped": lane.stopped,
                "rests_until": time(lane.rests_until),
                "failures": lane.failures,
                "claimed": { "10m": lane.claimed[0], "1h": lane.claimed[1], "1d": lane.claimed[2] },
                "allowed": { "10m": lane.allowed[0], "1h": lane.allowed[1], "1d": lane.allowed[2] },
            })
        })
        .collect();
    status["groups"] = overview
        .groups
        .iter()
        .map(|group| {
            let counts: serde_json::Map<String, Value> = StatusKind::ALL
                .into_iter()
                .map(|kind| {
                    let name = serde_json::to_value(kind).unwrap_or_default();
                    (name.as_str().unwrap_or_default().to_owned(), json!(group.count(kind)))
                })
                .collect();
            json!({
                "name": group.name,
                "lane": group.lane,
                "guarantee": guarantees.get(&group.name),
                "counts": counts,
            })
        })
        .collect();
    status["waiting"] = json!(waiting);
    status
}

/// One feed in words: where it stands, how its last poll ended, when the next one is and why.
fn feed_words(state: Option<&FeedState>, now: Time) -> String {
    let Some(state) = state else { return "not read yet".to_owned() };
    let read = state.last_success.map_or_else(
        || "never read".to_owned(),
        |t| format!("read {} s ago", now.since(t).as_secs()),
    );
    let standing = match state.standing(now) {
        Standing::Active => String::new(),
        other => format!("{}, ", other.word()),
    };
    let last = state.last_error.as_ref().or(state.last_outcome.as_ref());
    let last = last.map(|words| format!("; last poll: {words}")).unwrap_or_default();
    let next = if state.is_gone() {
        "not polled any more".to_owned()
    } else {
        let seconds = state.next_poll.since(now).as_secs();
        format!("next in {seconds} s: {}", state.why_next.words())
    };
    format!("{standing}{} entries, {read}, {next}{last}", state.entries)
}

/// What a feed has taught about itself.
fn notes_of<'a>(overview: &'a Overview, feed: &str) -> &'a [String] {
    overview.notes.iter().find(|(name, _)| name == feed).map_or(&[], |(_, notes)| notes)
}

pub(super) fn text(
    overview: &Result<Overview, LedgerError>,
    waiting: &[DeliveryView],
    facts: &Facts,
    health: &Health,
    now: Time,
) -> String {
    let mut out = String::new();
    let mut line = |text: String| {
        out.push_str(text.trim_end());
        out.push('\n');
    };
    line(match health.is_healthy() {
        true => "healthy".to_owned(),
        false => "NOT HEALTHY".to_owned(),
    });
    for reason in &health.reasons {
        line(format!("  - {reason}"));
    }
    for note in &health.notes {
        line(format!("  note: {note}"));
    }
    let Ok(overview) = overview else { return out };
    let guarantees = facts.guarantees();
    let needs = |view: &&DeliveryView| match view.status {
        Status::Held { .. } | Status::InDoubt { .. } => true,
        Status::Due { not_before, .. } => view.by_hand && !view.settling && not_before <= now,
        Status::Claimed { .. } => view.by_hand,
        Status::Published { .. } => view.amend.as_ref().is_some_and(Amend::is_stuck),
        _ => false,
    };
    let (person, rest): (Vec<&DeliveryView>, Vec<&DeliveryView>) = waiting.iter().partition(needs);
    for (title, views) in [("waits for a person", person), ("waits for its time", rest)] {
        if views.is_empty() {
            continue;
        }
        line(format!("\n{title}"));
        let lines = print::deliveries(&views);
        for words in lines.iter().take(SHOWN) {
            for words in words.lines() {
                line(format!("  {words}"));
            }
        }
        if let Some(more) = lines.len().checked_sub(SHOWN).filter(|n| *n > 0) {
            line(format!("  and {more} more: oncecast status --json"));
        }
    }
    line("\nfeeds".to_owned());
    let states: HashMap<&str, &FeedState> =
        overview.feeds.iter().map(|(name, state)| (name.as_str(), state)).collect();
    let mut feeds: Vec<_> =
        facts.feeds.iter().map(|feed| (feed, states.get(feed.name.as_str()).copied())).collect();
    // Of thousands, those that are not as they should be come first.
    let is_well = |state: Option<&FeedState>| {
        state.is_some_and(|state| state.standing(now) == Standing::Active)
    };
    feeds.sort_by_key(|(_, state)| is_well(*state));
    for (feed, state) in feeds.iter().take(FEEDS_SHOWN) {
        line(format!("  {}  {}", feed.name, feed_words(*state, now)));
        for note in notes_of(overview, &feed.name) {
            line(format!("    {note}"));
        }
    }
    if let Some(more) = feeds.len().checked_sub(FEEDS_SHOWN).filter(|n| *n > 0) {
        line(format!("  and {more} more: oncecast status --json"));
    }
    line("\ngroups".to_owned());
    for group in &overview.groups {
        let counts: Vec<String> = StatusKind::ALL
            .into_iter()
            .filter(|kind| group.count(*kind) > 0)
            .map(|kind| format!("{} {}", group.count(kind), print::painted(kind)))
            .collect();
        let counts = if counts.is_empty() { "nothing yet".to_owned() } else { counts.join(", ") };
        let words = guarantees.get(&group.name).map(String::as_str).unwrap_or_default();
        line(format!("  {}  {counts}  ({words})", group.name));
    }
    line("\nlanes".to_owned());
    for lane in &overview.lanes {
        let state = match (&lane.stopped, &lane.paused, lane.rests_until) {
            (Some(why), ..) => format!("STOPPED: {why}"),
            (_, Some(why), _) => format!("paused: {why}"),
            (.., Some(until)) => format!("rests until {until}"),
            _ => "open".to_owned(),
        };
        let [c, a] = [lane.claimed, lane.allowed];
        line(format!(
            "  {}  {state}; sent {}/{} in 10 min, {}/{} in 1 h, {}/{} in 24 h",
            lane.name, c[0], a[0], c[1], a[1], c[2], a[2]
        ));
    }
    out
}
