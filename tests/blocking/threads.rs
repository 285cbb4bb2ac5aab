//! Many threads and a hidden limit: no request is lost or sent twice, and no thread stalls.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use api_ratelimiter::{ApiRateConfig, BucketConfig};
use api_ratelimiter_simulator::{Fault, Limit, SimulatedApi, SimulatedApiBuilder};
use serde_json::Value;

use crate::front::{self, DynamicAPIClient, Response};
use crate::{ample, ms, promptly};

const THREADS: usize = 8;
const PAGES: usize = 200;

/// Hidden limit per second, low enough to be met on the slowest machine.
fn hidden_limit() -> SimulatedApiBuilder {
    SimulatedApi::builder().limit(Limit::token_bucket(60.0, 10.0).expect("valid"))
}

/// Returns a client that starts above the hidden limit and has to learn it.
fn eager(api: &SimulatedApi) -> DynamicAPIClient {
    let config = ApiRateConfig {
        name: "simulated".into(),
        base_url: api.base_url(),
        initial_rate: 300.0,
        min_rate: 20.0,
        max_rate: 400.0,
        increase_step: 5.0,
        default_cooldown: Some(ms(20)),
        bucket: BucketConfig::of(30.0, 30.0),
        ..Default::default()
    };
    DynamicAPIClient::builder(config)
        .no_proxy()
        .timeouts(ample())
        .build()
        .expect("valid")
}

/// Fetches all pages with eight threads. Returns each thread's number of pages.
fn fetch_all(clients: Vec<DynamicAPIClient>) -> Vec<usize> {
    promptly(move || {
        let next = Arc::new(AtomicUsize::new(0));
        let threads: Vec<_> = clients
            .into_iter()
            .map(|client| {
                let next = Arc::clone(&next);
                thread::spawn(move || {
                    let mut fetched = 0;
                    loop {
                        let id = next.fetch_add(1, Ordering::SeqCst);
                        if id >= PAGES {
                            return fetched;
                        }
                        let response = client.get(format!("/pages/{id}")).send();
                        let page: Value = response
                            .and_then(Response::error_for_status)
                            .and_then(Response::json)
                            .expect("a page");
                        assert_eq!(page["id"], id.to_string());
                        fetched += 1;
                    }
                })
            })
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().expect("no panic"))
            .collect()
    })
}

fn nothing_lost_and_nothing_doubled(api: &SimulatedApi) {
    let stats = api.stats();
    assert_eq!(stats.accepted, PAGES as u64, "{stats:?}");
    assert_eq!(
        (stats.served, stats.served_twice),
        (PAGES as u64, 0),
        "{stats:?}"
    );
    assert!(stats.refused > 0, "the limit was met: {stats:?}");
    for id in 0..PAGES {
        assert_eq!(api.served(&format!("/pages/{id}")), 1, "page {id}");
    }
}

#[test]
fn eight_threads_with_clones_of_one_client_lose_nothing() {
    let api = hidden_limit().start().expect("it starts");
    let client = eager(&api);
    let fetched = fetch_all(vec![client.clone(); THREADS]);
    assert_eq!(fetched.iter().sum::<usize>(), PAGES);
    assert!(
        fetched.iter().all(|&pages| pages > 0),
        "no thread starves: {fetched:?}"
    );
    nothing_lost_and_nothing_doubled(&api);
    let (snapshot, stats) = (client.limiter().snapshot(), api.stats());
    assert_eq!(snapshot.granted, stats.accepted + stats.refused);
    assert_eq!(
        (snapshot.succeeded, snapshot.backed_off),
        (stats.accepted, stats.refused)
    );
    assert_eq!(snapshot.waiting, 0);
    assert!(
        stats.connections <= front::EACH * THREADS as u64,
        "{stats:?}"
    );
}

