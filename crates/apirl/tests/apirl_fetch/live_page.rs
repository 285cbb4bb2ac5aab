//! `--dashboard`: the figures of a run while it runs.

use std::io::{BufRead, BufReader, Write};
use std::process::Stdio;

use api_ratelimiter::{ApiRateConfig, DynamicAPIClient};
use api_ratelimiter_simulator::{Limit, SimulatedApi};
use serde_json::Value;

use crate::job::{Job, Running, wait_until};

/// Returns a client that reads the page.
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

/// Returns the sum of a metric over its labels.
fn sum(metrics: &str, name: &str) -> u64 {
    let series = metrics.lines().filter(|line| line.starts_with(name));
    let values = series.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok());
    values.sum()
}

#[test]
fn summary_metrics_page_and_server_show_equal_totals() {
    let limit = Limit::token_bucket(100.0, 5.0).expect("valid");
    let fault = "status:503:20%".parse().expect("a fault");
    let api = SimulatedApi::builder()
        .limit(limit)
        .fault(fault)
        .seed(7)
        .start()
        .expect("an API");
    let job = Job::new(&api.base_url());
    let (output, summary_file) = (job.path("output"), job.path("summary"));
    let args = [
        "--dashboard=127.0.0.1:0",
        "--path",
        "/pages/{}",
        "--output",
        &output,
        "--summary",
        &summary_file,
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
    // All lines are done and the run waits for more, so the figures are stable.
    job.wait_for_lines(60);
    let snapshot = || -> Value {
        page.get("/snapshot.json")
            .send()
            .expect("a response")
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
                    .expect("a response")
                    .text()
                    .expect("text"),
                "api_ratelimiter_attempts_total",
            ) == limiter["granted"].as_u64().unwrap_or(0)
    });
    let limiter = snapshot()["limiters"][0].clone();
    let metrics = page
        .get("/metrics")
        .send()
        .expect("a response")
        .text()
        .expect("text");
    drop(input);
    // Read to the end: a closed pipe would end the program early.
    std::io::copy(&mut stderr, &mut std::io::sink()).expect("read");
    // Responses with a status of 503 are failures, so the exit code is 1.
    assert_eq!(running.wait().code, Some(1));

    let summary: Value = serde_json::from_str(&job.text("summary")).expect("JSON");
    let (attempts, refused) = (summary["attempts"].as_u64(), summary["refused"].as_u64());
    assert_eq!(summary["requested"], 60);
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
        refused > Some(0) && summary["failed"].as_u64() > Some(0),
        "{summary}"
    );
}

#[test]
fn an_address_that_is_invalid_or_not_local_is_refused_before_a_request_is_sent() {
    let api = SimulatedApi::builder().start().expect("an API");
    let job = Job::of_pages(&api.base_url(), 3);
    for address in ["0.0.0.0:0", "here"] {
        let run = job.run_files(&["--path", "/pages/{}", &format!("--dashboard={address}")]);
        assert_eq!(run.code, Some(2), "{run:?}");
        assert!(run.err.contains("dashboard"), "{run:?}");
    }
    assert_eq!(api.stats().accepted, 0);
}
