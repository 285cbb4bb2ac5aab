//! Templates of presets.

use crate::config::{ApiRateConfig, BucketConfig, LimitConfig, ScopeConfig};

/// How fast a burst may be where the vendor names a quota and no more, in requests per second: that of ten workers with
/// round trips of 200 ms. A guess.
pub(super) const BURST: f64 = 50.0;

/// Rate at the start, where the quota is known or announced. A guess, and it rises at once.
pub(super) const START: f64 = 5.0;

/// Converts a quota per minute to requests per second.
pub(super) const fn per_minute(requests: f64) -> f64 {
    requests / 60.0
}

/// Creates a preset for a documented quota, all of which may go at once. Start, minimum and step are our guess.
pub(super) fn quota(
    name: &str,
    base_url: &str,
    limit: LimitConfig,
    described: &str,
) -> ApiRateConfig {
    let rate = limit.rate();
    ApiRateConfig {
        name: name.into(),
        base_url: base_url.into(),
        initial_rate: (rate * 0.8).max(START),
        min_rate: (rate * 0.05).min(0.5),
        max_rate: rate.max(BURST),
        increase_step: (rate * 0.02).max(0.05),
        documented_limit_desc: Some(format!(
            "Documented: {described} Guesses: how fast a burst may be, the start, the minimum, the step."
        )),
        limits: vec![limit],
        ..ApiRateConfig::default()
    }
}

/// Creates a preset for quotas that responses announce. All rates are our guess.
pub(super) fn announced(name: &str, base_url: &str, described: &str) -> ApiRateConfig {
    ApiRateConfig {
        name: name.into(),
        base_url: base_url.into(),
        initial_rate: START,
        min_rate: 0.05,
        max_rate: BURST,
        documented_limit_desc: Some(format!("Documented: {described} Guesses: all rates.")),
        ..ApiRateConfig::default()
    }
}

/// Creates a preset for a documented limit of `most` requests per second. `burst` of them may go at once, if the vendor says
/// so; else they go one by one. Start, minimum and step are our
/// guess.
pub(super) fn rate(
    name: &str,
    base_url: &str,
    most: f64,
    burst: Option<f64>,
    described: &str,
) -> ApiRateConfig {
    ApiRateConfig {
        name: name.into(),
        base_url: base_url.into(),
        initial_rate: most * 0.8,
        min_rate: most * 0.05,
        max_rate: most,
        increase_step: most * 0.02,
        documented_limit_desc: Some(format!(
            "Documented: {described} Guesses: the start at four fifths of the limit, a burst of nine tenths of a bucket, the minimum, \
             the step."
        )),
        bucket: burst.map_or(BucketConfig::of(1.0, 1.0), bucket),
        ..ApiRateConfig::default()
    }
}

/// Returns a full bucket for a vendor's of this many tokens: a tenth of those is left for round trips that vary.
fn bucket(tokens: f64) -> BucketConfig {
    let tokens = (0.9 * tokens).floor();
    BucketConfig::of(tokens, tokens)
}

/// Lets a second's worth of a scope's requests go at once.
pub(super) fn with_burst(scope: ScopeConfig) -> ScopeConfig {
    ScopeConfig {
        bucket: bucket(scope.limit.requests),
        ..scope
    }
}
