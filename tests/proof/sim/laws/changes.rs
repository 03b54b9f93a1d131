//! What holds of changes: each is a call of its own right, to the one post that it names, for a reason.

use std::time::Duration;

use oncecast::ledger::AmendPermit;
use oncecast::model::{Change, DeliveryId, Time};

use super::super::platforms::Call;
use super::super::truth::Post;
use super::super::world::HOUR;
use super::{Laws, SLACK};

/// The page of a deleted entry has said so for as long before its posts are taken away.
const GONE_FOR: Duration = HOUR.saturating_mul(16);

/// A change that was granted and not yet sent.
#[derive(Debug)]
pub(super) struct Wish {
    lane: usize,
    path: String,
    body: Vec<u8>,
    post: Option<Post>,
}

impl Laws {
    /// A permit for a change was given. Its post was away from the blog for so long, at the longest.
    pub(in crate::sim) fn change_granted(
        &mut self,
        permit: &AmendPermit,
        now: Time,
        gone_for: Duration,
    ) {
        let id = permit.delivery();
        let (Some(lane), post) = (self.lane(id), self.post(id)) else {
            return self.broken.push(format!("a change of {id} was claimed and never offered"));
        };
        if let Some(why) = self.forbidden {
            self.broken.push(format!("I8: a change of {id} was claimed, {why}"));
        }
        if self.stopped || self.paused.contains(&lane) {
            self.broken.push(format!("a change of {id} was claimed in a lane that is stopped"));
        }
        let rules = &self.lanes[lane];
        let told = format!("a change of {id}");
        Self::weigh(&mut self.changes, &mut self.broken, rules, lane, now, &told);
        let wanted = match permit.change() {
            Change::Update => rules.on_edit,
            Change::Retract => {
                let by_person = post.is_some_and(|post| self.taken.contains(&(lane, post)));
                by_person || (rules.on_delete && gone_for + SLACK >= GONE_FOR)
            }
        };
        if !wanted {
            let (change, name) = (permit.change().word(), rules.name);
            self.broken.push(format!(
                "{change} of post {post:?} in {name}, which nobody wants: away for {gone_for:?}"
            ));
        }
        let request = permit.request();
        let (path, body) = (request.path.clone(), request.body.clone().into_bytes());
        self.calls.insert(id, (permit.change(), body.clone()));
        // The one before it was dropped: it is never sent any more.
        self.wishes.retain(|wish| wish.lane != lane || wish.path != path || wish.body != body);
        self.wishes.push(Wish { lane, path, body, post });
    }

    /// A call that changes a post leaves; says which post it is to be.
    pub(in crate::sim) fn changes(&mut self, call: &Call) -> Option<Post> {
        let same = |wish: &Wish| {
            wish.lane == call.lane && wish.body == call.body && call.path.ends_with(&wish.path)
        };
        let found = self.wishes.iter().rposition(same);
        let Some(at) = found else {
            let name = self.lanes[call.lane].name;
            self.broken.push(format!("a change that no claim names: {name} {}", call.path));
            return None;
        };
        if let Some(why) = self.forbidden {
            self.broken.push(format!("I8: a change in {}, {why}", self.lanes[call.lane].name));
        }
        self.wishes.swap_remove(at).post
    }

    /// A call that changes a post was heard, and touched this one; so many posts stood there before and stand
    /// there now.
    pub(in crate::sim) fn changed(
        &mut self,
        call: &Call,
        touched: Option<Post>,
        before: usize,
        after: usize,
    ) {
        let (name, of) = (self.lanes[call.lane].name, call.changes.flatten());
        if after > before {
            self.broken.push(format!("a change made a post in {name}: {}", call.path));
        }
        if touched.is_some() && touched != of {
            self.broken.push(format!("a change of post {of:?} in {name} touched {touched:?}"));
        }
    }

    /// A change is told as done: readers see what the call had them see, or nothing.
    pub(in crate::sim) fn told_done(&mut self, id: DeliveryId, seen: Option<&str>) {
        let Some((change, body)) = self.calls.get(&id) else {
            return self.broken.push(format!("a change of {id} is done that was never claimed"));
        };
        // As it stands in a body of JSON.
        let quoted = |text: &str| serde_json::Value::from(text).to_string();
        let is_said = |text: &str| String::from_utf8_lossy(body).contains(&quoted(text));
        let (word, fits) = match change {
            Change::Update => ("update", seen.is_none_or(is_said)),
            Change::Retract => ("retract", seen.is_none()),
        };
        if !fits {
            self.broken.push(format!("{word} of {id} is told as done, and readers see {seen:?}"));
        }
    }

    /// Whether nothing was ever claimed of a post there, nor wanted by hand.
    pub(in crate::sim) fn is_untouched(&self, lane: usize, post: Post) -> bool {
        !self.claimed.contains(&(lane, post)) && !self.by_hand.contains(&(lane, post))
    }
}
