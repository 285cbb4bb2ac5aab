//! The controller's permission for one request.

use serde::{Deserialize, Serialize};

use crate::time::Time;

/// Permission to send one request.
///
/// Returned by [`Controller::poll`](super::Controller::poll), and handed back by
/// [`Controller::report`](super::Controller::report) with the outcome of its request. It remembers when and in which
/// state it was issued, so that a late outcome of an earlier state does no harm.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Grant {
    /// The state that issued it.
    pub(crate) lineage: u64,
    /// When it was issued.
    pub(crate) issued_at: Time,
    /// Number of cuts before it was issued.
    pub(crate) epoch: u64,
    /// Whether the limiter made the caller wait. Only then does a success say anything about the limit.
    pub(crate) waited: bool,
    /// Tokens that it took.
    pub(crate) cost: u32,
    /// Whether the request goes alone after a refusal, to test whether the server accepts requests again.
    pub canary: bool,
    /// How often the circuit breaker had opened or closed before it was issued.
    pub(crate) turns: u64,
    /// Whether the request goes alone through an open circuit breaker, to test whether the server is back.
    pub trial: bool,
    /// Sum of the costs of all grants up to and including this one.
    pub(crate) number: u64,
    /// Number of other requests that were under way when it was issued.
    pub(crate) beside: u64,
}

impl Grant {
    /// Returns whether the outcome says anything about the limit. A request that was granted without a wait does not
    /// reach the limit, so its success proves nothing.
    #[must_use]
    pub(crate) const fn is_evidence(&self) -> bool {
        self.waited || self.canary
    }
}
