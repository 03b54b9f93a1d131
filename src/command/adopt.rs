//! `adopt`: what an account has posted already, read, shown, asked about, and taken for what its group has
//! heard. Nothing here can write to a platform.

use std::collections::HashSet;
use std::io::IsTerminal as _;
use std::path::Path;

use serde::Serialize;

use crate::adapter::Said;
use crate::cli;
use crate::config::Config;
use crate::desk::print;
use crate::desk::verb::{Answer, Verb};
use crate::ledger::adopt::{AdoptStep, Adopted, Stands};
use crate::model::{Reference, Time};
use crate::wire::Wire;

use super::account::{self, Account, Bound};
use super::{Failure, Outcome, bare, client, exit, hand, whole};

/// Pages of an account that are read: some thousands of posts.
const PAGES: usize = 100;
/// A link that is longer is none that a feed would show.
const LINK_MAX: usize = 2_048;
/// Links of one post that are of interest.
const LINKS_MAX: usize = 8;
/// Bytes of posts that go to the daemon in one question, of those that its socket takes.
const QUESTION_MAX: usize = 8 << 10;
/// The largest file of links.
const FILE_MAX: u64 = 16 << 20;

/// What came of it.
#[derive(Debug, Serialize)]
struct Seen {
    group: String,
    /// Posts that were read.
    looked: usize,
    /// When the oldest of them was posted.
    #[serde(skip_serializing_if = "Option::is_none")]
    back_to: Option<Time>,
    /// Why older ones were not read, where there are some.
    #[serde(skip_serializing_if = "Option::is_none")]
    partial: Option<String>,
    /// Posts that bear no link, and so are known by nothing.
    without_link: usize,
    /// What becomes of each link, or has.
    steps: Vec<AdoptStep>,
    /// Whether it is done, or only shown.
    is_done: bool,
}

pub(super) async fn adopt(path: &Path, what: cli::Adopt) -> Outcome {
    if what.json && !what.dry_run && !what.yes {
        let words = "a question needs words to be shown: use --json with --dry-run or --yes";
        return Err(Failure::new(exit::USAGE, words));
    }
    // A list of links needs no login.
    let config = if what.links.is_some() { bare(path)? } else { whole(path)? };
    let Account { said, partial, .. } = stands(&config, &what).await?;
    let mut seen = Seen {
        group: what.group.clone(),
        looked: said.len(),
        back_to: said.iter().filter_map(|said| said.at).min(),
        partial,
        without_link: said.iter().filter(|said| said.links.is_empty()).count(),
        steps: Vec::new(),
        is_done: false,
    };
    let posts = posts(said);
    seen.steps = ask(&config, &what.group, &posts, true).await?;
    let some = seen.steps.iter().filter(|step| step.does.changes()).count();
    if !what.json {
        show(&seen);
    }
    if !what.dry_run && some > 0 {
        if !what.yes && !confirmed(some, &what.group).await? {
            print::note("nothing was changed\n");
            return Ok(exit::OK);
        }
        seen.steps = ask(&config, &what.group, &posts, false).await?;
        seen.is_done = true;
        if !what.json {
            print::out(&format!("{}\n", counts(&seen)));
        }
    }
    if what.json {
        print::json(&seen);
    }
    let left = seen.is_done && seen.steps.iter().any(|step| step.does == Adopted::Left);
    Ok(match (&seen.partial, left) {
        (Some(_), _) => exit::FAILED,
        (None, true) => exit::LATER,
        (None, false) => exit::OK,
    })
}

/// What the group has heard: as its account shows it, or as a person says in a file.
async fn stands(config: &Config, what: &cli::Adopt) -> Result<Account, Failure> {
    let Some(group) = config.groups.iter().find(|group| group.name == what.group) else {
        let names: Vec<&str> = config.groups.iter().map(|g| g.name.as_str()).collect();
        let words =
            format!("there is no group {:?}; the config has {}", what.group, names.join(", "));
        return Err(Failure::new(exit::NO_INPUT, words));
    };
    if let Some(file) = &what.links {
        return Ok(Account { said: written(file)?, everybody: false, partial: None });
    }
    let Some(integration) = config.integrations.iter().find(|i| i.name == group.integration) else {
        let words = format!("group {:?} has no integration", what.group);
        return Err(Failure::new(exit::CONFIG, words));
    };
    let since = match what.since {
        None => None,
        Some(day) => {
            let begins = jiff::tz::TimeZone::UTC.to_timestamp(day.into());
            let begins = begins.map_err(|e| Failure::new(exit::USAGE, e.to_string()))?;
            Some(Time::from_timestamp(begins))
        }
    };
    let wire = Wire::open().map_err(|e| Failure::new(exit::UNAVAILABLE, e.to_string()))?;
    let bound = Bound::back_to(PAGES, since);
    account::read(config, integration, group, &wire, bound).await.map_err(|why| {
        let words = format!(
            "what stands in group {:?} cannot be read: {why}; nothing was changed. Links that you know \
             it has heard can be told from a file: --links FILE",
            what.group
        );
        Failure::new(exit::UNAVAILABLE, words)
    })
}

