//! Presets for chats, communities, calls and support.

use std::time::Duration;

use super::template::{BURST, START, announced, quota, rate};
use crate::config::Pagination;
use crate::config::{
    ApiRateConfig, BodyThrottle, ByRouteConfig, DialectConfig, LimitConfig, ScopeConfig,
};

/// Returns the presets of this kind.
pub(super) fn all() -> Vec<ApiRateConfig> {
    vec![
        slack(),
        discord(),
        reddit(),
        eve(),
        twilio(),
        intercom(),
        zendesk("zendesk", 200.0, "the Team plan"),
        zendesk(
            "zendesk_professional",
            400.0,
            "the Growth and Professional plans",
        ),
        zendesk("zendesk_enterprise", 700.0, "the Enterprise plan"),
        zendesk(
            "zendesk_enterprise_plus",
            2500.0,
            "Enterprise Plus or the add-on",
        ),
    ]
}

/// Slack's methods and their limits, in requests per minute. The numbers of the tiers are
/// documented; the tier of each method is from memory.
const SLACK_METHODS: [(&str, f64); 15] = [
    ("chat.update", 50.0),
    ("chat.delete", 50.0),
    ("conversations.list", 20.0),
    ("conversations.history", 50.0),
    ("conversations.replies", 50.0),
    ("conversations.info", 50.0),
    ("conversations.members", 100.0),
    ("users.list", 20.0),
    ("users.info", 100.0),
    ("users.conversations", 50.0),
    ("usergroups.list", 20.0),
    ("files.list", 50.0),
    ("reactions.add", 50.0),
    ("search.messages", 20.0),
    ("team.info", 50.0),
];

/// Source: api.slack.com/docs/rate-limits.
fn slack() -> ApiRateConfig {
    let scope = |&(method, requests): &(&str, f64)| {
        let path = format!("/{method}");
        ScopeConfig::new(method, path, LimitConfig::per_minute(requests))
    };
    // Documented: one message per second and channel.
    let posting = "chat.postMessage";
    let posts = ScopeConfig::new(posting, "/chat.postMessage", LimitConfig::per_second(1.0));
    ApiRateConfig {
        name: "slack".into(),
        base_url: "https://slack.com/api".into(),
        // Slack has no limit for all methods together; the limits of the methods set the pace.
        initial_rate: START,
        min_rate: 0.015,
        max_rate: BURST,
        increase_step: 0.05,
        documented_limit_desc: Some(
            "Documented: tiers of 1, 20, 50 and 100 or more requests a minute per method, workspace and app, with some \
             bursts; one message per second and channel; 429 with Retry-After in seconds for that method. Guesses: the \
             tiers of the common methods, and the rate of all other methods together. New commercial apps outside the \
             Marketplace get 1 request a minute of conversations.history and .replies; the client learns that from \
             refusals."
                .into(),
        ),
        scopes: std::iter::once(posts.one_by_one())
            .chain(SLACK_METHODS.iter().map(scope))
            .collect(),
        // Documented: "per method, per workspace". A method is a path of its own.
        by_route: Some(ByRouteConfig::default()),
        // From memory, not checked against the documentation. The location of the items depends on the method.
        pagination: Some(Pagination::cursor("cursor", "response_metadata.next_cursor").in_query()),
        ..Default::default()
    }
}

/// Source: docs.discord.com, rate limits.
fn discord() -> ApiRateConfig {
    ApiRateConfig {
        // Documented: limits per route, whose bucket a header names; channels, guilds and webhooks are counted apart.
        by_route: Some(ByRouteConfig::default().owners(["channels", "guilds", "webhooks"])),
        ..rate(
            "discord",
            "https://discord.com/api/v10",
            50.0,
            None,
            "50 requests per second per bot over all routes, and buckets by route that only headers announce; 429 with \
             Retry-After and its scope in a header; 10,000 invalid requests in 10 minutes lead to a ban.",
        )
    }
}

