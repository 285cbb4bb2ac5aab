//! Requests whose outcome is not known.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::time::Time;

/// Time after which an outcome counts as lost, up to twice as long. Few requests take that long, and those of a worker
/// that was killed never end.
const LOST_AFTER: Duration = Duration::from_secs(60);

/// Sum of the costs of the grants whose outcome is not known, and may still come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct UnderWay {
    all: u64,
    /// The part of them that was granted before the second of these times, and after the first.
    older: u64,
    since: [Time; 2],
}

impl UnderWay {
    pub(super) const fn new(now: Time) -> Self {
        Self {
            all: 0,
            older: 0,
            since: [now; 2],
        }
    }

    /// Returns whether a stored value can be right at a time when nothing is later than `latest`.
    pub(super) fn is_plausible(self, latest: Time) -> bool {
        let [oldest, newer] = self.since;
        oldest <= newer && newer <= latest && self.older <= self.all
    }

    /// Returns the sum of the costs.
    pub(super) const fn cost(self) -> u64 {
        self.all
    }

    /// Counts a grant of this cost.
    pub(super) fn granted(&mut self, cost: u32) {
        self.all = self.all.saturating_add(u64::from(cost));
    }

    /// Counts the outcome of a grant of this cost as known.
    pub(super) fn landed(&mut self, issued_at: Time, cost: u32) {
        let [oldest, newer] = self.since;
        if issued_at < oldest {
            // It was counted as lost.
            return;
        }
        let cost = u64::from(cost);
        self.all = self.all.saturating_sub(cost);
        if issued_at < newer {
            self.older = self.older.saturating_sub(cost);
        }
        // A slot of a fleet is dealt out ahead of its time, and may count as older before it.
        self.older = self.older.min(self.all);
    }

    /// Counts outcomes as lost that have been due for one to two minutes.
    pub(super) fn without_lost(&mut self, now: Time) {
        if now.saturating_since(self.since[1]) >= LOST_AFTER {
            self.all = self.all.saturating_sub(self.older);
            self.older = self.all;
            self.since = [self.since[1], now];
        }
    }

    /// Counts all outcomes as lost.
    pub(super) const fn forget(&mut self, now: Time) {
        *self = Self::new(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Time {
        Time::ZERO + Duration::from_secs(seconds)
    }

    fn grant(under_way: &mut UnderWay, seconds: u64) -> Time {
        under_way.without_lost(at(seconds));
        under_way.granted(2);
        at(seconds)
    }

    #[test]
    fn each_grant_is_under_way_until_its_outcome_is_known() {
        let mut under_way = UnderWay::new(at(0));
        let grants = [0, 30, 70, 100].map(|seconds| grant(&mut under_way, seconds));
        assert_eq!(under_way.cost(), 8);
        for (grant, left) in grants.iter().zip([6, 4, 2, 0]) {
            under_way.landed(*grant, 2);
            assert_eq!(under_way.cost(), left);
        }
    }

    #[test]
    fn an_outcome_that_does_not_come_is_lost_after_one_or_two_minutes_and_counts_once() {
        let mut under_way = UnderWay::new(at(0));
        let lost = [0, 59].map(|seconds| grant(&mut under_way, seconds));
        let others = [60, 119].map(|seconds| grant(&mut under_way, seconds));
        assert_eq!(under_way.cost(), 8);
        let last = grant(&mut under_way, 120);
        assert_eq!(under_way.cost(), 6, "the first two are lost");
        for late in lost {
            under_way.landed(late, 2);
        }
        assert_eq!(under_way.cost(), 6, "their outcomes change nothing");
        for grant in others.into_iter().chain([last]) {
            under_way.landed(grant, 2);
        }
        assert_eq!(under_way.cost(), 0);
    }
}
