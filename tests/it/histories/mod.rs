//! Histories of feeds, served snapshot by snapshot to the real daemon with kills in between: no known post
//! is sent twice, and what is truly new is sent. Histories of our own always run; real ones where
//! `ONCECAST_FEEDS` names a folder of them.
#![expect(clippy::print_stdout, reason = "it reports figures to whoever asks for them")]

mod house;
mod made;
mod real;
