//! The circuit breaker with threads, in virtual time.

use std::time::Duration;

use api_ratelimiter::{ApiRateConfig, BreakerPhase, CircuitBreaker, Error, Learning, TryAcquire};

use crate::world::{SECOND, World, strict};

fn broken(breaker: CircuitBreaker) -> World {
    let world = World::new(&ApiRateConfig {
        breaker: Some(breaker),
        ..strict(1000.0)
    });
    world.limiter.acquire().expect("free").failed();
    assert_eq!(world.limiter.snapshot().breaker, Some(BreakerPhase::Open));
    world
}

#[test]
fn sixteen_workers_send_one_trial_every_two_seconds_and_continue_after_the_first_success() {
    let mut world = broken(CircuitBreaker::after_failures(1));
    let threads = (0..16)
        .map(|_| {
            let clock = world.clock.clone();
            world.spawn(move |limiter| {
                let mut failures = 0;
                loop {
                    let permit = limiter.acquire().expect("a permit");
                    let now = api_ratelimiter::Clock::now(&clock).as_nanos();
                    if now >= 30 * SECOND.as_nanos() as u64 {
                        permit.success();
                        return failures;
                    }
                    failures += 1;
                    permit.failed();
                }
            })
        })
        .collect();
    let failures: u32 = world.run(threads).into_iter().sum();
    // Trials at 2, 4, … 28 s fail; the trial at 30 s succeeds.
    assert_eq!(failures, 14);
    assert!((30.0..30.1).contains(&world.now()), "{}", world.now());
    assert_eq!(world.limiter.snapshot().breaker, Some(BreakerPhase::Closed));
}

#[test]
fn with_fail_fast_all_waiting_callers_fail_when_the_breaker_opens() {
    let mut world = World::new(&ApiRateConfig {
        breaker: Some(CircuitBreaker::after_failures(1).fail_fast(true)),
        ..strict(0.1)
    });
    let permit = world.limiter.acquire().expect("free");
    let threads: Vec<_> = (0..5)
        .map(|_| world.spawn(|limiter| limiter.acquire().map(drop)))
        .collect();
    world.until_queued(5);
    permit.failed();
    for outcome in world.run(threads) {
        let error = outcome.expect_err("the circuit is open");
        assert!(matches!(error, Error::CircuitOpen { .. }), "{error}");
    }
    assert_eq!(world.now(), 0.0, "at once");
}

#[test]
fn callers_with_a_deadline_before_the_next_trial_fail_when_the_breaker_opens() {
    let mut world = World::new(&ApiRateConfig {
        breaker: Some(CircuitBreaker::after_failures(1).trial_interval(60 * SECOND)),
        ..strict(1.0)
    });
    let permit = world.limiter.acquire().expect("free");
    let threads: Vec<_> = (0..5)
        .map(|_| world.spawn(|limiter| limiter.acquire_within(20 * SECOND).map(drop)))
        .collect();
    world.until_queued(5);
    permit.failed();
    for outcome in world.run(threads) {
        let error = outcome.expect_err("too late");
        assert!(matches!(error, Error::DeadlineTooShort { .. }), "{error}");
    }
    assert_eq!(world.now(), 0.0, "at once");
}

#[test]
fn no_caller_waits_for_ever_during_an_endless_outage() {
    let mut world = World::new(&ApiRateConfig {
        breaker: Some(CircuitBreaker::after_failures(1)),
        max_cooldown: 60 * SECOND,
        ..strict(1000.0)
    });
    let threads = (0..8)
        .map(|_| {
            world.spawn(|limiter| {
                loop {
                    match limiter.acquire() {
                        Ok(permit) => permit.failed(),
                        Err(error) => return error,
                    }
                }
            })
        })
        .collect();
    for error in world.run(threads) {
        assert!(matches!(error, Error::CircuitOpen { .. }), "{error}");
    }
    assert!((60.0..63.0).contains(&world.now()), "{}", world.now());
}

