//! The real ledger, watched: every verb goes through, and what comes of it is held against the laws.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use oncecast::ledger::embedded::Embedded;
use oncecast::ledger::{
    Admitted, AmendClaim, AmendSettled, AmendSpent, Claim, DeliveryView, DueWork, EntryView,
    Foresight, Intake, Ledger, LedgerError, Moot, Overview, Realiased, Replay, ReplayStep, Reply,
    Retract, RetractStep, Selection, Settled, Setup, Sight, Spent, Verdict, Waiting, Who, Work,
    journal,
};
use oncecast::ledger::{adopt, alert, hand, upkeep};
use oncecast::model::{
    Amend, Change, DeliveryId, Effect, Entry, FeedState, Guarantee, How, Reference, Request,
    Staged, Status,
};

use super::plan::Defect;
use super::truth::{Post, post_in, post_of_title};
use super::world::World;

/// So long before a claim its account may have been asked what stands there.
const ASKED_BEFORE: Duration = Duration::from_secs(15 * 60);

#[derive(Debug)]
pub(super) struct Watched {
    pub(super) inner: Arc<Embedded>,
    pub(super) world: Arc<World>,
}

fn posts(entries: &[Entry]) -> Vec<Post> {
    entries.iter().filter_map(|entry| post_of_title(&entry.title)).collect()
}

impl Watched {
    fn granted(world: &World, claimed: &Result<Claim, LedgerError>, id: DeliveryId) {
        let now = world.now();
        match claimed {
            Ok(Claim::Granted(permit)) => {
                world.say(format_args!("claim {} {id}", permit.number()));
                let mut state = world.state();
                state.tally.claims += 1;
                state.laws.granted(permit, now);
                let (lane, post) = (state.laws.lane(id), state.laws.post(id));
                let links = state.blog.links;
                if let (Some(lane), Some(post)) = (lane, post)
                    && state.truth.is_beaten((lane, post), now, links, ASKED_BEFORE)
                {
                    state.truth.want_again(lane, post);
                }
                drop(state);
                super::house::witnessed(world, permit);
            }
            Ok(Claim::NotNow { wait, why }) => {
                world.say(format_args!("not now {id} {wait:?}: {why}"))
            }
            Ok(Claim::Gone(kind)) => world.say(format_args!("gone {id}: {kind:?}")),
            Err(error) => world.say(format_args!("claim of {id} failed: {}", short(error))),
        }
    }
}

impl Watched {
    fn settled(world: &World, told: Result<&Settled, &LedgerError>, id: DeliveryId, word: &str) {
        match told {
            Ok(told) => {
                world.say(format_args!("settled {id} {word}: {:?}", told.status.kind()));
                let is_doubt = matches!(told.status, Status::InDoubt { .. });
                world.state().tally.doubts += u64::from(is_doubt);
            }
            Err(error) => world.say(format_args!("{id} {word} not settled: {}", short(error))),
        }
    }
}

/// Without what differs from run to run: where the ledger stands.
pub(super) fn short(error: &LedgerError) -> &'static str {
    match error {
        LedgerError::Uncertain(_) => "uncertain",
        LedgerError::Unusable(_) => "unusable",
        LedgerError::Untrusted { .. } => "untrusted",
        LedgerError::InUse { .. } => "in use",
        LedgerError::Refused(_) => "refused",
    }
}

impl Ledger for Watched {
    fn configure(&self, setup: Setup) -> Reply<()> {
        self.inner.configure(setup)
    }

    fn begin(&self) -> Reply<()> {
        self.inner.begin()
    }

    fn feed(&self, name: &str) -> Reply<(Option<FeedState>, Option<Duration>)> {
        self.inner.feed(name)
    }

