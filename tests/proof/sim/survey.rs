//! What the ledger says, held against what readers saw: after every start and at the end of each life.

use std::collections::BTreeMap;

use oncecast::ledger::{DeliveryView, EntryView, Ledger as _};
use oncecast::model::{Amend, Change, DeliveryId, IdempotencyKey, Stand, Status, Time};

use super::blog::Blog;
use super::house::House;
use super::truth::{Post, post_in};
use super::world::{DAY, World};

/// Readers are to be told again of what was found not to be there: by the group's rule, or by a person.
pub(super) fn sent_anew(world: &World, id: DeliveryId, by_rule: bool, is_due: bool) {
    let mut state = world.state();
    state.laws.absent(id);
    let (Some(lane), Some(post)) = (state.laws.lane(id), state.laws.post(id)) else { return };
    let has_rule = world.plan.lanes[lane].when_absent_send;
    if !by_rule || !(is_due || has_rule) {
        return;
    }
    let name = world.plan.lanes[lane].name;
    if !has_rule {
        state.laws.broken.push(format!("{name} sends post {post} again, and no rule says so"));
    }
    // Another generation's post is there rightly; that this one's is not, the readers' count shows.
    if is_due && id.generation == 1 && state.servers[lane].shows(post) {
        state.laws.broken.push(format!("{name} sends post {post} again, which is there"));
    }
    if state.truth.shown(lane, post) > 0 {
        // Its author has deleted it, and the group's rule is to send what is not found.
        state.truth.want_again(lane, post);
    }
}

/// Everything that the ledger knows of the blog's posts.
async fn entries(house: &House) -> Option<Vec<(Post, EntryView)>> {
    let ledger = &house.running.as_ref()?.ledger.inner;
    let posts = house.world.state().blog.posts();
    let mut found = BTreeMap::new();
    let links = (1..=posts).flat_map(|post| Blog::links_of(post).map(|link| (post, link)));
    // All are asked for before the first is awaited: they share a transaction.
    let asked: Vec<_> = links.map(|(post, link)| (post, ledger.find(&link))).collect();
    for (post, entries) in asked {
        for entry in entries.await.ok()? {
            found.insert(entry.number, (post, entry));
        }
    }
    Some(found.into_values().collect())
}

/// Holds the whole ledger against what readers saw: I3, and that no status says what is not so.
pub(super) async fn survey(house: &House) {
    if house.wants.is_some() {
        // An older copy does not know better until it is taken up.
        return;
    }
    let Some(entries) = entries(house).await else { return };
    let world = &house.world;
    let mut state = world.state();
    let state = &mut *state;
    let mut published = 0;
    for (post, entry) in &entries {
        for view in &entry.deliveries {
            let Some(lane) = world.plan.lane(&view.group) else { continue };
            let key = IdempotencyKey::of(&entry.id, &view.group, view.id.generation);
            let shown = state.truth.shown(lane, *post);
            let by_key = state.truth.shown_by(lane, key.as_str());
            let wrong = match &view.status {
                Status::Published { .. } => {
                    published += 1;
                    state.laws.published.insert(view.id);
                    shown == 0
                }
                Status::Refused { .. } => by_key > 0,
                Status::Withdrawn { .. } | Status::Held { .. } | Status::Baseline => {
                    by_key > 0 && !state.laws.taken_up
                }
                _ => false,
            };
            if wrong {
                let told = view.status.kind().word();
                state.laws.broken.push(format!(
                    "the ledger calls post {post} in {} {told}, and readers saw it {shown} times",
                    view.group
                ));
            }
            if let (Status::Published { receipt }, Some(amend)) = (&view.status, &view.amend) {
                let seen = receipt.reference.id.as_deref();
                let seen = seen.and_then(|id| state.servers[lane].text(id));
                if let Some(text) = seen.filter(|_| amend.is_away() && state.truth.is_quiet(lane)) {
                    state.laws.broken.push(format!(
                        "post {post} is told as taken away from {}, and is there: {text}",
                        view.group
                    ));
                }
            }
            let is_final = matches!(view.status, Status::Published { .. });
            if state.laws.published.contains(&view.id) && !is_final {
                let told = view.status.kind().word();
                state.laws.broken.push(format!("I3: {} was published and is {told}", view.id));
            }
        }
    }
    let at = world.age();
    state.trace.line(at, format_args!("survey: {} entries, {published} published", entries.len()));
}

