//! A ledger that cannot be trusted: nothing is sent, what was seen is said, and one named command mends
//! it. Readers of other tools got the whole archive again after a restored or a lost state file.

use std::path::Path;
use std::sync::Arc;

use oncecast::clock::TokioClock;
use oncecast::desk::exit;
use oncecast::desk::verb::{Answer, Verb};
use oncecast::ledger::embedded::{Embedded, Mend, Place};
use oncecast::ledger::{
    Audience, Claim, Intake, Lane, Ledger as _, LedgerError, Policy, Replay, Selection, Setup,
    Sight, Trust, Verdict, Work,
};
use oncecast::model::{Caps, Entry, FeedState, Found, Guarantee, Reference, Request, Status, Time};

use super::binary::{address, house, publish, said, started};
use super::support::receiver::{Manner, Receiver};
use super::support::until;

const CAPS: Caps = Caps { per_10m: 100, per_hour: 100, per_day: 100 };

fn setup() -> Setup {
    Setup {
        policy: Policy { settle: std::time::Duration::ZERO, ..Policy::default() },
        lanes: vec![Lane {
            name: "lane".into(),
            caps: CAPS,
            doubt_after: std::time::Duration::from_secs(60),
        }],
        groups: vec![Audience {
            name: "readers".into(),
            lane: "lane".into(),
            feeds: vec!["blog".into()],
            when_absent: oncecast::model::WhenAbsent::Wait,
            upkeep: oncecast::model::Upkeep::default(),
            ..Audience::default()
        }],
    }
}

async fn open(place: &Place, mend: Option<Mend>) -> Result<Arc<Embedded>, LedgerError> {
    let clock = TokioClock::starting_at(NOW);
    let ledger = Embedded::open_and(place.clone(), clock, mend).await?;
    ledger.configure(setup()).await?;
    Ok(ledger)
}

fn place(folder: &Path) -> Place {
    Place { path: folder.join("ledger.redb"), host: Some("here".into()), ..Place::default() }
}

/// When every ledger here is opened.
const NOW: Time = Time::from_millis(1_767_323_045_000);
const HOUR: std::time::Duration = std::time::Duration::from_secs(3_600);

async fn see(ledger: &Embedded, titles: &[&str]) {
    let undated: Vec<_> = titles.iter().map(|title| (*title, None)).collect();
    see_dated(ledger, &undated).await;
}

async fn see_dated(ledger: &Embedded, posts: &[(&str, Option<Time>)]) {
    let entry = |(title, published): &(&str, Option<Time>)| Entry {
        guid: Some((*title).into()),
        title: (*title).to_owned(),
        published: *published,
        ..Entry::default()
    };
    let sight = Sight::Document { entries: posts.iter().map(entry).collect(), complete: true };
    let intake = Intake { feed: "blog".into(), sight, state: FeedState::default() };
    ledger.admit(intake).await.expect("admitted");
}

/// Why nothing is sent, where nothing is; the word of the way out.
async fn observes(ledger: &Embedded) -> Option<String> {
    match ledger.overview().await.expect("readable").trust {
        Trust::Sends => None,
        Trust::Observes { why, mend } => Some(format!("{why}; {mend}")),
    }
}

/// Tries to claim whatever is due.
async fn claims(ledger: &Embedded) -> bool {
    let Some(Work::Due(due)) = ledger.due("lane").await.expect("readable").work else {
        return false;
    };
    let claim = ledger.claim(due.id, Request::get("/")).await.expect("answered");
    matches!(claim, Claim::Granted(_))
}

