//! WebSub: hubs that call when a feed changes (<https://www.w3.org/TR/websub/>). A call is only a reason to
//! poll: what it carries is never read as a feed.
//!
//! What is promised is remembered with the feed, and taken over at its next poll; between polls it stands
//! here. Whoever calls must name a path that nobody can guess, and sign what they say where they were given
//! a secret.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use data_encoding::{HEXLOWER, HEXLOWER_PERMISSIVE};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha1::Sha1;
use sha2::{Sha256, Sha384, Sha512};
use url::Url;

use crate::model::{Hub, Time};

/// Between two polls that a hub is the reason for.
const CALL_REST: Duration = Duration::from_secs(60);
/// A hub that did not confirm is asked again after this.
const ASK_REST: Duration = Duration::from_secs(60 * 60);
/// What is asked for; the hub says what it gives.
const LEASE_WANTED: Duration = Duration::from_secs(10 * 86_400);
/// Longer promises are not relied on.
const LEASE_MAX: Duration = Duration::from_secs(30 * 86_400);
/// Bytes of a path and of a secret.
const RANDOM: usize = 24;
/// Many are called at the same moment: not all of them ask in it.
const SPREAD: Duration = Duration::from_secs(30);
/// As much of a hub's words is kept.
const WORDS_MAX: usize = 200;

/// Every subscription of this process.
#[derive(Debug, Default)]
pub struct Hubs {
    callback: Option<Url>,
    rows: Mutex<HashMap<String, Row>>,
}

/// One feed's subscription.
#[derive(Debug, Default)]
struct Row {
    hub: Hub,
    /// Whether it has called, and no poll has come of it yet.
    rings: bool,
    /// Whether the feed is on this machine, where nobody else is called at the same moment.
    is_here: bool,
}

/// What a hub's call came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Called {
    /// Nobody is subscribed there: the hub may stop.
    Nobody,
    /// It is not signed as it should be.
    Forged,
    /// A poll of this feed will come of it, not before this long.
    Polls(String, Duration),
}

impl Hubs {
    /// Subscriptions under this public address; without one there are none.
    #[must_use]
    pub fn new(callback: Option<Url>) -> Self {
        Self { callback, rows: Mutex::default() }
    }

    fn rows(&self) -> MutexGuard<'_, HashMap<String, Row>> {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is known of a feed's hub by now: what its document said and what the hub has said since.
    #[must_use]
    pub fn known(&self, feed: &str, remembered: Option<Hub>, is_here: bool) -> Option<Hub> {
        let mut rows = self.rows();
        let Some(remembered) = remembered else {
            rows.remove(feed);
            return None;
        };
        if self.callback.is_none() {
            // Nobody could call: its promise must keep no poll waiting.
            return Some(Hub { lease: None, ..remembered });
        }
        if remembered.path.is_empty() {
            rows.remove(feed);
            return Some(remembered);
        }
        let row = rows.entry(feed.to_owned()).or_default();
        if row.hub.path != remembered.path {
            *row = Row { hub: remembered, rings: false, is_here };
        }
        Some(row.hub.clone())
    }

    /// Whether a hub has called, and no poll has come of it yet.
    #[must_use]
    pub fn has_called(&self, feed: &str) -> bool {
        self.rows().get(feed).is_some_and(|row| row.rings)
    }

    /// A poll begins: whatever its hub has called for, this is it.
    pub fn answered(&self, feed: &str) {
        if let Some(row) = self.rows().get_mut(feed) {
            row.rings = false;
        }
    }

    /// What to ask a feed's hub for now, if anything: the hub as it is to be remembered first, and the form.
    /// `is_here` says that the feed is on this machine.
    #[must_use]
    pub fn asks(&self, feed: &str, hub: &Hub, now: Time, is_here: bool) -> Option<(Hub, String)> {
        let callback = self.callback.as_ref()?;
        if !is_wanted(hub, now) {
            return None;
        }
        let mut hub = Hub { asked: Some(now), ..hub.clone() };
        if hub.path.is_empty() {
            hub.path = random()?;
            // A secret that others can read is none.
            let is_safe = is_here || hub.url.starts_with("https://");
            hub.secret = if is_safe { Some(random()?) } else { None };
        }
        let seconds = LEASE_WANTED.as_secs().to_string();
        let mut form = url::form_urlencoded::Serializer::new(String::new());
        let at = format!("{}/{}", callback.as_str().trim_end_matches('/'), hub.path);
        form.append_pair("hub.mode", "subscribe").append_pair("hub.topic", &hub.topic);
        form.append_pair("hub.callback", &at).append_pair("hub.lease_seconds", &seconds);
        if let Some(secret) = &hub.secret {
            form.append_pair("hub.secret", secret);
        }
        let mut rows = self.rows();
        let row = rows.entry(feed.to_owned()).or_default();
        (row.hub, row.is_here) = (hub.clone(), is_here);
        Some((hub, form.finish()))
    }

