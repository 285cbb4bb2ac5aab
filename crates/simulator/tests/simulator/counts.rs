//! What the server answers and how it counts what it served; starting and stopping.

use std::collections::BTreeSet;
use std::net::TcpStream;
use std::time::Duration;

use api_ratelimiter_simulator::{Fault, SimulatedApi};
use serde_json::{Value, json};

use crate::client::{End, Raw, agent, body_of, get, statuses, wait_until};

#[test]
fn a_walk_through_the_pages_of_a_query_finds_every_item_once() {
    let api = SimulatedApi::builder()
        .items(1_050)
        .start()
        .expect("a server");
    let url = format!("{}/v1/databases/people/query", api.base_url());
    let agent = agent();
    let mut ids = BTreeSet::new();
    let mut query = json!({});
    loop {
        let list =
            crate::client::json(agent.post(&url).send(query.to_string()).expect("an answer"));
        for page in list["results"].as_array().expect("results") {
            assert!(
                ids.insert(page["id"].as_str().expect("an id").to_owned()),
                "twice: {page}"
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
fn what_is_asked_for_twice_is_counted_as_served_twice() {
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
fn requests_sent_at_once_on_one_connection_are_answered_and_counted_in_turn() {
    let api = SimulatedApi::builder().start().expect("a server");
    let mut raw = Raw::connect(&api);
    for id in 0..50 {
        raw.send("GET", &format!("/pages/{id}"));
    }
    let answered = |answers: &str| answers.matches("HTTP/1.1 200 OK").count();
    let (answers, end) = raw.read(|answers| answered(answers) == 50);
    assert_eq!((answered(&answers), end), (50, End::Silent));
    assert_eq!((api.stats().served, api.stats().served_twice), (50, 0));
}

#[test]
fn a_head_request_gets_the_head_alone() {
    let api = SimulatedApi::builder().start().expect("a server");
    let mut raw = Raw::connect(&api);
    for _ in 0..2 {
        raw.send("HEAD", "/things");
        let (answer, end) = raw.read(|answer| answer.contains("\r\n\r\n"));
        let (length, body) = body_of(&answer);
        assert!(
            length > 0 && body.is_empty() && end == End::Silent,
            "{answer}"
        );
    }
    assert_eq!(api.served("HEAD /things"), 2);
}

#[test]
fn statuses_are_answered_as_they_are_asked_for() {
    let api = SimulatedApi::builder().start().expect("a server");
    let agent = agent();
    for status in [200, 201, 204, 304, 400, 404, 429, 500, 503] {
        assert_eq!(
            statuses(&agent, &api, &format!("/status/{status}"), 1),
            [status]
        );
    }
    assert_eq!(
        api.stats().refused,
        0,
        "an answer of 429 that was asked for is none of the limits'"
    );
}

#[test]
fn what_was_received_is_described_without_its_secrets() {
    let api = SimulatedApi::builder().start().expect("a server");
    let url = format!("{}/things/7?deep=1", api.base_url());
    let request = agent()
        .put(url)
        .header("Authorization", "Bearer s3cret")
        .send("12345");
    let text = request
        .expect("an answer")
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
fn a_stopped_api_accepts_nobody_and_still_knows_its_counts() {
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
fn stopping_ends_connections_whatever_they_are_doing() {
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
fn a_port_that_is_taken_is_an_error() {
    let api = SimulatedApi::builder().start().expect("a server");
    let error = SimulatedApi::builder()
        .port(api.addr().port())
        .start()
        .expect_err("taken");
    assert_eq!(error.kind(), std::io::ErrorKind::AddrInUse);
}
