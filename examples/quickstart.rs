//! Eight threads fetch 500 pages from an API with an unknown limit.
//!
//! Starts a simulated API with a round trip of 25 ms and a token bucket (20 requests per second, burst 20)
//! that it does not announce. Clones of one client start at 2 requests per second and learn the limit. The
//! exit code is 1 if a page is lost or fetched twice.
//!
//! ```text
//! cargo run --release --example quickstart
//! PAGES=200 THREADS=4 RATE=50 BURST=10 START_RATE=5 cargo run --release --example quickstart
//! ```

use std::collections::HashSet;
use std::error::Error;
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use api_ratelimiter::{ApiRateConfig, DynamicAPIClient};
use api_ratelimiter_simulator::{Limit, SimulatedApi};
use serde::Deserialize;

mod common;

#[derive(Deserialize)]
struct Page {
    id: String,
}

fn main() -> Result<ExitCode, Box<dyn Error>> {
    common::help(include_str!("quickstart.rs"));
    let pages: usize = common::number("PAGES", 500)?;
    let threads: usize = common::number("THREADS", 8)?;
    let rate: f64 = common::number("RATE", 20.0)?;
    let burst: f64 = common::number("BURST", 20.0)?;
    let round_trip: u64 = common::number("ROUND_TRIP_MS", 25)?;
    let start_rate: f64 = common::number("START_RATE", 2.0)?;

    // The simulated API does not announce its limit.
    let api = SimulatedApi::builder()
        .limit(Limit::token_bucket(rate, burst)?)
        .round_trip(Duration::from_millis(round_trip))
        .start()?;

    let client = DynamicAPIClient::builder(ApiRateConfig {
        name: "quickstart".into(),
        base_url: api.base_url(),
        initial_rate: start_rate,
        max_rate: 100.0,
        increase_step: 0.2,
        ..Default::default()
    })
    .build()?;

    println!(
        "{threads} threads fetch {pages} pages; the API hides a limit of {rate}/s, burst {burst}\n"
    );
    let began = Instant::now();
    let next_page = AtomicUsize::new(1);
    let (sender, receiver) = mpsc::channel();
    let mut fetched = HashSet::new();

    thread::scope(|scope| {
        // Each thread takes the next page number and sends its result.
        for _ in 0..threads {
            let (client, sender, next_page) = (client.clone(), sender.clone(), &next_page);
            scope.spawn(move || {
                loop {
                    let page = next_page.fetch_add(1, Ordering::Relaxed);
                    if page > pages || sender.send(fetch(&client, page)).is_err() {
                        break;
                    }
                }
            });
        }
        drop(sender);

        // The main thread collects the results and prints progress once a second.
        let mut progress_at = began + Duration::from_secs(1);
        loop {
            let until_progress = progress_at.saturating_duration_since(Instant::now());
            match receiver.recv_timeout(until_progress) {
                Ok(Ok(page)) => {
                    fetched.insert(page.id);
                }
                Ok(Err(error)) => eprintln!("{error}"),
                Err(RecvTimeoutError::Timeout) => {
                    progress_at += Duration::from_secs(1);
                    let (count, now) = (fetched.len(), client.limiter().snapshot());
                    println!(
                        "{:4.0} s {count:5} of {pages} pages, {:5.1}/s, {} refused",
                        began.elapsed().as_secs_f64(),
                        now.current_rate,
                        now.backed_off,
                    );
                }
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
    });

    // Compare with what the limit allows and with the counts of the server.
    let taken = began.elapsed().as_secs_f64();
    let allowed = ((pages as f64 - burst) / rate).max(0.0);
    let stats = api.stats();
    let requests = stats.accepted + stats.refused;
    let refused_percent = 100.0 * stats.refused as f64 / requests.max(1) as f64;
    let doubled = stats.served_twice;

    println!();
    println!(
        "pages fetched     {:6} of {pages}, {doubled} doubled",
        fetched.len()
    );
    println!(
        "refused           {:6} of {requests} requests ({refused_percent:.2}%)",
        stats.refused
    );
    println!("time taken        {taken:6.1} s");
    println!("the limit allows  {allowed:6.1} s");
    println!(
        "\n{}",
        serde_json::to_string_pretty(&client.limiter().snapshot())?
    );

    if fetched.len() == pages && doubled == 0 {
        Ok(ExitCode::SUCCESS)
    } else {
        Ok(ExitCode::FAILURE)
    }
}

/// Fetches one page.
fn fetch(client: &DynamicAPIClient, page: usize) -> api_ratelimiter::Result<Page> {
    client
        .get(format!("/pages/{page}"))
        .send()?
        .error_for_status()?
        .json()
}
