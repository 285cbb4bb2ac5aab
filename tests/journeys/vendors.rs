//! Walks through a thousand items in each vendor's shape, with a tenth of the vendors' windows: 200 pages
//! while the client starts above the limit, and 2% of connections are cut before the response and 2% in it.

mod front {
    pub(crate) use api_ratelimiter::{DynamicAPIClient, Pages};
}
#[path = "../pagination/vendor_walk.rs"]
mod vendor_walk;

use std::io::{self, Write};
use std::time::Instant;

use api_ratelimiter::{DynamicAPIClient, Pages};
use api_ratelimiter_simulator::Stats;
use vendor_walk::{
    Walk, fieldguide_clients, github_repos, notion_query, notion_users, vanta_tests,
};

/// 60 per 6 seconds (Notion: 180 per 60). Even a slow machine exceeds it.
const NOTION: &str =
    "limit=fixed-window:60/6s hint=vendor fault=cut:2% fault=cut-in-body:2% seed=1";

/// 50 per 6 seconds (Vanta: 50 per 60), without hints.
const VANTA: &str =
    "limit=fixed-window:50/6s hint=vendor fault=cut:2% fault=reset-in-body:2% seed=2";

const FIELDGUIDE: &str =
    "limit=token-bucket:10/s,burst=20 hint=vendor fault=reset:2% fault=cut-in-body:2% seed=3";

const GITHUB_SECONDARY: &str =
    "limit=token-bucket:10/s,burst=20 hint=seconds fault=cut:2% fault=cut-in-body:2% seed=4";

const GITHUB_PRIMARY: &str =
    "limit=fixed-window:80/8s hint=vendor fault=cut:2% fault=cut-in-body:2% seed=5";

/// Walks through the collection and prints the figures.
fn walk(
    name: &str,
    vendor: &'static str,
    api: &'static str,
    ask: impl FnOnce(&DynamicAPIClient, usize) -> Pages,
) -> Stats {
    let walk = Walk {
        vendor,
        api,
        items: 1_000,
        page_size: 5,
        initial_rate: 40.0,
        max_rate: 200.0,
        default_cooldown: None,
    };
    let started = Instant::now();
    let stats = walk.run(ask);
    let seconds = started.elapsed().as_secs_f64();
    let requests = stats.accepted + stats.refused;
    let ratio = 100.0 * stats.refused as f64 / requests as f64;
    // Written to stderr directly, because the harness shows printed lines of failed tests only.
    writeln!(
        io::stderr().lock(),
        "{name}: {} items in {seconds:.1} s, {} refused of {requests} ({ratio:.1}%), {} cut",
        stats.items_served,
        stats.refused,
        stats.faults_injected,
    )
    .expect("stderr is open");
    stats
}

#[test]
#[ignore = "full size"]
fn notion_walks_a_thousand_rows_by_post() {
    assert!(walk("notion, POST", "notion", NOTION, notion_query).refused > 0);
}

#[test]
#[ignore = "full size"]
fn notion_walks_a_thousand_users_by_get() {
    assert!(walk("notion, GET", "notion", NOTION, notion_users).refused > 0);
}

#[test]
#[ignore = "full size"]
fn vanta_walks_a_thousand_tests() {
    assert!(walk("vanta", "vanta", VANTA, vanta_tests).refused > 0);
}

#[test]
#[ignore = "full size"]
fn fieldguide_walks_a_thousand_clients() {
    assert!(walk("fieldguide", "fieldguide", FIELDGUIDE, fieldguide_clients).refused > 0);
}

#[test]
#[ignore = "full size"]
fn github_walks_a_thousand_repositories_under_a_secondary_limit() {
    let name = "github, secondary limit";
    assert!(walk(name, "github", GITHUB_SECONDARY, github_repos).refused > 0);
}

#[test]
#[ignore = "full size"]
fn github_walks_a_thousand_repositories_under_an_announced_limit() {
    let name = "github, announced limit";
    let stats = walk(name, "github", GITHUB_PRIMARY, github_repos);
    // A refusal happens at most where a fault cut the response that announced no remaining requests.
    assert!(stats.refused <= stats.faults_injected, "{stats:?}");
}
