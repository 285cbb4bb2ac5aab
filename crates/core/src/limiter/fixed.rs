//! Known limits, such as `1000 an hour`, beside the learned rate.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::bucket::Bucket;
use super::sent_log::{SentLog, WindowLimit};
use crate::rate::Rate;
use crate::time::Time;

/// Shortest window whose requests may all go at once. In a shorter one, jitter would matter more than pacing does.
const SHORTEST_AT_ONCE: Duration = Duration::from_secs(5);

/// Longest window of which a process that is killed may forget the last seconds.
const LONGEST_FORGOTTEN: Duration = Duration::from_secs(60);

/// Part of a shorter window's requests that may go at once.
const BURST_SHARE: u64 = 10;

/// Time that is added to a window of which all may go at once: for round trips that vary, and a 500th for clocks that differ.
const ROOM: Duration = Duration::from_millis(200);
const ROOM_SHARE: u32 = 500;

/// A known limit: a number of requests in any window of a length.
#[derive(Debug, Clone, PartialEq)]
pub struct FixedLimit {
    per: Duration,
    of: WindowLimit,
    pace: Option<Refill>,
}

/// A bucket of `burst` tokens that refills at `rate`.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Refill {
    rate: Rate,
    burst: f64,
}

/// What is used of a known limit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Usage {
    sent: SentLog,
    bucket: Option<Bucket>,
}

impl FixedLimit {
    /// Returns a limit of at most `requests` in any window of length `per`, wherever the window begins. `None` if there
    /// are no requests or no time.
    ///
    /// All of them may go at once, but only a tenth if the window is shorter than 5 s. The rest of such a window is spread
    /// over it.
    pub(crate) fn new(requests: u64, per: Duration) -> Option<Self> {
        if requests == 0 || per.is_zero() {
            return None;
        }
        let (window, pace) = if per >= SHORTEST_AT_ONCE {
            let window = per.saturating_add(ROOM).saturating_add(per / ROOM_SHARE);
            (window, None)
        } else {
            let burst = (requests / BURST_SHARE).max(1);
            let steady = (requests - burst + 1) as f64;
            let rate = Rate::per_second(steady / per.as_secs_f64())?;
            let burst = burst as f64;
            (per, Some(Refill { rate, burst }))
        };
        let most = requests;
        let of = WindowLimit { most, window };
        Some(Self { per, of, pace })
    }

    /// Returns the limit of one of several workers that share it: at least one request.
    pub(super) fn scaled(&self, factor: f64) -> Self {
        // A conversion from a float saturates.
        let most = ((self.of.most as f64 * factor) as u64).max(1);
        let pace = self.pace.map(|Refill { rate, burst }| Refill {
            rate: rate.scaled(factor),
            burst: (burst * factor).max(1.0),
        });
        let of = WindowLimit { most, ..self.of };
        Self { of, pace, ..*self }
    }

    /// Returns the number of requests.
    pub(super) const fn most(&self) -> u64 {
        self.of.most
    }

    /// Returns the length of the window.
    pub(super) const fn per(&self) -> Duration {
        self.per
    }

    /// Returns the limit with nothing used.
    pub(super) fn unused(&self, now: Time) -> Usage {
        Usage {
            sent: SentLog::default(),
            bucket: self.pace.map(|pace| Bucket::new(pace.burst, now)),
        }
    }

    /// Returns what one of several workers may use of what is left. `whole` is the limit of all of them, of which `usage`
    /// is used at `then`, and `part` the worker's share of it.
    pub(super) fn part_left(
        &self,
        now: Time,
        (whole, usage, then): (&Self, &Usage, Time),
        part: f64,
    ) -> Usage {
        let used = usage.sent.used(then, whole.of.window);
        let left = whole.of.most.saturating_sub(used) as f64 * part;
        // The rest counts as sent now.
        let mut sent = SentLog::default();
        sent.record(now, self.of.most.saturating_sub(left as u64), self.of);
        let bucket = usage.bucket.zip(whole.pace).map(|(bucket, pace)| {
            Bucket::new(bucket.tokens(then, pace.rate, pace.burst) * part, now)
        });
        Usage { sent, bucket }
    }

    /// Takes in requests that were sent without asking.
    pub(super) fn charge(&self, usage: &mut Usage, now: Time, sent: u64) {
        usage.sent.record(now, sent.min(self.of.most), self.of);
        if let (Some(bucket), Some(pace)) = (&mut usage.bucket, self.pace) {
            bucket.settle(now, pace.rate, pace.burst);
            bucket.charge(sent as f64);
        }
    }

    /// Returns how many requests may be sent until what was used has to be stored again, so that nothing is forgotten if the
    /// process is killed. `None` if the window is so short that it hardly matters.
    pub(super) fn reserve(&self) -> Option<u64> {
        (self.per > LONGEST_FORGOTTEN).then(|| self.of.share())
    }

    /// Returns the name under which the next run finds what was used: limits with equal windows count the same requests.
    pub(super) fn key(&self) -> String {
        format!("{}s", self.per.as_secs_f64())
    }

    /// Returns what was sent in the last window, the oldest first: how long ago, and its cost.
    pub(super) fn lately(&self, usage: &Usage, now: Time) -> Vec<(Duration, u64)> {
        usage.sent.lately(now, self.of.window).collect()
    }

