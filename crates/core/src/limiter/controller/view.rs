//! What others see of the state.

use std::time::Duration;

use super::Controller;
use crate::limiter::breaker::Breaker;
use crate::limiter::learner::Learner;
use crate::limiter::poll::{Denial, Poll};
use crate::limiter::state::State;
use crate::limiter::view::{Belief, View};
use crate::rate::Rate;
use crate::time::Time;

impl Controller {
    /// What it believes about the limit, to see whether that changed.
    pub(crate) fn belief(&self) -> Belief {
        let State {
            learner, breaker, ..
        } = &self.state;
        let learner = learner.as_ref();
        Belief {
            ceiling: learner.and_then(Learner::ceiling),
            learning: learner.map(|learner| (learner.phase(), learner.reason())),
            open_since: breaker.as_ref().and_then(Breaker::open_since),
        }
    }

    /// Which state it is.
    pub(in crate::limiter) const fn lineage(&self) -> u64 {
        self.state.lineage
    }

    /// What requests are paced at now.
    pub(in crate::limiter) const fn pace_now(&self) -> Rate {
        self.state.rate
    }

    /// Whether nothing more can be saved up: what comes from now on is lost unless it is taken.
    pub(in crate::limiter) fn is_full(&self, now: Time) -> bool {
        let capacity = self.capacity();
        self.state.bucket.tokens(now, self.state.rate, capacity) >= capacity
    }

    /// Whether it has nothing to lose by what an earlier run has learned: nothing was granted, or no limit met.
    pub(in crate::limiter) fn has_learned_nothing(&self) -> bool {
        let learner = self.state.learner.as_ref();
        learner.is_some_and(|it| it.ceiling().is_none() && !it.has_met_the_limit())
    }

    /// What was granted so far, by cost.
    pub(in crate::limiter) const fn sent(&self) -> u64 {
        self.state.last.number
    }

    /// What is left of the pause.
    pub(in crate::limiter) fn pause_left(&self, now: Time) -> Duration {
        self.state.cooldown_until.saturating_since(now)
    }

    /// When the next request of this cost may go, if nobody else goes before; `true`: an answer that is
    /// under way may change that.
    pub(in crate::limiter) fn next_at(&self, now: Time, cost: u32) -> (Time, bool) {
        match self.clone().poll(now, cost, true) {
            Poll::Grant(_) => (now, false),
            Poll::At(time) => (time, false),
            Poll::AfterFeedback(time) => (time, true),
            Poll::Denied(Denial::Cooldown(wait) | Denial::CircuitOpen(wait)) => (now + wait, true),
            Poll::Denied(Denial::Fleet(_)) => (now, true),
        }
    }

    /// What changes of it, to be stored.
    pub(crate) const fn state(&self) -> &State {
        &self.state
    }

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
            rate: *rate,
            tokens: bucket.tokens(now, *rate, self.capacity()),
            cooldown_until: Some(*cooldown_until).filter(|until| *until > now),
            ceiling: learner.as_ref().and_then(Learner::ceiling),
            learning: learner
                .as_ref()
                .map(|learner| (learner.phase(), learner.reason())),
            breaker: breaker.as_ref().map(Breaker::phase),
            next_trial: breaker.as_ref().and_then(Breaker::next_trial),
            announced: budgets
                .as_ref()
                .and_then(|budgets| budgets.tightest(now, last.number)),
            fleet: None,
        }
    }
}
