//! An async ETL job: one task per page, one client, no lost page.
//!
//! All tasks wait in one queue. Any number of tasks together is as fast as the API allows.
//!
//! ```text
//! cargo run --features async --example async_etl
//! PAGES=300 LIMIT=token-bucket:50/s,burst=50 cargo run --features async --example async_etl
//! ```
//!
//! Set `API_BASE_URL` to use a real API. Without it, the example starts a simulated API that enforces
//! `LIMIT` without announcing it.

use std::error::Error;

use api_ratelimiter::{ApiRateConfig, AsyncDynamicAPIClient, Result};
use api_ratelimiter_simulator::SimulatedApi;
use serde_json::Value;

mod common;

fn main() -> Result<(), Box<dyn Error>> {
    common::help(include_str!("async_etl.rs"));
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(run())
}

async fn run() -> Result<(), Box<dyn Error>> {
    let pages: u32 = common::number("PAGES", 100)?;
    let limit = common::limit("token-bucket:20/s,burst=20")?;
    let api = common::api(SimulatedApi::builder().limit(limit))?;

    let client = AsyncDynamicAPIClient::builder(ApiRateConfig {
        name: "async_etl".into(),
        base_url: api.base_url.clone(),
        initial_rate: 10.0,
        max_rate: 50.0,
        ..Default::default()
    })
    .build()?;

    let tasks: Vec<_> = (1..=pages)
        .map(|id| tokio::spawn(fetch(client.clone(), id)))
        .collect();
    let mut rows = Vec::new();
    for task in tasks {
        match task.await? {
            Ok(row) => rows.push(row),
            // This page failed permanently; the others continue.
            Err(error) => eprintln!("{error}"),
        }
    }
    println!("{} of {pages} pages fetched", rows.len());
    println!("{}", client.limiter().snapshot());
    Ok(())
}

/// Fetches one page.
async fn fetch(client: AsyncDynamicAPIClient, id: u32) -> Result<Value> {
    let response = client.get(format!("/pages/{id}")).send().await?;
    response.error_for_status().await?.json().await
}
