//! The loop of an async call: waits for permits, sends requests and reads responses.

use std::ops::ControlFlow::{Break, Continue};

use http::{HeaderMap, StatusCode};

use api_ratelimiter_core::attempt::Attempt;
use api_ratelimiter_core::call::{Call, Delivered};
use api_ratelimiter_core::error::Result;
use api_ratelimiter_core::outcome::NoResponse;
use api_ratelimiter_core::reply::BodyStart;

use crate::client::call::DrivenCall;

/// A response whose head has arrived and whose body has not been read.
pub(super) trait AsyncUnreadResponse: Send {
    fn status(&self) -> StatusCode;
    fn headers(&self) -> &HeaderMap;
    /// Reads the beginning of the body, which stays part of the response.
    fn peek(&mut self) -> impl Future<Output = Vec<u8>> + Send;
    /// Reads the body to its end, if the end is near. The bytes that were read stay part of the response.
    fn drain(&mut self) -> impl Future<Output = BodyStart> + Send;
}

/// A transport that sends requests.
pub(super) trait Wire: Sync {
    type Output: AsyncUnreadResponse;

    fn send(
        &self,
        attempt: &Attempt,
    ) -> impl Future<Output = Result<Self::Output, NoResponse>> + Send;
}

/// Sends a call's requests by `wire` until a response is delivered or an error ends the call.
pub(super) async fn drive<W: Wire>(
    mut call: DrivenCall<'_, Call>,
    wire: &W,
) -> Result<(W::Output, Delivered)> {
    loop {
        let permit = match call.wanted() {
            Some(wanted) => call.limiter().acquire_for_async(&wanted).await.map(Some),
            None => Ok(None),
        };
        let outgoing = call.granted(permit)?;
        let mut response = match wire.send(outgoing.attempt()).await {
            Ok(response) => response,
            Err(cause) => {
                call = outgoing.failed(cause)?;
                continue;
            }
        };
        let arrived = outgoing.answered(response.status(), response.headers());
        let body = match arrived.wants_body(response.headers()) {
            true => Some(response.peek().await),
            false => None,
        };
        call = match arrived.judge(response.headers(), body.as_deref())? {
            Break(delivered) => return Ok((response, delivered)),
            Continue(draining) => {
                let body = response.drain().await;
                match draining.drained(response.headers(), body)? {
                    Break(delivered) => return Ok((response, delivered)),
                    Continue(call) => call,
                }
            }
        };
    }
}
