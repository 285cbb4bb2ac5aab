//! Rules of the configuration, and JSON in both directions.

use std::time::Duration;

use super::*;
use crate::guidance::{DialectField, FieldMeaning, TimeForm, TimeUnit};
use crate::limiter::CircuitBreaker;

fn problem(change: impl FnOnce(&mut ApiRateConfig)) -> String {
    let mut config = ApiRateConfig {
        name: "mine".into(),
        max_rate: 10.0,
        ..Default::default()
    };
    change(&mut config);
    config.validate().expect_err("it breaks a rule").to_string()
}

#[test]
fn the_default_is_valid() {
    ApiRateConfig::default()
        .validate()
        .expect("the default is valid");
}

#[test]
fn each_rule_names_entry_field_and_value() {
    type Change = fn(&mut ApiRateConfig);
    let table: [(Change, &str); 17] = [
        (|c| c.initial_rate = f64::NAN, "\"mine\", initial_rate: NaN"),
        (
            |c| c.initial_rate = 20.0,
            "initial_rate: 20 is not a valid start (expected min_rate to max_rate, 0.1 to 10)",
        ),
        (|c| c.min_rate = 0.0, "min_rate: 0 "),
        (
            |c| c.min_rate = 11.0,
            "min_rate: 11 is not a valid minimum (expected at most max_rate, 10)",
        ),
        (|c| c.max_rate = f64::INFINITY, "max_rate: inf"),
        (|c| c.increase_step = -1.0, "increase_step: -1"),
        (|c| c.decrease_factor = 0.0, "decrease_factor: 0 "),
        (|c| c.decrease_factor = 1.5, "decrease_factor: 1.5"),
        (|c| c.max_cooldown = Duration::ZERO, "max_cooldown: 0"),
        (|c| c.probe_interval = Duration::ZERO, "probe_interval: 0ns"),
        (
            |c| c.default_cooldown = Some(Duration::from_secs(301)),
            "default_cooldown: 301s",
        ),
        (
            |c| c.backoff_status_codes = vec![429, 200],
            "backoff_status_codes: 200",
        ),
        (|c| c.bucket.capacity = Some(0.5), "bucket.capacity: 0.5"),
        (
            |c| c.breaker = Some(CircuitBreaker::after_failures(0)),
            "breaker.failures: 0 ",
        ),
        (
            |c| c.breaker = Some(CircuitBreaker::at_failure_share(1.5, Duration::MAX)),
            "breaker.failure_share: 1.5 is not above 0",
        ),
        (
            |c| {
                let breaker = CircuitBreaker::default().trial_interval(Duration::ZERO);
                c.breaker = Some(breaker);
            },
            "breaker.trial_interval: 0 ",
        ),
        (
            |c| c.base_url = "ftp://example.com".into(),
            "base_url: \"ftp://example.com\"",
        ),
    ];
    for (change, expected) in table {
        let shown = problem(change);
        assert!(
            shown.contains(expected),
            "{shown:?} should contain {expected:?}"
        );
    }
}

#[test]
fn json_goes_both_ways() {
    let config = ApiRateConfig {
        name: "mine".into(),
        base_url: "https://example.com/v1".into(),
        default_cooldown: Some(Duration::from_millis(1500)),
        bucket: BucketConfig::of(3.0, 5.0),
        ..Default::default()
    };
    assert!(
        config
            .to_json()
            .contains("\"default_cooldown_seconds\": 1.5")
    );
    assert_eq!(
        ApiRateConfig::from_json(&config.to_json()).expect("it reads back"),
        config
    );
}

#[test]
fn a_duration_as_long_as_can_be_survives_text() {
    let patient = ApiRateConfig {
        name: "mine".into(),
        max_cooldown: Duration::MAX,
        default_cooldown: Some(Duration::MAX),
        probe_interval: Duration::MAX,
        ..Default::default()
    };
    let again = ApiRateConfig::from_json(&patient.to_json()).expect("it reads back");
    assert_eq!(again, patient);
    let change = serde_json::json!({"increase_step": 0.5});
    let changed = overlaid("mine", patient, change).expect("another field is changed");
    assert_eq!(changed.max_cooldown, Duration::MAX);
}

