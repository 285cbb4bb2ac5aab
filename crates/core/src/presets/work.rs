//! Presets for pages, tables and tasks.

use std::time::Duration;

use super::template::{per_minute, quota, rate, with_burst};
use crate::config::Pagination;
use crate::config::{ApiRateConfig, DialectConfig, IdempotencyConfig, LimitConfig, ScopeConfig};

/// Returns the presets of this kind.
pub(super) fn all() -> Vec<ApiRateConfig> {
    vec![
        notion("notion", 180.0),
        notion("notion_business", 600.0),
        airtable(),
        asana("asana", 150.0, "the free plan"),
        asana("asana_paid", 1500.0, "paid plans"),
        jira(),
        monday(),
    ]
}

/// Source: developers.notion.com/reference/request-limits and errors.
fn notion(name: &str, requests: f64) -> ApiRateConfig {
    ApiRateConfig {
        min_rate: 0.1,
        increase_step: per_minute(requests) / 30.0,
        backoff_status_codes: vec![429, 529],
        max_cooldown: Duration::from_secs(10 * 60),
        default_headers: [("notion-version".into(), "2022-06-28".into())].into(),
        dialect: DialectConfig::default().not_processed([529]).pause_all(),
        idempotency: IdempotencyConfig::default()
            .reading_post("/search")
            .reading_post("/databases/{id}/query")
            .reading_post("/data_sources/{id}/query"),
        // Documented: the query string on GET, the JSON body on POST.
        pagination: Some(
            Pagination::cursor("start_cursor", "next_cursor")
                .more_if("has_more")
                .items("results"),
        ),
        ..quota(
            name,
            "https://api.notion.com/v1",
            LimitConfig::per_minute(requests),
            &format!(
                "{requests} requests in a fixed window of 60 s per connection (180, 3/s on average; Business and \
                 Enterprise plans 600), which may go at once; a shared limit per workspace of unpublished size whose \
                 Retry-After may exceed a minute; 429 and 529 with Retry-After in seconds, after which all requests pause."
            ),
        )
    }
}

/// Source: support.airtable.com, managing API call limits.
fn airtable() -> ApiRateConfig {
    ApiRateConfig {
        default_cooldown: Some(Duration::from_secs(30)),
        // The `offset` is a text to send back, not a count. From memory, not checked against the documentation.
        pagination: Some(Pagination::cursor("offset", "offset").items("records")),
        ..rate(
            "airtable",
            "https://api.airtable.com/v0",
            5.0,
            None,
            "5 requests per second per base on all plans (50 per second per user), wait 30 s after a 429. Use one client \
             for each base.",
        )
    }
}

/// Source: developers.asana.com, rate limits.
fn asana(name: &str, requests: f64, plan: &str) -> ApiRateConfig {
    ApiRateConfig {
        scopes: vec![ScopeConfig::new(
            "search",
            "/workspaces/{gid}/tasks/search",
            LimitConfig::per_minute(60.0),
        )],
        // That of reads; 15 writes.
        max_under_way: Some(50),
        // From memory, not checked against the documentation.
        pagination: Some(Pagination::cursor("offset", "next_page.offset").items("data")),
        ..quota(
            name,
            "https://app.asana.com/api/1.0",
            LimitConfig::per_minute(requests),
            &format!(
                "{requests} requests a minute per token on {plan} (150 free, 1,500 paid), 60 searches, 50 reads and 15 \
                 writes at once, a quota of cost; 429 with Retry-After; refused requests count."
            ),
        )
    }
}

/// Source: developer.atlassian.com, Jira Cloud rate limiting.
fn jira() -> ApiRateConfig {
    let writes = |name, method| {
        with_burst(ScopeConfig::new(name, "**", LimitConfig::per_second(50.0)).methods([method]))
    };
    ApiRateConfig {
        backoff_status_codes: vec![429, 503],
        scopes: vec![writes("put", "PUT"), writes("delete", "DELETE")],
        // From memory, not checked against the documentation.
        pagination: Some(Pagination::offset("startAt").total("total")),
        ..rate(
            "jira",
            "",
            100.0,
            Some(100.0),
            "a bucket of 100 reads and 100 creations per second and endpoint, 50 changes and 50 deletions, 20 writes in 2 s per \
             issue, and a quota of 65,000 points an hour; 429, sometimes 503, with Retry-After and the reason in a header; \
             exponential backoff from 2 to 5 s.",
        )
    }
}

/// Source: developer.monday.com, rate limits.
fn monday() -> ApiRateConfig {
    ApiRateConfig {
        max_under_way: Some(40),
        ..quota(
            "monday",
            "https://api.monday.com/v2",
            LimitConfig::per_minute(1000.0),
            "1,000, 2,500 or 5,000 requests a minute by plan, 40, 100 or 250 at once, points of complexity; 429, or 200 \
             with errors and retry_in_seconds; send writes one after another. The limits here are those of the lowest plan.",
        )
    }
}
