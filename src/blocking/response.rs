//! A response of the blocking client: its head, and the body that was not read yet.

use std::fmt;
use std::io::{self, Read};
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, Method, StatusCode};
use serde::de::DeserializeOwned;

use super::body::{Body, BodyEnd};
use super::drive::UnreadResponse;
use super::gunzip::decoded;
use super::transport::body_failure;
use crate::client::settings::ClientSettings;
use crate::client::transport::{DRAIN_FOR, text};
use crate::clock::Clock;
use api_ratelimiter_core::call::Delivered;
use api_ratelimiter_core::coding;
use api_ratelimiter_core::error::{Effort, Result};
use api_ratelimiter_core::headers::HeaderNames;
use api_ratelimiter_core::reply::{BodyStart, Reply};

/// A response of any status from 2xx to 5xx, whose body was not read yet.
///
/// [`bytes`](Self::bytes), [`text`](Self::text) and [`json`](Self::json) read the body to its end and
/// return the connection to the pool. A response that is dropped unread closes its connection, so call
/// `bytes()` even if you don't need the body.
pub struct Response {
    incoming: Incoming,
    delivered: Delivered,
    /// Maximum number of bytes of a body that is read whole.
    max_body: u64,
}

impl Response {
    pub(super) fn new(incoming: Incoming, delivered: Delivered, max_body: u64) -> Self {
        Self {
            incoming,
            delivered,
            max_body,
        }
    }

    /// Returns the status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.incoming.head.status
    }

    /// Returns the headers.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        &self.incoming.head.headers
    }

    /// Returns the first header of that name, if the response has one and its value is text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers().get(name)?.to_str().ok()
    }

    /// Returns the number of requests that were sent for this response: 1 unless there were refusals,
    /// redirects or broken connections.
    #[must_use]
    pub fn attempts(&self) -> u32 {
        self.delivered.effort().attempts()
    }

    /// Returns the time spent waiting for permits.
    #[must_use]
    pub fn waited(&self) -> Duration {
        self.delivered.effort().waited()
    }

    pub(super) fn effort(&self) -> Effort {
        self.delivered.effort()
    }

    /// Returns the response itself, if its status is below 400.
    ///
    /// # Errors
    ///
    /// [`Error::Status`](crate::Error::Status) with status, headers and the first 64 KiB of the body.
    pub fn error_for_status(self) -> Result<Self> {
        if self.status().as_u16() < 400 {
            return Ok(self);
        }
        let Self {
            mut incoming,
            delivered,
            ..
        } = self;
        let body = incoming.start(incoming.patience, incoming.patience);
        Err(delivered.status_error(incoming.head.headers, body))
    }

    /// Reads the body as text. Invalid UTF-8 is replaced by U+FFFD.
    ///
    /// # Errors
    ///
    /// [`Error::BodyTooLarge`](crate::Error::BodyTooLarge) beyond `max_body`; [`Error::Transport`](crate::Error::Transport) if the
    /// body is truncated or takes longer than the timeouts allow.
    pub fn text(self) -> Result<String> {
        self.bytes().map(text)
    }

    /// Reads the body as JSON.
    ///
    /// # Errors
    ///
    /// [`Error::Decode`](crate::Error::Decode), which does not show the contents, if the body is not valid JSON for `T`; and
    /// as for [`text`](Self::text).
    pub fn json<T: DeserializeOwned>(self) -> Result<T> {
        let (body, delivered) = self.whole_body()?;
        delivered.parse(&body)
    }

    /// Reads the body as bytes, decoded.
    ///
    /// # Errors
    ///
    /// As for [`text`](Self::text).
    pub fn bytes(self) -> Result<Vec<u8>> {
        self.whole_body().map(|(body, _)| body)
    }

    fn whole_body(self) -> Result<(Vec<u8>, Delivered)> {
        let Self {
            incoming,
            delivered,
            max_body,
        } = self;
        let Incoming {
            mut body,
            clock,
            patience,
            ..
        } = incoming;
        let until = clock.now() + patience;
        let failure = match body.fill(&clock, until, until, max_body) {
            Ok(BodyEnd::Complete) => return Ok((body.into_seen(), delivered)),
            Ok(BodyEnd::TooLong) => return Err(delivered.body_too_large(max_body)),
            Ok(BodyEnd::Late) => io::Error::other(ureq::Error::Timeout(ureq::Timeout::RecvBody)),
            Err(error) => error,
        };
        Err(delivered.body_failed(body_failure(failure)))
    }

    /// Returns the body as a reader.
    ///
    /// Neither the length of the body nor the time for all of it is limited. The silence between two bytes
    /// is, and the request's own `timeout` and `deadline` apply.
    #[must_use]
    pub fn into_reader(self) -> BodyReader {
        BodyReader {
            inner: self.incoming.body,
        }
    }
}

/// A response whose head has arrived, with its connection.
pub(super) struct Incoming {
    head: http::response::Parts,
    body: Body,
    clock: Arc<dyn Clock>,
    /// Longest time for reading the whole body.
    patience: Duration,
}

impl Incoming {
    pub(super) fn new(
        method: &Method,
        response: http::Response<ureq::Body>,
        clock: &Arc<dyn Clock>,
        settings: &ClientSettings,
    ) -> Self {
        let (mut head, body) = response.into_parts();
        let body = if coding::has_body(method, head.status) {
            let reader = body.into_reader();
            Body::new(decoded(&mut head, reader))
        } else {
            Body::none()
        };
        Self {
            head,
            body,
            clock: Arc::clone(clock),
            patience: settings.timeouts.body,
        }
    }

    /// Reads the beginning of the body. Stops at the first read that ends after `soft`; after `hard` the body
    /// is broken off.
    fn start(&mut self, soft: Duration, hard: Duration) -> BodyStart {
        let now = self.clock.now();
        let limit = Reply::MOST_BODY as u64;
        let end = self.body.fill(&self.clock, now + soft, now + hard, limit);
        // An error comes again when the caller reads.
        BodyStart {
            bytes: self.body.seen().to_vec(),
            truncated: !matches!(end, Ok(BodyEnd::Complete)),
        }
    }
}

impl UnreadResponse for Incoming {
    fn status(&self) -> StatusCode {
        self.head.status
    }

    fn headers(&self) -> &HeaderMap {
        &self.head.headers
    }

    fn peek(&mut self) -> BodyStart {
        self.start(DRAIN_FOR, self.patience)
    }

    fn drain(&mut self) -> BodyStart {
        self.start(DRAIN_FOR, DRAIN_FOR)
    }
}

impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Response")
            .field("request", &self.delivered.request())
            .field("status", &self.status())
            .field("headers", &HeaderNames(self.headers()))
            .field("attempts", &self.attempts())
            .field("waited", &self.waited())
            .finish_non_exhaustive()
    }
}

/// Reader of a body while it arrives; returned by [`Response::into_reader`].
pub struct BodyReader {
    inner: Body,
}

impl Read for BodyReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.inner.read(buffer).map_err(in_time)
    }
}

/// Gives a timeout the kind `TimedOut`: the transport reports it as `Other`, and callers check the kind.
fn in_time(error: io::Error) -> io::Error {
    let is_timeout = |error: &io::Error| {
        let inner = error
            .get_ref()
            .and_then(|inner| inner.downcast_ref::<ureq::Error>());
        matches!(inner, Some(ureq::Error::Timeout(_)))
    };
    if is_timeout(&error) {
        io::Error::new(io::ErrorKind::TimedOut, error)
    } else {
        error
    }
}

impl fmt::Debug for BodyReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BodyReader").finish_non_exhaustive()
    }
}
