//! What the suite is made of, on either front.

use std::time::Duration;

use api_ratelimiter::{ApiRateConfig, BucketConfig, Pagination};

use crate::front::{ClientBuilder, DynamicAPIClient};

/// Part of everything that must not be shown: cursors, bodies, queries.
pub(crate) const SECRET: &str = "hunter2";

/// A client of an API fast enough to be out of the way, with the shortest pauses, which paginates in
/// that style.
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
