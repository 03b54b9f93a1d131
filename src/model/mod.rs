//! The vocabulary of the house: pure values and pure functions, no I/O, no clock, no async.

mod amend;
mod caps;
mod delivery;
mod entry;
mod feed;
mod guarantee;
pub mod identity;
pub mod links;
pub(crate) mod markup;
mod message;
mod outcome;
mod overrides;
pub mod route;
mod staged;
mod time;

pub use amend::{Amend, Change, Effect, Stand, Upkeep};
pub use caps::Caps;
pub use delivery::{DeliveryId, Event, HoldReason, Illegal, Status, StatusKind, WithdrawReason};
pub use entry::{Enclosure, Entry};
pub use feed::{Fault, FeedState, Hub, Move, Standing, Why, Wishes};
pub use guarantee::{Guarantee, WhenAbsent};
pub use identity::{Alias, AliasKind, EntryId, Fingerprint, IdempotencyKey};
pub use message::{Header, Method, Request, Response};
pub use outcome::{DeferCause, Found, How, Outcome, Receipt, Reference, retry_after_seconds};
pub use overrides::Override;
pub use staged::Staged;
pub use time::Time;