/// I10: nothing in the journal was changed.
pub(super) async fn verify(house: &House) {
    let Some(running) = &house.running else { return };
    match running.ledger.inner.verify(Box::new(|_, _| {})).await {
        Ok(_) => {}
        Err(error) => house.world.broken(format!("I10: {error}")),
    }
}

/// What still waits for anything but a person, when nothing has gone wrong for long.
pub(super) async fn at_rest(house: &House, with_person: bool) {
    let world = &house.world;
    let Some(running) = &house.running else {
        return world.broken("the house is closed at the end".to_owned());
    };
    let waiting = running.ledger.inner.waiting(10_000).await;
    let Ok(waiting) = waiting else {
        return world.broken("the ledger cannot be read at the end".to_owned());
    };
    let now = world.now();
    let mut state = world.state();
    for view in waiting {
        let DeliveryView { id, title, group, status, .. } = &view;
        let Some(lane) = world.plan.lane(group) else { continue };
        let rests = match status {
            Status::Held { .. } | Status::InDoubt { .. } => !with_person,
            // Its turn comes: the lane sends as much as it may.
            Status::Due { .. } => state.laws.is_full(lane, now) || view.settling,
            Status::Published { .. } => view.amend.as_ref().is_some_and(|amend| comes(amend, now)),
            _ => false,
        };
        if !rests {
            state.laws.broken.push(format!("at rest, {id} ({title}) for {group} is {status:?}"));
        }
    }
}

/// Whether a change is done with, waits for a person, or waits for its time.
fn comes(amend: &Amend, now: Time) -> bool {
    match amend.stand {
        Stand::Wanted { not_before, .. } => not_before.plus(DAY) > now,
        _ => true,
    }
}

/// What was changed with its entry says what its entry says.
pub(super) async fn says_what_its_entry_says(house: &House) {
    let world = &house.world;
    let Some(entries) = entries(house).await else { return };
    let mut state = world.state();
    if state.laws.taken_up || state.laws.edits_held {
        // A lost ledger may have changed it further, and what came by dozens is left as it was.
        return;
    }
    let mut checked = 0;
    for (post, entry) in &entries {
        for view in &entry.deliveries {
            let (Some(lane), Status::Published { receipt }) =
                (world.plan.lane(&view.group), &view.status)
            else {
                continue;
            };
            let is_done = view.amend.as_ref().is_some_and(|amend| {
                amend.change == Change::Update && matches!(amend.stand, Stand::Done { .. })
            });
            let id = receipt.reference.id.as_deref();
            let text = id.and_then(|id| state.servers[lane].text(id));
            let Some(text) = text.filter(|_| is_done) else { continue };
            checked += 1;
            if !text.contains(&entry.entry.title) {
                let (name, title) = (&view.group, &entry.entry.title);
                state.laws.broken.push(format!(
                    "post {post} in {name} was changed to {title:?} and says {text:?}"
                ));
            }
        }
    }
    let at = world.age();
    state.trace.line(at, format_args!("{checked} posts say what their entries say"));
}

/// Nothing that the feed shows is unknown, and nothing that is known is owed to a group without a row.
pub(super) async fn nothing_unseen(house: &House) {
    let world = &house.world;
    let Some(entries) = entries(house).await else {
        return world.broken("the ledger cannot be read at the end".to_owned());
    };
    let mut state = world.state();
    let shown = state.blog.shown();
    for post in shown {
        let known: Vec<&EntryView> =
            entries.iter().filter(|(p, _)| *p == post).map(|(_, e)| e).collect();
        if known.is_empty() {
            state.laws.broken.push(format!("post {post} is in the feed and not in the ledger"));
        }
    }
    for (post, entry) in &entries {
        let told = entry.entry.link.as_deref().and_then(post_in);
        if told != Some(*post) {
            state.laws.broken.push(format!("post {post} was taken for {told:?}"));
        }
        for (lane, plan) in world.plan.lanes.iter().enumerate() {
            let laws = &state.laws;
            let before = [&laws.before, &laws.may_be_before]
                .iter()
                .any(|before| before.get(&lane).is_some_and(|posts| posts.contains(post)));
            if !before && !entry.deliveries.iter().any(|view| view.group == plan.name) {
                state.laws.broken.push(format!("post {post} was never owed to {}", plan.name));
            }
        }
    }
}
