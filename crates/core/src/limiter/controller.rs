//! The limiter's decisions: token bucket, rate law, pauses, learned ceiling and circuit breaker as one value.
//!
//! The controller reads no clock, draws no random number and wakes no caller. Every call brings the time along, and
//! the return value says what to do. Order is kept by the *epoch*, the number of cuts so far: a grant carries the
//! epoch in which it was issued, so "before the cut" means a smaller number and never a comparison of times.

use std::time::Duration;

use super::announced::AnnouncedLimits;
use super::at_once::AtOnce;
use super::breaker::{Breaker, Passage};
use super::bucket::Bucket;
use super::circuit_breaker::CircuitBreaker;
use super::fixed::FixedLimit;
use super::hidden_windows::HiddenWindows;
use super::inference::Inference;
use super::learned::Learned;
use super::learner::{Learner, Pace, Search};
use super::outcome::Change;
use super::settings::{Learning, Settings};
use super::spending::Last;
use super::start::AWAITED;
use super::state::State;
use super::under_way::UnderWay;
use crate::rate::Rate;
use crate::time::Time;

#[cfg(test)]
mod at_once_tests;
mod caps;
mod grants;
mod known;
mod reports;
mod retreat;
#[cfg(test)]
mod shorthands;
mod view;
mod windows;

/// Seconds' worth of tokens that a bucket holds, unless configured.
const CAPACITY_SECONDS: f64 = 2.0;

/// Maximum number of tokens at the start, unless configured: enough to start quickly, too few to flood the API.
const MOST_INITIAL_TOKENS: f64 = 10.0;

/// Maximum number of tokens in any bucket. No number of requests comes near it, and infinity can't be stored.
const MOST_TOKENS: f64 = 1e15;

/// Seconds' worth of tokens above one that the bucket holds once learning has met the limit: covers late timers but
/// allows no burst, which would blur the measurement.
const LATENESS_SECONDS: f64 = 0.001;

/// Ratio of the maximum and the initial rate up to which the limit counts as known: whoever configures them knows it.
const NARROW: f64 = 2.0;

/// Tokens at the first announcement, and part of what is left that they are at most.
const TOKENS_AT_FIRST: u64 = 8;
const PART_AT_FIRST: u64 = 4;

/// A rate limiter as a pure value: decides when requests may be sent, and learns from their outcomes.
///
/// Drive it in a loop: [`poll`](Self::poll) until it grants, send the request, [`report`](Self::report) the outcome.
///
/// ```
/// use std::time::Duration;
///
/// use api_ratelimiter_core::limiter::{Change, Controller, Outcome, Poll};
/// use api_ratelimiter_core::{ApiRateConfig, Time};
///
/// let mut limiter = Controller::new(ApiRateConfig::default().settings()?, Time::ZERO);
/// let Poll::Grant(grant) = limiter.poll(Time::ZERO, 1, false) else { panic!("a token is there") };
///
/// // The server refuses the request and asks for a pause of 3 s.
/// let now = Time::ZERO + Duration::from_millis(80);
/// let refused = Outcome::refused(Some(Duration::from_secs(3)), 0.0);
/// let Change::Cut { from, to, cooldown } = limiter.report(now, &grant, refused) else { panic!("a cut") };
/// assert!(to < from);
/// assert_eq!(cooldown, Duration::from_secs(3));
///
/// // Nothing is granted before the pause is over.
/// assert_eq!(limiter.poll(now, 1, false), Poll::At(now + cooldown));
/// # Ok::<(), api_ratelimiter_core::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Controller {
    settings: Settings,
    state: State,
    /// Finds the law of a hidden window; `None` where learning is off, and in a fleet.
    inference: Option<Box<Inference>>,
    windows: HiddenWindows,
    /// Finds a limit of requests at once; `None` where learning is off, and in a fleet.
    at_once: Option<Box<AtOnce>>,
    /// Number of requests that are under way. A fleet's workers count theirs.
    requests: u64,
    /// Time from a response until its outcome is reported: in a fleet, until the next visits to the store.
    known_after: Duration,
}

