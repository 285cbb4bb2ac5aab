//! The one error: what went wrong, where, with which value, and what to do about it.

use std::fmt;
use std::time::Duration;

use http::StatusCode;

use crate::headers::InvalidHeader;
use crate::limiter::{Denial, FleetUnavailable};
use crate::reply::Reply;

/// A `Result` with this crate's [`enum@Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Everything that can go wrong.
///
/// Answers from 2xx to 5xx are no errors but [`Response`](crate::Response)s;
/// [`error_for_status`](crate::Response::error_for_status) turns those of 400 and above into
/// [`Error::Status`]. Neither `Display` nor `Debug` shows a body, a query string or a credential.
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
    /// No configuration of that name is registered.
    #[error("no API is registered as {name:?}{} {known}; add one by API_RATE_CONFIGS.insert", Suggestion(.nearest))]
    #[non_exhaustive]
    UnknownApi {
        /// The name that was asked for.
        name: Box<str>,
        /// The names that are registered, separated by commas.
        known: Box<str>,
        /// The registered name that looks most like it.
        nearest: Option<Box<str>>,
    },

    /// A setting that can't be used, found when a client, a limiter or a registry entry was built.
    #[error("configuration {entry:?}, {field}: {problem}")]
    #[non_exhaustive]
    InvalidConfig {
        /// The name of the configuration.
        entry: Box<str>,
        /// The field or setting.
        field: Box<str>,
        /// The value that was given and the rule that it breaks.
        problem: Box<str>,
    },

    /// A request that can't be sent as it was put together. Nothing was sent, no permit was taken.
    #[error("invalid request, {part}: {problem}")]
    #[non_exhaustive]
    InvalidRequest {
        /// What of the request: path, header, body …
        part: Box<str>,
        /// What is wrong with it and what to do.
        problem: Box<str>,
    },

    /// No complete answer came: the connection failed, broke, or took too long.
    #[error("{request}: {kind}")]
    #[non_exhaustive]
    Transport {
        /// Method and URL without its query.
        request: Box<str>,
        /// What happened.
        kind: TransportKind,
        /// The transport's own error.
        source: Option<Box<dyn std::error::Error + Send + Sync>>,
    },

    /// An answer of 400 or above, turned into an error by
    /// [`error_for_status`](crate::Response::error_for_status).
    #[error("{request}: status {}", .reply.status())]
    #[non_exhaustive]
    Status {
        /// Method and URL without its query.
        request: Box<str>,
        /// The answer.
        reply: Box<Reply>,
    },

    /// The server refused the request more often than `max_retries_on_backoff` allows.
    #[error("{request}: still refused after {attempts} attempts ({}), waited {waited:.1?} in all; raise max_retries_on_backoff, or ask for less", .reply.status())]
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

    /// The pause that the server asked for is longer than `max_cooldown`; nothing was slept or sent.
    #[error(
        "the API asks for a pause of {wait:.1?}, longer than max_cooldown allows; try again after it, or raise max_cooldown"
    )]
    #[non_exhaustive]
    CooldownTooLong {
        /// What is left of the pause.
        wait: Duration,
        /// The refusal of this very call that began the pause, if it was this call's.
        reply: Option<Box<Reply>>,
    },

    /// A permit would come after the caller's deadline; nothing was slept or sent.
    #[error("a permit would take {needed:.1?}, longer than the deadline allows")]
    #[non_exhaustive]
    DeadlineTooShort {
        /// How long the permit would take at the current rate, at least.
        needed: Duration,
        /// The last refusal of this very call, if it had been sent before.
        reply: Option<Box<Reply>>,
    },

    /// Requests fail, and the circuit breaker is open: calls are not to wait for it (`fail_fast`), or it
    /// has been open for longer than `max_cooldown`. Nothing was slept or sent.
    #[error("requests fail, the circuit breaker is open; the next trial goes in {wait:.1?}")]
    #[non_exhaustive]
    CircuitOpen {
        /// Time to the next trial, or until the one that is under way counts as lost.
        wait: Duration,
        /// The last refusal of this very call, if it had been sent before.
        reply: Option<Box<Reply>>,
    },

    /// The fleet that shares the limit can't be asked, and callers are not to go on without it; or it has
    /// other settings than this worker. Nothing was slept or sent.
    #[error("the fleet grants nothing: {problem}")]
    #[non_exhaustive]
    Fleet {
        /// What is wrong and what to do.
        problem: Box<str>,
        /// Whether that is the store's state of the moment, which may be better later.
        may_pass: bool,
    },

    /// The limiter was closed: it grants nothing any more.
    #[error("the client was closed")]
    Closed,

    /// A body that was to be read whole is longer than `max_body`.
    #[error(
        "{request}: the body exceeds {limit} bytes; raise max_body, or read it by into_reader()"
    )]
    #[non_exhaustive]
    BodyTooLarge {
        /// Method and URL without its query.
        request: Box<str>,
        /// The bound, in decoded bytes.
        limit: u64,
    },

    /// A body that is not what the caller expected.
    #[error("{request}: the body of {bytes} bytes is not as expected: {problem}")]
    #[non_exhaustive]
    Decode {
        /// Method and URL without its query.
        request: Box<str>,
        /// Length of the body.
        bytes: u64,
        /// What was expected and where, without the body's contents.
        problem: Box<str>,
    },

    /// An answer that is no page of the expected kind, or that does not lead on although it says that
    /// more pages follow. The position of the iterator is where this page starts.
    #[error("{request}, page {page}: {problem}")]
    #[non_exhaustive]
    Pagination {
        /// Method and URL without its query.
        request: Box<str>,
        /// The how-many-th page of the walk, from 1.
        page: u64,
        /// What is wrong with it, without the body's contents.
        problem: Box<str>,
    },
}

