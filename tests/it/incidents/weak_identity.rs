//! C: the feed gave no id, and what stood in for one changed with the text or with the neighbours.

use super::blog::{Post, archive, before, each, post};
use super::world::{HOUR, World};

/// A feed without guids whose texts change at every look: a counter, a date, a comment.
async fn with_changing_texts(guid: bool) -> World {
    let mut world = World::new().await;
    let bare = |posts: &[Post]| each(posts, |p| p.guid = p.guid.take().filter(|_| guid));
    let old = bare(&archive(12));
    let all = before(&bare(&[post("new")]), &old);
    world.says(&old, HOUR).await;
    world.says(&all, HOUR).await;
    for count in 0..12 {
        let changed = each(&all, |p| p.text = format!("{} {count} comments", p.text));
        world.says(&changed, HOUR / 2).await;
    }
    world
}

/// Readers got dozens of messages about one post whose text was edited: its id was made of the text.
#[tokio::test(start_paused = true)]
async fn c1_c2_c3_e4_a_text_that_changes_at_every_look_is_the_same_post() {
    for guid in [false, true] {
        let world = with_changing_texts(guid).await;
        assert_eq!(world.net.shown(), 1, "with a guid: {guid}");
        world.held(0).await;
    }
}

/// Readers got some items at every fetch: those by which nothing could be recognised.
#[tokio::test(start_paused = true)]
async fn c4_items_without_guid_and_link_are_not_told_again_with_every_edit() {
    let mut world = World::new().await;
    let bare = |p: &mut Post| (p.guid, p.link) = (None, None);
    let old = each(&archive(12), bare);
    world.says(&old, HOUR).await;
    let mut note = post("note");
    bare(&mut note);
    for edit in 0..5 {
        note.text = format!("A note of {edit} readers");
        world.says(&before(&[note.clone()], &old), HOUR).await;
    }
    assert!(world.seen("note") <= 1);
}

/// Readers missed posts, since many items shared a link; they must not get them twice either.
#[tokio::test(start_paused = true)]
async fn c5_posts_that_share_a_link_are_all_told_and_each_once() {
    for short in [false, true] {
        let mut world = World::new().await;
        let shared = |p: &mut Post| {
            (p.guid, p.link) = (None, Some("http://blog.example/changes".into()));
            if short {
                p.text = String::new();
            }
        };
        let old = archive(12);
        world.says(&old, HOUR).await;
        let names = ["spring", "summer", "autumn", "winter"];
        let mut posts = old.clone();
        for name in names {
            posts = before(&each(&[post(name)], shared), &posts[..12]);
            world.says(&posts, HOUR).await;
        }
        for name in names {
            assert_eq!(
                world.seen(name) + u32::from(is_held(&world, name).await),
                1,
                "{name}, {short}"
            );
        }
        // They leave the window one after the other, and the last of them stands alone again.
        for left in (0..4).rev() {
            world.says(&before(&posts[..left], &old), HOUR).await;
            world.says(&posts, HOUR).await;
        }
    }
}

async fn is_held(world: &World, name: &str) -> bool {
    let held = world.waiting(oncecast::model::StatusKind::Held).await;
    held.iter().any(|view| view.title.ends_with(name))
}

/// Readers got one article each hour, for a reason that nobody found.
#[tokio::test(start_paused = true)]
async fn c6_g6_whatever_the_cause_a_group_is_sent_a_post_once() {
    let mut world = World::new().await;
    let old = archive(12);
    let mut new = post("new");
    world.says(&old, HOUR).await;
    // Everything about it that can change, changes; and everything it was comes back.
    let was = new.clone();
    for round in 0..12 {
        match round % 6 {
            0 => new.title = format!("Round {round}"),
            1 => new.guid = Some(format!("guid-{round}")),
            2 => new.text = format!("Short {round}"),
            3 => new.link = Some(format!("https://www.blog.example/new?utm_source={round}")),
            4 => new.published = Some(world.now()),
            _ => new = was.clone(),
        }
        world.says(&before(&[new.clone()], &old), HOUR).await;
    }
    assert_eq!(world.seen("new"), 1);
}
