//! Strategies: what decides when a simulated client sends. Also the simplest one, a fixed rate.

use std::time::Duration;

use api_ratelimiter_core::Time;

use crate::rules::LimitState;

/// Decision of a [`Strategy`] about the next request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision<P> {
    /// Send the request now. The permit is returned with the outcome of the request.
    Send(P),
    /// Ask again at this time, or after the next response from the server.
    WaitUntil(Time),
}

/// Paces the requests of one client.
pub trait Strategy {
    /// Data kept for each request in flight.
    type Permit;

    /// Decides whether the next request may be sent now. `waited`: the request had to wait before.
    fn poll(&mut self, now: Time, waited: bool) -> Decision<Self::Permit>;

    /// Records that a request succeeded.
    fn success(&mut self, now: Time, permit: Self::Permit);

    /// Records that a request was refused. `hint` is the wait that the server named; `chance`, in
    /// `0.0..1.0`, is random and serves to draw jitter.
    fn backoff(&mut self, now: Time, permit: Self::Permit, hint: Option<Duration>, chance: f64);

    /// Records that a successful response announced no remaining requests for `wait`. Does nothing by
    /// default.
    fn exhausted(&mut self, _now: Time, _wait: Duration, _chance: f64) {}

    /// Records the limit that the response to this permit's request announced. Called before the outcome of
    /// the request is recorded. Does nothing by default.
    fn announced(&mut self, _now: Time, _permit: &Self::Permit, _state: &LimitState) {}

    /// Does work other than requests, while `waiting` requests are queued. Returns when to be called again.
    ///
    /// It is also called after every event of the client. Does nothing by default.
    fn background(&mut self, _now: Time, _waiting: usize) -> Option<Time> {
        None
    }

    /// Returns the current rate in requests per second; infinite if requests are not paced.
    fn rate_per_second(&self) -> f64;
}

/// Strategy that sends at a fixed rate without bursts and ignores refusals. Made by [`fixed`].
#[derive(Debug, Clone, Copy)]
pub struct FixedRate {
    interval: Duration,
    next: Time,
}

/// Returns a strategy that sends at a fixed rate and ignores refusals.
///
/// # Panics
///
/// If the rate is not a positive number.
#[must_use]
pub fn fixed(rate_per_second: f64) -> FixedRate {
    FixedRate {
        interval: Duration::from_secs_f64(1.0 / rate_per_second),
        next: Time::ZERO,
    }
}

impl Strategy for FixedRate {
    type Permit = ();

    fn poll(&mut self, now: Time, _waited: bool) -> Decision<()> {
        if now < self.next {
            return Decision::WaitUntil(self.next);
        }
        // Catch up if the timer was late by less than an interval, but not after an idle time.
        let due = if now.saturating_since(self.next) < self.interval {
            self.next
        } else {
            now
        };
        self.next = due + self.interval;
        Decision::Send(())
    }

    fn success(&mut self, _now: Time, (): ()) {}

    fn backoff(&mut self, _now: Time, (): (), _hint: Option<Duration>, _chance: f64) {}

    fn rate_per_second(&self) -> f64 {
        1.0 / self.interval.as_secs_f64()
    }
}
