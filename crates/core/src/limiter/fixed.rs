//! Known limits, such as `1000 an hour`, beside the learned rate.

use std::time::Duration;

use super::bucket::Bucket;
use crate::rate::Rate;
use crate::time::Time;

/// Part of a window's requests that may go at once, unless configured. A short job is quick, and a long one is paced
/// at nine tenths of the limit from the first window on.
const BURST_SHARE: u64 = 10;

/// A known limit: a number of requests in any window of a length.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FixedLimit {
    rate: Rate,
    burst: f64,
}

impl FixedLimit {
    /// Returns a limit of at most `requests` in any window of length `per`, wherever the window begins. `burst` of
    /// them may go at once; by default a tenth, at least one. `None` if there are no requests or no time, or if the
    /// burst is zero or exceeds the limit.
    ///
    /// A full bucket of `burst` tokens that refills at `(requests - burst + 1) / per` lets no more than
    /// `requests` through in any window that includes its beginning and not its end.
    pub(crate) fn new(requests: u64, per: Duration, burst: Option<u64>) -> Option<Self> {
        let burst = burst.unwrap_or_else(|| (requests / BURST_SHARE).max(1));
        if per.is_zero() || burst == 0 || burst > requests {
            return None;
        }
        let steady = (requests - burst + 1) as f64;
        Some(Self {
            rate: Rate::per_second(steady / per.as_secs_f64())?,
            burst: burst as f64,
        })
    }

    /// Returns the limit of one of several workers that share it: at least one request at once.
    pub(super) fn scaled(&self, factor: f64) -> Self {
        Self {
            rate: self.rate.scaled(factor),
            burst: (self.burst * factor).max(1.0),
        }
    }

    /// Returns the rate at which its bucket refills.
    pub(super) const fn rate(&self) -> Rate {
        self.rate
    }

    /// Returns the number of requests that may go at once.
    pub(super) const fn burst(&self) -> f64 {
        self.burst
    }

    /// Returns a full bucket.
    pub(super) fn full(&self, now: Time) -> Bucket {
        Bucket::new(self.burst, now)
    }

    /// Returns a bucket, as of `now`, with a part of what another bucket has left at its time `then`.
    pub(super) fn part_left(&self, bucket: &Bucket, then: Time, part: f64, now: Time) -> Bucket {
        Bucket::new(bucket.tokens(then, self.rate, self.burst) * part, now)
    }

    /// Takes tokens for requests that were sent without asking. May leave a debt.
    pub(super) fn charge(&self, bucket: &mut Bucket, now: Time, sent: f64) {
        bucket.settle(now, self.rate, self.burst);
        bucket.charge(sent);
    }

    /// Returns when a request of this cost may go.
    pub(super) fn ready_at(&self, bucket: &Bucket, cost: f64) -> Time {
        bucket.ready_at(cost, self.rate, self.burst)
    }

    /// Returns when `amount` tokens have come together.
    pub(super) fn due(&self, bucket: &Bucket, amount: f64) -> Time {
        bucket.due(amount, self.rate, self.burst)
    }

    /// Takes tokens from a bucket that is ready.
    pub(super) fn take(&self, bucket: &mut Bucket, now: Time, cost: f64) {
        let _ = bucket.take(now, cost, self.rate, self.burst);
    }

    /// Gives unused tokens back.
    pub(super) fn put_back(&self, bucket: &mut Bucket, cost: f64) {
        bucket.put_back(cost, self.burst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    #[test]
    fn no_window_sees_more_than_its_limit_wherever_it_begins() {
        for (requests, per, burst) in [
            (1000, HOUR, None),
            (5, HOUR, Some(5)),
            (1, HOUR, None),
            (60, HOUR / 60, Some(20)),
        ] {
            let limit = FixedLimit::new(requests, per, burst).expect("valid");
            let mut bucket = limit.full(Time::ZERO);
            let mut now = Time::ZERO;
            let mut sent = Vec::new();
            while now < Time::ZERO + 3 * per {
                now = now.max(limit.ready_at(&bucket, 1.0));
                limit.take(&mut bucket, now, 1.0);
                sent.push(now);
            }
            for (first, from) in sent.iter().enumerate() {
                let inside = sent[first..].iter().filter(|at| **at < *from + per).count() as u64;
                assert!(inside <= requests, "{inside} of {requests}");
            }
            let in_the_second = sent
                .iter()
                .filter(|at| (Time::ZERO + per..Time::ZERO + 2 * per).contains(*at));
            assert!(
                in_the_second.count() as u64 + burst.unwrap_or(requests / 10).max(1) >= requests
            );
        }
    }

    #[test]
    fn what_makes_no_limit_is_none() {
        assert_eq!(FixedLimit::new(0, HOUR, None), None);
        assert_eq!(FixedLimit::new(5, Duration::ZERO, None), None);
        assert_eq!(FixedLimit::new(5, HOUR, Some(6)), None);
        assert_eq!(FixedLimit::new(5, HOUR, Some(0)), None);
    }
}