    fn admit(&self, mut intake: Intake) -> Reply<Admitted> {
        let world = Arc::clone(&self.world);
        let (seen, met) = match &intake.sight {
            Sight::Document { entries, complete: true } => (Some(posts(entries)), posts(entries)),
            Sight::Document { entries, .. } => (None, posts(entries)),
            _ => (None, Vec::new()),
        };
        let first = world.plan.has(Defect::FirstSightIsNews) && !world.state().laws.is_known;
        if let Sight::Document { entries, .. } = &mut intake.sight
            && world.plan.has(Defect::NamesForgotten)
        {
            let number = world.state().tally.polls;
            for entry in entries {
                entry.guid = Some(format!("{number}:{}", entry.guid.take().unwrap_or_default()));
                entry.link = entry.link.take().map(|link| format!("{link}&n={number}"));
                entry.summary.push_str(&number.to_string());
                entry.title.push_str(&format!(" {number}"));
            }
        }
        let empty = first.then(|| {
            let sight = Sight::Document { entries: Vec::new(), complete: true };
            self.inner.admit(Intake { sight, ..intake.clone() })
        });
        let reply = self.inner.admit(intake);
        Box::pin(async move {
            if let Some(empty) = empty {
                drop(empty.await);
            }
            let admitted = reply.await;
            match &admitted {
                Ok(told) => world.say(format_args!("admitted {told:?}")),
                Err(error) => world.say(format_args!("a poll was not taken: {}", short(error))),
            }
            let mut state = world.state();
            state.tally.polls += 1;
            let laws = &mut state.laws;
            match (&admitted, seen) {
                (Ok(told), Some(posts)) => {
                    let first = !laws.is_known && !laws.may_be_known;
                    if told.baseline || first {
                        // What was owed before, by an earlier ledger, stays owed.
                        let owed = |post: &&Post| {
                            laws.met.contains(post) || laws.may_be_met.contains(post)
                        };
                        let old: Vec<Post> = posts.into_iter().filter(|p| !owed(&p)).collect();
                        laws.baseline.extend(old);
                    }
                    if first && !told.baseline && told.new > 0 {
                        laws.broken.push("I5: the first sight of the feed was news".to_owned());
                    }
                    laws.is_known = true;
                    laws.edits_held |= told.edits_held > 0;
                }
                (Err(_), Some(_)) => laws.may_be_known = true,
                (_, None) => {}
            }
            if laws.is_known || laws.may_be_known {
                // What was not taken for sure may be news to a group that comes later, or may not.
                let met_by = if admitted.is_ok() { &mut laws.met } else { &mut laws.may_be_met };
                met_by.extend(met);
            }
            admitted
        })
    }

    fn foresee(&self, intake: Intake) -> Reply<Foresight> {
        self.inner.foresee(intake)
    }

    fn due(&self, lane: &str) -> Reply<Waiting> {
        let world = Arc::clone(&self.world);
        let number = world.plan.lane(lane);
        let reply = self.inner.due(lane);
        Box::pin(async move {
            let waiting = reply.await;
            if let (Ok(Waiting { work: Some(work), .. }), Some(lane)) = (&waiting, number) {
                let due = match work {
                    Work::Due(due) => due,
                    Work::Doubt(doubt) => &doubt.due,
                    Work::Amend(amend) => &amend.due,
                };
                let post = due.entry.link.as_deref().and_then(post_in);
                let mut state = world.state();
                state.laws.offered(due.id, lane, post);
                if let Work::Amend(amend) = work {
                    let name = amend.receipt.reference.id.clone().unwrap_or_default();
                    state.laws.names.insert(due.id, name);
                }
            }
            waiting
        })
    }

    fn due_one(&self, delivery: DeliveryId) -> Reply<Waiting> {
        self.inner.due_one(delivery)
    }

    fn claim(&self, delivery: DeliveryId, request: Request) -> Reply<Claim> {
        let world = Arc::clone(&self.world);
        let reply = self.inner.claim(delivery, request);
        Box::pin(async move {
            let claimed = reply.await;
            Self::granted(&world, &claimed, delivery);
            claimed
        })
    }

    fn reclaim(&self, delivery: DeliveryId, guarantee: Guarantee) -> Reply<Claim> {
        let world = Arc::clone(&self.world);
        let reply = self.inner.reclaim(delivery, guarantee);
        Box::pin(async move {
            let claimed = reply.await;
            Self::granted(&world, &claimed, delivery);
            claimed
        })
    }

    fn settle(&self, spent: &Spent) -> Reply<Settled> {
        let world = Arc::clone(&self.world);
        let (id, word) = (spent.delivery(), spent.outcome().word());
        let reply = self.inner.settle(spent);
        Box::pin(async move {
            let settled = reply.await;
            Self::settled(&world, settled.as_ref(), id, word);
            settled
        })
    }

