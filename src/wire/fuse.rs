//! The fuse: it counts publish calls whatever the rest of the house believes, and ends the process
//! rather than pass one too many.
//!
//! Every other wall would have to be broken for it to blow; then silence is what is left to give.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::clock::Mark;
use crate::model::DeliveryId;

/// Publish calls in any hour, over all lanes: far more than a blog has to say.
const PER_HOUR: usize = 20_000;
/// Publish calls for one delivery: repeats under the same id after doubts, and attempts that proved
/// that nothing was performed. The ledger gives up long before.
const PER_DELIVERY: u32 = 100;

const HOUR: Duration = Duration::from_secs(3_600);

/// Counts what passes.
#[derive(Debug)]
pub struct Fuse {
    per_hour: usize,
    permits: HashSet<u64>,
    amends: HashSet<u64>,
    deliveries: HashMap<DeliveryId, u32>,
    hour: VecDeque<Mark>,
}

impl Default for Fuse {
    fn default() -> Self {
        Self::of(PER_HOUR)
    }
}

impl Fuse {
    /// A fuse that passes this many calls in any hour.
    #[must_use]
    pub fn of(per_hour: usize) -> Self {
        let (permits, deliveries, hour) = Default::default();
        let amends = HashSet::new();
        Self { per_hour, permits, amends, deliveries, hour }
    }

    /// Counts one call; says why it must not be made, if so.
    fn pass(&mut self, permit: u64, delivery: DeliveryId) -> Result<(), String> {
        if !self.permits.insert(permit) {
            return Err(format!("permit {permit} was about to be used twice"));
        }
        let calls = self.deliveries.entry(delivery).or_default();
        *calls += 1;
        if *calls > PER_DELIVERY {
            return Err(format!("delivery {delivery} was about to be sent {calls} times"));
        }
        self.count()
    }

    /// Counts one call that changes a post; says why it must not be made, if so. A post may be changed for
    /// as long as it stands, so only the hour bounds how often.
    fn pass_amend(&mut self, permit: u64) -> Result<(), String> {
        if !self.amends.insert(permit) {
            return Err(format!("permit {permit} of a change was about to be used twice"));
        }
        self.count()
    }

    fn count(&mut self) -> Result<(), String> {
        while self.hour.front().is_some_and(|mark| mark.elapsed() > HOUR) {
            self.hour.pop_front();
        }
        self.hour.push_back(Mark::here());
        if self.hour.len() > self.per_hour {
            return Err(format!("more than {} calls in an hour", self.per_hour));
        }
        Ok(())
    }
}

/// Passes one call through the fuse, or ends the process.
pub(super) fn guard(fuse: &Mutex<Fuse>, permit: u64, delivery: DeliveryId) {
    let passed = fuse.lock().unwrap_or_else(PoisonError::into_inner).pass(permit, delivery);
    end_unless(passed, delivery);
}

/// The same for a call that changes a post.
pub(super) fn guard_amend(fuse: &Mutex<Fuse>, permit: u64, delivery: DeliveryId) {
    let passed = fuse.lock().unwrap_or_else(PoisonError::into_inner).pass_amend(permit);
    end_unless(passed, delivery);
}

fn end_unless(passed: Result<(), String>, delivery: DeliveryId) {
    if let Err(why) = passed {
        tracing::error!(
            delivery.id = %delivery,
            reason = %why,
            "the fuse has blown: this process ends rather than tell readers twice; please report it"
        );
        std::process::abort();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const D: DeliveryId = DeliveryId { entry: 1, group: 1, generation: 1 };

    #[tokio::test]
    async fn a_permit_that_comes_by_twice_blows_it() {
        let mut fuse = Fuse::default();
        assert_eq!(fuse.pass(1, D), Ok(()));
        assert_eq!(fuse.pass(2, D), Ok(()));
        assert!(fuse.pass(1, D).is_err());
    }

    /// The two are counted apart, since each has numbers of its own.
    #[tokio::test]
    async fn a_permit_of_a_change_that_comes_by_twice_blows_it() {
        let mut fuse = Fuse::default();
        assert_eq!(fuse.pass(1, D), Ok(()));
        assert_eq!(fuse.pass_amend(1), Ok(()));
        assert!(fuse.pass_amend(1).is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn a_flood_of_any_kind_blows_it() {
        let mut fuse = Fuse::of(3);
        for permit in 0..3 {
            let delivery = DeliveryId { entry: permit, ..D };
            assert_eq!(fuse.pass(permit, delivery), Ok(()));
        }
        tokio::time::advance(HOUR + Duration::from_secs(1)).await;
        assert_eq!(fuse.pass(3, D), Ok(()), "an hour later there is room again");
        for permit in 4..6 {
            assert_eq!(fuse.pass(permit, D), Ok(()));
        }
        assert!(fuse.pass(6, D).is_err());
    }

    #[tokio::test]
    async fn one_delivery_over_and_over_blows_it() {
        let mut fuse = Fuse::default();
        for permit in 0..u64::from(PER_DELIVERY) {
            assert_eq!(fuse.pass(permit, D), Ok(()));
        }
        assert!(fuse.pass(1_000, D).is_err());
    }
}