impl Controller {
    /// Returns a controller that starts at `now` with the initial rate and tokens of `settings`.
    #[must_use]
    pub fn new(settings: Settings, now: Time) -> Self {
        let rate = settings.law.within(settings.initial);
        let capacity = capacity(&settings, rate);
        let tokens = initial_tokens(&settings).min(capacity);
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
            fixed: settings
                .fixed
                .iter()
                .map(|limit| limit.unused(now))
                .collect(),
            last: Last {
                number: 0,
                at: now,
                cost: 0,
            },
            under_way: UnderWay::new(now),
            budgets: None,
            reset_at: Time::ZERO,
            grace: Duration::ZERO,
            announced_by: 0,
            unix_ahead: Duration::ZERO,
            unix_moved_at: now,
            held_by_cap: false,
            held_at_start: false,
            held_by_rate: false,
            disagrees_since: None,
            disagreement_reported: false,
        };
        let learns = state.learner.is_some();
        Self {
            settings,
            state,
            inference: learns.then(|| Box::new(Inference::new(now))),
            windows: HiddenWindows::default(),
            at_once: learns.then(|| Box::new(AtOnce::new())),
            requests: 0,
            known_after: Duration::ZERO,
        }
    }

    /// Returns a controller that continues from a stored state. The settings must be those that the state began with.
    pub(crate) fn resumed(settings: Settings, state: State) -> Self {
        Self {
            settings,
            state,
            inference: None,
            windows: HiddenWindows::default(),
            at_once: None,
            requests: 0,
            known_after: Duration::ZERO,
        }
    }

    /// Says how long after a response its outcome is reported.
    pub(in crate::limiter) const fn set_known_after(&mut self, time: Duration) {
        self.known_after = time;
    }

    /// Names the state of a fleet, to tell its grants from those of other states. A fleet looks for no
    /// hidden limit.
    pub(crate) fn of_lineage(mut self, lineage: u64) -> Self {
        self.state.lineage = lineage;
        self.inference = None;
        self.at_once = None;
        self
    }

    /// Sets new bounds of the rate. Tokens and pause stay.
    pub(crate) fn set_bounds(&mut self, now: Time, min: Rate, max: Rate) {
        self.settings.law.min = min;
        self.settings.law.max = max;
        self.change_rate(now, self.settings.law.within(self.state.rate));
    }

    /// Returns what was learned and what was used of known limits, for [`restore`](Self::restore) in the next run. `None`
    /// if there is neither.
    #[must_use]
    pub fn learned(&self, now: Time, unix_now: Duration) -> Option<Learned> {
        let rate = self.state.rate;
        let learner = self.state.learner.as_ref();
        let learned = learner.and_then(|learner| match self.windows_rate() {
            Some(rate) => Some(learner.learned_as(rate, unix_now)),
            None => learner.learned(rate, unix_now),
        });
        let known = self.used_of_known_limits(now, unix_now);
        if learned.is_none() && known.is_empty() {
            return None;
        }
        let learned = learned.unwrap_or(Learned::new(None, rate, Duration::ZERO, unix_now));
        let windows = self.windows_to_remember(now, unix_now);
        Some(learned.with_known_limits(known).with_hidden_window(windows))
    }

    /// Starts from what an earlier run learned, instead of searching. Does not search less where learning is off, or if
    /// the earlier run used another version of the law. What it used of known limits counts, unless something of them
    /// was used already.
    pub fn restore(&mut self, now: Time, learned: &Learned, unix_now: Duration) -> Change {
        self.restore_known_limits(now, learned, unix_now);
        self.leave_windows(now);
        let law = self.settings.law;
        let ceiling =
            learned.ceiling_after(learned.age(unix_now), law.within(self.settings.initial));
        match (ceiling, &mut self.state.learner) {
            (Some(ceiling), Some(learner)) => {
                let to = law.within(learner.restore(now, ceiling, learned));
                let change = self.moved(now, to);
                self.restore_windows(now, learned, unix_now);
                change
            }
            _ => Change::Nothing,
        }
    }

    /// Returns the breaker's state and settings, if there is one.
    fn breaker(&self) -> Option<(&Breaker, &CircuitBreaker)> {
        self.state
            .breaker
            .as_ref()
            .zip(self.settings.breaker.as_ref())
    }

    /// Returns whether the circuit breaker lets a request pass.
    fn passage(&self, now: Time) -> Passage {
        self.breaker().map_or(Passage::Free, |(breaker, of)| {
            breaker.passage(now, of, self.settings.max_cooldown)
        })
    }

    /// Returns the settings that learning uses.
    fn pace(&self) -> Pace {
        Pace {
            law: self.settings.law,
            probe_interval: self.settings.probe_interval,
            search: self.search(),
        }
    }

    /// Returns how the rate grows before the first refusal.
    fn search(&self) -> Search {
        let law = &self.settings.law;
        let is_narrow = law.max.as_per_second() <= NARROW * self.settings.initial.as_per_second();
        Search {
            told: self.state.budgets.is_some()
                || !self.settings.fixed.is_empty()
                || self.settings.max_under_way.is_some()
                || is_narrow,
            wanted: self.state.held_by_rate || self.state.held_at_start,
        }
    }

    /// Returns whether nothing was refused yet.
    pub(in crate::limiter) fn searches(&self) -> bool {
        let learner = self.state.learner.as_ref();
        learner.is_some_and(|learner| !learner.has_met_the_limit())
    }

    /// Returns how long the next request has to wait before the first refusal, because too many are at stake: more than
    /// the tokens at the start. The configured start is never slowed down.
    fn held_at_start(&self, now: Time) -> Option<Time> {
        let told = self.search().told;
        let most = self
            .state
            .learner
            .as_ref()?
            .most_under_way(told, self.known_after)?;
        // A conversion from a float saturates.
        let most = most.max(initial_tokens(&self.settings) as u64);
        let interval = self.settings.initial.time_for(1.0);
        let until = self.state.last.at + interval.min(AWAITED);
        (self.state.under_way.cost() >= most && now < until).then_some(until)
    }

    /// Returns whether as many requests are under way as may be, by the settings or as was found.
    fn is_full_at_once(&self) -> bool {
        let found = self.at_once.as_ref().and_then(|it| it.most());
        let most = found.into_iter().chain(self.settings.max_under_way).min();
        most.is_some_and(|most| self.requests >= most)
    }

    /// Adds tokens for a short job, at the first announcement before the first refusal: a part of what is left for sure.
    fn start_with(&mut self, now: Time, told: &AnnouncedLimits) {
        let least = told.iter().map(|told| told.remaining).min();
        let Some(least) = least.filter(|_| self.searches()) else {
            return;
        };
        let tokens = (least / PART_AT_FIRST).min(TOKENS_AT_FIRST);
        let capacity = self.capacity();
        self.state.bucket.settle(now, self.state.rate, capacity);
        self.state.bucket.put_back(tokens as f64, capacity);
    }

    /// Returns the maximum number of tokens at the current rate.
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
}