/// How a request failed below HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum TransportKind {
    /// The host name could not be resolved.
    Resolve,
    /// No connection could be made.
    Connect,
    /// TLS could not be set up: certificate, protocol, or no TLS feature.
    Tls,
    /// Something took longer than its timeout.
    Timeout(TimeoutPhase),
    /// The connection was closed or reset.
    Closed,
    /// The answer is not HTTP, its head is too large, or its body is not compressed as the head says.
    Protocol,
    /// More than ten redirects, one after the other.
    TooManyRedirects,
    /// A redirect to something that is not http(s), or from https to http.
    RedirectRefused,
    /// Anything else; see `source()`.
    Other,
}

/// Which timeout ran out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum TimeoutPhase {
    /// Name resolution, connecting and the TLS handshake.
    Connect,
    /// Sending the request.
    Send,
    /// The answer's head.
    FirstByte,
    /// The pause between two bytes.
    BetweenBytes,
    /// A body that was to be read whole.
    Body,
    /// The whole attempt: `timeout` or `deadline` of the request, or a timeout of a transport that the user
    /// brought.
    Attempt,
}

impl From<InvalidHeader> for Error {
    fn from(header: InvalidHeader) -> Self {
        Self::InvalidRequest {
            part: header.part,
            problem: header.problem,
        }
    }
}

impl From<Denial> for Error {
    fn from(denial: Denial) -> Self {
        match denial {
            Denial::Cooldown(wait) => Self::CooldownTooLong { wait, reply: None },
            Denial::CircuitOpen(wait) => Self::CircuitOpen { wait, reply: None },
            Denial::Fleet(reason) => Self::Fleet {
                problem: match reason {
                    FleetUnavailable::Unreachable => {
                        "its store can't be reached; try again later, or go on alone by OnOutage::GoOn"
                    }
                    FleetUnavailable::OtherSettings => {
                        "workers with other settings share this key; give each limit a key of its own, or all workers the same configuration"
                    }
                }
                .into(),
                may_pass: reason == FleetUnavailable::Unreachable,
            },
        }
    }
}

impl Error {
    /// The status of the answer that this error holds.
    #[must_use]
    pub fn status(&self) -> Option<StatusCode> {
        self.reply().map(Reply::status)
    }

