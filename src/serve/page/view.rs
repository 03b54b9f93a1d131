//! What stands on the page, as values for its template.

use std::sync::LazyLock;

use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, context};
use serde_json::{Value, json};
use url::Url;

use crate::desk::hand::{HandItem, HandList, HandState};
use crate::ledger::{DeliveryView, EntryView, LaneView, Overview};
use crate::model::{Status, StatusKind, Time};

use super::super::hand::span;
use super::super::{Facts, Shared};
use super::Session;

/// How many posts are shown.
const RECENT: usize = 10;
/// How many deliveries that wait are shown.
const WAITS: usize = 30;
/// The longest title that is shown, in characters.
const TITLE_MAX: usize = 300;

static PAGES: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut pages = Environment::new();
    pages.set_auto_escape_callback(|_| AutoEscape::Html);
    for (name, source) in
        [("page", include_str!("page.html")), ("enter", include_str!("enter.html"))]
    {
        if let Err(error) = pages.add_template(name, source) {
            tracing::error!(%error, "a page of ours is broken");
        }
    }
    pages
});

pub(super) fn enter(key: &str, wrong: bool) -> Result<String, minijinja::Error> {
    PAGES.get_template("enter")?.render(context! { key, wrong })
}

/// Where an item stands on the page.
pub(super) fn anchor(item: &HandItem) -> String {
    format!("d-{}-{}-{}", item.delivery.entry, item.delivery.group, item.delivery.generation)
}

pub(super) async fn page(
    shared: &Shared,
    session: Option<&Session>,
) -> Result<String, minijinja::Error> {
    let (overview, waiting) = shared.look().await;
    let facts = shared.facts();
    let now = shared.clock.now();
    let health = shared.health(&overview, &facts);
    let hand = shared.hand_list(None).await.ok();
    let recent = shared.ledger.recent(RECENT).await.unwrap_or_default();
    let waits: Vec<Value> = waiting.iter().filter_map(waits).collect();
    let by_hand = facts.integrations.iter().any(|i| i.platform.kind() == "by-hand");
    let said = session.and_then(|session| shared.visitors.said(session));
    let lanes: Vec<Value> = match &overview {
        Ok(overview) => overview.lanes.iter().map(lane).collect(),
        Err(_) => Vec::new(),
    };
    let value = json!({
        "version": env!("CARGO_PKG_VERSION"),
        "now": now.to_string(),
        "healthy": health.is_healthy(),
        "reasons": health.reasons,
        "notes": health.notes,
        "session": session.map(|s| json!({ "who": s.who, "token": s.token })),
        "said": said,
        "by_hand": by_hand,
        "hand": hand.as_ref().map_or_else(|| json!({ "items": [] }), list),
        "waits": &waits[..waits.len().min(WAITS)],
        "waits_more": waits.len().saturating_sub(WAITS),
        "recent": recent.iter().map(|entry| post(entry, now)).collect::<Vec<_>>(),
        "feeds": feeds(&facts, overview.as_ref().ok(), now),
        "lanes": lanes,
    });
    PAGES.get_template("page")?.render(minijinja::Value::from(Serde(&value)))
}

fn list(hand: &HandList) -> Value {
    let items: Vec<Value> = hand.items.iter().map(|item| on_list(item, hand.now)).collect();
    json!({ "items": items, "more": hand.more, "stopped": hand.stopped })
}

fn on_list(item: &HandItem, now: Time) -> Value {
    let (when, tone) = match item.suggested {
        Some(at) if at > now => (format!("A good time is in {}.", span(at.since(now))), "soft"),
        _ if item.trouble.is_some() => (String::new(), "soft"),
        _ => ("Now is a good time.".to_owned(), "good"),
    };
    json!({
        "anchor": anchor(item),
        "name": item.name,
        "title": short(&item.title),
        "group": item.group,
        "link": web(item.link.as_deref()),
        "text": item.text,
        "length": item.length,
        "limit": item.limit,
        "attempt": item.attempt,
        "state": match item.state {
            HandState::Waits => "waits",
            HandState::Open => "open",
            HandState::InDoubt => "in-doubt",
        },
        "by": item.by.as_deref().unwrap_or("somebody"),
        "since": ago(item.since, now),
        "when": when,
        "tone": tone,
        "trouble": item.trouble,
    })
}

