//! Shows what the limiter does, as log lines and as JSON.
//!
//! Log lines go to stderr: level debug when the rate rises, level warn when it is cut. Snapshots go to stdout
//! as one line of JSON each, for a collector of metrics.
//!
//! ```text
//! cargo run --example logging_snapshot
//! RUST_LOG=warn PAGES=100 cargo run --example logging_snapshot > snapshots.jsonl
//! ```
//!
//! Set `API_BASE_URL` to use a real API. Without it, the example starts a simulated API that enforces
//! `LIMIT` without announcing it.

use std::error::Error;

use api_ratelimiter::{ApiRateConfig, DynamicAPIClient};
use api_ratelimiter_simulator::SimulatedApi;

mod common;

fn main() -> Result<(), Box<dyn Error>> {
    common::help(include_str!("logging_snapshot.rs"));
    env_logger::init_from_env(
        env_logger::Env::default().default_filter_or("api_ratelimiter=debug"),
    );

    let pages: u32 = common::number("PAGES", 40)?;
    let limit = common::limit("token-bucket:10/s,burst=10")?;
    let api = common::api(SimulatedApi::builder().limit(limit))?;

    let client = DynamicAPIClient::builder(ApiRateConfig {
        name: "logging_snapshot".into(),
        base_url: api.base_url.clone(),
        initial_rate: 10.0,
        max_rate: 50.0,
        increase_step: 0.5,
        ..Default::default()
    })
    .build()?;

    for id in 1..=pages {
        client
            .get(format!("/pages/{id}"))
            .send()?
            .error_for_status()?
            .bytes()?;
        // A snapshot after every ten pages.
        if id % 10 == 0 || id == pages {
            println!("{}", serde_json::to_string(&client.limiter().snapshot())?);
        }
    }
    Ok(())
}