    /// How long to wait before it makes sense to try again, counted from the error, where that is
    /// known: what is left of a pause, or what the last answer's `Retry-After` asked for.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::CooldownTooLong { wait, .. } => Some(*wait),
            Self::CircuitOpen { wait, .. } => Some(*wait),
            Self::DeadlineTooShort { needed, .. } => Some(*needed),
            _ => self.reply().and_then(Reply::retry_after),
        }
    }

    /// The answer that this error holds.
    #[must_use]
    pub fn reply(&self) -> Option<&Reply> {
        match self {
            Self::Status { reply, .. } | Self::BackoffExhausted { reply, .. } => Some(reply),
            Self::CooldownTooLong { reply, .. }
            | Self::DeadlineTooShort { reply, .. }
            | Self::CircuitOpen { reply, .. } => reply.as_deref(),
            _ => None,
        }
    }

    /// Whether a timeout of the transport or of the request ran out.
    #[must_use]
    pub fn is_timeout(&self) -> bool {
        matches!(
            self,
            Self::Transport {
                kind: TransportKind::Timeout(_),
                ..
            }
        )
    }

    /// Whether the same request may well succeed later: refusals, pauses, deadlines, broken
    /// connections, timeouts, and the statuses 408, 425, 429, 500, 502, 503, 504 and 529.
    ///
    /// Later, and not at once: a [`BackoffExhausted`](Self::BackoffExhausted) has been tried often
    /// enough, and a [`CooldownTooLong`](Self::CooldownTooLong) says how long it takes. Put such a
    /// request aside for [`retry_after`](Self::retry_after), or for the next run.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::BackoffExhausted { .. }
            | Self::CooldownTooLong { .. }
            | Self::CircuitOpen { .. }
            | Self::DeadlineTooShort { .. }
            | Self::Fleet { may_pass: true, .. } => true,
            Self::Status { reply, .. } => {
                matches!(
                    reply.status().as_u16(),
                    408 | 425 | 429 | 500 | 502 | 503 | 504 | 529
                )
            }
            Self::Transport { kind, .. } => matches!(
                kind,
                TransportKind::Resolve
                    | TransportKind::Connect
                    | TransportKind::Timeout(_)
                    | TransportKind::Closed
            ),
            _ => false,
        }
    }

    /// The variant's name, for counting.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::UnknownApi { .. } => "UnknownApi",
            Self::InvalidConfig { .. } => "InvalidConfig",
            Self::InvalidRequest { .. } => "InvalidRequest",
            Self::Transport { .. } => "Transport",
            Self::Status { .. } => "Status",
            Self::BackoffExhausted { .. } => "BackoffExhausted",
            Self::CooldownTooLong { .. } => "CooldownTooLong",
            Self::DeadlineTooShort { .. } => "DeadlineTooShort",
            Self::CircuitOpen { .. } => "CircuitOpen",
            Self::Fleet { .. } => "Fleet",
            Self::Closed => "Closed",
            Self::BodyTooLarge { .. } => "BodyTooLarge",
            Self::Decode { .. } => "Decode",
            Self::Pagination { .. } => "Pagination",
        }
    }

    pub fn config(entry: &str, field: &str, problem: impl fmt::Display) -> Self {
        Self::InvalidConfig {
            entry: entry.into(),
            field: field.into(),
            problem: problem.to_string().into(),
        }
    }

    /// A header that can't be sent, set in a configuration.
    pub fn header_of(entry: &str, header: InvalidHeader) -> Self {
        Self::config(entry, &header.part, header.problem)
    }

    pub fn request(part: impl fmt::Display, problem: impl fmt::Display) -> Self {
        Self::InvalidRequest {
            part: part.to_string().into(),
            problem: problem.to_string().into(),
        }
    }

    /// What a function of the caller's came back with; an error of ours (a login that has to wait, say)
    /// stays what it is.
    pub fn of_caller(
        part: &str,
        problem: &str,
        error: Box<dyn std::error::Error + Send + Sync>,
    ) -> Self {
        match error.downcast::<Self>() {
            Ok(own) => *own,
            Err(other) => Self::request(part, format_args!("{problem}: {other}")),
        }
    }

    /// A store that can't be reached.
    pub fn fleet(problem: impl Into<Box<str>>) -> Self {
        Self::Fleet {
            problem: problem.into(),
            may_pass: true,
        }
    }

    pub fn deadline(needed: Duration) -> Self {
        Self::DeadlineTooShort {
            needed,
            reply: None,
        }
    }

    /// Returns the error of a response with an error status, 400 or above.
    #[must_use]
    pub fn of_status(request: Box<str>, reply: Reply) -> Self {
        Self::Status {
            request,
            reply: Box::new(reply),
        }
    }

    /// Returns the error of a body that is longer than `limit` bytes.
    #[must_use]
    pub fn body_too_large(request: Box<str>, limit: u64) -> Self {
        Self::BodyTooLarge { request, limit }
    }

    /// Returns the error of a connection that failed.
    #[must_use]
    pub fn transport(
        request: Box<str>,
        kind: TransportKind,
        source: Option<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self::Transport {
            request,
            kind,
            source,
        }
    }

    /// Returns the error of a name that is not among the `known` names; it suggests the `nearest`.
    #[must_use]
    pub fn unknown_api(name: &str, known: &[String], nearest: Option<&str>) -> Self {
        Self::UnknownApi {
            name: name.into(),
            nearest: nearest.map(Into::into),
            known: known.join(", ").into(),
        }
    }

    /// The same error with the refusal that led to it.
    pub(crate) fn after(self, refusal: Option<Box<Reply>>) -> Self {
        match self {
            Self::CooldownTooLong { wait, .. } => Self::CooldownTooLong {
                wait,
                reply: refusal,
            },
            Self::CircuitOpen { wait, .. } => Self::CircuitOpen {
                wait,
                reply: refusal,
            },
            Self::DeadlineTooShort { needed, .. } => Self::DeadlineTooShort {
                needed,
                reply: refusal,
            },
            other => other,
        }
    }

    /// A text as JSON that does not parse into the wanted type, told without its contents.
    pub fn decode(request: &str, bytes: usize, error: &serde_json::Error) -> Self {
        Self::Decode {
            request: request.into(),
            bytes: bytes as u64,
            problem: without_contents(error).into(),
        }
    }
}

