//! What comes in: a feed is fetched politely, parsed whatever state it is in, and asked again in
//! good time. Nothing here decides what is new.
#![doc = include_str!("hostile.md")]

pub mod fetch;
pub mod parse;
pub mod schedule;
