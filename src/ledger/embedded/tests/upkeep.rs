//! What readers would suffer if a post could be changed without measure, or never again.

use super::*;
use crate::ledger::amend::{AmendClaim, AmendWork, Retract};
use crate::ledger::{Selection, Work};
use crate::model::{Amend, Effect, Method, Stand, Upkeep};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(86_400);
const YEAR: Duration = Duration::from_secs(365 * 86_400);

/// A house whose group has its posts changed with their entries.
struct House {
    _folder: tempfile::TempDir,
    clock: Arc<TokioClock>,
    open: Opened,
    /// What the feed shows: names and titles.
    shown: Vec<(String, String)>,
}

impl House {
    /// These are out, under numbers of the platform that end in their place.
    fn with(names: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let clock = TokioClock::starting_at(START);
        let mut open = open_at(folder.path(), clock.clone(), None);
        let mut setup = setup(&["readers"]);
        setup.groups[0].upkeep = Upkeep { update: true, retract: true };
        setup.policy.burst = 3;
        run(&mut open, |batch| batch.configure(setup)).expect("configured");
        let mut house = Self { _folder: folder, clock, open, shown: Vec::new() };
        house.show("old", "old");
        for name in names {
            house.show(name, name);
            let Some(Work::Due(due)) = house.due() else { panic!("{name} is not due") };
            let number = granted(&mut house.open, due.id);
            let id = Some(format!("post-{}", due.id.entry));
            let outcome =
                Outcome::Published { reference: Reference { id, ..Reference::default() } };
            run(&mut house.open, move |batch| batch.settle(due.id, number, &outcome, None))
                .expect("settled");
        }
        house
    }

    /// The feed shows something new, or something known under another title; so many edits are held.
    fn show(&mut self, name: &str, title: &str) -> u32 {
        self.shown.retain(|(known, _)| known != name);
        self.shown.insert(0, (name.to_owned(), title.to_owned()));
        self.poll()
    }

    fn poll(&mut self) -> u32 {
        let entries = self.shown.iter().map(|(name, title)| Entry {
            guid: Some(name.clone()),
            title: title.clone(),
            ..Entry::default()
        });
        let sight = Sight::Document { entries: entries.collect(), complete: true };
        let intake = Intake { feed: "blog".into(), sight, state: FeedState::default() };
        run(&mut self.open, move |batch| batch.admit(intake)).expect("admitted").edits_held
    }

    fn due(&mut self) -> Option<Work> {
        run(&mut self.open, |batch| batch.due("lane")).expect("readable").work
    }

    fn amends(&mut self) -> Option<AmendWork> {
        match self.due()? {
            Work::Amend(work) => Some(*work),
            work => panic!("{work:?}"),
        }
    }

    fn claim(&mut self, work: &AmendWork, path: String) -> AmendClaim {
        let (id, change) = (work.due.id, work.change);
        let request = Request { method: Method::Put, ..Request::get(path) };
        run(&mut self.open, move |batch| batch.claim_amend(id, change, request, None))
            .expect("answered")
    }

    /// Makes the call for a change, and has it come to this; says whether there was one to make.
    fn carry(&mut self, effect: Effect) -> bool {
        let Some((id, number)) = self.call() else { return false };
        self.settle(id, number, effect);
        true
    }

    fn call(&mut self) -> Option<(DeliveryId, u64)> {
        let work = self.amends()?;
        let path = format!("/posts/{}", work.receipt.reference.id.clone().unwrap_or_default());
        let claim = self.claim(&work, path);
        let AmendClaim::Granted(permit) = claim else { panic!("{claim:?}") };
        Some((permit.delivery(), permit.number()))
    }

    fn settle(&mut self, id: DeliveryId, number: u64, effect: Effect) {
        run(&mut self.open, move |batch| batch.settle_amend(id, number, &effect, None))
            .expect("settled");
    }

    fn row(&mut self) -> (Status, Option<Amend>) {
        run(&mut self.open, |batch| {
            let row = batch.delivery(FIRST)?;
            Ok((row.status, row.amend.map(|amend| amend.amend)))
        })
        .expect("readable")
    }

    /// Somebody sets the clock, and it stands so for long enough to be followed.
    async fn set(&mut self, to: Time) {
        self.clock.jump(to);
        for _ in 0..3 {
            self.poll();
            tokio::time::advance(MINUTE).await;
        }
        self.poll();
    }
}

/// A page with a counter in it was edited under its readers' eyes at every poll, for ever.
#[tokio::test(start_paused = true)]
async fn a_text_that_goes_on_changing_is_carried_by_the_hour_and_then_by_the_day() {
    let mut house = House::with(&["new"]);
    let mut carried = Vec::new();
    let began = house.open.core.now();
    for step in 0..80 {
        tokio::time::advance(HOUR).await;
        house.show("new", &format!("new, seen {step} times"));
        if house.carry(Effect::Done) {
            carried.push(house.open.core.now().since(began));
        }
    }
    let rests: Vec<Duration> = carried.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(rests.iter().all(|rest| *rest >= HOUR), "{rests:?}");
    assert!(
        rests[..22].iter().all(|rest| *rest < 2 * HOUR),
        "they come within the hour: {rests:?}"
    );
    // Three days, of which it takes one to see that the text changes by itself.
    assert!(rests[23..].iter().all(|rest| *rest >= DAY), "{rests:?}");
    assert!((25..=26).contains(&carried.len()), "{rests:?}");
}

