//! What was sent lately: an exact log, which keeps every window of a length within its limit.

use std::collections::VecDeque;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::time::Time;

/// Maximum number of groups. They take 1 KiB.
const MOST_GROUPS: usize = 64;

/// A number of requests in any window of a length, wherever the window begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct WindowLimit {
    /// Number of requests, at least 1.
    pub(crate) most: u64,
    /// Length of the window, above zero. A window includes its beginning and not its end.
    pub(crate) window: Duration,
}

impl WindowLimit {
    /// Returns how many requests make a group.
    pub(crate) const fn share(self) -> u64 {
        self.most.div_ceil(MOST_GROUPS as u64)
    }
}

/// Requests that were sent close together, counted as if all of them were sent with the last one: its time and their
/// number. The time is in nanoseconds of [`Time`], and negative for what was sent before the clock began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Group(i64, u64);

/// The requests of the last window, in at most 64 groups. Its limit is passed to every call.
///
/// No window ever holds more than the limit: a group counts until all of its requests are out of the window. The log is
/// exact up to a limit of 64. Above, it holds a request back until the last of a 64th of the limit is out, too.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SentLog {
    /// The oldest first.
    groups: VecDeque<Group>,
    /// Time of the last group that was forgotten.
    forgotten: Option<i64>,
}

impl SentLog {
    /// Notes that requests of this cost were sent at `at`, whether they were ready or not.
    pub(crate) fn record(&mut self, at: Time, cost: u64, of: WindowLimit) {
        self.add(nanos(at), cost, of);
    }

    /// Notes what was sent this long before `now`, maybe by an earlier process. The oldest comes first.
    pub(crate) fn record_earlier(&mut self, now: Time, ago: Duration, cost: u64, of: WindowLimit) {
        self.add(nanos(now).saturating_sub(length(ago)), cost, of);
    }

    fn add(&mut self, at: i64, cost: u64, of: WindowLimit) {
        if cost == 0 {
            return;
        }
        self.forget(at, of.window);
        let share = of.share();
        match self.groups.back_mut() {
            Some(Group(last, count)) if at <= *last || count.saturating_add(cost) <= share => {
                *last = at.max(*last);
                *count = count.saturating_add(cost);
            }
            _ => {
                if self.groups.len() >= MOST_GROUPS {
                    self.merge();
                }
                self.groups.push_back(Group(at, cost));
            }
        }
    }

    /// Returns when requests that cost `amount` may be sent, if no other is sent meanwhile; the start of time if they may
    /// be sent at once. More than the limit has to wait for an empty log.
    pub(crate) fn ready(&self, amount: u64, of: WindowLimit) -> Time {
        let room = of.most - amount.min(of.most);
        let mut used = self.sum();
        let mut groups = self.groups.iter();
        let mut ready = Time::ZERO;
        while used > room {
            let Some(Group(last, count)) = groups.next() else {
                break;
            };
            used = used.saturating_sub(*count);
            ready = time(last.saturating_add(length(of.window)));
        }
        ready
    }

    /// Returns when the last of several requests that cost `amount` together may be sent, if each is sent as soon as it
    /// may be.
    pub(crate) fn due(&self, now: Time, amount: u64, of: WindowLimit) -> Time {
        let full_windows = amount.saturating_sub(1) / of.most;
        let ready = self.ready(amount - full_windows * of.most, of);
        match u32::try_from(full_windows) {
            Ok(0) => ready,
            Ok(windows) => now.max(ready) + of.window.saturating_mul(windows),
            Err(_) => Time::MAX,
        }
    }

    /// Returns how much the window that ends at `now` holds.
    pub(crate) fn used(&self, now: Time, window: Duration) -> u64 {
        let inside = self.inside(now, window).map(|it| it.1);
        inside.fold(0, u64::saturating_add)
    }

    /// Returns what the window that ends at `now` holds, the oldest first: how long ago it was sent, and its cost.
    pub(crate) fn lately(
        &self,
        now: Time,
        window: Duration,
    ) -> impl Iterator<Item = (Duration, u64)> {
        self.inside(now, window).map(move |Group(last, count)| {
            let ago = nanos(now).saturating_sub(*last);
            (Duration::from_nanos(ago.try_into().unwrap_or(0)), *count)
        })
    }

    fn inside(&self, now: Time, window: Duration) -> impl Iterator<Item = &Group> {
        let begins = nanos(now).saturating_sub(length(window));
        self.groups.iter().filter(move |it| it.0 > begins)
    }

