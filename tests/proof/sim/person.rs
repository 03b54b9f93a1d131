//! The person who keeps the house: looks in now and then, tells the truth, and changes their mind.

use std::collections::BTreeSet;

use oncecast::ledger::embedded::Mend;
use oncecast::ledger::{
    DeliveryView, Ledger as _, LedgerError, Replay, Retract, Selection, Verdict,
};
use oncecast::model::{Reference, Status};

use super::blog::Blog;
use super::house::House;
use super::plan::Defect;
use super::truth::{Post, post_of_title};
use super::watch::short;
use super::world::{MINUTE, Weather};

const WHO: &str = "person";

/// One look at the house: what waits for a person is dealt with; all of it, or some.
pub(super) async fn visit(house: &mut House, all: bool) {
    if house.running.is_none() || house.wants.is_some() {
        mend(house).await;
    }
    if house.running.is_none() {
        return;
    }
    let world = house.world.clone();
    {
        let mut state = world.state();
        state.tally.words += 1;
        for weather in &mut state.weather {
            if *weather == Weather::Locked {
                *weather = Weather::Fair;
            }
        }
    }
    let stopped = world.state().laws.stopped;
    if !stopped {
        resume(house).await;
    }
    let Some(running) = &house.running else { return };
    let ledger = running.ledger.clone();
    let Ok(waiting) = ledger.waiting(1_000).await else { return };
    let mut dealt = BTreeSet::new();
    for view in &waiting {
        let Some(lane) = world.plan.lane(&view.group) else { continue };
        let Some(post) = post_of_title(&view.title) else { continue };
        if !all && world.state().dice.percent(40) {
            continue;
        }
        match &view.status {
            Status::Held { .. } => {
                let twin = waiting.iter().any(|other| is_twin(view, other, post));
                let seen = twin || !dealt.insert((lane, post)) || {
                    let state = world.state();
                    state.truth.shown(lane, post) > 0 || !state.truth.is_quiet(lane)
                };
                decide(house, view, lane, post, seen).await;
            }
            Status::InDoubt { .. } => {
                let (quiet, shown) = {
                    let state = world.state();
                    (state.truth.is_quiet(lane), state.truth.shown(lane, post) > 0)
                };
                if !quiet {
                    continue;
                }
                let there = shown && !world.plan.has(Defect::PersonGuesses);
                let verdict = if there {
                    Verdict::PersonPublished(Reference::default())
                } else {
                    Verdict::PersonAbsent
                };
                world.state().laws.offered(view.id, lane, Some(post));
                drop(ledger.resolve(view.id, verdict, WHO.to_owned()).await);
            }
            _ => {}
        }
    }
    house.ring();
}

/// Whether something else that waits may show the same post to the same group.
fn is_twin(view: &DeliveryView, other: &DeliveryView, post: Post) -> bool {
    other.id != view.id
        && other.group == view.group
        && !matches!(other.status, Status::Held { .. })
        && post_of_title(&other.title) == Some(post)
}

/// Of what is held: what readers have, or will have, is not sent again.
async fn decide(house: &House, view: &DeliveryView, lane: usize, post: Post, seen: bool) {
    let Some(running) = &house.running else { return };
    let ledger = running.ledger.clone();
    let selection = Selection { entry: view.id.entry, group: Some(view.group.clone()) };
    let world = &house.world;
    let wanted = !seen && world.state().dice.percent(60);
    if wanted {
        {
            // They have looked, and readers have not seen it: what a lost ledger sent of it is over.
            let mut state = world.state();
            state.laws.by_hand.insert((lane, post));
            state.laws.not_seen(lane, post);
        }
        let released = ledger.release(selection, WHO.to_owned()).await;
        world.say(format_args!("releases post {post} to {}: {}", view.group, released.is_ok()));
    } else {
        let withdrawn = ledger.withdraw(selection, "not now".to_owned(), WHO.to_owned()).await;
        world.say(format_args!("withdraws post {post} from {}: {}", view.group, withdrawn.is_ok()));
    }
}

/// What does not open, or does not send, is mended by the command that it names.
pub(super) async fn mend(house: &mut House) {
    let world = house.world.clone();
    if let Some(mend) = house.wants {
        house.end().await;
        {
            let mut state = world.state();
            state.laws.forbidden = None;
            state.laws.taken_up = true;
            state.laws.forget_claims();
            // A stop is written in the ledger, and the one that is taken up may not know of it.
            state.laws.stopped = world.disk.is_there(&house.stop_file());
            state.laws.paused.clear();
            if mend == Mend::Init || !world.disk.is_there(&house.witness()) {
                state.laws.begin_again();
            }
        }
        house.start(Some(mend)).await;
    } else {
        house.start(None).await;
    }
}

/// Everything stops, until [`resume`].
pub(super) async fn stop(house: &House) {
    let Some(running) = &house.running else { return };
    let stopped = running.ledger.stop_all("enough".to_owned(), WHO.to_owned()).await;
    house.world.say(format_args!("stops everything: {}", stopped.is_ok()));
    if stopped.is_ok() {
        house.world.state().laws.stopped = true;
    }
}

