//! Several limits that hold at once, and what they have counted.

use std::time::Duration;

use super::Limit;
use super::meter::Meter;
use api_ratelimiter_core::Time;

/// A retry that is asked for "now" would be refused by a clock that did not move.
const SHORTEST_WAIT: Duration = Duration::from_nanos(1);

/// Limits that hold at once, with what they have counted so far.
///
/// A request is accepted if every one of them accepts it; a refused one is counted by none. Times must
/// be of one clock; one that steps back counts as the latest that was seen.
///
/// ```
/// use api_ratelimiter_core::Time;
/// use api_ratelimiter_simulator::{Limit, Limits, Verdict};
/// use std::time::Duration;
///
/// let mut limits = Limits::new(Time::ZERO, [Limit::pacing(10.0)?]);
/// assert_eq!(limits.arrive(Time::ZERO), Verdict::Accepted);
/// let retry_after = Duration::from_millis(100);
/// assert_eq!(limits.arrive(Time::ZERO), Verdict::Refused { retry_after });
/// assert_eq!(limits.arrive(Time::ZERO + retry_after), Verdict::Accepted);
/// # Ok::<(), api_ratelimiter_simulator::LimitError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Limits {
    start: Time,
    latest: Time,
    meters: Vec<Meter>,
    /// Accepted and not finished, counted whether or not a limit looks at it now: one that is put in
    /// force later finds what is under way.
    in_flight: u64,
}

/// What a server decides about one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is served, and counted by every limit.
    Accepted,
    /// It is not served, and counted by none.
    Refused {
        /// The time until a retry would be accepted if nobody else came, exact to the nanosecond and
        /// never zero; one second if only requests that are under way stand against it.
        retry_after: Duration,
    },
}

/// What a server's headers would say of one limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub struct Announced {
    /// Requests per window: the limit of a window, the whole tokens that fit into a bucket.
    pub limit: u32,
    /// Requests that would be accepted at once.
    pub remaining: u32,
    /// The time until all of the limit would be there again if nobody came; zero if it is.
    ///
    /// For a fixed window always the time until its end.
    pub reset_after: Duration,
    /// The time over which `limit` holds; for a bucket the time in which it fills.
    pub window: Duration,
}

impl Limits {
    /// Limits that have counted nothing yet: buckets are full, and fixed windows are laid from `start`.
    ///
    /// No limits at all accept everything.
    #[must_use]
    pub fn new(start: Time, limits: impl IntoIterator<Item = Limit>) -> Self {
        let meters = limits
            .into_iter()
            .map(|limit| Meter::new(limit, start, start))
            .collect();
        Self {
            start,
            latest: start,
            meters,
            in_flight: 0,
        }
    }

    /// Decides about a request that arrives `now`.
    ///
    /// One that is accepted is under way until [`leave`](Self::leave) is called for it.
    #[must_use]
    pub fn arrive(&mut self, now: Time) -> Verdict {
        let at = self.advance(now);
        // Once a limit would accept, it goes on doing so while nobody comes: the last of them decides.
        let refused_until = self
            .meters
            .iter()
            .filter_map(|meter| meter.refuses_until(at, self.in_flight))
            .max();
        if let Some(until) = refused_until {
            return Verdict::Refused {
                retry_after: until.saturating_since(now).max(SHORTEST_WAIT),
            };
        }
        for meter in &mut self.meters {
            meter.take(at);
        }
        self.in_flight = self.in_flight.saturating_add(1);
        Verdict::Accepted
    }

    /// Tells that one accepted request has finished, which frees its place in a concurrency limit.
    ///
    /// One call too many changes nothing.
    pub fn leave(&mut self, now: Time) {
        self.advance(now);
        self.in_flight = self.in_flight.saturating_sub(1);
    }

    /// Puts other limits in force from `now` on, as a server does that changes its mind.
    ///
    /// They start without a past, as in [`new`](Self::new), with two exceptions: the requests under way
    /// are kept, and fixed windows stay laid from the first start.
    pub fn replace(&mut self, now: Time, limits: impl IntoIterator<Item = Limit>) {
        let at = self.advance(now);
        self.meters = limits
            .into_iter()
            .map(|limit| Meter::new(limit, self.start, at))
            .collect();
    }

    /// What headers would say of the binding limit; `None` if there are only concurrency limits.
    ///
    /// Binding is the one with the least remaining, among equals the one with the longest reset.
    #[must_use]
    pub fn announced(&self, now: Time) -> Option<Announced> {
        let at = self.latest.max(now);
        let announced = self.meters.iter().filter_map(|meter| meter.announced(at));
        announced.min_by_key(|limit| (limit.remaining, std::cmp::Reverse(limit.reset_after)))
    }