#[test]
fn try_acquire_returns_the_time_until_the_next_trial() {
    let world = broken(CircuitBreaker::after_failures(1));
    let TryAcquire::Wait(wait) = world.limiter.try_acquire() else {
        panic!("it is open")
    };
    assert_eq!(wait, 2 * SECOND);
    world.clock.advance(wait);
    let TryAcquire::Ready(trial) = world.limiter.try_acquire() else {
        panic!("the trial goes")
    };
    assert_eq!(
        world.limiter.snapshot().state,
        "circuit breaker half open: a trial is in progress"
    );
    drop(trial);
    world.clock.advance(Duration::from_millis(1999));
    assert!(matches!(world.limiter.try_acquire(), TryAcquire::Wait(_)));
    world.clock.advance(Duration::from_millis(1));
    assert!(matches!(world.limiter.try_acquire(), TryAcquire::Ready(_)));
}

#[test]
fn an_open_circuit_and_a_pause_are_one_wait_and_closing_ends_it() {
    let mut world = World::new(&ApiRateConfig {
        breaker: Some(CircuitBreaker::after_failures(1)),
        ..strict(1000.0)
    });
    let take = || world.limiter.acquire().expect("a permit");
    let (failing, refused) = (take(), take());
    failing.failed();
    // This request was sent before the circuit opened. Its refusal begins a pause and does not change the
    // circuit.
    refused.backoff(Some(30 * SECOND));
    let snapshot = world.limiter.snapshot();
    assert_eq!(snapshot.breaker, Some(BreakerPhase::Open));
    assert!(snapshot.cooldown_until.is_some());
    // The trial is due after 2 s, waits for the end of the pause, and fails. The next one follows 2 s later.
    let first = take();
    assert!((30.0..33.1).contains(&world.now()), "{}", world.now());
    let began = world.now();
    first.failed();
    let second = take();
    assert_eq!(world.now() - began, 2.0);

    let threads: Vec<_> = (0..5)
        .map(|_| world.spawn(|limiter| limiter.acquire().map(drop)))
        .collect();
    world.until_queued(5);
    assert_eq!(world.limiter.close(), 1, "the trial is in flight");
    let closed = world.now();
    for outcome in world.run(threads) {
        assert!(matches!(outcome, Err(Error::Closed { .. })), "{outcome:?}");
    }
    assert_eq!(world.now(), closed, "at once");
    second.success();
    assert_eq!(world.limiter.snapshot().breaker, Some(BreakerPhase::Closed));
    assert_eq!(world.limiter.close(), 0);
}

#[test]
fn the_trial_of_a_circuit_is_also_the_canary_after_a_pause() {
    let mut world = World::new(&ApiRateConfig {
        breaker: Some(CircuitBreaker::after_failures(1)),
        learning: Learning::On,
        ..strict(1000.0)
    });
    let take = || world.limiter.acquire().expect("a permit");
    let (refused, failing) = (take(), take());
    refused.backoff(Some(5 * SECOND));
    failing.failed();
    let alone = take();
    let began = world.now();
    assert!((5.0..5.6).contains(&began), "{began}");
    let threads: Vec<_> = (0..5)
        .map(|_| world.spawn(|limiter| limiter.acquire().map(api_ratelimiter::Permit::success)))
        .collect();
    world.until_queued(5);
    alone.success();
    for outcome in world.run(threads) {
        outcome.expect("its response is enough for both");
    }
    assert!(world.now() - began < 0.1, "{}", world.now());
    assert_eq!(world.limiter.snapshot().breaker, Some(BreakerPhase::Closed));
}

#[test]
fn a_circuit_opened_by_one_clone_is_open_for_all() {
    let mut world = World::new(&ApiRateConfig {
        breaker: Some(CircuitBreaker::after_failures(1)),
        ..strict(1000.0)
    });
    let clone = world.limiter.clone();
    clone.acquire().expect("free").failed();
    let waiting = world.spawn(|limiter| limiter.acquire_within(SECOND).map(drop));
    let error = world.run(vec![waiting]).remove(0).expect_err("too late");
    assert_eq!(error.retry_after(), Some(2 * SECOND), "clones share it");
}
