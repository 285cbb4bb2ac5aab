//! An answer: its head, and the body that is still to be read.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, StatusCode};
use serde::de::DeserializeOwned;

use super::drive::Answer;
use super::transport::{self, within};
use crate::client::settings::ClientSettings;
use crate::client::transport::DRAIN_FOR;
use crate::clock::Clock;
use api_ratelimiter_core::Time;
use api_ratelimiter_core::attempt::{Attempt, Failure};
use api_ratelimiter_core::error::{Effort, Error, Result, TimeoutPhase, TransportKind};
use api_ratelimiter_core::reply::{HeaderNames, Reply};

/// An answer of any status from 2xx to 5xx, its body not yet read.
///
/// What reads the body to its end ([`bytes`](Self::bytes), [`text`](Self::text), [`json`](Self::json))
/// gives the connection back for the next request. Dropped before its end has come, also by dropping one
/// of those futures, a response closes its connection.
pub struct AsyncResponse {
    answer: Fresh,
    request: Box<str>,
    settings: Arc<ClientSettings>,
    attempts: u32,
    waited: Duration,
}

/// An answer inside the loop, before it is known whose it is.
pub(super) struct Fresh {
    pub(super) answer: reqwest::Response,
    pub(super) clock: Arc<dyn Clock>,
    /// When the request's own `timeout` or `deadline` ends it.
    pub(super) ends: Option<Time>,
    pub(super) between_bytes: Duration,
    /// What was read and is not yet the caller's.
    pub(super) seen: Vec<u8>,
    /// How the body ended, once it has.
    pub(super) end: Option<Result<(), Failure>>,
}

/// How the reading of a body ended.
enum End {
    Complete,
    TooLong,
}

impl AsyncResponse {
    /// The status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.answer.status()
    }

    /// The headers.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        self.answer.headers()
    }

    /// The first header of that name, if it is there and is text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers().get(name)?.to_str().ok()
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
    pub async fn error_for_status(mut self) -> Result<Self> {
        if self.status().as_u16() < 400 {
            return Ok(self);
        }
        let patience = self.settings.timeouts.body;
        let reply = self.answer.reply(patience).await;
        let effort = self.effort();
        Err(Error::of_status(self.request, reply).with_effort(effort))
    }

    /// The body as text; what is no UTF-8 is replaced by U+FFFD.
    ///
    /// # Errors
    ///
    /// [`Error::BodyTooLarge`] beyond `max_body`; [`Error::Transport`] if it breaks off or takes longer
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
    /// [`Error::Decode`] if it is none or has another shape, without its contents; and as for
    /// [`text`](Self::text).
    pub async fn json<T: DeserializeOwned>(self) -> Result<T> {
        let (request, effort) = (self.request.clone(), self.effort());
        let bytes = self.bytes().await?;
        serde_json::from_slice(&bytes)
            .map_err(|error| Error::decode(&request, bytes.len(), &error).with_effort(effort))
    }

    /// The body as bytes, decoded.
    ///
    /// # Errors
    ///
    /// As for [`text`](Self::text).
    pub async fn bytes(mut self) -> Result<Vec<u8>> {
        let limit = self.settings.max_body;
        let patience = self.settings.timeouts.body;
        let effort = self.effort();
        let error = match self.answer.fill(patience, limit).await {
            Ok(End::Complete) => return Ok(self.answer.seen),
            Ok(End::TooLong) => Error::body_too_large(self.request, limit),
            Err(failure) => failed(self.request, failure),
        };
        Err(error.with_effort(effort))
    }

    /// The next piece of the body, decoded; `None` at its end. Without a bound on its length or on the
    /// time it takes in all; only the silence between two pieces is bounded, and the request's own
    /// `timeout` and `deadline` hold. Dropping the future loses nothing: the piece comes with the next.
    ///
    /// # Errors
    ///
    /// [`Error::Transport`] if the body breaks off or takes longer than the timeouts allow.
    pub async fn chunk(&mut self) -> Result<Option<Vec<u8>>> {
        if !self.answer.seen.is_empty() {
            return Ok(Some(std::mem::take(&mut self.answer.seen)));
        }
        match self.answer.chunk().await {
            Ok(chunk) => Ok(chunk.map(|chunk| chunk.as_ref().to_vec())),
            Err(failure) => Err(failed(self.request.clone(), failure).with_effort(self.effort())),
        }
    }
}

fn failed(request: Box<str>, failure: Failure) -> Error {
    let Failure { kind, source } = failure;
    Error::transport(request, kind, source)
}

impl Fresh {
    pub(super) fn delivered(
        self,
        attempt: &Attempt,
        settings: &Arc<ClientSettings>,
    ) -> AsyncResponse {
        AsyncResponse {
            answer: self,
            request: attempt.parts().label(),
            settings: Arc::clone(settings),
            attempts: attempt.sent(),
            waited: attempt.waited(),
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
        let next = self.answer.chunk();
        let came = within(most, TimeoutPhase::BetweenBytes, left, next).await?;
        let chunk = came.map_err(transport::body_failure)?;
        if chunk.is_none() {
            self.end = Some(Ok(()));
        }
        Ok(chunk)
    }

    /// Reads to the end or beyond the limit, for no longer than `patience`.
    async fn fill(&mut self, patience: Duration, limit: u64) -> Result<End, Failure> {
        let whole = async {
            loop {
                if self.seen.len() as u64 > limit {
                    return Ok(End::TooLong);
                }
                match self.chunk().await? {
                    Some(chunk) => self.seen.extend_from_slice(chunk.as_ref()),
                    None => return Ok(End::Complete),
                }
            }
        };
        within(patience, TimeoutPhase::Body, None, whole).await?
    }

    /// Keeps the beginning of the body, reading for at most `patience`.
    async fn reply(&mut self, patience: Duration) -> Reply {
        let end = self.fill(patience, Reply::MOST_BODY as u64).await;
        let truncated = !matches!(end, Ok(End::Complete));
        self.keep(end);
        let (status, headers) = (self.answer.status(), self.answer.headers().clone());
        let unix_now = self.clock.unix_now();
        Reply::new(status, headers, self.seen.clone(), truncated, unix_now)
    }

    /// A body that broke off does so again when the caller reads; that time ran out here is no such end.
    fn keep(&mut self, end: Result<End, Failure>) {
        if let Err(failure) = end {
            if !matches!(failure.kind, TransportKind::Timeout(TimeoutPhase::Body)) {
                self.end = Some(Err(failure));
            }
        }
    }
}

impl Answer for Fresh {
    fn status(&self) -> StatusCode {
        self.answer.status()
    }

    fn headers(&self) -> &HeaderMap {
        self.answer.headers()
    }

    async fn peek(&mut self) -> Vec<u8> {
        let end = self.fill(DRAIN_FOR, Reply::MOST_BODY as u64).await;
        self.keep(end);
        self.seen.clone()
    }

    async fn drain(&mut self) -> Reply {
        self.reply(DRAIN_FOR).await
    }
}

impl fmt::Debug for AsyncResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsyncResponse")
            .field("request", &self.request)
            .field("status", &self.status())
            .field("headers", &HeaderNames(self.headers()))
            .field("attempts", &self.attempts)
            .field("waited", &self.waited)
            .finish_non_exhaustive()
    }
}
