//! What a batch that is given up leaves behind, in the file and in the writer's memory.

mod changes;
mod clock;
mod deleted;
mod starts;
mod upkeep;

use std::path::Path;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use crate::clock::{Clock, TokioClock};
use crate::ledger::{Audience, Claim, Intake, Lane, LedgerError, Policy, Setup, Sight, Verdict};
use crate::model::{
    Caps, DeferCause, DeliveryId, Entry, FeedState, Guarantee, Outcome, Reference, Request, Status,
    StatusKind, Time,
};

use super::batch::Batch;
use super::open::{self, Mend, Opened};
use super::writer::{self, Job, Message, Writer};

const START: Time = Time::from_millis(1_767_323_045_000);
const FIRST: DeliveryId = DeliveryId { entry: 2, group: 1, generation: 1 };

const DOUBT_AFTER: Duration = Duration::from_secs(60);

fn setup(groups: &[&str]) -> Setup {
    let group = |name: &&str| Audience {
        name: (*name).into(),
        lane: "lane".into(),
        feeds: vec!["blog".into()],
        when_absent: crate::model::WhenAbsent::Wait,
        upkeep: crate::model::Upkeep::default(),
        ..Audience::default()
    };
    Setup {
        policy: Policy { settle: Duration::ZERO, ..Policy::default() },
        lanes: vec![Lane {
            name: "lane".into(),
            caps: Caps { per_10m: 900, per_hour: 900, per_day: 900 },
            doubt_after: DOUBT_AFTER,
        }],
        groups: groups.iter().map(group).collect(),
    }
}

fn open(folder: &Path, mend: Option<Mend>) -> Opened {
    open_at(folder, TokioClock::starting_at(START), mend)
}

fn open_at(folder: &Path, clock: Arc<dyn Clock>, mend: Option<Mend>) -> Opened {
    open::first(&folder.join("ledger.redb").into(), clock, mend).expect("opens")
}

type Told<T> = mpsc::Receiver<Result<T, LedgerError>>;

fn job<T: Send + 'static>(
    verb: impl FnOnce(&mut Batch<'_, '_>) -> Result<T, LedgerError> + Send + 'static,
) -> (Job, Told<T>) {
    let (tell, told) = mpsc::channel();
    let job: Job = Box::new(move |batch| {
        let result = batch.map_err(Clone::clone).and_then(|batch| batch.guarded(verb));
        Box::new(move |commit| drop(tell.send(commit.clone().and(result))))
    });
    (job, told)
}

/// One verb in a batch of its own.
fn run<T: Send + 'static>(
    open: &mut Opened,
    verb: impl FnOnce(&mut Batch<'_, '_>) -> Result<T, LedgerError> + Send + 'static,
) -> Result<T, LedgerError> {
    let (job, told) = job(verb);
    writer::batch(open, vec![job]);
    told.recv().expect("answered")
}

/// One verb in a batch whose commit is never made.
fn lose<T: Send + 'static>(
    open: &mut Opened,
    verb: impl FnOnce(&mut Batch<'_, '_>) -> Result<T, LedgerError> + Send + 'static,
) {
    let (first, _told) = job(verb);
    let (panics, _told) = job::<()>(|_| panic!("the disk is gone"));
    writer::batch(open, vec![first, panics]);
}

fn see(open: &mut Opened, names: &[&str]) {
    let entries = names
        .iter()
        .map(|name| Entry {
            guid: Some((*name).into()),
            title: format!("About {name}"),
            ..Entry::default()
        })
        .collect();
    let sight = Sight::Document { entries, complete: true };
    let intake = Intake { feed: "blog".into(), sight, state: FeedState::default() };
    run(open, move |batch| batch.admit(intake)).expect("admitted");
}

/// A ledger with one entry that is owed to one group.
fn owing(folder: &Path) -> Opened {
    let mut open = open(folder, None);
    run(&mut open, |batch| batch.configure(setup(&["readers"]))).expect("configured");
    see(&mut open, &["old"]);
    see(&mut open, &["old", "new"]);
    open
}

fn claim(open: &mut Opened, id: DeliveryId) -> Claim {
    run(open, move |batch| batch.claim(id, Request::get("/"))).expect("answered")
}

