//! Effort of a call: requests sent and time waited.

use std::time::Duration;

/// Effort of a call until it failed: requests sent, and time spent waiting for permits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Effort {
    attempts: u32,
    /// In nanoseconds, so that an [`enum@crate::Error`] stays small.
    waited: u64,
}

impl Effort {
    /// Returns the effort of a call that sent `attempts` requests and waited for permits for `waited`.
    #[must_use]
    pub fn new(attempts: u32, waited: Duration) -> Self {
        let waited = u64::try_from(waited.as_nanos()).unwrap_or(u64::MAX);
        Self { attempts, waited }
    }

    /// Returns the effort of both together.
    #[must_use]
    pub(crate) fn plus(self, other: Self) -> Self {
        Self {
            attempts: self.attempts.saturating_add(other.attempts),
            waited: self.waited.saturating_add(other.waited),
        }
    }

    /// Requests that were sent.
    #[must_use]
    pub fn attempts(self) -> u32 {
        self.attempts
    }

    /// Time spent waiting for permits.
    #[must_use]
    pub fn waited(self) -> Duration {
        Duration::from_nanos(self.waited)
    }
}
