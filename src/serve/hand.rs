//! Posting by hand: the list with its finished texts, and what a person says to it. One way for the page,
//! the command line with a daemon and the command line without one.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::adapter::{Known, registry};
use crate::desk::hand::{HandItem, HandList, HandState, LIST_MAX, Say};
use crate::desk::verb::{Answer, delivery_of};
use crate::desk::{Failure, exit};
use crate::flow::compose::{compose, piece};
use crate::ledger::DeliveryView;
use crate::ledger::hand::{Act, Item, Lane, Moved};
use crate::model::{DeliveryId, Method, Reference, Request, Status, Time};

use super::{Facts, Shared};

/// The longest address of a post that is taken.
const URL_MAX: usize = 2_048;
/// A reason is a sentence.
const REASON_MAX: usize = 500;

impl Shared {
    /// Does what a person says of posts that are posted by hand.
    ///
    /// # Errors
    /// What could not be done, with its exit code.
    pub async fn hand(&self, say: Say, who: &str) -> Result<Answer, Failure> {
        let Some(name) = say.delivery() else {
            return Ok(Answer::Hand { list: self.hand_list(None).await? });
        };
        let view = delivery_of(self.ledger.as_ref(), name).await?;
        let item = self.hand_list(Some(view.id)).await?.items.pop();
        let act = match say {
            Say::List => return Err(Failure::new(exit::FAILED, "nothing was asked")),
            Say::Open { .. } => Act::Open(text_of(item.as_ref())?),
            Say::Done { url, .. } => {
                let reference =
                    Reference { url: url.map(address).transpose()?, ..Reference::default() };
                // What is there is recorded even where its text cannot be made any more.
                let request = text_of(item.as_ref()).unwrap_or_else(|_| text(String::new()));
                Act::Posted { reference, request }
            }
            Say::NotPosted { attempt, .. } => Act::NotPosted { attempt },
            Say::Skip { reason, attempt, .. } => Act::Skip { why: sentence(&reason)?, attempt },
        };
        let begins = matches!(act, Act::Open(_));
        match self.ledger.by_hand(view.id, act, who.to_owned()).await? {
            Moved::To(Status::Claimed { .. }) if begins => {
                let item = self.hand_list(Some(view.id)).await?.items.pop();
                let gone = || Failure::new(exit::FAILED, "it is begun and cannot be shown");
                Ok(Answer::HandOpen { item: Box::new(item.ok_or_else(gone)?) })
            }
            Moved::To(Status::InDoubt { .. }) if begins => {
                let words = "a lost ledger tells that it was begun before: look whether it is there, \
                             then say so: --done or --not-posted";
                Err(Failure::new(exit::REFUSED, words))
            }
            Moved::To(status) => {
                Ok(Answer::Moved { deliveries: vec![DeliveryView { status, ..view }] })
            }
            Moved::NotNow { wait, why } => {
                let later = wait.map(|wait| format!("; again in {}", span(wait)));
                let code = if wait.is_some() { exit::LATER } else { exit::REFUSED };
                Err(Failure::new(code, format!("not now: {why}{}", later.unwrap_or_default())))
            }
        }
    }

    pub(super) async fn hand_list(&self, only: Option<DeliveryId>) -> Result<HandList, Failure> {
        let list = self.ledger.checklist(only, LIST_MAX).await?;
        let (facts, now) = (self.facts(), self.clock.now());
        let mut pace = Pace::of(&list.lanes, &facts, now);
        let items = list.items.into_iter().map(|item| shown(item, &facts, &mut pace, now));
        Ok(HandList { now, items: items.collect(), more: list.more, stopped: list.stopped })
    }
}

/// When the next post of each lane is best begun.
struct Pace<'a> {
    lanes: BTreeMap<&'a str, (Time, Duration, Option<String>)>,
}

impl<'a> Pace<'a> {
    fn of(lanes: &'a [Lane], facts: &Facts, now: Time) -> Self {
        let of = |lane: &'a Lane| {
            let integration = facts.integrations.iter().find(|i| i.name == lane.name);
            let every = integration.map_or(Duration::ZERO, |i| i.pace.every);
            let rest = lane.last.map_or(Duration::ZERO, |last| every.saturating_sub(last));
            let full = lane.full.as_ref().map_or(Duration::ZERO, |(wait, _)| *wait);
            let why = lane.shut.clone().or_else(|| lane.full.as_ref().map(|(_, why)| why.clone()));
            (lane.name.as_str(), (now.plus(rest.max(full)), every, why))
        };
        Self { lanes: lanes.iter().map(of).collect() }
    }

    /// The best time for one more post of a lane, not before it is due; and why it cannot begin now.
    fn next(&mut self, lane: &str, due: Time) -> (Option<Time>, Option<String>) {
        let Some((next, every, why)) = self.lanes.get_mut(lane) else { return (None, None) };
        let suggested = (*next).max(due);
        *next = suggested.plus(*every);
        (Some(suggested), why.clone())
    }
}

