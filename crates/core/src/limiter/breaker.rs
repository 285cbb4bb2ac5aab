//! The circuit breaker: while a server is down, one trial at a time asks whether it is back.
//!
//! One more gate of the controller's poll, so that the queue stays the only wait. Every permit carries
//! the number of openings and closings before it was issued: what a request of an earlier number says
//! is stale and counts nothing.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Grant;
use crate::seconds;
use crate::time::Time;

/// Failures in a row that open it, unless configured: more than chance brings about.
const FAILURES: u32 = 5;

/// Window of the share of failures, unless configured.
const WINDOW: Duration = Duration::from_secs(30);

/// Outcomes within the window below which a share says nothing, unless configured.
const LEAST_OUTCOMES: u32 = 10;

/// Time between two trials, unless configured: constant, so that the end of an outage is noticed soon,
/// and slow enough that half a minute costs fifteen requests.
const TRIAL_INTERVAL: Duration = Duration::from_secs(2);

/// How long everybody waits for a trial that does not come back; as for canaries.
const PATIENCE: Duration = Duration::from_secs(10);

/// When to stop sending because requests fail, and how to find out that they don't any more.
///
/// A failure is a request without an answer, or with a 5xx that is no backoff status; a refusal never
/// is one. While the breaker is open, calls wait in the queue, and every `trial_interval` one of them goes
/// alone to try. Its success closes the breaker; so does a refusal, for the server answers again.
///
/// # Default
///
/// Opens after 5 failures in a row; a trial every 2 s; calls wait.
///
/// ```
/// use api_ratelimiter_core::limiter::{Controller, Poll};
/// use api_ratelimiter_core::{ApiRateConfig, BreakerPhase, CircuitBreaker, Time};
///
/// let config = ApiRateConfig { breaker: Some(CircuitBreaker::after_failures(2)), ..Default::default() };
/// let mut limiter = Controller::new(config.settings()?, Time::ZERO);
/// for _ in 0..2 {
///     let Poll::Grant(grant) = limiter.poll(Time::ZERO, 1, false) else { panic!("a token is left") };
///     limiter.failed(Time::ZERO, &grant);
/// }
/// assert_eq!(limiter.view(Time::ZERO).breaker, Some(BreakerPhase::Open));
/// # Ok::<(), api_ratelimiter_core::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct CircuitBreaker {
    /// Opens after so many failures in a row, at least 1; `None`: a row does not count. Defaults to 5.
    pub failures: Option<u32>,
    /// Opens when such a share of the outcomes within `window` are failures, above 0 and at most 1.
    /// Defaults to `None`: the share does not count.
    pub failure_share: Option<f64>,
    /// What the share is taken over: outcomes of the last half to whole window. Defaults to 30 s.
    #[serde(rename = "window_seconds", with = "seconds")]
    pub window: Duration,
    /// With fewer outcomes in the window the share says nothing. Defaults to 10.
    pub least_outcomes: u32,
    /// Time from one trial to the next. Defaults to 2 s.
    #[serde(rename = "trial_interval_seconds", with = "seconds")]
    pub trial_interval: Duration,
    /// Whether calls fail at once while it is open, by [`Error::CircuitOpen`](crate::Error::CircuitOpen),
    /// instead of waiting for a trial. Defaults to `false`.
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
    /// Opens after so many failures in a row.
    #[must_use]
    pub fn after_failures(failures: u32) -> Self {
        Self {
            failures: Some(failures),
            ..Self::default()
        }
    }

    /// Opens when such a share of the outcomes within `window` are failures; a row does not count.
    #[must_use]
    pub fn at_failure_share(share: f64, window: Duration) -> Self {
        Self {
            failures: None,
            failure_share: Some(share),
            window,
            ..Self::default()
        }
    }

    /// Time from one trial to the next.
    #[must_use]
    pub const fn trial_interval(mut self, interval: Duration) -> Self {
        self.trial_interval = interval;
        self
    }

    /// Whether calls fail at once while it is open, instead of waiting for a trial.
    #[must_use]
    pub const fn fail_fast(mut self, fail_fast: bool) -> Self {
        self.fail_fast = fail_fast;
        self
    }

    /// The first field that breaks a rule, and which.
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

/// What a circuit breaker is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum BreakerPhase {
    /// Requests go.
    Closed,
    /// Nothing goes before the next trial.
    Open,
    /// A trial is under way; everybody waits for it.
    HalfOpen,
}

/// Outcomes counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
struct Tally {
    failures: u32,
    outcomes: u32,
}

impl Tally {
    fn count(&mut self, failed: bool) {
        self.failures = self.failures.saturating_add(u32::from(failed));
        self.outcomes = self.outcomes.saturating_add(1);
    }
}

/// What changes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Breaker {
    gate: Gate,
    /// Openings and closings so far.
    turns: u64,
    in_a_row: u32,
    /// Of this half of the window, and of the one before.
    tallies: [Tally; 2],
    half_began: Time,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
enum Gate {
    Closed,
    Open { since: Time, next_trial: Time },
    Trial { since: Time, issued_at: Time },
}

/// May a request go?
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Passage {
    Free,
    /// Not before then.
    At(Time),
    /// When the trial is answered, or at the latest then.
    AfterTrial(Time),
    /// Nobody waits for so long.
    TurnedAway(Duration),
}

