//! Log lines: for the journal under systemd, for people on a terminal, as JSON where asked.
//!
//! They go to standard error: standard output belongs to results.

use std::io::IsTerminal as _;
use std::os::unix::fs::MetadataExt as _;

use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::{Layer, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{Registry, fmt};

use crate::cli::{Color, Common, LogFormat};

/// The variable that says what is logged: `warn`, or a level for each target, `oncecast::flow=trace,info`.
const FILTER: &str = "ONCECAST_LOG";

/// Sets up logging once, at the start.
pub fn init(common: &Common) {
    let level = match i16::from(common.verbose) - i16::from(common.quiet) {
        ..=-2 => "error",
        -1 => "warn",
        0 => "info",
        1 => "oncecast=debug,info",
        2.. => "oncecast=trace,debug",
    };
    let asked = std::env::var(FILTER).ok().filter(|text| !text.is_empty());
    let (filter, wrong) = match asked.map(|text| text.parse::<Targets>()) {
        Some(Ok(filter)) => (filter, None),
        Some(Err(wrong)) => (usual(level), Some(wrong)),
        None => (usual(level), None),
    };
    let layer = match common.log_format {
        LogFormat::Json => fmt::layer().json().with_writer(std::io::stderr).boxed(),
        LogFormat::Journald => journal().unwrap_or_else(|| human(common.color)),
        LogFormat::Auto if is_journal() => journal().unwrap_or_else(|| human(common.color)),
        LogFormat::Auto | LogFormat::Human => human(common.color),
    };
    // A second call, as in tests, leaves the first.
    tracing_subscriber::registry().with(layer.with_filter(filter)).try_init().ok();
    if let Some(wrong) = wrong {
        tracing::warn!(
            "{FILTER} is not understood and was passed over: {wrong}; it takes a level such as \"debug\", or \
             one for each target such as \"oncecast::flow=trace,info\""
        );
    }
}

/// What the verbosity asked for, which is always well formed.
fn usual(level: &str) -> Targets {
    level.parse().unwrap_or_default()
}

fn human(color: Color) -> Box<dyn Layer<Registry> + Send + Sync> {
    let colored = match color {
        Color::Always => true,
        Color::Never => false,
        Color::Auto => {
            let refused = std::env::var_os("NO_COLOR").is_some_and(|v| !v.is_empty());
            std::io::stderr().is_terminal() && !refused
        }
    };
    fmt::layer().with_ansi(colored).with_target(false).with_writer(std::io::stderr).boxed()
}

fn journal() -> Option<Box<dyn Layer<Registry> + Send + Sync>> {
    let layer = tracing_journald::layer().ok()?;
    let layer = layer.with_field_prefix(Some("ONCECAST".to_owned()));
    Some(layer.with_syslog_identifier("oncecast".to_owned()).boxed())
}

/// Whether standard error is the journal's own: it says its device and inode.
fn is_journal() -> bool {
    let Ok(said) = std::env::var("JOURNAL_STREAM") else { return false };
    let Ok(stream) = std::fs::metadata("/proc/self/fd/2") else { return false };
    said == format!("{}:{}", stream.dev(), stream.ino())
}
