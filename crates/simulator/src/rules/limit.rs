//! One rate limit and its valid values.

use std::time::Duration;

use api_ratelimiter_core::{Calendar, Every};
use thiserror::Error;

/// Valid rates in requests per second, from one in three decades to one per nanosecond. The token
/// arithmetic is exact in this range.
const RATES: std::ops::RangeInclusive<f64> = 1e-9..=1e9;

/// Valid bursts in tokens. A bucket of less than one token would refuse every request; the maximum fits
/// into an announced `u32`.
const BURSTS: std::ops::RangeInclusive<f64> = 1.0..=1e9;

/// Longest valid window: longer than any vendor's, and short enough that sums of times cannot overflow.
const LONGEST_WINDOW: Duration = Duration::from_secs(366 * 24 * 60 * 60);

/// One rate limit of a server.
///
/// Create it with a constructor, which checks its values, or from text: [`FromStr`](std::str::FromStr)
/// reads the form that [`Display`](std::fmt::Display) writes.
///
/// | text | meaning |
/// |---|---|
/// | `token-bucket:10/s,burst=20` | 20 requests at once, then 10 per second |
/// | `fixed-window:100/60s` | 100 requests in each minute, counted from the start |
/// | `fixed-window:100/60s,phase=10s` | as above, and the first window ends after 10 seconds |
/// | `fixed-window:100/60s,from=first` | 100 requests in a minute that begins with its first request |
/// | `calendar:10000/day,zone=America/Los_Angeles` | 10,000 requests in each day or `month` of a place |
/// | `sliding-window:50/10s` | at most 50 requests in any 10 seconds |
/// | `pacing:10/s` | at least a tenth of a second between requests |
/// | `concurrency:5` | at most 5 requests in flight |
///
/// A duration is a number with the unit `ns`, `us`, `ms`, `s`, `m`, `h` or `d`, or several of them like
/// `1m30s`; a unit alone means one of it.
///
/// ```
/// use api_ratelimiter_simulator::Limit;
///
/// let limit: Limit = "fixed-window:180/60s".parse()?;
/// assert_eq!(limit.per_second(), Some(3.0));
/// assert_eq!(limit.to_string(), "fixed-window:180/60s");
/// # Ok::<(), api_ratelimiter_simulator::LimitError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Limit {
    /// A bucket that starts with `burst` tokens and refills steadily. A request takes one token.
    #[non_exhaustive]
    TokenBucket {
        /// Tokens added per second.
        rate_per_second: f64,
        /// Capacity in tokens.
        burst: f64,
    },
    /// A count that restarts at zero on every boundary of a fixed grid of windows.
    ///
    /// Around a boundary, twice the limit can be accepted within a short time.
    #[non_exhaustive]
    FixedWindow {
        /// Requests per window.
        limit: u32,
        /// Length of a window.
        window: Duration,
        /// Time from the start to the first boundary; zero if a window begins at the start.
        phase: Duration,
    },
    /// A count that begins with the first request after the previous window has expired, and is dropped
    /// at the end of its window.
    ///
    /// Counters with an expiry behave so, such as `INCR` with `EXPIRE` in Redis, and most middleware that
    /// limits requests. GitHub's hour is such a window.
    #[non_exhaustive]
    WindowFromFirst {
        /// Requests per window.
        limit: u32,
        /// Length of a window.
        window: Duration,
    },
    /// A count that restarts at midnight of a place, each day or on the first day of each month.
    #[non_exhaustive]
    Calendar {
        /// Requests per day or month.
        limit: u32,
        /// The days or months, and the place.
        calendar: Calendar,
        /// What the wall clock shows at time zero, since 1970 (UTC). Defaults to zero: the simulated world begins with the
        /// year 1970. A server sets it.
        unix_at_zero: Duration,
    },
    /// At most `limit` accepted requests in any stretch of time as long as `window`.
    #[non_exhaustive]
    SlidingWindow {
        /// Requests per window.
        limit: u32,
        /// Length of a window.
        window: Duration,
    },
    /// A steady pace: a token bucket of one token.
    #[non_exhaustive]
    Pacing {
        /// Requests per second. The minimum gap between two requests is its inverse.
        rate_per_second: f64,
    },
    /// A maximum number of requests in flight.
    #[non_exhaustive]
    Concurrency {
        /// Requests in flight.
        limit: u32,
    },
}

