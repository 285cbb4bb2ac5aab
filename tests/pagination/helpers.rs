//! Helpers of the suite, for both fronts.

use std::time::Duration;

use api_ratelimiter::{ApiRateConfig, BucketConfig, Pagination};

use crate::front::{ClientBuilder, DynamicAPIClient};

/// Part of everything that must never be shown: cursors, bodies, queries.
pub(crate) const SECRET: &str = "hunter2";

/// Returns a client of a fast API with the shortest pauses and this style of pagination, so that the limiter
/// delays no test.
pub(crate) fn builder(base_url: &str, pagination: Option<Pagination>) -> ClientBuilder {
    DynamicAPIClient::builder(ApiRateConfig {
        name: "tested".into(),
        base_url: base_url.into(),
        initial_rate: 1000.0,
        min_rate: 500.0,
        max_rate: 1000.0,
        default_cooldown: Some(Duration::from_millis(1)),
        bucket: BucketConfig::of(1000.0, 1000.0),
        pagination,
        ..Default::default()
    })
    .no_proxy()
}

pub(crate) fn client(base_url: &str, pagination: Pagination) -> DynamicAPIClient {
    builder(base_url, Some(pagination))
        .build()
        .expect("a valid client")
}