pub(super) async fn resume(house: &House) {
    let Some(running) = &house.running else { return };
    {
        let mut state = house.world.state();
        state.laws.stopped = house.world.disk.is_there(&house.stop_file());
        state.laws.paused.clear();
    }
    let resumed = running.ledger.resume(None, WHO.to_owned()).await;
    house.world.say(format_args!("resumes: {}", resumed.is_ok()));
    house.ring();
}

/// One lane stops.
pub(super) async fn pause(house: &House, lane: usize) {
    let Some(running) = &house.running else { return };
    let name = house.world.plan.lanes[lane].name;
    let paused =
        running.ledger.pause(Some(name.to_owned()), "later".to_owned(), WHO.to_owned()).await;
    house.world.say(format_args!("pauses {name}: {}", paused.is_ok()));
    if paused.is_ok() {
        house.world.state().laws.paused.insert(lane);
    }
}

/// A post is sent by hand: to whoever has not had it, or again.
pub(super) async fn replay(house: &House, post: Post, again: bool) {
    let Some(running) = &house.running else { return };
    if house.wants.is_some() {
        return;
    }
    let world = &house.world;
    let ledger = running.ledger.clone();
    let mut entries = BTreeSet::new();
    for link in Blog::links_of(post) {
        let Ok(found) = ledger.find(&link).await else { return };
        entries.extend(found.into_iter().map(|entry| entry.number));
    }
    // Two entries of one post are not sent by hand: a person sees that they are one.
    let Some(entry) = entries.pop_first().filter(|_| entries.is_empty()) else { return };
    let lane = world.state().dice.below(world.plan.lanes.len());
    if !again && world.state().truth.is_foreign(lane, post) {
        // They see that it stands there.
        return;
    }
    let name = world.plan.lanes[lane].name;
    let selection = Selection { entry, group: Some(name.to_owned()) };
    let again = again.then(|| "wanted".to_owned());
    let wanted = again.is_some();
    world.state().laws.by_hand.insert((lane, post));
    let opened = ledger.reopen(Replay { selection, again, dry_run: false }, WHO.to_owned()).await;
    let told = opened.as_ref().map(|steps| steps.iter().map(|step| step.why.as_str()));
    world.say(format_args!(
        "replays post {post} to {name} (again: {wanted}): {:?}",
        told.map(Iterator::collect::<Vec<_>>).ok()
    ));
    // What a restored copy holds, and a lost ledger has sent, is sent again under the number that it had.
    let may_be_there = {
        let state = world.state();
        state.truth.shown(lane, post) > 0 || !state.truth.is_quiet(lane)
    };
    let opens = match &opened {
        Ok(steps) => {
            steps.iter().any(|step| step.sends && (may_be_there || step.delivery.id.generation > 1))
        }
        Err(error) => matches!(error, LedgerError::Uncertain(_)),
    };
    if opens && wanted {
        let mut state = world.state();
        state.truth.want_again(lane, post);
        // A ledger that is older than it was opens a generation that a lost one has sent, under the same key.
        state.laws.not_seen(lane, post);
    }
    house.ring();
}

/// A post is to be taken away.
pub(super) async fn retract(house: &House, lane: usize, post: Post) {
    let Some(running) = &house.running else { return };
    if house.wants.is_some() {
        return;
    }
    let world = &house.world;
    let ledger = running.ledger.clone();
    let name = world.plan.lanes[lane].name;
    for link in Blog::links_of(post) {
        let Ok(found) = ledger.find(&link).await else { return };
        for entry in found {
            // What may come of it is wanted from now on.
            world.state().laws.taken.insert((lane, post));
            let selection = Selection { entry: entry.number, group: Some(name.to_owned()) };
            let wish = Retract { selection, done: false, dry_run: false };
            let steps = ledger.retract(wish, WHO.to_owned()).await;
            let told = steps.as_ref().map(|steps| steps.iter().filter(|step| step.removes).count());
            let told = told.map_err(short);
            world.say(format_args!("takes post {post} away from {name}: {told:?}"));
        }
    }
    house.ring();
}

/// Takes the STOP file away, or puts it there.
pub(super) fn stop_file(house: &House, there: bool) {
    let (disk, file) = (&house.world.disk, house.stop_file());
    if there {
        disk.put(&file, Vec::new());
    } else {
        disk.lose(&file);
    }
    house.world.say(format_args!("STOP {there}"));
    if there {
        house.world.state().laws.stopped = true;
    }
    if !there {
        house.world.state().laws.stopped = false;
        house.ring();
    }
}

/// How long a person takes to look in again.
pub(super) const WAIT: (std::time::Duration, std::time::Duration) =
    (MINUTE.saturating_mul(300), MINUTE.saturating_mul(1_500));
