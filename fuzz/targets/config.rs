//! A config file to a config, or to what is wrong with it.

#![no_main]

#[path = "../probes.rs"]
mod probes;

libfuzzer_sys::fuzz_target!(|data: &[u8]| probes::config(data));
