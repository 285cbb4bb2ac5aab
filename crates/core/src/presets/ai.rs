//! Models over HTTP: limits by tier, told in headers.

use crate::config::Pagination;
use crate::config::{ApiRateConfig, DialectConfig};

pub(super) fn all() -> Vec<ApiRateConfig> {
    vec![openai(), anthropic()]
}

/// platform.openai.com, rate limits
fn openai() -> ApiRateConfig {
    ApiRateConfig {
        name: "openai".into(),
        base_url: "https://api.openai.com/v1".into(),
        initial_rate: 1.0,
        min_rate: 0.05,
        max_rate: 10.0,
        documented_limit_desc: Some(
            "Documented: requests and tokens per minute and day by organisation, model and tier, told in headers; 429 \
             and 503, random exponential back-off from 1 to 60 s, refused requests count. All rates are a guess."
                .into(),
        ),
        backoff_status_codes: vec![429, 503],
        // From memory, not read in the documentation.
        pagination: Some(
            Pagination::cursor("after", "last_id")
                .more_if("has_more")
                .items("data"),
        ),
        ..Default::default()
    }
}

/// docs.anthropic.com, rate limits and errors
fn anthropic() -> ApiRateConfig {
    ApiRateConfig {
        name: "anthropic".into(),
        base_url: "https://api.anthropic.com/v1".into(),
        initial_rate: 0.5,
        min_rate: 0.05,
        max_rate: 10.0,
        documented_limit_desc: Some(
            "Documented: requests and tokens per minute by model and tier (50 requests a minute in the first), a token \
             bucket, told in headers; 429 with Retry-After, 529 for overload, ramp up gently. All rates are a guess."
                .into(),
        ),
        backoff_status_codes: vec![429, 529],
        dialect: DialectConfig::default().not_processed([529]),
        // From memory, not read in the documentation. Every call must name a version.
        default_headers: [("anthropic-version".into(), "2023-06-01".into())].into(),
        pagination: Some(
            Pagination::cursor("after_id", "last_id")
                .more_if("has_more")
                .items("data"),
        ),
        ..Default::default()
    }
}
