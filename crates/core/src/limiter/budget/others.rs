//! What others take of an announced limit: another program on the same token, or a person.

use serde::{Deserialize, Serialize};

use crate::time::Time;

/// Number of our own requests in a window after which what others took of it is measured, and not only bounded, if
/// no more than [`FEW`] were sent since.
const MEASURABLE: u64 = 10;
const FEW: u64 = 2;

/// Number of our own requests in a window after which the requests of others are set in proportion to ours.
const COMPARABLE: u64 = 20;

/// Maximum number of requests of others for each request of this client. A quicker client uses up the limit before this one
/// could react.
const MOST_PER_OURS: f64 = 4.0;

/// Shortest time, in seconds, over which the rate of others is measured.
const SHORTEST: f64 = 1.0;

/// Requests of others that count in an announced window. The server counts them, and no response names them: they
/// are what is missing beside our own.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(in crate::limiter) struct Others {
    /// Number of the grant whose response was the first of this window, and when it came.
    first: u64,
    since: Time,
    /// Number of the last grant that the window allows if no other client uses it. The true number may be higher.
    last: u64,
    /// Requests that others have surely sent in this window.
    took: u64,
    /// Requests of others per second.
    rate: f64,
    /// Requests of other clients for each request of this client.
    per_ours: f64,
}

impl Others {
    /// Begins to count in a window, of which the response to the grant of this number says that `remaining` are left.
    /// Requests that cost `under_way` have no response yet, and may be counted later.
    pub(in crate::limiter) const fn new(
        now: Time,
        number: u64,
        remaining: u64,
        under_way: u64,
    ) -> Self {
        Self {
            first: number,
            since: now,
            last: number.saturating_add(remaining).saturating_sub(under_way),
            took: 0,
            rate: 0.0,
            per_ours: 0.0,
        }
    }

    /// Begins to count in the next window. The others are expected to be as quick as before.
    pub(in crate::limiter) const fn next_window(
        self,
        now: Time,
        number: u64,
        remaining: u64,
        under_way: u64,
    ) -> Self {
        Self {
            rate: self.rate,
            per_ours: self.per_ours,
            ..Self::new(now, number, remaining, under_way)
        }
    }

    /// Takes in that `remaining` are left after the grant `newest`. Requests that cost `under_way` have no response, and may
    /// not be counted yet; those that cost `later` were sent after it, and may be counted already.
    pub(in crate::limiter) fn seen(
        self,
        now: Time,
        newest: u64,
        remaining: u64,
        (under_way, later): (u64, u64),
    ) -> Self {
        let last = newest.saturating_add(remaining);
        let took = self.last.saturating_sub(last).saturating_sub(later);
        let took = self.took.max(took);
        let seconds = now.saturating_since(self.since).as_secs_f64();
        let rate = took as f64 / seconds.max(SHORTEST);
        let ours = newest.saturating_sub(self.first);
        let per_ours = (took as f64 / ours.max(COMPARABLE) as f64).min(MOST_PER_OURS);
        // While responses are missing, what others took is only bounded from below.
        let is_exact = later <= FEW;
        Self {
            took,
            last: self.last.max(last.saturating_sub(under_way)),
            rate: if is_exact && ours >= MEASURABLE {
                rate
            } else {
                self.rate.max(rate)
            },
            per_ours: if is_exact && ours >= COMPARABLE {
                // Windows differ: it falls by half of the difference at a time.
                per_ours.max((self.per_ours + per_ours) / 2.0)
            } else {
                self.per_ours.max(per_ours)
            },
            ..self
        }
    }

    /// Returns the number of requests that other clients send in this time, at the rate that was measured.
    pub(in crate::limiter) fn within(&self, seconds: f64) -> f64 {
        self.rate * seconds
    }

    /// Returns the number of requests that other clients send while requests of this client that cost `under_way` are under
    /// way.
    pub(in crate::limiter) fn beside(&self, under_way: u64) -> f64 {
        self.per_ours * under_way as f64
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn at(seconds: u64) -> Time {
        Time::ZERO + Duration::from_secs(seconds)
    }

    #[test]
    fn a_client_that_is_alone_sees_no_others_whatever_the_order_of_responses() {
        let alone = Others::new(at(0), 1, 99, 0);
        // Three sent before the first were counted after it.
        let first = Others::new(at(0), 4, 99, 3).seen(at(1), 20, 80, (0, 0));
        assert_eq!(first.within(60.0), 0.0);
        // That none was is known as soon as none is under way.
        let first = Others::new(at(0), 4, 96, 3).seen(at(1), 20, 80, (0, 0));
        assert_eq!(first.seen(at(2), 40, 50, (0, 0)).within(1.0), 5.0);
        // The responses to 2 to 5 are missing, and counted.
        let seen = alone.seen(at(1), 6, 90, (0, 4));
        assert_eq!((seen.within(60.0), seen.beside(4)), (0.0, 0.0));
        let seen = seen.seen(at(20), 40, 60, (0, 0));
        assert_eq!((seen.within(60.0), seen.beside(4)), (0.0, 0.0));
    }

    #[test]
    fn what_is_missing_beside_our_own_requests_was_taken_by_others() {
        // 40 of ours and 20 of theirs in 10 s.
        let seen = Others::new(at(0), 1, 99, 0).seen(at(10), 41, 39, (0, 0));
        assert_eq!((seen.within(30.0), seen.beside(4)), (60.0, 2.0));
        let next = seen.next_window(at(60), 80, 99, 0);
        assert_eq!(next.within(30.0), 60.0, "as quick as before");
        // In the next window 10 are gone after 10 s.
        assert_eq!(next.seen(at(70), 95, 74, (0, 0)).within(30.0), 30.0);
    }

    #[test]
    fn while_many_responses_are_missing_what_they_take_is_only_raised() {
        let seen = Others::new(at(0), 1, 99, 0).seen(at(10), 41, 39, (0, 0));
        let more = seen
            .next_window(at(60), 80, 99, 0)
            .seen(at(70), 95, 74, (0, 3));
        assert_eq!(more.within(30.0), 60.0);
    }
}
