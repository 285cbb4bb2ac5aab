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
        // What is told late may be out of the window. Else it joins the first group that is no older: that one counts for
        // as long, or longer.
        let newest = self.groups.back().map_or(at, |it| it.0);
        if newest.saturating_sub(length(of.window)) >= at {
            return;
        }
        if let Some(Group(_, count)) = self.groups.iter_mut().find(|it| it.0 >= at) {
            *count = count.saturating_add(cost);
            return;
        }
        match self.groups.back_mut() {
            Some(Group(last, count)) if count.saturating_add(cost) <= share => {
                *last = at;
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
mod tests;
