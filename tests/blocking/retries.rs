//! Retries: their conditions, their number, and their content.

use std::io::Write;
use std::net::TcpListener;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use api_ratelimiter::http::Method;
use api_ratelimiter::{
    ApiRateConfig, DynamicRateLimiter, Error, Learning, TimeoutPhase, TokenReason, TransportKind,
};

use crate::front::{self, DynamicAPIClient};
use crate::server::{After, Server, answer, ok, silence};
use crate::{SECRET, ample, builder, client, failure, ms, no_secret, promptly};

fn refused(status: u16) -> String {
    answer(status, "", "refused")
}

#[test]
fn a_429_is_retried_with_every_method() {
    for method in [
        "GET", "HEAD", "PUT", "DELETE", "OPTIONS", "POST", "PATCH", "PURGE",
    ] {
        // No body, so that HEAD gets an equal response.
        let server = Server::answers([
            answer(429, "", ""),
            answer(429, "", ""),
            answer(200, "", ""),
        ]);
        let response = client(&server.url())
            .request(method, "/x")
            .send()
            .expect("a response");
        assert_eq!((response.status().as_u16(), response.attempts()), (200, 3));
        assert_eq!(server.lines(), vec![format!("{method} /x"); 3]);
    }
}

#[test]
fn another_backoff_status_is_retried_only_if_the_request_is_idempotent() {
    let table: [(Method, Option<bool>, bool); 12] = [
        (Method::GET, None, true),
        (Method::HEAD, None, true),
        (Method::PUT, None, true),
        (Method::DELETE, None, true),
        (Method::OPTIONS, None, true),
        (Method::POST, None, false),
        (Method::PATCH, None, false),
        (Method::POST, Some(true), true),
        (Method::PATCH, Some(true), true),
        (Method::POST, Some(false), false),
        (Method::GET, Some(false), false),
        (Method::PUT, Some(false), false),
    ];
    for (method, idempotent, again) in table {
        let server = Server::answers([answer(503, "", ""), answer(200, "", "")]);
        let client = builder(&server.url())
            .backoff_status_codes([429, 503])
            .build()
            .expect("valid");
        let mut request = client.request(method.clone(), "/x");
        if let Some(idempotent) = idempotent {
            request = request.idempotent(idempotent);
        }
        let response = request.send().expect("a response");
        let expected = if again { (200, 2) } else { (503, 1) };
        let seen = (response.status().as_u16(), response.attempts());
        assert_eq!(seen, expected, "{method} {idempotent:?}");
        assert_eq!(
            client.limiter().snapshot().backed_off,
            1,
            "the limiter gets the refusal in both cases"
        );
    }
}

#[test]
fn the_set_of_backoff_statuses_is_replaced_and_not_added_to() {
    let server = Server::answers([refused(429)]);
    let client = builder(&server.url())
        .backoff_status_codes([503])
        .build()
        .expect("valid");
    let response = client.get("/").send().expect("a response");
    assert_eq!((response.status().as_u16(), response.attempts()), (429, 1));
    assert_eq!(client.limiter().snapshot().backed_off, 0);
}

#[test]
fn a_post_carries_the_same_body_on_every_attempt() {
    let server = Server::answers([refused(429), refused(429), refused(429), ok("done")]);
    let body: Vec<u8> = (0..100_000).map(|n: u32| (n % 251) as u8).collect();
    let response = client(&server.url())
        .post("/x")
        .header("Content-Type", "application/octet-stream")
        .body(body.clone())
        .send()
        .expect("a response");
    assert_eq!(response.attempts(), 4);
    let requests = server.requests();
    assert_eq!(requests.len(), 4);
    for request in &requests {
        assert!(request.body == body, "the body of an attempt differs");
        assert_eq!(request.headers, requests[0].headers);
    }
}

#[test]
fn one_refusal_too_many_is_an_error_that_keeps_the_last_response() {
    let server = Server::answers([answer(429, "X-Reason: quota\r\n", SECRET)]);
    let client = builder(&server.url())
        .max_retries_on_backoff(3)
        .build()
        .expect("valid");
    let error = client
        .get("/x")
        .query("key", SECRET)
        .send()
        .expect_err("refused");
    no_secret(&error);
    assert!(error.is_transient());
    assert_eq!(error.status().map(|status| status.as_u16()), Some(429));
    let reply = error.reply().expect("the error contains a response");
    assert_eq!(reply.headers()["x-reason"], "quota");
    assert_eq!(reply.text(), SECRET);
    assert!(
        matches!(error, Error::BackoffExhausted { attempts: 4, .. }),
        "{error:?}"
    );
    assert_eq!(server.requests().len(), 4);
    assert_eq!(client.limiter().snapshot().granted, 4);
}

