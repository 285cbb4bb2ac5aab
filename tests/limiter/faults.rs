//! The eleven faults of adaptive limiters that `background.md` lists, by number, from a caller's view. The
//! rules that prevent them have their own tests beside the code.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use api_ratelimiter::{ApiRateConfig, Clock, DynamicAPIClient, Learning, ManualClock, TryAcquire};
use api_ratelimiter_simulator::Limit;
use api_ratelimiter_simulator::world::{self, Scenario, learned};

use crate::server::{Server, answer, ok};
use crate::world::{SECOND, World, strict};

/// Returns a world without learning that starts at `per_second`: +0.5 per success, x0.5 per refusal.
fn law(per_second: f64) -> ApiRateConfig {
    ApiRateConfig {
        name: "test".into(),
        initial_rate: per_second,
        max_rate: 100.0,
        increase_step: 0.5,
        decrease_factor: 0.5,
        learning: Learning::Off,
        ..Default::default()
    }
}

fn rate(world: &World) -> f64 {
    world.limiter.snapshot().current_rate
}

#[test]
fn fault_1_a_hang_for_ever() {
    // Below 0.5/s, a bucket for two seconds has no whole token.
    let config = ApiRateConfig {
        initial_rate: 0.3,
        min_rate: 0.3,
        max_rate: 0.3,
        ..Default::default()
    };
    let world = World::new(&config);
    for _ in 0..4 {
        world.limiter.acquire().expect("a permit").success();
    }
    assert!(
        (10.0..10.001).contains(&world.now()),
        "three intervals of 3.33 s: {}",
        world.now()
    );
}

#[test]
fn fault_2_one_burst_many_cuts() {
    for learning in [Learning::Off, Learning::On] {
        let world = World::new(&ApiRateConfig {
            learning,
            ..law(8.0)
        });
        let in_flight: Vec<_> = (0..8)
            .map(|_| world.limiter.acquire().expect("the initial burst"))
            .collect();
        for permit in in_flight {
            permit.backoff(None);
        }
        assert_eq!(rate(&world), 4.0, "{learning:?}: cut once, not eight times");
    }
}

#[test]
fn fault_3_the_pause_is_credited_as_tokens() {
    let mut world = World::new(&ApiRateConfig {
        initial_rate: 10.0,
        max_rate: 10.0,
        ..Default::default()
    });
    let mut permits: Vec<_> = (0..10)
        .map(|_| world.limiter.acquire().expect("the initial burst"))
        .collect();
    permits.remove(0).backoff(Some(60 * SECOND));
    drop(permits);
    let threads = (0..15)
        .map(|_| world.spawn(|limiter| limiter.acquire().map(drop)))
        .collect();
    world.run(threads);
    // Cut to 7/s: 15 permits take at least 14 intervals of 1/7 s after the pause.
    assert!(world.now() >= 62.0, "{}", world.now());
}

#[test]
fn fault_4_the_herd() {
    let mut world = World::new(&strict(2.0));
    let refused = world.limiter.acquire().expect("the first is free");
    let order = Arc::new(Mutex::new(Vec::new()));
    let mut threads = Vec::new();
    for number in 0..20 {
        let (order, clock) = (Arc::clone(&order), world.clock.clone());
        threads.push(world.spawn(move |limiter| {
            let permit = limiter.acquire().expect("a permit");
            let at = clock.now().as_nanos();
            order.lock().expect("no panic").push((number, at));
            permit.success();
        }));
        world.until_queued(number + 1);
    }
    refused.backoff(Some(10 * SECOND));
    world.run(threads);
    let order = order.lock().expect("no panic").clone();
    let numbers: Vec<_> = order.iter().map(|(number, _)| *number).collect();
    assert_eq!(
        numbers,
        (0..20).collect::<Vec<_>>(),
        "in the order of arrival"
    );
    let apart = order.windows(2).map(|pair| pair[1].1 - pair[0].1);
    assert!(
        apart.into_iter().all(|gap| gap == 500_000_000),
        "one every half second, and not all at the end of the pause: {order:?}"
    );
}

#[test]
fn fault_5_stale_successes() {
    let world = World::new(&law(2.0));
    // Two permits are free. Later ones wait, so that their successes would count.
    let mut permits: Vec<_> = (0..6)
        .map(|_| world.limiter.acquire().expect("a permit"))
        .collect();
    permits.remove(5).backoff(Some(SECOND));
    assert_eq!(rate(&world), 1.0);
    for stale in permits {
        stale.success();
    }
    assert_eq!(rate(&world), 1.0, "they were sent before the cut");
    world.limiter.acquire().expect("a permit").success();
    assert_eq!(rate(&world), 1.5, "this one was sent after it");
}

