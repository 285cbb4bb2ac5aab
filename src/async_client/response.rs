//! An answer: its head, and the body that is still to be read.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, StatusCode};
use serde::de::DeserializeOwned;

use super::drive::AsyncUnreadResponse;
use super::timeout::within;
use super::transport;
use crate::client::settings::ClientSettings;
use crate::client::transport::DRAIN_FOR;
use crate::clock::Clock;
use api_ratelimiter_core::Time;
use api_ratelimiter_core::call::Delivered;
use api_ratelimiter_core::error::{Effort, Result, TimeoutPhase, TransportKind};
use api_ratelimiter_core::headers::HeaderNames;
use api_ratelimiter_core::outcome::Failure;
use api_ratelimiter_core::reply::{BodyStart, Reply};

/// An answer of any status from 2xx to 5xx, its body not yet read.
///
/// What reads the body to its end ([`bytes`](Self::bytes), [`text`](Self::text), [`json`](Self::json))
/// gives the connection back for the next request. Dropped before its end has come, also by dropping one
/// of those futures, a response closes its connection.
pub struct AsyncResponse {
    incoming: AsyncIncoming,
    delivered: Delivered,
    settings: Arc<ClientSettings>,
}

/// A response whose head has arrived, with its connection.
pub(super) struct AsyncIncoming {
    response: reqwest::Response,
    clock: Arc<dyn Clock>,
    /// When the request's own `timeout` or `deadline` ends the response.
    ends: Option<Time>,
    between_bytes: Duration,
    /// What was read and the caller does not have yet.
    seen: Vec<u8>,
    /// How the body ended, once it has.
    end: Option<Result<(), Failure>>,
}

/// How the reading of a body ended.
enum Filled {
    Complete,
    TooLong,
}

impl AsyncResponse {
    pub(super) fn new(
        incoming: AsyncIncoming,
        delivered: Delivered,
        settings: &Arc<ClientSettings>,
    ) -> Self {
        Self {
            incoming,
            delivered,
            settings: Arc::clone(settings),
        }
    }

    /// Returns the status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.incoming.response.status()
    }

    /// Returns the headers.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        self.incoming.response.headers()
    }

    /// Returns the first header of that name, if the response has one and its value is text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers().get(name)?.to_str().ok()
    }

    /// Returns the number of requests sent for this response: 1 unless there were refusals, redirects or
    /// broken connections.
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
    pub async fn error_for_status(mut self) -> Result<Self> {
        if self.status().as_u16() < 400 {
            return Ok(self);
        }
        let body = self.incoming.start(self.settings.timeouts.body).await;
        let headers = self.headers().clone();
        Err(self.delivered.status_error(headers, body))
    }

    /// The body as text; what is no UTF-8 is replaced by U+FFFD.
    ///
    /// # Errors
    ///
    /// [`Error::BodyTooLarge`](crate::Error::BodyTooLarge) beyond `max_body`; [`Error::Transport`](crate::Error::Transport) if it breaks off or takes longer
    /// than the timeouts allow.
    pub async fn text(self) -> Result<String> {
        let bytes = self.bytes().await?;
        Ok(String::from_utf8(bytes)
            .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()))
    }

    /// The body as JSON.
    ///
    /// # Errors
    ///
    /// [`Error::Decode`](crate::Error::Decode) if it is none or has another shape, without its contents; and as for
    /// [`text`](Self::text).
    pub async fn json<T: DeserializeOwned>(self) -> Result<T> {
        let (body, delivered) = self.whole_body().await?;
        delivered.parse(&body)
    }

    /// The body as bytes, decoded.
    ///
    /// # Errors
    ///
    /// As for [`text`](Self::text).
    pub async fn bytes(self) -> Result<Vec<u8>> {
        self.whole_body().await.map(|(body, _)| body)
    }

    async fn whole_body(self) -> Result<(Vec<u8>, Delivered)> {
        let Self {
            mut incoming,
            delivered,
            settings,
        } = self;
        let limit = settings.max_body;
        match incoming.fill(settings.timeouts.body, limit).await {
            Ok(Filled::Complete) => Ok((incoming.seen, delivered)),
            Ok(Filled::TooLong) => Err(delivered.body_too_large(limit)),
            Err(failure) => Err(delivered.body_failed(failure)),
        }
    }

    /// The next piece of the body, decoded; `None` at its end. Without a bound on its length or on the
    /// time it takes in all; only the silence between two pieces is bounded, and the request's own
    /// `timeout` and `deadline` hold. Dropping the future loses nothing: the piece comes with the next.
    ///
    /// # Errors
    ///
    /// [`Error::Transport`](crate::Error::Transport) if the body breaks off or takes longer than the timeouts allow.
    pub async fn chunk(&mut self) -> Result<Option<Vec<u8>>> {
        if !self.incoming.seen.is_empty() {
            return Ok(Some(std::mem::take(&mut self.incoming.seen)));
        }
        match self.incoming.chunk().await {
            Ok(chunk) => Ok(chunk.map(|chunk| chunk.as_ref().to_vec())),
            Err(failure) => Err(self.delivered.body_failed(failure)),
        }
    }
}

