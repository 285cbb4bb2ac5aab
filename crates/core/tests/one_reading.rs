//! Each response is read once, by the client's own dialect: the limiter and the error get one wait.

#[path = "common/scripted.rs"]
mod scripted;

use std::sync::Arc;
use std::time::Duration;

use api_ratelimiter_core::call::{Call, Delivered, Drained, Draining, Judged, Next, Onward};
use api_ratelimiter_core::http::{HeaderMap, HeaderValue, Method, StatusCode};
use api_ratelimiter_core::outcome::Feedback;
use api_ratelimiter_core::reply::BodyStart;
use api_ratelimiter_core::settings::CallSettings;
use api_ratelimiter_core::{ApiRateConfig, Error, presets};

use scripted::{Scripted, vectors, with_body};

/// Result of one response: the pause that the limiter got, if the response is a refusal, and
/// the error that the caller gets.
struct Outcome {
    told: Option<Option<Duration>>,
    error: Option<Error>,
}

/// Plays one response, to each attempt, to a client with these settings.
fn play(settings: &Arc<CallSettings>, method: &Method, response: &Scripted) -> Outcome {
    let Scripted {
        status,
        headers,
        body,
        unix_now,
        ..
    } = response;
    let start = BodyStart {
        bytes: body.clone(),
        truncated: false,
    };
    let ends = |told, delivered: Delivered| {
        let is_error = status.as_u16() >= 400;
        let error = is_error.then(|| delivered.status_error(headers.clone(), start.clone()));
        Outcome { told, error }
    };
    let parts = settings.request(method.clone(), "/path").expect("valid");
    let mut call = Call::new(Arc::clone(settings), parts);
    loop {
        // The head, and the body if only the body can tell whether the response is a refusal.
        let outgoing = call.granted(Duration::ZERO, false);
        let arrived = outgoing.answered(*status, headers, *unix_now);
        let peeked = arrived.wants_body(headers).then_some(body.as_slice());
        let Judged {
            feedback,
            hold,
            next,
        } = arrived.judge(headers, peeked);
        let mut told = match feedback {
            Feedback::Refused { retry_after, .. } => Some(retry_after),
            Feedback::Exhausted => Some(hold.map(|hold| hold.wait)),
            Feedback::Success { .. } | Feedback::Failed => None,
        };

        // The body of a response that is not delivered at once.
        let next = match next {
            Ok(Next::Deliver(delivered)) => return ends(told, delivered),
            Ok(Next::Drain(draining)) => {
                let Drained { longer, next } = draining.drained(headers, start.clone());
                if let Some(longer) = longer {
                    told = Some(Some(longer.wait));
                }
                next
            }
            Err(given_up) => Err(given_up),
        };
        match next {
            Ok(Onward::Deliver(delivered)) => return ends(told, delivered),
            Ok(Onward::Again(again)) => call = again,
            Err(given_up) => {
                let error = Some(given_up.error);
                return Outcome { told, error };
            }
        }
    }
}

