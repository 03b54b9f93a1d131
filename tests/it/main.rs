//! Tests that need nothing but this machine: real sockets, a real ledger on a real disk, the real binary.

mod absent;
#[expect(clippy::unwrap_used, reason = "a test that cannot go on stops there")]
mod adapters;
mod adopt;
mod ahead;
mod alerts;
#[expect(unreachable_pub, reason = "shared by the tests of the real binary")]
mod binary;
#[expect(unreachable_pub, reason = "its config is shared with the page's tests")]
mod by_hand;
mod cli;
#[expect(
    clippy::unwrap_used,
    unreachable_pub,
    reason = "a test that cannot go on stops there; shared by its files"
)]
mod conformance;
mod copies;
#[expect(clippy::unwrap_used, reason = "a test that cannot go on stops there")]
mod described;
mod doubt;
mod evidence;
mod histories;
mod house;
#[expect(unreachable_pub, reason = "shared by the incidents' files and the walls")]
mod incidents;
mod journal;
mod kills;
mod lag;
mod ledger;
mod once;
mod overrides;
mod own;
mod page;
mod pictures;
mod plan;
mod platforms;
#[expect(unreachable_pub, reason = "shared by the files of these tests")]
mod polite;
mod preview;
mod readme;
mod realias;
mod retract;
mod routing;
mod service;
mod staged;
#[path = "../support/mod.rs"]
#[expect(dead_code, unreachable_pub, reason = "shared with the tests that need more")]
mod support;
mod trust;
mod walls;
mod websub;
mod wild;
mod wire;
