//! A limit of requests at once, found from refusals.
//!
//! A server with such a limit refuses a request while as many are under way as it allows, and accepts it else. So a
//! client that keeps no more under way is refused no more, however fast responses come. Of each request it is noted how
//! many others were under way: if nearly all with fewer were accepted and most of the others refused, that is the limit.
//! A server that counts requests per time accepts and refuses with any number.

use std::time::Duration;

use super::grant::Grant;
use super::inference::{InferredLimit, LimitKind};
use crate::rate::Rate;
use crate::time::Time;

mod outcomes;

use outcomes::OutcomesByNumber;

/// Shortest mean round trip for which the number of requests under way is held, in seconds. Below it, many requests
/// go per second, and a learned rate holds their number well enough.
const LONG_TRIP: f64 = 0.5;

/// Successes, for each request at once, that confirm a number. A limit per time would have been met.
const CONFIRMED_AFTER: u64 = 20;

/// How long no number is held after the first one was given up. Doubles each time, up to the longest.
const FIRST_PENALTY: Duration = Duration::from_secs(60);
const LONGEST_PENALTY: Duration = Duration::from_secs(24 * 60 * 60);

/// Factor up to which the time between raises grows while they are refused.
const RAREST_RAISES: u32 = 16;

/// Probability that is claimed for a number that is confirmed.
const CERTAINTY: f64 = 0.9;

/// The number of requests that may be under way, if that is what the server limits.
#[derive(Debug, Clone)]
pub(super) struct AtOnce {
    /// What was accepted and refused, once round trips are long.
    outcomes: Option<Box<OutcomesByNumber>>,
    held: Option<HeldNumber>,
    /// What the refusals of the current pause showed.
    refused: Option<ShownByPause>,
    /// No number is held before this time.
    not_before: Time,
    /// How long none is held after the next one is given up.
    penalty: Duration,
}

/// Refusals of one pause.
#[derive(Debug, Clone, Copy)]
struct ShownByPause {
    /// Whether one of them was alone: no number explains that.
    alone: bool,
    /// Rate before the first of them.
    rate: Rate,
}

/// The number that is held.
#[derive(Debug, Clone, Copy)]
struct HeldNumber {
    most: u64,
    is_confirmed: bool,
    /// Successes since the last refusal.
    accepted: u64,
    /// Number of pauses that showed it.
    seen: u32,
    /// The last raise that is not proven, and the next one.
    raised_by: u64,
    next_raise: u64,
    raise_at: Time,
    raise_after: Duration,
    /// Whether it held a caller up since the last raise.
    holds: bool,
}

impl AtOnce {
    pub(super) const fn new() -> Self {
        Self {
            outcomes: None,
            held: None,
            refused: None,
            not_before: Time::ZERO,
            penalty: FIRST_PENALTY,
        }
    }

    /// Returns how many requests may be under way.
    pub(super) fn most(&self) -> Option<u64> {
        self.held.map(|it| it.most)
    }

    /// Returns the limit, once it is confirmed.
    pub(super) fn found(&self) -> Option<InferredLimit> {
        let number = self.held.filter(|it| it.is_confirmed)?;
        let count = number.most - number.raised_by;
        Some(InferredLimit {
            kind: LimitKind::AtOnce,
            count,
            most: count,
            window: Duration::ZERO,
            begins: None,
            seen: number.seen,
            certainty: CERTAINTY,
        })
    }

    /// Takes note that a caller is held up while this number of requests are under way.
    pub(super) fn holds_a_caller(&mut self, requests: u64) {
        if let Some(number) = &mut self.held {
            number.holds |= requests >= number.most;
        }
    }

    /// Takes in a refusal that begins a pause at this rate, or comes during one.
    pub(super) fn refused(&mut self, grant: &Grant, rate: Rate, begins: bool) {
        let before = self.refused.filter(|_| !begins);
        if before.is_none() {
            // Those that follow were refused for the same reason.
            if let Some(outcomes) = &mut self.outcomes {
                outcomes.refused(grant.beside);
            }
        }
        self.refused = Some(ShownByPause {
            alone: grant.beside == 0 || before.is_some_and(|it| it.alone),
            rate: before.map_or(rate, |it| it.rate),
        });
    }

    /// Takes in the first success after a pause. `interval` is the time from one raise to the next. Returns the rate to go
    /// on at if a number of requests explains the refusals.
    pub(super) fn resumes(&mut self, now: Time, interval: Duration) -> Option<Rate> {
        let refused = self.refused.take()?;
        let is_possible = now >= self.not_before && !refused.alone;
        let outcomes = self.outcomes.as_ref().filter(|_| is_possible);
        let shown = outcomes.and_then(|outcomes| outcomes.shown());
        let number = shown.map(|shown| self.number(now, shown, interval));
        if number.is_none() && self.held.is_some() {
            self.not_before = now + self.penalty;
            self.penalty = (self.penalty * 2).min(LONGEST_PENALTY);
            self.outcomes = None;
        }
        self.held = number;
        number.map(|_| refused.rate)
    }

    /// Returns what is held after a pause that showed `shown`.
    fn number(&self, now: Time, shown: u64, interval: Duration) -> HeldNumber {
        let begun = HeldNumber {
            most: shown,
            is_confirmed: false,
            accepted: 0,
            seen: 1,
            raised_by: 0,
            next_raise: 1,
            raise_at: now,
            raise_after: interval,
            holds: false,
        };
        let Some(before) = self.held else {
            return begun;
        };
        let seen = before.seen.saturating_add(1);
        let proven = before.most - before.raised_by;
        if shown < proven {
            return HeldNumber { seen, ..begun };
        }
        // The raise was refused. The limit is where it was.
        HeldNumber {
            most: proven,
            is_confirmed: before.is_confirmed,
            seen,
            raise_at: now + before.raise_after,
            raise_after: before
                .raise_after
                .saturating_mul(2)
                .min(interval.saturating_mul(RAREST_RAISES)),
            ..begun
        }
    }

    /// Takes in a success. `trip` is the mean round trip in seconds. Raises the number, if it has held callers up for a
    /// while.
    pub(super) fn accepted(
        &mut self,
        now: Time,
        grant: &Grant,
        trip: Option<f64>,
        interval: Duration,
    ) {
        if trip.is_some_and(|trip| trip >= LONG_TRIP) {
            let outcomes = self
                .outcomes
                .get_or_insert_with(|| Box::new(OutcomesByNumber::new()));
            outcomes.accepted(grant.beside);
        } else {
            self.outcomes = None;
        }
        let Some(number) = &mut self.held else {
            return;
        };
        number.accepted = number.accepted.saturating_add(1);
        if number.accepted >= number.most.saturating_mul(CONFIRMED_AFTER) {
            number.is_confirmed = true;
        }
        if number.is_confirmed && number.holds && now >= number.raise_at {
            if number.raised_by > 0 {
                // The last raise was accepted: the limit is higher.
                (number.next_raise, number.raise_after) =
                    (number.next_raise.saturating_mul(2), interval);
            }
            number.raised_by = number.next_raise;
            number.most = number.most.saturating_add(number.raised_by);
            number.raise_at = now + number.raise_after;
            number.holds = false;
        }
    }
}
