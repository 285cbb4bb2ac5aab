//! The table of dialects: one row for each vendor, with the source of each fact.
//!
//! A row contains only what the vendor documents or is known to send, and only what differs from `generic`. A
//! vendor without differences is in the table because a preset names it.

use std::time::Duration;

use super::dialect::{
    Cost, Dialect, Means, ReasonLocation, ReasonSource, Refusal, Scope, Sign, When,
};
use super::spent;
use crate::number::{MILLISECOND, SECOND};

/// Refusals by status: 429 is one everywhere (RFC 6585, section 4).
const BY_STATUS: &[(u16, Refusal)] = &[(429, Refusal::Limit)];

/// Short for the scope of everything.
const ALL: Scope = Scope::Everything;

/// Short for the scope of one endpoint.
const ONE: Scope = Scope::Endpoint;

/// Returns the sign of a refusal under these statuses.
const fn limit(statuses: &'static [u16], when: When) -> Sign {
    Sign {
        statuses,
        when,
        means: Means::Refused(Refusal::Limit),
        scope: None,
    }
}

/// Returns the sign of a refusal that the vendor counts by credential: everything that the client sends pauses.
const fn of_credential(statuses: &'static [u16], when: When) -> Sign {
    Sign {
        scope: Some(ALL),
        ..limit(statuses, when)
    }
}

/// Returns the sign, under any status, that a retry does not help.
const fn never(when: When) -> Sign {
    Sign {
        statuses: &[],
        when,
        means: Means::NeverAgain,
        scope: None,
    }
}

