//! What becomes of a post after readers have it, beside every platform of the kit, on its good and on its bad
//! days: what is taken away is away and stays so, and no change ever makes a post.

use std::path::Path;
use std::sync::{Arc, Mutex};

use oncecast::clock::TokioClock;
use oncecast::ledger::{Retract, Selection};
use oncecast::model::{Stand, Status};

use super::super::incidents::blog::{Post, archive, before, post, rss};
use super::cases::{CASES, Manner};
use super::house::{DAY, HOUR, House, START, alone, config, config_of};
use super::platforms::{Row, rows};
use super::server::Server;

/// What the platform does with the first call that changes a post.
const MANNERS: [(&str, Manner); 11] = [
    ("answers normally", Manner::Takes),
    ("takes it and drops the connection", Manner::Drops),
    ("takes it and answers 502", Manner::Says(502)),
    ("takes it and answers half a body", Manner::Garbles),
    ("takes it when we have given up", Manner::Late(std::time::Duration::ZERO)),
    ("asks us to wait", Manner::Sheds),
    ("ends the session in the middle", Manner::Expires),
    ("redirects", Manner::Points),
    ("refuses it", Manner::Refuses),
    ("takes it while the daemon is killed", Manner::Kills(true)),
    ("does not take it while the daemon is killed", Manner::Kills(false)),
];

/// Platforms on which nothing can be taken away, and why they are among them.
const STAYS: [&str; 10] = [
    // What they are told of is no post of ours.
    "ping/indexnow",
    "ping/webmention",
    "ping/websub",
    "webhook",
    "webhook/dedupes",
    // Nothing that went out comes back.
    "custom/google-chat",
    "custom/ntfy",
    "resend",
    "slack-webhook",
    // Its right to delete is another one, and how was not read.
    "threads",
];

/// What came of it.
#[derive(Debug)]
struct After {
    seen: usize,
    /// How many posts were ever made.
    published: usize,
    /// How many calls came to change it.
    changes: usize,
    stand: String,
    /// Whether a step said that it would be taken away.
    removes: bool,
}

fn publish(folder: &Path, posts: &[Post]) {
    std::fs::write(folder.join("feed.xml"), rss(posts)).unwrap();
}

/// Whether the kit can say what a platform's posts say.
fn speaks(row: &Row) -> bool {
    !row.0.starts_with("ping") && !row.0.starts_with("webhook")
}

/// A post that is out, and what then becomes of it.
async fn scene(row: &Row, manner: Manner, author: bool) -> After {
    let folder = tempfile::tempdir().unwrap();
    let clock = TokioClock::starting_at(START);
    let server = Server::open(row.1(), &CASES[0], Arc::clone(&clock)).await;
    let config = config_of(&server, folder.path());
    let old = archive(3);
    publish(folder.path(), &old);
    let mut house = House::open(&config, &clock).await;
    house.run(&server, HOUR).await;
    publish(folder.path(), &before(&[post("kit")], &old));
    house.run(&server, 2 * DAY).await;
    assert!(matches!(house.status().await, Status::Published { .. }), "{}", row.0);
    assert_eq!(server.with(|platform| platform.seen()), 1, "{}", row.0);
    assert_eq!(server.with(|platform| platform.says("kit")), usize::from(speaks(row)), "{}", row.0);
    server.meets_changes(manner);
    if author {
        server.owner(|platform| platform.vanish());
    }
    let selection = Selection { entry: house.entry().await.number, group: None };
    let wish = Retract { selection, done: false, dry_run: false };
    let steps = house.parts.ledger.retract(wish, "person".to_owned()).await.unwrap();
    if house.run(&server, 3 * DAY).await {
        house.close().await;
        house = House::open(&config, &clock).await;
        house.run(&server, 3 * DAY).await;
    }
    // A person has mended the credentials.
    house.parts.ledger.resume(None, "person".to_owned()).await.unwrap();
    house.run(&server, 2 * DAY).await;
    // A start anew must not bring it back.
    house.close().await;
    let mut house = House::open(&config, &clock).await;
    house.run(&server, DAY).await;
    while !server.rests() {
        tokio::task::yield_now().await;
    }
    let view = house.entry().await.deliveries.remove(0);
    assert!(matches!(view.status, Status::Published { .. }), "{}: {:?}", row.0, view.status);
    let stand = match view.amend.as_ref().map(|amend| &amend.stand) {
        None => "nothing",
        Some(Stand::Wanted { .. }) => "wanted",
        Some(Stand::Done { .. }) => "done",
        Some(Stand::Gone { .. }) => "gone",
        Some(Stand::GivenUp { .. }) => "given up",
    };
    let proof = house.parts.ledger.verify(Box::new(|_, _| {})).await.unwrap();
    assert_eq!(proof.faults, [""; 0], "{}", row.0);
    house.close().await;
    After {
        seen: server.with(|platform| platform.seen()),
        published: server.published(),
        changes: server.changed(),
        stand: stand.to_owned(),
        removes: steps.iter().any(|step| step.removes),
    }
}

