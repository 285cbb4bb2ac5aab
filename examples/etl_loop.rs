//! An ETL loop (extract, transform, load) without any code for rate limits: the client does all waiting.
//!
//! ```text
//! cargo run --example etl_loop
//! PAGES=200 LIMIT=token-bucket:5/s,burst=10 cargo run --example etl_loop
//! ```
//!
//! Set `API_BASE_URL` to use a real API. Without it, the example starts a simulated API that enforces
//! `LIMIT` without announcing it.

use std::error::Error;

use api_ratelimiter::{ApiRateConfig, DynamicAPIClient, Response, Result};
use api_ratelimiter_simulator::SimulatedApi;
use serde::Serialize;
use serde_json::Value;

mod common;

#[derive(Serialize)]
struct Row {
    id: String,
    title: String,
    edited: String,
}

fn main() -> Result<(), Box<dyn Error>> {
    common::help(include_str!("etl_loop.rs"));
    let pages: u32 = common::number("PAGES", 50)?;
    let limit = common::limit("token-bucket:10/s,burst=10")?;
    let api = common::api(SimulatedApi::builder().limit(limit))?;

    let client = DynamicAPIClient::builder(ApiRateConfig {
        name: "etl_loop".into(),
        base_url: api.base_url.clone(),
        initial_rate: 10.0,
        max_rate: 50.0,
        ..Default::default()
    })
    .build()?;

    // Requests that the API refuses are waited for and sent again inside the client.
    let (mut loaded, mut skipped) = (0, 0);
    for id in 1..=pages {
        match extract(&client, id)? {
            Some(page) => {
                load(&client, &transform(&page))?;
                loaded += 1;
            }
            None => skipped += 1,
        }
    }

    let refused = client.limiter().snapshot().backed_off;
    println!("{loaded} rows loaded, {skipped} skipped, {refused} requests refused and sent again");
    Ok(())
}

/// Fetches a page. Returns `None` if it does not exist (404).
fn extract(client: &DynamicAPIClient, id: u32) -> Result<Option<Value>> {
    let response = client
        .get(format!("/pages/{id}"))
        .send()
        .and_then(Response::error_for_status);
    match response {
        Ok(response) => response.json().map(Some),
        Err(error) if error.status().is_some_and(|status| status == 404) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Picks the fields of a row from a page.
fn transform(page: &Value) -> Row {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    Row {
        id: text(&page["id"]),
        title: text(&page["properties"]["Name"]["title"][0]["plain_text"]),
        edited: text(&page["last_edited_time"]),
    }
}

/// Writes a row.
fn load(client: &DynamicAPIClient, row: &Row) -> Result<()> {
    client
        .put(format!("/rows/{}", row.id))
        .json(row)
        .send()?
        .error_for_status()?
        .bytes()?; // Reading the whole response keeps the connection open for the next request.
    Ok(())
}
