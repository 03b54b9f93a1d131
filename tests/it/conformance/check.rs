//! `check` beside every platform of the table: it logs in as a delivery would, and posts nothing.

use std::sync::Arc;

use oncecast::clock::{Clock as _, SystemClock, TokioClock};
use oncecast::desk::exit;
use oncecast::flow::Sessions;
use oncecast::model::Time;
use serde_json::Value;

use super::super::binary::{Said, bare};
use super::super::incidents::blog::{archive, before, post, rss};
use super::super::support::receiver::{Manner, Receiver};
use super::cases::CASES;
use super::house::{DAY, HOUR, House, START, alone, config_of};
use super::platforms::discord::Discord;
use super::platforms::{Platform, ROWS, SECRETS, rows, threads};
use super::server::Server;

/// Runs `check` with the one integration and group of a platform; what it said, and what was published.
async fn checked(platform: Box<dyn Platform>) -> (Said, usize) {
    checked_with(platform, "").await
}

/// The same with a further line of the group.
async fn checked_with(platform: Box<dyn Platform>, line: &str) -> (Said, usize) {
    let folder = tempfile::tempdir().unwrap();
    let clock = TokioClock::starting_at(Time::from_millis(1_767_323_045_000));
    let server = Server::open(platform, &CASES[0], clock).await;
    let file = folder.path().join("oncecast.toml");
    let feed = "[ledger]\npath = \"ledger.redb\"\n[[feed]]\nname = \"blog\"\nurl = \"feed.xml\"\n";
    let theirs = server.with(|platform| platform.config(&server.url));
    std::fs::write(&file, format!("{feed}{theirs}\n{line}\n")).unwrap();
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

/// A check that renewed the token, and kept nothing of it, stopped the lane of the daemon beside it.
#[test]
fn a_check_leaves_the_token_of_the_daemon_as_it_is() {
    alone(async {
        let clock = TokioClock::starting_at(START);
        let platform = Box::new(threads::Threads::default());
        let server = Server::open(platform, &CASES[0], Arc::clone(&clock)).await;
        let folder = tempfile::tempdir().unwrap();
        let publish = |new: &[_]| {
            std::fs::write(folder.path().join("feed.xml"), rss(&before(new, &archive(3)))).unwrap();
        };
        publish(&[]);
        let mut house = House::open(&config_of(&server, folder.path()), &clock).await;
        house.run(&server, HOUR).await;
        for name in ["kit", "next"] {
            publish(&[post(name)]);
            house.run(&server, 2 * DAY).await;
            let file = folder.path().join("check.toml");
            let ledger = "[ledger]\npath = \"state/ledger.redb\"\n";
            let feed = "[[feed]]\nname = \"blog\"\nurl = \"feed.xml\"\n";
            let theirs = server.with(|platform| platform.config(&server.url));
            std::fs::write(&file, format!("{ledger}{feed}{theirs}")).unwrap();
            let mut check = bare(&["check", "--config", file.to_str().unwrap()]);
            let said = Said::of(check.envs(SECRETS).output().await.unwrap());
            said.tells(&["ok    group readers through"]);
        }
        assert_eq!(server.published(), 2);
        house.close().await;
    });
}

/// What can be asked of no login: an address that is the secret itself, a name, a person. Resend says in the
/// body of its answer what is wrong with a key, and here there is none.
const UNASKED: [&str; 9] = [
    "resend",
    "custom/google-chat",
    "discord_webhook",
    "ping/indexnow",
    "ping/webmention",
    "ping/websub",
    "webhook",
    "webhook/dedupes",
    "by_hand",
];

/// Which of a dozen tokens is wrong was found out by trying them all.
#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_credential_is_named_with_its_lane() {
    let mut deaf = Vec::new();
    let mut config = String::from(
        "[ledger]\npath = \"ledger.redb\"\n[[feed]]\nname = \"blog\"\nurl = \"feed.xml\"\n",
    );
    let mut lanes = Vec::new();
    for (row, platform) in rows().into_iter().filter(|(row, _)| !UNASKED.contains(row)) {
        let name = row.replace(['/', '.'], "-");
        let (lane, group) = (format!("lane-{name}"), format!("group-{name}"));
        deaf.push(Receiver::open(Manner::Answers(401)).await);
        let url = deaf.last().unwrap().url.trim_end_matches("/hook").trim_end_matches('/');
        let mut theirs = platform().config(url).replace("\"readers\"", &format!("{group:?}"));
        let old = theirs.split("name = \"").nth(1).unwrap().split('"').next().unwrap().to_owned();
        for key in ["name", "integration"] {
            theirs = theirs.replace(&format!("{key} = {old:?}"), &format!("{key} = {lane:?}"));
        }
        config += &theirs;
        config += "\n";
        lanes.push((row, lane));
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("oncecast.toml");
    std::fs::write(&file, config).unwrap();
    let mut check = bare(&["check", "--json", "--config", file.to_str().unwrap()]);
    let output = check.envs(SECRETS).output().await.unwrap();
    let json = Said::of(output).ends(exit::FAILED).json();
    let mut unnamed = Vec::new();
    for (row, lane) in lanes {
        let findings = json["findings"].as_array().unwrap();
        let of = |f: &&Value| f["what"].as_str().unwrap().ends_with(&format!("through {lane}"));
        let found = findings.iter().find(of).unwrap_or_else(|| panic!("{row} in {json}"));
        let fault = found["fault"].as_str().unwrap_or_default();
        if !fault.contains("environment variable KIT_") {
            unnamed.push((row, fault.to_owned()));
        }
    }
    assert_eq!(unnamed, []);
}

/// A template was found to be too long for its platform when readers saw posts without their end.
#[tokio::test(flavor = "multi_thread")]
async fn a_template_that_overruns_is_said_and_what_cannot_be_read_too() {
    let row = |name: &str| rows().into_iter().find(|(row, _)| *row == name).unwrap().1();
    let long = "template = \"{{ title }} {{ text }} {{ link }}\"";
    let (said, _) = checked_with(row("bluesky"), long).await;
    let said = said.ends(exit::OK).tells(&["note: its template makes", "and 300 fit"]);
    assert!(!said.out.contains("cannot be read"), "{}", said.out);
    let (said, _) = checked_with(row("bluesky"), "template = \"{{ title }} {{ link }}\"").await;
    assert!(!said.ends(exit::OK).out.contains("note"));
    let (said, _) = checked_with(row("telegram"), long).await;
    let said = said.ends(exit::OK).tells(&["note: what is posted there cannot be read"]);
    assert!(!said.out.contains("its template"), "{}", said.out);
}

/// A token that nobody renewed in time died without a word: the posts after it waited, and nobody knew.
#[test]
fn a_token_that_was_not_renewed_is_told_of_two_weeks_before_it_dies() {
    alone(async {
        let clock = TokioClock::starting_at(START);
        let platform = Box::new(threads::Threads::default());
        let server = Server::open(platform, &CASES[0], Arc::clone(&clock)).await;
        let folder = tempfile::tempdir().unwrap();
        let feed = folder.path().join("feed.xml");
        std::fs::write(&feed, rss(&archive(3))).unwrap();
        let config = config_of(&server, folder.path());
        let mut house = House::open(&config, &clock).await;
        house.run(&server, HOUR).await;
        std::fs::write(&feed, rss(&before(&[post("kit")], &archive(3)))).unwrap();
        house.run(&server, 2 * DAY).await;
        house.close().await;
        assert_eq!(server.published(), 1);

        let lane = &config.integrations[0];
        let dies = Sessions::beside(&config.ledger.path).renewed(lane).expect("it was renewed");
        let lives = dies.since(START);
        assert!(lives >= 60 * DAY && lives < 64 * DAY, "sixty days from its renewal: {lives:?}");
        assert_eq!(lane.expiry(Some(dies), dies.minus(15 * DAY)), None);
        let words = lane.expiry(Some(dies), dies.minus(13 * DAY)).expect("two weeks before");
        assert!(words.contains("run out in 13 days"), "{words}");

        // The same by the machine's own clock, as somebody reads it.
        let file = folder.path().join(format!("state/sessions/{}.json", lane.name));
        let text = std::fs::read_to_string(&file).unwrap();
        let mut kept: Value = serde_json::from_str(&text).unwrap();
        let soon = SystemClock.now().plus(10 * DAY + HOUR).as_millis().to_string();
        kept["facts"]["token_dies"] = soon.into();
        std::fs::write(&file, kept.to_string()).unwrap();
        let at = folder.path().join("check.toml");
        let ledger = "[ledger]\npath = \"state/ledger.redb\"\n";
        let blog = "[[feed]]\nname = \"blog\"\nurl = \"feed.xml\"\n";
        let theirs = server.with(|platform| platform.config(&server.url));
        std::fs::write(&at, format!("{ledger}{blog}{theirs}")).unwrap();
        let mut status = bare(&["status", "--config", at.to_str().unwrap()]);
        let said = Said::of(status.envs(SECRETS).output().await.unwrap());
        said.tells(&["run out in 10 days"]);
    });
}
