//! A client of one's own over core alone: one call, with a scripted transport and virtual time.
//!
//! Run it with `cargo run -p api-ratelimiter-core --example own_client`. A real client replaces `time` by
//! its clock and waits, `transport` by its sockets, and the jitter of 0.5 by random numbers.

use std::sync::Arc;
use std::time::Duration;

use api_ratelimiter_core::call::{Call, Next, Onward};
use api_ratelimiter_core::http::{HeaderMap, Method, StatusCode};
use api_ratelimiter_core::limiter::{Controller, Outcome, Poll};
use api_ratelimiter_core::outcome::Feedback;
use api_ratelimiter_core::reply::BodyStart;
use api_ratelimiter_core::request::RequestParts;
use api_ratelimiter_core::settings::CallSettings;
use api_ratelimiter_core::{ApiRateConfig, Result, Time};

/// Responds to the first request with a refusal, and to the others with success.
fn transport(request: &RequestParts, number: u32) -> (StatusCode, HeaderMap, &'static [u8]) {
    println!("request {number}: {} {}", request.method, request.address);
    let mut headers = HeaderMap::new();
    if number > 1 {
        return (StatusCode::OK, headers, b"a page");
    }
    headers.insert("retry-after", "30".parse().expect("a header value"));
    (StatusCode::TOO_MANY_REQUESTS, headers, b"slow down")
}

fn main() -> Result<()> {
    // The configuration gives the limiter its settings, and the calls theirs.
    let config = ApiRateConfig {
        base_url: "https://api.example/v1".into(),
        ..Default::default()
    };
    let settings = Arc::new(CallSettings::new(&config)?);
    let mut time = Time::ZERO;
    let mut limiter = Controller::new(config.settings()?, time);
    let mut call = Call::new(
        Arc::clone(&settings),
        settings.request(Method::GET, "/pages/1")?,
    );
    loop {
        // Wait for the permit. The controller says when to ask again.
        let (began, cost) = (time, call.wanted().map_or(1, |wanted| wanted.cost));
        let grant = loop {
            match limiter.poll(time, cost, time > began) {
                Poll::Grant(grant) => break grant,
                Poll::At(later) | Poll::AfterFeedback(later) => time = later,
                Poll::Denied(denial) => {
                    return Err(call
                        .denied(denial.into(), time.saturating_since(began))
                        .into());
                }
            }
        };
        let outgoing = call.granted(time.saturating_since(began), grant.trial);

        // Send the request, and read the head of the response, and the body if only the body can tell.
        let sent = outgoing.attempt().sent();
        let (status, headers, body) = transport(outgoing.attempt().parts(), sent + 1);
        let unix_now = Duration::from_secs(1_767_225_600) + time.saturating_since(Time::ZERO);
        let arrived = outgoing.answered(status, &headers, unix_now);
        let peeked = arrived.wants_body(&headers).then_some(body);
        let judged = arrived.judge(&headers, peeked);

        // Tell the limiter what the response says about the limit.
        let _ = limiter.report(time, &grant, outcome(judged.feedback));
        call = match judged.next? {
            Next::Deliver(delivered) => {
                let effort = delivered.effort();
                let waited = effort.waited().as_secs();
                println!(
                    "{status} after {} attempts, waited {waited} s",
                    effort.attempts()
                );
                return Ok(());
            }
            // A refusal: the call goes on after the pause, which the limiter keeps.
            Next::Drain(draining) => {
                let body = BodyStart {
                    bytes: body.to_vec(),
                    truncated: false,
                };
                match draining.drained(&headers, body).next? {
                    Onward::Again(call) => call,
                    Onward::Deliver(_) => return Ok(()),
                }
            }
        };
    }
}

/// Returns what the controller is told. A client with scopes chooses the scope's controller here.
fn outcome(feedback: Feedback) -> Outcome {
    let chance = 0.5;
    match feedback {
        Feedback::Success {
            exhausted,
            announced,
            ..
        } => Outcome::Success {
            announced,
            exhausted,
            chance,
        },
        Feedback::Refused {
            retry_after: hint,
            announced,
            ..
        } => Outcome::Refused {
            announced,
            hint,
            chance,
        },
        Feedback::Failed => Outcome::Failed,
    }
}
