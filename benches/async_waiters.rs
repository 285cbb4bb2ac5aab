//! Cost of a waiting task, and of the async client compared with the bare transport.
//!
//! ```text
//! cargo bench --bench async_waiters
//! ```
//!
//! Linux only: memory and processor time are read from `/proc`.

use std::fs;
use std::future::{Future, poll_fn};
use std::io::{Read, Write};
use std::net::TcpListener;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use api_ratelimiter::{
    ApiRateConfig, AsyncDynamicAPIClient, BucketConfig, DynamicRateLimiter, ManualClock, reqwest,
};

const WAITERS: usize = 10_000;

/// Alternating rounds of both kinds, so that a busy machine affects both equally.
const ROUNDS: usize = 21;
const REQUESTS: usize = 2_000;

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime = runtime.expect("a runtime");
    runtime.block_on(waiters());
    runtime.block_on(client());
}

fn config(base_url: &str, rate: f64) -> ApiRateConfig {
    ApiRateConfig {
        base_url: base_url.into(),
        initial_rate: rate,
        max_rate: rate,
        min_rate: 1.0,
        bucket: BucketConfig::of(rate, rate),
        ..Default::default()
    }
}

/// Prints the memory and the wake-ups of waiting tasks.
async fn waiters() {
    let clock = ManualClock::new();
    let limiter = DynamicRateLimiter::with_clock(&config("", 1.0), Arc::new(clock.clone()));
    let limiter = limiter.expect("valid");
    limiter.acquire().expect("the first token").success();
    let polls = Arc::new(AtomicUsize::new(0));
    let spawn = |limiter: &DynamicRateLimiter| {
        let (limiter, polls) = (limiter.clone(), Arc::clone(&polls));
        tokio::spawn(async move {
            let mut acquired = pin!(limiter.acquire_async());
            let permit = poll_fn(|context| {
                polls.fetch_add(1, Ordering::Relaxed);
                acquired.as_mut().poll(context)
            });
            permit.await.expect("a permit").success();
        })
    };
    // Memory of tasks that wait.
    let before = resident();
    let tasks: Vec<_> = (0..WAITERS).map(|_| spawn(&limiter)).collect();
    while limiter.snapshot().waiting < WAITERS {
        tokio::task::yield_now().await;
    }
    let bytes = (resident() - before) / WAITERS;
    println!("{bytes} bytes of resident memory for each of {WAITERS} waiting tasks");
    println!(
        "{} bytes of them are the future itself",
        size_of_val(&limiter.acquire_async())
    );
    tasks.into_iter().for_each(|task| task.abort());
    while limiter.snapshot().waiting > 0 {
        tokio::task::yield_now().await;
    }

    // Count wake-ups with the system clock, because the manual clock wakes all tasks at each step.
    polls.store(0, Ordering::Relaxed);
    let limiter = DynamicRateLimiter::new(&config("", 2_000.0)).expect("valid");
    let tasks: Vec<_> = (0..WAITERS).map(|_| spawn(&limiter)).collect();
    for task in tasks {
        task.await.expect("no panic");
    }
    // The first poll of each task is not a wake-up.
    let woken = polls.load(Ordering::Relaxed).saturating_sub(WAITERS);
    println!(
        "{:.2} wake-ups for each grant",
        woken as f64 / WAITERS as f64
    );
}

/// Prints the processor time of a request, with the bare transport and with the client.
async fn client() {
    // The bare transport needs a TLS provider, even without TLS.
    let provider = rustls::crypto::ring::default_provider();
    provider
        .install_default()
        .expect("no other provider is installed");
    let url = server();
    let bare = reqwest::Client::builder()
        .no_proxy()
        .build()
        .expect("a client");
    // The rate is so high that the client never waits.
    let own = AsyncDynamicAPIClient::builder(config(&url, 1e6)).no_proxy();
    let own = own.build().expect("a client");
    let (mut bares, mut owns) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let began = processor_time();
        for _ in 0..REQUESTS {
            let response = bare
                .get(format!("{url}/pages/1"))
                .send()
                .await
                .expect("a response");
            assert_eq!(response.bytes().await.expect("a body").len(), 2);
        }
        bares.push(each(began));
        let began = processor_time();
        for _ in 0..REQUESTS {
            let response = own.get("/pages/1").send().await.expect("a response");
            assert_eq!(response.bytes().await.expect("a body").len(), 2);
        }
        owns.push(each(began));
    }
    let (bare, own) = (median(bares), median(owns));
    println!(
        "{bare:.1} µs of processor time for a request by bare reqwest, {own:.1} µs by the client: {:+.1} µs",
        own - bare
    );
}

/// Returns the microseconds per request since `began`.
fn each(began: Duration) -> f64 {
    (processor_time() - began).as_secs_f64() * 1e6 / REQUESTS as f64
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

/// Starts a server on loopback and returns its URL.
fn server() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let addr = listener.local_addr().expect("an address");
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            stream.set_nodelay(true).expect("a socket option");
            thread::spawn(move || {
                let mut request = [0; 4096];
                while stream.read(&mut request).is_ok_and(|length| length > 0) {
                    let response = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}";
                    stream.write_all(response).expect("a connected client");
                }
            });
        }
    });
    format!("http://{addr}")
}

/// Returns the processor time of this thread, which runs the whole runtime.
fn processor_time() -> Duration {
    let text = fs::read_to_string("/proc/thread-self/schedstat").expect("Linux");
    let nanos = text.split(' ').next().and_then(|first| first.parse().ok());
    Duration::from_nanos(nanos.expect("a number"))
}

/// Returns the resident memory of this process in bytes.
fn resident() -> usize {
    let text = fs::read_to_string("/proc/self/status").expect("Linux");
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line
        .and_then(|line| line.trim().strip_suffix(" kB"))
        .map(str::trim);
    kib.and_then(|kib| kib.parse::<usize>().ok())
        .expect("a number")
        * 1024
}
