//! A pause after a refusal, from the first refused request to the first successful one.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::rate::Rate;
use crate::time::Time;

/// Activity of the limiter when it was refused. It decides what the refusal teaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Cause {
    /// Nothing was known about the limit, or nothing that this run has confirmed.
    Search,
    /// A probe went beyond the ceiling.
    Probe,
    /// The ceiling had been raised a little, and the raise was not proven.
    Raise,
    /// The proven ceiling was refused: a surprise.
    Cruise,
}

impl Cause {
    /// Returns whether the limiter itself caused the refusal. Then it falls back to the proven rate; only other
    /// refusals are cuts.
    pub(crate) const fn is_our_own(self) -> bool {
        matches!(self, Self::Probe | Self::Raise)
    }
}

/// A pause that has not ended.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Epoch {
    pub(crate) cause: Cause,
    /// When the first and the last of the refused requests were sent, as far as they count.
    pub(crate) refused: [Time; 2],
    /// When the first refusal arrived.
    pub(crate) began: Time,
    /// The rate that was refused.
    pub(crate) failed_at: Rate,
    /// The last pause, without its jitter.
    pub(crate) pause: Duration,
    /// Time by which the server, or the configuration, made the pause longer than the limiter's own would have been.
    /// `Retry-After` comes in whole seconds, however soon a token is there.
    pub(crate) surplus: Duration,
    /// Whether a request that was sent after a pause was refused, too.
    pub(crate) blocked: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_refusals_that_surprise_are_cuts() {
        assert!(Cause::Probe.is_our_own() && Cause::Raise.is_our_own());
        assert!(!Cause::Search.is_our_own() && !Cause::Cruise.is_our_own());
    }
}
