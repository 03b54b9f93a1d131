//! The daemon is killed in the middle of every request that a post takes, those included that make its
//! draft: before the platform has performed it, and after.

use std::sync::Arc;

use oncecast::clock::TokioClock;
use oncecast::model::Status;

use super::super::incidents::blog::{archive, before, post, rss};
use super::cases::CASES;
use super::house::{DAY, HOUR, House, START, alone, config_of};
use super::platforms::{ROWS, Row};
use super::server::{Cut, Server};

/// Platforms on which something stands ready before the publish call.
const STAGED: [&str; 2] = ["ghost", "wordpress"];
/// More requests than a post takes.
const REQUESTS_MAX: usize = 12;

/// One post with the daemon killed there: whether it was, where the post stands, and how often it is seen.
fn killed(row: &Row, cut: Cut) -> (bool, Status, usize) {
    alone(async {
        let folder = tempfile::tempdir().unwrap();
        let clock = TokioClock::starting_at(START);
        let server = Server::cutting(row.1(), &CASES[0], Arc::clone(&clock), Some(cut)).await;
        let config = config_of(&server, folder.path());
        let feed = folder.path().join("feed.xml");
        let old = archive(3);
        std::fs::write(&feed, rss(&old)).unwrap();
        let mut house = House::open(&config, &clock).await;
        house.run(&server, HOUR).await;
        std::fs::write(&feed, rss(&before(&[post("kit")], &old))).unwrap();
        let mut was_killed = false;
        for _ in 0..2 {
            was_killed |= house.run(&server, 2 * DAY).await;
            house.close().await;
            house = House::open(&config, &clock).await;
        }
        let status = house.status().await;
        house.close().await;
        (was_killed, status, server.with(|platform| platform.seen()))
    })
}

/// A tool that lost its draft in a crash made another and published both, or published the first one a
/// second time.
#[test]
fn a_post_whose_draft_was_lost_in_a_crash_is_seen_once() {
    for row in ROWS.iter().filter(|(name, _)| STAGED.contains(name)) {
        for performed in [false, true] {
            let mut cuts = 0;
            for at in 1..REQUESTS_MAX {
                let (was_killed, status, seen) = killed(row, Cut { at, performed });
                let told = format!("{}, killed in request {at} ({performed}): {status:?}", row.0);
                assert_eq!(seen, 1, "{told}");
                assert!(matches!(status, Status::Published { .. }), "{told}");
                if !was_killed {
                    break;
                }
                cuts += 1;
            }
            // Log in, look for a draft, make it, publish it.
            assert_eq!(cuts, 4, "{}: the requests of a post", row.0);
        }
    }
}
