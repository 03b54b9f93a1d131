//! Entries to the aliases by which they are recognised.

#![no_main]

#[path = "../probes.rs"]
mod probes;

libfuzzer_sys::fuzz_target!(|data: &[u8]| probes::identity(data));
