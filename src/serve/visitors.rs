//! Who may change things from the page: whoever has opened a link that the control socket gave, once.
//!
//! A session is a signed cookie and no row anywhere: it outlives a restart, and ends with its time or
//! with the key, which stands in a 0600 file beside the ledger.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use data_encoding::HEXLOWER;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::clock::Mark;
use crate::model::Time;

/// How long a link can be opened.
pub(super) const LINK_FOR: Duration = Duration::from_secs(10 * 60);
/// How long a session lasts.
pub(super) const SESSION_FOR: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// Links that wait to be opened, and words that wait to be read.
const WAITING_MAX: usize = 32;

/// The keeper of the page's door.
#[derive(Debug)]
pub(super) struct Visitors {
    file: PathBuf,
    key: OnceLock<[u8; 32]>,
    links: Mutex<BTreeMap<String, (Mark, String)>>,
    words: Mutex<BTreeMap<String, String>>,
}

/// Somebody who may change things.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Session {
    /// Who they are, for the journal.
    pub(super) who: String,
    /// What each of their forms must bring.
    pub(super) token: String,
    id: String,
}

impl Visitors {
    /// The door of a house whose key stands in this file.
    pub(super) fn with(file: PathBuf) -> Self {
        let (key, links, words) = (OnceLock::new(), Mutex::default(), Mutex::default());
        Self { file, key, links, words }
    }

    /// A key to the door for `who`, good once.
    pub(super) fn invite(&self, who: &str) -> String {
        let link = HEXLOWER.encode(&random::<16>());
        let mut links = self.links.lock().unwrap_or_else(PoisonError::into_inner);
        links.retain(|_, (since, _)| since.elapsed() < LINK_FOR);
        if links.len() >= WAITING_MAX {
            links.pop_first();
        }
        links.insert(link.clone(), (Mark::here(), who.to_owned()));
        link
    }

    /// The cookie of whoever brings a key, which is used up by that.
    pub(super) fn enter(&self, link: &str, now: Time) -> Option<String> {
        let mut links = self.links.lock().unwrap_or_else(PoisonError::into_inner);
        let (since, who) = links.remove(link)?;
        if since.elapsed() >= LINK_FOR {
            return None;
        }
        let id = HEXLOWER.encode(&random::<16>());
        let ends = now.plus(SESSION_FOR).as_millis();
        let said = format!("{id}.{ends}.{}", HEXLOWER.encode(who.as_bytes()));
        let seal = HEXLOWER.encode(&self.seal("session", &said).finalize().into_bytes());
        Some(format!("{said}.{seal}"))
    }

    /// Who brings this cookie.
    pub(super) fn session(&self, cookie: &str, now: Time) -> Option<Session> {
        let (said, seal) = cookie.rsplit_once('.')?;
        let seal = HEXLOWER.decode(seal.as_bytes()).ok()?;
        self.seal("session", said).verify_slice(&seal).ok()?;
        let mut parts = said.split('.');
        let (id, ends, who) = (parts.next()?, parts.next()?, parts.next()?);
        if now.as_millis() >= ends.parse().ok()? {
            return None;
        }
        let who = String::from_utf8(HEXLOWER.decode(who.as_bytes()).ok()?).ok()?;
        let token = HEXLOWER.encode(&self.seal("form", said).finalize().into_bytes());
        Some(Session { who, token, id: id.to_owned() })
    }

    /// Whether a form comes from a page that this session was shown.
    pub(super) fn is_ours(&self, session: &Session, token: &str) -> bool {
        // Both are sealed by us; comparing seals of them takes the same time whatever differs.
        let (one, two) = (self.seal("same", &session.token), self.seal("same", token));
        one.verify_slice(&two.finalize().into_bytes()).is_ok()
    }

    /// What the next page of this session says first.
    pub(super) fn say(&self, session: &Session, what: String) {
        let mut words = self.words.lock().unwrap_or_else(PoisonError::into_inner);
        if words.len() >= WAITING_MAX {
            words.pop_first();
        }
        words.insert(session.id.clone(), what);
    }

    /// What there is to say first, once.
    pub(super) fn said(&self, session: &Session) -> Option<String> {
        self.words.lock().unwrap_or_else(PoisonError::into_inner).remove(&session.id)
    }

    fn seal(&self, what: &str, said: &str) -> Hmac<Sha256> {
        let key = self.key.get_or_init(|| {
            kept(&self.file).unwrap_or_else(|error| {
                // Sessions then end with the process.
                tracing::warn!(file = %self.file.display(), %error, "the page's key cannot be kept");
                random()
            })
        });
        let mac = <Hmac<Sha256> as KeyInit>::new_from_slice(key);
        let mut mac = mac.unwrap_or_else(|_| unreachable!("HMAC takes a key of any length"));
        mac.update(format!("oncecast page {what}\n{said}").as_bytes());
        mac
    }
}

/// The key in the file, or a new one that is put there.
fn kept(file: &Path) -> std::io::Result<[u8; 32]> {
    if let Ok(text) = std::fs::read_to_string(file)
        && let Ok(bytes) = HEXLOWER.decode(text.trim().as_bytes())
        && let Ok(key) = <[u8; 32]>::try_from(bytes)
    {
        return Ok(key);
    }
    let key: [u8; 32] = random();
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let fresh = file.with_extension("new");
    let mut options = std::fs::OpenOptions::new();
    let mut out = options.write(true).create(true).truncate(true).mode(0o600).open(&fresh)?;
    writeln!(out, "{}", HEXLOWER.encode(&key))?;
    out.sync_all()?;
    std::fs::rename(fresh, file)?;
    Ok(key)
}

#[expect(clippy::expect_used, reason = "without random numbers there is no door to keep")]
fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the system has random numbers");
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Time = Time::from_millis(1_767_323_045_000);

    /// A link in a chat, an old cookie or another house's: each would let a stranger tick posts off that
    /// nobody has posted.
    #[tokio::test(start_paused = true)]
    async fn a_link_opens_once_and_a_session_ends() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("sessions/page.key");
        let door = Visitors::with(file.clone());
        let link = door.invite("uid 7");
        let cookie = door.enter(&link, NOW).expect("it opens");
        assert_eq!(door.enter(&link, NOW), None, "once");
        let session = door.session(&cookie, NOW).expect("let in");
        assert_eq!(session.who, "uid 7");
        assert!(door.is_ours(&session, &session.token) && !door.is_ours(&session, "x"));
        let later = Visitors::with(file.clone());
        assert_eq!(later.session(&cookie, NOW), Some(session), "a restart ends no session");
        assert_eq!(later.session(&cookie, NOW.plus(SESSION_FOR)), None, "its time does");
        std::fs::remove_file(&file).expect("it was kept");
        let another = Visitors::with(file);
        assert_eq!(another.session(&cookie, NOW), None, "and so does a new key");
        for at in 0..cookie.len() {
            let mut bytes = cookie.clone().into_bytes();
            bytes[at] = if bytes[at] == b'0' { b'1' } else { b'0' };
            let forged = String::from_utf8(bytes).expect("text");
            assert_eq!(later.session(&forged, NOW), None, "{forged}");
        }
        let link = door.invite("uid 7");
        tokio::time::advance(LINK_FOR).await;
        assert_eq!(door.enter(&link, NOW), None, "too late");
        assert_eq!(door.enter("", NOW), None);
    }
}
