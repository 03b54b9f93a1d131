//! From the text of a file to a [`Config`], or to all that is wrong with it at once.

use std::collections::BTreeSet;
use std::io::Read;
use std::path::Path;

use toml::de::DeTable;

use super::keys::TABLES;
use super::problem::{Fault, Problems};
use super::secret::Vault;
use super::source::Source;
use super::table::Table;
use super::{Config, ConfigError, Env, Secrets};
use super::{alerts, audience, feeds, groups, house, integrations};

/// Far more than ten thousand feeds; a larger file is not a config.
const FILE_MAX: u64 = 8 * 1024 * 1024;
/// How a config starts, for one that lacks a part.
const FEED: &str = "[[feed]] with name = \"blog\" and url = \"https://example.org/feed/\"";
const INTEGRATION: &str =
    "[[integration]] with name = \"fedi\", kind = \"mastodon\", url and token";
const GROUP: &str = "[[group]] with name = \"followers\" and integration = \"fedi\"";

impl Config {
    /// Every key with its default and a line of why: a file to start from.
    pub const SAMPLE: &str = include_str!("../../config/oncecast.toml");

    /// Loads a config and fetches its secrets.
    ///
    /// # Errors
    /// [`ConfigError`] tells all that is wrong at once.
    pub fn load(path: &Path, env: &Env<'_>) -> Result<Self, ConfigError> {
        Self::load_with(path, Secrets::Resolve, env)
    }

    /// Loads a config, with or without its secrets.
    ///
    /// # Errors
    /// [`ConfigError`] tells all that is wrong at once.
    pub fn load_with(path: &Path, secrets: Secrets, env: &Env<'_>) -> Result<Self, ConfigError> {
        let unreadable = |source| ConfigError::Unreadable { path: path.to_owned(), source };
        let file = std::fs::File::open(path).map_err(unreadable)?;
        let mut bytes = Vec::new();
        file.take(FILE_MAX + 1).read_to_end(&mut bytes).map_err(unreadable)?;
        if bytes.len() as u64 > FILE_MAX {
            let large = format!("it is larger than {FILE_MAX} bytes, so it is no config");
            return Err(unreadable(std::io::Error::new(std::io::ErrorKind::FileTooLarge, large)));
        }
        let text = match String::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => {
                let good = error.utf8_error().valid_up_to();
                let line = error.as_bytes()[..good].iter().filter(|b| **b == b'\n').count() + 1;
                let what = format!("line {line} is not UTF-8; save it as UTF-8");
                return Err(unreadable(std::io::Error::new(std::io::ErrorKind::InvalidData, what)));
            }
        };
        Self::parse(&text, path, secrets, env)
    }

    /// Reads a config from its text. `file` is what messages call it; paths in it are relative to
    /// its folder.
    ///
    /// # Errors
    /// [`ConfigError::Invalid`] tells all that is wrong at once.
    pub fn parse(
        text: &str,
        file: &Path,
        secrets: Secrets,
        env: &Env<'_>,
    ) -> Result<Self, ConfigError> {
        let source = Source::new(file, text);
        let mut out = Problems::new(&source);
        let (root, errors) = DeTable::parse_recoverable(text);
        if !errors.is_empty() {
            // What follows from a misread line would only distract from it.
            let mut lines = BTreeSet::new();
            for error in errors {
                let line = source.position(error.span().unwrap_or_default().start).0;
                if lines.insert(line) {
                    syntax(&error, &source, &mut out);
                }
            }
            return Err(out.refuse(file));
        }
        let root = Table::root(root.get_ref());
        let file_here = std::path::absolute(file).unwrap_or_else(|_| file.to_owned());
        let base = file_here.parent().unwrap_or(Path::new("/"));
        let vault = Vault { base, secrets, env };
        let config = whole(&root, file, vault, &mut out);
        let warnings = out.finish(file)?;
        Ok(Self { warnings, ..config })
    }
}

/// A fault of TOML itself. The parser's own words are fixed texts; its rendering, which quotes the
/// line, is not used.
fn syntax(error: &toml::de::Error, source: &Source<'_>, out: &mut Problems<'_>) {
    let span = error.span().unwrap_or_default();
    let what = error.message();
    let fix = if what.contains("must be quoted") {
        "put the value into quotes: \"like this\""
    } else if what.starts_with("duplicate") {
        "delete one of the two, or join them"
    } else if what.starts_with("unclosed") {
        "close what was opened"
    } else {
        "write key = value, with text in quotes, and tables as [name] or [[name]]"
    };
    let title = source.title(&span).unwrap_or_else(|| "the line".to_owned());
    let fault = Fault::new(format!("this is not TOML: {what}"), "", fix);
    out.push(&span, title, None, fault);
}

fn whole(root: &Table<'_>, file: &Path, vault: Vault<'_>, out: &mut Problems<'_>) -> Config {
    let known: Vec<&'static str> = TABLES.iter().map(|(name, ..)| *name).collect();
    root.only(&known, out);
    for (name, start) in [("feed", FEED), ("integration", INTEGRATION), ("group", GROUP)] {
        let empty = root
            .value(name)
            .is_some_and(|value| value.get_ref().as_array().is_some_and(|items| items.is_empty()));
        if (!root.has(name) || empty) && !root.misspells(name, &known) {
            let what = format!("there is no {name}, so there is nothing to do");
            let fault = Fault::new(what, "one or more", format!("add a {start}"));
            out.missing(format!("[[{name}]]"), fault);
        }
    }
    let feeds = feeds::read(root, vault.base, out);
    let integrations = integrations::read(root, vault, out);
    let alerted = alerts::named(root);
    let mut groups = groups::read(root, &feeds, &integrations, &alerted, out);
    let alerts = alerts::read(root, &mut groups, &integrations, out);
    audience::check(&integrations, &groups, out);
    Config {
        file: file.to_owned(),
        ledger: house::ledger(root, vault, out),
        serve: house::serve(root, vault, out),
        guard: house::guard(root, out),
        poll: house::poll(root, out),
        websub: house::websub(root, out),
        feeds: feeds.into_iter().filter_map(|named| named.made).collect(),
        integrations: integrations.into_iter().filter_map(|named| named.made).collect(),
        groups: groups.into_iter().filter_map(|named| named.made).collect(),
        alerts,
        warnings: Vec::new(),
    }
}
