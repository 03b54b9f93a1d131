//! `adopt` beside the platforms that show what an account has posted: whoever moves here from another tool
//! repeats nothing of what that has posted, and goes on with what is new.

use std::path::Path;
use std::sync::Arc;

use oncecast::clock::TokioClock;
use oncecast::desk::exit;
use oncecast::model::{How, Status};

use super::super::binary::{Said, bare};
use super::super::incidents::blog::{archive, before, post, rss};
use super::audit::shown;
use super::cases::CASES;
use super::house::{DAY, HOUR, House, START, alone, config};
use super::platforms::{Row, SECRETS};
use super::server::Server;

fn publish(folder: &Path, names: &[&str]) {
    let new: Vec<_> = names.iter().map(|name| post(name)).collect();
    std::fs::write(folder.join("feed.xml"), rss(&before(&new, &archive(3)))).unwrap();
}

async fn adopt(folder: &Path, more: &[&str]) -> Said {
    let file = folder.join("oncecast.toml");
    let mut command =
        bare(&[&["adopt", "readers", "--config", file.to_str().unwrap()], more].concat());
    Said::of(command.envs(SECRETS).output().await.unwrap())
}

/// What readers see of an account that another tool has served, and that moves here.
async fn moves((row, platform): Row) {
    let clock = TokioClock::starting_at(START);
    let server = Server::open(platform(), &CASES[0], Arc::clone(&clock)).await;
    let (theirs, ours) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    publish(theirs.path(), &[]);
    let mut other = House::open(&config(theirs.path(), &server, "followers"), &clock).await;
    other.run(&server, HOUR).await;
    publish(theirs.path(), &["kit", "owed", "first"]);
    other.run(&server, 2 * DAY).await;
    other.close().await;
    assert_eq!(server.published(), 3, "{row}");

    publish(ours.path(), &["first"]);
    let settings = config(ours.path(), &server, "readers");
    let mut house = House::open(&settings, &clock).await;
    house.run(&server, HOUR).await;
    house.parts.ledger.pause(None, "moving".into(), "uid 7".into()).await.unwrap();
    publish(ours.path(), &["owed", "first"]);
    house.run(&server, 2 * DAY).await;
    house.close().await;
    let feed =
        "[ledger]\npath = \"state/ledger.redb\"\n[[feed]]\nname = \"blog\"\nurl = \"feed.xml\"\n";
    let text = server.with(|platform| platform.config(&server.url));
    std::fs::write(ours.path().join("oncecast.toml"), format!("{feed}{text}")).unwrap();
    let calls = server.published();
    for words in [
        ["2 entries would be published there, 1 links", "(was baseline)", "(was due)"],
        ["2 entries are published there now, 1 links", "(was baseline)", "(was due)"],
        ["0 entries would be published there, 0 links", "3 were known", "known"],
    ]
    .iter()
    .zip([&["--dry-run"], &["--yes"], &["--yes"]])
    {
        adopt(ours.path(), words.1).await.ends(exit::OK).tells(words.0).tells(&["3 posts read"]);
    }
    assert_eq!(server.published(), calls, "{row}: it has written to the platform");

    let mut house = House::open(&settings, &clock).await;
    house.parts.ledger.resume(None, "uid 7".into()).await.unwrap();
    publish(ours.path(), &["next", "kit", "owed", "first"]);
    house.run(&server, 2 * DAY).await;
    assert_eq!(server.published(), 4, "{row}: theirs, and the next one of ours");
    let Status::Published { receipt } = house.status().await else { panic!("{row}") };
    assert_eq!(receipt.how, How::Adopted, "{row}");
    assert!(receipt.reference.id.is_some(), "{row}");
    let proof = house.parts.ledger.verify(Box::new(|_, _| {})).await.unwrap();
    assert_eq!(proof.faults, [""; 0], "{row}");
    house.close().await;
}

/// Whoever moved here from another tool had its last posts twice on their account.
#[test]
fn what_another_tool_has_posted_before_the_move_is_not_posted_again() {
    for (row, _) in shown() {
        alone(moves(row));
    }
}
