//! A short outage over real connections: the breaker stops the workers and reports the outage.

use std::time::Duration;

use api_ratelimiter::{ApiRateConfig, CircuitBreaker, DynamicAPIClient, Error, Event};
use api_ratelimiter_simulator::{Fault, SimulatedApi};

use super::recorder;

#[test]
fn sixteen_workers_meet_an_outage_with_few_requests_and_finish_every_job() {
    let outage = Duration::from_millis(600);
    let interval = Duration::from_millis(50);
    let api = SimulatedApi::builder()
        .outage(
            Duration::from_millis(200),
            outage,
            Fault::cut_before_response(1.0).expect("valid"),
        )
        .start()
        .expect("a port");
    let heard = recorder();
    let config = ApiRateConfig {
        name: "outage".into(),
        base_url: api.base_url(),
        initial_rate: 400.0,
        max_rate: 400.0,
        ..Default::default()
    };
    let client = DynamicAPIClient::builder(config)
        .circuit_breaker(CircuitBreaker::after_failures(5).trial_interval(interval))
        .retry_transport(3)
        .observer(heard.clone())
        .build()
        .expect("valid");
    std::thread::scope(|scope| {
        for worker in 0..16 {
            let client = client.clone();
            scope.spawn(move || {
                for job in 0..40 {
                    let answer = client.get(format!("/pages/{worker}-{job}")).send();
                    drop(answer.expect("every job is done").bytes());
                }
            });
        }
    });
    let stats = api.stats();
    assert_eq!((stats.served, stats.served_twice), (640, 0));
    // Sixteen requests in flight, thirteen trials, and retries before the fifth failure in a row.
    assert!(stats.met_outage < 40, "{stats:?}");
    // A machine that was blocked all the time would not have met the outage.
    if stats.met_outage >= 20 {
        let kinds = heard.kinds();
        let count = |kind: &str| kinds.iter().filter(|other| *other == kind).count();
        assert_eq!((count("breaker_opened"), count("breaker_closed")), (1, 1));
    }
}

#[test]
fn opening_and_closing_are_events_with_their_times() {
    let clock = api_ratelimiter::ManualClock::new();
    let config = ApiRateConfig {
        breaker: Some(CircuitBreaker::after_failures(1)),
        ..super::quick("outage", "")
    };
    let limiter = api_ratelimiter::DynamicRateLimiter::with_clock(
        &config,
        std::sync::Arc::new(clock.clone()),
    )
    .expect("valid");
    let heard = recorder();
    limiter.add_observer(heard.clone());
    limiter.acquire().expect("free").failed();
    clock.advance(Duration::from_secs(2));
    limiter.acquire().expect("the trial").failed();
    clock.advance(Duration::from_secs(2));
    limiter.acquire().expect("the next").success();
    assert_eq!(heard.kinds(), ["breaker_opened", "breaker_closed"]);
    let events = heard.events();
    assert_eq!(super::json(&events[0])["next_trial_seconds"], 2.0);
    assert_eq!(super::json(&events[1])["open_for_seconds"], 4.0);
    for event in events {
        let text = serde_json::to_string(&event).expect("plain data");
        assert_eq!(serde_json::from_str::<Event>(&text).expect(&text), event);
    }
}

#[test]
fn a_closed_client_ends_its_calls_and_lets_requests_in_flight_finish() {
    let api = SimulatedApi::builder()
        .round_trip(Duration::from_millis(200))
        .start()
        .expect("a port");
    let mut config = super::quick("closing", &api.base_url());
    config.initial_rate = 1.0;
    let client = DynamicAPIClient::builder(config).build().expect("valid");
    std::thread::scope(|scope| {
        let under_way = scope.spawn(|| client.get("/pages/1").send().map(|answer| answer.status()));
        while client.limiter().snapshot().granted < 1 {
            std::thread::yield_now();
        }
        let waiting = scope.spawn(|| client.get("/pages/2").send().map(drop));
        while client.limiter().snapshot().waiting < 1 && !waiting.is_finished() {
            std::thread::yield_now();
        }
        assert_eq!(client.clone().close_within(Duration::from_secs(60)), 0);
        let status = under_way.join().expect("no panic").expect("a response");
        assert_eq!(status.as_u16(), 200);
        let waited = waiting.join().expect("no panic");
        assert!(matches!(waited, Err(Error::Closed { .. })), "{waited:?}");
    });
    assert!(matches!(client.get("/").send(), Err(Error::Closed { .. })));
    assert_eq!(api.stats().accepted, 1);
}
