//! Known limits: what is used of them, when they let a request go, and what the next run is told.

use std::time::Duration;

use super::Controller;
use crate::limiter::fixed::FixedLimit;
use crate::limiter::learned::{KnownUsage, Learned};
use crate::limiter::present::Present;
use crate::limiter::view::Allowance;
use crate::time::Time;

/// Difference of two clocks, since they were compared last, above which one of them was set.
const CLOCKS_DRIFT: Duration = Duration::from_millis(100);

impl Controller {
    /// Takes in what the wall clock shows `now`. The days and months of known limits begin by it. Before the first call
    /// the limiter's own clock counts as one.
    pub fn set_wall_clock(&mut self, now: Time, unix_now: Duration) {
        let since_zero = now.saturating_since(Time::ZERO);
        let ahead = unix_now.saturating_sub(since_zero);
        if ahead.abs_diff(self.state.unix_ahead) > CLOCKS_DRIFT {
            self.state.unix_moved_at = now;
        }
        self.state.unix_ahead = ahead;
    }

    /// Returns whether a known limit is renewed by the wall clock.
    pub(in crate::limiter) fn follows_wall_clock(&self) -> bool {
        self.settings.fixed.iter().any(FixedLimit::is_of_calendar)
    }

    /// Returns this time by both clocks.
    pub(in crate::limiter) fn present(&self, now: Time) -> Present {
        Present {
            now,
            unix: (now.saturating_since(Time::ZERO)).saturating_add(self.state.unix_ahead),
        }
    }

    /// Starts the known limits with a part of what another controller has left of them, at its time `seen_now`, without
    /// the `unseen` requests that it does not know of.
    pub(in crate::limiter) fn take_part_of_fixed(
        &mut self,
        now: Time,
        seen: &Self,
        seen_now: Time,
        (part, unseen): (f64, u64),
    ) {
        let then = seen.present(seen_now);
        self.set_wall_clock(now, then.unix);
        let now = self.present(now);
        let limits = seen.settings.fixed.iter().zip(&seen.state.fixed);
        let own = self.settings.fixed.iter().zip(limits);
        let left = own.map(|(own, (whole, usage))| {
            own.part_left(&now, (whole, usage, &then), (part, unseen))
        });
        self.state.fixed = left.collect();
    }

    /// Charges the known limits for `sent` tokens' worth of requests that this controller did not grant.
    pub(in crate::limiter) fn charge_fixed(&mut self, now: Time, sent: u64) {
        let now = self.present(now);
        for (limit, usage) in self.settings.fixed.iter().zip(&mut self.state.fixed) {
            limit.charge(usage, &now, sent);
        }
    }

    /// Charges the known limits for a request that goes now.
    pub(super) fn take_fixed(&mut self, now: Time, cost: u32) {
        let now = self.present(now);
        for (limit, usage) in self.settings.fixed.iter().zip(&mut self.state.fixed) {
            limit.take(usage, &now, cost);
        }
    }

    /// Gives the known limits back what was taken at `at` for a request that was not sent.
    pub(super) fn put_back_fixed(&mut self, at: Time, cost: u32) {
        // What was taken before may have been counted in another day.
        let wall_clock_stood = at > self.state.unix_moved_at;
        let at = self.present(at);
        for (limit, usage) in self.settings.fixed.iter().zip(&mut self.state.fixed) {
            if wall_clock_stood || !limit.is_of_calendar() {
                limit.put_back(usage, &at, cost);
            }
        }
    }

    /// Returns when the known limits let a request of this cost go.
    pub(super) fn fixed_ready_at(&self, now: Time, cost: u32) -> Time {
        let now = self.present(now);
        let limits = self.settings.fixed.iter().zip(&self.state.fixed);
        let ready = limits.map(|(limit, usage)| limit.ready_at(usage, &now, cost));
        ready.max().unwrap_or(Time::ZERO)
    }

    /// Returns when the known limits let the last of requests go that cost `amount` together.
    pub(super) fn fixed_due(&self, now: Time, amount: u64) -> Time {
        let now = self.present(now);
        let limits = self.settings.fixed.iter().zip(&self.state.fixed);
        let due = limits.map(|(limit, usage)| limit.due(usage, &now, amount));
        due.max().unwrap_or(Time::ZERO)
    }

    /// Returns the known limit of which nothing is left, and which lets a request go again the last.
    pub(super) fn used_up_limit(&self, now: Time) -> Option<Allowance> {
        let present = self.present(now);
        let limits = self.settings.fixed.iter().zip(&self.state.fixed);
        let all = limits.filter(|(limit, _)| limit.goes_at_once());
        let used_up = all.filter_map(|(limit, usage)| {
            let until = limit.ready_at(usage, &present, 1);
            (until > now).then(|| limit.used_up(until))
        });
        used_up.max_by_key(|it| it.until)
    }

    /// Returns how many requests may be sent until what was used of known limits has to be stored again. `None` if all of
    /// them have short windows.
    pub(in crate::limiter) fn reserve_of_known_limits(&self) -> Option<u64> {
        let limits = self.settings.fixed.iter();
        limits.filter_map(FixedLimit::reserve).min()
    }

    /// Returns what was used of the known limits, for the next run. `unix` is what the wall clock shows.
    pub(super) fn used_of_known_limits(&self, now: Time, unix: Duration) -> Vec<KnownUsage> {
        let now = Present { now, unix };
        let limits = self.settings.fixed.iter().zip(&self.state.fixed);
        let known = limits.map(|(limit, usage)| KnownUsage {
            limit: limit.key().to_owned(),
            sent: limit.sent_before(usage, &now),
        });
        known.filter(|it| !it.sent.is_empty()).collect()
    }

    /// Takes in what an earlier run used of the known limits. One that is in use already stays as it is. `unix` is what the
    /// wall clock shows.
    pub(super) fn restore_known_limits(&mut self, now: Time, learned: &Learned, unix: Duration) {
        let now = Present { now, unix };
        for (limit, usage) in self.settings.fixed.iter().zip(&mut self.state.fixed) {
            if !limit.sent_before(usage, &now).is_empty() {
                continue;
            }
            for sent in learned.used_of(limit.key()) {
                limit.charge_before(usage, &now, sent);
            }
        }
    }

    /// Takes in what a state of this fleet used of the known limits that was lost, beside what is used already.
    pub(in crate::limiter) fn add_to_known_limits(&mut self, now: Time, lost: &Learned) {
        let now = Present {
            now,
            unix: lost.at(),
        };
        for (limit, usage) in self.settings.fixed.iter().zip(&mut self.state.fixed) {
            limit.charge_all_before(usage, &now, lost.used_of(limit.key()));
        }
    }
}
