//! Several statuses that mean "slower", and failures that don't.
//!
//! A status in `backoff_status_codes` cuts the rate, and the client sends the request again when the
//! pause is over. Any other failure says nothing about the rate and is the application's business:
//! here such a request is made up to four times.
//!
//! ```text
//! cargo run --example backoff_codes
//! PAGES=100 LIMIT=sliding-window:30/3s cargo run --example backoff_codes
//! ```
//!
//! Without `API_BASE_URL` it starts a simulated API that hides `LIMIT`, refuses with 503, and fails with
//! 502 now and then.

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

/// Up to four tries, unless the failure is one that lasts.
fn fetch(client: &DynamicAPIClient, path: &str) -> Result<Response> {
    let mut tries = 0;
    loop {
        tries += 1;
        match client.get(path).send().and_then(Response::error_for_status) {
            Err(error) if error.is_transient() && tries < 4 => {}
            result => return result,
        }
    }
}
