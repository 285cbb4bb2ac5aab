//! `Error::retry_after` is the wait that the client's dialect read, and that its limiter obeys.

use std::io::{Read, Write};
use std::thread;
use std::time::Instant;

use api_ratelimiter::{
    API_RATE_CONFIGS, ApiRateConfig, Clock, DialectConfig, DialectField, Error, FieldMeaning,
    TimeUnit,
};

use crate::front::{DynamicAPIClient, Response};
use crate::server::{After, Server, answer, flood};
use crate::{ample, builder, ms, secs};

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
    assert_pause_of_15_s(&client);
}

/// Sends a request that the server refuses by a wait of 15 s, and checks that limiter and error have that wait.
fn assert_refused_for_15_s(config: ApiRateConfig, status: u16, headers: &str, body: &str) {
    let head = format!("Content-Type: application/json\r\n{headers}");
    let server = Server::answers([answer(status, &head, body)]);
    let config = ApiRateConfig {
        base_url: server.url(),
        ..config
    };
    let client = DynamicAPIClient::builder(config)
        .no_proxy()
        .timeouts(ample())
        .max_retries_on_backoff(0)
        .build()
        .expect("valid");
    let error = client.get("/").send().expect_err("refused");
    assert!(matches!(error, Error::BackoffExhausted { .. }), "{error:?}");
    assert_eq!(error.retry_after(), Some(secs(15)));
    let reply = error.reply().expect("a reply");
    assert_eq!(reply.retry_after(), Some(secs(15)));
    assert_eq!(reply.body(), body.as_bytes());
    assert_pause_of_15_s(&client);
}

fn preset(name: &str) -> ApiRateConfig {
    ApiRateConfig::clone(&API_RATE_CONFIGS.get(name).expect("a preset"))
}

#[test]
fn the_clients_own_dialect_reads_the_errors_wait() {
    // Shopify's GraphQL API: (cost - available) / restore rate.
    let shopify = r#"{"errors": [{"message": "Throttled", "extensions": {"code": "THROTTLED"}}], "extensions": {"cost": {"requestedQueryCost": 752, "throttleStatus": {"maximumAvailable": 1000.0, "currentlyAvailable": 2, "restoreRate": 50.0}}}}"#;
    assert_refused_for_15_s(preset("shopify_graphql"), 200, "", shopify);
    // Prisjakt counts in milliseconds.
    let spent =
        "X-RateLimit-Limit: 100\r\nX-RateLimit-Remaining: 0\r\nX-RateLimit-Reset: 15000\r\n";
    let prisjakt = ApiRateConfig {
        dialect: DialectConfig::default().profile("prisjakt"),
        ..ApiRateConfig::default()
    };
    assert_refused_for_15_s(prisjakt, 429, spent, "{}");
    // A dialect that only this configuration knows.
    let field = DialectField::header(FieldMeaning::Wait, "X-Cooldown").unit(TimeUnit::Milliseconds);
    let taught = ApiRateConfig {
        dialect: DialectConfig::default().field(field),
        ..ApiRateConfig::default()
    };
    assert_refused_for_15_s(taught, 429, "X-Cooldown: 15000\r\n", "{}");
}

#[test]
fn a_wait_that_is_asked_for_replaces_a_far_reset() {
    let spent = "X-RateLimit-Limit: 200\r\nX-RateLimit-Remaining: 0\r\nX-RateLimit-Reset: 3600\r\n";
    let generic = ApiRateConfig::default;
    let asked = format!("{spent}Retry-After: 15\r\n");
    assert_refused_for_15_s(generic(), 429, &asked, "{}");
    // The body is read before the limiter is told.
    assert_refused_for_15_s(generic(), 429, spent, r#"{"retry_after": "PT15S"}"#);
    let zero = format!("{spent}Retry-After: 0\r\n");
    assert_refused_for_15_s(generic(), 429, &zero, r#"{"retry_after": 15}"#);
}

/// Checks that the client's limiter pauses for 15 s.
fn assert_pause_of_15_s(client: &DynamicAPIClient) {
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

/// Sends a POST that the server refuses by a 503. It is not sent again: the caller gets the response.
fn refused_post(server: &Server) -> (DynamicAPIClient, Response) {
    let client = builder(&server.url())
        .backoff_status_codes([429, 503])
        .build()
        .expect("valid");
    let response = client.post("/").body("{}").send().expect("a response");
    assert_eq!((response.status().as_u16(), response.attempts()), (503, 1));
    assert_eq!(client.limiter().snapshot().backed_off, 1);
    (client, response)
}

#[test]
fn a_wait_in_the_body_of_a_delivered_refusal_is_the_limiters_pause_and_the_errors_wait() {
    let body = r#"{"retry_after": 15}"#;
    let refusal = answer(503, "Content-Type: application/json\r\n", body);
    let server = Server::answers([refusal]);
    let (client, response) = refused_post(&server);
    assert_pause_of_15_s(&client);
    let error = response.error_for_status().map(drop).expect_err("a 503");
    assert_eq!(error.retry_after(), Some(secs(15)));
    assert_eq!(error.reply().expect("a reply").body(), body.as_bytes());
}

#[test]
fn a_delivered_refusal_with_a_large_body_streams_all_of_it_in_order() {
    let body: String = (0..100_000).map(|line| format!("line {line}\n")).collect();
    let server = Server::answers([answer(503, "", &body)]);
    let (_client, response) = refused_post(&server);
    let mut streamed = String::new();
    let mut reader = response.into_reader();
    reader.read_to_string(&mut streamed).expect("a whole body");
    assert!(streamed == body, "{} of {}", streamed.len(), body.len());
}

#[test]
fn a_slow_body_of_a_delivered_refusal_arrives_whole() {
    // The client reads for one second and delivers the response. The rest comes later.
    let server = Server::of(|_, _, stream| {
        stream.write_all(b"HTTP/1.1 503 Busy\r\nContent-Length: 8\r\n\r\nab")?;
        for part in [b"cd", b"ef", b"gh"] {
            thread::sleep(ms(700));
            stream.write_all(part)?;
        }
        Ok(After::Close)
    });
    let (_client, response) = refused_post(&server);
    assert_eq!(response.text().expect("a whole body"), "abcdefgh");
}

#[test]
fn a_body_without_end_of_a_delivered_refusal_holds_the_call_up_for_a_second() {
    let server = Server::of(|_, _, stream| {
        stream.write_all(b"HTTP/1.1 503 Busy\r\nContent-Length: 1000000\r\n\r\n")?;
        flood(stream, b"x", ms(10));
        Ok(After::Close)
    });
    let began = Instant::now();
    let (_client, response) = refused_post(&server);
    // The body may take 8 s. Some seconds more than one may pass on a slow machine.
    assert!(began.elapsed() < secs(6), "{:?}", began.elapsed());
    drop(response);
}