/// A blogger withdraws a post that should never be out; a backup from before brings it back.
#[tokio::test(start_paused = true)]
async fn a_backup_that_has_not_heard_what_a_person_said_is_seen_to_be_old() {
    let folder = tempfile::tempdir().expect("a folder");
    let (place, copy) = (place(folder.path()), folder.path().join("copy"));
    let ledger = open(&place, None).await.expect("opens");
    see(&ledger, &["old"]).await;
    see(&ledger, &["a slip", "old"]).await;
    ledger.close().await.expect("closed");
    std::fs::copy(&place.path, &copy).expect("a backup");
    let ledger = open(&place, None).await.expect("opens");
    let entry = ledger.find("a slip").await.expect("readable")[0].number;
    let slip = Selection { entry, group: None };
    ledger.withdraw(slip, "not for readers".into(), "me".into()).await.expect("withdrawn");
    ledger.close().await.expect("closed");
    std::fs::copy(&copy, &place.path).expect("restored");
    // However often it is started, and whatever the feed brings meanwhile.
    for round in 0..4 {
        let ledger = open(&place, None).await.expect("opens");
        let why = observes(&ledger).await.unwrap_or_else(|| panic!("trusted in round {round}"));
        assert!(why.contains("older") && why.contains("adopt-restored"), "{why}");
        assert!(!claims(&ledger).await, "round {round}");
        see(&ledger, &[&format!("news {round}"), "a slip", "old"]).await;
        ledger.close().await.expect("closed");
    }
    let ledger = open(&place, Some(Mend::AdoptRestored)).await.expect("opens");
    assert_eq!(observes(&ledger).await, None);
    ledger.close().await.expect("closed");
    let ledger = open(&place, None).await.expect("opens");
    assert_eq!(observes(&ledger).await, None, "a person has taken it up");
    assert!(claims(&ledger).await);
}

/// A witness that was lost once tells nothing of the time before. A copy from that time, started often
/// enough without being trusted, must not come to look as if it did.
#[tokio::test(start_paused = true)]
async fn a_copy_does_not_grow_trusted_by_being_started() {
    let folder = tempfile::tempdir().expect("a folder");
    let (place, copy) = (place(folder.path()), folder.path().join("copy"));
    let ledger = open(&place, None).await.expect("opens");
    see(&ledger, &["old"]).await;
    see(&ledger, &["new", "old"]).await;
    ledger.close().await.expect("closed");
    std::fs::copy(&place.path, &copy).expect("a backup");
    let ledger = open(&place, None).await.expect("opens");
    assert!(claims(&ledger).await, "it is sent after the backup");
    ledger.close().await.expect("closed");
    std::fs::remove_file(folder.path().join("ledger.witness")).expect("lost");
    let ledger = open(&place, Some(Mend::AdoptRestored)).await.expect("taken up without it");
    ledger.close().await.expect("closed");
    std::fs::copy(&copy, &place.path).expect("restored");
    for round in 0..6 {
        let ledger = open(&place, None).await.expect("opens");
        assert!(observes(&ledger).await.is_some(), "round {round}");
        see(&ledger, &[&format!("news {round}"), "new", "old"]).await;
        ledger.close().await.expect("closed");
    }
    let ledger = open(&place, Some(Mend::AdoptRestored)).await.expect("taken up");
    assert!(!claims(&ledger).await, "it was sent already");
    ledger.close().await.expect("closed");
    let ledger = open(&place, None).await.expect("opens");
    assert_eq!(observes(&ledger).await, None, "what a person has taken up once goes on");
}

/// A post goes out, the ledger is lost and made anew, and meanwhile the blog has new guids: replayed by hand
/// as one that was there before, it would be heard twice, and nobody has said that it should.
#[tokio::test(start_paused = true)]
async fn a_renamed_post_of_a_lost_ledger_is_not_replayed_unasked() {
    let folder = tempfile::tempdir().expect("a folder");
    let place = place(folder.path());
    let ledger = open(&place, None).await.expect("opens");
    see(&ledger, &["old"]).await;
    see(&ledger, &["new", "old"]).await;
    assert!(claims(&ledger).await);
    ledger.close().await.expect("closed");
    std::fs::remove_file(&place.path).expect("lost");
    let ledger = open(&place, Some(Mend::Init)).await.expect("made anew");
    see(&ledger, &["renamed", "old"]).await;
    let entry = ledger.find("renamed").await.expect("readable")[0].number;
    let replay = async |again: Option<&str>| {
        let selection = Selection { entry, group: None };
        let replay = Replay { selection, again: again.map(str::to_owned), dry_run: false };
        let steps = ledger.reopen(replay, "test".into()).await.expect("answered");
        (steps[0].sends, steps[0].why.clone())
    };
    let (sends, why) = replay(None).await;
    assert!(!sends && why.contains("--again"), "{why}");
    assert!(!claims(&ledger).await);
    assert!(replay(Some("I have looked")).await.0, "a person who has looked may");
    assert!(claims(&ledger).await);
}

