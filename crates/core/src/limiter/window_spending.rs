//! Spends each window of a hidden limit by its number, once its law is known.
//!
//! Requests of a window go at once, and none follow before the next window begins. Now and then one more request
//! tests whether the limit was raised. A window that ends before its number is reached means that the limit was
//! lowered, or that another client uses it, too: then requests are spread, and after a few such windows the law is
//! given up.

use std::time::Duration;

use super::grant::Grant;
use super::inference::{InferredLimit, LimitKind};
use super::learned::RememberedWindow;
use crate::rate::Rate;
use crate::time::Time;

/// Points for surprises at which the law is given up, and quiet windows that make up for all.
const MOST_ODD: u32 = 4;
const CALM: u32 = 6;

/// The same points for a law of an earlier run, until so many quiet windows have followed each other.
const MOST_ODD_ON_TRIAL: u32 = 2;
const TRUSTED: u32 = 3;

/// Lengths of windows that are taken over from an earlier run: those that are found, see [`super::inference`].
const REMEMBERED: std::ops::RangeInclusive<Duration> =
    Duration::from_secs(4)..=Duration::from_secs(3600);

/// How much the wall clock may have moved against the server's between two runs.
const CLOCKS_DIFFER: Duration = Duration::from_millis(100);

/// Requests between two tests, and the bounds of the time between them.
const REQUESTS_PER_TEST: f64 = 250.0;
const TEST_INTERVAL: (f64, f64) = (5.0, 60.0);

/// Tests that are made as soon as possible after the law is known.
const FIRST_TESTS: u32 = 2;

/// Every so many tests one comes just before the window ends. It is accepted if windows are shorter than believed.
const LATE_TEST: u32 = 4;
const LATE: f64 = 0.02;

/// How late a timer may be.
const LATENESS: Duration = Duration::from_millis(20);

/// Part of a window over which its requests are spread, where another client may use the limit.
const SPREAD: f64 = 0.97;

/// Requests beyond the known number that may be in flight while the number grows, and one more for so many accepted.
const GROWING: u64 = 3;
const GROWING_SHARE: u64 = 4;

/// Part of the number at which a refusal can't come from a limit that was halved.
const FAR_TOO_EARLY: f64 = 0.45;

