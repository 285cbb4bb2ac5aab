//! Limits that are renewed by the wall clock.

use std::sync::Arc;
use std::time::Duration;

use api_ratelimiter::{ApiRateConfig, Clock, DynamicRateLimiter, LimitConfig, ManualClock};

use crate::world::{World, strict};

/// 2026-11-01 00:00 in California, a day of 25 hours.
const MIDNIGHT: u64 = 1_793_516_400;

const HOUR: u64 = 3600;

/// One request in each day of California.
fn daily() -> ApiRateConfig {
    ApiRateConfig {
        limits: vec![LimitConfig::per_day(1.0).resets_at("00:00", "America/Los_Angeles")],
        ..strict(10.0)
    }
}

#[test]
fn a_caller_waits_for_the_end_of_the_day() {
    let mut world = World::new(&daily());
    // The world's own wall clock begins with 2026 in Greenwich, eight hours before California.
    world.limiter.acquire().expect("the first day's").success();
    let second = world.spawn(|limiter| limiter.acquire().expect("the next day's").success());
    world.run(vec![second]);
    assert_eq!(world.now(), (8 * HOUR + 2) as f64);
}

#[test]
fn a_day_of_25_hours_is_not_over_after_24() {
    let clock = ManualClock::new();
    clock.set_unix_now(Duration::from_secs(MIDNIGHT + 10));
    let limiter = DynamicRateLimiter::with_clock(&daily(), Arc::new(clock.clone()));
    let limiter = limiter.expect("valid");
    limiter.acquire().expect("the first").success();
    let too_short = limiter.acquire_within(Duration::from_secs(24 * HOUR));
    let error = too_short.expect_err("a day has 25 hours").to_string();
    assert!(error.contains("89992"), "{error}");
    clock.advance(Duration::from_secs(24 * HOUR));
    assert!(limiter.acquire_within(Duration::ZERO).is_err());
    clock.advance(Duration::from_secs(HOUR));
    limiter
        .acquire_within(Duration::ZERO)
        .expect("the next day")
        .success();
}

#[test]
fn a_wall_clock_that_is_put_forward_brings_the_day_within_a_minute() {
    let mut world = World::new(&daily());
    world.limiter.acquire().expect("the first day's").success();
    let waiting = world.spawn(|limiter| limiter.acquire().expect("the next day's").success());
    world.until_queued(1);
    let tomorrow = world.clock.unix_now() + Duration::from_secs(9 * HOUR);
    world.clock.set_unix_now(tomorrow);
    world.run(vec![waiting]);
    assert_eq!(world.now(), 60.0);
}

#[test]
fn the_state_says_in_words_which_known_limit_is_used_up() {
    let state = |limit: LimitConfig| {
        let config = ApiRateConfig {
            limits: vec![LimitConfig::per_hour(9.0), limit],
            ..strict(10.0)
        };
        let world = World::new(&config);
        let before = world.limiter.snapshot().state;
        assert_eq!(before, "learning is off");
        world.limiter.acquire().expect("the first").success();
        world.limiter.snapshot().state
    };
    assert_eq!(
        state(LimitConfig::per_minute(1.0)),
        "the known limit of 1 per 60 s is used up; learning is off"
    );
    let day = LimitConfig::per_day(1.0).resets_at("00:00", "UTC");
    assert_eq!(
        state(day),
        "the known limit of 1 is used up; learning is off"
    );
}
