//! The walls of admission and the trust of the ledger, on a real redb file and a clock of our own.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use oncecast::clock::TokioClock;
use oncecast::ledger::embedded::{Embedded, Mend};
use oncecast::ledger::{
    Admitted, Audience, Claim, DeliveryView, Intake, Lane, Ledger as _, LedgerError, Policy,
    Replay, Selection, Setup, Sight, Trust, Verdict, Work,
};
use oncecast::model::{
    Caps, DeliveryId, Entry, FeedState, Guarantee, HoldReason, Request, Status, StatusKind, Time,
    WithdrawReason,
};

const START: Time = Time::from_millis(1_767_323_045_000);
const MINUTE: Duration = Duration::from_secs(60);
const SETTLE: Duration = Duration::from_secs(600);

/// A ledger in a folder, and a clock that the test owns.
struct World {
    folder: tempfile::TempDir,
    clock: Arc<TokioClock>,
    ledger: Arc<Embedded>,
}

fn setup(settle: Duration) -> Setup {
    let group = |name: &str, feeds: &[&str]| Audience {
        name: name.into(),
        lane: "lane".into(),
        feeds: feeds.iter().map(|f| (*f).into()).collect(),
        when_absent: oncecast::model::WhenAbsent::Wait,
        upkeep: oncecast::model::Upkeep::default(),
        ..Audience::default()
    };
    Setup {
        policy: Policy { settle, ..Policy::default() },
        lanes: vec![Lane {
            name: "lane".into(),
            caps: Caps { per_10m: 100, per_hour: 100, per_day: 100 },
            doubt_after: MINUTE,
        }],
        groups: vec![group("readers", &["blog", "planet"]), group("others", &["blog"])],
    }
}

impl World {
    async fn new(settle: Duration) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let clock = TokioClock::starting_at(START);
        let ledger = open(folder.path(), &clock, None).await.expect("opens");
        ledger.configure(setup(settle)).await.expect("configured");
        Self { folder, clock, ledger }
    }

    async fn see(&self, feed: &str, entries: &[Entry]) -> Admitted {
        let sight = Sight::Document { entries: entries.to_vec(), complete: true };
        self.take(feed, sight).await
    }

    async fn take(&self, feed: &str, sight: Sight) -> Admitted {
        let intake = Intake { feed: feed.into(), sight, state: FeedState::default() };
        self.ledger.admit(intake).await.expect("admitted")
    }

    /// Every delivery of an entry, by guid.
    async fn of(&self, guid: &str) -> Vec<DeliveryView> {
        let mut found = self.ledger.find(guid).await.expect("readable");
        assert_eq!(found.len(), 1, "{guid}");
        found.remove(0).deliveries
    }

    async fn stands(&self, guid: &str) -> Vec<StatusKind> {
        self.of(guid).await.iter().map(|view| view.status.kind()).collect()
    }

    async fn is_due(&self) -> bool {
        let waiting = self.ledger.due("lane").await.expect("readable");
        matches!(waiting.work, Some(Work::Due(_)))
    }

    /// Makes one delivery of an entry unknown, as a crash in its call does.
    async fn in_doubt(&mut self, guid: &str) -> DeliveryId {
        let id = self.of(guid).await[0].id;
        let claim = self.ledger.claim(id, Request::get("/")).await.expect("answered");
        assert!(matches!(claim, Claim::Granted(_)), "{claim:?}");
        self.reopen(None).await.expect("opens");
        id
    }

    async fn reopen(&mut self, mend: Option<Mend>) -> Result<(), LedgerError> {
        self.ledger.close().await.expect("closed");
        self.ledger = open(self.folder.path(), &self.clock, mend).await?;
        self.ledger.configure(setup(Duration::ZERO)).await
    }
}

async fn open(
    folder: &Path,
    clock: &Arc<TokioClock>,
    mend: Option<Mend>,
) -> Result<Arc<Embedded>, LedgerError> {
    let clock = Arc::clone(clock);
    Embedded::open_and(&folder.join("ledger.redb"), clock, mend).await
}

