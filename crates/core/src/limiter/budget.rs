//! The rest of one announced limit: caps the rate until the reset.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::announced::{Announced, LimitName};
use super::grant::Grant;
use super::rtt::RoundTrips;
use super::view::Allowance;
use crate::rate::Rate;
use crate::time::Time;

/// Number, time and cost of the last grant. The number is the sum of the costs of all grants so far.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Last {
    pub(crate) number: u64,
    pub(crate) at: Time,
    pub(crate) cost: u32,
}

/// Bounds on obeying an announcement: the slowest pace, and the longest wait for a reset.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Bounds {
    pub(crate) slowest: Rate,
    pub(crate) longest: Duration,
    /// Whether the rest may be used at once, instead of being spread over the time until the reset.
    pub(crate) at_once: bool,
}

/// Maximum difference of two readings of one reset. Most servers announce resets in whole seconds, and responses take
/// up to a second.
pub(super) const ROUNDING: Duration = Duration::from_secs(2);

/// Part of the time until the reset that the remaining requests are spread over. Below 1, so that none is lost when
/// the reset comes earlier than the rounded second.
const SPREAD: f64 = 0.9;

/// Longest window that is paced by its rate. Whole seconds can't tell when such a window resets, and using it up in
/// bursts gains nothing.
const SHORT: Duration = Duration::from_secs(3);

/// Part of a rolling window that is added to it, as room for clocks, rounding and round trips. More if nothing was
/// left lately: a refusal is near then, and costs more than going slower.
const ROOM: f64 = 0.005;
const ROOM_IF_EMPTIED: f64 = 0.015;

/// Deviations of round trips that are added to a window of which nothing was left lately, if that is more. Requests
/// that leave at even distances may arrive within a time that is shorter than the window by this much. With uniform
/// jitter, the mean deviation of a round trip is a third of the maximum of one way. A rolling window sees any two
/// requests; a window that begins anew sees only those at its ends.
const DEVIATIONS: f64 = 3.3;
const DEVIATIONS_ANEW: f64 = 2.0;

/// Number of grants for which an empty window is remembered, or two windows if they are longer. Where the room
/// suffices, a window is seldom empty, and the room must not be given up for that.
const LATELY: u64 = 500;

/// Rest of a window.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct Budget {
    /// The server's name for the limit.
    pub(super) name: Option<LimitName>,
    /// Time of the reset: the earliest reading of the responses in this window.
    pub(super) until: Time,
    /// Highest number of a grant whose response announced this window, and the lowest rest that any response
    /// announced. Requests overtake each other, so that no single response has both.
    pub(super) newest: u64,
    pub(super) remaining: u64,
    pub(super) limit: Option<u64>,
    pub(super) window: Option<Duration>,
    /// Whether the reset moves with each request: in a sliding window, or for a bucket that announces when it is
    /// full.
    pub(super) rolls: bool,
    /// Number of the last grant after which nothing was left, and of the last one with which the window began anew:
    /// the rest grew by two or more.
    pub(super) emptied: Option<u64>,
    pub(super) anew: Option<u64>,
    /// Highest number of a grant whose response announced the limit, and the rest that it announced.
    pub(super) said: (u64, u64),
    /// Whether the window is assumed: the one before is over, and no response has announced this one.
    pub(super) assumed: bool,
    /// When the last response announced the limit; for an assumed window, when it began.
    pub(super) heard_at: Time,
    /// Number of successes since then whose requests were sent later, and whose responses announced nothing.
    pub(super) silent: u32,
    /// Longest time until a reset that was announced.
    pub(super) longest: Duration,
}

/// Number of such successes after which a limit counts no longer. Some servers leave the announcement out of a
/// few kinds of responses, and one that has stopped announcing must not pace us for hours.
const MOST_SILENT: u32 = 3;

impl Budget {
    /// Takes in the response to the grant of this number. `grace` is added to the reset.
    ///
    /// Responses come out of order. An older one neither raises the rest nor opens a window.
    pub(super) fn heard(
        before: Option<Self>,
        now: Time,
        number: u64,
        told: &Announced,
        grace: Duration,
    ) -> Self {
        let next = Self {
            name: told.name,
            until: now + told.reset_after + grace,
            newest: number,
            remaining: told.remaining,
            limit: told.limit,
            window: told.window,
            rolls: false,
            emptied: (told.remaining == 0).then_some(number),
            anew: None,
            said: (number, told.remaining),
            assumed: false,
            heard_at: now,
            silent: 0,
            longest: told.reset_after,
        };
        let Some(before) = before.filter(|before| now < before.until) else {
            return next;
        };
        if before.assumed && !before.paces() {
            // The response to an earlier request describes the window before.
            let is_of_this = number > before.newest;
            return if is_of_this { next } else { before };
        }
        let is_anew = number > before.said.0 && told.remaining >= before.said.1.saturating_add(2);
        let next = Self {
            emptied: next.emptied.max(before.emptied),
            anew: is_anew.then_some(number).max(before.anew),
            said: next.said.max(before.said),
            longest: next.longest.max(before.longest),
            ..next
        };
        let later = next.until.saturating_since(before.until) > ROUNDING;
        let of_window_before = before.until.saturating_since(next.until) > ROUNDING;
        if number < before.newest && (later || of_window_before) {
            return before;
        }
        let is_due = now + ROUNDING >= before.until;
        let rolls = before.rolls || (later && !is_due);
        if rolls || later {
            return Self { rolls, ..next };
        }
        Self {
            newest: before.newest.max(number),
            remaining: before.remaining.min(told.remaining),
            until: before.until.min(next.until),
            ..next
        }
    }

