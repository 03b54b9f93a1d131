//! HTML to the text that readers see.

#![no_main]

#[path = "../probes.rs"]
mod probes;

libfuzzer_sys::fuzz_target!(|data: &[u8]| probes::html(data));