fn entry(name: &str) -> Entry {
    Entry {
        guid: Some(name.into()),
        link: Some(format!("http://blog.example/{name}")),
        title: format!("About {name}"),
        ..Entry::default()
    }
}

use StatusKind::{Baseline, Due, Held, InDoubt, Withdrawn};

#[tokio::test(start_paused = true)]
async fn the_first_sight_of_a_feed_and_of_a_group_is_never_sent() {
    let world = World::new(Duration::ZERO).await;
    assert!(world.see("blog", &[entry("old")]).await.baseline);
    assert_eq!(world.stands("old").await, [Baseline, Baseline]);
    assert!(!world.is_due().await);
    let mut more = setup(Duration::ZERO);
    more.groups.push(Audience {
        name: "late".into(),
        lane: "lane".into(),
        feeds: vec!["blog".into()],
        when_absent: oncecast::model::WhenAbsent::Wait,
        upkeep: oncecast::model::Upkeep::default(),
        ..Audience::default()
    });
    world.ledger.configure(more).await.expect("configured");
    world.see("blog", &[entry("old")]).await;
    assert_eq!(world.stands("old").await, [Baseline, Baseline], "a new group hears nothing old");
    world.see("blog", &[entry("old"), entry("new")]).await;
    assert_eq!(world.stands("new").await, [Due, Due, Due]);
}

#[tokio::test(start_paused = true)]
async fn a_typo_that_is_mended_at_once_never_leaves_the_house() {
    let world = World::new(SETTLE).await;
    world.see("blog", &[entry("old")]).await;
    let first = Entry { title: "About teh new".into(), ..entry("new") };
    let admitted = world.see("blog", &[entry("old"), first]).await;
    assert_eq!(admitted.next_settle, Some(SETTLE));
    tokio::time::advance(SETTLE / 2).await;
    assert_eq!(world.see("blog", &[entry("old"), entry("new")]).await.changed, 1);
    assert!(!world.is_due().await, "it has been seen twice and not far enough apart");
    tokio::time::advance(SETTLE / 2).await;
    assert!(!world.is_due().await, "time alone is no second look");
    world.take("blog", Sight::Nothing).await;
    assert!(!world.is_due().await, "nor is a poll that failed");
    world.take("blog", Sight::Unchanged).await;
    let Some(Work::Due(due)) = world.ledger.due("lane").await.expect("readable").work else {
        panic!("it is due now");
    };
    assert_eq!(due.entry.title, "About new");
}

#[tokio::test(start_paused = true)]
async fn a_post_that_is_taken_back_at_once_is_not_sent_and_one_that_returns_is() {
    let world = World::new(SETTLE).await;
    world.see("blog", &[entry("old")]).await;
    world.see("blog", &[entry("old"), entry("new")]).await;
    world.see("blog", &[]).await;
    assert_eq!(world.stands("new").await, [Due, Due], "an empty feed has lost nothing");
    assert_eq!(world.see("blog", &[entry("old")]).await.vanished, 1);
    assert_eq!(world.stands("new").await, [Withdrawn, Withdrawn]);
    tokio::time::advance(SETTLE * 2).await;
    assert!(!world.is_due().await);
    // A stale copy of the feed was served in between.
    world.see("blog", &[entry("old"), entry("new")]).await;
    assert_eq!(world.stands("new").await, [Due, Due]);
    assert!(!world.is_due().await);
    tokio::time::advance(SETTLE).await;
    assert!(!world.is_due().await, "time alone is no second look");
    // Its author deletes it again.
    assert_eq!(world.see("blog", &[entry("old")]).await.vanished, 1);
    assert_eq!(world.stands("new").await, [Withdrawn, Withdrawn]);
    world.see("blog", &[entry("old"), entry("new")]).await;
    tokio::time::advance(SETTLE).await;
    world.see("blog", &[entry("old"), entry("new")]).await;
    assert!(world.is_due().await);
}

