//! What each kind of limit has counted. A meter answers from when on it would take one more, and takes
//! only when told to, so that several can be asked before any of them changes.

use std::collections::VecDeque;
use std::time::Duration;

use super::{Announced, Limit};
use api_ratelimiter_core::Time;

/// How long to stay away from a server that is busy: nobody can know when a request will finish.
const BUSY_WAIT: Duration = Duration::from_secs(1);

#[derive(Debug, Clone)]
pub(super) enum Meter {
    Bucket(Bucket),
    Fixed(Fixed),
    Sliding(Sliding),
    Slots(u32),
}

impl Meter {
    pub(super) fn new(limit: Limit, start: Time, now: Time) -> Self {
        match limit {
            Limit::TokenBucket {
                rate_per_second,
                burst,
            } => Self::Bucket(Bucket::full(rate_per_second, burst, now)),
            Limit::Pacing { rate_per_second } => {
                Self::Bucket(Bucket::full(rate_per_second, 1.0, now))
            }
            Limit::FixedWindow {
                limit,
                window,
                phase,
            } => Self::Fixed(Fixed {
                limit,
                window,
                first_boundary: start + phase,
                counted: None,
            }),
            Limit::SlidingWindow { limit, window } => Self::Sliding(Sliding {
                limit,
                window,
                log: VecDeque::new(),
            }),
            Limit::Concurrency { limit } => Self::Slots(limit),
        }
    }

    /// `None`: it would accept now. Otherwise when it would, if nobody else came.
    pub(super) fn refuses_until(&self, now: Time, in_flight: u64) -> Option<Time> {
        match self {
            Self::Bucket(bucket) => bucket.refuses_until(now),
            Self::Fixed(fixed) => (fixed.remaining(now) == 0).then(|| fixed.window_end(now)),
            Self::Sliding(sliding) => sliding.refuses_until(now),
            Self::Slots(limit) => (in_flight >= u64::from(*limit)).then(|| now + BUSY_WAIT),
        }
    }

    /// Counts one request; only after `refuses_until` said `None` for the same time.
    pub(super) fn take(&mut self, now: Time) {
        match self {
            Self::Bucket(bucket) => bucket.take(now),
            Self::Fixed(fixed) => fixed.take(now),
            Self::Sliding(sliding) => sliding.take(now),
            Self::Slots(_) => {}
        }
    }

    pub(super) fn announced(&self, now: Time) -> Option<Announced> {
        match self {
            Self::Bucket(bucket) => Some(bucket.announced(now)),
            Self::Fixed(fixed) => Some(Announced {
                limit: fixed.limit,
                remaining: fixed.remaining(now),
                reset_after: fixed.window_end(now).saturating_since(now),
                window: fixed.window,
            }),
            Self::Sliding(sliding) => Some(sliding.announced(now)),
            Self::Slots(_) => None,
        }
    }
}

/// Units per token. A token is 10^24 units and a rate is whole units per nanosecond, so that a level is
/// the same however often it is asked for, and 10 per second means exactly 100 ms.
const TOKEN: u128 = 1_000_000_000_000_000_000_000_000;

/// Units per nanosecond of a rate of one per second.
const UNITS_PER_NANO: f64 = 1e15;

#[derive(Debug, Clone)]
pub(super) struct Bucket {
    units_per_nano: u128,
    capacity: u128,
    /// Units at the time `since`.
    level: u128,
    since: Time,
}

impl Bucket {
    fn full(rate_per_second: f64, burst: f64, now: Time) -> Self {
        // `as` saturates and takes NaN for zero. Tokens are counted in millionths, finer than any
        // burst is meant: a burst times 10^24 would not be exact as a float.
        let units_per_nano = ((rate_per_second * UNITS_PER_NANO).round() as u128).max(1);
        let millionths = (burst * 1e6).round() as u128;
        let capacity = millionths.saturating_mul(TOKEN / 1_000_000).max(TOKEN);
        Self {
            units_per_nano,
            capacity,
            level: capacity,
            since: now,
        }
    }

    fn level(&self, now: Time) -> u128 {
        let elapsed = now.saturating_since(self.since).as_nanos();
        let refilled = self.units_per_nano.saturating_mul(elapsed);
        self.level.saturating_add(refilled).min(self.capacity)
    }

    fn time_to_gain(&self, units: u128) -> Duration {
        let nanos = units.div_ceil(self.units_per_nano);
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }

    fn refuses_until(&self, now: Time) -> Option<Time> {
        let missing = TOKEN.saturating_sub(self.level(now));
        (missing > 0).then(|| now + self.time_to_gain(missing))
    }

    fn take(&mut self, now: Time) {
        self.level = self.level(now).saturating_sub(TOKEN);
        self.since = now;
    }

    fn announced(&self, now: Time) -> Announced {
        let level = self.level(now);
        Announced {
            limit: whole_tokens(self.capacity),
            remaining: whole_tokens(level),
            reset_after: self.time_to_gain(self.capacity - level),
            window: self.time_to_gain(self.capacity - self.capacity % TOKEN),
        }
    }
}

fn whole_tokens(units: u128) -> u32 {
    u32::try_from(units / TOKEN).unwrap_or(u32::MAX)
}

#[derive(Debug, Clone)]
pub(super) struct Fixed {
    limit: u32,
    window: Duration,
    first_boundary: Time,
    /// The end of the window that was counted last, and the count.
    counted: Option<(Time, u32)>,
}

impl Fixed {
    /// The first boundary after `now`.
    fn window_end(&self, now: Time) -> Time {
        if now < self.first_boundary {
            return self.first_boundary;
        }
        let window = self.window.as_nanos().max(1);
        let into = now.saturating_since(self.first_boundary).as_nanos() % window;
        now + Duration::from_nanos(u64::try_from(window - into).unwrap_or(u64::MAX))
    }

    fn count(&self, now: Time) -> u32 {
        let end = self.window_end(now);
        self.counted
            .filter(|(counted_end, _)| *counted_end == end)
            .map_or(0, |(_, count)| count)
    }

    fn remaining(&self, now: Time) -> u32 {
        self.limit.saturating_sub(self.count(now))
    }

    fn take(&mut self, now: Time) {
        self.counted = Some((self.window_end(now), self.count(now).saturating_add(1)));
    }
}

#[derive(Debug, Clone)]
pub(super) struct Sliding {
    limit: u32,
    window: Duration,
    /// When requests were accepted, oldest first; at most `limit` of them.
    log: VecDeque<Time>,
}

impl Sliding {
    /// The requests that still count.
    fn live(&self, now: Time) -> usize {
        let expired = self
            .log
            .partition_point(|&accepted| accepted + self.window <= now);
        self.log.len() - expired
    }

    fn remaining(&self, now: Time) -> u32 {
        let live = u32::try_from(self.live(now)).unwrap_or(u32::MAX);
        self.limit.saturating_sub(live)
    }

    fn refuses_until(&self, now: Time) -> Option<Time> {
        if self.remaining(now) > 0 {
            return None;
        }
        let oldest = self.log.get(self.log.len() - self.live(now));
        oldest.map(|&oldest| oldest + self.window)
    }

    fn take(&mut self, now: Time) {
        let expired = self.log.len() - self.live(now);
        self.log.drain(..expired);
        self.log.push_back(now);
    }

    fn announced(&self, now: Time) -> Announced {
        let newest = self.log.back().filter(|_| self.live(now) > 0);
        Announced {
            limit: self.limit,
            remaining: self.remaining(now),
            reset_after: newest.map_or(Duration::ZERO, |&newest| {
                (newest + self.window).saturating_since(now)
            }),
            window: self.window,
        }
    }
}