impl Controller {
    /// Returns the largest cost of one request: what a full bucket holds at `max_rate`, or what `max_rate` pays off
    /// within `max_cooldown`, and no more than any known limit allows. The debt of a larger one would hold up all other
    /// callers for longer than any pause that they wait for.
    pub(crate) fn largest_cost(&self) -> u32 {
        let max = self.settings.law.max;
        let paid_off = max.as_per_second() * self.settings.max_cooldown.as_secs_f64();
        // A conversion from a float saturates.
        let most = capacity(&self.settings, max).max(paid_off) as u32;
        let known = self.settings.fixed.iter().map(FixedLimit::most);
        known.fold(most, |most, known| {
            u32::try_from(known).map_or(most, |it| most.min(it))
        })
    }
}

/// Returns the configured or usual number of tokens at the start.
fn initial_tokens(settings: &Settings) -> f64 {
    settings.initial_tokens.unwrap_or_else(|| {
        let rate = settings.law.within(settings.initial);
        rate.as_per_second().clamp(1.0, MOST_INITIAL_TOKENS)
    })
}

/// Returns the configured or usual capacity, never below 1: a smaller bucket would never grant anything.
fn capacity(settings: &Settings, rate: Rate) -> f64 {
    settings
        .capacity
        .unwrap_or(CAPACITY_SECONDS * rate.as_per_second())
        .clamp(1.0, MOST_TOKENS)
}

#[cfg(test)]
mod tests;
