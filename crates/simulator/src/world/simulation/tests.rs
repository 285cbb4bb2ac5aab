//! Unit tests of the simulation.

use api_ratelimiter_core::config::ApiRateConfig;

use super::*;
use crate::rules::Limit;
use crate::world::learned::{Learned, learned};
use crate::world::scenario::{LimitHint, Neighbour, Trip};
use crate::world::strategy::fixed;

const MINUTE: Duration = Duration::from_secs(60);

fn limit(text: &str) -> Limit {
    text.parse().expect(text)
}

fn ours() -> Learned {
    let config = ApiRateConfig {
        max_rate: 1000.0,
        ..Default::default()
    };
    learned(&config).expect("valid rates")
}

#[test]
fn equal_seeds_give_equal_reports() {
    let scenario = Scenario {
        length: 5 * MINUTE,
        ..Scenario::new([limit("token-bucket:10/s,burst=20")])
    };
    let arrivals = |seed| run(&scenario, vec![ours()], seed).0.arrivals().to_vec();
    assert_eq!(arrivals(7), arrivals(7));
    assert_ne!(arrivals(7), arrivals(8));
}

#[test]
fn a_fixed_rate_below_the_limit_is_never_refused() {
    let scenario = Scenario {
        length: 10 * MINUTE,
        ..Scenario::new([limit("token-bucket:10/s,burst=20")])
    };
    let (report, _) = run(&scenario, vec![fixed(9.0)], 1);
    assert_eq!(report.refused_share(Duration::ZERO, scenario.length), 0.0);
    let accepted = report.accepted(MINUTE, 2 * MINUTE);
    assert!((538..=542).contains(&accepted), "{accepted} in a minute");
}

#[test]
fn a_job_sends_every_request_until_it_succeeds() {
    let demand = Demand::Job { requests: 200 };
    let scenario = Scenario {
        demand,
        length: 5 * MINUTE,
        ..Scenario::new([limit("token-bucket:10/s,burst=5")])
    };
    let (report, _) = run(&scenario, vec![fixed(20.0)], 1);
    assert_eq!(report.accepted(Duration::ZERO, scenario.length), 200);
    assert!(
        report.refused_share(Duration::ZERO, scenario.length) > 0.1,
        "refused requests are sent again"
    );
    assert!(report.jobs()[0].ended.is_some());
}

#[test]
fn each_worker_has_at_most_one_request_in_flight() {
    let trip = Trip {
        there_jitter: Duration::ZERO,
        back_jitter: Duration::ZERO,
        ..Trip::default()
    };
    let scenario = Scenario {
        workers: 2,
        trip,
        length: MINUTE,
        ..Scenario::new([limit("concurrency:100")])
    };
    let (report, _) = run(&scenario, vec![fixed(1000.0)], 1);
    // Two workers and a round trip of 80 ms: 25 per second.
    let accepted = report.accepted(Duration::ZERO, MINUTE);
    assert!((1480..=1502).contains(&accepted), "{accepted} in a minute");
}

#[test]
fn a_neighbour_and_a_change_reduce_the_rate() {
    let from = 2 * MINUTE;
    let neighbour = Neighbour {
        per_second: 5.0,
        from,
        until: from + MINUTE,
    };
    let changes = vec![(4 * MINUTE, vec![limit("token-bucket:2/s,burst=5")])];
    let scenario = Scenario {
        neighbour: Some(neighbour),
        changes,
        length: 6 * MINUTE,
        ..Scenario::new([limit("token-bucket:10/s,burst=5")])
    };
    let (report, _) = run(&scenario, vec![fixed(50.0)], 1);
    let in_minute = |n: u32| report.accepted(n * MINUTE, (n + 1) * MINUTE);
    assert!(in_minute(1) >= 595, "{}", in_minute(1));
    assert!(in_minute(2) < 580, "{}", in_minute(2));
    assert!(in_minute(5) <= 121, "{}", in_minute(5));
}

#[test]
fn the_learned_strategy_finds_a_limit_and_stays_below_it() {
    let scenario = Scenario {
        length: 30 * MINUTE,
        ..Scenario::new([limit("token-bucket:10/s,burst=20")])
    };
    let (report, strategies) = run(&scenario, vec![ours()], 1);
    let from = 5 * MINUTE;
    assert!(report.accepted(from, scenario.length) as f64 >= 0.98 * 10.0 * 1500.0);
    assert!(report.refused_share(from, scenario.length) < 0.005);
    let ceiling = strategies[0].ceiling_per_second().expect("a ceiling");
    assert!((9.5..10.5).contains(&ceiling), "{ceiling}");
}

#[test]
fn announced_limits_make_refusals_rare() {
    let refused = |hint| {
        let scenario = Scenario {
            length: 30 * MINUTE,
            workers: 1,
            hint,
            ..Scenario::new([limit("fixed-window:100/60s")])
        };
        let (report, _) = run(&scenario, vec![ours()], 1);
        let share = report.refused_share(5 * MINUTE, scenario.length);
        (share, report.accepted(5 * MINUTE, scenario.length))
    };
    let (silent, _) = refused(LimitHint::None);
    let (announced, accepted) = refused(LimitHint::Headers);
    assert!(silent > 0.005 && announced < 0.001, "{silent} {announced}");
    assert!(accepted >= 24 * 100, "{accepted} of 2500");
}

#[test]
fn a_restart_with_memory_reaches_the_limit_at_once() {
    let scenario = Scenario {
        length: 10 * MINUTE,
        ..Scenario::new([limit("token-bucket:50/s,burst=10")])
    };
    let (_, strategies) = run(&scenario, vec![ours()], 1);
    let restarted = strategies
        .iter()
        .map(|strategy| strategy.restarted(MINUTE))
        .collect();
    let (report, _) = run(&scenario, restarted, 2);
    assert_eq!(
        report.seconds_to_find(0, Duration::ZERO, 50.0, Duration::ZERO),
        Some(0.0)
    );
    assert!(report.accepted(Duration::ZERO, MINUTE) > 2800);
}

#[test]
fn a_wait_that_is_rounded_up_to_a_second_hardly_misleads_the_search() {
    // A token is back after 17 ms, but `Retry-After` says 1 s, in which the bucket fills up. The ideal is 1,800
    // requests. Four refusals cost about 170 of them, and the search from 2/s about 230.
    let trip = Trip {
        there: Duration::from_micros(500),
        there_jitter: Duration::from_millis(1),
        service: Duration::from_millis(1),
        back: Duration::from_micros(500),
        back_jitter: Duration::from_millis(1),
        ..Trip::default()
    };
    let scenario = Scenario {
        hint: LimitHint::RetryAfter,
        trip,
        length: MINUTE / 2,
        ..Scenario::new([limit("token-bucket:60/s,burst=20")])
    };
    let config = ApiRateConfig {
        max_rate: 300.0,
        ..Default::default()
    };
    for seed in 1..=5 {
        let (report, _) = run(
            &scenario,
            vec![learned(&config).expect("valid rates")],
            seed,
        );
        let accepted = report.accepted(Duration::ZERO, scenario.length);
        assert!(accepted >= 1310, "{accepted} with seed {seed}");
        let refused = report.arrivals().len() as u64 - accepted;
        assert!(refused <= 6, "{refused} refusals with seed {seed}");
    }
}
