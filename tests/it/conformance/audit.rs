//! `audit` beside the platforms that show what an account has posted: what another tool has posted is found,
//! and what readers see twice is told of, whoever made it.

use std::sync::Arc;

use oncecast::clock::TokioClock;
use oncecast::desk::exit;

use super::super::binary::{Said, bare};
use super::super::incidents::blog::{archive, before, post, rss};
use super::cases::CASES;
use super::house::{DAY, HOUR, House, START, alone, config};
use super::platforms::{ROWS, SECRETS};
use super::server::Server;

pub const SHOWN: [&str; 4] = ["bluesky", "discord", "mastodon", "matrix"];

/// What `audit` says of an account on which this ledger and another tool have posted.
async fn audited(row: &str, names: [&[&str]; 2]) -> Said {
    let (_, platform) = ROWS.iter().find(|(name, _)| *name == row).unwrap();
    let clock = TokioClock::starting_at(START);
    let server = Server::open(platform(), &CASES[0], Arc::clone(&clock)).await;
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    for ((folder, group), names) in folders.iter().zip(["readers", "followers"]).zip(names) {
        let publish = |names: &[&str]| {
            let new: Vec<_> = names.iter().map(|name| post(name)).collect();
            let file = folder.path().join("feed.xml");
            std::fs::write(file, rss(&before(&new, &archive(3)))).unwrap();
        };
        publish(&[]);
        let mut house = House::open(&config(folder.path(), &server, group), &clock).await;
        house.run(&server, HOUR).await;
        publish(names);
        house.run(&server, 2 * DAY).await;
        house.close().await;
    }
    let file = folders[0].path().join("oncecast.toml");
    let feed =
        "[ledger]\npath = \"state/ledger.redb\"\n[[feed]]\nname = \"blog\"\nurl = \"feed.xml\"\n";
    let theirs = server.with(|platform| platform.config(&server.url));
    std::fs::write(&file, format!("{feed}{theirs}")).unwrap();
    let mut audit = bare(&["audit", "--config", file.to_str().unwrap()]);
    let output = audit.envs(SECRETS).output().await.unwrap();
    Said::of(output)
}

/// The flood of another tool was seen by everybody but its owner.
#[test]
fn what_another_hand_has_posted_and_what_stands_there_twice_is_told() {
    for row in SHOWN {
        alone(async {
            let said = audited(row, [&["kit"], &["kit", "other"]]).await;
            let said = said.ends(exit::FAILED).tells(&["readers: 3 posts looked at"]);
            assert_eq!(said.out.matches("not of this ledger").count(), 2, "{row}: {}", said.out);
            assert_eq!(said.out.matches("stands there 2 times").count(), 1, "{row}: {}", said.out);
            let said = audited(row, [&["kit", "next"], &[]]).await;
            let said = said.ends(exit::OK).tells(&["readers: 2 posts looked at"]);
            assert!(!said.out.contains("not of this"), "{row}: {}", said.out);
        });
    }
}