#[test]
fn fault_6_retry_after_as_the_horizon_for_learning() {
    let world = World::new(&law(8.0));
    world.limiter.acquire().expect("free").backoff(Some(SECOND));
    for round in 0..5 {
        let cut = rate(&world);
        for _ in 0..4 {
            world.limiter.acquire().expect("a permit").success();
        }
        assert_eq!(rate(&world), cut + 2.0, "it grows, in round {round}");
        let refused = world.limiter.acquire().expect("a permit");
        refused.backoff(Some(60 * SECOND));
    }
}

#[test]
fn fault_7_growth_without_evidence() {
    let config = ApiRateConfig {
        initial_rate: 2.0,
        increase_step: 0.5,
        learning: Learning::Off,
        ..Default::default()
    };
    let world = World::new(&config);
    for _ in 0..50 {
        world.limiter.acquire().expect("a permit").success();
        world.clock.advance(5 * SECOND);
    }
    assert_eq!(
        world.limiter.snapshot().current_rate,
        2.0,
        "an idle caller proves nothing"
    );
    for _ in 0..10 {
        world.limiter.acquire().expect("a permit").success();
    }
    assert!(world.limiter.snapshot().current_rate > 4.0);
}

#[test]
fn fault_8_any_status_counts_as_success() {
    let broken = [500, 502, 503, 504].map(|status| answer(status, "", ""));
    let server = Server::answers(broken.into_iter().chain([ok("fine")]));
    let (client, _joined) = client(&server);
    for _ in 0..4 {
        client.get("/").send().expect("the response is delivered");
    }
    let after = client.limiter().snapshot();
    assert_eq!((after.succeeded, after.current_rate), (0, 2.0));
    client.get("/").send().expect("a response");
    let after = client.limiter().snapshot();
    assert_eq!((after.succeeded, after.current_rate), (1, 2.5));
}

#[test]
fn fault_9_retries_that_bypass_the_limiter() {
    let server = Server::answers([
        answer(429, "Retry-After: 1\r\n", ""),
        answer(307, "Location: /elsewhere\r\n", ""),
        answer(429, "Retry-After: 2\r\n", ""),
        ok("fine"),
    ]);
    let (client, _joined) = client(&server);
    let answer = client.get("/").send().expect("a response");
    assert_eq!(answer.attempts(), 4);
    assert_eq!(server.requests().len(), 4);
    assert_eq!(client.limiter().snapshot().granted, 4, "a permit for each");
}

#[test]
fn fault_10_zero_waits() {
    // Rates whose intervals are not a whole number of nanoseconds.
    for per_second in [0.3, 3.0, 7.0, 999.0, 3_333.333] {
        let world = World::new(&strict(per_second));
        world.limiter.acquire().expect("free").success();
        for _ in 0..1000 {
            let TryAcquire::Wait(wait) = world.limiter.try_acquire() else {
                panic!("granted too early at {per_second}/s")
            };
            assert!(wait > Duration::ZERO, "at {per_second}/s");
            world.clock.advance(wait);
            let TryAcquire::Ready(permit) = world.limiter.try_acquire() else {
                panic!("a second wait after the one that was named, at {per_second}/s")
            };
            permit.success();
        }
    }
}

#[test]
fn fault_11_growth_by_the_clock_and_limits_by_the_round_trip() {
    // Ten minutes of the clock must not change the rate.
    let world = World::new(&ApiRateConfig {
        learning: Learning::On,
        ..law(8.0)
    });
    world.limiter.acquire().expect("free").backoff(Some(SECOND));
    let cut = rate(&world);
    world.clock.advance(600 * SECOND);
    assert_eq!(rate(&world), cut);

    // At an API's few requests per second, growth by the clock is refused again and again. A limiter that
    // judges by round trips would take a tenfold round trip for a tenth of the limit.
    let config = ApiRateConfig {
        max_rate: 100.0,
        ..Default::default()
    };
    for longer in [1, 10] {
        let mut scenario = Scenario::new([Limit::token_bucket(5.0, 5.0).expect("valid")]);
        scenario.trip.there *= longer;
        scenario.trip.back *= longer;
        let strategy = learned(&config).expect("valid");
        let (report, _) = world::run(&scenario, vec![strategy], 1);
        let (from, to) = (300 * SECOND, 1800 * SECOND);
        let refused = report.refused_share(from, to);
        assert!(refused < 0.01, "{refused}");
        let accepted = report.accepted(from, to);
        assert!(accepted > 7_350, "98% of 1500 s at 5/s: {accepted}");
    }
}

/// Returns a client without learning in virtual time. All but its first request had to wait.
fn client(server: &Server) -> (DynamicAPIClient, api_ratelimiter::JoinGuard) {
    let clock = ManualClock::auto();
    let joined = clock.join();
    let config = ApiRateConfig {
        base_url: server.url(),
        bucket: api_ratelimiter::BucketConfig::of(1.0, 1.0),
        ..law(2.0)
    };
    let client = DynamicAPIClient::builder(config)
        .no_proxy()
        .backoff_status_codes([429])
        .clock(Arc::new(clock.clone()))
        .build()
        .expect("a valid client");
    (client, joined)
}
