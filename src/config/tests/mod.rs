//! Config files, good and bad, and what is said about them.

mod good;
mod leaks;
mod secrets;
mod twice;
mod wrong;

use std::ffi::OsString;
use std::path::Path;

use super::{Config, ConfigError, Secrets};

/// What all files here are called.
const FILE: &str = "/etc/oncecast/oncecast.toml";

/// The least that is a config, in ten lines.
const TEN_LINES: &str = r#"[[feed]]
name = "blog"
url = "https://example.org/feed/"
[[integration]]
name = "fedi"
kind = "mastodon"
url = "https://mastodon.example"
token = { credential = "fedi-token" }
[[group]]
name = "followers"
integration = "fedi"
"#;

/// An environment without any variable.
fn bare(_: &str) -> Option<OsString> {
    None
}

/// Reads a text without its secrets.
fn read(text: &str) -> Result<Config, ConfigError> {
    Config::parse(text, Path::new(FILE), Secrets::Skip, &bare)
}

/// All that is said about a text that is wrong.
fn told(text: &str) -> String {
    match read(text) {
        Err(error) => error.to_string(),
        Ok(config) => panic!("nothing is wrong with:\n{text}\n{config:?}"),
    }
}
