//! The delivery protocol as a model, explored whole: posts, groups, daemons and loops, kills between any
//! two steps, lost answers, dropped tasks, failed commits, calls performed late, older ledgers put back, a
//! person's words; for each class of guarantee. No reader is shown a post twice in any state of it.
//!
//! **What is real.** A delivery moves by `Status::after` alone; how long a repeat is allowed is
//! `Guarantee::repeatable_for`; what a status code proves is `Outcome::from_status`; what is new in a feed
//! is `admission::plan` over the real aliases; keys differ where `IdempotencyKey::of` says so. The ledger's
//! verbs (`verbs.rs`) and the daemon's steps (`acts.rs`, `steps.rs`) are written anew after
//! `ledger/embedded` and `flow`, and so could be of something else: `replay.rs` walks the model beside the
//! real ledger and the real wire, compares every delivery after every step, and shows that a model without
//! one of the steps is told apart by it. What `flow` does between them is by reading alone.
//!
//! **What is the truth.** What the modelled platform has shown, per post, group and generation. Not what
//! any ledger says.
//!
//! **What is assumed**, and shown in `limits.rs` to be needed:
//! - what has left us is heard by the platform, or lost for good, within `LATE_MAX`, which is less than
//!   `doubt_after`: `when_absent = "send"` and keys that are saved late need it, the others do not;
//! - a person who says "absent" looks no sooner than `doubt_after` after the doubt;
//! - an author does not delete what is still in doubt, on a platform where an id of ours can be put again;
//! - ledger and witness are not put back together.
//!
//! **What is abstracted.**
//! - Time is ticks of 200 s up to a horizon. Rests between attempts and looks are as short as they ever
//!   are; breaker and pace are left out: they only delay. The clock does not jump (the ledger's own time
//!   never goes back, and tests of the ledger hold that).
//! - A call is heard once at most: that the wire sends one request a permit is the wire's own test.
//! - Commits and witness writes are whole or not at all, and a commit that holds is durable; disks that
//!   lose or tear are other proofs'. Daemons that no lock keeps apart share one ledger that is compared and
//!   set as a whole, and one witness that loses none of their records; a second ledger on the same account
//!   is outside of everything, since nothing can prevent it.
//! - A witness tells of claims and, with a mend, of settlements; of its epochs and of the machine's name
//!   nothing is said here, so that more copies pass for whole here than do in truth.
//! - A question is answered at one moment and by what is to be seen at it; an index that lags is a call
//!   that is performed later. A question by content finds a post of the same entry and group that was shown
//!   since the first send, whatever its generation. Pictures, drafts before the publish call, settle
//!   windows, vanished entries and entries that cannot be composed are left out: none of them sends.
//! - In two loops, with a second daemon, a person or a restored ledger, the classes with a key and those
//!   that are asked by content are explored with the mends that `findings.rs` proposes: without, it falls.
//! - Constants are small: two posts or two groups or two loops or two daemons, one or two of each fault. A
//!   defect that needs three of a kind is not found here.
//! - States are told apart by 64 bits of hash, as the checker does: among a million states two fall
//!   together with a chance of one in thirty million, and one of them would not be gone on from.
//! - Liveness is of one schedule: from every state of the explorations that ask for it, with no fault any
//!   more, steps are taken in a fixed order until nothing changes, and each delivery must then have ended
//!   or wait in doubt or on hold. It is not a proof for every fair schedule.

mod acts;
mod classes;
mod cuts;
mod findings;
pub(crate) mod house;
mod laws;
mod limits;
mod names;
mod platform;
mod replay;
mod setup;
mod sights;
mod steps;
mod verbs;
mod world;
