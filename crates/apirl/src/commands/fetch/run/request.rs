//! One request: made from a line of input, and sent.

use std::time::Duration;

use api_ratelimiter::{DynamicAPIClient, Error, RequestBuilder, Result};

use crate::client_settings::RETRY_TRANSPORT;
use crate::commands::fetch::input::request_line::{RequestBody, RequestLine};

/// Returns the request of a line, not yet sent.
pub(crate) fn build(
    client: &DynamicAPIClient,
    line: &RequestLine,
    idempotent: bool,
) -> RequestBuilder {
    let mut request = client.request(line.method.clone(), &line.path);
    for (key, value) in &line.query {
        request = request.query(key, value);
    }
    for (name, value) in &line.headers {
        request = request.header(name, value);
    }
    request = match &line.body {
        None => request,
        Some(RequestBody::Json(raw)) => request.json(raw),
        Some(RequestBody::Text(text)) => request.body(text.as_bytes()),
    };
    match idempotent {
        true => request.idempotent(true),
        false => request,
    }
}

/// A response that was read whole.
pub(crate) struct WholeResponse {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
    pub(crate) sent: Sent,
}

/// The requests that were sent for one response, and the time spent waiting for permits.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Sent {
    pub(crate) attempts: u32,
    pub(crate) waited: Duration,
}

impl Sent {
    pub(crate) fn plus(self, attempts: u32, waited: Duration) -> Self {
        Self {
            attempts: self.attempts.saturating_add(attempts),
            waited: self.waited.saturating_add(waited),
        }
    }
}

/// An error, and what was sent before it.
pub(crate) struct FailedRequest {
    pub(crate) error: Error,
    pub(crate) sent: Sent,
}

/// Sends the request and reads the body. If the body breaks off, the request is sent again where that does no harm:
/// the library itself only retries until the head of the response has arrived.
pub(crate) fn send(
    request: impl Fn() -> RequestBuilder,
    may_repeat: bool,
) -> Result<WholeResponse, FailedRequest> {
    let (mut broken, mut sent) = (0, Sent::default());
    loop {
        let response = match request().send() {
            Ok(response) => response,
            Err(error) => {
                let sent = sent.plus(error.attempts(), error.waited());
                return Err(FailedRequest { error, sent });
            }
        };
        let status = response.status().as_u16();
        sent = sent.plus(response.attempts(), response.waited());
        match response.bytes() {
            Ok(body) => return Ok(WholeResponse { status, body, sent }),
            Err(error) if may_repeat && broken < RETRY_TRANSPORT && error.is_transient() => {
                broken += 1;
            }
            Err(error) => return Err(FailedRequest { error, sent }),
        }
    }
}
