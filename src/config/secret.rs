//! Secrets: where one is written to be, and getting it from there. The config file holds only the
//! place; a value in the file is refused without being repeated.

use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use secrecy::{ExposeSecret, SecretString};
use thiserror::Error;
use toml::de::DeValue;

use super::keys::{self, SECRET};
use super::problem::{Fault, Problems};
use super::rules::mismatch;
use super::search::{Env, set};
use super::table::Table;
use super::{Secret, SecretSource};

/// The longest secret: the longest header that servers agree to take, with room.
const SECRET_MAX: u64 = 16 * 1024;
/// Whoever else may touch the file may know or change the secret.
const OTHERS: u32 = 0o077;
/// What may stand where a secret is wanted.
const PLACES: &str = "{ credential = \"NAME\" }, { env = \"NAME\" } or { file = \"PATH\" }";

/// Whether secrets are fetched while loading.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Secrets {
    /// Each is fetched; one that cannot be is an error.
    Resolve,
    /// None is fetched: for commands that send nothing and may run as someone who cannot read them.
    Skip,
}

/// Why a secret could not be had, and what to do; without a word of the secret itself.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{what}; {fix}")]
pub struct SecretError {
    /// Such as `the environment variable X is not set`.
    pub what: String,
    /// What to do.
    pub fix: String,
}

impl Secret {
    /// Whether the value is here; it is not where the config was loaded with [`Secrets::Skip`].
    #[must_use]
    pub fn is_resolved(&self) -> bool {
        !self.value.expose_secret().is_empty()
    }
}

impl SecretSource {
    /// Fetches the secret.
    ///
    /// # Errors
    /// [`SecretError`] where it is not there, is empty, or can be read by others.
    pub fn fetch(&self, env: &Env<'_>) -> Result<SecretString, SecretError> {
        let bytes = match self {
            Self::Env(name) => {
                env(name).map(std::os::unix::ffi::OsStringExt::into_vec).ok_or_else(|| {
                    refuse(
                        format!("{self} is not set"),
                        format!(
                            "set {name} where oncecast starts, in systemd with EnvironmentFile="
                        ),
                    )
                })?
            }
            Self::Credential(name) => self.credential(name, env)?,
            Self::File(path) => self.file(path, true)?,
        };
        self.clean(bytes)
    }

    fn credential(&self, name: &str, env: &Env<'_>) -> Result<Vec<u8>, SecretError> {
        let line = format!("LoadCredential={name}:/etc/oncecast/{name}");
        let Some(folder) = set(env, "CREDENTIALS_DIRECTORY") else {
            return Err(refuse(
                format!(
                    "{self} cannot be had: $CREDENTIALS_DIRECTORY is not set, so systemd gave none"
                ),
                format!(
                    "run it as the systemd service with {line}, or set CREDENTIALS_DIRECTORY to a \
                     folder that has a file {name}"
                ),
            ));
        };
        let path = folder.join(name);
        if matches!(path.try_exists(), Ok(false)) {
            return Err(refuse(
                format!("{self} was not given: there is no {}", path.display()),
                format!("add {line} to the unit, then systemctl daemon-reload and restart"),
            ));
        }
        // systemd keeps the folder to the service alone, with modes of its own choosing.
        self.file(&path, false)
    }

    fn file(&self, path: &Path, private: bool) -> Result<Vec<u8>, SecretError> {
        let shown = path.display();
        let failed = |error: std::io::Error| {
            refuse(
                format!("{self} cannot be read: {error}"),
                format!("mend or name another than {shown}"),
            )
        };
        // Before it is opened: opening a pipe would wait for its writer.
        if !std::fs::metadata(path).map_err(failed)?.is_file() {
            return Err(refuse(format!("{self} is not a file"), "name a file".to_owned()));
        }
        let file = std::fs::File::open(path).map_err(failed)?;
        let mode = file.metadata().map_err(failed)?.permissions().mode();
        if private && mode & OTHERS != 0 {
            return Err(refuse(
                format!("{self} is open to other users (mode {:04o})", mode & 0o7777),
                format!("chmod 600 {shown}"),
            ));
        }
        let mut bytes = Vec::new();
        file.take(SECRET_MAX + 1).read_to_end(&mut bytes).map_err(failed)?;
        Ok(bytes)
    }

