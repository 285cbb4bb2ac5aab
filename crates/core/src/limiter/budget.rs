//! The rest of one announced limit: caps the rate until the reset.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::announced::Announced;
use super::rtt::RoundTrips;
use super::view::Allowance;
use crate::rate::Rate;
use crate::time::Time;

/// The last grant: its number, which is what was granted so far by cost, when it was issued, its cost.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Last {
    pub(crate) number: u64,
    pub(crate) at: Time,
    pub(crate) cost: u32,
}

/// How far an announcement is obeyed: the slowest pace, and the longest wait for a reset.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Bounds {
    pub(crate) slowest: Rate,
    pub(crate) longest: Duration,
}

/// Two resets that differ by no more are one: most servers tell them in whole seconds, and answers take
/// up to a second to come.
pub(super) const ROUNDING: Duration = Duration::from_secs(2);

/// Part of the time until the reset that what is left is spread over. Below 1, so that nothing of it is
/// lost when the reset comes earlier than the rounded second.
const SPREAD: f64 = 0.9;

/// Windows no longer than this are paced by their rate: whole seconds can't tell when they reset, and
/// nobody gains by using them up in bursts.
const SHORT: Duration = Duration::from_secs(3);

/// Part of the window that is added to it where it rolls: clocks, rounding and round trips have room.
/// More if nothing was left lately: there a refusal is near, and costs more than going slower.
const ROOM: f64 = 0.005;
const ROOM_IF_EMPTIED: f64 = 0.015;

/// Deviations of round trips that are added to a window of which nothing was left lately, if that is
/// more: of requests that leave at even distances, as many as are allowed arrive within so much less
/// than the window. Where jitter is even, the mean deviation there and back is a third of the most that
/// one way has. A window that rolls sees any two requests, one that begins anew only those at its ends.
const DEVIATIONS: f64 = 3.3;
const DEVIATIONS_ANEW: f64 = 2.0;

/// That nothing was left is remembered for so many grants, or two windows: where there is room enough it is
/// seldom seen, and the room must not be given up for that.
const LATELY: u64 = 500;

/// The rest of a window.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct Budget {
    /// When it resets: the earliest reading of the answers in this window.
    pub(super) until: Time,
    /// The highest number of a grant whose answer told of this window, and the least that any answer
    /// said is left: requests overtake each other on their way, so no single answer has both.
    pub(super) newest: u64,
    pub(super) remaining: u64,
    pub(super) limit: Option<u64>,
    pub(super) window: Option<Duration>,
    /// The reset moves away with each request: a sliding window, or a bucket that says when it is full.
    pub(super) rolls: bool,
    /// The numbers of the last grant after which nothing was left, and of the last with which the window
    /// began anew: more was left than before by two and more.
    pub(super) emptied: Option<u64>,
    pub(super) anew: Option<u64>,
    /// The highest number of a grant whose answer told of the limit, and what that said is left.
    pub(super) said: (u64, u64),
    /// No answer told of it yet: the window before is over, and this one is taken to be as long.
    pub(super) assumed: bool,
}

impl Budget {
    /// Takes in an answer to the grant of that number. `grace` is added to the reset.
    ///
    /// Answers come out of order: an older one neither raises what is left nor opens a window.
    pub(super) fn heard(
        before: Option<Self>,
        now: Time,
        number: u64,
        told: &Announced,
        grace: Duration,
    ) -> Self {
        let next = Self {
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
        };
        let Some(before) = before.filter(|before| now < before.until) else {
            return next;
        };
        if before.assumed && !before.paces() {
            // An answer to an earlier request tells of the window before.
            let is_of_this = number > before.newest;
            return if is_of_this { next } else { before };
        }
        let is_anew = number > before.said.0 && told.remaining >= before.said.1.saturating_add(2);
        let next = Self {
            emptied: next.emptied.max(before.emptied),
            anew: is_anew.then_some(number).max(before.anew),
            said: next.said.max(before.said),
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

    /// The window after this one, if it says how much that allows, and this one was told of.
    pub(super) fn renewed(&self, sent: u64) -> Option<Self> {
        let (remaining, window) = (self.limit?, self.window?);
        (!self.assumed).then_some(Self {
            until: self.until + window,
            newest: sent,
            remaining,
            assumed: true,
            ..*self
        })
    }

    /// What is left after `sent` grants.
    pub(super) fn left(&self, sent: u64) -> u64 {
        let last = self.newest.saturating_add(self.remaining);
        last.saturating_sub(sent)
    }

    /// When a grant may go before which others that cost `ahead` go first: what is left, spread over the
    /// time until the reset, or the announced rate if that is quicker; and none beyond what is left.
    ///
    /// The pace never falls below the slowest, and no reset is waited for longer than the longest pause,
    /// so that no announcement stops us.
    pub(super) fn due(
        &self,
        last: &Last,
        ahead: u64,
        trips: Option<RoundTrips>,
        bounds: &Bounds,
    ) -> Time {
        let left = self.left(last.number);
        match self.interval(last, trips, bounds.slowest) {
            Some(interval) if self.paces() || ahead < left => {
                let amount = ahead.saturating_add(u64::from(last.cost));
                let steps = u32::try_from(amount).unwrap_or(u32::MAX);
                last.at + interval.saturating_mul(steps)
            }
            _ => self.until.min(last.at + bounds.longest),
        }
    }

    /// The time that one request is given; `None` if nothing is left.
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

    /// The part of the window that is added to it so that jitter makes no request come too early.
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

    /// Whether it paces by itself, so that "nothing is left" needs no pause: what a rolling window lets
    /// go comes back one by one.
    pub(super) fn paces(&self) -> bool {
        let is_short = self.window.is_some_and(|window| window <= SHORT);
        (self.rolls || is_short) && self.rate().is_some()
    }

    /// Whether it still says anything.
    pub(super) fn holds(&self, now: Time) -> bool {
        now < self.until
    }

    /// Whether `told` speaks of the same limit.
    pub(super) fn is_of(&self, told: &Announced) -> bool {
        (self.limit, self.window) == (told.limit, told.window)
    }

    /// What a person is shown of it after `sent` grants.
    pub(super) fn shown(&self, sent: u64) -> Allowance {
        Allowance {
            limit: self.limit,
            window: self.window,
            remaining: self.left(sent),
            until: self.until,
        }
    }

    /// The rate that limit and window amount to.
    pub(super) fn rate(&self) -> Option<Rate> {
        let window = self.window.filter(|window| !window.is_zero())?;
        Rate::per_second(self.limit? as f64 / window.as_secs_f64())
    }
}