/// A feed that is renamed or removed while a post of it settles: the post waited for ever, unseen.
#[tokio::test(start_paused = true)]
async fn what_settles_in_a_feed_that_leaves_the_config_is_withdrawn_and_comes_back_with_it() {
    for renamed in [false, true] {
        let world = World::new(SETTLE).await;
        world.see("planet", &[entry("old")]).await;
        world.see("planet", &[entry("old"), entry("new")]).await;
        let mut other = setup(SETTLE);
        other.groups[0].feeds = vec!["blog".into(), "planet-2".into()];
        world.ledger.configure(other).await.expect("configured");
        assert_eq!(world.stands("new").await, [Withdrawn]);
        assert_eq!(world.ledger.overview().await.expect("readable").oldest_settling, None);
        let feed = if renamed { "planet-2" } else { "planet" };
        if !renamed {
            world.ledger.configure(setup(SETTLE)).await.expect("configured");
        }
        world.see(feed, &[entry("old"), entry("new")]).await;
        assert_eq!(world.stands("new").await[0], Due, "the same post is there again");
        assert!(!world.is_due().await);
        tokio::time::advance(SETTLE).await;
        world.take(feed, Sight::Unchanged).await;
        assert!(world.is_due().await);
    }
}

/// An author deletes a post at once, and a copy of the blog shows it for an hour more.
#[tokio::test(start_paused = true)]
async fn what_its_author_took_back_is_not_sent_because_a_copy_still_shows_it() {
    let world = World::new(SETTLE).await;
    world.see("blog", &[entry("old")]).await;
    world.see("planet", &[entry("old")]).await;
    world.see("blog", &[entry("old"), entry("new")]).await;
    world.see("planet", &[entry("old"), entry("new")]).await;
    world.see("blog", &[entry("old")]).await;
    world.see("planet", &[entry("old"), entry("new"), entry("other")]).await;
    assert_eq!(world.stands("new").await, [Withdrawn, Withdrawn]);
}

/// A post is edited after its readers have it: whoever asks later must be told what they were shown.
#[tokio::test(start_paused = true)]
async fn what_changes_after_it_was_sent_is_written_down_and_sent_to_nobody() {
    let mut world = World::new(Duration::ZERO).await;
    world.see("blog", &[entry("old")]).await;
    world.see("blog", &[entry("old"), entry("new")]).await;
    let edited = |text: &str| Entry { title: text.into(), content: text.into(), ..entry("new") };
    world.see("blog", &[entry("old"), edited("before it is sent")]).await;
    let edits = async |world: &World| {
        let number = world.of("new").await[0].id.entry;
        let history = world.ledger.history(number).await.expect("readable");
        history.into_iter().filter(|line| line.event == "edit").collect::<Vec<_>>()
    };
    assert_eq!(edits(&world).await, [], "nobody has it yet");
    world.in_doubt("new").await;
    tokio::time::advance(MINUTE).await;
    for _ in 0..2 {
        world.see("blog", &[entry("old"), edited("after it was sent")]).await;
    }
    let told = edits(&world).await;
    assert_eq!(told.len(), 1, "{told:?}");
    let (line, now) = (&told[0], START.plus(MINUTE));
    assert!(line.at >= now && line.who == "feed blog", "{line:?}");
    let says = "title \"before it is sent\" is now \"after it was sent\"; sha256:";
    assert!(line.detail.starts_with(says) && line.detail.matches("sha256:").count() == 2);
    assert_eq!(world.stands("new").await, [InDoubt, Due], "and it is no second post");
    // A text that counts its visitors must not fill the disk.
    for visitors in 0..100 {
        world.see("blog", &[entry("old"), edited(&visitors.to_string())]).await;
    }
    assert_eq!(edits(&world).await.len(), 24);
    tokio::time::advance(MINUTE * 60 * 25).await;
    world.see("blog", &[entry("old"), edited("next day")]).await;
    assert_eq!(edits(&world).await.len(), 25);
    assert_eq!(edits(&world).await.pop().map(|line| line.detail.contains("next day")), Some(true));
}

