//! Two daemons with a ledger each, and one account: readers see posts twice, and nothing can prevent it;
//! whoever runs one of them is told of the other.

use std::path::Path;
use std::sync::Arc;

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

/// What a house says of its account after three posts, with another house beside it or not; that one
/// may call the group by another name.
async fn told(row: &str, twin_calls_it: Option<&str>) -> Vec<String> {
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
            house.run(&server, HOUR).await;
        }
    }
    assert!(server.with(|platform| platform.seen()) >= 3);
    house.parts.pulse.remarks()
}

#[test]
fn a_second_daemon_on_one_account_is_told_of_and_our_own_posts_are_none_of_its() {
    for row in TOLD {
        let alone = house::alone(told(row, None));
        assert!(alone.is_empty(), "{row}: {alone:?}");
        for name in ["readers", "followers"] {
            let beside = house::alone(told(row, Some(name)));
            if let ("matrix" | "mastodon", "readers") = (row, name) {
                // The same transaction or key to the server, which shows it once; that it was there before
                // is told only where the two are minutes apart.
                continue;
            }
            let [words] = &beside[..] else { panic!("{row}, {name}: {beside:?}") };
            assert!(words.starts_with("group readers: "), "{row}, {name}: {words}");
            assert!(words.contains("another oncecast"), "{row}, {name}: {words}");
        }
    }
}
