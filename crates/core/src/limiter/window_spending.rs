//! Spends each window of a hidden limit by its number, once its law is known.
//!
//! Requests of a window go at once, and none follow before the next window begins. Now and then one more request
//! tests whether the limit was raised. A window that ends before its number is reached means that the limit was
//! lowered, or that another client uses it, too: then requests are spread, and after a few such windows the law is
//! given up.

use std::time::Duration;

use super::inference::{InferredLimit, LimitKind};
use crate::rate::Rate;
use crate::time::Time;

mod outcomes;
mod remembered;
mod turns;

/// Points for surprises at which the law is given up, and quiet windows that make up for all.
const MOST_ODD: u32 = 4;
const CALM: u32 = 6;

/// The same points for a law of an earlier run, until so many quiet windows have followed each other.
const MOST_ODD_ON_TRIAL: u32 = 2;
const TRUSTED: u32 = 3;

/// Requests between two tests, and the bounds of the time between them.
const REQUESTS_PER_TEST: f64 = 250.0;
const TEST_INTERVAL: (f64, f64) = (5.0, 60.0);

/// Tests that are made as soon as possible after the law is known.
const FIRST_TESTS: u32 = 2;

/// Every so many tests one comes just before the window ends. It is accepted if windows are shorter than believed.
const LATE_TEST: u32 = 4;

/// Smallest number of requests in a window that is spent by its number.
const LEAST: u64 = 3;

/// The windows of a hidden limit, spent one after the other.
#[derive(Debug, Clone)]
pub(crate) struct WindowSpending {
    kind: LimitKind,
    number: u64,
    /// The number that was last confirmed: by a test, or as the law was found.
    confirmed: u64,
    length: Duration,
    /// How much the ways of two requests differ.
    jitter: Duration,
    /// Earliest and latest end of the current window. It may have begun before the clock did.
    ends: [Time; 2],
    /// Whether the current window has begun. One that begins with its first request waits for it.
    is_open: bool,
    /// Whether a request failed before any other of this window was accepted: it may not have begun the window.
    has_lost_first: bool,
    /// When the first request of the next window may go, after one that came too early.
    again_at: Time,
    /// When that came to light; refusals of requests from before say nothing more.
    too_early: Option<Time>,
    /// Number of the last grant, and of the last one before the current window.
    last: u64,
    base: u64,
    /// Numbers of the current window that were left out: their requests were never sent, and others were granted after
    /// them.
    left_out: u64,
    /// Requests sent in the current window and not unused, accepted, and in flight.
    sent: u64,
    accepted: u64,
    in_flight: u64,
    /// Whether the current window is used up.
    is_full: bool,
    /// Whether it was used up before its number was reached.
    ended_early: bool,
    /// Whether the number comes from such a window, and no test has confirmed it.
    is_lowered: bool,
    /// Whether it takes more than its number.
    grows: bool,
    windows: u32,
    odd: u32,
    calm: u32,
    tests: u32,
    next_test: Time,
    has_hints: bool,
    entered: Time,
    /// Whether the law comes from an earlier run, and few windows have confirmed it.
    is_on_trial: bool,
}

/// When the next request may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WindowTurn {
    At(Time),
    /// After a response, or then.
    AfterFeedback(Time),
}

impl WindowSpending {
    /// Begins to spend the windows of `limit`. `last` is the number of the last grant; `sent` requests count in the
    /// current window, or `None` if it is used up.
    pub(crate) fn new(
        limit: &InferredLimit,
        jitter: Duration,
        now: Time,
        last: u64,
        sent: Option<u64>,
    ) -> Option<Self> {
        let begins = limit.begins.filter(|_| limit.count >= LEAST)?;
        Some(Self {
            ends: begins.map(|at| at + limit.window),
            base: last.saturating_sub(sent.unwrap_or(0)),
            sent: sent.unwrap_or(0),
            in_flight: sent.unwrap_or(0).saturating_sub(1),
            is_full: sent.is_none(),
            ..Self::of(limit.kind, limit.count, limit.window, jitter, now, last)
        })
    }