fn granted(open: &mut Opened, id: DeliveryId) -> u64 {
    let claim = claim(open, id);
    let Claim::Granted(permit) = claim else { panic!("{claim:?}") };
    permit.number()
}

fn status(open: &mut Opened, id: DeliveryId) -> Status {
    run(open, move |batch| Ok(batch.delivery(id)?.status)).expect("readable")
}

fn published() -> Outcome {
    Outcome::Published { reference: Reference::default() }
}

/// The platform has the post, and the commit that was to say so fails: it must not be sent again.
#[tokio::test]
async fn an_outcome_that_was_not_written_down_is_not_forgotten() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut open = owing(folder.path());
    let number = granted(&mut open, FIRST);
    lose(&mut open, move |batch| batch.settle(FIRST, number, &published(), None));
    assert_eq!(status(&mut open, FIRST).kind(), StatusKind::Claimed, "its permit is spent");
    run(&mut open, move |batch| batch.settle(FIRST, number, &published(), None)).expect("settled");
    assert_eq!(status(&mut open, FIRST).kind(), StatusKind::Published);
    assert!(open.core.live.is_empty(), "and nothing is kept of it");
}

/// A disk that fails at the wrong moment forgets the claim; what was sent on its strength goes out again.
#[tokio::test]
async fn a_claim_that_was_not_written_down_is_not_granted() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut open = owing(folder.path());
    let (claims, told) = job(|batch| batch.claim(FIRST, Request::get("/")));
    let (panics, _) = job::<()>(|_| panic!("the disk is gone"));
    writer::batch(&mut open, vec![claims, panics]);
    let told = told.recv().expect("answered");
    assert!(matches!(told, Err(LedgerError::Uncertain(_))), "{told:?}");
    assert_eq!(status(&mut open, FIRST).kind(), StatusKind::Due);
}

/// A reload whose commit fails, and then another config: groups must not take each other's posts.
#[tokio::test]
async fn a_config_that_was_not_taken_leaves_no_group_behind() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut open = owing(folder.path());
    let fails = |batch: &mut Batch<'_, '_>| {
        batch.configure(setup(&["readers", "lost"]))?;
        Err::<(), _>(LedgerError::Refused("a row is damaged".into()))
    };
    run(&mut open, fails).expect_err("given up");
    see(&mut open, &["old", "new", "newer"]);
    let others = run(&mut open, |batch| Ok(batch.tables.deliveries(3)?.len())).expect("readable");
    assert_eq!(others, 1, "only readers are owed it");
    run(&mut open, |batch| batch.configure(setup(&["readers", "other"]))).expect("configured");
    let row = DeliveryId { entry: 3, group: 2, generation: 1 };
    let row = run(&mut open, move |batch| batch.tables.delivery(row)).expect("readable");
    assert!(row.is_none(), "what was owed to one group would be sent to another: {row:?}");
}

/// Put off twice, then sent by a ledger that is lost: the copy that was restored had begun as well.
#[tokio::test]
async fn a_delivery_that_was_under_way_in_the_copy_is_haunted_as_well() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut open = owing(folder.path());
    for _ in 0..2 {
        let number = granted(&mut open, FIRST);
        let outcome = Outcome::Deferred {
            wait: Some(Duration::ZERO),
            cause: DeferCause::SessionExpired,
            reason: "log in again".into(),
        };
        run(&mut open, move |batch| batch.settle(FIRST, number, &outcome, None)).expect("settled");
    }
    drop(open);
    let path = folder.path().join("ledger.redb");
    let backup = std::fs::read(&path).expect("read");
    let mut open = self::open(folder.path(), None);
    run(&mut open, |batch| batch.configure(setup(&["readers"]))).expect("configured");
    let number = granted(&mut open, FIRST);
    run(&mut open, move |batch| batch.settle(FIRST, number, &published(), None)).expect("settled");
    drop(open);
    std::fs::write(&path, backup).expect("restored");
    let mut open = self::open(folder.path(), Some(Mend::AdoptRestored));
    run(&mut open, |batch| batch.configure(setup(&["readers"]))).expect("configured");
    let claim = claim(&mut open, FIRST);
    assert!(matches!(claim, Claim::Gone(StatusKind::InDoubt)), "readers have it: {claim:?}");
}

