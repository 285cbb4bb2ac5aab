//! Each error of a call says how many requests the call sent and how long it waited for permits.

use api_ratelimiter::Error;

use crate::server::{Server, answer, ok};
use crate::{in_virtual_time, ms, secs};

#[test]
fn a_call_that_is_refused_too_often_counts_its_attempts_and_waits() {
    let refusal = || answer(429, "Retry-After: 3\r\n", "");
    let server = Server::answers([refusal(), refusal(), refusal()]);
    let (client, _, _joined) =
        in_virtual_time(&server.url(), |builder| builder.max_retries_on_backoff(2));
    let error = client.get("/").send().expect_err("refused");
    assert!(matches!(error, Error::BackoffExhausted { .. }), "{error:?}");
    assert_eq!(error.attempts(), 3);
    assert!(error.waited() >= secs(6), "{:?}", error.waited());
}

#[test]
fn a_pause_or_a_deadline_that_ends_a_call_comes_after_one_attempt() {
    for (wait, is_expected) in [
        (
            9_999,
            (|error| matches!(error, Error::CooldownTooLong { .. })) as fn(&Error) -> bool,
        ),
        (60, |error| matches!(error, Error::DeadlineTooShort { .. })),
    ] {
        let refusal = answer(429, &format!("Retry-After: {wait}\r\n"), "");
        let server = Server::answers([refusal]);
        let (client, _, _joined) = in_virtual_time(&server.url(), |builder| builder);
        let error = client
            .get("/")
            .deadline(secs(30))
            .send()
            .expect_err("no permit");
        assert!(is_expected(&error), "{error:?}");
        assert_eq!(error.attempts(), 1, "{error:?}");
        assert_eq!(error.waited(), ms(0), "{error:?}");
    }
}

#[test]
fn a_connection_that_fails_counts_each_retry() {
    let (client, _, _joined) =
        in_virtual_time("http://127.0.0.1:9", |builder| builder.retry_transport(2));
    let error = client.get("/").send().expect_err("no server listens");
    assert!(matches!(error, Error::Transport { .. }), "{error:?}");
    assert_eq!(error.attempts(), 3);
}

#[test]
fn a_closed_client_has_sent_nothing() {
    let (client, _, _joined) = in_virtual_time("http://127.0.0.1:9", |builder| builder);
    client.limiter().close();
    let error = client.get("/").send().expect_err("it was closed");
    assert!(matches!(error, Error::Closed { .. }), "{error:?}");
    assert_eq!((error.attempts(), error.waited()), (0, ms(0)));
}

#[test]
fn an_error_of_a_response_keeps_what_came_before_the_response() {
    let refusal = || answer(429, "Retry-After: 2\r\n", "");
    let server = Server::answers([
        refusal(),
        answer(404, "", "not here"),
        refusal(),
        ok("not JSON"),
        refusal(),
        ok("far too much"),
    ]);
    let (client, _, _joined) = in_virtual_time(&server.url(), |builder| builder.max_body(8));
    let send = || client.get("/").send().expect("a response");
    let status = send().error_for_status().map(drop);
    let decode = send().json::<u64>().map(drop);
    let length = send().text().map(drop);
    for outcome in [status, decode, length] {
        let error = outcome.expect_err("no usable response");
        assert_eq!(error.attempts(), 2, "{error:?}");
        assert!(error.waited() >= secs(2), "{error:?}");
    }
}
