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
use super::server::{Answer, Server};

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

/// An account that did not show what was on it was taken for one with nothing on it, and readers saw the post
/// a second time.
#[test]
fn what_cannot_be_seen_waits_until_it_can() {
    let json = |status, body| Answer::text(status, body).with("content-type", "application/json");
    let page = || Answer::text(200, "<html>please accept our terms</html>");
    let half = || json(200, "[{\"id\": \"1\", \"cont");
    let mastodon = "/accounts/42/statuses";
    for (name, list, answer) in [
        ("mastodon", mastodon, page()),
        ("mastodon", mastodon, half()),
        ("mastodon", mastodon, json(404, "{}")),
        ("mastodon", mastodon, json(503, "")),
        ("mastodon", mastodon, Answer::text(0, "")),
        ("bluesky", "listRecords", page()),
        ("discord", "/messages", half()),
        ("matrix", "/messages", json(403, "{}")),
    ] {
        alone(unseen(name, list, answer));
    }
}

/// A post that comes while questions whose path holds these words are answered so.
async fn unseen(name: &str, list: &'static str, answer: Answer) {
    let told = format!("{name}: {answer:?}");
    let (_, platform) = rows().into_iter().find(|(row, _)| *row == name).unwrap();
    let clock = TokioClock::starting_at(START);
    let server = Server::open(platform(), &CASES[0], Arc::clone(&clock)).await;
    let folder = tempfile::tempdir().unwrap();
    let publish = |new: &[_]| {
        let file = folder.path().join("feed.xml");
        std::fs::write(file, rss(&before(new, &archive(3)))).unwrap();
    };
    publish(&[]);
    let group = "readers\"\npreflight = true\n#";
    let mut house = House::open(&config(folder.path(), &server, group), &clock).await;
    house.run(&server, HOUR).await;
    server.hides(Some((list, answer)));
    publish(&[post("kit")]);
    // A poll comes a day after the last, and a little later.
    house.run(&server, 2 * DAY).await;
    assert_eq!(server.published(), 0, "{told}");
    let status = house.status().await;
    assert!(matches!(status, Status::Due { attempt: 0, .. }), "{told}: {status:?}");
    let lane = house.parts.ledger.overview().await.unwrap().lanes.remove(0);
    assert!(lane.failures > 0 || lane.stopped.is_some(), "unseen: {told}: {lane:?}");
    server.hides(None);
    house.parts.ledger.resume(None, "person".to_owned()).await.unwrap();
    house.run(&server, HOUR).await;
    assert_eq!(server.published(), 1, "{told}: {:?}", house.status().await);
}

/// The test above would be none if a platform kept the second one away by itself.
#[test]
fn without_a_question_it_is_there_twice() {
    let row = rows().into_iter().find(|(name, _)| *name == "mastodon").unwrap();
    let (published, ..) = alone(scene(&row, false));
    assert_eq!(published, 3);
}
