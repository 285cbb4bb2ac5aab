//! An outage of half a minute with sixteen workers and the circuit breaker.

use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use api_ratelimiter::{ApiRateConfig, CircuitBreaker, DynamicAPIClient, Event, Observer};
use api_ratelimiter_simulator::{Fault, SimulatedApi};

const BEFORE: Duration = Duration::from_secs(3);
const OUTAGE: Duration = Duration::from_secs(30);

/// Maximum time from the end of the outage to the first success. Trials happen every 2 seconds.
const STALL: Duration = Duration::from_secs(20);

/// Times of successful responses.
#[derive(Default)]
struct SuccessTimes(Mutex<Vec<SystemTime>>);

impl Observer for SuccessTimes {
    fn on_event(&self, event: &Event) {
        if let Event::Attempt {
            about,
            status: Some(200),
            ..
        } = event
        {
            self.0.lock().expect("not poisoned").push(about.at);
        }
    }
}

#[test]
#[ignore = "full size: three quarters of a minute"]
fn few_requests_are_sent_during_an_outage_and_every_job_is_done() {
    let api = SimulatedApi::builder()
        .outage(
            BEFORE,
            OUTAGE,
            Fault::cut_before_response(1.0).expect("valid").by_reset(),
        )
        .start()
        .expect("a port");
    let end = SystemTime::now() + BEFORE + OUTAGE;
    let successes = Arc::new(SuccessTimes::default());
    let config = ApiRateConfig {
        name: "outage".into(),
        base_url: api.base_url(),
        initial_rate: 50.0,
        max_rate: 100.0,
        ..Default::default()
    };
    let client = DynamicAPIClient::builder(config)
        .circuit_breaker(CircuitBreaker::default())
        .retry_transport(3)
        .observer(successes.clone())
        .build()
        .expect("valid");
    std::thread::scope(|scope| {
        for worker in 0..16 {
            let client = client.clone();
            scope.spawn(move || {
                for job in 0..40 {
                    let response = client.get(format!("/pages/{worker}-{job}")).send();
                    drop(response.expect("every job is done").bytes());
                }
            });
        }
    });
    let stats = api.stats();
    let successes = successes.0.lock().expect("not poisoned");
    let first = successes.iter().filter(|at| **at >= end).min();
    let late = first
        .and_then(|at| at.duration_since(end).ok())
        .expect("a success after the outage");
    eprintln!(
        "{} requests during the outage, first success {late:?} after it",
        stats.met_outage
    );
    assert!((6..40).contains(&stats.met_outage), "{stats:?}");
    assert!(late < STALL, "{late:?}");
    assert_eq!((stats.served, stats.served_twice), (640, 0));
}