/// Smallest and largest number of requests in a window that is spent by its number.
const LEAST: u64 = 3;
const MOST: u64 = 1_000_000_000;

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

    /// Goes on with the windows of an earlier run, which are on trial. `unix_now` is what the wall clock shows. `None` if
    /// they can't be spent.
    pub(crate) fn remembered(
        window: &RememberedWindow,
        jitter: Duration,
        (now, unix_now): (Time, Duration),
        last: u64,
    ) -> Option<Self> {
        let RememberedWindow {
            kind,
            count,
            length,
            ..
        } = *window;
        let zone = window.ends_until.checked_sub(window.ends_from)?;
        let zone = zone.checked_add(2 * CLOCKS_DIFFER)?;
        let is_plausible = REMEMBERED.contains(&length)
            && (LEAST..=MOST).contains(&count)
            && zone < length
            && kind != LimitKind::SlidingWindow;
        if !is_plausible {
            return None;
        }
        let is_from_first = kind == LimitKind::WindowFromFirst;
        let ends = window.ends_until.checked_add(CLOCKS_DIFFER)?;
        let left = if is_from_first {
            // Of the window that a request of the earlier run began, if it is not over.
            ends.saturating_sub(unix_now).min(length)
        } else {
            let past = unix_now.saturating_sub(ends).as_nanos() % length.as_nanos();
            let ahead = ends.saturating_sub(unix_now).as_nanos() % length.as_nanos();
            let left = if ahead > 0 {
                ahead
            } else {
                length.as_nanos() - past
            };
            Duration::from_nanos(u64::try_from(left).ok()?)
        };
        let latest = now + left;
        // Who has sent nothing for a whole window has all of this one.
        let is_unused = unix_now.saturating_sub(window.last_used) >= length + CLOCKS_DIFFER;
        Some(Self {
            ends: [before(latest, zone), latest],
            is_open: !is_from_first,
            again_at: if is_from_first { latest } else { now },
            is_full: !is_from_first && !is_unused,
            // The earlier run has tested it.
            tests: FIRST_TESTS,
            next_test: now + Duration::from_secs_f64(test_interval(length, count)),
            is_on_trial: true,
            ..Self::of(kind, count, length, jitter, now, last)
        })
    }

    /// Returns the law for the next run. `last` is when the last request was sent.
    pub(crate) fn to_remember(
        &self,
        last: Time,
        (now, unix_now): (Time, Duration),
    ) -> RememberedWindow {
        let unix = |at: Time| {
            (unix_now + at.saturating_since(now)).saturating_sub(now.saturating_since(at))
        };
        RememberedWindow {
            kind: self.kind,
            count: self.confirmed,
            length: self.length,
            ends_from: unix(self.ends[0]),
            ends_until: unix(self.ends[1]),
            last_used: unix(last),
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

    /// Returns whether the requests of this window are spread over it, so that another client shows.
    fn spreads(&self) -> bool {
        self.odd > 0 || (self.windows >= 4 && self.windows.is_power_of_two())
    }

    /// Returns when a request may go after `sent` others of its window, if they are spread over it.
    fn spread(&self, sent: u64) -> Time {
        let share = SPREAD * sent as f64 / self.number as f64;
        let begins = before(self.ends[1], self.length);
        let lasts = self.ends().saturating_since(begins);
        begins + lasts.mul_f64(share)
    }

    /// Returns when a request of this cost may go. Call [`advance`](Self::advance) first.
    pub(crate) fn turn(&self, now: Time, cost: u32) -> WindowTurn {
        if !self.is_open {
            return WindowTurn::At(self.again_at);
        }
        let next = self.next_begins();
        if self.is_full || now >= self.ends() {
            return WindowTurn::At(next);
        }
        if now < self.again_at {
            return WindowTurn::At(self.again_at);
        }
        if self.sent + u64::from(cost.max(1)) <= self.number {
            // The first request of a window alone, if the last one ended as it should not.
            if self.odd > 0 && self.accepted == 0 && self.in_flight > 0 {
                return WindowTurn::AfterFeedback(next);
            }
            if self.spreads() {
                return WindowTurn::At(self.spread(self.sent));
            }
            return WindowTurn::At(now);
        }
        if self.grows {
            let beyond = self.accepted.saturating_sub(self.number);
            if self.in_flight < GROWING + beyond / GROWING_SHARE {
                return WindowTurn::At(now);
            }
            return WindowTurn::AfterFeedback(next);
        }
        if self.in_flight > 0 {
            return WindowTurn::AfterFeedback(next);
        }
        // All are answered, so that no other request is overtaken by a test.
        let test = if self.tests % LATE_TEST == 1 {
            self.next_test
                .max(before(self.ends(), self.length.mul_f64(LATE)))
        } else {
            self.next_test
        };
        let mut test = test.max(now);
        if self.has_hints {
            // The wait that the server names is rounded up to whole seconds: so it ends when the next window begins.
            let rest = next.saturating_since(test) + LATENESS;
            let aligned = before(next, Duration::from_secs(rest.as_secs()));
            if aligned < self.ends() {
                test = aligned;
            }
        }
        WindowTurn::At(if test < self.ends() { test } else { next })
    }

    /// Returns when a request of this cost would go after others that cost `ahead`. More may go if the limit was raised.
    pub(crate) fn projected(&self, now: Time, ahead: u64, cost: u32) -> Time {
        let mut then = self.clone();
        then.advance(now);
        let amount = ahead.saturating_add(u64::from(cost));
        let (first, left, next) = if then.is_open {
            let is_over = then.is_full || now >= then.ends();
            let left = then.number.saturating_sub(then.sent);
            let left = if is_over { 0 } else { left };
            (now.max(then.again_at), left, then.next_begins())
        } else {
            // The first request begins the window.
            let first = now.max(then.again_at);
            (first, then.number, first + then.length)
        };
        if amount <= left {
            let is_spread = then.is_open && then.spreads();
            let place = then.sent.saturating_add(ahead);
            return if is_spread {
                first.max(then.spread(place))
            } else {
                first
            };
        }
        let windows = (amount - left).saturating_sub(1) / then.number.max(1);
        let windows = u32::try_from(windows).unwrap_or(u32::MAX);
        next + then.length.saturating_mul(windows)
    }

    /// Takes note of a request that is sent.
    pub(crate) fn sent(&mut self, grant: &Grant) {
        self.last = grant.number;
        if !self.is_open {
            self.is_open = true;
            self.has_lost_first = false;
            self.base = grant.number.saturating_sub(u64::from(grant.cost));
            self.left_out = 0;
            self.ends = [grant.issued_at, grant.issued_at + self.jitter].map(|at| at + self.length);
        }
        self.sent += u64::from(grant.cost);
        self.in_flight += u64::from(grant.cost);
        if self.sent > self.number && !self.grows {
            self.tests += 1;
            let interval = test_interval(self.length, self.number);
            if self.tests >= FIRST_TESTS {
                self.next_test = grant.issued_at + Duration::from_secs_f64(interval);
            }
        }
    }

    /// Returns whether a grant counts in the current window.
    fn is_of_window(&self, grant: &Grant) -> bool {
        let is_early = self.too_early.is_some_and(|at| grant.issued_at < at);
        self.is_open && grant.number > self.base && !is_early
    }

    /// Returns whether a request of the current window went beyond its number.
    fn is_test(&self, grant: &Grant) -> bool {
        (grant.number - self.base).saturating_sub(self.left_out) > self.number
    }

    /// Takes in a request that says nothing about the limit.
    pub(crate) fn failed(&mut self, grant: &Grant) {
        if self.is_of_window(grant) {
            self.in_flight = self.in_flight.saturating_sub(u64::from(grant.cost));
            self.has_lost_first |= self.accepted == 0;
        }
    }

    /// Takes in that a request was never sent. The next grant has the number of the last one, if that is given back.
    pub(crate) fn unsent(&mut self, grant: &Grant) {
        let cost = u64::from(grant.cost);
        let is_last = grant.number == self.last;
        if is_last {
            self.last = self.last.saturating_sub(cost);
        }
        if self.is_of_window(grant) {
            self.failed(grant);
            self.sent = self.sent.saturating_sub(cost);
            // Those after it are as much earlier in their window. Beyond the number, all of them stay beyond it.
            if !is_last && !self.is_test(grant) {
                self.left_out += cost;
            }
            if self.sent == 0 && self.kind == LimitKind::WindowFromFirst {
                // Nothing has begun it.
                self.is_open = false;
            }
        }
        self.base = self.base.min(self.last);
    }

    /// Takes in an accepted request. `excess` is how much longer its round trip was than the shortest one. Returns whether
    /// it is the first one of its window.
    pub(crate) fn accepted(&mut self, grant: &Grant, excess: Duration) -> bool {
        if !self.is_of_window(grant) {
            return false;
        }
        let is_first = self.accepted == 0;
        let cost = u64::from(grant.cost);
        self.in_flight = self.in_flight.saturating_sub(cost);
        self.accepted += cost;
        let may_begin_it = grant.issued_at + self.length >= self.ends[0];
        if self.kind == LimitKind::WindowFromFirst && may_begin_it {
            // It arrived in this window, which had begun by then.
            let ends = grant.issued_at + excess + self.length;
            self.ends[1] = if is_first && self.has_lost_first {
                ends.max(self.ends[1])
            } else {
                ends.min(self.ends[1])
            };
        }
        if self.is_test(grant) && !self.is_full {
            if self.tests % LATE_TEST == 2 && !self.grows {
                // Windows are shorter than believed, or the limit was raised: an early test comes next, and tells.
                self.odd += 2;
                self.calm = 0;
                self.is_full = true;
                self.tests = 0;
                self.next_test = grant.issued_at;
            } else if self.is_lowered {
                // More is left than where the last window ended: what ended it was no window.
                self.odd = MOST_ODD;
            } else {
                self.grows = true;
            }
        }
        is_first
    }

    /// Takes in a refused request. Returns whether the window ended before its number was reached.
    pub(crate) fn refused(&mut self, now: Time, grant: &Grant) -> bool {
        if !self.is_of_window(grant) {
            return false;
        }
        let cost = u64::from(grant.cost);
        self.in_flight = self.in_flight.saturating_sub(cost);
        if self.is_test(grant) {
            self.is_full = true;
            self.is_lowered = false;
            self.confirmed = self.number.max(self.accepted);
            return false;
        }
        if self.is_full {
            return self.ended_early;
        }
        self.calm = 0;
        self.odd += 1;
        if self.accepted == 0 {
            // The last window is not over. Those that were sent with this request came too early, too.
            self.again_at = now + self.length.mul_f64(LATE).max(self.jitter);
            self.too_early = Some(now);
            self.is_open = self.kind == LimitKind::FixedWindow;
            (self.base, self.left_out) = (grant.number, 0);
            (self.sent, self.in_flight) = (0, 0);
            return true;
        }
        if (self.accepted + self.in_flight) as f64 <= FAR_TOO_EARLY * self.number as f64 {
            // Another limit refuses, or the law is wrong. To wait for the next window would be in vain.
            self.odd = MOST_ODD;
        }
        self.is_full = true;
        self.ended_early = true;
        self.is_lowered = true;
        self.next_test = now;
        true
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
