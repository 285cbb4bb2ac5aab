//! What the limiter is doing and why, for people.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What a limiter is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Phase {
    /// Growing towards a limit that is not known yet.
    Searching,
    /// Just below the ceiling, or on the way back to it.
    Cruising,
    /// Looking beyond the ceiling.
    Probing,
    /// Pausing after a refusal.
    Cooling,
    /// Pausing again, since a request that was sent after the last pause was refused too.
    Blocked,
}

/// Why a limiter last changed its mind about the limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum LearningReason {
    /// It has not: it began at the configured rate.
    Started,
    /// What an earlier run learned was taken over.
    Restored,
    /// The first refusal ended the fast search.
    FirstRefusal,
    /// The limit was learned from what got through between two refusals.
    Learned,
    /// A probe was refused where the ceiling is: it stands, or rises by its next small raise.
    ProbeConfirmed,
    /// A probe went much further than the one before: the limit was raised.
    LimitRaised,
    /// The last raise was refused.
    RaiseRefused,
    /// The proven ceiling was refused: the limit was lowered, or somebody else uses it too.
    LimitLowered,
}

/// In words, to follow "the limiter is".
impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Searching => "searching for the limit",
            Self::Cruising => "cruising below the learned ceiling",
            Self::Probing => "probing above the learned ceiling",
            Self::Cooling => "cooling down after a refusal",
            Self::Blocked => "blocked: still refused after a pause",
        })
    }
}

/// In words, to follow "last lesson:".
impl fmt::Display for LearningReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Started => "none yet, nothing was refused",
            Self::Restored => "an earlier run learned this ceiling",
            Self::FirstRefusal => "the first refusal ended the fast search",
            Self::Learned => "two refusals showed where the limit is",
            Self::ProbeConfirmed => "a probe found the limit where it was",
            Self::LimitRaised => "a probe went much further than before: the limit was raised",
            Self::RaiseRefused => "the last small raise was refused",
            Self::LimitLowered => {
                "the ceiling itself was refused: the limit was lowered or is shared"
            }
        })
    }
}
