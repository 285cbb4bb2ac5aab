//! Collections of the simulated API in the vendors' own shapes, walked by the vendors' own presets with
//! other rates, while it refuses at a hidden limit and cuts connections.
//!
//! At full size: `tests/journeys/vendors.rs`.

use std::time::Duration;

use crate::vendor_walk::{
    Walk, fieldguide_clients, github_repos, notion_query, notion_users, vanta_tests,
};

/// Sixty pages, faster than is allowed: the limit has to be found. `api` says how it hides it.
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
fn notion_by_post_with_its_wait_in_whole_seconds() {
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
fn vanta_that_says_nothing_about_its_limit() {
    let api = "limit=sliding-window:20/1s hint=vendor fault=cut:2% fault=reset-in-body:2% seed=7";
    let stats = quick("vanta", api).run(vanta_tests);
    assert!(stats.refused > 0, "{stats:?}");
}

#[test]
fn fieldguide_that_says_nothing_about_its_limit() {
    let api =
        "limit=token-bucket:20/s,burst=10 hint=vendor fault=reset:2% fault=cut-in-body:2% seed=7";
    let stats = quick("fieldguide", api).run(fieldguide_clients);
    assert!(stats.refused > 0, "{stats:?}");
}

/// A 403 by its message and its `Retry-After`; without that, GitHub wants a minute's pause.
#[test]
fn github_under_a_secondary_limit() {
    let api = "limit=sliding-window:20/1s hint=seconds fault=cut:2% fault=cut-in-body:2% seed=7";
    let stats = quick("github", api).run(github_repos);
    assert!(stats.refused > 0, "{stats:?}");
}

/// What the headers say is heeded: it is refused at most where the answer that said so was cut.
#[test]
fn github_under_a_primary_limit_that_it_announces() {
    let api = "limit=fixed-window:60/1s hint=vendor fault=cut:2% fault=cut-in-body:2% seed=3";
    let stats = quick("github", api).run(github_repos);
    assert!(stats.refused <= stats.faults_injected, "{stats:?}");
}