    /// Takes back a request of this cost that was recorded at `at`, and not sent after all.
    pub(crate) fn take_back(&mut self, at: Time, cost: u64) {
        let at = nanos(at);
        // After a group was forgotten, the one with the same times is another.
        if self.forgotten.is_some_and(|it| at <= it) {
            return;
        }
        let Some(place) = self.groups.iter().position(|it| it.0 >= at) else {
            return;
        };
        let Group(_, count) = &mut self.groups[place];
        *count = count.saturating_sub(cost);
        if *count == 0 {
            self.groups.remove(place);
        }
    }

    /// Returns whether a controller can have come to this log by `latest`. A stored one may have been damaged.
    pub(crate) fn is_plausible(&self, latest: Time) -> bool {
        self.groups.len() <= MOST_GROUPS
            && self.groups.iter().is_sorted_by_key(|it| it.0)
            && self.groups.back().is_none_or(|it| it.0 <= nanos(latest))
    }

    /// Forgets the groups that are out of the window that ends at `now`.
    fn forget(&mut self, now: i64, window: Duration) {
        let begins = now.saturating_sub(length(window));
        while self.groups.front().is_some_and(|it| it.0 <= begins) {
            self.forgotten = self.groups.pop_front().map(|it| it.0);
        }
    }

    /// Halves the number of groups: joins each with its neighbour.
    fn merge(&mut self) {
        let pairs = self.groups.make_contiguous().chunks(2);
        let joined = pairs.map(|pair| {
            let last = pair.last().map_or(0, |it| it.0);
            Group(
                last,
                pair.iter().fold(0, |sum, it| sum.saturating_add(it.1)),
            )
        });
        self.groups = joined.collect();
    }

    fn sum(&self) -> u64 {
        let counts = self.groups.iter().map(|it| it.1);
        counts.fold(0, u64::saturating_add)
    }
}

/// Returns the nanoseconds of a time.
fn nanos(at: Time) -> i64 {
    i64::try_from(at.as_nanos()).unwrap_or(i64::MAX)
}

/// Returns the nanoseconds of a duration.
fn length(time: Duration) -> i64 {
    i64::try_from(time.as_nanos()).unwrap_or(i64::MAX)
}

