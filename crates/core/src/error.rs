//! The one error type of core and library: what failed, where, with which value, and what to do.

use std::fmt;
use std::time::{Duration, SystemTime};

use crate::reply::Reply;

mod effort;
mod make;
mod mismatch;
mod transport;
mod view;

pub use effort::Effort;
pub use transport::{TimeoutPhase, TransportKind};

/// A `Result` whose error is [`enum@Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An error of a configuration, a limiter or a call.
///
/// Responses from 2xx to 5xx are not errors: a client returns them as values, and `error_for_status` turns
/// those of 400 and above into [`Error::Status`]. Neither `Display` nor `Debug` shows a body, a query
/// string or a credential.
///
/// ```
/// use api_ratelimiter_core::{ApiRateConfig, Error};
///
/// let error = ApiRateConfig { max_rate: -1.0, ..Default::default() }.validate().unwrap_err();
/// assert!(matches!(error, Error::InvalidConfig { .. }));
/// assert!(error.to_string().contains("max_rate: -1"));
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No configuration with that name is registered.
    #[error("no API is registered as {name:?}{} {known}; add one by API_RATE_CONFIGS.insert", Suggestion(.nearest))]
    #[non_exhaustive]
    UnknownApi {
        /// The unknown name.
        name: Box<str>,
        /// The registered names, separated by commas.
        known: Box<str>,
        /// The registered name that is most similar.
        nearest: Option<Box<str>>,
    },

    /// A setting is invalid. Returned when a client, a limiter or a registry entry is built.
    #[error("configuration {entry:?}, {field}: {problem}")]
    #[non_exhaustive]
    InvalidConfig {
        /// The name of the configuration.
        entry: Box<str>,
        /// The field or setting.
        field: Box<str>,
        /// The value and the rule that it breaks.
        problem: Box<str>,
    },

    /// A request is invalid and was not sent, or a function of the caller that the call needs failed.
    #[error("invalid request, {part}: {problem}")]
    #[non_exhaustive]
    InvalidRequest {
        /// The part of the request: path, header, body …
        part: Box<str>,
        /// Problem and remedy.
        problem: Box<str>,
        /// Requests that the call sent, and how long it waited.
        effort: Effort,
    },

    /// No complete response arrived: the connection failed, broke off, or took too long.
    #[error("{request}: {kind}")]
    #[non_exhaustive]
    Transport {
        /// Method and URL without its query.
        request: Box<str>,
        /// Kind of the failure.
        kind: TransportKind,
        /// The transport's own error.
        source: Option<Box<dyn std::error::Error + Send + Sync>>,
        /// Requests that the call sent, and how long it waited.
        effort: Effort,
    },

    /// The response has a status of 400 or above, and `error_for_status` made an error of it.
    #[error("{request}: status {}", .reply.status())]
    #[non_exhaustive]
    Status {
        /// Method and URL without its query.
        request: Box<str>,
        /// The response.
        reply: Box<Reply>,
        /// Requests that the call sent, and how long it waited.
        effort: Effort,
    },

    /// The server refused the request more often than `max_retries_on_backoff` allows.
    #[error("{request}: still refused after {attempts} attempts ({}), waited {waited:.1?} in all; raise max_retries_on_backoff, or send fewer requests", .reply.status())]
    #[non_exhaustive]
    BackoffExhausted {
        /// Method and URL without its query.
        request: Box<str>,
        /// Requests that were sent.
        attempts: u32,
        /// Time spent waiting for permits.
        waited: Duration,
        /// The last refusal.
        reply: Box<Reply>,
    },

    /// A quota is used up that no pause cures: that of a day, of a plan, or of money. The request was not sent
    /// again, and the client did not slow down.
    ///
    /// While the time until `until` is longer than `max_cooldown`, other calls get
    /// [`CooldownTooLong`](Self::CooldownTooLong) without sending. Without `until` each call sends its request: stop
    /// the job, because only the owner of the account can end this.
    #[error("the quota is used up: the API refuses by {reason:?} ({}){}", .reply.status(), Renewal(.reply.retry_after()))]
    #[non_exhaustive]
    QuotaExhausted {
        /// The vendor's word for the refusal, such as `insufficient_quota`; one of those that the client knows or
        /// that the configuration names.
        reason: Box<str>,
        /// Time at which the quota renews, if the server says so.
        until: Option<SystemTime>,
        /// The refusal.
        reply: Box<Reply>,
        /// Requests that the call sent, and how long it waited.
        effort: Effort,
    },

    /// The server asked for a pause longer than `max_cooldown`. The call neither waited nor sent the request.
    #[error(
        "the API asks for a pause of {wait:.1?}, longer than max_cooldown allows; try again after it, or raise max_cooldown"
    )]
    #[non_exhaustive]
    CooldownTooLong {
        /// The rest of the pause.
        wait: Duration,
        /// The refusal of this call that began the pause; `None` if another call's did.
        reply: Option<Box<Reply>>,
        /// Requests that the call sent, and how long it waited.
        effort: Effort,
    },

    /// A permit would come after the caller's deadline. The call neither waited nor sent the request.
    #[error("a permit would take {needed:.1?}, longer than the deadline allows")]
    #[non_exhaustive]
    DeadlineTooShort {
        /// The shortest time until the permit at the current rate.
        needed: Duration,
        /// The last refusal of this call, if it had been sent before.
        reply: Option<Box<Reply>>,
        /// Requests that the call sent, and how long it waited.
        effort: Effort,
    },

    /// Requests fail and the circuit breaker is open, and calls do not wait for it (`fail_fast`), or it has
    /// been open for longer than `max_cooldown`. The call neither waited nor sent the request.
    #[error("requests fail, the circuit breaker is open; the next trial goes in {wait:.1?}")]
    #[non_exhaustive]
    CircuitOpen {
        /// Time until the next trial, or until the trial in progress counts as lost.
        wait: Duration,
        /// The last refusal of this call, if it had been sent before.
        reply: Option<Box<Reply>>,
        /// Requests that the call sent, and how long it waited.
        effort: Effort,
    },

    /// The store of the fleet is unreachable and the outage policy stops callers, or the fleet has other
    /// settings than this worker. The call neither waited nor sent the request.
    #[error("the fleet grants nothing: {problem}")]
    #[non_exhaustive]
    Fleet {
        /// Problem and remedy.
        problem: Box<str>,
        /// Whether the same call may succeed later, because the store may be reachable again.
        may_pass: bool,
        /// Requests that the call sent, and how long it waited.
        effort: Effort,
    },

    /// The client or its limiter was closed and grants no more permits.
    #[error("the client was closed")]
    #[non_exhaustive]
    Closed {
        /// Requests that the call sent, and how long it waited.
        effort: Effort,
    },

    /// The body is longer than `max_body`.
    #[error(
        "{request}: the body exceeds {limit} bytes; raise max_body, or read it by into_reader()"
    )]
    #[non_exhaustive]
    BodyTooLarge {
        /// Method and URL without its query.
        request: Box<str>,
        /// The longest allowed body, in decoded bytes.
        limit: u64,
        /// Requests that the call sent, and how long it waited.
        effort: Effort,
    },

    /// The body is not JSON of the type that the caller asked for.
    #[error("{request}: the body of {bytes} bytes is not as expected: {problem}")]
    #[non_exhaustive]
    Decode {
        /// Method and URL without its query.
        request: Box<str>,
        /// Length of the body.
        bytes: u64,
        /// The expected type and the position, without the body's contents.
        problem: Box<str>,
        /// Requests that the call sent, and how long it waited.
        effort: Effort,
    },

    /// The response is not a page of the configured kind, or says that more pages follow but not where. The
    /// position of the iterator is the start of this page.
    #[error("{request}, page {page}: {problem}")]
    #[non_exhaustive]
    Pagination {
        /// Method and URL without its query.
        request: Box<str>,
        /// The number of the page in this walk, from 1.
        page: u64,
        /// Problem, without the body's contents.
        problem: Box<str>,
        /// Requests that the call sent, and how long it waited.
        effort: Effort,
    },
}

/// Shows `, did you mean …?` if a registered name is similar, and what comes before the registered names.
struct Suggestion<'a>(&'a Option<Box<str>>);

impl fmt::Display for Suggestion<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(name) => write!(f, ", did you mean {name:?}? Known are"),
            None => f.write_str("; known are"),
        }
    }
}

/// Shows when a quota renews, or the remedy.
struct Renewal(Option<Duration>);

impl fmt::Display for Renewal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(wait) => write!(f, "; it renews in {wait:.0?}"),
            None => f.write_str("; waiting does not help: see the plan, the billing or the day's quota of the account"),
        }
    }
}

#[cfg(test)]
mod tests;
