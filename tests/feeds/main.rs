//! Feeds as they are in the wild. Fixtures of our own always run; real feeds, which belong to their
//! publishers and are no part of this project, are read where `ONCECAST_FEEDS` names a folder of
//! them: `ONCECAST_FEEDS=/path cargo test --test feeds -- --nocapture`.

#![expect(clippy::print_stdout, reason = "these tests print a report")]

mod conformance;
mod damage;
mod damaged;
mod explain;
mod folder;
mod formats;
mod hostile;
mod short_run;
mod storms;
