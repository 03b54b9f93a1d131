//! `check` beside every platform of the table: it logs in as a delivery would, and posts nothing.

use oncecast::clock::TokioClock;
use oncecast::desk::exit;
use oncecast::model::Time;

use super::super::binary::{Said, bare};
use super::cases::CASES;
use super::platforms::discord::Discord;
use super::platforms::{Platform, ROWS, SECRETS};
use super::server::Server;

/// Runs `check` with the one integration and group of a platform; what it said, and what was published.
async fn checked(platform: Box<dyn Platform>) -> (Said, usize) {
    let folder = tempfile::tempdir().unwrap();
    let clock = TokioClock::starting_at(Time::from_millis(1_767_323_045_000));
    let server = Server::open(platform, &CASES[0], clock).await;
    let file = folder.path().join("oncecast.toml");
    let feed = "[ledger]\npath = \"ledger.redb\"\n[[feed]]\nname = \"blog\"\nurl = \"feed.xml\"\n";
    let theirs = server.with(|platform| platform.config(&server.url));
    std::fs::write(&file, format!("{feed}{theirs}")).unwrap();
    let mut check = bare(&["check", "--config", file.to_str().unwrap()]);
    let output = check.envs(SECRETS).output().await.unwrap();
    (Said::of(output), server.published())
}

/// A check that posts would have told every reader "test"; one that cannot log in finds out in front of
/// them.
#[tokio::test(flavor = "multi_thread")]
async fn a_check_logs_in_everywhere_and_posts_nowhere() {
    for (row, platform) in ROWS {
        let (said, published) = checked(platform()).await;
        assert_eq!(published, 0, "{row} was posted to");
        said.ends(exit::OK).tells(&["ok    group readers through"]);
    }
}

/// Every post to such a channel would be held, one by one, long after the operator has gone home.
#[tokio::test(flavor = "multi_thread")]
async fn a_channel_that_takes_no_posts_is_found_before_the_first_post() {
    let (said, published) = checked(Box::new(Discord::shut())).await;
    assert_eq!(published, 0);
    said.ends(exit::FAILED).tells(&["FAIL  group readers", "channel 77", "invite it"]);
}
