//! Conversion between the store's clock and the local clock.

use std::time::Duration;

use crate::time::Time;

/// How fast two clocks drift apart, at most: 100 µs per second, more than any disciplined clock does.
const DRIFT: f64 = 1e-4;

/// One comparison of two clocks: a time of the store and the local time that equals it.
///
/// The store read its clock at some moment of the visit. The end of the visit is taken for that moment, so that no
/// slot is used early. A slot is used late by at most the duration of that visit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct ClockOffset {
    store: Time,
    local: Time,
    /// Duration of the visit.
    uncertainty: Duration,
}

impl ClockOffset {
    /// Compares the clocks after a visit: the store's time was `store`, the request was `sent` and the response
    /// `received` at these local times.
    pub(crate) const fn new(store: Time, sent: Time, received: Time) -> Self {
        Self {
            store,
            local: received,
            uncertainty: received.saturating_since(sent),
        }
    }

    /// Returns the better of two comparisons. A short visit tells more than a long one, until the clocks may have
    /// drifted by the difference. If the two can't both be true, the store's clock was set, and the `newer` one is
    /// right.
    pub(crate) fn or(self, newer: Self) -> Self {
        let age = newer.local.saturating_since(self.local);
        let drift = age.mul_f64(DRIFT);
        let expected = self.to_local(newer.store);
        let apart = expected
            .saturating_since(newer.local)
            .max(newer.local.saturating_since(expected));
        let explained = self.uncertainty + newer.uncertainty + drift;
        if apart <= explained && self.uncertainty + drift < newer.uncertainty {
            self
        } else {
            newer
        }
    }

    /// Converts a time of the store to local time.
    pub(crate) fn to_local(self, store: Time) -> Time {
        shifted(store, self.store, self.local)
    }

    /// Converts a local time to the store's.
    pub(crate) fn to_store(self, local: Time) -> Time {
        shifted(local, self.local, self.store)
    }
}

/// Returns the time that is as far from `to` as `time` is from `from`.
fn shifted(time: Time, from: Time, to: Time) -> Time {
    if time >= from {
        to + time.saturating_since(from)
    } else {
        let back = from.as_nanos() - time.as_nanos();
        Time::from_nanos(to.as_nanos().saturating_sub(back))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Time {
        Time::from_nanos(millis * 1_000_000)
    }

    #[test]
    fn times_go_there_and_back() {
        let offset = ClockOffset::new(at(900_000), at(98), at(100));
        assert_eq!(offset.to_local(at(900_050)), at(150));
        assert_eq!(offset.to_store(at(150)), at(900_050));
        assert_eq!(offset.to_local(at(899_950)), at(50));
        assert_eq!(offset.to_local(at(1)), Time::ZERO);
    }

    #[test]
    fn of_two_visits_the_shorter_one_counts() {
        let short = ClockOffset::new(at(900_000), at(99), at(100));
        let long = ClockOffset::new(at(900_100), at(170), at(210));
        assert_eq!(short.or(long), short);
        assert_eq!(long.or(short), short);
    }

    #[test]
    fn a_comparison_is_replaced_before_the_clocks_drift_apart() {
        let old = ClockOffset::new(at(900_000), at(99), at(100));
        // 100 s later they may be 10 ms apart.
        let new = ClockOffset::new(at(1_000_000), at(100_098), at(100_106));
        assert_eq!(old.or(new), new);
    }

    #[test]
    fn a_store_whose_clock_was_set_is_believed() {
        let before = ClockOffset::new(at(900_000), at(99), at(100));
        let after = ClockOffset::new(at(300_000), at(180), at(200));
        assert_eq!(before.or(after), after);
    }
}
