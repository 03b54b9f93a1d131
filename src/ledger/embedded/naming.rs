//! How a call names the post that it is to change: one that does not could make another.

use data_encoding::HEXLOWER_PERMISSIVE;

use crate::model::{Change, DeliveryId, Reference, Request};

use super::batch::Batch;
use super::records::DeliveryRow;

impl Batch<'_, '_> {
    /// Where a delivery's group posts now.
    pub(super) fn home(&self, id: DeliveryId) -> Option<String> {
        self.core.audience(id.group).map(|(audience, _)| audience.home.clone())
    }

    /// Where a delivery was sent, where that is not where its group posts now: who asks here, or repeats it
    /// here, learns and does nothing there.
    pub(super) fn left_behind<'a>(&self, id: DeliveryId, row: &'a DeliveryRow) -> Option<&'a str> {
        let home = self.home(id)?;
        row.home.as_deref().filter(|there| *there != home)
    }

    /// Why a post cannot be named from where its group posts now, where that is so: the same name may be
    /// another's there, and "there is no such post" would say nothing of this one.
    pub(super) fn moved(
        &self,
        id: DeliveryId,
        row: &DeliveryRow,
        change: Change,
    ) -> Option<String> {
        let home = self.home(id)?;
        let stands = match &row.home {
            Some(there) if *there == home => return None,
            Some(there) => format!("it was posted to {there}, and its group now posts to {home}"),
            None => "where it was posted was not kept".to_owned(),
        };
        Some(format!("{stands}: {}", by_hand(change)))
    }
}

/// What is left to a person where no call can name the post.
pub(super) const fn by_hand(change: Change) -> &'static str {
    match change {
        Change::Update => "change it by hand",
        Change::Retract => "take it away by hand, then say so: oncecast retract ENTRY --done",
    }
}

/// What names a post at its platform.
pub(super) fn named(reference: &Reference) -> Option<&str> {
    reference.id.as_deref().or(reference.url.as_deref()).filter(|name| !name.is_empty())
}

/// Whether a call names the post that readers have. One that does not could make another.
pub(super) fn names(request: &Request, reference: &Reference) -> bool {
    // A name of several parts, such as an address, may be said by its last one alone.
    let last = |name: &str| name.trim_end_matches('/').rsplit('/').next().map(str::to_owned);
    let Some(name) = named(reference).and_then(last).filter(|name| !name.is_empty()) else {
        return false;
    };
    // "1" stands in "113", and does not name it.
    let apart = |c: Option<char>| c.is_none_or(|c| !c.is_alphanumeric());
    [&request.path, &request.body].into_iter().any(|text| {
        let text = decoded(text);
        text.match_indices(&name).any(|(at, found)| {
            apart(text[..at].chars().next_back()) && apart(text[at + found.len()..].chars().next())
        })
    })
}

/// A text without percent-encoding.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let code = after.get(..2).filter(|_| *first == b'%');
        match code.and_then(|code| HEXLOWER_PERMISSIVE.decode(code).ok()) {
            Some(decoded) => {
                bytes.extend(decoded);
                rest = &after[2..];
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Method;

    fn request(path: &str, body: &str) -> Request {
        let (path, body) = (path.to_owned(), body.to_owned());
        Request { method: Method::Post, path, headers: Vec::new(), body }
    }

    /// A call that names no post could make one: readers would see the edit beside the original.
    #[test]
    fn a_call_that_does_not_name_the_post_is_not_made() {
        let of = |id: &str| Reference { id: Some(id.to_owned()), ..Reference::default() };
        for (id, path, body) in [
            ("113", "/api/v1/statuses/113", ""),
            ("at://did:plc:a/app.bsky.feed.post/3kx", "/xrpc/putRecord", "{\"rkey\":\"3kx\"}"),
            ("$ev/ent:x", "/rooms/r/redact/%24ev%2Fent%3Ax/k", ""),
            ("1503435956.000247", "/api/chat.delete", "{\"ts\":\"1503435956.000247\"}"),
        ] {
            assert!(names(&request(path, body), &of(id)), "{id}");
        }
        for (id, path, body) in [
            ("113", "/api/v1/statuses", "{\"status\":\"Hello\"}"),
            ("1", "/api/v1/statuses/113", ""),
            ("", "/api/v1/statuses", ""),
            ("$event", "/rooms/r/send/m.room.message/k", "{\"body\":\"Hello\"}"),
        ] {
            assert!(!names(&request(path, body), &of(id)), "{id}");
        }
        assert!(!names(&request("/posts", "x"), &Reference::default()));
    }
}
