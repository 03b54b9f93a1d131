//! The promise under every fault that we can make: what no test of one case can show.

mod disk;
mod model;
mod power;
mod sim;