#[tokio::test(start_paused = true)]
async fn half_a_document_is_no_baseline_and_makes_nothing_vanish() {
    let world = World::new(SETTLE).await;
    let half = |entries: Vec<Entry>| Sight::Document { entries, complete: false };
    world.take("blog", half(vec![entry("a")])).await;
    assert!(world.see("blog", &[entry("a"), entry("b")]).await.baseline);
    world.see("blog", &[entry("a"), entry("b"), entry("new")]).await;
    world.take("blog", half(vec![entry("a")])).await;
    assert_eq!(world.stands("new").await, [Due, Due]);
}

#[tokio::test(start_paused = true)]
async fn a_burst_waits_for_a_person_who_may_let_it_go() {
    let world = World::new(Duration::ZERO).await;
    world.see("blog", &[entry("old")]).await;
    let flood: Vec<Entry> = ["a", "b", "c", "d", "e"].map(entry).into();
    assert_eq!(world.see("blog", &flood).await.held, 5);
    let held = world.of("a").await.remove(0);
    assert_eq!(held.status, Status::Held { reason: HoldReason::Burst { new: 5 } });
    assert!(!world.is_due().await);
    let selection = Selection { entry: held.id.entry, group: Some("readers".into()) };
    world.ledger.release(selection.clone(), "test".into()).await.expect("released");
    assert_eq!(world.stands("a").await, [Due, Held]);
    let again = world.ledger.release(selection, "test".into()).await;
    assert!(matches!(again, Err(LedgerError::Refused(_))), "{again:?}");
    let selection = Selection { entry: held.id.entry, group: None };
    world.ledger.withdraw(selection, "not now".into(), "test".into()).await.expect("withdrawn");
    let why = WithdrawReason::Person { why: "not now".into() };
    let all = world.of("a").await;
    assert!(all.iter().all(|v| v.status == Status::Withdrawn { reason: why.clone() }), "{all:?}");
}

#[tokio::test(start_paused = true)]
async fn a_post_in_two_feeds_is_one_post() {
    let world = World::new(Duration::ZERO).await;
    world.see("blog", &[entry("old")]).await;
    world.see("planet", &[entry("elsewhere")]).await;
    world.see("planet", &[entry("elsewhere"), entry("new")]).await;
    assert_eq!(world.stands("new").await, [Due], "readers hear the planet, others do not");
    let here = Entry { guid: Some("another-guid".into()), ..entry("new") };
    world.see("blog", &[entry("old"), here]).await;
    assert_eq!(world.stands("new").await, [Due, Due], "now others are owed it, and readers once");
}

#[tokio::test(start_paused = true)]
async fn a_replay_sends_to_those_who_have_not_had_it_and_to_nobody_else() {
    let world = World::new(Duration::ZERO).await;
    world.see("blog", &[entry("old")]).await;
    let number = world.of("old").await[0].id.entry;
    let replay = |again: Option<&str>, dry_run| Replay {
        selection: Selection { entry: number, group: Some("readers".into()) },
        again: again.map(Into::into),
        dry_run,
    };
    let steps = world.ledger.reopen(replay(None, true), "test".into()).await.expect("planned");
    assert!(steps[0].sends);
    assert_eq!(world.stands("old").await, [Baseline, Baseline], "a dry run writes nothing");
    world.ledger.reopen(replay(None, false), "test".into()).await.expect("opened");
    assert_eq!(world.stands("old").await, [Baseline, Due, Baseline]);
    let steps = world.ledger.reopen(replay(None, false), "test".into()).await.expect("told");
    assert_eq!(world.of("old").await.len(), 3, "asking twice opens no second one: {steps:?}");

    let Some(Work::Due(due)) = world.ledger.due("lane").await.expect("readable").work else {
        panic!("it is due");
    };
    let claim = world.ledger.claim(due.id, Request::get("/")).await.expect("claimed");
    assert!(matches!(claim, Claim::Granted(_)));
    let steps = world.ledger.reopen(replay(Some("why not"), false), "test".into()).await;
    assert!(!steps.expect("told")[0].sends, "what is being sent now cannot be sent again");
}

