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
        let Judged { feedback, next } = arrived.judge(headers, peeked);
        let mut told = match feedback {
            Feedback::Refused { retry_after, .. } => Some(retry_after),
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
                    let is_delivered = matches!(error, Error::Status { .. });
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
        refusals > 4000 && others > 400 && delivered > 100,
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
        Ok(Next::Drain(draining)) => draining,
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
