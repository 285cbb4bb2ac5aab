//! One synchronisation with the store: what a worker reports and asks for, and what it gets.

use std::time::Duration;

use crate::limiter::controller::Controller;
use crate::limiter::grant::Grant;
use crate::limiter::learned::Learned;
use crate::limiter::outcome::{Change, ManualReport, Outcome};
use crate::rate::Rate;
use crate::time::Time;

/// Maximum number of writes that one visit tries. Each lost try means that another worker succeeded. So several losses
/// in a row are rare, and the next visit comes soon.
pub const MOST_TRIES: u32 = 16;

/// Maximum number of callers that one visit asks slots for.
pub const MOST_WANTED: usize = 256;

/// Pause that is assumed after a refusal without a hint that the store has not heard of.
const UNNAMED_PAUSE: Duration = Duration::from_secs(1);

/// Something that a worker reports to the fleet.
#[expect(
    clippy::large_enum_variant,
    reason = "nearly all reports are the large one"
)]
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Report {
    /// `times` requests like that of `grant` had this outcome.
    Request {
        grant: Grant,
        times: u32,
        outcome: Outcome,
    },
    /// Feedback without a grant.
    Manual(ManualReport),
    /// Learned limit of an earlier run, and its age. Counts only for a fleet that has learned nothing.
    Learned(Learned, Duration),
    /// A worker sent `sent` tokens' worth of requests on its own, since it left the state of lineage `left`.
    SentAlone { sent: u64, left: u64 },
}

impl Report {
    /// Returns how much was sent without the store, if the report says that.
    pub(super) const fn sent_alone(&self) -> Option<u64> {
        match self {
            Self::SentAlone { sent, .. } => Some(*sent),
            _ => None,
        }
    }
}

/// A report with the time of its event, by the store's clock.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct TimedReport {
    pub(super) at: Time,
    pub(super) report: Report,
}

impl TimedReport {
    /// Returns the rest of the pause that this report alone asks for.
    pub(super) fn pause_left(&self, now: Time) -> Duration {
        let wait = match &self.report {
            Report::Request {
                outcome: Outcome::Refused { hint, .. },
                ..
            }
            | Report::Manual(ManualReport::Refused { hint, .. }) => hint.unwrap_or(UNNAMED_PAUSE),
            Report::Manual(ManualReport::Exhausted { wait, .. }) => *wait,
            Report::Request {
                outcome: Outcome::Success { exhausted, .. },
                ..
            } => exhausted.unwrap_or_default(),
            _ => return Duration::ZERO,
        };
        (self.at + wait).saturating_since(now)
    }

    /// Returns whether reporting it twice has the effect of reporting it once.
    const fn may_be_repeated(&self) -> bool {
        matches!(
            self.report,
            Report::Request {
                outcome: Outcome::Refused { .. },
                ..
            } | Report::Manual(ManualReport::Exhausted { .. })
                | Report::Learned(..)
        )
    }
}

/// A worker's request to the fleet's state, decided on by [`settle`](super::settle::settle).
#[derive(Debug, Clone, PartialEq)]
pub struct SyncRequest {
    /// Costs of the callers that wait without a slot, in their order.
    pub(super) wanted: Vec<u32>,
    /// Ticket from an earlier visit.
    pub(super) ticket: Option<u64>,
    /// Reports since the last visit.
    pub(super) reports: Vec<TimedReport>,
    /// Period in which this worker was last counted.
    pub(super) counted: Option<u64>,
    /// Lineage of the state in which it was counted.
    pub(super) seen_lineage: u64,
    /// How long before its instant a slot may be taken, because visits take time.
    pub(super) lead: Duration,
    /// Recent duration of visits.
    pub(super) visit: Duration,
    /// Limit that this worker has learned, for an empty store.
    pub(super) memory: Option<Learned>,
    /// Number of workers that this worker knows of, for an empty store; 0 before its first visit.
    pub(super) workers: u32,
    /// Lineage of the state, if it has to begin anew.
    pub(super) lineage: u64,
    /// Pause with which a new state begins.
    pub(super) pause: Duration,
    /// How long this worker has gone on without the store, if it has.
    pub(super) alone_for: Option<Duration>,
}

impl SyncRequest {
    /// Prepares the request for a second try when it is unknown whether the first one was written: takes the worker for
    /// counted and drops the reports that would count twice.
    pub fn may_be_settled(&mut self, reply: &SyncReply) {
        self.counted = reply.counted;
        self.reports.retain(TimedReport::may_be_repeated);
    }
}

/// Result of a synchronisation, for [`Member::synced`](super::member::Member::synced).
#[derive(Debug, Clone)]
pub struct SyncReply {
    /// The store's time of the visit.
    pub(crate) now: Time,
    /// The fleet's controller, to look at.
    pub(super) controller: Controller,
    /// Grants for instants to come.
    pub(super) slots: Vec<Grant>,
    /// Ticket for the callers that got no slot.
    pub(super) ticket: Option<u64>,
    /// When to come for what is still wanted.
    pub(super) come_at: Time,
    /// Minimum time until the next visit for slots.
    pub(super) lease: Duration,
    /// How long reports that are not urgent may wait for it.
    pub(super) report_within: Duration,
    /// Period in which this worker was counted.
    pub(super) counted: Option<u64>,
    /// Number of workers.
    pub(super) workers: u32,
    /// Until then, workers that were alone go on alone.
    pub(super) meets_at: Time,
    /// Effect of this worker's reports.
    pub(super) change: Change,
    /// The announced and the learned limit, when they have disagreed for a while.
    pub disagreement: Option<(Rate, Rate)>,
}
