//! A response of the async client: its head, and the body that was not read yet.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, StatusCode};
use serde::de::DeserializeOwned;

use super::drive::AsyncUnreadResponse;
use super::gunzip::Gunzip;
use super::timeout::within;
use super::transport;
use crate::client::settings::ClientSettings;
use crate::client::transport::{DRAIN_FOR, keep, text};
use crate::clock::Clock;
use api_ratelimiter_core::Time;
use api_ratelimiter_core::call::Delivered;
use api_ratelimiter_core::error::{Effort, Result, TimeoutPhase, TransportKind};
use api_ratelimiter_core::headers::HeaderNames;
use api_ratelimiter_core::outcome::Failure;
use api_ratelimiter_core::reply::{BodyStart, Reply};

/// A response of any status from 2xx to 5xx, whose body was not read yet.
///
/// [`bytes`](Self::bytes), [`text`](Self::text) and [`json`](Self::json) read the body to its end and
/// return the connection to the pool. A response that is dropped before its end has arrived, also by
/// dropping one of those futures, closes its connection.
pub struct AsyncResponse {
    incoming: AsyncIncoming,
    delivered: Delivered,
    settings: Arc<ClientSettings>,
}

/// A response whose head has arrived, with its connection.
pub(super) struct AsyncIncoming {
    response: reqwest::Response,
    clock: Arc<dyn Clock>,
    /// Time at which the request's own `timeout` or `deadline` ends the response.
    ends: Option<Time>,
    between_bytes: Duration,
    /// Decoder of a compressed body.
    gunzip: Option<Gunzip>,
    /// Bytes that were read and that the caller has not received yet.
    seen: Vec<u8>,
    /// Result of the body's last read, once the body has ended.
    end: Option<Result<(), Failure>>,
}

/// Piece of a body.
enum Piece<R> {
    /// As it arrived.
    Raw(R),
    /// Decoded.
    Decoded(Vec<u8>),
}

impl<R: AsRef<[u8]>> Piece<R> {
    fn into_vec(self) -> Vec<u8> {
        match self {
            Self::Raw(bytes) => bytes.as_ref().to_vec(),
            Self::Decoded(bytes) => bytes,
        }
    }
}

impl<R: AsRef<[u8]>> AsRef<[u8]> for Piece<R> {
    fn as_ref(&self) -> &[u8] {
        match self {
            Self::Raw(bytes) => bytes.as_ref(),
            Self::Decoded(bytes) => bytes,
        }
    }
}

/// Result of reading a body up to a limit.
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
    pub async fn error_for_status(mut self) -> Result<Self> {
        if self.status().as_u16() < 400 {
            return Ok(self);
        }
        let body = self.incoming.start(self.settings.timeouts.body).await;
        let headers = self.headers().clone();
        Err(self.delivered.status_error(headers, body))
    }

    /// Reads the body as text. Invalid UTF-8 is replaced by U+FFFD.
    ///
    /// # Errors
    ///
    /// [`Error::BodyTooLarge`](crate::Error::BodyTooLarge) beyond `max_body`; [`Error::Transport`](crate::Error::Transport) if the
    /// body is truncated or takes longer than the timeouts allow.
    pub async fn text(self) -> Result<String> {
        self.bytes().await.map(text)
    }

    /// Reads the body as JSON.
    ///
    /// # Errors
    ///
    /// [`Error::Decode`](crate::Error::Decode), which does not show the contents, if the body is not valid JSON for `T`; and
    /// as for [`text`](Self::text).
    pub async fn json<T: DeserializeOwned>(self) -> Result<T> {
        let (body, delivered) = self.whole_body().await?;
        delivered.parse(&body)
    }

    /// Reads the body as bytes, decoded.
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

    /// Reads the next piece of the body, decoded; `None` at its end.
    ///
    /// Neither the length of the body nor the time for all of it is limited. The silence between two pieces
    /// is, and the request's own `timeout` and `deadline` apply. Dropping the future loses nothing: the next
    /// call returns the piece.
    ///
    /// # Errors
    ///
    /// [`Error::Transport`](crate::Error::Transport) if the body is truncated or takes longer than the timeouts allow.
    pub async fn chunk(&mut self) -> Result<Option<Vec<u8>>> {
        if !self.incoming.seen.is_empty() {
            return Ok(Some(std::mem::take(&mut self.incoming.seen)));
        }
        match self.incoming.piece().await {
            Ok(piece) => Ok(piece.map(Piece::into_vec)),
            Err(failure) => Err(self.delivered.body_failed(failure)),
        }
    }
}

impl AsyncIncoming {
    pub(super) fn new(
        mut response: reqwest::Response,
        has_body: bool,
        clock: &Arc<dyn Clock>,
        ends: Option<Time>,
        between_bytes: Duration,
    ) -> Self {
        let status = response.status();
        let gunzip = has_body.then(|| Gunzip::of(status, response.headers_mut()));
        Self {
            response,
            gunzip: gunzip.flatten(),
            clock: Arc::clone(clock),
            ends,
            between_bytes,
            seen: Vec::new(),
            end: None,
        }
    }

    /// Returns the next piece of the body, decoded; `None` at its end.
    async fn piece(&mut self) -> Result<Option<Piece<impl AsRef<[u8]> + use<>>>, Failure> {
        match self.end.take() {
            Some(Ok(())) => {
                self.end = Some(Ok(()));
                return Ok(None);
            }
            Some(Err(failure)) => return Err(failure),
            None => {}
        }
        loop {
            // Decode what has arrived.
            let decoded = self.gunzip.as_mut().map(Gunzip::piece).transpose();
            match decoded.map_err(transport::undecodable)?.flatten() {
                Some(end) if end.is_empty() => {
                    self.end = Some(Ok(()));
                    return Ok(None);
                }
                Some(decoded) => return Ok(Some(Piece::Decoded(decoded))),
                None => {}
            }
            // Read more.
            let left = self
                .ends
                .map(|ends| ends.saturating_since(self.clock.now()));
            let most = self.between_bytes;
            let next = self.response.chunk();
            let came = within(most, TimeoutPhase::BetweenBytes, left, next).await?;
            let raw = came.map_err(transport::body_failure)?;
            match (&mut self.gunzip, raw) {
                (Some(gunzip), raw) => gunzip.give(raw),
                (None, Some(raw)) => return Ok(Some(Piece::Raw(raw))),
                (None, None) => {
                    self.end = Some(Ok(()));
                    return Ok(None);
                }
            }
        }
    }

    /// Reads to the end or beyond the limit, for at most `patience`.
    async fn fill(&mut self, patience: Duration, limit: u64) -> Result<Filled, Failure> {
        let whole = async {
            loop {
                if self.seen.len() as u64 > limit {
                    return Ok(Filled::TooLong);
                }
                match self.piece().await? {
                    Some(piece) => keep(&mut self.seen, piece.as_ref(), limit),
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

    /// Keeps the error of a broken body for the caller's own reads. A timeout of `fill` is not kept: the
    /// caller may continue to read.
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