    /// Takes in what an earlier process sent this long ago. The oldest comes first.
    pub(super) fn charge_earlier(&self, usage: &mut Usage, now: Time, ago: Duration, cost: u64) {
        usage.sent.record_earlier(now, ago, cost, self.of);
    }

    /// Returns when a request of this cost may go.
    pub(super) fn ready_at(&self, usage: &Usage, cost: u32) -> Time {
        let room = usage.sent.ready(u64::from(cost), self.of);
        let pace = usage.bucket.zip(self.pace);
        pace.map_or(room, |(bucket, pace)| {
            room.max(bucket.ready_at(f64::from(cost), pace.rate, pace.burst))
        })
    }

    /// Returns when the last of requests that cost `amount` together may go.
    pub(super) fn due(&self, usage: &Usage, now: Time, amount: u64) -> Time {
        let room = usage.sent.due(now, amount, self.of);
        let pace = usage.bucket.zip(self.pace);
        pace.map_or(room, |(bucket, pace)| {
            room.max(bucket.due(amount as f64, pace.rate, pace.burst))
        })
    }

    /// Takes in a request that is ready and goes now.
    pub(super) fn take(&self, usage: &mut Usage, now: Time, cost: u32) {
        usage.sent.record(now, u64::from(cost), self.of);
        if let (Some(bucket), Some(pace)) = (&mut usage.bucket, self.pace) {
            let _ = bucket.take(now, f64::from(cost), pace.rate, pace.burst);
        }
    }

    /// Takes back a request that was taken in at `at` and not sent.
    pub(super) fn put_back(&self, usage: &mut Usage, at: Time, cost: u32) {
        usage.sent.take_back(at, u64::from(cost));
        if let (Some(bucket), Some(pace)) = (&mut usage.bucket, self.pace) {
            bucket.put_back(f64::from(cost), pace.burst);
        }
    }

    /// Returns whether this much can have been used by `latest`. What was stored may have been damaged.
    pub(super) fn is_plausible(&self, usage: &Usage, latest: Time, most_debt: f64) -> bool {
        let bucket = usage.bucket;
        usage.sent.is_plausible(latest)
            && bucket.is_some() == self.pace.is_some()
            && bucket.is_none_or(|bucket| bucket.is_plausible(latest, most_debt))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);
    const SECOND: Duration = Duration::from_secs(1);

    fn limit(requests: u64, per: Duration) -> FixedLimit {
        FixedLimit::new(requests, per).expect("a limit")
    }

    /// Sends one request after the other, each as soon as it may go, and returns when they went.
    fn sent(limit: &FixedLimit, until: Time) -> Vec<Time> {
        let mut usage = limit.unused(Time::ZERO);
        let mut now = Time::ZERO;
        let mut sent = Vec::new();
        while now < until {
            limit.take(&mut usage, now, 1);
            sent.push(now);
            now = now.max(limit.ready_at(&usage, 1));
        }
        sent
    }

    #[test]
    fn no_window_sees_more_than_its_limit_wherever_it_begins() {
        for (requests, per) in [
            (1000, HOUR),
            (5, HOUR),
            (1, HOUR),
            (60, HOUR / 60),
            (20, SECOND),
        ] {
            let sent = sent(&limit(requests, per), Time::ZERO + 3 * per);
            for (first, from) in sent.iter().enumerate() {
                let inside = sent[first..].iter().filter(|at| **at < *from + per);
                assert!(inside.count() as u64 <= requests, "of {requests}");
            }
            assert!(
                sent.len() as u64 >= 2 * requests,
                "{} of {requests}",
                sent.len()
            );
        }
    }

    #[test]
    fn all_of_it_goes_at_once_in_a_window_of_5_seconds_or_more_and_a_tenth_in_a_shorter_one() {
        let at_once = |limit| sent(&limit, Time::from_nanos(1)).len();
        assert_eq!(at_once(limit(100, 5 * SECOND)), 100);
        assert_eq!(at_once(limit(100, 4 * SECOND)), 10);
        // The hour is 7.4 s longer than the vendor's.
        let sent = sent(&limit(5, HOUR), Time::ZERO + HOUR + 7 * SECOND);
        assert_eq!(sent.len(), 5);
    }

    #[test]
    fn a_worker_alone_gets_its_part_of_what_is_left_and_the_rest_a_window_later() {
        let whole = limit(100, HOUR);
        let mut usage = whole.unused(Time::ZERO);
        whole.charge(&mut usage, Time::ZERO, 60);
        let now = Time::ZERO + 60 * SECOND;
        let quarter = whole.scaled(0.25);
        let of_worker = quarter.part_left(now, (&whole, &usage, now), 0.25);
        assert_eq!(quarter.ready_at(&of_worker, 10), Time::ZERO);
        let later = now + HOUR + HOUR / ROOM_SHARE + ROOM;
        assert_eq!(quarter.ready_at(&of_worker, 11), later);
        assert_eq!(quarter.ready_at(&of_worker, 25), later);
    }

    #[test]
    fn what_makes_no_limit_is_none() {
        assert_eq!(FixedLimit::new(0, HOUR), None);
        assert_eq!(FixedLimit::new(5, Duration::ZERO), None);
    }
}