/// I8 and the witness: what an older copy of the ledger has forgotten is never sent again.
#[tokio::test(start_paused = true)]
async fn a_restored_backup_sends_nothing_until_a_person_adopts_it_and_then_no_post_twice() {
    let mut world = World::new(Duration::ZERO).await;
    world.see("blog", &[entry("old")]).await;
    world.see("blog", &[entry("old"), entry("new")]).await;
    let path = world.folder.path().join("ledger.redb");
    world.ledger.close().await.expect("closed");
    let backup = std::fs::read(&path).expect("read");
    world.reopen(None).await.expect("opens");
    let Some(Work::Due(due)) = world.ledger.due("lane").await.expect("readable").work else {
        panic!("it is due");
    };
    let claim = world.ledger.claim(due.id, Request::get("/")).await.expect("claimed");
    assert!(matches!(claim, Claim::Granted(_)));
    drop(claim);

    world.ledger.close().await.expect("closed");
    std::fs::write(&path, backup).expect("restored");
    world.reopen(None).await.expect("opens, and observes");
    let overview = world.ledger.overview().await.expect("readable");
    let Trust::Observes { why, mend } = overview.trust else { panic!("it is trusted") };
    assert!(why.contains("older than its witness"), "{why}");
    assert!(mend.contains("adopt-restored"), "{mend}");
    assert!(!world.is_due().await);
    let claim = world.ledger.claim(due.id, Request::get("/")).await.expect("answered");
    assert!(matches!(claim, Claim::NotNow { .. }), "{claim:?}");

    world.reopen(Some(Mend::AdoptRestored)).await.expect("adopted");
    assert_eq!(world.ledger.overview().await.expect("readable").trust, Trust::Sends);
    let claim = world.ledger.claim(due.id, Request::get("/")).await.expect("answered");
    assert!(matches!(claim, Claim::Gone(InDoubt)), "it may have been seen: {claim:?}");
    let other = world.of("new").await.into_iter().find(|v| v.id != due.id).expect("another group");
    let claim = world.ledger.claim(other.id, Request::get("/")).await.expect("answered");
    assert!(matches!(claim, Claim::Granted(_)), "what was never claimed goes on: {claim:?}");
}

#[tokio::test(start_paused = true)]
async fn a_ledger_that_is_missing_where_one_was_is_not_begun_anew_in_silence() {
    let mut world = World::new(Duration::ZERO).await;
    world.see("blog", &[entry("old")]).await;
    world.ledger.close().await.expect("closed");
    std::fs::remove_file(world.folder.path().join("ledger.redb")).expect("removed");
    let refused = world.reopen(None).await;
    let Err(LedgerError::Untrusted { mend, .. }) = refused else { panic!("{refused:?}") };
    assert!(mend.contains("ledger init"), "{mend}");
    world.reopen(Some(Mend::Init)).await.expect("begun");
    assert!(world.see("blog", &[entry("old"), entry("new")]).await.baseline);
    assert!(!world.is_due().await);
}

#[tokio::test(start_paused = true)]
async fn damage_is_told_and_never_read_as_unseen() {
    let mut world = World::new(Duration::ZERO).await;
    world.see("blog", &[entry("old"), entry("older")]).await;
    let proof = world.ledger.verify(Box::new(|_, _| {})).await.expect("walked");
    assert!(proof.faults.is_empty() && proof.rows > 10, "{proof:?}");
    world.ledger.close().await.expect("closed");
    let path = world.folder.path().join("ledger.redb");
    let mut bytes = std::fs::read(&path).expect("read");
    // Every copy of the title in the file, live or not.
    let title = b"About older";
    let places: Vec<usize> = bytes
        .windows(title.len())
        .enumerate()
        .filter(|(_, w)| w == title)
        .map(|(n, _)| n)
        .collect();
    assert!(!places.is_empty());
    for place in places {
        bytes[place] ^= 1;
    }
    std::fs::write(&path, bytes).expect("damaged");
    let refused = world.reopen(None).await;
    let Err(LedgerError::Untrusted { why, mend }) = refused else { panic!("{refused:?}") };
    assert!(why.contains("damaged") && mend.contains("adopt-restored"), "{why}; {mend}");
}

