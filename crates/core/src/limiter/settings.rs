//! The limiter's settings, checked once and constant while it lives.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::circuit_breaker::CircuitBreaker;
use super::fixed::FixedLimit;
use super::law::Law;
use crate::rate::Rate;

/// Default of the reserve: a tenth of a long window is left for others on the same token, and for a trickle to the end.
pub(crate) const DEFAULT_RESERVE: f64 = 0.1;

/// Checked settings of a [`Controller`](super::Controller) or a fleet [`Member`](super::Member).
///
/// Made from a configuration by [`ApiRateConfig::settings`](crate::ApiRateConfig::settings).
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// Rate at the start.
    pub(crate) initial: Rate,
    /// Bounds and steps of the rate.
    pub(crate) law: Law,
    /// Maximum number of tokens in the bucket, at least 1. `None`: two seconds' worth of the current rate.
    pub(crate) capacity: Option<f64>,
    /// Tokens at the start. `None`: one second's worth, at most 10.
    pub(crate) initial_tokens: Option<f64>,
    /// Pause after a refusal without a hint. `None`: the limiter chooses it by the rate.
    pub(crate) default_cooldown: Option<Duration>,
    /// Longest pause that callers wait for. During a longer one they are denied.
    pub(crate) max_cooldown: Duration,
    /// Whether the limit is learned.
    pub(crate) learning: Learning,
    /// Time of queued demand between two probes of the learned ceiling.
    pub(crate) probe_interval: Duration,
    /// The circuit breaker's settings, if there is one.
    pub(crate) breaker: Option<CircuitBreaker>,
    /// Known limits beside the learned one. Every grant takes a token of each.
    pub(crate) fixed: Vec<FixedLimit>,
    /// Part of an announced limit that is spread over the time until its reset, from 0 to 1.
    pub(crate) reserve: f64,
    /// Maximum number of requests under way, if any.
    pub(crate) max_under_way: Option<u64>,
}

/// Whether the limiter learns where the limit is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Learning {
    /// No: additive increase and multiplicative decrease alone.
    Off,
    /// Yes: a learned ceiling above the law. The default.
    #[default]
    On,
}
