//! The command line: what can be asked of oncecast, parsed and nothing more.
//!
//! Only this file and its tests name clap. What may repeat a post (`replay --again`) or change the
//! truth (`resolve`, `withdraw`) cannot be typed without its reason or its answer.

mod ledger;
mod long;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

pub use ledger::{Export, Format, LedgerCommand};

/// Carries each post of a blog to every place where its readers are: once each, for ever.
#[derive(Debug, Clone, PartialEq, Eq, Parser)]
#[command(name = "oncecast", version, after_help = long::FIRST_STEPS)]
#[command(arg_required_else_help = true, subcommand_required = true)]
#[command(disable_help_subcommand = true)]
pub struct Cli {
    /// What every command takes.
    #[command(flatten)]
    pub common: Common,
    /// The command.
    #[command(subcommand)]
    pub command: Command,
}

/// What every command takes, before it or after it.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
#[command(next_help_heading = "Everywhere")]
pub struct Common {
    /// The config
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Colour; auto follows NO_COLOR and pipes
    #[arg(long, global = true, value_enum, default_value_t, value_name = "WHEN")]
    pub color: Color,
    /// Say more; twice for all; ONCECAST_LOG=oncecast::flow=trace,info picks
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
    /// Say less; twice for errors alone
    #[arg(short, long, global = true, action = clap::ArgAction::Count, conflicts_with = "verbose")]
    pub quiet: u8,
    /// How log lines look; auto is journald under systemd, human on a terminal
    #[arg(long, global = true, value_enum, default_value_t, value_name = "FORMAT")]
    pub log_format: LogFormat,
}

