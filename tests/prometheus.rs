//! Metrics in the caller's registry.

use std::io::Write;
use std::process::{Command, Stdio};
use std::sync::Arc;

use api_ratelimiter::prometheus::{Metrics, text_format};
use api_ratelimiter::{
    ApiRateConfig, Clock, DynamicAPIClient, DynamicRateLimiter, Learning, ManualClock,
};
use api_ratelimiter_simulator::SimulatedApi;
use prometheus_client::registry::Registry;

fn config(base_url: String) -> ApiRateConfig {
    ApiRateConfig {
        name: "mine".into(),
        base_url,
        initial_rate: 500.0,
        max_rate: 1000.0,
        ..Default::default()
    }
}

/// Returns the value of a series, by its name and labels as written.
fn value(text: &str, series: &str) -> f64 {
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("no {series} in\n{text}"))
        .parse()
        .expect("a number")
}

#[test]
fn attempts_refusals_and_times_are_counted_by_route_and_class_of_status() {
    let api = SimulatedApi::builder().start().expect("it starts");
    let mut registry = Registry::default();
    let metrics = Metrics::register(&mut registry);
    let client = DynamicAPIClient::builder(config(api.base_url()))
        .label("acme")
        .max_retries_on_backoff(0)
        .build()
        .expect("valid");
    metrics.watch(client.limiter());
    metrics.watch(client.limiter());
    for path in ["/pages/1", "/pages/2", "/status/404", "/status/500"] {
        client.get(path).route("one").send().expect("a response");
    }
    let text = text_format(&registry);
    let of = |status| format!("{{api=\"mine\",tenant=\"acme\",route=\"one\",status=\"{status}\"}}");
    let attempts = |status| {
        value(
            &text,
            &format!("api_ratelimiter_attempts_total{}", of(status)),
        )
    };
    assert_eq!(
        (attempts("2xx"), attempts("4xx"), attempts("5xx")),
        (2.0, 1.0, 1.0)
    );
    let route = "{api=\"mine\",tenant=\"acme\",route=\"one\"}";
    for histogram in ["request_duration", "wait_duration"] {
        let count = format!("api_ratelimiter_{histogram}_seconds_count{route}");
        assert_eq!(value(&text, &count), 4.0);
    }
    assert!(!text.contains("/pages"), "addresses are not labels");
}

#[test]
fn refusals_cuts_and_calls_given_up_are_counted() {
    let api = SimulatedApi::builder().start().expect("it starts");
    let mut registry = Registry::default();
    let metrics = Metrics::register(&mut registry);
    let client = DynamicAPIClient::builder(config(api.base_url()))
        .max_retries_on_backoff(0)
        .build()
        .expect("valid");
    metrics.watch(client.limiter());
    client
        .get("/status/429")
        .send()
        .expect_err("one refusal is too many");
    let text = text_format(&registry);
    let route = "{api=\"mine\",tenant=\"\",route=\"\"}";
    assert_eq!(
        value(&text, &format!("api_ratelimiter_refusals_total{route}")),
        1.0
    );
    let of = "{api=\"mine\",tenant=\"\"}";
    assert_eq!(
        value(&text, &format!("api_ratelimiter_cuts_total{of}")),
        1.0
    );
    let error = "{api=\"mine\",tenant=\"\",route=\"\",error=\"BackoffExhausted\"}";
    assert_eq!(
        value(
            &text,
            &format!("api_ratelimiter_calls_given_up_total{error}")
        ),
        1.0
    );
    assert!(value(&text, &format!("api_ratelimiter_cooldown_seconds{of}")) > 0.0);
}

#[test]
fn limiters_of_one_name_share_a_series_until_they_are_forgotten() {
    let clock = Arc::new(ManualClock::new());
    let limiter = |rate| {
        let config = ApiRateConfig {
            name: "pool".into(),
            initial_rate: rate,
            learning: Learning::Off,
            ..Default::default()
        };
        let clock: Arc<dyn Clock> = clock.clone();
        DynamicRateLimiter::with_clock(&config, clock).expect("valid")
    };
    let (first, second) = (limiter(2.0), limiter(3.0));
    let mut registry = Registry::default();
    let metrics = Metrics::register(&mut registry);
    metrics.watch(&first);
    metrics.watch(&second);
    let rate = "api_ratelimiter_rate_per_second{api=\"pool\",tenant=\"\"}";
    assert_eq!(value(&text_format(&registry), rate), 5.0);
    metrics.forget(&first);
    assert_eq!(value(&text_format(&registry), rate), 3.0);
    metrics.forget(&second);
    assert!(!text_format(&registry).contains("rate_per_second"));
}

