//! Each protecting step cut out of the model, one at a time: a law falls, and the way there is told.
//! A step that could be taken away without harm would be none.

use super::laws::{CAP, CLAIMED, FINAL, NO_REPEAT, ONCE, REFUSED, REPLACED, breaks, holds};
use super::setup::{Class, Cut, Left, Mends, Setup};
use super::sights::Sight::{Aged, StaleChoice};

fn of(class: Class, left: Left) -> Setup {
    let horizon = if class.guarantee.repeatable_for().is_some() { 7 } else { 5 };
    Setup { left, horizon, ..Setup::of(class) }
}

/// With the step all laws hold; without it this one falls.
fn is_needed(cut: Cut, setup: Setup, law: &'static str) {
    holds(setup.clone(), &[]);
    breaks(&format!("without {cut:?}"), Setup { cut: Some(cut), ..setup }, law);
}

const NONE: Left = Left {
    kills: 0,
    lost: 0,
    noes: 0,
    laters: 0,
    commits: 0,
    drops: 0,
    restores: 0,
    words: 0,
    agains: 0,
    withdraws: 0,
    renames: 0,
    deletes: 0,
};
const KILL: Left = Left { kills: 1, ..NONE };
const LOST: Left = Left { lost: 1, ..NONE };
const RESTORED: Left = Left { kills: 1, restores: 1, ..NONE };

#[test]
fn a_claim_compares_and_sets() {
    is_needed(Cut::ClaimComparesNothing, Setup { workers: 2, ..of(Class::BLIND, NONE) }, ONCE);
    let unlocked = Setup { nodes: 2, lock: false, ..of(Class::VERIFIABLE, NONE) };
    is_needed(Cut::ClaimComparesNothing, unlocked, ONCE);
}

#[test]
fn a_start_puts_into_doubt_what_was_claimed() {
    is_needed(Cut::RecoveryReleases, of(Class::BLIND, KILL), ONCE);
    is_needed(Cut::RecoveryReleases, of(Class::VERIFIABLE, KILL), NO_REPEAT);
}

#[test]
fn a_permit_comes_after_the_commit() {
    is_needed(Cut::GrantBeforeCommit, of(Class::BLIND, KILL), ONCE);
    is_needed(Cut::GrantBeforeCommit, of(Class::DERIVED, KILL), CLAIMED);
}

#[test]
fn a_claim_is_witnessed() {
    is_needed(Cut::NoWitness, of(Class::BLIND, RESTORED), ONCE);
    is_needed(Cut::NoWitness, of(Class::DERIVED, NONE), CLAIMED);
}

#[test]
fn what_a_lost_ledger_claimed_is_not_sent() {
    // What is new to the copy is held besides: this wall must stand alone too.
    let mends = Mends { news_held: false, ..Mends::NOW };
    for class in [Class::BLIND, Class::DERIVED] {
        is_needed(Cut::GhostsIgnored, Setup { mends, ..of(class, RESTORED) }, ONCE);
    }
}

#[test]
fn a_ledger_older_than_its_witness_only_observes() {
    is_needed(Cut::OlderLedgerTrusted, of(Class::BLIND, RESTORED), ONCE);
}

#[test]
fn what_a_lost_ledger_claimed_is_not_repeated() {
    let mends = Mends { news_held: false, ..Mends::NOW };
    let restored = Setup { mends, ..of(Class::TWO_PHASE, RESTORED) };
    is_needed(Cut::RepeatOfTheHaunted, restored, ONCE);
}

#[test]
fn a_ledger_opened_afresh_keeps_what_was_granted() {
    let left = Left { commits: 1, ..NONE };
    is_needed(Cut::GrantedForgottenOnReopen, of(Class::BLIND, left), ONCE);
}

#[test]
fn a_timeout_proves_nothing() {
    is_needed(Cut::TimeoutIsUnsent, of(Class::BLIND, LOST), ONCE);
}

#[test]
fn a_server_error_proves_nothing() {
    is_needed(Cut::ServerErrorIsUnsent, of(Class::BLIND, LOST), ONCE);
}

#[test]
fn a_window_closes() {
    is_needed(Cut::WindowIgnored, of(Class::KEYED_UNASKED, LOST), ONCE);
    is_needed(Cut::WindowIgnored, of(Class::KEYED_UNASKED, LOST), NO_REPEAT);
}

#[test]
fn a_window_opens_at_the_first_send() {
    let left = Left { lost: 2, ..NONE };
    is_needed(Cut::WindowFromLastSend, of(Class::KEYED_UNASKED, left), ONCE);
}

