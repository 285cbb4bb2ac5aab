//! Counts the workers and orders their turns, in a few numbers that do not grow with the fleet.
//!
//! A worker that finds no slot near takes a *ticket* and comes back when it is nearly its turn. Turns open as fast as
//! slots come. A ticket whose holder does not come (it was killed, or has nothing to send any more) is passed over,
//! and may still be used later.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::rate::Rate;
use crate::time::Time;

/// Period over which workers are counted: those that came in this period or in the last one.
const PERIOD: Duration = Duration::from_secs(20);

/// How often waiting workers come back, so that they are counted, learn of new rates, and take what others have left:
/// each adds this to the interval, which makes 200 visits per second, within these bounds.
const VISIT_OF_EACH: Duration = Duration::from_millis(5);
const VISIT_WITHIN: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(10)];

/// How long a turn stays open until it is passed over: room for a late timer and a few visits to the store.
const PASSED_OVER_AFTER: Duration = Duration::from_millis(100);

/// Shortest time between two visits of a worker that only wants more slots.
pub(super) const SHORTEST_LEASE: Duration = Duration::from_millis(100);

/// Longest such time: a worker's reports should not get older.
const LONGEST_LEASE: Duration = Duration::from_secs(10);

/// Time that each worker adds to the lease, so that the store sees about 100 visits for slots per second, however
/// large the fleet is.
const LEASE_OF_EACH: Duration = Duration::from_millis(10);

/// After this long without a write by a worker that was not alone, all workers were alone.
const QUIET: Duration = Duration::from_secs(1);

/// The time in turns, each of which writes.
const QUIET_TURNS: f64 = 3.0;

/// Longest time until all other workers are back: the longest wait between two tries, and the time for one.
const GATHERING: Duration = Duration::from_secs(5);

/// Time added to it after short outages, because visits take time.
const GATHERING_TAKES: Duration = Duration::from_millis(300);

/// How far stored times may lie ahead: the clocks of a store and its replacement differ a little.
const AHEAD: Duration = Duration::from_secs(60);

/// How quickly the usual batch size is learned: half of it comes from the last three batches.
const SMOOTHING: f64 = 0.2;

/// Counters of workers and turns.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct Turns {
    /// Number of tickets given out, and the next ticket.
    next: u64,
    /// Number of turns taken or passed over.
    served: u64,
    /// Tickets below this one were passed over or used.
    floor: u64,
    /// Since when a turn is open and not taken.
    open_since: Time,
    /// Number of the current period; workers in it, and in the one before.
    period: u64,
    present: u32,
    present_before: u32,
    /// Whether a worker began the state that knew of no fleet, and none has told of one since.
    has_no_past: bool,
    /// Last write by a worker that was not alone before.
    joined_at: Time,
    /// Time at which workers that were alone meet after an outage.
    meets_at: Time,
    /// Usual number of slots taken in one turn.
    batch: f64,
}

impl Turns {
    pub(super) const fn new(now: Time) -> Self {
        Self {
            next: 0,
            served: 0,
            floor: 0,
            open_since: now,
            period: 0,
            present: 0,
            present_before: 0,
            has_no_past: true,
            joined_at: Time::ZERO,
            meets_at: Time::ZERO,
            batch: 1.0,
        }
    }

    /// Counts this many workers as present in the period before, because one of them knows of them.
    pub(super) const fn with_workers_before(mut self, now: Time, workers: u32) -> Self {
        self.period = period_of(now);
        self.present_before = workers;
        self.has_no_past = workers == 0;
        self
    }

    /// Takes note that a worker tells of the state before this one. Returns whether it is the first to do so.
    pub(super) const fn learns_of_its_past(&mut self) -> bool {
        std::mem::replace(&mut self.has_no_past, false)
    }