/// A post that is out, whose entry is then given another text in the feed.
async fn edited(row: &Row, manner: Manner, author: bool) -> After {
    let folder = tempfile::tempdir().unwrap();
    let clock = TokioClock::starting_at(START);
    let server = Server::open(row.1(), &CASES[0], Arc::clone(&clock)).await;
    let config = config(folder.path(), &server, "readers\"\non_edit = \"update");
    let old = archive(3);
    publish(folder.path(), &old);
    let mut house = House::open(&config, &clock).await;
    house.run(&server, HOUR).await;
    publish(folder.path(), &before(&[post("kit")], &old));
    house.run(&server, 2 * DAY).await;
    assert_eq!(server.with(|platform| platform.seen()), 1, "{}", row.0);
    server.meets_changes(manner);
    if author {
        server.owner(|platform| platform.vanish());
    }
    // Twice before it can have been carried, and the second time for good.
    for word in ["amended", "mended"] {
        let mut new = post("kit");
        new.title = format!("{word} {}", new.title);
        new.text = format!("{word} {}", new.text);
        publish(folder.path(), &before(&[new], &old));
        if house.run(&server, 3 * DAY).await {
            house.close().await;
            house = House::open(&config, &clock).await;
            house.run(&server, 3 * DAY).await;
        }
        house.parts.ledger.resume(None, "person".to_owned()).await.unwrap();
        house.run(&server, DAY).await;
    }
    // What does not change any more is not called for again.
    let changes = server.changed();
    house.close().await;
    let mut house = House::open(&config, &clock).await;
    house.run(&server, 2 * DAY).await;
    while !server.rests() {
        tokio::task::yield_now().await;
    }
    assert_eq!(server.changed(), changes, "{}: called again without a reason", row.0);
    let proof = house.parts.ledger.verify(Box::new(|_, _| {})).await.unwrap();
    assert_eq!(proof.faults, [""; 0], "{}", row.0);
    let view = house.entry().await.deliveries.remove(0);
    house.close().await;
    After {
        seen: server.with(|platform| platform.seen()),
        published: server.published(),
        changes,
        stand: format!("{:?}", view.amend.map(|amend| amend.stand)),
        removes: server
            .with(|platform| platform.says("mended") == 1 && platform.says("amended") == 0),
    }
}

/// Readers kept a mistake that the blog had mended, or saw the mended post beside the first.
#[test]
fn an_edit_changes_the_post_that_is_there_and_makes_none() {
    let updates = |row: &Row| !STAYS.contains(&row.0) && row.0 != "discourse";
    for row in rows().iter().filter(|row| updates(row)) {
        for (name, manner) in MANNERS {
            let is_ledgers = matches!(manner, Manner::Kills(_) | Manner::Late(_) | Manner::Sheds);
            if is_ledgers && !["mastodon", "bluesky", "matrix"].contains(&row.0) {
                continue;
            }
            let after = alone(edited(row, manner, false));
            let told = format!("{}, {name}: {after:?}", row.0);
            assert_eq!((after.seen, after.published), (1, 1), "{told}");
            assert!(after.removes, "it does not say what its entry says: {told}");
        }
    }
}

/// An author had deleted a post there by hand; the next edit of the blog brought it back.
#[test]
fn an_edit_does_not_bring_back_what_its_author_has_deleted() {
    for row in rows().iter().filter(|row| !STAYS.contains(&row.0) && row.0 != "discourse") {
        let after = alone(edited(row, Manner::Takes, true));
        let told = format!("{}: {after:?}", row.0);
        assert_eq!((after.seen, after.published), (0, 1), "{told}");
        assert!(after.stand.contains("Gone"), "{told}");
    }
}

/// Readers went on to read what its author had taken back, and once saw it again: the call was lost, and the
/// tool forgot about it, or sent the post anew.
#[test]
fn what_is_taken_away_is_away_and_stays_so() {
    // What a kill leaves behind stands in the ledger, whatever the platform.
    let of = |row: &str, manner| {
        !STAYS.contains(&row)
            && (!matches!(manner, Manner::Kills(_)) || ["mastodon", "ghost"].contains(&row))
    };
    let mut jobs = Vec::new();
    for row in rows() {
        jobs.extend(MANNERS.iter().filter(|(_, manner)| of(row.0, *manner)).map(|m| (row, *m)));
    }
    let jobs = Mutex::new(jobs);
    let workers = std::thread::available_parallelism().map_or(2, usize::from);
    let work = || {
        loop {
            let Some((row, (name, manner))) = jobs.lock().unwrap().pop() else { break };
            let after = alone(scene(&row, manner, false));
            let told = format!("{}, {name}: {after:?}", row.0);
            assert_eq!(after.published, 1, "sent anew: {told}");
            let stays = matches!(manner, Manner::Points | Manner::Refuses);
            let (seen, stands) =
                if stays { (1, &["given up"][..]) } else { (0, &["done", "gone"][..]) };
            assert_eq!(after.seen, seen, "{told}");
            assert!(stands.contains(&after.stand.as_str()), "{told}");
            if matches!(manner, Manner::Kills(_) | Manner::Drops) {
                assert!(after.changes >= 2, "it was not asked for again: {told}");
            }
        }
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        for thread in threads {
            thread.join().unwrap();
        }
    });
}

