//! What the requests of a window tell of it.

use std::time::Duration;

use super::turns::LATE;
use super::{FIRST_TESTS, LATE_TEST, MOST_ODD, WindowSpending, test_interval};
use crate::limiter::grant::Grant;
use crate::limiter::inference::LimitKind;
use crate::time::Time;

/// Part of the number at which a refusal can't come from a limit that was halved.
const FAR_TOO_EARLY: f64 = 0.45;

impl WindowSpending {
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