#[test]
fn eight_threads_with_a_client_each_lose_nothing() {
    let api = hidden_limit().start().expect("it starts");
    let clients: Vec<_> = (0..THREADS).map(|_| eager(&api)).collect();
    let fetched = fetch_all(clients.clone());
    assert_eq!(fetched.iter().sum::<usize>(), PAGES);
    nothing_lost_and_nothing_doubled(&api);
    let granted: u64 = clients
        .iter()
        .map(|client| client.limiter().snapshot().granted)
        .sum();
    let stats = api.stats();
    assert_eq!(granted, stats.accepted + stats.refused);
    assert!(
        stats.connections <= front::EACH * THREADS as u64,
        "{stats:?}"
    );
}

#[test]
fn a_limit_on_concurrent_requests_loses_nothing() {
    let limit = Limit::concurrency(2).expect("valid");
    let api = SimulatedApi::builder()
        .limit(limit)
        .round_trip(ms(4))
        .start()
        .expect("it starts");
    let client = eager(&api);
    let fetched = fetch_all(vec![client; THREADS]);
    assert_eq!(fetched.iter().sum::<usize>(), PAGES);
    nothing_lost_and_nothing_doubled(&api);
}

#[test]
fn a_client_of_one_fixed_rate_works() {
    let api = SimulatedApi::builder()
        .limit(Limit::token_bucket(100.0, 1.0).expect("valid"))
        .start()
        .expect("it starts");
    let config = ApiRateConfig {
        name: "fixed".into(),
        base_url: api.base_url(),
        initial_rate: 500.0,
        min_rate: 500.0,
        max_rate: 500.0,
        default_cooldown: Some(ms(2)),
        bucket: BucketConfig::of(5.0, 5.0),
        ..Default::default()
    };
    let client = DynamicAPIClient::builder(config)
        .no_proxy()
        .max_retries_on_backoff(1000)
        .build()
        .expect("valid");
    let fetched = fetch_all(vec![client.clone(); THREADS]);
    assert_eq!(fetched.iter().sum::<usize>(), PAGES);
    nothing_lost_and_nothing_doubled(&api);
    assert_eq!(client.limiter().snapshot().current_rate, 500.0);
}

#[test]
fn broken_connections_are_retried_or_reported() {
    let api = SimulatedApi::builder()
        .fault(Fault::cut_before_response(0.2).expect("valid").by_reset())
        .fault(Fault::status(500, 0.1).expect("valid"))
        .seed(7)
        .start()
        .expect("it starts");
    let client = eager(&api);
    let base = client.limiter().snapshot();
    assert_eq!(base.granted, 0);
    let outcomes: Vec<bool> = promptly({
        let client = client.clone();
        move || {
            (0..100)
                .map(|id| {
                    let response = client.get(format!("/pages/{id}")).send();
                    response
                        .and_then(|response| response.error_for_status()?.text())
                        .is_ok()
                })
                .collect()
        }
    });
    let stats = api.stats();
    assert_eq!(
        outcomes.iter().filter(|ok| **ok).count() as u64,
        stats.served,
        "{stats:?}"
    );
    assert_eq!(stats.served_twice, 0, "{stats:?}");
    let snapshot = client.limiter().snapshot();
    assert_eq!((snapshot.granted, snapshot.backed_off), (stats.accepted, 0));
    assert_eq!(
        snapshot.succeeded, stats.served,
        "5xx and broken connections are not successes"
    );
}

#[test]
fn all_pages_of_a_query_are_fetched_although_some_are_refused() {
    let api = hidden_limit().items(950).start().expect("it starts");
    let client = eager(&api);
    let ids: Vec<String> = promptly(move || {
        let mut ids = Vec::new();
        let mut cursor = Value::Null;
        loop {
            let mut body = serde_json::json!({ "page_size": 10 });
            if !cursor.is_null() {
                body["start_cursor"] = cursor.clone();
            }
            let request = client.post("/databases/7/query").json(&body);
            let page: Value = request.send().expect("a response").json().expect("a page");
            let results = page["results"].as_array().expect("a list");
            ids.extend(results.iter().map(|item| item["id"].to_string()));
            if page["has_more"] != true {
                return ids;
            }
            cursor = page["next_cursor"].clone();
        }
    });
    assert_eq!(ids.len(), 950);
    let distinct: std::collections::BTreeSet<_> = ids.iter().collect();
    assert_eq!(distinct.len(), 950);
    assert_eq!(api.stats().served_twice, 0);
}