/// Returns a header that names the limit, and what its words mean.
const fn header(name: &'static str, scopes: &'static [(&'static str, Scope)]) -> ReasonSource {
    ReasonSource {
        place: ReasonLocation::Header(name),
        scopes,
    }
}

/// Returns a path in the body that names the limit, and what its words mean.
const fn body(path: &'static str, scopes: &'static [(&'static str, Scope)]) -> ReasonSource {
    ReasonSource {
        place: ReasonLocation::Body(path),
        scopes,
    }
}

/// A 503 that announces a wait is a refusal (Jira, Zendesk); one that does not may be an outage.
const UNAVAILABLE_FOR_A_WHILE: &[Sign] = &[limit(&[503], When::RetryAfter)];

/// Where any server may name the limit.
pub(super) const COMMON_REASONS: &[ReasonSource] = &[
    header("ratelimit-reason", &[]),
    header("x-ratelimit-reason", &[]),
    header("x-ratelimit-scope", &[]),
    header("ratelimit-name", &[]),
];

/// The dialect of servers whose vendor is unknown.
pub(super) const GENERIC: Dialect = Dialect {
    name: "generic",
    refusals: BY_STATUS,
    signs: &[],
    spent: &[],
    reasons: &[],
    least_wait: None,
    windows: &[],
    named_by: None,
    unnamed: None,
    shared: &["account", "global"],
    positions: &[],
    dropped: &[],
    markers: &[],
    time_unit: SECOND,
    cost: None,
};

/// Where responses of Shopify's GraphQL API describe their bucket, on errors and on successes.
const SHOPIFY_COST: Cost = Cost {
    requested: "extensions.cost.requestedQueryCost",
    maximum: "extensions.cost.throttleStatus.maximumAvailable",
    available: "extensions.cost.throttleStatus.currentlyAvailable",
    restored_per_second: "extensions.cost.throttleStatus.restoreRate",
};

/// All dialects, by name.
#[rustfmt::skip]
pub(super) static DIALECTS: &[Dialect] = &[
    // Must wait 30 s after a 429; no header (support.airtable.com, managing-api-call-limits).
    Dialect { name: "airtable", spent: spent::AIRTABLE, least_wait: Some(Duration::from_secs(30)), ..GENERIC },
    // `X-RateLimit-Next` (techdocs.akamai.com, rate limiting) is part of the grammar of names.
    Dialect { name: "akamai", ..GENERIC },
    // 529 `overloaded_error` is not the account's limit (docs.anthropic.com, errors).
    Dialect { name: "anthropic", spent: spent::ANTHROPIC, refusals: &[(429, Refusal::Limit), (529, Refusal::Overload)], ..GENERIC },
    Dialect { name: "asana", ..GENERIC },
    Dialect { name: "composio", ..GENERIC },
    // `X-RateLimit-Limit`, `-Period`, `-Remaining`, `-Reset` in seconds, `-Name` (docs.datadoghq.com, rate limits).
    Dialect { name: "datadog", named_by: Some("x-ratelimit-name"), ..GENERIC },
    // Buckets by hash; scopes user, global and shared (docs.discord.com, rate limits).
    Dialect {
        name: "discord",
        reasons: &[
            header("x-ratelimit-scope", &[("global", ALL), ("user", ONE), ("shared", ONE)]),
            header("x-ratelimit-global", &[("true", ALL)]),
            body("global", &[("true", ALL)]),
        ],
        named_by: Some("x-ratelimit-bucket"),
        ..GENERIC
    },
    // 420 when the errors of a minute are used up; newer routes refuse by 429 (developers.eveonline.com, error
    // limit and rate limiting).
    Dialect {
        name: "eve",
        refusals: &[(429, Refusal::Limit), (420, Refusal::Limit)],
        windows: &[("errors", 60)],
        shared: &["errors"],
        ..GENERIC
    },
    // Documents nothing but the 429 (Fieldguide's OpenAPI).
    Dialect { name: "fieldguide", ..GENERIC },
    GENERIC,
    // 403 or 429 with Retry-After; else remaining 0 and the reset; else a minute at least. GraphQL responds
    // with 200 and RATE_LIMITED. Search counts per minute, the rest per hour. The secondary limit is one for REST
    // and GraphQL together (docs.github.com, REST and GraphQL rate limits; octokit plugin-throttling looks for the
    // message).
    Dialect {
        name: "github",
        signs: &[
            limit(&[403], When::Exhausted),
            limit(&[403], When::RetryAfter),
            of_credential(&[403, 429], When::Contains("message", &["secondary rate", "abuse detection"])),
            limit(&[403], When::Contains("message", &["rate limit exceeded"])),
            limit(&[200, 403], When::Is("errors.*.type", &["RATE_LIMITED", "RATE_LIMIT"])),
            of_credential(&[200, 403, 429], When::Contains("errors.*.message", &["secondary rate limit"])),
        ],
        reasons: &[header("x-ratelimit-resource", &[])],
        least_wait: Some(Duration::from_secs(60)),
        windows: &[("", 3600), ("search", 60), ("code_search", 60)],
        named_by: Some("x-ratelimit-resource"),
        ..GENERIC
    },
    // HubSpot's dialect without the prefix (marketplace.gohighlevel.com, rate limits).
    Dialect { name: "gohighlevel", dropped: &["secondly"], ..GENERIC },
    // 403 with a reason that names a rate. Exhausted days and other 403s are not refusals by rate. Truncated
    // exponential backoff from 1 s (developers.google.com, Drive limits; cloud.google.com/storage, retry
    // strategy).
    Dialect {
        name: "google",
        spent: spent::GOOGLE,
        signs: &[
            limit(&[403], When::Is("error.errors.*.reason", &["userRateLimitExceeded", "rateLimitExceeded"])),
            limit(&[403], When::Is("error.details.*.reason", &["RATE_LIMIT_EXCEEDED", "RESOURCE_EXHAUSTED"])),
            limit(&[403], When::Is("error.status", &["RESOURCE_EXHAUSTED"])),
        ],
        reasons: &[body("error.errors.*.reason", &[]), body("error.status", &[])],
        least_wait: Some(Duration::from_secs(1)),
        ..GENERIC
    },
    // A rolling interval of 10 s beside the day; the secondly headers are deprecated (developers.hubspot.com,
    // usage details).
    Dialect { name: "hubspot", spent: spent::HUBSPOT, reasons: &[body("policyName", &[("TEN_SECONDLY", ALL)])], dropped: &["secondly"], ..GENERIC },
    // The quota of a minute is distributed in slices of 10 s (developers.intercom.com, rate limiting).
    Dialect { name: "intercom", windows: &[("", 10)], ..GENERIC },
    // The reason names the scope (developer.atlassian.com, Jira rate limiting).
    Dialect {
        name: "jira",
        signs: UNAVAILABLE_FOR_A_WHILE,
        reasons: &[header("ratelimit-reason", &[("jira-quota", ALL), ("jira-burst", ONE), ("jira-per-issue", ONE)])],
        ..GENERIC
    },
    // Windows are in the names: `-Second` to `-Month` (Kong rate-limiting plugin).
    Dialect { name: "kong", ..GENERIC },
    // 400 with RATELIMITED; resets in epoch milliseconds (linear.app/developers/rate-limiting).
    Dialect {
        name: "linear",
        signs: &[
            limit(&[200, 400], When::Is("errors.*.extensions.code", &["RATELIMITED"])),
            limit(&[200, 400], When::Is("errors.*.extensions.type", &["ratelimited"])),
        ],
        ..GENERIC
    },
    // Application errors have status 200; `retry_in_seconds` stands beside the code (developer.monday.com,
    // errors, rate limits).
    Dialect {
        name: "monday",
        spent: spent::MONDAY,
        signs: &[
            limit(
                &[200],
                When::Contains(
                    "errors.*.extensions.code",
                    &["BUDGET_EXHAUSTED", "LIMIT_EXCEEDED", "RATE_LIMIT", "CONCURRENCY"],
                ),
            ),
            limit(&[200], When::Is("error_code", &["ComplexityException", "maxConcurrencyExceeded"])),
        ],
        reasons: &[body("errors.*.extensions.code", &[])],
        ..GENERIC
    },
    // 429, 503 and 504 with Retry-After (learn.microsoft.com/graph/throttling).
    Dialect {
        name: "msgraph",
        signs: &[limit(&[503, 504], When::RetryAfter)],
        reasons: &[header("x-ms-throttle-scope", &[])],
        ..GENERIC
    },
    // 429 and 529 are handled alike. A blocked request, and a write that was saved, must not be retried
    // (developers.notion.com/reference/request-limits and errors).
    Dialect {
        name: "notion",
        spent: spent::NOTION,
        refusals: &[(429, Refusal::Limit), (529, Refusal::Limit)],
        signs: &[
            never(When::Contains("additional_data.retry_guidance.*", &["do not repeat"])),
            never(When::Contains("additional_data.retry_guidance", &["do not repeat"])),
        ],
        reasons: &[
            body(
                "additional_data.rate_limit_reason",
                &[("public_api_request_", ALL), ("public_api_space_", ALL), ("public_api_endpoint_", ONE)],
            ),
        ],
        ..GENERIC
    },
    // One-minute windows (developer.okta.com, rate limit best practices).
    Dialect { name: "okta", windows: &[("", 60)], ..GENERIC },
    // `insufficient_quota` is among the common signs of quotas; 503 is overload (platform.openai.com, error codes).
    Dialect { name: "openai", spent: spent::OPENAI, refusals: &[(429, Refusal::Limit), (503, Refusal::Overload)], ..GENERIC },
    // `RequestLimit-Default-Remaining`, `-RetryAfter` in milliseconds (docs.oracle.com, access governance rate limits).
    Dialect { name: "oracle", markers: &["requestlimit"], time_unit: MILLISECOND, ..GENERIC },
    // 960 a minute (support.pagerduty.com, rest-api-rate-limits).
    Dialect { name: "pagerduty", windows: &[("", 60)], ..GENERIC },
    // Resets are differences in milliseconds (developer.prisjakt.nu, rate limit).
    Dialect { name: "prisjakt", time_unit: MILLISECOND, ..GENERIC },
    Dialect { name: "reddit", ..GENERIC },
    // `count:window` lists; the type of a refusal names its scope (Riot API, rate limiting).
    Dialect {
        name: "riot",
        reasons: &[header("x-rate-limit-type", &[("application", ALL), ("method", ONE), ("service", ONE)])],
        ..GENERIC
    },
    // 403 with a code that other 403s do not have (developer.salesforce.com, API request limits).
    Dialect {
        name: "salesforce",
        spent: spent::SALESFORCE,
        signs: &[
            limit(&[403, 503], When::Is("errorCode", &["REQUEST_LIMIT_EXCEEDED"])),
            limit(&[403, 503], When::Is("error.errorCode", &["REQUEST_LIMIT_EXCEEDED"])),
        ],
        reasons: &[body("errorCode", &[])],
        ..GENERIC
    },
    // Rules count per hour and do not send what is left (ServiceNow, inbound REST rate limiting).
    Dialect { name: "servicenow", reasons: &[header("x-ratelimit-rule", &[])], windows: &[("", 3600)], ..GENERIC },
    // GraphQL responds with 200, THROTTLED and the state of its bucket. The wait is (cost - available) /
    // restore rate (shopify.dev, API limits).
    Dialect {
        name: "shopify",
        signs: &[limit(&[200], When::Is("errors.*.extensions.code", &["THROTTLED"]))],
        cost: Some(SHOPIFY_COST),
        ..GENERIC
    },
    // Errors have status 200 and `ok: false`, refusals 429 (docs.slack.dev, rate limits). Limits are per
    // method.
    Dialect {
        name: "slack",
        spent: spent::SLACK,
        signs: &[limit(&[200], When::Is("error", &["ratelimited", "rate_limited"]))],
        ..GENERIC
    },
    // Lists of a quarter of an hour and a day (developers.strava.com, rate limits).
    Dialect { name: "strava", positions: &[("15min", 900), ("daily", 86_400)], ..GENERIC },
    // `Stripe-Should-Retry` is read for every vendor; the reason names the scope
    // (docs.stripe.com/rate-limits).
    Dialect {
        name: "stripe",
        reasons: &[header("stripe-rate-limited-reason", &[("global", ALL), ("endpoint", ONE), ("resource", ONE)])],
        ..GENERIC
    },
    // Token and key each have a rolling interval (developer.atlassian.com, Trello rate limits).
    Dialect { name: "trello", ..GENERIC },
    // A concurrency limit without headers about time (twilio.com/docs/api/errors/20429).
    Dialect { name: "twilio", spent: spent::TWILIO, ..GENERIC },
    // No header; back off from 1 s (developer.vanta.com/docs/faq).
    Dialect { name: "vanta", least_wait: Some(Duration::from_secs(1)), ..GENERIC },
    // Windows of 15 minutes, and of a day under other names: `x-app-limit-24hour-remaining` (docs.x.com, rate
    // limits).
    Dialect { name: "x", spent: spent::X, windows: &[("", 900)], markers: &["app-limit", "user-limit"], ..GENERIC },
    Dialect { name: "zapier", ..GENERIC },
    // The account's limit beside those of endpoints; 503 with Retry-After (developer.zendesk.com, rate
    // limits).
    Dialect { name: "zendesk", signs: UNAVAILABLE_FOR_A_WHILE, unnamed: Some("account"), ..GENERIC },
];
