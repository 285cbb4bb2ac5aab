//! Presets for customers, records and administration.

use std::time::Duration;

use super::template::{announced, quota};
use crate::config::Pagination;
use crate::config::{ApiRateConfig, DialectConfig, LimitConfig, ScopeConfig};

/// Returns the presets of this kind.
pub(super) fn all() -> Vec<ApiRateConfig> {
    vec![
        vanta("vanta", 50.0, "managing Vanta"),
        vanta("vanta_integrations", 20.0, "building integrations"),
        vanta_auditor(),
        fieldguide(),
        hubspot("hubspot", 100.0, 250_000.0, "Free and Starter"),
        hubspot(
            "hubspot_professional",
            190.0,
            625_000.0,
            "Professional and Enterprise",
        ),
        salesforce(),
        google(),
        youtube(),
        msgraph(),
        servicenow(),
        zapier(),
    ]
}

/// Source: developer.vanta.com, overview of rate limits.
fn vanta(name: &str, requests: f64, group: &str) -> ApiRateConfig {
    ApiRateConfig {
        max_rate: 20.0,
        scopes: vec![
            ScopeConfig::new("oauth_token", "^/oauth/token", LimitConfig::per_minute(5.0))
                .methods(["POST"]),
        ],
        pagination: Some(
            Pagination::cursor("pageCursor", "results.pageInfo.endCursor")
                .more_if("results.pageInfo.hasNextPage")
                .items("results.data"),
        ),
        ..quota(
            name,
            "https://api.vanta.com/v1",
            LimitConfig::per_minute(requests),
            &format!(
                "{requests} requests a minute for {group} (50 for managing Vanta, 20 for integrations, 250 for auditors, \
                 5 for OAuth tokens), 429 without Retry-After, exponential backoff from 1 s. Guessed, too: that all of a \
                 minute's may go at once."
            ),
        )
    }
}

/// The limit of writes is from third parties who cite the documentation.
fn vanta_auditor() -> ApiRateConfig {
    let mut config = vanta("vanta_auditor", 250.0, "conducting an audit");
    config.scopes.push(
        ScopeConfig::new("writes", "**", LimitConfig::per_minute(10.0)).methods(["POST", "PATCH"]),
    );
    config
}

/// The vendor's OpenAPI description lists status 429 and no numbers.
fn fieldguide() -> ApiRateConfig {
    ApiRateConfig {
        name: "fieldguide".into(),
        base_url: "https://api.fieldguide.io".into(),
        initial_rate: 1.5,
        min_rate: 0.1,
        max_rate: 8.0,
        documented_limit_desc: Some(
            "Documented: status 429 on most operations, but no number, window or header. Guesses: all rates. The \
             client learns the limit from refusals."
                .into(),
        ),
        pagination: Some(
            Pagination::page_number("page")
                .more_if_present("_links.next")
                .items("data"),
        ),
        ..Default::default()
    }
}

/// Source: developers.hubspot.com, usage details.
fn hubspot(name: &str, in_ten_seconds: f64, in_a_day: f64, plan: &str) -> ApiRateConfig {
    ApiRateConfig {
        limits: vec![
            LimitConfig::new(in_ten_seconds, Duration::from_secs(10)),
            LimitConfig::per_day(in_a_day),
        ],
        scopes: vec![
            ScopeConfig::new(
                "search",
                "/crm/v3/objects/{type}/search",
                LimitConfig::per_second(5.0),
            )
            .one_by_one(),
        ],
        // From memory, not checked against the documentation.
        pagination: Some(Pagination::cursor("after", "paging.next.after").items("results")),
        ..quota(
            name,
            "https://api.hubapi.com",
            LimitConfig::new(in_ten_seconds, Duration::from_secs(10)),
            &format!(
                "{in_ten_seconds} requests in a rolling 10 s per app on {plan}, and 250,000, 625,000 or 1,000,000 a \
                 day per account by plan, until its midnight; 5 searches per second; 429, where policyName names the \
                 limit. Assumed: only this client uses the account's {in_a_day} a day."
            ),
        )
    }
}

