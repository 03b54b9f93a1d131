//! How much work one document may make. Every step is linear in the document and that is capped, so
//! this ends what nobody thought of.

use std::time::Duration;

/// The most, in time of the processor: a feed of megabytes takes a tenth of a second.
pub(super) const MAX_WORK: Duration = Duration::from_secs(2);
/// The clock is looked at once in so many steps.
const STEPS: u32 = 1 << 12;

/// It makes more work than that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TooMuch;

/// The work that is left.
#[derive(Debug)]
pub(super) struct Work {
    /// What this thread has worked so far; without it there is no end.
    spent: Option<fn() -> Duration>,
    until: Duration,
    steps: u32,
}

impl Work {
    /// As much as it takes.
    pub(super) const fn endless() -> Self {
        Self { spent: None, until: Duration::MAX, steps: 0 }
    }

    /// So much from now on, by a clock of this thread's work.
    pub(super) fn within(most: Duration, spent: fn() -> Duration) -> Self {
        Self { spent: Some(spent), until: spent() + most, steps: 0 }
    }

    /// One small step, such as a token.
    pub(super) fn step(&mut self) -> Result<(), TooMuch> {
        self.steps += 1;
        if self.steps < STEPS {
            return Ok(());
        }
        self.look()
    }

    /// Between two large steps.
    pub(super) fn look(&mut self) -> Result<(), TooMuch> {
        self.steps = 0;
        match self.spent {
            Some(spent) if spent() > self.until => Err(TooMuch),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    thread_local! {
        static SPENT: Cell<Duration> = const { Cell::new(Duration::ZERO) };
    }

    #[test]
    fn work_ends_where_it_is_said_to() {
        let mut work = Work::within(MAX_WORK, || SPENT.get());
        let steps = |work: &mut Work| (0..2 * STEPS).find_map(|_| work.step().err());
        assert_eq!((steps(&mut work), work.look()), (None, Ok(())));
        SPENT.set(MAX_WORK + Duration::from_millis(1));
        assert_eq!((steps(&mut work), work.look()), (Some(TooMuch), Err(TooMuch)));
        assert_eq!(steps(&mut Work::endless()), None);
    }
}
