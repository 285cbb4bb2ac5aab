//! Batches with progress: pages that cannot be fetched now are kept for a later round.
//!
//! The client does not sleep longer than `max_cooldown` inside a call. During a longer pause every call
//! returns an error at once, so that the job can report, save its work, and continue later.
//!
//! ```text
//! cargo run --example batch
//! PAGES=200 BATCH=50 LIMIT=fixed-window:60/10s cargo run --example batch
//! ```
//!
//! Set `API_BASE_URL` to use a real API. Without it, the example starts a simulated API that enforces
//! `LIMIT`, sends `Retry-After` with refusals, and fails with 503 now and then.

use std::error::Error;
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use api_ratelimiter::{ApiRateConfig, DynamicAPIClient, Error as ApiError};
use api_ratelimiter_simulator::{Fault, Hint, SimulatedApi};
use serde_json::Value;

mod common;

/// Maximum number of rounds.
const ROUNDS: u32 = 10;

fn main() -> Result<ExitCode, Box<dyn Error>> {
    common::help(include_str!("batch.rs"));
    let pages: u32 = common::number("PAGES", 80)?;
    let batch_size: usize = common::number("BATCH", 20)?;
    let simulated = SimulatedApi::builder()
        .limit(common::limit("fixed-window:50/5s")?)
        .hint(Hint::RetryAfterSeconds)
        .fault(Fault::status(503, 0.05)?);
    let api = common::api(simulated)?;

    let client = DynamicAPIClient::builder(ApiRateConfig {
        name: "batch".into(),
        base_url: api.base_url.clone(),
        initial_rate: 20.0,
        max_rate: 50.0,
        max_cooldown: Duration::from_millis(500),
        ..Default::default()
    })
    .build()?;

    let mut todo: Vec<u32> = (1..=pages).collect();
    let (mut done, mut failed) = (0, 0);
    for round in 1..=ROUNDS {
        let mut later = Vec::new();
        let mut pause = Duration::ZERO;
        for batch in todo.chunks(batch_size.max(1)) {
            for &id in batch {
                match fetch(&client, id) {
                    Ok(_page) => done += 1,
                    // The API asked for a long pause: try this page in the next round.
                    Err(ApiError::CooldownTooLong { wait, .. }) => {
                        pause = pause.max(wait);
                        later.push(id);
                    }
                    // A temporary failure: try again, too.
                    Err(error) if error.is_transient() => later.push(id),
                    Err(error) => {
                        eprintln!("page {id} failed: {error}");
                        failed += 1;
                    }
                }
            }
            println!(
                "round {round}: {done} of {pages} done, {} for later",
                later.len()
            );
        }
        todo = later;
        if todo.is_empty() {
            break;
        }
        if !pause.is_zero() {
            println!("the API asks for a pause of {:.1} s", pause.as_secs_f64());
            thread::sleep(pause);
        }
    }

    println!("{done} pages fetched, {failed} failed, {} left", todo.len());
    if failed == 0 && todo.is_empty() {
        Ok(ExitCode::SUCCESS)
    } else {
        Ok(ExitCode::FAILURE)
    }
}

/// Fetches one page.
fn fetch(client: &DynamicAPIClient, id: u32) -> api_ratelimiter::Result<Value> {
    client
        .get(format!("/pages/{id}"))
        .send()?
        .error_for_status()?
        .json()
}
