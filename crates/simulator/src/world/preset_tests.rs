//! Every preset against the limits that its vendor documents.

use std::time::Duration;

use api_ratelimiter_core::presets;

use super::learned::{Learned, learned};
use super::scenario::{Demand, LimitHint, Scenario, Trip};
use super::simulation::run;
use crate::rules::Limit;

/// A preset, what its vendor documents, and what responses say. Where they announce a limit, it is the first. A limit whose
/// kind is not documented is the strictest: a sliding window.
type Documented = (&'static str, &'static [&'static str], LimitHint);

#[rustfmt::skip]
const DOCUMENTED: &[Documented] = &[
    ("airtable", &["sliding-window:5/1s"], LimitHint::None),
    ("asana", &["sliding-window:150/60s"], LimitHint::RetryAfter),
    ("asana_paid", &["sliding-window:1500/60s"], LimitHint::RetryAfter),
    ("discord", &["sliding-window:50/1s"], LimitHint::None),
    ("github", &["fixed-window:5000/1h,from=first", "sliding-window:900/60s"], LimitHint::Headers),
    ("github_anonymous", &["fixed-window:60/1h,from=first", "sliding-window:900/60s"], LimitHint::Headers),
    ("github_enterprise", &["fixed-window:15000/1h,from=first", "sliding-window:900/60s"], LimitHint::Headers),
    ("google", &["sliding-window:300/60s"], LimitHint::None),
    ("hubspot", &["sliding-window:100/10s", "sliding-window:250000/1d"], LimitHint::None),
    ("hubspot_professional", &["sliding-window:190/10s", "sliding-window:625000/1d"], LimitHint::None),
    ("intercom", &["fixed-window:1666/10s", "sliding-window:10000/60s"], LimitHint::None),
    ("jira", &["token-bucket:100/s,burst=100"], LimitHint::None),
    ("linear", &["token-bucket:0.6944/s,burst=2500"], LimitHint::Headers),
    ("monday", &["sliding-window:1000/60s"], LimitHint::None),
    ("msgraph", &["sliding-window:10000/10m"], LimitHint::RetryAfter),
    ("notion", &["sliding-window:180/60s"], LimitHint::RetryAfter),
    ("notion_business", &["sliding-window:600/60s"], LimitHint::RetryAfter),
    ("okta", &["fixed-window:600/60s"], LimitHint::Headers),
    ("pagerduty", &["sliding-window:960/60s"], LimitHint::None),
    ("reddit", &["sliding-window:1000/10m"], LimitHint::None),
    ("salesforce", &["sliding-window:100000/1d"], LimitHint::None),
    ("shopify", &["token-bucket:2/s,burst=40"], LimitHint::None),
    ("shopify_advanced", &["token-bucket:4/s,burst=80"], LimitHint::None),
    ("shopify_plus", &["token-bucket:20/s,burst=400"], LimitHint::None),
    ("stripe", &["token-bucket:100/s,burst=100"], LimitHint::None),
    ("stripe_sandbox", &["token-bucket:25/s,burst=25"], LimitHint::None),
    ("vanta", &["sliding-window:50/60s"], LimitHint::None),
    ("vanta_auditor", &["sliding-window:250/60s"], LimitHint::None),
    ("vanta_integrations", &["sliding-window:20/60s"], LimitHint::None),
    ("youtube", &["calendar:10000/day,zone=America/Los_Angeles"], LimitHint::None),
    ("zapier", &["sliding-window:60/60s"], LimitHint::None),
    ("zendesk", &["sliding-window:200/60s"], LimitHint::None),
    ("zendesk_enterprise", &["sliding-window:700/60s"], LimitHint::None),
    ("zendesk_enterprise_plus", &["sliding-window:2500/60s"], LimitHint::None),
    ("zendesk_professional", &["sliding-window:400/60s"], LimitHint::None),
];

/// Presets whose vendors document no number for all requests together.
const WITHOUT_A_NUMBER: &[&str] = &[
    "anthropic",
    "datadog",
    "eve",
    "fieldguide",
    "openai",
    "servicenow",
    "shopify_graphql",
    "slack",
    "twilio",
    "x",
];

/// Trips that all take as long, so that requests arrive as they were sent.
const STEADY: Trip = Trip {
    there: Duration::from_millis(50),
    there_jitter: Duration::ZERO,
    service: Duration::ZERO,
    service_jitter: Duration::ZERO,
    back: Duration::from_millis(50),
    back_jitter: Duration::ZERO,
    timer_late: Duration::ZERO,
};

/// Plays a job against these limits. `Err` if anything was refused, or if the job took longer than an even pace at the
/// slowest limit, but for the last response and the room of windows.
fn play(
    strategy: &Learned,
    limits: &[Limit],
    hint: LimitHint,
    requests: u64,
) -> Result<(), String> {
    let rates = limits.iter().filter_map(Limit::per_second);
    let evenly = requests as f64 / rates.fold(f64::INFINITY, f64::min);
    let scenario = Scenario {
        demand: Demand::Job { requests },
        hint,
        announced: Some(0),
        trip: STEADY,
        length: Duration::from_secs(30 * 24 * 60 * 60),
        ..Scenario::new(limits.iter().copied())
    };
    let (report, _) = run(&scenario, vec![strategy.clone()], 1);
    let refused = report.arrivals().iter().filter(|it| !it.accepted).count();
    let took = report.jobs_took();
    let took = took.map_or(f64::INFINITY, |it| it.as_secs_f64());
    if refused == 0 && took <= 1.01 * evenly + 0.5 {
        return Ok(());
    }
    Err(format!(
        "{requests}: {refused} refused, {took:.1} s of {evenly:.1} s"
    ))
}

#[test]
fn no_preset_exceeds_what_its_vendor_documents_nor_is_slower_than_an_even_pace() {
    let mut found = Vec::new();
    for (name, limits, hint) in DOCUMENTED {
        let config = presets::all().into_iter().find(|it| it.name == *name);
        let strategy = learned(&config.expect("a preset")).expect("valid");
        let limits: Vec<Limit> = limits
            .iter()
            .map(|text| text.parse().expect("a limit"))
            .collect();
        let played = [30, 150, 1500].map(|requests| play(&strategy, &limits, *hint, requests));
        let problems = played.into_iter().filter_map(Result::err);
        found.extend(problems.map(|problem| format!("{name}, {problem}")));
    }
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn every_preset_is_tried_or_has_no_documented_number() {
    let mut tried: Vec<_> = DOCUMENTED.iter().map(|it| it.0).collect();
    tried.extend(WITHOUT_A_NUMBER);
    tried.sort_unstable();
    let mut all: Vec<_> = presets::all().into_iter().map(|it| it.name).collect();
    all.sort_unstable();
    assert_eq!(tried, all);
}

#[test]
fn no_scope_of_a_preset_exceeds_its_limit_nor_is_slower_than_an_even_pace() {
    let mut found = Vec::new();
    for config in presets::all() {
        for scope in &config.scopes {
            let strategy = learned(&config.of_scope(scope)).expect("valid");
            let (count, per) = (scope.limit.requests as u32, scope.limit.per);
            let burst = scope.bucket.capacity.filter(|it| *it > 1.0);
            let hidden = match burst {
                Some(burst) => Limit::token_bucket(scope.limit.requests, burst),
                None => Limit::sliding_window(count, per),
            };
            let hidden = hidden.expect("a limit");
            if let Err(problem) = play(&strategy, &[hidden], LimitHint::None, 150) {
                found.push(format!("{}/{}, {problem}", config.name, scope.name));
            }
        }
    }
    assert!(found.is_empty(), "{found:#?}");
}
