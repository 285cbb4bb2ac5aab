//! What can go wrong with an answer, and how often.

use std::time::Duration;

use http::StatusCode;
use thiserror::Error;

/// Harm done to some of the accepted requests.
///
/// Faults strike only requests that the limits accepted: they are used up, as by a server that did the
/// work and failed then. At most one fault strikes a request, the first in the order in which they were
/// given to the builder; an outage, a fault of probability 1 that lasts for a [time](Self::during), goes
/// before the others. An answer without a body can't be cut or stalled in it; that happens before
/// the answer instead.
///
/// As text, with a chance in per cent or from 0 to 1, which is all (100%) if it is left out:
///
/// | text | fault |
/// |---|---|
/// | `cut:2%`, `cut-in-body:2%` | the connection is closed [before](Self::cut_before_answer) or [in](Self::cut_in_body) the answer |
/// | `reset:2%`, `reset-in-body:2%` | the same [by a reset](Self::by_reset) |
/// | `slow:200ms:10%`, `slow-in-body:5s:1%` | silence for so long [before](Self::stall_before_answer) or [in](Self::stall_in_body) the answer |
/// | `status:503:1%` | [that status](Self::status) |
/// | `garbage:1%` | [nonsense](Self::garbage) |
/// | `cut:100%@60s+30s` | any of them, but only [during](Self::during) the 30 seconds that begin 60 seconds after the start |
/// | `outage:60s+30s` | [an outage](Self::outage): `status:503:100%@60s+30s` |
///
/// ```
/// use api_ratelimiter_simulator::Fault;
/// use std::time::Duration;
///
/// let faults = [
///     Fault::status(503, 0.05)?,
///     Fault::cut_before_answer(0.01)?.by_reset(),
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
    pub(super) harm: Harm,
    /// `None`: always.
    pub(super) during: Option<Stretch>,
}

/// A stretch of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stretch {
    /// After the start of the server.
    pub(super) from: Duration,
    pub(super) length: Duration,
}

/// A [`Fault`] could not be made: its probability or its status is out of range, or its text is not
/// understood.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct FaultError(Box<str>);

impl FaultError {
    pub(super) fn new(message: impl Into<Box<str>>) -> Self {
        Self(message.into())
    }
}

/// What a fault does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Harm {
    /// Another status, and an error body, instead of the answer.
    Status(StatusCode),
    /// A body that is no JSON instead of the answer's.
    Garbage,
    /// The answer's bytes stop.
    Stop(Place, Act),
}

/// Where an answer's bytes stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    BeforeAnswer,
    InBody,
}

/// How an answer's bytes stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Act {
    Close,
    Reset,
    Stall(Duration),
}

impl Fault {
    /// Answers with `status` (an error the server did not mean) instead of the real answer.
    ///
    /// # Errors
    ///
    /// If the probability is not within 0 and 1, or the status not within 200 and 599.
    pub fn status(status: u16, probability: f64) -> Result<Self, FaultError> {
        let status = answer_status(status).ok_or_else(|| {
            FaultError(format!("a status must be within 200 and 599, not {status}").into())
        })?;
        Self::new(Harm::Status(status), probability)
    }

    /// Answers 200 with a body that is said to be JSON and is neither that nor text.
    ///
    /// # Errors
    ///
    /// If the probability is not within 0 and 1.
    pub fn garbage(probability: f64) -> Result<Self, FaultError> {
        Self::new(Harm::Garbage, probability)
    }