/// A post goes out, a backup from before comes back, and meanwhile the blog has new guids and titles: the
/// witness knows the old name alone.
#[tokio::test(start_paused = true)]
async fn a_renamed_post_is_not_sent_again_by_a_restored_copy() {
    for observed in [true, false] {
        let folder = tempfile::tempdir().expect("a folder");
        let (place, copy) = (place(folder.path()), folder.path().join("copy"));
        let ledger = open(&place, None).await.expect("opens");
        see(&ledger, &["old"]).await;
        ledger.close().await.expect("closed");
        std::fs::copy(&place.path, &copy).expect("a backup");
        let ledger = open(&place, None).await.expect("opens");
        see(&ledger, &["new", "old"]).await;
        assert!(claims(&ledger).await, "it is sent after the backup");
        ledger.close().await.expect("closed");
        std::fs::copy(&copy, &place.path).expect("restored");
        if observed {
            let ledger = open(&place, None).await.expect("opens");
            see(&ledger, &["renamed", "old"]).await;
            ledger.close().await.expect("closed");
        }
        let ledger = open(&place, Some(Mend::AdoptRestored)).await.expect("taken up");
        see(&ledger, &["renamed", "old"]).await;
        assert!(!claims(&ledger).await, "it waits for a person");
        let waiting = ledger.waiting(9).await.expect("readable");
        assert!(waiting.iter().any(|v| matches!(v.status, Status::Held { .. })), "{waiting:?}");
        // What comes later is news.
        see(&ledger, &["later", "renamed", "old"]).await;
        assert!(claims(&ledger).await);
    }
}

/// As above, and the first look at the feed is at a stale copy of it, from before the post: it comes back
/// under its new name a day later, and looks like news.
#[tokio::test(start_paused = true)]
async fn a_renamed_post_is_not_sent_again_once_the_feed_has_looked_shorter() {
    let (published, later) = (Some(NOW.minus(HOUR)), Some(NOW.plus(HOUR)));
    for mend in [Mend::AdoptRestored, Mend::Init] {
        let folder = tempfile::tempdir().expect("a folder");
        let (place, copy) = (place(folder.path()), folder.path().join("copy"));
        let ledger = open(&place, None).await.expect("opens");
        see(&ledger, &["old"]).await;
        ledger.close().await.expect("closed");
        std::fs::copy(&place.path, &copy).expect("a backup");
        let ledger = open(&place, None).await.expect("opens");
        see_dated(&ledger, &[("new", published), ("old", None)]).await;
        assert!(claims(&ledger).await, "it is sent after the backup");
        ledger.close().await.expect("closed");
        match mend {
            Mend::AdoptRestored => drop(std::fs::copy(&copy, &place.path).expect("restored")),
            Mend::Init => std::fs::remove_file(&place.path).expect("lost"),
        }
        let ledger = open(&place, Some(mend)).await.expect("mended");
        see(&ledger, &["old"]).await;
        see_dated(&ledger, &[("renamed", published), ("old", None)]).await;
        assert!(!claims(&ledger).await, "{mend:?}: it waits for a person");
        see_dated(&ledger, &[("later", later), ("renamed", published), ("old", None)]).await;
        assert!(claims(&ledger).await, "{mend:?}: what comes later is news");
    }
}

