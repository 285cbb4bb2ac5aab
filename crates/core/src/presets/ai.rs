//! Presets for language models: limits by tier, announced in headers.

use crate::config::Pagination;
use crate::config::{ApiRateConfig, DialectConfig};

/// Returns the presets of this kind.
pub(super) fn all() -> Vec<ApiRateConfig> {
    vec![openai(), anthropic()]
}

/// Source: platform.openai.com, rate limits.
fn openai() -> ApiRateConfig {
    ApiRateConfig {
        name: "openai".into(),
        base_url: "https://api.openai.com/v1".into(),
        initial_rate: 1.0,
        min_rate: 0.05,
        max_rate: 10.0,
        documented_limit_desc: Some(
            "Documented: requests and tokens per minute and day, by organization, model and tier, announced in \
             headers; 429 and 503, random exponential backoff from 1 to 60 s, refused requests count. Guesses: all rates."
                .into(),
        ),
        backoff_status_codes: vec![429, 503],
        // From memory, not checked against the documentation.
        pagination: Some(
            Pagination::cursor("after", "last_id")
                .more_if("has_more")
                .items("data"),
        ),
        ..Default::default()
    }
}

/// Source: docs.anthropic.com, rate limits and errors.
fn anthropic() -> ApiRateConfig {
    ApiRateConfig {
        name: "anthropic".into(),
        base_url: "https://api.anthropic.com/v1".into(),
        initial_rate: 0.5,
        min_rate: 0.05,
        max_rate: 10.0,
        documented_limit_desc: Some(
            "Documented: requests and tokens per minute, by model and tier (50 requests a minute in the first tier), \
             as a token bucket, announced in headers; 429 with Retry-After, 529 for overload, ramp up slowly. Guesses: all \
             rates."
                .into(),
        ),
        backoff_status_codes: vec![429, 529],
        dialect: DialectConfig::default().not_processed([529]),
        // From memory, not checked against the documentation. Every request must name a version.
        default_headers: [("anthropic-version".into(), "2023-06-01".into())].into(),
        pagination: Some(
            Pagination::cursor("after_id", "last_id")
                .more_if("has_more")
                .items("data"),
        ),
        ..Default::default()
    }
}