    fn advance(&mut self, now: Time) -> Time {
        self.latest = self.latest.max(now);
        self.latest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(texts: &[&str]) -> Limits {
        Limits::new(
            Time::ZERO,
            texts.iter().map(|text| Limit::parse(text).expect(text)),
        )
    }

    fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    fn at(millis: u64) -> Time {
        Time::ZERO + ms(millis)
    }

    fn refused(retry_after: Duration) -> Verdict {
        Verdict::Refused { retry_after }
    }

    fn accepted_of(limits: &mut Limits, now: Time, arrivals: usize) -> usize {
        (0..arrivals)
            .filter(|_| limits.arrive(now) == Verdict::Accepted)
            .count()
    }

    #[test]
    fn a_token_bucket_lets_its_burst_through_and_then_its_rate() {
        let mut limits = limits(&["token-bucket:10/s,burst=20"]);
        assert_eq!(accepted_of(&mut limits, at(0), 30), 20);
        assert_eq!(limits.arrive(at(0)), refused(ms(100)));
        assert_eq!(limits.arrive(at(40)), refused(ms(60)));
        assert_eq!(limits.arrive(at(100)), Verdict::Accepted);
        assert_eq!(limits.arrive(at(100)), refused(ms(100)));
        assert_eq!(accepted_of(&mut limits, at(60_000), 30), 20);
    }

    #[test]
    fn pacing_is_a_bucket_of_one() {
        let mut limits = limits(&["pacing:4/s"]);
        assert_eq!(accepted_of(&mut limits, at(0), 3), 1);
        assert_eq!(limits.arrive(at(249)), refused(ms(1)));
        assert_eq!(accepted_of(&mut limits, at(250), 3), 1);
        assert_eq!(accepted_of(&mut limits, at(9_000), 3), 1);
    }

    #[test]
    fn a_fixed_window_counts_anew_on_each_boundary() {
        let mut limits = limits(&["fixed-window:3/60s"]);
        assert_eq!(accepted_of(&mut limits, at(59_000), 5), 3);
        assert_eq!(limits.arrive(at(59_000)), refused(ms(1_000)));
        assert_eq!(accepted_of(&mut limits, at(60_000), 5), 3);
        assert_eq!(limits.arrive(at(60_000)), refused(ms(60_000)));
    }

    #[test]
    fn a_phase_says_when_the_first_window_ends() {
        let mut limits = limits(&["fixed-window:3/60s,phase=10s"]);
        assert_eq!(accepted_of(&mut limits, at(0), 5), 3);
        assert_eq!(limits.arrive(at(0)), refused(ms(10_000)));
        assert_eq!(accepted_of(&mut limits, at(10_000), 5), 3);
        assert_eq!(limits.arrive(at(10_000)), refused(ms(60_000)));
    }

    #[test]
    fn a_sliding_window_gives_each_place_back_when_its_request_is_old() {
        let mut limits = limits(&["sliding-window:2/10s"]);
        assert_eq!(limits.arrive(at(0)), Verdict::Accepted);
        assert_eq!(limits.arrive(at(4_000)), Verdict::Accepted);
        assert_eq!(limits.arrive(at(5_000)), refused(ms(5_000)));
        assert_eq!(limits.arrive(at(10_000)), Verdict::Accepted);
        assert_eq!(limits.arrive(at(10_000)), refused(ms(4_000)));
    }

    #[test]
    fn a_concurrency_limit_frees_a_place_when_a_request_leaves() {
        let mut limits = limits(&["concurrency:2"]);
        assert_eq!(accepted_of(&mut limits, at(0), 5), 2);
        assert_eq!(limits.arrive(at(5)), refused(ms(1_000)));
        limits.leave(at(6));
        assert_eq!(accepted_of(&mut limits, at(6), 5), 1);
    }

    #[test]
    fn leaving_once_too_often_makes_no_room() {
        let mut limits = limits(&["concurrency:1"]);
        limits.leave(at(0));
        assert_eq!(accepted_of(&mut limits, at(0), 5), 1);
    }

    #[test]
    fn a_refused_request_is_counted_by_no_limit() {
        let mut limits = limits(&["fixed-window:3/60s", "pacing:1/s", "concurrency:2"]);
        assert_eq!(accepted_of(&mut limits, at(0), 100), 1);
        assert_eq!(accepted_of(&mut limits, at(1_000), 100), 1);
        limits.leave(at(1_000));
        limits.leave(at(1_000));
        assert_eq!(accepted_of(&mut limits, at(2_000), 100), 1);
        assert_eq!(limits.arrive(at(3_000)), refused(ms(57_000)));
    }

    #[test]
    fn of_several_limits_the_last_to_accept_says_when_to_come_back() {
        let mut limits = limits(&["pacing:10/s", "sliding-window:1/7s"]);
        assert_eq!(limits.arrive(at(0)), Verdict::Accepted);
        assert_eq!(limits.arrive(at(0)), refused(ms(7_000)));
    }

    #[test]
    fn no_limits_accept_everything() {
        assert_eq!(accepted_of(&mut limits(&[]), at(0), 1_000), 1_000);
    }

    #[test]
    fn replaced_limits_start_anew_but_know_what_is_under_way() {
        let mut limits = limits(&["fixed-window:4/60s"]);
        assert_eq!(accepted_of(&mut limits, at(0), 5), 4);
        limits.replace(
            at(1_000),
            ["concurrency:5", "fixed-window:9/60s"].map(|text| text.parse().expect(text)),
        );
        assert_eq!(accepted_of(&mut limits, at(1_000), 5), 1);
        (0..5).for_each(|_| limits.leave(at(2_000)));
        assert_eq!(accepted_of(&mut limits, at(2_000), 5), 5);
        (0..5).for_each(|_| limits.leave(at(2_000)));
        // 1 + 5 + 3 fill the window, which still ends a minute after the first start.
        assert_eq!(accepted_of(&mut limits, at(2_000), 5), 3);
        assert_eq!(limits.arrive(at(2_000)), refused(ms(58_000)));
    }

    #[test]
    fn a_time_that_steps_back_gains_and_breaks_nothing() {
        for text in [
            "token-bucket:10/s,burst=2",
            "fixed-window:2/10s",
            "sliding-window:2/10s",
            "concurrency:2",
        ] {
            let mut limits = limits(&[text]);
            assert_eq!(accepted_of(&mut limits, at(20_000), 5), 2, "{text}");
            let Verdict::Refused { retry_after } = limits.arrive(at(3_000)) else {
                panic!("{text}: accepted a third");
            };
            assert!(
                at(3_000) + retry_after > at(20_000),
                "{text}: {retry_after:?}"
            );
            limits.leave(at(1));
            limits.replace(at(2), []);
            assert_eq!(limits.announced(at(3)), None);
        }
    }

    #[test]
    fn the_end_of_time_is_reached_without_a_panic() {
        for text in [
            "token-bucket:10/s,burst=2",
            "fixed-window:2/10s",
            "sliding-window:2/10s",
            "concurrency:2",
        ] {
            let mut limits = limits(&[text]);
            assert_eq!(accepted_of(&mut limits, Time::MAX, 5).min(2), 2, "{text}");
            let _ = limits.announced(Time::MAX);
        }
    }

    #[test]
    fn the_binding_limit_is_the_one_with_the_least_remaining() {
        let mut limits = limits(&[
            "fixed-window:100/60s",
            "token-bucket:5/s,burst=10",
            "concurrency:50",
        ]);
        assert_eq!(accepted_of(&mut limits, at(15_000), 8), 8);
        let announced = limits.announced(at(15_000));
        let expected = Announced {
            limit: 10,
            remaining: 2,
            reset_after: ms(1_600),
            window: ms(2_000),
        };
        assert_eq!(announced, Some(expected));

        for second in 16..48 {
            accepted_of(&mut limits, at(second * 1_000), 3);
            (0..3).for_each(|_| limits.leave(at(second * 1_000)));
        }
        let announced = limits.announced(at(50_000)).expect("a window");
        assert_eq!((announced.limit, announced.remaining), (100, 0));
        assert_eq!(
            (announced.reset_after, announced.window),
            (ms(10_000), ms(60_000))
        );
    }

    #[test]
    fn a_sliding_window_is_reset_when_its_newest_request_is_old() {
        let mut limits = limits(&["sliding-window:2/10s"]);
        let reset_after =
            |limits: &Limits, now| limits.announced(now).map(|announced| announced.reset_after);
        assert_eq!(reset_after(&limits, at(0)), Some(ms(0)));
        assert_eq!(limits.arrive(at(1_000)), Verdict::Accepted);
        assert_eq!(limits.arrive(at(4_000)), Verdict::Accepted);
        assert_eq!(reset_after(&limits, at(5_000)), Some(ms(9_000)));
        assert_eq!(reset_after(&limits, at(14_000)), Some(ms(0)));
    }
}