/// serde_json's messages quote what stands in the body. Kept is what comes from the caller's type.
fn without_contents(error: &serde_json::Error) -> String {
    let message = error.to_string();
    let message = message
        .rsplit_once(" at line ")
        .map_or(message.as_str(), |(message, _)| message);
    let (line, column) = (error.line(), error.column());
    if error.is_data() {
        if message.starts_with("missing field") {
            return format!("{message} at line {line} column {column}");
        }
        // Only these two end with words of the caller's type; others end with the body's.
        let of_type = ["invalid type: ", "invalid value: "]
            .iter()
            .any(|start| message.starts_with(start));
        if let Some((_, expected)) = message.rsplit_once(", expected ").filter(|_| of_type) {
            return format!("expected {expected} at line {line} column {column}");
        }
        return format!("another shape at line {line} column {column}");
    }
    let what = if error.is_eof() {
        "JSON that breaks off"
    } else {
        "no valid JSON"
    };
    format!("{what} at line {line} column {column}")
}

impl fmt::Display for TransportKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Resolve => "the host name could not be resolved",
            Self::Connect => {
                "no connection could be made to the host, or to the proxy that the environment names"
            }
            Self::Tls => "TLS could not be set up; see the error's source, and `roots` and `tls` of the builder",
            Self::Timeout(phase) => return write!(f, "timed out {phase}"),
            Self::Closed => "the connection was closed or reset before the answer was complete",
            Self::Protocol => "the answer is not valid HTTP, its head is too large, or its body is not compressed as the head says",
            Self::TooManyRedirects => "more than 10 redirects",
            Self::RedirectRefused => "redirected to an address that is not http(s), or from https to http",
            Self::Other => "the request failed; see the error's source",
        })
    }
}

impl fmt::Display for TimeoutPhase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Connect => "while connecting",
            Self::Send => "while sending the request",
            Self::FirstByte => "while waiting for the answer's head",
            Self::BetweenBytes => "between two bytes",
            Self::Body => "while reading the body",
            Self::Attempt => "at the timeout or deadline of the whole attempt",
        })
    }
}

/// `, did you mean …?`, if there is a name that looks like it, and what comes before the names that are known.
struct Suggestion<'a>(&'a Option<Box<str>>);

impl fmt::Display for Suggestion<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(name) => write!(f, ", did you mean {name:?}? Known are"),
            None => f.write_str("; known are"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_small_enough_to_be_returned_from_everything() {
        assert!(size_of::<Error>() <= 64, "{} bytes", size_of::<Error>());
    }

    #[test]
    fn a_decoding_error_tells_the_place_and_not_the_contents() {
        #[derive(Debug, serde::Deserialize)]
        #[allow(dead_code)]
        struct Wanted {
            count: u32,
        }
        for (body, expected) in [
            (
                r#"{"count": "hunter2"}"#,
                "expected u32 at line 1 column 19",
            ),
            (
                r#"{"other": "hunter2"}"#,
                "missing field `count` at line 1 column 20",
            ),
            (
                r#"{"count": "hunter2"#,
                "JSON that breaks off at line 1 column 18",
            ),
            ("hunter2", "no valid JSON at line 1 column 1"),
        ] {
            let error = serde_json::from_str::<Wanted>(body).expect_err("it is broken");
            let error = Error::decode("GET https://example.com/", body.len(), &error);
            let shown = format!("{error} {error:?}");
            assert!(shown.contains(expected), "{shown}");
            assert!(!shown.contains("hunter2"), "{shown}");
        }
    }

    #[test]
    fn what_may_succeed_later_is_transient() {
        assert!(Error::from(Denial::Cooldown(Duration::from_secs(9))).is_transient());
        assert_eq!(
            Error::from(Denial::Cooldown(Duration::from_secs(9))).retry_after(),
            Some(Duration::from_secs(9))
        );
        assert!(!Error::request("path", "is empty").is_transient());
    }
}
