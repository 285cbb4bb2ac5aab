//! A client of your own over core: one call, with a scripted server and virtual time.
//!
//! Run it with `cargo run -p api-ratelimiter-core --example own_client`. A real client has a socket in the place
//! of [`send`], a clock and a sleep in the place of `now`, and random numbers in the place of 0.5.

use std::sync::Arc;
use std::time::Duration;

use api_ratelimiter_core::call::{Call, Drained, Next, Onward};
use api_ratelimiter_core::http::{HeaderMap, Method, StatusCode};
use api_ratelimiter_core::limiter::{Controller, ManualReport, Poll};
use api_ratelimiter_core::outcome::LongerPause;
use api_ratelimiter_core::reply::BodyStart;
use api_ratelimiter_core::request::RequestParts;
use api_ratelimiter_core::settings::CallSettings;
use api_ratelimiter_core::{ApiRateConfig, Result, Time};

/// Responds to the first request with a refusal, and to the others with success.
fn send(request: &RequestParts, sent: u32) -> (StatusCode, HeaderMap, BodyStart) {
    println!("{} {}", request.method, request.address);
    let mut headers = HeaderMap::new();
    if sent > 0 {
        return (StatusCode::OK, headers, BodyStart::default());
    }
    headers.insert("retry-after", "30".parse().expect("a header value"));
    (StatusCode::TOO_MANY_REQUESTS, headers, BodyStart::default())
}

fn main() -> Result<()> {
    // One configuration makes the limiter and the settings of all calls.
    let config = ApiRateConfig {
        base_url: "https://api.example/v1".into(),
        ..Default::default()
    };
    let settings = Arc::new(CallSettings::new(&config)?);
    let mut now = Time::ZERO;
    let mut limiter = Controller::new(config.settings()?, now);

    let request = settings.request(Method::GET, "/pages/1")?;
    let mut call = Call::new(settings, request);
    loop {
        // Wait for a permit. The limiter says when to ask again.
        let began = now;
        let grant = loop {
            match limiter.poll(now, 1, now > began) {
                Poll::Grant(grant) => break grant,
                Poll::At(later) | Poll::AfterFeedback(later) => now = later,
                Poll::Denied(denial) => return Err(denial.into()),
            }
        };
        let outgoing = call.granted(now.saturating_since(began), grant.trial);

        // Send the request, and let the call judge the response. Some APIs refuse in the body of a 200.
        let attempt = outgoing.attempt();
        let (status, headers, body) = send(attempt.parts(), attempt.sent());
        let unix_now = Duration::from_secs(1_767_225_600) + now.saturating_since(Time::ZERO);
        let arrived = outgoing.answered(status, &headers, unix_now);
        let peeked = arrived.wants_body(&headers).then_some(&*body.bytes);
        let judged = arrived.judge(&headers, peeked);

        // Tell the limiter what the response says about the limit.
        let _ = limiter.report(now, &grant, judged.feedback.outcome(|| 0.5));
        let chance = 0.5;
        if let Some(LongerPause { wait, .. }) = judged.hold {
            let _ = limiter.report_manually(
                now,
                ManualReport::Exhausted {
                    wait,
                    by_reset: false,
                    chance,
                },
            );
        }

        // The body of a refusal may ask for a longer pause, or forbid to send the request again.
        let onward = match judged.next? {
            Next::Deliver(delivered) => Onward::Deliver(delivered),
            Next::Drain(draining) => {
                let Drained { longer, next } = draining.drained(&headers, body);
                if let Some(LongerPause { wait, .. }) = longer {
                    let _ = limiter.report_manually(
                        now,
                        ManualReport::Exhausted {
                            wait,
                            by_reset: false,
                            chance,
                        },
                    );
                }
                next?
            }
        };

        // Send the request again, or end with the response.
        match onward {
            Onward::Again(again) => call = again,
            Onward::Deliver(delivered) => {
                let (sent, waited) = (delivered.effort().attempts(), delivered.effort().waited());
                println!(
                    "{status} after {sent} requests, waited {} s",
                    waited.as_secs()
                );
                return Ok(());
            }
        }
    }
}
