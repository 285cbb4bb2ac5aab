//! When the store has to be visited, what for, and what comes of it.

use std::time::Duration;

use super::{Errand, LEAD, Member, Outage, SLOT_KEEPS};
use crate::limiter::Change;
use crate::limiter::fleet::ask::{Ask, Reply, What};
use crate::limiter::fleet::mapping::Mapping;
use crate::time::Time;

/// The same in visits, of which each reads and writes: one, and a second one when somebody else was quicker.
const LEAD_IN_VISITS: u32 = 2;

/// Of a long time until its turn, a worker comes after so much and asks again: turns may come sooner than it looks.
const CAUTION: f64 = 0.9;

/// A time until its turn is long from here on: what happens meanwhile moves the turn by more than the lead makes
/// good.
const FAR: Duration = Duration::from_secs(2);

/// A pause that grew by so much is another one: clocks are compared anew with each visit.
const LONGER: Duration = Duration::from_millis(100);

/// How often a visit writes, as long as somebody else is quicker. Each time one of them got through, so that many in a
/// row are rare, and the next visit comes soon.
pub const MOST_TRIES: u32 = 16;

/// Most callers that a visit asks for.
pub const MOST_WANTED: usize = 256;

impl Member {
    /// What the driver does next; `costs` are those of the callers that wait, in their order, and `seed` names a state
    /// that has to begin.
    pub fn errand(&mut self, now: Time, costs: &[u32], seed: u64) -> Errand {
        self.give_back_late(now);
        let wanted = self.wanted(now, costs);
        let due = self.due(now, !wanted.is_empty());
        if now < due {
            self.alarm = due;
            return Errand::Rest(due);
        }
        self.alarm = Time::ZERO;
        self.is_out = true;
        Errand::Visit(Box::new(self.ask(now, wanted, seed)))
    }

    /// Whether the driver, who rests, has to look again. `waiting` callers wait, the first of them with a cost of
    /// `head`.
    pub(crate) fn is_calling(&self, now: Time, waiting: usize, head: Option<u32>) -> bool {
        let has = |cost: u32| self.slots.iter().any(|slot| slot.cost == cost);
        let is_aside = self
            .aside
            .is_some_and(|(cost, until)| now < until && !has(cost));
        let lacks = waiting > self.slots.len() || head.is_some_and(|cost| !has(cost));
        self.due(now, lacks || is_aside) < self.alarm
    }

    /// The last visit: nothing is wanted any more, and what is left goes back.
    pub fn farewell(&mut self, now: Time, seed: u64) -> Option<Box<Ask>> {
        if self.outage.is_some() || self.mapping.is_none() {
            return None;
        }
        self.give_back_all(now);
        let has_to_say = !self.outcomes.is_empty() || self.ticket.is_some();
        has_to_say.then(|| Box::new(self.ask(now, Vec::new(), seed)))
    }

    pub(super) fn ask(&mut self, now: Time, wanted: Vec<u32>, seed: u64) -> Ask {
        self.report_by = None;
        self.asked_at = now;
        let lead = (self.visit * LEAD_IN_VISITS).clamp(LEAD[0], LEAD[1]);
        Ask {
            wanted,
            ticket: self.ticket,
            outcomes: std::mem::take(&mut self.outcomes),
            counted: self.counted,
            seen_lineage: self.seen.lineage(),
            lead,
            visit: self.visit,
            memory: self.seen.learned(Duration::ZERO),
            lineage: seed,
            pause: self.seen.pause_left(self.to_store(now)),
            alone_for: self.alone_for(now),
        }
    }

    /// A visit is over `now`. What it brought was read between `sent` and `received`.
    pub fn settled(&mut self, sent: Time, received: Time, now: Time, reply: Reply) -> Change {
        self.is_out = false;
        let pause_before = self.seen.pause_left(self.to_store(now));
        let newer = Mapping::new(reply.now, sent, received);
        let mapping = self.mapping.map_or(newer, |older| older.or(newer));
        self.mapping = Some(mapping);
        self.last_contact = Some(received);
        // A program that was stopped in the middle of a visit does not make its store a far one.
        let took = now.saturating_since(self.asked_at).min(LEAD[1]);
        self.visit = (self.visit + took) / 2;
        let meets_at = mapping.to_local(reply.meets_at);
        match &mut self.outage {
            // The store is there, but not all of the others yet: until then each goes on with its part.
            Some(outage) if outage.lone.is_some() && received < meets_at => {
                outage.next_try = meets_at;
                outage.is_awaited = true;
            }
            outage => {
                let ended = outage.take();
                self.was_away = ended.as_ref().is_some_and(|outage| outage.is_told);
                if let Some(Outage {
                    lone: Some(lone),
                    left,
                    ..
                }) = ended
                {
                    let sent = lone.sent();
                    if sent > 0 {
                        self.report(now, What::SentAlone { sent, left }, 0.0, true);
                    }
                }
            }
        }
        self.crowded = 0;
        self.has_other_settings = false;
        self.seen = reply.controller;
        self.workers = reply.workers;
        self.counted = reply.counted;
        self.lease = reply.lease;
        self.ticket = reply.ticket;
        let slots = std::mem::take(&mut self.slots).into_iter();
        let (void, kept) = slots.partition(|slot| self.seen.has_retreated_since(slot));
        self.slots = kept;
        for slot in void {
            self.report(received, What::Unused(slot), 0.0, slot.canary || slot.trial);
        }
        self.slots.extend(reply.slots);
        self.slots.sort_by_key(|slot| slot.issued_at);
        let until_then = mapping.to_local(reply.come_at).saturating_since(received);
        let is_far = until_then > FAR;
        self.come_at = received + until_then.mul_f64(if is_far { CAUTION } else { 1.0 });
        // A pause that another worker's refusal began is one here, too.
        let pause = self.seen.pause_left(self.to_store(now));
        match reply.change {
            Change::Nothing | Change::Raised { .. } if pause > pause_before + LONGER => {
                Change::Held { cooldown: pause }
            }
            change => change,
        }
    }

    fn due(&self, now: Time, wants: bool) -> Time {
        if let Some(outage) = &self.outage {
            return outage.next_try;
        }
        if self.has_other_settings {
            return self.come_at;
        }
        if self.mapping.is_none() {
            return now;
        }
        let report = self.report_by.unwrap_or(Time::MAX);
        // A ticket that nobody needs any more goes back in its turn.
        let slots = if wants || self.ticket.is_some() {
            self.come_at
        } else {
            Time::MAX
        };
        let late = self.slots.first();
        let late = late.map_or(Time::MAX, |slot| self.to_local(slot.issued_at) + SLOT_KEEPS);
        report.min(slots).min(late)
    }

    /// What those would pay who wait without a slot.
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
        costs
            .filter(|cost| lacking(cost))
            .take(MOST_WANTED)
            .collect()
    }
}
