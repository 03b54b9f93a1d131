//! `audit`: what stands on an account, held against the ledger: posts that it does not know, and posts of one
//! entry that stand there more than once, whoever made them. It reads, and changes nothing.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use serde::Serialize;

use crate::adapter::{Said, registry};
use crate::cli;
use crate::config::{Config, Group, Integration};
use crate::desk::print;
use crate::desk::verb::{Answer, Verb};
use crate::ledger::{EntryView, Ledger};
use crate::model::{Status, Time};
use crate::wire::{Endpoint, Wire};

use super::{Failure, Outcome, check, client, exit, whole};

/// Pages of an account that are read: some hundreds of posts.
const PAGES: usize = 8;
/// Links of one post that are looked up.
const LINKS_MAX: usize = 8;

/// What stands on the account of one group.
#[derive(Debug, Serialize)]
struct Audited {
    group: String,
    /// Why it cannot be seen, where it cannot.
    #[serde(skip_serializing_if = "Option::is_none")]
    unseen: Option<String>,
    /// Posts that were looked at.
    looked: usize,
    /// Posts that the ledger does not know.
    unknown: Vec<Found>,
    /// Entries that stand there more than once.
    twice: Vec<Twice>,
}

#[derive(Debug, Clone, Serialize)]
struct Found {
    id: Option<String>,
    url: Option<String>,
    at: Option<Time>,
}

#[derive(Debug, Serialize)]
struct Twice {
    /// The entry's id, or the link where the ledger knows no such entry.
    of: String,
    title: String,
    posts: Vec<Found>,
}

impl Found {
    fn of(said: &Said) -> Self {
        let (id, url) = (said.reference.id.clone(), said.reference.url.clone());
        Self { id, url, at: said.at }
    }

    fn words(&self) -> String {
        let at = self.at.map(|at| format!("  {at}")).unwrap_or_default();
        let name = self.url.as_deref().or(self.id.as_deref()).unwrap_or("without a name");
        format!("{name}{at}")
    }
}

pub(super) async fn audit(path: &Path, what: cli::Audit) -> Outcome {
    let config = whole(path)?;
    if let Some(name) = what.group.as_ref().filter(|g| !config.groups.iter().any(|c| c.name == **g))
    {
        let names: Vec<&str> = config.groups.iter().map(|g| g.name.as_str()).collect();
        let words = format!("there is no group {name:?}; the config has {}", names.join(", "));
        return Err(Failure::new(exit::NO_INPUT, words));
    }
    let memory = Memory::open(&config).await?;
    let wire = Wire::open().map_err(|e| Failure::new(exit::UNAVAILABLE, e.to_string()))?;
    let mut audited = Vec::new();
    for group in config.groups.iter().filter(|g| what.group.as_ref().is_none_or(|w| *w == g.name)) {
        let Some(integration) = config.integrations.iter().find(|i| i.name == group.integration)
        else {
            continue;
        };
        audited.push(one(&config, integration, group, &wire, &memory).await?);
    }
    memory.close().await?;
    if what.json {
        print::json(&audited);
    } else {
        audited.iter().for_each(show);
    }
    let fault = audited.iter().any(|group| !group.twice.is_empty());
    Ok(if fault { exit::FAILED } else { exit::OK })
}

fn show(audited: &Audited) {
    if let Some(why) = &audited.unseen {
        return print::out(&format!("{}: cannot be seen: {why}\n", audited.group));
    }
    print::out(&format!("{}: {} posts looked at\n", audited.group, audited.looked));
    for twice in &audited.twice {
        print::out(&format!(
            "  stands there {} times: {} {}\n",
            twice.posts.len(),
            twice.of,
            twice.title
        ));
        for post in &twice.posts {
            print::out(&format!("    {}\n", post.words()));
        }
    }
    for post in &audited.unknown {
        print::out(&format!("  not of this ledger: {}\n", post.words()));
    }
}