/// When to use colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
#[value(rename_all = "lower")]
pub enum Color {
    /// On a terminal that has not asked for none.
    #[default]
    #[value(help = "on a terminal, unless NO_COLOR is set")]
    Auto,
    /// Into pipes too.
    #[value(help = "into pipes too")]
    Always,
    /// Never.
    #[value(help = "never")]
    Never,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
#[value(rename_all = "lower")]
pub enum LogFormat {
    /// By where they go.
    #[default]
    #[value(help = "by where they go")]
    Auto,
    /// For people.
    #[value(help = "for people")]
    Human,
    /// One JSON object a line.
    #[value(help = "one JSON object a line")]
    Json,
    /// The journal's own protocol.
    #[value(help = "the journal's own protocol, with fields")]
    Journald,
}

/// What can be asked of oncecast.
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub enum Command {
    /// Run the daemon: poll, carry, answer
    #[command(long_about = long::RUN)]
    Run,
    /// See it work: a small blog, three groups, and everything that broke others
    #[command(long_about = long::DEMO)]
    Demo(Demo),
    /// Show what a feed would post; needs no config, sends nothing
    #[command(long_about = long::TRY)]
    Try {
        /// The feed: an http or https address, or a file
        #[arg(value_name = "URL|FILE")]
        source: String,
        /// One JSON document
        #[arg(long)]
        json: bool,
    },
    /// Check config, credentials, ledger and clock; changes nothing
    #[command(long_about = long::CHECK)]
    Check {
        /// Print a config with every key and its default, and check nothing
        #[arg(long, conflicts_with = "json")]
        sample: bool,
        /// One JSON document
        #[arg(long)]
        json: bool,
    },
    /// What each platform needs: how to get its token, and the lines of a config
    #[command(long_about = long::PLATFORMS)]
    Platforms {
        /// One of them, such as mastodon; without it, all that there are
        #[arg(value_name = "KIND")]
        kind: Option<String>,
    },
    /// Show feeds, lanes, and what is owed, held or in doubt
    #[command(long_about = long::STATUS)]
    Status {
        /// One JSON document
        #[arg(long)]
        json: bool,
    },
    /// Tell all that is known of an entry: who heard it, who not, and why
    #[command(long_about = long::WHY)]
    Why {
        /// The entry: an id or the start of one, a link or a guid
        #[arg(value_name = "ENTRY")]
        entry: String,
        /// One JSON document
        #[arg(long)]
        json: bool,
    },
    /// Show exactly what each group would get of an entry; sends nothing
    #[command(long_about = long::PREVIEW)]
    Preview {
        /// The entry: an id or the start of one, a link or a guid
        #[arg(value_name = "ENTRY")]
        entry: String,
        /// For this group alone
        #[arg(long, value_name = "GROUP")]
        group: Option<String>,
        /// One JSON document, with the calls that would be made
        #[arg(long)]
        json: bool,
    },
    /// Send one entry by hand to the groups that have not had it
    #[command(long_about = long::REPLAY)]
    Replay(Replay),
    /// Let entries go that are held for a person
    #[command(long_about = long::RELEASE)]
    Release(Release),
    /// Say that an entry will not be sent
    #[command(long_about = long::WITHDRAW)]
    Withdraw {
        /// The entry: an id or the start of one, a link or a guid
        #[arg(value_name = "ENTRY")]
        entry: String,
        /// For this group alone
        #[arg(long, value_name = "GROUP")]
        group: Option<String>,
        /// Why; it stays in the journal
        #[arg(long, value_name = "REASON", value_parser = reason)]
        reason: String,
    },
    /// Take away what readers have of an entry, where the platform can
    #[command(long_about = long::RETRACT)]
    Retract(Retract),
    /// Take what an account has posted already for what its group has heard, when moving here
    #[command(long_about = long::ADOPT)]
    Adopt(Adopt),
    /// Hold what stands on your accounts against the ledger: what is not of it, and what stands there twice
    #[command(long_about = long::AUDIT)]
    Audit(Audit),
    /// Say that held entries are known ones under other names: they are never sent
    #[command(long_about = long::REALIAS)]
    Realias(Realias),
    /// Stop a lane until it is resumed, across restarts
    #[command(long_about = long::PAUSE)]
    Pause {
        /// Which lanes
        #[command(flatten)]
        lanes: Lanes,
        /// Why; it stays in the journal
        #[arg(long, value_name = "REASON", value_parser = reason)]
        reason: Option<String>,
    },
    /// Let a lane go on that was paused or has stopped itself
    #[command(long_about = long::RESUME)]
    Resume {
        /// Which lanes
        #[command(flatten)]
        lanes: Lanes,
    },
    /// Stop everything, now and across restarts
    #[command(long_about = long::STOP_ALL)]
    StopAll {
        /// Why; it stays in the journal
        #[arg(long, value_name = "REASON", value_parser = reason)]
        reason: Option<String>,
    },
    /// Say whether a delivery in doubt is there
    #[command(long_about = long::RESOLVE, override_usage = long::RESOLVE_USAGE)]
    Resolve(Resolve),
    /// Ask each feed as its next poll will, and say what would come of it; nothing is sent or written
    #[command(long_about = long::PLAN)]
    Plan {
        /// Of this feed alone
        #[arg(value_name = "FEED")]
        feed: Option<String>,
        /// One JSON document
        #[arg(long)]
        json: bool,
    },
    /// Ask for a feed now, whatever was remembered against it
    #[command(long_about = long::POLL)]
    Poll {
        /// The feed's name
        #[arg(value_name = "FEED")]
        feed: String,
    },
    /// Post by hand what no API takes: the list, and what you did
    #[command(long_about = long::HAND)]
    Hand(Hand),
    /// Print a link with which a browser may post by hand
    #[command(long_about = long::PAGE)]
    Page,
    /// Ask the daemon to read its config again
    #[command(long_about = long::RELOAD)]
    Reload,
    /// Prove, export, back up or mend the ledger
    #[command(
        subcommand,
        long_about = long::LEDGER
    )]
    Ledger(LedgerCommand),
}

/// `demo`
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct Demo {
    /// Use this feed instead of a small blog of its own
    #[arg(long, value_name = "URL")]
    pub feed: Option<String>,
    /// Work in this folder instead of a new one
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
    /// Leave the folder there afterwards
    #[arg(long)]
    pub keep: bool,
}

/// `replay`
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct Replay {
    /// The entry: an id or the start of one, a link or a guid
    #[arg(value_name = "ENTRY")]
    pub entry: String,
    /// To this group alone
    #[arg(long, value_name = "GROUP")]
    pub group: Option<String>,
    /// Even to a group that has it or may have it: its readers see it twice
    #[arg(long, requires = "reason")]
    pub again: bool,
    /// Why again; it stays in the journal
    #[arg(long, value_name = "REASON", requires = "again", value_parser = reason)]
    pub reason: Option<String>,
    /// Show what would be sent, and send nothing
    #[arg(long)]
    pub dry_run: bool,
    /// One JSON document
    #[arg(long)]
    pub json: bool,
}

/// `retract`
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct Retract {
    /// The entry: an id or the start of one, a link or a guid
    #[arg(value_name = "ENTRY")]
    pub entry: String,
    /// From this group alone
    #[arg(long, value_name = "GROUP")]
    pub group: Option<String>,
    /// You have taken it away there yourself: only record it
    #[arg(long)]
    pub done: bool,
    /// Show what would be taken away, and change nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Ask nothing
    #[arg(long, conflicts_with = "dry_run")]
    pub yes: bool,
    /// One JSON document
    #[arg(long)]
    pub json: bool,
}

