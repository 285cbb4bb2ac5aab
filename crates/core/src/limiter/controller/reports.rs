//! Changes by outcomes of requests.

use std::time::Duration;

use super::Controller;
use crate::limiter::announced::AnnouncedLimits;
use crate::limiter::budgets::UsedUp;
use crate::limiter::grant::Grant;
use crate::limiter::learner::Learner;
use crate::limiter::outcome::{Change, ManualReport, Outcome};
use crate::rate::Rate;
use crate::time::Time;

impl Controller {
    /// Takes in the outcome of a granted request and returns what that changed. Report each grant exactly once.
    pub fn report(&mut self, now: Time, grant: &Grant, outcome: Outcome) -> Change {
        if let Some(inference) = &mut self.inference {
            inference.answered(now, grant, &outcome);
        }
        let change = self.report_outcome(now, grant, outcome);
        self.consider_windows(now);
        change
    }

    fn report_outcome(&mut self, now: Time, grant: &Grant, outcome: Outcome) -> Change {
        match outcome {
            Outcome::Success {
                announced,
                exhausted,
                chance,
            } => {
                let is_first = self.state.budgets.is_none();
                self.announced_by(now, grant, &announced.exhausted_for(exhausted));
                if announced.is_silent() {
                    self.unconfirmed(grant);
                }
                let change = self.succeeded(now, grant);
                if is_first {
                    self.start_with(now, &announced);
                }
                let by_reset = announced.pauses_by_reset();
                match exhausted {
                    Some(wait) => {
                        change.or_graver(self.pause_exhausted(now, wait, by_reset, chance))
                    }
                    None => change,
                }
            }
            Outcome::Refused {
                announced,
                hint,
                chance,
            } => {
                self.announced_by(now, grant, &announced.exhausted_for(hint));
                self.refused(now, grant, &announced, hint, chance)
            }
            Outcome::Failed => {
                self.windows.failed(grant);
                self.returned(grant);
                if let (Some(breaker), Some(of)) = (&mut self.state.breaker, &self.settings.breaker)
                {
                    breaker.failed(now, grant, of);
                }
                Change::Nothing
            }
            Outcome::Neutral => {
                self.windows.failed(grant);
                self.returned(grant);
                if let (Some(breaker), Some(of)) = (&mut self.state.breaker, &self.settings.breaker)
                {
                    breaker.without_word(grant, of);
                }
                Change::Nothing
            }
            Outcome::Unused => {
                self.put_back(grant);
                Change::Nothing
            }
        }
    }

    /// Takes in feedback for which there is no grant, and returns what that changed.
    pub fn report_manually(&mut self, now: Time, report: ManualReport) -> Change {
        if !matches!(report, ManualReport::Exhausted { .. }) {
            self.leave_windows(now);
        }
        match report {
            ManualReport::Success => {
                self.state.cuts_in_a_row = 0;
                self.raise(now)
            }
            ManualReport::Refused { hint, chance } => self.cut(now, hint, chance),
            ManualReport::Exhausted {
                wait,
                by_reset,
                chance,
            } => self.pause_exhausted(now, wait, by_reset, chance),
        }
    }

    /// Takes in that the server refused a request which another controller granted, and asked for a pause of `hint`. That
    /// can only prolong a pause: numbers and times of the grant are those of the other.
    pub(in crate::limiter) fn refused_elsewhere(
        &mut self,
        now: Time,
        hint: Option<Duration>,
        chance: f64,
    ) -> Change {
        match hint.filter(|hint| !hint.is_zero()) {
            Some(hint) => self.hold(now, self.jittered(hint, chance)),
            None => Change::Nothing,
        }
    }

    /// Takes in a request that the limit let through.
    fn succeeded(&mut self, now: Time, grant: &Grant) -> Change {
        self.landed(grant);
        self.answered(now, grant, true);
        let fresh = self.is_of_this_epoch(grant);
        if fresh {
            self.state.cuts_in_a_row = 0;
        }
        if self.windows_accepted(now, grant) {
            return Change::Nothing;
        }
        if let Some(to) = self.resumed_at_once(now, grant, fresh) {
            return self.moved(now, to);
        }
        let rate = self.state.rate;
        let pace = self.pace();
        match &mut self.state.learner {
            Some(learner) => {
                let to = learner.success(now, grant, fresh, rate, &pace);
                self.moved(now, to)
            }
            None if fresh && grant.waited => self.raise(now),
            None => Change::Nothing,
        }
    }

    /// Takes in a success for the limit of requests at once. Returns the rate to go on at if it ends a pause that such a
    /// limit explains.
    fn resumed_at_once(&mut self, now: Time, grant: &Grant, fresh: bool) -> Option<Rate> {
        let at_once = self.at_once.as_mut()?;
        let learner = self.state.learner.as_mut()?;
        let interval = self.settings.probe_interval;
        at_once.accepted(now, grant, learner.trip(), interval);
        if !(fresh && learner.is_pausing()) {
            return None;
        }
        let rate = at_once.resumes(now, interval)?;
        learner.count(grant);
        learner.refused_for_number();
        Some(self.settings.law.within(rate))
    }

    /// Takes in a refusal for the limit of requests at once.
    fn refused_at_once(&mut self, grant: &Grant) {
        let (is_fresh, is_pausing) = (self.is_of_this_epoch(grant), self.is_pausing());
        let rate = self.state.rate;
        if let Some(at_once) = self.at_once.as_mut().filter(|_| is_fresh || is_pausing) {
            at_once.refused(grant, rate, !is_pausing);
        }
    }

