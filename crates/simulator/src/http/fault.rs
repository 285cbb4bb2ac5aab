//! Faults: what can go wrong with a response, and how often.

use std::time::Duration;

use http::StatusCode;
use thiserror::Error;

use super::response::final_status;

/// A fault that strikes some of the accepted requests.
///
/// Faults strike only requests that the limits accepted and counted, as if the server did the work and then
/// failed. At most one fault strikes a request: the first in the order of the builder. An outage, which is a
/// fault of probability 1 with a [time](Self::during), precedes all others. A response without a body is cut
/// or stalled before its head instead of in its body.
///
/// In the text form, the probability is a percentage or a number from 0 to 1. It defaults to 100%.
///
/// | text | fault |
/// |---|---|
/// | `cut:2%`, `cut-in-body:2%` | the connection is closed [before](Self::cut_before_response) the response or [in](Self::cut_in_body) its body |
/// | `reset:2%`, `reset-in-body:2%` | the connection is closed [by a reset](Self::by_reset) |
/// | `slow:200ms:10%`, `slow-in-body:5s:1%` | the server stalls for that time [before](Self::stall_before_response) the response or [in](Self::stall_in_body) its body |
/// | `status:503:1%` | an error with [that status](Self::status) |
/// | `garbage:1%` | an [invalid body](Self::garbage) |
/// | `cut:100%@60s+30s` | any fault, only [during](Self::during) 30 seconds from 60 seconds after the start |
/// | `outage:60s+30s` | [an outage](Self::outage), equal to `status:503:100%@60s+30s` |
///
/// ```
/// use api_ratelimiter_simulator::Fault;
/// use std::time::Duration;
///
/// let faults = [
///     Fault::status(503, 0.05)?,
///     Fault::cut_before_response(0.01)?.by_reset(),
///     Fault::stall_in_body(Duration::from_secs(60), 0.01)?,
/// ];
/// assert!(Fault::status(503, 1.5).is_err());
/// assert_eq!("status:503:5%".parse::<Fault>()?, faults[0]);
/// assert_eq!(faults[1].to_string(), "reset:1%");
/// # let _ = faults;
/// # Ok::<(), api_ratelimiter_simulator::FaultError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Fault {
    pub(super) probability: f64,
    pub(super) effect: FaultEffect,
    /// Time in which the fault is active; `None` for always.
    pub(super) during: Option<TimeSpan>,
}

/// A span of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TimeSpan {
    /// Time after the start of the server.
    pub(super) from: Duration,
    pub(super) length: Duration,
}

/// Error for an invalid [`Fault`]: a probability or a status out of range, or an invalid text.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct FaultError(Box<str>);

impl FaultError {
    pub(super) fn new(message: impl Into<Box<str>>) -> Self {
        Self(message.into())
    }
}

/// Effect of a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FaultEffect {
    /// An error with this status instead of the response.
    Status(StatusCode),
    /// A body that is not valid JSON instead of the response.
    Garbage,
    /// A stop within the response.
    Stop(StopPoint, StopKind),
}

/// Position of a stop in a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StopPoint {
    BeforeResponse,
    InBody,
}

/// Effect of a stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StopKind {
    Close,
    Reset,
    Stall(Duration),
}

impl Fault {
    /// Returns a fault that replaces the response by an error with `status`.
    ///
    /// # Errors
    ///
    /// If the probability is not within 0 and 1, or the status not within 200 and 599.
    pub fn status(status: u16, probability: f64) -> Result<Self, FaultError> {
        let status = final_status(status).ok_or_else(|| {
            FaultError(format!("a status must be within 200 and 599, not {status}").into())
        })?;
        Self::new(FaultEffect::Status(status), probability)
    }

    /// Returns a fault that replaces the response by status 200 and a body that is neither JSON nor text.
    ///
    /// # Errors
    ///
    /// If the probability is not within 0 and 1.
    pub fn garbage(probability: f64) -> Result<Self, FaultError> {
        Self::new(FaultEffect::Garbage, probability)
    }

    /// Returns an outage: status 503 for every request, for `length`, starting at `from` after the start of
    /// the server.
    ///
    /// `SimulatedApiBuilder::outage` adds outages with other faults.
    ///
    /// ```
    /// use api_ratelimiter_simulator::Fault;
    /// use std::time::Duration;
    ///
    /// let outage = Fault::outage(Duration::from_secs(60), Duration::from_secs(30));
    /// assert_eq!("outage:60s+30s".parse(), Ok(outage));
    /// ```
    #[must_use]
    pub fn outage(from: Duration, length: Duration) -> Self {
        Self {
            probability: 1.0,
            effect: FaultEffect::Status(StatusCode::SERVICE_UNAVAILABLE),
            during: Some(TimeSpan { from, length }),
        }
    }

    /// Limits the fault to `length`, starting at `from` after the start of the server. Defaults to always.
    #[must_use]
    pub fn during(mut self, from: Duration, length: Duration) -> Self {
        self.during = Some(TimeSpan { from, length });
        self
    }

