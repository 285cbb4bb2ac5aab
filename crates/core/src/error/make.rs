//! How errors are made: one function for each, and conversions.

use std::fmt;
use std::time::{Duration, SystemTime};

use super::Error;
use super::effort::Effort;
use super::mismatch;
use super::transport::TransportKind;
use crate::headers::InvalidHeader;
use crate::limiter::{CostTooLarge, Denial, FleetUnavailable};
use crate::reply::Reply;

impl Error {
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
    pub(crate) fn of_status(request: Box<str>, reply: Reply) -> Self {
        Self::Status {
            request,
            reply: Box::new(reply),
            effort: Effort::default(),
        }
    }

    /// Returns the error of a quota that is used up until `until`, wall time since 1970.
    #[must_use]
    pub(crate) fn quota_exhausted(reason: Box<str>, until: Option<Duration>, reply: Reply) -> Self {
        Self::QuotaExhausted {
            reason,
            until: until.and_then(|until| SystemTime::UNIX_EPOCH.checked_add(until)),
            reply: Box::new(reply),
            effort: Effort::default(),
        }
    }

    /// Returns the error of a body that is longer than `limit` bytes.
    #[must_use]
    pub(crate) fn body_too_large(request: Box<str>, limit: u64) -> Self {
        Self::BodyTooLarge {
            request,
            limit,
            effort: Effort::default(),
        }
    }

    /// Returns the error of a connection that failed.
    #[must_use]
    pub(crate) fn transport(
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

    /// Returns the error of a text that is not JSON of the wanted type. It does not show the text.
    pub(crate) fn decode(request: &str, bytes: usize, error: &serde_json::Error) -> Self {
        Self::Decode {
            request: request.into(),
            bytes: bytes as u64,
            problem: mismatch::of(error).into(),
            effort: Effort::default(),
        }
    }
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

impl From<CostTooLarge> for Error {
    fn from(CostTooLarge { cost, most }: CostTooLarge) -> Self {
        let problem = format_args!(
            "{cost} is too much for one request (at most {most}: a full bucket, or what max_rate pays off within max_cooldown)"
        );
        Self::request("cost", problem)
    }
}
