//! Properties of every response, however odd: tested with random headers from a grammar with mutations, and
//! by comparing forms that mean the same.

use std::time::{Duration, SystemTime};

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::{
    DialectField, FieldMeaning, Guidance, Profile, Rules, TimeForm, TimeUnit, read, read_with_rules,
};

/// 2026-01-01T00:00:00Z in seconds.
const NOW: u64 = 1_767_225_600;

/// Longest wait that may be returned, in seconds.
const LONGEST: u64 = 1 << 31;

/// Maximum number of limits that may be returned.
const MOST_POLICIES: usize = 64;

/// Farthest instant that is accepted, in seconds: 366 days.
const CREDIBLE: u64 = 366 * 86_400;

fn guidance(
    status: u16,
    headers: &[(String, Vec<u8>)],
    body: &[u8],
    now: Duration,
    profile: Profile,
) -> Guidance {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
    read(status, &map(headers), body, now, profile)
}

fn map(headers: &[(String, Vec<u8>)]) -> HeaderMap {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        let name = HeaderName::from_bytes(name.as_bytes());
        if let (Ok(name), Ok(value)) = (name, HeaderValue::from_bytes(value)) {
            map.append(name, value);
        }
    }
    map
}

fn one(headers: &[(&str, &str)]) -> Guidance {
    let headers: Vec<_> = headers
        .iter()
        .map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec()))
        .collect();
    guidance(
        429,
        &headers,
        b"",
        Duration::from_secs(NOW),
        Profile::default(),
    )
}

/// Names from the words that real names are made of, in any order.
fn name() -> impl Strategy<Value = String> {
    let word = select(vec![
        "x",
        "ratelimit",
        "rate-limit",
        "limit",
        "remaining",
        "reset",
        "after",
        "used",
        "policy",
        "requests",
        "tokens",
        "minute",
        "daily",
        "interval",
        "ms",
        "window",
        "retry-after",
        "retry",
        "next",
        "usage",
        "count",
        "beta",
        "app",
        "hubspot",
        "fillrate",
        "userremaining",
        "error-limit",
        "remain",
        "medium",
        "seconds",
        "reason",
        "fastly",
        "esi",
    ]);
    let whole = select(vec![
        "retry-after",
        "retry-after-ms",
        "x-retry-after",
        "date",
        "age",
        "ratelimit",
        "ratelimit-policy",
        "sforce-limit-info",
        "x-should-retry",
        "x-shop-api-call-limit",
        "x-ratelimit-resource",
        "x-ratelimit-scope",
        "requestlimit-write-retryafter",
        "retry-after-medium",
        "retry-after-policy",
        "retry-after-minutes",
        "http_x_shopify_shop_api_call_limit",
        "x-esi-error-limit-reset",
        "x-cooldown",
        "x-left",
    ]);
    prop_oneof![
        3 => vec(word, 1..6).prop_map(|words| words.join("-")),
        2 => whole.prop_map(str::to_owned),
        1 => "[a-z-]{1,20}",
    ]
}

/// Values from the pieces that real values are made of, cut and joined at random, and any bytes.
fn value() -> impl Strategy<Value = Vec<u8>> {
    let piece = select(vec![
        "0",
        "1",
        "60",
        "1767225660",
        "1767225660000",
        "99999999999999999999",
        "-1",
        "0.0",
        "1.5",
        "6m0s",
        "20ms",
        "\u{b5}s",
        "h",
        "inf",
        "Thu",
        "01",
        "Jan",
        "2026",
        "26",
        "00:01:00",
        "23:59:60",
        "GMT",
        "+0100",
        "2026-01-01T00:01:00Z",
        "9999-12-31T23:59:60-23:59",
        "01-Jan-26",
        ",",
        ";",
        "=",
        ":",
        "/",
        " ",
        "\"",
        "\\",
        "w=60",
        "r=0",
        "t=5",
        "q=10",
        "pk=:QQ==:",
        "qu=\"tokens\"",
        "\"default\"",
        "limit=",
        "remaining=",
        "reset=",
        "per",
        "minute",
        "true",
        "(",
        ")",
        "%",
        "unlimited",
        "PT",
        "P",
        "T",
        "Y",
        "M",
        "D",
        "S",
        "PT1M30.5S",
        "min",
        "sec",
        "30 seconds",
        ".",
        "e9",
        "+",
        "é",
    ]);
    prop_oneof![
        4 => vec(piece, 0..12).prop_map(|pieces| pieces.concat().into_bytes()),
        1 => vec(any::<u8>(), 0..40),
        1 => (0_usize..20_000, select(vec!["9", "1,", "\"a\";r=0,", ";", "a=1,", "Thu,", "1h", "(", "-", "P9Y", "PT9S", "1 h ", "\""]))
            .prop_map(|(times, piece)| piece.repeat(times / piece.len()).into_bytes()),
    ]
}

