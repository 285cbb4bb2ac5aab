//! Each response is read once, by the client's own dialect: the limiter and the error get one wait.

use std::sync::Arc;
use std::time::Duration;

use api_ratelimiter_core::call::{Call, Drained, Judged, Next, Onward};
use api_ratelimiter_core::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use api_ratelimiter_core::outcome::Feedback;
use api_ratelimiter_core::reply::BodyStart;
use api_ratelimiter_core::settings::CallSettings;
use api_ratelimiter_core::{ApiRateConfig, Error, presets};
use serde_json::Value;

/// A response of a vector.
struct Scripted {
    id: String,
    status: StatusCode,
    headers: HeaderMap,
    body: Vec<u8>,
    unix_now: Duration,
}

fn vectors() -> Vec<Scripted> {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/data/header-dialects.json"
    );
    let text = std::fs::read_to_string(path).expect("the vectors are there");
    let vectors: Vec<Value> = serde_json::from_str(&text).expect("the vectors are JSON");
    vectors.iter().map(scripted).collect()
}

fn scripted(vector: &Value) -> Scripted {
    let mut headers = HeaderMap::new();
    for (name, value) in vector["headers"].as_object().expect("an object") {
        let name = HeaderName::from_bytes(name.as_bytes()).expect("a header's name");
        let one = std::slice::from_ref(value);
        for line in value.as_array().map_or(one, Vec::as_slice) {
            let line = line.as_str().expect("text").as_bytes();
            headers.append(&name, HeaderValue::from_bytes(line).expect("a value"));
        }
    }
    let status = vector["status"].as_u64().expect("a status") as u16;
    Scripted {
        id: vector["id"].as_str().expect("an id").to_owned(),
        status: StatusCode::from_u16(status).expect("a status"),
        headers,
        body: vector["body"].as_str().unwrap_or_default().into(),
        unix_now: Duration::from_secs_f64(vector["now_unix"].as_f64().expect("a time")),
    }
}

/// Result of one response: the pause that the limiter got, if the response is a refusal, and
/// the error that the caller gets.
struct Outcome {
    told: Option<Option<Duration>>,
    error: Option<Error>,
}

/// Plays one response to a client with this configuration that retries nothing.
fn play(settings: &Arc<CallSettings>, response: &Scripted) -> Outcome {
    let Scripted {
        status,
        headers,
        body,
        unix_now,
        ..
    } = response;
    let parts = settings.request(Method::GET, "/path").expect("valid");
    let call = Call::new(Arc::clone(settings), parts);
    let arrived = call
        .granted(Duration::ZERO, false)
        .answered(*status, headers, *unix_now);
    let peeked = arrived.wants_body(headers).then_some(body.as_slice());
    let Judged { feedback, next } = arrived.judge(headers, peeked);
    let mut told = match feedback {
        Feedback::Refused { retry_after, .. } => Some(retry_after),
        Feedback::Success { .. } | Feedback::Failed => None,
    };
    let start = BodyStart {
        bytes: body.clone(),
        truncated: false,
    };
    let delivered = match next {
        Ok(Next::Deliver(delivered)) => delivered,
        Ok(Next::Drain(draining)) => {
            let Drained { longer, next } = draining.drained(headers, start.clone());
            if let Some(longer) = longer {
                told = Some(Some(longer.wait));
            }
            match next {
                Ok(Onward::Deliver(delivered)) => delivered,
                Ok(Onward::Again(_)) => return Outcome { told, error: None },
                Err(given_up) => {
                    let error = Some(given_up.error);
                    return Outcome { told, error };
                }
            }
        }
        Err(given_up) => {
            let error = Some(given_up.error);
            return Outcome { told, error };
        }
    };
    let is_error = status.as_u16() >= 400;
    let error = is_error.then(|| delivered.status_error(headers.clone(), start));
    Outcome { told, error }
}

#[test]
fn the_error_of_every_preset_and_vector_has_the_wait_that_the_limiter_was_told() {
    let (mut refusals, mut others) = (0, 0);
    for config in presets::all() {
        let config = ApiRateConfig {
            base_url: "https://api.example/v1".into(),
            ..config
        };
        let mut settings = CallSettings::new(&config).expect("valid");
        settings.max_retries_on_backoff = 0;
        let settings = Arc::new(settings);
        for vector in vectors() {
            let Outcome { told, error } = play(&settings, &vector);
            let Some(error) = error else { continue };
            if matches!(error, Error::Transport { .. }) {
                continue;
            }
            let what = format!("{}, {}: {error:?}", config.name, vector.id);
            match told {
                Some(told) => {
                    assert_eq!(error.retry_after(), told, "{what}");
                    refusals += u32::from(told.is_some());
                }
                // The limiter gets no pause: the error contains the wait that the server asks for.
                None => {
                    let Scripted {
                        status,
                        headers,
                        body,
                        unix_now,
                        ..
                    } = &vector;
                    let read = settings.reader.read(*status, headers, body, *unix_now);
                    assert_eq!(error.retry_after(), read.wait, "{what}");
                    others += u32::from(read.wait.is_some());
                }
            }
        }
    }
    assert!(refusals > 1000 && others > 100, "{refusals}, {others}");
}

/// The error of a client of this preset for one refusal.
fn refused_by(preset: &str, response: &Scripted) -> Error {
    let config = presets::all().into_iter().find(|it| it.name == preset);
    let config = ApiRateConfig {
        base_url: "https://api.example".into(),
        ..config.expect("a preset")
    };
    let mut settings = CallSettings::new(&config).expect("valid");
    settings.max_retries_on_backoff = 0;
    let error = play(&Arc::new(settings), response).error;
    error.expect("a refusal")
}

#[test]
fn a_wait_in_the_body_of_a_200_is_the_errors_wait() {
    let response = |body: &str| Scripted {
        id: String::new(),
        status: StatusCode::OK,
        headers: HeaderMap::new(),
        body: body.into(),
        unix_now: Duration::from_secs(1_767_225_600),
    };
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
