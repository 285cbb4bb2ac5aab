//! When requests are granted.

use super::Controller;
use crate::limiter::breaker::{Breaker, Passage};
use crate::limiter::grant::Grant;
use crate::limiter::poll::{Denial, Poll};
use crate::limiter::spending::Last;
use crate::limiter::start::AWAITED;
use crate::limiter::state::State;
use crate::limiter::window_spending::WindowTurn;
use crate::time::Time;

impl Controller {
    /// Returns whether a request of this cost may be sent now; takes its tokens if so.
    ///
    /// `waited` says whether its caller had to wait before: only then does a success say anything about the limit.
    pub fn poll(&mut self, now: Time, cost: u32, waited: bool) -> Poll {
        // A pause that is too long to wait for denies at once.
        let cooldown_until = self.state.cooldown_until;
        let left = cooldown_until.saturating_since(now);
        if left > self.settings.max_cooldown {
            return Poll::Denied(Denial::Cooldown(left));
        }
        // The circuit breaker, then the canary: while one request tests the server, the others wait for it.
        match self.passage(now) {
            Passage::Free => {}
            Passage::At(trial) => return Poll::At(trial.max(cooldown_until)),
            Passage::AfterTrial(lost_at) => {
                return Poll::AfterFeedback(lost_at.max(cooldown_until));
            }
            Passage::Denied(left) => return Poll::Denied(Denial::CircuitOpen(left)),
        }
        let learner = self.state.learner.as_mut();
        let learner = learner.filter(|_| !self.windows.are_spent());
        if let Some(lost_at) = learner.and_then(|learner| learner.canary_awaited_until(now)) {
            return Poll::AfterFeedback(lost_at.max(cooldown_until));
        }
        // The learned rate: the bucket must hold the tokens.
        self.lapse(now);
        let capacity = self.capacity();
        let State { rate, bucket, .. } = &self.state;
        let ready = bucket.ready_at(f64::from(cost), *rate, capacity);
        if now < cooldown_until {
            return Poll::At(ready.max(cooldown_until));
        }
        // The start: few requests are at stake until many have got through.
        let held = self.held_at_start(now).filter(|until| ready < *until);
        if let Some(until) = held {
            self.state.held_at_start = true;
            return Poll::AfterFeedback(until);
        }
        // Requests at once: the next response lets one go.
        if ready <= now && self.is_full_at_once() {
            self.state.held_by_cap = true;
            if let Some(at_once) = &mut self.at_once {
                at_once.holds_a_caller(self.requests);
            }
            return Poll::AfterFeedback(now + AWAITED);
        }
        // The caps: known limits and announced ones.
        let (fixed, announced) = (self.fixed_ready_at(now, cost), self.announced_due(now, 0));
        let (window, after_feedback) = match self.windows_turn(now, cost) {
            WindowTurn::At(time) => (time, false),
            WindowTurn::AfterFeedback(time) => (time, true),
        };
        let capped = fixed.max(announced).max(window);
        if ready <= now && capped <= now {
            let State { rate, bucket, .. } = &mut self.state;
            bucket.spend(now, f64::from(cost), *rate, capacity);
            return Poll::Grant(self.issue(now, cost, waited));
        }
        self.state.held_by_cap |= capped > ready.max(now);
        self.state.held_by_rate |= ready > capped.max(now);
        let fixed = fixed.max(window);
        if after_feedback {
            return Poll::AfterFeedback(ready.max(capped));
        }
        if announced <= ready.max(fixed) {
            Poll::At(ready.max(fixed))
        } else if self.state.under_way.cost() > 0 {
            // Any response may say that more is left.
            Poll::AfterFeedback(announced)
        } else {
            Poll::At(announced)
        }
    }

    /// Takes the tokens of every limit and returns the grant.
    fn issue(&mut self, now: Time, cost: u32, waited: bool) -> Grant {
        self.take_fixed(now, cost);
        let State {
            lineage,
            rate,
            cooldown_until,
            epoch,
            learner,
            breaker,
            last,
            under_way,
            held_by_cap,
            held_at_start,
            held_by_rate,
            budgets,
            ..
        } = &mut self.state;
        (*held_at_start, *held_by_rate) = (false, false);
        under_way.without_lost(now);
        under_way.granted(cost);
        *last = Last {
            number: last.number.saturating_add(u64::from(cost)),
            at: now.max(last.at),
            cost,
        };
        if let Some(budgets) = budgets {
            budgets.sent(last);
        }
        // A wait for a cap says nothing about the learned rate.
        let waited = waited && !std::mem::take(held_by_cap);
        let turns = breaker.as_ref().map_or(0, Breaker::turns);
        let trial = breaker.as_mut().is_some_and(|breaker| breaker.release(now));
        let canary = match learner {
            Some(learner) if self.windows.are_spent() => {
                learner.sent_by_window(now, waited, *rate);
                false
            }
            Some(learner) => learner.grant(now, waited, *cooldown_until, *rate),
            None => false,
        };
        let grant = Grant {
            lineage: *lineage,
            issued_at: now,
            epoch: *epoch,
            waited,
            cost,
            canary,
            turns,
            trial,
            number: last.number,
            beside: self.requests,
        };
        self.requests += 1;
        if let Some(inference) = &mut self.inference {
            inference.sent(&grant);
        }
        self.windows.sent(&grant);
        grant
    }

    /// Returns when a request of this cost would be granted at the current rate, after others that cost `ahead`. `Err`:
    /// the caller should not wait.
    ///
    /// Announced limits count if all responses are in: one that is in flight may say that more is left.
    pub(crate) fn projected(&self, now: Time, ahead: u64, cost: u32) -> Result<Time, Denial> {
        self.bearable_pause(now)?;
        let capacity = self.capacity();
        let amount = ahead as f64 + f64::from(cost).min(capacity);
        let due = self.state.bucket.due(amount, self.state.rate, capacity);
        let held = match self.passage(now) {
            Passage::At(trial) => trial,
            // A trial's response may come at any moment.
            Passage::Free | Passage::AfterTrial(_) | Passage::Denied(_) => Time::ZERO,
        };
        let due = due.max(self.windows.projected(now, ahead, cost));
        let due = due.max(self.fixed_due(now, ahead.saturating_add(u64::from(cost))));
        let announced = if self.has_all_responses() {
            self.announced_due(now, ahead)
        } else {
            Time::ZERO
        };
        let paused = held.max(self.state.cooldown_until);
        Ok(due.max(announced).max(paused))
    }

    /// Returns an error if the current pause, or the open circuit breaker, is not to be waited for.
    pub(in crate::limiter) fn bearable_pause(&self, now: Time) -> Result<(), Denial> {
        let left = self.state.cooldown_until.saturating_since(now);
        if left > self.settings.max_cooldown {
            return Err(Denial::Cooldown(left));
        }
        match self.passage(now) {
            Passage::Denied(left) => Err(Denial::CircuitOpen(left)),
            Passage::Free | Passage::At(_) | Passage::AfterTrial(_) => Ok(()),
        }
    }

    /// Returns whether callers who wait are denied: the circuit breaker is open and fails fast, or has been open for
    /// too long.
    pub(crate) fn denies_callers(&self, now: Time) -> bool {
        self.breaker().is_some_and(|(breaker, of)| {
            breaker.denies_callers(now, of, self.settings.max_cooldown)
        })
    }
}
