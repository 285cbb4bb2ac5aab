//! Half a minute without a server under sixteen workers, with the circuit breaker on.

use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use api_ratelimiter::{ApiRateConfig, CircuitBreaker, DynamicAPIClient, Event, Observer};
use api_ratelimiter_simulator::{Fault, SimulatedApi};

const BEFORE: Duration = Duration::from_secs(3);
const OUTAGE: Duration = Duration::from_secs(30);

/// Trials come every 2 s: a job that has not begun anew by then stands still.
const STANDSTILL: Duration = Duration::from_secs(20);

/// When answers came.
#[derive(Default)]
struct Answers(Mutex<Vec<SystemTime>>);

impl Observer for Answers {
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
fn an_outage_of_half_a_minute_meets_few_requests_and_every_job_is_done() {
    let api = SimulatedApi::builder()
        .outage(
            BEFORE,
            OUTAGE,
            Fault::cut_before_response(1.0).expect("valid").by_reset(),
        )
        .start()
        .expect("a port");
    let end = SystemTime::now() + BEFORE + OUTAGE;
    let answers = Arc::new(Answers::default());
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
        .observer(answers.clone())
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
    let answers = answers.0.lock().expect("not poisoned");
    let first = answers.iter().filter(|at| **at >= end).min();
    let late = first
        .and_then(|at| at.duration_since(end).ok())
        .expect("answers after the outage");
    eprintln!(
        "{} requests during the outage, first answer {late:?} after it",
        stats.met_outage
    );
    assert!((6..40).contains(&stats.met_outage), "{stats:?}");
    assert!(late < STANDSTILL, "{late:?}");
    assert_eq!((stats.served, stats.served_twice), (640, 0));
}