/// Two loops have asked about one doubt, and one has repeated it: while that repeat is in the platform's
/// hands, a second beside it is a second post wherever the key is stored late. So is one right after a
/// crash. It is not asked about without a pause either.
#[tokio::test(start_paused = true)]
async fn nothing_is_repeated_beside_what_may_be_under_way() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut open = owing(folder.path());
    granted(&mut open, FIRST);
    // The daemon dies, and starts again.
    let clock = Arc::clone(&open.core.clock);
    drop(open);
    let mut open = self::open_at(folder.path(), clock, None);
    run(&mut open, |batch| batch.configure(setup(&["readers"]))).expect("configured");
    let keyed = Guarantee::Keyed { window: Duration::from_secs(3_600) };
    let claim = run(&mut open, move |batch| batch.reclaim(FIRST, keyed)).expect("answered");
    assert!(matches!(claim, Claim::Gone(StatusKind::InDoubt)), "{claim:?}");
    let waiting = run(&mut open, |batch| batch.due("lane")).expect("readable");
    assert!(waiting.work.is_none() && waiting.wake == Some(DOUBT_AFTER), "{waiting:?}");
    tokio::time::advance(DOUBT_AFTER).await;
    let claim = run(&mut open, move |batch| batch.reclaim(FIRST, keyed)).expect("answered");
    let Claim::Granted(permit) = claim else { panic!("{claim:?}") };
    let (number, lost) = (permit.number(), Outcome::Unknown { reason: "no answer".into() });
    run(&mut open, move |batch| batch.settle(FIRST, number, &lost, None)).expect("settled");
    // The other loop comes with what it was told before.
    let claim = run(&mut open, move |batch| batch.reclaim(FIRST, keyed)).expect("answered");
    assert!(matches!(claim, Claim::Gone(StatusKind::InDoubt)), "{claim:?}");
}

/// A platform that refuses the repeat says nothing of the first attempt, however often it is asked.
#[tokio::test(start_paused = true)]
async fn a_repeat_that_is_always_refused_is_left_to_a_person() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut open = owing(folder.path());
    let number = granted(&mut open, FIRST);
    let lost = Outcome::Unknown { reason: "no answer in time".into() };
    run(&mut open, move |batch| batch.settle(FIRST, number, &lost, None)).expect("settled");
    let mut repeats = 0;
    let why = loop {
        tokio::time::advance(DOUBT_AFTER).await;
        let claim = run(&mut open, |batch| batch.reclaim(FIRST, Guarantee::TwoPhase));
        match claim.expect("answered") {
            Claim::Granted(permit) => {
                repeats += 1;
                assert!(repeats < 100, "the fuse would end the process");
                let (number, refused) =
                    (permit.number(), Outcome::Refused { reason: "banned".into() });
                let settled =
                    run(&mut open, move |batch| batch.settle(FIRST, number, &refused, None));
                settled.expect("settled");
            }
            Claim::NotNow { wait: None, why } => break why,
            claim => panic!("{claim:?}"),
        }
    };
    assert!(why.contains("repeated"), "{why}");
    let Status::InDoubt { next_look, .. } = status(&mut open, FIRST) else { panic!("settled") };
    assert!(next_look.since(open.core.now()) > Duration::from_secs(3_600), "{next_look}");
}

/// A disk was full for a moment on a quiet day: nothing is asked of the ledger any more, and a post that
/// comes an hour later finds a house that still says its ledger cannot be written.
#[tokio::test(start_paused = true)]
async fn a_disk_that_is_well_again_is_noticed_though_nobody_writes() {
    let folder = tempfile::tempdir().expect("a folder");
    drop(owing(folder.path()));
    let place = folder.path().join("ledger.redb").into();
    let (desk, queue) = mpsc::channel();
    let clock = TokioClock::starting_at(START);
    let mut writer = Some(Writer::open(&place, clock, None, queue).expect("opens"));
    let (panics, _told) = job::<()>(|_| panic!("the disk is full"));
    desk.send(Message::Job(panics)).expect("sent");
    Writer::serve_all(&mut writer);
    let is_ill = |writer: &Option<Writer>| writer.as_ref().is_some_and(|w| w.open.core.is_ill());
    tokio::time::advance(Duration::from_secs(4)).await;
    Writer::serve_all(&mut writer);
    assert!(is_ill(&writer), "a disk that is ill is not asked all the time");
    tokio::time::advance(Duration::from_secs(1)).await;
    Writer::serve_all(&mut writer);
    assert!(!is_ill(&writer));
    assert_eq!(writer.as_ref().and_then(Writer::left), None, "and it rests");
}

