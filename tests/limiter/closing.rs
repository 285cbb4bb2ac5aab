//! Closing: waiting callers get an error at once, and requests in flight finish.

use std::sync::{Arc, Mutex};

use api_ratelimiter::{ApiRateConfig, DynamicRateLimiter, Error, Event, Observer, TryAcquire};

use crate::world::{SECOND, World, strict};

#[test]
fn waiting_and_later_callers_get_the_error_at_once() {
    let mut world = World::new(&strict(0.1));
    world.limiter.acquire().expect("free").success();
    let threads: Vec<_> = (0..20)
        .map(|number| {
            world.spawn(move |limiter| match number % 2 {
                0 => limiter.acquire().map(drop),
                _ => limiter.acquire_within(3600 * SECOND).map(drop),
            })
        })
        .collect();
    world.until_queued(20);
    assert_eq!(world.limiter.clone().close(), 0, "nothing is in flight");
    for outcome in world.run(threads) {
        assert!(matches!(outcome, Err(Error::Closed { .. })));
    }
    assert_eq!(world.now(), 0.0);
    assert!(matches!(world.limiter.acquire(), Err(Error::Closed { .. })));
    assert!(matches!(world.limiter.try_acquire(), TryAcquire::Closed));
    assert_eq!(world.limiter.snapshot().waiting, 0);
    assert_eq!(world.limiter.close(), 0, "closing twice does nothing more");
}

#[test]
fn requests_in_flight_finish_and_closing_waits_for_them() {
    let mut world = World::new(&strict(1000.0));
    let (first, second) = (
        world.limiter.acquire().expect("a permit"),
        world.limiter.acquire().expect("a permit"),
    );
    assert_eq!(world.limiter.close(), 2);
    first.success();
    let closing = world.spawn(|limiter| limiter.close_within(3600 * SECOND));
    while world.clock.parked() < 1 {
        std::thread::yield_now();
    }
    second.success();
    assert_eq!(world.run(vec![closing]), [0]);
    assert!(world.now() < 1.0, "not until the end of its patience");
    assert_eq!(world.limiter.snapshot().succeeded, 2);
}

#[test]
fn after_its_patience_closing_counts_the_remaining_requests() {
    let mut world = World::new(&strict(1000.0));
    let permits: Vec<_> = (0..3)
        .map(|_| world.limiter.acquire().expect("a permit"))
        .collect();
    let before = world.now();
    let closing = world.spawn(|limiter| limiter.close_within(5 * SECOND));
    assert_eq!(world.run(vec![closing]), [3]);
    assert_eq!(world.now() - before, 5.0);
    drop(permits);
    assert_eq!(world.limiter.close_within(5 * SECOND), 0);
}

#[test]
fn closing_does_not_wait_for_dropped_permits_or_panicked_holders() {
    let world = World::new(&strict(1000.0));
    drop(world.limiter.acquire());
    world.limiter.acquire().expect("a permit").neutral();
    world.limiter.acquire().expect("a permit").failed();
    world.limiter.acquire().expect("a permit").backoff(None);
    world.clock.advance(60 * SECOND);
    let limiter = world.limiter.clone();
    let died = std::thread::spawn(move || {
        let _permit = limiter.acquire().expect("a permit");
        panic!("on purpose");
    });
    assert!(died.join().is_err());
    assert_eq!(world.limiter.close_within(SECOND), 0);
}

/// Observer that closes the limiter during each event, and records the number of permits in flight.
struct Closes {
    limiter: DynamicRateLimiter,
    under_way: Mutex<Vec<usize>>,
}

impl Observer for Closes {
    fn on_event(&self, _: &Event) {
        let under_way = self.limiter.close();
        self.under_way.lock().expect("no panic").push(under_way);
    }
}

#[test]
fn a_permit_is_in_flight_until_observers_got_its_outcome() {
    let world = World::new(&ApiRateConfig {
        min_rate: 500.0,
        ..strict(1000.0)
    });
    let observer = Arc::new(Closes {
        limiter: world.limiter.clone(),
        under_way: Mutex::default(),
    });
    world.limiter.add_observer(observer.clone());
    world
        .limiter
        .acquire()
        .expect("a permit")
        .backoff(Some(SECOND));
    let under_way = observer.under_way.lock().expect("no panic").clone();
    assert_eq!(under_way, [1, 1], "the cut and the pause");
    assert_eq!(world.limiter.close(), 0);
}
