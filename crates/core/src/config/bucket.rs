//! The size of the token bucket.

use serde::{Deserialize, Serialize};

/// Sets the size of the token bucket where the default does not fit.
///
/// ```
/// use api_ratelimiter_core::{ApiRateConfig, BucketConfig};
///
/// let one_by_one = ApiRateConfig { bucket: BucketConfig::of(1.0, 1.0), ..Default::default() };
/// one_by_one.validate().unwrap();
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct BucketConfig {
    /// Tokens at the start, at least 0. Defaults to one second's worth, from 1 to 10.
    pub initial_tokens: Option<f64>,
    /// Maximum number of tokens, at least 1: the longest burst after a rest. Defaults to two seconds' worth
    /// of the current rate.
    pub capacity: Option<f64>,
}

impl BucketConfig {
    /// Creates a bucket that starts with `initial_tokens` and holds at most `capacity`.
    #[must_use]
    pub const fn of(initial_tokens: f64, capacity: f64) -> Self {
        Self {
            initial_tokens: Some(initial_tokens),
            capacity: Some(capacity),
        }
    }
}