#[test]
fn without_retries_the_first_refusal_is_the_error() {
    let server = Server::answers([refused(429)]);
    let client = builder(&server.url())
        .max_retries_on_backoff(0)
        .build()
        .expect("valid");
    let error = client.post("/x").send().expect_err("refused");
    assert!(
        matches!(error, Error::BackoffExhausted { attempts: 1, .. }),
        "{error:?}"
    );
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn every_attempt_takes_a_permit() {
    let server = Server::of(|number, _, stream| {
        let bytes = match number {
            0 => refused(429),
            1 => return Ok(After::Close),
            2 => answer(302, "Location: /y\r\n", ""),
            _ => ok("done"),
        };
        stream.write_all(bytes.as_bytes())?;
        Ok(After::Keep)
    });
    let client = client(&server.url());
    let response = client.get("/x").send().expect("a response");
    assert_eq!(response.attempts(), 4);
    assert_eq!(server.lines(), ["GET /x", "GET /x", "GET /x", "GET /y"]);
    let snapshot = client.limiter().snapshot();
    assert_eq!(
        (snapshot.granted, snapshot.succeeded, snapshot.backed_off),
        (4, 2, 1)
    );
}

#[test]
fn a_cost_is_paid_for_every_attempt() {
    let server = Server::answers([refused(429), ok("done")]);
    // Without learning: after a refusal, learning keeps the bucket too small for a burst.
    let limiter = DynamicRateLimiter::new(&ApiRateConfig {
        learning: Learning::Off,
        ..crate::config(&server.url())
    });
    let client = builder(&server.url())
        .limiter(limiter.expect("valid"))
        .build()
        .expect("valid");
    let response = client.get("/x").cost(100).send().expect("a response");
    assert_eq!(response.attempts(), 2);
    // The cut left one token. 99 more at 700 per second take 141 ms, and the pause takes 1 ms.
    assert!(response.waited() >= ms(141), "{:?}", response.waited());
}

#[test]
fn a_5xx_that_is_not_a_backoff_status_is_delivered_and_neutral() {
    let server = Server::answers([refused(500), refused(503)]);
    let client = client(&server.url());
    for status in [500, 503] {
        let response = client.get("/").send().expect("a response");
        assert_eq!(response.status(), status);
        assert_eq!(response.text().expect("a body"), "refused");
    }
    let snapshot = client.limiter().snapshot();
    assert_eq!(
        (snapshot.granted, snapshot.succeeded, snapshot.backed_off),
        (2, 0, 0)
    );
}

#[test]
fn a_closed_idle_connection_is_replaced_once_for_idempotent_requests() {
    for method in [
        Method::GET,
        Method::HEAD,
        Method::PUT,
        Method::DELETE,
        Method::OPTIONS,
    ] {
        // The second request arrives on the idle connection, which the server closes.
        let server = Server::of(|number, _, stream| {
            if number == 1 {
                return Ok(After::Close);
            }
            stream.write_all(answer(200, "", "").as_bytes())?;
            Ok(After::Keep)
        });
        let client = client(&server.url());
        drop(client.get("/first").send().expect("a response").bytes());
        let response = client
            .request(method.clone(), "/x")
            .send()
            .expect("a response");
        assert_eq!(response.attempts(), 2, "{method}");
        let connections: Vec<usize> = server.requests().iter().map(|r| r.connection).collect();
        let on_a_new_one = front::REUSED.contains(&2) && connections == [0, 1, 2];
        assert!(
            connections == [0, 0, 1] || on_a_new_one,
            "{method}: {connections:?}"
        );
        assert_eq!(client.limiter().snapshot().granted, 3, "{method}");
    }
}

#[test]
fn a_closed_idle_connection_is_an_error_for_other_requests() {
    for method in [Method::POST, Method::PATCH] {
        let server = Server::of(|number, _, stream| {
            if number == 1 {
                return Ok(After::Close);
            }
            stream.write_all(ok("").as_bytes())?;
            Ok(After::Keep)
        });
        let client = client(&server.url());
        drop(client.get("/first").send().expect("a response").bytes());
        let outcome = client.request(method.clone(), "/x").json("body").send();
        assert_eq!(failure(outcome), TransportKind::Closed, "{method}");
        assert_eq!(server.requests().len(), 2, "{method}: never sent twice");

        let response = client.request(method.clone(), "/x").idempotent(true).send();
        assert_eq!(response.expect("a response").status(), 200);
    }
}

#[test]
fn a_connection_closed_while_idle_costs_no_retry() {
    let server = Server::answers_and_closes([ok("done")]);
    let client = client(&server.url());
    for number in 1..=3 {
        let response = client.post("/x").send().expect("a response");
        assert_eq!(response.attempts(), 1);
        assert_eq!(response.text().expect("a body"), "done");
        assert_eq!(server.connections(), number);
        // The end of the connection arrives before this pause is over.
        std::thread::sleep(ms(50));
    }
}

#[test]
fn the_one_free_retry_is_not_given_twice() {
    let server = Server::of(|_, _, _| Ok(After::Close));
    let client = client(&server.url());
    assert_eq!(failure(client.get("/").send()), TransportKind::Closed);
    assert_eq!(server.requests().len(), 2);
}

#[test]
fn transport_errors_are_retried_as_often_as_configured() {
    let closing = || Server::of(|_, _, _| Ok(After::Close));
    let silent = || Server::of(|_, _, stream| silence(stream));
    type Make = fn() -> Server;
    let timeout = TransportKind::Timeout(TimeoutPhase::FirstByte);
    let table: [(Make, &str, u32, TransportKind, usize); 8] = [
        (closing, "GET", 0, TransportKind::Closed, 2),
        (closing, "GET", 1, TransportKind::Closed, 2),
        (closing, "GET", 3, TransportKind::Closed, 4),
        (closing, "POST", 3, TransportKind::Closed, 1),
        (silent, "GET", 0, timeout, 1),
        (silent, "GET", 2, timeout, 3),
        (silent, "POST", 2, timeout, 1),
        (
            || Server::answers(["garbage\r\n\r\n"]),
            "GET",
            2,
            TransportKind::Protocol,
            1,
        ),
    ];
    for (make, method, retries, kind, sent) in table {
        let server = make();
        // Short only where it should expire: a busy machine responds late.
        let timeouts = if kind == timeout {
            ample().first_byte(ms(400))
        } else {
            ample()
        };
        let client = builder(&server.url())
            .timeouts(timeouts)
            .retry_transport(retries)
            .build()
            .expect("valid");
        let request = client.request(method, "/");
        assert_eq!(failure(promptly(move || request.send())), kind);
        assert_eq!(server.requests().len(), sent, "{method} {retries} {kind:?}");
        let snapshot = client.limiter().snapshot();
        assert_eq!(
            (snapshot.granted, snapshot.succeeded, snapshot.backed_off),
            (sent as u64, 0, 0)
        );
    }
}

#[test]
fn a_request_that_never_reached_the_server_is_retried_with_every_method() {
    let port = {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a loopback port");
        listener.local_addr().expect("it has an address").port()
    };
    let client = builder(&format!("http://127.0.0.1:{port}"))
        .retry_transport(2)
        .build()
        .expect("valid");
    assert_eq!(failure(client.post("/").send()), TransportKind::Connect);
    assert_eq!(client.limiter().snapshot().granted, 3);
}

/// Returns a client that fetches a numbered token for each attempt, and the number of tokens.
fn with_counted_tokens(server: &Server) -> (DynamicAPIClient, Arc<AtomicUsize>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&asked);
    let client = builder(&server.url())
        .bearer_auth("never sent")
        .bearer_auth_with(move |_| {
            let number = counter.fetch_add(1, Ordering::SeqCst) + 1;
            Ok::<_, Error>(format!("token-{number}"))
        })
        .build()
        .expect("valid");
    (client, asked)
}