/// Error for an invalid [`Limit`]: a number out of range, or an invalid text.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct LimitError(Box<str>);

impl LimitError {
    pub(super) fn new(message: impl Into<Box<str>>) -> Self {
        Self(message.into())
    }
}

impl Limit {
    /// Returns a token bucket of `burst` tokens, full at the start, with `rate_per_second` tokens added per
    /// second.
    ///
    /// # Errors
    ///
    /// If the rate is not within 1e-9 and 1e9 per second, or the burst not within 1 and 1e9.
    ///
    /// ```
    /// use api_ratelimiter_simulator::Limit;
    ///
    /// assert!(Limit::token_bucket(10.0, 20.0).is_ok());
    /// assert!(Limit::token_bucket(f64::NAN, 20.0).is_err());
    /// assert!(Limit::token_bucket(10.0, 0.5).is_err());
    /// ```
    pub fn token_bucket(rate_per_second: f64, burst: f64) -> Result<Self, LimitError> {
        if !BURSTS.contains(&burst) {
            return Err(LimitError::new(format!(
                "a burst must be within 1 and 1e9, not {burst}"
            )));
        }
        checked_rate(rate_per_second).map(|rate_per_second| Self::TokenBucket {
            rate_per_second,
            burst,
        })
    }

    /// Returns a limit of `limit` requests in each window of a fixed grid that begins at the start.
    ///
    /// # Errors
    ///
    /// If the limit is zero, or the window zero or longer than 366 days.
    ///
    /// ```
    /// use api_ratelimiter_simulator::Limit;
    /// use std::time::Duration;
    ///
    /// assert!(Limit::fixed_window(180, Duration::from_secs(60)).is_ok());
    /// assert!(Limit::fixed_window(180, Duration::ZERO).is_err());
    /// ```
    pub fn fixed_window(limit: u32, window: Duration) -> Result<Self, LimitError> {
        let (limit, window) = (checked_count(limit)?, checked_window(window)?);
        Ok(Self::FixedWindow {
            limit,
            window,
            phase: Duration::ZERO,
        })
    }

    /// Returns a limit of `limit` requests in a window that begins with its first request.
    ///
    /// # Errors
    ///
    /// If the limit is zero, or the window zero or longer than 366 days.
    ///
    /// ```
    /// use api_ratelimiter_simulator::Limit;
    /// use std::time::Duration;
    ///
    /// let limit = Limit::window_from_first(100, Duration::from_secs(60))?;
    /// assert_eq!(limit.to_string(), "fixed-window:100/60s,from=first");
    /// # Ok::<(), api_ratelimiter_simulator::LimitError>(())
    /// ```
    pub fn window_from_first(limit: u32, window: Duration) -> Result<Self, LimitError> {
        let (limit, window) = (checked_count(limit)?, checked_window(window)?);
        Ok(Self::WindowFromFirst { limit, window })
    }

    /// Returns a limit of `limit` requests in any stretch of time as long as `window`.
    ///
    /// # Errors
    ///
    /// If the limit is zero, or the window zero or longer than 366 days.
    ///
    /// ```
    /// use api_ratelimiter_simulator::Limit;
    /// use std::time::Duration;
    ///
    /// assert!(Limit::sliding_window(50, Duration::from_secs(10)).is_ok());
    /// assert!(Limit::sliding_window(0, Duration::from_secs(10)).is_err());
    /// ```
    pub fn sliding_window(limit: u32, window: Duration) -> Result<Self, LimitError> {
        let (limit, window) = (checked_count(limit)?, checked_window(window)?);
        Ok(Self::SlidingWindow { limit, window })
    }

