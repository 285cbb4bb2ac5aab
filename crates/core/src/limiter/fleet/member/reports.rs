//! Outcomes of the slots, kept until the next visit reports them.

use std::time::Duration;

use super::{Member, SLOT_KEEPS};
use crate::limiter::fleet::sync::{Report, TimedReport};
use crate::limiter::grant::Grant;
use crate::limiter::learned::Learned;
use crate::limiter::outcome::{Change, ManualReport, Outcome};
use crate::time::Time;

/// Maximum number of reports that are kept while the store can't be reached. Older ones say nothing any more.
const MOST_REPORTS: usize = 1024;

impl Member {
    /// Takes in the outcome of a granted request. Its effect on the fleet is known after the next visit.
    pub fn report(&mut self, now: Time, grant: &Grant, outcome: Outcome) -> Change {
        self.places.give_back();
        if let Some((standalone, part)) = self.standalone_of(grant) {
            return standalone.report(now, grant, outcome.of_worker(part));
        }
        match outcome {
            Outcome::Refused { .. } => return self.refused(now, grant, outcome),
            // Granted by a state that is gone: says nothing about this one.
            Outcome::Success { .. } if grant.lineage != self.seen.lineage() => {}
            Outcome::Success { .. } => self.enqueue_success(now, grant, outcome),
            _ => self.enqueue_outcome(now, grant, outcome),
        }
        Change::Nothing
    }

    /// Takes in feedback without a grant. Its effect on the fleet is known after the next visit.
    pub fn report_manually(&mut self, now: Time, report: ManualReport) -> Change {
        if let Some(standalone) = self.standalone_mut() {
            return standalone.report_manually(now, report);
        }
        let is_urgent = report != ManualReport::Success;
        self.enqueue(now, Report::Manual(report), is_urgent);
        Change::Nothing
    }

    /// Takes in what an earlier run has learned, for a fleet that has learned nothing.
    pub(crate) fn restore(&mut self, now: Time, learned: &Learned, unix_now: Duration) -> Change {
        if let Some(standalone) = self.standalone_mut() {
            return standalone.restore(now, learned, unix_now);
        }
        let report = Report::Learned(learned.clone(), learned.age(unix_now));
        self.enqueue(now, report, true);
        Change::Nothing
    }

    /// Takes in a refusal of a request that the fleet granted.
    fn refused(&mut self, now: Time, grant: &Grant, outcome: Outcome) -> Change {
        let Outcome::Refused { hint, chance, .. } = outcome else {
            return Change::Nothing;
        };
        let change = match self.standalone_mut() {
            Some(standalone) => standalone.refused_elsewhere(now, hint, chance),
            None => Change::Nothing,
        };
        // For a burst that is known, only a longer pause is news.
        let is_first = self.seen.is_of_this_epoch(grant);
        let report = Report::Request {
            grant: *grant,
            times: 1,
            outcome,
        };
        self.enqueue(now, report, is_first || hint.is_some());
        if is_first {
            self.give_back_all(now);
        }
        change
    }

    /// Keeps a success for the next visit. Successes that are alike become one report.
    fn enqueue_success(&mut self, now: Time, grant: &Grant, outcome: Outcome) {
        let is_plain = |outcome: &Outcome| {
            matches!(
                outcome,
                Outcome::Success { announced, exhausted: None, .. }
                    if announced.is_empty()
            )
        };
        let at = self.to_store(now);
        if let Some(TimedReport {
            report:
                Report::Request {
                    grant: last,
                    times,
                    outcome: last_outcome,
                },
            at: last_at,
        }) = self.reports.last_mut()
        {
            let alike = (last.epoch, last.waited, last.cost, last.turns)
                == (grant.epoch, grant.waited, grant.cost, grant.turns);
            let alone = [&*last, grant].iter().any(|it| it.canary || it.trial);
            if is_plain(&outcome) && outcome == *last_outcome && alike && !alone {
                if grant.number > last.number {
                    *last = *grant;
                }
                *times += 1;
                *last_at = at;
                return;
            }
        }
        let is_exhausted = matches!(
            outcome,
            Outcome::Success {
                exhausted: Some(_),
                ..
            }
        );
        let report = Report::Request {
            grant: *grant,
            times: 1,
            outcome,
        };
        self.enqueue(now, report, is_exhausted || grant.canary || grant.trial);
    }

    /// Keeps an outcome for the next visit, which comes soon if others wait for it.
    pub(super) fn enqueue_outcome(&mut self, now: Time, grant: &Grant, outcome: Outcome) {
        let report = Report::Request {
            grant: *grant,
            times: 1,
            outcome,
        };
        self.enqueue(now, report, grant.canary || grant.trial);
    }

    /// Keeps a report for the next visit, which comes at once if it is urgent.
    pub(super) fn enqueue(&mut self, now: Time, report: Report, is_urgent: bool) {
        let at = self.to_store(now);
        self.reports.push(TimedReport { at, report });
        self.forget_oldest();
        // Reports that are not urgent wait for the next visit for slots.
        let by = now
            + if is_urgent {
                Duration::ZERO
            } else {
                self.report_within
            };
        self.report_by = Some(self.report_by.map_or(by, |earlier| earlier.min(by)));
    }

    /// Puts reports back that a failed visit could not deliver.
    pub(super) fn take_back(&mut self, now: Time, mut reports: Vec<TimedReport>) {
        if reports.is_empty() {
            return;
        }
        reports.append(&mut self.reports);
        self.reports = reports;
        self.forget_oldest();
        self.report_by = Some(now + self.lease);
    }

    /// Drops the oldest reports, if there are too many.
    fn forget_oldest(&mut self) {
        let surplus = self.reports.len().saturating_sub(MOST_REPORTS);
        self.reports.drain(..surplus);
    }

    /// Gives all slots back unused.
    pub(super) fn give_back_all(&mut self, now: Time) {
        for slot in std::mem::take(&mut self.slots) {
            self.enqueue_outcome(now, &slot, Outcome::Unused);
        }
    }

    /// Gives slots back whose instant is long over.
    pub(super) fn give_back_late(&mut self, now: Time) {
        let last = self.to_store(now);
        let late = self
            .slots
            .iter()
            .take_while(|slot| slot.issued_at + SLOT_KEEPS <= last)
            .count();
        for slot in self.slots.drain(..late).collect::<Vec<_>>() {
            self.enqueue_outcome(now, &slot, Outcome::Unused);
        }
    }
}
