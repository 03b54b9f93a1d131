//! What is told of a change when calls for it were lost on the way.

use crate::ledger::amend::{AmendClaim, Moot, Retract};
use crate::ledger::{Selection, Setup, Work};
use crate::model::{Amend, Change, Effect, Method, Stand, Upkeep};

use super::super::records::DeliveryRow;
use super::*;

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);

/// A ledger whose one post is published as `113`, in a group that carries edits.
fn out(folder: &Path) -> Opened {
    out_within(folder, 900)
}

/// The same, where so many calls of a kind are made in ten minutes.
fn out_within(folder: &Path, per_10m: u32) -> Opened {
    let mut open = open(folder, None);
    let mut setup: Setup = setup(&["readers"]);
    setup.groups[0].upkeep = Upkeep { update: true, retract: false };
    setup.lanes[0].caps.per_10m = per_10m;
    run(&mut open, |batch| batch.configure(setup)).expect("configured");
    see(&mut open, &["old"]);
    see(&mut open, &["old", "new"]);
    let number = granted(&mut open, FIRST);
    let reference = Reference { id: Some("113".into()), ..Reference::default() };
    let published = Outcome::Published { reference };
    run(&mut open, move |batch| batch.settle(FIRST, number, &published, None)).expect("settled");
    open
}

/// The feed shows the post with another text.
fn edit(open: &mut Opened, text: &str) {
    let entry = |name: &str, text: &str| Entry {
        guid: Some(name.into()),
        title: format!("About {name}"),
        content: text.into(),
        ..Entry::default()
    };
    let entries = vec![entry("old", ""), entry("new", text)];
    let sight = Sight::Document { entries, complete: true };
    let intake = Intake { feed: "blog".into(), sight, state: FeedState::default() };
    run(open, move |batch| batch.admit(intake)).expect("admitted");
}

fn retract(open: &mut Opened) {
    let selection = Selection { entry: FIRST.entry, group: None };
    let wish = Retract { selection, done: false, dry_run: false };
    run(open, move |batch| batch.retract(&wish, "a person")).expect("wanted");
}

fn call(body: &str) -> Request {
    let (path, body) = ("/api/v1/statuses/113".to_owned(), body.to_owned());
    Request { method: Method::Put, path, headers: Vec::new(), body }
}

/// The next call for a change: what it says, and its number.
fn claimed(open: &mut Opened, change: Change, body: &str) -> Option<(String, u64)> {
    let (request, says) = (call(body), Some(body.to_owned()));
    let claim = run(open, move |batch| batch.claim_amend(FIRST, change, request, says));
    match claim.expect("answered") {
        AmendClaim::Granted(permit) => Some((permit.request().body.clone(), permit.number())),
        AmendClaim::NotNow { .. } | AmendClaim::Gone => None,
    }
}

fn heard(open: &mut Opened, number: u64, outcome: Outcome) -> Amend {
    let effect = Effect::of(outcome);
    let settled = run(open, move |batch| batch.settle_amend(FIRST, number, &effect, None));
    settled.expect("settled").amend.expect("of interest")
}

fn unknown() -> Outcome {
    Outcome::Unknown { reason: "no answer in time".into() }
}

fn refused() -> Outcome {
    Outcome::Refused { reason: "status 403".into() }
}

fn later() -> Outcome {
    let (cause, reason) = (DeferCause::RateLimited, "status 429".into());
    Outcome::Deferred { wait: None, cause, reason }
}

/// The first call took the post away and its answer was lost; the second was refused. A person who is told
/// that the post stands there still looks for it in vain, and one who is told that an edit was not made
/// does not see that readers have it.
#[tokio::test(start_paused = true)]
async fn a_call_that_is_refused_says_nothing_of_the_one_before_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut open = out(folder.path());
    retract(&mut open);
    let (_, number) = claimed(&mut open, Change::Retract, "").expect("granted");
    heard(&mut open, number, unknown());
    tokio::time::advance(HOUR).await;
    let (_, number) = claimed(&mut open, Change::Retract, "").expect("granted");
    let amend = heard(&mut open, number, refused());
    assert!(matches!(amend.stand, Stand::GivenUp { maybe: true, .. }), "{amend}");
    assert!(amend.to_string().contains("nobody knows whether it was"), "{amend}");

    // One that was never in doubt is told as what it is.
    retract(&mut open);
    let (_, number) = claimed(&mut open, Change::Retract, "").expect("granted");
    let amend = heard(&mut open, number, refused());
    assert!(amend.to_string().contains("and was not"), "{amend}");

    // Nor is a call known of which nobody ever came back.
    retract(&mut open);
    claimed(&mut open, Change::Retract, "").expect("granted");
    tokio::time::advance(HOUR).await;
    let (_, number) = claimed(&mut open, Change::Retract, "").expect("granted");
    let amend = heard(&mut open, number, refused());
    assert!(matches!(amend.stand, Stand::GivenUp { maybe: true, .. }), "{amend}");
}

