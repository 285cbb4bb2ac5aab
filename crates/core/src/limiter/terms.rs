//! The words of the conversation with the controller: what it is told and what it answers.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::breaker::{BreakerPhase, CircuitBreaker};
use super::budget::Standing;
use super::fixed::FixedLimit;
use super::fleet::Membership;
use super::law::Law;
use super::phase::{Phase, Reason};
use crate::rate::Rate;
use crate::time::Time;

/// What stays the same while a limiter lives, all of it checked.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    pub(crate) initial: Rate,
    pub(crate) law: Law,
    /// Tokens that the bucket holds at most, ≥ 1; `None`: two seconds' worth of the current rate.
    pub(crate) capacity: Option<f64>,
    /// Tokens at the start; `None`: one second's worth, at most 10.
    pub(crate) initial_tokens: Option<f64>,
    /// Pause after a refusal without a hint; `None`: by the rate.
    pub(crate) default_cooldown: Option<Duration>,
    /// Nobody waits for a longer pause than this.
    pub(crate) max_cooldown: Duration,
    pub(crate) learning: Learning,
    /// Time of queued demand between two probes of the learned ceiling.
    pub(crate) probe_interval: Duration,
    pub(crate) breaker: Option<CircuitBreaker>,
    /// Limits that are known beside the one that is learned: every grant needs a token of each.
    pub(crate) fixed: Vec<FixedLimit>,
}

/// Whether the limiter learns where the limit is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Learning {
    /// No: additive increase and multiplicative decrease alone.
    Off,
    /// Yes: a learned ceiling above the law. The default.
    #[default]
    On,
}

/// What a permit remembers of the moment it was issued.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Grant {
    /// Which state granted it.
    pub(crate) lineage: u64,
    pub(crate) issued_at: Time,
    pub(crate) epoch: u64,
    /// Whether the limiter made its caller wait: only then does a success say anything about the limit.
    pub(crate) waited: bool,
    pub(crate) cost: u32,
    /// Whether it goes alone after a refusal, to ask whether the server answers again.
    pub canary: bool,
    /// Openings and closings of the circuit breaker before it.
    pub(crate) turns: u64,
    /// Whether it goes alone to try whether requests get through again.
    pub trial: bool,
    /// What was granted so far, by cost, with this one.
    pub(crate) number: u64,
}

impl Grant {
    /// Whether the outcome says anything about the limit: that of a request that nobody had to wait for does not.
    pub const fn is_evidence(&self) -> bool {
        self.waited || self.canary
    }
}

/// The answer to "may I send now?".
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Poll {
    /// Yes; tokens were taken.
    Grant(Grant),
    /// Not before this time.
    At(Time),
    /// A canary is out: not before a feedback or, at the latest, this time, at which it counts as lost.
    AfterFeedback(Time),
    /// Not for so long: the pause that is left exceeds what anybody is made to wait for.
    CooldownTooLong(Duration),
    /// Not before the next trial of the circuit breaker, in so long, and nobody is made to wait for it.
    CircuitOpen(Duration),
    /// Not without the fleet.
    Apart(Apart),
}

/// Why a worker grants nothing without its fleet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Apart {
    /// The store can't be reached, and callers would rather fail than go on alone.
    Unreachable,
    /// The fleet under this key has other settings.
    OtherSettings,
}

/// Why nobody is made to wait, and how long it would take.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum TurnedAway {
    Cooldown(Duration),
    CircuitOpen(Duration),
    Apart(Apart),
}

/// When to ask again a worker that is apart from its fleet: it tries to reach it about as often.
const ASK_AGAIN: Duration = Duration::from_secs(2);

impl TurnedAway {
    pub const fn wait(self) -> Duration {
        match self {
            Self::Cooldown(wait) | Self::CircuitOpen(wait) => wait,
            Self::Apart(_) => ASK_AGAIN,
        }
    }
}

/// What a feedback changed.
#[must_use]
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Change {
    Nothing,
    /// The rate rose.
    Raised {
        from: Rate,
        to: Rate,
    },
    /// A refusal lowered the rate (or found it low already) and began or prolonged a pause of this length from now.
    Cut {
        from: Rate,
        to: Rate,
        cooldown: Duration,
    },
    /// A refusal of an earlier epoch, or a limit of which nothing is left, prolonged the pause to this
    /// length from now.
    Held {
        cooldown: Duration,
    },
}

/// What is believed about the limit and the server, to see whether that changed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Belief {
    pub ceiling: Option<Rate>,
    /// `None` where learning is off.
    pub learning: Option<(Phase, Reason)>,
    /// Since when the circuit breaker is not closed.
    pub open_since: Option<Time>,
}

/// What a person wants to know of the state.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct View {
    pub rate: Rate,
    pub tokens: f64,
    pub cooldown_until: Option<Time>,
    /// The learned ceiling, once there is one.
    pub ceiling: Option<Rate>,
    /// What the limiter is doing, and why it last changed its mind; `None` where learning is off.
    pub learning: Option<(Phase, Reason)>,
    /// What the circuit breaker does; `None` where there is none.
    pub breaker: Option<BreakerPhase>,
    /// What the server announced and is left of it, until its reset; of several limits the tightest.
    pub announced: Option<Standing>,
    /// When a trial goes, or counts as lost.
    pub next_trial: Option<Time>,
    /// The fleet that shares the limit, if there is one.
    pub fleet: Option<Membership>,
}
