//! Questions that a caller can ask an error.

use std::time::Duration;

use http::StatusCode;

use super::Error;
use super::effort::Effort;
use super::transport::TransportKind;
use crate::reply::Reply;

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
            Self::Status { reply, .. }
            | Self::BackoffExhausted { reply, .. }
            | Self::QuotaExhausted { reply, .. } => Some(reply),
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
            | Self::QuotaExhausted { effort, .. }
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
            | Self::QuotaExhausted { effort, .. }
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

    /// Returns whether the same request may succeed later: refusals, quotas whose renewal is known, pauses, deadlines, broken connections,
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
            | Self::QuotaExhausted { until: Some(_), .. }
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
            Self::QuotaExhausted { .. } => "QuotaExhausted",
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
}
