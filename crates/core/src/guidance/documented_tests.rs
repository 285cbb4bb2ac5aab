//! Responses as RFCs, drafts and vendors' documentation describe them, each with its source.
//!
//! Every row is one response at 2026-01-01T00:00:00Z by the client's clock, and its meaning: the wait, and
//! limit, remaining, window and time until the reset of the binding limit, in seconds.

use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use super::{Profile, read};

/// 2026-01-01T00:00:00Z in seconds.
const NOW: u64 = 1_767_225_600;

type Seconds = Option<f64>;

/// Wait, limit, remaining, window, time until the reset.
type Meaning = (Seconds, Option<u64>, Option<u64>, Seconds, Seconds);

/// Source, profile, status, header lines, body.
type Row = (
    &'static str,
    &'static str,
    u16,
    &'static [&'static str],
    &'static str,
    Meaning,
);

const NOTHING: Meaning = (None, None, None, None, None);

const fn wait(seconds: f64) -> Meaning {
    (Some(seconds), None, None, None, Some(seconds))
}

#[rustfmt::skip]
const ROWS: &[Row] = &[
    // Retry-After
    ("RFC 9110, 10.2.3: seconds", "generic", 503, &["retry-after: 120"], "", wait(120.0)),
    ("RFC 9110, 5.6.7: IMF-fixdate", "generic", 429, &["retry-after: Thu, 01 Jan 2026 00:00:45 GMT"], "", wait(45.0)),
    ("RFC 9110, 5.6.7: RFC 850", "generic", 429, &["retry-after: Thursday, 01-Jan-26 00:01:30 GMT"], "", wait(90.0)),
    ("RFC 9110, 5.6.7: asctime, one digit", "generic", 429, &["retry-after: Thu Jan  1 00:00:20 2026"], "", wait(20.0)),
    ("one digit and no blank in front", "generic", 429, &["retry-after: Thu, 1 Jan 2026 00:00:20 GMT"], "", wait(20.0)),
    ("all in lower case", "generic", 429, &["retry-after: thu, 01 jan 2026 00:02:00 gmt"], "", wait(120.0)),
    ("RFC 9110, 10.2.3 with a skewed Date", "generic", 429, &["date: Thu, 01 Jan 2026 01:00:00 GMT", "retry-after: Thu, 01 Jan 2026 01:00:15 GMT"], "", wait(15.0)),
    ("a difference needs no Date", "generic", 429, &["date: Thu, 01 Jan 2026 01:00:00 GMT", "retry-after: 15"], "", wait(15.0)),
    ("RFC 3339 with an offset", "generic", 429, &["retry-after: 2026-01-01T02:00:07.5+02:00"], "", wait(7.5)),
    ("RFC 3339, lower case, nine digits", "generic", 429, &["retry-after: 2026-01-01t00:00:01.000000001z"], "", wait(1.000_000_001)),
    ("two proxies, two lines", "generic", 429, &["retry-after: 3", "retry-after: 40"], "", wait(40.0)),
    ("RFC 9110, 5.3: lines combined", "generic", 429, &["retry-after: 3, 40"], "", wait(40.0)),
    ("two dates combined", "generic", 429, &["retry-after: Thu, 01 Jan 2026 00:00:10 GMT, Thu, 01 Jan 2026 00:00:20 GMT"], "", wait(20.0)),
    ("surrounded by blanks", "generic", 429, &["retry-after: \t 9 \t "], "", wait(9.0)),
    ("shopify.dev: 2.0", "shopify", 429, &["retry-after: 2.0"], "", wait(2.0)),
    ("more digits than any number has", "generic", 429, &["retry-after: 99999999999999999999999999999999999999999999"], "", wait(2_147_483_648.0)),
    ("nothing but a sign", "generic", 429, &["retry-after: -"], "", NOTHING),
    ("hexadecimal", "generic", 429, &["retry-after: 0x10"], "", NOTHING),
    ("an exponent", "generic", 429, &["retry-after: 1e9"], "", NOTHING),
    ("a thousands separator is a list", "generic", 429, &["retry-after: 1,000"], "", wait(1.0)),
    ("a date of the past is now", "generic", 429, &["retry-after: Wed, 31 Dec 2025 23:59:59 GMT"], "", wait(0.0)),
    ("no such day", "generic", 429, &["retry-after: Mon, 30 Feb 2026 00:00:00 GMT"], "", NOTHING),
    // Headers similar to Retry-After
    ("Azure OpenAI: retry-after-ms beside seconds", "generic", 429, &["retry-after: 2", "retry-after-ms: 1250"], "", wait(1.25)),
    ("Azure Cosmos DB: x-ms-retry-after-ms", "generic", 429, &["x-ms-retry-after-ms: 9"], "", wait(0.009)),
    ("Okta, Kong and others: X-RateLimit-Retry-After", "generic", 429, &["x-ratelimit-retry-after: 17"], "", wait(17.0)),
    // X-RateLimit and similar headers
    ("docs.github.com: epoch seconds", "github", 403, &["x-ratelimit-limit: 60", "x-ratelimit-remaining: 0", "x-ratelimit-used: 60", "x-ratelimit-reset: 1767227400", "x-ratelimit-resource: core"], "", (Some(1800.0), Some(60), Some(0), Some(3600.0), Some(1800.0))),
    ("docs.x.com: x-rate-limit-*, epoch seconds", "x", 429, &["x-rate-limit-limit: 900", "x-rate-limit-remaining: 0", "x-rate-limit-reset: 1767226000"], "", (Some(400.0), Some(900), Some(0), Some(900.0), Some(400.0))),
    ("docs.datadoghq.com: a period and a delta", "datadog", 429, &["x-ratelimit-limit: 300", "x-ratelimit-period: 3600", "x-ratelimit-remaining: 0", "x-ratelimit-reset: 1200", "x-ratelimit-name: logs_public_search_api"], "", (Some(1200.0), Some(300), Some(0), Some(3600.0), Some(1200.0))),
    ("linear.app: epoch milliseconds", "linear", 200, &["x-ratelimit-requests-limit: 2500", "x-ratelimit-requests-remaining: 2499", "x-ratelimit-requests-reset: 1767229200000"], "", (None, Some(2500), Some(2499), None, Some(3600.0))),
    ("microseconds", "generic", 429, &["x-ratelimit-limit: 5", "x-ratelimit-remaining: 0", "x-ratelimit-reset: 1767225607000000"], "", (Some(7.0), Some(5), Some(0), None, Some(7.0))),
    ("nanoseconds", "generic", 429, &["x-ratelimit-limit: 5", "x-ratelimit-remaining: 0", "x-ratelimit-reset: 1767225607500000000"], "", (Some(7.5), Some(5), Some(0), None, Some(7.5))),
    ("discord docs: float epoch", "discord", 429, &["x-ratelimit-limit: 5", "x-ratelimit-remaining: 0", "x-ratelimit-reset: 1767225601.250"], "", (Some(1.25), Some(5), Some(0), None, Some(1.25))),
    ("discord docs: reset-after", "discord", 429, &["x-ratelimit-limit: 5", "x-ratelimit-remaining: 0", "x-ratelimit-reset: 1767225609", "x-ratelimit-reset-after: 0.75"], "", (Some(0.75), Some(5), Some(0), None, Some(0.75))),
    ("developer.atlassian.com: ISO 8601 without seconds", "jira", 429, &["x-ratelimit-limit: 350", "x-ratelimit-remaining: 0", "x-ratelimit-reset: 2026-01-01T00:05Z"], "", (Some(300.0), Some(350), Some(0), None, Some(300.0))),
    ("platform.openai.com: Go durations", "openai", 429, &["x-ratelimit-limit-requests: 60", "x-ratelimit-remaining-requests: 0", "x-ratelimit-reset-requests: 1m30.5s"], "", (Some(90.5), Some(60), Some(0), None, Some(90.5))),
    ("pkg.go.dev/time: hours, micro sign", "generic", 429, &["x-ratelimit-limit: 1", "x-ratelimit-remaining: 0", "x-ratelimit-reset: 1h0m2.5s"], "", (Some(3602.5), Some(1), Some(0), None, Some(3602.5))),
    ("docs.anthropic.com: RFC 3339", "anthropic", 429, &["anthropic-ratelimit-requests-limit: 50", "anthropic-ratelimit-requests-remaining: 0", "anthropic-ratelimit-requests-reset: 2026-01-01T00:00:11Z"], "", (Some(11.0), Some(50), Some(0), None, Some(11.0))),
    ("docs.gitlab.com: RateLimit-Reset as an epoch, RateLimit-ResetTime beside it", "generic", 429, &["ratelimit-limit: 60", "ratelimit-name: throttle_authenticated_web", "ratelimit-observed: 67", "ratelimit-remaining: 0", "ratelimit-reset: 1767225630", "ratelimit-resettime: Thu, 01 Jan 2026 00:00:30 GMT"], "", (Some(30.0), Some(60), Some(0), None, Some(30.0))),
    ("dev.twitch.tv: Ratelimit-* as epochs", "generic", 429, &["ratelimit-limit: 800", "ratelimit-remaining: 0", "ratelimit-reset: 1767225612"], "", (Some(12.0), Some(800), Some(0), None, Some(12.0))),
    ("support.pagerduty.com: delta seconds", "pagerduty", 429, &["ratelimit-limit: 960", "ratelimit-remaining: 0", "ratelimit-reset: 42"], "", (Some(42.0), Some(960), Some(0), Some(60.0), Some(42.0))),
    ("docs.konghq.com: windows in names", "generic", 429, &["x-ratelimit-limit-minute: 10", "x-ratelimit-remaining-minute: 0", "ratelimit-limit: 10", "ratelimit-remaining: 0", "ratelimit-reset: 27"], "", (Some(27.0), Some(10), Some(0), Some(60.0), Some(27.0))),
    ("developers.hubspot.com: interval and day", "hubspot", 200, &["x-hubspot-ratelimit-max: 100", "x-hubspot-ratelimit-remaining: 97", "x-hubspot-ratelimit-interval-milliseconds: 10000"], "", (None, Some(100), Some(97), Some(10.0), None)),
    ("shopify.dev: used of all", "shopify", 200, &["x-shopify-shop-api-call-limit: 39/40"], "", (None, Some(40), Some(1), None, None)),
    ("reddit wiki: floats", "reddit", 200, &["x-ratelimit-used: 4", "x-ratelimit-remaining: 96.0", "x-ratelimit-reset: 500"], "", (None, Some(100), Some(96), None, Some(500.0))),
    ("by the server's own Date (developer.okta.com)", "okta", 429, &["date: Wed, 31 Dec 2025 23:50:00 GMT", "x-rate-limit-limit: 600", "x-rate-limit-remaining: 0", "x-rate-limit-reset: 1767225050"], "", (Some(50.0), Some(600), Some(0), Some(60.0), Some(50.0))),
    ("developer.zendesk.com: an endpoint's own", "zendesk", 429, &["zendesk-ratelimit-tickets-index: total=100; remaining=0; resets=41"], "", (Some(41.0), Some(100), Some(0), None, Some(41.0))),
    ("docs.klaviyo.com: draft 03 with two windows", "generic", 200, &["ratelimit-limit: 10, 10;w=1, 150;w=60", "ratelimit-remaining: 9", "ratelimit-reset: 1"], "", (None, Some(10), Some(9), Some(1.0), Some(1.0))),
    ("envoyproxy.io: draft 03 in X-", "generic", 429, &["x-ratelimit-limit: 10, 10;w=60;name=\"a,b\"", "x-ratelimit-remaining: 0", "x-ratelimit-reset: 48"], "", (Some(48.0), Some(10), Some(0), Some(60.0), Some(48.0))),
    ("a name with words run together", "generic", 429, &["x-ratelimitlimit: 20", "x-ratelimitremaining: 0", "x-ratelimitreset: 8"], "", (Some(8.0), Some(20), Some(0), None, Some(8.0))),
    ("dev.wix.com and others: underscores", "generic", 429, &["x_ratelimit_limit: 20", "x_ratelimit_remaining: 0", "x_ratelimit_reset: 8"], "", (Some(8.0), Some(20), Some(0), None, Some(8.0))),
    ("quoted numbers", "generic", 429, &["x-ratelimit-limit: \"20\"", "x-ratelimit-remaining: \"0\"", "x-ratelimit-reset: \"8\""], "", (Some(8.0), Some(20), Some(0), None, Some(8.0))),
    ("RFC 9111, 5.1: from a cache", "generic", 200, &["age: 30", "x-ratelimit-limit: 20", "x-ratelimit-remaining: 0", "x-ratelimit-reset: 8"], "", NOTHING),
    ("a negative rest is not said", "generic", 429, &["x-ratelimit-limit: 20", "x-ratelimit-remaining: -3", "x-ratelimit-reset: 8"], "", (Some(8.0), Some(20), None, None, Some(8.0))),
    ("another limit was hit than the one described", "generic", 429, &["x-ratelimit-limit: 20", "x-ratelimit-remaining: 19", "x-ratelimit-reset: 3000"], "", (None, Some(20), Some(19), None, Some(3000.0))),
    // The IETF's fields
    ("draft 07", "generic", 429, &["ratelimit-policy: 10;w=30", "ratelimit: limit=10, remaining=0, reset=21"], "", (Some(21.0), Some(10), Some(0), Some(30.0), Some(21.0))),
    ("draft 10, 3: two policies", "generic", 429, &["ratelimit-policy: \"burst\";q=100;w=60,\"daily\";q=1000;w=86400", "ratelimit: \"burst\";r=0;t=30,\"daily\";r=900;t=4000"], "", (Some(30.0), Some(100), Some(0), Some(60.0), Some(30.0))),
    ("draft 10: two lines are one list", "generic", 200, &["ratelimit-policy: \"a\";q=100;w=60", "ratelimit-policy: \"b\";q=10;w=1", "ratelimit: \"a\";r=70;t=30", "ratelimit: \"b\";r=3;t=1"], "", (None, Some(10), Some(3), Some(1.0), Some(1.0))),
    ("draft 10: a partition key, RFC 9651 bytes", "generic", 429, &["ratelimit-policy: \"peruser\";q=100;w=60;pk=:cHNldWRv:", "ratelimit: \"peruser\";r=0;t=5;pk=:cHNldWRv:"], "", (Some(5.0), Some(100), Some(0), Some(60.0), Some(5.0))),
    ("draft 10: t is optional, the window bounds it", "generic", 200, &["ratelimit-policy: \"a\";q=100;w=60", "ratelimit: \"a\";r=70"], "", (None, Some(100), Some(70), Some(60.0), None)),
    ("RFC 9651, 4.2: malformed fields are ignored whole", "generic", 200, &["ratelimit: \"a\";r=70;t=", "ratelimit-policy: \"a\";q=;w=60"], "", NOTHING),
    ("draft 10: Retry-After wins", "generic", 429, &["retry-after: 7", "ratelimit: \"a\";r=0;t=60"], "", (Some(7.0), None, Some(0), None, Some(60.0))),
    // Bodies
    ("developers.notion.com: additional_data", "notion", 429, &[], r#"{"object":"error","status":429,"code":"rate_limited","additional_data":{"retry_after":"12"}}"#, wait(12.0)),
    ("google.rpc.RetryInfo", "google", 429, &[], r#"{"error":{"code":429,"details":[{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"3.5s"}]}}"#, wait(3.5)),
    ("discord docs: a float", "discord", 429, &[], r#"{"message":"You are being rate limited.","retry_after":64.57,"global":false}"#, wait(64.57)),
    ("core.telegram.org: parameters.retry_after", "generic", 429, &[], r#"{"ok":false,"error_code":429,"parameters":{"retry_after":35}}"#, wait(35.0)),
    ("developer.monday.com: 200 with errors", "monday", 200, &[], r#"{"errors":[{"message":"Complexity budget exhausted","extensions":{"code":"COMPLEXITY_BUDGET_EXHAUSTED","retry_in_seconds":14}}]}"#, wait(14.0)),
    ("shopify.dev: 200, THROTTLED, cost", "shopify", 200, &[], r#"{"errors":[{"message":"Throttled","extensions":{"code":"THROTTLED"}}],"extensions":{"cost":{"requestedQueryCost":202,"throttleStatus":{"maximumAvailable":1000,"currentlyAvailable":102,"restoreRate":50}}}}"#, (Some(2.0), Some(1000), Some(102), None, Some(2.0))),
    ("a wait in a body that refuses nothing", "generic", 200, &[], r#"{"retry_after":35}"#, NOTHING),
    ("a body that breaks off inside the number", "generic", 429, &[], r#"{"retry_after":3"#, NOTHING),
    ("a nest of 10,000 lists", "generic", 429, &[], "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[", NOTHING),
    // Spellings of single vendors, read without a profile
    ("contentful.com/developers: hour and second", "generic", 429, &["x-contentful-ratelimit-hour-limit: 36000", "x-contentful-ratelimit-hour-remaining: 35000", "x-contentful-ratelimit-second-limit: 10", "x-contentful-ratelimit-second-remaining: 0", "x-contentful-ratelimit-reset: 1"], "", (Some(1.0), Some(10), Some(0), Some(1.0), Some(1.0))),
    ("developer.bigcommerce.com: left, quota, time-window-ms", "generic", 429, &["x-rate-limit-requests-left: 0", "x-rate-limit-requests-quota: 150", "x-rate-limit-time-window-ms: 30000", "x-rate-limit-time-reset-ms: 3500"], "", (Some(3.5), Some(150), Some(0), Some(30.0), Some(3.5))),
    ("developers.freshdesk.com: total", "generic", 200, &["x-ratelimit-total: 3000", "x-ratelimit-remaining: 2999", "x-ratelimit-used-currentrequest: 1"], "", (None, Some(3000), Some(2999), None, None)),
    ("docs.docker.com: the window beside both numbers", "generic", 200, &["ratelimit-limit: 100;w=21600", "ratelimit-remaining: 76;w=21600", "docker-ratelimit-source: 192.0.2.1"], "", (None, Some(100), Some(76), Some(21600.0), None)),
    ("open-platform.theguardian.com: a day in lower case", "generic", 200, &["x-ratelimit-limit-day: 500", "x-ratelimit-remaining-day: 499"], "", (None, Some(500), Some(499), Some(86400.0), None)),
    ("docs.rapidapi.com: the word limit twice", "generic", 429, &["x-ratelimit-rapid-free-plans-hard-limit-limit: 500000", "x-ratelimit-rapid-free-plans-hard-limit-remaining: 0", "x-ratelimit-rapid-free-plans-hard-limit-reset: 90"], "", (Some(90.0), Some(500_000), Some(0), None, Some(90.0))),
    ("docs.mapbox.com: interval in seconds, epoch", "generic", 429, &["x-rate-limit-interval: 60", "x-rate-limit-limit: 300", "x-rate-limit-reset: 1767225610"], "", (Some(10.0), Some(300), None, Some(60.0), Some(10.0))),
    ("developer.vimeo.com: RFC 3339 with +00:00", "generic", 429, &["x-ratelimit-limit: 100", "x-ratelimit-remaining: 0", "x-ratelimit-reset: 2026-01-01T00:01:00+00:00"], "", (Some(60.0), Some(100), Some(0), None, Some(60.0))),
    ("Go's time.String", "generic", 429, &["x-ratelimit-limit: 100", "x-ratelimit-remaining: 0", "x-ratelimit-reset: 2026-01-01 00:00:30.25 +0000 UTC"], "", (Some(30.25), Some(100), Some(0), None, Some(30.25))),
    ("an HTTP date as reset", "generic", 429, &["x-ratelimit-limit: 100", "x-ratelimit-remaining: 0", "x-ratelimit-reset: Thu, 01 Jan 2026 00:00:30 GMT"], "", (Some(30.0), Some(100), Some(0), None, Some(30.0))),
    ("seconds until the reset", "generic", 429, &["x-ratelimit-limit: 100", "x-ratelimit-remaining: 0", "x-ratelimit-reset-in: 11"], "", (Some(11.0), Some(100), Some(0), None, Some(11.0))),
    ("reset in milliseconds by its name", "generic", 429, &["x-rate-limit-limit: 100", "x-rate-limit-remaining: 0", "x-rate-limit-reset-ms: 1500"], "", (Some(1.5), Some(100), Some(0), None, Some(1.5))),
    ("developers.strava.com: a quarter of an hour and a day", "generic", 200, &["x-ratelimit-limit: 200,2000", "x-ratelimit-usage: 12,100"], "", (None, Some(200), Some(188), None, None)),
    ("unlimited", "generic", 200, &["x-ratelimit-limit: unlimited", "x-ratelimit-remaining: unlimited"], "", NOTHING),
    ("the same line twice", "generic", 429, &["x-ratelimit-limit: 100", "x-ratelimit-limit: 100", "x-ratelimit-remaining: 0", "x-ratelimit-remaining: 0", "x-ratelimit-reset: 9", "x-ratelimit-reset: 9"], "", (Some(9.0), Some(100), Some(0), None, Some(9.0))),
    ("the gateway's limit beside the server's", "generic", 429, &["x-ratelimit-limit: 100", "x-ratelimit-remaining: 40", "x-ratelimit-reset: 50", "ratelimit-limit: 10", "ratelimit-remaining: 0", "ratelimit-reset: 3"], "", (Some(3.0), Some(10), Some(0), None, Some(3.0))),
    ("a reset in the year 57970", "generic", 429, &["x-ratelimit-limit: 100", "x-ratelimit-remaining: 0", "x-ratelimit-reset: 99999999999"], "", (None, Some(100), Some(0), None, None)),
    ("a limit beyond 64 bits", "generic", 200, &["x-ratelimit-limit: 99999999999999999999", "x-ratelimit-remaining: 5"], "", (None, Some(u64::MAX), Some(5), None, None)),
    ("RFC 9111, 5.1: Age of 0 is fresh", "generic", 429, &["age: 0", "x-ratelimit-limit: 20", "x-ratelimit-remaining: 0", "x-ratelimit-reset: 8"], "", (Some(8.0), Some(20), Some(0), None, Some(8.0))),
    ("Age that is no number", "generic", 429, &["age: old", "x-ratelimit-limit: 20", "x-ratelimit-remaining: 0", "x-ratelimit-reset: 8"], "", (Some(8.0), Some(20), Some(0), None, Some(8.0))),
    ("a Date in RFC 850's form", "generic", 429, &["date: Thursday, 01-Jan-26 00:10:00 GMT", "x-ratelimit-limit: 20", "x-ratelimit-remaining: 0", "x-ratelimit-reset: 1767226210"], "", (Some(10.0), Some(20), Some(0), None, Some(10.0))),
    // The IETF's fields, continued
    ("draft 07 with a quoted parameter of its own", "generic", 429, &["ratelimit: limit=10, remaining=0, reset=21, policy=\"a, b\""], "", (Some(21.0), Some(10), Some(0), None, Some(21.0))),
    ("draft 05: a comment on the policy", "generic", 200, &["ratelimit-limit: 12", "ratelimit-policy: 12;w=3600;comment=\"hourly, per key\"", "ratelimit-remaining: 11", "ratelimit-reset: 50"], "", (None, Some(12), Some(11), Some(3600.0), Some(50.0))),
    ("draft 10: bytes are no requests", "generic", 429, &["ratelimit-policy: \"a\";q=65535;w=10;qu=\"content-bytes\", \"b\";q=5;w=10", "ratelimit: \"a\";r=0;t=9, \"b\";r=4;t=2"], "", (Some(9.0), Some(65_535), Some(0), Some(10.0), Some(9.0))),
    ("RFC 9651: blanks around, an inner list is no item", "generic", 429, &["ratelimit:   \"a\" ;r=0; t=4  "], "", NOTHING),
    ("RFC 9651, 3.3.1: at most 15 digits", "generic", 200, &["ratelimit: \"a\";r=1234567890123456;t=1"], "", NOTHING),
    // Refusals hidden in bodies
    ("developer.salesforce.com: 403, a list", "salesforce", 403, &[], r#"[{"message":"TotalRequests Limit exceeded.","errorCode":"REQUEST_LIMIT_EXCEEDED"}]"#, NOTHING),
    ("developers.google.com: 403 with a wait beside", "google", 403, &["retry-after: 6"], r#"{"error":{"errors":[{"domain":"usageLimits","reason":"userRateLimitExceeded"}],"code":403}}"#, wait(6.0)),
    ("linear.app: 400", "linear", 400, &["x-ratelimit-requests-limit: 2500", "x-ratelimit-requests-remaining: 0", "x-ratelimit-requests-reset: 1767225660000"], r#"{"errors":[{"message":"Rate limit exceeded","extensions":{"code":"RATELIMITED"}}]}"#, (Some(60.0), Some(2500), Some(0), None, Some(60.0))),
    ("docs.github.com: GraphQL, 200", "github", 200, &["x-ratelimit-limit: 5000", "x-ratelimit-remaining: 0", "x-ratelimit-reset: 1767225700", "x-ratelimit-resource: graphql"], r#"{"errors":[{"type":"RATE_LIMITED","message":"API rate limit exceeded"}]}"#, (Some(100.0), Some(5000), Some(0), Some(3600.0), Some(100.0))),
    ("RFC 9457 with violated-policies (draft 10, 7)", "generic", 429, &["ratelimit-policy: \"a\";q=100;w=60, \"b\";q=9;w=9", "ratelimit: \"a\";r=1;t=30, \"b\";r=2;t=4"], r#"{"type":"https://iana.org/assignments/http-problem-types#quota-exceeded","violated-policies":["b"]}"#, (Some(4.0), Some(100), Some(1), Some(60.0), Some(30.0))),
    ("milliseconds by the key's name", "generic", 429, &[], r#"{"retryAfterMs":1500}"#, wait(1.5)),
    ("a wait that overflows", "generic", 429, &[], r#"{"retry_after":1e400}"#, NOTHING),
    ("a wait below zero", "generic", 429, &[], r#"{"retry_after":-5}"#, NOTHING),
    ("the longest of several", "generic", 429, &[], r#"{"a":{"retry_after":3},"b":[{"retryAfter":"8"}]}"#, wait(8.0)),
    ("developer-docs.amazon.com/sp-api: requests per second are no count", "generic", 200, &["x-amzn-ratelimit-limit: 0.0167"], "", NOTHING),
    ("developer-docs.amazon.com/sp-api: a whole rate", "generic", 200, &["x-amzn-ratelimit-limit: 5.0"], "", (None, Some(5), None, None, None)),
    ("docs.developer.yelp.com: what is left of the day", "generic", 429, &["ratelimit-dailylimit: 500", "ratelimit-remaining: 0", "ratelimit-resettime: 2026-01-02T00:00:00+00:00"], "", (Some(86_400.0), Some(500), Some(0), Some(86_400.0), Some(86_400.0))),
    ("docs.developer.yelp.com: and of a resource beside it", "generic", 200, &["ratelimit-dailylimit: 500", "ratelimit-remaining: 7", "ratelimit-resourcedailylimit: 100", "ratelimit-resourceremaining: 9", "ratelimit-resettime: 2026-01-02T00:00:00+00:00"], "", (None, Some(500), Some(7), Some(86_400.0), Some(86_400.0))),
    ("a rest with a window of its own is of another limit", "generic", 200, &["x-ratelimit-daily-limit: 500", "x-ratelimit-remaining: 7", "x-ratelimit-window: 60"], "", (None, None, Some(7), Some(60.0), None)),
    ("Spring Cloud Gateway, RedisRateLimiter: the burst's rest", "generic", 429, &["x-ratelimit-remaining: 0", "x-ratelimit-requested-tokens: 1", "x-ratelimit-burst-capacity: 20", "x-ratelimit-replenish-rate: 10"], "", (None, Some(20), Some(0), None, None)),
    ("developer.gocardless.com/bank-account-data: underscores and a scope", "generic", 429, &["http_x_ratelimit_limit: 100", "http_x_ratelimit_remaining: 99", "http_x_ratelimit_reset: 59", "http_x_ratelimit_account_success_limit: 4", "http_x_ratelimit_account_success_remaining: 0", "http_x_ratelimit_account_success_reset: 86000"], "", (Some(86_000.0), Some(4), Some(0), None, Some(86_000.0))),
    ("underscores in the marker too", "generic", 429, &["x_rate_limit_limit: 20", "x_rate_limit_remaining: 0", "x_rate_limit_reset: 8"], "", (Some(8.0), Some(20), Some(0), None, Some(8.0))),
    ("learn.microsoft.com, Azure compute throttling: limits named in the line", "generic", 429, &["retry-after: 45", "x-ms-ratelimit-remaining-resource: Microsoft.Compute/HighCostGet3Min;46,Microsoft.Compute/HighCostGet30Min;0"], "", (Some(45.0), None, Some(0), None, Some(45.0))),
    ("Go's time.String of a measured time", "generic", 429, &["x-ratelimit-limit: 100", "x-ratelimit-remaining: 0", "x-ratelimit-reset: 2026-01-01 00:00:30 +0000 UTC m=+60.000123"], "", (Some(30.0), Some(100), Some(0), None, Some(30.0))),
    ("a window in minutes by its name", "generic", 200, &["x-ratelimit-limit: 100", "x-ratelimit-remaining: 5", "x-ratelimit-window-minutes: 15"], "", (None, Some(100), Some(5), Some(900.0), None)),
    ("a wait in minutes by its name", "generic", 429, &["x-ratelimit-retry-after-minutes: 2"], "", wait(120.0)),
    ("RFC 9651, 3.2 and 4.2: a dictionary over two lines", "generic", 429, &["ratelimit: limit=100, remaining=0", "ratelimit: reset=5"], "", (Some(5.0), Some(100), Some(0), None, Some(5.0))),
    ("a line that is spoilt takes nothing from the one before", "generic", 429, &["ratelimit: limit=100, remaining=0, reset=5", "ratelimit: limit=x"], "", (Some(5.0), Some(100), Some(0), None, Some(5.0))),
    ("RFC 8259, 8.1: a byte order mark", "generic", 429, &[], "\u{feff}{\"retry_after\":5}", wait(5.0)),
    ("a unit behind the body's key", "generic", 429, &[], r#"{"retry_after_secs":5}"#, wait(5.0)),
    ("minutes behind the body's key", "generic", 429, &[], r#"{"retryAfterInMinutes":2}"#, wait(120.0)),
    ("a body's key that is about something else", "generic", 429, &[], r#"{"retry_after_hint":5,"retryable":1,"retry_ind":1}"#, NOTHING),
    ("a cousin in milliseconds", "generic", 429, &["x-retry-after-ms: 1500", "retry-after: 2"], "", wait(1.5)),
    ("a cousin with its unit", "generic", 429, &["retry-after-seconds: 8"], "", wait(8.0)),
    ("a cousin of another vendor", "generic", 429, &["x-acme-retry-after: 8", "x-retry-after: 3"], "", wait(8.0)),
    ("developer.atlassian.com: Beta- is not enforced", "jira", 429, &["beta-retry-after: 50", "x-beta-retry-after-ms: 50"], "", NOTHING),
    ("names about something else", "generic", 429, &["x-noretry-after: 8", "retry-after-policy: 8", "retry-afterwards: 8"], "", NOTHING),
    ("docs.konghq.com: a year", "kong", 429, &["x-ratelimit-limit-year: 1000", "x-ratelimit-remaining-year: 10"], "", (None, Some(1000), Some(10), Some(31_536_000.0), None)),
    ("bucket4j-spring-boot-starter: a unit behind the wait", "generic", 429, &["x-rate-limit-remaining: 0", "x-rate-limit-retry-after-milliseconds: 8500"], "", (Some(8.5), None, Some(0), None, Some(8.5))),
    // Servers and gateways by their source, and more vendors by their documentation
    ("flask-limiter.readthedocs.io: Retry-After on every answer", "generic", 200, &["x-ratelimit-limit: 5", "x-ratelimit-remaining: 4", "x-ratelimit-reset: 1767225642", "retry-after: 42"], "", (Some(42.0), Some(5), Some(4), None, Some(42.0))),
    ("koa-ratelimit: Total", "generic", 429, &["rate-limit-total: 100", "rate-limit-remaining: 0", "rate-limit-reset: 1767225660"], "", (Some(60.0), Some(100), Some(0), None, Some(60.0))),
    ("hapi-rate-limit: words run together, milliseconds", "generic", 429, &["x-ratelimit-pathlimit: 50", "x-ratelimit-pathremaining: 0", "x-ratelimit-pathreset: 1767225660000", "x-ratelimit-userlimit: 300", "x-ratelimit-userremaining: 299", "x-ratelimit-userreset: 1767225700000"], "", (Some(60.0), Some(50), Some(0), None, Some(60.0))),
    ("nestjs/throttler: named throttlers", "generic", 429, &["x-ratelimit-limit-short: 3", "x-ratelimit-remaining-short: 0", "x-ratelimit-reset-short: 1", "x-ratelimit-limit-long: 100", "x-ratelimit-remaining-long: 90", "x-ratelimit-reset-long: 60"], "", (Some(1.0), Some(3), Some(0), None, Some(1.0))),
    ("learn.microsoft.com, API Management policies", "generic", 429, &["retry-after: 12", "x-ratelimit-remaining-calls: 0", "x-ratelimit-total-calls: 10"], "", (Some(12.0), Some(10), Some(0), None, Some(12.0))),
    ("api.crossref.org: an interval with its unit", "generic", 200, &["x-rate-limit-limit: 50", "x-rate-limit-interval: 1s"], "", (None, Some(50), None, Some(1.0), None)),
    ("docs.mistral.ai: a minute behind the dimension", "generic", 429, &["x-ratelimit-limit-req-minute: 60", "x-ratelimit-remaining-req-minute: 0", "x-ratelimit-limit-tokens-minute: 500000", "x-ratelimit-remaining-tokens-minute: 499000", "x-ratelimit-tokens-query-cost: 12"], "", (None, Some(60), Some(0), Some(60.0), None)),
    ("console.groq.com: the tokens' limit is the one that was hit", "generic", 429, &["retry-after: 2", "x-ratelimit-limit-requests: 14400", "x-ratelimit-limit-tokens: 18000", "x-ratelimit-remaining-requests: 14370", "x-ratelimit-remaining-tokens: 0", "x-ratelimit-reset-requests: 2m59.56s", "x-ratelimit-reset-tokens: 7.66s"], "", (Some(2.0), Some(18_000), Some(0), None, Some(7.66))),
    ("developer.surveymonkey.com: the app's day and minute", "generic", 429, &["x-ratelimit-app-global-day-limit: 500", "x-ratelimit-app-global-day-remaining: 0", "x-ratelimit-app-global-day-reset: 3600", "x-ratelimit-app-global-minute-limit: 120", "x-ratelimit-app-global-minute-remaining: 119", "x-ratelimit-app-global-minute-reset: 20"], "", (Some(3600.0), Some(500), Some(0), Some(86_400.0), Some(3600.0))),
    ("dev.frontapp.com: a burst's limit beside it", "generic", 429, &["retry-after: 20", "x-ratelimit-limit: 50", "x-ratelimit-remaining: 0", "x-ratelimit-reset: 1767225620.123", "x-ratelimit-burst-limit: 25", "x-ratelimit-burst-remaining: 25"], "", (Some(20.0), Some(50), Some(0), None, Some(20.123))),
    ("developer.zendesk.com: the endpoint's limit, the account's beside it", "zendesk", 429, &["retry-after: 41", "zendesk-ratelimit-tickets-index: total=100; remaining=0; resets=41", "x-rate-limit: 700", "x-rate-limit-remaining: 500"], "", (Some(41.0), Some(100), Some(0), None, Some(41.0))),
    ("developers.zoom.us: a date of RFC 3339 in Retry-After", "generic", 429, &["x-ratelimit-category: Light", "x-ratelimit-type: Per-second-limit", "x-ratelimit-limit: 30", "x-ratelimit-remaining: 0", "retry-after: 2026-01-01T00:00:22Z"], "", (Some(22.0), Some(30), Some(0), None, Some(22.0))),
    ("dropbox.com/developers: in the body, beside the error", "generic", 429, &[], r#"{"error_summary":"too_many_requests/..","error":{"reason":{".tag":"too_many_requests"},"retry_after":300}}"#, wait(300.0)),
    ("ai.google.dev: the wait stands in the details and in words", "google", 429, &[], r#"{"error":{"code":429,"message":"Please retry in 27.5s.","status":"RESOURCE_EXHAUSTED","details":[{"@type":"type.googleapis.com/google.rpc.QuotaFailure"},{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"27.5s"}]}}"#, wait(27.5)),
    ("shopify.dev: a cost that breaks off has no wait", "shopify", 200, &[], r#"{"errors":[{"extensions":{"code":"THROTTLED"}}],"extensions":{"cost":{"requestedQueryCost":752,"throttleStatus":{"maximumAvailable":1000.0,"currentlyAvailable":2,"restoreR"#, (None, Some(1000), Some(2), None, None)),
];

#[test]
fn every_response_means_what_its_documentation_says() {
    let now = Duration::from_secs(NOW);
    let rounded = |time: Duration| (time.as_secs_f64() * 1e9).round() / 1e9;
    let mut failing = Vec::new();
    for (source, profile, status, lines, body, meaning) in ROWS {
        let mut headers = HeaderMap::new();
        for line in *lines {
            let (name, value) = line.split_once(": ").expect("a header");
            headers.append(
                HeaderName::from_static(name),
                HeaderValue::from_static(value),
            );
        }
        let told = read(
            StatusCode::from_u16(*status).expect("a status"),
            &headers,
            body.as_bytes(),
            now,
            Profile::named(profile).expect("a profile"),
        );
        let found = (
            told.wait.map(rounded),
            told.limit,
            told.remaining,
            told.window.map(rounded),
            told.reset_after.map(rounded),
        );
        if found != *meaning {
            failing.push(format!("{source}:\n  {found:?} instead of\n  {meaning:?}"));
        }
    }
    assert!(
        failing.is_empty(),
        "{} of {}\n{}",
        failing.len(),
        ROWS.len(),
        failing.join("\n")
    );
}