/// A person leaves such a post unsent, since readers have it; replayed by hand weeks later, with nobody
/// remembering why, it would be heard twice.
#[tokio::test(start_paused = true)]
async fn what_a_lost_ledger_may_have_sent_is_not_replayed_unasked() {
    let folder = tempfile::tempdir().expect("a folder");
    let (place, copy) = (place(folder.path()), folder.path().join("copy"));
    let ledger = open(&place, None).await.expect("opens");
    see(&ledger, &["old"]).await;
    ledger.close().await.expect("closed");
    std::fs::copy(&place.path, &copy).expect("a backup");
    let ledger = open(&place, None).await.expect("opens");
    see(&ledger, &["new", "old"]).await;
    assert!(claims(&ledger).await, "it is sent after the backup");
    ledger.close().await.expect("closed");
    std::fs::copy(&copy, &place.path).expect("restored");
    let ledger = open(&place, Some(Mend::AdoptRestored)).await.expect("taken up");
    see(&ledger, &["renamed", "old"]).await;
    let entry = ledger.find("renamed").await.expect("readable")[0].number;
    let replay = async |again: Option<&str>| {
        let selection = Selection { entry, group: None };
        let replay = Replay { selection, again: again.map(str::to_owned), dry_run: false };
        ledger.reopen(replay, "test".into()).await.expect("answered")[0].sends
    };
    assert!(!replay(None).await, "it is held, and may have been sent");
    let selection = Selection { entry, group: None };
    ledger.withdraw(selection, "they have it".into(), "me".into()).await.expect("withdrawn");
    assert!(!replay(None).await, "it was withdrawn, and may have been sent");
    assert!(!claims(&ledger).await);
    assert!(replay(Some("I have looked")).await, "a person who has looked may");
    assert!(claims(&ledger).await);
}

/// A backup is restored, a person looks where it left a doubt, and the post goes out; then a backup from
/// between those two is restored. That somebody has looked once is no word about what was sent since.
#[tokio::test(start_paused = true)]
async fn a_second_loss_is_looked_into_as_the_first_was() {
    let folder = tempfile::tempdir().expect("a folder");
    let (place, copy) = (place(folder.path()), folder.path().join("copy"));
    let ledger = open(&place, None).await.expect("opens");
    see(&ledger, &["old"]).await;
    see(&ledger, &["new", "old"]).await;
    for loss in ["first", "second"] {
        ledger.close().await.expect("closed");
        std::fs::copy(&place.path, &copy).expect("a backup");
        let ledger = open(&place, None).await.expect("opens");
        assert!(claims(&ledger).await, "it is sent after the backup");
        ledger.close().await.expect("closed");
        std::fs::copy(&copy, &place.path).expect("restored");
        let ledger = open(&place, Some(Mend::AdoptRestored)).await.expect("taken up");
        assert!(!claims(&ledger).await, "the {loss} time it was sent already");
        let id = ledger.find("new").await.expect("readable")[0].deliveries[0].id;
        let absent = ledger.resolve(id, Verdict::PersonAbsent, "me".into()).await;
        assert!(matches!(absent, Ok(Status::Due { .. })), "a person has looked: {absent:?}");
        ledger.close().await.expect("closed");
    }
}

/// A backup holds a post in doubt; the lost ledger had just repeated it, and its copy does not know.
#[tokio::test(start_paused = true)]
async fn a_restored_doubt_is_not_repeated() {
    let folder = tempfile::tempdir().expect("a folder");
    let (place, copy) = (place(folder.path()), folder.path().join("copy"));
    let keyed = Guarantee::Keyed { window: std::time::Duration::from_secs(86_400) };
    // One boot of one machine: after another, no key would be repeated.
    let clock = TokioClock::starting_at(NOW);
    let open = async |place: &Place, mend| {
        let ledger = Embedded::open_and(place.clone(), clock.clone(), mend).await?;
        ledger.configure(setup()).await?;
        Ok::<_, LedgerError>(ledger)
    };
    let ledger = open(&place, None).await.expect("opens");
    see(&ledger, &["old"]).await;
    see(&ledger, &["new", "old"]).await;
    assert!(claims(&ledger).await);
    ledger.close().await.expect("closed");
    let ledger = open(&place, None).await.expect("opens: it is in doubt");
    ledger.close().await.expect("closed");
    std::fs::copy(&place.path, &copy).expect("a backup");
    let repeats = async |ledger: &Embedded| {
        tokio::time::advance(std::time::Duration::from_secs(600)).await;
        let id = ledger.find("new").await.expect("readable")[0].deliveries[0].id;
        let claim = ledger.reclaim(id, keyed).await.expect("answered");
        matches!(claim, Claim::Granted(_))
    };
    let ledger = open(&place, None).await.expect("opens");
    assert!(repeats(&ledger).await, "the lost ledger repeats it");
    ledger.close().await.expect("closed");
    std::fs::copy(&copy, &place.path).expect("restored");
    let ledger = open(&place, Some(Mend::AdoptRestored)).await.expect("taken up");
    assert!(!repeats(&ledger).await, "it may be under way, and a person looks");
}