    /// What became of asking a hub, where it said no.
    pub fn refused(&self, feed: &str, why: &str) {
        if let Some(row) = self.rows().get_mut(feed) {
            row.hub.trouble = Some(why.chars().take(WORDS_MAX).collect());
        }
    }

    /// A hub asks whether we meant it. Comes back with whether we did.
    #[must_use]
    pub fn confirms(&self, path: &str, topic: &str, lease: Option<u64>, now: Time) -> bool {
        let mut rows = self.rows();
        let Some((feed, row)) = find(&mut rows, path) else { return false };
        if row.hub.topic != topic || row.hub.asked.is_none() {
            return false;
        }
        let lease = lease.map_or(LEASE_WANTED, Duration::from_secs).min(LEASE_MAX);
        row.hub.lease = Some((now, lease));
        row.hub.trouble = None;
        tracing::info!(feed.name = %feed, seconds = lease.as_secs(), "a hub calls when it changes");
        true
    }

    /// A hub says that it does not, or no longer.
    pub fn denied(&self, path: &str, topic: &str, why: &str) {
        let mut rows = self.rows();
        if let Some((feed, row)) = find(&mut rows, path).filter(|(_, row)| row.hub.topic == topic) {
            let why: String = why.chars().filter(|c| !c.is_control()).take(WORDS_MAX).collect();
            tracing::warn!(feed.name = %feed, reason = %why, "its hub does not call");
            row.hub.lease = None;
            row.hub.trouble = Some(format!("it was denied: {why}"));
        }
    }

    /// Whether anybody is subscribed under a path.
    #[must_use]
    pub fn is_known(&self, path: &str) -> bool {
        find(&mut self.rows(), path).is_some()
    }

    /// A hub calls: `signature` is its `X-Hub-Signature`.
    #[must_use]
    pub fn called(&self, path: &str, signature: Option<&str>, body: &[u8], now: Time) -> Called {
        let mut rows = self.rows();
        let Some((feed, row)) = find(&mut rows, path) else { return Called::Nobody };
        if let Some(secret) = &row.hub.secret
            && !is_signed(secret, signature, body)
        {
            return Called::Forged;
        }
        let rest = row.hub.called.map_or(Duration::ZERO, |last| last.plus(CALL_REST).since(now));
        if !row.rings {
            row.rings = true;
            row.hub.called = Some(now.plus(rest));
        }
        let spread = if row.is_here { Duration::ZERO } else { SPREAD };
        Called::Polls(feed.clone(), rest.min(CALL_REST) + spread.mul_f64(fastrand::f64()))
    }
}

fn find<'a>(rows: &'a mut HashMap<String, Row>, path: &str) -> Option<(&'a String, &'a mut Row)> {
    if path.is_empty() {
        return None;
    }
    rows.iter_mut().find(|(_, row)| row.hub.path == path)
}

/// Whether a hub is to be asked now: it never was, or its promise has a fifth of its time left.
fn is_wanted(hub: &Hub, now: Time) -> bool {
    let rests = hub.asked.is_some_and(|asked| now.since(asked) < ASK_REST);
    let holds = hub.lease.is_some_and(|(from, lease)| now < from.plus(lease / 5 * 4));
    !rests && !holds
}

fn random() -> Option<String> {
    let mut bytes = [0; RANDOM];
    getrandom::fill(&mut bytes).ok()?;
    Some(HEXLOWER.encode(&bytes))
}

