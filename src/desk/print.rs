//! Words for people and for pipes: results to standard output, notes to standard error. Colour obeys
//! `--color`, `NO_COLOR` and pipes, through anstream.

use std::io::Write as _;

use crate::ledger::DeliveryView;
use crate::model::{How, Status, StatusKind};

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

/// What more there is to say of a delivery, with what to type where it waits for a person.
fn more(view: &DeliveryView) -> String {
    match &view.status {
        Status::Published { receipt } => {
            let there = receipt.reference.url.clone().or(receipt.reference.id.clone());
            let mut there = there.unwrap_or_default();
            match receipt.how {
                How::Elsewhere => there.push_str(", by another hand"),
                How::Adopted => there.push_str(&format!(", adopted, of {}", receipt.at)),
                How::Answered | How::Asked | How::Person => {}
            }
            match &view.amend {
                Some(amend) if amend.is_stuck() => format!(
                    "{there}; {amend}; take it away by hand, then oncecast retract {} --group {} --done",
                    view.entry_id.short(),
                    view.group
                ),
                Some(amend) => format!("{there}; {amend}"),
                None => there,
            }
        }
        Status::Held { reason } => format!("{reason}; oncecast release {}", view.entry_id.short()),
        Status::InDoubt { evidence, .. } => {
            format!("{evidence}; oncecast resolve {} --published | --absent", view.name())
        }
        Status::Refused { reason } => reason.clone(),
        Status::Withdrawn { reason } => reason.to_string(),
        Status::Due { .. } if !view.settling && !view.by_hand && view.quiet_until.is_some() => {
            let until = view.quiet_until.map(|until| until.to_string()).unwrap_or_default();
            format!("its group is quiet until {until}")
        }
        Status::Due { not_before, .. } if view.by_hand && !view.settling => {
            format!("a person posts it, from {not_before}: oncecast hand")
        }
        Status::Claimed { .. } if view.by_hand => "a person posts it now: oncecast hand".to_owned(),
        Status::Due { .. } if view.settling => "waits for its second look".to_owned(),
        Status::Due { not_before, .. } => format!("not before {not_before}"),
        Status::Claimed { .. } => "being sent now".to_owned(),
        Status::Baseline => "it was there before oncecast was".to_owned(),
    }
}

/// One delivery as one line.
#[must_use]
pub fn delivery(view: &DeliveryView) -> String {
    let status = painted(view.status.kind());
    let line = format!("{}  {status}  {}", view.name(), more(view));
    format!("{}\n", line.trim_end())
}

/// Deliveries that stand next to each other and say the same are one: an entry and its groups.
#[must_use]
pub fn deliveries(views: &[&DeliveryView]) -> Vec<String> {
    let same = |a: &&DeliveryView, b: &&DeliveryView| {
        a.entry_id == b.entry_id && a.status.kind() == b.status.kind() && more(a) == more(b)
    };
    views
        .chunk_by(same)
        .map(|chunk| {
            let view = chunk[0];
            let groups: Vec<&str> = chunk.iter().map(|v| v.group.as_str()).collect();
            let (id, status) = (view.entry_id.short(), painted(view.status.kind()));
            format!("{id}  {}\n    {}: {status}, {}\n", view.title, groups.join(", "), more(view))
        })
        .collect()
}
