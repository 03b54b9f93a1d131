//! Alerts: whoever runs the house hears of what waits for them, each thing once, and is never flooded;
//! readers hear nothing of it.

use oncecast::config::{Config, Secrets};
use oncecast::model::StatusKind;

use super::incidents::blog::{Post, archive, before, post};
use super::incidents::net::{Heard, Manner};
use super::incidents::world::{DAY, HOUR, MINUTE, World};

const OPS: &str = "ops.example";
const ALERT: &str = "[[integration]]\nname = \"ops-hook\"\nkind = \"webhook\"\nurl = \"http://ops.example/hook\"\n\
                     [[group]]\nname = \"ops\"\nintegration = \"ops-hook\"\nfeeds = []\n\
                     [[alert]]\ngroup = \"ops\"\nevery = \"6h\"\n";

async fn house(guard: &str) -> World {
    World::with_more(guard, &[("readers", "")], ALERT).await
}

fn told(world: &World) -> Vec<Heard> {
    world.net.heard().into_iter().filter(|heard| heard.host == OPS).collect()
}

fn words(heard: &Heard) -> String {
    format!("{} {}", heard.body["data"]["title"], heard.body["data"]["text"])
}

fn many(names: &[&str]) -> Vec<Post> {
    names.iter().map(|name| post(name)).collect()
}

/// Held posts would wait for a person who knows of nothing: readers miss them for ever.
#[tokio::test(start_paused = true)]
async fn what_is_held_is_told_once_across_restarts_and_to_nobody_else() {
    let mut world = house("").await;
    let old = archive(12);
    world.says(&old, HOUR).await;
    let all = before(&many(&["ant", "bee", "cat", "dog", "eel"]), &old);
    world.says(&all, 2 * HOUR).await;
    world.held(5).await;
    world.restart().await.expect("opens");
    world.says(&all, DAY).await;
    let told = told(&world);
    assert_eq!(told.len(), 1, "{told:?}");
    let words = words(&told[0]);
    assert!(words.contains("5 things") && words.contains("All about bee"), "{words}");
    assert!(words.contains("oncecast release"), "{words}");
    assert!(world.net.heard().iter().all(|heard| heard.host == OPS), "readers heard of it");
}

/// An alert a minute would teach a person to look away, and get the account restricted.
#[tokio::test(start_paused = true)]
async fn whatever_goes_wrong_alerts_keep_their_distance() {
    let mut world = house("settle = \"0s\"\nshare = 1.0").await;
    let mut all = archive(12);
    world.says(&all, HOUR).await;
    world.net.always("readers.example", Manner::Loses);
    // Each post is in doubt, one after another, for a day.
    for number in 0..12 {
        all.insert(0, post(&format!("n-{number}-{}", "x".repeat(number))));
        world.says(&all, 2 * HOUR).await;
    }
    let told = told(&world);
    assert!(world.waiting(StatusKind::InDoubt).await.len() > 4, "many are in doubt");
    assert!((3..=5).contains(&told.len()), "{} alerts in a day", told.len());
    for pair in told.windows(2) {
        assert!(pair[1].at.since(pair[0].at) >= 6 * HOUR, "{pair:?}");
    }
}

/// A lane that has lost its credentials would be silent, and nobody would know.
#[tokio::test(start_paused = true)]
async fn a_lane_that_stops_is_told_with_the_way_out_and_again_when_it_stops_again() {
    let mut world = house("settle = \"0s\"").await;
    let old = archive(12);
    world.says(&old, HOUR).await;
    world.net.next("readers.example", &[Manner::Denies(401), Manner::Denies(401)]);
    let all = before(&[post("ant")], &old);
    world.says(&all, DAY / 2).await;
    let first = told(&world);
    assert_eq!(first.len(), 1, "{first:?}");
    assert!(words(&first[0]).contains("oncecast resume readers-hook"), "{}", words(&first[0]));
    let resume = || world.parts.ledger.resume(Some("readers-hook".to_owned()), "test".to_owned());
    resume().await.expect("resumed");
    world.run(DAY / 2).await;
    assert_eq!(told(&world).len(), 2, "it has stopped again, and that is news");
    let resume = world.parts.ledger.resume(Some("readers-hook".to_owned()), "test".to_owned());
    resume.await.expect("resumed");
    world.run(DAY / 2).await;
    assert_eq!((world.seen("ant"), told(&world).len()), (1, 2));
}

