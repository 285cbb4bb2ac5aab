//! What several presets are made of.

use crate::config::ApiRateConfig;

/// Requests per second of a quota per minute.
pub(super) const fn per_minute(requests: f64) -> f64 {
    requests / 60.0
}

/// A preset whose documented limit is `most` per second: it starts at four fifths of it, and falls to a
/// twentieth at the lowest. The shares are a guess of ours.
pub(super) fn preset(name: &str, base_url: &str, most: f64, described: &str) -> ApiRateConfig {
    ApiRateConfig {
        name: name.into(),
        base_url: base_url.into(),
        initial_rate: most * 0.8,
        min_rate: most * 0.05,
        max_rate: most,
        increase_step: most * 0.02,
        documented_limit_desc: Some(format!(
            "Documented: {described} A guess: the start at four fifths of it, the minimum, the step."
        )),
        ..ApiRateConfig::default()
    }
}
