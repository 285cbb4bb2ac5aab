//! Calls without sockets, in virtual time: the requests, their times, and the results for the caller.

use std::cell::RefCell;
use std::sync::Arc;
use std::time::Duration;

use http::Method;

use super::*;
use crate::client::settings::{ClientSettings, Draft, TokenError, authorization};
use crate::clock::{Clock, JoinGuard, ManualClock};
use crate::rate_limiter::DynamicRateLimiter;
use api_ratelimiter_core::config::{ApiRateConfig, BucketConfig};
use api_ratelimiter_core::error::{Error, TimeoutPhase, TransportKind};
use api_ratelimiter_core::limiter::CircuitBreaker;
use api_ratelimiter_core::outcome::Failure;
use api_ratelimiter_core::request::RequestParts;

const SECOND: Duration = Duration::from_secs(1);

/// Action of the scripted server for one request.
#[derive(Clone)]
enum Does {
    Answers(u16, &'static [(&'static str, &'static str)]),
    /// Sends a response with a body of JSON.
    Says(u16, &'static str),
    Fails(TransportKind),
}

use Does::{Answers, Fails, Says};

struct Scripted(StatusCode, HeaderMap, &'static str);

impl UnreadResponse for Scripted {
    fn status(&self) -> StatusCode {
        self.0
    }

    fn headers(&self) -> &HeaderMap {
        &self.1
    }

    fn peek(&mut self, _most: usize) -> BodyStart {
        BodyStart {
            bytes: self.2.as_bytes().to_vec(),
            truncated: false,
        }
    }

    fn drain(&mut self, most: usize) -> BodyStart {
        self.peek(most)
    }
}

/// A request with the second at which it was sent.
#[derive(Debug, Clone, PartialEq)]
struct Sent {
    at: f64,
    line: String,
    body: usize,
    headers: Vec<String>,
}

struct World {
    clock: ManualClock,
    limiter: DynamicRateLimiter,
    settings: Arc<ClientSettings>,
    sent: RefCell<Vec<Sent>>,
    _joined: JoinGuard,
}

/// Returns a world that sends strictly one request per second until the first refusal.
fn world(change: impl FnOnce(&mut Draft)) -> World {
    world_of("", change)
}

/// Returns a world with the dialect of a known API.
fn world_of(name: &str, change: impl FnOnce(&mut Draft)) -> World {
    world_with(name, change, |_| {})
}

/// Returns a world with a changed configuration.
fn world_with(
    name: &str,
    change: impl FnOnce(&mut Draft),
    configure: impl FnOnce(&mut ApiRateConfig),
) -> World {
    let mut config = ApiRateConfig {
        name: name.into(),
        base_url: "https://api.example/v1".into(),
        initial_rate: 1.0,
        max_rate: 1.0,
        min_rate: 1.0,
        bucket: BucketConfig::of(1.0, 1.0),
        backoff_status_codes: vec![429, 503],
        ..Default::default()
    };
    configure(&mut config);
    let mut draft = Draft::default();
    change(&mut draft);
    let config = draft.overlay(config);
    let clock = ManualClock::auto();
    let limiter = DynamicRateLimiter::with_clock(&config, Arc::new(clock.clone())).expect("valid");
    let settings = Arc::new(draft.check(&config, true).expect("valid"));
    let joined = clock.join();
    World {
        clock,
        limiter,
        settings,
        sent: RefCell::default(),
        _joined: joined,
    }
}

impl World {
    fn parts(&self, method: Method) -> RequestParts {
        let mut headers = self.settings.call.headers.clone();
        headers.insert("authorization", "Bearer s3cret".parse().expect("valid"));
        headers.insert("x-own", "1".parse().expect("valid"));
        let body = (method == Method::POST).then(|| Arc::from(&b"body"[..]));
        RequestParts {
            headers,
            body,
            ..RequestParts::new(
                method,
                self.settings.call.base.join("/a?token=t").expect("valid"),
            )
        }
    }

    fn call(&self, parts: RequestParts, script: &[Does]) -> Result<(u16, u32)> {
        self.call_with(&|_| Ok("fresh".into()), parts, script)
    }

    /// Makes a call with the tokens of a source.
    fn call_with(
        &self,
        source: &dyn Fn(TokenReason) -> Result<String, TokenError>,
        parts: RequestParts,
        script: &[Does],
    ) -> Result<(u16, u32)> {
        let mut script = script.iter();
        let fetch = |why| authorization(source(why));
        let call = DrivenCall::new(&self.limiter, &self.settings.call, parts);
        let outcome = drive(call, fetch, |attempt| {
            let parts = attempt.parts();
            self.sent.borrow_mut().push(Sent {
                at: self.clock.now().as_nanos() as f64 / 1e9,
                line: format!(
                    "{} {}",
                    parts.method,
                    parts.address.to_uri().expect("valid")
                ),
                body: parts.body.as_ref().map_or(0, |body| body.len()),
                headers: parts.headers.keys().map(ToString::to_string).collect(),
            });
            match script.next().expect("no more requests than the script has") {
                Answers(status, headers) => {
                    let headers = headers
                        .iter()
                        .map(|(name, value)| {
                            (name.parse().expect("valid"), value.parse().expect("valid"))
                        })
                        .collect();
                    Ok(Scripted(
                        StatusCode::from_u16(*status).expect("valid"),
                        headers,
                        "refused",
                    ))
                }
                Says(status, body) => Ok(Scripted(
                    StatusCode::from_u16(*status).expect("valid"),
                    HeaderMap::new(),
                    body,
                )),
                Fails(kind) => Err(NoResponse::Failed(Failure {
                    kind: *kind,
                    source: None,
                })),
            }
        });
        assert_eq!(script.count(), 0, "the whole script was played");
        outcome.map(|(response, delivered)| (response.0.as_u16(), delivered.effort().attempts()))
    }

    fn times(&self) -> Vec<f64> {
        self.sent.borrow().iter().map(|sent| sent.at).collect()
    }

    fn lines(&self) -> Vec<String> {
        self.sent
            .borrow()
            .iter()
            .map(|sent| sent.line.clone())
            .collect()
    }
}

fn ok() -> Does {
    Answers(200, &[])
}

#[test]
fn a_refused_request_queues_again_and_waits_for_the_requested_time() {
    let world = world(|_| {});
    let script = [
        Answers(429, &[("retry-after", "10")]),
        Answers(429, &[("retry-after", "30")]),
        ok(),
    ];
    let outcome = world
        .call(world.parts(Method::GET), &script)
        .expect("the call succeeds");
    assert_eq!(outcome, (200, 3));
    let times = world.times();
    // The pause, its jitter of up to a tenth, and one interval for the next token.
    assert!(
        times[0] == 0.0 && (10.0..=12.0).contains(&times[1]),
        "{times:?}"
    );
    assert!((30.0..=34.0).contains(&(times[2] - times[1])), "{times:?}");
    assert_eq!(world.limiter.snapshot().backed_off, 2);
}

#[test]
fn a_429_is_retried_with_every_method_and_its_body() {
    let world = world(|_| {});
    let outcome = world.call(world.parts(Method::POST), &[Answers(429, &[]), ok()]);
    assert_eq!(outcome.expect("the call succeeds"), (200, 2));
    assert!(world.sent.borrow().iter().all(|sent| sent.body == 4));
}

#[test]
fn another_backoff_status_is_retried_only_if_the_request_is_idempotent() {
    let world = world(|_| {});
    let refused = Answers(503, &[("retry-after", "5")]);
    let outcome = world.call(world.parts(Method::POST), std::slice::from_ref(&refused));
    assert_eq!(outcome.expect("the response is delivered"), (503, 1));
    assert_eq!(
        world.limiter.snapshot().backed_off,
        1,
        "the limiter gets the refusal in both cases"
    );
    let outcome = world.call(world.parts(Method::PUT), &[refused.clone(), ok()]);
    assert_eq!(outcome.expect("the call succeeds"), (200, 2));
    let parts = RequestParts {
        idempotent: Some(true),
        ..world.parts(Method::POST)
    };
    assert_eq!(
        world
            .call(parts, &[refused.clone(), ok()])
            .expect("the call succeeds"),
        (200, 2)
    );
    let parts = RequestParts {
        idempotent: Some(false),
        ..world.parts(Method::GET)
    };
    assert_eq!(
        world
            .call(parts, &[refused])
            .expect("the response is delivered"),
        (503, 1)
    );
}

#[test]
fn after_too_many_refusals_the_error_contains_the_last_one() {
    let world = world(|draft| draft.max_retries_on_backoff = 2);
    let error = world.call(
        world.parts(Method::GET),
        &[Answers(429, &[]), Answers(429, &[]), Answers(503, &[])],
    );
    match error.expect_err("it gives up") {
        Error::BackoffExhausted {
            attempts,
            waited,
            reply,
            ..
        } => {
            assert_eq!(attempts, 3);
            assert!(waited >= 2 * SECOND);
            assert_eq!(
                (reply.status().as_u16(), reply.body()),
                (503, &b"refused"[..])
            );
        }
        other => panic!("{other}"),
    }
}

#[test]
fn a_pause_above_the_maximum_is_an_error_at_once_that_contains_it() {
    let world = world(|draft| draft.max_cooldown = Some(60 * SECOND));
    let error = world.call(
        world.parts(Method::GET),
        &[Answers(429, &[("retry-after", "3600")])],
    );
    let error = error.expect_err("the pause is too long");
    assert!(matches!(error, Error::CooldownTooLong { .. }), "{error}");
    assert_eq!(error.retry_after(), Some(3600 * SECOND));
    assert_eq!(
        error.status(),
        Some(StatusCode::TOO_MANY_REQUESTS),
        "its own refusal began the pause"
    );
    let error = world
        .call(world.parts(Method::GET), &[])
        .expect_err("nothing is sent");
    assert!(
        matches!(error, Error::CooldownTooLong { reply: None, .. }),
        "{error}"
    );
    assert_eq!(world.clock.now().as_nanos(), 0, "no call slept");
}

#[test]
fn a_pause_beyond_the_deadline_is_an_error_at_once_that_contains_it() {
    let world = world(|_| {});
    let deadline = Some(world.clock.now() + 5 * SECOND);
    let parts = RequestParts {
        deadline,
        ..world.parts(Method::GET)
    };
    let error = world
        .call(parts, &[Answers(429, &[("retry-after", "20")])])
        .expect_err("too late");
    assert!(matches!(error, Error::DeadlineTooShort { .. }), "{error}");
    assert!(error.retry_after() >= Some(20 * SECOND) && error.reply().is_some());
    assert_eq!(world.clock.now().as_nanos(), 0, "no call slept");
}

#[test]
fn a_response_that_is_not_a_refusal_is_never_retried() {
    for status in [204, 304, 400, 404, 409, 500, 502] {
        let world = world(|_| {});
        assert_eq!(
            world
                .call(world.parts(Method::GET), &[Answers(status, &[])])
                .expect("a value"),
            (status, 1)
        );
    }
}

#[test]
fn a_5xx_is_not_a_success() {
    // Fault 8: any status counts as success.
    let world = world(|_| {});
    world
        .call(world.parts(Method::GET), &[Answers(500, &[])])
        .expect("a value");
    world
        .call(world.parts(Method::GET), &[Answers(404, &[])])
        .expect("a value");
    assert_eq!(
        world.limiter.snapshot().succeeded,
        1,
        "the 404 passed the limit, the 500 is neutral"
    );
}

#[test]
fn retry_after_on_a_success_causes_no_cooldown() {
    let world = world(|_| {});
    for status in [200, 202] {
        world
            .call(
                world.parts(Method::GET),
                &[Answers(status, &[("retry-after", "600")])],
            )
            .expect("a value");
    }
    assert_eq!(world.times(), [0.0, 1.0]);
}

#[test]
fn an_exhausted_limit_delays_the_next_request_until_its_reset_without_a_cut() {
    let world = world(|_| {});
    let last = Answers(
        200,
        &[
            ("x-ratelimit-limit", "60"),
            ("x-ratelimit-remaining", "0"),
            ("x-ratelimit-reset", "40"),
        ],
    );
    world
        .call(world.parts(Method::GET), &[last])
        .expect("a value");
    world
        .call(world.parts(Method::GET), &[ok()])
        .expect("a value");
    let times = world.times();
    assert!((40.0..=45.0).contains(&times[1]), "{times:?}");
    let snapshot = world.limiter.snapshot();
    assert_eq!(
        (
            snapshot.backed_off,
            snapshot.succeeded,
            snapshot.current_rate
        ),
        (0, 2, 1.0)
    );
}

#[test]
fn an_exhausted_limit_delays_the_next_request_even_if_every_response_has_a_retry_after() {
    // Flask-Limiter sends the time until the reset as Retry-After with every response.
    let some = Answers(
        200,
        &[
            ("retry-after", "40"),
            ("x-ratelimit-remaining-tokens", "9"),
            ("x-ratelimit-reset-tokens", "40"),
        ],
    );
    let none = Answers(
        200,
        &[
            ("retry-after", "40"),
            ("x-ratelimit-remaining-tokens", "0"),
            ("x-ratelimit-reset-tokens", "40"),
        ],
    );
    let world = world(|_| {});
    for does in [some, none, ok()] {
        world
            .call(world.parts(Method::GET), &[does])
            .expect("a value");
    }
    let times = world.times();
    assert_eq!(times[1], 1.0, "Retry-After alone delays no call: {times:?}");
    assert!((41.0..=46.0).contains(&times[2]), "{times:?}");
    assert_eq!(world.limiter.snapshot().backed_off, 0);
}

#[test]
fn a_403_with_an_exhausted_limit_is_a_refusal_for_vendors_that_use_it() {
    let used_up = Answers(
        403,
        &[
            ("x-ratelimit-remaining", "0"),
            ("x-ratelimit-reset", "1767225660"),
            ("x-ratelimit-limit", "60"),
        ],
    );
    let world = world_of("github", |_| {});
    assert_eq!(
        world
            .call(world.parts(Method::POST), &[used_up.clone(), ok()])
            .expect("the call succeeds"),
        (200, 2)
    );
    assert!(world.times()[1] >= 60.0, "{:?}", world.times());
    assert_eq!(world.limiter.snapshot().backed_off, 1);
    let denied = Answers(
        403,
        &[
            ("x-ratelimit-remaining", "41"),
            ("x-ratelimit-reset", "1767225660"),
        ],
    );
    assert_eq!(
        world
            .call(world.parts(Method::GET), &[denied])
            .expect("a missing right is delivered"),
        (403, 1)
    );
}

#[test]
fn a_server_can_forbid_a_retry() {
    let world = world_of("stripe", |_| {});
    let never = Answers(429, &[("stripe-should-retry", "false")]);
    assert_eq!(
        world
            .call(world.parts(Method::GET), &[never])
            .expect("the response itself"),
        (429, 1)
    );
}

#[test]
fn the_requested_wait_is_read_in_every_dialect() {
    for headers in [
        &[("retry-after-ms", "20000")][..],
        &[
            ("ratelimit", "\"default\";r=0;t=20"),
            ("ratelimit-policy", "\"default\";q=10;w=60"),
        ],
        &[
            ("x-ratelimit-remaining", "0"),
            ("x-ratelimit-reset", "1767225620"),
        ],
        &[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "20s")],
    ] {
        let world = world(|_| {});
        let headers: &'static [(&str, &str)] = Vec::leak(headers.to_vec());
        world
            .call(world.parts(Method::GET), &[Answers(429, headers), ok()])
            .expect("the call succeeds");
        assert!(
            (20.0..=24.0).contains(&world.times()[1]),
            "{headers:?}: {:?}",
            world.times()
        );
    }
}

#[test]
fn every_attempt_takes_a_permit() {
    // Fault 9: retries, redirects and repeated connections that bypass the limiter.
    let world = world(|draft| draft.retry_transport = 1);
    let script = [
        Fails(TransportKind::Connect),
        Answers(307, &[("location", "/b")]),
        Answers(429, &[("retry-after", "1")]),
        ok(),
    ];
    assert_eq!(
        world
            .call(world.parts(Method::GET), &script)
            .expect("the call succeeds"),
        (200, 4)
    );
    let times = world.times();
    assert!(
        times.windows(2).all(|pair| pair[1] - pair[0] >= 1.0),
        "{times:?}"
    );
    assert_eq!(world.limiter.snapshot().granted, 4);
}

#[test]
fn a_closed_connection_is_retried_once_if_the_request_is_idempotent() {
    let world = world(|_| {});
    let closed = Fails(TransportKind::Closed);
    assert_eq!(
        world
            .call(world.parts(Method::GET), &[closed.clone(), ok()])
            .expect("the call succeeds"),
        (200, 2)
    );
    let error = world
        .call(world.parts(Method::GET), &[closed.clone(), closed.clone()])
        .expect_err("once is enough");
    assert!(
        matches!(
            error,
            Error::Transport {
                kind: TransportKind::Closed,
                ..
            }
        ) && error.is_transient(),
        "{error}"
    );
    world
        .call(world.parts(Method::POST), &[closed])
        .expect_err("a POST may have been processed");
}

#[test]
fn other_failures_are_retried_as_often_as_configured_and_only_if_idempotent() {
    let world = world(|draft| draft.retry_transport = 2);
    let timeout = Fails(TransportKind::Timeout(TimeoutPhase::FirstByte));
    let connect = Fails(TransportKind::Connect);
    let script = [timeout.clone(), timeout.clone(), ok()];
    assert_eq!(
        world
            .call(world.parts(Method::GET), &script)
            .expect("the call succeeds"),
        (200, 3)
    );
    let error = world
        .call(world.parts(Method::POST), &[timeout])
        .expect_err("it may have been processed");
    assert!(error.is_timeout());
    let script = [connect.clone(), connect.clone(), ok()];
    assert_eq!(
        world
            .call(world.parts(Method::POST), &script)
            .expect("it was never sent"),
        (200, 3)
    );
    let script = [connect.clone(), connect.clone(), connect];
    world
        .call(world.parts(Method::POST), &script)
        .expect_err("not more often");
    for kind in [TransportKind::Tls, TransportKind::Protocol] {
        world
            .call(world.parts(Method::GET), &[Fails(kind)])
            .expect_err("a retry would fail");
    }
}

#[test]
fn a_redirect_within_the_origin_keeps_everything() {
    let world = world(|_| {});
    let script = [
        Answers(308, &[("location", "../b?x=1")]),
        Answers(301, &[("location", "https://api.example/c")]),
        ok(),
    ];
    let mut parts = world.parts(Method::POST);
    parts.method = Method::PUT;
    world.call(parts, &script).expect("the call succeeds");
    assert_eq!(
        world.lines(),
        [
            "PUT https://api.example/v1/a?token=t",
            "PUT https://api.example/b?x=1",
            "PUT https://api.example/c"
        ]
    );
    assert!(
        world
            .sent
            .borrow()
            .iter()
            .all(|sent| sent.body == 4 && sent.headers.contains(&"authorization".into()))
    );
}

#[test]
fn after_see_other_a_post_becomes_a_get_without_a_body() {
    for status in [301, 302, 303] {
        let world = world(|_| {});
        world
            .call(
                world.parts(Method::POST),
                &[Answers(status, &[("location", "b")]), ok()],
            )
            .expect("the call succeeds");
        let sent = world.sent.borrow();
        assert_eq!(
            (sent[1].line.as_str(), sent[1].body),
            ("GET https://api.example/v1/b", 0),
            "{status}"
        );
    }
}

#[test]
fn a_request_to_another_origin_has_no_credential_no_permit_and_no_feedback() {
    let world = world(|_| {});
    let away = Answers(302, &[("location", "https://files.example/x")]);
    assert_eq!(
        world
            .call(
                world.parts(Method::GET),
                &[away, Answers(429, &[("retry-after", "900")])]
            )
            .expect("a value"),
        (429, 2)
    );
    assert_eq!(world.sent.borrow()[1].headers, ["user-agent"]);
    let snapshot = world.limiter.snapshot();
    assert_eq!(
        (
            snapshot.granted,
            snapshot.backed_off,
            snapshot.cooldown_until
        ),
        (1, 0, None)
    );
}

#[test]
fn headers_removed_for_another_origin_stay_removed_on_the_way_back() {
    let world = world(|_| {});
    let away = Answers(302, &[("location", "https://files.example/x")]);
    let back = Answers(302, &[("location", "https://api.example/v1/b")]);
    world
        .call(world.parts(Method::GET), &[away, back, ok()])
        .expect("the call succeeds");
    assert_eq!(world.sent.borrow()[2].headers, ["user-agent"]);
    assert_eq!(
        world.limiter.snapshot().granted,
        2,
        "but at home it takes a permit"
    );
}

#[test]
fn a_body_goes_to_another_origin_only_if_the_caller_allows_it() {
    let world = world(|_| {});
    let away = Answers(307, &[("location", "https://files.example/x")]);
    let outcome = world.call(world.parts(Method::POST), std::slice::from_ref(&away));
    assert_eq!(outcome.expect("the redirect itself"), (307, 1));
    let parts = RequestParts {
        idempotent: Some(true),
        ..world.parts(Method::POST)
    };
    assert_eq!(
        world.call(parts, &[away, ok()]).expect("the call succeeds"),
        (200, 2)
    );
    assert_eq!(world.sent.borrow().last().map(|sent| sent.body), Some(4));
}

#[test]
fn redirects_end_after_ten() {
    let world = world(|_| {});
    let script = vec![Answers(302, &[("location", "/again")]); 11];
    let error = world
        .call(world.parts(Method::GET), &script)
        .expect_err("a loop");
    assert!(
        matches!(
            error,
            Error::Transport {
                kind: TransportKind::TooManyRedirects,
                ..
            }
        ),
        "{error}"
    );
}

#[test]
fn redirects_away_from_https_or_http_are_refused() {
    for location in [
        "http://api.example/v1/b",
        "ftp://x/",
        "file:///etc/passwd",
        "https://u:p@files.example/",
        "//",
    ] {
        let world = world(|_| {});
        let location: &'static [(&str, &str)] = Box::leak(Box::new([("location", location)]));
        let error = world
            .call(world.parts(Method::GET), &[Answers(302, location)])
            .expect_err("refused");
        assert!(
            matches!(
                error,
                Error::Transport {
                    kind: TransportKind::RedirectRefused,
                    ..
                }
            ),
            "{error}"
        );
    }
}

#[test]
fn a_redirect_without_an_address_is_delivered() {
    let world = world(|_| {});
    assert_eq!(
        world
            .call(world.parts(Method::GET), &[Answers(302, &[])])
            .expect("a value"),
        (302, 1)
    );
    assert_eq!(
        world
            .call(
                world.parts(Method::GET),
                &[Answers(304, &[("location", "/x")])]
            )
            .expect("a value"),
        (304, 1)
    );
}

#[test]
fn a_call_that_was_never_sent_returns_its_permit() {
    let world = world(|_| {});
    let parts = world.parts(Method::GET);
    let call = DrivenCall::new(&world.limiter, &world.settings.call, parts);
    let fetch = |_| unreachable!("no source");
    let outcome = drive(call, fetch, |_| {
        Err::<Scripted, _>(NoResponse::Unsent(Error::request("x", "y")))
    });
    assert!(matches!(outcome, Err(Error::InvalidRequest { .. })));
    let snapshot = world.limiter.snapshot();
    assert_eq!((snapshot.granted, snapshot.tokens), (1, 1.0));
}

#[test]
fn errors_show_no_query_and_no_credential() {
    let world = world(|draft| draft.max_retries_on_backoff = 0);
    let error = world
        .call(world.parts(Method::GET), &[Answers(429, &[])])
        .expect_err("exhausted");
    let shown = format!("{error} {error:?}");
    assert!(shown.contains("https://api.example/v1/a"), "{shown}");
    assert!(
        !shown.contains("token") && !shown.contains("s3cret"),
        "{shown}"
    );
}

#[test]
fn a_failed_trial_of_the_circuit_breaker_does_not_count_as_a_retry() {
    let world = world(|draft| {
        draft.retry_transport = 1;
        draft.breaker = Some(CircuitBreaker::after_failures(1));
    });
    let down = Fails(TransportKind::Connect);
    let script = [down.clone(), down.clone(), down.clone(), down, ok()];
    let outcome = world.call(world.parts(Method::POST), &script);
    assert_eq!(outcome.expect("the call succeeds"), (200, 5));
    assert_eq!(world.times(), [0.0, 2.0, 4.0, 6.0, 8.0]);
}

#[test]
fn a_trial_that_may_have_been_processed_is_not_retried() {
    let world = world(|draft| {
        draft.retry_transport = 3;
        draft.breaker = Some(CircuitBreaker::after_failures(1));
    });
    let gone = world.call(world.parts(Method::POST), &[Fails(TransportKind::Closed)]);
    assert!(matches!(gone, Err(Error::Transport { .. })));
    let on_trial = world.call(world.parts(Method::POST), &[Fails(TransportKind::Closed)]);
    assert!(matches!(on_trial, Err(Error::Transport { .. })));
    assert_eq!(world.times(), [0.0, 2.0]);
}

#[test]
fn a_5xx_opens_the_circuit_and_is_delivered_even_on_trial() {
    let world = world(|draft| draft.breaker = Some(CircuitBreaker::after_failures(1)));
    for _ in 0..2 {
        let outcome = world.call(world.parts(Method::GET), &[Answers(500, &[])]);
        assert_eq!(outcome.expect("a response"), (500, 1));
    }
    assert_eq!(world.times(), [0.0, 2.0]);
}

#[test]
fn a_backoff_status_is_a_refusal_and_not_a_failure() {
    let world = world(|draft| draft.breaker = Some(CircuitBreaker::after_failures(1)));
    let outcome = world.call(world.parts(Method::GET), &[Answers(503, &[]), ok()]);
    assert_eq!(outcome.expect("the call succeeds"), (200, 2));
    let snapshot = world.limiter.snapshot();
    assert_eq!(snapshot.breaker, Some(crate::BreakerPhase::Closed));
}

#[test]
fn with_fail_fast_the_error_contains_the_time_of_the_next_trial() {
    let world = world(|draft| {
        draft.breaker = Some(CircuitBreaker::after_failures(1).fail_fast(true));
    });
    let failed = world.call(world.parts(Method::GET), &[Fails(TransportKind::Connect)]);
    assert!(matches!(failed, Err(Error::Transport { .. })));
    let error = world.call(world.parts(Method::GET), &[]).expect_err("open");
    assert!(matches!(error, Error::CircuitOpen { .. }) && error.is_transient());
    assert_eq!(error.retry_after(), Some(2 * SECOND));
}

#[test]
fn a_deadline_before_the_next_trial_is_an_error_at_once() {
    let world = world(|draft| draft.breaker = Some(CircuitBreaker::after_failures(1)));
    let failed = world.call(world.parts(Method::GET), &[Fails(TransportKind::Connect)]);
    assert!(matches!(failed, Err(Error::Transport { .. })));
    let parts = RequestParts {
        deadline: Some(world.clock.now() + SECOND),
        ..world.parts(Method::GET)
    };
    let error = world.call(parts, &[]).expect_err("too short");
    assert_eq!(error.retry_after(), Some(2 * SECOND));
    assert!(matches!(error, Error::DeadlineTooShort { .. }));
    assert_eq!(world.times(), [0.0]);
}

mod bodies;
mod routes;
mod scopes;
mod tokens;
