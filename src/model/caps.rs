//! How many publish calls a lane may claim in any trailing window.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The law of a lane; pace is only manners.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Caps {
    /// Claims in any ten minutes.
    pub per_10m: u32,
    /// Claims in any hour.
    pub per_hour: u32,
    /// Claims in any 24 hours.
    pub per_day: u32,
}

impl Caps {
    /// The windows and what each allows, shortest first.
    #[must_use]
    pub const fn windows(&self) -> [(Duration, u32); 3] {
        [
            (Duration::from_secs(600), self.per_10m),
            (Duration::from_secs(3_600), self.per_hour),
            (Duration::from_secs(86_400), self.per_day),
        ]
    }

    /// The largest of the caps: no window needs to know of more claims.
    #[must_use]
    pub fn most(&self) -> u32 {
        self.per_10m.max(self.per_hour).max(self.per_day)
    }
}