    /// Takes in a request that the server refused. `hint` is the pause that it asks for.
    fn refused(
        &mut self,
        now: Time,
        grant: &Grant,
        announced: &AnnouncedLimits,
        hint: Option<Duration>,
        chance: f64,
    ) -> Change {
        self.landed(grant);
        self.answered(now, grant, false);
        self.note_early_reset(grant);
        let hint = hint.filter(|hint| !hint.is_zero());
        let used_up = self.state.budgets.as_ref();
        let used_up = used_up.and_then(|it| it.used_up(now, &self.state.last, announced));
        // What is known of a limit may be more exact than its reset.
        let asked = hint.filter(|_| !announced.pauses_by_reset());
        let hint = match used_up {
            Some(UsedUp::For(wait)) => {
                let longest = hint.unwrap_or(self.settings.max_cooldown);
                asked.or(Some(wait.min(longest)))
            }
            Some(UsedUp::ByOthers) => asked,
            None => hint,
        };
        let is_explained = matches!(used_up, Some(UsedUp::For(_)));
        if !is_explained {
            self.refused_at_once(grant);
        }
        if self.windows.refused(now, grant) {
            // A window is spent by its number, so this is no reason for a lower rate.
            return match hint {
                Some(hint) => self.hold(now, hint),
                None => Change::Nothing,
            };
        }
        if !self.is_of_this_epoch(grant) {
            // It belongs to the burst whose first refusal cut the rate: it can only prolong the pause.
            return match hint {
                Some(hint) => self.hold(now, self.jittered(hint, chance)),
                None => Change::Nothing,
            };
        }
        if let Some(wait) = hint.filter(|_| is_explained && !grant.canary && !self.is_pausing()) {
            // An announced limit is used up. That says nothing about the rate.
            return self.hold(now, self.until_reset(wait, chance));
        }
        // A configured pause replaces a missing hint.
        let configured = self
            .settings
            .default_cooldown
            .map(|_| self.own_pause(self.state.rate));
        let (rate, law) = (self.state.rate, self.settings.law);
        match &mut self.state.learner {
            Some(learner) => {
                let rate = learner.refused_rate(now, rate, &law);
                let retreat = learner.refuse(now, grant, hint.or(configured), rate, &law);
                self.retreat(now, retreat.rate, retreat.pause, chance)
            }
            None => self.cut(now, hint, chance),
        }
    }

    /// Pauses, without a cut, because nothing is left of a limit for `wait`. What the server asks for is obeyed as it is; a
    /// reset is only waited for as far as it is needed.
    fn pause_exhausted(
        &mut self,
        now: Time,
        wait: Duration,
        by_reset: bool,
        chance: f64,
    ) -> Change {
        let budgets = self.state.budgets.as_ref().filter(|_| by_reset);
        let wait = budgets.map_or(wait, |budgets| budgets.pause(now, wait));
        if wait.is_zero() {
            return Change::Nothing;
        }
        self.hold(now, self.until_reset(wait, chance))
    }

    /// Returns whether learning waits for the end of a pause.
    fn is_pausing(&self) -> bool {
        self.state.learner.as_ref().is_some_and(Learner::is_pausing)
    }

    /// Gives back the tokens of a request that was never sent, unless a cut has emptied the bucket since.
    fn put_back(&mut self, grant: &Grant) {
        self.windows.unsent(grant);
        self.returned(grant);
        if let Some(breaker) = &mut self.state.breaker {
            breaker.unsent(grant);
        }
        let last = &mut self.state.last;
        if grant.number == last.number {
            // It used nothing of an announced limit, but still counts for the pace.
            last.number = last.number.saturating_sub(u64::from(grant.cost));
        }
        if let Some(budgets) = &mut self.state.budgets {
            budgets.unsent(grant);
        }
        if self.is_of_this_epoch(grant) {
            let capacity = self.capacity();
            self.state.bucket.put_back(f64::from(grant.cost), capacity);
        }
        self.put_back_fixed(grant.issued_at, grant.cost);
    }

    /// Returns whether a cut or a pause began since this grant. Nothing is granted during a pause, so a pause that ends
    /// after the grant began after it.
    pub(crate) fn has_retreated_since(&self, grant: &Grant) -> bool {
        !self.is_of_this_epoch(grant) || self.state.cooldown_until > grant.issued_at
    }

    /// Returns whether no cut came after this grant.
    pub(crate) fn is_of_this_epoch(&self, grant: &Grant) -> bool {
        grant.lineage == self.state.lineage && grant.epoch >= self.state.epoch
    }

    /// Counts a grant's outcome as known.
    fn landed(&mut self, grant: &Grant) {
        if grant.lineage == self.state.lineage {
            self.state.under_way.landed(grant.issued_at, grant.cost);
            self.requests = self.requests.saturating_sub(1);
        }
    }

    /// Tells the circuit breaker that the server responds.
    fn answered(&mut self, now: Time, grant: &Grant, succeeded: bool) {
        if let (Some(breaker), Some(of)) = (&mut self.state.breaker, &self.settings.breaker) {
            breaker.answered(now, grant, succeeded, of);
        }
    }

    /// Counts a grant's outcome as known, though it says nothing about the limit. A canary is sent once more.
    fn returned(&mut self, grant: &Grant) {
        self.landed(grant);
        if let Some(learner) = self.state.learner.as_mut().filter(|_| grant.canary) {
            learner.canary_lost(grant);
        }
    }
}
