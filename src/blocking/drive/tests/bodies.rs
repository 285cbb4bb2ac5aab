//! Throttles in bodies, and bodies that allow or forbid a retry.

use super::*;
use api_ratelimiter_core::config::{BodyThrottle, DialectConfig, IdempotencyConfig};

#[test]
fn a_throttle_in_a_200_is_waited_out_and_retried_with_every_method() {
    let world = world_of("github", |_| {});
    let throttled = r#"{"data": null, "errors": [{"type": "RATE_LIMITED", "message": "x"}]}"#;
    let outcome = world.call(
        world.parts(Method::POST),
        &[Says(200, throttled), Says(200, r#"{"data": {}}"#)],
    );
    assert_eq!(outcome.expect("the call succeeds"), (200, 2));
    assert_eq!(world.limiter.snapshot().backed_off, 1);
    let times = world.times();
    assert!(
        times[1] >= 60.0,
        "at least a minute by the documentation: {times:?}"
    );
}

#[test]
fn a_body_that_is_not_json_is_not_read() {
    let world = world_of("github", |_| {});
    let script = [Answers(200, &[("content-type", "text/html")])];
    let outcome = world.call(world.parts(Method::GET), &script);
    assert_eq!(outcome.expect("delivered"), (200, 1));
}

#[test]
fn a_403_that_does_not_mention_a_rate_is_delivered() {
    let world = world_of("google", |_| {});
    let denied = r#"{"error": {"errors": [{"reason": "forbidden"}]}}"#;
    let outcome = world.call(world.parts(Method::GET), &[Says(403, denied)]);
    assert_eq!(outcome.expect("delivered"), (403, 1));
    assert_eq!(world.limiter.snapshot().backed_off, 0);
    let slow = r#"{"error": {"errors": [{"reason": "rateLimitExceeded"}]}}"#;
    let outcome = world.call(world.parts(Method::GET), &[Says(403, slow), ok()]);
    assert_eq!(outcome.expect("delivered"), (200, 2));
}

#[test]
fn the_rules_of_the_user_add_to_those_of_the_profile() {
    let rule = BodyThrottle::new([200, 420], "errors.*.code", ["slow_down"]);
    let world = world_with(
        "",
        |_| {},
        |config| config.dialect = DialectConfig::default().throttle(rule),
    );
    let says = r#"{"errors": [{"code": "PLEASE_SLOW_DOWN"}], "retry_after": 7}"#;
    let outcome = world.call(
        world.parts(Method::POST),
        &[
            Says(200, says),
            Says(420, says),
            Says(420, r#"{"errors": []}"#),
        ],
    );
    assert_eq!(outcome.expect("delivered"), (420, 3));
    let times = world.times();
    // The pause, its jitter of up to a tenth, and one interval for the next token.
    assert!((7.0..=9.0).contains(&(times[1] - times[0])), "{times:?}");
}

#[test]
fn the_body_of_a_refusal_may_lengthen_the_pause() {
    let world = world(|_| {});
    let says = r#"{"retry_after": 40}"#;
    let outcome = world.call(world.parts(Method::GET), &[Says(429, says), ok()]);
    assert_eq!(outcome.expect("the call succeeds"), (200, 2));
    let times = world.times();
    // The pause with its jitter of up to a tenth, and the second in which the next token accrues.
    assert!((41.0..=45.0).contains(&times[1]), "{times:?}");
    let snapshot = world.limiter.snapshot();
    assert_eq!(snapshot.backed_off, 1, "one refusal, one report");
}

#[test]
fn a_body_that_forbids_a_retry_is_delivered() {
    let world = world_of("notion", |_| {});
    let saved = r#"{"additional_data": {"retry_guidance": ["Do not repeat the write."]}}"#;
    let outcome = world.call(world.parts(Method::GET), &[Says(429, saved)]);
    assert_eq!(outcome.expect("delivered"), (429, 1));
    assert_eq!(world.limiter.snapshot().backed_off, 1);
}

#[test]
fn a_quota_that_is_used_up_neither_slows_the_client_nor_pauses_it() {
    let world = world_with("openai", |_| {}, |config| config.min_rate = 0.1);
    let spent = r#"{"error": {"code": "insufficient_quota"}}"#;
    for _ in 0..2 {
        let error = world
            .call(world.parts(Method::POST), &[Says(429, spent)])
            .expect_err("no retry helps");
        assert!(matches!(error, Error::QuotaExhausted { .. }), "{error:?}");
    }
    let snapshot = world.limiter.snapshot();
    assert_eq!((snapshot.backed_off, snapshot.current_rate), (0, 1.0));
    assert_eq!(world.times(), [0.0, 1.0], "no pause beyond the pace");
}

#[test]
fn a_quota_that_only_a_late_body_names_is_the_callers_at_once_after_one_cut() {
    // Neither a vendor nor a label gives reason to read the body before the limiter is told.
    let world = world(|_| {});
    let spent = r#"{"error": {"code": "insufficient_quota"}, "retry_after": 9}"#;
    let error = world
        .call(world.parts(Method::POST), &[Says(429, spent)])
        .expect_err("no retry helps");
    assert!(
        matches!(error, Error::QuotaExhausted { until: None, .. }),
        "{error:?}"
    );
    assert_eq!(world.limiter.snapshot().backed_off, 1);
}

#[test]
fn a_quota_that_did_not_renew_as_said_is_not_waited_for_again() {
    let world = world_of("hubspot", |_| {});
    let soon = r#"{"policyName": "DAILY", "retry_after": 40}"#;
    let error = world
        .call(
            world.parts(Method::POST),
            &[Says(429, soon), Says(429, soon)],
        )
        .expect_err("still used up");
    assert!(
        matches!(error, Error::QuotaExhausted { until: Some(_), .. }),
        "{error:?}"
    );
    assert_eq!(
        (error.attempts(), error.retry_after()),
        (2, Some(40 * SECOND))
    );
}

#[test]
fn a_quota_that_renews_soon_is_waited_for_at_the_same_rate() {
    let rule = BodyThrottle::new([429], "error.code", ["day_used_up"]);
    let world = world_with(
        "",
        |_| {},
        |config| {
            config.min_rate = 0.1;
            config.dialect = DialectConfig::default().exhausted(rule);
        },
    );
    let soon = r#"{"error": {"code": "day_used_up"}, "retry_after": 40}"#;
    let outcome = world.call(world.parts(Method::POST), &[Says(429, soon), ok()]);
    assert_eq!(outcome.expect("the call succeeds"), (200, 2));
    let times = world.times();
    assert!((40.0..=46.0).contains(&times[1]), "{times:?}");
    let snapshot = world.limiter.snapshot();
    assert_eq!((snapshot.backed_off, snapshot.current_rate), (0, 1.0));
    // The next day is far away: nothing more is sent.
    let late = r#"{"error": {"code": "day_used_up"}, "retry_after": 40000}"#;
    let error = world
        .call(world.parts(Method::POST), &[Says(429, late)])
        .expect_err("too late");
    assert!(
        matches!(error, Error::QuotaExhausted { until: Some(_), .. }),
        "{error:?}"
    );
    let error = world
        .call(world.parts(Method::GET), &[])
        .expect_err("paused");
    assert!(matches!(error, Error::CooldownTooLong { .. }), "{error:?}");
}

#[test]
fn a_number_fits_a_word_as_a_whole() {
    let rule = || BodyThrottle::new([200], "error.code", ["4"]);
    let world = world_with(
        "",
        |_| {},
        |config| config.dialect = DialectConfig::default().throttle(rule()),
    );
    for other in ["104", "40", "4.5", "-4", "\"104\"", "\"4.5\"", "true"] {
        let says: &'static str = format!(r#"{{"error": {{"code": {other}}}}}"#).leak();
        let outcome = world.call(world.parts(Method::GET), &[Says(200, says)]);
        assert_eq!(outcome.expect("delivered"), (200, 1), "{other}");
    }
    for same in ["4", "4.0", "\"4\"", "\"error 4\""] {
        let says: &'static str = format!(r#"{{"error": {{"code": {same}}}}}"#).leak();
        let script = [Says(200, says), Says(200, "{}")];
        let outcome = world.call(world.parts(Method::GET), &script);
        assert_eq!(outcome.expect("delivered"), (200, 2), "{same}");
    }
}

#[test]
fn a_status_documented_as_not_processed_is_retried_with_every_method() {
    let dialect = || DialectConfig::default().not_processed([503]);
    let world = world_with("", |_| {}, |config| config.dialect = dialect());
    let outcome = world.call(world.parts(Method::POST), &[Answers(503, &[]), ok()]);
    assert_eq!(outcome.expect("the call succeeds"), (200, 2));
}

#[test]
fn a_post_with_an_idempotency_key_is_retried_with_that_key() {
    let world = world_with(
        "",
        |_| {},
        |config| config.idempotency = IdempotencyConfig::default().automatic(),
    );
    let mut parts = world.parts(Method::POST);
    let call = &world.settings.call;
    call.idempotency
        .mark(&mut parts, &call.base, || Ok(7))
        .expect("a key");
    let key = parts.headers["idempotency-key"].clone();
    assert_eq!(key, "00000000-0000-4000-8000-000000000007");
    let outcome = world.call(parts, &[Answers(503, &[]), ok()]);
    assert_eq!(outcome.expect("the call succeeds"), (200, 2));
    let sent = world.sent.borrow();
    assert!(
        sent.iter()
            .all(|sent| sent.headers.iter().any(|name| name == "idempotency-key"))
    );
}

#[test]
fn key_and_body_are_not_sent_to_another_host() {
    let world = world_with(
        "",
        |_| {},
        |config| config.idempotency = IdempotencyConfig::default().automatic(),
    );
    let mut parts = world.parts(Method::POST);
    let call = &world.settings.call;
    call.idempotency
        .mark(&mut parts, &call.base, || Ok(7))
        .expect("a key");
    let away = Answers(307, &[("location", "https://other.example/")]);
    assert_eq!(
        world
            .call(parts.clone(), std::slice::from_ref(&away))
            .expect("delivered"),
        (307, 1)
    );
    parts.idempotent = Some(true);
    assert_eq!(
        world.call(parts, &[away, ok()]).expect("delivered"),
        (200, 2)
    );
    let sent = world.sent.borrow();
    let last = sent.last().expect("sent");
    assert!(
        !last.headers.iter().any(|name| name == "idempotency-key"),
        "{last:?}"
    );
}

#[test]
fn a_post_that_only_reads_is_retried_without_a_key() {
    let world = world_with(
        "",
        |_| {},
        |config| {
            config.idempotency = IdempotencyConfig::default().automatic().reading_post("/a");
        },
    );
    let mut parts = world.parts(Method::POST);
    let call = &world.settings.call;
    call.idempotency
        .mark(&mut parts, &call.base, || Ok(7))
        .expect("a key");
    assert!(!parts.headers.contains_key("idempotency-key"));
    let outcome = world.call(parts, &[Answers(503, &[]), ok()]);
    assert_eq!(outcome.expect("the call succeeds"), (200, 2));
}