/// A group was moved to another server while a post of it was in doubt: the new one does not have it, and it
/// was sent there, to the readers who had come along and had read it before.
#[tokio::test(start_paused = true)]
async fn what_was_sent_elsewhere_is_neither_repeated_nor_believed_absent() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut open = owing(folder.path());
    let number = granted(&mut open, FIRST);
    let lost = Outcome::Unknown { reason: "no answer in time".into() };
    run(&mut open, move |batch| batch.settle(FIRST, number, &lost, None)).expect("settled");
    for (home, repeats) in [("mastodon at https://new.example/", false), ("", true)] {
        let mut moved = setup(&["readers"]);
        moved.groups[0].home = home.into();
        moved.groups[0].when_absent = crate::model::WhenAbsent::Send;
        run(&mut open, |batch| batch.configure(moved)).expect("configured");
        for _ in 0..4 {
            tokio::time::advance(Duration::from_secs(86_400)).await;
            if repeats {
                break;
            }
            let verdict = Verdict::Absent("it was sent elsewhere".into());
            let told = run(&mut open, move |batch| batch.resolve(FIRST, verdict, "daemon"));
            assert!(
                matches!(told.expect("told"), Status::InDoubt { .. }),
                "it would be sent again"
            );
        }
        let claim = run(&mut open, |batch| batch.reclaim(FIRST, Guarantee::TwoPhase));
        match claim.expect("answered") {
            Claim::Granted(_) => assert!(repeats, "at another server it is another post"),
            Claim::NotNow { wait: None, why } => {
                assert!(!repeats && why.contains("now posts elsewhere"), "{why}");
            }
            claim => panic!("{claim:?}"),
        }
    }
}

/// A picture takes minutes to upload, and meanwhile the author mends what the post says, or says that it is
/// not to go out at all: readers had the old words, and the new ones only where edits are carried.
#[tokio::test]
async fn what_is_sent_is_what_the_entry_says_when_it_is_claimed() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut open = owing(folder.path());
    let offered = |open: &mut Opened| run(open, |batch| batch.due("lane")).expect("readable").work;
    assert!(offered(&mut open).is_some());
    let entry = |name: &str, text: &str| Entry {
        guid: Some(name.into()),
        title: format!("About {name}"),
        content: text.into(),
        ..Entry::default()
    };
    let entries = vec![entry("old", ""), entry("new", "It is Tuesday, not Monday.")];
    let sight = Sight::Document { entries, complete: true };
    let intake = Intake { feed: "blog".into(), sight, state: FeedState::default() };
    run(&mut open, move |batch| batch.admit(intake)).expect("admitted");
    let claim = claim(&mut open, FIRST);
    assert!(matches!(claim, Claim::Gone(StatusKind::Due)), "{claim:?}");
    assert!(offered(&mut open).is_some());
    see(&mut open, &["old"]);
    granted(&mut open, FIRST);
}

/// A server was down for a day and a half; the first call had named an upload that it keeps for a day, and what
/// was sent in the end was refused for ever.
#[tokio::test(start_paused = true)]
async fn a_call_that_never_left_is_made_anew_before_what_it_names_expires() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut open = owing(folder.path());
    let mut sent = Vec::new();
    for attempt in 0..5 {
        let request = Request::get(format!("/{attempt}"));
        let claim = run(&mut open, move |batch| batch.claim(FIRST, request)).expect("answered");
        let Claim::Granted(permit) = claim else { panic!("{claim:?}") };
        sent.push(permit.request().path.clone());
        let (number, unsent) = (permit.number(), Outcome::Unsent { reason: "refused".into() });
        run(&mut open, move |batch| batch.settle(FIRST, number, &unsent, None)).expect("settled");
        // The lane's own rest grows to six hours.
        tokio::time::advance(Duration::from_secs(7 * 3_600)).await;
    }
    // From the second attempt on it stands for half a day.
    assert_eq!(sent, ["/0", "/0", "/0", "/0", "/4"]);
}
