//! F: items left the feed and came back, and what was known was only what stood beside them.

use oncecast::model::{HoldReason, Status, StatusKind};

use super::blog::{archive, before, days_before, each, post};
use super::world::{HOUR, World};

/// Readers got a story of last year: an item was removed, and an older one slid into the window.
#[tokio::test(start_paused = true)]
async fn f1_an_old_post_that_slides_into_the_window_is_held() {
    let mut world = World::new().await;
    let now = world.now();
    let whole = each(&archive(13), |p| p.published = days_before(now, 365));
    world.says(&whole[..12], HOUR).await;
    world.says(&whole[1..], HOUR).await;
    assert_eq!(world.net.shown(), 0);
    let held = world.waiting(StatusKind::Held).await;
    assert!(matches!(&held[..], [one] if one.status == Status::Held { reason: HoldReason::Stale }));
}

/// Readers got old posts after any of them was deleted: new was what the last look had not shown, or what
/// stood before the last one seen.
#[tokio::test(start_paused = true)]
async fn f2_f3_f4_a_deletion_makes_nothing_else_new() {
    let mut world = World::new().await;
    let old = archive(12);
    let all = before(&[post("second")], &before(&[post("first")], &old));
    world.says(&old, HOUR).await;
    world.says(&all[1..], HOUR).await;
    world.says(&all, HOUR).await;
    assert_eq!(world.net.shown(), 2);
    // The newest goes, the oldest goes, most go and come back, all but one.
    for part in [&all[1..], &all[..9], &all[2..], &all[4..7], &all[13..], &all[..1]] {
        world.says(part, HOUR / 2).await;
        world.says(&all, HOUR / 2).await;
    }
    assert_eq!(world.net.shown(), 2);
    world.held(0).await;
}
