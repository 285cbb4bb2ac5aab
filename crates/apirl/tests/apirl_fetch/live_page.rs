//! `--dashboard`: the run's figures while it runs.

use std::io::{BufRead, BufReader, Write};
use std::process::Stdio;

use api_ratelimiter::{ApiRateConfig, DynamicAPIClient};
use api_ratelimiter_simulator::{Limit, SimulatedApi};
use serde_json::Value;

use crate::job::{Job, Running, wait_until};

/// A reader of the page that is told its address.
fn reader(address: &str) -> DynamicAPIClient {
    let config = ApiRateConfig {
        name: "page".into(),
        base_url: address.to_owned(),
        initial_rate: 1000.0,
        max_rate: 1000.0,
        ..Default::default()
    };
    DynamicAPIClient::builder(config).build().expect("valid")
}

/// The sum of a metric over its labels.
fn sum(metrics: &str, name: &str) -> u64 {
    let series = metrics.lines().filter(|line| line.starts_with(name));
    let values = series.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok());
    values.sum()
}

#[test]
fn summary_metrics_page_and_server_tell_the_same_totals() {
    let limit = Limit::token_bucket(100.0, 5.0).expect("valid");
    let fault = "status:503:20%".parse().expect("a fault");
    let api = SimulatedApi::builder()
        .limit(limit)
        .fault(fault)
        .seed(7)
        .start()
        .expect("an API");
    let job = Job::new(&api.base_url());
    let (output, summary) = (job.path("output"), job.path("summary"));
    let args = [
        "--dashboard=127.0.0.1:0",
        "--path",
        "/pages/{}",
        "--output",
        &output,
        "--summary",
        &summary,
    ];
    let mut child = job
        .command(&args)
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut stderr = BufReader::new(child.stderr.take().expect("piped"));
    let mut input = child.stdin.take().expect("piped");
    let running = Running::of(child);

    let mut line = String::new();
    stderr.read_line(&mut line).expect("a line");
    let address = line
        .trim()
        .strip_prefix("Live page: ")
        .expect("its address");
    let page = reader(address);
    for id in 0..60 {
        writeln!(input, "{id}").expect("taken");
    }
    // All lines are done, and the run waits for more: now nothing moves.
    job.wait_for_lines(60);
    let snapshot = || -> Value {
        page.get("/snapshot.json")
            .send()
            .expect("an answer")
            .json()
            .expect("JSON")
    };
    wait_until("rest", || {
        let limiter = &snapshot()["limiters"][0];
        limiter["waiting"] == 0
            && sum(
                &page
                    .get("/metrics")
                    .send()
                    .expect("an answer")
                    .text()
                    .expect("text"),
                "api_ratelimiter_attempts_total",
            ) == limiter["granted"].as_u64().unwrap_or(0)
    });
    let limiter = snapshot()["limiters"][0].clone();
    let metrics = page
        .get("/metrics")
        .send()
        .expect("an answer")
        .text()
        .expect("text");
    drop(input);
    // Read to its end, so that the program is not told that nobody listens.
    std::io::copy(&mut stderr, &mut std::io::sink()).expect("read");
    // 503s are failures, and say so by their exit code.
    assert_eq!(running.wait().code, Some(1));

    let told: Value = serde_json::from_str(&job.text("summary")).expect("JSON");
    let (attempts, refused) = (told["attempts"].as_u64(), told["refused"].as_u64());
    assert_eq!(told["requested"], 60);
    assert_eq!(
        (limiter["granted"].as_u64(), limiter["backed_off"].as_u64()),
        (attempts, refused)
    );
    assert_eq!(
        Some(sum(&metrics, "api_ratelimiter_attempts_total")),
        attempts
    );
    assert_eq!(
        Some(sum(&metrics, "api_ratelimiter_refusals_total")),
        refused
    );
    assert_eq!(Some(api.stats().refused), refused);
    assert!(
        refused > Some(0) && told["failed"].as_u64() > Some(0),
        "{told}"
    );
}

#[test]
fn an_address_that_others_reach_or_that_is_none_is_refused_before_anything_is_sent() {
    let api = SimulatedApi::builder().start().expect("an API");
    let job = Job::of_pages(&api.base_url(), 3);
    for address in ["0.0.0.0:0", "here"] {
        let run = job.run_files(&["--path", "/pages/{}", &format!("--dashboard={address}")]);
        assert_eq!(run.code, Some(2), "{run:?}");
        assert!(run.err.contains("dashboard"), "{run:?}");
    }
    assert_eq!(api.stats().accepted, 0);
}