/// What waits for a person, with what to type; posts by hand have a list of their own.
fn waits(view: &DeliveryView) -> Option<Value> {
    if view.by_hand && !matches!(view.status, Status::Held { .. }) {
        return None;
    }
    let (entry, name) = (view.entry_id.short(), view.name());
    let (why, commands) = match &view.status {
        Status::Held { reason } => (
            reason.to_string(),
            vec![
                format!("oncecast release {entry} --group {}", view.group),
                format!("oncecast withdraw {entry} --group {} --reason \"..\"", view.group),
            ],
        ),
        Status::InDoubt { evidence, .. } => (
            evidence.clone(),
            vec![
                format!("oncecast resolve {name} --published"),
                format!("oncecast resolve {name} --absent"),
            ],
        ),
        _ => return None,
    };
    Some(json!({
        "title": short(&view.title),
        "group": view.group,
        "status": view.status.kind().word(),
        "why": why,
        "commands": commands,
    }))
}

fn post(entry: &EntryView, now: Time) -> Value {
    let groups: Vec<Value> = entry
        .deliveries
        .iter()
        .filter(|view| !matches!(view.status, Status::Baseline))
        .map(|view| {
            let kind = view.status.kind();
            let url = match &view.status {
                Status::Published { receipt } => web(receipt.reference.url.as_deref()),
                _ => None,
            };
            json!({
                "group": view.group,
                "url": url,
                "status": kind.word(),
                "tone": tone(kind),
                "since": ago(view.since, now),
            })
        })
        .collect();
    let title = if entry.entry.title.is_empty() {
        entry.entry.link.as_deref().unwrap_or("(without a title)")
    } else {
        &entry.entry.title
    };
    json!({
        "title": short(title),
        "link": web(entry.entry.link.as_deref()),
        "id": entry.id.short(),
        "groups": groups,
    })
}

fn feeds(facts: &Facts, overview: Option<&Overview>, now: Time) -> Vec<Value> {
    let state = |name: &str| {
        let feeds = overview.map(|overview| &overview.feeds)?;
        feeds.iter().find(|(known, _)| known == name).map(|(_, state)| state)
    };
    facts
        .feeds
        .iter()
        .map(|feed| match state(&feed.name) {
            None => json!({ "name": feed.name, "read": "not yet", "entries": 0 }),
            Some(state) => json!({
                "name": feed.name,
                "read": state.last_success.map_or("never".to_owned(), |at| ago(at, now)),
                "entries": state.entries,
                "error": state.last_error,
            }),
        })
        .collect()
}

fn lane(lane: &LaneView) -> Value {
    let (state, tone) = match (&lane.stopped, &lane.paused, lane.rests_until) {
        (Some(why), ..) => (format!("stopped: {why}; oncecast resume {}", lane.name), "bad"),
        (_, Some(why), _) => (format!("paused: {why}; oncecast resume {}", lane.name), "warn"),
        (.., Some(until)) => (format!("rests until {until}"), "warn"),
        _ => ("open".to_owned(), "good"),
    };
    let counts: Vec<String> =
        lane.claimed.iter().zip(lane.allowed).map(|(c, a)| format!("{c}/{a}")).collect();
    json!({ "name": lane.name, "state": state, "tone": tone, "counts": counts.join(", ") })
}

const fn tone(kind: StatusKind) -> &'static str {
    match kind {
        StatusKind::Published => "good",
        StatusKind::Held | StatusKind::InDoubt | StatusKind::Refused => "bad",
        _ => "soft",
    }
}

/// An address that a browser may be sent to: a feed can write anything where a link should be.
fn web(address: Option<&str>) -> Option<String> {
    let url = Url::parse(address?).ok()?;
    matches!(url.scheme(), "http" | "https").then(|| url.to_string())
}

fn short(title: &str) -> String {
    crate::post::text::truncate(title, TITLE_MAX)
}

fn ago(at: Time, now: Time) -> String {
    format!("{} ago", span(now.since(at)))
}
