//! Another tool posts to the same account: with `preflight` the account is asked first, and readers see what
//! is new once.

use std::sync::Arc;

use oncecast::clock::TokioClock;
use oncecast::model::{How, Status};

use super::super::incidents::blog::{archive, before, post, rss};
use super::audit::shown;
use super::cases::CASES;
use super::house::{DAY, HOUR, House, START, alone, config};
use super::platforms::{Row, rows};
use super::server::Server;

/// What came of a post that another tool had posted first, and of the next one, that it had not.
async fn scene(row: &Row, preflight: bool) -> (usize, Status, Status) {
    let clock = TokioClock::starting_at(START);
    let server = Server::open(row.1(), &CASES[0], Arc::clone(&clock)).await;
    let (ours, theirs) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let publish = |folder: &std::path::Path, names: &[&str]| {
        let new: Vec<_> = names.iter().map(|name| post(name)).collect();
        std::fs::write(folder.join("feed.xml"), rss(&before(&new, &archive(3)))).unwrap();
    };
    let group = if preflight { "readers\"\npreflight = true\n#" } else { "readers" };
    publish(ours.path(), &[]);
    publish(theirs.path(), &[]);
    let mut house = House::open(&config(ours.path(), &server, group), &clock).await;
    house.run(&server, HOUR).await;
    let mut other = House::open(&config(theirs.path(), &server, "followers"), &clock).await;
    other.run(&server, HOUR).await;
    publish(theirs.path(), &["kit"]);
    // A poll comes a day after the last, and a little later.
    other.run(&server, 2 * DAY).await;
    publish(ours.path(), &["next", "kit"]);
    house.run(&server, 2 * DAY).await;
    let first = house.status().await;
    let mut next = house.parts.ledger.find("http://blog.example/next/").await.unwrap();
    let next = next.remove(0).deliveries.remove(0).status;
    let proof = house.parts.ledger.verify(Box::new(|_, _| {})).await.unwrap();
    assert_eq!(proof.faults, [""; 0], "{}", row.0);
    (server.published(), first, next)
}

/// Whoever moved to this tool and left the old one running had each post twice.
#[test]
fn what_another_tool_has_posted_is_not_posted_again() {
    for (row, _) in shown() {
        let (published, first, next) = alone(scene(&row, true));
        let told = format!("{}: {first:?}, {next:?}", row.0);
        assert_eq!(published, 2, "theirs, and the next one of ours: {told}");
        let Status::Published { receipt } = first else { panic!("{told}") };
        assert_eq!(receipt.how, How::Elsewhere, "{told}");
        assert!(receipt.reference.id.is_some(), "{told}");
        let Status::Published { receipt } = next else { panic!("{told}") };
        assert_eq!(receipt.how, How::Answered, "{told}");
    }
}

/// The test above would be none if a platform kept the second one away by itself.
#[test]
fn without_a_question_it_is_there_twice() {
    let row = rows().into_iter().find(|(name, _)| *name == "mastodon").unwrap();
    let (published, ..) = alone(scene(&row, false));
    assert_eq!(published, 3);
}
