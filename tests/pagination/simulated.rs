//! Walks through collections of the simulated API in the vendors' formats, by the vendors' presets with other
//! rates. The API has a hidden limit and cuts connections.
//!
//! At full size: `tests/journeys/vendors.rs`.

use std::time::Duration;

use crate::vendor_walk::{
    Walk, fieldguide_clients, github_repos, notion_query, notion_users, vanta_tests,
};

/// Walks through sixty pages, starting above the limit, which has to be learned. `api` sets how the API
/// refuses.
fn quick(vendor: &'static str, api: &'static str) -> Walk {
    Walk {
        vendor,
        api,
        items: 120,
        page_size: 2,
        initial_rate: 300.0,
        max_rate: 1_000.0,
        default_cooldown: Some(Duration::from_millis(50)),
    }
}

#[test]
fn notion_by_post_with_a_wait_in_whole_seconds() {
    let api = "limit=sliding-window:20/1s hint=vendor fault=cut:2% fault=cut-in-body:2% seed=7";
    let stats = quick("notion", api).run(notion_query);
    assert!(stats.refused > 0, "{stats:?}");
}

#[test]
fn notion_by_get() {
    let api = "limit=token-bucket:20/s,burst=10 fault=cut:2% fault=cut-in-body:2% seed=7";
    let stats = quick("notion", api).run(notion_users);
    assert!(stats.refused > 0, "{stats:?}");
}

#[test]
fn vanta_without_announced_limits() {
    let api = "limit=sliding-window:20/1s hint=vendor fault=cut:2% fault=reset-in-body:2% seed=7";
    let stats = quick("vanta", api).run(vanta_tests);
    assert!(stats.refused > 0, "{stats:?}");
}

#[test]
fn fieldguide_without_announced_limits() {
    let api =
        "limit=token-bucket:20/s,burst=10 hint=vendor fault=reset:2% fault=cut-in-body:2% seed=7";
    let stats = quick("fieldguide", api).run(fieldguide_clients);
    assert!(stats.refused > 0, "{stats:?}");
}

/// The refusal is a 403 with a message and a `Retry-After`. Without the header, GitHub asks for a minute.
#[test]
fn github_under_a_secondary_limit() {
    let api = "limit=sliding-window:20/1s hint=seconds fault=cut:2% fault=cut-in-body:2% seed=7";
    let stats = quick("github", api).run(github_repos);
    assert!(stats.refused > 0, "{stats:?}");
}

/// The announced limit is obeyed: a refusal happens at most where the response that announced it was cut.
#[test]
fn github_under_a_primary_limit_that_it_announces() {
    let api = "limit=fixed-window:60/1s hint=vendor fault=cut:2% fault=cut-in-body:2% seed=3";
    let stats = quick("github", api).run(github_repos);
    assert!(stats.refused <= stats.faults_injected, "{stats:?}");
}
