//! The order in which requests reached the server, from the times at which they were sent and answered.
//!
//! A refusal is often quicker than a success, so outcomes do not become known in the order in which the server
//! counted the requests. Each request waits here until all that were sent before it are answered.

use std::collections::VecDeque;
use std::time::Duration;

use crate::time::Time;

/// Maximum number of requests whose order is kept. Beyond it, the outcome of the oldest counts when it becomes known.
const MOST: usize = 128;

/// Seconds after which a request without an outcome counts as lost, so that it holds no others up.
const LOST_AFTER: f64 = 30.0;

/// Part of its excess by which the least round trip rises with each response: routes change.
const FORGOTTEN: f64 = 0.001;

/// Weight of one response in the jitter, and the bounds of one step and of the jitter, in seconds.
const JITTER_GAIN: f64 = 0.02;
const JITTER_STEP: (f64, f64) = (-0.02, 0.2);
const JITTER: (f64, f64) = (0.02, 0.4);

/// Jitter before any is measured.
const FIRST_JITTER: f64 = 0.1;

/// Jitter in parts of the mean excess over the least round trip.
const JITTER_OF_EXCESS: f64 = 2.2;

/// What the server did with a request.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Arrival {
    Accepted {
        cost: u32,
    },
    Refused {
        /// Seconds that the server asked to wait, counted from the arrival; 0 if it did not.
        hint: f32,
    },
}

/// A request that was sent, and its outcome once it is known.
#[derive(Debug, Clone, Copy)]
struct Sent {
    /// The low bits of the grant's number.
    number: u32,
    sent: f64,
    /// Seconds that the way there took longer than the least.
    delay: f32,
    outcome: Option<Arrival>,
}

/// Requests in flight, and answered ones behind them.
#[derive(Debug, Clone)]
pub(super) struct Arrivals {
    origin: Time,
    requests: VecDeque<Sent>,
    /// Least round trips of accepted and of refused requests, in seconds.
    least: [f64; 2],
    jitter: f64,
    /// Time of the last arrival that was handed out.
    latest: f64,
}

impl Arrivals {
    pub(super) const fn new(origin: Time) -> Self {
        Self {
            origin,
            requests: VecDeque::new(),
            least: [f64::INFINITY; 2],
            jitter: FIRST_JITTER,
            latest: 0.0,
        }
    }

    /// Returns the estimate of how much the ways of two requests to the server differ, in seconds.
    pub(super) const fn jitter(&self) -> f64 {
        self.jitter
    }

    /// Returns the least round trip of accepted requests in seconds.
    pub(super) const fn least_accepted(&self) -> f64 {
        self.least[0]
    }

    /// Returns a time of the limiter's clock as seconds since the origin.
    pub(super) fn seconds(&self, at: Time) -> f64 {
        at.saturating_since(self.origin).as_secs_f64()
    }

    /// Returns a time in seconds since the origin as one of the limiter's clock.
    pub(super) fn time(&self, seconds: f64) -> Time {
        self.origin + Duration::try_from_secs_f64(seconds).unwrap_or_default()
    }

    /// Returns the bytes of the requests that are kept.
    #[cfg(test)]
    pub(super) fn memory(&self) -> usize {
        self.requests.capacity() * size_of::<Sent>()
    }

    /// Takes note of a request that is sent.
    pub(super) fn sent(&mut self, number: u64, at: Time) {
        if self.requests.len() >= MOST {
            self.requests.pop_front();
        }
        let sent = self.seconds(at);
        self.requests.push_back(Sent {
            number: low_bits(number),
            sent,
            delay: 0.0,
            outcome: None,
        });
    }

