//! Bucket, law and cooldown as one machine over [`Settings`] and [`State`].
//!
//! It reads no clock, draws no chance and wakes nobody: every question brings the time along and the
//! answer says what to do. Its one notion of order is the *epoch*, the number of cuts so far: a permit
//! carries the epoch in which it was issued, and "before the cut" means a smaller number, never a
//! comparison of times.

use std::time::Duration;

use super::breaker::{Breaker, CircuitBreaker, Passage};
use super::bucket::Bucket;
use super::budget::Last;
use super::learned::Learned;
use super::learner::{Learner, Pace};
use super::terms::{Change, Grant, Learning, Poll, Settings, TurnedAway};
use crate::rate::Rate;
use crate::time::Time;

mod caps;
mod look;
mod retreat;
mod state;

pub(crate) use state::State;

/// Seconds' worth of tokens that a bucket holds, unless configured.
const CAPACITY_SECONDS: f64 = 2.0;

/// Most tokens that a bucket starts with, unless configured: a job should feel quick at once without
/// arriving at the API like a crowd.
const MOST_INITIAL_TOKENS: f64 = 10.0;

/// Most tokens that are counted: no number of requests comes near, and infinity can't be stored.
const MOST_TOKENS: f64 = 1e15;

/// Seconds' worth of tokens above the one that the bucket of a learner holds once the limit was met: as
/// late as timers are, but no burst, which would blur what is learned.
const LATENESS_SECONDS: f64 = 0.001;

/// The limiter's decisions.
#[derive(Debug, Clone)]
pub struct Controller {
    settings: Settings,
    state: State,
}

impl Controller {
    pub fn new(settings: Settings, now: Time) -> Self {
        let rate = settings.law.within(settings.initial);
        let capacity = capacity(&settings, rate);
        let tokens = settings
            .initial_tokens
            .unwrap_or_else(|| rate.as_per_second().clamp(1.0, MOST_INITIAL_TOKENS))
            .min(capacity);
        let state = State {
            lineage: 0,
            rate,
            bucket: Bucket::new(tokens, now),
            cooldown_until: Time::ZERO,
            epoch: 0,
            cuts_in_a_row: 0,
            learner: match settings.learning {
                Learning::On => Some(Learner::new(now)),
                Learning::Off => None,
            },
            breaker: settings.breaker.map(|_| Breaker::new(now)),
            fixed: settings.fixed.iter().map(|limit| limit.full(now)).collect(),
            last: Last {
                number: 0,
                at: now,
                cost: 0,
            },
            under_way: 0,
            budgets: None,
            reset_at: Time::ZERO,
            grace: Duration::ZERO,
            told_by: 0,
            held_by_cap: false,
            disagrees_since: None,
            disagreement_told: false,
        };
        Self { settings, state }
    }

    /// Goes on where another controller with these settings has stopped.
    pub(crate) const fn resumed(settings: Settings, state: State) -> Self {
        Self { settings, state }
    }

    /// The same, told from others that it may take the place of.
    pub(crate) const fn of_lineage(mut self, lineage: u64) -> Self {
        self.state.lineage = lineage;
        self
    }

    /// May a request of this cost be sent now? `waited` says that its caller was held up before.
    pub fn poll(&mut self, now: Time, cost: u32, waited: bool) -> Poll {
        let cooldown_until = self.state.cooldown_until;
        let left = cooldown_until.saturating_since(now);
        if left > self.settings.max_cooldown {
            return Poll::CooldownTooLong(left);
        }
        match self.passage(now) {
            Passage::Free => {}
            Passage::At(trial) => return Poll::At(trial.max(cooldown_until)),
            Passage::AfterTrial(lost_at) => {
                return Poll::AfterFeedback(lost_at.max(cooldown_until));
            }
            Passage::TurnedAway(left) => return Poll::CircuitOpen(left),
        }
        let learner = self.state.learner.as_mut();
        if let Some(lost_at) = learner.and_then(|learner| learner.canary_awaited_until(now)) {
            return Poll::AfterFeedback(lost_at.max(cooldown_until));
        }
        self.lapse(now);
        let capacity = self.capacity();
        let State { rate, bucket, .. } = &self.state;
        let ready = bucket.ready_at(f64::from(cost), *rate, capacity);
        if now < cooldown_until {
            return Poll::At(ready.max(cooldown_until));
        }
        let (fixed, announced) = (self.fixed_ready_at(cost), self.announced_due(now, 0));
        let capped = fixed.max(announced);
        if ready <= now && capped <= now {
            let State { rate, bucket, .. } = &mut self.state;
            bucket.spend(now, f64::from(cost), *rate, capacity);
            return Poll::Grant(self.issue(now, cost, waited));
        }
        self.state.held_by_cap |= capped > ready.max(now);
        if announced <= ready.max(fixed) {
            Poll::At(ready.max(fixed))
        } else if self.state.under_way > 0 {
            // Each answer may say that more is left.
            Poll::AfterFeedback(announced)
        } else {
            Poll::At(announced)
        }
    }

