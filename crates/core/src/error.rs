//! The one error type of core and library: what failed, where, with which value, and what to do.

use std::fmt;
use std::time::Duration;

use http::StatusCode;

use crate::headers::InvalidHeader;
use crate::limiter::{Denial, FleetUnavailable};
use crate::reply::Reply;

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
        /// What is wrong, and what to do.
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
        /// What happened.
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
        /// What is wrong and what to do.
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
        /// What is wrong, without the body's contents.
        problem: Box<str>,
        /// Requests that the call sent, and how long it waited.
        effort: Effort,
    },
}

/// What a call had done when it failed: requests sent, and time spent waiting for permits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Effort {
    attempts: u32,
    /// In nanoseconds, so that an [`enum@Error`] stays small.
    waited: u64,
}

impl Effort {
    /// Returns the effort of a call that sent `attempts` requests and waited for permits for `waited`.
    #[must_use]
    pub fn new(attempts: u32, waited: Duration) -> Self {
        let waited = u64::try_from(waited.as_nanos()).unwrap_or(u64::MAX);
        Self { attempts, waited }
    }

    /// Returns the effort of both together.
    #[must_use]
    pub(crate) fn plus(self, other: Self) -> Self {
        Self {
            attempts: self.attempts.saturating_add(other.attempts),
            waited: self.waited.saturating_add(other.waited),
        }
    }

    /// Requests that were sent.
    #[must_use]
    pub fn attempts(self) -> u32 {
        self.attempts
    }

    /// Time spent waiting for permits.
    #[must_use]
    pub fn waited(self) -> Duration {
        Duration::from_nanos(self.waited)
    }
}

/// The way in which a request failed below HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum TransportKind {
    /// The host name could not be resolved.
    Resolve,
    /// No connection could be opened.
    Connect,
    /// TLS could not be set up: certificate, protocol, or no TLS feature.
    Tls,
    /// A timeout ran out.
    Timeout(TimeoutPhase),
    /// The connection was closed or reset.
    Closed,
    /// The response is not HTTP, its head is too large, or its body is not compressed as the head says.
    Protocol,
    /// The call followed ten redirects and got another one.
    TooManyRedirects,
    /// The response redirects to a URL that is not http(s), or from https to http.
    RedirectRefused,
    /// Another failure; see `source()`.
    Other,
}

/// The timeout that ran out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum TimeoutPhase {
    /// Name resolution, connecting and the TLS handshake.
    Connect,
    /// Sending the request.
    Send,
    /// Waiting for the response's head.
    FirstByte,
    /// The pause between two bytes.
    BetweenBytes,
    /// Reading a whole body.
    Body,
    /// The whole attempt: `timeout` or `deadline` of the request, or a timeout of the user's own transport.
    Attempt,
}

impl From<InvalidHeader> for Error {
    fn from(header: InvalidHeader) -> Self {
        Self::InvalidRequest {
            part: header.part,
            problem: header.problem,
            effort: Effort::default(),
        }
    }
}

impl From<Denial> for Error {
    fn from(denial: Denial) -> Self {
        match denial {
            Denial::Cooldown(wait) => Self::CooldownTooLong {
                wait,
                reply: None,
                effort: Effort::default(),
            },
            Denial::CircuitOpen(wait) => Self::CircuitOpen {
                wait,
                reply: None,
                effort: Effort::default(),
            },
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
                effort: Effort::default(),
            },
        }
    }
}

impl Error {
    /// Returns the status of the response that this error keeps.
    #[must_use]
    pub fn status(&self) -> Option<StatusCode> {
        self.reply().map(Reply::status)
    }