    fn settle_and_claim(
        &self,
        spent: &Spent,
        next: DeliveryId,
        request: Request,
    ) -> Reply<(Settled, Claim)> {
        let world = Arc::clone(&self.world);
        let (id, word) = (spent.delivery(), spent.outcome().word());
        let reply = self.inner.settle_and_claim(spent, next, request);
        Box::pin(async move {
            let both = reply.await;
            Self::settled(&world, both.as_ref().map(|(settled, _)| settled), id, word);
            let (settled, claim) = both?;
            let claimed = Ok(claim);
            Self::granted(&world, &claimed, next);
            Ok((settled, claimed?))
        })
    }

    fn stage(&self, delivery: DeliveryId, staged: Staged) -> Reply<bool> {
        self.inner.stage(delivery, staged)
    }

    fn realias(&self, feed: &str, confirmed: Option<String>, who: Who) -> Reply<Realiased> {
        self.inner.realias(feed, confirmed, who)
    }

    fn alert(&self, group: &str, every: Duration, concerns: Vec<alert::Concern>) -> Reply<usize> {
        self.inner.alert(group, every, concerns)
    }

    fn retract(&self, what: Retract, who: String) -> Reply<Vec<RetractStep>> {
        self.inner.retract(what, who)
    }

    fn elsewhere(
        &self,
        delivery: DeliveryId,
        reference: Reference,
        how: How,
        who: String,
    ) -> Reply<Status> {
        self.inner.elsewhere(delivery, reference, how, who)
    }
    fn adopt(&self, what: adopt::Adopt, who: String) -> Reply<Vec<adopt::AdoptStep>> {
        self.inner.adopt(what, who)
    }
    fn missing(&self, feed: &str) -> Reply<Vec<upkeep::Missing>> {
        self.inner.missing(feed)
    }
    fn looked(&self, feed: &str, entry: u64, page: upkeep::Page) -> Reply<bool> {
        self.inner.looked(feed, entry, page)
    }
    fn claim_amend(
        &self,
        delivery: DeliveryId,
        change: Change,
        request: Request,
        saying: Option<String>,
    ) -> Reply<AmendClaim> {
        let world = Arc::clone(&self.world);
        let reply = self.inner.claim_amend(delivery, change, request, saying);
        Box::pin(async move {
            let claimed = reply.await;
            match &claimed {
                Ok(AmendClaim::Granted(permit)) => {
                    let (number, change) = (permit.number(), change.word());
                    world.say(format_args!("claim of {change} {number} {delivery}"));
                    let now = world.now();
                    let mut state = world.state();
                    state.tally.changes += 1;
                    let post = state.laws.post(delivery);
                    let gone_for = post.map(|post| state.blog.gone_for(post, now));
                    state.laws.change_granted(permit, now, gone_for.unwrap_or_default());
                }
                Ok(AmendClaim::NotNow { wait, why }) => {
                    world.say(format_args!("no change of {delivery} now {wait:?}: {why}"));
                }
                Ok(AmendClaim::Gone) => world.say(format_args!("no change of {delivery}")),
                Err(error) => {
                    world.say(format_args!("change of {delivery} not claimed: {}", short(error)));
                }
            }
            claimed
        })
    }

    fn settle_amend(&self, spent: &AmendSpent) -> Reply<AmendSettled> {
        let world = Arc::clone(&self.world);
        let (id, word) = (spent.delivery(), spent.effect().word());
        let is_done = matches!(spent.effect(), Effect::Done);
        let reply = self.inner.settle_amend(spent);
        Box::pin(async move {
            let settled = reply.await;
            match &settled {
                Ok(told) => {
                    let stand = told.amend.as_ref().map(|amend| &amend.stand);
                    world.say(format_args!("change of {id} {word}: {stand:?}"));
                    let mut state = world.state();
                    let state = &mut *state;
                    let (lane, name) = (state.laws.lane(id), state.laws.names.get(&id));
                    if let (Some(lane), Some(name), true) = (lane, name, is_done) {
                        let seen = state.servers[lane].text(name);
                        state.laws.told_done(id, seen.as_deref());
                    }
                }
                Err(error) => {
                    world.say(format_args!("change of {id} {word} not settled: {}", short(error)));
                }
            }
            settled
        })
    }

