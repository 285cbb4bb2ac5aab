//! Learns the limit: how the rate moves between refusals, and what a refusal leads to.
//!
//! While nothing is known, the rate grows until it is refused. Then there is a ceiling: requests cruise just below it
//! for an interval, and a probe grows the rate beyond it until it is refused again.
//! [`after_pause`](super::after_pause) learns from the first success after each pause.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::canary::Canary;
use super::ceiling::{Ceiling, FIRST_RAISE};
use super::epoch::{Cause, Epoch};
use super::estimate::Ledger;
use super::grant::Grant;
use super::law::Law;
use super::learned::Learned;
use super::pause;
use super::phase::{LearningReason, Phase};
use super::probe::{Probe, Probes};
use super::start::{self, Start};
use super::window::Windows;
use crate::rate::Rate;
use crate::time::Time;

/// Time without demand that ends a probe. What follows is another burst of demand.
const IDLE: Duration = Duration::from_secs(1);

/// Settings that learning uses.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Pace {
    pub(crate) law: Law,
    /// Time of queued demand between probes.
    pub(crate) probe_interval: Duration,
    /// How the rate grows before the first refusal.
    pub(crate) search: Search,
}

/// Growth of the rate before the first refusal: by round trips, as the requests under way are bounded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Search {
    /// Whether limits are announced or known.
    pub(crate) told: bool,
    /// Whether a caller waits for the rate: then every success is evidence.
    pub(crate) wanted: bool,
}

/// Consequence of a refusal: a new rate and a pause.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Retreat {
    pub(crate) rate: Rate,
    pub(crate) pause: Duration,
}

/// State of learning.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Learner {
    pub(super) canary: Canary,
    pub(super) ceiling: Option<Ceiling>,
    /// Whether the ceiling comes from an earlier run and is not confirmed.
    pub(super) on_trust: bool,
    pub(super) probes: Probes,
    pub(super) probe: Option<Probe>,
    /// Earliest time of the next probe.
    pub(super) hold_until: Time,
    pub(super) ledger: Ledger,
    /// The pause in progress, if any.
    pub(super) epoch: Option<Epoch>,
    pub(super) refused_once: bool,
    /// Number of measurements put off since then.
    pub(super) deferred: u32,
    /// Whether a probe, or a refused raise with a measurement equal to the proven rate, has found the limit at the
    /// ceiling. Until then estimates rest on a few seconds of a steep search, and are tested again soon.
    pub(super) settled: bool,
    /// Number of surprises since the last probe.
    pub(super) streak: u32,
    pub(super) last_pause: Duration,
    /// When windows begin; `None` before the first pause that shows one.
    pub(super) windows: Option<Box<Windows>>,
    pub(super) reason: LearningReason,
    /// The search until the first refusal.
    start: Start,
}

impl Learner {
    pub(crate) fn new(now: Time) -> Self {
        Self {
            canary: Canary::None,
            ceiling: None,
            on_trust: false,
            probes: Probes::default(),
            probe: None,
            hold_until: now,
            ledger: Ledger::new(now),
            epoch: None,
            refused_once: false,
            deferred: 0,
            settled: false,
            streak: 0,
            last_pause: Duration::ZERO,
            windows: None,
            reason: LearningReason::Started,
            start: Start::new(now),
        }
    }

    /// Takes over a ceiling that an earlier run has learned, to be confirmed by a short hold. Returns the rate to
    /// start at.
    pub(crate) fn restore(&mut self, now: Time, ceiling: Rate, learned: &Learned) -> Rate {
        let ceiling = Ceiling::trusted(ceiling);
        *self = Self::new(now);
        self.ceiling = Some(ceiling);
        self.on_trust = true;
        self.refused_once = true;
        self.last_pause = learned.last_pause();
        self.hold_until = now + self.short_hold(FIRST_RAISE, Duration::ZERO);
        self.reason = LearningReason::Restored;
        ceiling.cruise()
    }

    /// Returns what the next run can start from, once there is a ceiling.
    pub(crate) fn learned(&self, rate: Rate, unix_now: Duration) -> Option<Learned> {
        let proven = self.ceiling.map(|ceiling| ceiling.proven)?;
        Some(Learned::new(Some(proven), rate, self.last_pause, unix_now))
    }

    /// Returns what the next run can start from if the limit is known to be `rate`.
    pub(crate) fn learned_as(&self, rate: Rate, unix_now: Duration) -> Learned {
        Learned::new(Some(rate), rate, self.last_pause, unix_now)
    }

    /// Returns whether a request was ever refused. From then on bursts would only blur the measurements.
    pub(crate) fn has_met_the_limit(&self) -> bool {
        self.refused_once || self.epoch.is_some()
    }

    /// Returns whether a pause is in progress, whose end teaches something.
    pub(crate) const fn is_pausing(&self) -> bool {
        self.epoch.is_some()
    }

    pub(crate) fn ceiling(&self) -> Option<Rate> {
        self.ceiling.map(|ceiling| ceiling.rate)
    }

