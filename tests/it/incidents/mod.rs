//! What readers of other people's tools suffered, each as a test that fails if its cause comes back here.
//!
//! [`ROWS`] tells each story in a line. A test bears the ids of the rows that it keeps from happening in its
//! name; a row that cannot happen here says why. A row that is forgotten fails.

mod backlog;
pub mod blog;
mod bookkeeping;
mod dates;
mod doubt;
mod edits;
pub mod faulty;
mod identity;
mod loss;
mod moods;
pub mod net;
mod parallel;
mod state_lost;
mod table;
mod weak_identity;
mod window;
pub mod world;
