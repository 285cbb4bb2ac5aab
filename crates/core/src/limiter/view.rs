//! Read-only views of a limiter's state.

use std::time::Duration;

use super::circuit_breaker::BreakerPhase;
use super::inference::{InferredLaw, InferredLimit};
use super::phase::{LearningReason, Phase};
use crate::rate::Rate;
use crate::time::Time;

/// Snapshot of a limiter's state, for people and dashboards.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct View {
    /// Current rate.
    pub rate: Rate,
    /// Tokens in the bucket; negative for a debt.
    pub tokens: f64,
    /// End of the pause, while there is one.
    pub cooldown_until: Option<Time>,
    /// Learned ceiling, once there is one.
    pub ceiling: Option<Rate>,
    /// Current phase, and the reason for the last change of the estimate. `None` where learning is off.
    pub learning: Option<(Phase, LearningReason)>,
    /// State of the circuit breaker. `None` without one.
    pub breaker: Option<BreakerPhase>,
    /// Rest of the announced limit until its reset; the tightest one of several.
    pub announced: Option<Allowance>,
    /// Known limit of which nothing is left, and when it lets a request go again; the last one of several.
    pub used_up: Option<Allowance>,
    /// Limit that the server does not announce, once it is found.
    pub limit: Option<InferredLimit>,
    /// Whether windows show, but no law fits: there are several limits, or somebody else uses it.
    pub fits_no_law: bool,
    /// Time of the next trial, or at which the one in flight counts as lost. `None` while the breaker is closed.
    pub next_trial: Option<Time>,
    /// The fleet that shares the limit, if there is one.
    pub fleet: Option<Membership>,
}

/// The estimate of the limit and the state of the circuit breaker, compared before and after feedback to see what
/// changed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Belief {
    /// Learned ceiling, once there is one.
    pub ceiling: Option<Rate>,
    /// Current phase, and the reason for the last change of the estimate. `None` where learning is off.
    pub learning: Option<(Phase, LearningReason)>,
    /// Limit that the server does not announce, once it is found.
    pub limit: Option<InferredLaw>,
    /// Since when the circuit breaker is not closed.
    pub open_since: Option<Time>,
}

/// Rest of an announced or known limit, counted down by our own grants.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Allowance {
    /// Requests allowed per window, if announced or known.
    pub limit: Option<u64>,
    /// Length of the window, if announced or known.
    pub window: Option<Duration>,
    /// Requests left until the reset.
    pub remaining: u64,
    /// Time of the reset.
    pub until: Time,
}

/// A worker's view of its fleet.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Membership {
    /// Number of workers, as last seen.
    pub workers: u32,
    /// Whether the last visit reached the store and found the same settings.
    pub joined: bool,
    /// Time of the last successful visit.
    pub last_contact: Option<Time>,
}