/// The answer to an edit was lost, and the platform then asks for patience: what is sent after it must be the
/// same call, or readers see two versions take turns.
#[tokio::test(start_paused = true)]
async fn a_call_that_may_have_been_heard_is_repeated_until_it_is_known() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut open = out(folder.path());
    edit(&mut open, "one");
    tokio::time::advance(HOUR).await;
    let (body, number) = claimed(&mut open, Change::Update, "one").expect("granted");
    assert_eq!(body, "one");
    heard(&mut open, number, unknown());
    for outcome in [later(), Outcome::Unsent { reason: "refused".into() }, later()] {
        tokio::time::advance(8 * HOUR).await;
        let (body, number) = claimed(&mut open, Change::Update, "two").expect("granted");
        assert_eq!(body, "one", "before {outcome:?}");
        heard(&mut open, number, outcome);
    }
    tokio::time::advance(8 * HOUR).await;
    let (body, number) = claimed(&mut open, Change::Update, "two").expect("granted");
    assert_eq!(body, "one");
    let published = Outcome::Published { reference: Reference::default() };
    assert!(matches!(heard(&mut open, number, published).stand, Stand::Done { .. }));

    // What was provably not heard is made anew.
    edit(&mut open, "three");
    tokio::time::advance(8 * HOUR).await;
    let (_, number) = claimed(&mut open, Change::Update, "three").expect("granted");
    heard(&mut open, number, later());
    tokio::time::advance(8 * HOUR).await;
    let (body, _) = claimed(&mut open, Change::Update, "four").expect("granted");
    assert_eq!(body, "four");
}

/// An edit may have reached readers though it was refused in the end; its author takes it back. The post
/// must not be taken for one that says the old text already.
#[tokio::test(start_paused = true)]
async fn what_a_post_says_is_not_taken_for_known_after_a_call_that_is_not() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut open = out(folder.path());
    edit(&mut open, "one");
    tokio::time::advance(HOUR).await;
    let (_, number) = claimed(&mut open, Change::Update, "one").expect("granted");
    heard(&mut open, number, unknown());
    tokio::time::advance(8 * HOUR).await;
    let (_, number) = claimed(&mut open, Change::Update, "one").expect("granted");
    heard(&mut open, number, refused());
    edit(&mut open, "");
    tokio::time::advance(8 * HOUR).await;
    let work = run(&mut open, |batch| {
        let row = batch.delivery(FIRST)?;
        batch.amend_work(FIRST, row)
    });
    let work = work.expect("readable").expect("wanted");
    assert!(work.request.is_none() && work.was.is_none(), "{work:?}");
    assert_eq!(work.said.as_deref(), Some(""), "no text has this fingerprint");

    // Given up before any call is another thing: the post says what it said.
    let why = Moot::Cannot("too long".into());
    run(&mut open, move |batch| batch.moot_amend(FIRST, Change::Update, &why)).expect("told");
    edit(&mut open, "two");
    tokio::time::advance(8 * HOUR).await;
    let (_, number) = claimed(&mut open, Change::Update, "two").expect("granted");
    let amend = heard(&mut open, number, refused());
    assert!(matches!(amend.stand, Stand::GivenUp { maybe: false, .. }), "{amend}");
}

/// What is offered next: `due`, or the word of a change.
fn offered(open: &mut Opened) -> &'static str {
    let waiting = run(open, |batch| batch.due("lane")).expect("readable");
    match waiting.work.expect("something") {
        Work::Due(_) => "due",
        Work::Amend(work) => work.change.word(),
        Work::Doubt(_) => "doubt",
    }
}

/// Sixty posts wait after a flood, twenty a day go out, and what went out wrongly stands there for three days
/// because its retraction stands behind them.
#[tokio::test(start_paused = true)]
async fn what_went_out_wrongly_is_taken_away_before_anything_new_goes_out() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut open = out_within(folder.path(), 1);
    see(&mut open, &["old", "new", "newer"]);
    assert_eq!(offered(&mut open), "due");
    retract(&mut open);
    assert_eq!(offered(&mut open), "retract");
    let (_, number) = claimed(&mut open, Change::Retract, "").expect("granted");
    heard(&mut open, number, later());
    tokio::time::advance(2 * MINUTE).await;
    assert_eq!(offered(&mut open), "due", "a change that must wait itself keeps nothing waiting");
    tokio::time::advance(10 * MINUTE).await;
    assert_eq!(offered(&mut open), "retract");
}

