//! `check` and `status`: what is ready to go, and how things stand.

use std::path::PathBuf;
use std::sync::Arc;

use serde_json::json;

use crate::adapter::{Adapter, Known, PREFLIGHTS_MAX, Piece, Post, Prepare, Shows, registry};
use crate::clock::{Clock as _, SystemClock};
use crate::config::{Config, Group, Integration};
use crate::daemon::place_of;
use crate::flow::{Sessions, compose};
use crate::ledger::embedded::Embedded;
use crate::model::{Entry, EntryId, Fingerprint, IdempotencyKey};
use crate::serve::Shared;
use crate::wire::{Endpoint, Wire};

use crate::desk::print;
use crate::desk::verb::{Answer, Verb, WAITING_MAX};

use super::{Failure, Outcome, client, exit, run};

/// 2026-01-01: a clock that says less has not been set.
const CLOCK_MIN_MS: u64 = 1_767_225_600_000;

/// One thing that was looked at.
#[derive(Default)]
struct Finding {
    what: String,
    fault: Option<String>,
    /// What is no fault, and better known beforehand.
    notes: Vec<String>,
}

pub(super) async fn check(place: Result<PathBuf, Failure>, json: bool) -> Outcome {
    let path = place?;
    let config = run::load(&path)?;
    let mut findings =
        vec![Finding { what: format!("config {}", path.display()), ..Finding::default() }];
    let now = SystemClock.now();
    findings.push(Finding {
        what: format!("clock says {now}"),
        fault: (now.as_millis() < CLOCK_MIN_MS)
            .then(|| "the clock has not been set: caps and dates would be wrong".to_owned()),
        ..Finding::default()
    });
    findings.push(ledger(&config).await);
    let wire = Wire::open().map_err(|e| Failure::new(exit::UNAVAILABLE, e.to_string()))?;
    for integration in &config.integrations {
        for group in config.groups.iter().filter(|g| g.integration == integration.name) {
            let what = format!("group {} through {}", group.name, integration.name);
            let found = credentials(&config, integration, group, &wire).await;
            let (fault, notes) = match found {
                Ok(notes) => (None, notes),
                Err(fault) => (Some(fault), Vec::new()),
            };
            findings.push(Finding { what, fault, notes });
        }
    }
    let faults = findings.iter().filter(|f| f.fault.is_some()).count();
    if json {
        let list: Vec<_> = findings
            .iter()
            .map(|f| json!({ "what": f.what, "ok": f.fault.is_none(), "fault": f.fault, "notes": f.notes }))
            .collect();
        print::json(&json!({
            "schema_version": 1,
            "ok": faults == 0,
            "warnings": config.warnings,
            "findings": list,
        }));
    } else {
        for Finding { what, fault, notes } in &findings {
            match fault {
                None => print::out(&format!("ok    {what}\n")),
                Some(fault) => print::out(&format!("FAIL  {what}\n      {fault}\n")),
            }
            notes.iter().for_each(|note| print::out(&format!("      note: {note}\n")));
        }
        for warning in &config.warnings {
            print::out(&format!("note  {warning}\n"));
        }
    }
    Ok(if faults == 0 { exit::OK } else { exit::FAILED })
}

/// Whether the ledger can be used; a daemon that has it open is asked.
async fn ledger(config: &Config) -> Finding {
    let path = config.ledger.path.display();
    let found = |fault| Finding { what: format!("ledger {path}"), fault, notes: Vec::new() };
    match client::ask_daemon(config, &Verb::Status).await {
        Ok(Some(Answer::Status { healthy, .. })) => {
            let fault = (!healthy).then(|| "the daemon is not healthy: oncecast status".to_owned());
            return Finding {
                what: format!("ledger {path}, in use by the daemon"),
                fault,
                notes: Vec::new(),
            };
        }
        Err(error) => return found(Some(error.to_string())),
        _ => {}
    }
    match Embedded::is_missing(&place_of(config)) {
        Ok(false) => {}
        Ok(true) => {
            let what = format!("ledger {path} will be made at the first start");
            return Finding { what, ..Finding::default() };
        }
        Err(error) => return found(Some(error.to_string())),
    }
    match client::open(config).await {
        Ok(ledger) => {
            let overview = ledger.overview().await;
            ledger.close().await.ok();
            found(match overview {
                Ok(overview) => match overview.trust {
                    crate::ledger::Trust::Sends => overview
                        .stopped
                        .map(|why| format!("{why}; to go on: oncecast resume --all")),
                    crate::ledger::Trust::Observes { why, mend } => {
                        Some(format!("{why}; to mend it: {mend}"))
                    }
                },
                Err(error) => Some(error.to_string()),
            })
        }
        Err(error) => found(Some(error.to_string())),
    }
}

