//! Spending the windows of a hidden limit, in place of the learned rate.

use std::time::Duration;

use super::Controller;
use crate::limiter::grant::Grant;
use crate::limiter::inference::InferredLimit;
use crate::limiter::learned::{Learned, RememberedWindow};
use crate::limiter::window_spending::{WindowSpending, WindowTurn};
use crate::rate::Rate;
use crate::time::Time;

/// How long no law is spent after one that turned out wrong, at least, and after any, at most.
const WRONG_PENALTY: Duration = Duration::from_secs(600);
const LONGEST_PENALTY: Duration = Duration::from_secs(3600);

/// A law that was spent for less time than this leaves the learned ceiling as it was.
const SHORT: Duration = Duration::from_secs(120);

/// Ratio to the law's rate within which a learned ceiling is kept.
const SAME: std::ops::Range<f64> = 0.6..1.6;

impl Controller {
    /// Returns the rate that the spent windows amount to.
    pub(super) fn windows_rate(&self) -> Option<Rate> {
        self.windows.spending.as_ref()?.rate()
    }

    /// Returns when the windows let a request of this cost go.
    pub(super) fn windows_turn(&mut self, now: Time, cost: u32) -> WindowTurn {
        let Some(spending) = &mut self.windows.spending else {
            return WindowTurn::At(Time::ZERO);
        };
        spending.advance(now);
        if spending.is_refuted() {
            self.leave_windows(now);
            return WindowTurn::At(Time::ZERO);
        }
        spending.turn(now, cost)
    }

    /// Takes in an accepted request. Returns whether windows are spent.
    pub(super) fn windows_accepted(&mut self, now: Time, grant: &Grant) -> bool {
        let (Some(spending), Some(inference)) = (&mut self.windows.spending, &self.inference)
        else {
            return false;
        };
        let is_first = spending.accepted(grant, inference.excess(grant, now));
        if let Some(learner) = &mut self.state.learner {
            if is_first {
                learner.window_began(grant.issued_at, spending.length());
            }
            learner.count(grant);
        }
        true
    }

    /// Begins to spend windows, goes on to others, or gives them up.
    pub(super) fn consider_windows(&mut self, now: Time) {
        let Some(inference) = &mut self.inference else {
            return;
        };
        if let Some(spending) = &mut self.windows.spending {
            spending.advance(now);
            if spending.is_refuted() || self.state.budgets.is_some() {
                return self.leave_windows(now);
            }
        }
        if !inference.has_concluded() {
            return;
        }
        let Some(found) = inference.probable() else {
            return;
        };
        match &mut self.windows.spending {
            Some(spending) if spending.is_of(found) => {
                spending.aim(found);
                spending.set_hints(inference.has_hints());
            }
            // Another law has to be sure: ours makes the server look as it expects.
            Some(_) if inference.found().map(InferredLimit::law) != Some(found.law()) => {}
            _ if now < self.windows.not_before || self.state.budgets.is_some() => {}
            _ => {
                let in_flight = self.state.under_way.cost();
                let sent = (!inference.is_blocked()).then_some(in_flight + 1);
                let last = self.state.last.number;
                let spending = WindowSpending::new(found, inference.jitter(), now, last, sent);
                // The next window is waited for, and no longer than callers wait for anything.
                let spending = spending.filter(|it| it.length() <= self.settings.max_cooldown);
                if let Some(mut spending) = spending {
                    spending.set_hints(inference.has_hints());
                    self.enter_windows(now, spending);
                }
            }
        }
    }

    /// Returns the law of the spent windows, for the next run.
    pub(super) fn windows_to_remember(
        &self,
        now: Time,
        unix: Duration,
    ) -> Option<RememberedWindow> {
        let spending = self.windows.spending.as_ref()?;
        Some(spending.to_remember(self.state.last.at, (now, unix)))
    }

    /// Goes on with windows that an earlier run spent, if it has left any.
    pub(super) fn restore_windows(&mut self, now: Time, learned: &Learned, unix: Duration) {
        let Some(inference) = self
            .inference
            .as_ref()
            .filter(|_| self.state.budgets.is_none())
        else {
            return;
        };
        let window = learned.hidden_window(unix);
        let last = self.state.last.number;
        let spending = window
            .and_then(|it| WindowSpending::remembered(it, inference.jitter(), (now, unix), last));
        let spending = spending.filter(|it| it.length() <= self.settings.max_cooldown);
        if let Some(spending) = spending {
            self.enter_windows(now, spending);
        }
    }

    fn enter_windows(&mut self, now: Time, spending: WindowSpending) {
        self.windows.spending = Some(Box::new(spending));
        if let Some(learner) = &mut self.state.learner {
            learner.suspended();
        }
        // The windows bound what is sent; the rate bounds how fast a burst is.
        self.change_rate(now, self.settings.law.max);
    }

    /// Gives the windows up. The learner goes on at the rate that they amount to.
    pub(super) fn leave_windows(&mut self, now: Time) {
        let Some(spending) = self.windows.spending.take() else {
            return;
        };
        let penalty = if spending.is_refuted() {
            self.windows.penalty.max(WRONG_PENALTY)
        } else {
            self.windows.penalty
        };
        self.windows.not_before = now + penalty;
        self.windows.penalty = (self.windows.penalty * 2).min(LONGEST_PENALTY);
        if let Some(inference) = &mut self.inference {
            inference.begin_anew();
        }
        let law = self.settings.law;
        let Some(learner) = &mut self.state.learner else {
            return;
        };
        let rate = spending.rate().map_or(law.min, |rate| law.within(rate));
        let is_short = now.saturating_since(spending.entered()) < SHORT;
        let kept = learner.ceiling().filter(|ceiling| {
            let ratio = ceiling.as_per_second() / rate.as_per_second();
            is_short || SAME.contains(&ratio)
        });
        let ceiling = kept.unwrap_or(rate);
        let to = law.within(learner.after_windows(now, ceiling));
        self.change_rate(now, to);
    }
}