    /// Takes in the outcome of a request; `None` if it says nothing about the limit. Returns an arrival whose order is not
    /// known, because too many requests were in flight.
    pub(super) fn answered(
        &mut self,
        number: u64,
        sent: Time,
        answered: Time,
        outcome: Option<Arrival>,
    ) -> Option<(f64, Arrival)> {
        let (sent, answered) = (self.seconds(sent), self.seconds(answered));
        let first = self.requests.partition_point(|it| it.sent < sent);
        let mut from_there = self.requests.range(first..);
        let number = low_bits(number);
        let after = from_there.position(|it| it.number == number && it.outcome.is_none());
        let at = after.map(|after| first + after);
        let Some(outcome) = outcome else {
            at.and_then(|at| self.requests.remove(at));
            return None;
        };
        let round_trip = (answered - sent).max(0.0);
        let least = &mut self.least[usize::from(matches!(outcome, Arrival::Refused { .. }))];
        *least = if round_trip < *least {
            round_trip
        } else {
            *least + FORGOTTEN * (round_trip - *least)
        };
        // The constant part of the way shifts all times alike. Half of the rest was on the way there, on average.
        let excess = (round_trip - *least).max(0.0);
        let step = JITTER_OF_EXCESS * excess - self.jitter;
        self.jitter += JITTER_GAIN * step.clamp(JITTER_STEP.0, JITTER_STEP.1);
        self.jitter = self.jitter.clamp(JITTER.0, JITTER.1);
        if let Some(request) = at.and_then(|at| self.requests.get_mut(at)) {
            request.delay = (excess / 2.0) as f32;
            request.outcome = Some(outcome);
            return None;
        }
        if round_trip >= LOST_AFTER {
            return None;
        }
        self.latest = self.latest.max(sent + excess / 2.0);
        Some((self.latest, outcome))
    }

    /// Returns the next arrival whose order is known by `now`.
    pub(super) fn next(&mut self, now: Time) -> Option<(f64, Arrival)> {
        let now = self.seconds(now);
        loop {
            let front = *self.requests.front()?;
            if front.outcome.is_none() && now - front.sent < LOST_AFTER {
                return None;
            }
            self.requests.pop_front();
            if let Some(outcome) = front.outcome {
                self.latest = self.latest.max(front.sent + f64::from(front.delay));
                return Some((self.latest, outcome));
            }
        }
    }
}

fn low_bits(number: u64) -> u32 {
    (number & u64::from(u32::MAX)) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Time {
        Time::ZERO + Duration::from_millis(millis)
    }

    const ACCEPTED: Arrival = Arrival::Accepted { cost: 1 };
    const REFUSED: Arrival = Arrival::Refused { hint: 0.0 };

    #[test]
    fn a_quick_refusal_waits_for_the_successes_that_were_sent_before_it() {
        let mut arrivals = Arrivals::new(Time::ZERO);
        arrivals.sent(1, at(0));
        arrivals.sent(2, at(10));
        let _ = arrivals.answered(2, at(10), at(50), Some(REFUSED));
        assert_eq!(arrivals.next(at(50)), None);
        let _ = arrivals.answered(1, at(0), at(500), Some(ACCEPTED));
        assert_eq!(arrivals.next(at(500)), Some((0.0, ACCEPTED)));
        assert_eq!(arrivals.next(at(500)), Some((0.01, REFUSED)));
        assert_eq!(arrivals.next(at(500)), None);
    }

    #[test]
    fn a_request_that_is_never_answered_holds_the_others_up_for_thirty_seconds() {
        let mut arrivals = Arrivals::new(Time::ZERO);
        arrivals.sent(1, at(0));
        arrivals.sent(2, at(0));
        let _ = arrivals.answered(2, at(0), at(100), Some(ACCEPTED));
        assert_eq!(arrivals.next(at(29_999)), None);
        assert_eq!(arrivals.next(at(30_000)), Some((0.0, ACCEPTED)));
    }

    #[test]
    fn half_of_what_a_round_trip_takes_longer_than_the_least_is_the_way_there() {
        let mut arrivals = Arrivals::new(Time::ZERO);
        for (number, sent, answered) in [(1, 0, 80), (2, 1000, 1120)] {
            arrivals.sent(number, at(sent));
            let _ = arrivals.answered(number, at(sent), at(answered), Some(ACCEPTED));
        }
        assert_eq!(arrivals.next(at(1200)), Some((0.0, ACCEPTED)));
        let (arrived, _) = arrivals.next(at(1200)).expect("the second");
        assert!((arrived - 1.02).abs() < 1e-4, "{arrived}");
    }

    #[test]
    fn the_number_of_requests_in_memory_is_bounded() {
        let mut arrivals = Arrivals::new(Time::ZERO);
        for number in 0..1000 {
            arrivals.sent(number, at(number));
        }
        assert_eq!(arrivals.requests.len(), MOST);
        let late = arrivals.answered(3, at(3), at(2000), Some(ACCEPTED));
        assert_eq!(late, Some((0.003, ACCEPTED)), "it counts at once");
        assert_eq!(arrivals.next(at(2000)), None, "the others are in flight");
    }
}