fn shown(item: Item, facts: &Facts, pace: &mut Pace<'_>, now: Time) -> HandItem {
    let due = &item.due;
    let group = facts.groups.iter().find(|group| group.name == due.group);
    let lane = group.map(|g| g.integration.as_str()).unwrap_or_default();
    let (state, attempt) = match &item.status {
        Status::Claimed { attempt, .. } => (HandState::Open, *attempt),
        Status::InDoubt { attempt, .. } => (HandState::InDoubt, *attempt),
        _ => (HandState::Waits, due.attempt),
    };
    let made = facts.integrations.iter().find(|i| i.name == lane).zip(group).map(|(i, group)| {
        let adapter = registry::build(i);
        compose(adapter.as_ref(), &piece(due, group, now), &Known::default())
    });
    // What a person has begun says what they were given.
    let begun = state != HandState::Waits && item.by.is_some();
    let frozen = due.request.as_ref().filter(|_| begun).map(|request| request.body.clone());
    let (limit, fresh, unfit) = match made {
        Some(Ok((post, _))) => (post.limit, post.text, None),
        Some(Err(why)) => (0, String::new(), Some(why)),
        None => (0, String::new(), Some("its group is not in the config".to_owned())),
    };
    let unfit = unfit.filter(|_| frozen.is_none());
    let text = frozen.unwrap_or(fresh);
    let (mut suggested, mut trouble) = (None, None);
    if state == HandState::Waits {
        // Quiet hours are advice to a person, who may be up.
        let due = now.plus(item.later.unwrap_or_default());
        let quiet = group.and_then(|group| group.rules.quiet.as_ref());
        let due = quiet.map_or(due, |quiet| quiet.ends(due));
        (suggested, trouble) = pace.next(lane, due);
    }
    let view = |title: &String| if title.is_empty() { due.entry.link.clone() } else { None };
    HandItem {
        name: name_of(due),
        delivery: due.id,
        entry_id: due.entry_id,
        title: view(&due.entry.title).unwrap_or_else(|| due.entry.title.clone()),
        group: due.group.clone(),
        link: group.and_then(|g| g.link.as_ref()).map(ToString::to_string),
        length: crate::post::text::graphemes(&text),
        text,
        limit,
        state,
        attempt,
        by: item.by.filter(|_| state != HandState::Waits),
        since: item.since,
        suggested,
        trouble: unfit.or(trouble),
    }
}

fn name_of(due: &crate::ledger::DueWork) -> String {
    let short = due.entry_id.short();
    match due.id.generation {
        1 => format!("{short}/{}", due.group),
        generation => format!("{short}/{}/{generation}", due.group),
    }
}

fn text(body: String) -> Request {
    Request { method: Method::Post, path: String::new(), headers: Vec::new(), body }
}

/// What a person is given to post.
fn text_of(item: Option<&HandItem>) -> Result<Request, Failure> {
    match item {
        Some(HandItem { trouble: Some(why), text, .. }) if text.is_empty() => {
            Err(Failure::new(exit::REFUSED, format!("it cannot be made into a post: {why}")))
        }
        Some(item) => Ok(text(item.text.clone())),
        // The ledger says why it is not on the list.
        None => Ok(text(String::new())),
    }
}

/// Where a person says that it is: an address that a browser opens.
fn address(said: String) -> Result<String, Failure> {
    let said = said.trim();
    let web = ["https://", "http://"].iter().any(|scheme| said.starts_with(scheme));
    if !web || said.len() > URL_MAX || said.chars().any(|c| c.is_control() || c.is_whitespace()) {
        let words = "the address of the post starts with https:// and has no spaces";
        return Err(Failure::new(exit::USAGE, words));
    }
    Ok(said.to_owned())
}

/// A reason as the journal keeps it, for ever.
fn sentence(said: &str) -> Result<String, Failure> {
    let words: Vec<&str> = said.split(char::is_whitespace).filter(|w| !w.is_empty()).collect();
    let said = words.join(" ");
    if said.is_empty() || said.len() > REASON_MAX || said.chars().any(char::is_control) {
        return Err(Failure::new(exit::USAGE, "say why in a few words, at most 500 bytes"));
    }
    Ok(said)
}

/// A span as people say it.
pub(super) fn span(wait: Duration) -> String {
    match wait.as_secs() {
        0..60 => format!("{} s", wait.as_secs().max(1)),
        60..7_200 => format!("{} min", wait.as_secs().div_ceil(60)),
        seconds => format!("{} h", seconds.div_ceil(3_600)),
    }
}