#[tokio::test(start_paused = true)]
async fn nobody_else_may_read_the_ledger_and_nobody_else_may_have_it() {
    use std::os::unix::fs::PermissionsExt as _;
    let world = World::new(Duration::ZERO).await;
    for name in ["ledger.redb", "ledger.witness", "ledger.lock"] {
        let found = std::fs::metadata(world.folder.path().join(name)).expect(name);
        assert_eq!(found.permissions().mode() & 0o777, 0o600, "{name}");
    }
    let second = open(world.folder.path(), &world.clock, None).await;
    let Err(LedgerError::InUse { holder, .. }) = second else { panic!("two have it") };
    assert!(holder.contains(&std::process::id().to_string()), "{holder}");
}

#[tokio::test(start_paused = true)]
async fn a_file_named_stop_stops_everything_and_so_does_the_word() {
    let world = World::new(Duration::ZERO).await;
    world.see("blog", &[entry("old")]).await;
    world.see("blog", &[entry("old"), entry("new")]).await;
    let id = world.of("new").await[0].id;
    let stop = world.folder.path().join("STOP");
    std::fs::write(&stop, "").expect("written");
    assert!(!world.is_due().await);
    let claim = world.ledger.claim(id, Request::get("/")).await.expect("answered");
    assert!(matches!(claim, Claim::NotNow { wait: None, .. }), "{claim:?}");
    std::fs::remove_file(&stop).expect("removed");
    assert!(world.is_due().await);
    world.ledger.stop_all("a fire".into(), "test".into()).await.expect("stopped");
    let claim = world.ledger.claim(id, Request::get("/")).await.expect("answered");
    assert!(matches!(claim, Claim::NotNow { wait: None, .. }), "{claim:?}");
    world.ledger.resume(None, "test".into()).await.expect("goes on");
    let claim = world.ledger.claim(id, Request::get("/")).await.expect("answered");
    assert!(matches!(claim, Claim::Granted(_)), "{claim:?}");
}

/// Clocks jump in both directions; the ledger's own time never goes back, and nothing waits for ever.
#[tokio::test(start_paused = true)]
async fn a_clock_that_jumps_refills_no_cap_and_holds_nothing_for_ever() {
    let world = World::new(Duration::ZERO).await;
    let mut tight = setup(Duration::ZERO);
    tight.lanes[0].caps = Caps { per_10m: 1, per_hour: 1, per_day: 1 };
    world.ledger.configure(tight).await.expect("configured");
    world.see("blog", &[entry("old")]).await;
    world.see("blog", &[entry("old"), entry("new")]).await;
    let ids: Vec<_> = world.of("new").await.iter().map(|v| v.id).collect();
    let claim = world.ledger.claim(ids[0], Request::get("/")).await.expect("answered");
    assert!(matches!(claim, Claim::Granted(_)));
    world.clock.jump(START.minus(Duration::from_secs(3_650 * 86_400)));
    let claim = world.ledger.claim(ids[1], Request::get("/")).await.expect("answered");
    let Claim::NotNow { wait: Some(wait), .. } = claim else { panic!("{claim:?}") };
    assert!(wait <= Duration::from_secs(86_400), "{wait:?}");
    tokio::time::advance(wait + MINUTE).await;
    let claim = world.ledger.claim(ids[1], Request::get("/")).await.expect("answered");
    assert!(matches!(claim, Claim::Granted(_)), "{claim:?}");
}