    /// Returns the window after this one, if its length and limit are known and this one was announced. `guesses` says
    /// whether the longest time until a reset that was announced stands for an unknown length.
    pub(super) fn renewed(&self, sent: u64, guesses: bool) -> Option<Self> {
        let guessed = || (guesses && !self.longest.is_zero()).then_some(self.longest);
        let (remaining, window) = (self.limit?, self.window.or_else(guessed)?);
        (!self.assumed).then_some(Self {
            until: self.until + window,
            newest: sent,
            remaining,
            assumed: true,
            heard_at: self.until,
            silent: 0,
            ..*self
        })
    }

    /// Takes in a success whose response announced nothing. Returns `None` if the limit counts no longer: the window
    /// was only assumed, nothing should have been left for this request, or too many responses in a row say nothing.
    pub(super) fn unconfirmed(self, grant: &Grant) -> Option<Self> {
        if grant.number <= self.newest || grant.issued_at < self.heard_at {
            return Some(self);
        }
        let silent = self.silent.saturating_add(1);
        let is_beyond = !self.paces() && self.left(grant.number.saturating_sub(1)) == 0;
        let counts = !self.assumed && !is_beyond && silent < MOST_SILENT;
        counts.then_some(Self { silent, ..self })
    }

    /// Returns the rest after `sent` grants.
    pub(super) fn left(&self, sent: u64) -> u64 {
        let last = self.newest.saturating_add(self.remaining);
        last.saturating_sub(sent)
    }

    /// Returns when a request may go, after others that cost `ahead`. The rest is spread over the time until the
    /// reset, or goes at the announced rate if that is quicker; none goes beyond the rest.
    ///
    /// The pace never falls below the slowest, and the wait for a reset is never longer than the longest, so that no
    /// announcement stops the limiter.
    pub(super) fn due(
        &self,
        last: &Last,
        ahead: u64,
        trips: Option<RoundTrips>,
        bounds: &Bounds,
    ) -> Time {
        // The first request of a window that was only assumed goes at once, and its response tells.
        if self.assumed && last.at < self.heard_at && ahead == 0 {
            return last.at;
        }
        let left = self.left(last.number);
        if bounds.at_once && !self.paces() && ahead < left {
            return last.at;
        }
        match self.interval(last, trips, bounds.slowest) {
            Some(interval) if self.paces() || ahead < left => {
                let amount = ahead.saturating_add(u64::from(last.cost));
                let steps = u32::try_from(amount).unwrap_or(u32::MAX);
                last.at + interval.saturating_mul(steps)
            }
            _ => self.until.min(last.at + bounds.longest),
        }
    }

    /// Returns the time for one request; `None` if nothing is left.
    pub(super) fn interval(
        &self,
        last: &Last,
        trips: Option<RoundTrips>,
        slowest: Rate,
    ) -> Option<Duration> {
        let announced = self.rate().map(|rate| rate.time_for(1.0));
        let interval = if let Some(interval) = announced.filter(|_| self.paces()) {
            interval.mul_f64(1.0 + self.room(last, trips).min(1.0))
        } else {
            let left = self.left(last.number);
            let rest = self.until.saturating_since(last.at);
            let spread = (left > 0).then(|| rest.mul_f64(SPREAD / left as f64))?;
            announced.map_or(spread, |interval| interval.min(spread))
        };
        Some(interval.min(slowest.time_for(1.0)))
    }

    /// Returns the part of the window that is added to it, so that jitter makes no request come too early.
    pub(super) fn room(&self, last: &Last, trips: Option<RoundTrips>) -> f64 {
        let (Some(window), Some(trips)) = (self.window, trips) else {
            return ROOM;
        };
        let within = |number: Option<u64>, grants: u64| {
            number.is_some_and(|number| number.saturating_add(grants) >= last.number)
        };
        let two_windows = self.limit.unwrap_or(0).saturating_mul(2);
        if !within(self.emptied, two_windows.max(LATELY)) {
            return ROOM;
        }
        let deviations = if within(self.anew, two_windows) {
            DEVIATIONS_ANEW
        } else {
            DEVIATIONS
        };
        ROOM_IF_EMPTIED.max(deviations * trips.deviation / window.as_secs_f64())
    }

    /// Returns whether it paces by itself, so that "nothing is left" needs no pause: a rolling window frees its
    /// requests one by one.
    pub(super) fn paces(&self) -> bool {
        let is_short = self.window.is_some_and(|window| window <= SHORT);
        (self.rolls || is_short) && self.rate().is_some()
    }

    /// Returns whether the window is not over.
    pub(super) fn holds(&self, now: Time) -> bool {
        now < self.until
    }

    /// Returns whether `told` is about the limit of this window.
    pub(super) fn is_of(&self, told: &Announced) -> bool {
        (self.name, self.limit, self.window) == (told.name, told.limit, told.window)
    }

    /// Returns the rest after `sent` grants, for people.
    pub(super) fn shown(&self, sent: u64) -> Allowance {
        Allowance {
            limit: self.limit,
            window: self.window,
            remaining: self.left(sent),
            until: self.until,
        }
    }

    /// Returns the rate that limit and window amount to.
    pub(super) fn rate(&self) -> Option<Rate> {
        let window = self.window.filter(|window| !window.is_zero())?;
        Rate::per_second(self.limit? as f64 / window.as_secs_f64())
    }
}
