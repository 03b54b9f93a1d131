//! I1 to I8, as they can be seen from outside after every step: at each claim, each call, each answer and
//! each word of a person; and what holds of changes (`changes.rs`). I9 and I10 are looked at where the house
//! is surveyed (`survey.rs`).

mod changes;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use oncecast::ledger::Permit;
use oncecast::model::{Change, DeliveryId, Time};

use super::plan::{Lane, Plan};
use super::platforms::Call;
use super::truth::{Post, post_in};
use super::world::MINUTE;

/// By so much the ages of claims may be told wrong across reboots: clocks that differ by less agree.
const SLACK: Duration = MINUTE;

/// A claim that was granted and not yet sent.
#[derive(Debug)]
struct Grant {
    key: String,
    path: String,
    body: Vec<u8>,
}

/// One publish call.
#[derive(Debug)]
struct Sent {
    post: Option<Post>,
    at: Time,
    body: Vec<u8>,
    /// Whether readers may have seen something of it, as far as anybody in the house knows.
    open: bool,
}

/// What the laws know.
#[derive(Debug, Default)]
pub(super) struct Laws {
    lanes: Vec<Lane>,
    granted: Vec<Grant>,
    sent: BTreeMap<(usize, String), Vec<Sent>>,
    /// The lane and the post of each delivery that was offered.
    lane_of: BTreeMap<DeliveryId, (usize, Option<Post>)>,
    claims: BTreeMap<usize, VecDeque<Time>>,
    /// Claims of changes, which the caps count by themselves.
    changes: BTreeMap<usize, VecDeque<Time>>,
    wishes: Vec<changes::Wish>,
    /// The last call for a change of each delivery, and the name of its post there.
    calls: BTreeMap<DeliveryId, (Change, Vec<u8>)>,
    pub(super) names: BTreeMap<DeliveryId, String>,
    /// What was ever claimed.
    claimed: BTreeSet<(usize, Post)>,
    /// What a person wants taken away.
    pub(super) taken: BTreeSet<(usize, Post)>,
    /// Whether edits were ever left alone, since so many came at once.
    pub(super) edits_held: bool,
    /// Why nothing may be granted at all, if nothing may.
    pub(super) forbidden: Option<&'static str>,
    /// Whether a person has stopped everything.
    pub(super) stopped: bool,
    pub(super) paused: BTreeSet<usize>,
    /// What was there at the first sight of the feed.
    pub(super) baseline: BTreeSet<Post>,
    /// What a person has sent by hand, whatever it was before.
    pub(super) by_hand: BTreeSet<(usize, Post)>,
    /// Posts that were known before a lane's group was, and so are no news to it.
    pub(super) before: BTreeMap<usize, BTreeSet<Post>>,
    /// Posts that may have been.
    pub(super) may_be_before: BTreeMap<usize, BTreeSet<Post>>,
    /// Whether a whole document was ever taken.
    pub(super) is_known: bool,
    /// Whether any commit of a document may have been taken without a word.
    pub(super) may_be_known: bool,
    /// What any document that was taken has shown, whole or not: half of one is news too, once the feed is
    /// known.
    pub(super) met: BTreeSet<Post>,
    /// The same of documents of which nobody knows whether they were taken.
    pub(super) may_be_met: BTreeSet<Post>,
    /// What the ledger has said to be published: it says so for ever.
    pub(super) published: BTreeSet<DeliveryId>,
    /// Whether an older copy was ever taken up, or a new ledger begun.
    pub(super) taken_up: bool,
    pub(super) broken: Vec<String>,
}

impl Laws {
    pub(super) fn of(plan: &Plan) -> Self {
        Self { lanes: plan.lanes.clone(), ..Self::default() }
    }

    pub(super) fn offered(&mut self, id: DeliveryId, lane: usize, post: Option<Post>) {
        self.lane_of.insert(id, (lane, post));
    }

    pub(super) fn lane(&self, id: DeliveryId) -> Option<usize> {
        self.lane_of.get(&id).map(|(lane, _)| *lane)
    }

    pub(super) fn post(&self, id: DeliveryId) -> Option<Post> {
        self.lane_of.get(&id).and_then(|(_, post)| *post)
    }

    /// Another ledger numbers anew, and begins with what the feed shows then.
    pub(super) fn begin_again(&mut self) {
        self.lane_of.clear();
        self.forget_claims();
        self.published.clear();
        self.is_known = false;
        self.may_be_known = false;
    }

    /// A permit was given. I6 and the stops are the claim's own.
    pub(super) fn granted(&mut self, permit: &Permit, now: Time) {
        let id = permit.delivery();
        let Some(lane) = self.lane(id) else {
            return self.broken.push(format!("{id} was claimed and never offered"));
        };
        if let Some(why) = self.forbidden {
            self.broken.push(format!("I8: {id} was claimed, {why}"));
        }
        if self.stopped || self.paused.contains(&lane) {
            self.broken.push(format!("{id} was claimed in a lane that a person has stopped"));
        }
        self.claimed.extend(self.post(id).map(|post| (lane, post)));
        let told = id.to_string();
        Self::weigh(&mut self.claims, &mut self.broken, &self.lanes[lane], lane, now, &told);
        let key = permit.key().as_str().to_owned();
        let request = permit.request();
        // The one before it was dropped: it is never sent any more.
        self.granted.retain(|grant| grant.key != key);
        self.granted.push(Grant {
            key,
            path: request.path.clone(),
            body: request.body.clone().into_bytes(),
        });
    }

