//! What the model has found in the design as it is. Each way is shown to break a law, and is gone to its end
//! by the real ledger and the real wire; each mend that is proposed is shown to close it.

use super::laws::{ONCE, PUBLISHED, breaks, holds};
use super::replay::is_real;
use super::setup::{Class, Deletes, Left, Mends, Setup};

/// Without the mend the law falls, here and, as long as the house lacks it, in the house; with it all laws
/// hold.
async fn is_found(what: &str, setup: Setup, law: &'static str, [without, with]: [Mends; 2]) {
    let before = Setup { mends: without, outside: true, ..setup.clone() };
    let way = breaks(&format!("finding: {what}"), before.clone(), law);
    if without == Mends::NOW {
        is_real(before, &way).await;
    }
    holds(Setup { mends: with, ..setup }, &[]);
}

/// Two loops of one lane look into the same doubt. One repeats and falls into doubt anew; the other, whose
/// question was put before that, repeats at once, while the first repeat is in the platform's hands.
/// `reclaim` sees a row in doubt and does not see that it is another doubt.
#[tokio::test(start_paused = true)]
async fn a_second_loop_repeats_without_waiting() {
    let left = Left { kills: 1, lost: 1, ..Left::default() };
    for class in [Class::KEYED, Class::KEYED_UNASKED] {
        let two = Setup { left, workers: 2, horizon: 4, ..Setup::of(class) };
        let mends = [false, true].map(|reclaim_waits| Mends { reclaim_waits, ..Mends::NOW });
        is_found("a stale look repeats", two, ONCE, mends).await;
    }
}

/// A post in doubt is sent again by hand, and the first is then asked about: what is found is the second.
/// The ledger says published of one that nobody saw.
#[tokio::test(start_paused = true)]
async fn one_generation_is_taken_for_another() {
    let left = Left { kills: 1, lost: 1, agains: 1, ..Left::default() };
    for class in [Class::KEYED, Class::VERIFIABLE] {
        let again = Setup { left, generations: 2, horizon: 4, ..Setup::of(class) };
        let mends =
            [false, true].map(|generations_apart| Mends { generations_apart, ..Mends::NOW });
        is_found("found by content, and it is the other", again, PUBLISHED, mends).await;
    }
}

/// A copy of the ledger is put back in which a post is in doubt, and which the lost ledger had just
/// repeated. It is repeated at once: `reclaim`, unlike `claim`, does not ask whether a lost ledger claimed
/// it.
#[tokio::test(start_paused = true)]
async fn a_restored_doubt_is_repeated_at_once() {
    let left = Left { kills: 2, restores: 1, lost: 1, ..Left::default() };
    for class in [Class::KEYED, Class::KEYED_UNASKED] {
        let of = Setup { left, horizon: 4, ..Setup::of(class) };
        let mends = [false, true].map(|doubts_haunted| Mends { doubts_haunted, ..Mends::NOW });
        is_found("restored, and repeated just before", of, ONCE, mends).await;
    }
}

/// A copy of the ledger is put back in which a post is in doubt. The lost ledger had found it, and its
/// author has deleted it since: it is asked about, not found, and put there again. No claim was made in
/// between and no process ended as it should, so that the witness takes the copy for whole.
#[tokio::test(start_paused = true)]
async fn a_restored_doubt_brings_back_what_its_author_deleted() {
    let left = Left { kills: 1, restores: 1, deletes: 1, lost: 1, ..Left::default() };
    for class in [Class::DERIVED, Class::VERIFIABLE_SEND] {
        let of = Setup { left, deletes: Deletes::Known, horizon: 4, ..Setup::of(class) };
        let without = Mends { settlements_witnessed: false, ..Mends::NOW };
        let mends = [without, Mends::ALL];
        is_found("restored, in doubt, deleted since", of, ONCE, mends).await;
    }
}

/// A copy of the ledger is put back, and the feed has named its items anew: the witness knows keys, and a
/// key is made of the first name.
#[tokio::test(start_paused = true)]
async fn a_restored_ledger_does_not_know_a_renamed_post() {
    let left = Left { kills: 1, restores: 1, renames: 1, ..Left::default() };
    for class in [Class::BLIND, Class::DERIVED] {
        let of = Setup { left, ..Setup::of(class) };
        let mends = [false, true].map(|news_held| Mends { news_held, ..Mends::NOW });
        is_found("restored, and renamed since", of, ONCE, mends).await;
    }
}
