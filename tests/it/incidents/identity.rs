//! B: the blog gave its posts new guids, permalinks or hosts, and they looked new.

use oncecast::model::{HoldReason, Status, StatusKind};

use super::blog::{Post, archive, before, each, post};
use super::world::{HOUR, World};

/// A house that knows an archive and has sent one post.
async fn settled(posts: &[Post]) -> World {
    let mut world = World::new().await;
    world.says(&posts[1..], HOUR).await;
    world.says(posts, HOUR).await;
    assert_eq!(world.net.shown(), 1);
    world
}

fn blog(first: Post) -> Vec<Post> {
    before(&[first], &archive(12))
}

fn looks_alike(status: &Status) -> bool {
    matches!(status, Status::Held { reason: HoldReason::NearDuplicate { .. } })
}

/// Readers got hundreds of posts each day: the site's build made new guids for all.
#[tokio::test(start_paused = true)]
async fn b1_b8_guids_that_change_at_every_build_repeat_nothing() {
    let posts = blog(post("new"));
    let mut world = settled(&posts).await;
    for build in 0..70 {
        let built = each(&posts, |p| p.guid = Some(format!("build-{build}-{}", p.mark)));
        world.says(&built, HOUR / 3).await;
    }
    assert_eq!(world.net.shown(), 1);
    world.held(0).await;
    world.says(&before(&[post("another")], &posts), HOUR).await;
    assert_eq!(world.seen("another"), 1, "a post that is truly new is still told");
}

/// Readers of two networks got a post twice when the blog wrote its address in another way.
#[tokio::test(start_paused = true)]
async fn b2_a_permalink_with_other_signs_is_held_and_not_sent() {
    let posts = blog(post("on_this_day"));
    let mut world = settled(&posts).await;
    let moved = each(&posts, |p| {
        p.link = p.link.take().map(|link| link.replace("on_this_day", "on/this/day"));
        p.guid = p.link.clone();
    });
    world.says(&moved, HOUR).await;
    assert_eq!(world.net.shown(), 1);
    let held = world.waiting(StatusKind::Held).await;
    assert!(held.len() == 1 && looks_alike(&held[0].status), "{held:?}");
}

/// Readers got the whole feed again when the site moved to https; and single posts, when a push told
/// them under http and the feed under https.
#[tokio::test(start_paused = true)]
async fn b3_b4_the_move_to_https_is_no_news() {
    let posts = blog(post("new"));
    let mut world = settled(&posts).await;
    let secure = each(&posts, |p| {
        for url in [&mut p.guid, &mut p.link] {
            *url = url.take().map(|url| url.replace("http://", "https://www."));
        }
        p.text = "rewritten".into();
    });
    for _ in 0..3 {
        world.says(&secure, HOUR).await;
        world.says(&posts, HOUR).await;
    }
    assert_eq!(world.net.shown(), 1);
    world.held(0).await;
}

/// Readers got about 230 old posts when a blog moved from one system to another.
#[tokio::test(start_paused = true)]
async fn b5_a_blog_that_moves_to_another_system_is_held_whole() {
    for keeps_titles in [true, false] {
        let posts = blog(post("new"));
        let mut world = settled(&posts).await;
        let moved = each(&posts, |p| {
            p.guid = Some(format!("http://blog.example/blog/2026/{}", p.mark));
            p.link = p.guid.clone();
            if !keeps_titles {
                p.title = format!("{} (moved)", p.title.to_uppercase());
                p.text = format!("<p>Moved.</p> {}", p.text);
            }
        });
        world.says(&moved, HOUR).await;
        assert_eq!(world.net.shown(), 1);
        world.held(13).await;
    }
}

/// Readers got a post again when its author mended the title, from which the guid was made.
#[tokio::test(start_paused = true)]
async fn b6_a_title_that_is_mended_and_changes_guid_and_link_is_held() {
    let posts = blog(post("teh-new"));
    let mut world = settled(&posts).await;
    let mended = each(&posts, |p| {
        if p.mark == "teh-new" {
            p.title = "All about the new".into();
            p.guid = Some("http://blog.example/the-new/".into());
            p.link = p.guid.clone();
        }
    });
    world.says(&mended, HOUR).await;
    assert_eq!(world.net.shown(), 1);
    world.held(1).await;
}

/// Readers got a post twice whose draft's address was mended together with a word of its teaser.
#[tokio::test(start_paused = true)]
async fn b6_a_draft_whose_address_and_teaser_are_mended_is_held() {
    let teaser = |word: &str| {
        format!(
            "A benchmark for professional chart {word}: survival curves, candlesticks, contour maps, \
             Bode plots and more, written and graded by domain experts."
        )
    };
    let draft = Post {
        guid: Some("http://blog.example/charts-tmp-slug/".into()),
        link: Some("http://blog.example/charts-tmp-slug/".into()),
        title: "Charts: a benchmark for understanding".into(),
        text: teaser("understanding"),
        ..post("charts")
    };
    let mended = Post {
        guid: Some("http://blog.example/charts/".into()),
        link: Some("http://blog.example/charts/".into()),
        text: teaser("reasoning"),
        ..draft.clone()
    };
    let (mut world, old) = (World::new().await, archive(12));
    world.says(&old, HOUR).await;
    world.says(&before(&[draft], &old), HOUR).await;
    world.says(&before(&[mended], &old), HOUR).await;
    assert_eq!(world.seen("charts"), 1);
    world.held(1).await;
}

/// Readers got each post from site.xyz and from site.com, by turns.
#[tokio::test(start_paused = true)]
async fn b7_a_blog_under_two_names_tells_each_post_once() {
    let xyz = blog(post("new"));
    let mut world = settled(&xyz).await;
    let com = each(&xyz, |p| {
        for url in [&mut p.guid, &mut p.link] {
            *url = url.take().map(|url| url.replace("blog.example", "blog.example.com"));
        }
    });
    for _ in 0..3 {
        world.says(&com, HOUR).await;
        world.says(&xyz, HOUR).await;
    }
    assert_eq!(world.net.shown(), 1);
    world.held(0).await;
    let notes = world.parts.ledger.overview().await.expect("readable").notes;
    assert_eq!(notes[0].1, ["blog.example.com stands for blog.example"], "and it says so");
    // What is new under one name is known under the other.
    let name = |p: &mut Post| {
        p.guid = Some("https://blog.example.com/?p=next".into());
        p.link = Some("https://blog.example.com/next/".into());
    };
    let next = each(&[post("next")], name);
    world.says(&before(&next, &com), HOUR).await;
    world.says(&before(&[post("next")], &xyz), HOUR).await;
    assert_eq!(world.net.shown(), 2);
    world.held(0).await;
}

/// Readers got a post three times: as /001, as /001/ and as /001.html.
#[tokio::test(start_paused = true)]
async fn b9_three_ways_to_write_an_address_are_one_post() {
    let posts = each(&blog(post("001")), |p| p.guid = None);
    let mut world = settled(&posts).await;
    for form in ["001", "001/", "001.html", "001/index.html", "001?utm_source=rss", "/001"] {
        let link = format!("https://www.blog.example/{form}");
        let written = each(&posts, |p| {
            if p.mark == "001" {
                (p.link, p.text) = (Some(link.clone()), form.to_owned());
            }
        });
        world.says(&written, HOUR).await;
    }
    assert_eq!(world.net.shown(), 1);
    world.held(0).await;
}
