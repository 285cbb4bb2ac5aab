//! Lists the Vanta tests that need attention.
//!
//! The preset `vanta` stays below Vanta's limit of 50 requests per minute.
//!
//! ```text
//! VANTA_TOKEN=vat_… cargo run --example vanta
//! ```
//!
//! Get the token from `POST https://api.vanta.com/oauth/token` with the scope `vanta-api.all:read`. It is
//! valid for an hour; a new token revokes the one before. `VANTA_BASE_URL` replaces the base URL, for
//! example by `https://api.vanta-gov.com/v1`. `PAGE_SIZE` defaults to 100.

use std::env;
use std::process::ExitCode;

use api_ratelimiter::{DynamicAPIClient, Result};
use serde::Deserialize;

#[derive(Deserialize)]
struct List {
    results: Results,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Results {
    data: Vec<Test>,
    page_info: PageInfo,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PageInfo {
    end_cursor: Option<String>,
    has_next_page: bool,
}

#[derive(Deserialize)]
struct Test {
    id: String,
    name: String,
}

fn main() -> ExitCode {
    let token = env::var("VANTA_TOKEN").unwrap_or_default();
    if token.is_empty() {
        eprintln!("Set VANTA_TOKEN to an access token of your Vanta application:");
        eprintln!("  VANTA_TOKEN=vat_… cargo run --example vanta");
        return ExitCode::from(2);
    }
    match print_failing_tests(&token) {
        Ok(tests) => {
            eprintln!("{tests} tests need attention");
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

/// Prints every test that needs attention and returns the number of tests.
fn print_failing_tests(token: &str) -> Result<usize> {
    let mut builder = DynamicAPIClient::builder_for("vanta")?.bearer_auth(token);
    if let Ok(url) = env::var("VANTA_BASE_URL") {
        builder = builder.base_url(url);
    }
    let client = builder.build()?;
    let page_size = env::var("PAGE_SIZE").unwrap_or_else(|_| "100".into());

    // Follow the cursor from page to page.
    let mut tests = 0;
    let mut cursor = None;
    loop {
        let list: List = client
            .get("/tests")
            .query("statusFilter", "NEEDS_ATTENTION")
            .query("pageSize", &page_size)
            .query_opt("pageCursor", cursor)
            .send()?
            .error_for_status()?
            .json()?;
        for test in &list.results.data {
            println!("{}\t{}", test.id, test.name);
        }
        tests += list.results.data.len();
        if !list.results.page_info.has_next_page {
            return Ok(tests);
        }
        cursor = list.results.page_info.end_cursor;
    }
}
