//! Responses and counts of the server, and its start and stop.

use std::collections::BTreeSet;
use std::net::TcpStream;
use std::time::Duration;

use api_ratelimiter_simulator::{Fault, SimulatedApi};
use serde_json::{Value, json};

use crate::client::{End, Raw, agent, body_of, get, statuses, wait_until};

#[test]
fn the_pages_of_a_query_have_every_item_once() {
    let api = SimulatedApi::builder()
        .items(1_050)
        .start()
        .expect("a server");
    let url = format!("{}/v1/databases/people/query", api.base_url());
    let agent = agent();
    let mut ids = BTreeSet::new();
    let mut query = json!({});
    loop {
        let list = crate::client::json(
            agent
                .post(&url)
                .send(query.to_string())
                .expect("a response"),
        );
        for page in list["results"].as_array().expect("results") {
            assert!(
                ids.insert(page["id"].as_str().expect("an id").to_owned()),
                "duplicate: {page}"
            );
        }
        if list["has_more"] == json!(false) {
            break;
        }
        query["start_cursor"] = list["next_cursor"].clone();
    }
    assert_eq!(ids.len(), 1_050);
    assert_eq!(api.served("POST /v1/databases/people/query"), 11);
    assert_eq!(api.stats().served_twice, 0, "eleven different cursors");
}

#[test]
fn a_repeated_request_counts_as_served_twice() {
    let api = SimulatedApi::builder().start().expect("a server");
    let agent = agent();
    statuses(&agent, &api, "/pages/1", 1);
    statuses(&agent, &api, "/pages/2", 3);
    statuses(&agent, &api, "/pages/2?x=1", 1);
    assert_eq!(
        (
            api.served("/pages/1"),
            api.served("/pages/2"),
            api.served("/pages/2?x=1")
        ),
        (1, 3, 1)
    );
    assert_eq!(
        (
            api.served("GET /pages/2"),
            api.served("PUT /pages/2"),
            api.served("/pages/3")
        ),
        (3, 0, 0)
    );
    assert_eq!((api.stats().served, api.stats().served_twice), (5, 2));
}

#[test]
fn pipelined_requests_are_served_and_counted_in_order() {
    let api = SimulatedApi::builder().start().expect("a server");
    let mut raw = Raw::connect(&api);
    for id in 0..50 {
        raw.send("GET", &format!("/pages/{id}"));
    }
    let count = |text: &str| text.matches("HTTP/1.1 200 OK").count();
    let (received, end) = raw.read(|text| count(text) == 50);
    assert_eq!((count(&received), end), (50, End::Silent));
    assert_eq!((api.stats().served, api.stats().served_twice), (50, 0));
}

#[test]
fn a_head_request_gets_no_body() {
    let api = SimulatedApi::builder().start().expect("a server");
    let mut raw = Raw::connect(&api);
    for _ in 0..2 {
        raw.send("HEAD", "/things");
        let (response, end) = raw.read(|text| text.contains("\r\n\r\n"));
        let (length, body) = body_of(&response);
        assert!(
            length > 0 && body.is_empty() && end == End::Silent,
            "{response}"
        );
    }
    assert_eq!(api.served("HEAD /things"), 2);
}

#[test]
fn a_requested_status_is_returned() {
    let api = SimulatedApi::builder().start().expect("a server");
    let agent = agent();
    for status in [200, 201, 204, 304, 400, 404, 429, 500, 503] {
        assert_eq!(
            statuses(&agent, &api, &format!("/status/{status}"), 1),
            [status]
        );
    }
    assert_eq!(api.stats().refused, 0, "a requested 429 is not a refusal");
}

#[test]
fn the_echo_omits_header_values() {
    let api = SimulatedApi::builder().start().expect("a server");
    let url = format!("{}/things/7?deep=1", api.base_url());
    let request = agent()
        .put(url)
        .header("Authorization", "Bearer s3cret")
        .send("12345");
    let text = request
        .expect("a response")
        .body_mut()
        .read_to_string()
        .expect("text");
    let echo: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(
        (
            &echo["method"],
            &echo["path"],
            &echo["query"],
            &echo["body_bytes"]
        ),
        (
            &json!("PUT"),
            &json!("/things/7"),
            &json!("deep=1"),
            &json!(5)
        )
    );
    assert!(
        text.contains("authorization") && !text.contains("s3cret"),
        "{text}"
    );
}

#[test]
fn a_stopped_api_refuses_connections_and_keeps_its_counts() {
    let api = SimulatedApi::builder().start().expect("a server");
    get(&agent(), &api, "/pages/1");
    api.stop();
    api.stop();
    assert!(TcpStream::connect(api.addr()).is_err());
    assert_eq!((api.stats().served, api.served("/pages/1")), (1, 1));

    let again = SimulatedApi::builder()
        .port(api.addr().port())
        .start()
        .expect("the port is free again");
    assert_eq!(again.addr(), api.addr());
}

#[test]
fn stopping_closes_busy_connections() {
    let fault = Fault::stall_in_body(Duration::from_secs(3600), 1.0).expect("a fault");
    let api = SimulatedApi::builder()
        .fault(fault)
        .start()
        .expect("a server");
    let mut raw = Raw::connect(&api);
    raw.send("GET", "/pages/1");
    wait_until("a request", || api.stats().accepted == 1);
    drop(api);
    let (_, end) = raw.read_to_end();
    assert_ne!(end, End::Silent);
}

#[test]
fn a_port_in_use_is_an_error() {
    let api = SimulatedApi::builder().start().expect("a server");
    let error = SimulatedApi::builder()
        .port(api.addr().port())
        .start()
        .expect_err("in use");
    assert_eq!(error.kind(), std::io::ErrorKind::AddrInUse);
}