fn authorizations(server: &Server) -> Vec<String> {
    let requests = server.requests();
    requests
        .iter()
        .map(|request| request.header("authorization").unwrap_or_default())
        .collect()
}

#[test]
fn a_token_is_fetched_before_each_attempt() {
    let server = Server::answers([refused(429), refused(429), ok("done")]);
    let (client, asked) = with_counted_tokens(&server);
    assert_eq!(asked.load(Ordering::SeqCst), 0, "not before it is needed");
    client.get("/").send().expect("a response");
    assert_eq!(
        authorizations(&server),
        ["Bearer token-1", "Bearer token-2", "Bearer token-3"]
    );
    assert_eq!(asked.load(Ordering::SeqCst), 3);
}

#[test]
fn a_token_is_fetched_again_after_a_401() {
    let server = Server::answers([refused(401), ok("done")]);
    let (client, asked) = with_counted_tokens(&server);
    let response = client.post("/").json(&1).send().expect("a response");
    assert_eq!((response.status().as_u16(), response.attempts()), (200, 2));
    assert_eq!(
        authorizations(&server),
        ["Bearer token-1", "Bearer token-2"]
    );
    assert_eq!(asked.load(Ordering::SeqCst), 2);
    assert_eq!(server.requests()[1].body, b"1", "with the same body");
    let snapshot = client.limiter().snapshot();
    assert_eq!(
        (snapshot.granted, snapshot.succeeded),
        (2, 2),
        "a 401 is not a refusal"
    );
    let reused = front::REUSED.contains(&server.connections());
    assert!(reused, "the 401 was read to its end");
}

