//! Threads on a clock that jumps by itself.

use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use api_ratelimiter::{
    ApiRateConfig, BucketConfig, Clock, DynamicRateLimiter, JoinGuard, Learning, ManualClock,
};

pub(crate) const SECOND: Duration = Duration::from_secs(1);

/// Returns the configuration of `per_second`, strictly one by one, without learning.
pub(crate) fn strict(per_second: f64) -> ApiRateConfig {
    ApiRateConfig {
        name: "test".into(),
        initial_rate: per_second,
        min_rate: per_second,
        max_rate: per_second,
        bucket: BucketConfig::of(1.0, 1.0),
        learning: Learning::Off,
        ..Default::default()
    }
}

pub(crate) struct World {
    pub(crate) clock: ManualClock,
    pub(crate) limiter: DynamicRateLimiter,
    joined: Option<JoinGuard>,
}

impl World {
    /// Returns a world. The calling thread is joined, so time does not move while it runs.
    pub(crate) fn new(config: &ApiRateConfig) -> Self {
        let clock = ManualClock::auto();
        let limiter = DynamicRateLimiter::with_clock(config, Arc::new(clock.clone()))
            .expect("a valid config");
        let joined = Some(clock.join());
        Self {
            clock,
            limiter: limiter.with_jitter_seed(7),
            joined,
        }
    }

    /// Returns the seconds since the start.
    pub(crate) fn now(&self) -> f64 {
        self.clock.now().as_nanos() as f64 / 1e9
    }

    /// Runs `work` on a new thread that is joined to the clock.
    pub(crate) fn spawn<T: Send + 'static>(
        &self,
        work: impl FnOnce(DynamicRateLimiter) -> T + Send + 'static,
    ) -> JoinHandle<T> {
        let (guard, limiter) = (self.clock.join(), self.limiter.clone());
        thread::spawn(move || {
            let _guard = guard;
            work(limiter)
        })
    }

    /// Waits until this many callers queue, without moving the time.
    pub(crate) fn until_queued(&self, callers: usize) {
        while self.limiter.snapshot().waiting < callers {
            thread::yield_now();
        }
    }

    /// Lets time pass until all of `threads` have ended.
    pub(crate) fn run<T>(&mut self, threads: Vec<JoinHandle<T>>) -> Vec<T> {
        self.joined = None;
        let results = threads
            .into_iter()
            .map(|thread| thread.join().expect("no panic"))
            .collect();
        self.joined = Some(self.clock.join());
        results
    }
}
