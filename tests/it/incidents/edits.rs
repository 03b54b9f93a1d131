//! E: an edit was taken for a publication.

use oncecast::model::StatusKind;

use super::blog::{archive, before, each, post};
use super::world::{HOUR, MINUTE, World};

/// Readers got some twenty old stories, because a tool for broken links had touched them.
#[tokio::test(start_paused = true)]
async fn e1_e2_an_edit_of_what_was_there_before_us_is_not_told() {
    let mut world = World::new().await;
    let old = archive(20);
    world.says(&old, HOUR).await;
    let touched = each(&old, |p| p.text = p.text.replace("page", "leaf"));
    world.says(&touched, HOUR).await;
    let renamed = each(&touched, |p| p.title = format!("Again: {}", p.title));
    world.says(&renamed, HOUR).await;
    assert_eq!(world.net.shown(), 0);
    world.held(0).await;
}

/// Readers got a post again with each update of it.
#[tokio::test(start_paused = true)]
async fn e3_an_update_of_what_was_sent_is_not_told() {
    let mut world = World::new().await;
    let old = archive(12);
    let mut new = post("new");
    world.says(&old, HOUR).await;
    for update in 0..6 {
        (new.title, new.text) = (format!("Update {update}"), format!("Now {update} times better."));
        new.published = Some(world.now());
        world.says(&before(&[new.clone()], &old), HOUR).await;
    }
    assert_eq!(world.seen("new"), 1);
}

/// Readers got two messages for a post that its author deleted and wrote again at once.
#[tokio::test(start_paused = true)]
async fn e5_a_post_that_is_deleted_and_redrafted_at_once_is_told_once_at_most() {
    for same_text in [true, false] {
        let mut world = World::new().await;
        let old = archive(12);
        world.says(&old, HOUR).await;
        world.says_until_noticed(&before(&[post("draft")], &old)).await;
        assert_eq!(world.net.shown(), 0, "it has not settled yet");
        world.says(&old, 15 * MINUTE).await;
        let mut again = post("draft");
        again.guid = Some("http://blog.example/?p=redrafted".into());
        again.link = Some("http://blog.example/redrafted/".into());
        if !same_text {
            (again.title, again.text) = ("Said better".into(), "In other words.".into());
        }
        world.says(&before(&[again], &old), 2 * HOUR).await;
        assert_eq!(world.waiting(StatusKind::Due).await.len(), 0);
        let held = world.waiting(StatusKind::Held).await.len();
        assert_eq!(world.seen("draft") + u32::try_from(held).expect("few"), 1);
    }
}
