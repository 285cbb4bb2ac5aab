//! Callers with a deadline get an error as soon as it is known that they will miss it.

use std::time::Duration;

use api_ratelimiter::Error;

use crate::world::{SECOND, World, strict};

#[test]
fn a_permit_that_would_come_too_late_is_an_error_at_once_with_the_wait() {
    let world = World::new(&strict(0.1));
    world.limiter.acquire().expect("free").success();
    let error = world
        .limiter
        .acquire_within(9 * SECOND)
        .expect_err("it takes ten");
    assert!(
        matches!(error, Error::DeadlineTooShort { needed, .. } if needed == 10 * SECOND),
        "{error}"
    );
    assert_eq!(world.now(), 0.0, "no thread slept");
    world
        .limiter
        .acquire_within(10 * SECOND)
        .expect("exactly in time")
        .success();
    assert_eq!(world.now(), 10.0);
}

#[test]
fn earlier_callers_count_for_a_deadline() {
    let mut world = World::new(&strict(1.0));
    world.limiter.acquire().expect("free").success();
    let waiting: Vec<_> = (0..3)
        .map(|_| world.spawn(|limiter| limiter.acquire().map(drop)))
        .collect();
    world.until_queued(3);
    let error = world
        .limiter
        .acquire_within(3 * SECOND)
        .expect_err("three callers are ahead");
    assert!(
        matches!(error, Error::DeadlineTooShort { needed, .. } if needed == 4 * SECOND),
        "{error}"
    );
    let patient = world.spawn(|limiter| limiter.acquire_within(4 * SECOND).map(drop));
    world.until_queued(4);
    world
        .run(waiting)
        .into_iter()
        .for_each(|outcome| outcome.expect("a permit"));
    world
        .run(vec![patient])
        .remove(0)
        .expect("a permit in time");
}

#[test]
fn a_pause_beyond_the_deadline_is_an_error_at_once_even_far_back_in_the_queue() {
    let mut world = World::new(&strict(1.0));
    let refused = world.limiter.acquire().expect("free");
    let patient = world.spawn(|limiter| limiter.acquire().map(drop));
    world.until_queued(1);
    let hurried: Vec<_> = (0..3)
        .map(|_| {
            let clock = world.clock.clone();
            world.spawn(move |limiter| {
                let outcome = limiter.acquire_within(30 * SECOND);
                (outcome.map(drop), api_ratelimiter::Clock::now(&clock))
            })
        })
        .collect();
    world.until_queued(4);
    refused.backoff(Some(60 * SECOND));
    while world.limiter.snapshot().waiting > 1 {
        std::thread::yield_now();
    }
    for (outcome, at) in world.run(hurried) {
        assert!(
            matches!(outcome, Err(Error::DeadlineTooShort { needed, .. }) if needed >= 60 * SECOND),
            "{outcome:?}"
        );
        assert_eq!(at.as_nanos(), 0, "not at the deadline");
    }
    world.run(vec![patient]).remove(0).expect("a permit");
}

#[test]
fn a_lowered_rate_fails_late_callers_at_once() {
    let mut world = World::new(&strict(1.0));
    world.limiter.acquire().expect("free").success();
    let patient = world.spawn(|limiter| limiter.acquire().map(drop));
    world.until_queued(1);
    let hurried = (0..3).map(|_| {
        let clock = world.clock.clone();
        world.spawn(move |limiter| {
            let outcome = limiter.acquire_within(30 * SECOND);
            (outcome.map(drop), api_ratelimiter::Clock::now(&clock))
        })
    });
    let hurried: Vec<_> = hurried.collect();
    world.until_queued(4);
    world.limiter.set_rates(0.01, 0.01).expect("valid");
    for (outcome, at) in world.run(hurried) {
        assert!(
            matches!(outcome, Err(Error::DeadlineTooShort { needed, .. }) if needed >= 200 * SECOND),
            "{outcome:?}"
        );
        assert_eq!(at.as_nanos(), 0, "not at the deadline");
    }
    world.run(vec![patient]).remove(0).expect("a permit");
}

#[test]
fn a_caller_that_gives_up_takes_no_permit() {
    let mut world = World::new(&strict(1.0));
    world.limiter.acquire().expect("free").success();
    for _ in 0..50 {
        world
            .limiter
            .acquire_within(Duration::from_millis(1))
            .expect_err("too short");
    }
    let waiting = (0..3)
        .map(|_| world.spawn(|limiter| limiter.acquire().map(drop)))
        .collect();
    world.run(waiting);
    assert_eq!((world.now(), world.limiter.snapshot().granted), (3.0, 4));
}