/// Source: developer.salesforce.com, API request limits.
fn salesforce() -> ApiRateConfig {
    ApiRateConfig {
        backoff_status_codes: vec![429, 503],
        // From memory, not checked against the documentation.
        pagination: Some(Pagination::next_url("nextRecordsUrl").items("records")),
        ..quota(
            "salesforce",
            "",
            LimitConfig::per_day(100_000.0),
            "100,000 requests in a rolling 24 h, more by license; 25 concurrent calls of more than 20 s; 403 with \
             REQUEST_LIMIT_EXCEEDED, or 503.",
        )
    }
}

/// Source: developers.google.com and cloud.google.com, usage limits and retry strategy.
fn google() -> ApiRateConfig {
    ApiRateConfig {
        backoff_status_codes: vec![429, 503],
        // From memory, not checked against the documentation. The location of the items depends on the API.
        pagination: Some(
            Pagination::cursor("pageToken", "nextPageToken")
                .in_query()
                .may_lack_items(),
        ),
        ..quota(
            "google",
            "",
            LimitConfig::per_minute(300.0),
            "requests a minute per project and per user, by API (Docs: 300 reads a minute per user); 403 with \
             rateLimitExceeded or userRateLimitExceeded, 429, 503; truncated exponential backoff. The limit here is \
             that of Docs.",
        )
    }
}

/// Source: developers.google.com/youtube/v3, quota costs.
fn youtube() -> ApiRateConfig {
    ApiRateConfig {
        // The rate counts units, and a search costs 100.
        initial_rate: 50.0,
        max_rate: 100.0,
        backoff_status_codes: vec![429, 503],
        dialect: DialectConfig::default().profile("google"),
        // From memory, not checked against the documentation.
        pagination: Some(
            Pagination::cursor("pageToken", "nextPageToken")
                .in_query()
                .items("items")
                .may_lack_items(),
        ),
        ..quota(
            "youtube",
            "https://www.googleapis.com/youtube/v3",
            LimitConfig::per_day(10_000.0).resets_at("00:00", "America/Los_Angeles"),
            "10,000 units a day per project, from midnight Pacific time on: a list costs 1, a search 100, a change 50, an upload \
             1,600 (give them by cost(..)); 403 with quotaExceeded.",
        )
    }
}

/// Source: learn.microsoft.com/graph/throttling.
fn msgraph() -> ApiRateConfig {
    ApiRateConfig {
        backoff_status_codes: vec![429, 503, 504],
        // Documented: four at once to a mailbox of Outlook.
        max_rate: 20.0,
        // From memory, not checked against the documentation.
        pagination: Some(Pagination::next_url(["@odata.nextLink"]).items("value")),
        ..quota(
            "msgraph",
            "https://graph.microsoft.com/v1.0",
            LimitConfig::new(10_000.0, Duration::from_secs(600)),
            "130,000 requests in 10 s per app, and less by service: Outlook 10,000 in 10 minutes per app and mailbox; \
             429, 503 and 504 with Retry-After; refused requests count. The limit here is that of Outlook.",
        )
    }
}

/// Source: ServiceNow, inbound REST API rate limiting.
fn servicenow() -> ApiRateConfig {
    ApiRateConfig {
        initial_rate: 2.0,
        min_rate: 0.05,
        max_rate: 20.0,
        documented_limit_desc: Some(
            "Documented: rules per hour, set by the administrator of the instance, announced in X-RateLimit headers; \
             429. Guesses: all rates."
                .into(),
        ),
        max_cooldown: Duration::from_secs(65 * 60),
        // From memory, not checked against the documentation.
        pagination: Some(Pagination::link_header().items("result")),
        ..announced("servicenow", "", "")
    }
}

/// Source: docs.zapier.com.
fn zapier() -> ApiRateConfig {
    ApiRateConfig {
        max_rate: 20.0,
        default_cooldown: Some(Duration::from_secs(60)),
        // From memory, not checked against the documentation. The location of the items depends on the path.
        pagination: Some(Pagination::next_url("links.next")),
        ..quota(
            "zapier",
            "https://api.zapier.com",
            LimitConfig::per_minute(60.0),
            "60 requests a minute per IP address to api.zapier.com (150 per partner), a cooldown of 60 s after a 429. Hooks \
             (hooks.zapier.com) have other limits: create another configuration for them.",
        )
    }
}
