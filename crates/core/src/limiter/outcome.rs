//! Feedback for the controller, and its effect.

use std::time::Duration;

use super::announced::AnnouncedLimits;
use crate::rate::Rate;

/// Outcome of a granted request, for [`Controller::report`](super::Controller::report).
///
/// `chance` is a random number in `0.0..1.0` that draws the jitter of a pause; the controller has no random numbers
/// of its own.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Outcome {
    /// The limit let the request through.
    Success {
        /// Limits that the response announced.
        announced: AnnouncedLimits,
        /// Time from now until which nothing is left of a limit, if the response says so.
        exhausted: Option<Duration>,
        /// Random number for the jitter, used with `exhausted` only.
        chance: f64,
    },
    /// The server refused the request because of a limit.
    Refused {
        /// Limits that the response announced.
        announced: AnnouncedLimits,
        /// Pause that the server asks for.
        hint: Option<Duration>,
        /// Random number for the jitter.
        chance: f64,
    },
    /// No response came, or one that signals a fault of the server. Says nothing about the limit, but a circuit
    /// breaker counts it.
    Failed,
    /// The request says nothing about the limit. Its tokens stay spent.
    Neutral,
    /// The request was never sent. Its tokens go back.
    Unused,
}

impl Outcome {
    /// Returns the outcome for one of several workers that share the announced limits: it has this part of what is left.
    pub(super) fn of_worker(self, part: f64) -> Self {
        match self {
            Self::Success {
                announced,
                exhausted,
                chance,
            } => Self::Success {
                announced: announced.of_worker(part, 0),
                exhausted,
                chance,
            },
            // A refusal while something is left is of another limit: so at least one stays.
            Self::Refused {
                announced,
                hint,
                chance,
            } => Self::Refused {
                announced: announced.of_refused_worker(part),
                hint,
                chance,
            },
            Self::Failed | Self::Neutral | Self::Unused => self,
        }
    }

    /// Returns a success whose response announced nothing.
    #[must_use]
    pub fn success() -> Self {
        Self::Success {
            announced: AnnouncedLimits::default(),
            exhausted: None,
            chance: 0.0,
        }
    }

    /// Returns a success whose response was about another limit than this one.
    #[must_use]
    pub fn success_beside() -> Self {
        Self::Success {
            announced: AnnouncedLimits::told_elsewhere(),
            exhausted: None,
            chance: 0.0,
        }
    }

    /// Returns a refusal whose response announced no limits.
    #[must_use]
    pub fn refused(hint: Option<Duration>, chance: f64) -> Self {
        Self::Refused {
            announced: AnnouncedLimits::default(),
            hint,
            chance,
        }
    }
}

/// Feedback without a grant, for [`Controller::report_manually`](super::Controller::report_manually): for requests that
/// the limiter did not grant, and for pauses that become known later.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum ManualReport {
    /// A request succeeded: the rate rises by one step.
    Success,
    /// A request was refused: the rate falls, and a pause begins.
    Refused {
        /// Pause that the server asks for.
        hint: Option<Duration>,
        /// Random number in `0.0..1.0` for the jitter.
        chance: f64,
    },
    /// Nothing is left of a limit: a pause begins, and the rate stays.
    Exhausted {
        /// Length of the pause from now.
        wait: Duration,
        /// Whether it is the reset of an announced limit, and nothing that the server asks for. What is known of the limit
        /// may then shorten it.
        by_reset: bool,
        /// Random number in `0.0..1.0` for the jitter.
        chance: f64,
    },
}

/// Effect of feedback on the limiter.
#[must_use]
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Change {
    /// Rate and pause stay.
    Nothing,
    /// The rate rose.
    Raised {
        /// Rate before.
        from: Rate,
        /// Rate after.
        to: Rate,
    },
    /// A refusal lowered the rate, or found it at its minimum, and began or prolonged a pause.
    Cut {
        /// Rate before.
        from: Rate,
        /// Rate after.
        to: Rate,
        /// Length of the pause from now.
        cooldown: Duration,
    },
    /// A pause began or was prolonged, and the rate stays: after a refusal from before the last cut, or because
    /// nothing is left of a limit.
    Held {
        /// Length of the pause from now.
        cooldown: Duration,
    },
}

impl Change {
    /// Returns the more important of two changes. Two raises in a row become one.
    pub(super) const fn or_graver(self, later: Self) -> Self {
        match (self, later) {
            (Self::Raised { from, .. }, Self::Raised { to, .. }) => Self::Raised { from, to },
            (Self::Cut { .. }, Self::Nothing | Self::Raised { .. } | Self::Held { .. })
            | (Self::Held { .. }, Self::Nothing | Self::Raised { .. })
            | (Self::Raised { .. }, Self::Nothing) => self,
            _ => later,
        }
    }
}
