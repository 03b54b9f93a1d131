//! `audit`: what stands on an account, held against the ledger: posts that it does not know, and posts of one
//! entry that stand there more than once, whoever made them. It reads, and changes nothing.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use serde::Serialize;

use crate::adapter::Said;
use crate::cli;
use crate::config::{Config, Group, Integration};
use crate::desk::print;
use crate::desk::verb::{Answer, Verb};
use crate::ledger::EntryView;
use crate::model::{Status, Time};
use crate::wire::Wire;

use super::account::{self, Bound};
use super::client::House;
use super::{Failure, Outcome, exit, whole};

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
    /// Why older posts were not looked at, where there are some.
    #[serde(skip_serializing_if = "Option::is_none")]
    partial: Option<String>,
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
    let house = House::open(&config).await?;
    let wire = Wire::open().map_err(|e| Failure::new(exit::UNAVAILABLE, e.to_string()))?;
    let mut audited = Vec::new();
    for group in config.groups.iter().filter(|g| what.group.as_ref().is_none_or(|w| *w == g.name)) {
        let Some(integration) = config.integrations.iter().find(|i| i.name == group.integration)
        else {
            continue;
        };
        audited.push(one(&config, integration, group, &wire, &house).await?);
    }
    house.close().await?;
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
    if let Some(why) = &audited.partial {
        print::out(&format!("  not all: {why}\n"));
    }
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
    house: &House<'_>,
) -> Result<Audited, Failure> {
    let mut audited = Audited {
        group: group.name.clone(),
        unseen: None,
        partial: None,
        looked: 0,
        unknown: Vec::new(),
        twice: Vec::new(),
    };
    let account::Account { said, everybody, partial } =
        match account::read(config, integration, group, wire, Bound::pages(PAGES)).await {
            Ok(account) => account,
            Err(why) => {
                audited.unseen = Some(why);
                return Ok(audited);
            }
        };
    audited.partial = partial;
    audited.looked = said.len();
    let mut tells: BTreeMap<String, (String, Vec<Found>)> = BTreeMap::new();
    for said in &said {
        let mut known = false;
        let mut of: Option<(String, String)> = None;
        for link in said.links.iter().take(LINKS_MAX) {
            for entry in find(house, link).await? {
                known |= is_ours(said, &entry, &group.name);
                of.get_or_insert((entry.id.short(), entry.entry.title.clone()));
            }
        }
        if let (false, Some(url)) = (known, &said.reference.url) {
            for entry in find(house, url).await? {
                known |= is_ours(said, &entry, &group.name);
            }
        }
        let is_of_the_blog = of.is_some();
        // A link that leads nowhere we know is as good a name for what it tells of.
        let named = || Some((said.links.first()?.clone(), String::new()));
        if let Some((id, title)) = of.or_else(|| named().filter(|_| !everybody)) {
            tells.entry(id).or_insert((title, Vec::new())).1.push(Found::of(said));
        }
        // What others say where everybody may speak is theirs, as long as it is not of the blog.
        if !known && (is_of_the_blog || !everybody) {
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

/// The entries that something means, as whoever knows what was sent tells.
async fn find(house: &House<'_>, what: &str) -> Result<Vec<EntryView>, Failure> {
    match house.ask(Verb::Why { entry: what.to_owned() }).await {
        Ok(Answer::Why { entry, .. }) => Ok(vec![*entry]),
        Ok(_) => Err(Failure::new(exit::UNAVAILABLE, "the daemon answered something else")),
        Err(error) if [exit::NO_INPUT, exit::REFUSED].contains(&error.code) => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}
