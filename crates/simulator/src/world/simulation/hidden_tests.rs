//! The limiter finds the law of limits that the API does not announce, or says nothing.

use std::time::Duration;

use api_ratelimiter_core::config::ApiRateConfig;

use crate::rules::Limit;
use crate::world::{Demand, Learned, LimitHint, Neighbour, Scenario, learned, run};

/// Returns one client that has met these limits for a quarter of an hour.
fn after(
    limits: &str,
    hint: LimitHint,
    max_rate: f64,
    change: impl FnOnce(&mut Scenario),
) -> Learned {
    let limits = limits
        .split(' ')
        .map(|limit| limit.parse::<Limit>().expect("a limit"));
    let mut scenario = Scenario::new(limits);
    scenario.hint = hint;
    scenario.length = Duration::from_secs(900);
    change(&mut scenario);
    let config = ApiRateConfig {
        max_rate,
        ..ApiRateConfig::default()
    };
    let client = learned(&config).expect("valid rates");
    let (_, mut clients) = run(&scenario, vec![client], 7);
    clients.remove(0)
}

/// Returns what that client says about these limits.
fn said(limits: &str, hint: LimitHint, change: impl FnOnce(&mut Scenario)) -> Option<String> {
    let max_rate = ApiRateConfig::default().max_rate;
    let found = after(limits, hint, max_rate, change).inferred()?;
    Some(found.law().to_string())
}

#[test]
fn the_law_of_a_window_is_found() {
    for (limit, law) in [
        (
            "fixed-window:100/60s,from=first",
            "100 requests per 60 s, from the first request on",
        ),
        (
            "fixed-window:40/10s,from=first",
            "40 requests per 10 s, from the first request on",
        ),
        ("fixed-window:100/60s,phase=17s", "100 requests per 60 s"),
        ("fixed-window:30/5s,phase=1s", "30 requests per 5 s"),
        ("sliding-window:100/60s", "100 requests in any 60 s"),
    ] {
        for hint in [LimitHint::None, LimitHint::RetryAfter] {
            assert_eq!(
                said(limit, hint, |_| ()).as_deref(),
                Some(law),
                "{limit}, {hint:?}"
            );
        }
    }
}

#[test]
fn nothing_is_said_about_what_is_no_long_window() {
    for limit in [
        "token-bucket:5/s,burst=20",
        "token-bucket:1/s,burst=60",
        "pacing:4/s",
        "concurrency:3",
        "fixed-window:4/1s",
        "sliding-window:20/5s",
    ] {
        for hint in [LimitHint::None, LimitHint::RetryAfter] {
            assert_eq!(said(limit, hint, |_| ()), None, "{limit}, {hint:?}");
        }
    }
}

#[test]
fn nothing_is_said_while_another_user_takes_half_of_the_limit() {
    let neighbour = Neighbour {
        per_second: 1.0,
        from: Duration::ZERO,
        until: Duration::from_secs(900),
    };
    for limit in [
        "fixed-window:120/60s,from=first",
        "fixed-window:120/60s,phase=17s",
    ] {
        let heard = said(limit, LimitHint::None, |scenario| {
            scenario.neighbour = Some(neighbour);
        });
        assert_eq!(heard, None, "{limit}");
    }
}

#[test]
fn a_limit_that_was_halved_is_no_longer_told() {
    let before = "fixed-window:100/10s,phase=3s";
    let after: Limit = "fixed-window:50/10s,phase=3s".parse().expect("a limit");
    let heard = said(before, LimitHint::RetryAfter, |scenario| {
        scenario.changes = vec![(Duration::from_secs(300), vec![after])];
    });
    assert_ne!(heard.as_deref(), Some("100 requests per 10 s"));
}

/// Returns the share of the limit that one client uses from the fifth minute on, and the share that is refused.
fn used(limit: &str, hint: LimitHint) -> (f64, f64) {
    let limit: Limit = limit.parse().expect("a limit");
    let mut scenario = Scenario::new([limit]);
    scenario.hint = hint;
    let config = ApiRateConfig {
        max_rate: 100.0,
        ..ApiRateConfig::default()
    };
    let client = learned(&config).expect("valid rates");
    let (report, _) = run(&scenario, vec![client], 7);
    let (from, to) = (Duration::from_secs(300), Duration::from_secs(1800));
    let possible = limit.per_second().expect("not of concurrency") * 1500.0;
    let used = report.accepted(from, to) as f64 / possible;
    (used, report.refused_share(from, to))
}

