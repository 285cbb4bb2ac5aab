//! A configuration for your own API, and a file that changes presets.
//!
//! `API_RATE_CONFIGS.insert` adds a configuration in code. `merge_json` applies a file of overrides to the
//! registered configurations, so that rates can change without a new build.
//!
//! ```text
//! cargo run --example custom_api
//! cargo run --example custom_api -- my_rates.json
//! PAGES=50 LIMIT=token-bucket:5/s,burst=5 cargo run --example custom_api
//! ```
//!
//! The argument is a file of overrides; it defaults to `examples/custom_api.json`.
//! Set `API_BASE_URL` to use a real API. Without it, the example starts a simulated API that enforces
//! `LIMIT` without announcing it.

use std::env;
use std::error::Error;
use std::fs;

use api_ratelimiter::{API_RATE_CONFIGS, ApiRateConfig, make_client_for};
use api_ratelimiter_simulator::SimulatedApi;

mod common;

fn main() -> Result<(), Box<dyn Error>> {
    common::help(include_str!("custom_api.rs"));
    let pages: u32 = common::number("PAGES", 20)?;
    let limit = common::limit("token-bucket:8/s,burst=8")?;
    let api = common::api(SimulatedApi::builder().limit(limit))?;

    API_RATE_CONFIGS.insert(ApiRateConfig {
        name: "my_internal_api".into(),
        base_url: api.base_url.clone(), // Yours, for example "https://internal.api.company/v2".
        initial_rate: 3.0,
        min_rate: 1.0,
        max_rate: 10.0,
        increase_step: 0.2,
        decrease_factor: 0.6,
        documented_limit_desc: Some("soft limit ~8 rps".into()),
        ..Default::default()
    })?;

    // The file of overrides may change any registered configuration.
    let overrides = match env::args_os().nth(1) {
        Some(path) => fs::read_to_string(path)?,
        None => include_str!("custom_api.json").to_owned(),
    };
    API_RATE_CONFIGS.merge_json(&overrides)?;

    for config in API_RATE_CONFIGS.iter() {
        println!(
            "{:16} {:6.2}/s, from {:.2} to {:.2}",
            config.name, config.initial_rate, config.min_rate, config.max_rate
        );
    }

    let client = make_client_for("my_internal_api")?;
    for id in 1..=pages {
        client
            .get(format!("/orders/{id}"))
            .send()?
            .error_for_status()?
            .text()?;
    }
    println!("{pages} orders fetched");
    Ok(())
}