    /// Returns whether the ceiling lets requests cruise at this rate; without a ceiling any rate is allowed.
    pub(crate) fn allows(&self, rate: Rate) -> bool {
        self.ceiling.is_none_or(|ceiling| ceiling.cruise() >= rate)
    }

    pub(crate) fn reason(&self) -> LearningReason {
        self.reason
    }

    pub(crate) fn phase(&self) -> Phase {
        match (&self.epoch, &self.ceiling, &self.probe) {
            (Some(epoch), ..) if epoch.blocked => Phase::Blocked,
            (Some(_), ..) => Phase::Cooling,
            (None, None, _) => Phase::Searching,
            (None, Some(_), Some(_)) => Phase::Probing,
            (None, Some(_), None) => Phase::Cruising,
        }
    }

    /// Returns the time until which the others wait for the canary, if it is in flight.
    pub(crate) fn canary_awaited_until(&mut self, now: Time) -> Option<Time> {
        self.canary.awaited_until(now)
    }

    /// Takes note of a grant. Returns whether its request is the canary.
    pub(crate) fn grant(
        &mut self,
        now: Time,
        waited: bool,
        cooldown_until: Time,
        rate: Rate,
    ) -> bool {
        let canary = self.canary.release(now);
        let gap = self
            .ledger
            .send(now, waited || canary, cooldown_until, rate);
        if gap > IDLE {
            self.probe = None;
        }
        if self.probe.is_none() {
            // Time without demand proves nothing.
            self.hold_until = self.hold_until + gap;
        }
        canary
    }

    /// Takes in a canary that came back without a word about the limit. The next request goes alone again.
    pub(crate) fn canary_lost(&mut self, grant: &Grant) {
        self.canary.lost(grant.issued_at);
    }

    /// Counts requests that others sent. Nearly all of them succeeded, and are part of what the limit allows. How far
    /// a probe went is unknown then.
    pub(crate) fn count_beside(&mut self, sent: u64) {
        self.ledger.count(u32::try_from(sent).unwrap_or(u32::MAX));
        self.probe = None;
    }

    /// Takes note that others send for a while: the end of a pause in progress will not be seen.
    pub(crate) const fn interrupted(&mut self) {
        self.epoch = None;
        self.probe = None;
    }

    /// Begins to search anew after a pause, because its refusals were about how many requests were under way.
    pub(crate) fn refused_for_number(&mut self) {
        self.interrupted();
        self.canary.stand_down();
        self.ceiling = None;
        (self.on_trust, self.settled, self.refused_once) = (false, false, false);
        self.deferred = 0;
        self.reason = LearningReason::TooManyAtOnce;
    }

    /// Returns the mean round trip in seconds, once one is known.
    pub(crate) fn trip(&self) -> Option<f64> {
        self.start.trip()
    }

    /// Takes note that the learned rate does not count for a while: no outcome is waited for.
    pub(crate) fn suspended(&mut self) {
        self.interrupted();
        self.canary.stand_down();
    }

    /// Takes note of a request that is sent by a known window instead of the rate.
    pub(crate) fn sent_by_window(&mut self, now: Time, waited: bool, rate: Rate) {
        let _ = self.ledger.send(now, waited, Time::ZERO, rate);
    }

    /// Takes note that a known window of this length began: from there what the limit allows is measured.
    pub(crate) fn window_began(&mut self, at: Time, length: Duration) {
        self.ledger.mark(at, length);
    }

    /// Goes on at a ceiling after windows that were spent, to be confirmed by a short hold. Returns the rate to go on at.
    pub(crate) fn after_windows(&mut self, now: Time, ceiling: Rate) -> Rate {
        let learned = Learned::new(Some(ceiling), ceiling, self.last_pause, Duration::ZERO);
        let (ledger, windows) = (self.ledger, self.windows.take());
        let rate = self.restore(now, ceiling, &learned);
        (self.ledger, self.windows) = (ledger, windows);
        rate
    }

    /// Counts a success.
    pub(crate) fn count(&mut self, grant: &Grant) {
        self.ledger.count(grant.cost);
    }

    /// Returns the rate after a success that says nothing about the limit: at most the cruising rate below the
    /// ceiling, unless a probe goes beyond it.
    pub(crate) fn at_rest(&self, rate: Rate, law: &Law) -> Rate {
        match self.ceiling {
            Some(ceiling) if self.probe.is_none() => law.within(rate.min(ceiling.cruise())),
            _ => rate,
        }
    }

