//! Limits and pauses from responses, and the waits of callers; waits are in virtual time.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use api_ratelimiter::{Clock, Error, TimeoutPhase, TransportKind};

use crate::front;
use crate::server::{After, Server, answer, ok, silence};
use crate::{
    SECRET, ample, builder, client, failure, in_virtual_time, ms, no_secret, promptly, secs,
};

/// Start of virtual time: 2026-01-01 00:00:00 UTC.
const START: Duration = secs(1_767_225_600);

#[test]
fn retry_after_in_seconds_and_in_all_date_formats_is_obeyed_on_each_backoff_status() {
    let forms = [
        "90",
        "Thu, 01 Jan 2026 00:01:30 GMT",
        "Thursday, 01-Jan-26 00:01:30 GMT",
        "Thu Jan  1 00:01:30 2026",
    ];
    for status in [408, 429, 503, 529] {
        for form in forms {
            let refusal = answer(status, &format!("Retry-After: {form}\r\n"), "");
            let server = Server::answers([refusal, ok("done")]);
            let (client, clock, _joined) = in_virtual_time(&server.url(), |builder| {
                builder.backoff_status_codes([408, 429, 503, 529])
            });
            assert_eq!(clock.unix_now(), START);
            let response = client.get("/").send().expect("a response");
            assert_eq!(response.attempts(), 2);
            let waited = response.waited();
            // The wait is never shorter, and at most a tenth longer.
            assert!(
                waited >= secs(90) && waited <= secs(99),
                "{status} {form}: {waited:?}"
            );
            assert!(clock.unix_now() >= START + secs(90));
        }
    }
}

#[test]
fn a_date_is_measured_from_the_date_of_the_response() {
    let refusal = answer(
        429,
        "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\nRetry-After: Sun, 06 Nov 1994 08:50:07 GMT\r\n",
        "",
    );
    let server = Server::answers([refusal, ok("done")]);
    let (client, _, _joined) = in_virtual_time(&server.url(), |builder| builder);
    let waited = client.get("/").send().expect("a response").waited();
    assert!(waited >= secs(30) && waited <= secs(33), "{waited:?}");
}

#[test]
fn an_invalid_retry_after_leaves_the_limiters_own_pause() {
    for hint in [
        "",
        "Retry-After: 0\r\n",
        "Retry-After: -5\r\n",
        "Retry-After: soon\r\n",
        "Retry-After: 1e9\r\n",
        "Retry-After: Sun, 06 Nov 1994 08:49:37 GMT\r\n",
        "Retry-After: \u{ff}\r\n",
        "Retry-After:\r\n",
    ] {
        let server = Server::answers([answer(429, hint, ""), ok("done")]);
        let clock_start = START;
        let (client, clock, _joined) = in_virtual_time(&server.url(), |builder| builder);
        let response = client.get("/").send().expect("a response");
        assert_eq!(response.attempts(), 2, "{hint:?}");
        let waited = response.waited();
        assert!(waited >= ms(1) && waited < ms(20), "{hint:?}: {waited:?}");
        assert!(clock.unix_now() < clock_start + secs(1));
    }
}

#[test]
fn retry_after_on_a_success_causes_no_pause() {
    let server = Server::answers([answer(200, "Retry-After: 60\r\n", "fine")]);
    let (client, clock, _joined) = in_virtual_time(&server.url(), |builder| builder);
    for _ in 0..3 {
        let response = client.get("/").send().expect("a response");
        assert_eq!(response.waited(), Duration::ZERO);
    }
    assert_eq!(client.limiter().snapshot().cooldown_until, None);
    assert_eq!(clock.unix_now(), START);
}