/// Logs in as a delivery would, and posts nothing. What was learnt is not kept: a running daemon has
/// a session of its own.
async fn credentials(
    config: &Config,
    integration: &Integration,
    group: &Group,
    wire: &Arc<Wire>,
) -> Result<Vec<String>, String> {
    let known = logged_in(config, integration, group, wire).await?;
    let adapter = registry::build(integration);
    sample(adapter.as_ref(), group, &known)?;
    let mut notes = Vec::new();
    notes.extend(group.template.as_ref().and_then(|_| overruns(adapter.as_ref(), group, &known)));
    if adapter.shows() == Shows::Nothing {
        notes.push(
            "what is posted there cannot be read: audit, adopt and preflight see nothing of it"
                .to_owned(),
        );
    }
    Ok(notes)
}

/// What a login brings, of which nothing is kept.
pub(super) async fn logged_in(
    config: &Config,
    integration: &Integration,
    group: &Group,
    wire: &Arc<Wire>,
) -> Result<Known, String> {
    let adapter = registry::build(integration);
    let endpoint = Endpoint { base: integration.url.clone(), timeout: integration.timeout };
    let login = crate::flow::deliver::login_of(integration);
    let known = Sessions::beside(&config.ledger.path).load(&integration.name, &login);
    let known = known.as_it_is(SystemClock.now());
    let mut answers = Vec::new();
    for _ in 0..=PREFLIGHTS_MAX {
        match adapter.prepare(&known, &answers, group, SystemClock.now()) {
            Prepare::Ready(known) => return Ok(known),
            Prepare::Denied(why) | Prepare::Later { reason: why, .. } => return Err(why),
            Prepare::Call(call) => match wire.call(&call, &endpoint).await {
                Ok(answer) => answers.push(answer),
                Err(trouble) => return Err(trouble.to_string()),
            },
        }
    }
    Err(format!("its preparation took more than {PREFLIGHTS_MAX} calls"))
}

/// Makes a post as a delivery would: what holds every post of a group, such as a room that it may not
/// enter, is found now.
fn sample(adapter: &dyn Adapter, group: &Group, known: &Known) -> Result<(), String> {
    let entry = Entry {
        title: "A post".to_owned(),
        link: Some("https://blog.example/a-post".to_owned()),
        summary: "What it says.".to_owned(),
        ..Entry::default()
    };
    composed(adapter, group, known, &entry).map(drop)
}

fn composed(
    adapter: &dyn Adapter,
    group: &Group,
    known: &Known,
    entry: &Entry,
) -> Result<Post, String> {
    let entry_id = EntryId::from_fingerprint(&Fingerprint::of("oncecast/check/1", &[]));
    let key = IdempotencyKey::of(&entry_id, &group.name, 0);
    let now = SystemClock.now();
    let piece = Piece { entry, entry_id, group, key: &key, opened: now, number: 0, now };
    compose::compose(adapter, &piece, known).map(|(post, _)| post)
}

/// What a template makes of a post as most are, where that is more than fits.
fn overruns(adapter: &dyn Adapter, group: &Group, known: &Known) -> Option<String> {
    let words = |length: usize| "some words ".repeat(length / 11 + 1)[..length].trim().to_owned();
    let (title, summary, content) = (words(60), words(150), words(1_500));
    let entry = Entry {
        title,
        summary,
        content,
        link: Some("https://blog.example/2026/01/02/a-post-with-a-title-of-its-own".to_owned()),
        author: Some("Ann Author".to_owned()),
        categories: vec!["writing".to_owned(), "travel".to_owned()],
        ..Entry::default()
    };
    let post = composed(adapter, group, known, &entry).ok()?;
    (post.whole > post.limit).then(|| {
        format!(
            "its template makes {} of an ordinary post (a title of 60 characters, a summary of 150, a text \
             of 1500), and {} fit: what is too much is cut",
            post.whole, post.limit
        )
    })
}

/// `status`: 0 where all is well, 1 where something needs a person.
pub(super) async fn status(config: &Config, json: bool) -> Outcome {
    let answer = match client::ask_daemon(config, &Verb::Status).await? {
        Some(answer) => answer,
        None => {
            if !config.ledger.path.exists() {
                return Err(Failure::new(
                    exit::UNAVAILABLE,
                    format!(
                        "no daemon answers at {} and there is no ledger at {}: oncecast run",
                        config.serve.control.display(),
                        config.ledger.path.display()
                    ),
                ));
            }
            let ledger = client::open(config).await?;
            let overview = ledger.overview().await;
            let waiting = ledger.waiting(WAITING_MAX).await.unwrap_or_default();
            ledger.close().await?;
            print::note("note: no daemon runs; this is what the ledger says\n");
            Shared::offline(config, Arc::new(SystemClock), ledger).status(&overview, &waiting)
        }
    };
    let Answer::Status { status, text, healthy } = answer else {
        return Err(Failure::new(exit::UNAVAILABLE, "the daemon answered something else"));
    };
    if json {
        print::json(&status);
    } else {
        print::out(&text);
    }
    Ok(if healthy { exit::OK } else { exit::FAILED })
}
