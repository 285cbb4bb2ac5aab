//! Lists the engagements of a Fieldguide account with their status.
//!
//! Fieldguide does not publish its limit. The preset `fieldguide` starts slowly and adapts.
//!
//! ```text
//! FIELDGUIDE_TOKEN=fg_… cargo run --example fieldguide
//! ```
//!
//! `FIELDGUIDE_BASE_URL` replaces the base URL. `PER_PAGE` defaults to 200.

use std::env;
use std::process::ExitCode;

use api_ratelimiter::{DynamicAPIClient, Result};
use serde::Deserialize;

#[derive(Deserialize)]
struct List {
    data: Vec<Engagement>,
    #[serde(rename = "_links")]
    links: Links,
}

#[derive(Deserialize)]
struct Links {
    next: Option<Link>,
}

#[derive(Deserialize)]
struct Link {
    href: Option<String>,
}

#[derive(Deserialize)]
struct Engagement {
    uuid: String,
    name: String,
    status: String,
}

fn main() -> ExitCode {
    let token = env::var("FIELDGUIDE_TOKEN").unwrap_or_default();
    if token.is_empty() {
        eprintln!("Set FIELDGUIDE_TOKEN to an API token of your Fieldguide account:");
        eprintln!("  FIELDGUIDE_TOKEN=fg_… cargo run --example fieldguide");
        return ExitCode::from(2);
    }
    match print_engagements(&token) {
        Ok(engagements) => {
            eprintln!("{engagements} engagements");
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

/// Prints every engagement and returns the number of engagements.
fn print_engagements(token: &str) -> Result<usize> {
    let mut builder = DynamicAPIClient::builder_for("fieldguide")?.bearer_auth(token);
    if let Ok(url) = env::var("FIELDGUIDE_BASE_URL") {
        builder = builder.base_url(url);
    }
    let client = builder.build()?;
    let per_page = env::var("PER_PAGE").unwrap_or_else(|_| "200".into());

    // Count pages up until a page has no link to the next one.
    let mut engagements = 0;
    for page in 1.. {
        let list: List = client
            .get("/v1/engagements")
            .query("page", page)
            .query("per_page", &per_page)
            .send()?
            .error_for_status()?
            .json()?;
        for Engagement { uuid, name, status } in &list.data {
            println!("{uuid}\t{status}\t{name}");
        }
        engagements += list.data.len();
        if list.links.next.and_then(|next| next.href).is_none() {
            break;
        }
    }
    Ok(engagements)
}
