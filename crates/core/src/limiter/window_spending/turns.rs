//! When the requests of a window may go.

use std::time::Duration;

use super::{LATE_TEST, WindowSpending, WindowTurn, before};
use crate::time::Time;

/// Part of a window before its end at which a late test goes.
pub(super) const LATE: f64 = 0.02;

/// How late a timer may be.
const LATENESS: Duration = Duration::from_millis(20);

/// Part of a window over which its requests are spread, where another client may use the limit.
const SPREAD: f64 = 0.97;

/// Requests beyond the known number that may be in flight while the number grows, and one more for so many accepted.
const GROWING: u64 = 3;
const GROWING_SHARE: u64 = 4;

impl WindowSpending {
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
}
