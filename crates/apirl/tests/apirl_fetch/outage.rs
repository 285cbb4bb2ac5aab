//! Runs while the API is down, with a circuit breaker in the settings.

use std::time::Duration;

use api_ratelimiter_simulator::{Fault, SimulatedApi};
use serde_json::json;

use crate::job::Job;
use crate::server::{OK, Server};

/// Writes settings with a circuit breaker that opens at the second failure.
fn settings(job: &Job, base_url: &str, patience: f64) -> String {
    let breaker = json!({"failures": 2, "trial_interval_seconds": 0.05});
    let config = json!({"mine": {
        "base_url": base_url, "breaker": breaker, "max_cooldown_seconds": patience,
    }});
    job.put("config", &config.to_string());
    job.path("config")
}

#[test]
fn a_run_waits_for_the_end_of_an_outage_and_loses_no_line() {
    let (soon, long) = (Duration::ZERO, Duration::from_millis(500));
    let cut = Fault::cut_before_response(1.0).expect("a fault");
    let api = SimulatedApi::builder().outage(soon, long, cut).start();
    let api = api.expect("an API");
    let job = Job::of_pages(&api.base_url(), 20);
    let config = settings(&job, &api.base_url(), 60.0);
    let run = job.run_files(&["--path", "/pages/{}", "--config", &config]);
    assert_eq!(run.code, Some(0), "{run:?}");
    job.has_each_once(20);
    assert!(api.stats().met_outage > 0);
    assert_eq!(api.stats().served_twice, 0);
}

#[test]
fn an_outage_that_does_not_end_stops_the_run_and_leaves_the_lines_to_another_run() {
    let down = {
        let api = SimulatedApi::builder().start().expect("an API");
        api.base_url()
    };
    let job = Job::of_pages(&down, 20);
    let config = settings(&job, &down, 0.2);
    let args = ["--path", "/pages/{}", "--config", &config];
    let run = job.run_files(&args);
    assert_eq!(run.code, Some(1), "{run:?}");
    for part in [
        "error: requests fail, and the circuit breaker of the settings",
        "--resume to continue",
    ] {
        assert!(run.err.contains(part), "{run:?}");
    }
    assert!(job.output().len() < 20, "{run:?}");
}

#[test]
fn a_quota_that_is_used_up_stops_the_run_with_its_reason_and_leaves_the_lines_to_another_run() {
    let server = Server::start(|_, is_open| {
        Some(match is_open {
            true => OK,
            false => {
                "HTTP/1.1 429 Too Many Requests\r\nContent-Type: application/json\r\n\
                      Content-Length: 47\r\n\r\n{\"error\":{\"code\":\"insufficient_quota\",\"a\": 1}}\n"
            }
        })
    });
    let job = Job::of_pages(&server.base_url, 100);
    let args = ["--path", "/pages/{}", "--concurrency", "4"];
    let run = job.run_files(&args);
    assert_eq!(run.code, Some(1), "{run:?}");
    for part in [
        "error: the run stopped: the quota is used up",
        "insufficient_quota",
        "--resume to continue",
    ] {
        assert!(run.err.contains(part), "{run:?}");
    }
    assert!(server.requests() <= 8, "{} requests", server.requests());
    server.open();
    let run = job.run_files(&[&args[..], &["--resume"]].concat());
    assert_eq!(run.code, Some(0), "{run:?}");
    job.has_each_once(100);
}
