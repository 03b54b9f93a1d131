//! Each class of guarantee under every kind of fault: all laws hold in every state.

use oncecast::model::Guarantee;

use super::laws::holds;
use super::setup::{Asks, Class, Left, Mends, Setup};
use super::sights::Sight::*;

/// As far as a key's window and the looks after it go; without a window, as far as three looks.
fn horizon(class: Class) -> u8 {
    if class.guarantee.repeatable_for().is_some() { 7 } else { 6 }
}

fn every_law_holds(class: Class) {
    let of = Setup { horizon: horizon(class), ..Setup::of(class) };
    // One delivery, and everything that machines do to it.
    let left = Left { kills: 2, lost: 2, noes: 1, laters: 1, ..Left::default() };
    holds(Setup { left, ..of.clone() }, &[Published, Refused, InDoubt, Late, Orphan, Aged]);
    let left = Left { kills: 1, commits: 2, lost: 1, ..Left::default() };
    holds(Setup { left, horizon: 4, ..of.clone() }, &[Ungranted, Orphan]);
    // From every state, what is left to itself comes to rest.
    let rests = Setup { horizon: 4, rests: true, ..of.clone() };
    let left = Left { kills: 1, drops: 1, lost: 1, noes: 1, laters: 1, ..Left::default() };
    holds(Setup { left, ..rests.clone() }, &[Orphan]);
    let left = Left { kills: 1, commits: 1, ..Left::default() };
    holds(Setup { left, posts: 2, horizon: 2, ..rests.clone() }, &[Ungranted]);
    let left = Left { kills: 1, restores: 1, ..Left::default() };
    holds(Setup { left, horizon: 3, ..rests.clone() }, &[Haunted]);
    let left = Left { lost: 1, agains: 1, words: 1, ..Left::default() };
    holds(Setup { left, generations: 2, horizon: 3, mends: Mends::ALL, ..rests }, &[Again]);
    // Two of everything.
    let left = Left { kills: 1, lost: 1, laters: 1, ..Left::default() };
    let two = Setup { left, horizon: 3, ..of.clone() };
    holds(Setup { posts: 2, ..two.clone() }, &[Published, InDoubt]);
    let left = Left { kills: 1, ..Left::default() };
    let groups = Setup { left, groups: 2, workers: 2, horizon: 2, ..two.clone() };
    holds(groups, &[Published, InDoubt, StaleChoice]);
    // From here on, some classes hold with the mends that `findings.rs` proposes, and not without.
    let keyed = matches!(class.guarantee, Guarantee::Keyed { .. });
    let mends = if keyed || class.asks == Asks::ByContent { Mends::ALL } else { Mends::NOW };
    let of = Setup { mends, horizon: 4, ..of };
    // A reload that finds a loop busy starts another beside it.
    let loops = Setup { workers: 2, ..of.clone() };
    holds(Setup { workers: 2, mends, ..two }, &[Published, InDoubt, StaleChoice]);
    let left = Left { kills: 1, commits: 1, lost: 1, noes: 1, ..Left::default() };
    holds(Setup { left, ..loops.clone() }, &[Ungranted, StaleChoice]);
    let left = Left { kills: 1, drops: 1, lost: 1, noes: 1, words: 1, ..Left::default() };
    holds(Setup { left, ..loops.clone() }, &[Published, Orphan]);
    let left = Left { kills: 1, restores: 1, lost: 1, words: 1, ..Left::default() };
    holds(Setup { left, ..loops }, &[Older, Haunted]);
    // A second daemon waits at the lock, or is not kept out.
    let left = Left { kills: 1, lost: 1, noes: 1, ..Left::default() };
    let two = Setup { nodes: 2, left, ..of.clone() };
    holds(two.clone(), &[Published]);
    holds(Setup { lock: false, ..two }, &[Published, StaleChoice]);
    // A person has a word in it.
    let left =
        Left { kills: 1, lost: 1, noes: 1, words: 1, agains: 1, withdraws: 1, ..Left::default() };
    holds(Setup { left, generations: 2, ..of.clone() }, &[Published, Again, Withdrawn]);
    // An older copy of the ledger is put back.
    let left = Left { kills: 2, lost: 1, restores: 1, words: 1, ..Left::default() };
    holds(Setup { left, ..of }, &[Older, Haunted]);
}

#[test]
fn derived_id_is_told_once() {
    every_law_holds(Class::DERIVED);
}

#[test]
fn two_phase_is_told_once() {
    every_law_holds(Class::TWO_PHASE);
}

#[test]
fn keyed_is_told_once() {
    every_law_holds(Class::KEYED);
}

#[test]
fn keyed_that_cannot_be_asked_is_told_once() {
    every_law_holds(Class::KEYED_UNASKED);
}

/// Compatible servers that ignore the key exist: asking comes before repeating.
#[test]
fn keyed_that_ignores_its_key_is_told_once() {
    every_law_holds(Class::KEY_IGNORED);
}

#[test]
fn verifiable_is_told_once() {
    every_law_holds(Class::VERIFIABLE);
}

/// Under the timing assumption alone; `limits.rs` shows what it is worth.
#[test]
fn verifiable_that_sends_what_is_absent_is_told_once() {
    every_law_holds(Class::VERIFIABLE_SEND);
}

#[test]
fn content_dedup_is_told_once() {
    every_law_holds(Class::DEDUP);
}

#[test]
fn blind_is_told_once() {
    every_law_holds(Class::BLIND);
}