    fn moot_amend(&self, delivery: DeliveryId, change: Change, moot: Moot) -> Reply<Option<Amend>> {
        self.inner.moot_amend(delivery, change, moot)
    }

    fn unfit(&self, delivery: DeliveryId, why: String) -> Reply<()> {
        self.inner.unfit(delivery, why)
    }

    fn resolve(&self, delivery: DeliveryId, verdict: Verdict, who: Who) -> Reply<Status> {
        let world = Arc::clone(&self.world);
        let told = format!("{verdict:?}");
        let by_rule = matches!(verdict, Verdict::Absent(_));
        let by_person = matches!(verdict, Verdict::PersonAbsent);
        let reply = self.inner.resolve(delivery, verdict, who);
        Box::pin(async move {
            let resolved = reply.await;
            match &resolved {
                Ok(status) => world.say(format_args!("{delivery} {told}: {:?}", status.kind())),
                Err(error) => world.say(format_args!("{delivery} {told}: {}", short(error))),
            }
            let is_due = matches!(resolved, Ok(Status::Due { .. }));
            // It may have been taken, and then it is due.
            let unsure = matches!(resolved, Err(LedgerError::Uncertain(_)));
            if is_due || (unsure && by_person) || (unsure && by_rule) {
                super::survey::sent_anew(&world, delivery, by_rule, is_due);
            }
            resolved
        })
    }

    fn reopen(&self, replay: Replay, who: Who) -> Reply<Vec<ReplayStep>> {
        self.inner.reopen(replay, who)
    }

    fn release(&self, selection: Selection, who: Who) -> Reply<Vec<DeliveryView>> {
        self.inner.release(selection, who)
    }

    fn withdraw(&self, selection: Selection, why: String, who: Who) -> Reply<Vec<DeliveryView>> {
        self.inner.withdraw(selection, why, who)
    }

    fn pause(&self, lane: Option<String>, why: String, who: Who) -> Reply<Vec<String>> {
        self.inner.pause(lane, why, who)
    }

    fn resume(&self, lane: Option<String>, who: Who) -> Reply<Vec<String>> {
        self.inner.resume(lane, who)
    }

    fn stop_all(&self, why: String, who: Who) -> Reply<()> {
        if self.world.plan.has(Defect::StopIgnored) {
            return Box::pin(async { Ok(()) });
        }
        self.inner.stop_all(why, who)
    }

    fn trouble(
        &self,
        lane: &str,
        why: String,
        wait: Option<Duration>,
        credentials: bool,
    ) -> Reply<()> {
        self.world.say(format_args!("trouble in {lane}: {why}"));
        self.inner.trouble(lane, why, wait, credentials)
    }

    fn find(&self, what: &str) -> Reply<Vec<EntryView>> {
        self.inner.find(what)
    }

    fn history(&self, entry: u64) -> Reply<Vec<journal::Line>> {
        self.inner.history(entry)
    }

    fn waiting(&self, limit: usize) -> Reply<Vec<DeliveryView>> {
        self.inner.waiting(limit)
    }

    fn checklist(&self, only: Option<DeliveryId>, limit: usize) -> Reply<hand::Checklist> {
        self.inner.checklist(only, limit)
    }

    fn by_hand(&self, delivery: DeliveryId, act: hand::Act, who: Who) -> Reply<hand::Moved> {
        self.inner.by_hand(delivery, act, who)
    }

    fn owed(&self, entry: u64) -> Reply<Vec<DueWork>> {
        self.inner.owed(entry)
    }

    fn recent(&self, limit: usize) -> Reply<Vec<EntryView>> {
        self.inner.recent(limit)
    }

    fn overview(&self) -> Reply<Overview> {
        self.inner.overview()
    }

    fn verify(&self, progress: Box<dyn Fn(u64, u64) + Send>) -> Reply<journal::Proof> {
        self.inner.verify(progress)
    }

    fn snapshot(&self) -> Reply<PathBuf> {
        self.inner.snapshot()
    }

    fn close(&self) -> Reply<()> {
        self.inner.close()
    }
}
