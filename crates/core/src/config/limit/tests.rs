use super::*;

#[test]
fn a_quota_survives_a_round_trip_through_json() {
    for (limit, expected) in [
        (
            LimitConfig::per_hour(1000.0),
            r#"{"requests":1000.0,"per_seconds":3600.0}"#,
        ),
        (
            LimitConfig::per_day(10.0),
            r#"{"requests":10.0,"per_seconds":86400.0}"#,
        ),
        (
            LimitConfig::per_day(10.0).resets_at("00:00", "America/Los_Angeles"),
            r#"{"requests":10.0,"per":"day","resets_at":"00:00","zone":"America/Los_Angeles"}"#,
        ),
        (
            LimitConfig::per_month(10.0).resets_at("09:30", "UTC"),
            r#"{"requests":10.0,"per":"month","resets_at":"09:30","zone":"UTC"}"#,
        ),
    ] {
        let text = serde_json::to_string(&limit).expect("plain fields");
        assert_eq!(text, expected);
        let again: LimitConfig = serde_json::from_str(&text).expect("the same");
        assert_eq!(again, limit);
        assert!(limit.fixed().is_ok());
    }
}

#[test]
fn a_quota_is_shown_in_words() {
    assert_eq!(LimitConfig::per_minute(180.0).to_string(), "180 per 60 s");
    let day = LimitConfig::per_day(10.0).resets_at("00:00", "UTC");
    assert_eq!(day.to_string(), "10 per day from 00:00 UTC");
}

#[test]
fn a_quota_that_is_half_written_is_refused_with_the_reason() {
    for (text, expected) in [
        (r#"{"requests": 1}"#, "either per_seconds or per"),
        (
            r#"{"requests": 1, "per": "day", "per_seconds": 5}"#,
            "either per_seconds or per",
        ),
        (
            r#"{"requests": 1, "per": "day", "zone": "UTC"}"#,
            "resets_at and zone together",
        ),
        (r#"{"requests": 1, "per": "week"}"#, "week"),
        (r#"{"requests": 1, "per": "day", "at": "UTC"}"#, "at"),
    ] {
        let error = serde_json::from_str::<LimitConfig>(text).expect_err("refused");
        assert!(error.to_string().contains(expected), "{error}");
    }
    for (limit, expected) in [
        (
            LimitConfig::per_hour(5.0).resets_at("00:00", "UTC"),
            "3600s is not a valid window",
        ),
        (
            LimitConfig::per_day(0.5).resets_at("00:00", "UTC"),
            "0.5 requests",
        ),
        (
            LimitConfig::per_day(5.0).resets_at("7", "UTC"),
            "\"7\" is not a valid time",
        ),
        (
            LimitConfig::per_day(5.0).resets_at("07:00", "here"),
            "\"here\" is not a known",
        ),
        (LimitConfig::per_day(0.0), "0 requests"),
    ] {
        let problem = limit.fixed().expect_err("refused");
        assert!(problem.contains(expected), "{problem}");
    }
}
