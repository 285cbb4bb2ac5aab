//! Presets for payments and shops.

use super::template::{announced, rate, with_burst};
use crate::config::Pagination;
use crate::config::{ApiRateConfig, IdempotencyConfig, LimitConfig, ScopeConfig};

/// Returns the presets of this kind.
pub(super) fn all() -> Vec<ApiRateConfig> {
    vec![
        stripe("stripe", 100.0, "live mode"),
        stripe("stripe_sandbox", 25.0, "a sandbox"),
        shopify("shopify", 2.0, 40.0),
        shopify("shopify_advanced", 4.0, 80.0),
        shopify("shopify_plus", 20.0, 400.0),
        shopify_graphql(),
    ]
}

/// Source: docs.stripe.com/rate-limits, docs.stripe.com/api/idempotent_requests.
fn stripe(name: &str, most: f64, mode: &str) -> ApiRateConfig {
    let twenty = || LimitConfig::per_second(20.0);
    ApiRateConfig {
        idempotency: IdempotencyConfig::default().automatic(),
        pagination: Some(
            Pagination::last_item("starting_after", "id")
                .more_if("has_more")
                .items("data"),
        ),
        scopes: vec![
            with_burst(ScopeConfig::new("search", "/{resource}/search", twenty())),
            with_burst(ScopeConfig::new("file_reads", "/files/**", twenty()).methods(["GET"])),
            with_burst(ScopeConfig::new("file_writes", "/files/**", twenty()).methods(["POST"])),
        ],
        ..rate(
            name,
            "https://api.stripe.com/v1",
            most,
            Some(most),
            &format!(
                "a bucket of {most} requests per second per account in {mode} (25 in a sandbox, 100 live), 25 per endpoint, 20 \
                 for searches, 20 reads and 20 writes of files; 429 with \
                 Stripe-Rate-Limited-Reason, exponential backoff with jitter; Idempotency-Key, kept for 24 h or more. \
                 The client learns the 25 per endpoint from refusals."
            ),
        )
    }
}

/// Source: shopify.dev, API limits (REST Admin).
fn shopify(name: &str, most: f64, burst: f64) -> ApiRateConfig {
    ApiRateConfig {
        pagination: Some(Pagination::link_header()),
        ..rate(
            name,
            "",
            most,
            Some(burst),
            &format!(
                "a leaky bucket of {burst} requests per app and store that leaks {most} per second (2 by default, 4 \
                 on Advanced, 20 on Plus); 429 with Retry-After, and the state of the bucket in a header. The location \
                 of a page's items depends on the path."
            ),
        )
    }
}

/// Source: shopify.dev, API limits (GraphQL Admin).
fn shopify_graphql() -> ApiRateConfig {
    ApiRateConfig {
        initial_rate: 1.0,
        min_rate: 0.1,
        max_rate: 10.0,
        increase_step: 0.1,
        documented_limit_desc: Some(
            "Documented: 100 to 2,000 points per second by plan, of which a query costs up to 1,000; refused by a 200 \
             with THROTTLED, the wait is (cost - available) / restore rate. Guesses: all rates, because the cost of a \
             query is not known in advance."
                .into(),
        ),
        ..announced("shopify_graphql", "", "")
    }
}
