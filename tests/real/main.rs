//! Real servers, told by the real daemon. `tests/run` installs them; `cargo test` alone leaves this out.

mod drafts;
mod lost;
mod servers;
mod story;
#[path = "../support/mod.rs"]
#[expect(dead_code, unreachable_pub, reason = "shared with the tests that need no server")]
mod support;
mod unit;
