//! The clock of the HTTP server: the only code of the simulator that reads the time.

use std::time::{Duration, Instant, SystemTime};

use api_ratelimiter_core::Time;

/// The monotonic clock and the wall clock of the system.
#[derive(Debug, Clone)]
pub(crate) struct SystemClock {
    epoch: Instant,
}

#[expect(
    clippy::disallowed_methods,
    reason = "this is the only code that reads the time"
)]
impl SystemClock {
    /// Returns a clock whose epoch is now.
    pub(crate) fn new() -> Self {
        Self {
            epoch: Instant::now(),
        }
    }

    /// Returns the monotonic time, counted from the clock's epoch.
    pub(crate) fn now(&self) -> Time {
        Time::ZERO + self.epoch.elapsed()
    }

    /// Returns the wall clock's time since 1970 (UTC).
    pub(crate) fn unix_now(&self) -> Duration {
        SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default()
    }
}