#[test]
fn a_route_that_holds_an_id_by_mistake_does_not_fill_the_memory() {
    let api = SimulatedApi::builder().start().expect("it starts");
    let mut registry = Registry::default();
    let metrics = Metrics::register(&mut registry);
    let client = DynamicAPIClient::builder(config(api.base_url()))
        .build()
        .expect("valid");
    metrics.watch(client.limiter());
    for id in 0..210 {
        client
            .get("/pages/1")
            .route(format!("page {id}"))
            .send()
            .expect("a response")
            .bytes()
            .expect("read");
    }
    let text = text_format(&registry);
    let routes = text
        .lines()
        .filter(|line| line.starts_with("api_ratelimiter_attempts_total{"));
    assert_eq!(routes.count(), 201);
    let other =
        "api_ratelimiter_attempts_total{api=\"mine\",tenant=\"\",route=\"other\",status=\"2xx\"}";
    assert_eq!(value(&text, other), 10.0);
}

/// Needs Debian's `prometheus` package.
#[test]
#[ignore = "needs promtool"]
fn promtool_accepts_the_metrics() {
    let api = SimulatedApi::builder().start().expect("it starts");
    let mut registry = Registry::default();
    let metrics = Metrics::register(&mut registry);
    let client = DynamicAPIClient::builder(config(api.base_url()))
        .max_retries_on_backoff(0)
        .build()
        .expect("valid");
    metrics.watch(client.limiter());
    client
        .get("/pages/1")
        .route("page")
        .send()
        .expect("a response")
        .bytes()
        .expect("read");
    client
        .get("/status/429")
        .send()
        .expect_err("one refusal is too many");
    let promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut promtool) = promtool else {
        println!("SKIPPED: promtool is not installed");
        return;
    };
    let text = text_format(&registry);
    promtool
        .stdin
        .take()
        .expect("piped")
        .write_all(text.as_bytes())
        .expect("it reads");
    let said = promtool.wait_with_output().expect("it ends");
    assert!(
        said.status.success() && said.stdout.is_empty() && said.stderr.is_empty(),
        "{said:?}\n{text}"
    );
}

/// Returns the code blocks of the guide in this language that contain `part`.
fn blocks(language: &str, part: &str) -> Vec<&'static str> {
    let fence = format!("```{language}\n");
    let guide = include_str!("../METRICS.md");
    let blocks = guide.split(fence.as_str()).skip(1);
    blocks
        .filter_map(|rest| rest.split("```").next())
        .filter(|block| block.contains(part))
        .collect()
}

#[test]
fn the_dashboard_in_the_guide_is_json_and_asks_for_metrics_that_exist() {
    let boards = blocks("json", "schemaVersion");
    assert_eq!(boards.len(), 1);
    let board: serde_json::Value = serde_json::from_str(boards[0]).expect("JSON");
    let mut registry = Registry::default();
    let metrics = Metrics::register(&mut registry);
    let api = SimulatedApi::builder().start().expect("it starts");
    let client = DynamicAPIClient::builder(config(api.base_url()))
        .build()
        .expect("valid");
    metrics.watch(client.limiter());
    client.get("/pages/1").send().expect("a response");
    let text = text_format(&registry);
    let panels = board["panels"].as_array().expect("panels");
    let targets = panels
        .iter()
        .filter_map(|panel| panel["targets"].as_array());
    let mut asked = 0;
    for target in targets.flatten() {
        let expr = target["expr"].as_str().expect("an expression");
        for name in expr.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_')) {
            if name.starts_with("api_ratelimiter_") {
                let name = name.trim_end_matches("_bucket");
                // The ceiling has no series until it is learned.
                let is_known = text.contains(&format!("# TYPE {name} "));
                assert!(is_known || name.contains("ceiling"), "{name} in\n{text}");
                asked += 1;
            }
        }
    }
    assert!(asked >= 7, "{asked}");
}

/// Needs Debian's `prometheus` package.
#[test]
#[ignore = "needs promtool"]
fn promtool_accepts_the_rules_and_the_configuration_in_the_guide() {
    for (part, check) in [("groups:", "rules"), ("scrape_configs:", "config")] {
        let found = blocks("yaml", part);
        assert!(!found.is_empty(), "{part}");
        for (number, block) in found.into_iter().enumerate() {
            let name = format!("guide-{check}-{}-{number}.yml", std::process::id());
            let file = std::env::temp_dir().join(name);
            std::fs::write(&file, block).expect("written");
            let said = Command::new("promtool")
                .args(["check", check])
                .arg(&file)
                .output();
            std::fs::remove_file(&file).expect("removed");
            match said {
                Ok(said) => assert!(said.status.success(), "{said:?}"),
                Err(_) => println!("SKIPPED: promtool is not installed"),
            }
        }
    }
}
