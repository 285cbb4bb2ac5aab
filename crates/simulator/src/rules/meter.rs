//! Counters behind each kind of limit.
//!
//! A meter first says whether it would accept a request, and counts it only in a second call. This way
//! several meters can be asked before one of them changes.

use std::collections::VecDeque;
use std::time::Duration;

use api_ratelimiter_core::{Calendar, Time};

use super::limit::Limit;
use super::limit_state::LimitState;

/// Wait named by a concurrency limit, which cannot know when a request will finish.
const BUSY_WAIT: Duration = Duration::from_secs(1);

/// Counter of one limit.
#[derive(Debug, Clone)]
pub(super) enum Meter {
    Bucket(BucketMeter),
    FixedWindow(FixedWindowMeter),
    WindowFromFirst(WindowFromFirstMeter),
    Calendar(CalendarMeter),
    SlidingWindow(SlidingWindowMeter),
    Concurrency(u32),
}

impl Meter {
    /// Returns a meter that has counted nothing. Fixed windows begin at `start`; a bucket is full `now`.
    pub(super) fn new(limit: Limit, start: Time, now: Time) -> Self {
        match limit {
            Limit::TokenBucket {
                rate_per_second,
                burst,
            } => Self::Bucket(BucketMeter::full(rate_per_second, burst, now)),
            Limit::Pacing { rate_per_second } => {
                Self::Bucket(BucketMeter::full(rate_per_second, 1.0, now))
            }
            Limit::FixedWindow {
                limit,
                window,
                phase,
            } => Self::FixedWindow(FixedWindowMeter {
                limit,
                window,
                first_boundary: start + phase,
                counted: None,
            }),
            Limit::WindowFromFirst { limit, window } => {
                Self::WindowFromFirst(WindowFromFirstMeter {
                    limit,
                    window,
                    open: None,
                })
            }
            Limit::Calendar {
                limit,
                calendar,
                unix_at_zero,
            } => Self::Calendar(CalendarMeter {
                limit,
                calendar,
                unix_at_zero,
                counted: (0, 0),
            }),
            Limit::SlidingWindow { limit, window } => Self::SlidingWindow(SlidingWindowMeter {
                limit,
                window,
                log: VecDeque::new(),
            }),
            Limit::Concurrency { limit } => Self::Concurrency(limit),
        }
    }

    /// Returns when the limit would accept a request if no other arrives; `None` if it accepts now.
    pub(super) fn refuses_until(&self, now: Time, in_flight: u64) -> Option<Time> {
        match self {
            Self::Bucket(bucket) => bucket.refuses_until(now),
            Self::FixedWindow(fixed) => (fixed.remaining(now) == 0).then(|| fixed.window_end(now)),
            Self::WindowFromFirst(window) => window.refuses_until(now),
            Self::Calendar(days) => {
                let state = days.state(now);
                (state.remaining == 0).then(|| now + state.reset_after)
            }
            Self::SlidingWindow(sliding) => sliding.refuses_until(now),
            Self::Concurrency(limit) => (in_flight >= u64::from(*limit)).then(|| now + BUSY_WAIT),
        }
    }

    /// Counts one request. Call it only after `refuses_until` returned `None` for this time.
    pub(super) fn take(&mut self, now: Time) {
        match self {
            Self::Bucket(bucket) => bucket.take(now),
            Self::FixedWindow(fixed) => fixed.take(now),
            Self::WindowFromFirst(window) => window.take(now),
            Self::Calendar(days) => days.take(now),
            Self::SlidingWindow(sliding) => sliding.take(now),
            Self::Concurrency(_) => {}
        }
    }

    /// Returns the state to announce; `None` for a concurrency limit.
    pub(super) fn state(&self, now: Time) -> Option<LimitState> {
        match self {
            Self::Bucket(bucket) => Some(bucket.state(now)),
            Self::FixedWindow(fixed) => Some(LimitState {
                limit: fixed.limit,
                remaining: fixed.remaining(now),
                reset_after: fixed.window_end(now).saturating_since(now),
                window: fixed.window,
            }),
            Self::WindowFromFirst(window) => Some(window.state(now)),
            Self::Calendar(days) => Some(days.state(now)),
            Self::SlidingWindow(sliding) => Some(sliding.state(now)),
            Self::Concurrency(_) => None,
        }
    }
}

/// Units per token. A rate is a whole number of units per nanosecond. Levels are therefore exact: reading
/// them more often does not change them, and 10 per second means exactly 100 ms.
const TOKEN: u128 = 1_000_000_000_000_000_000_000_000;

/// Units per nanosecond at a rate of one token per second.
const UNITS_PER_NANO: f64 = 1e15;

/// Counter of a token bucket, and of pacing, which is a bucket of one token.
#[derive(Debug, Clone)]
pub(super) struct BucketMeter {
    units_per_nano: u128,
    capacity: u128,
    /// Units at the time `since`.
    level: u128,
    since: Time,
}

