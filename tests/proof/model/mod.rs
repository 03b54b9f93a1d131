//! The delivery protocol as a model.

mod classes;
mod cuts;
mod findings;
mod laws;
mod limits;
mod names;
mod replay;
mod setup;
mod sights;
mod steps;
mod verbs;
mod world;
