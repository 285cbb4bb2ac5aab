//! Copies a collection into a file: reads its pages, fetches each item, and writes JSON lines.
//!
//! Items are appended to a `.part` file. After an interruption at any time, the next run fetches only the
//! missing items. The `.part` file is renamed when it is complete.
//!
//! ```text
//! cargo run --example sync_database
//! ITEMS=500 LIMIT=token-bucket:30/s,burst=10 cargo run --example sync_database -- items.jsonl
//! ```
//!
//! The path defaults to `database.jsonl` in the system's temporary directory. Set `API_BASE_URL` to use a real
//! API. Without it, the example starts a simulated API with `ITEMS` items that enforces `LIMIT` without
//! announcing it.

use std::collections::HashSet;
use std::env;
use std::error::Error;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use api_ratelimiter::{ApiRateConfig, DynamicAPIClient};
use api_ratelimiter_simulator::SimulatedApi;
use serde::Deserialize;
use serde_json::{Value, json};

mod common;

#[derive(Deserialize)]
struct List {
    results: Vec<Item>,
    next_cursor: Option<String>,
}

#[derive(Deserialize)]
struct Item {
    id: String,
}

fn main() -> Result<(), Box<dyn Error>> {
    common::help(include_str!("sync_database.rs"));
    let items: usize = common::number("ITEMS", 60)?;
    let page_size: u32 = common::number("PAGE_SIZE", 25)?;
    let limit = common::limit("token-bucket:20/s,burst=20")?;
    let api = common::api(SimulatedApi::builder().items(items).limit(limit))?;
    let path = env::args_os()
        .nth(1)
        .map_or_else(|| env::temp_dir().join("database.jsonl"), PathBuf::from);

    let client = DynamicAPIClient::builder(ApiRateConfig {
        name: "sync_database".into(),
        base_url: api.base_url.clone(),
        initial_rate: 10.0,
        max_rate: 50.0,
        ..Default::default()
    })
    .build()?;

    // Continue an interrupted run.
    let part = path.with_extension("part");
    let (mut file, mut done) = resume(&part)?;
    let resumed = done.len();

    let mut query = json!({"page_size": page_size});
    loop {
        let list: List = client
            .post("/databases/tasks/query")
            .json(&query)
            .idempotent(true) // The query only reads.
            .send()?
            .error_for_status()?
            .json()?;
        for Item { id } in list.results {
            // The collection may change between two pages, so skip items that are written already.
            if done.contains(&id) {
                continue;
            }
            let item: Value = client
                .get(format!("/pages/{id}"))
                .send()?
                .error_for_status()?
                .json()?;
            file.write_all(format!("{item}\n").as_bytes())?;
            done.insert(id);
        }
        match list.next_cursor {
            Some(cursor) => query["start_cursor"] = cursor.into(),
            None => break,
        }
    }

    // The file is complete: give it its final name.
    file.sync_all()?;
    drop(file);
    fs::rename(&part, &path)?;
    println!(
        "{} items in {}, {resumed} of them from an interrupted run",
        done.len(),
        path.display()
    );
    Ok(())
}

/// Opens the file of an interrupted run, or a new file. Also returns the ids of the items in it.
fn resume(part: &Path) -> Result<(File, HashSet<String>), Box<dyn Error>> {
    let mut file = OpenOptions::new().append(true).create(true).open(part)?;
    let mut bytes = fs::read(part)?;

    // Remove the truncated last line that an interrupted write leaves.
    let whole = bytes
        .iter()
        .rposition(|byte| *byte == b'\n')
        .map_or(0, |end| end + 1);
    bytes.truncate(whole);
    file.set_len(whole as u64)?;
    file.flush()?;

    // Read the ids of the complete lines.
    let mut ids = HashSet::new();
    for line in bytes
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
    {
        let item: Item = serde_json::from_slice(line)?;
        ids.insert(item.id);
    }
    Ok((file, ids))
}