    /// Returns whether a fleet can have come to these numbers by `now`. Stored ones may have been damaged.
    pub(super) fn is_plausible(&self, now: Time) -> bool {
        let latest = now + GATHERING + AHEAD;
        self.batch >= 1.0
            && self.floor <= self.served
            && self.served <= self.next
            && self.next < u64::MAX
            && self.joined_at <= latest
            && self.meets_at <= latest
    }

    /// Takes note of a visit by a worker that was not alone before.
    pub(super) const fn joined(&mut self, now: Time) {
        self.joined_at = now;
    }

    /// Takes note of a worker that comes back after being alone. Returns whether all workers were alone and this is
    /// the first one back. They start together again, because each of them continues with its part of the rate until it
    /// is back.
    pub(super) fn gather(&mut self, now: Time, alone_for: Duration, rate: Rate) -> bool {
        // A slow fleet writes rarely anyway.
        let quiet = QUIET.max(rate.time_for(QUIET_TURNS * self.batch));
        let is_first = now >= self.meets_at && self.joined_at + quiet <= now;
        if is_first {
            // A worker waits for its next try at most twice as long as it has been alone.
            let others = alone_for.saturating_mul(2).saturating_add(GATHERING_TAKES);
            self.meets_at = now + others.min(GATHERING);
        }
        is_first
    }

    /// Returns when workers that were alone meet: a time in the past, if there is no need to.
    pub(super) const fn meets_at(&self) -> Time {
        self.meets_at
    }

    /// Counts a worker that was last counted in the period `counted`. Returns the current period if it was not
    /// counted in it.
    pub(super) fn attend(&mut self, now: Time, counted: Option<u64>) -> Option<u64> {
        let period = period_of(now);
        if period != self.period {
            let follows = period == self.period.saturating_add(1);
            self.present_before = if follows { self.present } else { 0 };
            (self.present, self.period) = (0, period);
        }
        let is_new = counted != Some(period);
        self.present = self.present.saturating_add(u32::from(is_new));
        is_new.then_some(period)
    }

    /// Returns the number of workers, at least one.
    pub(super) fn workers(&self) -> u32 {
        self.present.max(self.present_before).max(1)
    }

    /// Returns the minimum time between a worker's visits for slots.
    pub(super) fn lease(&self, visit: Duration) -> Duration {
        self.shortest_stay(visit).max(SHORTEST_LEASE)
    }

    /// Returns the maximum time that a waiting worker stays away.
    pub(super) fn longest_stay(&self) -> Duration {
        let by_size = VISIT_OF_EACH.saturating_mul(self.workers());
        by_size.clamp(VISIT_WITHIN[0], VISIT_WITHIN[1])
    }

    /// Returns the minimum time that a worker stays away, given the duration of a visit. Keeps the number of visits
    /// bounded, and the workers out of each other's way.
    pub(super) fn shortest_stay(&self, visit: Duration) -> Duration {
        let of_each = LEASE_OF_EACH.max(visit);
        let by_size = of_each.saturating_mul(self.workers());
        by_size.min(LONGEST_LEASE)
    }

    /// Returns the maximum number of slots of one turn: a worker's part of the slots of a lease.
    pub(super) fn most(&self, rate: Rate, visit: Duration) -> usize {
        let part = rate.amount_in(self.lease(visit)) / f64::from(self.workers());
        part.ceil().max(1.0) as usize
    }

    /// Returns the number of turns that may be taken side by side, in any order: those that the slots within `lead`
    /// are enough for.
    fn abreast(&self, rate: Rate, lead: Duration) -> u64 {
        (rate.amount_in(lead) / self.batch).ceil().max(1.0) as u64
    }

    /// Passes over the turns that were not taken in time.
    pub(super) fn pass_over(&mut self, now: Time, rate: Rate, lead: Duration) {
        let unused = now.saturating_since(self.open_since).as_nanos();
        let passes = (unused / PASSED_OVER_AFTER.as_nanos()) as u64;
        if passes > 0 {
            let passed = self.abreast(rate, lead).saturating_mul(passes);
            self.served = self.served.saturating_add(passed).min(self.next);
            self.floor = self.served;
            self.open_since = now;
        }
    }