#[test]
fn a_pause_above_max_cooldown_is_an_error_at_once_that_contains_it() {
    let refusal = answer(429, "Retry-After: 3600\r\nX-Reason: quota\r\n", SECRET);
    let server = Server::answers([refusal, ok("done")]);
    let (client, clock, _joined) =
        in_virtual_time(&server.url(), |builder| builder.max_cooldown(secs(60)));
    let error = client
        .get("/")
        .query("key", SECRET)
        .send()
        .expect_err("too long");
    no_secret(&error);
    assert!(matches!(error, Error::CooldownTooLong { .. }), "{error:?}");
    assert!(error.is_transient());
    let wait = error.retry_after().expect("it is known");
    assert!(wait >= secs(3600) && wait <= secs(3960), "{wait:?}");
    assert_eq!(error.status().map(|status| status.as_u16()), Some(429));
    let reply = error.reply().expect("it keeps the refusal");
    assert_eq!(reply.headers()["x-reason"], "quota");
    assert_eq!(reply.text(), SECRET);

    // The next caller gets the error, too, and nothing is sent.
    let error = client.get("/next").send().expect_err("still too long");
    assert!(matches!(error, Error::CooldownTooLong { .. }), "{error:?}");
    assert!(error.reply().is_none(), "it was another call's refusal");
    assert_eq!(server.requests().len(), 1);
    assert_eq!(clock.unix_now(), START, "no caller slept");

    // When the rest of the pause is short enough, callers wait again.
    clock.advance(secs(3960));
    assert_eq!(client.get("/").send().expect("a response").status(), 200);
}

#[test]
fn a_pause_beyond_the_deadline_is_an_error_at_once_that_contains_it() {
    let server = Server::answers([answer(429, "Retry-After: 60\r\n", SECRET), ok("done")]);
    let (client, clock, _joined) = in_virtual_time(&server.url(), |builder| builder);
    let error = client
        .get("/")
        .deadline(secs(10))
        .send()
        .expect_err("too short");
    no_secret(&error);
    assert!(matches!(error, Error::DeadlineTooShort { .. }), "{error:?}");
    let needed = error.retry_after().expect("it is known");
    assert!(needed >= secs(60) && needed <= secs(66), "{needed:?}");
    assert_eq!(error.status().map(|status| status.as_u16()), Some(429));
    assert_eq!(server.requests().len(), 1);
    assert_eq!(clock.unix_now(), START, "no caller slept");

    let response = client
        .get("/")
        .deadline(secs(70))
        .send()
        .expect("long enough");
    assert!(response.waited() >= secs(60));
}

#[test]
fn a_deadline_of_zero_allows_no_wait_and_sends_nothing_late() {
    let server = Server::answers([ok("done")]);
    let (client, clock, _joined) = in_virtual_time(&server.url(), |builder| builder);
    client.limiter().on_backoff(Some(secs(1)));
    let error = client
        .get("/")
        .deadline(Duration::ZERO)
        .send()
        .expect_err("too short");
    assert!(matches!(error, Error::DeadlineTooShort { .. }), "{error:?}");
    assert_eq!(server.requests().len(), 0);
    assert_eq!(clock.unix_now(), START);
}

