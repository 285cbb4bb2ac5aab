//! The state of a controller.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::breaker::Breaker;
use super::bucket::Bucket;
use super::budgets::Budgets;
use super::fixed::Usage;
use super::learner::Learner;
use super::settings::Settings;
use super::spending::Last;
use super::under_way::UnderWay;
use crate::rate::Rate;
use crate::time::Time;

/// How far the times of a stored state may lie ahead: grants are dealt out ahead of their time, and the clocks of a store
/// and its replacement differ.
const AHEAD: Duration = Duration::from_secs(60);

/// Time in which `max_rate` pays off any debt of tokens.
const LONGEST_DEBT: Duration = Duration::from_secs(24 * 60 * 60);

/// State of a controller: a plain value that can be stored and sent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct State {
    /// Name of this state. Grants of another state say little about it.
    pub(super) lineage: u64,
    pub(super) rate: Rate,
    pub(super) bucket: Bucket,
    /// No grant before this time.
    pub(super) cooldown_until: Time,
    /// Number of cuts so far.
    pub(super) epoch: u64,
    /// Number of cuts since a request of the current epoch succeeded.
    pub(super) cuts_in_a_row: u32,
    /// State of learning; `None` where learning is off.
    pub(super) learner: Option<Learner>,
    /// State of the circuit breaker; `None` without one.
    pub(super) breaker: Option<Breaker>,
    /// What is used of the known limits, in the order of the settings.
    pub(super) fixed: Vec<Usage>,
    /// How far the wall clock is ahead of the limiter's own: by the wall clock, days and months of known limits begin.
    pub(super) unix_ahead: Duration,
    /// When the wall clock was put forward or back last.
    pub(super) unix_moved_at: Time,
    pub(super) last: Last,
    pub(super) under_way: UnderWay,
    /// Announced limits until their resets; `None` before the first announcement.
    pub(super) budgets: Option<Box<Budgets>>,
    /// When the last announced window ended, and the time that is added to resets after a server turned out to round
    /// them down.
    pub(super) reset_at: Time,
    pub(super) grace: Duration,
    /// Number of the last grant whose response announced limits.
    pub(super) announced_by: u64,
    /// Whether a caller was held up since the last grant by something other than the learned rate.
    pub(super) held_by_cap: bool,
    /// Whether the head of the queue waits for a response, because too many requests are at stake.
    pub(super) held_at_start: bool,
    /// Whether a caller was held up by the rate since the last grant.
    pub(super) held_by_rate: bool,
    /// Since when announced and learned limit disagree, and whether that was reported.
    pub(super) disagrees_since: Option<Time>,
    pub(super) disagreement_reported: bool,
}

impl State {
    /// Returns whether a controller with these settings can have come to this state by `now`. A stored one may have been
    /// damaged.
    pub(super) fn is_plausible(&self, settings: &Settings, now: Time) -> bool {
        let latest = self.cooldown_until.max(now) + AHEAD;
        let most_debt = settings.law.max.amount_in(LONGEST_DEBT);
        let mut known = settings.fixed.iter().zip(&self.fixed);
        self.rate == settings.law.within(self.rate)
            && self.fixed.len() == settings.fixed.len()
            && known.all(|(limit, usage)| limit.is_plausible(usage, latest, most_debt))
            && self.bucket.is_plausible(latest, most_debt)
            && self.last.at <= latest
            && self.under_way.is_plausible(latest)
            && self
                .budgets
                .as_ref()
                .is_none_or(|it| it.are_plausible(latest))
    }

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
