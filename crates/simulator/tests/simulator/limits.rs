//! Accepted and refused requests.

use std::thread;
use std::time::Duration;

use api_ratelimiter_simulator::{Fault, SimulatedApi};

use crate::client::{Raw, agent, get, json, limit, statuses, wait_until};

#[test]
fn all_clients_together_get_the_limit() {
    let api = SimulatedApi::builder()
        .limit(limit("fixed-window:30/1h"))
        .start()
        .expect("a server");
    let accepted: usize = thread::scope(|scope| {
        let ask = || {
            statuses(&agent(), &api, "/pages/1", 25)
                .iter()
                .filter(|&&status| status == 200)
                .count()
        };
        let workers: Vec<_> = (0..4).map(|_| scope.spawn(ask)).collect();
        workers
            .into_iter()
            .map(|worker| worker.join().expect("no panic"))
            .sum()
    });
    assert_eq!(accepted, 30);
    let stats = api.stats();
    assert_eq!((stats.accepted, stats.refused, stats.served), (30, 70, 30));
}

#[test]
fn several_limits_hold_at_once() {
    let api = SimulatedApi::builder()
        .limit(limit("fixed-window:8/1h"))
        .limit(limit("token-bucket:0.001/s,burst=5"))
        .start()
        .expect("a server");
    assert_eq!(
        statuses(&agent(), &api, "/", 7),
        [200, 200, 200, 200, 200, 429, 429]
    );
}

#[test]
fn without_limits_everything_is_accepted_on_one_connection() {
    let api = SimulatedApi::builder().start().expect("a server");
    let statuses = statuses(&agent(), &api, "/", 300);
    assert!(statuses.iter().all(|&status| status == 200));
    assert_eq!((api.stats().accepted, api.stats().connections), (300, 1));
}

#[test]
fn a_refusal_has_the_configured_status_and_keeps_the_connection() {
    let api = SimulatedApi::builder()
        .limit(limit("fixed-window:1/1h"))
        .refusal_status(529)
        .start()
        .expect("a server");
    let agent = agent();
    assert_eq!(statuses(&agent, &api, "/", 3), [200, 529, 529]);
    let error = json(get(&agent, &api, "/"));
    assert_eq!(
        (&error["status"], &error["code"]),
        (&529.into(), &"rate_limited".into())
    );
    assert_eq!(api.stats().connections, 1);
}

#[test]
fn an_invalid_refusal_status_prevents_the_start() {
    for status in [0, 100, 600] {
        let error = SimulatedApi::builder()
            .refusal_status(status)
            .start()
            .expect_err("refused");
        assert!(error.to_string().contains("refusal_status"), "{error}");
    }
}

#[test]
fn an_announced_limit_that_is_not_there_prevents_the_start() {
    for number in [0, 2] {
        let error = SimulatedApi::builder()
            .limit(limit("fixed-window:1/1h"))
            .announce(number)
            .start()
            .expect_err("refused");
        assert!(error.to_string().contains("from 1 to 1"), "{error}");
    }
}

#[test]
fn limits_change_at_their_time() {
    let api = SimulatedApi::builder()
        .limit(limit("fixed-window:1/1h"))
        .change_after(Duration::from_secs(3600), [])
        .change_after(Duration::ZERO, [limit("fixed-window:3/1h")])
        .start()
        .expect("a server");
    assert_eq!(statuses(&agent(), &api, "/", 5), [200, 200, 200, 429, 429]);
}

#[test]
fn a_slot_is_used_until_the_response_is_sent_or_the_client_disconnects() {
    let api = SimulatedApi::builder()
        .limit(limit("concurrency:2"))
        .fault(Fault::stall_before_response(Duration::from_secs(3600), 1.0).expect("a fault"))
        .start()
        .expect("a server");
    let mut waiting = [Raw::connect(&api), Raw::connect(&api)];
    for raw in &mut waiting {
        raw.send("GET", "/");
    }
    wait_until("two in flight", || api.stats().accepted == 2);
    assert_eq!(statuses(&agent(), &api, "/", 2), [429, 429]);

    drop(waiting);
    let mut next = Raw::connect(&api);
    wait_until("a free slot", || {
        let before = api.stats();
        next.send("GET", "/");
        wait_until("a decision", || api.stats() != before);
        api.stats().accepted == 3
    });
}

#[test]
fn a_client_with_its_response_finds_its_slot_free() {
    let api = SimulatedApi::builder()
        .limit(limit("concurrency:1"))
        .start()
        .expect("a server");
    let (one, other) = (agent(), agent());
    for _ in 0..200 {
        assert_eq!(statuses(&one, &api, "/", 1), [200]);
        assert_eq!(statuses(&other, &api, "/", 1), [200]);
    }
    assert_eq!(api.stats().refused, 0);
}

#[test]
fn the_number_of_requests_in_flight_stays_within_the_limit() {
    let api = SimulatedApi::builder()
        .limit(limit("concurrency:3"))
        .round_trip(Duration::from_millis(4))
        .start()
        .expect("a server");
    thread::scope(|scope| {
        // As many workers as slots: no request is refused, although each waits for a round trip.
        for _ in 0..3 {
            scope.spawn(|| assert_eq!(statuses(&agent(), &api, "/", 20), [200; 20]));
        }
    });
    assert_eq!((api.stats().accepted, api.stats().refused), (60, 0));
}
