//! Bytes to entries.

#![no_main]

#[path = "../probes.rs"]
mod probes;

libfuzzer_sys::fuzz_target!(|data: &[u8]| probes::entries(data));
