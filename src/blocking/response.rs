//! An answer: its head, and the body that is still to be read.

use std::fmt;
use std::io::{self, Read};
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, Method, StatusCode};
use serde::de::DeserializeOwned;

use super::body::{Body, End};
use super::drive::Answer;
use super::transport::body_failure;
use crate::client::settings::ClientSettings;
use crate::client::transport::DRAIN_FOR;
use crate::clock::Clock;
use api_ratelimiter_core::attempt::{Attempt, Failure};
use api_ratelimiter_core::error::{Effort, Error, Result};
use api_ratelimiter_core::reply::{HeaderNames, Reply};

/// An answer of any status from 2xx to 5xx, its body not yet read.
///
/// What reads the body to its end ([`bytes`](Self::bytes), [`text`](Self::text), [`json`](Self::json))
/// gives the connection back for the next request. Dropped unread, a response closes its connection:
/// after a write whose answer does not matter, call `bytes()` all the same.
pub struct Response {
    status: StatusCode,
    headers: HeaderMap,
    body: Body,
    context: Context,
    attempts: u32,
    waited: Duration,
}

/// What reading a body needs to know.
#[derive(Debug, Clone)]
struct Context {
    request: Box<str>,
    settings: Arc<ClientSettings>,
    clock: Arc<dyn Clock>,
}

impl Response {
    /// The status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The headers.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// The first header of that name, if it is there and is text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Requests that were sent for this answer: 1 unless there were refusals, redirects or broken
    /// connections.
    #[must_use]
    pub fn attempts(&self) -> u32 {
        self.attempts
    }

    /// Time spent waiting for permits.
    #[must_use]
    pub fn waited(&self) -> Duration {
        self.waited
    }

    pub(super) fn effort(&self) -> Effort {
        Effort::new(self.attempts, self.waited)
    }

    /// The answer itself, if its status is below 400.
    ///
    /// # Errors
    ///
    /// [`Error::Status`] with status, headers and the first 64 KiB of the body.
    pub fn error_for_status(self) -> Result<Self> {
        if self.status.as_u16() < 400 {
            return Ok(self);
        }
        let request = self.context.request.clone();
        let patience = self.context.settings.timeouts.body;
        let effort = self.effort();
        Err(Error::of_status(request, self.into_reply(patience)).with_effort(effort))
    }

    /// The body as text; what is no UTF-8 is replaced by U+FFFD.
    ///
    /// # Errors
    ///
    /// [`Error::BodyTooLarge`] beyond `max_body`; [`Error::Transport`] if it breaks off or takes longer
    /// than the timeouts allow.
    pub fn text(self) -> Result<String> {
        let bytes = self.bytes()?;
        Ok(String::from_utf8(bytes)
            .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()))
    }

    /// The body as JSON.
    ///
    /// # Errors
    ///
    /// [`Error::Decode`] if it is none or has another shape, without its contents; and as for
    /// [`text`](Self::text).
    pub fn json<T: DeserializeOwned>(self) -> Result<T> {
        let (request, effort) = (self.context.request.clone(), self.effort());
        let bytes = self.bytes()?;
        serde_json::from_slice(&bytes)
            .map_err(|error| Error::decode(&request, bytes.len(), &error).with_effort(effort))
    }

    /// The body as bytes, decoded.
    ///
    /// # Errors
    ///
    /// As for [`text`](Self::text).
    pub fn bytes(self) -> Result<Vec<u8>> {
        let effort = self.effort();
        let Self {
            mut body, context, ..
        } = self;
        let limit = context.settings.max_body;
        let until = context.clock.now() + context.settings.timeouts.body;
        let error = match body.fill(&context.clock, until, until, limit) {
            Ok(End::Complete) => return Ok(body.into_seen()),
            Ok(End::Late) => context.error(io::Error::other(ureq::Error::Timeout(
                ureq::Timeout::RecvBody,
            ))),
            Ok(End::TooLong) => Error::body_too_large(context.request, limit),
            Err(error) => context.error(error),
        };
        Err(error.with_effort(effort))
    }

    /// The body as a reader, without a bound on its length or on the time it takes in all; only the
    /// silence between two bytes is bounded, and the request's own `timeout` and `deadline` hold.
    #[must_use]
    pub fn into_reader(self) -> BodyReader {
        BodyReader { inner: self.body }
    }

    pub(super) fn delivered(
        answer: Fresh<'_>,
        attempt: &Attempt,
        settings: &Arc<ClientSettings>,
        clock: &Arc<dyn Clock>,
    ) -> Self {
        let Fresh {
            head: parts, body, ..
        } = answer;
        let context = Context {
            request: attempt.parts().label(),
            settings: Arc::clone(settings),
            clock: Arc::clone(clock),
        };
        let (attempts, waited) = (attempt.sent(), attempt.waited());
        Self {
            status: parts.status,
            headers: parts.headers,
            body,
            context,
            attempts,
            waited,
        }
    }

    /// Keeps the beginning of the body, reading for at most `patience`.
    fn into_reply(self, patience: Duration) -> Reply {
        let Self {
            status,
            headers,
            mut body,
            context,
            ..
        } = self;
        let until = context.clock.now() + patience;
        let end = body.fill(&context.clock, until, until, Reply::MOST_BODY as u64);
        let truncated = !matches!(end, Ok(End::Complete));
        let unix_now = context.clock.unix_now();
        Reply::new(status, headers, body.into_seen(), truncated, unix_now)
    }
}

