//! The queue: no caller is lost, woken in vain, or overtaken.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use api_ratelimiter::{Clock, TryAcquire};

use crate::world::{SECOND, World, strict};

#[test]
fn permits_are_granted_in_the_order_of_arrival() {
    let mut world = World::new(&strict(2.0));
    world
        .limiter
        .acquire()
        .expect("the first is free")
        .success();
    let order = Arc::new(Mutex::new(Vec::new()));
    let mut threads = Vec::new();
    for number in 0..50 {
        let (order, clock) = (Arc::clone(&order), world.clock.clone());
        threads.push(world.spawn(move |limiter| {
            let permit = limiter.acquire().expect("a permit");
            order
                .lock()
                .expect("no panic")
                .push((number, clock.now().as_nanos()));
            permit.success();
        }));
        world.until_queued(number + 1);
    }
    world.run(threads);
    let order = order.lock().expect("no panic").clone();
    let expected: Vec<_> = (0..50_u64)
        .map(|n| (n as usize, (n + 1) * 500_000_000))
        .collect();
    assert_eq!(order, expected, "one every half second, in order");
}

#[test]
fn only_the_head_of_the_queue_holds_a_timer() {
    let clock = Arc::new(Counting::default());
    let limiter = api_ratelimiter::DynamicRateLimiter::with_clock(&strict(1.0), clock.clone())
        .expect("valid");
    let _held = limiter.acquire().expect("the first is free");
    let mut threads = Vec::new();
    for number in 1..=20 {
        let limiter = limiter.clone();
        threads.push(std::thread::spawn(move || limiter.acquire().map(drop)));
        while limiter_waiting(&threads, &clock) < number {
            std::thread::yield_now();
        }
    }
    assert_eq!(clock.timed(), 1, "of twenty parked threads");
    clock.manual.advance(60 * SECOND);
    while threads.iter().any(|thread| !thread.is_finished()) {
        clock.manual.advance(SECOND);
        std::thread::yield_now();
    }
}

fn limiter_waiting<T>(_: &[T], clock: &Counting) -> usize {
    clock.manual.parked()
}

/// A clock that counts the threads that park with a timer and those without.
#[derive(Debug, Default)]
struct Counting {
    manual: api_ratelimiter::ManualClock,
    timed: std::sync::atomic::AtomicUsize,
}

impl Counting {
    fn timed(&self) -> usize {
        self.timed.load(std::sync::atomic::Ordering::SeqCst)
    }
}

impl Clock for Counting {
    fn now(&self) -> api_ratelimiter::Time {
        self.manual.now()
    }

    fn unix_now(&self) -> Duration {
        self.manual.unix_now()
    }

    fn park_until(
        &self,
        until: Option<api_ratelimiter::Time>,
        woken: &std::sync::atomic::AtomicBool,
    ) {
        if until.is_some() {
            self.timed.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        }
        self.manual.park_until(until, woken);
    }
}

#[test]
fn trying_never_overtakes_the_queue_and_never_returns_a_wait_of_zero() {
    let mut world = World::new(&strict(1000.0));
    world.limiter.acquire().expect("free").success();
    let waiting = world.spawn(|limiter| limiter.acquire().map(drop));
    world.until_queued(1);
    for _ in 0..1000 {
        match world.limiter.try_acquire() {
            TryAcquire::Ready(_) => panic!("it overtook the queue"),
            TryAcquire::Closed => panic!("it is open"),
            TryAcquire::Wait(wait) => assert!(wait > Duration::ZERO),
        }
    }
    world.run(vec![waiting]).remove(0).expect("a permit");
}

#[test]
fn a_returned_wait_is_exact() {
    let world = World::new(&strict(3.0));
    world.limiter.acquire().expect("free").success();
    let TryAcquire::Wait(wait) = world.limiter.try_acquire() else {
        panic!("none is free")
    };
    world.clock.advance(wait - Duration::from_nanos(1));
    let TryAcquire::Wait(rest) = world.limiter.try_acquire() else {
        panic!("one nanosecond early")
    };
    assert_eq!(rest, Duration::from_nanos(1));
    world.clock.advance(rest);
    assert!(matches!(world.limiter.try_acquire(), TryAcquire::Ready(_)));
}

#[test]
fn eight_threads_get_exactly_what_the_rate_allows_and_no_thread_starves() {
    let mut world = World::new(&strict(10.0));
    let threads = (0..8)
        .map(|_| {
            world.spawn(|limiter| {
                for _ in 0..25 {
                    limiter.acquire().expect("a permit").success();
                }
            })
        })
        .collect();
    world.run(threads);
    // The first permit is free, 199 follow at 10/s.
    assert!((19.9..19.901).contains(&world.now()), "{}", world.now());
    assert_eq!(world.limiter.snapshot().granted, 200);
}

#[test]
fn a_caller_who_panics_while_holding_a_permit_blocks_no_other() {
    let world = World::new(&strict(10.0));
    let limiter = world.limiter.clone();
    let died = std::thread::spawn(move || {
        let _permit = limiter.acquire().expect("free");
        panic!("on purpose");
    });
    assert!(died.join().is_err());
    world.limiter.acquire().expect("a permit").success();
    assert_eq!(world.limiter.snapshot().waiting, 0);
}