    /// Takes in a success; `fresh` if it was issued after the last cut. Returns the new rate.
    pub(crate) fn success(
        &mut self,
        now: Time,
        grant: &Grant,
        fresh: bool,
        rate: Rate,
        pace: &Pace,
    ) -> Rate {
        let trip = now.saturating_since(grant.issued_at);
        self.start.succeeded(now, trip, self.ledger.accepted());
        self.count(grant);
        if !fresh {
            return rate;
        }
        if grant.canary {
            self.canary.stand_down();
        }
        let rate = match self.epoch.take() {
            Some(epoch) => self.resume(&epoch, grant.issued_at, rate, pace),
            None => rate,
        };
        match self.ceiling {
            None if grant.is_evidence() || self.shows_demand(pace) => {
                pace.law.grown(rate, self.search_step(pace))
            }
            Some(ceiling) if grant.is_evidence() => self.grow(now, rate, &ceiling, &pace.law),
            _ => self.at_rest(rate, &pace.law),
        }
    }

    /// Returns the rate after an informative success below a known ceiling.
    fn grow(&mut self, now: Time, rate: Rate, ceiling: &Ceiling, law: &Law) -> Rate {
        let cruise = law.within(ceiling.cruise());
        if now < self.hold_until || rate < cruise {
            return law.increased(rate).min(cruise);
        }
        let accepted = self.ledger.accepted();
        let (probe, rate) = match self.probe {
            Some(probe) => (probe, rate),
            None => (self.begin_probe(now), rate.min(cruise)),
        };
        self.probes
            .grown(&probe, accepted, now, ceiling.rate, rate, law)
    }

    /// Begins a probe: the ceiling has held for its time.
    fn begin_probe(&mut self, now: Time) -> Probe {
        let probe = Probe {
            began: now,
            accepted_before: self.ledger.accepted(),
        };
        self.probe = Some(probe);
        self.on_trust = false;
        self.streak = 0;
        probe
    }

    /// Returns the growth per success during the search.
    pub(crate) fn search_step(&self, pace: &Pace) -> f64 {
        let step = pace.law.increase_step;
        // A step of zero means a fixed rate, for the search too.
        if self.refused_once || step == 0.0 {
            return step;
        }
        self.start.step().max(step)
    }

    /// Returns whether callers wait for the rate before the first refusal.
    fn shows_demand(&self, pace: &Pace) -> bool {
        !self.refused_once && pace.search.wanted
    }

    /// Returns how many requests may be under way before the first refusal; `None` after it. `told` says whether limits
    /// are announced or known. If an outcome is known only so much after the response, more are under way at one rate.
    pub(crate) fn most_under_way(&self, told: bool, known_after: Duration) -> Option<u64> {
        let most = start::most_under_way(self.ledger.accepted(), told);
        let longer = self.start.in_trips(known_after).max(1.0);
        // A conversion from a float saturates.
        (!self.has_met_the_limit()).then_some((most as f64 * longer) as u64)
    }

    /// Returns the rate that a refusal is about. Before the first one, that is what got through lately: the rate of a search
    /// that is bounded otherwise may be far above it.
    pub(crate) fn refused_rate(&self, now: Time, rate: Rate, law: &Law) -> Rate {
        let searches = !self.has_met_the_limit();
        let lately = self.start.lately(now, self.ledger.accepted());
        let lately = lately.filter(|_| searches);
        lately.map_or(rate, |lately| law.within(rate.min(lately)))
    }

    /// Takes in a refusal of a request that was issued after the last cut. `named` is the pause that the server or
    /// the configuration asks for.
    pub(crate) fn refuse(
        &mut self,
        now: Time,
        grant: &Grant,
        named: Option<Duration>,
        rate: Rate,
        law: &Law,
    ) -> Retreat {
        self.canary.arm();
        if let Some(epoch) = &mut self.epoch {
            // Known windows count from the second canary on: a short pause looks like a window at first.
            let mut expected = || {
                let end = self.windows.as_mut()?.expect(grant.issued_at)?;
                Some(end.saturating_since(now))
            };
            epoch.pause = named
                .or_else(|| expected().filter(|left| *left > Duration::ZERO))
                .unwrap_or_else(|| pause::next(epoch.pause, epoch.failed_at));
            epoch.blocked = true;
            epoch.refused[1] = grant.issued_at;
            return Retreat {
                rate,
                pause: epoch.pause,
            };
        }
        let round_trip = now.saturating_since(grant.issued_at);
        let own = pause::first(rate, round_trip, self.last_pause);
        let pause = named.unwrap_or(own);
        let cause = self.cause();
        self.epoch = Some(Epoch {
            cause,
            refused: [grant.issued_at; 2],
            began: now,
            failed_at: rate,
            pause,
            surplus: pause.saturating_sub(own),
            blocked: false,
        });
        let to = match &self.ceiling {
            Some(ceiling) if cause.is_our_own() => law.within(rate.min(ceiling.fallback())),
            _ => law.decreased(rate),
        };
        Retreat { rate: to, pause }
    }

    fn cause(&self) -> Cause {
        match &self.ceiling {
            Some(_) if self.on_trust => Cause::Search,
            Some(_) if self.probe.is_some() => Cause::Probe,
            Some(ceiling) if ceiling.is_raised() => Cause::Raise,
            Some(_) => Cause::Cruise,
            None => Cause::Search,
        }
    }
}

#[cfg(test)]
mod tests;
