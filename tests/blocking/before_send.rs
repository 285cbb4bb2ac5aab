//! `before_send`: the call before each request.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use api_ratelimiter::Error;

use crate::client;
use crate::server::{Server, answer, ok};

#[test]
fn before_send_is_called_after_the_permit_and_before_each_attempt() {
    let server = Arc::new(Server::answers([answer(429, "", ""), ok("done")]));
    let client = client(&server.url());
    let told = Arc::new(AtomicUsize::new(0));
    let (counted, seen, limiter) = (told.clone(), server.clone(), client.limiter().clone());
    let response = client
        .post("/orders")
        .before_send(move || {
            let number = counted.fetch_add(1, Ordering::SeqCst);
            assert_eq!(seen.lines().len(), number);
            assert_eq!(limiter.snapshot().granted, number as u64 + 1);
            Ok::<_, Error>(())
        })
        .send()
        .expect("a response");
    assert_eq!(response.attempts(), 2);
    assert_eq!(told.load(Ordering::SeqCst), 2);
}

#[test]
fn an_error_of_before_send_ends_the_call_and_returns_the_permit() {
    let server = Server::answers([ok("done")]);
    let (client, _, _joined) = crate::in_virtual_time(&server.url(), |builder| builder);
    let before = client.limiter().snapshot().tokens;
    let send = |error: fn() -> Box<dyn std::error::Error + Send + Sync>| {
        let request = client.post("/orders").before_send(move || Err(error()));
        request.send().expect_err("before_send failed")
    };
    let error = send(|| "the disk is full".into());
    let expected = "invalid request, before_send: failed: the disk is full";
    assert_eq!(error.to_string(), expected);
    assert!(matches!(
        send(|| Error::closed().into()),
        Error::Closed { .. }
    ));
    assert_eq!(server.connections(), 0);
    assert_eq!(client.limiter().snapshot().tokens, before);
}