async fn one(
    config: &Config,
    integration: &Integration,
    group: &Group,
    wire: &Arc<Wire>,
    memory: &Memory<'_>,
) -> Result<Audited, Failure> {
    let mut audited = Audited {
        group: group.name.clone(),
        unseen: None,
        looked: 0,
        unknown: Vec::new(),
        twice: Vec::new(),
    };
    let said = match look(config, integration, group, wire).await {
        Ok(said) => said,
        Err(why) => {
            audited.unseen = Some(why);
            return Ok(audited);
        }
    };
    audited.looked = said.len();
    let mut tells: BTreeMap<String, (String, Vec<Found>)> = BTreeMap::new();
    for said in &said {
        let mut known = false;
        let mut of: Option<(String, String)> = None;
        for link in said.links.iter().take(LINKS_MAX) {
            for entry in memory.find(link).await? {
                known |= is_ours(said, &entry, &group.name);
                of.get_or_insert((entry.id.short(), entry.entry.title.clone()));
            }
        }
        if let (false, Some(url)) = (known, &said.reference.url) {
            for entry in memory.find(url).await? {
                known |= is_ours(said, &entry, &group.name);
            }
        }
        // A link that leads nowhere we know is as good a name for what it tells of.
        if let Some((id, title)) = of.or_else(|| Some((said.links.first()?.clone(), String::new())))
        {
            tells.entry(id).or_insert((title, Vec::new())).1.push(Found::of(said));
        }
        if !known {
            audited.unknown.push(Found::of(said));
        }
    }
    let twice = tells.into_iter().filter(|(_, (_, posts))| posts.len() > 1);
    audited.twice = twice.map(|(of, (title, posts))| Twice { of, title, posts }).collect();
    Ok(audited)
}

/// Whether a post is one that this ledger sent to the group, or knows to stand there.
fn is_ours(said: &Said, entry: &EntryView, group: &str) -> bool {
    entry.deliveries.iter().filter(|view| view.group == group).any(|view| match &view.status {
        Status::Published { receipt } => {
            let (ours, theirs) = (&receipt.reference, &said.reference);
            (ours.id.is_some() && ours.id == theirs.id)
                || (ours.url.is_some() && ours.url == theirs.url)
        }
        _ => false,
    })
}

/// What an account has said, newest first, as far back as it is read.
async fn look(
    config: &Config,
    integration: &Integration,
    group: &Group,
    wire: &Arc<Wire>,
) -> Result<Vec<Said>, String> {
    let adapter = registry::build(integration);
    let endpoint = Endpoint { base: integration.url.clone(), timeout: integration.timeout };
    let known = check::logged_in(config, integration, group, wire).await?;
    let (mut answers, mut all) = (Vec::new(), Vec::new());
    while answers.len() < PAGES {
        let Some(call) = adapter.look_on(group, &known, &answers) else { break };
        let answer = wire.call(&call, &endpoint).await.map_err(|e| e.to_string())?;
        let said = adapter.said(group, &known, &answer);
        let said = said.ok_or_else(|| format!("status {}: {}", answer.status, answer.excerpt()))?;
        all.extend(said);
        answers.push(answer);
    }
    if answers.is_empty() {
        return Err("the platform does not show what an account has posted".to_owned());
    }
    Ok(all)
}

/// Who knows what was sent: the daemon where one runs, else the ledger.
enum Memory<'a> {
    Daemon(&'a Config),
    Ledger(Arc<dyn Ledger>),
}

impl<'a> Memory<'a> {
    async fn open(config: &'a Config) -> Result<Self, Failure> {
        if client::ask_daemon(config, &Verb::Status).await?.is_some() {
            return Ok(Self::Daemon(config));
        }
        client::needs_ledger(config)?;
        Ok(Self::Ledger(client::open(config).await?))
    }

    async fn find(&self, what: &str) -> Result<Vec<EntryView>, Failure> {
        match self {
            Self::Ledger(ledger) => Ok(ledger.find(what).await?),
            Self::Daemon(config) => {
                let verb = Verb::Why { entry: what.to_owned() };
                match client::ask_daemon(config, &verb).await {
                    Ok(Some(Answer::Why { entry, .. })) => Ok(vec![*entry]),
                    Err(error) if [exit::NO_INPUT, exit::REFUSED].contains(&error.code) => {
                        Ok(Vec::new())
                    }
                    Err(error) => Err(error),
                    Ok(_) => Err(Failure::new(exit::UNAVAILABLE, "the daemon has ended meanwhile")),
                }
            }
        }
    }

    async fn close(self) -> Result<(), Failure> {
        match self {
            Self::Daemon(_) => Ok(()),
            Self::Ledger(ledger) => Ok(ledger.close().await?),
        }
    }
}
