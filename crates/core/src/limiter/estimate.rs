//! Measures how much the server lets through, from one resumption to another.
//!
//! Between the first request after one pause and the first after the next one, a token bucket has refilled what
//! it gave, and a window has begun anew. Over that stretch, accepted requests over time *are* the limit. Over any
//! other stretch a burst or a part of a window spoils the figure.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::rate::Rate;
use crate::time::Time;

/// Minimum length of a pause that a window explains, and whose length it then tells. Shorter pauses are round trips,
/// and waits below one second that `Retry-After` rounds up.
pub(crate) const SHORT_PAUSE: Duration = Duration::from_millis(1500);

/// Counts at a resumption.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
struct Mark {
    /// Busy time until then.
    busy: Duration,
    /// Accepted requests until then.
    accepted: u64,
    /// Length of the pause that ended then.
    pause: Duration,
}

/// Counts accepted requests and the time in which there was demand for them.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Ledger {
    accepted: u64,
    /// Time without demand. It is left out of every measurement.
    idle: Duration,
    last_send: Time,
    /// The last two resumptions, the earlier one first. At the start, the start itself.
    marks: [Mark; 2],
}

impl Ledger {
    pub(crate) fn new(now: Time) -> Self {
        let start = Mark {
            busy: now.saturating_since(Time::ZERO),
            ..Mark::default()
        };
        Self {
            accepted: 0,
            idle: Duration::ZERO,
            last_send: now,
            marks: [start, start],
        }
    }

    pub(crate) fn accepted(&self) -> u64 {
        self.accepted
    }

    /// Counts a successful request of this cost.
    pub(crate) fn count(&mut self, cost: u32) {
        self.accepted = self.accepted.saturating_add(u64::from(cost));
    }

    /// Takes note of a request that is sent. Returns the idle time before it: how long ago it could have been sent,
    /// if there had been demand. A request that queued had no idle time.
    pub(crate) fn send(
        &mut self,
        now: Time,
        waited: bool,
        cooldown_until: Time,
        rate: Rate,
    ) -> Duration {
        let last = self.last_send.max(cooldown_until);
        self.last_send = self.last_send.max(now);
        if waited || now <= last {
            return Duration::ZERO;
        }
        let gap = now.saturating_since(last + rate.time_for(1.0));
        self.idle = self.idle.saturating_add(gap);
        gap
    }

    /// Returns the longest of the last pauses that only a window explains; zero if there was none.
    pub(crate) fn window(&self) -> Duration {
        let pauses = self.marks.iter().map(|mark| mark.pause);
        pauses
            .filter(|pause| *pause > SHORT_PAUSE)
            .max()
            .unwrap_or_default()
    }

    /// Returns the accepted requests per second of busy time up to the resumption at `resumed`, with `more` requests
    /// added for the luck of timing. Counts from the last resumption, or from the one before if the last is less than
    /// a window ago. `None` if nothing was accepted.
    pub(crate) fn estimate(&self, resumed: Time, more: u64) -> Option<Rate> {
        let [earlier, later] = &self.marks;
        let recent = self.busy(resumed).saturating_sub(later.busy);
        let mark = if recent >= self.window() {
            later
        } else {
            earlier
        };
        self.since(mark, resumed, more, Duration::ZERO)
    }

    /// Returns the busy time from the last resumption to the pause that ended at `resumed`.
    pub(crate) fn sending_since_mark(&self, resumed: Time, pause: Duration) -> Duration {
        let since = self.busy(resumed).saturating_sub(self.marks[1].busy);
        since.saturating_sub(pause)
    }

    /// Returns the rate since the last resumption without the part `pause` of the pause that ended now.
    pub(crate) fn estimate_without(&self, resumed: Time, pause: Duration) -> Option<Rate> {
        self.since(&self.marks[1], resumed, 0, pause)
    }