#[test]
fn the_error_of_every_preset_and_vector_has_the_wait_that_the_limiter_was_told() {
    let (mut refusals, mut others) = (0, 0);
    let mut delivered = 0;
    for config in presets::all() {
        let config = ApiRateConfig {
            base_url: "https://api.example/v1".into(),
            ..config
        };
        let settings = [0, 1].map(|retries| {
            let mut settings = CallSettings::new(&config).expect("valid");
            settings.max_retries_on_backoff = retries;
            Arc::new(settings)
        });
        let calls = settings
            .iter()
            .flat_map(|settings| [(settings, Method::GET), (settings, Method::POST)]);
        // No vector has a wait in the body of a refusal that is not sent again.
        let in_body = |status: &u16| {
            let status = StatusCode::from_u16(*status).expect("a status");
            with_body(status, r#"{"retry_after": 15}"#)
        };
        let mut responses = vectors();
        responses.extend(config.backoff_status_codes.iter().map(in_body));
        for (vector, (settings, method)) in responses
            .iter()
            .flat_map(|vector| calls.clone().map(move |call| (vector, call)))
        {
            let Outcome { told, error } = play(settings, &method, vector);
            let Some(error) = error else { continue };
            if matches!(error, Error::Transport { .. }) {
                continue;
            }
            let retries = settings.max_retries_on_backoff;
            let what = format!(
                "{}, {}, {method}, {retries}: {error:?}",
                config.name, vector.id
            );
            match told {
                Some(told) => {
                    assert_eq!(error.retry_after(), told, "{what}");
                    refusals += u32::from(told.is_some());
                    let is_delivered =
                        matches!(error, Error::Status { .. } | Error::QuotaExhausted { .. });
                    delivered += u32::from(told.is_some() && is_delivered);
                }
                // The limiter gets no pause: the error contains the wait that the server asks for.
                None => {
                    let Scripted {
                        status,
                        headers,
                        body,
                        unix_now,
                        ..
                    } = vector;
                    let read = settings.reader.read(*status, headers, body, *unix_now);
                    assert_eq!(error.retry_after(), read.wait, "{what}");
                    others += u32::from(read.wait.is_some());
                }
            }
        }
    }
    assert!(
        refusals > 4000 && others > 400 && delivered > 90,
        "{refusals}, {others}, {delivered}"
    );
}

fn settings_of(preset: &str, retries: u32) -> Arc<CallSettings> {
    let config = presets::all().into_iter().find(|it| it.name == preset);
    let config = ApiRateConfig {
        base_url: "https://api.example".into(),
        ..config.expect("a preset")
    };
    let mut settings = CallSettings::new(&config).expect("valid");
    settings.max_retries_on_backoff = retries;
    Arc::new(settings)
}

/// Begins a POST that is answered by a 503, which must not be sent again, with these headers.
fn refused_post(headers: &HeaderMap) -> Draining {
    let config = ApiRateConfig {
        base_url: "https://api.example".into(),
        backoff_status_codes: vec![429, 503],
        ..Default::default()
    };
    let settings = Arc::new(CallSettings::new(&config).expect("valid"));
    let parts = settings.request(Method::POST, "/").expect("valid");
    let outgoing = Call::new(settings, parts).granted(Duration::ZERO, false);
    let status = StatusCode::SERVICE_UNAVAILABLE;
    let arrived = outgoing.answered(status, headers, Duration::from_secs(1_767_225_600));
    match arrived.judge(headers, None).next {
        Ok(Next::Drain(draining)) => *draining,
        other => panic!("{other:?}"),
    }
}

/// The pause that the limiter was told of after the head, and the wait of the error.
fn after_draining(
    headers: &HeaderMap,
    drained: &str,
    whole: &str,
) -> (Option<Duration>, Option<Duration>) {
    let start = |body: &str| BodyStart {
        bytes: body.into(),
        truncated: body.len() < whole.len(),
    };
    let draining = refused_post(headers);
    assert!(draining.keeps_body(), "the caller gets the response");
    let Drained { longer, next } = draining.drained(headers, start(drained));
    match next {
        Ok(Onward::Deliver(delivered)) => {
            let error = delivered.status_error(headers.clone(), start(whole));
            assert_eq!(error.reply().expect("a reply").body(), whole.as_bytes());
            (longer.map(|longer| longer.wait), error.retry_after())
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_refusal_that_is_not_sent_again_is_read_once() {
    let seconds = |seconds| Some(Duration::from_secs(seconds));
    let none = HeaderMap::new();
    let body = r#"{"retry_after": 15}"#;
    assert_eq!(
        after_draining(&none, body, body),
        (seconds(15), seconds(15))
    );
    // A body that arrives after the limiter was told adds nothing.
    assert_eq!(after_draining(&none, "", body), (None, None));
    // The longer wait counts, for the limiter and the error.
    let mut head = HeaderMap::new();
    head.insert("retry-after", HeaderValue::from_static("7"));
    let (_, wait) = after_draining(&head, "", body);
    assert_eq!(wait, seconds(7));
    let (longer, wait) = after_draining(&head, body, body);
    assert_eq!(longer.or(seconds(7)), wait);
    let (longer, wait) = after_draining(&head, r#"{"retry_after": 3}"#, r#"{"retry_after": 3}"#);
    assert_eq!((longer, wait), (None, seconds(7)));
}

#[test]
fn a_body_that_forbids_another_attempt_is_delivered() {
    let saved = r#"{"additional_data": {"retry_guidance": ["Do not repeat the write."], "retry_after": "15"}}"#;
    let refusal = with_body(StatusCode::TOO_MANY_REQUESTS, saved);
    for method in [Method::GET, Method::PUT, Method::POST] {
        let settings = settings_of("notion", 1);
        let Outcome { told, error } = play(&settings, &method, &refusal);
        let error = error.expect("a refusal");
        assert!(matches!(error, Error::Status { .. }), "{error:?}");
        assert_eq!(error.attempts(), 1, "{error:?}");
        assert_eq!(Some(error.retry_after()), told, "{error:?}");
    }
}

/// The error of a client of this preset for one refusal.
fn refused_by(preset: &str, response: &Scripted) -> Error {
    let error = play(&settings_of(preset, 0), &Method::GET, response).error;
    error.expect("a refusal")
}

#[test]
fn a_wait_in_the_body_of_a_200_is_the_errors_wait() {
    let response = |body| with_body(StatusCode::OK, body);
    let monday = response(
        r#"{"errors": [{"message": "Complexity budget exhausted", "extensions": {"code": "COMPLEXITY_BUDGET_EXHAUSTED", "retry_in_seconds": 15}}]}"#,
    );
    let error = refused_by("monday", &monday);
    assert!(matches!(error, Error::BackoffExhausted { .. }), "{error:?}");
    assert_eq!(error.retry_after(), Some(Duration::from_secs(15)));
    let shopify = response(
        r#"{"errors": [{"message": "Throttled", "extensions": {"code": "THROTTLED"}}], "extensions": {"cost": {"requestedQueryCost": 202, "actualQueryCost": null, "throttleStatus": {"maximumAvailable": 1000.0, "currentlyAvailable": 102.0, "restoreRate": 50.0}}}}"#,
    );
    let error = refused_by("shopify_graphql", &shopify);
    assert!(matches!(error, Error::BackoffExhausted { .. }), "{error:?}");
    assert_eq!(error.retry_after(), Some(Duration::from_secs(2)));
}

#[test]
fn a_quota_that_is_used_up_is_the_callers_at_once_with_its_reason() {
    for (preset, status, body, reason) in [
        (
            "airtable",
            429,
            r#"{"errors":[{"error":"PUBLIC_API_BILLING_LIMIT_EXCEEDED","message":"x"}]}"#,
            "PUBLIC_API_BILLING_LIMIT_EXCEEDED",
        ),
        (
            "openai",
            429,
            r#"{"error":{"message":"x","type":"insufficient_quota","code":"insufficient_quota"}}"#,
            "insufficient_quota",
        ),
        (
            "openai",
            400,
            r#"{"error":{"code":"billing_hard_limit_reached"}}"#,
            "billing_hard_limit_reached",
        ),
        (
            "google",
            403,
            r#"{"error":{"errors":[{"reason":"dailyLimitExceeded"}],"code":403}}"#,
            "dailyLimitExceeded",
        ),
        (
            "google",
            403,
            r#"{"error":{"errors":[{"reason":"quotaExceeded"}],"code":403}}"#,
            "quotaExceeded",
        ),
        // google.rpc.ErrorInfo (cloud.google.com/docs/quotas, error messages).
        (
            "google",
            429,
            r#"{"error":{"code":429,"status":"RESOURCE_EXHAUSTED","details":[{"reason":"RATE_LIMIT_EXCEEDED","metadata":{"quota_limit":"ReadRequestsPerDayPerProject"}}]}}"#,
            "PerDay",
        ),
        (
            "notion",
            429,
            r#"{"code":"rate_limited","additional_data":{"rate_limit_reason":"public_api_request_blocked"}}"#,
            "public_api_request_blocked",
        ),
        (
            "slack",
            200,
            r#"{"ok":false,"error":"team_quota_exceeded"}"#,
            "team_quota_exceeded",
        ),
        (
            "hubspot",
            429,
            r#"{"message":"You have reached your daily limit.","errorType":"RATE_LIMIT","policyName":"DAILY"}"#,
            "DAILY",
        ),
        (
            "anthropic",
            400,
            r#"{"type":"error","error":{"type":"invalid_request_error","message":"Your credit balance is too low to access the Anthropic API."}}"#,
            "credit balance is too low",
        ),
        (
            "monday",
            200,
            r#"{"errors":[{"extensions":{"code":"DAILY_LIMIT_EXCEEDED"}}]}"#,
            "DAILY_LIMIT_EXCEEDED",
        ),
        (
            "salesforce",
            403,
            r#"[{"message":"TotalRequests Limit exceeded.","errorCode":"REQUEST_LIMIT_EXCEEDED"}]"#,
            "TotalRequests Limit exceeded",
        ),
        ("twilio", 429, r#"{"code":63038,"message":"x"}"#, "63038"),
        (
            "x",
            429,
            r#"{"title":"UsageCapExceeded","period":"Monthly"}"#,
            "UsageCapExceeded",
        ),
        (
            "x",
            429,
            r#"{"title":"Too Many Requests","type":"https://api.twitter.com/2/problems/usage-capped"}"#,
            "problems/usage-capped",
        ),
    ] {
        let status = StatusCode::from_u16(status).expect("a status");
        let response = with_body(status, body);
        let played = play(&settings_of(preset, 20), &Method::GET, &response);
        assert_eq!(played.told, Some(None), "{preset}: no pause");
        let error = played.error.expect("an error");
        assert_eq!(
            (error.attempts(), error.status()),
            (1, Some(status)),
            "{preset}"
        );
        assert_eq!(error.reply().expect("the reply").body(), body.as_bytes());
        assert_eq!((error.retry_after(), error.is_transient()), (None, false));
        assert!(error.to_string().contains(reason), "{error}");
        let Error::QuotaExhausted {
            reason: told,
            until: None,
            ..
        } = error
        else {
            panic!("{preset}: {error:?}")
        };
        assert_eq!(&*told, reason, "{preset}");
    }
}

#[test]
fn a_limit_of_the_rate_is_no_quota() {
    for (preset, status, body) in [
        ("hubspot", 429, r#"{"policyName":"TEN_SECONDLY_ROLLING"}"#),
        (
            "google",
            403,
            r#"{"error":{"errors":[{"reason":"userRateLimitExceeded"}]}}"#,
        ),
        (
            "salesforce",
            403,
            r#"[{"message":"ConcurrentPerOrgLongTxn Limit exceeded","errorCode":"REQUEST_LIMIT_EXCEEDED"}]"#,
        ),
        (
            "notion",
            429,
            r#"{"additional_data":{"rate_limit_reason":"public_api_request_rate_limit"}}"#,
        ),
        ("twilio", 429, r#"{"code":20429}"#),
        ("twilio", 429, r#"{"code":163038}"#),
    ] {
        let status = StatusCode::from_u16(status).expect("a status");
        let error = refused_by(preset, &with_body(status, body));
        assert!(
            matches!(error, Error::BackoffExhausted { .. }),
            "{preset}: {error:?}"
        );
    }
}

#[test]
fn a_quota_that_renews_is_waited_for_once_if_that_is_soon() {
    let renewing = |seconds: &'static str| {
        let body = r#"{"policyName":"DAILY"}"#;
        let mut response = with_body(StatusCode::TOO_MANY_REQUESTS, body);
        let headers = &mut response.headers;
        headers.insert("retry-after", HeaderValue::from_static(seconds));
        response
    };
    for (seconds, attempts, wait) in [("100", 2, 100), ("36000", 1, 36_000)] {
        let played = play(
            &settings_of("hubspot", 20),
            &Method::POST,
            &renewing(seconds),
        );
        let wait = Duration::from_secs(wait);
        assert_eq!(played.told, Some(Some(wait)), "the limiter pauses");
        let error = played.error.expect("an error");
        assert_eq!(
            (error.attempts(), error.retry_after()),
            (attempts, Some(wait))
        );
        assert!(error.is_transient());
        let Error::QuotaExhausted { until, .. } = error else {
            panic!("{error:?}")
        };
        let renewed = Duration::from_secs(1_767_225_600) + wait;
        assert_eq!(until, Some(std::time::SystemTime::UNIX_EPOCH + renewed));
    }
    // Money does not come back by waiting.
    let mut spent = renewing("100");
    spent.body = br#"{"error":{"code":"insufficient_quota"}}"#.to_vec();
    let error = refused_by("hubspot", &spent);
    assert!(
        matches!(error, Error::QuotaExhausted { until: None, .. }),
        "{error:?}"
    );
    assert_eq!(error.retry_after(), None);
}
