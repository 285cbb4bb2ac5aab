//! Templates of presets.

use crate::config::ApiRateConfig;

/// Converts a quota per minute to requests per second.
pub(super) const fn per_minute(requests: f64) -> f64 {
    requests / 60.0
}

/// Creates a preset for a documented limit of `most` requests per second. It starts at four fifths of the
/// limit and never falls below a twentieth; both shares are our guess.
pub(super) fn preset(name: &str, base_url: &str, most: f64, described: &str) -> ApiRateConfig {
    ApiRateConfig {
        name: name.into(),
        base_url: base_url.into(),
        initial_rate: most * 0.8,
        min_rate: most * 0.05,
        max_rate: most,
        increase_step: most * 0.02,
        documented_limit_desc: Some(format!(
            "Documented: {described} Guesses: the start at four fifths of the limit, the minimum, the step."
        )),
        ..ApiRateConfig::default()
    }
}