    /// Returns windows of which the one at `now` is unused.
    fn of(
        kind: LimitKind,
        number: u64,
        length: Duration,
        jitter: Duration,
        now: Time,
        last: u64,
    ) -> Self {
        Self {
            kind,
            number,
            confirmed: number,
            length,
            jitter,
            ends: [now + length; 2],
            is_open: true,
            has_lost_first: false,
            again_at: now,
            too_early: None,
            last,
            base: last,
            left_out: 0,
            sent: 0,
            accepted: 0,
            in_flight: 0,
            is_full: false,
            ended_early: false,
            is_lowered: false,
            grows: false,
            windows: 0,
            odd: 0,
            calm: 0,
            tests: 0,
            next_test: now,
            has_hints: false,
            entered: now,
            is_on_trial: false,
        }
    }

    /// Sets whether the server names the wait of a refused test in whole seconds.
    pub(crate) const fn set_hints(&mut self, has_hints: bool) {
        self.has_hints = has_hints;
    }

    /// Returns the rate that the law amounts to.
    pub(crate) fn rate(&self) -> Option<Rate> {
        Rate::per_second(self.confirmed as f64 / self.length.as_secs_f64())
    }

    /// Returns whether the law fits too badly to go on.
    pub(crate) const fn is_refuted(&self) -> bool {
        let most = if self.is_on_trial {
            MOST_ODD_ON_TRIAL
        } else {
            MOST_ODD
        };
        self.odd >= most || self.number < LEAST
    }

    /// Returns the length of a window.
    pub(crate) const fn length(&self) -> Duration {
        self.length
    }

    /// Returns when the law began to be spent.
    pub(crate) const fn entered(&self) -> Time {
        self.entered
    }

    /// Returns whether `limit` is the law that is spent, apart from its number.
    pub(crate) fn is_of(&self, limit: &InferredLimit) -> bool {
        (self.kind, self.length) == (limit.kind, limit.window)
    }

    /// Takes over what became known about the beginning of windows on a grid.
    pub(crate) fn aim(&mut self, limit: &InferredLimit) {
        if let (LimitKind::FixedWindow, Some(begins)) = (self.kind, limit.begins) {
            let ends = begins.map(|at| at + self.length);
            if ends[1] >= self.ends[0] && ends[0] <= self.ends[1] {
                self.ends = ends;
            }
        }
    }

    /// Returns the time from which on a request may come too late for the current window.
    fn ends(&self) -> Time {
        before(self.ends[0], self.jitter)
    }

    /// Returns the time from which on the next window has surely begun.
    fn next_begins(&self) -> Time {
        let margin = match self.kind {
            // The zone of a grid is wide enough.
            LimitKind::FixedWindow => Duration::ZERO,
            _ => self.jitter.mul_f64(0.3),
        };
        self.ends[1] + margin
    }

    /// Moves on to the window at `now`.
    pub(crate) fn advance(&mut self, now: Time) {
        if !self.is_open || now < self.next_begins() {
            return;
        }
        if self.ended_early {
            self.number = self.accepted.max(1);
        } else {
            if self.grows {
                self.number = self.number.max(self.accepted);
            }
            self.calm += 1;
            if self.calm >= CALM {
                self.odd = 0;
            }
            self.is_on_trial &= self.calm < TRUSTED;
        }
        self.windows += 1;
        (self.base, self.left_out) = (self.last, 0);
        (self.sent, self.accepted, self.in_flight) = (0, 0, 0);
        // A number that was still growing goes on in the next window.
        self.grows &= !self.is_full;
        (self.is_full, self.ended_early) = (false, false);
        if self.kind == LimitKind::FixedWindow {
            let past =
                now.saturating_since(self.ends[1]).as_nanos() / self.length.as_nanos().max(1);
            let past = u32::try_from(past).unwrap_or(u32::MAX).saturating_add(1);
            self.ends = self.ends.map(|at| at + self.length.saturating_mul(past));
        } else {
            self.is_open = false;
        }
    }
}

/// Returns the seconds between two tests of this law.
fn test_interval(length: Duration, number: u64) -> f64 {
    let interval = REQUESTS_PER_TEST * length.as_secs_f64() / number as f64;
    interval.clamp(TEST_INTERVAL.0, TEST_INTERVAL.1)
}

/// Returns the time by this much earlier.
fn before(at: Time, by: Duration) -> Time {
    let by = u64::try_from(by.as_nanos()).unwrap_or(u64::MAX);
    Time::from_nanos(at.as_nanos().saturating_sub(by))
}

#[cfg(test)]
mod tests;
