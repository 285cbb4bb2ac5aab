//! What was sent in the days or months of a calendar.

use serde::{Deserialize, Serialize};

use crate::calendar::Calendar;

/// How far the server's clock may be from ours, in seconds. What is sent so close to a renewal counts before and after it.
const CLOCKS_DIFFER: i64 = 2;

/// Number of periods that are remembered: the present one, and those that the wall clock comes back to if it is put back.
const MOST_PERIODS: usize = 3;

/// When a period began, in seconds since 1970, and the sum of the costs of what was sent in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Period(i64, u64);

/// What was sent in the periods that were seen last. Calendar and limit are passed to every call, and times are in seconds
/// since 1970.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Periods {
    seen: Vec<Period>,
    /// Beginning and end of the period that was recorded in last, so that not each request needs the calendar.
    #[serde(skip)]
    last: Option<(i64, i64)>,
}

impl Periods {
    /// Returns when a request of this cost may be sent: at `now` or later. More than the limit has to wait for a period of
    /// which nothing is used.
    pub(crate) fn ready(&self, now: i64, cost: u64, most: u64, of: &Calendar) -> i64 {
        let room = most - cost.min(most);
        let full = self
            .touched(of, now)
            .filter(|(begins, _)| self.used(*begins) > room);
        full.map(|(_, ends)| ends + CLOCKS_DIFFER)
            .max()
            .unwrap_or(now)
    }

    /// Returns when the last of requests that cost `amount` together may be sent, if each is sent as soon as it may be.
    pub(crate) fn due(&self, now: i64, amount: u64, most: u64, of: &Calendar) -> i64 {
        // No caller waits for hundreds of days.
        let full_periods = (amount.saturating_sub(1) / most).min(1000);
        let last = amount - full_periods * most;
        let mut due = self.ready(now, last, most, of);
        for _ in 0..full_periods {
            due = of.period(due).1 + CLOCKS_DIFFER;
        }
        due
    }

    /// Notes that requests of this cost were sent.
    pub(crate) fn record(&mut self, now: i64, cost: u64, of: &Calendar) {
        for (begins, ends) in self.touched(of, now) {
            self.add(begins, cost);
            self.last = Some((begins, ends));
        }
    }

    /// Notes what was sent in the period that an earlier time is in.
    pub(crate) fn record_earlier(&mut self, then: i64, cost: u64, of: &Calendar) {
        self.add(of.period(then).0, cost);
    }

    /// Takes back a request of this cost that was recorded at `at`, and not sent after all.
    pub(crate) fn take_back(&mut self, at: i64, cost: u64, of: &Calendar) {
        for (begins, _) in self.touched(of, at) {
            let mut known = self.seen.iter_mut();
            if let Some(period) = known.find(|it| it.0 == begins) {
                period.1 = period.1.saturating_sub(cost);
            }
        }
    }

    /// Returns the most that is used of a period that what is sent now may be counted in.
    pub(crate) fn used_now(&self, now: i64, of: &Calendar) -> u64 {
        let used = self.touched(of, now).map(|(begins, _)| self.used(begins));
        used.max().unwrap_or(0)
    }

    /// Returns a time in each period of which something is used, and how much.
    pub(crate) fn all(&self) -> impl Iterator<Item = (i64, u64)> {
        let used = self.seen.iter().filter(|it| it.1 > 0);
        used.map(|it| (it.0.saturating_add(CLOCKS_DIFFER), it.1))
    }

    /// Returns whether it can have come to this. What was stored may have been damaged.
    pub(crate) fn is_plausible(&self) -> bool {
        self.seen.len() <= MOST_PERIODS
    }

    fn used(&self, begins: i64) -> u64 {
        let mut known = self.seen.iter();
        known.find(|it| it.0 == begins).map_or(0, |it| it.1)
    }

    /// Returns beginning and end of each period that the server may count this moment in.
    fn touched(&self, of: &Calendar, now: i64) -> impl Iterator<Item = (i64, i64)> + use<> {
        let (early, late) = (now - CLOCKS_DIFFER, now + CLOCKS_DIFFER);
        let last = self.last.filter(|it| (it.0..it.1).contains(&early));
        let first = last.unwrap_or_else(|| of.period(early));
        let second = (late >= first.1).then(|| of.period(first.1));
        std::iter::once(first).chain(second)
    }

    /// Adds to a period, and forgets the one that was added to the longest ago.
    fn add(&mut self, begins: i64, cost: u64) {
        let used = self.used(begins).saturating_add(cost);
        self.seen.retain(|it| it.0 != begins);
        self.seen.push(Period(begins, used));
        if self.seen.len() > MOST_PERIODS {
            self.seen.remove(0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calendar::Every;

    const DAY: i64 = 86_400;

    fn days() -> Calendar {
        Calendar::new(Every::Day, "00:00", "UTC").expect("a calendar")
    }

    #[test]
    fn a_day_that_is_used_up_is_renewed_two_seconds_after_midnight() {
        let (of, noon) = (days(), DAY / 2);
        let mut periods = Periods::default();
        assert_eq!(periods.ready(noon, 10, 10, &of), noon);
        periods.record(noon, 8, &of);
        assert_eq!(periods.ready(noon, 2, 10, &of), noon);
        assert_eq!(periods.ready(noon, 3, 10, &of), DAY + 2);
        assert_eq!(periods.ready(DAY + 2, 10, 10, &of), DAY + 2);
        assert_eq!(periods.due(noon, 13, 10, &of), 2 * DAY + 2);
        periods.take_back(noon, 1, &of);
        assert_eq!(periods.ready(noon, 3, 10, &of), noon);
    }

    #[test]
    fn what_is_sent_at_midnight_counts_before_and_after_it() {
        let of = days();
        let mut periods = Periods::default();
        periods.record(DAY - 2, 6, &of);
        periods.record(DAY + 1, 1, &of);
        assert_eq!(periods.used_now(DAY - 3, &of), 7);
        assert_eq!(periods.used_now(DAY + 3, &of), 7);
        assert_eq!(periods.ready(DAY + 3, 4, 10, &of), 2 * DAY + 2);
    }

    #[test]
    fn a_wall_clock_that_is_put_back_and_forth_renews_nothing() {
        let of = days();
        let mut periods = Periods::default();
        for now in [DAY / 2, DAY + DAY / 2, DAY / 2, DAY + DAY / 2] {
            let room = periods.ready(now, 5, 10, &of) == now;
            assert!(room, "at {now}");
            periods.record(now, 5, &of);
        }
        assert_eq!(periods.ready(DAY / 2, 1, 10, &of), DAY + 2);
        assert_eq!(periods.ready(DAY + DAY / 2, 1, 10, &of), 2 * DAY + 2);
    }
}