impl AsyncIncoming {
    pub(super) fn new(
        response: reqwest::Response,
        clock: &Arc<dyn Clock>,
        ends: Option<Time>,
        between_bytes: Duration,
    ) -> Self {
        Self {
            response,
            clock: Arc::clone(clock),
            ends,
            between_bytes,
            seen: Vec::new(),
            end: None,
        }
    }

    async fn chunk(&mut self) -> Result<Option<impl AsRef<[u8]> + use<>>, Failure> {
        match self.end.take() {
            Some(Ok(())) => {
                self.end = Some(Ok(()));
                return Ok(None);
            }
            Some(Err(failure)) => return Err(failure),
            None => {}
        }
        let left = self
            .ends
            .map(|ends| ends.saturating_since(self.clock.now()));
        let most = self.between_bytes;
        let next = self.response.chunk();
        let came = within(most, TimeoutPhase::BetweenBytes, left, next).await?;
        let chunk = came.map_err(transport::body_failure)?;
        if chunk.is_none() {
            self.end = Some(Ok(()));
        }
        Ok(chunk)
    }

    /// Reads to the end or beyond the limit, for no longer than `patience`.
    async fn fill(&mut self, patience: Duration, limit: u64) -> Result<Filled, Failure> {
        let whole = async {
            loop {
                if self.seen.len() as u64 > limit {
                    return Ok(Filled::TooLong);
                }
                match self.chunk().await? {
                    Some(chunk) => self.seen.extend_from_slice(chunk.as_ref()),
                    None => return Ok(Filled::Complete),
                }
            }
        };
        within(patience, TimeoutPhase::Body, None, whole).await?
    }

    /// Reads the beginning of the body for at most `patience`.
    async fn start(&mut self, patience: Duration) -> BodyStart {
        let end = self.fill(patience, Reply::MOST_BODY as u64).await;
        let truncated = !matches!(end, Ok(Filled::Complete));
        self.keep(end);
        BodyStart {
            bytes: self.seen.clone(),
            truncated,
        }
    }

    /// A body that broke off does so again when the caller reads; that time ran out here is no such end.
    fn keep(&mut self, end: Result<Filled, Failure>) {
        if let Err(failure) = end {
            if !matches!(failure.kind, TransportKind::Timeout(TimeoutPhase::Body)) {
                self.end = Some(Err(failure));
            }
        }
    }
}

impl AsyncUnreadResponse for AsyncIncoming {
    fn status(&self) -> StatusCode {
        self.response.status()
    }

    fn headers(&self) -> &HeaderMap {
        self.response.headers()
    }

    async fn peek(&mut self) -> BodyStart {
        self.start(DRAIN_FOR).await
    }
}

impl fmt::Debug for AsyncResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsyncResponse")
            .field("request", &self.delivered.request())
            .field("status", &self.status())
            .field("headers", &HeaderNames(self.headers()))
            .field("attempts", &self.attempts())
            .field("waited", &self.waited())
            .finish_non_exhaustive()
    }
}