/// An edit waits for what is new, and not for the day on which more may go out.
#[tokio::test(start_paused = true)]
async fn an_edit_is_carried_while_what_is_new_must_wait() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut open = out_within(folder.path(), 1);
    edit(&mut open, "one");
    see(&mut open, &["old", "newer"]);
    tokio::time::advance(HOUR).await;
    assert_eq!(offered(&mut open), "due");
    granted(&mut open, DeliveryId { entry: 3, ..FIRST });
    see(&mut open, &["old", "newer", "newest"]);
    assert_eq!(offered(&mut open), "update");
}

/// A group that was pointed at another room took a stranger's message 113 there for its own, and deleted it.
#[tokio::test(start_paused = true)]
async fn a_post_is_named_only_where_it_was_posted() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut open = out(folder.path());
    let at = |open: &mut Opened, home: &str| {
        let mut setup: Setup = setup(&["readers"]);
        setup.groups[0].upkeep = Upkeep { update: true, retract: false };
        home.clone_into(&mut setup.groups[0].home);
        run(open, |batch| batch.configure(setup)).expect("configured");
    };
    let asked = |open: &mut Opened| {
        let selection = Selection { entry: FIRST.entry, group: None };
        let wish = Retract { selection, done: false, dry_run: true };
        let steps = run(open, move |batch| batch.retract(&wish, "a person")).expect("asked");
        steps.into_iter().map(|step| (step.removes, step.why)).collect::<Vec<_>>()
    };
    assert!(asked(&mut open)[0].0, "where it was posted");
    at(&mut open, "telegram, in @new");
    let [(removes, why)] = &asked(&mut open)[..] else { panic!("one step") };
    assert!(!removes && why.contains("telegram, in @new") && why.contains("--done"), "{why}");

    // What was wanted before is given up, and no call is granted.
    at(&mut open, "");
    edit(&mut open, "one");
    at(&mut open, "telegram, in @new");
    tokio::time::advance(HOUR).await;
    let work = run(&mut open, |batch| batch.amend_work(FIRST, batch.delivery(FIRST)?));
    assert!(work.expect("readable").expect("wanted").hindered.is_some());
    assert_eq!(claimed(&mut open, Change::Update, "one"), None);
    let row = run(&mut open, |batch| batch.delivery(FIRST)).expect("readable");
    let amend = row.amend.expect("there").amend;
    assert!(matches!(amend.stand, Stand::GivenUp { maybe: false, .. }), "{amend}");

    // Of a receipt that is older than this nobody knows where it is.
    at(&mut open, "");
    run(&mut open, |batch| {
        let row = batch.delivery(FIRST)?;
        let next = DeliveryRow { home: None, ..row.clone() };
        batch.tables.set_delivery(FIRST, Some((&row, None)), &next, None)
    })
    .expect("written");
    let [(removes, why)] = &asked(&mut open)[..] else { panic!("one step") };
    assert!(!removes && why.contains("was not kept"), "{why}");
}

/// One post that could not be looked at was tried for ever, and all that waited behind it rested each time.
#[tokio::test(start_paused = true)]
async fn what_cannot_be_asked_first_is_tried_so_often_and_holds_up_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut open = out(folder.path());
    edit(&mut open, "one");
    tokio::time::advance(HOUR).await;
    let mut waited = Duration::ZERO;
    for tries in 1..=16 {
        let why = Moot::Later { wait: None, why: "status 500".into() };
        let told = run(&mut open, move |batch| batch.moot_amend(FIRST, Change::Update, &why));
        match told.expect("told").expect("of interest").stand {
            Stand::Wanted { tries: counted, not_before, .. } => {
                assert_eq!(counted, tries);
                let rest = run(&mut open, move |batch| Ok(not_before.since(batch.now)));
                let rest = rest.expect("readable");
                assert!(!rest.is_zero() && rest <= 6 * HOUR, "{rest:?}");
                assert_eq!(claimed(&mut open, Change::Update, "one"), None, "it rests");
                waited += rest;
                tokio::time::advance(rest).await;
            }
            Stand::GivenUp { maybe: false, why, .. } => {
                assert_eq!(tries, 16);
                assert!(why.contains("status 500"), "{why}");
            }
            other => panic!("{other:?}"),
        }
    }
    assert!(waited > 24 * HOUR && waited < 72 * HOUR, "{waited:?}");
    let overview = run(&mut open, |batch| batch.tables.lane("lane")).expect("readable");
    assert!(overview.rests_until.is_none() && overview.stopped.is_none(), "{overview:?}");
}

