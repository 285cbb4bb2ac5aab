//! Phases of learning and reasons for changes, for people.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Current phase of a limiter that learns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Phase {
    /// The rate grows towards an unknown limit.
    Searching,
    /// The rate has reached `max_rate`, and no limit at or below it is learned, known or announced: the API may allow more.
    ///
    /// The rate gets there only while callers wait for it, or because it starts there. It stays there when they want less.
    AtMaxRate,
    /// The rate is just below the ceiling, or on the way back to it.
    Cruising,
    /// The rate exceeds the ceiling, to test whether the limit is higher.
    Probing,
    /// Each window of the limit that was found is spent by its number.
    Spending,
    /// As many requests are under way as the limit that was found allows.
    Filling,
    /// The limiter pauses after a refusal.
    Cooling,
    /// The limiter pauses again, because a request after the last pause was refused, too.
    Blocked,
}

/// Reason for the last change of the estimate of the limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum LearningReason {
    /// No change: the limiter began at the configured rate.
    Started,
    /// The ceiling was taken over from an earlier run.
    Restored,
    /// The first refusal ended the fast search.
    FirstRefusal,
    /// The limit was learned from the requests accepted between two refusals.
    Learned,
    /// A probe was refused at the ceiling, which stays or rises by its next small raise.
    ProbeConfirmed,
    /// A probe went much further than the one before: the limit was raised.
    LimitRaised,
    /// The last raise was refused.
    RaiseRefused,
    /// The proven ceiling was refused: the limit was lowered, or another client uses it, too.
    LimitLowered,
    /// The server refused a request because of how many others were under way.
    TooManyAtOnce,
}

/// Writes the phase in words that follow "the limiter is".
impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Searching => "searching for the limit",
            Self::AtMaxRate => "at max_rate",
            Self::Cruising => "cruising below the learned ceiling",
            Self::Probing => "probing above the learned ceiling",
            Self::Spending => "spending each window of the limit that was found",
            Self::Filling => "keeping as many requests under way as were found to be allowed",
            Self::Cooling => "cooling down after a refusal",
            Self::Blocked => "blocked: still refused after a pause",
        })
    }
}

/// Writes the reason in words that follow "last lesson:".
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
            Self::TooManyAtOnce => "a refusal seems to be about how many requests are under way",
        })
    }
}
