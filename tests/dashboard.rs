//! The live page: requests of a browser, and requests that must be refused.

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use api_ratelimiter::dashboard::{self, Dashboard};
use api_ratelimiter::{ApiRateConfig, DynamicAPIClient, Error, Event, Observer};
use api_ratelimiter_simulator::{Limit, SimulatedApi};
use serde_json::Value;

fn config(name: &str, base_url: String) -> ApiRateConfig {
    ApiRateConfig {
        name: name.into(),
        base_url,
        initial_rate: 500.0,
        max_rate: 1000.0,
        ..Default::default()
    }
}

fn client(api: &SimulatedApi) -> DynamicAPIClient {
    DynamicAPIClient::builder(config("mine", api.base_url()))
        .bearer_auth("a-secret")
        .build()
        .expect("valid")
}

/// Opens a connection and sends a request with this `Host`.
fn ask(page: &Dashboard, path: &str, host: &str) -> TcpStream {
    let mut stream = TcpStream::connect(page.address()).expect("it listens");
    stream
        .set_read_timeout(Some(Duration::from_secs(30)))
        .expect("a timeout");
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
    )
    .expect("sent");
    stream
}

fn answer(page: &Dashboard, path: &str, host: &str) -> String {
    let mut text = String::new();
    ask(page, path, host)
        .read_to_string(&mut text)
        .expect("a response");
    text
}

fn snapshot(page: &Dashboard) -> Value {
    let text = answer(page, "/snapshot.json", "localhost");
    let (_, body) = text.split_once("\r\n\r\n").expect("a head and a body");
    serde_json::from_str(body).expect("JSON")
}

#[test]
fn the_snapshot_and_the_metrics_show_what_the_limiter_did() {
    let api = SimulatedApi::builder().start().expect("it starts");
    let client = client(&api);
    let page = dashboard::serve("127.0.0.1:0", &client).expect("it starts");
    for _ in 0..3 {
        client
            .get("/pages/1")
            .send()
            .expect("a response")
            .bytes()
            .expect("read");
    }
    let shown = snapshot(&page);
    let limiter = &shown["limiters"][0];
    assert_eq!(
        (&limiter["name"], &limiter["granted"]),
        (&"mine".into(), &3.into())
    );
    assert!(shown["at"].as_f64() > Some(1.6e9));
    let metrics = answer(&page, "/metrics", "localhost");
    assert!(
        metrics.contains(
            "api_ratelimiter_attempts_total{api=\"mine\",tenant=\"\",route=\"\",status=\"2xx\"} 3"
        ),
        "{metrics}"
    );
    assert!(!metrics.contains("a-secret") && !shown.to_string().contains("a-secret"));
}

#[test]
fn the_stream_begins_with_kept_samples_and_continues_with_new_ones() {
    let api = SimulatedApi::builder().start().expect("it starts");
    let client = client(&api);
    let page = dashboard::serve("127.0.0.1:0", &client).expect("it starts");
    let mut lines = BufReader::new(ask(&page, "/events", "localhost"))
        .lines()
        .map(|line| line.expect("a line"));
    let mut data_of = |event: &str| {
        assert!(
            lines.any(|line| line == format!("event: {event}")),
            "the stream ended"
        );
        let data = lines.next().expect("data");
        serde_json::from_str::<Value>(data.strip_prefix("data: ").expect("data")).expect("JSON")
    };
    assert!(data_of("kept").is_array());
    let granted = |sample: &Value| sample["limiters"][0]["granted"].as_u64().expect("a number");
    let before = granted(&data_of("sample"));
    client
        .get("/pages/1")
        .send()
        .expect("a response")
        .bytes()
        .expect("read");
    let moved = (0..20).any(|_| granted(&data_of("sample")) > before);
    assert!(moved);
}