/// A copy of the file, made by hand while it was open, holds a post in doubt that was found a moment later
/// and that its author has deleted since: asked about again, it would be brought back.
#[tokio::test(start_paused = true)]
async fn a_copy_from_before_a_settlement_is_seen_to_be_old() {
    let folder = tempfile::tempdir().expect("a folder");
    let (place, copy) = (place(folder.path()), folder.path().join("copy"));
    let ledger = open(&place, None).await.expect("opens");
    see(&ledger, &["old"]).await;
    see(&ledger, &["new", "old"]).await;
    assert!(claims(&ledger).await);
    ledger.close().await.expect("closed");
    let ledger = open(&place, None).await.expect("opens: it is in doubt");
    std::fs::copy(&place.path, &copy).expect("a copy");
    let id = ledger.find("new").await.expect("readable")[0].deliveries[0].id;
    let there = Verdict::Asked(Found::There(Reference::default()));
    ledger.resolve(id, there, "daemon".into()).await.expect("settled");
    // It is killed: nothing is said at its end.
    drop(ledger);
    loop {
        // The file is put back once nobody has it.
        let lock = std::fs::File::open(folder.path().join("ledger.lock")).expect("there");
        if lock.try_lock().is_ok() {
            break;
        }
        std::thread::yield_now();
    }
    std::fs::copy(&copy, &place.path).expect("restored");
    let ledger = open(&place, None).await.expect("opens");
    let why = observes(&ledger).await.expect("an older copy sends nothing");
    assert!(why.contains("older") && why.contains("adopt-restored"), "{why}");
}

/// The same folder on two machines would send everything twice.
#[tokio::test(start_paused = true)]
async fn a_copy_on_another_host_only_observes() {
    let folder = tempfile::tempdir().expect("a folder");
    let home = place(folder.path());
    let ledger = open(&home, None).await.expect("opens");
    see(&ledger, &["old"]).await;
    see(&ledger, &["new", "old"]).await;
    ledger.close().await.expect("closed");
    let away = Place { host: Some("elsewhere".into()), ..home.clone() };
    let ledger = open(&away, None).await.expect("opens");
    let why = observes(&ledger).await.expect("not trusted");
    assert!(why.contains("here") && why.contains("elsewhere"), "{why}");
    assert!(!claims(&ledger).await);
    ledger.close().await.expect("closed");
    let ledger = open(&away, Some(Mend::AdoptRestored)).await.expect("opens");
    assert!(claims(&ledger).await, "a person says that it has moved");
    ledger.close().await.expect("closed");
    let ledger = open(&home, None).await.expect("opens");
    assert!(observes(&ledger).await.is_some(), "and now it is foreign here");
}

/// A disk that is not mounted must not look like a fresh start.
#[tokio::test(start_paused = true)]
async fn a_ledger_without_its_witness_only_observes_and_makes_no_new_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let other = folder.path().join("other-disk");
    std::fs::create_dir(&other).expect("a folder");
    let witness = other.join("ledger.witness");
    let place = Place { witness: Some(witness.clone()), ..place(folder.path()) };
    let ledger = open(&place, None).await.expect("opens");
    see(&ledger, &["old"]).await;
    see(&ledger, &["new", "old"]).await;
    ledger.close().await.expect("closed");
    assert!(witness.exists() && !folder.path().join("ledger.witness").exists());
    std::fs::rename(&witness, folder.path().join("kept")).expect("unmounted");
    let ledger = open(&place, None).await.expect("opens");
    let why = observes(&ledger).await.expect("not trusted");
    assert!(why.contains("missing") && why.contains("adopt-restored"), "{why}");
    assert!(!claims(&ledger).await);
    see(&ledger, &["newer", "new", "old"]).await;
    ledger.close().await.expect("closed");
    assert!(!witness.exists(), "nothing is made where the disk should be");
    std::fs::rename(folder.path().join("kept"), &witness).expect("mounted");
    let ledger = open(&place, None).await.expect("opens");
    assert_eq!(observes(&ledger).await, None, "it is there again, and knows no more");
    assert!(claims(&ledger).await);
}

