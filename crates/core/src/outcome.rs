//! Messages between a call and its driver about one attempt.

use std::time::Duration;

use http::StatusCode;

use crate::error::{Error, TransportKind};
use crate::limiter::{AnnouncedLimits, Outcome};
use crate::time::Time;

/// The permit that a request needs before it may be sent.
#[derive(Debug, Clone, PartialEq)]
pub struct Wanted {
    /// Tokens that the request takes.
    pub cost: u32,
    /// When the caller's deadline ends the wait.
    pub deadline: Option<Time>,
    /// The part of the API, with a limit of its own, that the request falls under.
    pub scope: Option<Box<str>>,
}

/// Feedback of an attempt for the limiter.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Feedback {
    /// The limit let the request through.
    Success {
        /// How long nothing is left of the limit, as the server says.
        exhausted: Option<Duration>,
        /// The limits that the server announced.
        announced: AnnouncedLimits,
        /// Whether this concerns the whole client, and not only the scope of the request.
        all: bool,
    },
    /// The limit refused the request.
    Refused {
        /// The status of the response.
        status: StatusCode,
        /// The pause that the server or its documentation asks for.
        retry_after: Option<Duration>,
        /// The limits that the server announced.
        announced: AnnouncedLimits,
        /// Whether this concerns the whole client, and not only the scope of the request.
        all: bool,
    },
    /// A quota is used up that no pause of minutes renews. It says nothing about the rate.
    Exhausted,
    /// There was no response, or a 5xx that is not a refusal. It says nothing about the limit.
    Failed,
}

impl Feedback {
    /// Returns whether this is about the limit of the whole client, and not only about a scope's.
    #[must_use]
    pub fn concerns_all(&self) -> bool {
        match self {
            Self::Success { all, .. } | Self::Refused { all, .. } => *all,
            Self::Exhausted | Self::Failed => false,
        }
    }

    /// Returns the status of a refusal.
    #[must_use]
    pub fn refused_status(&self) -> Option<StatusCode> {
        match self {
            Self::Refused { status, .. } => Some(*status),
            Self::Success { .. } | Self::Exhausted | Self::Failed => None,
        }
    }

    /// Returns what the limiter's controller is told. `chance` draws a random number in `0.0..1.0`, and is
    /// called only if the number is used.
    #[must_use]
    pub fn outcome(self, chance: impl FnOnce() -> f64) -> Outcome {
        match self {
            Self::Success {
                exhausted,
                announced,
                ..
            } => Outcome::Success {
                announced,
                exhausted,
                chance: exhausted.map_or(0.0, |_| chance()),
            },
            Self::Refused {
                retry_after: hint,
                announced,
                ..
            } => Outcome::Refused {
                announced,
                hint,
                chance: chance(),
            },
            Self::Exhausted => Outcome::Neutral,
            Self::Failed => Outcome::Failed,
        }
    }
}

/// A pause without a cut: a body asks for a longer one than its response's head did, or a quota renews then.
#[derive(Debug, Clone, PartialEq)]
pub struct LongerPause {
    /// How long the pause lasts, from now.
    pub wait: Duration,
    /// The scope that pauses; `None` means the whole client.
    pub scope: Option<Box<str>>,
}

/// An attempt without a complete response.
#[derive(Debug)]
pub struct Failure {
    /// Kind of the failure.
    pub kind: TransportKind,
    /// The transport's own error.
    pub source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Failure {
    /// Returns this failure as the error of a request that is described as `request`.
    #[must_use]
    pub fn into_error(self, request: Box<str>) -> Error {
        Error::transport(request, self.kind, self.source)
    }
}

/// Why an attempt has no response.
#[derive(Debug)]
pub enum NoResponse {
    /// Nothing was sent, and the call ends with this error.
    Unsent(Error),
    /// The request may have been sent.
    Failed(Failure),
}
