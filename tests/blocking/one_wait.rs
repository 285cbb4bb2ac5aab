//! `Error::retry_after` is the wait that the client's dialect read, and that its limiter obeys.

use api_ratelimiter::{API_RATE_CONFIGS, ApiRateConfig, Clock, Error};

use crate::front::DynamicAPIClient;
use crate::server::{Server, answer};
use crate::{ample, secs};

#[test]
fn a_wait_in_the_body_of_a_200_is_the_limiters_pause_and_the_errors_wait() {
    let refusal = r#"{"errors": [{"message": "Complexity budget exhausted", "extensions": {"code": "COMPLEXITY_BUDGET_EXHAUSTED", "retry_in_seconds": 15}}]}"#;
    let server = Server::answers([answer(200, "Content-Type: application/json\r\n", refusal)]);
    let preset = API_RATE_CONFIGS.get("monday").expect("a preset");
    let config = ApiRateConfig {
        base_url: server.url(),
        ..ApiRateConfig::clone(&preset)
    };
    let client = DynamicAPIClient::builder(config)
        .no_proxy()
        .timeouts(ample())
        .max_retries_on_backoff(0)
        .build()
        .expect("valid");
    let error = client.post("/").body("{}").send().expect_err("refused");
    assert!(matches!(error, Error::BackoffExhausted { .. }), "{error:?}");
    assert_eq!(error.retry_after(), Some(secs(15)));
    let until = client.limiter().snapshot().cooldown_until.expect("a pause");
    let left = until
        .duration_since(std::time::UNIX_EPOCH)
        .expect("after 1970")
        .saturating_sub(api_ratelimiter::SystemClock::new().unix_now());
    // The jitter adds up to a tenth. Some seconds may have passed on a slow machine.
    assert!(left > secs(5) && left <= secs(17), "{left:?}");
}

#[test]
fn an_error_of_a_delivered_response_keeps_its_reading() {
    // A POST is not retried after a 503: the caller gets the response.
    let refusal = answer(503, "Retry-After: 7\r\n", "busy");
    let server = Server::answers([refusal]);
    let client = crate::client(&server.url());
    let response = client.post("/").body("{}").send().expect("a response");
    let error = response.error_for_status().map(drop).expect_err("a 503");
    assert_eq!(error.retry_after(), Some(secs(7)));
    assert_eq!(error.reply().expect("a reply").body(), b"busy");
}
