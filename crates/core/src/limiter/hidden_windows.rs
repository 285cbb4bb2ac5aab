//! The windows of a hidden limit that are spent, if any.

use std::time::Duration;

use super::grant::Grant;
use super::window_spending::WindowSpending;
use crate::time::Time;

/// How long no law is spent after the first one was given up. Doubles each time.
const FIRST_PENALTY: Duration = Duration::from_secs(60);

/// The windows that are spent, if any.
#[derive(Debug, Clone)]
pub(super) struct HiddenWindows {
    pub(super) spending: Option<Box<WindowSpending>>,
    /// No law is spent before this time.
    pub(super) not_before: Time,
    /// How long none is spent after the next one is given up.
    pub(super) penalty: Duration,
}

impl Default for HiddenWindows {
    fn default() -> Self {
        Self {
            spending: None,
            not_before: Time::ZERO,
            penalty: FIRST_PENALTY,
        }
    }
}

impl HiddenWindows {
    /// Returns whether the windows of a hidden limit are spent, in place of the learned rate.
    pub(super) const fn are_spent(&self) -> bool {
        self.spending.is_some()
    }

    /// Takes note of a request that is sent.
    pub(super) fn sent(&mut self, grant: &Grant) {
        if let Some(spending) = &mut self.spending {
            spending.sent(grant);
        }
    }

    /// Takes in a refusal. Returns whether windows are spent, so that the learner does not learn from it.
    pub(super) fn refused(&mut self, now: Time, grant: &Grant) -> bool {
        if let Some(spending) = &mut self.spending {
            spending.refused(now, grant);
        }
        self.are_spent()
    }

    /// Takes in a request that says nothing about the limit.
    pub(super) fn failed(&mut self, grant: &Grant) {
        if let Some(spending) = &mut self.spending {
            spending.failed(grant);
        }
    }

    /// Takes in that a request was never sent.
    pub(super) fn unsent(&mut self, grant: &Grant) {
        if let Some(spending) = &mut self.spending {
            spending.unsent(grant);
        }
    }

    /// Returns when a request of this cost would go after others that cost `ahead`.
    pub(super) fn projected(&self, now: Time, ahead: u64, cost: u32) -> Time {
        let spending = self.spending.as_ref();
        spending.map_or(Time::ZERO, |it| it.projected(now, ahead, cost))
    }
}
