//! Ten thousand tasks on one limiter, with an API that allows the rate of the limiter.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use api_ratelimiter::{ApiRateConfig, DynamicRateLimiter, reqwest};
use api_ratelimiter_simulator::{Limit, SimulatedApi};

const TASKS: usize = 10_000;

#[test]
#[ignore = "full size: half a minute"]
fn ten_thousand_tasks_are_granted_in_order_of_arrival() {
    let limit = Limit::parse("token-bucket:500/s,burst=50").expect("a limit");
    let api = SimulatedApi::builder()
        .limit(limit)
        .start()
        .expect("a free port");
    let config = ApiRateConfig {
        initial_rate: 500.0,
        max_rate: 500.0,
        ..Default::default()
    };
    let limiter = DynamicRateLimiter::new(&config).expect("valid");
    // The bare transport needs a TLS provider, even without TLS.
    let provider = rustls::crypto::ring::default_provider();
    // Ignore errors: another test of this program may have installed it.
    let _ = provider.install_default();
    let http = reqwest::Client::builder()
        .no_proxy()
        .build()
        .expect("a client");
    let order = Arc::new(Mutex::new(Vec::new()));
    let url = format!("{}/pages/1", api.base_url());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let refused = runtime.expect("a runtime").block_on(async {
        let tasks: Vec<_> = (0..TASKS)
            .map(|number| {
                let (limiter, order) = (limiter.clone(), Arc::clone(&order));
                let request = http.get(&url);
                tokio::spawn(async move {
                    let permit = limiter.acquire_async().await.expect("a permit");
                    order.lock().expect("not poisoned").push(number);
                    let refused = request.send().await.expect("a response").status() == 429;
                    if refused {
                        permit.backoff(None)
                    } else {
                        permit.success()
                    }
                    usize::from(refused)
                })
            })
            .collect();
        let mut refused = 0;
        for task in tasks {
            refused += task.await.expect("no panic");
        }
        refused
    });
    assert_eq!(
        *order.lock().expect("not poisoned"),
        (0..TASKS).collect::<Vec<_>>()
    );
    assert_eq!(limiter.snapshot().granted, TASKS as u64);
    let mut terminal = io::stderr().lock();
    let percent = 100.0 * refused as f64 / TASKS as f64;
    writeln!(
        terminal,
        "tasks: {refused} of {TASKS} refused ({percent:.2}%)"
    )
    .expect("stderr is open");
}
