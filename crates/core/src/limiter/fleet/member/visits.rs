//! When the store has to be visited, what for, and what comes of a visit.

use std::time::Duration;

use super::{Action, LEAD, Member, SLOT_KEEPS};
use crate::limiter::fleet::clock_offset::ClockOffset;
use crate::limiter::fleet::standalone::Outage;
use crate::limiter::fleet::sync::{MOST_WANTED, SyncReply, SyncRequest};
use crate::limiter::learned::Learned;
use crate::limiter::outcome::{Change, Outcome};
use crate::time::Time;

/// Number of visits that slots are taken ahead: one, and a second one after a lost race. Each visit reads and writes.
const LEAD_IN_VISITS: u32 = 2;

/// Fraction of a long wait until its turn after which a worker checks again; its turn may come early.
const CAUTION: f64 = 0.9;

/// A wait of this length is long: until it is over, events move the turn by more than the lead makes good.
const FAR: Duration = Duration::from_secs(2);

/// Minimum growth of a pause to count as a new one. Clocks are compared anew with each visit, which moves times a
/// little.
const LONGER: Duration = Duration::from_millis(100);

impl Member {
    /// Returns what the driver does next. `costs` are those of the waiting callers, in their order. `seed` names the
    /// state, if it has to begin.
    pub fn next_action(&mut self, now: Time, costs: &[u32], seed: u64) -> Action {
        self.give_back_late(now);
        let wanted = self.wanted(now, costs);
        let due = self.due(now, !wanted.is_empty());
        if now < due {
            self.alarm = due;
            return Action::Rest(due);
        }
        self.alarm = Time::ZERO;
        self.is_out = true;
        Action::Visit(Box::new(self.ask(now, wanted, seed)))
    }

    /// Returns whether the resting driver has to look again. `head` is the cost of the first of `waiting` callers.
    pub(crate) fn needs_visit(&self, now: Time, waiting: usize, head: Option<u32>) -> bool {
        if self.places.are_taken() {
            return self.due(now, false) < self.alarm;
        }
        let has = |cost: u32| self.slots.iter().any(|slot| slot.cost == cost);
        let is_aside = self
            .aside
            .is_some_and(|(cost, until)| now < until && !has(cost));
        let lacks = waiting > self.slots.len() || head.is_some_and(|cost| !has(cost));
        self.due(now, lacks || is_aside) < self.alarm
    }

    /// Returns the request of the last visit, which gives back what is left. `None` if there is nothing to report.
    pub fn final_visit(&mut self, now: Time, seed: u64) -> Option<Box<SyncRequest>> {
        if self.outage.is_some() || self.offset.is_none() {
            return None;
        }
        self.give_back_all(now);
        let has_to_say = !self.reports.is_empty() || self.ticket.is_some();
        has_to_say.then(|| Box::new(self.ask(now, Vec::new(), seed)))
    }

    /// Collects everything for a visit.
    pub(super) fn ask(&mut self, now: Time, wanted: Vec<u32>, seed: u64) -> SyncRequest {
        self.report_by = None;
        self.asked_at = now;
        self.report_sent_alone(now);
        // The store's time is a wall clock's.
        let at = self.to_store(now);
        let lead = (self.visit * LEAD_IN_VISITS).clamp(LEAD[0], LEAD[1]);
        SyncRequest {
            wanted,
            ticket: self.ticket,
            reports: std::mem::take(&mut self.reports),
            counted: self.counted,
            seen_lineage: self.seen.lineage(),
            lead,
            visit: self.visit,
            memory: self.memory(at),
            workers: self.offset.map_or(0, |_| self.workers),
            lineage: seed,
            pause: self.seen.pause_left(self.to_store(now)),
            alone_for: self.alone_for(now),
        }
    }

    /// Returns what this worker knows at the store's time `at`, for a store that was emptied. What others may have used of
    /// known limits since its last visit counts as used.
    fn memory(&self, at: Time) -> Option<Learned> {
        let learned = self.seen.learned(at, at.saturating_since(Time::ZERO));
        learned.map(|learned| learned.with_reserve(self.unseen(at)))
    }

