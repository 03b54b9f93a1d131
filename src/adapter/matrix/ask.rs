//! Whether a message is there: reads the room backwards for our own mark, and calls it absent only
//! where the room provably goes back before the first send.

use serde_json::Value;

use super::{MARK, reference};
use crate::adapter::{Doubt, Known, PREFLIGHTS_MAX, Said, answer};
use crate::model::{Found, Request, Response, Time};
use crate::post::link;

/// Events of one page.
const PAGE: usize = 100;

/// The room of a stored request, encoded.
pub(super) fn room(request: &Request) -> Option<&str> {
    let path = request.path.strip_prefix("/_matrix/client/v3/rooms/")?;
    path.split_once('/').map(|(room, _)| room)
}

/// The page to ask for next.
#[derive(Debug)]
pub(super) struct NextPage {
    from: Option<String>,
}

impl NextPage {
    /// `room` is encoded already.
    pub(super) fn path(&self, room: &str) -> String {
        let from = self.from.as_deref().map(|from| format!("&from={}", answer::segment(from)));
        format!(
            "/_matrix/client/v3/rooms/{room}/messages?dir=b&limit={PAGE}{}",
            from.unwrap_or_default()
        )
    }
}

/// What the pages so far show, or which page is still needed. `room` is encoded.
pub(super) fn read(
    doubt: &Doubt<'_>,
    known: &Known,
    room: &str,
    answers: &[Response],
) -> Result<Found, NextPage> {
    let Some(user) = known.fact("user") else {
        return Ok(unsure("it is not known which user is ours"));
    };
    let key = doubt.piece.key.as_str();
    let mut from = None;
    for page in answers {
        let body = page.json();
        let Some(events) = body["chunk"].as_array().filter(|_| page.status == 200) else {
            return Ok(unsure(&format!("cannot read the room: {}", answer::words(page))));
        };
        // The mark alone could be anybody's; the server vouches for the sender, and for the
        // transaction id, which outlives a redaction.
        let ours = events.iter().filter(|event| event["sender"] == user).find(|event| {
            event["content"][MARK] == key || event["unsigned"]["transaction_id"] == key
        });
        if let Some(event) = ours {
            return Ok(Found::There(reference(room, event)));
        }
        let cutoff = answer::cutoff(doubt.first_sent, doubt.piece.now, page);
        if events.iter().any(|event| is_of_server(event, user) && sent(event) < Some(cutoff)) {
            return Ok(Found::Absent);
        }
        // "If no further events are available [...] this property is omitted."
        from = answer::string(&body, "end");
        if from.is_none() {
            return Ok(Found::Absent);
        }
    }
    if answers.len() >= PREFLIGHTS_MAX {
        return Ok(unsure("the room's messages since then are too many to read"));
    }
    Err(NextPage { from })
}

/// The room's newest events. `room` is encoded.
pub(super) fn newest(room: &str) -> String {
    NextPage { from: None }.path(room)
}

/// What a page of a room shows of ours. `room` is encoded.
pub(super) fn said(room: &str, user: &str, page: &Response) -> Option<Vec<Said>> {
    let events = page.json()["chunk"].as_array().filter(|_| page.status == 200)?.clone();
    // An edit is no post of its own.
    let is_edit = |event: &Value| event["content"]["m.relates_to"]["rel_type"] == "m.replace";
    let ours = events.iter().filter(|e| e["sender"] == user && e["type"] == "m.room.message");
    let ours = ours.filter(|event| !is_edit(event));
    let said = |event: &Value| {
        let text = event["content"]["body"].as_str().unwrap_or_default();
        let links = link::find(text).into_iter().map(|range| text[range].to_owned()).collect();
        Said { reference: reference(room, event), at: sent(event), links }
    };
    Some(ours.map(said).collect())
}

pub(super) fn unsure(why: &str) -> Found {
    Found::Unsure(why.to_owned())
}

/// Whether our own homeserver dated an event; other servers may write what they like.
fn is_of_server(event: &Value, user: &str) -> bool {
    let server = |id: &str| id.split_once(':').map(|(_, server)| server.to_owned());
    let sender = event["sender"].as_str().and_then(server);
    sender.is_some() && sender == server(user) && sent(event).is_some()
}

fn sent(event: &Value) -> Option<Time> {
    event["origin_server_ts"].as_u64().map(Time::from_millis)
}
