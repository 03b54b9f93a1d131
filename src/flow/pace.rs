//! Manners: the smooth pace of a lane inside this process. The law stands in the ledger.

use std::num::NonZeroU32;
use std::time::Duration;

use governor::clock::Clock as GovernorClock;
use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};

use crate::clock::Mark;

/// governor on tokio's timer, so that a test which owns the time owns the pace as well.
#[derive(Debug, Clone)]
struct Timer(Mark);

impl GovernorClock for Timer {
    type Instant = Nanos;

    fn now(&self) -> Nanos {
        Nanos::from(self.0.elapsed())
    }
}

type Limiter = RateLimiter<NotKeyed, InMemoryState, Timer, NoOpMiddleware<Nanos>>;

/// The pace of one lane.
#[derive(Debug)]
pub struct Pacer {
    limiter: Option<Limiter>,
    timer: Timer,
}

impl Pacer {
    /// One publish call every `every`, and up to `burst` at once after a rest. Zero is no pace.
    #[must_use]
    pub fn new(every: Duration, burst: u32) -> Self {
        let timer = Timer(Mark::here());
        let limiter = Quota::with_period(every).map(|quota| {
            let burst = NonZeroU32::new(burst).unwrap_or(NonZeroU32::MIN);
            RateLimiter::direct_with_clock(quota.allow_burst(burst), timer.clone())
        });
        Self { limiter, timer }
    }

    /// Takes one step of the pace, or says how long to wait for it.
    ///
    /// # Errors
    /// How long to wait.
    pub fn step(&self) -> Result<(), Duration> {
        match &self.limiter {
            None => Ok(()),
            Some(limiter) => {
                limiter.check().map_err(|later| later.wait_time_from(self.timer.now()))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn followers_do_not_get_two_posts_in_one_breath() {
        let pacer = Pacer::new(Duration::from_secs(120), 1);
        assert_eq!(pacer.step(), Ok(()));
        let wait = pacer.step().expect_err("the second waits");
        assert!(wait > Duration::from_secs(119) && wait <= Duration::from_secs(120), "{wait:?}");
        tokio::time::advance(wait).await;
        assert_eq!(pacer.step(), Ok(()));
        assert_eq!(Pacer::new(Duration::ZERO, 1).step(), Ok(()));
    }
}