    /// One line of text, without the newline that editors and `echo` leave at its end.
    fn clean(&self, bytes: Vec<u8>) -> Result<SecretString, SecretError> {
        let put = "put the secret there, alone on one line".to_owned();
        if bytes.len() as u64 > SECRET_MAX {
            return Err(refuse(format!("{self} holds more than {SECRET_MAX} bytes"), put));
        }
        let Ok(text) = String::from_utf8(bytes) else {
            return Err(refuse(format!("{self} holds something that is not text"), put));
        };
        let line = text.strip_suffix('\n').unwrap_or(&text);
        let line = line.strip_suffix('\r').unwrap_or(line);
        if line.trim().is_empty() {
            return Err(refuse(format!("{self} is empty"), put));
        }
        if line.chars().any(char::is_control) {
            return Err(refuse(format!("{self} holds more than one line"), put));
        }
        Ok(SecretString::from(line))
    }
}

const fn refuse(what: String, fix: String) -> SecretError {
    SecretError { what, fix }
}

/// What reading secrets needs to know.
#[derive(Clone, Copy)]
pub(super) struct Vault<'v> {
    /// The config file's folder.
    pub(super) base: &'v Path,
    pub(super) secrets: Secrets,
    pub(super) env: &'v Env<'v>,
}

impl Vault<'_> {
    /// The secret of a key that has to be there.
    pub(super) fn need(
        &self,
        table: &Table<'_>,
        key: &'static str,
        out: &mut Problems<'_>,
    ) -> Option<Secret> {
        if !table.has(key) {
            let fix = format!("add a line {}", example(key));
            table.fault(key, out, Fault::new("the key is missing", PLACES, fix));
        }
        self.read(table, key, out)
    }

    /// The secret of a key; nothing where it is missing, or wrong and reported.
    pub(super) fn read(
        &self,
        table: &Table<'_>,
        key: &'static str,
        out: &mut Problems<'_>,
    ) -> Option<Secret> {
        let value = table.value(key)?;
        let source = match place(key, value.get_ref(), self.base) {
            Ok(source) => source,
            Err(fault) => {
                table.fault(key, out, fault);
                return None;
            }
        };
        let value = match self.secrets {
            Secrets::Skip => SecretString::from(String::new()),
            Secrets::Resolve => match source.fetch(self.env) {
                Ok(value) => value,
                Err(SecretError { what, fix }) => {
                    table.fault(key, out, Fault::new(what, PLACES, fix));
                    return None;
                }
            },
        };
        Some(Secret { source, value })
    }
}

fn example(key: &str) -> String {
    format!("{key} = {{ credential = \"my-{key}\" }}")
}

/// Where a value says that the secret is.
fn place(key: &str, value: &DeValue<'_>, base: &Path) -> Result<SecretSource, Fault> {
    let wrong =
        |what: &str| Fault::new(what, PLACES, format!("write, for example, {}", example(key)));
    let entries = match value {
        DeValue::Table(entries) => entries,
        DeValue::String(_) => {
            return Err(Fault::new(
                "the secret itself stands in the file, where only its place may stand",
                PLACES,
                format!(
                    "put it into a file that only you can read, write {}, and renew the secret if \
                     others have seen this file",
                    example(key)
                ),
            ));
        }
        other => return Err(wrong(&format!("the value {}", mismatch(other)))),
    };
    // An unknown key is not named: it may be the secret.
    for name in entries.keys().map(|name| &**name.get_ref()) {
        if !SECRET.contains(&name) {
            return Err(wrong(&match keys::nearest(name, SECRET) {
                Some(near) => format!("there is no such key; did you mean {near}?"),
                None => "it has a key that is no place for a secret".to_owned(),
            }));
        }
    }
    let mut places = entries.iter();
    let (Some((name, value)), None) = (places.next(), places.next()) else {
        return Err(wrong("it needs exactly one place"));
    };
    let Some(text) = value.get_ref().as_str() else {
        return Err(wrong(&format!("its {} {}", name.get_ref(), mismatch(value.get_ref()))));
    };
    let text = text.to_owned();
    match &**name.get_ref() {
        "credential" if is_credential(&text) => Ok(SecretSource::Credential(text)),
        "credential" => Err(wrong("its credential is not a name that systemd takes")),
        "env" if is_variable(&text) => Ok(SecretSource::Env(text)),
        "env" => Err(wrong("its env is not the name of a variable")),
        _ if text.is_empty() || text.contains('\0') => Err(wrong("its file is not a path")),
        _ => Ok(SecretSource::File(base.join(text))),
    }
}

/// A credential's name is a file's name (systemd.exec(5), `LoadCredential=`).
fn is_credential(name: &str) -> bool {
    const NAME_MAX: usize = 255;
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-' | b'@');
    !name.starts_with('.') && (1..=NAME_MAX).contains(&name.len()) && name.bytes().all(plain)
}

/// A variable's name, as POSIX (XBD 8.1) has it.
fn is_variable(name: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    !name.starts_with(|c: char| c.is_ascii_digit()) && !name.is_empty() && name.bytes().all(plain)
}
