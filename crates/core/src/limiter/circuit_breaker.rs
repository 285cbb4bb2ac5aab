//! Settings of the circuit breaker, and its visible state.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::seconds;

/// Failures in a row that open it, unless configured: more than bad luck brings about.
const FAILURES: u32 = 5;

/// Window of the share of failures, unless configured.
const WINDOW: Duration = Duration::from_secs(30);

/// Minimum number of outcomes in the window for the share to count, unless configured.
const LEAST_OUTCOMES: u32 = 10;

/// Time between two trials, unless configured. It is constant, so that the end of an outage is noticed soon, and half
/// a minute of outage costs fifteen requests.
const TRIAL_INTERVAL: Duration = Duration::from_secs(2);

/// Settings of a circuit breaker: when to stop sending because requests fail, and how to find out that the server is
/// back.
///
/// A failure is a request without a response, or with a 5xx that is not a backoff status. A refusal is not a failure.
/// While the breaker is open, calls wait in the queue, and every `trial_interval` one of them goes alone as a trial.
/// A success of the trial closes the breaker, and so does a refusal, because the server responds again.
///
/// # Default
///
/// Opens after 5 failures in a row, sends a trial every 2 s, and lets calls wait.
///
/// ```
/// use api_ratelimiter_core::limiter::{Controller, Outcome, Poll};
/// use api_ratelimiter_core::{ApiRateConfig, BreakerPhase, CircuitBreaker, Time};
///
/// let config = ApiRateConfig { breaker: Some(CircuitBreaker::after_failures(2)), ..Default::default() };
/// let mut limiter = Controller::new(config.settings()?, Time::ZERO);
/// for _ in 0..2 {
///     let Poll::Grant(grant) = limiter.poll(Time::ZERO, 1, false) else { panic!("a token is left") };
///     let _ = limiter.report(Time::ZERO, &grant, Outcome::Failed);
/// }
/// assert_eq!(limiter.view(Time::ZERO).breaker, Some(BreakerPhase::Open));
/// # Ok::<(), api_ratelimiter_core::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct CircuitBreaker {
    /// Number of failures in a row that opens it, at least 1. `None`: failures in a row do not count. Defaults to 5.
    pub failures: Option<u32>,
    /// Share of failures among the outcomes within `window` that opens it, above 0 and at most 1. Defaults to `None`:
    /// the share does not count.
    pub failure_share: Option<f64>,
    /// Window of the share. Outcomes of the last half to whole window count. Defaults to 30 s.
    #[serde(rename = "window_seconds", with = "seconds")]
    pub window: Duration,
    /// Minimum number of outcomes in the window for the share to count. Defaults to 10.
    pub least_outcomes: u32,
    /// Time from one trial to the next. Defaults to 2 s.
    #[serde(rename = "trial_interval_seconds", with = "seconds")]
    pub trial_interval: Duration,
    /// Whether calls fail at once while it is open, by [`Error::CircuitOpen`](crate::Error::CircuitOpen), instead of
    /// waiting for a trial. Defaults to `false`.
    pub fail_fast: bool,
}

impl Default for CircuitBreaker {
    fn default() -> Self {
        Self {
            failures: Some(FAILURES),
            failure_share: None,
            window: WINDOW,
            least_outcomes: LEAST_OUTCOMES,
            trial_interval: TRIAL_INTERVAL,
            fail_fast: false,
        }
    }
}

impl CircuitBreaker {
    /// Returns settings that open the breaker after this number of failures in a row.
    #[must_use]
    pub fn after_failures(failures: u32) -> Self {
        Self {
            failures: Some(failures),
            ..Self::default()
        }
    }

    /// Returns settings that open the breaker at this share of failures within `window`. Failures in a row do not
    /// count.
    #[must_use]
    pub fn at_failure_share(share: f64, window: Duration) -> Self {
        Self {
            failures: None,
            failure_share: Some(share),
            window,
            ..Self::default()
        }
    }

    /// Sets the time from one trial to the next.
    #[must_use]
    pub const fn trial_interval(mut self, interval: Duration) -> Self {
        self.trial_interval = interval;
        self
    }

    /// Sets whether calls fail at once while it is open, instead of waiting for a trial.
    #[must_use]
    pub const fn fail_fast(mut self, fail_fast: bool) -> Self {
        self.fail_fast = fail_fast;
        self
    }

    /// Returns the first field that breaks a rule, and the problem.
    pub(crate) fn problem(&self) -> Option<(&'static str, String)> {
        let share = |share: f64| share > 0.0 && share <= 1.0;
        if self.failures.is_none() && self.failure_share.is_none() {
            let problem = "neither failures nor failure_share is given: it would never open";
            Some(("breaker", problem.into()))
        } else if self.failures == Some(0) {
            Some(("breaker.failures", "0 would be open always".into()))
        } else if let Some(wrong) = self.failure_share.filter(|given| !share(*given)) {
            let problem = format!("{wrong} is not above 0 and at most 1");
            Some(("breaker.failure_share", problem))
        } else if self.window.is_zero() {
            Some(("breaker.window", "0 would hold no outcome".into()))
        } else if self.trial_interval.is_zero() {
            let problem = "0 would be trials without a pause".into();
            Some(("breaker.trial_interval", problem))
        } else {
            None
        }
    }
}

/// State of a circuit breaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum BreakerPhase {
    /// Requests pass.
    Closed,
    /// Nothing passes before the next trial.
    Open,
    /// A trial is in flight, and the other callers wait for it.
    HalfOpen,
}
