//! D: dates decided what was new, and dates change, lie, or come late.

use std::time::Duration;

use oncecast::model::StatusKind;

use super::blog::{Post, archive, before, days_before, each, post};
use super::world::{HOUR, World};

/// Readers got thousands of posts within hours: the feed re-dated old stories, and what was dated after
/// the last look counted as new.
#[tokio::test(start_paused = true)]
async fn d1_d2_d3_d4_d5_d6_d7_new_dates_on_known_posts_tell_nobody_anything() {
    let mut world = World::new().await;
    let now = world.now();
    let old = each(&archive(12), |p| p.published = days_before(now, 3));
    let all = before(&[post("new")], &old);
    world.says(&old, HOUR).await;
    world.says(&all, HOUR).await;
    assert_eq!(world.seen("new"), 1);
    type Change = fn(&mut Post, oncecast::model::Time);
    let changes: [Change; 6] = [
        |p, now| p.published = Some(now),
        |p, _| p.published = None,
        |p, now| p.published = Some(now.plus(HOUR)),
        |p, now| p.published = days_before(now, 4_000),
        |p, now| (p.title, p.published) = (format!("{} (typo mended)", p.title), Some(now)),
        |p, now| (p.text, p.published) = ("Edited.".into(), days_before(now, 1)),
    ];
    for change in changes {
        let now = world.now();
        let mut changed = each(&all, |p| change(p, now));
        world.says(&changed, HOUR).await;
        // The newest is no longer the first.
        changed.reverse();
        world.says(&changed, HOUR).await;
    }
    assert_eq!(world.net.shown(), 1);
    world.held(0).await;
}

/// Readers never got posts that came late or bore an earlier date: they were dated before the last look.
#[tokio::test(start_paused = true)]
async fn d8_a_late_post_is_sent_and_a_very_late_one_waits_where_it_can_be_seen() {
    let mut world = World::new().await;
    let now = world.now();
    let old = each(&archive(12), |p| p.published = Some(now.minus(Duration::from_secs(60))));
    world.says(&old, 6 * HOUR).await;
    let dated = |name: &str, days| Post { published: days_before(now, days), ..post(name) };
    let all = before(&[dated("late", 3)], &old);
    world.says(&all, HOUR).await;
    assert_eq!(world.seen("late"), 1);
    let all = before(&[dated("very-late", 30)], &all);
    world.says(&all, HOUR).await;
    assert_eq!(world.seen("very-late"), 0);
    let held = world.waiting(StatusKind::Held).await;
    assert_eq!(held.len(), 1);
    let selection = oncecast::ledger::Selection { entry: held[0].id.entry, group: None };
    world.parts.ledger.release(selection, "person".into()).await.expect("released");
    world.run(HOUR).await;
    assert_eq!(world.seen("very-late"), 1, "a person let it go");
}
