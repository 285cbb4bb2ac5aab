//! Errors in all their shapes.

use std::time::Duration;

use http::StatusCode;

use super::*;
use crate::limiter::{Denial, FleetUnavailable};
use crate::reply::BodyStart;

#[test]
fn an_error_is_small_enough_to_be_returned_from_everything() {
    assert!(size_of::<Error>() <= 64, "{} bytes", size_of::<Error>());
}

#[test]
fn a_decoding_error_tells_the_place_and_not_the_contents() {
    #[derive(Debug, serde::Deserialize)]
    #[expect(dead_code, reason = "parsing it fails")]
    struct Wanted {
        count: u32,
    }
    for (body, expected) in [
        (
            r#"{"count": "hunter2"}"#,
            "expected u32 at line 1 column 19",
        ),
        (
            r#"{"other": "hunter2"}"#,
            "missing field `count` at line 1 column 20",
        ),
        (
            r#"{"count": "hunter2"#,
            "JSON that breaks off at line 1 column 18",
        ),
        ("hunter2", "no valid JSON at line 1 column 1"),
    ] {
        let error = serde_json::from_str::<Wanted>(body).expect_err("it is broken");
        let error = Error::decode("GET https://example.com/", body.len(), &error);
        let shown = format!("{error} {error:?}");
        assert!(shown.contains(expected), "{shown}");
        assert!(!shown.contains("hunter2"), "{shown}");
    }
}

#[test]
fn every_error_that_ends_a_call_keeps_the_effort_of_the_call() {
    let reply = || {
        Reply::new(
            StatusCode::OK,
            Default::default(),
            BodyStart::default(),
            None,
        )
    };
    let decode = serde_json::from_str::<u32>("x").expect_err("not JSON");
    let effort = Effort::new(3, Duration::from_millis(1500));
    let exhausted = Error::BackoffExhausted {
        request: "GET /".into(),
        attempts: 0,
        waited: Duration::ZERO,
        reply: Box::new(reply()),
    };
    for error in [
        Error::request("bearer token", "its source failed"),
        Error::transport("GET /".into(), TransportKind::Closed, None),
        Error::of_status("GET /".into(), reply()),
        exhausted,
        Error::from(Denial::Cooldown(Duration::from_secs(9))),
        Error::deadline(Duration::from_secs(9)),
        Error::from(Denial::CircuitOpen(Duration::from_secs(9))),
        Error::from(Denial::Fleet(FleetUnavailable::Unreachable)),
        Error::fleet("unreachable"),
        Error::closed(),
        Error::body_too_large("GET /".into(), 1),
        Error::decode("GET /", 1, &decode),
    ] {
        let error = error.with_effort(effort);
        assert_eq!(
            (error.attempts(), error.waited()),
            (3, Duration::from_millis(1500)),
            "{error:?}"
        );
    }
    assert_eq!(Error::config("mine", "max_rate", "is 0").attempts(), 0);
}

#[test]
fn what_may_succeed_later_is_transient() {
    assert!(Error::from(Denial::Cooldown(Duration::from_secs(9))).is_transient());
    assert_eq!(
        Error::from(Denial::Cooldown(Duration::from_secs(9))).retry_after(),
        Some(Duration::from_secs(9))
    );
    assert!(!Error::request("path", "is empty").is_transient());
}