#[test]
fn asking_comes_before_repeating() {
    is_needed(Cut::RepeatWithoutAsking, of(Class::KEY_IGNORED, LOST), ONCE);
}

#[test]
fn a_repeat_has_the_same_key() {
    is_needed(Cut::RepeatUnderAnotherKey, of(Class::KEYED_UNASKED, LOST), ONCE);
    is_needed(Cut::RepeatUnderAnotherKey, of(Class::DERIVED, LOST), NO_REPEAT);
}

#[test]
fn where_readers_would_see_it_nothing_is_repeated() {
    is_needed(Cut::RepeatOfTheBlind, of(Class::BLIND, LOST), ONCE);
    is_needed(Cut::RepeatOfTheBlind, of(Class::DEDUP, LOST), ONCE);
}

#[test]
fn what_a_person_sent_again_is_not_repeated() {
    let left = Left { agains: 1, ..LOST };
    let again = Setup { generations: 2, ..of(Class::KEYED_UNASKED, left) };
    is_needed(Cut::RepeatOfTheReplaced, again, REPLACED);
}

/// A repeat knows that an earlier call may have been seen, and what it hears does not settle that one.
#[test]
fn a_refused_repeat_proves_nothing_of_the_first() {
    let left = Left { noes: 1, ..LOST };
    is_needed(Cut::MaybeDropped, of(Class::KEYED_UNASKED, left), REFUSED);
    is_needed(Cut::RefusedRepeatBelieved, of(Class::KEYED_UNASKED, left), REFUSED);
    let left = Left { laters: 1, ..LOST };
    is_needed(Cut::MaybeDropped, of(Class::KEYED_UNASKED, left), NO_REPEAT);
}

#[test]
fn absent_is_believed_after_a_while() {
    is_needed(Cut::AbsentAtOnce, of(Class::VERIFIABLE_SEND, LOST), ONCE);
}

#[test]
fn a_cap_is_counted_inside_the_claim() {
    let two = Setup { posts: 2, workers: 2, cap: Some(1), horizon: 3, ..of(Class::BLIND, KILL) };
    is_needed(Cut::CapOutsideTheClaim, two, CAP);
}

#[test]
fn an_entry_is_known_by_its_aliases() {
    let left = Left { renames: 1, kills: 1, ..NONE };
    is_needed(Cut::AliasesIgnored, of(Class::BLIND, left), ONCE);
    is_needed(Cut::AliasesIgnored, of(Class::DERIVED, left), ONCE);
}

#[test]
fn a_replay_opens_another_generation() {
    let left = Left { agains: 1, ..NONE };
    let again = Setup { generations: 2, ..of(Class::BLIND, left) };
    is_needed(Cut::PublishedReopens, again.clone(), FINAL);
    is_needed(Cut::PublishedReopens, again, ONCE);
}

/// Two daemons that nothing keeps apart, one of them stopped with a permit in hand: it must not use it.
#[test]
fn a_permit_ages() {
    let two = Setup { nodes: 2, lock: false, ..of(Class::KEYED_UNASKED, NONE) };
    let mends = Mends { reclaim_waits: true, ..Mends::NOW };
    is_needed(Cut::PermitNeverAges, Setup { mends, ..two }, ONCE);
}

/// The lock is the one step whose loss is harmless to this promise: a claim compares and sets the row in
/// one commit, whoever makes it; a start that finds another's claim puts it into doubt and does not send;
/// and a permit is not used once it is old, so that one who slept on it does not wake up into a window that
/// has closed. What the lock protects is pace, the witness file and a person's patience.
#[test]
fn two_daemons_without_the_lock_are_told_apart_by_the_claim() {
    for class in Class::ALL {
        let left = Left { kills: 1, lost: 1, words: 1, ..NONE };
        let two = Setup { nodes: 2, lock: false, horizon: 5, ..of(class, left) };
        holds(Setup { mends: Mends::ALL, ..two }, &[StaleChoice, Aged]);
    }
}

/// The machinery itself: where a step is cut out, what claims that all laws hold must not pass.
#[test]
#[should_panic(expected = "a law is broken")]
fn a_proof_that_could_not_fail_would_be_none() {
    let left = Left { kills: 1, lost: 1, ..NONE };
    holds(Setup { cut: Some(Cut::TimeoutIsUnsent), ..of(Class::BLIND, left) }, &[]);
}
