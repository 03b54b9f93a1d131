//! The one door to the network.

mod get;

pub use get::{Get, GetError, Getter, Reach};