    /// Returns a new ticket.
    pub(super) fn ticket(&mut self) -> u64 {
        let ticket = self.next;
        self.next = self.next.saturating_add(1);
        ticket
    }

    /// Returns whether this ticket was given out.
    pub(super) const fn has_given(&self, ticket: u64) -> bool {
        ticket < self.next
    }

    /// Returns whether the holder of `ticket` may take slots that come within `lead`.
    pub(super) fn is_turn(&self, ticket: u64, rate: Rate, lead: Duration) -> bool {
        ticket < self.served.saturating_add(self.abreast(rate, lead))
    }

    /// Takes note that the holder of `ticket` has taken slots. The next turn opens at `opens`.
    pub(super) fn taken(&mut self, ticket: u64, slots: usize, opens: Time) {
        self.given_up(ticket);
        self.open_since = opens;
        self.batch += SMOOTHING * (slots as f64 - self.batch);
        self.batch = self.batch.max(1.0);
    }

    /// Takes note that the holder of `ticket` needs nothing any more.
    pub(super) fn given_up(&mut self, ticket: u64) {
        // A ticket that was passed over was counted then.
        if ticket >= self.floor {
            self.served = self.served.saturating_add(1).min(self.next);
        }
    }

    /// Keeps turns closed until this time.
    pub(super) fn closed_until(&mut self, time: Time) {
        self.open_since = self.open_since.max(time);
    }

    /// Returns when the holder of `ticket` should come, if the next turn opens at `opens`: one holder after the
    /// other, though several may be let in.
    pub(super) fn come_at(&self, ticket: u64, rate: Rate, opens: Time) -> Time {
        let ahead = ticket.saturating_sub(self.served) as f64;
        opens + rate.time_for(ahead * self.batch)
    }
}

