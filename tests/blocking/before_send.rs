//! What a caller is told before a request goes out.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use api_ratelimiter::Error;

use crate::client;
use crate::server::{Server, answer, ok};

#[test]
fn it_is_told_of_each_attempt_with_the_permit_granted_and_before_the_request_is_out() {
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
        .expect("an answer");
    assert_eq!(response.attempts(), 2);
    assert_eq!(told.load(Ordering::SeqCst), 2);
}

#[test]
fn its_error_ends_the_call_and_gives_the_permit_back() {
    let server = Server::answers([ok("done")]);
    let (client, _, _joined) = crate::in_virtual_time(&server.url(), |builder| builder);
    let before = client.limiter().snapshot().tokens;
    let send = |error: fn() -> Box<dyn std::error::Error + Send + Sync>| {
        let request = client.post("/orders").before_send(move || Err(error()));
        request.send().expect_err("it was kept back")
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