/// A post that a stale copy of the feed withdrew is sent by hand; then the feed shows it again.
#[tokio::test(start_paused = true)]
async fn a_post_that_was_sent_by_hand_is_not_sent_again_when_it_is_back_in_the_feed() {
    let world = World::new(SETTLE).await;
    world.see("blog", &[entry("old")]).await;
    world.see("blog", &[entry("old"), entry("new")]).await;
    world.see("blog", &[entry("old")]).await;
    assert_eq!(world.stands("new").await, [Withdrawn, Withdrawn]);
    let selection =
        Selection { entry: world.of("new").await[0].id.entry, group: Some("readers".into()) };
    let replay = Replay { selection, again: None, dry_run: false };
    world.ledger.reopen(replay, "test".into()).await.expect("opened");
    world.see("blog", &[entry("old"), entry("new")]).await;
    assert_eq!(world.stands("new").await, [Withdrawn, Due, Due], "readers by hand, others return");
}

/// Sent by hand while its settle window is open, and gone from the feed before its turn comes.
#[tokio::test(start_paused = true)]
async fn what_a_person_sends_is_not_withdrawn_by_the_feed() {
    let world = World::new(SETTLE).await;
    world.see("blog", &[entry("old")]).await;
    world.see("blog", &[entry("old"), entry("new")]).await;
    let selection =
        Selection { entry: world.of("new").await[0].id.entry, group: Some("readers".into()) };
    let replay = Replay { selection, again: None, dry_run: false };
    world.ledger.reopen(replay, "test".into()).await.expect("opened");
    assert_eq!(world.see("blog", &[entry("old")]).await.vanished, 0);
    assert_eq!(world.stands("new").await[0], Due);
}

/// In doubt, sent again on a person's word: from then on the older attempt is only a question.
#[tokio::test(start_paused = true)]
async fn an_attempt_that_a_person_has_replaced_is_never_made_again() {
    let mut world = World::new(Duration::ZERO).await;
    world.see("blog", &[entry("old")]).await;
    world.see("blog", &[entry("old"), entry("new")]).await;
    let old = world.in_doubt("new").await;
    let selection = Selection { entry: old.entry, group: Some("readers".into()) };
    let replay = Replay { selection, again: Some("it is not there".into()), dry_run: false };
    let steps = world.ledger.reopen(replay, "test".into()).await.expect("opened");
    assert_eq!(steps[0].delivery.id.generation, 2);
    let claim = world.ledger.reclaim(old, Guarantee::DerivedId).await.expect("answered");
    assert!(matches!(claim, Claim::NotNow { wait: None, .. }), "it has another id: {claim:?}");
    let status = world.ledger.resolve(old, Verdict::PersonAbsent, "test".into()).await;
    assert_eq!(status.expect("resolved").kind(), Withdrawn, "the new one is sent in its place");
    assert_eq!(world.stands("new").await, [Withdrawn, Due, Due]);
}

/// The same old copy is put back twice, and once it turns out damaged: nothing of what the witness
/// tells may be lost on the way.
#[tokio::test(start_paused = true)]
async fn adopting_an_old_copy_forgets_nothing_that_the_witness_told() {
    let mut world = World::new(Duration::ZERO).await;
    world.see("blog", &[entry("old")]).await;
    world.see("blog", &[entry("old"), entry("new")]).await;
    let first = world.in_doubt("new").await;
    let other = world.of("new").await[1].id;
    let path = world.folder.path().join("ledger.redb");
    world.ledger.close().await.expect("closed");
    let backup = std::fs::read(&path).expect("read");
    world.reopen(None).await.expect("opens");
    let claim = world.ledger.claim(other, Request::get("/")).await.expect("answered");
    assert!(matches!(claim, Claim::Granted(_)), "{claim:?}");
    world.reopen(None).await.expect("opens");
    for copy in ["damaged", "whole", "whole again"] {
        world.ledger.close().await.expect("closed");
        let mut bytes = backup.clone();
        let groups = b"\"first_seen\":";
        let places: Vec<usize> =
            (0..bytes.len()).filter(|at| bytes[*at..].starts_with(groups)).collect();
        for place in places.iter().filter(|_| copy == "damaged") {
            bytes[*place] ^= 1;
        }
        std::fs::write(&path, bytes).expect("restored");
        let adopted = world.reopen(Some(Mend::AdoptRestored)).await;
        if copy == "damaged" {
            assert!(adopted.is_err(), "a damaged copy is not adopted");
            continue;
        }
        adopted.expect("adopted");
        let claim = world.ledger.claim(other, Request::get("/")).await.expect("answered");
        assert!(matches!(claim, Claim::Gone(InDoubt)), "{copy}: {claim:?}");
        assert_eq!(world.of("new").await[0].id, first);
    }
}

