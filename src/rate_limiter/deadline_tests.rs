//! Callers with a deadline fail at once if the announced limits make it impossible.

use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::permit::Permit;
use super::shared::DynamicRateLimiter;
use crate::clock::{Clock, ManualClock};
use api_ratelimiter_core::Time;
use api_ratelimiter_core::config::{ApiRateConfig, BucketConfig};
use api_ratelimiter_core::error::{Error, Result};
use api_ratelimiter_core::limiter::{Announced, Learning};
use api_ratelimiter_core::outcome::{Concerns, Feedback};

const SECOND: Duration = Duration::from_secs(1);

/// Returns a limiter of 5/s, and a clock that jumps when all of its threads wait.
fn limiter() -> (ManualClock, DynamicRateLimiter) {
    let config = ApiRateConfig {
        initial_rate: 5.0,
        min_rate: 5.0,
        max_rate: 5.0,
        bucket: BucketConfig::of(5.0, 5.0),
        learning: Learning::Off,
        ..Default::default()
    };
    let clock = ManualClock::auto();
    let limiter = DynamicRateLimiter::with_clock(&config, Arc::new(clock.clone()));
    (clock, limiter.expect("valid"))
}

/// Returns an announcement of this many requests for a minute.
fn left(remaining: u64) -> Feedback {
    let told = Announced {
        name: None,
        limit: None,
        window: None,
        remaining,
        reset_after: 60 * SECOND,
    };
    Feedback::Success {
        exhausted: None,
        announced: [told].into_iter().collect(),
        concerns: Concerns::Client,
    }
}

/// Result of a caller, and the time at which it arrived.
type Learned = JoinHandle<(Result<()>, Time)>;

fn caller(clock: &ManualClock, limiter: &DynamicRateLimiter, within: Option<Duration>) -> Learned {
    let waiting = limiter.snapshot().waiting;
    let (guard, clock, theirs) = (clock.join(), clock.clone(), limiter.clone());
    let caller = thread::spawn(move || {
        let _guard = guard;
        let permit = match within {
            Some(within) => theirs.acquire_within(within),
            None => theirs.acquire(),
        };
        (permit.map(Permit::success), clock.now())
    });
    while limiter.snapshot().waiting == waiting {
        thread::yield_now();
    }
    caller
}

fn is_too_short(outcome: &Result<()>, least: Duration) -> bool {
    matches!(outcome, Err(Error::DeadlineTooShort { needed, .. }) if *needed >= least)
}

#[test]
fn with_an_exhausted_limit_and_no_request_in_flight_a_deadline_before_the_reset_fails_at_once() {
    let (clock, limiter) = limiter();
    let _here = clock.join();
    let permit = limiter.acquire().expect("free");
    permit.give(left(0));
    let error = limiter.acquire_within(59 * SECOND).expect_err("a minute");
    assert!(
        matches!(error, Error::DeadlineTooShort { needed, .. } if needed == 60 * SECOND),
        "{error}"
    );
    assert_eq!(clock.now(), Time::ZERO, "no thread slept");
    limiter
        .acquire_within(60 * SECOND)
        .expect("in time")
        .success();
    assert_eq!(clock.now(), Time::ZERO + 60 * SECOND);
}

#[test]
fn callers_wait_for_a_response_in_flight_and_then_fail_at_once() {
    let (clock, limiter) = limiter();
    let here = clock.join();
    limiter.acquire().expect("free").give(left(1));
    let last = limiter.acquire().expect("one is left");
    let sent = clock.now();
    let mut hurried = vec![caller(&clock, &limiter, Some(20 * SECOND))];
    let patient = caller(&clock, &limiter, None);
    hurried.extend((0..3).map(|_| caller(&clock, &limiter, Some(40 * SECOND))));
    // Its response announces nothing about the limit.
    drop(last);
    while limiter.snapshot().waiting > 1 {
        thread::yield_now();
    }
    drop(here);
    for caller in hurried {
        let (outcome, at) = caller.join().expect("no panic");
        assert!(is_too_short(&outcome, 59 * SECOND), "{outcome:?}");
        assert_eq!(at, sent, "not at the deadline");
    }
    let (outcome, at) = patient.join().expect("no panic");
    outcome.expect("a permit");
    assert_eq!(at, Time::ZERO + 60 * SECOND);
}

#[test]
fn a_response_that_announces_more_requests_serves_the_waiting_callers() {
    let (clock, limiter) = limiter();
    let here = clock.join();
    limiter.acquire().expect("free").give(left(1));
    let last = limiter.acquire().expect("one is left");
    let hurried = caller(&clock, &limiter, Some(20 * SECOND));
    last.give(left(9));
    drop(here);
    let (outcome, at) = hurried.join().expect("no panic");
    outcome.expect("a permit");
    assert!(at < Time::ZERO + SECOND);
}
