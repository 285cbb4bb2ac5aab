//! Injected faults, as a client that reads bytes sees them.

use std::time::Duration;

use api_ratelimiter_simulator::{Fault, SimulatedApi};

use crate::client::{End, Raw, agent, body_of, has_body, limit, statuses, wait_until};

const LONG: Duration = Duration::from_secs(3600);

fn with(fault: Result<Fault, api_ratelimiter_simulator::FaultError>) -> SimulatedApi {
    SimulatedApi::builder()
        .fault(fault.expect("a fault"))
        .start()
        .expect("a server")
}

/// Sends one request and reads its response until the end, or until silence once `enough` has arrived.
fn response(api: &SimulatedApi, enough: impl Fn(&str) -> bool) -> (String, End) {
    let mut raw = Raw::connect(api);
    raw.send("GET", "/pages/1");
    raw.read(enough)
}

fn never(_: &str) -> bool {
    false
}

/// Returns the counts of accepted, served and struck requests.
fn counts(api: &SimulatedApi) -> (u64, u64, u64) {
    let stats = api.stats();
    (stats.accepted, stats.served, stats.faults_injected)
}

#[test]
fn an_injected_status_replaces_the_response() {
    let api = with(Fault::status(502, 1.0));
    assert_eq!(statuses(&agent(), &api, "/pages/1", 3), [502; 3]);
    assert_eq!(counts(&api), (3, 0, 3));
    assert_eq!(api.served("/pages/1"), 0);
}

#[test]
fn a_connection_cut_before_the_response_ends_without_a_byte() {
    let api = with(Fault::cut_before_response(1.0));
    assert_eq!(response(&api, never), (String::new(), End::Closed));
    assert_eq!(counts(&api), (1, 0, 1));
}

#[test]
fn a_connection_reset_before_the_response_ends_without_a_byte() {
    let api = with(Fault::cut_before_response(1.0).map(Fault::by_reset));
    assert_eq!(response(&api, never), (String::new(), End::Reset));
    assert_eq!(counts(&api), (1, 0, 1));
}

#[test]
fn a_connection_cut_in_the_body_delivers_half_of_it() {
    let api = with(Fault::cut_in_body(1.0));
    let (received, end) = response(&api, never);
    let (length, body) = body_of(&received);
    assert!(received.starts_with("HTTP/1.1 200 OK\r\n"), "{received}");
    assert_eq!((body.len(), end), (length / 2, End::Closed));
    assert_eq!(counts(&api), (1, 0, 1));
}

#[test]
fn a_connection_reset_in_the_body_is_reset_before_its_end() {
    let api = with(Fault::cut_in_body(1.0).map(Fault::by_reset));
    let (received, end) = response(&api, never);
    assert_eq!(end, End::Reset);
    // A reset may overtake bytes that were sent before it.
    if received.contains("\r\n\r\n") {
        let (length, body) = body_of(&received);
        assert!(body.len() <= length / 2);
    }
    assert_eq!(counts(&api), (1, 0, 1));
}

#[test]
fn a_response_stalled_before_its_head_sends_no_byte() {
    let api = with(Fault::stall_before_response(LONG, 1.0));
    let mut raw = Raw::connect(&api);
    raw.send("GET", "/pages/1");
    wait_until("a request", || counts(&api) == (1, 0, 1));
    assert_eq!(raw.read(|_| true), (String::new(), End::Silent));
    assert_eq!(counts(&api), (1, 0, 1));
}

#[test]
fn a_response_stalled_in_its_body_stops_after_half() {
    let api = with(Fault::stall_in_body(LONG, 1.0));
    let (received, end) = response(&api, |text| has_body(text, 1, 2));
    let (length, body) = body_of(&received);
    assert_eq!((body.len(), end), (length / 2, End::Silent));
    assert_eq!(counts(&api), (1, 0, 1));
}

#[test]
fn a_stalled_response_is_served_later() {
    for fault in [Fault::stall_before_response, Fault::stall_in_body] {
        let api = with(fault(Duration::from_millis(3), 1.0));
        assert_eq!(statuses(&agent(), &api, "/pages/1", 2), [200; 2]);
        assert_eq!(counts(&api), (2, 2, 2));
    }
}

#[test]
fn a_connection_is_usable_after_a_stall() {
    let api = with(Fault::stall_in_body(Duration::from_millis(3), 1.0));
    let mut raw = Raw::connect(&api);
    for served in 1..=3 {
        raw.send("GET", "/pages/1");
        let (received, end) = raw.read(|text| has_body(text, 1, 1));
        let (length, body) = body_of(&received);
        assert_eq!((body.len(), end), (length, End::Silent));
        assert_eq!(api.stats().served, served);
    }
}

#[test]
fn a_response_without_a_body_is_cut_before_its_head() {
    let api = with(Fault::cut_in_body(1.0));
    for (method, target) in [("HEAD", "/pages/1"), ("GET", "/status/204")] {
        let mut raw = Raw::connect(&api);
        raw.send(method, target);
        assert_eq!(
            raw.read_to_end(),
            (String::new(), End::Closed),
            "{method} {target}"
        );
    }
}

#[test]
fn equal_seeds_strike_equal_requests() {
    let run = |seed| {
        let fault = Fault::status(500, 0.5).expect("a fault");
        let api = SimulatedApi::builder()
            .fault(fault)
            .seed(seed)
            .start()
            .expect("a server");
        statuses(&agent(), &api, "/pages/1", 60)
    };
    let statuses = run(1);
    assert!(statuses.contains(&200) && statuses.contains(&500));
    assert_eq!(run(1), statuses);
    assert_ne!(run(2), statuses);
}

#[test]
fn refused_requests_are_not_struck() {
    let api = SimulatedApi::builder()
        .limit(limit("fixed-window:1/1h"))
        .fault(Fault::status(500, 1.0).expect("a fault"))
        .start()
        .expect("a server");
    assert_eq!(statuses(&agent(), &api, "/", 3), [500, 429, 429]);
    assert_eq!(counts(&api), (1, 0, 1));
}
