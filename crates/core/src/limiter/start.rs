//! The start: until the first refusal, how many requests are at stake is bounded, and not how fast they go.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::rtt::RoundTrips;
use crate::rate::Rate;
use crate::time::Time;

/// Growth per success, per second, before a round trip is known, and at most. After short trips the rate would be far
/// above any limit before the first response says so.
const STEP: f64 = 10.0;

/// Shortest round trip that others are set in proportion to, in seconds.
const SHORTEST_TRIP: f64 = 0.001;

/// Requests under way at most, if nothing is known of any limit: this many at first, and one for so many successes.
const FEW: u64 = 4;
const SUCCESSES_AT_FIRST: u64 = 4;
const SUCCESSES: u64 = 20;

/// Requests under way at most, where limits are announced or known, beside one for [`SUCCESSES_AT_FIRST`].
const SOME: u64 = 8;

/// Time after which a response that is under way is not waited for any longer.
pub(super) const AWAITED: Duration = Duration::from_secs(2);

/// Time over which the rate of successes before the first refusal is measured, up to twice as long; and the shortest,
/// right after the start.
const LATELY: Duration = Duration::from_secs(1);
const SHORTEST: Duration = Duration::from_millis(100);

/// What the first refusal of a search is judged by.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct Start {
    pub(super) trips: Option<RoundTrips>,
    /// Times, one or two seconds back, and the successes until then.
    marks: [(Time, u64); 2],
}

impl Start {
    pub(super) const fn new(now: Time) -> Self {
        Self {
            trips: None,
            marks: [(now, 0); 2],
        }
    }

    /// Takes in a success after this round trip. `accepted` counts the successes before it.
    pub(super) fn succeeded(&mut self, now: Time, trip: Duration, accepted: u64) {
        self.trips = Some(RoundTrips::seen(self.trips, trip));
        if now.saturating_since(self.marks[1].0) >= LATELY {
            self.marks = [self.marks[1], (now, accepted)];
        }
    }

    /// Returns the growth of the rate for a success, per second: one more request in each round trip.
    pub(super) fn step(&self) -> f64 {
        // A round trip of no time gives infinity.
        self.trips.map_or(STEP, |trips| STEP.min(1.0 / trips.mean))
    }

    /// Returns the mean round trip in seconds, once one is known.
    pub(super) fn trip(&self) -> Option<f64> {
        self.trips.map(|trips| trips.mean)
    }

    /// Returns a time as a number of round trips; 0 before one is known.
    pub(super) fn in_trips(&self, time: Duration) -> f64 {
        let trips = |trips: RoundTrips| time.as_secs_f64() / trips.mean.max(SHORTEST_TRIP);
        self.trips.map_or(0.0, trips)
    }

    /// Returns the rate of the successes lately, out of `accepted`; `None` without one.
    pub(super) fn lately(&self, now: Time, accepted: u64) -> Option<Rate> {
        let (since, before) = self.marks[0];
        let seconds = now.saturating_since(since).max(SHORTEST).as_secs_f64();
        Rate::per_second(accepted.saturating_sub(before) as f64 / seconds)
    }
}

/// Returns how many requests may be under way after `accepted` successes and no refusal. `is_told` says whether limits
/// are announced or known.
pub(super) fn most_under_way(accepted: u64, is_told: bool) -> u64 {
    let few = accepted / SUCCESSES_AT_FIRST;
    if is_told {
        SOME + few
    } else {
        FEW.min(1 + few).max(accepted / SUCCESSES)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MILLI: Duration = Duration::from_millis(1);

    fn at(millis: u32) -> Time {
        Time::ZERO + millis * MILLI
    }

    #[test]
    fn each_success_lets_one_more_request_go_in_each_round_trip() {
        let mut start = Start::new(at(0));
        assert_eq!(start.step(), 10.0);
        start.succeeded(at(200), 200 * MILLI, 0);
        assert_eq!(start.step(), 5.0);
        // After short round trips it grows no faster.
        for trip in [0, 50] {
            let mut start = Start::new(at(0));
            start.succeeded(at(trip), trip * MILLI, 0);
            assert_eq!(start.step(), 10.0);
        }
    }

    #[test]
    fn what_is_at_stake_grows_with_what_got_through() {
        let silent = [0, 3, 4, 8, 12, 80, 100, 1000].map(|it| most_under_way(it, false));
        assert_eq!(silent, [1, 1, 2, 3, 4, 4, 5, 50]);
        let told = [0, 4, 100].map(|it| most_under_way(it, true));
        assert_eq!(told, [8, 9, 33]);
    }

    #[test]
    fn the_rate_of_the_last_second_or_two_is_what_got_through() {
        let mut start = Start::new(at(0));
        assert_eq!(start.lately(at(500), 0), None);
        for accepted in 0..40 {
            start.succeeded(at(100 * accepted), 50 * MILLI, accepted.into());
        }
        // From 2 s on.
        let lately = start.lately(at(4000), 40).map(Rate::as_per_second);
        assert_eq!(lately, Some(10.0));
    }
}