/// A text that changes with every look changed while its call was out, and was carried by the hour for ever.
#[tokio::test(start_paused = true)]
async fn an_edit_that_comes_while_one_is_carried_waits_as_long() {
    let mut house = House::with(&["new"]);
    for step in 0..24 {
        house.show("new", &format!("new, seen {step} times"));
        assert!(house.carry(Effect::Done), "{step}");
        tokio::time::advance(HOUR).await;
    }
    tokio::time::advance(DAY).await;
    house.show("new", "new, seen often");
    let (id, number) = house.call().expect("it is wanted");
    house.show("new", "new, seen once more");
    house.settle(id, number, Effect::Done);
    tokio::time::advance(DAY - HOUR).await;
    assert!(house.amends().is_none(), "it is carried by the day");
    tokio::time::advance(HOUR).await;
    assert!(house.carry(Effect::Done));
}

/// Another template of the blog rewrote every entry: twelve groups would have seen all of them edited in a
/// night, and the platform would have called it a robot's work.
#[tokio::test(start_paused = true)]
async fn many_that_change_at_once_are_left_as_they_are_and_told() {
    let mut house = House::with(&["a", "b", "c", "d"]);
    for (name, title) in &mut house.shown {
        *title = format!("{name}, rewritten");
    }
    assert_eq!(house.poll(), 4);
    tokio::time::advance(DAY).await;
    assert!(house.amends().is_none(), "nothing is changed");
    // One by itself is its author's work again, and what comes within the measure too.
    assert_eq!(house.show("d", "d, mended"), 0);
    assert!(house.carry(Effect::Done));
    assert!(house.amends().is_none(), "and only that one");
    for (name, title) in house.shown.iter_mut().filter(|(name, _)| name < &"d".to_owned()) {
        *title = format!("{name}, mended");
    }
    assert_eq!(house.poll(), 0, "three are not too many");
    for _ in 0..3 {
        assert!(house.carry(Effect::Done));
    }
    assert!(!house.carry(Effect::Done));
}

/// The clock was a year ahead while an edit was carried, and was set right: the next one came a year later.
#[tokio::test(start_paused = true)]
async fn an_edit_under_a_wrong_clock_does_not_hold_the_next_one() {
    let mut house = House::with(&["new"]);
    house.set(START.plus(YEAR)).await;
    house.show("new", "new, mended");
    assert!(house.carry(Effect::Done));
    house.set(START.plus(HOUR)).await;
    house.show("new", "new, mended again");
    assert!(!house.carry(Effect::Done), "it was changed a few minutes ago");
    tokio::time::advance(HOUR).await;
    assert!(house.carry(Effect::Done));
}

/// What waits for its hour waits an hour, whatever becomes of the clock meanwhile.
#[tokio::test(start_paused = true)]
async fn a_change_that_waits_keeps_its_time_when_the_clock_is_set() {
    for wrong in [START.plus(YEAR), START.minus(20 * YEAR), Time::EPOCH] {
        let mut house = House::with(&["new"]);
        house.show("new", "new, mended");
        assert!(house.carry(Effect::Done));
        house.show("new", "new, mended again");
        house.set(wrong).await;
        assert!(!house.carry(Effect::Done), "{wrong}: at once");
        tokio::time::advance(HOUR).await;
        house.poll();
        assert!(house.carry(Effect::Done), "{wrong}: never");
    }
}

/// A call that names no post could make one beside it.
#[tokio::test(start_paused = true)]
async fn a_change_whose_call_names_no_post_is_given_up() {
    let mut house = House::with(&["new"]);
    house.show("new", "new, mended");
    let work = house.amends().expect("it is wanted");
    let claim = house.claim(&work, "/posts".to_owned());
    assert!(matches!(claim, AmendClaim::Gone), "{claim:?}");
    let (status, amend) = house.row();
    assert!(matches!(status, Status::Published { .. }), "{status:?}");
    assert!(matches!(amend, Some(Amend { stand: Stand::GivenUp { .. }, .. })), "{amend:?}");
    assert!(house.due().is_none());
}

/// The call to take it away was lost a dozen times: whatever came of each, it is published and never due.
#[tokio::test(start_paused = true)]
async fn whatever_becomes_of_a_change_the_post_is_never_sent_anew() {
    let reason = String::new();
    let fates = [
        Effect::Not(Outcome::Unknown { reason: reason.clone() }),
        Effect::Not(Outcome::Unsent { reason: reason.clone() }),
        Effect::Not(Outcome::Deferred {
            wait: None,
            cause: DeferCause::SessionExpired,
            reason: reason.clone(),
        }),
        Effect::Not(Outcome::Unknown { reason: reason.clone() }),
        Effect::Done,
    ];
    let mut house = House::with(&["new"]);
    let selection = Selection { entry: FIRST.entry, group: None };
    let wish = Retract { selection, done: false, dry_run: false };
    run(&mut house.open, move |batch| batch.retract(&wish, "person")).expect("taken");
    for fate in fates {
        tokio::time::advance(DAY).await;
        assert!(house.carry(fate.clone()), "{fate:?}");
        let (status, _) = house.row();
        assert!(matches!(status, Status::Published { .. }), "{fate:?}: {status:?}");
        let claim = claim(&mut house.open, FIRST);
        assert!(matches!(claim, Claim::Gone(StatusKind::Published)), "{fate:?}: {claim:?}");
    }
    let (_, amend) = house.row();
    assert!(amend.is_some_and(|amend| amend.is_away()));
    // Its entry goes on changing, and there is nothing left to change.
    house.show("new", "new, mended");
    tokio::time::advance(DAY).await;
    assert!(house.due().is_none());
}
