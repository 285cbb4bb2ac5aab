//! Who decides in a simulated world when to send: the limiter's own controller, a fixed rate, a rival.

use std::time::Duration;

use crate::Announced;
use api_ratelimiter_core::Time;

/// The answer to "may I send now?".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer<P> {
    /// Yes; the permit comes back with what became of the request.
    Send(P),
    /// Ask again at this time, or after the next answer from the server.
    At(Time),
}

/// Something that paces the requests of one client.
pub trait Strategy {
    /// What it wants to remember of a request while that is under way.
    type Permit;

    /// May the next request be sent now? `waited` says that it was held up before.
    fn poll(&mut self, now: Time, waited: bool) -> Answer<Self::Permit>;

    /// A request got through.
    fn success(&mut self, now: Time, permit: Self::Permit);

    /// A request was refused. `hint` is the pause that the server asked for; `chance`, in `0.0..1.0`,
    /// is there to draw jitter from.
    fn backoff(&mut self, now: Time, permit: Self::Permit, hint: Option<Duration>, chance: f64);

    /// An answer said, without refusing anything, that nothing is left of a limit for so long. Most
    /// strategies do not listen.
    fn exhausted(&mut self, _now: Time, _wait: Duration, _chance: f64) {}

    /// An answer to that permit's request said how much is left of the limit. Told before what became of
    /// the request. Most strategies do not listen.
    fn announced(&mut self, _now: Time, _permit: &Self::Permit, _announced: &Announced) {}

    /// Does what is due apart from requests, while `waiting` of them are held up; returns when to be called again. It is
    /// called after everything that happens to the client, too. Most strategies have nothing else to do.
    fn background(&mut self, _now: Time, _waiting: usize) -> Option<Time> {
        None
    }

    /// The rate that requests are paced at now, per second; infinite if they aren't.
    fn rate_per_second(&self) -> f64;
}

/// A fixed rate without any burst; refusals change nothing.
#[derive(Debug, Clone, Copy)]
pub struct Fixed {
    interval: Duration,
    next: Time,
}

/// A strategy that sends at a fixed rate, whatever happens.
///
/// # Panics
///
/// If the rate is not a positive number.
#[must_use]
pub fn fixed(rate_per_second: f64) -> Fixed {
    Fixed {
        interval: Duration::from_secs_f64(1.0 / rate_per_second),
        next: Time::ZERO,
    }
}

impl Strategy for Fixed {
    type Permit = ();

    fn poll(&mut self, now: Time, _waited: bool) -> Answer<()> {
        if now < self.next {
            return Answer::At(self.next);
        }
        // A timer that was late by less than an interval is made up for; an idle time is not.
        let due = if now.saturating_since(self.next) < self.interval {
            self.next
        } else {
            now
        };
        self.next = due + self.interval;
        Answer::Send(())
    }

    fn success(&mut self, _now: Time, (): ()) {}

    fn backoff(&mut self, _now: Time, (): (), _hint: Option<Duration>, _chance: f64) {}

    fn rate_per_second(&self) -> f64 {
        1.0 / self.interval.as_secs_f64()
    }
}
