//! J and K: a feed or an outage left a pile of posts, and all of it came at once.

use std::time::Duration;

use oncecast::model::StatusKind;

use super::blog::{archive, before, each, post};
use super::net::{Heard, Manner};
use super::world::{DAY, HOUR, MINUTE, World};

/// The most calls within any span.
fn most_within(heard: &[Heard], span: Duration) -> usize {
    let within = |first: &Heard| {
        heard.iter().filter(|h| h.at >= first.at && h.at.since(first.at) < span).count()
    };
    heard.iter().map(within).max().unwrap_or(0)
}

/// Readers woke up to forty posts, or got the archive two by two, when a feed was added.
#[tokio::test(start_paused = true)]
async fn j1_j3_j4_the_archive_of_a_new_feed_is_never_told() {
    let mut world = World::new().await;
    let old = archive(40);
    world.says(&old, DAY / 2).await;
    world.restart().await.expect("opens");
    world.says(&old, DAY / 2).await;
    assert_eq!(world.net.shown(), 0);
    assert!(world.waiting(StatusKind::Due).await.is_empty());
    world.held(0).await;
    world.says(&before(&[post("new")], &old), HOUR).await;
    assert_eq!(world.seen("new"), 1);
}

/// Readers got everything again from the new tool, when a blog changed from one to another.
#[tokio::test(start_paused = true)]
async fn j2_what_another_tool_has_sent_is_baseline() {
    // The other tool sent the newest post five minutes ago; here it is part of the first sight.
    let mut world = World::new().await;
    let all = before(&[post("sent-by-the-other")], &archive(12));
    world.says(&all, DAY / 2).await;
    assert_eq!(world.net.shown(), 0);
    // Whoever starts before the other is ended gets what comes between twice; a person may say so.
    let steps = world.replay("http://blog.example/sent-by-the-other/", None).await;
    assert!(steps[0].sends, "and what was missed can be sent by hand: {steps:?}");
}

const CAPS: &str = "caps = { per_10m = 3, per_hour = 6, per_day = 20 }";
const NAMES: [&str; 12] =
    ["ant", "bee", "cat", "dog", "eel", "fox", "gnu", "hen", "ibis", "jay", "kiwi", "lynx"];

/// A house with twelve posts that wait for a platform that is down.
async fn dammed() -> World {
    let mut world = World::with("burst = 12\nshare = 1.0", &[("readers", CAPS)]).await;
    let old = archive(12);
    world.says(&old, HOUR).await;
    world.net.always("readers.example", Manner::Unreachable);
    let new: Vec<_> = NAMES.iter().map(|name| post(name)).collect();
    world.says(&before(&new, &old), 6 * HOUR).await;
    world
}

/// Readers got ten posts within minutes after an outage, or twenty items at once.
#[tokio::test(start_paused = true)]
async fn k1_k2_what_an_outage_dammed_up_comes_at_a_pace() {
    let mut world = dammed().await;
    world.net.always("readers.example", Manner::Shows(204));
    world.run(DAY).await;
    let heard = world.net.heard();
    assert!(most_within(&heard, 10 * MINUTE) <= 3, "{heard:?}");
    assert!(most_within(&heard, HOUR) <= 6, "{heard:?}");
    assert_eq!(world.net.shown(), 12, "and all of it comes");
}

/// An author was banned by a platform; and restarts must not buy another burst.
#[tokio::test(start_paused = true)]
async fn k3_restarts_grant_no_further_burst() {
    let mut world = dammed().await;
    world.net.always("readers.example", Manner::Shows(204));
    for _ in 0..24 {
        world.restart().await.expect("opens");
        world.run(20 * MINUTE).await;
    }
    let heard = world.net.heard();
    assert!(heard.len() > 6, "{heard:?}");
    assert!(most_within(&heard, 10 * MINUTE) <= 3, "{heard:?}");
    assert!(most_within(&heard, HOUR) <= 6, "{heard:?}");
}

/// An account was locked out: each run logged in anew, and each refusal was answered with another try.
#[tokio::test(start_paused = true)]
async fn k4_a_platform_that_says_too_many_is_left_alone() {
    let mut world = World::new().await;
    let old = archive(12);
    world.says(&old, HOUR).await;
    world.net.always("readers.example", Manner::Denies(429));
    world.blog(&before(&[post("new")], &old));
    for _ in 0..6 {
        world.run(HOUR / 2).await;
        world.restart().await.expect("opens");
    }
    let heard = world.net.heard();
    assert!(most_within(&heard, HOUR) <= 12, "{} calls", heard.len());
    world.net.always("readers.example", Manner::Denies(401));
    let before = world.net.heard().len();
    world.run(2 * HOUR).await;
    world.restart().await.expect("opens");
    world.run(DAY / 2).await;
    let asked = world.net.heard().len() - before;
    assert_eq!(asked, 1, "credentials that are refused are not tried again");
}

/// Readers got a post each second: another tool carried each of them back into the blog.
#[tokio::test(start_paused = true)]
async fn k5_a_loop_through_the_blog_is_slow_and_ends() {
    let mut world = World::with("settle = \"0s\"", &[("readers", CAPS)]).await;
    let mut posts = archive(12);
    world.says(&posts, HOUR).await;
    posts = before(&[post("echo-of-nothing")], &posts);
    for echo in 0..40 {
        world.says(&posts, 10 * MINUTE).await;
        let name =
            format!("echo-{}-{}", ["do", "re", "mi", "fa", "so"][echo % 5], world.net.shown());
        if world.seen(&name) == 0 {
            posts =
                before(&each(&[post(&name)], |p| p.title = format!("Echo: {}", p.title)), &posts);
        }
    }
    let heard = world.net.heard();
    assert!(heard.len() > 6 && most_within(&heard, HOUR) <= 6, "{heard:?}");
    assert!(most_within(&heard, DAY) <= 20, "{heard:?}");
}

/// Readers got two thousand mails, which still arrived when the sender had been ended.
#[tokio::test(start_paused = true)]
async fn k6_stop_means_stop_even_after_a_restart() {
    let mut world = dammed().await;
    world.net.always("readers.example", Manner::Shows(204));
    world.parts.ledger.stop_all("enough".into(), "person".into()).await.expect("stopped");
    let before = world.net.heard().len();
    world.run(HOUR).await;
    world.restart().await.expect("opens");
    world.run(HOUR).await;
    assert_eq!(world.net.heard().len(), before);
    world.parts.ledger.resume(None, "person".into()).await.expect("resumed");
    std::fs::write(world.state().join("STOP"), "").expect("written");
    world.run(HOUR).await;
    assert_eq!(world.net.heard().len(), before, "a file is enough");
}
