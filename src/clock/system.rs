//! The interface of clocks, and the system's clock: the only place that reads time.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Waker;
use std::time::{Duration, Instant, SystemTime};

use api_ratelimiter_core::Time;

/// Source of time for a limiter, with which its callers wait.
///
/// Programs use [`SystemClock`]. Tests, also your own, use [`ManualClock`](crate::ManualClock).
pub trait Clock: fmt::Debug + Send + Sync + 'static {
    /// Returns the time that decides all waits: monotonic, and not changed by steps of the wall clock.
    fn now(&self) -> Time;

    /// Returns the wall clock, since 1970 (UTC). It is used to read dates in responses and to show times to people.
    fn unix_now(&self) -> Duration;

    /// Blocks the calling thread until `until` (for ever, if `None`) or until `woken` is set.
    ///
    /// The thread that sets `woken` unparks the waiting thread afterwards. An early return is allowed: callers look
    /// again and come back. `woken` is reset on return.
    fn park_until(&self, until: Option<Time>, woken: &AtomicBool);

    /// Wakes `waker` at `until`, or earlier. `None`: another event wakes the task. Returns `false`, the default, if
    /// this clock wakes no tasks, so that they use the timer of their runtime.
    ///
    /// The clock may note in `alarm`, which belongs to this wait, what it needs to find the wait again. A task that
    /// looks again and keeps waiting calls this again. A task that leaves calls [`forget`](Self::forget).
    fn wake_at(&self, alarm: &mut Option<u64>, until: Option<Time>, waker: &Waker) -> bool {
        let _ = (alarm, until, waker);
        false
    }

    /// Ends the wait of this `alarm`.
    fn forget(&self, alarm: u64) {
        let _ = alarm;
    }
}

/// The system's monotonic clock and wall clock.
#[derive(Debug, Clone)]
pub struct SystemClock {
    epoch: Instant,
}

impl SystemClock {
    /// Returns a clock whose epoch is now.
    #[must_use]
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the place that reads time"
    )]
    pub fn new() -> Self {
        Self {
            epoch: Instant::now(),
        }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the place that reads time"
    )]
    fn now(&self) -> Time {
        Time::ZERO + Instant::now().duration_since(self.epoch)
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "this is the place that reads time"
    )]
    fn unix_now(&self) -> Duration {
        SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default()
    }

    fn park_until(&self, until: Option<Time>, woken: &AtomicBool) {
        while !woken.swap(false, Ordering::Acquire) {
            let Some(until) = until else {
                std::thread::park();
                continue;
            };
            let left = until.saturating_since(self.now());
            if left.is_zero() {
                return;
            }
            std::thread::park_timeout(left);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parked_thread_returns_at_its_time() {
        let clock = SystemClock::new();
        let until = clock.now() + Duration::from_millis(5);
        clock.park_until(Some(until), &AtomicBool::new(false));
        assert!(clock.now() >= until);
    }

    #[test]
    fn a_thread_that_was_woken_before_it_parks_does_not_wait() {
        let clock = SystemClock::new();
        let woken = AtomicBool::new(true);
        clock.park_until(None, &woken);
        assert!(!woken.load(Ordering::Relaxed), "the signal is used up");
    }
}
