//! The loop of a blocking call: waits for permits, sends requests and reads responses.

use std::ops::ControlFlow::{Break, Continue};

use http::{HeaderMap, HeaderValue, StatusCode};

use api_ratelimiter_core::TokenReason;
use api_ratelimiter_core::attempt::Attempt;
use api_ratelimiter_core::call::{Call, Delivered};
use api_ratelimiter_core::error::Result;
use api_ratelimiter_core::guidance::may_be_json;
use api_ratelimiter_core::outcome::NoResponse;
use api_ratelimiter_core::reply::{BodyStart, Reply};

use crate::client::call::DrivenCall;

/// A response whose head has arrived and whose body has not been read.
pub(super) trait UnreadResponse {
    fn status(&self) -> StatusCode;
    fn headers(&self) -> &HeaderMap;
    /// Reads the beginning of the body, which stays part of the response, until there are more than `most` bytes.
    /// Stops at the first read that ends after one second.
    fn peek(&mut self, most: usize) -> BodyStart;
    /// Reads the beginning of the body, until there are more than `most` bytes. Breaks the body off after one
    /// second.
    fn drain(&mut self, most: usize) -> BodyStart;
}

/// Reads the beginning of a body that may be JSON, and no more than its first bytes of any other body.
fn read_json(response: &mut impl UnreadResponse, keeps_body: bool) -> BodyStart {
    let mut read = |most| match keeps_body {
        true => response.peek(most),
        false => response.drain(most),
    };
    let start = read(0);
    if may_be_json(&start.bytes) {
        read(Reply::MOST_BODY)
    } else {
        start
    }
}

/// Sends a call's requests by `send`, with the tokens that `fetch` returns, until a response is delivered or an error
/// ends the call.
pub(super) fn drive<R: UnreadResponse>(
    mut call: DrivenCall<'_, Call>,
    mut fetch: impl FnMut(TokenReason) -> Result<HeaderValue>,
    mut send: impl FnMut(&Attempt) -> Result<R, NoResponse>,
) -> Result<(R, Delivered)> {
    loop {
        // The token comes before the permit: its source may need one of the same limiter.
        if let Some(why) = call.wanted_token() {
            call = call.with_token(fetch(why))?;
        }
        let limiter = call.limiter();
        let permit = call.wanted().map(|wanted| limiter.acquire_for(&wanted));
        let mut outgoing = call.granted(permit.transpose())?;
        if let Some(why) = outgoing.wanted_token() {
            outgoing = outgoing.with_token(fetch(why))?;
        }
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
            .then(|| read_json(&mut response, arrived.keeps_body()).bytes);
        call = match arrived.judge(response.headers(), body.as_deref())? {
            Break(delivered) => return Ok((response, delivered)),
            Continue(draining) => {
                let body = match draining.keeps_body() {
                    true => response.peek(Reply::MOST_BODY),
                    false => response.drain(Reply::MOST_BODY),
                };
                match draining.drained(response.headers(), body)? {
                    Break(delivered) => return Ok((response, delivered)),
                    Continue(call) => call,
                }
            }
        };
    }
}

#[cfg(test)]
mod tests;
