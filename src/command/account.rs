//! What an account has posted, by whatever hand, read page by page: for `audit` and for `adopt`.

use std::collections::HashSet;
use std::sync::Arc;

use crate::adapter::{Said, Shows, registry};
use crate::clock::{Clock as _, SystemClock};
use crate::config::{Config, Group, Integration};
use crate::desk::print;
use crate::model::Time;
use crate::wire::{Endpoint, Wire};

use super::check;

/// How far back an account is read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bound {
    /// The most pages.
    pages: usize,
    /// What was posted before is of no interest.
    since: Option<Time>,
    /// Whether somebody wants to see how far it has come.
    told: bool,
}

impl Bound {
    /// So many pages at most.
    pub(super) const fn pages(pages: usize) -> Self {
        Self { pages, since: None, told: false }
    }

    /// So many pages at most, back to a moment, telling of each.
    pub(super) const fn back_to(pages: usize, since: Option<Time>) -> Self {
        Self { pages, since, told: true }
    }
}

/// What an account has said.
#[derive(Debug)]
pub(super) struct Account {
    /// As the platform lists it, which is newest first.
    pub(super) said: Vec<Said>,
    /// Whether others' posts are among it.
    pub(super) everybody: bool,
    /// Why older posts are not among it, where there are some.
    pub(super) partial: Option<String>,
}

/// Reads an account as far back as it may.
///
/// # Errors
/// In words, where nothing of it can be read.
pub(super) async fn read(
    config: &Config,
    integration: &Integration,
    group: &Group,
    wire: &Arc<Wire>,
    bound: Bound,
) -> Result<Account, String> {
    let adapter = registry::build(integration);
    let endpoint = Endpoint { base: integration.url.clone(), timeout: integration.timeout };
    let known = check::logged_in(config, integration, group, wire).await?;
    let (mut answers, mut all): (Vec<_>, Vec<Said>) = (Vec::new(), Vec::new());
    let is_old = |said: &Said| bound.since.zip(said.at).is_some_and(|(since, at)| at < since);
    let mut partial = None;
    let mut met = HashSet::new();
    while let Some(call) = adapter.look_on(group, &known, &answers, SystemClock.now()) {
        if answers.len() == bound.pages {
            partial = Some(format!("it has more than the {} posts that were read", all.len()));
            break;
        }
        let answer = wire.call(&call, &endpoint).await.map_err(|e| e.to_string());
        let page = answer.and_then(|answer| {
            let said = adapter.said(group, &known, &answer);
            let unread = || format!("status {}: {}", answer.status, answer.excerpt());
            let said = said.ok_or_else(unread)?;
            Ok((said, answer))
        });
        let (said, answer) = match page {
            Ok(page) => page,
            Err(why) if answers.is_empty() => return Err(why),
            Err(why) => {
                partial = Some(format!("what it posted before cannot be read: {why}"));
                break;
            }
        };
        // In whatever order a page lists them.
        let is_over = !said.is_empty() && said.iter().all(is_old);
        // Pages may overlap, and move on while they are read.
        let is_new = |said: &Said| said.reference.id.clone().is_none_or(|id| met.insert(id));
        all.extend(said.into_iter().filter(is_new));
        answers.push(answer);
        if bound.told {
            print::progress(&format!("{} pages, {} posts", answers.len(), all.len()));
        }
        if is_over {
            break;
        }
    }
    if bound.told {
        print::progress("");
    }
    if answers.is_empty() {
        return Err("the platform does not show what an account has posted".to_owned());
    }
    all.retain(|said| !is_old(said));
    Ok(Account { said: all, everybody: adapter.shows() == Shows::All, partial })
}
