//! State of a limit, as a server could announce it.

use std::time::Duration;

use api_ratelimiter_core::limiter::Announced;

/// State of one limit, as a server's headers would announce it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub struct LimitState {
    /// Requests per window: the limit of a window, or the whole tokens that fit into a bucket.
    pub limit: u32,
    /// Requests that would be accepted now.
    pub remaining: u32,
    /// Time until the whole limit is available again if no request arrives; zero if it is available now.
    ///
    /// For a fixed window this is always the time until its end.
    pub reset_after: Duration,
    /// Time over which `limit` holds; for a bucket, the time in which it fills.
    pub window: Duration,
}

impl LimitState {
    /// Returns the state as the controller takes it.
    pub(crate) fn to_announced(self) -> Announced {
        Announced {
            name: None,
            limit: Some(self.limit.into()),
            window: Some(self.window),
            remaining: self.remaining.into(),
            reset_after: self.reset_after,
        }
    }
}
