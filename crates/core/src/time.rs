//! Points in time as plain numbers that can be stored, sent and made up in a test.

use std::ops::Add;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A point in time: nanoseconds since an epoch that its owner chose.
///
/// It is not a [`std::time::Instant`], which can't be stored, sent to another process or made in a test. Times of
/// different clocks must not be compared. The range is 584 years. Arithmetic saturates.
///
/// ```
/// use std::time::Duration;
///
/// use api_ratelimiter_core::Time;
///
/// let start = Time::ZERO;
/// let later = start + Duration::from_millis(1500);
/// assert_eq!(later.saturating_since(start), Duration::from_millis(1500));
/// assert_eq!(start.saturating_since(later), Duration::ZERO);
/// ```
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Time(u64);

impl Time {
    /// The epoch.
    pub const ZERO: Self = Self(0);
    /// The last point in time; stands for "never".
    pub const MAX: Self = Self(u64::MAX);

    /// Returns the point this many nanoseconds after the epoch.
    #[must_use]
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// Returns the nanoseconds since the epoch.
    #[must_use]
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// Returns the time from `earlier` to `self`, or zero if `earlier` is the later one.
    #[must_use]
    pub const fn saturating_since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

/// Nanoseconds in a second.
const NANOS_PER_SECOND: u64 = 1_000_000_000;

impl Add<Duration> for Time {
    type Output = Self;

    /// Returns the point later by `duration`, at most [`Time::MAX`].
    fn add(self, duration: Duration) -> Self {
        let seconds = duration.as_secs().saturating_mul(NANOS_PER_SECOND);
        let nanos = seconds.saturating_add(u64::from(duration.subsec_nanos()));
        Self(self.0.saturating_add(nanos))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_too_long_to_count_leads_to_the_last_point() {
        assert_eq!(Time::from_nanos(5) + Duration::MAX, Time::MAX);
    }

    #[test]
    fn the_time_since_a_later_point_is_zero() {
        let later = Time::ZERO + Duration::from_secs(1);
        assert_eq!(Time::ZERO.saturating_since(later), Duration::ZERO);
        assert_eq!(later.saturating_since(Time::ZERO), Duration::from_secs(1));
    }
}