#[test]
fn bad_json_is_refused_by_the_name_of_the_field() {
    for (text, expected) in [
        (
            r#"{"name": "mine", "max_rat": 1}"#,
            "\"mine\", max_rat: unknown field",
        ),
        (
            r#"{"name": "mine", "max_rate": "fast"}"#,
            "\"mine\", max_rate: invalid type",
        ),
        (
            r#"{"max_cooldown_seconds": -1}"#,
            "max_cooldown_seconds: -1 is not",
        ),
        (r#"{"max_cooldown_seconds": 1e300}"#, "max_cooldown_seconds"),
        ("[]", "expected an object"),
        ("{", "JSON: EOF"),
    ] {
        let shown = ApiRateConfig::from_json(text)
            .expect_err("it is bad")
            .to_string();
        assert!(
            shown.contains(expected),
            "{shown:?} should contain {expected:?}"
        );
    }
}

#[test]
fn invalid_parts_of_a_configuration_are_errors_that_name_the_field() {
    type Change = fn(&mut ApiRateConfig);
    let table: [(Change, &str); 16] = [
        (
            |c| c.dialect = DialectConfig::default().profile("unknown"),
            "\"mine\", dialect.profile: \"unknown\" is not a valid profile (expected one of airtable, ",
        ),
        (
            |c| c.dialect = DialectConfig::default().not_processed([200]),
            "dialect.not_processed: 200 is not a valid status (expected 400 to 599)",
        ),
        (
            |c| {
                let rule = BodyThrottle::new([100], "a", ["b"]);
                c.dialect = DialectConfig::default().throttle(rule);
            },
            "dialect.throttles: 100 is not a valid status",
        ),
        (
            |c| {
                let rule = BodyThrottle::new([200], "a", [""]);
                c.dialect = DialectConfig::default().throttle(rule);
            },
            "dialect.throttles: has no words",
        ),
        (
            |c| {
                let rule = BodyThrottle::new([200], "errors[0].code", ["b"]);
                c.dialect = DialectConfig::default().throttle(rule);
            },
            "dialect.throttles: \"errors[0].code\" is not a valid path",
        ),
        (
            |c| {
                let field = DialectField::header(FieldMeaning::Wait, "x cooldown");
                c.dialect = DialectConfig::default().field(field);
            },
            "dialect.fields: \"x cooldown\" is not a valid name of a header",
        ),
        (
            |c| {
                let mut field = DialectField::header(FieldMeaning::Wait, "x-cooldown");
                field.path = Some("error.wait".into());
                c.dialect = DialectConfig::default().field(field);
            },
            "dialect.fields: has no location or two (expected `header` or `path`)",
        ),
        (
            |c| {
                let field = DialectField::body(FieldMeaning::Limit, "limit").form(TimeForm::Delta);
                c.dialect = DialectConfig::default().field(field);
            },
            "dialect.fields: has a unit or a form, but is not a time",
        ),
        (
            |c| c.default_headers = [("Api-Key".into(), "x".into())].into(),
            "default_headers: api-key looks like a credential",
        ),
        (
            |c| c.default_headers = [("a b".into(), "x".into())].into(),
            "header \"a b\"",
        ),
        (
            |c| c.idempotency = IdempotencyConfig::default().header("a b"),
            "idempotency.header: \"a b\"",
        ),
        (
            |c| c.idempotency = IdempotencyConfig::default().reading_post("/a/**/b"),
            "idempotency.reading_posts: \"/a/**/b\" contains `**` before its end",
        ),
        (
            |c| c.scopes = vec![ScopeConfig::new("", "/a", LimitConfig::per_second(1.0))],
            "scopes[0]: \"\": is not a valid name",
        ),
        (
            |c| c.scopes = vec![ScopeConfig::new("s", "/a*", LimitConfig::per_second(1.0))],
            "scopes[0]: \"s\": \"/a*\" contains the invalid segment \"a*\"",
        ),
        (
            |c| c.scopes = vec![ScopeConfig::new("s", "/a", LimitConfig::per_minute(0.0))],
            "scopes[0]: \"s\": 0 is not a valid number of requests (expected a finite number above 0)",
        ),
        (
            |c| {
                let limit = LimitConfig::per_minute(1.0);
                c.scopes = vec![ScopeConfig::new("s", "/a", limit).methods(["NO GET"])];
            },
            "scopes[0]: \"s\": \"NO GET\" is not a valid method",
        ),
    ];
    for (change, expected) in table {
        let shown = problem(change);
        assert!(
            shown.contains(expected),
            "{shown:?} should contain {expected:?}"
        );
    }
}

#[test]
fn nested_json_is_read_and_its_unknown_fields_are_refused() {
    let text = r#"{"name": "mine",
        "dialect": {"profile": "github", "not_processed": [529],
                    "throttles": [{"statuses": [200], "path": "error", "words": ["slow"]}]},
        "idempotency": {"automatic": true},
        "default_headers": {"Api-Version": "7"},
        "scopes": [{"name": "search", "path": "/search/*", "limit": {"requests": 30, "per_seconds": 60}}]}"#;
    let config = ApiRateConfig::from_json(text).expect("valid");
    assert_eq!(config.scopes[0].limit, LimitConfig::per_minute(30.0));
    assert_eq!(
        ApiRateConfig::from_json(&config.to_json()).expect("it reads back"),
        config
    );
    for (text, expected) in [
        (
            r#"{"dialect": {"profil": "x"}}"#,
            "dialect: unknown field `profil`",
        ),
        (
            r#"{"idempotency": {"auto": true}}"#,
            "idempotency: unknown field `auto`",
        ),
        (
            r#"{"scopes": [{"name": "s", "path": "/", "limit": 5}]}"#,
            "scopes: invalid type",
        ),
        (
            r#"{"scopes": [{"name": "s", "path": "/"}]}"#,
            "scopes: missing field `limit`",
        ),
    ] {
        let shown = ApiRateConfig::from_json(text).expect_err("bad").to_string();
        assert!(
            shown.contains(expected),
            "{shown:?} should contain {expected:?}"
        );
    }
}