/// What its author has deleted there by hand is away: to call that a failure would ask a person for nothing.
#[test]
fn what_is_not_there_any_more_counts_as_taken_away() {
    for row in rows().iter().filter(|(name, _)| !STAYS.contains(name)) {
        let after = alone(scene(row, Manner::Takes, true));
        assert_eq!((after.seen, after.published), (0, 1), "{}: {after:?}", row.0);
        assert!(["done", "gone"].contains(&after.stand.as_str()), "{}: {after:?}", row.0);
    }
}

/// A platform that cannot do it says so, and nothing is sent there in its place.
#[test]
fn where_nothing_can_be_taken_away_a_person_is_told() {
    for row in rows().iter().filter(|(name, _)| STAYS.contains(name)) {
        let after = alone(scene(row, Manner::Takes, false));
        assert_eq!((after.seen, after.published), (1, 1), "{}: {after:?}", row.0);
        let told = if after.removes { "given up" } else { "nothing" };
        assert_eq!(after.stand, told, "{}: {after:?}", row.0);
    }
}

/// An author mended the words for one place alone: its readers kept the old ones, and the record said that
/// nothing had changed.
#[test]
fn other_words_for_one_place_alone_are_an_edit() {
    let row = rows().into_iter().find(|(name, _)| *name == "mastodon").unwrap();
    alone(async {
        let folder = tempfile::tempdir().unwrap();
        let clock = TokioClock::starting_at(START);
        let server = Server::open(row.1(), &CASES[0], Arc::clone(&clock)).await;
        let config = config(folder.path(), &server, "readers\"\non_edit = \"update");
        let old = archive(3);
        let says = |own: &str| {
            let text = String::from_utf8(rss(&before(&[post("kit")], &old))).unwrap();
            let text = text.replacen("<rss ", "<rss xmlns:once=\"urn:oncecast:post\" ", 1);
            let own = format!("<once:post to=\"mastodon\">{own}</once:post></item>");
            std::fs::write(folder.path().join("feed.xml"), text.replacen("</item>", &own, 1))
                .unwrap();
        };
        publish(folder.path(), &old);
        let mut house = House::open(&config, &clock).await;
        house.run(&server, HOUR).await;
        says("first words");
        house.run(&server, 2 * DAY).await;
        assert_eq!(server.with(|platform| platform.says("first words")), 1);
        says("mended words");
        house.run(&server, 2 * DAY).await;
        assert_eq!(server.with(|platform| platform.says("mended words")), 1);
        assert_eq!((server.published(), server.with(|platform| platform.seen())), (1, 1));
        let number = house.entry().await.number;
        let told = house.parts.ledger.history(number).await.unwrap();
        assert!(told.iter().any(|line| line.event == "edit"), "{told:?}");
        house.close().await;
    });
}

