//! The present by two clocks.

use std::time::Duration;

use crate::time::Time;

/// A time by the limiter's clock and by the wall clock.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Present {
    pub(super) now: Time,
    pub(super) unix: Duration,
}

impl Present {
    /// Returns the seconds since 1970. A date that no calendar reaches counts as one of the far future.
    pub(super) fn seconds(&self) -> i64 {
        self.unix.as_secs().min(1 << 40) as i64
    }

    /// Returns the time by the limiter's clock when the wall clock shows this, which is not before now.
    pub(super) fn time_of(&self, seconds: i64) -> Time {
        if seconds <= self.seconds() {
            return self.now;
        }
        let then = Duration::from_secs(seconds.try_into().unwrap_or(0));
        self.now + then.saturating_sub(self.unix)
    }
}
