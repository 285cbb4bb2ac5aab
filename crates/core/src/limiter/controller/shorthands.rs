//! Shorthands for tests: one method for each kind of report.

use std::time::Duration;

use super::Controller;
use crate::limiter::announced::AnnouncedLimits;
use crate::limiter::grant::Grant;
use crate::limiter::outcome::{Change, ManualReport, Outcome};
use crate::time::Time;

impl Controller {
    pub(in crate::limiter) fn success(&mut self, now: Time, grant: &Grant) -> Change {
        self.report(now, grant, Outcome::success())
    }

    pub(in crate::limiter) fn backoff(
        &mut self,
        now: Time,
        grant: &Grant,
        hint: Option<Duration>,
        chance: f64,
    ) -> Change {
        self.report(now, grant, Outcome::refused(hint, chance))
    }

    /// Takes in announced limits before the outcome itself is reported.
    pub(in crate::limiter) fn announced(
        &mut self,
        now: Time,
        grant: &Grant,
        announced: &AnnouncedLimits,
    ) {
        self.announced_by(now, grant, announced);
    }

    pub(in crate::limiter) fn failed(&mut self, now: Time, grant: &Grant) {
        let _ = self.report(now, grant, Outcome::Failed);
    }

    pub(in crate::limiter) fn neutral(&mut self, grant: &Grant) {
        let _ = self.report(grant.issued_at, grant, Outcome::Neutral);
    }

    pub(in crate::limiter) fn unused(&mut self, grant: &Grant) {
        let _ = self.report(grant.issued_at, grant, Outcome::Unused);
    }

    pub(in crate::limiter) fn on_success(&mut self, now: Time) -> Change {
        self.report_manually(now, ManualReport::Success)
    }

    pub(in crate::limiter) fn on_backoff(
        &mut self,
        now: Time,
        hint: Option<Duration>,
        chance: f64,
    ) -> Change {
        self.report_manually(now, ManualReport::Refused { hint, chance })
    }
}