/// `adopt`
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct Adopt {
    /// The group
    #[arg(value_name = "GROUP")]
    pub group: String,
    /// Only what was posted from this day on, such as 2026-01-31
    #[arg(long, value_name = "DAY", value_parser = day)]
    pub since: Option<jiff::civil::Date>,
    /// Not by asking the account: links that the group has heard, one a line
    #[arg(long, value_name = "FILE", conflicts_with = "since")]
    pub links: Option<PathBuf>,
    /// Show what would be taken for what, and change nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Ask nothing
    #[arg(long, conflicts_with = "dry_run")]
    pub yes: bool,
    /// One JSON document
    #[arg(long)]
    pub json: bool,
}

/// `audit`
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct Audit {
    /// Of this group alone
    #[arg(long, value_name = "GROUP")]
    pub group: Option<String>,
    /// One JSON document
    #[arg(long)]
    pub json: bool,
}

/// `release`
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct Release {
    /// The entry: an id or the start of one, a link or a guid
    #[arg(value_name = "ENTRY", required_unless_present = "all", conflicts_with = "all")]
    pub entry: Option<String>,
    /// For this group alone
    #[arg(long, value_name = "GROUP")]
    pub group: Option<String>,
    /// Everything that is held
    #[arg(long)]
    pub all: bool,
}

/// `realias`
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct Realias {
    /// The feed's name
    #[arg(value_name = "FEED")]
    pub feed: String,
    /// Show which entry each would be, and change nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Ask nothing
    #[arg(long, conflicts_with = "dry_run")]
    pub yes: bool,
    /// One JSON document
    #[arg(long)]
    pub json: bool,
}

/// One lane or all.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct Lanes {
    /// The lane: the name of an integration
    #[arg(value_name = "LANE", required_unless_present = "all", conflicts_with = "all")]
    pub lane: Option<String>,
    /// Every lane
    #[arg(long)]
    pub all: bool,
}

/// `resolve`
#[derive(Debug, Clone, PartialEq, Eq, Args)]
#[command(group = clap::ArgGroup::new("answer").required(true).args(["published", "absent"]))]
pub struct Resolve {
    /// The delivery, as status shows it
    #[arg(value_name = "DELIVERY")]
    pub delivery: String,
    /// It is there, and where
    #[arg(long, value_name = "URL", num_args = 0..=1)]
    pub published: Option<Option<String>>,
    /// It is not there: readers have not seen it
    #[arg(long)]
    pub absent: bool,
    /// How you know; it stays in the journal
    #[arg(long, value_name = "REASON", value_parser = reason)]
    pub reason: Option<String>,
}

/// `hand`
#[derive(Debug, Clone, PartialEq, Eq, Args)]
#[command(group = clap::ArgGroup::new("say").args(["open", "done", "not_posted", "skip"]))]
pub struct Hand {
    /// The delivery, as the list shows it; without one, the list
    #[arg(value_name = "ENTRY/GROUP", requires = "say")]
    pub delivery: Option<String>,
    /// Begin: it is yours, and its text is printed
    #[arg(long, requires = "delivery")]
    pub open: bool,
    /// It is there, and where
    #[arg(long, value_name = "URL", num_args = 0..=1, requires = "delivery")]
    pub done: Option<Option<String>>,
    /// You have not posted it: it goes back to the list
    #[arg(long, requires = "delivery")]
    pub not_posted: bool,
    /// It will not be posted
    #[arg(long, requires = "reason", requires = "delivery")]
    pub skip: bool,
    /// Why not; it stays in the journal
    #[arg(long, value_name = "REASON", requires = "skip", value_parser = reason)]
    pub reason: Option<String>,
    /// One after the other, with a question each; needs a terminal
    #[arg(long, conflicts_with_all = ["delivery", "json"])]
    pub walk: bool,
    /// One JSON document
    #[arg(long)]
    pub json: bool,
}

/// A day of the calendar.
fn day(text: &str) -> Result<jiff::civil::Date, &'static str> {
    text.parse().map_err(|_| "write a day as 2026-01-31")
}

/// A reason in words: it is all that explains a step to whoever reads the journal later.
fn reason(text: &str) -> Result<String, &'static str> {
    /// A reason is a sentence; the journal keeps it for ever.
    const REASON_MAX: usize = 500;
    let text = text.trim();
    if text.is_empty() {
        return Err("say why in a few words");
    }
    if text.len() > REASON_MAX {
        return Err("say it in at most 500 bytes");
    }
    if text.chars().any(char::is_control) {
        return Err("say it on one line");
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests;