/// What a lost ledger sent, and when, is not known: no repeat can be relied on to be unseen.
#[tokio::test(start_paused = true)]
async fn what_a_lost_ledger_claimed_is_asked_about_and_never_repeated() {
    let mut world = World::new(Duration::ZERO).await;
    world.see("blog", &[entry("old")]).await;
    world.see("blog", &[entry("old"), entry("new")]).await;
    let path = world.folder.path().join("ledger.redb");
    world.ledger.close().await.expect("closed");
    let backup = std::fs::read(&path).expect("read");
    world.reopen(None).await.expect("opens");
    let id = world.in_doubt("new").await;
    tokio::time::advance(Duration::from_secs(86_400)).await;
    world.ledger.close().await.expect("closed");
    std::fs::write(&path, backup).expect("restored");
    world.reopen(Some(Mend::AdoptRestored)).await.expect("adopted");
    let claim = world.ledger.claim(id, Request::get("/")).await.expect("answered");
    assert!(matches!(claim, Claim::Gone(InDoubt)), "{claim:?}");
    for guarantee in [Guarantee::Keyed { window: MINUTE * 60 }, Guarantee::DerivedId] {
        let claim = world.ledger.reclaim(id, guarantee).await.expect("answered");
        assert!(matches!(claim, Claim::NotNow { wait: None, .. }), "{guarantee:?}: {claim:?}");
    }
    world.ledger.resolve(id, Verdict::PersonAbsent, "test".into()).await.expect("resolved");
    let claim = world.ledger.claim(id, Request::get("/")).await.expect("answered");
    assert!(matches!(claim, Claim::Granted(_)), "a person has looked: {claim:?}");
}

/// A ledger begun anew remembers everything as baseline; its witness knows better.
#[tokio::test(start_paused = true)]
async fn a_replay_after_a_lost_ledger_does_not_repeat_what_that_one_sent() {
    let mut world = World::new(Duration::ZERO).await;
    world.see("blog", &[entry("old")]).await;
    world.see("blog", &[entry("old"), entry("new")]).await;
    world.in_doubt("new").await;
    world.ledger.close().await.expect("closed");
    std::fs::remove_file(world.folder.path().join("ledger.redb")).expect("removed");
    world.reopen(Some(Mend::Init)).await.expect("begun");
    world.see("blog", &[entry("old"), entry("new")]).await;
    assert_eq!(world.stands("new").await, [Baseline, Baseline]);
    let selection = Selection { entry: world.of("new").await[0].id.entry, group: None };
    let replay = |again: Option<&str>| Replay {
        selection: selection.clone(),
        again: again.map(Into::into),
        dry_run: true,
    };
    let steps = world.ledger.reopen(replay(None), "test".into()).await.expect("told");
    let sends: Vec<bool> = steps.iter().map(|s| s.sends).collect();
    // Of the second group no claim is on record; the lost ledger may have known the post by another key.
    assert_eq!(sends, [false, false], "either may have it: {steps:?}");
    let steps = world.ledger.reopen(replay(Some("it is not there")), "test".into()).await;
    assert!(steps.expect("told").iter().all(|s| s.sends), "a person may say so");
}