    /// Returns how long to wait before another try makes sense, if that is known: the rest of a pause, or the
    /// wait of the last response as the client's own dialect read it. It is the pause that the limiter was
    /// told of.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::CooldownTooLong { wait, .. } => Some(*wait),
            Self::CircuitOpen { wait, .. } => Some(*wait),
            Self::DeadlineTooShort { needed, .. } => Some(*needed),
            _ => self.reply().and_then(Reply::retry_after),
        }
    }

    /// Returns the response that this error keeps.
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

    /// Requests that the failed call had sent, refused ones and redirects included. 0 if it sent none,
    /// and for an error that no call returned.
    ///
    /// ```
    /// use api_ratelimiter_core::Error;
    ///
    /// assert_eq!(Error::closed().attempts(), 0);
    /// ```
    #[must_use]
    pub fn attempts(&self) -> u32 {
        match self {
            Self::BackoffExhausted { attempts, .. } => *attempts,
            _ => self.effort().map_or(0, Effort::attempts),
        }
    }

    /// How long the failed call had waited for permits, in all. Zero if it did not wait, and for an error
    /// that no call returned.
    #[must_use]
    pub fn waited(&self) -> Duration {
        match self {
            Self::BackoffExhausted { waited, .. } => *waited,
            _ => self.effort().map_or(Duration::ZERO, Effort::waited),
        }
    }

    fn effort(&self) -> Option<Effort> {
        match self {
            Self::InvalidRequest { effort, .. }
            | Self::Transport { effort, .. }
            | Self::Status { effort, .. }
            | Self::CooldownTooLong { effort, .. }
            | Self::DeadlineTooShort { effort, .. }
            | Self::CircuitOpen { effort, .. }
            | Self::Fleet { effort, .. }
            | Self::Closed { effort }
            | Self::BodyTooLarge { effort, .. }
            | Self::Decode { effort, .. }
            | Self::Pagination { effort, .. } => Some(*effort),
            Self::BackoffExhausted { .. }
            | Self::UnknownApi { .. }
            | Self::InvalidConfig { .. } => None,
        }
    }

    /// Returns this error with what the call had done when it failed. Errors of configurations, which no
    /// call returns, stay as they are.
    #[must_use]
    pub fn with_effort(mut self, done: Effort) -> Self {
        match &mut self {
            Self::InvalidRequest { effort, .. }
            | Self::Transport { effort, .. }
            | Self::Status { effort, .. }
            | Self::CooldownTooLong { effort, .. }
            | Self::DeadlineTooShort { effort, .. }
            | Self::CircuitOpen { effort, .. }
            | Self::Fleet { effort, .. }
            | Self::Closed { effort }
            | Self::BodyTooLarge { effort, .. }
            | Self::Decode { effort, .. }
            | Self::Pagination { effort, .. } => *effort = done,
            Self::BackoffExhausted {
                attempts, waited, ..
            } => (*attempts, *waited) = (done.attempts(), done.waited()),
            Self::UnknownApi { .. } | Self::InvalidConfig { .. } => {}
        }
        self
    }

    /// Returns whether a timeout of the transport or of the request ran out.
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

    /// Returns whether the same request may succeed later: refusals, pauses, deadlines, broken connections,
    /// timeouts, and the statuses 408, 425, 429, 500, 502, 503, 504 and 529.
    ///
    /// Do not send such a request again at once: the client has retried it already. Put it aside for
    /// [`retry_after`](Self::retry_after), or for the next run.
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

    /// Returns the variant's name, for counting errors.
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
            Self::Closed { .. } => "Closed",
            Self::BodyTooLarge { .. } => "BodyTooLarge",
            Self::Decode { .. } => "Decode",
            Self::Pagination { .. } => "Pagination",
        }
    }

    /// Returns the error of a configuration whose `field` has a problem.
    #[must_use]
    pub fn config(entry: &str, field: &str, problem: impl fmt::Display) -> Self {
        Self::InvalidConfig {
            entry: entry.into(),
            field: field.into(),
            problem: problem.to_string().into(),
        }
    }

    /// Returns the error of a configuration with an invalid header.
    pub fn header_of(entry: &str, header: InvalidHeader) -> Self {
        Self::config(entry, &header.part, header.problem)
    }

    /// Returns the error of a request one part of which has a problem.
    #[must_use]
    pub fn request(part: impl fmt::Display, problem: impl fmt::Display) -> Self {
        Self::InvalidRequest {
            part: part.to_string().into(),
            problem: problem.to_string().into(),
            effort: Effort::default(),
        }
    }

    /// Returns the error of a call whose caller's own function failed. An error of this type, such as that of
    /// a login that has to wait, stays as it is.
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

    /// Returns the error of a client or limiter that was closed.
    #[must_use]
    pub fn closed() -> Self {
        Self::Closed {
            effort: Effort::default(),
        }
    }

    /// Returns the error of a fleet whose store can't be reached.
    pub fn fleet(problem: impl Into<Box<str>>) -> Self {
        Self::Fleet {
            problem: problem.into(),
            may_pass: true,
            effort: Effort::default(),
        }
    }

    /// Returns the error of a deadline that is too short.
    #[must_use]
    pub fn deadline(needed: Duration) -> Self {
        Self::DeadlineTooShort {
            needed,
            reply: None,
            effort: Effort::default(),
        }
    }

    /// Returns the error of a response with an error status, 400 or above.
    #[must_use]
    pub fn of_status(request: Box<str>, reply: Reply) -> Self {
        Self::Status {
            request,
            reply: Box::new(reply),
            effort: Effort::default(),
        }
    }

    /// Returns the error of a body that is longer than `limit` bytes.
    #[must_use]
    pub fn body_too_large(request: Box<str>, limit: u64) -> Self {
        Self::BodyTooLarge {
            request,
            limit,
            effort: Effort::default(),
        }
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
            effort: Effort::default(),
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

    /// Returns this error with the refusal that led to it.
    #[must_use]
    pub(crate) fn after(mut self, refusal: Option<Box<Reply>>) -> Self {
        if let Self::CooldownTooLong { reply, .. }
        | Self::CircuitOpen { reply, .. }
        | Self::DeadlineTooShort { reply, .. } = &mut self
        {
            *reply = refusal;
        }
        self
    }

    /// Returns the error of a text that is not JSON of the wanted type. It does not show the text.
    pub fn decode(request: &str, bytes: usize, error: &serde_json::Error) -> Self {
        Self::Decode {
            request: request.into(),
            bytes: bytes as u64,
            problem: without_contents(error).into(),
            effort: Effort::default(),
        }
    }
}