    /// Returns a limit of `limit` requests in each day or month, from midnight in the time zone with this name on.
    ///
    /// # Errors
    ///
    /// If the limit is zero, or there is no time zone with this name.
    ///
    /// ```
    /// use api_ratelimiter_core::Every;
    /// use api_ratelimiter_simulator::Limit;
    ///
    /// let limit = Limit::calendar(10_000, Every::Day, "America/Los_Angeles")?;
    /// assert_eq!(limit.to_string(), "calendar:10000/day,zone=America/Los_Angeles");
    /// # Ok::<(), api_ratelimiter_simulator::LimitError>(())
    /// ```
    pub fn calendar(limit: u32, every: Every, zone: &str) -> Result<Self, LimitError> {
        let limit = checked_count(limit)?;
        let calendar = Calendar::new(every, "00:00", zone).map_err(LimitError::new)?;
        if calendar.zone_name().is_none() {
            return Err(LimitError::new(format!(
                "{zone:?} is not the name of a time zone (expected for example America/Los_Angeles)"
            )));
        }
        Ok(Self::Calendar {
            limit,
            calendar,
            unix_at_zero: Duration::ZERO,
        })
    }

    /// Returns the limit in a world whose wall clock shows this at time zero. Only a limit by the calendar changes.
    #[must_use]
    pub fn with_wall_clock(self, unix_at_zero: Duration) -> Self {
        match self {
            Self::Calendar {
                limit, calendar, ..
            } => Self::Calendar {
                limit,
                calendar,
                unix_at_zero,
            },
            other => other,
        }
    }

    /// Returns a limit that keeps requests at least `1 / rate_per_second` seconds apart.
    ///
    /// # Errors
    ///
    /// If the rate is not within 1e-9 and 1e9 per second.
    ///
    /// ```
    /// use api_ratelimiter_simulator::Limit;
    ///
    /// assert_eq!(Limit::pacing(10.0)?.to_string(), "pacing:10/s");
    /// # Ok::<(), api_ratelimiter_simulator::LimitError>(())
    /// ```
    pub fn pacing(rate_per_second: f64) -> Result<Self, LimitError> {
        checked_rate(rate_per_second).map(|rate_per_second| Self::Pacing { rate_per_second })
    }

    /// Returns a limit of `limit` requests in flight.
    ///
    /// # Errors
    ///
    /// If the limit is zero.
    ///
    /// ```
    /// use api_ratelimiter_simulator::Limit;
    ///
    /// assert_eq!(Limit::concurrency(5)?.per_second(), None);
    /// # Ok::<(), api_ratelimiter_simulator::LimitError>(())
    /// ```
    pub fn concurrency(limit: u32) -> Result<Self, LimitError> {
        checked_count(limit).map(|limit| Self::Concurrency { limit })
    }