/// Bodies from the pieces that real errors are made of, and any bytes.
fn body() -> impl Strategy<Value = Vec<u8>> {
    let piece = select(vec![
        "{",
        "}",
        "[",
        "]",
        ":",
        ",",
        "\"",
        "\"errors\":",
        "\"error\":",
        "\"extensions\":",
        "\"code\":",
        "\"type\":",
        "\"RATE_LIMITED\"",
        "\"THROTTLED\"",
        "\"retry_after\":",
        "\"retryDelay\":",
        "\"13s\"",
        "1e999",
        "-1",
        "64.57",
        "18446744073709551616",
        "null",
        "true",
        "\"message\":",
        "\"secondary rate limit\"",
        "\"cost\":",
        "\"throttleStatus\":",
        "\"restoreRate\":",
        "\"extras\":",
        "\"wait_seconds\":",
        "\"pause\":",
        "\"left\":",
        "\"PT30S\"",
        "\"10 per 1 minute\"",
        "99999999999999999999 per 99999999999999999999 years",
        " per ",
        "per",
        "1,000",
        "0",
        "\\u0000",
        "\\",
        "\u{0}",
    ]);
    prop_oneof![
        3 => vec(piece, 0..30).prop_map(|pieces| pieces.concat().into_bytes()),
        1 => vec(any::<u8>(), 0..200),
        1 => (0_usize..100_000).prop_map(|depth| b"[".repeat(depth)),
        1 => (0_usize..2_000).prop_map(|times| b"1 per 1 s ".repeat(times)),
    ]
}

fn profile() -> impl Strategy<Value = Profile> {
    select(Profile::names().collect::<Vec<_>>())
        .prop_map(|name| Profile::named(name).unwrap_or_default())
}

/// Fields that a configuration may teach, of every meaning, unit and form.
fn field() -> impl Strategy<Value = DialectField> {
    use FieldMeaning::{Limit, Remaining, Reset, Wait};
    use TimeUnit::{Hours, Milliseconds, Minutes, Seconds};
    let form = select(vec![None, Some(TimeForm::Delta), Some(TimeForm::Epoch)]);
    let means = select(vec![Wait, Limit, Remaining, Reset]);
    let unit = select(vec![Milliseconds, Seconds, Minutes, Hours]);
    let header = select(vec![
        "X-Cooldown",
        "X-Left",
        "Retry-After",
        "x-ratelimit-reset",
    ]);
    let path = select(vec!["pause", "errors.*.left", "retry_after", "*"]);
    (means, header, path, unit, form, any::<bool>()).prop_map(
        |(means, header, path, unit, form, is_header)| {
            let field = if is_header {
                DialectField::header(means, header)
            } else {
                DialectField::body(means, path)
            };
            DialectField {
                form,
                ..field.unit(unit)
            }
        },
    )
}

