//! What became of the slots, to be told with a visit.

use std::time::Duration;

use super::{Member, SLOT_KEEPS};
use crate::limiter::fleet::ask::{Outcome, What};
use crate::limiter::{Change, Grant, Learned, Told};
use crate::time::Time;

/// Outcomes that are kept for a store that can't be reached; older ones say nothing any more.
const MOST_OUTCOMES: usize = 1024;

impl Member {
    /// The limit let a request through.
    pub fn succeeded(
        &mut self,
        now: Time,
        grant: &Grant,
        told: Told,
        exhausted: Option<Duration>,
        chance: f64,
    ) -> Change {
        if let Some(lone) = self.lone_of(grant) {
            lone.announced(now, grant, &told);
            let change = lone.success(now, grant);
            return match exhausted {
                Some(wait) => lone.exhausted(now, wait, chance),
                None => change,
            };
        }
        if grant.lineage != self.seen.lineage() {
            // Granted by a state that is gone: no word about this one.
            return Change::Nothing;
        }
        self.count(now, grant, told, exhausted, chance);
        Change::Nothing
    }

    /// Successes that are alike are one.
    fn count(
        &mut self,
        now: Time,
        grant: &Grant,
        told: Told,
        exhausted: Option<Duration>,
        chance: f64,
    ) {
        let is_plain = !grant.canary && !grant.trial && exhausted.is_none();
        if let Some(Outcome {
            what:
                What::Success {
                    grant: last,
                    times,
                    told: last_told,
                    exhausted: None,
                },
            at,
            ..
        }) = self.outcomes.last_mut()
        {
            // What an answer tells of limits goes with its own number.
            let tells_nothing = told == Told::default() && *last_told == told;
            let alike = (
                last.epoch,
                last.waited,
                last.cost,
                last.turns,
                last.canary,
                last.trial,
            ) == (
                grant.epoch,
                grant.waited,
                grant.cost,
                grant.turns,
                false,
                false,
            );
            if is_plain && alike && tells_nothing {
                if grant.number > last.number {
                    *last = *grant;
                }
                *times += 1;
                *at = self.mapping.map_or(now, |mapping| mapping.to_store(now));
                return;
            }
        }
        let what = What::Success {
            grant: *grant,
            times: 1,
            told,
            exhausted,
        };
        self.report(now, what, chance, !is_plain);
    }

    /// The server refused a request.
    pub fn refused(
        &mut self,
        now: Time,
        grant: &Grant,
        told: Told,
        hint: Option<Duration>,
        chance: f64,
    ) -> Change {
        let change = match self.lone_mut() {
            Some(lone) => {
                lone.announced(now, grant, &told);
                // One from before the outage is none of this state's: it may only lengthen a pause.
                lone.backoff(now, grant, hint, chance)
            }
            None => Change::Nothing,
        };
        if self.lone_of(grant).is_none() {
            let what = What::Refused {
                grant: *grant,
                told,
                hint,
            };
            // Of a burst that is known, only a longer pause is news.
            let is_first = self.seen.is_of_this_epoch(grant);
            self.report(now, what, chance, is_first || hint.is_some());
            if is_first {
                self.give_back_all(now);
            }
        }
        change
    }

    /// No answer came, or one that the server did not mean.
    pub(crate) fn failed(&mut self, now: Time, grant: &Grant) {
        match self.lone_of(grant) {
            Some(lone) => lone.failed(now, grant),
            None => self.report(now, What::Failed(*grant), 0.0, grant.canary || grant.trial),
        }
    }

    /// No word about the limit.
    pub(crate) fn neutral(&mut self, now: Time, grant: &Grant) {
        match self.lone_of(grant) {
            Some(lone) => lone.neutral(grant),
            None => self.report(now, What::Neutral(*grant), 0.0, grant.canary || grant.trial),
        }
    }

    /// The request was never sent.
    pub(crate) fn unused(&mut self, now: Time, grant: &Grant) {
        match self.lone_of(grant) {
            Some(lone) => lone.unused(grant),
            None => self.report(now, What::Unused(*grant), 0.0, grant.canary || grant.trial),
        }
    }

    /// Nothing is left of a limit for so long.
    pub fn exhausted(&mut self, now: Time, wait: Duration, chance: f64) -> Change {
        if let Some(lone) = self.lone_mut() {
            return lone.exhausted(now, wait, chance);
        }
        self.report(now, What::Exhausted(wait), chance, true);
        Change::Nothing
    }

    /// By hand.
    pub(crate) fn on_success(&mut self, now: Time) -> Change {
        if let Some(lone) = self.lone_mut() {
            return lone.on_success(now);
        }
        self.report(now, What::OnSuccess, 0.0, false);
        Change::Nothing
    }

    /// By hand.
    pub(crate) fn on_backoff(&mut self, now: Time, hint: Option<Duration>, chance: f64) -> Change {
        if let Some(lone) = self.lone_mut() {
            return lone.on_backoff(now, hint, chance);
        }
        self.report(now, What::OnBackoff(hint), chance, true);
        Change::Nothing
    }

    pub(super) fn report(&mut self, now: Time, what: What, chance: f64, is_urgent: bool) {
        let at = self.to_store(now);
        self.outcomes.push(Outcome { at, chance, what });
        self.forget_oldest();
        // What can wait goes with the next visit for slots.
        let by = now
            + if is_urgent {
                Duration::ZERO
            } else {
                2 * self.lease
            };
        self.report_by = Some(self.report_by.map_or(by, |earlier| earlier.min(by)));
    }

    /// What an earlier run has learned, for a fleet that knows nothing.
    pub(crate) fn restore(&mut self, now: Time, learned: &Learned, unix_now: Duration) -> Change {
        if let Some(lone) = self.lone_mut() {
            return lone.restore(now, learned, unix_now);
        }
        let what = What::Learned(*learned, learned.age(unix_now));
        self.report(now, what, 0.0, true);
        Change::Nothing
    }

    pub(super) fn take_back(&mut self, now: Time, mut outcomes: Vec<Outcome>) {
        if outcomes.is_empty() {
            return;
        }
        outcomes.append(&mut self.outcomes);
        self.outcomes = outcomes;
        self.forget_oldest();
        self.report_by = Some(now + self.lease);
    }

    fn forget_oldest(&mut self) {
        let surplus = self.outcomes.len().saturating_sub(MOST_OUTCOMES);
        self.outcomes.drain(..surplus);
    }

    /// All slots go back unused.
    pub(super) fn give_back_all(&mut self, now: Time) {
        for slot in std::mem::take(&mut self.slots) {
            self.report(now, What::Unused(slot), 0.0, slot.canary || slot.trial);
        }
    }

    /// Slots whose instant is long over go back unused.
    pub(super) fn give_back_late(&mut self, now: Time) {
        let last = self.to_store(now);
        let late = self
            .slots
            .iter()
            .take_while(|slot| slot.issued_at + SLOT_KEEPS <= last)
            .count();
        for slot in self.slots.drain(..late).collect::<Vec<_>>() {
            self.report(now, What::Unused(slot), 0.0, slot.canary || slot.trial);
        }
    }
}
