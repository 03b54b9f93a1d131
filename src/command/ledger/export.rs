//! `ledger export`: the record, for machines as JSON lines and for people as one HTML page. It appears
//! whole under its name or not at all.

use std::io::{self, BufWriter, Write};
use std::path::Path;

use crate::cli::{Export, Format};
use crate::clock::{Clock as _, SystemClock};
use crate::config::Config;
use crate::desk::print;
use crate::ledger::LedgerError;
use crate::ledger::embedded::Frozen;
use crate::ledger::evidence::{Header, Scribe};
use crate::ledger::whole::Whole;

use super::super::{Failure, Outcome, exit};
use super::{dossier, frozen, progress};

pub(in super::super) async fn export(config: &Config, what: Export) -> Outcome {
    let whole = match &what.output {
        Some(path) => Some((path, Whole::beside(path).map_err(|e| unwritten(path, &e))?)),
        None => None,
    };
    let frozen = frozen(config).await?;
    let only = match &what.entry {
        Some(entry) => Some(one(&frozen, entry)?),
        None => None,
    };
    let header = frozen.header(SystemClock.now(), only.is_none())?;
    let written = match &whole {
        Some((path, whole)) => {
            /// What a file has that its owner means to show.
            const MODE: u32 = 0o644;
            let file = whole.create(MODE).map_err(|e| unwritten(path, &e))?;
            write(&frozen, header.clone(), only, what.format, BufWriter::new(file))
        }
        None => write(&frozen, header.clone(), only, what.format, BufWriter::new(io::stdout())),
    };
    let place = what.output.as_deref().unwrap_or(Path::new("standard output"));
    match written {
        Ok(()) => {}
        Err(Stop::Ledger(error)) => return Err(error.into()),
        // A reader that has gone, such as `head`, is no error of ours.
        Err(Stop::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => {
            return Ok(exit::OK);
        }
        Err(Stop::Output(error)) => return Err(unwritten(place, &error)),
    }
    if let Some((path, whole)) = whole {
        whole.finish().map_err(|e| unwritten(path, &e))?;
        let Header { entries, lines, head, .. } = header;
        let path = path.display();
        print::out(&format!("{path}: {entries} posts, {lines} journal lines, head {head}\n"));
    }
    Ok(exit::OK)
}

/// Why an export ends early.
pub(super) enum Stop {
    Ledger(LedgerError),
    Output(io::Error),
}

impl From<LedgerError> for Stop {
    fn from(error: LedgerError) -> Self {
        Self::Ledger(error)
    }
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}

fn write(
    frozen: &Frozen,
    header: Header,
    only: Option<u64>,
    format: Format,
    to: impl Write,
) -> Result<(), Stop> {
    let progress = progress("written");
    match format {
        Format::Jsonl => {
            let mut scribe = Scribe::new(to);
            frozen
                .records(header, only, &progress, |record| Ok::<_, Stop>(scribe.write(&record)?))?;
            Ok(scribe.end()?)
        }
        Format::Html => dossier::write(frozen, &header, only, &progress, to),
    }
}

/// The number of the one entry that a person means.
fn one(frozen: &Frozen, what: &str) -> Result<u64, Failure> {
    let found = frozen.find(what)?;
    match &found[..] {
        [] => Err(Failure::new(
            exit::NO_INPUT,
            format!(
                "no entry is known by {what:?}; an entry is named by its id or the first four or \
                 more of its digits, its link or its guid"
            ),
        )),
        [(number, _, _)] => Ok(*number),
        many => {
            let list: Vec<String> =
                many.iter().map(|(_, id, title)| format!("  {id} {title}")).collect();
            let words =
                format!("{what:?} names {} entries; say more:\n{}", many.len(), list.join("\n"));
            Err(Failure::new(exit::REFUSED, words))
        }
    }
}

/// What the disk says of a file that somebody asked for.
pub(super) fn unwritten(path: &Path, error: &io::Error) -> Failure {
    use io::ErrorKind;
    let (code, way_out) = match error.kind() {
        ErrorKind::AlreadyExists => {
            return Failure::new(exit::REFUSED, format!("{error}: move it away or name another"));
        }
        ErrorKind::NotFound => (exit::NO_INPUT, "; make its folder first"),
        ErrorKind::StorageFull => (exit::FAILED, "; make room, or name another place"),
        _ => (exit::FAILED, ""),
    };
    let path = path.display();
    Failure::new(code, format!("{path} was not written: {error}{way_out}"))
}
