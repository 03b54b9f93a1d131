//! Words for people and for pipes: results to standard output, notes to standard error. Colour obeys
//! `--color`, `NO_COLOR` and pipes, through anstream.

use std::io::Write as _;

use crate::ledger::DeliveryView;
use crate::model::{Status, StatusKind};

/// Whether results are coloured; `--color` decides once.
pub fn choose(color: crate::cli::Color) {
    use anstream::ColorChoice;
    match color {
        crate::cli::Color::Auto => ColorChoice::Auto,
        crate::cli::Color::Always => ColorChoice::Always,
        crate::cli::Color::Never => ColorChoice::Never,
    }
    .write_global();
}

/// Writes to standard output. A reader that has gone, such as `head`, is no error of ours.
pub fn out(text: &str) {
    let mut out = anstream::stdout();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).ok();
}

/// Writes a note to standard error.
pub fn note(text: &str) {
    let mut out = anstream::stderr();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).ok();
}

/// One line that replaces itself; empty takes it away.
pub fn progress(text: &str) {
    note(&format!("\r\x1b[K{text}"));
}

/// A value as one JSON document.
pub fn json(value: &impl serde::Serialize) {
    let text = serde_json::to_string_pretty(value).unwrap_or_else(|_| "null".to_owned());
    out(&text);
    out("\n");
}

/// A status in its colour: green is there, red needs a person, yellow waits.
#[must_use]
pub fn painted(kind: StatusKind) -> String {
    use anstyle::AnsiColor::{BrightBlack, Green, Red, Yellow};
    let color = match kind {
        StatusKind::Published => Green,
        StatusKind::Due | StatusKind::Claimed => Yellow,
        StatusKind::InDoubt | StatusKind::Held | StatusKind::Refused => Red,
        StatusKind::Withdrawn | StatusKind::Baseline => BrightBlack,
    };
    let style = anstyle::Style::new().fg_color(Some(color.into()));
    format!("{style}{}{style:#}", kind.word())
}

/// One delivery as one line.
#[must_use]
pub fn delivery(view: &DeliveryView) -> String {
    let more = match &view.status {
        Status::Published { receipt } => {
            receipt.reference.url.clone().or(receipt.reference.id.clone()).unwrap_or_default()
        }
        Status::Held { reason } => format!("{reason}; oncecast release {}", view.entry_id.short()),
        Status::InDoubt { evidence, .. } => {
            format!("{evidence}; oncecast resolve {} --published | --absent", view.name())
        }
        Status::Refused { reason } => reason.clone(),
        Status::Withdrawn { reason } => reason.to_string(),
        Status::Due { .. } if view.settling => "waits for its second look".to_owned(),
        Status::Due { not_before, .. } => format!("not before {not_before}"),
        Status::Claimed { .. } => "being sent now".to_owned(),
        Status::Baseline => "it was there before oncecast was".to_owned(),
    };
    let line = format!("{}  {}  {more}", view.name(), painted(view.status.kind()));
    format!("{}\n", line.trim_end())
}
