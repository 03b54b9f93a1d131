//! Two daemons with a ledger each, and one account: readers see posts twice, and nothing can prevent it;
//! whoever runs one of them is told of the other.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use oncecast::clock::TokioClock;

use super::super::incidents::blog::{Post, archive, before, post, rss};
use super::cases::CASES;
use super::house::{self, HOUR, House, START};
use super::platforms::ROWS;
use super::server::Server;

/// Platforms that show what an account has said.
const TOLD: [&str; 4] = ["bluesky", "mastodon", "mastodon/compatible", "matrix"];

fn publish(folder: &Path, posts: &[Post]) {
    std::fs::write(folder.join("feed.xml"), rss(posts)).unwrap();
}

/// Far enough apart for a server's clock to tell a status that was there before.
const APART: Duration = Duration::from_secs(10 * 60);

/// What two houses say of their one account after three posts. One of the two may hear of none, or call the
/// group by another name.
async fn told(row: &str, twin_calls_it: Option<&str>) -> [Vec<String>; 2] {
    let (_, platform) = ROWS.iter().find(|(name, _)| *name == row).unwrap();
    let clock = TokioClock::starting_at(START);
    let good_day = CASES.iter().find(|case| case.name == "answers normally").unwrap();
    let server = Server::open(platform(), good_day, Arc::clone(&clock)).await;
    let (ours, theirs) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let old = archive(3);
    for folder in [&ours, &theirs] {
        publish(folder.path(), &old);
    }
    let mut house = House::open(&house::config(ours.path(), &server, "readers"), &clock).await;
    house.run(&server, HOUR).await;
    let name = twin_calls_it.unwrap_or("nobody");
    let mut twin = House::open(&house::config(theirs.path(), &server, name), &clock).await;
    twin.run(&server, HOUR).await;
    let mut posts = old;
    for name in ["first", "second", "third"] {
        posts = before(&[post(name)], &posts);
        publish(ours.path(), &posts);
        if twin_calls_it.is_some() {
            publish(theirs.path(), &posts);
        }
        // Each sees it within a day; the twin is the first to look.
        for _ in 0..13 {
            twin.run(&server, HOUR).await;
            tokio::time::advance(APART).await;
            house.run(&server, HOUR).await;
            tokio::time::advance(APART).await;
        }
    }
    assert!(server.with(|platform| platform.seen()) >= 3);
    [house.parts.pulse.remarks(), twin.parts.pulse.remarks()]
}

#[test]
fn a_second_daemon_on_one_account_is_told_of_and_our_own_posts_are_none_of_its() {
    for row in TOLD {
        let [alone, _] = house::alone(told(row, None));
        assert!(alone.is_empty(), "{row}: {alone:?}");
        for name in ["readers", "followers"] {
            let [beside, twins] = house::alone(told(row, Some(name)));
            if (row, name) == ("matrix", "readers") {
                // The same transaction to the server, which shows it once.
                continue;
            }
            if (row, name) == ("mastodon", "readers") {
                // The same key to the server, which shows it once: whoever comes second is told.
                let second = beside.iter().chain(&twins).collect::<Vec<_>>();
                assert!(!second.is_empty(), "{row}, {name}");
                assert!(
                    second.iter().all(|words| words.contains("another oncecast")),
                    "{second:?}"
                );
                continue;
            }
            let [words] = &beside[..] else { panic!("{row}, {name}: {beside:?}") };
            assert!(words.starts_with("group readers: "), "{row}, {name}: {words}");
            assert!(words.contains("another oncecast"), "{row}, {name}: {words}");
        }
    }
}