/// Returns the time that these nanoseconds count to, at the earliest the start of time.
fn time(nanos: i64) -> Time {
    Time::from_nanos(nanos.try_into().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const fn limit(most: u64, seconds: u64) -> WindowLimit {
        WindowLimit {
            most,
            window: Duration::from_secs(seconds),
        }
    }

    fn at(millis: u64) -> Time {
        Time::ZERO + Duration::from_millis(millis)
    }

    /// Sends one request at each of these times.
    fn sent_at(millis: &[u64], of: WindowLimit) -> SentLog {
        let mut log = SentLog::default();
        millis.iter().for_each(|it| log.record(at(*it), 1, of));
        log
    }

    #[test]
    fn the_whole_limit_goes_at_once_and_each_place_is_free_a_window_later() {
        let of = limit(3, 60);
        let log = sent_at(&[0, 0, 10_000], of);
        assert_eq!(log.ready(1, of), at(60_000));
        assert_eq!(log.ready(2, of), at(60_000));
        assert_eq!(log.ready(3, of), at(70_000));
        assert_eq!(log.used(at(59_999), of.window), 3);
        assert_eq!(log.used(at(60_000), of.window), 1);
        assert_eq!(SentLog::default().ready(3, of), Time::ZERO);
    }

    #[test]
    fn callers_in_a_row_wait_for_as_many_windows_as_they_fill() {
        let of = limit(3, 60);
        let log = sent_at(&[0, 10_000], of);
        assert_eq!(log.due(at(10_000), 1, of), Time::ZERO);
        assert_eq!(log.due(at(10_000), 2, of), at(60_000));
        assert_eq!(log.due(at(10_000), 4, of), at(70_000));
        assert_eq!(log.due(at(10_000), 5, of), at(120_000));
        assert_eq!(log.due(at(10_000), u64::MAX, of), Time::MAX);
    }

    #[test]
    fn a_cost_above_the_limit_waits_for_an_empty_log() {
        let of = limit(3, 60);
        let mut log = sent_at(&[0], of);
        assert_eq!(log.ready(7, of), at(60_000));
        log.record(at(60_000), 7, of);
        assert_eq!(log.ready(1, of), at(120_000));
    }

    #[test]
    fn what_an_earlier_process_sent_counts_until_its_window_is_over() {
        let of = limit(3, 60);
        let earlier = sent_at(&[0, 30_000], of);
        let mut log = SentLog::default();
        // The clock of this process begins when that of the earlier one shows 40 s.
        for (ago, count) in earlier.lately(at(40_000), of.window) {
            log.record_earlier(Time::ZERO, ago, count, of);
        }
        log.record(Time::ZERO, 1, of);
        assert_eq!(log.ready(1, of), at(20_000));
        assert_eq!(log.ready(2, of), at(50_000));
        assert_eq!(log.used(at(20_000), of.window), 2);
    }

    #[test]
    fn what_was_not_sent_is_free_again_until_its_window_is_over() {
        let of = limit(3, 60);
        let mut log = sent_at(&[0, 10_000, 20_000], of);
        log.take_back(at(10_000), 1);
        assert_eq!(log, sent_at(&[0, 20_000], of));
        // Its group is forgotten, and the next one was sent.
        log.record(at(60_000), 1, of);
        log.take_back(Time::ZERO, 1);
        assert_eq!(log.used(at(60_000), of.window), 2);
    }

    #[test]
    fn a_large_limit_sent_evenly_is_used_to_63_of_64_parts() {
        let of = limit(6400, 64);
        let mut log = SentLog::default();
        let mut now = Time::ZERO;
        for _ in 0..10 * 6400 {
            now = (now + Duration::from_millis(10)).max(log.ready(1, of));
            log.record(now, 1, of);
        }
        let seconds = now.saturating_since(Time::ZERO).as_secs_f64();
        assert!((640.0..650.0).contains(&seconds), "{seconds}");
    }

    #[test]
    fn a_damaged_log_is_not_plausible() {
        let of = limit(5, 60);
        let log = sent_at(&[1000, 2000], of);
        assert!(log.is_plausible(at(2000)));
        assert!(!log.is_plausible(at(1999)));
        let text = serde_json::to_string(&log).expect("plain numbers");
        let again: SentLog = serde_json::from_str(&text).expect("the same");
        assert_eq!(again, log);
        let turned = text.replace("1000000000", "3000000000");
        let turned: SentLog = serde_json::from_str(&turned).expect("numbers");
        assert!(!turned.is_plausible(at(9000)));
    }

    /// One call: time since the last one, cost, and whether the request is taken back after the next one.
    fn call() -> impl Strategy<Value = (u64, u64, bool)> {
        let gap = prop_oneof![2 => Just(0), 2 => 0u64..50, 1 => 0u64..3000];
        (gap, 1u64..4, prop::bool::weighted(0.1))
    }

    /// Returns the most that any window of this length holds.
    fn fullest(sent: &[(Time, u64)], window: Duration) -> u64 {
        let from = |first: &(Time, u64)| {
            let inside = sent
                .iter()
                .filter(|it| it.0 >= first.0 && it.0 < first.0 + window);
            inside.map(|it| it.1).sum()
        };
        sent.iter().map(from).max().unwrap_or(0)
    }

    proptest! {
        #[test]
        fn no_window_holds_more_than_its_limit_and_none_waits_longer_than_it_must(
            calls in prop::collection::vec(call(), 1..400),
            most in prop_oneof![3u64..65, 65u64..600],
            window in 1u64..5000,
        ) {
            let of = WindowLimit { most, window: Duration::from_millis(window) };
            let mut log = SentLog::default();
            let mut sent: Vec<(Time, u64)> = Vec::new();
            let mut unused: Option<(Time, u64)> = None;
            let mut now = Time::ZERO;
            for (gap, cost, fails) in calls {
                now = now + Duration::from_millis(gap);
                let ready = log.ready(cost, of);
                if ready > now {
                    // Exact: one nanosecond earlier would have been too early.
                    let early = Time::from_nanos(ready.as_nanos() - 1);
                    let inside = sent.iter().filter(|it| it.0 + of.window > early);
                    let inside: u64 = inside.map(|it| it.1).sum();
                    prop_assert!(most > 64 || inside + cost > most, "{} of {}", inside, most);
                    now = ready;
                }
                log.record(now, cost, of);
                sent.push((now, cost));
                if let Some((at, cost)) = unused.take() {
                    log.take_back(at, cost);
                    if at + of.window > now {
                        let place = sent.iter().position(|it| *it == (at, cost));
                        sent.remove(place.expect("it was sent"));
                    }
                }
                unused = fails.then_some((now, cost));
                prop_assert!(log.groups.len() <= MOST_GROUPS);
                let inside = sent.iter().filter(|it| it.0 + of.window > now);
                let inside: u64 = inside.map(|it| it.1).sum();
                prop_assert!(log.used(now, of.window) >= inside);
            }
            let text = serde_json::to_string(&log).expect("plain numbers");
            prop_assert_eq!(&serde_json::from_str::<SentLog>(&text).expect("the same"), &log);
            prop_assert!(fullest(&sent, of.window) <= most);
        }
    }
}
