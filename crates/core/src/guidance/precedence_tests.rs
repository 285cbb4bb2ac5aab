//! Precedence of waits: `Retry-After` has the last word on the exhausted limit that it comes with.
//!
//! Source: draft-ietf-httpapi-ratelimit-headers-10 demands that `Retry-After` takes precedence over the reset, and
//! does not say that it must be the longer one.

use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use super::{Guidance, Profile, read};

/// 2026-01-01T00:00:00Z in seconds: the client's clock.
const NOW: u64 = 1_767_225_600;

fn told(status: u16, headers: &[(&'static str, &str)], body: &str) -> Guidance {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        let value = HeaderValue::from_str(value).expect("a header's value");
        map.append(HeaderName::from_static(name), value);
    }
    let status = StatusCode::from_u16(status).expect("a status");
    let now = Duration::from_secs(NOW);
    read(status, &map, body.as_bytes(), now, Profile::default())
}

/// Returns the seconds until each limit resets, as the limiter gets them.
fn resets(guidance: &Guidance) -> Vec<Option<u64>> {
    let reset = |policy| guidance.reset_of(policy).map(|reset| reset.as_secs());
    guidance.policies.iter().map(reset).collect()
}

/// The headers of an exhausted limit that resets in an hour.
const SPENT: [(&str, &str); 3] = [
    ("x-ratelimit-limit", "200"),
    ("x-ratelimit-remaining", "0"),
    ("x-ratelimit-reset", "1767229200"),
];

fn spent_and(header: &'static str, value: &'static str) -> Vec<(&'static str, &'static str)> {
    [&SPENT[..], &[(header, value)]].concat()
}

#[test]
fn a_wait_in_a_header_replaces_the_reset_of_an_exhausted_limit() {
    for (header, value, seconds) in [
        ("retry-after", "4", 4),
        ("retry-after", "5000", 5000),
        ("retry-after-ms", "4000", 4),
        ("x-retry-after", "4", 4),
        ("x-ratelimit-retry-after", "4", 4),
    ] {
        for status in [200, 403, 429, 503] {
            let told = told(status, &spent_and(header, value), "");
            assert_eq!(resets(&told), [Some(seconds)], "{header} on {status}");
            let announced = told.policies.first().and_then(|policy| policy.reset_after);
            assert_eq!(announced, Some(Duration::from_secs(3600)));
        }
    }
    let draft = [("ratelimit", "\"default\";r=0;t=40"), ("retry-after", "4")];
    assert_eq!(resets(&told(429, &draft, "")), [Some(4)]);
}

#[test]
fn a_wait_in_the_body_of_a_refusal_does_so_too() {
    let body = r#"{"retry_after": 4}"#;
    assert_eq!(resets(&told(429, &SPENT, body)), [Some(4)]);
    // The body of a success asks for no wait.
    assert_eq!(resets(&told(200, &SPENT, body)), [Some(3600)]);
}

#[test]
fn a_wait_changes_no_limit_of_which_something_is_left() {
    let headers = [
        ("x-ratelimit-limit-requests", "60"),
        ("x-ratelimit-remaining-requests", "59"),
        ("x-ratelimit-reset-requests", "20s"),
        ("x-ratelimit-limit-tokens", "1000"),
        ("x-ratelimit-remaining-tokens", "0"),
        ("x-ratelimit-reset-tokens", "6m0s"),
        ("retry-after", "4"),
    ];
    assert_eq!(resets(&told(429, &headers, "")), [Some(20), Some(4)]);
}

#[test]
fn a_wait_on_a_success_counts_for_as_long_as_nothing_is_left() {
    let nothing_left = |headers: &[(&'static str, &str)]| told(200, headers, "").nothing_left;
    let seconds = |seconds| Some(Duration::from_secs(seconds));
    assert_eq!(nothing_left(&spent_and("retry-after", "4")), seconds(4));
    assert_eq!(nothing_left(&spent_and("retry-after", "0")), seconds(3600));
    assert_eq!(nothing_left(&SPENT), seconds(3600));
    // Without a reset, it says what no other header says.
    let bare = [("x-ratelimit-remaining", "0"), ("retry-after", "4")];
    assert_eq!(nothing_left(&bare), seconds(4));
    // A popular server library sends it on every response: alone it is no pause.
    let left = [("x-ratelimit-remaining", "7"), ("retry-after", "4")];
    assert_eq!(nothing_left(&left), None);
    assert_eq!(nothing_left(&left[1..]), None);
}
