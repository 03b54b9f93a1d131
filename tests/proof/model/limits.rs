//! What nobody can exclude: where an assumption is taken away, the design falls, and so the assumption
//! is one. Each is a line of "what can still go wrong".

use super::laws::{ONCE, breaks, holds};
use super::setup::{Class, Deletes, Left, Setup};

fn of(class: Class, left: Left) -> Setup {
    let horizon = if class.guarantee.repeatable_for().is_some() { 7 } else { 6 };
    Setup { left, horizon, ..Setup::of(class) }
}

const LOST: Left = Left {
    lost: 1,
    kills: 0,
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

/// A call that the platform performs later than `doubt_after`: a group that sends what is absent is told
/// twice, one that waits is not.
#[test]
fn a_call_that_is_performed_very_late_and_a_rule_that_sends() {
    let late = Setup { in_time: false, ..of(Class::VERIFIABLE_SEND, LOST) };
    breaks("limit: a call performed later than the looks", late, ONCE);
    holds(Setup { in_time: false, ..of(Class::VERIFIABLE, LOST) }, &[]);
    holds(Setup { in_time: false, ..of(Class::BLIND, LOST) }, &[]);
    holds(Setup { in_time: false, ..of(Class::DERIVED, LOST) }, &[]);
    holds(Setup { in_time: false, ..of(Class::TWO_PHASE, LOST) }, &[]);
}

/// A platform that saves the key only when it has shown the post, and takes longer than `doubt_after`.
#[test]
fn a_call_that_is_performed_very_late_on_a_server_with_keys() {
    for class in [Class::KEYED, Class::KEYED_UNASKED] {
        let late = Setup { in_time: false, ..of(class, LOST) };
        breaks("limit: two calls in the platform's hands at once", late, ONCE);
    }
}

/// A person who looks at once, before the platform has shown it.
#[test]
fn a_person_who_says_absent_too_soon() {
    let left = Left { words: 1, ..LOST };
    let hasty = Setup { patient: false, ..of(Class::BLIND, left) };
    breaks("limit: a person looks too soon", hasty, ONCE);
}

/// An author who deletes a post that we are still in doubt about: a platform cannot tell it from one that
/// never came.
#[test]
fn an_author_who_deletes_what_is_in_doubt() {
    let left = Left { deletes: 1, ..LOST };
    for class in [Class::DERIVED, Class::VERIFIABLE_SEND] {
        let deleted = Setup { deletes: Deletes::Seen, ..of(class, left) };
        breaks("limit: deleted while in doubt", deleted, ONCE);
    }
    for class in [Class::TWO_PHASE, Class::KEYED_UNASKED, Class::VERIFIABLE, Class::BLIND] {
        holds(Setup { deletes: Deletes::Seen, ..of(class, left) }, &[]);
    }
}

/// What the ledger knows to be there, an author may delete: it does not come back.
#[test]
fn an_author_who_deletes_what_is_known() {
    let left = Left { deletes: 1, kills: 1, ..LOST };
    for class in Class::ALL {
        holds(of(class, left), &[super::sights::Sight::Deleted]);
    }
}

/// The whole volume is put back, and the witness with it: nothing is left that remembers.
#[test]
fn a_snapshot_that_takes_the_witness_back_too() {
    let left = Left { restores: 1, kills: 1, ..Left::default() };
    for class in [Class::BLIND, Class::VERIFIABLE] {
        breaks(
            "limit: ledger and witness put back",
            Setup { witness_too: true, ..of(class, left) },
            ONCE,
        );
    }
}
