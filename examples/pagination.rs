//! Fetches all rows of a collection page by page, with a cursor.
//!
//! ```text
//! cargo run --example pagination
//! ITEMS=1000 PAGE_SIZE=25 LIMIT=fixed-window:20/5s cargo run --example pagination
//! ```
//!
//! Set `API_BASE_URL` to use a real API. Without it, the example starts a simulated API with `ITEMS` rows
//! that enforces `LIMIT` without announcing it.

use std::error::Error;

use api_ratelimiter::{ApiRateConfig, DynamicAPIClient, Pagination};
use api_ratelimiter_simulator::SimulatedApi;
use serde::Deserialize;
use serde_json::json;

mod common;

#[derive(Deserialize)]
struct List {
    results: Vec<Row>,
}

#[derive(Deserialize)]
struct Row {
    id: String,
}

fn main() -> Result<(), Box<dyn Error>> {
    common::help(include_str!("pagination.rs"));
    let items: usize = common::number("ITEMS", 230)?;
    let page_size: u32 = common::number("PAGE_SIZE", 10)?;
    let limit = common::limit("token-bucket:10/s,burst=10")?;
    let api = common::api(SimulatedApi::builder().items(items).limit(limit))?;

    let client = DynamicAPIClient::builder(ApiRateConfig {
        name: "pagination".into(),
        base_url: api.base_url.clone(),
        initial_rate: 5.0,
        max_rate: 50.0,
        // Presets have the pagination of their API.
        pagination: Some(
            Pagination::cursor("start_cursor", "next_cursor")
                .more_if("has_more")
                .items("results"),
        ),
        ..Default::default()
    })
    .build()?;

    let (mut pages, mut rows) = (0, 0);
    let query = json!({"page_size": page_size});
    for page in client.post("/databases/tasks/query").json(&query).pages() {
        let List { results } = page?.json()?;
        pages += 1;
        rows += results.len();
        if let (Some(first), Some(last)) = (results.first(), results.last()) {
            println!("page {pages}: {} to {}", first.id, last.id);
        }
    }
    println!("{rows} rows in {pages} pages");
    Ok(())
}
