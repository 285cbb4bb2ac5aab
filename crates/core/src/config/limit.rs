//! A quota: a number of requests per window.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// So much in so long.
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
    /// Requests, above 0.
    pub requests: f64,
    /// The window, above 0.
    #[serde(rename = "per_seconds", with = "crate::seconds")]
    pub per: Duration,
}

impl LimitConfig {
    /// `requests` in each `per`.
    #[must_use]
    pub const fn new(requests: f64, per: Duration) -> Self {
        Self { requests, per }
    }

    /// So many requests a second.
    #[must_use]
    pub const fn per_second(requests: f64) -> Self {
        Self::new(requests, Duration::from_secs(1))
    }

    /// So many requests a minute.
    #[must_use]
    pub const fn per_minute(requests: f64) -> Self {
        Self::new(requests, Duration::from_secs(60))
    }

    /// So many requests an hour.
    #[must_use]
    pub const fn per_hour(requests: f64) -> Self {
        Self::new(requests, Duration::from_secs(3600))
    }

    /// Requests per second on average.
    pub(crate) fn rate(&self) -> f64 {
        self.requests / self.per.as_secs_f64()
    }

    /// Which rule it breaks.
    pub(crate) fn check(&self) -> Result<(), String> {
        let Self { requests, per } = self;
        if !(requests.is_finite() && *requests > 0.0) {
            return Err(format!(
                "{requests} requests is not a finite number above 0"
            ));
        }
        if per.is_zero() || !(self.rate().is_finite() && self.rate() > 0.0) {
            return Err(format!(
                "{requests} requests per {per:?} is no rate; give a window above 0"
            ));
        }
        Ok(())
    }
}