    /// Takes in the result of a visit that is over `now`. The record was read between `sent` and `received`.
    pub fn synced(&mut self, sent: Time, received: Time, now: Time, reply: SyncReply) -> Change {
        self.is_out = false;
        let pause_before = self.seen.pause_left(self.to_store(now));
        let newer = ClockOffset::new(reply.now, sent, received);
        let offset = self.offset.map_or(newer, |older| older.or(newer));
        self.offset = Some(offset);
        self.last_contact = Some(received);
        // A program that was suspended during a visit does not have a slow store.
        let took = now.saturating_since(self.asked_at).min(LEAD[1]);
        self.visit = (self.visit + took) / 2;
        let meets_at = offset.to_local(reply.meets_at);
        if let Some(outage) = &mut self.outage
            && self.seen.lineage() != reply.controller.lineage()
        {
            // What was reported before went down with the store's content.
            outage.told = 0;
        }
        match &mut self.outage {
            // The store is back, but not all other workers: until then each continues with its part.
            Some(outage) if outage.standalone.is_some() && received < meets_at => {
                outage.next_try = meets_at;
                outage.is_awaited = true;
            }
            outage => {
                let ended = outage.take();
                self.was_away = ended.as_ref().is_some_and(|outage| outage.is_reported);
                if let Some(Outage {
                    standalone: Some(standalone),
                    told,
                    left,
                    ..
                }) = ended
                {
                    // Some may have been sent during this visit.
                    let sent = standalone.sent().saturating_sub(told);
                    if sent > 0 {
                        self.add_sent_alone(now, sent, left);
                        self.report_by = Some(now);
                    }
                }
            }
        }
        self.races_lost = 0;
        self.has_other_settings = false;
        self.seen = reply.controller;
        self.seen_at = reply.now;
        self.workers = reply.workers;
        self.places.shared_by(now, self.workers);
        self.counted = reply.counted;
        self.lease = reply.lease;
        self.report_within = reply.report_within;
        self.ticket = reply.ticket;
        let slots = std::mem::take(&mut self.slots).into_iter();
        let (void, kept) = slots.partition(|slot| self.seen.has_retreated_since(slot));
        self.slots = kept;
        for slot in void {
            self.enqueue_outcome(received, &slot, Outcome::Unused);
        }
        self.slots.extend(reply.slots);
        self.slots.sort_by_key(|slot| slot.issued_at);
        let until_then = offset.to_local(reply.come_at).saturating_since(received);
        let is_far = until_then > FAR;
        self.come_at = received + until_then.mul_f64(if is_far { CAUTION } else { 1.0 });
        // A pause that another worker's refusal began is reported here, too.
        let pause = self.seen.pause_left(self.to_store(now));
        match reply.change {
            Change::Nothing | Change::Raised { .. } if pause > pause_before + LONGER => {
                Change::Held { cooldown: pause }
            }
            change => change,
        }
    }

    /// Returns when the store has to be visited. `wants`: callers wait without a slot.
    fn due(&self, now: Time, wants: bool) -> Time {
        if let Some(outage) = &self.outage {
            return outage.next_try;
        }
        if self.has_other_settings {
            return self.come_at;
        }
        if self.offset.is_none() {
            return now;
        }
        let report = self.report_by.unwrap_or(Time::MAX);
        // A ticket that is not needed any more goes back in its turn.
        let slots = if wants || self.ticket.is_some() {
            self.come_at
        } else {
            Time::MAX
        };
        let late = self.slots.first();
        let late = late.map_or(Time::MAX, |slot| self.to_local(slot.issued_at) + SLOT_KEEPS);
        report.min(slots).min(late)
    }

    /// Returns the costs of the callers that wait without a slot.
    fn wanted(&self, now: Time, costs: &[u32]) -> Vec<u32> {
        let aside = self
            .aside
            .filter(|(_, until)| now < *until && costs.is_empty());
        let mut held: Vec<u32> = self.slots.iter().map(|slot| slot.cost).collect();
        let mut lacking = |cost: &u32| match held.iter().position(|held| held == cost) {
            Some(place) => {
                held.swap_remove(place);
                false
            }
            None => true,
        };
        let costs = costs.iter().copied().chain(aside.map(|(cost, _)| cost));
        // A slot without a place for its request would be wasted.
        let left = self.places.left().unwrap_or(u64::MAX);
        let left = usize::try_from(left).unwrap_or(usize::MAX);
        costs
            .take(left)
            .filter(|cost| lacking(cost))
            .take(MOST_WANTED)
            .collect()
    }
}
