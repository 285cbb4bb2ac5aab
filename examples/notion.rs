//! Lists the titles of all pages of a Notion database.
//!
//! The preset `notion` sets the base URL, Notion's limits and its backoff statuses 429 and 529.
//!
//! ```text
//! NOTION_TOKEN=ntn_… cargo run --example notion -- <database id>
//! ```
//!
//! `NOTION_TOKEN` is the secret of a connection (notion.so/profile/integrations) with access to the
//! database. `NOTION_BASE_URL` replaces the base URL.

use std::env;
use std::process::ExitCode;

use api_ratelimiter::{DynamicAPIClient, Result};
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Deserialize)]
struct List {
    results: Vec<Value>,
    next_cursor: Option<String>,
}

fn main() -> ExitCode {
    let token = env::var("NOTION_TOKEN").unwrap_or_default();
    let database = env::args().nth(1).unwrap_or_default();
    if token.is_empty() || database.is_empty() || database.starts_with('-') {
        eprintln!("Set NOTION_TOKEN to the secret of a Notion connection, and give a database id:");
        eprintln!("  NOTION_TOKEN=ntn_… cargo run --example notion -- <database id>");
        return ExitCode::from(2);
    }
    match print_titles(&token, &database) {
        Ok(pages) => {
            eprintln!("{pages} pages");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            // The response body often has the vendor's explanation.
            if let Some(reply) = error.reply() {
                eprintln!("{}", reply.text());
            }
            ExitCode::FAILURE
        }
    }
}

/// Prints the title of every page and returns the number of pages.
fn print_titles(token: &str, database: &str) -> Result<usize> {
    let mut builder = DynamicAPIClient::builder_for("notion")?
        .bearer_auth(token)
        // The last version with queries of databases; later ones query data sources.
        .default_header("Notion-Version", "2022-06-28");
    if let Ok(url) = env::var("NOTION_BASE_URL") {
        builder = builder.base_url(url);
    }
    let client = builder.build()?;

    // Follow the cursor from page to page.
    let mut pages = 0;
    let mut query = json!({"page_size": 100});
    loop {
        let list: List = client
            .post(format!("/databases/{database}/query"))
            .json(&query)
            .idempotent(true) // The query only reads, so it may be repeated, for example after a 529.
            .send()?
            .error_for_status()?
            .json()?;
        for page in &list.results {
            println!("{}", title(page));
        }
        pages += list.results.len();
        match list.next_cursor {
            Some(cursor) => query["start_cursor"] = cursor.into(),
            None => return Ok(pages),
        }
    }
}

/// Returns the text of the title property, which may have any name.
fn title(page: &Value) -> String {
    let properties = page["properties"].as_object().into_iter().flatten();
    properties
        .filter_map(|(_, property)| property["title"].as_array())
        .flatten()
        .filter_map(|part| part["plain_text"].as_str())
        .collect()
}
