//! The circuit breaker: while a server is down, one trial at a time asks whether it is back.
//!
//! It is one more gate of the controller's poll, so that the queue stays the only wait. Every grant carries the
//! number of openings and closings before it was issued. An outcome with an older number is stale and does not count.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::circuit_breaker::{BreakerPhase, CircuitBreaker};
use super::grant::Grant;
use crate::time::Time;

/// How long the others wait for a trial that does not come back; as for canaries.
const PATIENCE: Duration = Duration::from_secs(10);

/// Counts of outcomes.
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

/// State of a circuit breaker.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Breaker {
    gate: Gate,
    /// Number of openings and closings so far.
    turns: u64,
    in_a_row: u32,
    /// Counts of this half of the window, and of the half before.
    tallies: [Tally; 2],
    half_began: Time,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
enum Gate {
    Closed,
    Open { since: Time, next_trial: Time },
    Trial { since: Time, issued_at: Time },
}

/// Whether a request may pass.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Passage {
    Free,
    /// Not before this time.
    At(Time),
    /// After the outcome of the trial, or at this time at the latest.
    AfterTrial(Time),
    /// Not for this long, and callers should not wait.
    Denied(Duration),
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

    /// Returns since when it is not closed.
    pub(super) fn open_since(&self) -> Option<Time> {
        match self.gate {
            Gate::Closed => None,
            Gate::Open { since, .. } | Gate::Trial { since, .. } => Some(since),
        }
    }

    /// Returns when a trial goes, or when the one in flight counts as lost.
    pub(super) fn next_trial(&self) -> Option<Time> {
        match self.gate {
            Gate::Closed => None,
            Gate::Open { next_trial, .. } => Some(next_trial),
            Gate::Trial { issued_at, .. } => Some(issued_at + PATIENCE),
        }
    }

    /// Returns whether callers other than the trial are denied: the breaker fails fast, or has been open for longer
    /// than `longest`.
    pub(super) fn denies_callers(&self, now: Time, of: &CircuitBreaker, longest: Duration) -> bool {
        self.open_since()
            .is_some_and(|since| of.fail_fast || now.saturating_since(since) > longest)
    }

    /// Returns whether a request may pass now.
    pub(super) fn passage(&self, now: Time, of: &CircuitBreaker, longest: Duration) -> Passage {
        let Some(trial) = self.next_trial().filter(|trial| now < *trial) else {
            return Passage::Free;
        };
        if self.denies_callers(now, of, longest) {
            return Passage::Denied(trial.saturating_since(now));
        }
        match self.gate {
            Gate::Trial { .. } => Passage::AfterTrial(trial),
            Gate::Closed | Gate::Open { .. } => Passage::At(trial),
        }
    }

    /// Takes note of a grant. Returns whether its request is the trial.
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

    /// Takes in a success or a refusal: the server responds.
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
            // Any of several trials closes it, even one that counted as lost.
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

    /// Takes in a request without a response, or with a 5xx.
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

    /// Takes in an outcome that says nothing. After a trial, the next one goes after its interval.
    pub(super) fn without_word(&mut self, grant: &Grant, of: &CircuitBreaker) {
        self.rearm(grant, grant.issued_at + of.trial_interval);
    }

    /// Takes in a request that was never sent. After a trial, the next one goes at once.
    pub(super) fn unsent(&mut self, grant: &Grant) {
        self.rearm(grant, grant.issued_at);
    }

    /// Lets another trial go at `next_trial`, if this grant was the trial in flight.
    fn rearm(&mut self, grant: &Grant, next_trial: Time) {
        if let Gate::Trial { since, issued_at } = self.gate {
            if grant.trial && grant.turns == self.turns && grant.issued_at == issued_at {
                self.gate = Gate::Open { since, next_trial };
            }
        }
    }

    /// Starts counting anew after an opening or a closing.
    fn turned(&mut self, now: Time) {
        self.turns = self.turns.saturating_add(1);
        self.in_a_row = 0;
        self.tallies = [Tally::default(); 2];
        self.half_began = now;
    }

    /// Counts an outcome in the current half of the window.
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
mod tests;