/// Source: support.reddithelp.com, Reddit Data API wiki; the headers are described by Reddit's staff. They count the
/// requests of an OAuth client, whatever its endpoints, so that the limits are not by route.
fn reddit() -> ApiRateConfig {
    ApiRateConfig {
        max_cooldown: Duration::from_secs(11 * 60),
        // From memory, not checked against the documentation.
        pagination: Some(Pagination::cursor("after", "data.after").items("data.children")),
        ..quota(
            "reddit",
            "https://oauth.reddit.com",
            LimitConfig::new(1000.0, Duration::from_secs(10 * 60)),
            "100 requests a minute per OAuth client, averaged over 10 minutes (10 without one); 429, and \
             X-Ratelimit headers with the seconds until the reset; a User-Agent that names the program.",
        )
    }
}

/// Source: developers.eveonline.com, ESI rate limiting and error limit.
fn eve() -> ApiRateConfig {
    // The error limit is one for all routes.
    let errors = BodyThrottle::new([420], "error", ["error limit", "error limited"]).pause_all();
    ApiRateConfig {
        initial_rate: 5.0,
        min_rate: 0.1,
        max_rate: 20.0,
        increase_step: 0.4,
        documented_limit_desc: Some(
            "Documented: groups of routes with a number of tokens in a floating window (a success costs 2), \
             announced in X-Ratelimit headers; 429 with Retry-After; an error limit for all routes of an address, \
             100 errors a minute, refused by 420. Guesses: all rates."
                .into(),
        ),
        backoff_status_codes: vec![420, 429],
        dialect: DialectConfig::default().throttle(errors).not_processed([420]),
        // Documented: each route is of a group, which a header names.
        by_route: Some(ByRouteConfig::default()),
        max_cooldown: Duration::from_secs(16 * 60),
        // From memory, not checked against the documentation. The pages of a list are counted in a header.
        pagination: Some(Pagination::page_number("page")),
        ..announced("eve", "https://esi.evetech.net", "")
    }
}

/// Source: twilio.com/docs/api/errors/20429.
fn twilio() -> ApiRateConfig {
    ApiRateConfig {
        dialect: DialectConfig::default().not_processed([429]),
        initial_rate: 2.0,
        min_rate: 0.1,
        max_rate: 20.0,
        increase_step: 0.2,
        documented_limit_desc: Some(
            "Documented: a limit of concurrent requests per account, without a number; 429 (error 20429) says that the \
             request was not processed, exponential backoff with 10% jitter. Guesses: all rates."
                .into(),
        ),
        // From memory, not checked against the documentation. The location of the items depends on the path.
        pagination: Some(Pagination::next_url("next_page_uri")),
        ..announced("twilio", "https://api.twilio.com/2010-04-01", "")
    }
}

/// Source: developers.intercom.com, rate limiting.
fn intercom() -> ApiRateConfig {
    ApiRateConfig {
        // From memory, not checked against the documentation. The location of the items depends on the path.
        pagination: Some(Pagination::cursor(
            "starting_after",
            "pages.next.starting_after",
        )),
        ..quota(
            "intercom",
            "https://api.intercom.io",
            // A sixth of the minute's.
            LimitConfig::new(1666.0, Duration::from_secs(10)),
            "10,000 requests a minute per app and 25,000 per workspace, distributed in slices of 10 s; 429, \
             X-RateLimit headers with the reset as an epoch.",
        )
    }
}

/// Source: developer.zendesk.com, rate limits.
fn zendesk(name: &str, requests: f64, plan: &str) -> ApiRateConfig {
    ApiRateConfig {
        backoff_status_codes: vec![429, 503],
        scopes: vec![ScopeConfig::new(
            "incremental_export",
            "/incremental/**",
            LimitConfig::per_minute(10.0),
        )],
        // From memory, not checked against the documentation. The location of the items depends on the path.
        pagination: Some(Pagination::next_url("links.next").more_if("meta.has_more")),
        // Documented: limits of endpoints beside the account's, announced in headers of the endpoint's own name.
        by_route: Some(ByRouteConfig::default()),
        ..quota(
            name,
            "",
            LimitConfig::per_minute(requests),
            &format!(
                "{requests} requests a minute per account on {plan}; incremental exports 10 (30 with the add-on); 30 \
                 updates of a ticket in 10 minutes per user; 429 and 503 with Retry-After."
            ),
        )
    }
}
