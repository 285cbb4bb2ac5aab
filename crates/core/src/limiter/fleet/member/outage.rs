//! Without the store.

use std::time::Duration;

use super::{Member, Outage};
use crate::limiter::controller::Controller;
use crate::limiter::fleet::standalone;
use crate::limiter::fleet::sync::SyncRequest;
use crate::time::Time;

/// First and longest time between two tries to reach a store that does not answer.
const RETRY: [Duration; 2] = [Duration::from_millis(100), Duration::from_secs(2)];

/// No visit takes so long, whatever is wrong with the store: connecting, and as many tries as there are. One that does
/// is held up by something that has no bound of its own, such as the resolver of names.
const LONGEST_VISIT: Duration = Duration::from_secs(2);

/// How long until somebody looks again whether the fleet under this key has other settings.
const LOOK_AGAIN: Duration = Duration::from_secs(10);

/// A count of workers is taken for right so long after the last visit: a fleet that starts, starts within seconds.
const KNOWN_FOR: Duration = Duration::from_secs(2);

/// So many visits in a row that others were quicker than every time are no crowd any more: the store does not do as it
/// was asked.
const MOST_RACES_LOST: u32 = 4;

impl Member {
    /// Whether the last visit ended an outage.
    pub const fn ended_an_outage(&self) -> bool {
        self.was_away
    }

    /// The store could not be reached, or did not do as it was asked. Returns whether that is new.
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
        // Workers that lost the store together come back one after the other.
        outage.next_try = now + wait.mul_f64(1.0 + chance);
        outage.is_awaited = false;
        outage.tries = outage.tries.saturating_add(1);
        !std::mem::replace(&mut outage.is_reported, true)
    }

    /// A visit that does not end is an outage, too.
    pub(super) fn give_up_waiting(&mut self, now: Time) {
        if self.outage.is_none() && now >= self.waited_for_until() {
            // Workers whose visits hang together have asked at different times.
            let asked_at = self.to_store(self.asked_at).as_nanos();
            let chance = (asked_at % 1_000_000_000) as f64 / 1e9;
            self.outage = Some(self.outage_begun(now, chance));
        }
    }

    /// When nobody waits for the visit that is under way any more, if somebody looks then.
    pub(super) fn waited_for_until(&self) -> Time {
        if self.is_out {
            self.asked_at + LONGEST_VISIT
        } else {
            Time::MAX
        }
    }

    fn outage_begun(&self, now: Time, chance: f64) -> Outage {
        Outage {
            standalone: (!self.policy.stops).then(|| self.standalone_begun(now, chance)),
            left: self.seen.lineage(),
            since: now,
            is_awaited: false,
            tries: 0,
            next_try: now,
            is_reported: false,
        }
    }

    fn standalone_begun(&self, now: Time, chance: f64) -> Controller {
        let at = self.to_store(now);
        // What the store did not hear any more counts, too; and so does a limit of which nothing is left.
        let unheard = self.reports.iter().map(|it| it.pause_left(at)).max();
        let pause = self.seen.pause_left(at).max(unheard.unwrap_or_default());
        let used_up = self.seen.view(at).announced;
        let used_up = used_up.filter(|standing| standing.remaining == 0);
        let pause = pause.max(used_up.map_or(Duration::ZERO, |it| it.until.saturating_since(at)));
        let lineage = !self.seen.lineage() ^ now.as_nanos();
        let workers = self.workers_for_sure();
        standalone::begin(&self.settings, &self.seen, at, workers, now, pause, chance)
            .of_lineage(lineage)
    }

    /// How many workers there are; one that had not asked for long before the last visit may have missed some.
    fn workers_for_sure(&self) -> u32 {
        let is_fresh = |then: Time| self.asked_at.saturating_since(then) <= KNOWN_FOR;
        if self.last_contact.is_some_and(is_fresh) {
            self.workers
        } else {
            self.workers.max(self.policy.workers)
        }
    }

    /// Others were quicker, again and again: the same soon. Returns whether that is an outage, and a new one.
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

    /// A fleet with other settings is alive under the key. Returns whether that is new.
    pub fn met_other_settings(&mut self, now: Time, request: SyncRequest) -> bool {
        self.is_out = false;
        self.take_back(now, request.reports);
        self.come_at = now + LOOK_AGAIN;
        !std::mem::replace(&mut self.has_other_settings, true)
    }
}
