//! Requests per second, checked once and trusted afterwards.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Requests per second: finite and greater than zero.
///
/// ```
/// use api_ratelimiter_core::Rate;
///
/// let rate = Rate::per_second(4.0).expect("4 is a rate");
/// assert_eq!(rate.as_per_second(), 4.0);
/// assert!(Rate::per_second(0.0).is_none());
/// assert!(Rate::per_second(f64::NAN).is_none());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Rate(f64);

impl Rate {
    /// Returns the rate of this many requests per second; `None` unless the number is finite and greater than zero.
    #[must_use]
    pub fn per_second(requests: f64) -> Option<Self> {
        (requests.is_finite() && requests > 0.0).then_some(Self(requests))
    }

    /// Returns the requests per second as a plain number.
    #[must_use]
    pub const fn as_per_second(self) -> f64 {
        self.0
    }

    /// Returns the time that `amount` requests take at this rate, at most [`Duration::MAX`]. Rounds up, so that a
    /// caller who waits for it is never a nanosecond early; zero for nothing.
    pub(crate) fn time_for(self, amount: f64) -> Duration {
        let seconds = amount / self.0;
        if seconds <= 0.0 {
            return Duration::ZERO;
        }
        // `as` saturates. From 2^53 ns (104 days) on, single nanoseconds are lost.
        let nanos = (seconds * NANOS_PER_SECOND).ceil();
        if nanos >= u64::MAX as f64 {
            Duration::MAX
        } else {
            Duration::from_nanos(nanos as u64)
        }
    }

    /// Returns the number of requests that this rate allows in `time`.
    pub(crate) fn amount_in(self, time: Duration) -> f64 {
        self.0 * time.as_secs_f64()
    }

    /// Returns this rate times `factor` ≥ 0, kept within the range of rates.
    pub(crate) fn scaled(self, factor: f64) -> Self {
        Self((self.0 * factor).clamp(f64::MIN_POSITIVE, f64::MAX))
    }

    /// Returns the smaller of two rates.
    pub(crate) fn min(self, other: Self) -> Self {
        Self(self.0.min(other.0))
    }

    /// Returns the rate in the middle between two.
    pub(crate) fn middle(self, other: Self) -> Self {
        Self(self.0 / 2.0 + other.0 / 2.0)
    }

    /// Returns the greater of two rates.
    pub(crate) fn max(self, other: Self) -> Self {
        Self(self.0.max(other.0))
    }
}

/// Nanoseconds in a second.
const NANOS_PER_SECOND: f64 = 1e9;

impl TryFrom<f64> for Rate {
    type Error = &'static str;

    fn try_from(requests: f64) -> Result<Self, Self::Error> {
        Self::per_second(requests).ok_or("a rate must be finite and greater than zero")
    }
}

impl From<Rate> for f64 {
    fn from(rate: Rate) -> Self {
        rate.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rate(requests: f64) -> Rate {
        Rate::per_second(requests).expect("a valid rate")
    }

    #[test]
    fn only_finite_numbers_above_zero_are_rates() {
        for bad in [0.0, -0.0, -1.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert_eq!(Rate::per_second(bad), None, "{bad}");
        }
        assert!(serde_json::from_str::<Rate>("0").is_err());
        assert_eq!(
            serde_json::from_str::<Rate>("0.5").expect("a rate"),
            rate(0.5)
        );
    }

    #[test]
    fn a_scaled_rate_stays_a_rate() {
        assert_eq!(rate(4.0).scaled(1.5), rate(6.0));
        assert_eq!(rate(f64::MAX).scaled(2.0), rate(f64::MAX));
        assert!(rate(1.0).scaled(0.0).as_per_second() > 0.0);
    }

    #[test]
    fn times_are_rounded_up_and_never_zero_for_something() {
        assert_eq!(rate(3.0).time_for(1.0), Duration::from_nanos(333_333_334));
        assert_eq!(rate(1e6).time_for(1e-12), Duration::from_nanos(1));
        assert_eq!(rate(2.0).time_for(0.0), Duration::ZERO);
        assert_eq!(rate(2.0).time_for(-5.0), Duration::ZERO);
    }

    #[test]
    fn a_time_beyond_all_clocks_is_the_longest_duration() {
        assert_eq!(rate(f64::MIN_POSITIVE).time_for(1.0), Duration::MAX);
    }
}