/// An alert that is itself in doubt would be told by the next, and that one by another, for ever.
#[tokio::test(start_paused = true)]
async fn an_alert_that_fails_is_no_reason_for_an_alert() {
    let mut world = house("").await;
    let old = archive(12);
    world.says(&old, HOUR).await;
    world.net.always(OPS, Manner::Loses);
    world.says(&before(&many(&["ant", "bee", "cat", "dog", "eel"]), &old), DAY).await;
    assert_eq!(told(&world).len(), 1);
    assert_eq!(world.waiting(StatusKind::InDoubt).await.len(), 1, "it can be seen");
}

/// What was told while nothing could be sent would never be heard.
#[tokio::test(start_paused = true)]
async fn while_everything_is_stopped_nothing_counts_as_told() {
    let mut world = house("").await;
    let old = archive(12);
    world.says(&old, HOUR).await;
    world.parts.ledger.stop_all("a test".to_owned(), "test".to_owned()).await.expect("stopped");
    world.says(&before(&many(&["ant", "bee", "cat", "dog", "eel"]), &old), DAY / 4).await;
    assert!(told(&world).is_empty());
    world.parts.ledger.resume(None, "test".to_owned()).await.expect("resumed");
    world.run(HOUR).await;
    assert_eq!(told(&world).len(), 1);
    let proof = world.parts.ledger.verify(Box::new(|_, _| {})).await.expect("walked");
    assert!(proof.faults.is_empty(), "{:?}", proof.faults);
}

/// A token that ran out on a Friday would be found out on a Monday, by readers.
#[tokio::test(start_paused = true)]
async fn a_token_that_will_run_out_is_told_two_weeks_before_and_when_it_has() {
    // The test begins on the 2nd of January 2026.
    let more = [("readers", "expires = \"2026-01-18\"")];
    let mut world = World::with_more("", &more, ALERT).await;
    world.says(&archive(12), DAY).await;
    assert!(told(&world).is_empty(), "sixteen days before");
    world.run(2 * DAY).await;
    let first = told(&world);
    assert_eq!(first.len(), 1, "{first:?}");
    assert!(
        words(&first[0]).contains("readers-hook run out in 13 days, on 2026-01-18"),
        "{first:?}"
    );
    world.run(14 * DAY).await;
    let all = told(&world);
    assert_eq!(all.len(), 2, "{all:?}");
    assert!(words(&all[1]).contains("readers-hook ran out on 2026-01-18"), "{all:?}");
}

/// What mends itself within the pause is not worth a word.
#[tokio::test(start_paused = true)]
async fn what_waits_for_less_than_after_is_not_told() {
    let mut world = house("").await;
    let old = archive(12);
    world.says(&old, HOUR).await;
    let all = before(&many(&["ant", "bee", "cat", "dog", "eel"]), &old);
    world.blog(&all);
    while world.waiting(StatusKind::Held).await.is_empty() {
        world.run(MINUTE).await;
    }
    world.run(8 * MINUTE).await;
    assert!(told(&world).is_empty());
    world.run(4 * MINUTE).await;
    assert_eq!(told(&world).len(), 1);
}

/// Followers would read that a token has run out.
#[test]
fn a_group_of_readers_cannot_be_alerted() {
    let told = |more: &str| {
        let text = format!(
            "[[feed]]\nname = \"blog\"\nurl = \"feed.xml\"\n[[integration]]\nname = \"hook\"\n\
             kind = \"webhook\"\nurl = \"http://a.example/\"\n[[integration]]\nname = \"hand\"\n\
             kind = \"by-hand\"\n[[group]]\nname = \"readers\"\nintegration = \"hook\"\n\
             [[group]]\nname = \"person\"\nintegration = \"hand\"\nlink = \"http://a.example/\"\n\
             feeds = []\n{more}"
        );
        let parsed = Config::parse(&text, "oncecast.toml".as_ref(), Secrets::Skip, &|_| None);
        parsed.map_or_else(|error| error.to_string(), |_| String::new())
    };
    let words = told("[[alert]]\ngroup = \"readers\"\n[[alert]]\ngroup = \"person\"\n");
    assert!(words.contains("so its readers would read alerts"), "{words}");
    assert!(words.contains("write feeds = []"), "{words}");
    assert!(words.contains("nobody would see"), "{words}");
    let words = told("[[alert]]\ngroup = \"reader\"\n");
    assert!(words.contains("did you mean \"readers\"?"), "{words}");
    assert!(told("").contains("this group would hear nothing"), "{}", told(""));
}