impl Breaker {
    pub(super) fn new(now: Time) -> Self {
        Self {
            gate: Gate::Closed,
            turns: 0,
            in_a_row: 0,
            tallies: [Tally::default(); 2],
            half_began: now,
        }
    }

    pub(super) fn turns(&self) -> u64 {
        self.turns
    }

    pub(super) fn phase(&self) -> BreakerPhase {
        match self.gate {
            Gate::Closed => BreakerPhase::Closed,
            Gate::Open { .. } => BreakerPhase::Open,
            Gate::Trial { .. } => BreakerPhase::HalfOpen,
        }
    }

    /// Since when it is not closed.
    pub(super) fn open_since(&self) -> Option<Time> {
        match self.gate {
            Gate::Closed => None,
            Gate::Open { since, .. } | Gate::Trial { since, .. } => Some(since),
        }
    }

    /// When a trial goes, or counts as lost.
    pub(super) fn next_trial(&self) -> Option<Time> {
        match self.gate {
            Gate::Closed => None,
            Gate::Open { next_trial, .. } => Some(next_trial),
            Gate::Trial { issued_at, .. } => Some(issued_at + PATIENCE),
        }
    }

    /// Whether those who are not the trial wait. Nobody is made to wait for an outage that lasts longer
    /// than `longest`.
    pub(super) fn turns_away(&self, now: Time, of: &CircuitBreaker, longest: Duration) -> bool {
        self.open_since()
            .is_some_and(|since| of.fail_fast || now.saturating_since(since) > longest)
    }

    pub(super) fn passage(&self, now: Time, of: &CircuitBreaker, longest: Duration) -> Passage {
        let Some(trial) = self.next_trial().filter(|trial| now < *trial) else {
            return Passage::Free;
        };
        if self.turns_away(now, of, longest) {
            return Passage::TurnedAway(trial.saturating_since(now));
        }
        match self.gate {
            Gate::Trial { .. } => Passage::AfterTrial(trial),
            Gate::Closed | Gate::Open { .. } => Passage::At(trial),
        }
    }

    /// A grant is made: is it the trial?
    pub(super) fn release(&mut self, now: Time) -> bool {
        let Some(since) = self.open_since() else {
            return false;
        };
        self.gate = Gate::Trial {
            since,
            issued_at: now,
        };
        true
    }

    /// A success, or a refusal, of that request: the server answers.
    pub(super) fn answered(
        &mut self,
        now: Time,
        grant: &Grant,
        succeeded: bool,
        of: &CircuitBreaker,
    ) {
        if grant.turns != self.turns {
            return;
        }
        match self.gate {
            // Of several trials any will do, the lost ones too.
            Gate::Open { .. } | Gate::Trial { .. } => {
                self.gate = Gate::Closed;
                self.turned(now);
            }
            Gate::Closed if succeeded => {
                self.in_a_row = 0;
                self.count(now, false, of);
            }
            // A refusal says nothing about the health of the server.
            Gate::Closed => {}
        }
    }

    /// No answer to that request, or a 5xx.
    pub(super) fn failed(&mut self, now: Time, grant: &Grant, of: &CircuitBreaker) {
        if grant.turns != self.turns {
            return;
        }
        if !matches!(self.gate, Gate::Closed) {
            self.rearm(grant, grant.issued_at + of.trial_interval);
            return;
        }
        self.in_a_row = self.in_a_row.saturating_add(1);
        self.count(now, true, of);
        let [a, b] = self.tallies;
        let outcomes = a.outcomes.saturating_add(b.outcomes);
        let failures = a.failures.saturating_add(b.failures);
        let by_row = of.failures.is_some_and(|most| self.in_a_row >= most);
        let by_share = of.failure_share.is_some_and(|share| {
            outcomes >= of.least_outcomes && f64::from(failures) >= share * f64::from(outcomes)
        });
        if by_row || by_share {
            let next_trial = now + of.trial_interval;
            self.gate = Gate::Open {
                since: now,
                next_trial,
            };
            self.turned(now);
        }
    }

    /// That request's outcome says nothing; a trial goes again after its interval.
    pub(super) fn without_word(&mut self, grant: &Grant, of: &CircuitBreaker) {
        self.rearm(grant, grant.issued_at + of.trial_interval);
    }

    /// That request was never sent; a trial goes again at once.
    pub(super) fn unsent(&mut self, grant: &Grant) {
        self.rearm(grant, grant.issued_at);
    }

    /// If that was the trial that everybody waits for, another may go at `next_trial`.
    fn rearm(&mut self, grant: &Grant, next_trial: Time) {
        if let Gate::Trial { since, issued_at } = self.gate {
            if grant.trial && grant.turns == self.turns && grant.issued_at == issued_at {
                self.gate = Gate::Open { since, next_trial };
            }
        }
    }

    fn turned(&mut self, now: Time) {
        self.turns = self.turns.saturating_add(1);
        self.in_a_row = 0;
        self.tallies = [Tally::default(); 2];
        self.half_began = now;
    }

    fn count(&mut self, now: Time, failed: bool, of: &CircuitBreaker) {
        let age = now.saturating_since(self.half_began);
        if age >= of.window / 2 {
            let before = Some(self.tallies[0]).filter(|_| age < of.window);
            self.tallies = [Tally::default(), before.unwrap_or_default()];
            self.half_began = now;
        }
        self.tallies[0].count(failed);
    }
}

#[cfg(test)]
#[path = "breaker_tests.rs"]
mod tests;
