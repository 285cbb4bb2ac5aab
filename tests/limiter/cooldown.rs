//! Pauses that begin, grow and end while callers wait.

use api_ratelimiter::{ApiRateConfig, Error};

use crate::world::{SECOND, World, strict};

#[test]
fn a_pause_that_begins_while_callers_wait_delays_all_of_them() {
    let mut world = World::new(&strict(1.0));
    let refused = world.limiter.acquire().expect("free");
    let threads = (0..5)
        .map(|_| world.spawn(|limiter| limiter.acquire().map(drop)))
        .collect::<Vec<_>>();
    world.until_queued(5);
    refused.backoff(Some(100 * SECOND));
    world
        .run(threads)
        .into_iter()
        .for_each(|outcome| outcome.expect("a permit"));
    // 100 s, its jitter of up to a tenth, and five intervals.
    assert!((105.0..=115.1).contains(&world.now()), "{}", world.now());
}

#[test]
fn a_pause_that_grows_while_callers_wait_delays_them_longer() {
    let mut world = World::new(&ApiRateConfig {
        initial_rate: 2.0,
        ..Default::default()
    });
    let (first, second) = (
        world.limiter.acquire().expect("free"),
        world.limiter.acquire().expect("free"),
    );
    first.backoff(Some(10 * SECOND));
    let waiting = world.spawn(|limiter| limiter.acquire().map(drop));
    world.until_queued(1);
    second.backoff(Some(50 * SECOND));
    world.run(vec![waiting]).remove(0).expect("a permit");
    assert!(world.now() >= 50.0, "{}", world.now());
    assert_eq!(
        world.limiter.snapshot().current_rate,
        2.0 * 0.7,
        "one burst, one cut"
    );
}

#[test]
fn a_pause_above_max_cooldown_ends_all_waits_at_once() {
    let mut world = World::new(&strict(1.0));
    let refused = world.limiter.acquire().expect("free");
    let threads = (0..5)
        .map(|_| world.spawn(|limiter| limiter.acquire().map(drop)))
        .collect::<Vec<_>>();
    world.until_queued(5);
    refused.backoff(Some(3600 * SECOND));
    for outcome in world.run(threads) {
        assert!(
            matches!(outcome, Err(Error::CooldownTooLong { wait, .. }) if wait == 3600 * SECOND),
            "{outcome:?}"
        );
    }
    assert_eq!(world.now(), 0.0, "no thread slept");
    assert!(
        matches!(world.limiter.acquire(), Err(Error::CooldownTooLong { .. })),
        "a later caller does not wait, either"
    );
}

#[test]
fn steps_of_the_wall_clock_change_nothing() {
    let mut world = World::new(&strict(1.0));
    world
        .limiter
        .acquire()
        .expect("free")
        .backoff(Some(20 * SECOND));
    let until = world.limiter.snapshot().cooldown_until.expect("a pause");
    world.clock.set_unix_now(SECOND);
    let moved = world
        .limiter
        .snapshot()
        .cooldown_until
        .expect("still the same pause");
    assert!(moved < until, "shown by the wall clock as it is now");
    let waiting = world.spawn(|limiter| limiter.acquire().map(drop));
    world.until_queued(1);
    world.clock.set_unix_now(4_000_000_000 * SECOND);
    world.run(vec![waiting]).remove(0).expect("a permit");
    assert!((20.0..=23.1).contains(&world.now()), "{}", world.now());
}
