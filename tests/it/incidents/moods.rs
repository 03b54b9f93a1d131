//! Feeds in bad moods: they empty, come back, turn around, list a post twice, and date it next year.

use oncecast::model::StatusKind;

use super::blog::{Post, archive, before, each, post};
use super::world::{HOUR, World};

/// Readers got a whole archive again as their blog's feed was empty for an hour, and a post with every
/// mood of its generator.
#[tokio::test(start_paused = true)]
async fn a_feed_that_flip_flops_empties_and_returns_tells_each_post_once() {
    let mut world = World::new().await;
    let old = archive(12);
    world.says(&old, HOUR).await;
    let all = before(&[post("new")], &old);
    world.says(&all, HOUR).await;
    assert_eq!(world.seen("new"), 1);
    type Mood = fn(&mut Post);
    let moods: [Mood; 4] = [
        |p| p.title = p.title.to_uppercase(),
        |p| p.link = p.link.as_ref().map(|l| l.replace("http://", "https://www.")),
        |p| p.guid = None,
        |p| p.text.clear(),
    ];
    for mood in moods {
        world.says(&[], HOUR).await;
        world.says(&each(&all, mood), HOUR).await;
        world.says(&all, HOUR).await;
        let mut turned = all.clone();
        turned.reverse();
        world.says(&turned, HOUR).await;
        world.says(&before(&all, &all), HOUR).await;
        world.says(&all[..1], HOUR).await;
        world.says(&all[1..], HOUR).await;
    }
    world.says(&all, 24 * HOUR).await;
    assert_eq!((world.seen("new"), world.net.shown()), (1, 1));
    world.held(0).await;
}

/// Readers got each post again as a generator listed all of them twice, the second time in capitals; and
/// whoever has to release what is no news will not look at the next ones.
#[tokio::test(start_paused = true)]
async fn a_feed_that_lists_each_post_twice_tells_nobody_anything() {
    let mut world = World::new().await;
    let old = archive(12);
    world.says(&old, HOUR).await;
    let loud = each(&old, |p| p.title = p.title.to_uppercase());
    world.says(&before(&old, &loud), HOUR).await;
    world.says(&old, 24 * HOUR).await;
    assert_eq!(world.net.shown(), 0);
    world.held(0).await;
    // A new one is one post as well.
    let news = [post("news"), Post { title: post("news").title.to_uppercase(), ..post("news") }];
    world.says(&before(&news, &old), 24 * HOUR).await;
    assert_eq!(world.net.shown(), 1);
    world.held(0).await;
}

/// Readers got next year's post today, and never those that bear no date at all.
#[tokio::test(start_paused = true)]
async fn a_post_from_next_year_waits_for_a_person_and_one_without_a_date_does_not() {
    let mut world = World::new().await;
    let old = archive(12);
    world.says(&old, HOUR).await;
    let ahead = Post { published: Some(world.now().plus(365 * 24 * HOUR)), ..post("ahead") };
    let soon = Post { published: Some(world.now().plus(2 * HOUR)), ..post("soon") };
    world.says(&before(&[ahead, soon, post("undated")], &old), 6 * HOUR).await;
    assert_eq!((world.seen("undated"), world.seen("soon"), world.seen("ahead")), (1, 1, 0));
    assert_eq!(world.waiting(StatusKind::Held).await.len(), 1);
}
