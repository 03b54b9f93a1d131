//! What is told of a change when calls for it were lost on the way.

use crate::ledger::amend::{AmendClaim, Moot, Retract};
use crate::ledger::{Selection, Setup};
use crate::model::{Amend, Change, Effect, Method, Stand, Upkeep};

use super::*;

const HOUR: Duration = Duration::from_secs(3_600);

/// A ledger whose one post is published as `113`, in a group that carries edits.
fn out(folder: &Path) -> Opened {
    let mut open = open(folder, None);
    let mut setup: Setup = setup(&["readers"]);
    setup.groups[0].upkeep = Upkeep { update: true, retract: false };
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
