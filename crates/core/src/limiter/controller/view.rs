//! Read-only views of the controller.

use std::time::Duration;

use super::Controller;
use crate::limiter::breaker::Breaker;
use crate::limiter::inference::InferredLimit;
use crate::limiter::learner::Learner;
use crate::limiter::phase::Phase;
use crate::limiter::poll::{Denial, Poll};
use crate::limiter::state::State;
use crate::limiter::view::{Belief, View};
use crate::rate::Rate;
use crate::time::Time;

impl Controller {
    /// Returns the estimate of the limit and the state of the breaker, to see whether they change.
    pub(crate) fn belief(&self) -> Belief {
        let State {
            learner, breaker, ..
        } = &self.state;
        let learner = learner.as_ref();
        Belief {
            ceiling: self
                .windows_rate()
                .or_else(|| learner.and_then(Learner::ceiling)),
            learning: learner.map(|learner| (self.phase(learner), learner.reason())),
            limit: self.inferred().as_ref().map(InferredLimit::law),
            open_since: breaker.as_ref().and_then(Breaker::open_since),
        }
    }

    fn phase(&self, learner: &Learner) -> Phase {
        if self.windows.are_spent() {
            return Phase::Spending;
        }
        match learner.phase() {
            pausing @ (Phase::Cooling | Phase::Blocked) => pausing,
            _ if self.holds_at_once() => Phase::Filling,
            _ if self.is_at_max_rate(learner) => Phase::AtMaxRate,
            phase => phase,
        }
    }

    /// Returns whether only `max_rate` keeps the rate down. In the long run a limit at or below it would do so, whether it is
    /// learned, known or announced.
    fn is_at_max_rate(&self, learner: &Learner) -> bool {
        let max = self.settings.law.max;
        self.state.rate >= max
            && learner.allows(max)
            && self.settings.fixed.iter().all(|known| known.exceeds(max))
            && self.state.budgets.iter().all(|told| told.exceed(max))
    }

    /// Returns whether a limit of requests at once was found, and holds.
    fn holds_at_once(&self) -> bool {
        let at_once = self.at_once.as_ref();
        at_once.is_some_and(|it| it.found().is_some())
    }

    /// Returns the hidden limit, once it is found.
    fn inferred(&self) -> Option<InferredLimit> {
        let at_once = self.at_once.as_ref().and_then(|it| it.found());
        let windows = || self.inference.as_ref()?.found().copied();
        at_once.or_else(windows)
    }

    /// Returns the name of its state.
    pub(in crate::limiter) const fn lineage(&self) -> u64 {
        self.state.lineage
    }

    /// Returns the current rate.
    pub(in crate::limiter) const fn pace_now(&self) -> Rate {
        self.state.rate
    }

    /// Returns how much another holder of this state may have granted from `since` to `until`. During the search the rate
    /// grows with each success, so exponentially, and first with the successes that are under way.
    pub(in crate::limiter) fn may_have_granted(&self, since: Time, until: Time) -> u64 {
        let (rate, capacity) = (self.state.rate, self.capacity());
        let tokens = self.state.bucket.tokens(since, rate, capacity).max(0.0);
        let time = until.saturating_since(since);
        let learner = self.state.learner.as_ref().filter(|_| self.searches());
        let accrued = match learner.map(|learner| learner.search_step(&self.pace())) {
            Some(step) if step > 0.0 => {
                // Each success raises it, and those that are under way may come at once.
                let rate = rate.as_per_second() + step * self.state.under_way.cost() as f64;
                let grown = rate * (step * time.as_secs_f64()).exp_m1() / step;
                grown.min(self.settings.law.max.amount_in(time))
            }
            _ => rate.amount_in(time),
        };
        // A conversion from a float saturates.
        (tokens + accrued).ceil() as u64
    }

    /// Returns whether the bucket is full: tokens that come from now on are lost unless they are used.
    pub(in crate::limiter) fn is_full(&self, now: Time) -> bool {
        let capacity = self.capacity();
        self.state.bucket.tokens(now, self.state.rate, capacity) >= capacity
    }

    /// Returns whether nothing has been learned yet, so that knowledge of an earlier run may replace the state.
    pub(in crate::limiter) fn has_learned_nothing(&self) -> bool {
        let learner = self.state.learner.as_ref();
        learner.is_some_and(|it| it.ceiling().is_none() && !it.has_met_the_limit())
    }

    /// Returns the sum of the costs of all grants.
    pub(in crate::limiter) const fn sent(&self) -> u64 {
        self.state.last.number
    }

    /// Returns the rest of the pause.
    pub(in crate::limiter) fn pause_left(&self, now: Time) -> Duration {
        self.state.cooldown_until.saturating_since(now)
    }

    /// Returns when the next request of this cost may go, if no other goes before. `true`: a pending response may
    /// change that.
    pub(in crate::limiter) fn next_at(&self, now: Time, cost: u32) -> (Time, bool) {
        match self.clone().poll(now, cost, true) {
            Poll::Grant(_) => (now, false),
            Poll::At(time) => (time, false),
            Poll::AfterFeedback(time) => (time, true),
            Poll::Denied(Denial::Cooldown(wait) | Denial::CircuitOpen(wait)) => (now + wait, true),
            Poll::Denied(Denial::Fleet(_)) => (now, true),
        }
    }

    /// Returns the state, to be stored.
    pub(crate) const fn state(&self) -> &State {
        &self.state
    }

    /// Returns a snapshot of the state, for people and dashboards.
    pub fn view(&self, now: Time) -> View {
        let State {
            rate,
            bucket,
            cooldown_until,
            learner,
            breaker,
            budgets,
            last,
            ..
        } = &self.state;
        View {
            rate: self.windows_rate().unwrap_or(*rate),
            tokens: bucket.tokens(now, *rate, self.capacity()),
            cooldown_until: Some(*cooldown_until).filter(|until| *until > now),
            ceiling: self
                .windows_rate()
                .or_else(|| learner.as_ref().and_then(Learner::ceiling)),
            learning: learner
                .as_ref()
                .map(|learner| (self.phase(learner), learner.reason())),
            breaker: breaker.as_ref().map(Breaker::phase),
            next_trial: breaker.as_ref().and_then(Breaker::next_trial),
            announced: budgets
                .as_ref()
                .and_then(|budgets| budgets.tightest(now, last.number)),
            used_up: self.used_up_limit(now),
            limit: self.inferred(),
            fits_no_law: self.inference.as_ref().is_some_and(|it| it.fits_no_law()),
            fleet: None,
        }
    }
}

#[cfg(test)]
mod tests;
