//! `realias`: held entries that are known ones under other names, shown, asked about, and taken for them
//! in one step.

use std::io::IsTerminal as _;

use crate::cli::Realias;
use crate::config::Config;
use crate::desk::print;
use crate::desk::verb::{Answer, Verb};
use crate::ledger::{Post, Realiased};

use super::{Failure, Outcome, client, exit, hand, talk};

pub(super) async fn realias(config: &Config, what: Realias) -> Outcome {
    let feed = talk::named(config, what.feed)?;
    if what.json && !what.dry_run && !what.yes {
        let words = "a question needs words to be shown: use --json with --dry-run or --yes";
        return Err(Failure::new(exit::USAGE, words));
    }
    let seen = ask(config, &feed, None).await?;
    if what.json && what.dry_run {
        print::json(&seen);
        return Ok(exit::OK);
    }
    if !what.json {
        show(&feed, &seen);
    }
    if what.dry_run {
        return Ok(exit::OK);
    }
    if seen.pairs.is_empty() {
        let words = format!("nothing of feed {feed:?} is held that looks like a known entry");
        return Err(Failure::new(exit::REFUSED, words));
    }
    if !what.yes && !confirmed(seen.pairs.len()).await? {
        print::note("nothing was changed\n");
        return Ok(exit::OK);
    }
    let done = ask(config, &feed, Some(seen.token)).await?;
    if what.json {
        print::json(&done);
    } else {
        let n = done.pairs.len();
        print::out(&format!("{n} entries are known by their new names; nothing of them is sent\n"));
    }
    Ok(exit::OK)
}

async fn ask(config: &Config, feed: &str, confirmed: Option<String>) -> Result<Realiased, Failure> {
    let verb = Verb::Realias { feed: feed.to_owned(), confirmed };
    match client::ask(config, verb).await? {
        Answer::Realias { realiased } => Ok(realiased),
        _ => Err(Failure::new(exit::UNAVAILABLE, "the daemon answered something else")),
    }
}

async fn confirmed(pairs: usize) -> Result<bool, Failure> {
    if !std::io::stdin().is_terminal() {
        let words = "nothing was changed: this asks at a terminal, and without one wants --yes";
        return Err(Failure::new(exit::USAGE, words));
    }
    let question = format!("is each of these {pairs} the entry beneath it?  [y]es  [n]o");
    Ok(hand::ask(&question).await? == "y")
}

fn show(feed: &str, seen: &Realiased) {
    let words = |post: &Post| {
        let title = if post.title.is_empty() { "(without a title)" } else { &post.title };
        format!("{}  {title}  {}", post.id.short(), post.link.as_deref().unwrap_or_default())
    };
    for pair in &seen.pairs {
        print::out(&format!("held      {}\n", words(&pair.new).trim_end()));
        print::out(&format!("    is    {}\n", words(&pair.old).trim_end()));
        print::out(&format!("    by    {}\n", pair.because));
    }
    for post in &seen.left {
        print::out(&format!(
            "held      {}\n    is    like nothing known\n",
            words(post).trim_end()
        ));
    }
    let (pairs, left) = (seen.pairs.len(), seen.left.len());
    print::out(&format!(
        "feed {feed}: {pairs} held entries look like known ones{}\n",
        match left {
            0 => String::new(),
            left => format!("; {left} do not, and stay held: oncecast release or withdraw"),
        }
    ));
}

/// What came back, in words.
pub(super) fn told(realiased: &Realiased) {
    let is = if realiased.is_done { "are" } else { "look like" };
    print::out(&format!("{} held entries {is} known ones\n", realiased.pairs.len()));
}
