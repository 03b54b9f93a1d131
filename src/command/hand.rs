//! `hand`: the list of what a person posts, what they say of it, and a walk through it on a terminal.

use std::io::{BufRead as _, IsTerminal as _};

use crate::cli;
use crate::config::Config;
use crate::desk::hand::{HandItem, HandList, HandState, Say};
use crate::desk::print;
use crate::desk::verb::{Answer, Verb};

use crate::post::text::truncate;

use super::{Failure, Outcome, client, exit, talk};

/// The longest title that is shown, in characters.
const TITLE_MAX: usize = 100;

pub(super) async fn hand(config: &Config, what: cli::Hand) -> Outcome {
    if what.walk {
        return walk(config).await;
    }
    let delivery = what.delivery.clone().unwrap_or_default();
    let say = match (&what.done, &what.reason) {
        _ if what.open => Say::Open { delivery },
        (Some(url), _) => Say::Done { delivery, url: url.clone() },
        _ if what.not_posted => Say::NotPosted { delivery, attempt: None },
        (None, Some(reason)) => Say::Skip { delivery, reason: reason.clone(), attempt: None },
        (None, None) => Say::List,
    };
    let answer = client::ask(config, Verb::Hand { say }).await?;
    if what.json {
        print::json(&answer);
    } else {
        talk::show(&answer);
    }
    Ok(exit::OK)
}

/// The list in words.
pub(super) fn list(list: &HandList) -> String {
    let mut out = String::new();
    if let Some(why) = &list.stopped {
        out += &format!("nothing may be begun: {why}\n\n");
    }
    if list.items.is_empty() {
        out += "nothing waits to be posted by hand\n";
    }
    for item in &list.items {
        out += &words(item, list);
    }
    if list.more > 0 {
        out += &format!("and {} more\n", list.more);
    }
    out
}

fn words(item: &HandItem, list: &HandList) -> String {
    let by = item.by.as_deref().unwrap_or("somebody");
    let (state, next) = match item.state {
        HandState::InDoubt => (
            format!("IN DOUBT: {by} began it and has not said whether it is there"),
            "--done | --not-posted",
        ),
        HandState::Open => (format!("begun by {by} at {}", item.since), "--done | --not-posted"),
        HandState::Waits => (when(item, list), "--open"),
    };
    let link = item.link.as_deref().unwrap_or_default();
    let trouble = item.trouble.as_ref().map(|why| format!("    note: {why}\n")).unwrap_or_default();
    format!(
        "{}  {}\n    {state}\n    {link}\n{trouble}    oncecast hand {} {next}\n",
        item.name,
        truncate(&item.title, TITLE_MAX),
        item.name
    )
}

fn when(item: &HandItem, list: &HandList) -> String {
    match item.suggested {
        Some(at) if at > list.now => format!("waits; a good time is {at}"),
        _ => "waits; now is a good time".to_owned(),
    }
}

/// What was begun: its text alone on standard output, for a pipe into a clipboard.
pub(super) fn opened(item: &HandItem) {
    print::out(&item.text);
    print::out("\n");
    let link = item.link.as_deref().unwrap_or_default();
    let name = &item.name;
    print::note(&format!(
        "{} of {} characters. It is yours: post it at\n  {link}\nand say: oncecast hand {name} --done \
         [URL]; or --not-posted\n",
        item.length, item.limit
    ));
}

/// One after the other, each with a question. Ctrl-C leaves what was begun as it is: it is asked about.
async fn walk(config: &Config) -> Outcome {
    if !std::io::stdin().is_terminal() {
        return Err(Failure::new(exit::USAGE, "a walk needs a terminal: use oncecast hand"));
    }
    let mut passed: Vec<String> = Vec::new();
    loop {
        let Answer::Hand { list } = client::ask(config, Verb::Hand { say: Say::List }).await?
        else {
            return Err(Failure::new(exit::UNAVAILABLE, "the daemon answered something else"));
        };
        let Some(item) = list.items.iter().find(|item| !passed.contains(&item.name)) else {
            print::out("that is all\n");
            return Ok(exit::OK);
        };
        print::out(&format!("\n{}", words(item, &list)));
        let delivery = item.name.clone();
        let question = match item.state {
            HandState::Waits => "[o]pen  [s]kip for ever  [n]ext  [q]uit",
            _ => "is it there?  [y]es  [u] yes, with its URL  [a]bsent  [n]ext  [q]uit",
        };
        let attempt = Some(item.attempt);
        let say = match ask(question).await?.as_str() {
            "o" if item.state == HandState::Waits => Say::Open { delivery },
            "s" if item.state == HandState::Waits => {
                let reason = ask("why").await?;
                Say::Skip { delivery, reason, attempt }
            }
            "y" if item.state != HandState::Waits => Say::Done { delivery, url: None },
            "u" if item.state != HandState::Waits => {
                Say::Done { delivery, url: Some(ask("URL").await?) }
            }
            "a" if item.state != HandState::Waits => Say::NotPosted { delivery, attempt },
            "n" => {
                passed.push(delivery);
                continue;
            }
            "q" => return Ok(exit::OK),
            _ => continue,
        };
        match client::ask(config, Verb::Hand { say }).await {
            Ok(answer) => talk::show(&answer),
            Err(error) => print::note(&format!("{error}\n")),
        }
    }
}

/// One answer of the person at the terminal.
pub(super) async fn ask(question: &str) -> Result<String, Failure> {
    print::note(&format!("{question}: "));
    let read = tokio::task::spawn_blocking(|| {
        let mut line = String::new();
        std::io::stdin().lock().read_line(&mut line).map(|read| (read, line))
    });
    let failed = |what: String| Failure::new(exit::FAILED, format!("failed to read: {what}"));
    let (read, line) =
        read.await.map_err(|e| failed(e.to_string()))?.map_err(|e| failed(e.to_string()))?;
    if read == 0 {
        return Ok("q".to_owned());
    }
    Ok(line.trim().to_owned())
}
