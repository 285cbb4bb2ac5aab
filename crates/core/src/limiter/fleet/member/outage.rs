//! A worker while the store can't be reached.

use std::time::Duration;

use super::Member;
use crate::limiter::controller::Controller;
use crate::limiter::fleet::standalone;
use crate::limiter::fleet::standalone::{Outage, Share};
use crate::limiter::fleet::sync::{Report, SyncRequest, TimedReport};
use crate::time::Time;

/// First and longest time between two tries to reach a store that does not respond.
const RETRY: [Duration; 2] = [Duration::from_millis(100), Duration::from_secs(2)];

/// Longest duration of a visit, with connecting and all tries, whatever is wrong with the store. A longer visit hangs
/// in something without a timeout of its own, such as name resolution.
const LONGEST_VISIT: Duration = Duration::from_secs(2);

/// Time until the worker looks again whether the fleet under this key has other settings.
const LOOK_AGAIN: Duration = Duration::from_secs(10);

/// How long after the last visit the number of workers counts as right. A fleet starts within seconds.
const KNOWN_FOR: Duration = Duration::from_secs(2);

/// After this many visits in a row that lost every race, the store's compare-and-swap is assumed to be broken.
const MOST_RACES_LOST: u32 = 4;

/// Maximum number of reports of what was sent without the store: one for each try to reach it, for two minutes.
const MOST_SENT_ALONE: usize = 64;

impl Member {
    /// Returns whether the last visit ended an outage.
    pub const fn ended_an_outage(&self) -> bool {
        self.was_away
    }

    /// Takes in a visit that failed: the store could not be reached, or did not work. Returns whether that is new.
    pub fn store_unreachable(&mut self, now: Time, request: SyncRequest, chance: f64) -> bool {
        self.is_out = false;
        self.counted = request.counted;
        self.take_back(now, request.reports);
        if self.outage.is_none() {
            self.outage = Some(self.outage_begun(now, chance));
        }
        let Some(outage) = &mut self.outage else {
            return false;
        };
        let wait = RETRY[0]
            .saturating_mul(2_u32.saturating_pow(outage.tries))
            .min(RETRY[1]);
        // The factor of chance spreads the tries of workers that lost the store together.
        outage.next_try = now + wait.mul_f64(1.0 + chance);
        outage.is_awaited = false;
        outage.tries = outage.tries.saturating_add(1);
        !std::mem::replace(&mut outage.is_reported, true)
    }

    /// Begins an outage if a visit does not end.
    pub(super) fn give_up_waiting(&mut self, now: Time) {
        if self.outage.is_none() && now >= self.waited_for_until() {
            // Workers whose visits hang at once have started them at different times.
            let asked_at = self.to_store(self.asked_at).as_nanos();
            let chance = (asked_at % 1_000_000_000) as f64 / 1e9;
            self.outage = Some(self.outage_begun(now, chance));
        }
    }

    /// Returns when the visit in progress counts as hanging.
    pub(super) fn waited_for_until(&self) -> Time {
        if self.is_out {
            self.asked_at + LONGEST_VISIT
        } else {
            Time::MAX
        }
    }

    /// Returns an outage that begins now.
    fn outage_begun(&self, now: Time, chance: f64) -> Outage {
        let part = 1.0 / f64::from(self.workers_for_sure().max(1));
        Outage {
            standalone: (!self.policy.stops).then(|| self.standalone_begun(now, part, chance)),
            part,
            told: 0,
            left: self.seen.lineage(),
            since: now,
            is_awaited: false,
            tries: 0,
            next_try: now,
            is_reported: false,
        }
    }

    /// Returns a controller for this worker alone, which continues from what it last saw of the fleet.
    fn standalone_begun(&self, now: Time, part: f64, chance: f64) -> Controller {
        let at = self.to_store(now);
        // Pauses that the store has not heard of count, too, and so does a limit of which nothing is left.
        let unheard = self.reports.iter().map(|it| it.pause_left(at)).max();
        let pause = self.seen.pause_left(at).max(unheard.unwrap_or_default());
        let used_up = self.seen.view(at).announced;
        let used_up = used_up.filter(|standing| standing.remaining == 0);
        let pause = pause.max(used_up.map_or(Duration::ZERO, |it| it.until.saturating_since(at)));
        let lineage = !self.seen.lineage() ^ now.as_nanos();
        let share = Share {
            part,
            unseen: self.unseen(at),
            pause,
            chance,
        };
        standalone::begin(&self.settings, &self.seen, at, now, &share).of_lineage(lineage)
    }

    /// Returns how much other workers may have been granted since the last visit. After a long silence it is not known.
    pub(super) fn unseen(&self, at: Time) -> u64 {
        let since = at.saturating_since(self.seen_at).min(KNOWN_FOR);
        self.seen
            .may_have_granted(self.seen_at, self.seen_at + since)
    }

    /// Reports what was sent without the store since the last report.
    pub(super) fn report_sent_alone(&mut self, now: Time) {
        let Some(Outage {
            standalone: Some(standalone),
            told,
            left,
            ..
        }) = &mut self.outage
        else {
            return;
        };
        let more = standalone.sent().saturating_sub(*told);
        *told = standalone.sent();
        if more > 0 {
            let (sent, left) = (more, *left);
            self.add_sent_alone(now, sent, left);
        }
    }

    /// Reports requests that were sent without the store until now. Of too many such reports, the two oldest become one, as
    /// if all of its requests had been sent with the last of them.
    pub(super) fn add_sent_alone(&mut self, now: Time, sent: u64, left: u64) {
        let at = self.to_store(now);
        let report = Report::SentAlone { sent, left };
        self.reports.push(TimedReport { at, report });
        let reports = self.reports.iter().enumerate();
        let alone =
            reports.filter_map(|(place, it)| it.report.sent_alone().map(|sent| (place, sent)));
        let alone: Vec<(usize, u64)> = alone.collect();
        if let [(oldest, sent), (next, _), ..] = alone[..]
            && alone.len() > MOST_SENT_ALONE
        {
            if let Report::SentAlone { sent: of_next, .. } = &mut self.reports[next].report {
                *of_next = of_next.saturating_add(sent);
            }
            self.reports.remove(oldest);
        }
    }

    /// Returns the number of workers, or the assumed number if that is higher and the last visit came after a long
    /// silence: the worker may have missed some then.
    fn workers_for_sure(&self) -> u32 {
        let is_fresh = |then: Time| self.asked_at.saturating_since(then) <= KNOWN_FOR;
        if self.last_contact.is_some_and(is_fresh) {
            self.workers
        } else {
            self.workers.max(self.policy.workers)
        }
    }

    /// Takes in a visit that lost all races. The worker tries again soon. Returns whether that is an outage, and a
    /// new one.
    pub fn lost_all_races(&mut self, now: Time, request: SyncRequest, chance: f64) -> bool {
        self.races_lost += 1;
        if self.races_lost > MOST_RACES_LOST || self.outage.is_some() {
            return self.store_unreachable(now, request, chance);
        }
        self.is_out = false;
        self.take_back(now, request.reports);
        self.come_at = now + self.lease;
        false
    }

    /// Takes in a visit that found other settings in use under the key. Returns whether that is new.
    pub fn met_other_settings(&mut self, now: Time, request: SyncRequest) -> bool {
        self.is_out = false;
        self.take_back(now, request.reports);
        self.come_at = now + LOOK_AGAIN;
        !std::mem::replace(&mut self.has_other_settings, true)
    }
}