/// Returns the number of the period of this time.
const fn period_of(now: Time) -> u64 {
    now.as_nanos() / PERIOD.as_nanos() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEAD: Duration = Duration::from_millis(100);

    fn rate(requests: f64) -> Rate {
        Rate::per_second(requests).expect("a valid rate")
    }

    fn at(seconds: f64) -> Time {
        Time::ZERO + Duration::from_secs_f64(seconds)
    }

    #[test]
    fn workers_are_those_of_this_period_and_the_last_one() {
        let mut turns = Turns::new(Time::ZERO);
        let first = turns.attend(at(1.0), None);
        assert_eq!(turns.attend(at(2.0), first), None, "counted once");
        turns.attend(at(3.0), None);
        assert_eq!(turns.workers(), 2);
        turns.attend(at(21.0), first);
        assert_eq!(turns.workers(), 2, "the last period counts");
        turns.attend(at(41.0), first);
        assert_eq!(turns.workers(), 1);
        turns.attend(at(500.0), first);
        assert_eq!(turns.workers(), 1);
    }

    #[test]
    fn workers_that_are_known_of_count_until_the_next_period_is_over() {
        let turns = Turns::new(at(30.0)).with_workers_before(at(30.0), 7);
        let mut first = turns;
        first.attend(at(30.0), None);
        assert_eq!(first.workers(), 7);
        first.attend(at(41.0), None);
        assert_eq!(first.workers(), 1);
    }

    #[test]
    fn the_lease_grows_with_the_fleet() {
        let mut turns = Turns::new(Time::ZERO);
        assert_eq!(turns.lease(Duration::ZERO), SHORTEST_LEASE);
        for _ in 0..64 {
            turns.attend(at(1.0), None);
        }
        assert_eq!(turns.lease(Duration::ZERO), Duration::from_millis(640));
        assert_eq!(turns.most(rate(2000.0), Duration::ZERO), 20);
        assert_eq!(turns.most(rate(3.0), Duration::ZERO), 1);
        for _ in 0..100_000 {
            turns.attend(at(1.0), None);
        }
        assert_eq!(turns.lease(Duration::ZERO), LONGEST_LEASE);
    }

    #[test]
    fn turns_come_in_the_order_of_the_tickets() {
        let mut turns = Turns::new(Time::ZERO);
        let tickets = [turns.ticket(), turns.ticket(), turns.ticket()];
        let turn = |turns: &Turns, ticket| turns.is_turn(ticket, rate(3.0), LEAD);
        assert!(turn(&turns, tickets[0]) && !turn(&turns, tickets[1]));
        turns.taken(tickets[0], 1, at(0.3));
        assert!(turn(&turns, tickets[1]) && !turn(&turns, tickets[2]));
        // A third of a second each.
        let come = turns.come_at(tickets[2], rate(3.0), at(0.3));
        assert_eq!(come, at(0.3) + rate(3.0).time_for(1.0));
    }

    #[test]
    fn at_a_high_rate_several_may_come_in_any_order() {
        let mut turns = Turns::new(Time::ZERO);
        let tickets: Vec<u64> = (0..30).map(|_| turns.ticket()).collect();
        // Ten slots come within the lead.
        for order in [9, 3, 0, 1, 2, 8, 7, 6, 5, 4, 19, 18, 17] {
            assert!(turns.is_turn(tickets[order], rate(100.0), LEAD), "{order}");
            turns.taken(tickets[order], 1, at(0.0));
        }
        assert!(!turns.is_turn(tickets[23], rate(100.0), LEAD));
        assert!(turns.is_turn(tickets[22], rate(100.0), LEAD));
    }

    #[test]
    fn holders_that_never_come_are_passed_over_and_may_come_late() {
        let mut turns = Turns::new(Time::ZERO);
        let tickets: Vec<u64> = (0..10).map(|_| turns.ticket()).collect();
        turns.pass_over(at(0.09), rate(3.0), LEAD);
        assert!(!turns.is_turn(tickets[1], rate(3.0), LEAD));
        turns.pass_over(at(0.25), rate(3.0), LEAD);
        assert!(turns.is_turn(tickets[2], rate(3.0), LEAD));
        assert!(!turns.is_turn(tickets[3], rate(3.0), LEAD));
        // Ticket 0 comes after all: it was counted when it was passed over.
        assert!(turns.is_turn(tickets[0], rate(3.0), LEAD));
        turns.taken(tickets[0], 1, at(0.3));
        assert!(!turns.is_turn(tickets[3], rate(3.0), LEAD));
    }

    #[test]
    fn the_first_worker_that_comes_back_names_the_time_to_meet() {
        let mut turns = Turns::new(Time::ZERO);
        let gather = |turns: &mut Turns, now, alone| {
            let alone = Duration::from_secs_f64(alone);
            let is_first = turns.gather(at(now), alone, rate(40.0));
            (is_first, turns.meets_at())
        };
        turns.joined(at(90.0));
        assert_eq!(gather(&mut turns, 100.0, 10.0), (true, at(105.0)));
        // Long after the first one, and no worker has come between them.
        assert_eq!(gather(&mut turns, 103.0, 13.0), (false, at(105.0)));
        // Others were there all the time.
        turns.joined(at(199.0));
        assert_eq!(gather(&mut turns, 199.5, 10.0), (false, at(105.0)));
        // After a short outage the others are back soon.
        assert_eq!(gather(&mut turns, 300.0, 1.0), (true, at(302.3)));
    }

    #[test]
    fn after_an_idle_time_the_next_ticket_is_served_at_once() {
        let mut turns = Turns::new(Time::ZERO);
        for _ in 0..5 {
            turns.ticket();
        }
        turns.pass_over(at(3600.0), rate(3.0), LEAD);
        let ticket = turns.ticket();
        assert!(turns.is_turn(ticket, rate(3.0), LEAD));
        let further = turns.ticket();
        assert!(!turns.is_turn(further, rate(3.0), LEAD));
    }
}
