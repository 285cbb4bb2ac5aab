//! The rate of permits.

use api_ratelimiter::{ApiRateConfig, BucketConfig, Learning};

use crate::world::{World, strict};

#[test]
fn a_rate_of_a_thousand_per_second_is_reached_exactly() {
    let world = World::new(&strict(1000.0));
    for _ in 0..10_001 {
        world.limiter.acquire().expect("a permit").success();
    }
    assert!((10.0..10.000_1).contains(&world.now()), "{}", world.now());
}

#[test]
fn a_costly_request_waits_for_a_full_bucket_and_leaves_a_debt() {
    let config = ApiRateConfig {
        bucket: BucketConfig::of(5.0, 5.0),
        ..strict(1.0)
    };
    let world = World::new(&config);
    world
        .limiter
        .acquire_cost(20)
        .expect("a full bucket is enough")
        .success();
    assert_eq!((world.now(), world.limiter.snapshot().tokens), (0.0, -15.0));
    world.limiter.acquire().expect("a permit").success();
    assert_eq!(world.now(), 16.0);
    world.limiter.acquire_cost(3).expect("a permit").success();
    assert_eq!(world.now(), 19.0);
}

#[test]
fn trying_in_a_loop_counts_as_demand() {
    use api_ratelimiter::TryAcquire;
    let config = ApiRateConfig {
        initial_rate: 2.0,
        increase_step: 0.5,
        learning: Learning::Off,
        ..Default::default()
    };
    let world = World::new(&config);
    let mut granted = 0;
    while granted < 10 {
        match world.limiter.try_acquire() {
            TryAcquire::Ready(permit) => {
                granted += 1;
                permit.success();
            }
            TryAcquire::Closed => panic!("it is open"),
            TryAcquire::Wait(wait) => world.clock.advance(wait),
        }
    }
    // The first two came from the full bucket; the eight that had to wait grew the rate.
    assert_eq!(world.limiter.snapshot().current_rate, 6.0);
}

#[test]
fn bounds_can_be_changed_at_run_time() {
    let world = World::new(&strict(1.0));
    world.limiter.acquire().expect("free").success();
    world.limiter.set_rates(4.0, 8.0).expect("valid");
    world.limiter.acquire().expect("a permit").success();
    assert_eq!(
        (world.now(), world.limiter.snapshot().current_rate),
        (0.25, 4.0 + 0.2)
    );
    for (min, max) in [
        (0.0, 1.0),
        (2.0, 1.0),
        (f64::NAN, 1.0),
        (1.0, f64::INFINITY),
    ] {
        assert!(world.limiter.set_rates(min, max).is_err());
    }
}

#[test]
fn a_cost_that_would_hold_up_all_others_for_years_is_an_error_at_once() {
    let config = ApiRateConfig {
        bucket: BucketConfig::of(5.0, 5.0),
        ..strict(1.0)
    };
    let world = World::new(&config);
    // `max_cooldown` is five minutes.
    world.limiter.acquire_cost(300).expect("a permit").success();
    let before = world.limiter.snapshot().tokens;
    for cost in [301, u32::MAX] {
        let error = world.limiter.acquire_cost(cost).expect_err("too much");
        let said = error.to_string();
        assert!(
            said.contains(&cost.to_string()) && said.contains("at most 300"),
            "{said}"
        );
        assert!(!error.is_transient(), "{said}");
    }
    assert_eq!(
        (world.now(), world.limiter.snapshot().tokens),
        (0.0, before)
    );
}
