//! What the model has found in the design as it is: each way is shown to break a law, and each mend that
//! is proposed is shown to close it.

use super::laws::{ONCE, PUBLISHED, breaks, holds};
use super::setup::{Class, Deletes, Left, Mends, Setup};

/// Two loops of one lane look into the same doubt. One repeats and falls into doubt anew; the other, whose
/// question was put before that, repeats at once, while the first repeat is in the platform's hands.
/// `reclaim` sees a row in doubt and does not see that it is another doubt.
#[test]
fn a_second_loop_repeats_without_waiting() {
    let left = Left { kills: 1, lost: 1, ..Left::default() };
    for class in [Class::KEYED, Class::KEYED_UNASKED] {
        let two = Setup { left, workers: 2, ..Setup::of(class) };
        let without = Mends { reclaim_waits: false, ..Mends::NOW };
        breaks("finding: a stale look repeats", Setup { mends: without, ..two.clone() }, ONCE);
        let with = Mends { reclaim_waits: true, ..Mends::NOW };
        holds(Setup { mends: with, ..two }, &[]);
    }
}

/// A post in doubt is sent again by hand, and the first is then asked about: what is found is the second.
/// The ledger says published of one that nobody saw.
#[test]
fn one_generation_is_taken_for_another() {
    let left = Left { kills: 1, agains: 1, ..Left::default() };
    for class in [Class::KEYED, Class::VERIFIABLE] {
        let again = Setup { left, generations: 2, ..Setup::of(class) };
        let without = Mends { generations_apart: false, ..Mends::NOW };
        let before = Setup { mends: without, ..again.clone() };
        breaks("finding: found by content, and it is the other", before, PUBLISHED);
        let with = Mends { generations_apart: true, ..Mends::NOW };
        holds(Setup { mends: with, ..again }, &[]);
    }
}

/// A copy of the ledger is put back in which a post is in doubt, and which the lost ledger had just
/// repeated. It is repeated at once: `reclaim`, unlike `claim`, asks no witness.
#[test]
fn a_restored_doubt_is_repeated_at_once() {
    let left = Left { kills: 2, restores: 1, lost: 1, ..Left::default() };
    for class in [Class::KEYED, Class::KEYED_UNASKED] {
        let of = Setup { left, horizon: 4, ..Setup::of(class) };
        let without = Mends { doubts_haunted: false, ..Mends::NOW };
        breaks(
            "finding: restored, and repeated just before",
            Setup { mends: without, ..of.clone() },
            ONCE,
        );
        holds(Setup { mends: Mends { doubts_haunted: true, ..Mends::NOW }, ..of }, &[]);
    }
}

/// A copy of the ledger is put back in which a post is in doubt. The lost ledger had found it, and its
/// author has deleted it since: it is asked about, not found, and put there again. No claim was made in
/// between, so that the witness, which tells of claims alone, takes the copy for whole.
#[test]
fn a_restored_doubt_brings_back_what_its_author_deleted() {
    let left = Left { kills: 1, restores: 1, deletes: 1, lost: 1, ..Left::default() };
    for class in [Class::DERIVED, Class::VERIFIABLE_SEND] {
        let of = Setup { left, deletes: Deletes::Known, horizon: 4, ..Setup::of(class) };
        let without = Mends { settlements_witnessed: false, ..Mends::ALL };
        breaks(
            "finding: restored, in doubt, deleted since",
            Setup { mends: without, ..of.clone() },
            ONCE,
        );
        holds(Setup { mends: Mends::ALL, ..of }, &[]);
    }
}

/// A copy of the ledger is put back, and the feed has named its items anew: the witness knows keys, and a
/// key is made of the first name.
#[test]
fn a_restored_ledger_does_not_know_a_renamed_post() {
    let left = Left { kills: 1, restores: 1, renames: 1, ..Left::default() };
    for class in [Class::BLIND, Class::DERIVED] {
        let of = Setup { left, ..Setup::of(class) };
        let without = Mends { news_held: false, ..Mends::NOW };
        breaks(
            "finding: restored, and renamed since",
            Setup { mends: without, ..of.clone() },
            ONCE,
        );
        holds(Setup { mends: Mends { news_held: true, ..Mends::NOW }, ..of }, &[]);
    }
}
