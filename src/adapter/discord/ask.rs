//! Whether a message is there: reads the channel backwards for a message of ours that says the same, and
//! calls it absent only where the channel was seen to go back before the first send.

use std::time::Duration;

use serde_json::Value;

use super::{channel, content};
use crate::adapter::{Doubt, Known, PREFLIGHTS_MAX, Said, answer};
use crate::model::{Found, Reference, Request, Response, Time};
use crate::post::template::{Fields, Mentions};
use crate::post::{link, text};

/// The most messages of one page.
/// <https://discord.com/developers/docs/resources/message#get-channel-messages>
const PAGE: usize = 100;
/// A message of the same content this much before our send may still be ours if clocks lie, so it keeps
/// "absent" from being said.
const NEAR: Duration = Duration::from_secs(24 * 60 * 60);

/// What was sent, as it would be recognised.
struct Sent {
    nonce: Option<String>,
    link: Option<String>,
    words: String,
}

impl Sent {
    fn of(doubt: &Doubt<'_>) -> Self {
        let body: Value = serde_json::from_str(&doubt.request.body).unwrap_or_default();
        let text = content(&body);
        let fields = Fields::of(doubt.piece.entry, Mentions::BreakMarkdown);
        let mut links = link::find(text).into_iter().map(|range| &text[range]);
        Self {
            nonce: answer::string(&body, "nonce"),
            link: links.find(|one| link::same(one, &fields.link)).map(str::to_owned),
            words: words(text),
        }
    }

    fn says_the_same(&self, message: &Value) -> bool {
        let text = content(message);
        match &self.link {
            Some(ours) => link::find(text).into_iter().any(|range| link::same(&text[range], ours)),
            None => !self.words.is_empty() && words(text) == self.words,
        }
    }
}

/// The channel of a stored request.
pub(super) fn channel(request: &Request) -> Option<&str> {
    request.path.strip_prefix("/channels/")?.strip_suffix("/messages")
}

/// What the pages so far show, or the path of the page that is still needed.
pub(super) fn read(
    doubt: &Doubt<'_>,
    known: &Known,
    answers: &[Response],
) -> Result<Found, String> {
    let Some(channel) = channel(doubt.request) else {
        return Ok(unsure("the stored request names no channel"));
    };
    let Some(us) = known.fact("account") else {
        return Ok(unsure("it is not known which account is ours"));
    };
    let sent = Sent::of(doubt);
    let mut similar = None;
    let mut before = None;
    for (number, page) in answers.iter().enumerate() {
        let Some(messages) = page.json().as_array().filter(|_| page.status == 200).cloned() else {
            return Ok(unsure(&format!("cannot read the channel: {}", answer::words(page))));
        };
        let cutoff = answer::cutoff(doubt.first_sent, doubt.piece.now, page);
        let ours = |message: &&Value| message["author"]["id"] == us;
        for message in messages.iter().filter(ours) {
            let by_nonce = sent.nonce.is_some() && answer::string(message, "nonce") == sent.nonce;
            if !by_nonce && !sent.says_the_same(message) {
                continue;
            }
            let reference = reference(known, channel, message);
            match made(message) {
                _ if by_nonce => return Ok(Found::There(reference)),
                Some(at) if at < cutoff.minus(NEAR) => {}
                Some(at) if at < cutoff => similar = Some(reference),
                // A person had it sent twice, and both say the same.
                _ if !doubt.alone => return Ok(alike(&reference)),
                _ => return Ok(Found::There(reference)),
            }
        }
        // "If the current user is missing the READ_MESSAGE_HISTORY permission [...] no messages will
        // be returned", so a channel that shows nothing at all proves nothing.
        let Some(last) = messages.last() else {
            return Ok(match similar {
                _ if number == 0 => unsure(
                    "the channel shows no message at all; let the bot read message history there",
                ),
                Some(similar) => alike(&similar),
                None => Found::Absent,
            });
        };
        if made(last).is_some_and(|at| at < cutoff) {
            return Ok(similar.map_or(Found::Absent, |similar| alike(&similar)));
        }
        before = answer::string(last, "id");
        if before.is_none() {
            return Ok(unsure("its messages have no ids"));
        }
    }
    if answers.len() >= PREFLIGHTS_MAX {
        return Ok(unsure("the channel's messages since then are too many to read"));
    }
    let before = before.map(|id| format!("&before={}", answer::segment(&id))).unwrap_or_default();
    Err(format!("/channels/{channel}/messages?limit={PAGE}{before}"))
}

/// The channel's newest messages.
pub(super) fn newest(channel: &str) -> String {
    format!("/channels/{}/messages?limit={PAGE}", answer::segment(channel))
}

/// What a page of a channel shows of ours.
pub(super) fn said(known: &Known, channel: &str, page: &Response) -> Option<Vec<Said>> {
    let us = known.fact("account")?;
    let messages = page.json().as_array().filter(|_| page.status == 200)?.clone();
    let ours = messages.iter().filter(|message| message["author"]["id"] == us);
    let said = |message: &Value| {
        let text = content(message);
        let links = link::find(text).into_iter().map(|range| text[range].to_owned()).collect();
        Said { reference: reference(known, channel, message), at: made(message), links }
    };
    Some(ours.map(said).collect())
}

fn reference(known: &Known, channel: &str, message: &Value) -> Reference {
    let id = answer::string(message, "id");
    let url = id.as_deref().and_then(|id| channel::link(known, channel, id));
    Reference { id, url, ..Reference::default() }
}

fn alike(other: &Reference) -> Found {
    let other = other.url.as_deref().unwrap_or("a message");
    unsure(&format!("{other} says the same; see whether it is ours"))
}

fn unsure(why: &str) -> Found {
    Found::Unsure(why.to_owned())
}

fn made(message: &Value) -> Option<Time> {
    message["timestamp"].as_str()?.parse().ok().map(Time::from_timestamp)
}

/// "Discord may strip certain characters from message content", spaces among them; the rest stays.
fn words(text: &str) -> String {
    let mut rest = text.to_owned();
    for range in link::find(text).into_iter().rev() {
        rest.replace_range(range, "");
    }
    rest.retain(|c| !c.is_whitespace() && text::is_allowed(c));
    rest
}
