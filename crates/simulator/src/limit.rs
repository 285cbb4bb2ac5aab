//! Rules of the kind that servers hide behind their refusals, as pure values.
//!
//! A [`Limit`] is one rule, a [`Limits`] is several that hold at once together with what they have
//! counted. Nothing here reads a clock: every call is told the time, so that a world in virtual time and
//! an HTTP server can run the same rules.

mod limits;
mod meter;
#[cfg(test)]
mod properties;
mod text;

use std::time::Duration;

use thiserror::Error;

pub use limits::{Announced, Limits, Verdict};
pub(super) use text::{Length, decimal, duration};

/// Requests per second: from one in three decades to one a nanosecond, the range in which the token
/// arithmetic is exact enough to forget about.
const RATES: std::ops::RangeInclusive<f64> = 1e-9..=1e9;

/// Tokens: below one a bucket would never let anything through; the top is what an `u32` can announce.
const BURSTS: std::ops::RangeInclusive<f64> = 1.0..=1e9;

/// Longer than any vendor's window, short enough that sums of times can't overflow.
const LONGEST_WINDOW: Duration = Duration::from_secs(366 * 24 * 60 * 60);

/// One rule by which a server accepts or refuses requests.
///
/// Made by the checked constructors or from text: what [`Display`](std::fmt::Display) writes is what
/// [`FromStr`](std::str::FromStr) reads.
///
/// | text | meaning |
/// |---|---|
/// | `token-bucket:10/s,burst=20` | 20 at once, then 10 a second |
/// | `fixed-window:100/60s` | 100 in every minute counted from the start |
/// | `fixed-window:100/60s,phase=10s` | the same, but the first minute ends after 10 seconds |
/// | `sliding-window:50/10s` | never more than 50 in any 10 seconds |
/// | `pacing:10/s` | never two within a tenth of a second |
/// | `concurrency:5` | never more than 5 under way |
///
/// Durations are a number and `ns`, `us`, `ms`, `s`, `min`, `h` or `d`; a bare unit means one of it.
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
    /// A bucket that starts full with `burst` tokens and refills steadily; a request takes one.
    #[non_exhaustive]
    TokenBucket {
        /// Tokens that flow in per second.
        rate_per_second: f64,
        /// Tokens that fit in.
        burst: f64,
    },
    /// A count that starts again at zero on every boundary of a fixed grid of windows.
    ///
    /// So twice the limit can get through around a boundary.
    #[non_exhaustive]
    FixedWindow {
        /// Requests per window.
        limit: u32,
        /// The length of a window.
        window: Duration,
        /// How long after the start the first boundary falls; zero: a window begins at the start.
        phase: Duration,
    },
    /// A log of what was accepted: never more than `limit` in any `window`, wherever it begins.
    #[non_exhaustive]
    SlidingWindow {
        /// Requests per window.
        limit: u32,
        /// The length of a window.
        window: Duration,
    },
    /// A steady pace: a token bucket of one.
    #[non_exhaustive]
    Pacing {
        /// Requests per second; one over it is the least distance of two.
        rate_per_second: f64,
    },
    /// A number of requests that may be under way at the same time.
    #[non_exhaustive]
    Concurrency {
        /// Requests at once.
        limit: u32,
    },
}

/// A [`Limit`] could not be made: a number is out of range, or its text is not understood.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct LimitError(Box<str>);

impl LimitError {
    fn new(message: impl Into<Box<str>>) -> Self {
        Self(message.into())
    }
}

impl Limit {
    /// A bucket of `burst` tokens, full at the start, into which `rate_per_second` tokens flow.
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

    /// At most `limit` in every window of a fixed grid that begins at the start.
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

    /// At most `limit` in any stretch of time as long as `window`.
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

    /// Requests at least one over `rate_per_second` seconds apart.
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

    /// At most `limit` requests under way at once.
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

    /// Moves the grid of a fixed window: its first boundary falls `phase` after the start.
    ///
    /// Taken modulo the window. Every other kind of limit has no grid and stays as it is. Defaults to
    /// zero, where a window begins at the start.
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

    /// What the limit lets through in the long run, in requests per second; `None` for concurrency.
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
            Self::FixedWindow { limit, window, .. } | Self::SlidingWindow { limit, window } => {
                Some(f64::from(limit) / window.as_secs_f64())
            }
            Self::Concurrency { .. } => None,
        }
    }

    /// Reads a limit from its text, like `"pacing:10/s"`; the same as [`FromStr`](std::str::FromStr).
    ///
    /// # Errors
    ///
    /// If the text is none of the forms listed at [`Limit`], or a number in it is out of range.
    ///
    /// ```
    /// use api_ratelimiter_simulator::Limit;
    ///
    /// assert_eq!(Limit::parse("pacing:600/min")?, Limit::pacing(10.0)?);
    /// assert!(Limit::parse("10 per second").is_err());
    /// # Ok::<(), api_ratelimiter_simulator::LimitError>(())
    /// ```
    pub fn parse(text: &str) -> Result<Self, LimitError> {
        text::parse(text)
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
    Err(LimitError::new(
        "a limit must let at least 1 request through, not 0",
    ))
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
    fn numbers_that_would_block_for_ever_are_refused() {
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
