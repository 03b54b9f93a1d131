//! What a lane has learnt from its platform, kept across restarts in a 0600 file of its own: a new
//! session at every start is how others ran into a platform's login limits.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};

use super::deliver::login_of;
use crate::adapter::Known;
use crate::config::{Integration, Platform};
use crate::model::Time;

/// The folder of session files, beside the ledger.
#[derive(Debug, Clone)]
pub struct Sessions {
    folder: PathBuf,
}

#[derive(Serialize, Deserialize)]
struct Kept {
    /// Changes with the integration's URL, kind and account: a session belongs to one login.
    login: String,
    learnt: Option<Time>,
    facts: BTreeMap<String, String>,
    secrets: BTreeMap<String, String>,
}

impl Sessions {
    /// The sessions beside this ledger.
    #[must_use]
    pub fn beside(ledger: &Path) -> Self {
        Self { folder: ledger.with_file_name("sessions") }
    }

    /// What was kept for a lane; nothing where it was for another login or cannot be read, since
    /// everything in it can be learnt again.
    #[must_use]
    pub fn load(&self, lane: &str, login: &str) -> Known {
        let Ok(text) = std::fs::read_to_string(self.file(lane)) else { return Known::default() };
        let Ok(kept) = serde_json::from_str::<Kept>(&text) else { return Known::default() };
        if kept.login != login {
            return Known::default();
        }
        let secrets = kept.secrets.into_iter().map(|(k, v)| (k, SecretString::from(v))).collect();
        Known { facts: kept.facts, secrets, learnt: kept.learnt }
    }

    /// When the token dies that a platform renews, where it has one of those and has not renewed it.
    #[must_use]
    pub fn renewed(&self, integration: &Integration) -> Option<Time> {
        // No other platform keeps such a token.
        let keeps = matches!(integration.platform, Platform::Threads { .. });
        keeps.then(|| self.load(&integration.name, &login_of(integration)).dies()).flatten()
    }

    /// Keeps what a lane has learnt.
    ///
    /// # Errors
    /// What the disk says.
    pub fn keep(&self, lane: &str, login: &str, known: &Known) -> std::io::Result<()> {
        let secrets =
            known.secrets.iter().map(|(k, v)| (k.clone(), v.expose_secret().to_owned())).collect();
        let facts = known.facts.clone();
        let kept = Kept { login: login.to_owned(), learnt: known.learnt, facts, secrets };
        std::fs::create_dir_all(&self.folder)?;
        let file = self.file(lane);
        let fresh = file.with_extension("new");
        let mut out = std::fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&fresh)?;
        out.write_all(serde_json::to_string(&kept)?.as_bytes())?;
        out.sync_all()?;
        std::fs::rename(fresh, file)
    }

    fn file(&self, lane: &str) -> PathBuf {
        self.folder.join(format!("{lane}.json"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn a_session_is_kept_for_its_own_login_and_for_no_other_eyes() {
        let folder = tempfile::tempdir().expect("a folder");
        let sessions = Sessions::beside(&folder.path().join("ledger.redb"));
        let mut known = Known::default();
        known.facts.insert("did".into(), "did:plc:abc".into());
        known.secrets.insert("refresh".into(), SecretString::from("s3cret"));
        sessions.keep("bsky", "login-1", &known).expect("kept");
        let back = sessions.load("bsky", "login-1");
        assert_eq!(back.facts, known.facts);
        assert_eq!(back.secrets["refresh"].expose_secret(), "s3cret");
        assert!(sessions.load("bsky", "login-2").secrets.is_empty());
        let file = folder.path().join("sessions/bsky.json");
        let mode = std::fs::metadata(file).expect("is there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
