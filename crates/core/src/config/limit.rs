//! A quota: a number of requests per window.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A quota: `requests` per `per`.
///
/// ```
/// use api_ratelimiter_core::LimitConfig;
///
/// assert_eq!(LimitConfig::per_hour(1000.0), LimitConfig::new(1000.0, std::time::Duration::from_secs(3600)));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct LimitConfig {
    /// Number of requests, above 0. In [`limits`](crate::ApiRateConfig::limits) it is a whole number.
    pub requests: f64,
    /// Length of the window, above 0. In JSON `per_seconds`, in seconds.
    #[serde(rename = "per_seconds", with = "crate::seconds")]
    pub per: Duration,
}

impl LimitConfig {
    /// Creates a quota of `requests` per `per`.
    #[must_use]
    pub const fn new(requests: f64, per: Duration) -> Self {
        Self { requests, per }
    }

    /// Creates a quota of `requests` per second.
    #[must_use]
    pub const fn per_second(requests: f64) -> Self {
        Self::new(requests, Duration::from_secs(1))
    }

    /// Creates a quota of `requests` per minute.
    #[must_use]
    pub const fn per_minute(requests: f64) -> Self {
        Self::new(requests, Duration::from_secs(60))
    }

    /// Creates a quota of `requests` per hour.
    #[must_use]
    pub const fn per_hour(requests: f64) -> Self {
        Self::new(requests, Duration::from_secs(3600))
    }

    /// Returns the average rate in requests per second.
    pub(crate) fn rate(&self) -> f64 {
        self.requests / self.per.as_secs_f64()
    }

    /// Checks the quota for use as a rate.
    ///
    /// # Errors
    ///
    /// Says which rule it breaks.
    pub(crate) fn check(&self) -> Result<(), String> {
        let Self { requests, per } = self;
        if !(requests.is_finite() && *requests > 0.0) {
            return Err(format!(
                "{requests} is not a valid number of requests (expected a finite number above 0)"
            ));
        }
        if per.is_zero() || !(self.rate().is_finite() && self.rate() > 0.0) {
            return Err(format!(
                "{requests} requests per {per:?} is not a valid quota (expected a window above 0)"
            ));
        }
        Ok(())
    }
}