fn clock() -> impl Strategy<Value = Duration> {
    prop_oneof![3 => Just(Duration::from_secs(NOW)), 1 => any::<Duration>(), 1 => Just(Duration::ZERO), 1 => Just(Duration::MAX)]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_panics_and_everything_is_bounded(
        status in select(vec![200_u16, 202, 301, 400, 403, 404, 413, 429, 500, 503, 529]),
        headers in vec((name(), value()), 0..12),
        body in body(),
        now in clock(),
        profile in profile(),
    ) {
        let guidance = guidance(status, &headers, &body, now, profile);
        let longest = Duration::from_secs(LONGEST);
        prop_assert!(guidance.wait.is_none_or(|wait| wait <= longest), "{guidance:?}");
        prop_assert_eq!(guidance.wait.is_some(), guidance.source.is_some());
        prop_assert!(guidance.reset_after.is_none_or(|reset| reset <= longest), "{guidance:?}");
        prop_assert!(guidance.window.is_none_or(|window| window <= longest), "{guidance:?}");
        prop_assert!(guidance.policies.len() <= MOST_POLICIES);
        prop_assert!(guidance.policies.iter().all(|policy| policy.name.as_ref().is_none_or(|name| name.len() <= 128)));
        prop_assert!(guidance.reason.is_none_or(|reason| reason.len() <= 128));
    }

    #[test]
    fn taught_fields_panic_never_and_are_bounded(
        status in select(vec![200_u16, 403, 420, 429, 503]),
        headers in vec((name(), value()), 0..8),
        body in body(),
        now in clock(),
        fields in vec(field(), 0..5),
    ) {
        let map = map(&headers);
        let status = StatusCode::from_u16(status).expect("a status");
        let rules = Rules { fields: &fields, refusals: &[status], ..Rules::default() };
        let guidance = read_with_rules(status, &map, &body, now, Profile::default(), &rules);
        let longest = Duration::from_secs(LONGEST);
        prop_assert!(guidance.wait.is_none_or(|wait| wait <= longest), "{guidance:?}");
        prop_assert!(guidance.policies.len() <= MOST_POLICIES);
        for policy in &guidance.policies {
            let times = [policy.reset_after, policy.window, guidance.reset_of(policy)];
            prop_assert!(times.iter().flatten().all(|time| *time <= longest), "{policy:?}");
        }
    }

    #[test]
    fn a_retry_after_wins_over_every_reset_and_body(
        seconds in 1_u64..1_000_000,
        status in select(vec![200_u16, 403, 429, 503]),
        others in vec((name(), value()), 0..8),
        body in body(),
        now in clock(),
    ) {
        // Only a wait in milliseconds is more exact than `Retry-After`.
        let mut headers: Vec<_> = others.into_iter().filter(|(name, _)| !name.contains("retry")).collect();
        headers.push(("retry-after".to_owned(), seconds.to_string().into_bytes()));
        let guidance = guidance(status, &headers, &body, now, Profile::default());
        let wait = Some(Duration::from_secs(seconds));
        prop_assert_eq!((guidance.wait, guidance.pause()), (wait, wait));
        prop_assert!(guidance.nothing_left.is_none_or(|left| Some(left) == wait), "{guidance:?}");
        for policy in guidance.policies.iter().filter(|policy| policy.is_exhausted()) {
            prop_assert!(guidance.reset_of(policy).is_none_or(|reset| Some(reset) == wait), "{policy:?}");
        }
    }

    #[test]
    fn every_form_of_a_wait_is_the_same_wait(seconds in 1_u64..CREDIBLE) {
        let (hours, minutes, rest) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
        let forms = [
            format!("{seconds}"), format!("{seconds}.0"), format!("\"{seconds}\""), format!("{seconds}s"),
            format!("{hours}h{minutes}m{rest}s"), format!("{hours} hours {minutes} min {rest} sec"),
            format!("{seconds} seconds"), format!("{seconds}000ms"), format!("PT{seconds}S"),
            format!("PT{hours}H{minutes}M{rest}.0S"), format!("P{}DT{}S", seconds / 86_400, seconds % 86_400),
        ];
        let wait = Some(Duration::from_secs(seconds));
        for form in forms {
            for header in ["retry-after", "x-retry-after", "x-ratelimit-retry-after", "retry-after-medium"] {
                prop_assert_eq!(one(&[(header, &form)]).wait, wait, "{}: {}", header, form);
            }
            let body = format!("{{\"retry_after\":{}}}", serde_json::json!(form));
            let told = guidance(429, &[], body.as_bytes(), Duration::from_secs(NOW), Profile::default());
            prop_assert_eq!(told.wait, wait, "{}", body);
            if !form.starts_with('"') && !form.ends_with(|c: char| c.is_ascii_digit()) {
                prop_assert_eq!(crate::duration::parse(&form), wait, "{}", form);
            }
        }
    }

    #[test]
    fn a_good_retry_after_is_never_lost_among_others(
        seconds in 0_u64..1_000_000,
        others in vec(value(), 0..4),
        at in 0_usize..4,
    ) {
        let mut lines: Vec<_> = others.into_iter().map(|value| ("retry-after".to_owned(), value)).collect();
        lines.insert(at.min(lines.len()), ("retry-after".to_owned(), seconds.to_string().into_bytes()));
        let guidance = guidance(429, &lines, b"", Duration::from_secs(NOW), Profile::default());
        prop_assert!(guidance.wait >= Some(Duration::from_secs(seconds)), "{guidance:?}");
    }

    #[test]
    fn every_form_of_a_reset_is_the_same_wait(seconds in 0_u64..CREDIBLE) {
        let at = NOW + seconds;
        let date = httpdate::fmt_http_date(SystemTime::UNIX_EPOCH + Duration::from_secs(at));
        let go = format!("{}h{}m{}s", seconds / 3600, seconds / 60 % 60, seconds % 60);
        let forms = [
            seconds.to_string(), format!("{seconds}.0"), at.to_string(), format!("{at}000"), format!("{at}000000"), format!("{at}000000000"),
            go, format!("{seconds}000ms"), date,
        ];
        for form in forms {
            let guidance = one(&[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", &form)]);
            prop_assert_eq!(guidance.wait, Some(Duration::from_secs(seconds)), "{}", form);
            prop_assert_eq!(guidance.reset_after, Some(Duration::from_secs(seconds)), "{}", form);
        }
    }

    #[test]
    fn dates_agree_with_a_strict_parser(seconds in 0_u64..4_000_000_000) {
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        let expected = seconds.saturating_sub(NOW).min(LONGEST);
        let guidance = one(&[("retry-after", &httpdate::fmt_http_date(time))]);
        prop_assert_eq!(guidance.wait, Some(Duration::from_secs(expected)));
    }

    #[test]
    fn a_wrong_clock_changes_no_wait_when_the_server_tells_its_own(skew in -100_000_000_i64..100_000_000, seconds in 0_u64..CREDIBLE) {
        let date = httpdate::fmt_http_date(SystemTime::UNIX_EPOCH + Duration::from_secs(NOW));
        let headers = [("date", date), ("x-ratelimit-remaining", "0".to_owned()), ("x-ratelimit-reset", (NOW + seconds).to_string())];
        let headers: Vec<_> = headers.into_iter().map(|(name, value)| (name.to_owned(), value.into_bytes())).collect();
        let now = Duration::from_secs(NOW.saturating_add_signed(skew));
        let guidance = guidance(429, &headers, b"", now, Profile::default());
        prop_assert_eq!(guidance.wait, Some(Duration::from_secs(seconds)));
        prop_assert_eq!(guidance.reset_after, Some(Duration::from_secs(seconds)));
    }

    #[test]
    fn the_order_of_headers_changes_nothing(
        mut headers in vec((name(), value()), 0..8),
        status in select(vec![200_u16, 403, 429]),
        profile in profile(),
    ) {
        headers.sort();
        headers.dedup_by(|a, b| a.0 == b.0);
        let now = Duration::from_secs(NOW);
        let there = guidance(status, &headers, b"", now, profile);
        headers.reverse();
        let back = guidance(status, &headers, b"", now, profile);
        prop_assert_eq!((there.wait, there.remaining, there.retryable, there.refusal), (back.wait, back.remaining, back.retryable, back.refusal));
    }

    #[test]
    fn a_body_that_breaks_off_says_no_more_than_a_whole_one(body in body(), cut in any::<prop::sample::Index>()) {
        let of = |body: &[u8]| guidance(429, &[], body, Duration::from_secs(NOW), Profile::default());
        let cut = cut.index(body.len() + 1);
        prop_assert!(of(&body[..cut]).wait <= of(&body).wait);
    }
}