/// A folder that was emptied, on a service that restarts by itself: other tools send the archive.
#[tokio::test(start_paused = true)]
async fn a_ledger_that_should_be_there_is_never_made_anew_by_itself() {
    let folder = tempfile::tempdir().expect("a folder");
    let place = place(folder.path());
    let expecting = Place { expected: true, ..place.clone() };
    let missing = open(&expecting, None).await;
    assert!(matches!(&missing, Err(LedgerError::Untrusted { mend, .. }) if mend.contains("init")));
    let ledger = open(&expecting, Some(Mend::Init)).await.expect("a person begins it");
    see(&ledger, &["old"]).await;
    ledger.close().await.expect("closed");
    // Both files are lost; only the lock is left, and it tells of one.
    for name in ["ledger.redb", "ledger.witness"] {
        std::fs::remove_file(folder.path().join(name)).expect("lost");
    }
    let missing = open(&place, None).await;
    let Err(LedgerError::Untrusted { why, mend }) = missing else { panic!("{missing:?}") };
    assert!(why.contains("lock file") && mend.contains("ledger init"), "{why}; {mend}");
    assert!(!folder.path().join("ledger.redb").exists());
    open(&place, Some(Mend::Init)).await.expect("begun anew");
}

/// Who looks after a service hears of it while it happens, and it goes on by itself once mended.
#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_without_its_ledger_says_so_until_it_is_mended() {
    let group = Receiver::open(Manner::Answers(204)).await;
    let mut daemon = started(&house(&[("one", &group.url)], "")).await;
    publish(&daemon, &["New", "Old"]);
    until("the post", async || daemon.count("one", "published").await == 1).await;
    daemon.kill().await;
    for (what, way) in [("missing", "ledger init"), ("damaged", "put a backup")] {
        let kept = std::fs::read(daemon.path("ledger.redb")).expect("read");
        let damaged: Vec<u8> = kept.iter().map(|byte| byte ^ 0x10).collect();
        match what {
            "missing" => std::fs::remove_file(daemon.path("ledger.redb")).expect("lost"),
            _ => std::fs::write(daemon.path("ledger.redb"), &damaged).expect("damaged"),
        }
        daemon.start().await;
        let status = daemon.status().await;
        assert_eq!(status["healthy"], false, "{what}: {status}");
        let reasons = status["reasons"].to_string();
        assert!(reasons.contains("ledger.redb") && reasons.contains(way), "{what}: {reasons}");
        let new = address("New");
        said(&daemon, &["replay", &new]).await.ends(exit::UNTRUSTED).tells(&[way]);
        let check = said(&daemon, &["check"]).await.ends(exit::FAILED);
        check.tells(&["FAIL  ledger"]);
        assert_eq!(group.requests(), 1, "{what}: nothing is sent");
        // A person puts back what there was; nobody restarts anything.
        std::fs::write(daemon.path("ledger.new"), &kept).expect("written");
        std::fs::rename(daemon.path("ledger.new"), daemon.path("ledger.redb")).expect("put back");
        until("the ledger to be taken up", async || {
            // For a moment nobody answers: the house is opened.
            let answer = daemon.ask(Verb::Status).await;
            let Some(Answer::Status { status, .. }) = answer else { return false };
            status["groups"].as_array().is_some_and(|groups| !groups.is_empty())
        })
        .await;
        daemon.kill().await;
    }
    publish(&daemon, &["Newer", "New", "Old"]);
    daemon.start().await;
    until("the newer post", async || daemon.count("one", "published").await == 2).await;
    group.assert_once();
    let log = daemon.log();
    assert!(log.contains("nothing is sent and nothing is polled until this is mended"), "{log}");
    assert_eq!(daemon.end().await, Some(0), "{}", daemon.log());
}