#[test]
fn the_source_is_told_why_and_the_fourth_401_is_delivered() {
    let server = Server::answers([refused(401)]);
    let reasons = Arc::new(Mutex::new(Vec::new()));
    let told = Arc::clone(&reasons);
    let client = builder(&server.url())
        .bearer_auth_with(move |why| {
            told.lock().expect("no panic").push(why);
            Ok::<_, Error>(format!("{why:?}").replace(' ', ""))
        })
        .build()
        .expect("valid");
    let response = client.get("/").send().expect("a response");
    assert_eq!((response.status().as_u16(), response.attempts()), (401, 4));
    assert_eq!(response.text().expect("a body"), "refused");
    let reasons = reasons.lock().expect("no panic");
    let times: Vec<_> = reasons
        .iter()
        .map(|why| match why {
            TokenReason::Expired { times, .. } => *times,
            _ => 0,
        })
        .collect();
    assert_eq!(times, [0, 1, 2, 3]);
    assert_eq!(
        authorizations(&server)[..2],
        ["Bearer First", "Bearer Expired{times:1}"]
    );
}

#[test]
fn a_401_is_delivered_at_once_if_no_token_can_be_renewed() {
    let server = Server::answers([refused(401)]);
    let fixed = builder(&server.url())
        .bearer_auth("t")
        .build()
        .expect("valid");
    assert_eq!(fixed.get("/").send().expect("a response").attempts(), 1);

    let (client, asked) = with_counted_tokens(&server);
    let own = client
        .get("/")
        .bearer_auth("own")
        .send()
        .expect("a response");
    assert_eq!(own.attempts(), 1);
    assert_eq!(
        authorizations(&server).last().map(String::as_str),
        Some("Bearer own")
    );
    assert_eq!(
        asked.load(Ordering::SeqCst),
        0,
        "the request has a token of its own"
    );
}

#[test]
fn a_token_that_can_not_be_fetched_ends_the_call_without_a_permit() {
    let server = Server::answers([ok("done")]);
    let before = client(&server.url()).limiter().snapshot().tokens;
    let (client, _, _joined) = crate::in_virtual_time(&server.url(), |builder| {
        builder.bearer_auth_with(|_| Err::<String, _>("the vault is sealed"))
    });
    let error = client.get("/").send().expect_err("no token");
    assert!(matches!(error, Error::InvalidRequest { .. }), "{error:?}");
    assert!(error.to_string().contains("the vault is sealed"), "{error}");
    assert_eq!(server.connections(), 0);
    assert_eq!(client.limiter().snapshot().tokens, before);
}

#[test]
fn an_invalid_token_ends_the_call_without_being_shown() {
    let server = Server::answers([ok("done")]);
    let client = builder(&server.url())
        .bearer_auth_with(|_| Ok::<_, Error>(format!("{SECRET}\r\nX-Injected: 1")))
        .build()
        .expect("valid");
    let error = client.get("/").send().expect_err("no header");
    no_secret(&error);
    assert_eq!(server.connections(), 0);
}

#[test]
fn tokens_are_fetched_without_any_lock() {
    let server = Server::answers([ok("fresh"), ok("done")]);
    let tokens = client(&server.url());
    let own = Arc::new(OnceLock::<DynamicAPIClient>::new());
    let inner = Arc::clone(&own);
    let client = builder(&server.url())
        .limiter(tokens.limiter().clone())
        .bearer_auth_with(move |_| {
            // Send another request through the limiter, and format the client.
            let client = inner.get().expect("it is set");
            assert_eq!(client.limiter().snapshot().waiting, 0);
            tokens.get("/token").send()?.text()
        })
        .build()
        .expect("valid");
    own.set(client.clone()).expect("it is set once");
    let request = client.get("/x");
    let text = promptly(move || request.send()?.text());
    assert_eq!(text.expect("a response"), "done");
    assert_eq!(server.lines(), ["GET /token", "GET /x"]);
    assert_eq!(authorizations(&server)[1], "Bearer fresh");
}
