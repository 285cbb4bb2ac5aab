//! Statuses that mean "slow down", and failures that do not.
//!
//! A status in `backoff_status_codes` lowers the rate, and the client sends the request again after a pause.
//! Any other failure does not change the rate, and the application decides what to do: this example makes up
//! to four attempts.
//!
//! ```text
//! cargo run --example backoff_codes
//! PAGES=100 LIMIT=sliding-window:30/3s cargo run --example backoff_codes
//! ```
//!
//! Set `API_BASE_URL` to use a real API. Without it, the example starts a simulated API that enforces
//! `LIMIT`, refuses with 503, and fails with 502 now and then.

use std::error::Error;

use api_ratelimiter::{ApiRateConfig, DynamicAPIClient, Response, Result};
use api_ratelimiter_simulator::{Fault, Hint, SimulatedApi};

mod common;

fn main() -> Result<(), Box<dyn Error>> {
    common::help(include_str!("backoff_codes.rs"));
    let pages: u32 = common::number("PAGES", 50)?;
    let simulated = SimulatedApi::builder()
        .limit(common::limit("token-bucket:10/s,burst=10")?)
        .hint(Hint::RetryAfterSeconds)
        .refusal_status(503)
        .fault(Fault::status(502, 0.1)?);
    let api = common::api(simulated)?;

    let client = DynamicAPIClient::builder(ApiRateConfig {
        name: "backoff_codes".into(),
        base_url: api.base_url.clone(),
        initial_rate: 10.0,
        max_rate: 50.0,
        ..Default::default()
    })
    .backoff_status_codes([429, 503, 408])
    .max_retries_on_backoff(20)
    .build()?;

    for id in 1..=pages {
        fetch(&client, &format!("/pages/{id}"))?.bytes()?;
    }

    let snapshot = client.limiter().snapshot();
    println!("{pages} pages fetched by {} requests", snapshot.granted);
    println!(
        "{} refused and sent again by the client",
        snapshot.backed_off
    );
    Ok(())
}

/// Makes up to four attempts, unless a failure is permanent.
fn fetch(client: &DynamicAPIClient, path: &str) -> Result<Response> {
    let mut attempts = 0;
    loop {
        attempts += 1;
        match client.get(path).send().and_then(Response::error_for_status) {
            Err(error) if error.is_transient() && attempts < 4 => {}
            result => return result,
        }
    }
}