/// An answer inside the loop, before it is known whose it is.
pub(super) struct Fresh<'a> {
    head: http::response::Parts,
    body: Body,
    clock: &'a Arc<dyn Clock>,
    /// The longest that reading its whole body may take.
    patience: Duration,
}

impl<'a> Fresh<'a> {
    pub(super) fn new(
        method: &Method,
        answer: http::Response<ureq::Body>,
        clock: &'a Arc<dyn Clock>,
        settings: &ClientSettings,
    ) -> Self {
        let (head, body) = answer.into_parts();
        let body = if has_body(method, head.status) {
            Body::new(body)
        } else {
            Body::none()
        };
        Self {
            head,
            body,
            clock,
            patience: settings.timeouts.body,
        }
    }
}

/// Whether an answer has a body (RFC 9112, section 6.3). Where there is none, a head may still speak of its
/// coding, and a decoder would take the end for a broken one.
fn has_body(method: &Method, status: StatusCode) -> bool {
    let is_empty = [StatusCode::NO_CONTENT, StatusCode::NOT_MODIFIED].contains(&status);
    *method != Method::HEAD && !is_empty
}

impl Answer for Fresh<'_> {
    fn status(&self) -> StatusCode {
        self.head.status
    }

    fn headers(&self) -> &HeaderMap {
        &self.head.headers
    }

    fn peek(&mut self) -> &[u8] {
        let now = self.clock.now();
        // An error comes again when the caller reads.
        let _ = self.body.fill(
            self.clock,
            now + DRAIN_FOR,
            now + self.patience,
            Reply::MOST_BODY as u64,
        );
        self.body.seen()
    }

    fn drain(&mut self) -> Reply {
        let until = self.clock.now() + DRAIN_FOR;
        let end = self
            .body
            .fill(self.clock, until, until, Reply::MOST_BODY as u64);
        Reply::new(
            self.head.status,
            self.head.headers.clone(),
            self.body.seen().to_vec(),
            !matches!(end, Ok(End::Complete)),
            self.clock.unix_now(),
        )
    }
}

impl Context {
    fn error(self, error: io::Error) -> Error {
        let Failure { kind, source } = body_failure(error);
        Error::transport(self.request, kind, source)
    }
}

impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Response")
            .field("request", &self.context.request)
            .field("status", &self.status)
            .field("headers", &HeaderNames(&self.headers))
            .field("attempts", &self.attempts)
            .field("waited", &self.waited)
            .finish_non_exhaustive()
    }
}

/// Reads a body as it comes; made by [`Response::into_reader`].
pub struct BodyReader {
    inner: Body,
}

impl Read for BodyReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.inner.read(buffer).map_err(in_time)
    }
}

/// The transport calls a timeout an "other" error; readers look at the kind.
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
