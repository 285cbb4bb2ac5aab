//! Replies of the controller to a caller that wants to send a request.

use std::time::Duration;

use super::grant::Grant;
use crate::time::Time;

/// Reply of [`Controller::poll`](super::Controller::poll) to "may this request be sent now?".
///
/// ```
/// use api_ratelimiter_core::limiter::{Controller, Poll};
/// use api_ratelimiter_core::{ApiRateConfig, Time};
///
/// let config = ApiRateConfig { initial_rate: 2.0, ..Default::default() };
/// let mut limiter = Controller::new(config.settings()?, Time::ZERO);
/// // One second's worth of tokens is there at the start.
/// assert!(matches!(limiter.poll(Time::ZERO, 1, false), Poll::Grant(_)));
/// assert!(matches!(limiter.poll(Time::ZERO, 1, false), Poll::Grant(_)));
/// let Poll::At(time) = limiter.poll(Time::ZERO, 1, false) else { panic!("the bucket is empty") };
/// assert_eq!(time, Time::from_nanos(500_000_000));
/// # Ok::<(), api_ratelimiter_core::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Poll {
    /// Yes. Tokens were taken.
    Grant(Grant),
    /// No. Poll again at this time.
    At(Time),
    /// No. Poll again after the next reported outcome, or at this time at the latest.
    ///
    /// A canary or a trial is in flight, and counts as lost at this time; or a response may say that more is left of
    /// an announced limit.
    AfterFeedback(Time),
    /// No, and the caller should not wait.
    Denied(Denial),
}

/// Reason why a caller gets no grant and should not wait for one. Converts into an [`Error`](enum@crate::Error).
///
/// ```
/// use std::time::Duration;
///
/// use api_ratelimiter_core::Error;
/// use api_ratelimiter_core::limiter::Denial;
///
/// let denial = Denial::Cooldown(Duration::from_secs(3600));
/// assert_eq!(denial.retry_after(), Duration::from_secs(3600));
/// assert!(matches!(Error::from(denial), Error::CooldownTooLong { .. }));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Denial {
    /// The rest of the pause, given here, is longer than `max_cooldown`.
    Cooldown(Duration),
    /// The circuit breaker is open and calls should fail; the next trial goes after this time.
    CircuitOpen(Duration),
    /// The fleet grants nothing.
    Fleet(FleetUnavailable),
}

/// A request that costs more than the limit takes at once. Converts into an [`Error`](enum@crate::Error).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CostTooLarge {
    /// Cost of the request, in tokens.
    pub cost: u32,
    /// Largest cost of a request, in tokens.
    pub most: u32,
}

/// Reason why a worker of a fleet grants nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FleetUnavailable {
    /// The store can't be reached, and the outage policy says that callers fail.
    Unreachable,
    /// The fleet under this key has other settings.
    OtherSettings,
}

/// Time after which a worker without its fleet is polled again: about as often as it tries to reach the store.
const FLEET_RETRY: Duration = Duration::from_secs(2);

impl Denial {
    /// Returns the time after which it makes sense to poll again.
    #[must_use]
    pub const fn retry_after(self) -> Duration {
        match self {
            Self::Cooldown(wait) | Self::CircuitOpen(wait) => wait,
            Self::Fleet(_) => FLEET_RETRY,
        }
    }
}
