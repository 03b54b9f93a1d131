//! What is wrong with a config file: every fault with its line, its key, what may stand there and
//! how to mend it, and never with the text of a secret.

use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::source::{Excerpt, Source};

/// More faults than this are counted, not shown: nobody reads on.
const SHOWN_MAX: usize = 50;

/// Why there is no config.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// None of the usual places has one.
    #[error("{}", not_found(.looked))]
    NotFound {
        /// Where we looked, in order.
        looked: Vec<String>,
    },
    /// The file is there, or was named, and cannot be read.
    #[error(
        "failed to read the config {}: {source}; name another with --config FILE",
        .path.display()
    )]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The file was read and is wrong.
    #[error("{0}")]
    Invalid(Report),
}

fn not_found(looked: &[String]) -> String {
    format!(
        "failed to find a config: looked at\n  {}\n\
         to see oncecast work without one: oncecast demo\n\
         to start your own: oncecast check --sample > oncecast.toml, cut it down, and put it at \
         /etc/oncecast/oncecast.toml or name it with --config FILE",
        looked.join("\n  ")
    )
}

/// All faults of one file, in the order of its lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The file.
    pub file: PathBuf,
    /// Its faults; never empty.
    pub problems: Vec<Problem>,
}

/// One fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Its line, from 1.
    pub line: usize,
    /// Its column in characters, from 1.
    pub column: usize,
    /// The key and the table it stands in.
    pub key: String,
    /// What is wrong.
    pub what: String,
    /// What may stand there; empty where there is no choice.
    pub allowed: String,
    /// What to do.
    pub fix: String,
    excerpt: Option<Excerpt>,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let file = self.file.display();
        for problem in self.problems.iter().take(SHOWN_MAX) {
            let Problem { line, column, key, what, .. } = problem;
            writeln!(f, "{file}:{line}:{column}: {key}: {what}")?;
            let gutter = line.to_string().len();
            if let Some(excerpt) = &problem.excerpt {
                writeln!(f, "{:gutter$} |", "")?;
                writeln!(f, "{line} | {}", excerpt.text)?;
                let carets = "^".repeat(excerpt.width);
                writeln!(f, "{:gutter$} | {:pad$}{carets}", "", "", pad = excerpt.start)?;
            }
            if !problem.allowed.is_empty() {
                writeln!(f, "{:gutter$} = allowed: {}", "", problem.allowed)?;
            }
            writeln!(f, "{:gutter$} = fix: {}", "", problem.fix)?;
            writeln!(f)?;
        }
        if let Some(more @ 1..) = self.problems.len().checked_sub(SHOWN_MAX) {
            writeln!(f, "... and {more} more")?;
        }
        let count = self.problems.len();
        let errors = if count == 1 { "error" } else { "errors" };
        write!(f, "{count} {errors} in {file}")
    }
}

/// What is wrong, what may stand there, how to mend it.
#[derive(Debug, Clone)]
pub(super) struct Fault {
    pub(super) what: String,
    pub(super) allowed: String,
    pub(super) fix: String,
}

impl Fault {
    pub(super) fn new(
        what: impl Into<String>,
        allowed: impl Into<String>,
        fix: impl Into<String>,
    ) -> Self {
        Self { what: what.into(), allowed: allowed.into(), fix: fix.into() }
    }
}

/// Collects faults and warnings while a file is read, so that all are told at once.
pub(super) struct Problems<'s> {
    source: &'s Source<'s>,
    list: Vec<Problem>,
    warnings: Vec<(usize, String)>,
}

impl<'s> Problems<'s> {
    pub(super) const fn new(source: &'s Source<'s>) -> Self {
        Self { source, list: Vec::new(), warnings: Vec::new() }
    }

    /// How many there are so far: a check over several keys is left out where one of them was bad.
    pub(super) const fn count(&self) -> usize {
        self.list.len()
    }

    /// The line of a place in the file, from 1.
    pub(super) fn line(&self, span: &Range<usize>) -> usize {
        self.source.position(span.start).0
    }

    /// A fault of a key; `shown` is the key's own text where it stands in the file.
    pub(super) fn push(
        &mut self,
        span: &Range<usize>,
        key: String,
        shown: Option<&str>,
        fault: Fault,
    ) {
        let (line, column) = self.source.position(span.start);
        let Fault { what, allowed, fix } = fault;
        let excerpt = self.source.excerpt(span, shown);
        self.list.push(Problem { line, column, key, what, allowed, fix, excerpt });
    }

    /// A fault of something that is not in the file at all.
    pub(super) fn missing(&mut self, key: String, fault: Fault) {
        let (line, column) = self.source.position(self.source.end());
        let Fault { what, allowed, fix } = fault;
        self.list.push(Problem { line, column, key, what, allowed, fix, excerpt: None });
    }

    /// Legal, but worth a word.
    pub(super) fn warn(&mut self, span: &Range<usize>, key: &str, what: &str) {
        let line = self.line(span);
        let file = self.source.file.display();
        self.warnings.push((line, format!("{file}:{line}: {key}: {what}")));
    }

    /// The warnings, or all faults.
    pub(super) fn finish(mut self, file: &Path) -> Result<Vec<String>, ConfigError> {
        if !self.list.is_empty() {
            return Err(self.refuse(file));
        }
        self.warnings.sort_by_key(|(line, _)| *line);
        Ok(self.warnings.into_iter().map(|(_, text)| text).collect())
    }

    /// All faults; there is at least one.
    pub(super) fn refuse(mut self, file: &Path) -> ConfigError {
        self.list.sort_by_key(|problem| (problem.line, problem.column));
        ConfigError::Invalid(Report { file: file.to_owned(), problems: self.list })
    }
}