/// A group stopped carrying edits, and one that was wanted before came to its readers all the same.
#[tokio::test(start_paused = true)]
async fn an_edit_is_not_carried_where_none_is_wanted_any_more() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut open = out(folder.path());
    edit(&mut open, "one");
    run(&mut open, |batch| batch.configure(setup(&["readers"]))).expect("configured");
    tokio::time::advance(HOUR).await;
    let work = run(&mut open, |batch| batch.amend_work(FIRST, batch.delivery(FIRST)?));
    let why = work.expect("readable").expect("wanted").hindered.expect("not wanted");
    assert!(why.contains("on_edit"), "{why}");
    assert_eq!(claimed(&mut open, Change::Update, "one"), None);
    let row = run(&mut open, |batch| batch.delivery(FIRST)).expect("readable");
    let amend = row.amend.expect("there").amend;
    assert!(matches!(amend.stand, Stand::GivenUp { .. }), "{amend}");
    // What a person wants taken away goes as before.
    retract(&mut open);
    assert!(claimed(&mut open, Change::Retract, "").is_some());
}

/// Its author wrote on in the post while it was being taken away: the call for the version before was repeated
/// until it was given up, or was given up at once, and readers went on to read it.
#[tokio::test(start_paused = true)]
async fn a_call_for_a_version_that_is_past_is_made_anew() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut open = out(folder.path());
    let past = || {
        let (cause, reason) = (DeferCause::Collision, "status 409".into());
        Outcome::Deferred { wait: None, cause, reason }
    };
    edit(&mut open, "one");
    tokio::time::advance(HOUR).await;
    let (_, number) = claimed(&mut open, Change::Update, "one").expect("granted");
    heard(&mut open, number, unknown());
    tokio::time::advance(8 * HOUR).await;
    let (body, number) = claimed(&mut open, Change::Update, "two").expect("granted");
    assert_eq!(body, "one", "as it was");
    let amend = heard(&mut open, number, past());
    assert!(matches!(amend.stand, Stand::Wanted { .. }), "{amend}");
    tokio::time::advance(8 * HOUR).await;
    let work = run(&mut open, |batch| batch.amend_work(FIRST, batch.delivery(FIRST)?));
    let work = work.expect("readable").expect("wanted");
    assert_eq!((work.request, work.said.as_deref()), (None, Some("")), "what it says is not known");
    let (body, number) = claimed(&mut open, Change::Update, "two").expect("granted");
    assert_eq!(body, "two", "read again, and made anew");
    let amend = heard(&mut open, number, refused());
    assert!(matches!(amend.stand, Stand::GivenUp { maybe: true, .. }), "{amend}");
    let lane = run(&mut open, |batch| batch.tables.lane("lane")).expect("readable");
    assert_eq!(lane.failures, 0, "the lane is well");
}

/// A message was taken away, and clients that know no edits went on showing its last text, unseen by whoever
/// had asked for it.
#[tokio::test(start_paused = true)]
async fn who_takes_away_an_edited_message_is_told_what_stays() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut open = out(folder.path());
    let mut setup: Setup = setup(&["readers"]);
    setup.groups[0].upkeep = Upkeep { update: true, retract: false };
    setup.groups[0].edits_stay = true;
    run(&mut open, |batch| batch.configure(setup)).expect("configured");
    let asked = |open: &mut Opened| {
        let selection = Selection { entry: FIRST.entry, group: None };
        let wish = Retract { selection, done: false, dry_run: true };
        let steps = run(open, move |batch| batch.retract(&wish, "a person")).expect("asked");
        steps[0].why.clone()
    };
    assert_eq!(asked(&mut open), "it is there");
    edit(&mut open, "one");
    tokio::time::advance(HOUR).await;
    let (_, number) = claimed(&mut open, Change::Update, "one").expect("granted");
    heard(&mut open, number, Outcome::Published { reference: Reference::default() });
    let why = asked(&mut open);
    assert!(why.contains("clients that know no edits"), "{why}");
}

/// The machine's clock had been a month ahead when a post was edited; after it was set, the next edit was put
/// off by that month.
#[tokio::test(start_paused = true)]
async fn an_edit_of_the_future_does_not_put_off_the_next() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut open = out(folder.path());
    edit(&mut open, "one");
    tokio::time::advance(HOUR).await;
    let (_, number) = claimed(&mut open, Change::Update, "one").expect("granted");
    let done = Outcome::Published { reference: Reference::default() };
    heard(&mut open, number, done);
    run(&mut open, |batch| {
        let row = batch.delivery(FIRST)?;
        let mut next = row.clone();
        next.amend.as_mut().expect("there").edited = Some(batch.now.plus(720 * HOUR));
        batch.tables.set_delivery(FIRST, Some((&row, None)), &next, None)
    })
    .expect("written");
    edit(&mut open, "two");
    tokio::time::advance(2 * HOUR).await;
    assert!(claimed(&mut open, Change::Update, "two").is_some());
}