#[test]
fn the_page_shows_several_limiters() {
    let api = SimulatedApi::builder().start().expect("it starts");
    let second = DynamicAPIClient::builder(config("other", api.base_url()))
        .build()
        .expect("valid");
    let page = dashboard::builder()
        .watch(client(&api).limiter())
        .watch(second.limiter())
        .start("127.0.0.1:0")
        .expect("it starts");
    let shown = snapshot(&page);
    let names: Vec<&str> = shown["limiters"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|one| one["name"].as_str())
        .collect();
    assert_eq!(names, ["mine", "other"]);
}

#[test]
fn hundreds_of_half_requests_take_no_more_than_the_pages_own_connections() {
    let api = SimulatedApi::builder().start().expect("it starts");
    let client = client(&api);
    let page = dashboard::serve("127.0.0.1:0", &client).expect("it starts");
    let half = || {
        let mut stream = TcpStream::connect(page.address()).expect("a connection");
        // A connection above the maximum may be closed already.
        let _ = stream.write_all(b"GET / HTTP/1.1\r\nHost: local");
        stream
    };
    let mut halves: Vec<TcpStream> = (0..300).map(|_| half()).collect();
    // The page closes all but its own few at once, and those after ten seconds.
    let mut open = 0;
    for stream in &mut halves[100..] {
        stream
            .set_read_timeout(Some(Duration::from_secs(5)))
            .expect("a timeout");
        if let Err(error) = stream.read(&mut [0]) {
            open += usize::from(error.kind() != ErrorKind::ConnectionReset);
        }
    }
    assert_eq!(open, 0, "the first 64 of 300 are open, and no others");
    // The job goes on, and the page is there again.
    let response = client.get("/pages/1").send().expect("a response");
    assert_eq!(response.status(), 200);
    let began = Instant::now();
    while !answered(&page) {
        assert!(began.elapsed() < Duration::from_secs(60), "never again");
        thread::sleep(Duration::from_millis(100));
    }
}

/// Returns whether the page answers one whole request.
fn answered(page: &Dashboard) -> bool {
    let mut stream = TcpStream::connect(page.address()).expect("a connection");
    let request = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    let mut answer = Vec::new();
    let _ = stream.write_all(request);
    let _ = stream.read_to_end(&mut answer);
    answer.starts_with(b"HTTP/1.1 200 ")
}

#[test]
fn a_request_with_an_unknown_host_name_is_refused() {
    let api = SimulatedApi::builder().start().expect("it starts");
    let page = dashboard::serve("127.0.0.1:0", &client(&api)).expect("it starts");
    for path in ["/", "/snapshot.json", "/metrics", "/events"] {
        let said = answer(&page, path, "evil.example");
        assert!(said.starts_with("HTTP/1.1 403 "), "{path}: {said}");
        assert!(!said.contains("mine"));
    }
    let home = answer(&page, "/", "127.0.0.1");
    assert!(
        home.starts_with("HTTP/1.1 200 ")
            && home.contains("content-security-policy: default-src 'none'")
    );
    assert!(
        !home.contains("//cdn") && home.matches("http").count() <= 3,
        "no outside requests: {home}"
    );
}

#[test]
fn the_page_can_not_change_anything() {
    let api = SimulatedApi::builder().start().expect("it starts");
    let page = dashboard::serve("127.0.0.1:0", &client(&api)).expect("it starts");
    for path in ["/", "/snapshot.json", "/metrics", "/events"] {
        let mut stream = TcpStream::connect(page.address()).expect("it listens");
        write!(stream, "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").expect("sent");
        let mut said = String::new();
        stream.read_to_string(&mut said).expect("a response");
        assert!(said.starts_with("HTTP/1.1 405 "), "{path}: {said}");
    }
}

#[test]
fn an_address_for_other_machines_needs_allow_remote() {
    let api = SimulatedApi::builder().start().expect("it starts");
    let client = client(&api);
    for (address, problem) in [
        ("0.0.0.0:0", "can be reached by other machines"),
        ("[::]:0", "can be reached by other machines"),
        ("localhost", "expected an IP address with a port"),
    ] {
        let error = dashboard::serve(address, &client).expect_err("refused");
        assert!(
            matches!(error, Error::InvalidConfig { .. }) && error.to_string().contains(problem),
            "{error}"
        );
    }
    let taken = dashboard::serve("127.0.0.1:0", &client).expect("it starts");
    let again = dashboard::serve(&taken.address().to_string(), &client).expect_err("taken");
    assert!(again.to_string().contains("can't listen on"), "{again}");
    let open = dashboard::builder()
        .watch(client.limiter())
        .allow_remote(["Job-7.internal"])
        .start("0.0.0.0:0")
        .expect("allowed");
    assert!(answer_at(&open, "job-7.internal").starts_with("HTTP/1.1 200 "));
}

