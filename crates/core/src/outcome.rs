//! Messages between a call and its driver about one attempt.

use std::time::Duration;

use http::StatusCode;

use crate::error::{Error, TransportKind};
use crate::limiter::{AnnouncedLimits, ManualReport, Outcome};
use crate::route::Route;
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
    /// The route of the request, by which announced limits are kept apart.
    pub route: Route,
}

/// The part of a client's limits that a response is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Concerns {
    /// The limit of the whole client.
    Client,
    /// The configured scope that the request falls under.
    Scope,
    /// The limit that the server counts requests of this route in: one apart, if there is one, else the client's.
    Route,
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
        /// The limit that this is about.
        concerns: Concerns,
    },
    /// The limit refused the request.
    Refused {
        /// The status of the response.
        status: StatusCode,
        /// The pause that the server or its documentation asks for.
        retry_after: Option<Duration>,
        /// The limits that the server announced.
        announced: AnnouncedLimits,
        /// The limit that this is about.
        concerns: Concerns,
    },
    /// A quota is used up that no pause of minutes renews. It says nothing about the rate.
    Exhausted,
    /// There was no response, or a 5xx that is not a refusal. It says nothing about the limit.
    Failed,
}

impl Feedback {
    /// Returns which limit this is about, and what the response announced. `None` if it says nothing about a limit.
    #[must_use]
    pub fn about(&self) -> Option<(Concerns, &AnnouncedLimits)> {
        match self {
            Self::Success {
                concerns,
                announced,
                ..
            }
            | Self::Refused {
                concerns,
                announced,
                ..
            } => Some((*concerns, announced)),
            Self::Exhausted | Self::Failed => None,
        }
    }

    /// Returns what a limiter is told that did not grant the request: the announced limits, and a report. `chance` draws a
    /// random number in `0.0..1.0`.
    #[must_use]
    pub fn beside(self, chance: impl FnOnce() -> f64) -> (AnnouncedLimits, Option<ManualReport>) {
        match self {
            Self::Success {
                announced,
                exhausted,
                ..
            } => {
                let report = exhausted.map(|wait| ManualReport::Exhausted {
                    wait,
                    by_reset: announced.pauses_by_reset(),
                    chance: chance(),
                });
                (announced.exhausted_for(exhausted), report)
            }
            Self::Refused {
                announced,
                retry_after: hint,
                ..
            } => {
                let report = ManualReport::Refused {
                    hint,
                    chance: chance(),
                };
                (announced.exhausted_for(hint), Some(report))
            }
            Self::Exhausted | Self::Failed => (AnnouncedLimits::default(), None),
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

/// A pause without a cut: a body asks for one that is longer than its response's head said, or that is of the whole
/// client instead of a part; or a quota renews then.
#[derive(Debug, Clone, PartialEq)]
pub struct LongerPause {
    /// How long the pause lasts, from now.
    pub wait: Duration,
    /// The limit that pauses.
    pub concerns: Concerns,
    /// The scope of the request, if there is one.
    pub scope: Option<Box<str>>,
    /// The route of the request.
    pub route: Route,
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
