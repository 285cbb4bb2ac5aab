//! A real server with its own limit: nginx with `limit_req` at 20 requests per second, burst 20, no hints.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use api_ratelimiter::{ApiRateConfig, DynamicAPIClient};

use crate::nginx_server::Nginx;

const THREADS: usize = 8;
const PER_SECOND: f64 = 20.0;
const BURST: f64 = 20.0;

/// Maximum time of a page. A job that needs longer has stalled.
const STALL: Duration = Duration::from_secs(120);

#[test]
#[ignore = "full size; needs nginx"]
fn eight_threads_with_clones_of_one_client_fetch_every_page() {
    let Some(nginx) = Nginx::start_with("burst=20 nodelay") else {
        return;
    };
    let client = client(&nginx);
    fetch(&nginx, "one client, eight threads", pages(), |_| {
        client.clone()
    });
}

#[test]
#[ignore = "full size; needs nginx"]
fn eight_threads_with_a_client_each_fetch_every_page() {
    let Some(nginx) = Nginx::start_with("burst=20 nodelay") else {
        return;
    };
    fetch(&nginx, "eight clients, eight threads", pages(), |_| {
        client(&nginx)
    });
}

/// Returns the number of pages: `PAGES`, or 800.
fn pages() -> usize {
    std::env::var("PAGES")
        .ok()
        .and_then(|pages| pages.parse().ok())
        .unwrap_or(800)
}

fn client(nginx: &Nginx) -> DynamicAPIClient {
    let config = ApiRateConfig {
        name: "nginx".into(),
        base_url: nginx.base_url.clone(),
        initial_rate: 2.0,
        max_rate: 100.0,
        ..Default::default()
    };
    DynamicAPIClient::builder(config)
        .no_proxy()
        .retry_transport(3)
        .build()
        .expect("a client")
}

/// Fetches all pages with eight threads, and checks nginx's log.
fn fetch(nginx: &Nginx, name: &str, pages: usize, client: impl Fn(usize) -> DynamicAPIClient) {
    let next = AtomicUsize::new(0);
    let began = Instant::now();
    let attempts: u32 = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..THREADS)
            .map(|thread| {
                let (client, next) = (client(thread), &next);
                scope.spawn(move || {
                    let mut attempts = 0;
                    loop {
                        let page = next.fetch_add(1, Ordering::Relaxed);
                        if page >= pages {
                            return attempts;
                        }
                        let response = client.get(format!("/pages/{page}")).deadline(STALL).send();
                        let response = response
                            .and_then(api_ratelimiter::Response::error_for_status)
                            .expect("a page");
                        attempts += response.attempts();
                        assert_eq!(response.text().expect("a body"), "{\"object\":\"page\"}");
                    }
                })
            })
            .collect();
        workers
            .into_iter()
            .map(|worker| worker.join().expect("no panic"))
            .sum()
    });
    let took = began.elapsed().as_secs_f64();
    let (served, refused) = nginx.counts(attempts as usize);
    assert_eq!(served.len(), pages, "nothing lost");
    assert!(served.values().all(|&times| times == 1), "nothing doubled");
    assert_eq!(
        attempts as usize,
        pages + refused,
        "every request is accounted for"
    );
    let allowed = (pages as f64 - BURST) / PER_SECOND;
    println!(
        "nginx, {name}: {pages} pages in {took:.1} s, {:.2} times what the limit allows ({allowed:.1} s); {refused} of {attempts} \
         requests refused ({:.1}%)",
        took / allowed,
        100.0 * refused as f64 / f64::from(attempts)
    );
}