fn answer_at(page: &Dashboard, host: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", page.address().port())).expect("it listens");
    write!(
        stream,
        "GET /snapshot.json HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
    )
    .expect("sent");
    let mut text = String::new();
    stream.read_to_string(&mut text).expect("a response");
    text
}

#[test]
fn the_server_stops_with_its_handle_even_while_a_browser_is_connected() {
    let api = SimulatedApi::builder().start().expect("it starts");
    let page = dashboard::serve("127.0.0.1:0", &client(&api)).expect("it starts");
    let address = page.address();
    let mut watching = BufReader::new(ask(&page, "/events", "localhost"));
    let mut line = String::new();
    watching.read_line(&mut line).expect("a line");
    drop(page);
    let mut rest = Vec::new();
    let _ = watching.read_to_end(&mut rest);
    assert!(
        TcpStream::connect(address).is_err(),
        "the server has stopped"
    );
}

/// Adds up the events.
#[derive(Default)]
struct Sums {
    attempts: AtomicU64,
    refused: AtomicU64,
}

impl Observer for Sums {
    fn on_event(&self, event: &Event) {
        if let Event::Attempt { refused, .. } = event {
            self.attempts.fetch_add(1, Ordering::Relaxed);
            self.refused
                .fetch_add(u64::from(*refused), Ordering::Relaxed);
        }
    }
}

#[test]
fn events_metrics_page_and_server_agree_on_a_job_with_faults() {
    let faulty = "status:503:20%".parse().expect("a fault");
    let limit = Limit::token_bucket(40.0, 5.0).expect("valid");
    let api = SimulatedApi::builder()
        .limit(limit)
        .fault(faulty)
        .seed(7)
        .start()
        .expect("it starts");
    let sums = Arc::new(Sums::default());
    let client = DynamicAPIClient::builder(config("mine", api.base_url()))
        .observer(sums.clone())
        .build()
        .expect("valid");
    let page = dashboard::serve("127.0.0.1:0", &client).expect("it starts");
    let workers: Vec<_> = (0..4)
        .map(|_| {
            let client = client.clone();
            std::thread::spawn(move || {
                for _ in 0..25 {
                    client
                        .get("/pages/1")
                        .send()
                        .expect("a response")
                        .bytes()
                        .expect("read");
                }
            })
        })
        .collect();
    workers
        .into_iter()
        .for_each(|worker| worker.join().expect("it ends"));

    let (attempts, refused) = (
        sums.attempts.load(Ordering::Relaxed),
        sums.refused.load(Ordering::Relaxed),
    );
    assert_eq!(
        attempts,
        100 + refused,
        "every call has a response, also every refused one"
    );
    let stats = api.stats();
    assert_eq!(stats.refused, refused);
    let limiter = snapshot(&page)["limiters"][0].clone();
    assert_eq!(
        (&limiter["granted"], &limiter["backed_off"]),
        (&attempts.into(), &refused.into())
    );
    let metrics = answer(&page, "/metrics", "localhost");
    let of = |series: &str| -> u64 {
        let lines = metrics.lines().filter(|line| line.starts_with(series));
        lines
            .filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok())
            .sum()
    };
    assert_eq!(of("api_ratelimiter_attempts_total{"), attempts);
    assert_eq!(of("api_ratelimiter_refusals_total{"), refused);
    assert!(
        refused > 0
            && of(
                "api_ratelimiter_attempts_total{api=\"mine\",tenant=\"\",route=\"\",status=\"5xx\"}"
            ) > 0
    );
}