/// A link a line, and the address of its post behind it where that is known.
fn written(file: &Path) -> Result<Vec<Said>, Failure> {
    let name = file.display();
    let failed =
        |e: std::io::Error| Failure::new(exit::NO_INPUT, format!("failed to read {name}: {e}"));
    if std::fs::metadata(file).map_err(failed)?.len() > FILE_MAX {
        let words = format!("{name} has more than {} MiB: split it", FILE_MAX >> 20);
        return Err(Failure::new(exit::DATA, words));
    }
    let text = std::fs::read_to_string(file).map_err(failed)?;
    let mut said = Vec::new();
    for (number, line) in (1..).zip(text.lines().map(str::trim)) {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let mut words = line.split_whitespace();
        let is_address = |word: &&str| word.starts_with("http://") || word.starts_with("https://");
        let link = words.next().filter(is_address);
        let (Some(link), url, None) = (link, words.next(), words.next()) else {
            let words = format!(
                "{name} line {number}: {line:?} is no link, with or without the address of its post; \
                 nothing was changed"
            );
            return Err(Failure::new(exit::DATA, words));
        };
        let reference = Reference { url: url.map(str::to_owned), ..Reference::default() };
        said.push(Said { reference, at: None, links: vec![link.to_owned()] });
    }
    Ok(said)
}

fn posts(said: Vec<Said>) -> Vec<Stands> {
    let stands = |said: Said| {
        let mut links = said.links;
        links.retain(|link| link.len() <= LINK_MAX);
        links.truncate(LINKS_MAX);
        Stands { reference: said.reference, at: said.at, links }
    };
    said.into_iter().map(stands).filter(|post| !post.links.is_empty()).collect()
}

/// Asks for all of them, in as many questions as it takes; each is one commit.
async fn ask(
    config: &Config,
    group: &str,
    posts: &[Stands],
    dry_run: bool,
) -> Result<Vec<AdoptStep>, Failure> {
    let house = client::House::open(config).await?;
    let (mut steps, mut rest) = (Vec::new(), posts);
    let (mut told, mut failed) = (HashSet::new(), None);
    while !rest.is_empty() {
        let mut bytes = 0;
        let fits = |post: &&Stands| {
            bytes += serde_json::to_vec(post).map_or(QUESTION_MAX, |json| json.len());
            bytes <= QUESTION_MAX
        };
        let many = rest.iter().take_while(fits).count().max(1);
        let (these, others) = rest.split_at(many);
        rest = others;
        let (group, posts) = (group.to_owned(), these.to_vec());
        match house.ask(Verb::Adopt { group, posts, dry_run }).await {
            Ok(Answer::Adopt { steps: more }) => steps.extend(more),
            Ok(_) => {
                let words = "the daemon answered something else";
                failed = Some(Failure::new(exit::UNAVAILABLE, words));
            }
            Err(error) => failed = Some(error),
        }
        if failed.is_some() {
            break;
        }
    }
    house.close().await?;
    if let Some(failure) = failed {
        return Err(failure);
    }
    // What is only shown is not kept from one question to the next.
    for step in &mut steps {
        let is_new = told.insert(step.entry.map_or_else(|| step.link.clone(), |id| id.to_string()));
        if dry_run && !is_new && step.does.changes() {
            step.does = Adopted::Known;
        }
    }
    Ok(steps)
}

async fn confirmed(some: usize, group: &str) -> Result<bool, Failure> {
    if !std::io::stdin().is_terminal() {
        let words = "nothing was changed: this asks at a terminal, and without one wants --yes";
        return Err(Failure::new(exit::USAGE, words));
    }
    let question = format!("has group {group:?} heard these {some}?  [y]es  [n]o");
    Ok(hand::ask(&question).await? == "y")
}

fn show(seen: &Seen) {
    seen.steps.iter().for_each(step);
    let back = seen.back_to.map(|at| format!(", back to {at}")).unwrap_or_default();
    let without = match seen.without_link {
        0 => String::new(),
        n => format!("; {n} of them bear no link, and are known by nothing"),
    };
    print::out(&format!("group {}: {} posts read{back}{without}\n", seen.group, seen.looked));
    if let Some(why) = &seen.partial {
        print::out(&format!("not all of them: {why}\n"));
    }
    print::out(&format!("{}\n", counts(seen)));
}

fn counts(seen: &Seen) -> String {
    let count = |does| seen.steps.iter().filter(|step| step.does == does).count();
    let (published, remembered) = (count(Adopted::Published), count(Adopted::Remembered));
    let (known, left) = (count(Adopted::Known), count(Adopted::Left));
    let (become_, are) = match seen.is_done {
        true => ("are published there now", "are remembered"),
        false => ("would be published there", "would be remembered"),
    };
    format!(
        "{published} entries {become_}, {remembered} links that no feed has shown {are}, {known} were \
         known, {left} are left as they are"
    )
}

/// One step in words.
pub(super) fn step(step: &AdoptStep) {
    let was = match (step.does, step.was) {
        (Adopted::Published, Some(was)) => format!(" (was {})", was.word()),
        _ => String::new(),
    };
    let id = step.entry.map(|id| format!("{}  ", id.short())).unwrap_or_default();
    let name = if step.title.is_empty() { &step.link } else { &step.title };
    print::out(&format!("{:<10}  {id}{name}{was}\n", step.does.word()));
    let there = step.post.url.as_ref().or(step.post.id.as_ref());
    let at = step.at.map(|at| format!("  {at}")).unwrap_or_default();
    if let Some(there) = there {
        print::out(&format!("            {there}{at}\n"));
    }
    if !step.why.is_empty() {
        print::out(&format!("            {}\n", step.why));
    }
}
