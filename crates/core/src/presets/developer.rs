//! Presets for code, operations and identity.

use std::time::Duration;

use super::template::{START, announced, quota};
use crate::config::Pagination;
use crate::config::{ApiRateConfig, ByRouteConfig, LimitConfig, ScopeConfig};

/// Returns the presets of this kind.
pub(super) fn all() -> Vec<ApiRateConfig> {
    vec![
        github("github", 5000.0, "a user"),
        github("github_anonymous", 60.0, "an address without a token"),
        github("github_enterprise", 15_000.0, "a user of Enterprise Cloud"),
        linear(),
        datadog(),
        pagerduty(),
        okta(),
        x(),
    ]
}

/// Maximum rate at GitHub, in requests per second. It documents none, but 100 requests at once, which take half a second and
/// less.
const GITHUB_BURST: f64 = 200.0;

/// Source: docs.github.com, rate limits and best practices for the REST API.
fn github(name: &str, an_hour: f64, whose: &str) -> ApiRateConfig {
    let per_second = an_hour / 3600.0;
    ApiRateConfig {
        name: name.into(),
        base_url: "https://api.github.com".into(),
        initial_rate: START,
        min_rate: (60.0 / 3600.0_f64).min(per_second * 0.5),
        max_rate: GITHUB_BURST,
        documented_limit_desc: Some(format!(
            "Documented: {an_hour} requests an hour for {whose} (60 without a token, 5,000 with one, 15,000 on \
             Enterprise Cloud), announced in headers; at most 100 at once and 900 points a minute (a GET is 1, a write 5), \
             writes a second apart, which keeps to 80 that create content a minute (500 an hour are not kept), 30 searches a \
             minute (10 of code), 2,000 points of GraphQL a minute; 403 or 429. Guesses: how fast a burst may be, the start, \
             the step. A 403 is a refusal only if its headers or its body say so; otherwise it may be a missing permission, \
             and the caller gets it."
        )),
        limits: vec![LimitConfig::per_minute(900.0)],
        max_under_way: Some(100),
        // An exhausted primary limit resets within the hour.
        max_cooldown: Duration::from_secs(65 * 60),
        default_headers: [
            ("accept".into(), "application/vnd.github+json".into()),
            ("x-github-api-version".into(), "2022-11-28".into()),
        ]
        .into(),
        scopes: vec![
            ScopeConfig::new("search", "/search/**", LimitConfig::per_minute(30.0)),
            // From memory: the documentation names the resource, but not the number.
            ScopeConfig::new("code_search", "/search/code", LimitConfig::per_minute(10.0)),
            // GitHub does not count writes, so what a response announces is about the whole client.
            ScopeConfig::new("writes", "**", LimitConfig::per_second(1.0))
                .methods(["POST", "PATCH", "PUT", "DELETE"])
                .one_by_one()
                .pause_all(),
            // GraphQL reads with POST. The points of the hour are announced.
            ScopeConfig::new("graphql", "/graphql", LimitConfig::per_minute(2000.0)),
        ],
        // Searches and a few other paths have their items at another location.
        pagination: Some(Pagination::link_header()),
        ..Default::default()
    }
}

/// Source: linear.app/developers/rate-limiting.
fn linear() -> ApiRateConfig {
    ApiRateConfig {
        // A used up hour is waited for.
        max_cooldown: Duration::from_secs(65 * 60),
        ..announced(
            "linear",
            "https://api.linear.app",
            "2,500 to 5,000 requests an hour per user and key (the pages disagree), and points of complexity, announced in \
             headers; 400 with RATELIMITED; resets in epoch milliseconds.",
        )
    }
}

/// Source: docs.datadoghq.com, rate limits.
fn datadog() -> ApiRateConfig {
    ApiRateConfig {
        // Documented: limits by endpoint, whose name a header gives.
        by_route: Some(ByRouteConfig::default()),
        ..announced(
            "datadog",
            "https://api.datadoghq.com/api",
            "limits by endpoint and organization, announced with their window in X-RateLimit headers; 429, wait for the \
             reset.",
        )
    }
}

/// Source: support.pagerduty.com, REST API rate limits.
fn pagerduty() -> ApiRateConfig {
    ApiRateConfig {
        // From memory, not checked against the documentation. The location of the items depends on the path.
        pagination: Some(Pagination::offset("offset").more_if("more")),
        ..quota(
            "pagerduty",
            "https://api.pagerduty.com",
            LimitConfig::per_minute(960.0),
            "960 requests a minute per user or app key; 429 with ratelimit headers, the reset in seconds.",
        )
    }
}

/// Source: developer.okta.com, rate limit best practices.
fn okta() -> ApiRateConfig {
    ApiRateConfig {
        // Documented: each endpoint has a limit.
        by_route: Some(ByRouteConfig::default()),
        // The header is documented. It is from memory that every collection sends it.
        pagination: Some(Pagination::link_header()),
        initial_rate: 8.0,
        ..announced(
            "okta",
            "",
            "limits per endpoint and minute, often 600 to 1,200, announced in headers; 429 (E0000047), wait until the reset \
             by the Date of the response.",
        )
    }
}

/// Source: docs.x.com, rate limits.
fn x() -> ApiRateConfig {
    ApiRateConfig {
        // Documented: each endpoint has a limit.
        by_route: Some(ByRouteConfig::default()),
        initial_rate: 0.3,
        min_rate: 0.01,
        max_rate: 5.0,
        increase_step: 0.05,
        documented_limit_desc: Some(
            "Documented: limits per endpoint and user or app in windows of 15 minutes (some of 24 hours), announced in \
             headers; 429, wait for the reset. Guesses: all rates."
                .into(),
        ),
        max_cooldown: Duration::from_secs(16 * 60),
        // From memory, not checked against the documentation.
        pagination: Some(Pagination::cursor("pagination_token", "meta.next_token").items("data")),
        ..announced("x", "https://api.x.com/2", "")
    }
}