/// The account, or its group's room, became another: the call for the old post hit a stranger's, or the answer
/// that there is none was taken for its end, while readers went on to read it.
#[test]
fn a_post_is_named_only_by_the_account_and_in_the_room_it_stands_in() {
    for name in ["mastodon", "telegram", "wordpress"] {
        let row = rows().into_iter().find(|row| row.0 == name).unwrap();
        alone(async move {
            let folder = tempfile::tempdir().unwrap();
            let clock = TokioClock::starting_at(START);
            let server = Server::open(row.1(), &CASES[0], Arc::clone(&clock)).await;
            let mut config = config(folder.path(), &server, "readers\"\non_edit = \"update");
            let old = archive(3);
            publish(folder.path(), &old);
            let mut house = House::open(&config, &clock).await;
            house.run(&server, HOUR).await;
            publish(folder.path(), &before(&[post("kit")], &old));
            house.run(&server, 2 * DAY).await;
            house.close().await;
            match name {
                "mastodon" => {
                    server.owner(|platform| platform.swap());
                    // Of another token nothing is known.
                    std::fs::remove_dir_all(folder.path().join("state/sessions")).unwrap();
                }
                "telegram" => config.groups[0].room = Some("@elsewhere".to_owned()),
                _ => config.integrations[0].url.set_path("/elsewhere"),
            }
            let mut house = House::open(&config, &clock).await;
            let mut new = post("kit");
            new.title = format!("amended {}", new.title);
            publish(folder.path(), &before(&[new], &old));
            house.run(&server, 3 * DAY).await;
            let edit = house.entry().await.deliveries.remove(0).amend.unwrap();
            assert!(matches!(edit.stand, Stand::GivenUp { .. }), "{name}: {edit}");
            assert!(edit.to_string().contains("change it by hand"), "{name}: {edit}");
            let selection = Selection { entry: house.entry().await.number, group: None };
            let wish = Retract { selection, done: false, dry_run: false };
            house.parts.ledger.retract(wish.clone(), "person".to_owned()).await.unwrap();
            house.run(&server, DAY).await;
            let view = house.entry().await.deliveries.remove(0);
            assert!(!view.amend.as_ref().unwrap().is_away(), "{name}: {view:?}");
            assert_eq!(server.changed(), 0, "{name}: a call that may hit another post");
            assert_eq!(server.with(|platform| platform.seen()), 1, "{name}");
            // What a person then does by hand is taken down.
            let wish = Retract { done: true, ..wish };
            let steps = house.parts.ledger.retract(wish, "person".to_owned()).await.unwrap();
            assert!(steps[0].recorded, "{name}: {steps:?}");
            house.close().await;
        });
    }
}

/// One post that could not be looked at kept all that came after it from its readers, after each `resume` too.
#[test]
fn a_post_that_cannot_be_looked_at_holds_up_no_other() {
    let (_, platform) = rows().into_iter().find(|row| row.0 == "mastodon").unwrap();
    for status in [403, 500] {
        alone(async move {
            let folder = tempfile::tempdir().unwrap();
            let clock = TokioClock::starting_at(START);
            let server = Server::open(platform(), &CASES[0], Arc::clone(&clock)).await;
            let config = config(folder.path(), &server, "readers\"\non_edit = \"update");
            let old = archive(3);
            publish(folder.path(), &old);
            let mut house = House::open(&config, &clock).await;
            house.run(&server, HOUR).await;
            publish(folder.path(), &before(&[post("kit")], &old));
            house.run(&server, 2 * DAY).await;
            server.owner(|platform| platform.shuts(status));
            let mut new = post("kit");
            new.title = format!("amended {}", new.title);
            publish(folder.path(), &before(&[post("next"), new], &old));
            house.run(&server, 2 * DAY).await;
            assert_eq!(server.with(|platform| platform.seen()), 2, "{status}: the next one waits");
            house.run(&server, 4 * DAY).await;
            let lanes = house.parts.ledger.overview().await.unwrap().lanes;
            assert!(lanes.iter().all(|lane| lane.stopped.is_none()), "{status}: {lanes:?}");
            let edit = house.entry().await.deliveries.remove(0).amend.unwrap();
            assert!(matches!(edit.stand, Stand::GivenUp { .. }), "{status}: {edit}");
            assert_eq!(server.changed(), 0, "{status}");
            house.close().await;
        });
    }
}

/// The answer to an edit was lost, and its author took the message back before it was made again: clients
/// showed the edit by itself, as a message that nobody had written.
#[test]
fn an_edit_is_not_made_again_of_what_its_author_has_taken_back() {
    for name in ["matrix", "mastodon", "bluesky"] {
        let (_, platform) = rows().into_iter().find(|row| row.0 == name).unwrap();
        alone(async move {
            let folder = tempfile::tempdir().unwrap();
            let clock = TokioClock::starting_at(START);
            let server = Server::open(platform(), &CASES[0], Arc::clone(&clock)).await;
            let mut config = config(folder.path(), &server, "readers\"\non_edit = \"update");
            config.integrations[0].doubt_after = DAY;
            let old = archive(3);
            publish(folder.path(), &old);
            let mut house = House::open(&config, &clock).await;
            house.run(&server, HOUR).await;
            publish(folder.path(), &before(&[post("kit")], &old));
            house.run(&server, 2 * DAY).await;
            server.meets_changes(Manner::Drops);
            let mut new = post("kit");
            new.title = format!("amended {}", new.title);
            publish(folder.path(), &before(&[new], &old));
            while server.changed() == 0 {
                house.run(&server, HOUR).await;
            }
            server.owner(|platform| platform.vanish());
            house.run(&server, 3 * DAY).await;
            let edit = house.entry().await.deliveries.remove(0).amend.unwrap();
            assert!(matches!(edit.stand, Stand::Gone { .. }), "{name}: {edit}");
            assert_eq!(server.changed(), 1, "{name}: it was made again");
            house.close().await;
        });
    }
}