    /// Returns a fault that closes the connection before the first byte of the response.
    ///
    /// # Errors
    ///
    /// If the probability is not within 0 and 1.
    pub fn cut_before_response(probability: f64) -> Result<Self, FaultError> {
        Self::new(
            FaultEffect::Stop(StopPoint::BeforeResponse, StopKind::Close),
            probability,
        )
    }

    /// Returns a fault that closes the connection after half of the response's body, which is then shorter
    /// than `Content-Length` says.
    ///
    /// # Errors
    ///
    /// If the probability is not within 0 and 1.
    pub fn cut_in_body(probability: f64) -> Result<Self, FaultError> {
        Self::new(
            FaultEffect::Stop(StopPoint::InBody, StopKind::Close),
            probability,
        )
    }

    /// Returns a fault that delays the response by `duration`.
    ///
    /// # Errors
    ///
    /// If the probability is not within 0 and 1.
    pub fn stall_before_response(duration: Duration, probability: f64) -> Result<Self, FaultError> {
        Self::new(
            FaultEffect::Stop(StopPoint::BeforeResponse, StopKind::Stall(duration)),
            probability,
        )
    }

    /// Returns a fault that stalls for `duration` after half of the response's body, then sends the rest.
    ///
    /// # Errors
    ///
    /// If the probability is not within 0 and 1.
    pub fn stall_in_body(duration: Duration, probability: f64) -> Result<Self, FaultError> {
        Self::new(
            FaultEffect::Stop(StopPoint::InBody, StopKind::Stall(duration)),
            probability,
        )
    }

    /// Makes a cut close the connection by a TCP reset instead of an orderly close. Other faults do not change.
    #[must_use]
    pub fn by_reset(mut self) -> Self {
        if let FaultEffect::Stop(_, kind @ StopKind::Close) = &mut self.effect {
            *kind = StopKind::Reset;
        }
        self
    }

    /// Sets the probability to 1.
    pub(super) fn always(mut self) -> Self {
        self.probability = 1.0;
        self
    }

    /// Returns a fault with a checked probability.
    fn new(effect: FaultEffect, probability: f64) -> Result<Self, FaultError> {
        if !(0.0..=1.0).contains(&probability) {
            let message = format!("a probability must be within 0 and 1, not {probability}");
            return Err(FaultError(message.into()));
        }
        Ok(Self {
            probability,
            effect,
            during: None,
        })
    }

    /// Returns the effect if the fault strikes. `chance` is random, from 0 to below 1.
    pub(super) fn strikes(&self, chance: f64, since_start: Duration) -> Option<FaultEffect> {
        let now = self.during.is_none_or(|time| time.contains(since_start));
        (now && chance < self.probability).then_some(self.effect)
    }

    /// Returns the effect if the fault is an outage that is active at this time.
    pub(super) fn outage_at(&self, since_start: Duration) -> Option<FaultEffect> {
        let now = self.during.is_some_and(|time| time.contains(since_start));
        (now && self.probability >= 1.0).then_some(self.effect)
    }

    /// Returns whether the fault equals one made by [`outage`](Self::outage).
    pub(super) fn is_plain_outage(&self) -> bool {
        self.during
            .is_some_and(|time| *self == Self::outage(time.from, time.length))
    }
}

impl TimeSpan {
    /// Returns whether the span contains that time after the start.
    fn contains(self, since_start: Duration) -> bool {
        let into = since_start.checked_sub(self.from);
        into.is_some_and(|into| into < self.length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_probability_of_one_always_strikes_and_one_of_zero_never() {
        let always = Fault::status(500, 1.0).expect("valid");
        let never = Fault::status(500, 0.0).expect("valid");
        for chance in [0.0, 0.5, 1.0 - f64::EPSILON] {
            assert_eq!(
                always.strikes(chance, Duration::ZERO),
                Some(FaultEffect::Status(StatusCode::INTERNAL_SERVER_ERROR))
            );
            assert_eq!(never.strikes(chance, Duration::ZERO), None);
        }
    }

    #[test]
    fn invalid_faults_are_rejected() {
        for probability in [-0.1, 1.1, f64::NAN, f64::INFINITY] {
            assert!(Fault::cut_in_body(probability).is_err(), "{probability}");
        }
        for status in [0, 100, 199, 600, 999, u16::MAX] {
            assert!(Fault::status(status, 0.5).is_err(), "{status}");
        }
    }

    #[test]
    fn only_a_cut_becomes_a_reset() {
        let stall = Fault::stall_in_body(Duration::from_secs(1), 0.5).expect("valid");
        assert_eq!(stall.by_reset(), stall);
        let cut = Fault::cut_in_body(0.5).expect("valid").by_reset();
        assert_eq!(
            cut.effect,
            FaultEffect::Stop(StopPoint::InBody, StopKind::Reset)
        );
    }

    #[test]
    fn an_outage_starts_and_ends() {
        let outage = Fault::outage(Duration::from_secs(60), Duration::from_secs(30));
        let strikes = |millis| {
            outage
                .strikes(0.999, Duration::from_millis(millis))
                .is_some()
        };
        let seen = [0, 59_999, 60_000, 89_999, 90_000].map(strikes);
        assert_eq!(seen, [false, false, true, true, false]);
    }
}