    fn issue(&mut self, now: Time, cost: u32, waited: bool) -> Grant {
        for (limit, bucket) in self.settings.fixed.iter().zip(&mut self.state.fixed) {
            limit.take(bucket, now, f64::from(cost));
        }
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
            ..
        } = &mut self.state;
        *under_way = under_way.saturating_add(1);
        *last = Last {
            number: last.number.saturating_add(u64::from(cost)),
            at: now.max(last.at),
            cost,
        };
        // Who was held up by a cap says nothing about the rate that is learned.
        let waited = waited && !std::mem::take(held_by_cap);
        let turns = breaker.as_ref().map_or(0, Breaker::turns);
        let trial = breaker.as_mut().is_some_and(|breaker| breaker.release(now));
        let canary = match learner {
            Some(learner) => learner.grant(now, waited, *cooldown_until, *rate),
            None => false,
        };
        Grant {
            lineage: *lineage,
            issued_at: now,
            epoch: *epoch,
            waited,
            cost,
            canary,
            turns,
            trial,
            number: last.number,
        }
    }

    /// When a request of this cost would be granted at the current rate, after others that cost
    /// `ahead`. `Err`: nobody is made to wait so long.
    ///
    /// What the server announced counts if all answers are in: one that is under way may say that more
    /// is left.
    pub(crate) fn projected(&self, now: Time, ahead: u64, cost: u32) -> Result<Time, TurnedAway> {
        self.bearable_pause(now)?;
        let capacity = self.capacity();
        let amount = ahead as f64 + f64::from(cost).min(capacity);
        let due = self.state.bucket.due(amount, self.state.rate, capacity);
        let held = match self.passage(now) {
            Passage::At(trial) => trial,
            // A trial's answer may come at any moment.
            Passage::Free | Passage::AfterTrial(_) | Passage::TurnedAway(_) => Time::ZERO,
        };
        let fixed = self.settings.fixed.iter().zip(&self.state.fixed);
        let fixed = fixed.map(|(limit, bucket)| limit.due(bucket, ahead as f64 + f64::from(cost)));
        let due = fixed.fold(due, Time::max);
        let announced = if self.has_all_answers() {
            self.announced_due(now, ahead)
        } else {
            Time::ZERO
        };
        let paused = held.max(self.state.cooldown_until);
        Ok(due.max(announced).max(paused))
    }

    /// A request that the limit let through.
    pub fn success(&mut self, now: Time, grant: &Grant) -> Change {
        self.landed();
        self.answered(now, grant, true);
        let fresh = self.is_of_this_epoch(grant);
        if fresh {
            self.state.cuts_in_a_row = 0;
        }
        let (rate, pace) = (self.state.rate, self.pace());
        match &mut self.state.learner {
            Some(learner) => {
                let to = learner.success(now, grant, fresh, rate, &pace);
                self.moved(now, to)
            }
            None if fresh && grant.waited => self.raise(now),
            None => Change::Nothing,
        }
    }

    /// A request that the limit let through, of which nothing can be learned as nobody had to wait for it: all
    /// that a [success](Self::success) does if neither a pause nor a cap depends on it. It needs no time.
    /// `false`: something may.
    pub(crate) fn counts(&mut self, grant: &Grant) -> bool {
        let State {
            rate,
            learner,
            breaker,
            budgets,
            held_by_cap,
            ..
        } = &self.state;
        let is_watched = breaker.is_some() || budgets.is_some() || *held_by_cap;
        if is_watched || grant.is_evidence() || !self.is_of_this_epoch(grant) {
            return false;
        }
        // A pause needs no look: the only grants of this epoch are canaries then, which are evidence.
        let law = &self.settings.law;
        let moves = |learner: &Learner| learner.at_rest(*rate, law) != *rate;
        if learner.as_ref().is_some_and(moves) {
            return false;
        }
        self.landed();
        self.state.cuts_in_a_row = 0;
        if let Some(learner) = &mut self.state.learner {
            learner.count(grant);
        }
        true
    }

    /// A request that the server refused. `hint` is the pause it asked for; `chance`, in `0.0..1.0`,
    /// draws the jitter.
    pub fn backoff(
        &mut self,
        now: Time,
        grant: &Grant,
        hint: Option<Duration>,
        chance: f64,
    ) -> Change {
        self.landed();
        self.answered(now, grant, false);
        self.note_early_reset(grant);
        let hint = hint.filter(|hint| !hint.is_zero());
        if !self.is_of_this_epoch(grant) {
            // Of the same burst as the refusal that cut: it may only say that the pause is longer.
            return match hint {
                Some(hint) => self.hold(now, self.jittered(hint, chance)),
                None => Change::Nothing,
            };
        }
        // A pause that the configuration names stands for the hint that is missing.
        let configured = self
            .settings
            .default_cooldown
            .map(|_| self.own_pause(self.state.rate));
        let (rate, law) = (self.state.rate, self.settings.law);
        match &mut self.state.learner {
            Some(learner) => {
                let retreat = learner.refuse(now, grant, hint.or(configured), rate, &law);
                self.retreat(now, retreat.rate, retreat.pause, chance)
            }
            None => self.cut(now, hint, chance),
        }
    }

    /// The server said, without refusing anything, that nothing is left for so long: a pause, no cut.
    pub fn exhausted(&mut self, now: Time, wait: Duration, chance: f64) -> Change {
        let budgets = self.state.budgets.as_ref();
        let wait = budgets.map_or(wait, |budgets| budgets.pause(now, wait));
        if wait.is_zero() {
            return Change::Nothing;
        }
        self.hold(now, self.jittered(wait, chance))
    }

    /// A permit that ended without a word about the limit. Its tokens stay spent; a canary is sent once
    /// more.
    pub(crate) fn neutral(&mut self, grant: &Grant) {
        self.landed();
        self.without_answer(grant);
        if let (Some(breaker), Some(of)) = (&mut self.state.breaker, &self.settings.breaker) {
            breaker.without_word(grant, of);
        }
    }

    /// A request without an answer, or with one that the server did not mean: no word about the limit,
    /// but the circuit breaker counts it.
    pub fn failed(&mut self, now: Time, grant: &Grant) {
        self.landed();
        self.without_answer(grant);
        if let (Some(breaker), Some(of)) = (&mut self.state.breaker, &self.settings.breaker) {
            breaker.failed(now, grant, of);
        }
    }

    /// Whether callers who wait are turned away: the circuit is open, and for too long or for those who
    /// would rather fail.
    pub(crate) fn turns_away(&self, now: Time) -> bool {
        self.breaker()
            .is_some_and(|(breaker, of)| breaker.turns_away(now, of, self.settings.max_cooldown))
    }

    /// A request that was never sent gives its tokens back, unless a cut has emptied the bucket since.
    pub(crate) fn unused(&mut self, grant: &Grant) {
        self.landed();
        self.without_answer(grant);
        if let Some(breaker) = &mut self.state.breaker {
            breaker.unsent(grant);
        }
        let last = &mut self.state.last;
        if grant.number == last.number {
            // Of what the server announced it took nothing; it still counts for the pace.
            last.number = last.number.saturating_sub(u64::from(grant.cost));
        }
        if self.is_of_this_epoch(grant) {
            let capacity = self.capacity();
            self.state.bucket.put_back(f64::from(grant.cost), capacity);
        }
        for (limit, bucket) in self.settings.fixed.iter().zip(&mut self.state.fixed) {
            limit.put_back(bucket, f64::from(grant.cost));
        }
    }

    /// Whether a cut or a pause began since this grant. Nothing is granted in a pause: one that ends
    /// after the grant has begun after it.
    pub(crate) fn has_retreated_since(&self, grant: &Grant) -> bool {
        !self.is_of_this_epoch(grant) || self.state.cooldown_until > grant.issued_at
    }

    /// Whether no cut came after that grant.
    pub(crate) fn is_of_this_epoch(&self, grant: &Grant) -> bool {
        grant.lineage == self.state.lineage && grant.epoch >= self.state.epoch
    }

    /// A success reported by hand: the law, to the letter.
    pub(crate) fn on_success(&mut self, now: Time) -> Change {
        self.state.cuts_in_a_row = 0;
        self.raise(now)
    }

    /// A refusal reported by hand: the law, to the letter.
    pub(crate) fn on_backoff(&mut self, now: Time, hint: Option<Duration>, chance: f64) -> Change {
        self.cut(now, hint, chance)
    }

    /// New bounds; tokens and cooldown stay.
    pub(crate) fn set_bounds(&mut self, now: Time, min: Rate, max: Rate) {
        self.settings.law.min = min;
        self.settings.law.max = max;
        self.change_rate(now, self.settings.law.within(self.state.rate));
    }

    /// What the next run can start from, once something was learned.
    pub fn learned(&self, unix_now: Duration) -> Option<Learned> {
        let learner = self.state.learner.as_ref()?;
        learner.learned(self.state.rate, unix_now)
    }

    /// Starts from what an earlier run learned, instead of searching. Does nothing if that
    /// run followed another law or learning is off.
    pub fn restore(&mut self, now: Time, learned: &Learned, unix_now: Duration) -> Change {
        let law = self.settings.law;
        let ceiling =
            learned.ceiling_after(learned.age(unix_now), law.within(self.settings.initial));
        match (ceiling, &mut self.state.learner) {
            (Some(ceiling), Some(learner)) => {
                let to = law.within(learner.restore(now, ceiling, learned));
                self.moved(now, to)
            }
            _ => Change::Nothing,
        }
    }

    fn breaker(&self) -> Option<(&Breaker, &CircuitBreaker)> {
        self.state
            .breaker
            .as_ref()
            .zip(self.settings.breaker.as_ref())
    }

    fn passage(&self, now: Time) -> Passage {
        self.breaker().map_or(Passage::Free, |(breaker, of)| {
            breaker.passage(now, of, self.settings.max_cooldown)
        })
    }

    /// A grant has come to its end.
    fn landed(&mut self) {
        self.state.under_way = self.state.under_way.saturating_sub(1);
    }

    fn answered(&mut self, now: Time, grant: &Grant, succeeded: bool) {
        if let (Some(breaker), Some(of)) = (&mut self.state.breaker, &self.settings.breaker) {
            breaker.answered(now, grant, succeeded, of);
        }
    }

    fn without_answer(&mut self, grant: &Grant) {
        if let Some(learner) = self.state.learner.as_mut().filter(|_| grant.canary) {
            learner.canary_lost(grant);
        }
    }

    /// Whether anybody waits for the pause that is left.
    pub(super) fn bearable_pause(&self, now: Time) -> Result<(), TurnedAway> {
        let left = self.state.cooldown_until.saturating_since(now);
        if left > self.settings.max_cooldown {
            return Err(TurnedAway::Cooldown(left));
        }
        match self.passage(now) {
            Passage::TurnedAway(left) => Err(TurnedAway::CircuitOpen(left)),
            Passage::Free | Passage::At(_) | Passage::AfterTrial(_) => Ok(()),
        }
    }

    fn capacity(&self) -> f64 {
        let capacity = capacity(&self.settings, self.state.rate);
        match &self.state.learner {
            Some(learner) if learner.has_met_the_limit() => {
                let lateness = LATENESS_SECONDS * self.state.rate.as_per_second();
                capacity.min(1.0 + lateness)
            }
            _ => capacity,
        }
    }

    fn pace(&self) -> Pace {
        Pace {
            law: self.settings.law,
            probe_interval: self.settings.probe_interval,
        }
    }
}

/// Never below 1: a bucket that can't hold one token would never grant anything.
fn capacity(settings: &Settings, rate: Rate) -> f64 {
    settings
        .capacity
        .unwrap_or(CAPACITY_SECONDS * rate.as_per_second())
        .clamp(1.0, MOST_TOKENS)
}

#[cfg(test)]
#[path = "controller_tests.rs"]
mod tests;
