//! Caps beside the learned rate: announced limits.

use std::time::Duration;

use super::Controller;
use crate::limiter::announced::AnnouncedLimits;
use crate::limiter::budgets::Budgets;
use crate::limiter::grant::Grant;
use crate::limiter::learner::Learner;
use crate::limiter::spending::{Bounds, Last, SentSoFar};
use crate::limiter::state::State;
use crate::rate::Rate;
use crate::time::Time;

/// How much too early a reset is, at most, if the server announces it in whole seconds and rounds down.
const ROUNDED_DOWN: Duration = Duration::from_secs(1);

/// Longest time that is added to resets which turn out to come too early, again and again.
const MOST_GRACE: Duration = Duration::from_secs(16);

/// Ratio at which the announced and the learned limit count as disagreeing: a fifth.
const DISAGREEMENT: f64 = 1.2;

/// How long they must disagree before it is reported. A window may be half over, and an estimate new.
const DISAGREEMENT_LASTS: Duration = Duration::from_secs(60);

/// How long nothing was granted until outstanding responses count as lost: those of killed workers never come.
const LOST_AFTER: Duration = Duration::from_secs(10);

impl Controller {
    /// Stops waiting for lost responses, if nothing was granted for a while.
    pub(in crate::limiter) fn without_lost_responses(mut self, now: Time) -> Self {
        if now.saturating_since(self.state.last.at) > LOST_AFTER {
            self.state.under_way.forget(now);
        }
        self
    }

    /// Returns when the announced limits let a request go, as things stand, after others that cost `ahead`.
    pub(super) fn announced_due(&self, now: Time, ahead: u64) -> Time {
        let State {
            budgets: Some(budgets),
            last,
            under_way,
            ..
        } = &self.state
        else {
            return Time::ZERO;
        };
        let sent = SentSoFar {
            last: *last,
            under_way: under_way.cost(),
        };
        let bounds = Bounds {
            longest: self.settings.max_cooldown,
            reserve: self.settings.reserve,
        };
        if !budgets.lapses(now) {
            return budgets.due(&sent, ahead, &bounds);
        }
        let mut budgets = Budgets::clone(budgets);
        budgets.lapse(now, last.number);
        budgets.due(&sent, ahead, &bounds)
    }

    /// Returns whether the outcome of every grant is known, so that no response can announce that more is left.
    pub(crate) fn has_all_responses(&self) -> bool {
        self.state.under_way.cost() == 0
    }

    /// Takes in the limits that the response to `grant`'s request announced.
    pub(super) fn announced_by(&mut self, now: Time, grant: &Grant, announced: &AnnouncedLimits) {
        self.lapse(now);
        if announced.is_empty() {
            return;
        }
        if announced.is_rounded_down() {
            let is_early = self.is_right_after_reset(grant);
            let grace = &mut self.state.grace;
            *grace = if is_early {
                grace.saturating_mul(2).clamp(ROUNDED_DOWN, MOST_GRACE)
            } else {
                ROUNDED_DOWN.max(*grace)
            };
        }
        let State {
            budgets,
            grace,
            announced_by,
            last,
            under_way,
            ..
        } = &mut self.state;
        *announced_by = grant.number;
        let trip = Some(now.saturating_since(grant.issued_at));
        let budgets = budgets.get_or_insert_default();
        let later = last.number.saturating_sub(grant.number);
        let others = under_way.cost().saturating_sub(u64::from(grant.cost));
        let place = (grant.number, others, later);
        budgets.heard(now, place, trip, announced, *grace);
    }

    /// Takes in limits that the response to a request of another controller announced.
    pub fn announced_elsewhere(&mut self, now: Time, announced: &AnnouncedLimits) {
        self.lapse(now);
        if announced.is_empty() {
            return;
        }
        let State {
            budgets,
            grace,
            last,
            ..
        } = &mut self.state;
        let budgets = budgets.get_or_insert_default();
        budgets.heard(now, (last.number, 0, 0), None, announced, *grace);
    }

    /// Counts `sent` tokens' worth of requests, which went until `now` and which this controller did not grant, as used of
    /// the announced limits.
    pub(in crate::limiter) fn charge_announced(&mut self, now: Time, sent: u64) {
        let State { budgets, last, .. } = &mut self.state;
        last.number = last.number.saturating_add(sent);
        if let Some(budgets) = budgets {
            budgets.sent(&Last {
                number: last.number,
                at: now,
                cost: u32::try_from(sent).unwrap_or(u32::MAX),
            });
        }
    }

    /// Returns the announced limits as they stand now, and forgets them.
    #[must_use]
    pub fn take_announced(&mut self, now: Time) -> AnnouncedLimits {
        self.lapse(now);
        let budgets = self.state.budgets.take();
        let sent = self.state.last.number;
        budgets.map_or_else(AnnouncedLimits::default, |it| it.announced(now, sent))
    }

    /// Takes in a success whose response announced nothing.
    pub(super) fn unconfirmed(&mut self, grant: &Grant) {
        if let Some(budgets) = &mut self.state.budgets {
            budgets.unconfirmed(grant);
        }
    }

    /// Forgets announced windows that are over.
    pub(super) fn lapse(&mut self, now: Time) {
        let State {
            budgets,
            last,
            reset_at,
            ..
        } = &mut self.state;
        let ended = budgets.as_mut().and_then(|it| it.lapse(now, last.number));
        if let Some(ended) = ended {
            *reset_at = ended;
        }
    }

    /// Returns whether a known or announced limit, or the bound of the start, holds a caller up. Any response may change
    /// that.
    pub(crate) fn is_held_by_cap(&self) -> bool {
        self.state.held_by_cap || self.state.held_at_start
    }

    /// Returns the announced rate that is closest to the learned ceiling, and the ceiling: once, when they have
    /// disagreed for a while.
    pub(crate) fn disagreement(&mut self, now: Time) -> Option<(Rate, Rate)> {
        let State {
            learner,
            budgets,
            disagrees_since,
            disagreement_reported,
            ..
        } = &mut self.state;
        let learned = learner.as_ref().and_then(Learner::ceiling)?;
        let (told, apart) = budgets.as_ref()?.closest(learned)?;
        if apart <= DISAGREEMENT {
            (*disagrees_since, *disagreement_reported) = (None, false);
            return None;
        }
        let since = *disagrees_since.get_or_insert(now);
        let lasts = now.saturating_since(since) >= DISAGREEMENT_LASTS;
        let begins = lasts && !std::mem::replace(disagreement_reported, true);
        begins.then_some((told, learned))
    }

    /// Takes note of a refusal right after an announced reset, by a response that does not announce it: this server
    /// rounds its resets down.
    pub(super) fn note_early_reset(&mut self, grant: &Grant) {
        if self.state.announced_by == grant.number {
            return;
        }
        if self.is_right_after_reset(grant) {
            self.state.grace = ROUNDED_DOWN.max(self.state.grace);
        }
    }

    /// Returns whether a request was sent right after an announced reset.
    fn is_right_after_reset(&self, grant: &Grant) -> bool {
        let reset_at = self.state.reset_at;
        reset_at > Time::ZERO
            && grant.issued_at >= reset_at
            && grant.issued_at.saturating_since(reset_at) <= ROUNDED_DOWN
    }
}

#[cfg(test)]
mod tests;