    /// An outage: from so long after the start on, for `length`, 503 to everybody. One of another kind:
    /// [`SimulatedApiBuilder::outage`](super::SimulatedApiBuilder::outage).
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
            harm: Harm::Status(StatusCode::SERVICE_UNAVAILABLE),
            during: Some(Stretch { from, length }),
        }
    }

    /// Strikes only for `length`, beginning so long after the start. Defaults to always.
    #[must_use]
    pub fn during(mut self, from: Duration, length: Duration) -> Self {
        self.during = Some(Stretch { from, length });
        self
    }

    /// Closes the connection instead of answering: the client sees its end before any byte.
    ///
    /// # Errors
    ///
    /// If the probability is not within 0 and 1.
    pub fn cut_before_answer(probability: f64) -> Result<Self, FaultError> {
        Self::new(Harm::Stop(Place::BeforeAnswer, Act::Close), probability)
    }

    /// Closes the connection after half of the answer's body: fewer bytes than `Content-Length` says.
    ///
    /// # Errors
    ///
    /// If the probability is not within 0 and 1.
    pub fn cut_in_body(probability: f64) -> Result<Self, FaultError> {
        Self::new(Harm::Stop(Place::InBody, Act::Close), probability)
    }

    /// Says nothing for `duration` before the answer, then answers as if nothing had been.
    ///
    /// # Errors
    ///
    /// If the probability is not within 0 and 1.
    pub fn stall_before_answer(duration: Duration, probability: f64) -> Result<Self, FaultError> {
        Self::new(
            Harm::Stop(Place::BeforeAnswer, Act::Stall(duration)),
            probability,
        )
    }

    /// Says nothing for `duration` after half of the answer's body, then sends the rest.
    ///
    /// # Errors
    ///
    /// If the probability is not within 0 and 1.
    pub fn stall_in_body(duration: Duration, probability: f64) -> Result<Self, FaultError> {
        Self::new(Harm::Stop(Place::InBody, Act::Stall(duration)), probability)
    }

    /// Cuts by a TCP reset instead of an orderly close; changes nothing for other faults.
    #[must_use]
    pub fn by_reset(mut self) -> Self {
        if let Harm::Stop(_, act @ Act::Close) = &mut self.harm {
            *act = Act::Reset;
        }
        self
    }

    pub(super) fn always(mut self) -> Self {
        self.probability = 1.0;
        self
    }

    fn new(harm: Harm, probability: f64) -> Result<Self, FaultError> {
        if !(0.0..=1.0).contains(&probability) {
            let message = format!("a probability must be within 0 and 1, not {probability}");
            return Err(FaultError(message.into()));
        }
        Ok(Self {
            probability,
            harm,
            during: None,
        })
    }

    /// The harm, if `chance`, drawn evenly from 0 to below 1, falls on it, so long after the start.
    pub(super) fn strikes(&self, chance: f64, since_start: Duration) -> Option<Harm> {
        let now = self.during.is_none_or(|time| time.contains(since_start));
        (now && chance < self.probability).then_some(self.harm)
    }

    /// The harm, if it is an outage, one that strikes everybody for a time, and that time is now.
    pub(super) fn outage_at(&self, since_start: Duration) -> Option<Harm> {
        let now = self.during.is_some_and(|time| time.contains(since_start));
        (now && self.probability >= 1.0).then_some(self.harm)
    }

    /// Whether it is what [`outage`](Self::outage) makes.
    pub(super) fn is_plain_outage(&self) -> bool {
        self.during
            .is_some_and(|time| *self == Self::outage(time.from, time.length))
    }
}

impl Stretch {
    fn contains(self, since_start: Duration) -> bool {
        let into = since_start.checked_sub(self.from);
        into.is_some_and(|into| into < self.length)
    }
}

/// A status that can end an exchange; `None` for informational ones and what is none at all.
pub(super) fn answer_status(status: u16) -> Option<StatusCode> {
    StatusCode::from_u16(status)
        .ok()
        .filter(|_| (200..=599).contains(&status))
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
                Some(Harm::Status(StatusCode::INTERNAL_SERVER_ERROR))
            );
            assert_eq!(never.strikes(chance, Duration::ZERO), None);
        }
    }

    #[test]
    fn impossible_faults_are_refused() {
        for probability in [-0.1, 1.1, f64::NAN, f64::INFINITY] {
            assert!(Fault::cut_in_body(probability).is_err(), "{probability}");
        }
        for status in [0, 100, 199, 600, 999, u16::MAX] {
            assert!(Fault::status(status, 0.5).is_err(), "{status}");
        }
    }

    #[test]
    fn only_a_cut_can_be_a_reset() {
        let stall = Fault::stall_in_body(Duration::from_secs(1), 0.5).expect("valid");
        assert_eq!(stall.by_reset(), stall);
        let cut = Fault::cut_in_body(0.5).expect("valid").by_reset();
        assert_eq!(cut.harm, Harm::Stop(Place::InBody, Act::Reset));
    }

    #[test]
    fn an_outage_begins_and_ends() {
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