    /// I6, at one more claim.
    fn weigh(
        of: &mut BTreeMap<usize, VecDeque<Time>>,
        broken: &mut Vec<String>,
        rules: &Lane,
        lane: usize,
        now: Time,
        told: &str,
    ) {
        let claims = of.entry(lane).or_default();
        claims.push_back(now);
        while claims.front().is_some_and(|at| now.since(*at) > Duration::from_secs(90_000)) {
            claims.pop_front();
        }
        for (window, allowed) in rules.caps.windows() {
            let since = now.minus(window.saturating_sub(SLACK));
            let inside = claims.iter().filter(|at| **at > since).count();
            if inside > allowed as usize {
                let name = rules.name;
                broken.push(format!(
                    "I6: {inside} claims of {name} in {window:?} with {told}, where {allowed} are allowed"
                ));
            }
        }
    }

    /// An older ledger forgets the claims that it did not know: I6 is the ledger's own count.
    pub(super) fn forget_claims(&mut self) {
        self.claims.clear();
        self.changes.clear();
    }

    /// The machine boots with its clock set right, where the ledger had last seen it so far behind. Nobody
    /// counts across a boot: after ten minutes the wall clock's word for the gap is taken, and it is too long
    /// by that much.
    pub(super) fn boot(&mut self, behind: Duration) {
        for at in self.claims.values_mut().chain(self.changes.values_mut()).flatten() {
            *at = at.minus(behind);
        }
    }

    /// Whether a lane has used up what it may claim in a day.
    pub(super) fn is_full(&self, lane: usize, now: Time) -> bool {
        let since = now.minus(super::world::DAY);
        let claims = self.claims.get(&lane).into_iter().flatten();
        claims.filter(|at| **at > since).count() >= self.lanes[lane].caps.per_day as usize
    }

    /// A publish call leaves: I1, I2 and I8. Says under which key.
    pub(super) fn sent(&mut self, call: &Call, now: Time) -> Option<String> {
        let lane = call.lane;
        let name = self.lanes[lane].name;
        let same = |grant: &Grant| grant.body == call.body && call.path.ends_with(&grant.path);
        let Some(at) = self.granted.iter().rposition(same) else {
            self.broken.push(format!("I1: a call to {name} that no claim names"));
            return None;
        };
        let grant = self.granted.swap_remove(at);
        if let Some(why) = self.forbidden {
            self.broken.push(format!("I8: a call to {name}, {why}"));
        }
        let post = std::str::from_utf8(&grant.body).ok().and_then(post_in);
        let window = self.lanes[lane].kind.repeatable_for();
        let before = self.sent.entry((lane, grant.key.clone())).or_default();
        let mut open = before.iter().filter(|sent| sent.open);
        if let Some(first) = open.next() {
            let age = now.since(first.at);
            if window.is_zero() || age > window + SLACK {
                self.broken.push(format!("I2: {name} is sent {} again after {age:?}", grant.key));
            }
            if first.body != grant.body || open.any(|sent| sent.body != grant.body) {
                self.broken.push(format!("I2: {name} is sent other bytes under {}", grant.key));
            }
        }
        before.push(Sent { post, at: now, body: grant.body, open: true });
        Some(grant.key)
    }

    /// The call that has just left proves by its fate that readers see nothing of it.
    pub(super) fn harmless(&mut self, lane: usize, key: &str) {
        let sent = self.sent.get_mut(&(lane, key.to_owned()));
        if let Some(last) = sent.and_then(|sent| sent.last_mut()) {
            last.open = false;
        }
    }

    /// It was found out, or said by a person, that readers have seen nothing.
    pub(super) fn absent(&mut self, id: DeliveryId) {
        if let (Some(lane), Some(post)) = (self.lane(id), self.post(id)) {
            self.not_seen(lane, post);
        }
    }

    /// A person, or the platform, has looked for a post and not found it.
    pub(super) fn not_seen(&mut self, lane: usize, post: Post) {
        let of_lane = self.sent.iter_mut().filter(|((of, _), _)| *of == lane);
        for sent in of_lane.flat_map(|(_, sent)| sent).filter(|sent| sent.post == Some(post)) {
            sent.open = false;
        }
    }

    /// Whether readers may see this post at all, by I5.
    pub(super) fn may_be_shown(&self, lane: usize, post: Post) -> bool {
        let news = self.before.get(&lane).is_none_or(|before| !before.contains(&post));
        (news && !self.baseline.contains(&post)) || self.by_hand.contains(&(lane, post))
    }
}