    /// Returns the limit with its first window boundary at `phase` after the start.
    ///
    /// The phase is taken modulo the window. Only a fixed window has one; other limits do not change.
    /// Defaults to zero: a window begins at the start.
    ///
    /// ```
    /// use api_ratelimiter_simulator::Limit;
    /// use std::time::Duration;
    ///
    /// let minute = Limit::fixed_window(180, Duration::from_secs(60))?;
    /// let moved = minute.with_phase(Duration::from_secs(70));
    /// assert_eq!(moved.to_string(), "fixed-window:180/60s,phase=10s");
    /// # Ok::<(), api_ratelimiter_simulator::LimitError>(())
    /// ```
    #[must_use]
    pub fn with_phase(self, phase: Duration) -> Self {
        match self {
            Self::FixedWindow { limit, window, .. } => {
                let nanos = phase.as_nanos() % window.as_nanos().max(1);
                let phase = Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX));
                Self::FixedWindow {
                    limit,
                    window,
                    phase,
                }
            }
            other => other,
        }
    }

    /// Returns the long-run rate in requests per second; `None` for a concurrency limit.
    ///
    /// ```
    /// use api_ratelimiter_simulator::Limit;
    /// use std::time::Duration;
    ///
    /// let limit = Limit::sliding_window(50, Duration::from_secs(10))?;
    /// assert_eq!(limit.per_second(), Some(5.0));
    /// # Ok::<(), api_ratelimiter_simulator::LimitError>(())
    /// ```
    #[must_use]
    pub fn per_second(&self) -> Option<f64> {
        match *self {
            Self::TokenBucket {
                rate_per_second, ..
            }
            | Self::Pacing { rate_per_second } => Some(rate_per_second),
            Self::FixedWindow { limit, window, .. }
            | Self::WindowFromFirst { limit, window }
            | Self::SlidingWindow { limit, window } => {
                Some(f64::from(limit) / window.as_secs_f64())
            }
            Self::Calendar {
                limit, calendar, ..
            } => Some(f64::from(limit) / calendar.longest().as_secs_f64()),
            Self::Concurrency { .. } => None,
        }
    }

    /// Returns the length of the window, the longest one of a calendar; `None` for limits without one.
    ///
    /// ```
    /// use api_ratelimiter_simulator::Limit;
    /// use std::time::Duration;
    ///
    /// let limit = Limit::sliding_window(50, Duration::from_secs(10))?;
    /// assert_eq!(limit.window(), Some(Duration::from_secs(10)));
    /// assert_eq!(Limit::pacing(1.0)?.window(), None);
    /// # Ok::<(), api_ratelimiter_simulator::LimitError>(())
    /// ```
    #[must_use]
    pub fn window(&self) -> Option<Duration> {
        match *self {
            Self::FixedWindow { window, .. }
            | Self::WindowFromFirst { window, .. }
            | Self::SlidingWindow { window, .. } => Some(window),
            Self::Calendar { calendar, .. } => Some(calendar.longest()),
            Self::TokenBucket { .. } | Self::Pacing { .. } | Self::Concurrency { .. } => None,
        }
    }
}

fn checked_rate(per_second: f64) -> Result<f64, LimitError> {
    if RATES.contains(&per_second) {
        return Ok(per_second);
    }
    Err(LimitError::new(format!(
        "a rate must be within 1e-9 and 1e9 per second, not {per_second}"
    )))
}

fn checked_count(limit: u32) -> Result<u32, LimitError> {
    if limit > 0 {
        return Ok(limit);
    }
    Err(LimitError::new("a limit must be at least 1 request, not 0"))
}

fn checked_window(window: Duration) -> Result<Duration, LimitError> {
    if window > Duration::ZERO && window <= LONGEST_WINDOW {
        return Ok(window);
    }
    Err(LimitError::new(format!(
        "a window must be longer than zero and at most 366 days, not {window:?}"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_that_would_block_forever_are_rejected() {
        for rate in [0.0, -1.0, f64::NAN, f64::INFINITY, 1e-10, 1e10] {
            assert!(Limit::pacing(rate).is_err(), "{rate}");
            assert!(Limit::token_bucket(rate, 1.0).is_err(), "{rate}");
        }
        for burst in [0.0, 0.99, f64::NAN, f64::INFINITY] {
            assert!(Limit::token_bucket(1.0, burst).is_err(), "{burst}");
        }
        assert!(Limit::fixed_window(0, Duration::from_secs(1)).is_err());
        assert!(Limit::sliding_window(1, Duration::MAX).is_err());
        assert!(Limit::concurrency(0).is_err());
    }

    #[test]
    fn the_long_run_rate_of_a_window_is_its_limit_over_its_length() {
        let window = Duration::from_secs(60);
        let fixed = Limit::fixed_window(180, window).expect("valid");
        assert_eq!(fixed.per_second(), Some(3.0));
        let bucket = Limit::token_bucket(2.5, 40.0).expect("valid");
        assert_eq!(bucket.per_second(), Some(2.5));
    }

    #[test]
    fn only_a_fixed_window_has_a_phase() {
        let pacing = Limit::pacing(1.0).expect("valid");
        assert_eq!(pacing.with_phase(Duration::from_secs(1)), pacing);
    }
}
