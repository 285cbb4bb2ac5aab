//! The loop of a blocking call: waits for permits, sends requests and reads responses.

use std::ops::ControlFlow::{Break, Continue};

use http::{HeaderMap, StatusCode};

use api_ratelimiter_core::attempt::Attempt;
use api_ratelimiter_core::call::{Call, Delivered};
use api_ratelimiter_core::error::Result;
use api_ratelimiter_core::outcome::NoResponse;
use api_ratelimiter_core::reply::BodyStart;

use crate::client::call::DrivenCall;

/// A response whose head has arrived and whose body has not been read.
pub(super) trait UnreadResponse {
    fn status(&self) -> StatusCode;
    fn headers(&self) -> &HeaderMap;
    /// Reads the beginning of the body, which stays part of the response.
    fn peek(&mut self) -> &[u8];
    /// Reads the body to its end, if the end is near. The bytes that were read stay part of the response.
    fn drain(&mut self) -> BodyStart;
}

/// Sends a call's requests by `send` until a response is delivered or an error ends the call.
pub(super) fn drive<R: UnreadResponse>(
    mut call: DrivenCall<'_, Call>,
    mut send: impl FnMut(&Attempt) -> Result<R, NoResponse>,
) -> Result<(R, Delivered)> {
    loop {
        let limiter = call.limiter();
        let permit = call.wanted().map(|wanted| limiter.acquire_for(&wanted));
        let outgoing = call.granted(permit.transpose())?;
        let mut response = match send(outgoing.attempt()) {
            Ok(response) => response,
            Err(cause) => {
                call = outgoing.failed(cause)?;
                continue;
            }
        };
        let arrived = outgoing.answered(response.status(), response.headers());
        let body = arrived
            .wants_body(response.headers())
            .then(|| response.peek().to_vec());
        call = match arrived.judge(response.headers(), body.as_deref())? {
            Break(delivered) => return Ok((response, delivered)),
            Continue(draining) => {
                let body = response.drain();
                match draining.drained(response.headers(), body)? {
                    Break(delivered) => return Ok((response, delivered)),
                    Continue(call) => call,
                }
            }
        };
    }
}

#[cfg(test)]
#[path = "drive_tests.rs"]
mod tests;