/// Returns serde_json's message without quotes of the body: only what comes from the caller's type.
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
        // Only these two messages end with words of the caller's type; others end with the body's.
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
                "no connection could be opened to the host, or to the proxy that the environment names"
            }
            Self::Tls => "TLS could not be set up; see the error's source, and `roots` and `tls` of the builder",
            Self::Timeout(phase) => return write!(f, "timed out {phase}"),
            Self::Closed => "the connection was closed or reset before the response was complete",
            Self::Protocol => "the response is not valid HTTP, its head is too large, or its body is not compressed as the head says",
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
            Self::FirstByte => "while waiting for the response's head",
            Self::BetweenBytes => "between two bytes",
            Self::Body => "while reading the body",
            Self::Attempt => "at the timeout or deadline of the whole attempt",
        })
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reply::BodyStart;

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
    fn every_error_that_ends_a_call_keeps_the_effort_of_the_call() {
        let reply = || {
            Reply::new(
                StatusCode::OK,
                Default::default(),
                BodyStart::default(),
                None,
            )
        };
        let decode = serde_json::from_str::<u32>("x").expect_err("not JSON");
        let effort = Effort::new(3, Duration::from_millis(1500));
        let exhausted = Error::BackoffExhausted {
            request: "GET /".into(),
            attempts: 0,
            waited: Duration::ZERO,
            reply: Box::new(reply()),
        };
        for error in [
            Error::request("bearer token", "its source failed"),
            Error::transport("GET /".into(), TransportKind::Closed, None),
            Error::of_status("GET /".into(), reply()),
            exhausted,
            Error::from(Denial::Cooldown(Duration::from_secs(9))),
            Error::deadline(Duration::from_secs(9)),
            Error::from(Denial::CircuitOpen(Duration::from_secs(9))),
            Error::from(Denial::Fleet(FleetUnavailable::Unreachable)),
            Error::fleet("unreachable"),
            Error::closed(),
            Error::body_too_large("GET /".into(), 1),
            Error::decode("GET /", 1, &decode),
        ] {
            let error = error.with_effort(effort);
            assert_eq!(
                (error.attempts(), error.waited()),
                (3, Duration::from_millis(1500)),
                "{error:?}"
            );
        }
        assert_eq!(Error::config("mine", "max_rate", "is 0").attempts(), 0);
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
