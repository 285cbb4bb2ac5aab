//! What a worker says to the fleet on a visit, and what it takes away.

use std::time::Duration;

use crate::limiter::{Change, Controller, Grant, Learned, Told};
use crate::rate::Rate;
use crate::time::Time;

/// What became of a slot, or was reported by hand.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum What {
    /// So many requests like that of the grant got through. What the last answer told of limits.
    Success {
        grant: Grant,
        times: u32,
        told: Told,
        exhausted: Option<Duration>,
    },
    /// The server refused.
    Refused {
        grant: Grant,
        told: Told,
        hint: Option<Duration>,
    },
    /// No answer, or one that the server did not mean.
    Failed(Grant),
    /// No word about the limit.
    Neutral(Grant),
    /// The request was never sent.
    Unused(Grant),
    /// Nothing is left for so long.
    Exhausted(Duration),
    /// What an earlier run has learned, and how old that is: for a fleet that knows nothing.
    Learned(Learned, Duration),
    /// So much was sent by a worker that was alone, since it left the state of that lineage.
    SentAlone { sent: u64, left: u64 },
    /// By hand.
    OnSuccess,
    /// By hand.
    OnBackoff(Option<Duration>),
}

impl What {
    /// Whose outcome it is.
    pub(super) const fn grant(&self) -> Option<&Grant> {
        match self {
            Self::Success { grant, .. }
            | Self::Refused { grant, .. }
            | Self::Failed(grant)
            | Self::Neutral(grant)
            | Self::Unused(grant) => Some(grant),
            Self::Exhausted(_)
            | Self::Learned(..)
            | Self::SentAlone { .. }
            | Self::OnSuccess
            | Self::OnBackoff(_) => None,
        }
    }
}

/// The same with its time, by the store's clock, and with the chance that draws a jitter.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Outcome {
    pub(super) at: Time,
    pub(super) chance: f64,
    pub(super) what: What,
}

impl Outcome {
    /// How long nothing should go by this word alone.
    pub(super) fn pause_left(&self, now: Time) -> Duration {
        let wait = match &self.what {
            What::Refused { hint, .. } | What::OnBackoff(hint) => hint.unwrap_or(UNNAMED_PAUSE),
            What::Exhausted(wait) => *wait,
            What::Success { exhausted, .. } => exhausted.unwrap_or_default(),
            _ => return Duration::ZERO,
        };
        (self.at + wait).saturating_since(now)
    }

    /// Whether the same word twice is as good as once.
    fn may_be_repeated(&self) -> bool {
        matches!(
            self.what,
            What::Refused { .. } | What::Exhausted(_) | What::Learned(..)
        )
    }
}

/// Where a refusal names no pause and the store did not hear of it.
const UNNAMED_PAUSE: Duration = Duration::from_secs(1);

/// A visit.
#[derive(Debug, Clone, PartialEq)]
pub struct Ask {
    /// What callers who wait, and have no slot, would pay: in their order.
    pub(super) wanted: Vec<u32>,
    /// The ticket from an earlier visit.
    pub(super) ticket: Option<u64>,
    pub(super) outcomes: Vec<Outcome>,
    /// The period in which this worker was last counted, and the lineage of the state in which it was.
    pub(super) counted: Option<u64>,
    pub(super) seen_lineage: u64,
    /// How far ahead of its instant a slot may be taken: visits take their time.
    pub(super) lead: Duration,
    /// How long visits take lately.
    pub(super) visit: Duration,
    /// What to begin with where the store knows nothing.
    pub(super) memory: Option<Learned>,
    /// Names a state that has to begin.
    pub(super) lineage: u64,
    /// Nothing is granted for so long in a state that has to begin.
    pub(super) pause: Duration,
    /// It has gone on alone for so long, as the store could not be reached.
    pub(super) alone_for: Option<Duration>,
}

impl Ask {
    /// What was to be written may have been, as no answer came: it is taken for counted, and what would count twice is
    /// not said again.
    pub fn may_be_settled(&mut self, reply: &Reply) {
        self.counted = reply.counted;
        self.outcomes.retain(Outcome::may_be_repeated);
    }
}

/// What a visit brought.
#[derive(Debug, Clone)]
pub struct Reply {
    /// The store's time of the visit.
    pub(crate) now: Time,
    /// The fleet's state, to look at.
    pub(super) controller: Controller,
    pub(super) slots: Vec<Grant>,
    pub(super) ticket: Option<u64>,
    /// When to come for what is still wanted.
    pub(super) come_at: Time,
    /// How long to make do with this visit.
    pub(super) lease: Duration,
    pub(super) counted: Option<u64>,
    pub(super) workers: u32,
    /// Until then, who was alone goes on so.
    pub(super) meets_at: Time,
    /// What this worker's word has changed.
    pub(super) change: Change,
    pub disagreement: Option<(Rate, Rate)>,
}