impl BucketMeter {
    /// Returns a bucket that is full `now`.
    fn full(rate_per_second: f64, burst: f64, now: Time) -> Self {
        // `as` saturates and turns NaN into zero. The burst is rounded to millionths of a token, because
        // a burst times 10^24 would not be exact as a float.
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

    /// Returns the units in the bucket.
    fn level(&self, now: Time) -> u128 {
        let elapsed = now.saturating_since(self.since).as_nanos();
        let refilled = self.units_per_nano.saturating_mul(elapsed);
        self.level.saturating_add(refilled).min(self.capacity)
    }

    /// Returns the time in which `units` flow in, rounded up.
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

    fn state(&self, now: Time) -> LimitState {
        let level = self.level(now);
        LimitState {
            limit: whole_tokens(self.capacity),
            remaining: whole_tokens(level),
            reset_after: self.time_to_gain(self.capacity - level),
            window: self.time_to_gain(self.capacity - self.capacity % TOKEN),
        }
    }
}

/// Returns the whole tokens in `units`.
fn whole_tokens(units: u128) -> u32 {
    u32::try_from(units / TOKEN).unwrap_or(u32::MAX)
}

/// Counter of a fixed window.
#[derive(Debug, Clone)]
pub(super) struct FixedWindowMeter {
    limit: u32,
    window: Duration,
    first_boundary: Time,
    /// End of the window that was counted last, and its count.
    counted: Option<(Time, u32)>,
}

impl FixedWindowMeter {
    /// Returns the first boundary after `now`.
    fn window_end(&self, now: Time) -> Time {
        if now < self.first_boundary {
            return self.first_boundary;
        }
        let window = self.window.as_nanos().max(1);
        let into = now.saturating_since(self.first_boundary).as_nanos() % window;
        now + Duration::from_nanos(u64::try_from(window - into).unwrap_or(u64::MAX))
    }

    /// Returns the requests counted in the current window.
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

/// Counter of a window that begins with its first request.
#[derive(Debug, Clone)]
pub(super) struct WindowFromFirstMeter {
    limit: u32,
    window: Duration,
    /// End of the latest window, and its count.
    open: Option<(Time, u32)>,
}

impl WindowFromFirstMeter {
    /// Returns the end and the count of the window that is open now.
    fn open(&self, now: Time) -> Option<(Time, u32)> {
        self.open.filter(|(end, _)| now < *end)
    }

    fn refuses_until(&self, now: Time) -> Option<Time> {
        let (end, count) = self.open(now)?;
        (count >= self.limit).then_some(end)
    }

    fn take(&mut self, now: Time) {
        let (end, count) = self.open(now).unwrap_or((now + self.window, 0));
        self.open = Some((end, count.saturating_add(1)));
    }

    fn state(&self, now: Time) -> LimitState {
        let (end, count) = self.open(now).unwrap_or((now, 0));
        LimitState {
            limit: self.limit,
            remaining: self.limit.saturating_sub(count),
            reset_after: end.saturating_since(now),
            window: self.window,
        }
    }
}

/// Counter of the days or months of a calendar.
#[derive(Debug, Clone)]
pub(super) struct CalendarMeter {
    limit: u32,
    calendar: Calendar,
    unix_at_zero: Duration,
    /// When the day or month that was counted last ends, in seconds since 1970, and its count.
    counted: (i64, u32),
}

impl CalendarMeter {
    fn unix(&self, now: Time) -> Duration {
        self.unix_at_zero + now.saturating_since(Time::ZERO)
    }

    /// Returns beginning, end and count of the current day or month.
    fn current(&self, now: Time) -> (i64, i64, u32) {
        let unix = i64::try_from(self.unix(now).as_secs()).unwrap_or(0);
        let (begins, ends) = self.calendar.period(unix);
        let count = if self.counted.0 == ends {
            self.counted.1
        } else {
            0
        };
        (begins, ends, count)
    }

    fn take(&mut self, now: Time) {
        let (_, ends, count) = self.current(now);
        self.counted = (ends, count.saturating_add(1));
    }

    fn state(&self, now: Time) -> LimitState {
        let (begins, ends, count) = self.current(now);
        let then = Duration::from_secs(ends.try_into().unwrap_or(0));
        LimitState {
            limit: self.limit,
            remaining: self.limit.saturating_sub(count),
            reset_after: then.saturating_sub(self.unix(now)),
            window: Duration::from_secs(ends.abs_diff(begins)),
        }
    }
}

/// Counter of a sliding window.
#[derive(Debug, Clone)]
pub(super) struct SlidingWindowMeter {
    limit: u32,
    window: Duration,
    /// Times of accepted requests, oldest first; at most `limit` entries.
    log: VecDeque<Time>,
}

impl SlidingWindowMeter {
    /// Returns the number of requests within the window.
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

    fn state(&self, now: Time) -> LimitState {
        let newest = self.log.back().filter(|_| self.live(now) > 0);
        LimitState {
            limit: self.limit,
            remaining: self.remaining(now),
            reset_after: newest.map_or(Duration::ZERO, |&newest| {
                (newest + self.window).saturating_since(now)
            }),
            window: self.window,
        }
    }
}
