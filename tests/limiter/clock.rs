//! Number of reads of the clock, which are the main cost of a permit.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use api_ratelimiter::{
    ApiRateConfig, Clock, DynamicRateLimiter, ManualClock, Permit, Time, TryAcquire,
};

use crate::world::{SECOND, strict};

/// A clock that counts its reads.
#[derive(Debug, Default)]
struct Watched {
    clock: ManualClock,
    looks: AtomicUsize,
}

impl Watched {
    /// Returns the number of reads since the last call.
    fn looks(&self) -> usize {
        self.looks.swap(0, Ordering::Relaxed)
    }
}

impl Clock for Watched {
    fn now(&self) -> Time {
        self.looks.fetch_add(1, Ordering::Relaxed);
        self.clock.now()
    }

    fn unix_now(&self) -> Duration {
        self.clock.unix_now()
    }

    fn park_until(&self, until: Option<Time>, woken: &AtomicBool) {
        self.clock.park_until(until, woken);
    }
}

fn limiter(config: &ApiRateConfig) -> (Arc<Watched>, DynamicRateLimiter) {
    let clock = Arc::new(Watched::default());
    let limiter = DynamicRateLimiter::with_clock(config, clock.clone()).expect("valid");
    assert!(clock.looks() > 0);
    (clock, limiter)
}

fn ready(limiter: &DynamicRateLimiter) -> Permit {
    match limiter.try_acquire() {
        TryAcquire::Ready(permit) => permit,
        TryAcquire::Wait(_) | TryAcquire::Closed => panic!("there is a token"),
    }
}

#[test]
fn granting_and_ending_a_permit_read_the_clock_once_each() {
    for config in [ApiRateConfig::default(), strict(2.0)] {
        let (clock, limiter) = limiter(&config);
        let permit = ready(&limiter);
        assert_eq!(clock.looks(), 1);
        permit.success();
        assert_eq!(clock.looks(), 1);
        clock.clock.advance(SECOND);
        let permit = limiter.acquire().expect("a token");
        assert_eq!(clock.looks(), 1);
        permit.neutral();
        assert_eq!(clock.looks(), 1);
        assert_eq!(limiter.snapshot().succeeded, 1);
    }
}

#[test]
fn a_success_after_a_wait_and_a_refusal_read_the_clock_once() {
    let (clock, limiter) = limiter(&ApiRateConfig::default());
    while let TryAcquire::Ready(permit) = limiter.try_acquire() {
        permit.success();
    }
    clock.clock.advance(SECOND);
    let before = limiter.snapshot().current_rate;
    let permit = ready(&limiter);
    clock.looks();
    permit.success();
    assert_eq!(clock.looks(), 1);
    assert!(limiter.snapshot().current_rate > before);
    clock.clock.advance(SECOND);
    let permit = ready(&limiter);
    clock.looks();
    permit.backoff(None);
    assert_eq!(clock.looks(), 1);
}