#[test]
fn fields_of_a_dialect_go_through_json_and_unknown_ones_are_refused() {
    let text = r#"{"dialect": {"fields": [
        {"means": "wait", "header": "X-Cooldown", "unit": "ms"},
        {"means": "reset", "path": "usage.resets", "form": "epoch"},
        {"means": "remaining", "path": "usage.left"}]}}"#;
    let config = ApiRateConfig::from_json(text).expect("valid");
    let fields = [
        DialectField::header(FieldMeaning::Wait, "X-Cooldown").unit(TimeUnit::Milliseconds),
        DialectField::body(FieldMeaning::Reset, "usage.resets").form(TimeForm::Epoch),
        DialectField::body(FieldMeaning::Remaining, "usage.left"),
    ];
    assert_eq!(config.dialect.fields, fields);
    let again = ApiRateConfig::from_json(&config.to_json()).expect("valid");
    assert_eq!(again.dialect, config.dialect);
    for (field, problem) in [
        (
            r#"{"means": "wait", "header": "X-A", "units": "ms"}"#,
            "units",
        ),
        (r#"{"means": "pause", "header": "X-A"}"#, "pause"),
        (
            r#"{"means": "wait", "header": "X-A", "unit": "fortnight"}"#,
            "fortnight",
        ),
        (r#"{"means": "wait"}"#, "has no location"),
        (
            r#"{"means": "wait", "path": "a..b"}"#,
            "is not a valid path",
        ),
    ] {
        let text = format!(r#"{{"dialect": {{"fields": [{field}]}}}}"#);
        let error = ApiRateConfig::from_json(&text)
            .expect_err(field)
            .to_string();
        assert!(
            error.contains(problem),
            "{error:?} should contain {problem:?}"
        );
    }
}

#[test]
fn durations_of_a_configuration_may_have_units() {
    let config = ApiRateConfig::from_json(
        r#"{"default_cooldown_seconds": "250ms", "max_cooldown_seconds": "PT10M", "probe_interval_seconds": "1 min 30 sec",
            "limits": [{"requests": 5, "per_seconds": "1m"}]}"#,
    )
    .expect("it is valid");
    assert_eq!(config.default_cooldown, Some(Duration::from_millis(250)));
    assert_eq!(config.max_cooldown, Duration::from_secs(600));
    assert_eq!(config.probe_interval, Duration::from_secs(90));
    assert_eq!(config.limits, [LimitConfig::per_minute(5.0)]);
    for value in [
        r#""5""#,
        r#""soon""#,
        "-1",
        "true",
        "[]",
        "null",
        r#""-5s""#,
    ] {
        let text = format!(r#"{{"max_cooldown_seconds": {value}}}"#);
        let error = ApiRateConfig::from_json(&text)
            .expect_err(value)
            .to_string();
        assert!(
            error.contains("expected a") || error.contains("at least 0"),
            "{error}"
        );
    }
}