#[test]
fn a_timeout_of_the_request_limits_one_attempt() {
    let server = Server::of(|_, _, stream| silence(stream));
    let client = client(&server.url());
    let request = client.get("/").query("key", SECRET).timeout(ms(150));
    let kind = failure(promptly(move || request.send()));
    assert_eq!(kind, TransportKind::Timeout(TimeoutPhase::Attempt));
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn a_deadline_of_the_request_limits_the_attempt() {
    let server = Server::of(|_, _, stream| silence(stream));
    let client = client(&server.url());
    let request = client.get("/").deadline(ms(150));
    let kind = failure(promptly(move || request.send()));
    assert_eq!(kind, TransportKind::Timeout(TimeoutPhase::Attempt));
}

#[test]
fn a_deadline_limits_all_attempts_together() {
    let server = Server::of(|_, _, stream| silence(stream));
    let client = builder(&server.url())
        .timeouts(ample().first_byte(ms(100)))
        .retry_transport(1_000_000)
        .build()
        .expect("valid");
    let request = client.get("/").deadline(ms(450));
    let error = promptly(move || request.send()).expect_err("it ends");
    assert!(
        error.is_timeout() || matches!(error, Error::DeadlineTooShort { .. }),
        "{error:?}"
    );
    assert!(server.requests().len() <= 7, "{}", server.requests().len());
}

#[test]
fn a_deadline_limits_all_refusals_together() {
    let server = Server::answers([answer(429, "", "")]);
    let client = builder(&server.url())
        .max_retries_on_backoff(u32::MAX)
        .max_cooldown(ms(10))
        .build()
        .expect("valid");
    let request = client.get("/").deadline(ms(200));
    let error = promptly(move || request.send()).expect_err("it ends");
    assert!(
        error.is_timeout() || matches!(error, Error::DeadlineTooShort { .. }),
        "{error:?}"
    );
    assert!(error.is_transient());
}

#[test]
fn timeout_and_deadline_apply_while_the_body_is_read() {
    for deadline in [false, true] {
        let server = Server::of(|_, _, stream| {
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")?;
            crate::server::flood(stream, b"x", ms(10));
            Ok(After::Close)
        });
        let request = client(&server.url()).get("/");
        let request = if deadline {
            request.deadline(ms(300))
        } else {
            request.timeout(ms(300))
        };
        let kind = failure(promptly(move || request.send()?.text()));
        assert_eq!(
            kind,
            TransportKind::Timeout(TimeoutPhase::Attempt),
            "{deadline}"
        );
    }
}

#[test]
fn a_timeout_of_zero_is_refused() {
    let server = Server::answers([ok("done")]);
    let error = client(&server.url())
        .get("/")
        .timeout(Duration::ZERO)
        .send();
    assert!(
        matches!(error, Err(Error::InvalidRequest { .. })),
        "{error:?}"
    );
    assert_eq!(server.connections(), 0);
}

#[test]
fn requests_with_a_timeout_use_kept_connections() {
    let server = Server::answers([ok("done")]);
    let client = client(&server.url());
    for _ in 0..3 {
        let response = client.get("/").timeout(secs(5)).send().expect("a response");
        drop(response.text());
        let response = client
            .get("/")
            .deadline(secs(5))
            .send()
            .expect("a response");
        drop(response.text());
    }
    assert_eq!(server.requests().len(), 6);
    assert!(front::REUSED.contains(&server.connections()));
}

#[test]
fn a_refusal_reaches_the_limiter_before_its_body_was_read() {
    let release = Arc::new(AtomicBool::new(false));
    let released = Arc::clone(&release);
    let server = Server::of(move |number, _, stream| {
        if number > 0 {
            stream.write_all(ok("done").as_bytes())?;
            return Ok(After::Keep);
        }
        stream.write_all(b"HTTP/1.1 429 Slow\r\nContent-Length: 4\r\n\r\n")?;
        while !released.load(Ordering::SeqCst) {
            thread::sleep(ms(1));
        }
        stream.write_all(b"body")?;
        Ok(After::Keep)
    });
    let client = client(&server.url());
    let request = client.get("/");
    let call = thread::spawn(move || request.send().map(|response| response.attempts()));
    let until = Instant::now() + secs(5);
    while client.limiter().snapshot().backed_off == 0 {
        assert!(
            Instant::now() < until,
            "the limiter did not get the refusal"
        );
        thread::sleep(ms(1));
    }
    assert!(!call.is_finished(), "the body has not arrived");
    release.store(true, Ordering::SeqCst);
    assert_eq!(call.join().expect("no panic").expect("a response"), 2);
    assert!(front::REUSED.contains(&server.connections()));
}

#[test]
fn statuses_below_500_are_successes_and_others_are_neutral() {
    let statuses = [
        200, 204, 301, 304, 400, 401, 403, 404, 409, 422, 500, 502, 504, 599, 600, 999,
    ];
    let server = Server::answers(statuses.map(|status| answer(status, "", "")));
    let client = client(&server.url());
    for status in statuses {
        let response = client.get("/").send().expect("a response");
        assert_eq!(response.status().as_u16(), status);
        assert_eq!(response.attempts(), 1);
    }
    let snapshot = client.limiter().snapshot();
    assert_eq!(
        (snapshot.granted, snapshot.succeeded, snapshot.backed_off),
        (16, 10, 0)
    );
}

#[test]
fn a_shared_limiter_paces_both_clients() {
    let server = Server::answers([answer(429, "Retry-After: 30\r\n", ""), ok("done")]);
    let (first, clock, _joined) =
        in_virtual_time(&server.url(), |builder| builder.max_retries_on_backoff(0));
    let second = builder(&server.url())
        .limiter(first.limiter().clone())
        .build()
        .expect("valid");
    first.get("/1").send().expect_err("refused");
    let response = second.get("/2").send().expect("a response");
    assert!(response.waited() >= secs(30));
    assert!(clock.unix_now() >= START + secs(30));
    assert_eq!(first.limiter().snapshot(), second.limiter().snapshot());
}
