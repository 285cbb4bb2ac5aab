//! Chats, calls and support.

use super::template::{per_minute, preset};
use crate::config::Pagination;
use crate::config::{ApiRateConfig, DialectConfig, LimitConfig, ScopeConfig};

pub(super) fn all() -> Vec<ApiRateConfig> {
    vec![
        slack(),
        discord(),
        twilio(),
        intercom(),
        zendesk("zendesk", 200.0, "the Team plan"),
        zendesk(
            "zendesk_professional",
            400.0,
            "the Growth and Professional plans",
        ),
        zendesk("zendesk_enterprise", 700.0, "the Enterprise plan"),
        zendesk(
            "zendesk_enterprise_plus",
            2500.0,
            "Enterprise Plus or the add-on",
        ),
    ]
}

/// Slack's limits are by method: which is in which tier is from memory, the tiers' numbers are documented.
const SLACK_METHODS: [(&str, f64); 16] = [
    ("chat.postMessage", 60.0),
    ("chat.update", 50.0),
    ("chat.delete", 50.0),
    ("conversations.list", 20.0),
    ("conversations.history", 50.0),
    ("conversations.replies", 50.0),
    ("conversations.info", 50.0),
    ("conversations.members", 100.0),
    ("users.list", 20.0),
    ("users.info", 100.0),
    ("users.conversations", 50.0),
    ("usergroups.list", 20.0),
    ("files.list", 50.0),
    ("reactions.add", 50.0),
    ("search.messages", 20.0),
    ("team.info", 50.0),
];

/// api.slack.com/docs/rate-limits
fn slack() -> ApiRateConfig {
    let scope = |&(method, requests): &(&str, f64)| {
        ScopeConfig::new(
            method,
            format!("/{method}"),
            LimitConfig::per_minute(requests),
        )
    };
    ApiRateConfig {
        name: "slack".into(),
        base_url: "https://slack.com/api".into(),
        // What all methods have in common is no limit of Slack's: the methods' own are what paces.
        initial_rate: 2.0,
        min_rate: 0.015,
        max_rate: per_minute(300.0),
        increase_step: 0.05,
        documented_limit_desc: Some(
            "Documented: per method, workspace and app, tiers of 1, 20, 50 and 100 or more requests a minute, some \
             burst, one message per second and channel; 429 with Retry-After in seconds for that method. A guess: \
             which of the common methods is in which tier, and the rate of all others together. New commercial apps \
             outside the Marketplace get 1 a minute of conversations.history and .replies: the refusals teach it."
                .into(),
        ),
        scopes: SLACK_METHODS.iter().map(scope).collect(),
        // From memory, not read in the documentation; the items' place depends on the method.
        pagination: Some(Pagination::cursor("cursor", "response_metadata.next_cursor").in_query()),
        ..Default::default()
    }
}

/// docs.discord.com, rate limits
fn discord() -> ApiRateConfig {
    preset(
        "discord",
        "https://discord.com/api/v10",
        50.0,
        "50 requests per second per bot over all routes, and buckets by route that only the headers tell; 429 with \
         Retry-After, its scope in a header; 10,000 invalid requests in 10 minutes are a ban.",
    )
}

/// twilio.com/docs/api/errors/20429
fn twilio() -> ApiRateConfig {
    ApiRateConfig {
        dialect: DialectConfig::default().not_processed([429]),
        initial_rate: 2.0,
        min_rate: 0.1,
        max_rate: 20.0,
        increase_step: 0.2,
        documented_limit_desc: Some(
            "Documented: a limit on concurrency by account, no number; 429 (error 20429) says that the request was not \
             processed, exponential back-off with 10% jitter. All rates are a guess."
                .into(),
        ),
        // From memory, not read in the documentation; the items' place depends on the path.
        pagination: Some(Pagination::next_url("next_page_uri")),
        ..preset("twilio", "https://api.twilio.com/2010-04-01", 20.0, "")
    }
}

/// developers.intercom.com, rate limiting
fn intercom() -> ApiRateConfig {
    ApiRateConfig {
        // From memory, not read in the documentation; the items' place depends on the path.
        pagination: Some(Pagination::cursor(
            "starting_after",
            "pages.next.starting_after",
        )),
        ..preset(
            "intercom",
            "https://api.intercom.io",
            per_minute(10_000.0),
            "10,000 requests a minute per app and 25,000 per workspace, handed out in slices of 10 s; 429, X-RateLimit \
             headers with the reset as an epoch.",
        )
    }
}

/// developer.zendesk.com, rate limits
fn zendesk(name: &str, requests: f64, plan: &str) -> ApiRateConfig {
    ApiRateConfig {
        backoff_status_codes: vec![429, 503],
        scopes: vec![ScopeConfig::new(
            "incremental_export",
            "/incremental/**",
            LimitConfig::per_minute(10.0),
        )],
        // From memory, not read in the documentation; the items' place depends on the path.
        pagination: Some(Pagination::next_url("links.next").more_if("meta.has_more")),
        ..preset(
            name,
            "",
            per_minute(requests),
            &format!(
                "{requests} requests a minute per account on {plan}; incremental exports 10 (30 with the add-on); 30 \
                 updates of a ticket in 10 minutes per user; 429 with Retry-After, 503 with Retry-After."
            ),
        )
    }
}