/// `X-Hub-Signature: METHOD=HEX`, an HMAC over the body.
fn is_signed(secret: &str, signature: Option<&str>, body: &[u8]) -> bool {
    let Some((method, hex)) = signature.and_then(|s| s.trim().split_once('=')) else {
        return false;
    };
    let Ok(mark) = HEXLOWER_PERMISSIVE.decode(hex.trim().as_bytes()) else { return false };
    macro_rules! holds {
        ($hash:ty) => {
            Hmac::<$hash>::new_from_slice(secret.as_bytes()).is_ok_and(|mut mac| {
                mac.update(body);
                mac.verify_slice(&mark).is_ok()
            })
        };
    }
    match method.trim().to_ascii_lowercase().as_str() {
        "sha1" => holds!(Sha1),
        "sha256" => holds!(Sha256),
        "sha384" => holds!(Sha384),
        "sha512" => holds!(Sha512),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Time = Time::from_millis(1_767_323_045_000);
    const DAY: Duration = Duration::from_secs(86_400);

    fn hub() -> Hub {
        let (url, topic) = ("https://hub.example/".into(), "https://blog.example/feed".into());
        Hub { url, topic, ..Hub::default() }
    }

    fn subscribed() -> (Hubs, Hub) {
        let hubs = Hubs::new(Url::parse("https://me.example/websub/").ok());
        let (hub, _) = hubs.asks("blog", &hub(), NOW, true).expect("asked");
        (hubs, hub)
    }

    fn signed(secret: &str, body: &[u8]) -> String {
        let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("any length");
        mac.update(body);
        format!("sha256={}", HEXLOWER.encode(&mac.finalize().into_bytes()))
    }

    #[test]
    fn a_hub_is_asked_once_and_again_before_its_promise_ends() {
        let (hubs, hub) = subscribed();
        let form = Hubs::new(Url::parse("https://me.example/websub/").ok())
            .asks("blog", &self::hub(), NOW, false)
            .expect("asked")
            .1;
        for part in [
            "hub.mode=subscribe",
            "hub.topic=https%3A%2F%2Fblog.example%2Ffeed",
            "hub.callback=https%3A%2F%2Fme.example%2Fwebsub%2F",
            "hub.secret=",
        ] {
            assert!(form.contains(part), "{form}");
        }
        assert!(hubs.asks("blog", &hub, NOW.plus(ASK_REST / 2), false).is_none(), "it has time");
        assert!(hubs.asks("blog", &hub, NOW.plus(ASK_REST), false).is_some(), "it said nothing");
        assert!(!hubs.confirms("guessed", &hub.topic, None, NOW));
        assert!(!hubs.confirms(&hub.path, "https://other.example/", None, NOW), "another topic");
        assert!(hubs.confirms(&hub.path, &hub.topic, Some(10 * 86_400), NOW));
        let hub = hubs.known("blog", Some(hub), true).expect("known");
        assert!(hub.is_live(NOW.plus(DAY * 9)) && !hub.is_live(NOW.plus(DAY * 11)));
        assert!(hubs.asks("blog", &hub, NOW.plus(DAY * 7), false).is_none());
        let (again, _) = hubs.asks("blog", &hub, NOW.plus(DAY * 8), false).expect("renewed");
        assert_eq!((again.path, again.secret), (hub.path, hub.secret), "the same place");
        let plain = Hub { url: "http://hub.example/".into(), ..self::hub() };
        let (plain, _) = hubs.asks("other", &plain, NOW, false).expect("asked");
        assert_eq!(plain.secret, None, "a secret that others can read is none");
    }

    #[test]
    fn whoever_cannot_sign_is_not_heard_and_a_hub_that_shouts_is_heard_once_a_minute() {
        let (hubs, hub) = subscribed();
        let secret = hub.secret.clone().expect("one");
        let good = signed(&secret, b"anything");
        assert_eq!(hubs.called("guessed", Some(&good), b"anything", NOW), Called::Nobody);
        assert_eq!(hubs.called("", Some(&good), b"anything", NOW), Called::Nobody);
        for bad in [None, Some("sha256=00"), Some("md5=00"), Some(""), Some(&*signed("no", b"x"))] {
            assert_eq!(hubs.called(&hub.path, bad, b"anything", NOW), Called::Forged, "{bad:?}");
        }
        assert_eq!(hubs.called(&hub.path, Some(&good), b"changed", NOW), Called::Forged);
        assert!(!hubs.has_called("blog"));
        let call = |now| hubs.called(&hub.path, Some(&good), b"anything", now);
        let polls = |after| Called::Polls("blog".to_owned(), after);
        assert_eq!(call(NOW), polls(Duration::ZERO));
        assert!(hubs.has_called("blog"));
        hubs.answered("blog");
        assert!(!hubs.has_called("blog"), "one poll is enough");
        let soon = NOW.plus(CALL_REST / 3);
        assert_eq!(call(soon), polls(CALL_REST * 2 / 3), "later, and not forgotten");
        assert_eq!(call(soon), polls(CALL_REST));
        assert!(hubs.has_called("blog"));
    }

    #[test]
    fn a_promise_keeps_no_poll_waiting_where_nobody_could_call() {
        let live = Hub { lease: Some((NOW, DAY)), path: "p".into(), ..hub() };
        let without = Hubs::new(None).known("blog", Some(live.clone()), true).expect("known");
        assert!(!without.is_live(NOW));
        let (hubs, _) = subscribed();
        assert_eq!(
            hubs.known("other", Some(live.clone()), true),
            Some(live.clone()),
            "after a restart"
        );
        hubs.denied("p", &live.topic, "go\naway");
        let denied = hubs.known("other", Some(live), true).expect("known");
        assert!(!denied.is_live(NOW) && denied.trouble.is_some_and(|t| t.contains("goaway")));
    }
}
