//! What changes.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::breaker::Breaker;
use super::bucket::Bucket;
use super::budget::Last;
use super::budgets::Budgets;
use super::learner::Learner;
use crate::rate::Rate;
use crate::time::Time;

/// What changes: a plain value that can be stored and sent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct State {
    /// Tells this state from others: what another one has granted says little about it.
    pub(super) lineage: u64,
    pub(super) rate: Rate,
    pub(super) bucket: Bucket,
    /// No grant before this time.
    pub(super) cooldown_until: Time,
    /// Cuts so far.
    pub(super) epoch: u64,
    /// Cuts since a request of the current epoch got through.
    pub(super) cuts_in_a_row: u32,
    /// What is learned about the limit; `None` where learning is off.
    pub(super) learner: Option<Learner>,
    /// `None` where there is no circuit breaker.
    pub(super) breaker: Option<Breaker>,
    /// The buckets of the limits that are known, in the order of the settings.
    pub(super) fixed: Vec<Bucket>,
    pub(super) last: Last,
    /// Grants whose outcome is still to come.
    pub(super) under_way: u64,
    /// What the server announced, until the resets; `None` before it announced anything.
    pub(super) budgets: Option<Box<Budgets>>,
    /// When the last announced window ended, and what is added to resets: a server that rounds them
    /// down was met.
    pub(super) reset_at: Time,
    pub(super) grace: Duration,
    /// The number of the last grant whose answer told of limits.
    pub(super) announced_by: u64,
    /// Somebody was held up since the last grant, and not by the learned rate.
    pub(super) held_by_cap: bool,
    /// Since when announced and learned limit disagree, and whether that was told.
    pub(super) disagrees_since: Option<Time>,
    pub(super) disagreement_reported: bool,
}

impl State {
    /// Returns the rate, the ceiling and the rest of the pause.
    pub(super) fn summary(&self, now: Time) -> (Rate, Option<Rate>, Duration) {
        let ceiling = self.learner.as_ref().and_then(Learner::ceiling);
        (
            self.rate,
            ceiling,
            self.cooldown_until.saturating_since(now),
        )
    }
}
