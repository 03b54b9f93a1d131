//! Kills, bad disks and stopped processes against the real binary, with groups that record the truth.
//!
//! `tests/run` runs it whole. The long way: `ONCECAST_KILLS=10000 cargo test --profile proof --features
//! proofs --test kills random -- --nocapture`, which prints each seed; `ONCECAST_SEED=N` begins there.
//! Needs Linux, strace, and for the full disk root or sudo; where one is missing its test fails and says so.

mod birth;
mod boundary;
mod disk;
mod full;
mod late;
mod paused;
mod random;
mod strace;
#[path = "../support/mod.rs"]
#[expect(dead_code, unreachable_pub, reason = "shared with the tests that need no tracer")]
mod support;
mod two;
mod world;