#[test]
fn a_window_whose_law_is_known_is_used_up() {
    for limit in [
        "fixed-window:200/60s,phase=17s",
        "fixed-window:200/60s,from=first",
        "fixed-window:100/10s,phase=3s",
        "fixed-window:100/10s,from=first",
    ] {
        for hint in [LimitHint::None, LimitHint::RetryAfter] {
            let (used, refused) = used(limit, hint);
            assert!(used > 0.975, "{limit}, {hint:?}: {used}");
            assert!(refused < 0.006, "{limit}, {hint:?}: {refused}");
        }
    }
}

/// Returns the seconds and the refused requests of a job of a client that has learned for a quarter of an hour before,
/// an hour ago. The limit may be another one by then.
fn after_restart(limit: &str, then: &str, requests: u64) -> (f64, usize) {
    let config = ApiRateConfig {
        max_rate: 100.0,
        ..ApiRateConfig::default()
    };
    let client = learned(&config).expect("valid rates");
    let mut before = Scenario::new([limit.parse::<Limit>().expect("a limit")]);
    before.length = Duration::from_secs(900);
    let (_, clients) = run(&before, vec![client], 7);
    let clients = clients
        .iter()
        .map(|client| client.restarted(Duration::from_secs(3600)));
    let mut scenario = Scenario::new([then.parse::<Limit>().expect("a limit")]);
    scenario.demand = Demand::Job { requests };
    scenario.length = Duration::from_secs(3600);
    let (report, _) = run(&scenario, clients.collect(), 8);
    let refused = report.arrivals().iter().filter(|it| !it.accepted).count();
    let took = report.jobs_took().expect("a job that ends");
    (took.as_secs_f64(), refused)
}

#[test]
fn a_window_whose_law_is_remembered_is_spent_at_once() {
    for (limit, requests, seconds) in [
        // As far as the workers' trips and `max_rate` allow.
        ("fixed-window:100/60s,phase=17s", 30, 1.0),
        ("fixed-window:100/60s,phase=17s", 100, 2.0),
        ("fixed-window:200/10s,from=first", 150, 2.5),
        // The windows end at 17 and 77 s.
        ("fixed-window:100/60s,phase=17s", 300, 83.0),
        // Three windows are waited for.
        ("fixed-window:200/10s,from=first", 800, 34.0),
    ] {
        let (took, refused) = after_restart(limit, limit, requests);
        assert!(took < seconds, "{requests} of {limit}: {took} s");
        assert!(refused <= 2, "{requests} of {limit}: {refused} refused");
    }
}

#[test]
fn a_law_that_was_changed_meanwhile_is_dropped_soon() {
    let before = "fixed-window:200/10s,phase=3s";
    for (then, requests, seconds, most_refused) in [
        ("fixed-window:50/10s,phase=3s", 500, 130.0, 40),
        ("fixed-window:200/10s,phase=8s", 1_000, 70.0, 40),
        ("token-bucket:10/s,burst=20", 500, 70.0, 40),
        ("sliding-window:200/10s", 1_000, 60.0, 40),
    ] {
        let (took, refused) = after_restart(before, then, requests);
        assert!(took < seconds, "{then}: {took} s");
        assert!(refused < most_refused, "{then}: {refused} refused");
    }
}

#[test]
fn where_windows_show_and_no_law_fits_that_is_mostly_said() {
    let mut said = 0;
    for (limit, per_second, hint) in [
        ("fixed-window:120/60s,phase=17s", 1.0, LimitHint::None),
        (
            "fixed-window:120/60s,from=first",
            1.0,
            LimitHint::RetryAfter,
        ),
        ("fixed-window:100/10s,phase=3s", 5.0, LimitHint::None),
        ("fixed-window:100/10s,phase=3s", 5.0, LimitHint::RetryAfter),
    ] {
        let client = after(limit, hint, 100.0, |scenario| {
            scenario.neighbour = Some(Neighbour {
                per_second,
                from: Duration::ZERO,
                until: scenario.length,
            });
        });
        said += u32::from(client.fits_no_law());
    }
    assert!(said >= 3, "only in {said} of 4 cases");
    for limit in [
        "token-bucket:5/s,burst=20",
        "token-bucket:1/s,burst=60",
        "pacing:4/s",
        "concurrency:3",
        "fixed-window:4/1s",
        "sliding-window:20/5s",
        "fixed-window:100/60s,phase=17s",
        "fixed-window:40/10s,from=first",
        "sliding-window:100/60s",
    ] {
        for hint in [LimitHint::None, LimitHint::RetryAfter] {
            let client = after(limit, hint, 100.0, |_| ());
            assert!(!client.fits_no_law(), "{limit}, {hint:?}");
        }
    }
}
