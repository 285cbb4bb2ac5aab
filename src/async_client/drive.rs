//! The loop of an async call: waits for permits, sends requests and reads responses.

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
pub(super) trait AsyncUnreadResponse: Send {
    fn status(&self) -> StatusCode;
    fn headers(&self) -> &HeaderMap;
    /// Reads the beginning of the body, which stays part of the response, for at most one second and until there
    /// are more than `most` bytes.
    fn peek(&mut self, most: usize) -> impl Future<Output = BodyStart> + Send;
}

/// Reads the beginning of a body that may be JSON, and no more than its first bytes of any other body.
async fn read_json(response: &mut impl AsyncUnreadResponse) -> BodyStart {
    let start = response.peek(0).await;
    if may_be_json(&start.bytes) {
        response.peek(Reply::MOST_BODY).await
    } else {
        start
    }
}

/// A transport that sends requests.
pub(super) trait Wire: Sync {
    type Output: AsyncUnreadResponse;

    /// Asks the client's source for a token of the next request, until the call's deadline.
    fn fetch(
        &self,
        attempt: &Attempt,
        why: TokenReason,
    ) -> impl Future<Output = Result<HeaderValue>> + Send;

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
        // The token comes before the permit: its source may need one of the same limiter.
        if let Some(why) = call.wanted_token() {
            let token = wire.fetch(call.attempt(), why).await;
            call = call.with_token(token)?;
        }
        let permit = match call.wanted() {
            Some(wanted) => call.limiter().acquire_for_async(&wanted).await.map(Some),
            None => Ok(None),
        };
        let mut outgoing = call.granted(permit)?;
        if let Some(why) = outgoing.wanted_token() {
            let token = wire.fetch(outgoing.attempt(), why).await;
            outgoing = outgoing.with_token(token)?;
        }
        let mut response = match wire.send(outgoing.attempt()).await {
            Ok(response) => response,
            Err(cause) => {
                call = outgoing.failed(cause)?;
                continue;
            }
        };
        let arrived = outgoing.answered(response.status(), response.headers());
        let body = match arrived.wants_body(response.headers()) {
            true => Some(read_json(&mut response).await.bytes),
            false => None,
        };
        call = match arrived.judge(response.headers(), body.as_deref())? {
            Break(delivered) => return Ok((response, delivered)),
            Continue(draining) => {
                let body = response.peek(Reply::MOST_BODY).await;
                match draining.drained(response.headers(), body)? {
                    Break(delivered) => return Ok((response, delivered)),
                    Continue(call) => call,
                }
            }
        };
    }
}