    /// Returns the rate since the resumption before the last one, or since the start.
    pub(crate) fn estimate_overall(&self, resumed: Time) -> Option<Rate> {
        self.since(&self.marks[0], resumed, 0, Duration::ZERO)
    }

    fn since(&self, mark: &Mark, resumed: Time, more: u64, without: Duration) -> Option<Rate> {
        let accepted = self
            .accepted
            .saturating_sub(mark.accepted)
            .saturating_add(more);
        let busy = self
            .busy(resumed)
            .saturating_sub(mark.busy)
            .saturating_sub(without);
        Rate::per_second(accepted as f64 / busy.as_secs_f64())
    }

    /// Takes note of a pause of this length that ended with the request sent at `resumed`.
    pub(crate) fn mark(&mut self, resumed: Time, pause: Duration) {
        let mark = Mark {
            busy: self.busy(resumed),
            accepted: self.accepted,
            pause,
        };
        self.marks = [self.marks[1], mark];
    }

    fn busy(&self, at: Time) -> Duration {
        at.saturating_since(Time::ZERO).saturating_sub(self.idle)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn rate(requests: f64) -> Rate {
        Rate::per_second(requests).expect("a valid rate")
    }

    fn at(seconds: u64) -> Time {
        Time::ZERO + Duration::from_secs(seconds)
    }

    fn ledger_with(accepted: u32) -> Ledger {
        let mut ledger = Ledger::new(at(0));
        ledger.count(accepted);
        ledger
    }

    #[test]
    fn accepted_over_the_time_between_two_resumptions_is_the_limit() {
        let mut ledger = ledger_with(7);
        ledger.mark(at(10), SECOND);
        ledger.count(40);
        assert_eq!(ledger.estimate(at(30), 0), Some(rate(2.0)));
        assert_eq!(ledger.estimate(at(30), 2), Some(rate(2.1)));
        assert_eq!(
            ledger.estimate_without(at(30), 10 * SECOND),
            Some(rate(4.0))
        );
        assert_eq!(ledger.estimate_overall(at(47)), Some(rate(1.0)));
    }

    #[test]
    fn a_stretch_shorter_than_the_window_is_measured_together_with_the_one_before() {
        let mut ledger = ledger_with(0);
        ledger.mark(at(100), 30 * SECOND);
        ledger.count(60);
        ledger.mark(at(160), 20 * SECOND);
        ledger.count(10);
        assert_eq!(ledger.window(), 30 * SECOND);
        assert_eq!(
            ledger.estimate(at(170), 0),
            Some(rate(1.0)),
            "70 in 70 s since the earlier mark"
        );
        assert_eq!(
            ledger.estimate(at(200), 0),
            Some(rate(0.25)),
            "10 in 40 s since the later mark"
        );
    }

    #[test]
    fn idle_time_is_in_no_measurement() {
        let mut ledger = ledger_with(0);
        // At 1/s the second request could have gone at 1 s; it came at 51 s.
        assert_eq!(ledger.send(at(51), false, at(0), rate(1.0)), 50 * SECOND);
        ledger.count(20);
        assert_eq!(ledger.estimate(at(60), 0), Some(rate(2.0)));
    }

    #[test]
    fn a_request_that_queued_or_was_held_by_a_cooldown_was_not_idle() {
        let mut ledger = ledger_with(0);
        assert_eq!(ledger.send(at(51), true, at(0), rate(1.0)), Duration::ZERO);
        assert_eq!(
            ledger.send(at(100), false, at(99), rate(1.0)),
            Duration::ZERO
        );
    }

    #[test]
    fn pauses_of_a_round_trip_or_a_rounded_second_are_no_windows() {
        let mut ledger = ledger_with(0);
        ledger.mark(at(10), SECOND);
        assert_eq!(ledger.window(), Duration::ZERO);
        ledger.mark(at(20), 2 * SECOND);
        assert_eq!(ledger.window(), 2 * SECOND);
    }
}
